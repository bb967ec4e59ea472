/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names: looking them up and changing them. Each change is one operation; what can be refused is
 * refused by volume_apply().
 */
#include "volume/impl.h"

#include "util/err.h"
#include "util/secret.h"
#include "volume/acl.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int64_t volume_wall_ns(const struct volume *v)
{
	return clock_wall_ns(v->params.clock);
}

int64_t volume_now_ns(struct volume *v)
{
	return clock_file_ns(v->params.clock);
}

void volume_attr_from(const struct index_inode *row, struct volume_attr *ret)
{
	*ret = (struct volume_attr){
	    .ino = row->ino,
	    .mode = row->mode,
	    .uid = row->uid,
	    .gid = row->gid,
	    .nlink = row->nlink,
	    .rdev = row->rdev,
	    .size = row->size,
	    .blocks = row->pages * 8,
	    .atime_ns = row->atime_ns,
	    .mtime_ns = row->mtime_ns,
	    .ctime_ns = row->ctime_ns,
	    .btime_ns = row->btime_ns,
	};
}

/* ---- looking ---- */

static int getattr_locked(struct volume *v, uint64_t ino, int64_t at, struct volume_attr *ret)
{
	struct index_inode row;
	int r = index_inode_get(v->ix, ino, at, &row);

	if (r == 0)
		volume_attr_from(&row, ret);
	return r;
}

int volume_getattr(struct volume *v, uint64_t ino, int64_t at, struct volume_attr *ret)
{
	int r;

	lock_take(&v->lock);
	r = getattr_locked(v, ino, at, ret);
	lock_drop(&v->lock);
	return r;
}

static int lookup_locked(struct volume *v, uint64_t parent, const char *name, size_t len,
                         int64_t at, struct volume_attr *ret)
{
	struct index_dentry entry;
	int r = len > VOLUME_NAME_MAX ? ERR_NAMETOOLONG
	                              : index_dentry_get(v->ix, parent, name, len, at, &entry);

	return r ? r : getattr_locked(v, entry.ino, at, ret);
}

int volume_lookup(struct volume *v, uint64_t parent, const char *name, size_t len, int64_t at,
                  struct volume_attr *ret)
{
	int r;

	lock_take(&v->lock);
	r = lookup_locked(v, parent, name, len, at, ret);
	lock_drop(&v->lock);
	return r;
}

struct readdir_ctx {
	volume_dirent_fn fn;
	void *ctx;
	bool stopped;
};

static int readdir_one(void *ctx, const struct index_dentry *row, const struct index_inode *inode)
{
	struct readdir_ctx *c = ctx;
	struct volume_attr attr;

	volume_attr_from(inode, &attr);
	if (c->fn(c->ctx, row->name, row->name_len, row->cookie, &attr) != 0)
		c->stopped = true;
	return c->stopped ? 1 : 0;
}

int volume_readdir(struct volume *v, uint64_t ino, int64_t at, uint64_t after, volume_dirent_fn fn,
                   void *ctx)
{
	struct readdir_ctx c = {fn, ctx, false};
	int r;

	lock_take(&v->lock);
	r = index_dentry_list(v->ix, ino, at, after, readdir_one, &c);
	lock_drop(&v->lock);
	return c.stopped ? 0 : r;
}

static int take_parent(void *ctx, const struct index_dentry *row, const struct index_inode *inode)
{
	(void)inode;
	*(uint64_t *)ctx = row->parent;
	return 1;
}

int volume_parent_locked(struct volume *v, uint64_t ino, int64_t at, uint64_t *ret)
{
	uint64_t parent = 0;
	int r;

	if (ino == VOLUME_ROOT) {
		*ret = VOLUME_ROOT;
		return 0;
	}
	r = index_dentry_of(v->ix, ino, at, take_parent, &parent);
	if (parent == 0)
		return r < 0 ? r : ERR_NOENT;
	*ret = parent;
	return 0;
}

int volume_parent(struct volume *v, uint64_t ino, int64_t at, uint64_t *ret)
{
	int r;

	lock_take(&v->lock);
	r = volume_parent_locked(v, ino, at, ret);
	lock_drop(&v->lock);
	return r;
}

