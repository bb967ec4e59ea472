/* SPDX-License-Identifier: Apache-2.0 */
/* The FUSE request STATX, which libfuse does not know. */
#ifndef AMBERFS_FS_STATX_H
#define AMBERFS_FS_STATX_H

#include <stdbool.h>
#include <stddef.h>

struct fs;

/** If the message @msg that came from @fd is a STATX request: answer it. Returns whether it was one. Any thread. */
bool statx_answer(struct fs *fs, int fd, const void *msg, size_t len);

#endif
