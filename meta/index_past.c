/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What changed between two epochs, and bringing an inode back.
 *
 * Bringing back makes the current rows of @dst equal to the rows that @src had at epoch `at`, in
 * two passes for each table: what should not be there goes, what is missing comes. What `at` sees
 * never changes while that is done, also when @dst is @src: rows only move from the current table
 * to the past with died = the open epoch, which is after `at`. Rows are taken in batches, so that
 * no statement walks over a table that is being written, and memory stays the same for any file.
 */
#include "meta/index_impl.h"

#include "util/err.h"

#include <string.h>

#define BATCH 64

/* ---- changes ---- */

int index_changed_inodes(struct index *ix, int64_t from, int64_t to, index_ino_fn fn, void *ctx)
{
	struct index_cols c = {0};
	int rc;

	rc =
	    index_stmt_get(ix, STMT_CHANGED_INODES,
	                   "SELECT ino FROM inode WHERE born>?1 AND born<=?2 "
	                   "UNION SELECT ino FROM inode_past WHERE born>?1 AND born<=?2 "
	                   "UNION SELECT ino FROM inode_past WHERE died>?1 AND died<=?2 ORDER BY 1",
	                   &c.st);
	if (rc != 0)
		return rc;
	index_bind_i64(c.st, 1, from);
	index_bind_i64(c.st, 2, to);
	while ((rc = index_stmt_step(ix, c.st)) == 1) {
		uint64_t ino;

		c.at = 0;
		ino = index_cols_u64(&c, 1, INT64_MAX);
		rc = index_cols_end(&c);
		if (rc == 0)
			rc = fn(ctx, ino);
		if (rc != 0)
			break;
	}
	return index_stmt_end(ix, STMT_CHANGED_INODES, c.st, rc);
}

int index_changed_dentries(struct index *ix, int64_t from, int64_t to, index_dentry_fn fn,
                           void *ctx)
{
	struct index_cols c = {0};
	int rc;

	rc = index_stmt_get(
	    ix, STMT_CHANGED_DENTRIES,
	    "SELECT parent,name FROM dentry WHERE born>?1 AND born<=?2 "
	    "UNION SELECT parent,name FROM dentry_past WHERE born>?1 AND born<=?2 "
	    "UNION SELECT parent,name FROM dentry_past WHERE died>?1 AND died<=?2 ORDER BY 1,2",
	    &c.st);
	if (rc != 0)
		return rc;
	index_bind_i64(c.st, 1, from);
	index_bind_i64(c.st, 2, to);
	while ((rc = index_stmt_step(ix, c.st)) == 1) {
		struct index_dentry row = {0};

		c.at = 0;
		row.parent = index_cols_u64(&c, 1, INT64_MAX);
		row.name = index_cols_blob(&c, 1, INDEX_NAME_MAX, &row.name_len);
		rc = index_cols_end(&c);
		if (rc == 0)
			rc = fn(ctx, &row, NULL);
		if (rc != 0)
			break;
	}
	return index_stmt_end(ix, STMT_CHANGED_DENTRIES, c.st, rc);
}

int index_inode_versions(struct index *ix, uint64_t ino, index_epoch_fn fn, void *ctx)
{
	struct index_cols c = {0};
	int rc;

	rc = index_stmt_get(ix, STMT_INODE_VERSIONS,
	                    "SELECT born FROM inode WHERE ino=?1 "
	                    "UNION ALL SELECT born FROM inode_past WHERE ino=?1 ORDER BY 1 DESC",
	                    &c.st);
	if (rc != 0)
		return rc;
	index_bind_u64(c.st, 1, ino);
	while ((rc = index_stmt_step(ix, c.st)) == 1) {
		c.at = 0;
		rc = fn(ctx, index_cols_i64(&c), 0);
		if (rc != 0)
			break;
	}
	return index_stmt_end(ix, STMT_INODE_VERSIONS, c.st, rc);
}

/* ---- revive: the row ---- */

static bool same_inode(const struct index_inode *a, const struct index_inode *b)
{
	return a->mode == b->mode && a->uid == b->uid && a->gid == b->gid && a->rdev == b->rdev &&
	       a->size == b->size && a->pages == b->pages && a->atime_ns == b->atime_ns &&
	       a->mtime_ns == b->mtime_ns && a->ctime_ns == b->ctime_ns &&
	       a->btime_ns == b->btime_ns && !a->target == !b->target &&
	       a->target_len == b->target_len &&
	       (a->target_len == 0 || memcmp(a->target, b->target, a->target_len) == 0);
}

static int revive_inode(struct index *ix, uint64_t dst, uint64_t src, int64_t at)
{
	uint8_t target[INDEX_TARGET_MAX];
	struct index_inode want, now;
	int rc;

	rc = index_inode_get(ix, src, at, &want);
	if (rc == ERR_NOENT)
		return ERR_NOHISTORY;
	if (rc != 0)
		return rc;
	if (want.target) {
		memcpy(target, want.target, want.target_len);
		want.target = target;
	}
	want.ino = dst;
	want.nlink = 0;
	rc = index_inode_get(ix, dst, INDEX_NOW, &now);
	if (rc == ERR_NOENT)
		return index_inode_add(ix, &want);
	want.nlink = now.nlink;
	if (rc != 0 || same_inode(&want, &now))
		return rc;
	return index_inode_set(ix, &want);
}

