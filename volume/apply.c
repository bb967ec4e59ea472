/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Applying operations: the only code that changes a volume, for the live mount, for recovery and
 * for a fresh machine that replays the log.
 *
 * Each operation first checks everything against the index (an error then leaves all as it was),
 * sets v->mutating, and changes the index. It reads no clock and no random source: the record says
 * everything.
 *
 * Invariants of the state, kept by every operation
 *   A1 an entry's inode exists; a folder has exactly one entry (the root none)
 *   A2 nlink of a file is the number of its entries; of a folder 2 + the number of folders in it, 0
 * once it has no entry A3 inode.pages is the number of pages in its extents, which do not overlap
 *   A4 an inode's `born` is the epoch of the last change of its row, xattrs or extents
 */
#include "volume/impl.h"

#include "util/err.h"

#include <stdio.h>
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

static int find_entry(struct volume *v, const struct op_name *n, struct index_dentry *ret)
{
	return index_dentry_get(v->ix, n->parent, n->name, n->len, INDEX_NOW, ret);
}

static int check_free(struct volume *v, const struct op_name *n)
{
	struct index_dentry there;
	int r = check_name(n);

	if (r != 0)
		return r;
	r = find_entry(v, n, &there);
	return r == ERR_NOENT ? 0 : r == 0 ? ERR_EXIST : r;
}

/* Row pointers of a result live until the next call: what is written back must own its symbolic
 * link target. */
static int set_inode(struct volume *v, struct index_inode *row)
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
	return set_inode(v, folder);
}

static int add_entry(struct volume *v, const struct op_name *n, uint64_t ino)
{
	const struct index_dentry row = {
	    .parent = n->parent, .name = n->name, .name_len = n->len, .ino = ino};

	return index_dentry_add(v->ix, &row);
}

static int point_entry(struct volume *v, const struct op_name *n, uint64_t ino)
{
	const struct index_dentry row = {
	    .parent = n->parent, .name = n->name, .name_len = n->len, .ino = ino};

	return index_dentry_set(v->ix, &row);
}

/* ---- create, link, unlink ---- */

static int create_inode(struct volume *v, const struct op *op)
{
	struct index_inode row = {
	    .ino = op->create.ino,
	    .mode = op->create.mode,
	    .uid = op->create.uid,
	    .gid = op->create.gid,
	    .nlink = S_ISDIR(op->create.mode) ? 2 : 1,
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

static int apply_create(struct volume *v, const struct op *op)
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
		if (r == 0)
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
	if (r == 0 && !is_root)
		r = add_entry(v, &op->create.at, op->create.ino);
	if (r == 0 && !is_root)
		r = touch_folder(v, &folder, op->time_ns, S_ISDIR(op->create.mode) ? 1 : 0);
	if (r == 0 && op->create.ino >= s->next_ino)
		s->next_ino = op->create.ino + 1;
	return r;
}

static int apply_link(struct volume *v, const struct op *op)
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
	if (row.nlink == 0)
		return ERR_NOENT;
	if (row.nlink >= VOLUME_LINK_MAX)
		return ERR_MLINK;
	v->mutating = true;
	row.nlink++;
	row.ctime_ns = op->time_ns;
	r = set_inode(v, &row);
	if (r == 0)
		r = add_entry(v, &op->link.at, op->link.ino);
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
	return set_inode(v, row);
}

static int apply_unlink(struct volume *v, const struct op *op)
{
	struct index_dentry entry;
	struct index_inode row, folder;
	bool is_dir;
	int r = find_entry(v, &op->unlink.at, &entry);

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
		r = find_entry(v, &op->rename.from, &p->from);
	if (r == 0)
		r = index_inode_get(v->ix, p->from.ino, INDEX_NOW, &p->moved);
	if (r == 0)
		r = get_folder(v, op->rename.from.parent, &p->old_folder);
	if (r == 0)
		r = get_folder(v, op->rename.to.parent, &p->new_folder);
	if (r != 0)
		return r;
	r = find_entry(v, &op->rename.to, &p->to);
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
	int r = point_entry(v, &op->rename.from, p->to.ino);

	if (r == 0)
		r = point_entry(v, &op->rename.to, p->from.ino);
	p->moved.ctime_ns = op->time_ns;
	p->target.ctime_ns = op->time_ns;
	if (r == 0)
		r = set_inode(v, &p->moved);
	if (r == 0)
		r = set_inode(v, &p->target);
	return r ? r : touch_both(v, op, p, target - moved, moved - target);
}

