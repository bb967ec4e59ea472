/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The content of files.
 *
 * open is answered with ENOSYS only on a read-only mount. There the kernel refuses writing by
 * itself, and after the first answer it opens files without asking, which saves a round trip (some
 * 15 us). On a writable mount it must ask: a file of the past may be opened for reading only, and
 * if open did not say so, the kernel's cache would take the data and lose it later.
 *
 * The kernel holds written data back. Three requests depend on how far it got: fallocate is
 * serialised with writes of the same file, since it raises the size from what it reads;
 * copy_file_range comes after the kernel wrote both ranges; and lseek for data or a hole does not,
 * so the kernel is told to write first. That one waits for write requests, hence runs beside the
 * threads that serve them (aside.h).
 */
#include "fs/interrupt.h"
#include "fs/reply.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <stdlib.h>
#include <unistd.h>

#define READ_MAX (1u << 20)

static pthread_rwlock_t *size_lock(struct fs *fs, uint64_t ino)
{
	return &fs->size_locks[ino % FS_SIZE_LOCKS];
}

static void op_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct fs *fs = fs_of(req);
	struct fs_node node;
	int r;

	if (fs->read_only) {
		fuse_reply_err(req, ENOSYS);
		return;
	}
	if ((fi->flags & O_ACCMODE) == O_RDONLY)
		r = fs_node(fs, ino, &node);
	else
		r = fs_node_write(fs, ino, &node);
	if (r != 0) {
		reply_code(req, r);
		return;
	}
	fi->keep_cache = 1;
	fuse_reply_open(req, fi);
}

static void op_release(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	(void)ino;
	(void)fi;
	fuse_reply_err(req, 0);
}

/* Nothing to do at close: the kernel has written out its pages before, and stops asking. */
static void op_flush(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	(void)ino;
	(void)fi;
	fuse_reply_err(req, ENOSYS);
}

/* READ_MAX bytes that belong to this thread. */
static void *read_buffer(struct fs *fs)
{
	void *p = pthread_getspecific(fs->buffer_key);

	if (!p) {
		p = malloc(READ_MAX);
		if (p && pthread_setspecific(fs->buffer_key, p) != 0) {
			free(p);
			p = NULL;
		}
	}
	return p;
}

static void op_read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
                    struct fuse_file_info *fi)
{
	struct fs *fs = fs_of(req);
	void *data = read_buffer(fs);
	struct interrupt i;
	struct fs_node node;
	size_t n = 0;
	int r = fs_node(fs, ino, &node);

	(void)fi;
	if (r == 0 && !data)
		r = ERR_NOMEM;
	if (r == 0 && (off < 0 || size > READ_MAX))
		r = ERR_INVAL;
	if (r == 0 && node.snapshots)
		r = ERR_ISDIR;
	if (r == 0) {
		interrupt_begin(&i, req);
		r = volume_read(fs->volume, node.ino, node.at, (uint64_t)off, size, data, &n);
		interrupt_end(&i);
	}
	if (r == 0)
		fuse_reply_buf(req, data, n);
	else
		reply_code(req, r);
}

static void op_write(fuse_req_t req, fuse_ino_t ino, const char *data, size_t size, off_t off,
                     struct fuse_file_info *fi)
{
	struct fs *fs = fs_of(req);
	struct interrupt i;
	struct fs_node node;
	unsigned flags = 0;
	int r = fs_node_write(fs, ino, &node);

	if (fi->writepage)
		flags |= VOLUME_WRITE_CACHED;
	if (wire_write_kills_priv())
		flags |= VOLUME_WRITE_KILL_PRIV;
	if (r == 0 && off < 0)
		r = ERR_INVAL;
	if (r == 0)
		r = fs_drop_capability(fs, node.ino);
	if (r == 0) {
		/* of the kernel's cache nobody may take anything back */
		if (!fi->writepage)
			interrupt_begin(&i, req);
		pthread_rwlock_rdlock(size_lock(fs, node.ino));
		r = volume_write(fs->volume, node.ino, (uint64_t)off, data, size, flags);
		pthread_rwlock_unlock(size_lock(fs, node.ino));
		if (!fi->writepage)
			interrupt_end(&i);
	}
	if (r != 0) {
		reply_code(req, r);
		return;
	}
	/* the kernel may still show the bits that went, and does not count blocks itself */
	if (flags & (VOLUME_WRITE_KILL_PRIV | VOLUME_WRITE_CACHED))
		fuse_lowlevel_notify_inval_inode(fs->session, ino, -1, 0);
	fuse_reply_write(req, size);
}

static void reply_synced(void *ctx, int result)
{
	reply_code(ctx, result);
}

/* Whoever commits answers: no thread waits for another's flush. */
void fs_sync_and_reply(fuse_req_t req)
{
	struct fs *fs = fs_of(req);

	if (fs->read_only)
		reply_code(req, 0);
	else
		volume_fsync_then(fs->volume, reply_synced, req);
}

static void op_fsync(fuse_req_t req, fuse_ino_t ino, int datasync, struct fuse_file_info *fi)
{
	(void)ino;
	(void)datasync;
	(void)fi;
	fs_sync_and_reply(req);
}

/* ---- space ---- */

