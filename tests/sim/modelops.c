/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rules of POSIX as Linux keeps them (path_resolution(7), rename(2), inode(7)), written down
 * once more and as plainly as can be. When two things are wrong with a call, the order of the
 * checks decides which error it gives; where POSIX leaves it open, the volume's order is kept.
 */
#include "tests/sim/modelops.h"

#include "tests/sim/modelacl.h"

#include "util/check.h"
#include "util/err.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static int check_name(const char *name)
{
	return strlen(name) > VOLUME_NAME_MAX ? ERR_NAMETOOLONG : 0;
}

static int get_folder(const struct model_state *s, uint64_t ino, const struct model_node **ret)
{
	const struct model_node *n = model_node(s, ino);

	if (!n)
		return ERR_NOENT;
	if (!model_is_dir(n))
		return ERR_NOTDIR;
	*ret = n;
	return n->nlink ? 0 : ERR_NOENT;
}

static uint64_t find_name(const struct model_state *s, uint64_t parent, const char *name)
{
	const struct model_node *dir = model_node(s, parent);

	return dir && model_is_dir(dir) ? model_name_get(dir, name) : 0;
}

static int check_free(const struct model_state *s, uint64_t parent, const char *name)
{
	int r = check_name(name);

	return r ? r : find_name(s, parent, name) ? ERR_EXIST : 0;
}

static struct model_node *touch_folder(struct model_state **s, uint64_t ino, int64_t now)
{
	struct model_node *dir = model_change(s, ino);

	dir->mtime_ns = now;
	dir->ctime_ns = now;
	return dir;
}

void modelops_root(struct model_state **s)
{
	struct model_node *root = model_add(s, VOLUME_ROOT);

	root->mode = S_IFDIR | 0755;
	root->nlink = 2;
}

int modelops_create_check(const struct model_state *s, uint64_t parent, const char *name)
{
	const struct model_node *dir;
	int r = check_free(s, parent, name);

	return r ? r : get_folder(s, parent, &dir);
}

static struct model_node *add_node(struct model_state **s, uint64_t parent,
                                   const struct volume_new *what, uint64_t ino, int64_t now)
{
	struct model_node *n = model_add(s, ino);

	n->mode = what->mode;
	n->uid = what->uid;
	n->gid = what->gid;
	n->rdev = what->rdev;
	n->nlink = S_ISDIR(what->mode) ? 2 : 1;
	n->atime_ns = n->mtime_ns = n->ctime_ns = n->btime_ns = now;
	if (S_ISLNK(what->mode))
		n->target = model_intern(what->target, what->target_len);
	else
		modelacl_inherit(n, model_node(*s, parent));
	return n;
}

int modelops_create(struct model_state **s, uint64_t parent, const char *name,
                    const struct volume_new *what, uint64_t ino, int64_t now)
{
	struct model_node *dir;
	int r = modelops_create_check(*s, parent, name);

	if (r != 0)
		return r;
	add_node(s, parent, what, ino, now);
	dir = touch_folder(s, parent, now);
	dir->nlink += S_ISDIR(what->mode);
	model_name_set(dir, name, ino);
	return 0;
}

int modelops_create_unnamed(struct model_state **s, uint64_t parent, const struct volume_new *what,
                            uint64_t ino, int64_t now)
{
	const struct model_node *dir;
	int r = get_folder(*s, parent, &dir);

	if (r == 0)
		add_node(s, parent, what, ino, now)->nlink = 0;
	return r;
}

int modelops_link(struct model_state **s, uint64_t ino, uint64_t parent, const char *name,
                  int64_t now)
{
	const struct model_node *dir, *n;
	struct model_node *changed;
	int r = check_free(*s, parent, name);

	if (r == 0)
		r = get_folder(*s, parent, &dir);
	if (r != 0)
		return r;
	n = model_node(*s, ino);
	if (!n)
		return ERR_NOENT;
	if (model_is_dir(n))
		return ERR_PERM;
	changed = model_change(s, ino);
	changed->nlink++;
	changed->ctime_ns = now;
	model_name_set(touch_folder(s, parent, now), name, ino);
	return 0;
}

static void lose_link(struct model_state **s, uint64_t ino, int64_t now)
{
	struct model_node *n = model_change(s, ino);

	n->nlink = model_is_dir(n) ? 0 : n->nlink - 1;
	n->ctime_ns = now;
}

static void remove_name(struct model_state **s, uint64_t parent, const char *name, int64_t now)
{
	uint64_t ino = find_name(*s, parent, name);
	bool is_dir = model_is_dir(model_node(*s, ino));
	struct model_node *dir = touch_folder(s, parent, now);

	model_name_set(dir, name, 0);
	dir->nlink -= is_dir;
	lose_link(s, ino, now);
}

int modelops_unlink(struct model_state **s, uint64_t parent, const char *name, int64_t now)
{
	const struct model_node *dir;
	uint64_t ino = find_name(*s, parent, name);
	int r = get_folder(*s, parent, &dir);

	if (r == 0 && !ino)
		r = check_name(name) ? check_name(name) : ERR_NOENT;
	if (r == 0 && model_is_dir(model_node(*s, ino)))
		r = ERR_ISDIR;
	if (r == 0)
		remove_name(s, parent, name, now);
	return r;
}

