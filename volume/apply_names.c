/* SPDX-License-Identifier: Apache-2.0 */
/* Applying operations on names: create, link, unlink, rename. */
#include "volume/apply.h"

#include "util/err.h"

#include <string.h>
#include <sys/stat.h>

static const char acl_access_name[] = "system.posix_acl_access";
static const char acl_default_name[] = "system.posix_acl_default";

static int get_folder(struct volume *v, uint64_t ino, struct index_inode *ret)
{
	int r = index_inode_get(v->ix, ino, INDEX_NOW, ret);

	if (r != 0)
		return r;
	if (!S_ISDIR(ret->mode))
		return ERR_NOTDIR;
	return ret->nlink ? 0 : ERR_NOENT; /* nothing is made in a removed folder */
}

static int check_name(const struct op_name *n)
{
	if (n->len == 0)
		return ERR_NOENT;
	if (n->len > INDEX_NAME_MAX)
		return ERR_NAMETOOLONG;
	if (memchr(n->name, '/', n->len) || memchr(n->name, '\0', n->len))
		return ERR_INVAL;
	if ((n->len == 1 && n->name[0] == '.') || (n->len == 2 && memcmp(n->name, "..", 2) == 0))
		return ERR_EXIST;
	return 0;
}

int apply_find_entry(struct volume *v, const struct op_name *n, struct index_dentry *ret)
{
	return index_dentry_get(v->ix, n->parent, n->name, n->len, INDEX_NOW, ret);
}

static int check_free(struct volume *v, const struct op_name *n)
{
	struct index_dentry there;
	int r = check_name(n);

	if (r != 0)
		return r;
	r = apply_find_entry(v, n, &there);
	return r == ERR_NOENT ? 0 : r == 0 ? ERR_EXIST : r;
}

int apply_set_inode(struct volume *v, struct index_inode *row)
{
	char target[VOLUME_TARGET_MAX + 1];
	struct index_inode again;
	int r;

	if (!S_ISLNK(row->mode))
		return index_inode_set(v->ix, row);
	r = index_inode_get(v->ix, row->ino, INDEX_NOW, &again);
	if (r != 0)
		return r;
	if (again.target_len > VOLUME_TARGET_MAX)
		return ERR_CORRUPT;
	memcpy(target, again.target, again.target_len);
	row->target = target;
	row->target_len = again.target_len;
	return index_inode_set(v->ix, row);
}

static int touch_folder(struct volume *v, struct index_inode *folder, int64_t time_ns, int links)
{
	folder->mtime_ns = time_ns;
	folder->ctime_ns = time_ns;
	folder->nlink = (uint32_t)((int)folder->nlink + links);
	return apply_set_inode(v, folder);
}

int apply_add_entry(struct volume *v, const struct op_name *n, uint64_t ino)
{
	const struct index_dentry row = {
	    .parent = n->parent, .name = n->name, .name_len = n->len, .ino = ino};

	return index_dentry_add(v->ix, &row);
}

int apply_point_entry(struct volume *v, const struct op_name *n, uint64_t ino)
{
	const struct index_dentry row = {
	    .parent = n->parent, .name = n->name, .name_len = n->len, .ino = ino};

	return index_dentry_set(v->ix, &row);
}

/* ---- create, link, unlink ---- */

/* O_TMPFILE: a file that gets its name, if ever, by a LINK. */
static bool is_unnamed(const struct op *op)
{
	return op->create.at.parent != 0 && op->create.at.len == 0;
}

static int create_inode(struct volume *v, const struct op *op)
{
	struct index_inode row = {
	    .ino = op->create.ino,
	    .mode = op->create.mode,
	    .uid = op->create.uid,
	    .gid = op->create.gid,
	    .nlink = S_ISDIR(op->create.mode) ? 2
	             : is_unnamed(op)         ? 0
	                                      : 1,
	    .rdev = op->create.rdev,
	    .size = S_ISLNK(op->create.mode) ? op->create.target_len : 0,
	    .atime_ns = op->time_ns,
	    .mtime_ns = op->time_ns,
	    .ctime_ns = op->time_ns,
	    .btime_ns = op->time_ns,
	    .target = op->create.target_len ? op->create.target : NULL,
	    .target_len = op->create.target_len,
	};
	struct index_filekey key = {.id = op->create.ino, .master = op->create.master};
	int r = index_inode_add(v->ix, &row);

	if (r == 0 && op->create.master) {
		memcpy(key.wrapped, op->create.wrapped, sizeof(key.wrapped));
		r = index_filekey_set(v->ix, &key);
	}
	if (r == 0 && op->create.acl_len)
		r = index_xattr_set(v->ix, row.ino, acl_access_name, sizeof(acl_access_name) - 1,
		                    op->create.acl, op->create.acl_len);
	if (r == 0 && op->create.default_acl_len)
		r = index_xattr_set(v->ix, row.ino, acl_default_name, sizeof(acl_default_name) - 1,
		                    op->create.default_acl, op->create.default_acl_len);
	return r;
}