/* With the file's size lock held. */
static int extend(struct fs *fs, uint64_t ino, uint64_t size)
{
	struct volume_attr attr, after;
	int r = volume_getattr(fs->volume, ino, VOLUME_NOW, &attr);

	if (r != 0 || attr.size >= size)
		return r;
	attr.size = size;
	return volume_setattr(fs->volume, ino, VOLUME_SET_SIZE, &attr, &after);
}

static int allocate(struct fs *fs, uint64_t ino, int mode, uint64_t off, uint64_t len)
{
	bool keep = mode & FALLOC_FL_KEEP_SIZE;
	int r = 0;

	switch (mode & ~FALLOC_FL_KEEP_SIZE) {
	case 0:
		break;
	case FALLOC_FL_PUNCH_HOLE:
		if (!keep)
			return ERR_NOTSUP;
		r = volume_punch(fs->volume, ino, off, len);
		break;
	case FALLOC_FL_ZERO_RANGE:
		r = volume_punch(fs->volume, ino, off, len);
		break;
	default:
		return ERR_NOTSUP;
	}
	return r != 0 || keep ? r : extend(fs, ino, off + len);
}

static void op_fallocate(fuse_req_t req, fuse_ino_t ino, int mode, off_t off, off_t len,
                         struct fuse_file_info *fi)
{
	struct fs *fs = fs_of(req);
	struct interrupt i;
	struct fs_node node;
	int r = fs_node_write(fs, ino, &node);

	(void)fi;
	if (r == 0 && (off < 0 || len <= 0))
		r = ERR_INVAL;
	if (r == 0 && (uint64_t)off + (uint64_t)len > VOLUME_SIZE_MAX)
		r = ERR_FBIG;
	if (r == 0) {
		interrupt_begin(&i, req);
		pthread_rwlock_wrlock(size_lock(fs, node.ino));
		r = allocate(fs, node.ino, mode, (uint64_t)off, (uint64_t)len);
		pthread_rwlock_unlock(size_lock(fs, node.ino));
		interrupt_end(&i);
	}
	reply_code(req, r);
}

static void op_copy_file_range(fuse_req_t req, fuse_ino_t ino_in, off_t off_in,
                               struct fuse_file_info *fi_in, fuse_ino_t ino_out, off_t off_out,
                               struct fuse_file_info *fi_out, size_t len, int flags)
{
	struct fs *fs = fs_of(req);
	struct interrupt i;
	struct fs_node from, to;
	uint64_t n = 0;
	int r = fs_node(fs, ino_in, &from);

	(void)fi_in;
	(void)fi_out;
	if (r == 0)
		r = fs_node_write(fs, ino_out, &to);
	if (r == 0 && from.view != to.view) {
		/* the kernel copies out of the past by reading and writing */
		fuse_reply_err(req, EXDEV);
		return;
	}
	if (r == 0 && (off_in < 0 || off_out < 0 || flags != 0))
		r = ERR_INVAL;
	if (r == 0)
		r = fs_drop_capability(fs, to.ino);
	if (r == 0) {
		interrupt_begin(&i, req);
		pthread_rwlock_rdlock(size_lock(fs, to.ino));
		r = volume_copy(fs->volume, from.ino, (uint64_t)off_in, to.ino, (uint64_t)off_out,
		                len, &n);
		pthread_rwlock_unlock(size_lock(fs, to.ino));
		interrupt_end(&i);
	}
	if (r == 0)
		fuse_reply_write(req, n);
	else
		reply_code(req, r);
}

static void op_lseek(fuse_req_t req, fuse_ino_t ino, off_t off, int whence,
                     struct fuse_file_info *fi)
{
	struct fs *fs = fs_of(req);
	struct aside_seek seek = {.req = req, .node = ino, .off = (uint64_t)off};
	struct fs_node node;
	int r = fs_node(fs, ino, &node);

	(void)fi;
	if (r == 0 && off < 0) {
		fuse_reply_err(req, ENXIO);
		return;
	}
	if (r == 0 && whence != SEEK_DATA && whence != SEEK_HOLE)
		r = ERR_INVAL;
	seek.hole = whence == SEEK_HOLE;
	if (r == 0 && !fs->read_only && node.view == 0)
		r = aside_seek(fs->aside, &seek);
	else if (r == 0)
		fs_data_seek(fs, &seek);
	if (r != 0)
		reply_code(req, r);
}

void fs_data_seek(struct fs *fs, const struct aside_seek *seek)
{
	struct fs_node node;
	uint64_t at = 0;
	int r = fs_node(fs, seek->node, &node);

	if (r == 0 && !fs->read_only && node.view == 0)
		fuse_lowlevel_notify_inval_inode(fs->session, seek->node, 0, 0);
	if (r == 0)
		r = volume_seek(fs->volume, node.ino, node.at, seek->off, seek->hole, &at);
	if (r == ERR_NODATA)
		fuse_reply_err(seek->req, ENXIO);
	else if (r != 0)
		reply_code(seek->req, r);
	else
		fuse_reply_lseek(seek->req, (off_t)at);
}

void fs_data_ops(struct fuse_lowlevel_ops *ops)
{
	ops->open = op_open;
	ops->release = op_release;
	ops->flush = op_flush;
	ops->read = op_read;
	ops->write = op_write;
	ops->fsync = op_fsync;
	ops->fallocate = op_fallocate;
	ops->copy_file_range = op_copy_file_range;
	ops->lseek = op_lseek;
}
