/* SPDX-License-Identifier: Apache-2.0 */
/* Answers to the kernel: where private error codes become errnos, and attributes become struct
 * stat. */
#ifndef AMBERFS_FS_REPLY_H
#define AMBERFS_FS_REPLY_H

#include "fs/fs_impl.h"

#include <sys/stat.h>

/* One writer owns the volume, so the kernel may keep what it knows until it is told otherwise. */
#define REPLY_TIMEOUT_S 86400.0

/** End @req with @code (0: success without data). Trouble that the user's program cannot explain
 * (EIO) is logged. */
void reply_code(fuse_req_t req, int code);

/** Nanoseconds since 1970, or before it, as the kernel counts them. */
struct timespec reply_time(int64_t ns);

/** @attr of an inode in @node's view as stat(2) shows it. */
void reply_stat(const struct fs_node *node, const struct volume_attr *attr, struct stat *ret);

/** End @req with attributes. */
void reply_attr(fuse_req_t req, const struct fs_node *node, const struct volume_attr *attr);

/**
 * Fill *ret for an inode found in @dir's view and count the kernel's lookup. When the answer does
 * not reach the kernel, take the count back with reply_entry_undo(). ERR_NOMEM, ERR_CORRUPT.
 */
int reply_entry_take(struct fs *fs, const struct fs_node *dir, const struct volume_attr *attr,
                     struct fuse_entry_param *ret);
void reply_entry_undo(struct fs *fs, const struct fuse_entry_param *e);

/** End @req with an entry; with @fi also with an open file (create). */
void reply_entry(fuse_req_t req, const struct fs_node *dir, const struct volume_attr *attr,
                 const struct fuse_file_info *fi);

/** End @req: there is no such name, and there will be none until the kernel makes it or is told. */
void reply_no_entry(fuse_req_t req);

#endif
