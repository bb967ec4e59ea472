/* SPDX-License-Identifier: Apache-2.0 */
/* Attributes and extended attributes. */
#include "volume/impl.h"

#include "util/err.h"
#include "volume/acl.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static int check_xattr_name(const char *name)
{
	size_t len = strlen(name);

	return len == 0 || len > VOLUME_NAME_MAX ? ERR_RANGE : 0;
}

static bool is_acl(const char *name)
{
	return strcmp(name, ACL_XATTR_ACCESS) == 0 || strcmp(name, ACL_XATTR_DEFAULT) == 0;
}

/* With `lock`: chmod of an inode with an access ACL changes the ACL as well. */
static int chmod_acl(struct volume *v, uint64_t ino, uint32_t mode)
{
	struct op op = {.type = OP_XATTR_SET, .time_ns = volume_now_ns(v)};
	const void *value;
	uint8_t *acl;
	size_t len;
	int r = index_xattr_get(v->ix, ino, INDEX_NOW, ACL_XATTR_ACCESS, strlen(ACL_XATTR_ACCESS),
	                        &value, &len);

	if (r != 0)
		return r == ERR_NODATA ? 0 : r;
	if (!acl_valid(value, len))
		return 0;
	acl = malloc(len);
	if (!acl)
		return ERR_NOMEM;
	memcpy(acl, value, len);
	acl_chmod(acl, len, mode);
	op.xattr.ino = ino;
	op.xattr.name = ACL_XATTR_ACCESS;
	op.xattr.name_len = strlen(ACL_XATTR_ACCESS);
	op.xattr.value = acl;
	op.xattr.value_len = len;
	r = volume_apply(v, &op);
	free(acl);
	return r;
}

static unsigned op_mask(unsigned mask)
{
	unsigned out = 0;

	out |= mask & VOLUME_SET_MODE ? OP_ATTR_MODE : 0;
	out |= mask & VOLUME_SET_UID ? OP_ATTR_UID : 0;
	out |= mask & VOLUME_SET_GID ? OP_ATTR_GID : 0;
	out |= mask & VOLUME_SET_ATIME ? OP_ATTR_ATIME : 0;
	out |= mask & VOLUME_SET_MTIME ? OP_ATTR_MTIME : 0;
	out |= mask & VOLUME_SET_CTIME ? OP_ATTR_CTIME : 0;
	return out;
}

static int setattr_locked(struct volume *v, uint64_t ino, unsigned mask,
                          const struct volume_attr *attr)
{
	struct op op = {.type = OP_SETATTR,
	                .time_ns = volume_now_ns(v),
	                .attr = {.ino = ino, .mask = op_mask(mask)}};
	struct index_inode row;
	int r = index_inode_get(v->ix, ino, INDEX_NOW, &row);

	if (r != 0)
		return r;
	op.attr.attr = (struct index_inode){.mode = attr->mode,
	                                    .uid = attr->uid,
	                                    .gid = attr->gid,
	                                    .atime_ns = attr->atime_ns,
	                                    .mtime_ns = attr->mtime_ns,
	                                    .ctime_ns = attr->ctime_ns};
	if (mask & VOLUME_KILL_PRIV && !(mask & VOLUME_SET_MODE) && !S_ISDIR(row.mode) &&
	    row.mode & (S_ISUID | S_ISGID)) {
		op.attr.mask |= OP_ATTR_MODE;
		op.attr.attr.mode =
		    row.mode & ~(uint32_t)(S_ISUID | (row.mode & S_IXGRP ? S_ISGID : 0));
	}
	if (op.attr.mask == 0)
		return 0;
	/* the ACL first: the attributes have the last word on the times */
	if (mask & VOLUME_SET_MODE)
		r = chmod_acl(v, ino, attr->mode);
	return r ? r : volume_apply(v, &op);
}

int volume_setattr(struct volume *v, uint64_t ino, unsigned mask, const struct volume_attr *attr,
                   struct volume_attr *ret)
{
	struct index_inode row;
	int r = 0;

	if (mask & VOLUME_SET_SIZE)
		r = volume_truncate(v, ino, attr->size,
		                    mask & VOLUME_KILL_PRIV ? VOLUME_WRITE_KILL_PRIV : 0);
	if (r != 0)
		return r;
	lock_take(&v->lock);
	r = setattr_locked(v, ino,
	                   mask & ~(unsigned)(mask & VOLUME_SET_SIZE ? VOLUME_KILL_PRIV : 0), attr);
	if (r == 0)
		r = index_inode_get(v->ix, ino, INDEX_NOW, &row);
	if (r == 0)
		volume_attr_from(&row, ret);
	lock_drop(&v->lock);
	volume_relieve(v);
	return r;
}

/* ---- extended attributes ---- */