static int apply_rename(struct volume *v, const struct op *op)
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
		r = p.to.ino ? point_entry(v, &op->rename.to, p.from.ino)
		             : add_entry(v, &op->rename.to, p.from.ino);
	if (r == 0)
		r = index_dentry_remove(v->ix, op->rename.from.parent, op->rename.from.name,
		                        op->rename.from.len);
	p.moved.ctime_ns = op->time_ns;
	if (r == 0)
		r = set_inode(v, &p.moved);
	return r ? r : touch_both(v, op, &p, -moved, moved - gone);
}

/* ---- attributes and data ---- */

static void merge_attr(struct index_inode *row, const struct op *op)
{
	unsigned mask = op->attr.mask;
	const struct index_inode *a = &op->attr.attr;

	if (mask & OP_ATTR_MODE)
		row->mode = (row->mode & S_IFMT) | (a->mode & ~(uint32_t)S_IFMT);
	if (mask & OP_ATTR_UID)
		row->uid = a->uid;
	if (mask & OP_ATTR_GID)
		row->gid = a->gid;
	if (mask & OP_ATTR_ATIME)
		row->atime_ns = a->atime_ns;
	if (mask & OP_ATTR_MTIME)
		row->mtime_ns = a->mtime_ns;
	if (mask & OP_ATTR_CTIME)
		row->ctime_ns = a->ctime_ns;
	if (mask & OP_ATTR_SIZE)
		row->size = a->size;
}

static int apply_setattr(struct volume *v, const struct op *op)
{
	struct index_inode row;
	int r = index_inode_get(v->ix, op->attr.ino, INDEX_NOW, &row);

	if (r != 0)
		return r;
	v->mutating = true;
	merge_attr(&row, op);
	if (!(op->attr.mask & OP_ATTR_CTIME))
		row.ctime_ns = op->time_ns;
	return set_inode(v, &row);
}

static int apply_write(struct volume *v, const struct op *op)
{
	struct index_inode row;
	uint64_t pages;
	int r = index_inode_get(v->ix, op->attr.ino, INDEX_NOW, &row);

	if (r != 0)
		return r;
	if (!S_ISREG(row.mode))
		return ERR_INVAL;
	v->mutating = true;
	for (size_t i = 0; r == 0 && i < op->attr.nclears; i++) {
		r = index_extent_clear(v->ix, row.ino, op->attr.clears[i].page,
		                       op->attr.clears[i].npages, &pages);
		if (r == 0)
			row.pages -= pages;
	}
	for (size_t i = 0; r == 0 && i < op->attr.nextents; i++) {
		const struct index_extent *e = &op->attr.extents[i];

		r = index_extent_clear(v->ix, row.ino, e->page, e->npages, &pages);
		if (r == 0)
			r = index_extent_add(v->ix, e);
		if (r == 0)
			row.pages = row.pages - pages + e->npages;
	}
	merge_attr(&row, op);
	return r ? r : index_inode_set(v->ix, &row);
}

static int apply_xattr(struct volume *v, const struct op *op)
{
	struct index_inode row;
	const void *value;
	size_t len;
	int r = index_inode_get(v->ix, op->xattr.ino, INDEX_NOW, &row);

	if (r == 0 && op->type == OP_XATTR_REMOVE)
		r = index_xattr_get(v->ix, op->xattr.ino, INDEX_NOW, op->xattr.name,
		                    op->xattr.name_len, &value, &len);
	if (r != 0)
		return r;
	v->mutating = true;
	if (op->type == OP_XATTR_REMOVE)
		r = index_xattr_remove(v->ix, row.ino, op->xattr.name, op->xattr.name_len);
	else
		r = index_xattr_set(v->ix, row.ino, op->xattr.name, op->xattr.name_len,
		                    op->xattr.value, op->xattr.value_len);
	if (op->xattr.mask & OP_ATTR_MODE)
		row.mode = (row.mode & S_IFMT) | (op->xattr.mode & ~(uint32_t)S_IFMT);
	row.ctime_ns = op->time_ns;
	return r ? r : set_inode(v, &row);
}