int apply_create(struct volume *v, const struct op *op)
{
	struct index_state *s = index_state(v->ix);
	bool is_root = op->create.at.parent == 0;
	struct index_inode folder;
	int r;

	if (is_root) {
		r = op->create.ino == VOLUME_ROOT && S_ISDIR(op->create.mode) ? 0 : ERR_INVAL;
		if (r == 0 && index_inode_get(v->ix, VOLUME_ROOT, INDEX_NOW, &folder) != ERR_NOENT)
			r = ERR_EXIST;
	} else {
		r = op->create.ino >= s->next_ino ? 0 : ERR_INVAL;
		if (r == 0 && is_unnamed(op))
			r = S_ISREG(op->create.mode) ? 0 : ERR_INVAL;
		else if (r == 0)
			r = check_free(v, &op->create.at);
		if (r == 0)
			r = get_folder(v, op->create.at.parent, &folder);
		if (r == 0 && S_ISDIR(op->create.mode) && folder.nlink >= VOLUME_LINK_MAX)
			r = ERR_MLINK;
	}
	if (r != 0)
		return r;
	v->mutating = true;
	r = create_inode(v, op);
	if (r == 0 && is_unnamed(op)) {
		v->orphans++;
	} else if (r == 0 && !is_root) {
		r = apply_add_entry(v, &op->create.at, op->create.ino);
		if (r == 0)
			r = touch_folder(v, &folder, op->time_ns, S_ISDIR(op->create.mode) ? 1 : 0);
	}
	if (r == 0 && op->create.ino >= s->next_ino)
		s->next_ino = op->create.ino + 1;
	return r;
}

int apply_link(struct volume *v, const struct op *op)
{
	struct index_inode row, folder;
	int r = check_free(v, &op->link.at);

	if (r == 0)
		r = get_folder(v, op->link.at.parent, &folder);
	if (r == 0)
		r = index_inode_get(v->ix, op->link.ino, INDEX_NOW, &row);
	if (r != 0)
		return r;
	if (S_ISDIR(row.mode))
		return ERR_PERM;
	if (row.nlink >= VOLUME_LINK_MAX)
		return ERR_MLINK;
	v->mutating = true;
	if (row.nlink == 0 && v->orphans > 0)
		v->orphans--;
	row.nlink++;
	row.ctime_ns = op->time_ns;
	r = apply_set_inode(v, &row);
	if (r == 0)
		r = apply_add_entry(v, &op->link.at, op->link.ino);
	if (r == 0)
		r = touch_folder(v, &folder, op->time_ns, 0);
	return r;
}

static int check_empty(struct volume *v, uint64_t ino)
{
	bool any;
	int r = index_dentry_any(v->ix, ino, &any);

	return r ? r : any ? ERR_NOTEMPTY : 0;
}

/* An entry of @row goes away (without touching the folder it was in). */
static int lose_link(struct volume *v, struct index_inode *row, int64_t time_ns)
{
	if (S_ISDIR(row->mode))
		row->nlink = 0;
	else if (row->nlink > 0)
		row->nlink--;
	row->ctime_ns = time_ns;
	if (row->nlink == 0)
		v->orphans++;
	return apply_set_inode(v, row);
}

int apply_unlink(struct volume *v, const struct op *op)
{
	struct index_dentry entry;
	struct index_inode row, folder;
	bool is_dir;
	int r = apply_find_entry(v, &op->unlink.at, &entry);

	if (r == 0)
		r = index_inode_get(v->ix, entry.ino, INDEX_NOW, &row);
	if (r == 0 && S_ISDIR(row.mode))
		r = check_empty(v, row.ino);
	if (r == 0)
		r = get_folder(v, op->unlink.at.parent, &folder);
	if (r != 0)
		return r;
	is_dir = S_ISDIR(row.mode);
	v->mutating = true;
	r = index_dentry_remove(v->ix, op->unlink.at.parent, op->unlink.at.name, op->unlink.at.len);
	if (r == 0)
		r = lose_link(v, &row, op->time_ns);
	if (r == 0)
		r = touch_folder(v, &folder, op->time_ns, is_dir ? -1 : 0);
	return r;
}

/* ---- rename ---- */

struct rename_plan {
	struct index_dentry from, to; /* to.ino 0: the name is free */
	struct index_inode moved, target, old_folder, new_folder;
};

