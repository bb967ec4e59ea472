/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An entry or attributes that reach the kernel stay valid for a day: the live tree changes only
 * through the kernel or by a restore, which tells it, and the past never changes. `.snapshots` is
 * the exception: what its names mean moves with the clock, and its list with every snapshot, so
 * neither is kept.
 */
#include "fs/reply.h"

#include "util/log.h"

#include <errno.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>

#define LOG_PAUSE_S 1

/* Errors come by the thousand when a disk or a store fails; the log says so once a second. */
static void log_trouble(int code)
{
	static _Atomic time_t last;
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
	if (now.tv_sec < atomic_load(&last) + LOG_PAUSE_S)
		return;
	atomic_store(&last, now.tv_sec);
	log_error("fs", "request-failed error=%s note=\"%s\"", err_name(code), err_note_text());
}

void reply_code(fuse_req_t req, int code)
{
	int errnum = err_errno(code);

	if (errnum == EIO)
		log_trouble(code);
	fuse_reply_err(req, errnum);
}

struct timespec reply_time(int64_t ns)
{
	struct timespec ts = {.tv_sec = ns / 1000000000, .tv_nsec = ns % 1000000000};

	/* before 1970 the nanoseconds still count forward */
	if (ts.tv_nsec < 0) {
		ts.tv_sec--;
		ts.tv_nsec += 1000000000;
	}
	return ts;
}

void reply_stat(const struct fs_node *node, const struct volume_attr *attr, struct stat *ret)
{
	memset(ret, 0, sizeof(*ret));
	ret->st_ino = node->view ? view_shown_ino(node->at, attr->ino) : attr->ino;
	ret->st_mode = attr->mode;
	ret->st_nlink = attr->nlink;
	ret->st_uid = attr->uid;
	ret->st_gid = attr->gid;
	ret->st_rdev = attr->rdev;
	ret->st_size = (off_t)attr->size;
	ret->st_blksize = 4096;
	ret->st_blocks = (blkcnt_t)attr->blocks;
	ret->st_atim = reply_time(attr->atime_ns);
	ret->st_mtim = reply_time(attr->mtime_ns);
	ret->st_ctim = reply_time(attr->ctime_ns);
}

void reply_attr(fuse_req_t req, const struct fs_node *node, const struct volume_attr *attr)
{
	struct stat st;

	reply_stat(node, attr, &st);
	fuse_reply_attr(req, &st, node->snapshots ? 0 : REPLY_TIMEOUT_S);
}

int reply_entry_take(struct fs *fs, const struct fs_node *dir, const struct volume_attr *attr,
                     struct fuse_entry_param *ret)
{
	bool snapshots = dir->view == 0 && attr->ino == VIEW_SNAPSHOTS;
	uint64_t generation;
	bool is_new;
	int r;

	if (attr->ino == 0 || attr->ino > VIEW_SNAPSHOTS)
		return err_note(ERR_CORRUPT, "inode number out of range");
	memset(ret, 0, sizeof(*ret));
	ret->ino = view_node(dir->view, attr->ino);
	r = inode_ref(fs->inodes, ret->ino, &is_new, &generation);
	if (r != 0)
		return r;
	if (is_new)
		view_ref(fs->views, dir->view);
	/* a view's number may come to mean another epoch one day: its file handles then tell by
	 * this */
	ret->generation = dir->view ? (uint64_t)dir->at : generation;
	ret->entry_timeout = REPLY_TIMEOUT_S;
	ret->attr_timeout = snapshots ? 0 : REPLY_TIMEOUT_S;
	reply_stat(dir, attr, &ret->attr);
	return 0;
}

void reply_entry_undo(struct fs *fs, const struct fuse_entry_param *e)
{
	fs_forget(fs, e->ino, 1);
}

void reply_entry(fuse_req_t req, const struct fs_node *dir, const struct volume_attr *attr,
                 const struct fuse_file_info *fi)
{
	struct fs *fs = fs_of(req);
	struct fuse_entry_param e;
	int r = reply_entry_take(fs, dir, attr, &e);

	if (r != 0) {
		reply_code(req, r);
		return;
	}
	/* an interrupted request is no longer known to the kernel: it never saw the entry */
	if ((fi ? fuse_reply_create(req, &e, fi) : fuse_reply_entry(req, &e)) != 0)
		reply_entry_undo(fs, &e);
}

void reply_no_entry(fuse_req_t req)
{
	struct fuse_entry_param e = {.entry_timeout = REPLY_TIMEOUT_S};

	fuse_reply_entry(req, &e);
}