static int apply_reclaim(struct volume *v, const struct op *op)
{
	struct index_inode row;
	int r = index_inode_get(v->ix, op->reclaim.ino, INDEX_NOW, &row);

	if (r != 0)
		return r;
	if (row.nlink != 0)
		return ERR_INVAL;
	v->mutating = true;
	if (v->orphans > 0)
		v->orphans--;
	return index_inode_remove(v->ix, op->reclaim.ino);
}

/* ---- packs, epochs, snapshots ---- */

static int apply_pack(struct volume *v, const struct op *op)
{
	struct index_state *s = index_state(v->ix);
	struct index_pack row = op->pack;
	int r = index_pack_get(v->ix, op->pack.num, &row);

	if (op->type == OP_PACK)
		r = r == ERR_NOENT ? 0 : r == 0 ? ERR_EXIST : r;
	if (r != 0)
		return r;
	v->mutating = true;
	if (op->type == OP_PACK)
		row = op->pack;
	else
		row.size = op->pack.size;
	r = index_pack_set(v->ix, &row);
	if (r == 0 && op->pack.num >= s->next_pack)
		s->next_pack = op->pack.num + 1;
	return r;
}

static int apply_epoch(struct volume *v, const struct op *op)
{
	struct index_state *s = index_state(v->ix);
	int r;

	if (op->epoch.epoch != s->epoch || op->time_ns <= s->last_epoch_ns)
		return ERR_INVAL;
	v->mutating = true;
	r = index_epoch_add(v->ix, s->epoch, op->time_ns);
	if (r != 0)
		return r;
	s->epoch++;
	s->epoch_opened_ns = 0;
	s->last_epoch_ns = op->time_ns;
	v->epoch_dirty = false;
	return 0;
}

static int apply_snapshot(struct volume *v, const struct op *op)
{
	struct index_snapshot row = {.name = op->snapshot.name,
	                             .name_len = op->snapshot.len,
	                             .epoch = op->snapshot.epoch,
	                             .created_ns = op->time_ns};
	struct index_snapshot there;
	int r = index_snapshot_get(v->ix, op->snapshot.name, op->snapshot.len, &there);

	if (op->type == OP_SNAPSHOT)
		r = r == ERR_NOENT || r == ERR_NOHISTORY ? 0 : r == 0 ? ERR_EXIST : r;
	if (r != 0)
		return r;
	v->mutating = true;
	return op->type == OP_SNAPSHOT
	           ? index_snapshot_add(v->ix, &row)
	           : index_snapshot_remove(v->ix, op->snapshot.name, op->snapshot.len);
}

/* ---- restore ---- */

/* The entry loses or gains its inode; folders count their folders, and themselves twice while they
 * have a name. */
static int count_link(struct volume *v, uint64_t parent, uint64_t ino, int by)
{
	struct index_inode row, folder;
	int r = index_inode_get(v->ix, ino, INDEX_NOW, &row);

	if (r != 0)
		return r;
	if (!S_ISDIR(row.mode)) {
		row.nlink = (uint32_t)((int64_t)row.nlink + by);
		return set_inode(v, &row);
	}
	row.nlink = (uint32_t)((int64_t)row.nlink + 2 * by);
	r = index_inode_set(v->ix, &row);
	if (r == 0)
		r = index_inode_get(v->ix, parent, INDEX_NOW, &folder);
	if (r != 0)
		return r;
	folder.nlink = (uint32_t)((int64_t)folder.nlink + by);
	return index_inode_set(v->ix, &folder);
}

static int step_unlink(struct volume *v, const struct op_name *at)
{
	struct index_dentry entry;
	int r = find_entry(v, at, &entry);

	if (r == 0)
		r = index_dentry_remove(v->ix, at->parent, at->name, at->len);
	return r ? r : count_link(v, at->parent, entry.ino, -1);
}

static int step_link(struct volume *v, const struct op_step *s)
{
	struct index_dentry entry;
	int r = find_entry(v, &s->at, &entry);

	if (r == 0) {
		r = point_entry(v, &s->at, s->ino);
		if (r == 0)
			r = count_link(v, s->at.parent, entry.ino, -1);
	} else if (r == ERR_NOENT) {
		r = add_entry(v, &s->at, s->ino);
	}
	return r ? r : count_link(v, s->at.parent, s->ino, 1);
}