int volume_readlink(struct volume *v, uint64_t ino, int64_t at, char *out)
{
	struct index_inode row;
	int r;

	lock_take(&v->lock);
	r = index_inode_get(v->ix, ino, at, &row);
	if (r == 0 && !S_ISLNK(row.mode))
		r = ERR_INVAL;
	if (r == 0 && row.target_len > VOLUME_TARGET_MAX)
		r = ERR_CORRUPT;
	if (r == 0) {
		memcpy(out, row.target, row.target_len);
		out[row.target_len] = '\0';
	}
	lock_drop(&v->lock);
	return r;
}

int volume_resolve(struct volume *v, const char *path, int64_t at, struct volume_attr *ret)
{
	int r;

	lock_take(&v->lock);
	r = getattr_locked(v, VOLUME_ROOT, at, ret);
	while (r == 0) {
		size_t len;

		path += strspn(path, "/");
		len = strcspn(path, "/");
		if (len == 0)
			break;
		if (!S_ISDIR(ret->mode))
			r = ERR_NOTDIR;
		else if (len == 2 && memcmp(path, "..", 2) == 0)
			r = ERR_INVAL;
		else if (!(len == 1 && path[0] == '.'))
			r = lookup_locked(v, ret->ino, path, len, at, ret);
		path += len;
	}
	lock_drop(&v->lock);
	return r;
}

/* ---- changing ---- */

/* An operation that stands for itself, and the batch kept short. */
static int apply_one(struct volume *v, const struct op *op)
{
	int r;

	lock_take(&v->lock);
	r = volume_apply(v, op);
	lock_drop(&v->lock);
	volume_relieve(v);
	return r;
}

/* What a new inode gets from its folder's default ACL. `acl` and `copy` live until the operation is
 * applied. */
static int inherit_acl(struct volume *v, struct op *op, uint8_t *acl, uint8_t *copy)
{
	const void *value;
	size_t len;
	bool needed;
	int r;

	if (S_ISLNK(op->create.mode) || op->create.at.parent == 0)
		return 0;
	r = index_xattr_get(v->ix, op->create.at.parent, INDEX_NOW, ACL_XATTR_DEFAULT,
	                    strlen(ACL_XATTR_DEFAULT), &value, &len);
	if (r == ERR_NODATA)
		return 0;
	if (r != 0 || len > VOLUME_XATTR_MAX || !acl_valid(value, len))
		return r;
	memcpy(acl, value, len);
	memcpy(copy, value, len);
	acl_inherit(acl, len, &op->create.mode, &needed);
	if (needed) {
		op->create.acl = acl;
		op->create.acl_len = len;
	}
	if (S_ISDIR(op->create.mode)) {
		op->create.default_acl = copy;
		op->create.default_acl_len = len;
	}
	return 0;
}

int volume_new_file_key(struct volume *v, uint8_t *wrapped, uint32_t *ret_master)
{
	uint8_t key[KEYRING_KEY_BYTES];
	int r;

	rng_fill(v->params.rng, key, sizeof(key));
	r = keyring_wrap(v->keyring, key, wrapped);
	secret_wipe(key, sizeof(key));
	if (r == 0)
		*ret_master = keyring_current_master(v->keyring);
	return r;
}

/* With `lock`: does the folder have a default ACL at all? Most do not: then no memory is needed. */
static bool has_default_acl(struct volume *v, uint64_t parent)
{
	const void *value;
	size_t len;

	return index_xattr_get(v->ix, parent, INDEX_NOW, ACL_XATTR_DEFAULT,
	                       strlen(ACL_XATTR_DEFAULT), &value, &len) != ERR_NODATA;
}

static int create_locked(struct volume *v, struct op *op, struct volume_attr *ret)
{
	uint8_t *acl = NULL;
	int r = 0;

	if (has_default_acl(v, op->create.at.parent)) {
		acl = malloc(2 * VOLUME_XATTR_MAX);
		r = acl ? inherit_acl(v, op, acl, acl + VOLUME_XATTR_MAX) : ERR_NOMEM;
	}
	op->create.ino = index_state(v->ix)->next_ino;
	op->time_ns = volume_now_ns(v);
	if (r == 0)
		r = volume_apply(v, op);
	if (r == 0)
		r = getattr_locked(v, op->create.ino, VOLUME_NOW, ret);
	free(acl);
	return r;
}

