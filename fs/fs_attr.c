/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Attributes, and the file system's totals.
 *
 * With the writeback cache the kernel owns size, mtime and ctime of files: it sends the times with
 * SETATTR, ctime too, and what it is told about them it does not believe. Setuid and setgid are
 * dropped here when it says so (chown, and truncation by someone without privilege); on kernels
 * that do not, they come as an ordinary change of the mode.
 */
#include "fs/interrupt.h"
#include "fs/reply.h"

#include <errno.h>
#include <string.h>

#define BLOCK_BYTES 4096
#define TOTAL_BYTES (UINT64_C(1) << 50)
#define TOTAL_FILES (UINT64_C(1) << 32)

/* libfuse gives this name to the bit that is FATTR_KILL_SUIDGID in the protocol */
#define KILL_SUIDGID FUSE_SET_ATTR_KILL_SUID

static int64_t ns_of(const struct timespec *ts)
{
	const int64_t top = INT64_MAX / 1000000000;
	int64_t s = ts->tv_sec;

	/* 64 bits of nanoseconds reach from 1677 to 2262; times outside stop at the ends, as
	 * utimensat(2) allows */
	if (s >= top)
		return top * 1000000000;
	if (s <= -top)
		return -top * 1000000000;
	return s * 1000000000 + ts->tv_nsec;
}

static void op_getattr(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct fs *fs = fs_of(req);
	struct volume_attr attr;
	struct fs_node node;
	int r = fs_node(fs, ino, &node);

	(void)fi;
	if (r == 0)
		r = fs_node_attr(fs, &node, &attr);
	if (r == 0)
		reply_attr(req, &node, &attr);
	else
		reply_code(req, r);
}

/* What the kernel asks to set, in the volume's words. */
static unsigned change_of(struct fs *fs, const struct stat *st, int to_set, struct volume_attr *ret)
{
	/* one "now" for all, the kernel's if it tells one */
	int64_t now =
	    to_set & FUSE_SET_ATTR_CTIME ? ns_of(&st->st_ctim) : volume_now_ns(fs->volume);
	unsigned mask = 0;

	memset(ret, 0, sizeof(*ret));
	if (to_set & FUSE_SET_ATTR_MODE) {
		mask |= VOLUME_SET_MODE;
		ret->mode = st->st_mode;
	}
	if (to_set & FUSE_SET_ATTR_UID) {
		mask |= VOLUME_SET_UID;
		ret->uid = st->st_uid;
	}
	if (to_set & FUSE_SET_ATTR_GID) {
		mask |= VOLUME_SET_GID;
		ret->gid = st->st_gid;
	}
	if (to_set & FUSE_SET_ATTR_SIZE) {
		mask |= VOLUME_SET_SIZE;
		ret->size = (uint64_t)st->st_size;
	}
	if (to_set & FUSE_SET_ATTR_ATIME) {
		mask |= VOLUME_SET_ATIME;
		ret->atime_ns = to_set & FUSE_SET_ATTR_ATIME_NOW ? now : ns_of(&st->st_atim);
	}
	if (to_set & FUSE_SET_ATTR_MTIME) {
		mask |= VOLUME_SET_MTIME;
		ret->mtime_ns = to_set & FUSE_SET_ATTR_MTIME_NOW ? now : ns_of(&st->st_mtim);
	}
	if (to_set & FUSE_SET_ATTR_CTIME) {
		mask |= VOLUME_SET_CTIME;
		ret->ctime_ns = ns_of(&st->st_ctim);
	}
	if (to_set & KILL_SUIDGID)
		mask |= VOLUME_KILL_PRIV;
	return mask;
}

/*
 * Two requests that only say: this changes what a program may do. One that sets nothing is the
 * kernel's word that fallocate or copy_file_range is by someone without privilege (or the file has
 * capabilities); one that sets the ctime alone is chown(2) with -1 for both.
 */
static unsigned bare_change(fuse_req_t req, int to_set)
{
	if (to_set == 0)
		return fuse_req_ctx(req)->uid != 0 ? VOLUME_KILL_PRIV : 0;
	return to_set == FUSE_SET_ATTR_CTIME ? VOLUME_KILL_PRIV : 0;
}

static void op_setattr(fuse_req_t req, fuse_ino_t ino, struct stat *st, int to_set,
                       struct fuse_file_info *fi)
{
	struct fs *fs = fs_of(req);
	struct volume_attr attr, after;
	struct interrupt i;
	struct fs_node node;
	unsigned mask;
	int r = fs_node_write(fs, ino, &node);

	(void)fi;
	if (r == 0 && (to_set & FUSE_SET_ATTR_SIZE) && st->st_size < 0)
		r = ERR_INVAL;
	if (r == 0) {
		mask = change_of(fs, st, to_set, &attr) | bare_change(req, to_set);
		interrupt_begin(&i, req);
		r = volume_setattr(fs->volume, node.ino, mask, &attr, &after);
		interrupt_end(&i);
	}
	/* capabilities of a program end with its content and its owner */
	if (r == 0 &&
	    (mask & (VOLUME_SET_SIZE | VOLUME_SET_UID | VOLUME_SET_GID | VOLUME_KILL_PRIV)))
		r = fs_drop_capability(fs, node.ino);
	if (r == 0)
		reply_attr(req, &node, &after);
	else
		reply_code(req, r);
}

/* The store has no size of its own: a petabyte, less what is used, keeps df and programs that ask
 * first content. */
static void op_statfs(fuse_req_t req, fuse_ino_t ino)
{
	struct statvfs st = {
	    .f_bsize = BLOCK_BYTES,
	    .f_frsize = BLOCK_BYTES,
	    .f_blocks = TOTAL_BYTES / BLOCK_BYTES,
	    .f_files = TOTAL_FILES,
	    .f_namemax = VOLUME_NAME_MAX,
	};
	struct fs *fs = fs_of(req);
	struct volume_totals totals;
	uint64_t used, nodes;

	(void)ino;
	volume_totals(fs->volume, &totals);
	used = totals.used_bytes / BLOCK_BYTES;
	if (fs->quota_bytes)
		st.f_blocks = fs->quota_bytes / BLOCK_BYTES;
	nodes = totals.files + totals.folders;
	st.f_bfree = used < st.f_blocks ? st.f_blocks - used : 0;
	st.f_bavail = st.f_bfree;
	st.f_ffree = nodes < TOTAL_FILES ? TOTAL_FILES - nodes : 0;
	st.f_favail = st.f_ffree;
	fuse_reply_statfs(req, &st);
}

void fs_attr_ops(struct fuse_lowlevel_ops *ops)
{
	ops->getattr = op_getattr;
	ops->setattr = op_setattr;
	ops->statfs = op_statfs;
}