int modelops_rmdir(struct model_state **s, uint64_t parent, const char *name, int64_t now)
{
	const struct model_node *dir;
	uint64_t ino = find_name(*s, parent, name);
	int r = get_folder(*s, parent, &dir);

	if (r == 0 && !ino)
		r = check_name(name) ? check_name(name) : ERR_NOENT;
	if (r == 0 && !model_is_dir(model_node(*s, ino)))
		r = ERR_NOTDIR;
	if (r == 0 && model_node(*s, ino)->nnames > 0)
		r = ERR_NOTEMPTY;
	if (r == 0)
		remove_name(s, parent, name, now);
	return r;
}

void modelops_forget(struct model_state **s, uint64_t ino)
{
	const struct model_node *n = model_node(*s, ino);

	if (n && n->nlink == 0)
		model_drop(s, ino);
}

/* ---- rename ---- */

/* Whether folder @ino is @top or somewhere below it. */
static bool inside(const struct model_state *s, uint64_t ino, uint64_t top)
{
	const struct model_node *n = model_node(s, top);
	bool found = ino == top;

	for (size_t i = 0; !found && i < n->nnames; i++)
		found =
		    model_is_dir(model_node(s, n->names[i].ino)) && inside(s, ino, n->names[i].ino);
	return found;
}

static int rename_check(const struct model_state *s, uint64_t from_dir, uint64_t moved,
                        uint64_t to_dir, uint64_t there, unsigned flags)
{
	bool exchange = flags & VOLUME_RENAME_EXCHANGE;
	const struct model_node *a = model_node(s, moved);
	const struct model_node *b = there ? model_node(s, there) : NULL;

	if (!there && exchange)
		return ERR_NOENT;
	if (there && (flags & VOLUME_RENAME_NOREPLACE))
		return ERR_EXIST;
	if (model_is_dir(a) && inside(s, to_dir, moved))
		return ERR_INVAL;
	if (exchange && model_is_dir(b) && inside(s, from_dir, there))
		return ERR_INVAL;
	if (!there || exchange || there == moved)
		return 0;
	if (model_is_dir(a) != model_is_dir(b))
		return model_is_dir(b) ? ERR_ISDIR : ERR_NOTDIR;
	return b->nnames > 0 ? ERR_NOTEMPTY : 0;
}

/* Let a name mean another inode, and the folder count its folders. */
static void point(struct model_state **s, uint64_t dir_ino, const char *name, uint64_t ino,
                  int64_t now)
{
	uint64_t old = find_name(*s, dir_ino, name);
	bool lost = old && model_is_dir(model_node(*s, old));
	bool won = ino && model_is_dir(model_node(*s, ino));
	struct model_node *dir = touch_folder(s, dir_ino, now);

	model_name_set(dir, name, ino);
	dir->nlink = dir->nlink - lost + won;
}

int modelops_rename(struct model_state **s, uint64_t from_dir, const char *from, uint64_t to_dir,
                    const char *to, unsigned flags, int64_t now)
{
	const struct model_node *dir;
	uint64_t moved = find_name(*s, from_dir, from);
	uint64_t there = find_name(*s, to_dir, to);
	int r = check_name(to);

	if (r == 0)
		r = get_folder(*s, from_dir, &dir);
	if (r == 0 && !moved)
		r = ERR_NOENT;
	if (r == 0)
		r = get_folder(*s, to_dir, &dir);
	if (r == 0)
		r = rename_check(*s, from_dir, moved, to_dir, there, flags);
	if (r != 0 || there == moved)
		return r;
	if (flags & VOLUME_RENAME_EXCHANGE)
		model_change(s, there)->ctime_ns = now;
	point(s, from_dir, from, flags & VOLUME_RENAME_EXCHANGE ? there : 0, now);
	point(s, to_dir, to, moved, now);
	if (there && !(flags & VOLUME_RENAME_EXCHANGE))
		lose_link(s, there, now);
	model_change(s, moved)->ctime_ns = now;
	return 0;
}

/* ---- attributes ---- */

static bool has_priv(const struct model_node *n)
{
	return !model_is_dir(n) && n->mode & (S_ISUID | S_ISGID);
}

static void kill_priv(struct model_node *n)
{
	if (model_is_dir(n))
		return;
	n->mode &= ~(uint32_t)S_ISUID;
	if (n->mode & S_IXGRP)
		n->mode &= ~(uint32_t)S_ISGID;
}