static int add_orphan(void *ctx, uint64_t ino)
{
	(void)ino;
	(*(uint64_t *)ctx)++;
	return 0;
}

static int apply_restore(struct volume *v, const struct op *op)
{
	struct index_state *s = index_state(v->ix);
	int r = 0;

	if (op->restore.at >= s->epoch)
		return ERR_INVAL;
	v->mutating = true;
	for (size_t i = 0; r == 0 && i < op->restore.nsteps; i++) {
		const struct op_step *step = &op->restore.steps[i];

		if (step->kind == OP_STEP_UNLINK)
			r = step_unlink(v, &step->at);
		else if (step->kind == OP_STEP_LINK)
			r = step_link(v, step);
		else
			r = index_revive(v->ix, step->ino, step->src, op->restore.at);
		if (step->kind == OP_STEP_REVIVE && step->ino >= s->next_ino)
			s->next_ino = step->ino + 1;
	}
	v->orphans = 0;
	return r ? r : index_orphans(v->ix, add_orphan, &v->orphans);
}

static int dispatch(struct volume *v, const struct op *op)
{
	switch (op->type) {
	case OP_CREATE:
		return apply_create(v, op);
	case OP_LINK:
		return apply_link(v, op);
	case OP_UNLINK:
		return apply_unlink(v, op);
	case OP_RENAME:
		return apply_rename(v, op);
	case OP_SETATTR:
		return apply_setattr(v, op);
	case OP_WRITE:
		return apply_write(v, op);
	case OP_XATTR_SET:
	case OP_XATTR_REMOVE:
		return apply_xattr(v, op);
	case OP_RECLAIM:
		return apply_reclaim(v, op);
	case OP_PACK:
	case OP_PACK_END:
		return apply_pack(v, op);
	case OP_EPOCH:
		return apply_epoch(v, op);
	case OP_SNAPSHOT:
	case OP_SNAPSHOT_REMOVE:
		return apply_snapshot(v, op);
	case OP_RESTORE:
		return apply_restore(v, op);
	}
	return ERR_VERSION;
}

void volume_poison(struct volume *v, int code)
{
	if (v->poison)
		return;
	v->poison = code ? code : ERR_POISONED;
	snprintf(v->poison_note, sizeof(v->poison_note), "%s", err_note_text());
}

int volume_writable(struct volume *v)
{
	if (v->params.read_only)
		return ERR_ROFS;
	return v->poison ? err_note(ERR_POISONED, "%s: %s", err_text(v->poison), v->poison_note)
	                 : 0;
}

/* Book-keeping of packs alone does not begin an epoch: nothing of it can be seen in the past. */
static void mark_dirty(struct volume *v, const struct op *op)
{
	struct index_state *s = index_state(v->ix);

	if (op->type == OP_PACK || op->type == OP_PACK_END || op->type == OP_EPOCH)
		return;
	v->epoch_dirty = true;
	v->batch_dirty = true;
	if (s->epoch_opened_ns == 0)
		s->epoch_opened_ns = volume_wall_ns(v);
}

/* What takes room on a local disk that has none left. Removing always works. */
static bool needs_room(const struct op *op)
{
	return op->type == OP_CREATE || op->type == OP_LINK || op->type == OP_XATTR_SET ||
	       op->type == OP_RESTORE || (op->type == OP_WRITE && op->attr.nextents > 0);
}

int volume_apply(struct volume *v, const struct op *op)
{
	int r = v->replaying ? 0 : volume_writable(v);

	if (r == 0 && v->disk_low && !v->replaying && needs_room(op))
		r = err_note(ERR_NOSPC, "the disk of the state folder is full");
	if (r != 0)
		return r;
	v->mutating = false;
	r = dispatch(v, op);
	if (r == 0 && !v->replaying) {
		op_encode(&v->batch, op);
		r = buf_error(&v->batch);
	}
	if (r == 0) {
		mark_dirty(v, op);
	} else if (v->mutating) {
		volume_poison(v, r);
		r = v->replaying ? r : volume_writable(v);
	}
	v->mutating = false;
	return r;
}
