/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One thread beside those that serve requests, for what a request thread may not do: wait until the
 * kernel has written out a file's cached pages (they come as requests, and every request thread
 * could be waiting), and stop the others.
 */
#ifndef AMBERFS_FS_ASIDE_H
#define AMBERFS_FS_ASIDE_H

#include <stdbool.h>
#include <stdint.h>

struct fs;
struct fuse_req;
struct aside;

/* A lseek(2) for data or a hole that waits for its answer. */
struct aside_seek {
	struct fuse_req *req;
	uint64_t node;
	uint64_t off;
	bool hole;
};

/** NULL when there is no memory or no descriptor left. No thread yet. */
struct aside *aside_new(struct fs *fs);

/** The thread must have ended. NULL does nothing. */
void aside_free(struct aside *a);

/** Start the thread. */
int aside_start(struct aside *a);

/** End the thread, when the session is over; what is still queued gets an error. Does nothing when
 * there is none. */
void aside_join(struct aside *a);

/** Have fs_data_seek() called by the thread. ERR_NOMEM. The queue holds one entry a waiting
 * program. */
int aside_seek(struct aside *a, const struct aside_seek *seek);

/** Have the session ended by the thread, now or when it starts. Async-signal-safe. */
void aside_stop_session(struct aside *a);

#endif