int modelops_setattr(struct model_state **s, uint64_t ino, unsigned mask,
                     const struct volume_attr *attr, int64_t now)
{
	const struct model_node *there = model_node(*s, ino);
	struct model_node *n;

	if (!there)
		return ERR_NOENT;
	if (mask & VOLUME_SET_SIZE) {
		if (model_is_dir(there))
			return ERR_ISDIR;
		if (!model_is_file(there))
			return ERR_INVAL;
		if (attr->size > VOLUME_SIZE_MAX)
			return ERR_FBIG;
	}
	/* To drop bits that are not there is no change. */
	if (mask == VOLUME_KILL_PRIV && !has_priv(there))
		return 0;
	n = model_change(s, ino);
	if (mask & VOLUME_SET_SIZE) {
		model_data_resize(n, attr->size);
		n->mtime_ns = now;
	}
	if (mask & VOLUME_SET_MODE)
		modelacl_chmod(n, (n->mode & S_IFMT) | (attr->mode & ~(uint32_t)S_IFMT));
	if (mask & VOLUME_SET_UID)
		n->uid = attr->uid;
	if (mask & VOLUME_SET_GID)
		n->gid = attr->gid;
	if (mask & VOLUME_SET_ATIME)
		n->atime_ns = attr->atime_ns;
	if (mask & VOLUME_SET_MTIME)
		n->mtime_ns = attr->mtime_ns;
	if (mask & VOLUME_KILL_PRIV && !(mask & VOLUME_SET_MODE))
		kill_priv(n);
	n->ctime_ns = mask & VOLUME_SET_CTIME ? attr->ctime_ns : now;
	return 0;
}

int modelops_setxattr(struct model_state **s, uint64_t ino, const char *name, const void *value,
                      size_t len, unsigned flags, int64_t now)
{
	const struct model_node *there = model_node(*s, ino);
	struct model_node *n;

	if (!there)
		return ERR_NOENT;
	if ((flags & VOLUME_XATTR_CREATE) && model_xattr_get(there, name))
		return ERR_EXIST;
	if ((flags & VOLUME_XATTR_REPLACE) && !model_xattr_get(there, name))
		return ERR_NODATA;
	if (modelacl_is(name) && !modelacl_valid(value, len))
		return ERR_INVAL;
	n = model_change(s, ino);
	model_xattr_set(n, name, value, len);
	modelacl_changed(n, name);
	n->ctime_ns = now;
	return 0;
}

int modelops_removexattr(struct model_state **s, uint64_t ino, const char *name, int64_t now)
{
	const struct model_node *there = model_node(*s, ino);
	struct model_node *n;

	if (!there)
		return ERR_NOENT;
	if (!model_xattr_get(there, name))
		return ERR_NODATA;
	n = model_change(s, ino);
	model_xattr_set(n, name, NULL, 0);
	n->ctime_ns = now;
	return 0;
}

/* ---- data ---- */

static int check_file(const struct model_state *s, uint64_t ino)
{
	const struct model_node *n = model_node(s, ino);

	return !n ? ERR_NOENT : model_is_dir(n) ? ERR_ISDIR : !model_is_file(n) ? ERR_INVAL : 0;
}

int modelops_write(struct model_state **s, uint64_t ino, uint64_t off, const void *data, size_t len,
                   unsigned flags, int64_t now)
{
	struct model_node *n;
	int r = check_file(*s, ino);

	if (r != 0 || len == 0)
		return r;
	n = model_change(s, ino);
	model_data_write(n, flags & VOLUME_WRITE_APPEND ? n->size : off, data, len);
	if (!(flags & VOLUME_WRITE_CACHED)) {
		n->mtime_ns = now;
		n->ctime_ns = now;
	}
	if (flags & VOLUME_WRITE_KILL_PRIV)
		kill_priv(n);
	return 0;
}

int modelops_punch(struct model_state **s, uint64_t ino, uint64_t off, uint64_t len, int64_t now)
{
	struct model_node *n;
	int r = check_file(*s, ino);

	if (r != 0)
		return r;
	/* Behind the last page there is nothing to do, and nothing is stamped. */
	n = model_change(s, ino);
	if (off / MODEL_PAGE >= n->size / MODEL_PAGE + (n->size % MODEL_PAGE != 0))
		return 0;
	model_data_punch(n, off, len);
	n->mtime_ns = now;
	n->ctime_ns = now;
	return 0;
}

uint64_t modelops_copy_room(const struct model_state *s, uint64_t src, uint64_t src_off,
                            uint64_t len)
{
	const struct model_node *n = model_node(s, src);

	if (!n || src_off >= n->size)
		return 0;
	return len < n->size - src_off ? len : n->size - src_off;
}

int modelops_copy(struct model_state **s, uint64_t src, uint64_t src_off, uint64_t dst,
                  uint64_t dst_off, uint64_t n, int64_t now)
{
	struct model_node *to;
	uint8_t *data;
	int r = check_file(*s, src);

	if (r == 0)
		r = check_file(*s, dst);
	if (r != 0 || n == 0)
		return r;
	CHECK(n <= modelops_copy_room(*s, src, src_off, n));
	data = malloc(n);
	CHECK(data);
	model_data_read(model_node(*s, src), src_off, n, data);
	to = model_change(s, dst);
	model_data_write(to, dst_off, data, n);
	free(data);
	to->mtime_ns = now;
	to->ctime_ns = now;
	return 0;
}
