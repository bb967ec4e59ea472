/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of fs/ share: the mount, and how a node id becomes an inode at a time. Private to
 * fs/. */
#ifndef AMBERFS_FS_IMPL_H
#define AMBERFS_FS_IMPL_H

#define FUSE_USE_VERSION 314

#include "fs/aside.h"
#include "fs/fs.h"
#include "fs/inode.h"
#include "fs/view.h"
#include "fs/wire.h"
#include "util/err.h"
#include "util/lock.h"

#include <fuse3/fuse_lowlevel.h>
#include <stdatomic.h>

#define FS_SNAPSHOTS_NAME ".snapshots"
#define FS_SIZE_LOCKS 64
#define FS_PLAIN_FILES 4096

struct fs {
	struct volume *volume;
	char *mountpoint; /* absolute */
	char *control_path;
	bool read_only; /* also when the mount shows the past */
	int64_t at;
	unsigned threads;
	uint64_t quota_bytes; /* 0: none */
	uid_t uid; /* of the daemon: owns `.snapshots` */
	gid_t gid;
	struct fuse_session *session;
	struct wire wire;
	struct inode_table *inodes;
	struct view_table *views;
	struct aside *aside;
	pthread_key_t buffer_key; /* one read buffer a thread */
	bool has_buffer_key;
	/*
	 * Striped by inode: shared by writes, exclusive for raising a file's size from what it was.
	 * Outside the ranks of util/lock.h: taken before all of them, one at a time.
	 */
	pthread_rwlock_t size_locks[FS_SIZE_LOCKS];
	_Atomic uint64_t plain[FS_PLAIN_FILES]; /* fs_xattr.c: files known to have no capability */
};

/* A node id taken apart. */
struct fs_node {
	uint64_t node;
	uint64_t ino;
	unsigned view;
	int64_t at;
	bool snapshots; /* `.snapshots` itself: only the flags here are meaningful */
};

/** Of the mount that @req belongs to. */
struct fs *fs_of(fuse_req_t req);

/** ERR_STALE when @node is of a view that ended. */
int fs_node(struct fs *fs, fuse_ino_t node, struct fs_node *ret);

/** The same for a change: ERR_ROFS in the past, in `.snapshots` and on a read-only mount. */
int fs_node_write(struct fs *fs, fuse_ino_t node, struct fs_node *ret);

/** Attributes of any node, `.snapshots` too. */
int fs_node_attr(struct fs *fs, const struct fs_node *node, struct volume_attr *ret);

/** The attributes `.snapshots` has. */
void fs_snapshots_attr(struct fs *fs, struct volume_attr *ret);

/** Whether @name in folder @dir is `.snapshots` in the root. */
bool fs_is_snapshots(const struct fs_node *dir, const char *name);

/** The kernel forgot @count lookups of @node. */
void fs_forget(struct fs *fs, uint64_t node, uint64_t count);

/** Before @ino gets other content or another owner: take its security.capability away. */
int fs_drop_capability(struct fs *fs, uint64_t ino);

/** @ino may have got a security.capability. */
void fs_capability_changed(struct fs *fs, uint64_t ino);

/** Fill the handlers each file has. */
void fs_names_ops(struct fuse_lowlevel_ops *ops);
void fs_readdir_ops(struct fuse_lowlevel_ops *ops);
void fs_attr_ops(struct fuse_lowlevel_ops *ops);
void fs_xattr_ops(struct fuse_lowlevel_ops *ops);
void fs_data_ops(struct fuse_lowlevel_ops *ops);

/** End @req when all that was changed before it is on the local disk. */
void fs_sync_and_reply(fuse_req_t req);

/** aside.h: answer a lseek(2) after the kernel wrote out what it caches of the file. */
void fs_data_seek(struct fs *fs, const struct aside_seek *seek);

#endif