/* Is @ino the folder @at or one above it? Then @ino cannot move into it. */
static int is_above(struct volume *v, uint64_t ino, uint64_t at, bool *ret)
{
	uint64_t parent;
	int r = 0;

	*ret = false;
	while (r == 0 && at != VOLUME_ROOT) {
		if (at == ino) {
			*ret = true;
			return 0;
		}
		r = volume_parent_locked(v, at, INDEX_NOW, &parent);
		at = parent;
	}
	return r;
}

static int check_into_itself(struct volume *v, const struct index_inode *row, uint64_t folder)
{
	bool above;
	int r;

	if (!S_ISDIR(row->mode))
		return 0;
	r = is_above(v, row->ino, folder, &above);
	return r ? r : above ? ERR_INVAL : 0;
}

static int plan_rename(struct volume *v, const struct op *op, struct rename_plan *p)
{
	bool exchange = op->rename.flags & OP_RENAME_EXCHANGE;
	int r = check_name(&op->rename.to);

	if (r == ERR_EXIST)
		return ERR_INVAL;
	if (r == 0)
		r = apply_find_entry(v, &op->rename.from, &p->from);
	if (r == 0)
		r = index_inode_get(v->ix, p->from.ino, INDEX_NOW, &p->moved);
	if (r == 0)
		r = get_folder(v, op->rename.from.parent, &p->old_folder);
	if (r == 0)
		r = get_folder(v, op->rename.to.parent, &p->new_folder);
	if (r != 0)
		return r;
	r = apply_find_entry(v, &op->rename.to, &p->to);
	if (r == ERR_NOENT && !exchange)
		p->to.ino = 0;
	else if (r != 0)
		return r;
	if (p->to.ino) {
		if (op->rename.flags & OP_RENAME_NOREPLACE)
			return ERR_EXIST;
		r = index_inode_get(v->ix, p->to.ino, INDEX_NOW, &p->target);
		if (r != 0)
			return r;
	}
	r = check_into_itself(v, &p->moved, op->rename.to.parent);
	if (r == 0 && exchange)
		r = check_into_itself(v, &p->target, op->rename.from.parent);
	if (r != 0 || !p->to.ino || exchange || p->to.ino == p->from.ino)
		return r;
	if (S_ISDIR(p->target.mode) != S_ISDIR(p->moved.mode))
		return S_ISDIR(p->target.mode) ? ERR_ISDIR : ERR_NOTDIR;
	return S_ISDIR(p->target.mode) ? check_empty(v, p->to.ino) : 0;
}

/* Both folders get new times; what changes in the number of folders in them goes along. */
static int touch_both(struct volume *v, const struct op *op, struct rename_plan *p, int old_links,
                      int new_links)
{
	int r;

	if (op->rename.from.parent == op->rename.to.parent)
		return touch_folder(v, &p->old_folder, op->time_ns, old_links + new_links);
	r = touch_folder(v, &p->old_folder, op->time_ns, old_links);
	return r ? r : touch_folder(v, &p->new_folder, op->time_ns, new_links);
}

static int exchange(struct volume *v, const struct op *op, struct rename_plan *p)
{
	int moved = S_ISDIR(p->moved.mode) ? 1 : 0;
	int target = S_ISDIR(p->target.mode) ? 1 : 0;
	int r = apply_point_entry(v, &op->rename.from, p->to.ino);

	if (r == 0)
		r = apply_point_entry(v, &op->rename.to, p->from.ino);
	p->moved.ctime_ns = op->time_ns;
	p->target.ctime_ns = op->time_ns;
	if (r == 0)
		r = apply_set_inode(v, &p->moved);
	if (r == 0)
		r = apply_set_inode(v, &p->target);
	return r ? r : touch_both(v, op, p, target - moved, moved - target);
}

int apply_rename(struct volume *v, const struct op *op)
{
	struct rename_plan p = {0};
	int moved, gone;
	int r = plan_rename(v, op, &p);

	if (r != 0)
		return r;
	v->mutating = true;
	if (p.to.ino == p.from.ino)
		return 0; /* two names of one file, or one name: nothing happens (POSIX rename) */
	if (op->rename.flags & OP_RENAME_EXCHANGE)
		return exchange(v, op, &p);
	moved = S_ISDIR(p.moved.mode) ? 1 : 0;
	gone = p.to.ino && S_ISDIR(p.target.mode) ? 1 : 0;
	if (p.to.ino)
		r = lose_link(v, &p.target, op->time_ns);
	if (r == 0)
		r = p.to.ino ? apply_point_entry(v, &op->rename.to, p.from.ino)
		             : apply_add_entry(v, &op->rename.to, p.from.ino);
	if (r == 0)
		r = index_dentry_remove(v->ix, op->rename.from.parent, op->rename.from.name,
		                        op->rename.from.len);
	p.moved.ctime_ns = op->time_ns;
	if (r == 0)
		r = apply_set_inode(v, &p.moved);
	return r ? r : touch_both(v, op, &p, -moved, moved - gone);
}