static int create(struct volume *v, uint64_t parent, const char *name, size_t len,
                  const struct volume_new *what, struct volume_attr *ret)
{
	struct op op = {.type = OP_CREATE,
	                .create = {.at = {parent, name, len},
	                           .mode = what->mode,
	                           .uid = what->uid,
	                           .gid = what->gid,
	                           .rdev = what->rdev,
	                           .target = what->target,
	                           .target_len = what->target_len}};
	int r;

	if (len > VOLUME_NAME_MAX || what->target_len > VOLUME_TARGET_MAX)
		return ERR_NAMETOOLONG;
	if (S_ISLNK(what->mode) && what->target_len == 0)
		return ERR_NOENT;
	r = S_ISREG(what->mode) ? volume_new_file_key(v, op.create.wrapped, &op.create.master) : 0;
	if (r != 0)
		return r;
	lock_take(&v->lock);
	r = create_locked(v, &op, ret);
	lock_drop(&v->lock);
	volume_relieve(v);
	return r;
}

int volume_create(struct volume *v, uint64_t parent, const char *name, size_t len,
                  const struct volume_new *what, struct volume_attr *ret)
{
	return len == 0 ? ERR_NOENT : create(v, parent, name, len, what, ret);
}

int volume_create_unnamed(struct volume *v, uint64_t parent, const struct volume_new *what,
                          struct volume_attr *ret)
{
	return S_ISREG(what->mode) ? create(v, parent, "", 0, what, ret) : ERR_INVAL;
}

int volume_link(struct volume *v, uint64_t ino, uint64_t parent, const char *name, size_t len,
                struct volume_attr *ret)
{
	struct op op = {
	    .type = OP_LINK, .time_ns = volume_now_ns(v), .link = {ino, {parent, name, len}}};
	int r;

	lock_take(&v->lock);
	r = volume_apply(v, &op);
	if (r == 0)
		r = getattr_locked(v, ino, VOLUME_NOW, ret);
	lock_drop(&v->lock);
	volume_relieve(v);
	return r;
}

static int remove_name(struct volume *v, uint64_t parent, const char *name, size_t len, bool folder)
{
	struct op op = {
	    .type = OP_UNLINK, .time_ns = volume_now_ns(v), .unlink.at = {parent, name, len}};
	struct volume_attr attr;
	int r;

	lock_take(&v->lock);
	r = lookup_locked(v, parent, name, len, VOLUME_NOW, &attr);
	if (r == 0 && S_ISDIR(attr.mode) != folder)
		r = folder ? ERR_NOTDIR : ERR_ISDIR;
	if (r == 0)
		r = volume_apply(v, &op);
	lock_drop(&v->lock);
	volume_relieve(v);
	return r;
}

int volume_unlink(struct volume *v, uint64_t parent, const char *name, size_t len)
{
	return remove_name(v, parent, name, len, false);
}

int volume_rmdir(struct volume *v, uint64_t parent, const char *name, size_t len)
{
	return remove_name(v, parent, name, len, true);
}

int volume_rename(struct volume *v, uint64_t parent, const char *name, size_t len,
                  uint64_t new_parent, const char *new_name, size_t new_len, unsigned flags)
{
	struct op op = {.type = OP_RENAME,
	                .time_ns = volume_now_ns(v),
	                .rename = {{parent, name, len}, {new_parent, new_name, new_len}, flags}};

	if (flags & ~(unsigned)(VOLUME_RENAME_NOREPLACE | VOLUME_RENAME_EXCHANGE) ||
	    flags == (VOLUME_RENAME_NOREPLACE | VOLUME_RENAME_EXCHANGE))
		return ERR_INVAL;
	return apply_one(v, &op);
}

void volume_forget(struct volume *v, uint64_t ino)
{
	struct op op = {.type = OP_RECLAIM, .reclaim.ino = ino};
	struct index_inode row;

	lock_take(&v->lock);
	if (v->orphans > 0 && volume_writable(v) == 0 &&
	    index_inode_get(v->ix, ino, INDEX_NOW, &row) == 0 && row.nlink == 0) {
		op.time_ns = volume_now_ns(v);
		volume_apply(v, &op);
	}
	lock_drop(&v->lock);
}