int volume_getxattr(struct volume *v, uint64_t ino, int64_t at, const char *name, void *out,
                    size_t size, size_t *ret_len)
{
	const void *value;
	size_t len;
	int r = check_xattr_name(name);

	if (r != 0)
		return r;
	lock_take(&v->lock);
	r = index_xattr_get(v->ix, ino, at, name, strlen(name), &value, &len);
	if (r == 0 && size != 0 && len > size)
		r = ERR_RANGE;
	if (r == 0 && size != 0 && len)
		memcpy(out, value, len);
	if (r == 0)
		*ret_len = len;
	lock_drop(&v->lock);
	return r;
}

/* With `lock`: an access ACL sets the permission bits. Tells whether it says more than they do. */
static int set_access_acl(struct volume *v, struct op *op, bool *ret_needed)
{
	struct index_inode row;
	int r;

	if (!acl_valid(op->xattr.value, op->xattr.value_len))
		return ERR_INVAL;
	r = index_inode_get(v->ix, op->xattr.ino, INDEX_NOW, &row);
	if (r != 0)
		return r;
	op->xattr.mask = OP_ATTR_MODE;
	op->xattr.mode =
	    (row.mode & ~0777u) | acl_mode(op->xattr.value, op->xattr.value_len, ret_needed);
	return 0;
}

/* With `lock`: an access ACL that says no more than the permission bits becomes these. */
static int set_bare_acl(struct volume *v, const struct op *acl, bool had)
{
	struct op gone = {.type = OP_XATTR_REMOVE,
	                  .time_ns = acl->time_ns,
	                  .xattr = {.ino = acl->xattr.ino,
	                            .name = acl->xattr.name,
	                            .name_len = acl->xattr.name_len}};
	struct op bits = {.type = OP_SETATTR,
	                  .time_ns = acl->time_ns,
	                  .attr = {.ino = acl->xattr.ino, .mask = OP_ATTR_MODE}};
	int r = had ? volume_apply(v, &gone) : 0;

	bits.attr.attr.mode = acl->xattr.mode;
	return r ? r : volume_apply(v, &bits);
}

int volume_setxattr(struct volume *v, uint64_t ino, const char *name, const void *value, size_t len,
                    unsigned flags)
{
	struct op op = {.type = OP_XATTR_SET,
	                .time_ns = volume_now_ns(v),
	                .xattr = {.ino = ino,
	                          .name = name,
	                          .name_len = strlen(name),
	                          .value = value,
	                          .value_len = len}};
	const void *old;
	size_t old_len;
	bool had, needed = true;
	int r = check_xattr_name(name);

	if (r != 0)
		return r;
	if (len > VOLUME_XATTR_MAX)
		return ERR_FBIG;
	lock_take(&v->lock);
	r = index_xattr_get(v->ix, ino, INDEX_NOW, name, strlen(name), &old, &old_len);
	had = r == 0;
	if (r == 0 && flags & VOLUME_XATTR_CREATE)
		r = ERR_EXIST;
	else if (r == ERR_NODATA && !(flags & VOLUME_XATTR_REPLACE))
		r = 0;
	if (r == 0 && strcmp(name, ACL_XATTR_ACCESS) == 0)
		r = set_access_acl(v, &op, &needed);
	else if (r == 0 && is_acl(name) && !acl_valid(value, len))
		r = ERR_INVAL;
	if (r == 0)
		r = needed ? volume_apply(v, &op) : set_bare_acl(v, &op, had);
	lock_drop(&v->lock);
	volume_relieve(v);
	return r;
}

int volume_removexattr(struct volume *v, uint64_t ino, const char *name)
{
	struct op op = {.type = OP_XATTR_REMOVE,
	                .time_ns = volume_now_ns(v),
	                .xattr = {.ino = ino, .name = name, .name_len = strlen(name)}};
	int r = check_xattr_name(name);

	if (r != 0)
		return r;
	lock_take(&v->lock);
	r = volume_apply(v, &op);
	lock_drop(&v->lock);
	return r;
}

struct list_ctx {
	char *out;
	size_t size, len;
};

static int list_one(void *ctx, const char *name, size_t name_len, const void *value,
                    size_t value_len)
{
	struct list_ctx *c = ctx;

	(void)value;
	(void)value_len;
	if (c->len + name_len + 1 <= c->size) {
		memcpy(c->out + c->len, name, name_len);
		c->out[c->len + name_len] = '\0';
	}
	c->len += name_len + 1;
	return 0;
}

int volume_listxattr(struct volume *v, uint64_t ino, int64_t at, char *out, size_t size,
                     size_t *ret_len)
{
	struct list_ctx c = {out, size, 0};
	int r;

	lock_take(&v->lock);
	r = index_xattr_list(v->ix, ino, at, list_one, &c);
	lock_drop(&v->lock);
	if (r == 0 && size != 0 && c.len > size)
		r = ERR_RANGE;
	if (r == 0)
		*ret_len = c.len;
	return r;
}
