/* SPDX-License-Identifier: Apache-2.0 */
/* The daemon's answers to the requests of cli/control.h. Thread safe: each request is served by a
 * thread of its own. */
#ifndef AMBERFS_CLI_REQUESTS_H
#define AMBERFS_CLI_REQUESTS_H

#include "fs/fs.h"
#include "util/buf.h"
#include "volume/volume.h"

#include <stdbool.h>

/* What requests act on; all borrowed, unchanged while the server runs. */
struct requests {
	struct volume *volume;
	struct fs *fs;
	const char *store; /* as it may be shown */
	const char *mountpoint;
	bool read_only;
	int64_t at; /* the epoch that is mounted, or VOLUME_NOW */
};

/**
 * Serve one request: its message in, items and one end out on @fd. Gives up when *@stop becomes
 * true. Errors go to the peer; there is nobody else to tell.
 */
void requests_serve(const struct requests *r, int fd, const volatile bool *stop,
                    const struct buf *message);

/** Send an end with @code and this thread's note. */
void requests_end(int fd, int code);

#endif
