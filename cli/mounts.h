/* SPDX-License-Identifier: Apache-2.0 */
/* The amberfs mounts of this mount namespace, from /proc/self/mountinfo. */
#ifndef AMBERFS_CLI_MOUNTS_H
#define AMBERFS_CLI_MOUNTS_H

#include <stddef.h>

struct mounts_entry {
	char *mountpoint;
	unsigned device; /* its minor number, which is that of the FUSE connection too */
	char *root; /* the path inside the volume that is mounted here: "/", or another for a bind
	               mount */
};

struct mounts {
	struct mounts_entry *entries;
	size_t count;
};

/** Read them. The caller ends *ret with mounts_done(). */
int mounts_read(struct mounts *ret);
void mounts_done(struct mounts *m);

/** The mount that @path (absolute, without links) lies in: the deepest, of equals the newest. NULL
 * when it lies in none. */
const struct mounts_entry *mounts_of_path(const struct mounts *m, const char *path);

/** Whether @path is @base or below it. Both absolute, without a '/' at the end (but "/" itself). */
int mounts_path_below(const char *path, const char *base);

#endif
