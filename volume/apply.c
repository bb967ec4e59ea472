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
 *      once it has no entry
 *   A3 inode.pages is the number of pages in its extents, which do not overlap
 *   A4 an inode's `born` is the epoch of the last change of its row, xattrs or extents
 */
#include "volume/apply.h"

#include "util/err.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

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
	return apply_set_inode(v, &row);
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
	return r ? r : apply_set_inode(v, &row);
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

static int apply_filekey(struct volume *v, const struct op *op)
{
	struct index_inode row;
	struct index_filekey there;
	int r = index_inode_get(v->ix, op->filekey.id, INDEX_NOW, &row);

	if (r == 0 && !S_ISREG(row.mode))
		r = ERR_INVAL;
	if (r == 0)
		r = index_filekey_get(v->ix, op->filekey.id, &there) == ERR_NOENT ? 0 : ERR_EXIST;
	if (r != 0)
		return r;
	v->mutating = true;
	return index_filekey_set(v->ix, &op->filekey);
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
	case OP_FILEKEY:
		return apply_filekey(v, op);
	case OP_EVENT:
		return 0; /* to be remembered, and nothing else */
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

/* Book-keeping of packs and events do not begin an epoch: nothing of them can be seen in the past.
 */
static void mark_dirty(struct volume *v, const struct op *op)
{
	struct index_state *s = index_state(v->ix);

	if (op->type == OP_PACK || op->type == OP_PACK_END)
		return;
	v->batch_dirty = true;
	if (op->type == OP_EPOCH || op->type == OP_EVENT)
		return;
	v->epoch_dirty = true;
	if (s->epoch_opened_ns == 0)
		s->epoch_opened_ns = volume_wall_ns(v);
}

/* What takes room on a local disk that has none left. Removing always works, also of a part of a file (which seals the page at its
 * edge anew). */
static bool needs_room(const struct op *op)
{
	return op->type == OP_CREATE || op->type == OP_LINK || op->type == OP_XATTR_SET ||
	       op->type == OP_RESTORE ||
	       (op->type == OP_WRITE && op->attr.nextents > 0 && op->attr.nclears == 0);
}

int volume_apply(struct volume *v, const struct op *op)
{
	int r = v->replaying ? 0 : volume_writable(v);

	if (r == 0 && v->disk_low && !v->replaying && needs_room(op))
		r = err_note(ERR_NOSPC, "the disk of the state folder is full");
	if (r == 0 && v->params.quota_bytes && !v->replaying && op->type == OP_WRITE)
		r = volume_room_quota(v, op);
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