/* ---- revive: xattrs ---- */

#define WANTED                                                                              \
	"WITH want(name,value) AS (SELECT name,value FROM xattr WHERE ino=?2 AND born<=?3 " \
	"UNION ALL SELECT name,value FROM xattr_past WHERE ino=?2 AND born<=?3 AND died>?3) "

static int run_wanted(struct index *ix, enum index_stmt id, const char *sql, uint64_t dst,
                      uint64_t src, int64_t at)
{
	sqlite3_stmt *st;
	int rc;

	rc = index_stmt_get(ix, id, sql, &st);
	if (rc != 0)
		return rc;
	index_bind_u64(st, 1, dst);
	index_bind_u64(st, 2, src);
	index_bind_i64(st, 3, at);
	if (sqlite3_bind_parameter_count(st) == 4)
		index_bind_i64(st, 4, ix->state.epoch);
	rc = index_stmt_run(ix, id, st);
	if (rc == 0 && sqlite3_changes(ix->db) > 0)
		rc = index_inode_touch(ix, dst);
	return rc;
}

static int revive_xattrs(struct index *ix, uint64_t dst, uint64_t src, int64_t at)
{
	int rc;

	rc = run_wanted(ix, STMT_REVIVE_XATTR_REMOVE,
	                WANTED "DELETE FROM xattr WHERE ino=?1 AND name NOT IN "
	                       "(SELECT name FROM want)",
	                dst, src, at);
	if (rc != 0)
		return rc;
	return run_wanted(
	    ix, STMT_REVIVE_XATTR_SET,
	    WANTED "INSERT OR FAIL INTO xattr(ino,name,value,born) "
	           "SELECT ?1,name,value,?4 FROM want WHERE true "
	           "ON CONFLICT(ino,name) DO UPDATE SET value=excluded.value,born=excluded.born "
	           "WHERE value IS NOT excluded.value",
	    dst, src, at);
}

/* ---- revive: extents ---- */

struct batch {
	struct index_extent rows[BATCH];
	size_t count;
};

static int batch_add(void *ctx, const struct index_extent *row)
{
	struct batch *b = ctx;

	b->rows[b->count++] = *row;
	return b->count == BATCH ? 1 : 0; /* above 0: full, no error */
}

struct wanted {
	const struct index_extent *row;
	bool found;
};

static int compare_extent(void *ctx, const struct index_extent *row)
{
	struct wanted *w = ctx;
	const struct index_extent *a = w->row;

	w->found = a->page == row->page && a->npages == row->npages && a->first == row->first &&
	           a->tail == row->tail && a->key == row->key && a->pack == row->pack &&
	           a->off == row->off && memcmp(a->salt, row->salt, INDEX_SALT_BYTES) == 0;
	return 1;
}

/* Whether @ino has the extent @row at @at. */
static int has_extent(struct index *ix, uint64_t ino, int64_t at, const struct index_extent *row,
                      bool *ret)
{
	struct wanted w = {.row = row};
	int rc = index_extent_list(ix, ino, at, row->page, 1, compare_extent, &w);

	*ret = w.found;
	return rc < 0 ? rc : 0;
}

static int drop_extent(struct index *ix, const struct index_extent *row)
{
	int rc = index_inode_touch(ix, row->ino);

	if (rc == 0)
		rc = index_extent_remove_range(ix, row->ino, row->page, row->page + 1);
	return rc;
}

/*
 * Walk the extents of @walk at @walk_at; for each that @other does not have at @other_at, either
 * remove it (it is a current one) or add it to @other.
 */
static int sync_extents(struct index *ix, uint64_t walk, int64_t walk_at, uint64_t other,
                        int64_t other_at, bool remove)
{
	struct batch b;
	uint64_t page = 0;
	int rc;

	do {
		b.count = 0;
		rc = index_extent_list(ix, walk, walk_at, page, UINT64_MAX, batch_add, &b);
		for (size_t i = 0; rc >= 0 && i < b.count; i++) {
			struct index_extent *row = &b.rows[i];
			bool same = false;
			int one;

			one = has_extent(ix, other, other_at, row, &same);
			page = row->page + row->npages;
			if (one == 0 && !same && remove)
				one = drop_extent(ix, row);
			if (one == 0 && !same && !remove) {
				row->ino = other;
				one = index_extent_add(ix, row);
			}
			if (one != 0)
				rc = one;
		}
	} while (rc > 0);
	return rc;
}

int index_revive(struct index *ix, uint64_t dst, uint64_t src, int64_t at)
{
	int rc;

	rc = revive_inode(ix, dst, src, at);
	if (rc != 0 || (dst == src && at >= ix->state.epoch))
		return rc;
	rc = revive_xattrs(ix, dst, src, at);
	if (rc == 0)
		rc = sync_extents(ix, dst, INDEX_NOW, src, at, true);
	if (rc == 0)
		rc = sync_extents(ix, src, at, dst, INDEX_NOW, false);
	return rc;
}
