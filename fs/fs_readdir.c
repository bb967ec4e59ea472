/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Listing folders. No state is kept between two requests: the position in a folder is the volume's
 * cookie, and opendir is answered with ENOSYS, after which the kernel opens folders by itself and
 * keeps their lists until they change.
 *
 * Every list carries attributes (readdirplus), so that a stat(2) of each entry costs nothing more.
 * Each entry with a node is a lookup that the kernel has to forget. The walk runs under the
 * volume's lock and only copies what fits into the answer; nodes are counted, and the answer
 * written, after it.
 */
#include "fs/reply.h"
#include "util/buf.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define COOKIE_DOT 1
#define COOKIE_DOTDOT 2
#define NAMES_MAX (16u << 20)

struct item {
	struct volume_attr attr;
	uint64_t cookie;
	size_t name_at; /* in names */
	bool known;     /* the kernel is told of the node, not only of its type and number */
};

struct listing {
	fuse_req_t req;
	struct fs *fs;
	struct fs_node dir;
	bool plus;
	size_t size; /* of the answer */
	size_t len;  /* what the items below take of it */
	struct buf items;
	struct buf names;
	/* the list of snapshots has no cookies of its own: the place in the list is one */
	uint64_t after;
	uint64_t at;
	int error;
};

static size_t entry_size(const struct listing *l, const char *name)
{
	return l->plus ? fuse_add_direntry_plus(l->req, NULL, 0, name, NULL, 0)
	               : fuse_add_direntry(l->req, NULL, 0, name, NULL, 0);
}

/* Returns whether it fitted. */
static bool add(struct listing *l, const char *name, size_t len, uint64_t cookie,
                const struct volume_attr *attr, bool known)
{
	struct item item = {.attr = *attr, .cookie = cookie, .known = known};
	size_t need;

	item.name_at = l->names.len;
	buf_add(&l->names, name, len);
	buf_add(&l->names, "", 1);
	if (buf_error(&l->names) != 0) {
		l->error = buf_error(&l->names);
		return false;
	}
	need = entry_size(l, (const char *)l->names.data + item.name_at);
	if (need > l->size - l->len)
		return false;
	buf_add(&l->items, &item, sizeof(item));
	l->error = buf_error(&l->items);
	l->len += need;
	return l->error == 0;
}

/* Under the volume's lock. */
static int add_entry(void *ctx, const char *name, size_t len, uint64_t cookie,
                     const struct volume_attr *attr)
{
	struct listing *l = ctx;

	if (len > VOLUME_NAME_MAX || attr->ino == 0 || attr->ino >= VIEW_SNAPSHOTS) {
		l->error = ERR_CORRUPT;
		return 1;
	}
	return add(l, name, len, cookie, attr, l->plus) ? 0 : 1;
}

/* Under the volume's lock. A snapshot's node is made when it is looked up, not for a list. */
static int add_snapshot(void *ctx, const char *name, int64_t epoch, int64_t created_ns)
{
	struct listing *l = ctx;
	struct volume_attr attr = {.mode = S_IFDIR | 0755, .ino = VOLUME_ROOT};

	(void)epoch;
	(void)created_ns;
	if (++l->at <= l->after)
		return 0;
	return add(l, name, strlen(name), l->at, &attr, false) ? 0 : 1;
}

static int add_dots(struct listing *l, uint64_t after)
{
	struct volume_attr attr = {.mode = S_IFDIR | 0755, .ino = l->dir.ino};
	int r = 0;

	if (after < COOKIE_DOT)
		add(l, ".", 1, COOKIE_DOT, &attr, false);
	if (l->dir.snapshots)
		attr.ino = VOLUME_ROOT;
	else if (l->dir.ino != VOLUME_ROOT)
		r = volume_parent(l->fs->volume, l->dir.ino, l->dir.at, &attr.ino);
	if (r == 0)
		add(l, "..", 2, COOKIE_DOTDOT, &attr, false);
	return r;
}

static int walk(struct listing *l, uint64_t after)
{
	int r = 0;

	if (after < COOKIE_DOTDOT)
		r = add_dots(l, after);
	/* a removed folder that is still open has nothing in it, and no parent */
	if (r != 0)
		return r == ERR_NOENT ? 0 : r;
	if (l->dir.snapshots) {
		l->at = COOKIE_DOTDOT;
		l->after = after;
		r = volume_snapshot_list(l->fs->volume, add_snapshot, l);
	} else {
		r = volume_readdir(l->fs->volume, l->dir.ino, l->dir.at, after, add_entry, l);
	}
	return r ? r : l->error;
}

static struct item *item_of(const struct listing *l, size_t i)
{
	return (struct item *)(void *)(l->items.data + i * sizeof(struct item));
}

static size_t item_count(const struct listing *l)
{
	return l->items.len / sizeof(struct item);
}

/* Take back the lookups of the first @n items. */
static void undo(const struct listing *l, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (item_of(l, i)->known)
			fs_forget(l->fs, view_node(l->dir.view, item_of(l, i)->attr.ino), 1);
}

/* Write the answer of l->len bytes to @out. On failure no lookup stays counted. */
static int encode(const struct listing *l, char *out)
{
	size_t done = 0;

	for (size_t i = 0; i < item_count(l); i++) {
		const struct item *item = item_of(l, i);
		const char *name = (const char *)l->names.data + item->name_at;
		struct fuse_entry_param e = {0};
		int r;

		if (item->known) {
			r = reply_entry_take(l->fs, &l->dir, &item->attr, &e);
			if (r != 0) {
				undo(l, i);
				return r;
			}
		} else {
			reply_stat(&l->dir, &item->attr, &e.attr);
		}
		if (l->plus)
			done += fuse_add_direntry_plus(l->req, out + done, l->len - done, name, &e,
			                               (off_t)item->cookie);
		else
			done += fuse_add_direntry(l->req, out + done, l->len - done, name, &e.attr,
			                          (off_t)item->cookie);
	}
	return 0;
}

static void list(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off, bool plus)
{
	struct listing l = {.req = req, .fs = fs_of(req), .plus = plus, .size = size};
	char *out = NULL;
	int r;

	buf_init(&l.items, NAMES_MAX);
	buf_init(&l.names, NAMES_MAX);
	r = fs_node(l.fs, ino, &l.dir);
	if (r == 0)
		r = walk(&l, off < 0 ? 0 : (uint64_t)off);
	if (r == 0 && !(out = malloc(l.len + 1)))
		r = ERR_NOMEM;
	if (r == 0)
		r = encode(&l, out);
	if (r != 0)
		reply_code(req, r);
	else if (fuse_reply_buf(req, out, l.len) != 0)
		undo(&l, item_count(&l));
	free(out);
	buf_done(&l.items);
	buf_done(&l.names);
}

static void op_readdir(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
                       struct fuse_file_info *fi)
{
	(void)fi;
	list(req, ino, size, off, false);
}

static void op_readdirplus(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
                           struct fuse_file_info *fi)
{
	(void)fi;
	list(req, ino, size, off, true);
}

static void op_opendir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	(void)ino;
	(void)fi;
	fuse_reply_err(req, ENOSYS);
}

static void op_fsyncdir(fuse_req_t req, fuse_ino_t ino, int datasync, struct fuse_file_info *fi)
{
	(void)ino;
	(void)datasync;
	(void)fi;
	fs_sync_and_reply(req);
}

void fs_readdir_ops(struct fuse_lowlevel_ops *ops)
{
	ops->readdir = op_readdir;
	ops->readdirplus = op_readdirplus;
	ops->opendir = op_opendir;
	ops->fsyncdir = op_fsyncdir;
}
