/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The mounted folder: a volume shown through FUSE (libfuse 3, low level, multi-threaded, writeback cache).
 *
 * Besides the live tree there is `.snapshots/<TIME or name>/` in the root (never listed by the root, always there): read-only views of the past. An
 * extended attribute on every inode, FS_CONTROL_XATTR (readable, never listed), holds the path of the daemon's control socket, so a command given any path inside finds its daemon.
 */
#ifndef AMBERFS_FS_FS_H
#define AMBERFS_FS_FS_H

#include "volume/volume.h"

#include <stdbool.h>

#define FS_CONTROL_XATTR "system.amberfs.control"

struct fs;

struct fs_params {
	struct volume *volume; /* borrowed until fs_free() */
	const char *mountpoint;
	const char *control_path; /* value of FS_CONTROL_XATTR */
	bool read_only;           /* EROFS for every change */
	int64_t at; /* VOLUME_NOW, or an epoch: show the past as the root, read-only */
	bool allow_other;
	uint64_t quota_bytes;      /* what statfs(2) shows as the size; 0: no quota */
	const char *extra_options; /* passed on to libfuse ("a,b=c"), or NULL */
	unsigned threads;          /* 0: default 8 */
};

/**
 * Check that @path can be mounted on: ERR_NOENT, ERR_NOTDIR, ERR_NOTEMPTY, ERR_BUSY (something is mounted there, that works), ERR_ACCES, each with a note. A mount left by a daemon that
 * died (ENOTCONN) is cleaned up (lazy unmount) and is no error.
 */
int fs_check_mountpoint(const char *path);

/** Mount. When it returns 0 the folder is usable as soon as fs_run() runs. The caller owns *ret. */
int fs_mount(const struct fs_params *params, struct fs **ret);

/** Serve requests until unmounted (umount, fusermount3 -u, fs_stop()) . Returns 0 or a code. */
int fs_run(struct fs *fs);

/** Make fs_run() return; async-signal-safe. */
void fs_stop(struct fs *fs);

/** Write out what the kernel caches for this mount (syncfs(2) on the mountpoint); not from a FUSE thread. */
int fs_flush_kernel(struct fs *fs);

/** Unmount when still mounted, free. NULL does nothing. */
void fs_free(struct fs *fs);

#endif
