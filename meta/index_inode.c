/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inodes. Writing keeps the totals of the state: an inode counts while it has a link.
 *
 * `born` of the row is the epoch of the last change of the row, the xattrs or the data, which is
 * what lets index_changed_inodes() look at this table alone. The callers of xattrs and extents see
 * to it with index_inode_touch(); a small table of inodes that were born in this epoch for certain
 * makes that free in the usual case (a write sets the size and the times as well).
 *
 * `born` is set only when it changes: it is indexed, and a column of an index that is named in an
 * UPDATE costs two more searches.
 */
#include "meta/index_impl.h"

#include "util/err.h"

#include <sys/stat.h>

int index_inode_valid(const struct index_inode *row)
{
	bool ok = row->ino >= 1 && row->ino <= INT64_MAX && row->size <= INT64_MAX &&
	          row->pages <= INDEX_PAGE_MAX && row->target_len <= INDEX_TARGET_MAX;

	return ok ? 0 : err_note(ERR_INVAL, "index: inode %llu", (unsigned long long)row->ino);
}

void index_inode_bind(sqlite3_stmt *st, const struct index_inode *row, int64_t born)
{
	index_bind_u64(st, 1, row->ino);
	index_bind_u64(st, 2, row->mode);
	index_bind_u64(st, 3, row->uid);
	index_bind_u64(st, 4, row->gid);
	index_bind_u64(st, 5, row->nlink);
	index_bind_u64(st, 6, row->rdev);
	index_bind_u64(st, 7, row->size);
	index_bind_u64(st, 8, row->pages);
	index_bind_i64(st, 9, row->atime_ns);
	index_bind_i64(st, 10, row->mtime_ns);
	index_bind_i64(st, 11, row->ctime_ns);
	index_bind_i64(st, 12, row->btime_ns);
	if (row->target)
		index_bind_blob(st, 13, row->target, row->target_len);
	else
		sqlite3_bind_null(st, 13);
	index_bind_i64(st, 14, born);
}

/* ---- what was born in this epoch ---- */

static void touched_set(struct index *ix, uint64_t ino, int64_t epoch)
{
	ix->touched[ino % INDEX_TOUCHED].ino = ino;
	ix->touched[ino % INDEX_TOUCHED].epoch = epoch;
}

static bool touched(const struct index *ix, uint64_t ino)
{
	return ix->touched[ino % INDEX_TOUCHED].ino == ino &&
	       ix->touched[ino % INDEX_TOUCHED].epoch == ix->state.epoch;
}

int index_inode_touch(struct index *ix, uint64_t ino)
{
	sqlite3_stmt *st;
	int rc;

	if (touched(ix, ino))
		return 0;
	rc = index_stmt_get(ix, STMT_INODE_TOUCH,
	                    "UPDATE OR FAIL inode SET born=?2 WHERE ino=?1 AND born<?2", &st);
	if (rc != 0)
		return rc;
	index_bind_u64(st, 1, ino);
	index_bind_i64(st, 2, ix->state.epoch);
	rc = index_stmt_run(ix, STMT_INODE_TOUCH, st);
	if (rc == 0)
		touched_set(ix, ino, ix->state.epoch);
	return rc;
}

/* ---- reading ---- */

/* Decode the one row that @st was stepped to, keep its target, and end the statement. */
static int take_row(struct index *ix, enum index_stmt id, sqlite3_stmt *st, struct index_inode *ret)
{
	struct index_cols c = {.st = st};
	struct index_inode row;
	int rc;

	index_cols_inode(&c, &row);
	rc = index_cols_end(&c);
	if (rc == 0 && row.target)
		rc = index_stmt_keep(ix, row.target, row.target_len, &row.target);
	if (rc == 0)
		*ret = row;
	return index_stmt_end(ix, id, st, rc);
}

/* The version that died first after @at: the only one that can have lived then. */
static int get_past(struct index *ix, uint64_t ino, int64_t at, struct index_inode *ret)
{
	struct index_inode row;
	sqlite3_stmt *st;
	int rc;

	rc = index_stmt_get(
	    ix, STMT_INODE_GET_PAST,
	    "SELECT " SCHEMA_INODE("") " FROM inode_past "
	                               "WHERE ino=?1 AND died>?2 ORDER BY died LIMIT 1",
	    &st);
	if (rc != 0)
		return rc;
	index_bind_u64(st, 1, ino);
	index_bind_i64(st, 2, at);
	rc = index_stmt_step(ix, st);
	if (rc <= 0)
		return index_stmt_end(ix, STMT_INODE_GET_PAST, st, rc ? rc : ERR_NOENT);
	rc = take_row(ix, STMT_INODE_GET_PAST, st, &row);
	if (rc != 0)
		return rc;
	if (row.born > at)
		return ERR_NOENT;
	*ret = row;
	return 0;
}

int index_inode_get(struct index *ix, uint64_t ino, int64_t at, struct index_inode *ret)
{
	struct index_inode row;
	sqlite3_stmt *st;
	int rc;

	rc = index_stmt_get(ix, STMT_INODE_GET,
	                    "SELECT " SCHEMA_INODE("") " FROM inode WHERE ino=?1", &st);
	if (rc != 0)
		return rc;
	index_bind_u64(st, 1, ino);
	rc = index_stmt_step(ix, st);
	if (rc == 1)
		rc = take_row(ix, STMT_INODE_GET, st, &row);
	else
		rc = index_stmt_end(ix, STMT_INODE_GET, st, rc ? rc : ERR_NOENT);
	if ((rc == 0 && row.born > at) || (rc == ERR_NOENT && at != INDEX_NOW))
		return get_past(ix, ino, at, ret);
	if (rc == 0)
		*ret = row;
	return rc;
}

int index_orphans(struct index *ix, index_ino_fn fn, void *ctx)
{
	struct index_cols c = {0};
	int rc;

	rc = index_stmt_get(ix, STMT_INODE_ORPHANS,
	                    "SELECT ino FROM inode WHERE nlink=0 ORDER BY ino", &c.st);
	if (rc != 0)
		return rc;
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
	return index_stmt_end(ix, STMT_INODE_ORPHANS, c.st, rc);
}

/* ---- writing ---- */

static void count(struct index_state *s, const struct index_inode *row, uint64_t sign)
{
	if (row->nlink == 0)
		return;
	if (S_ISDIR(row->mode))
		s->folders += sign;
	else
		s->files += sign;
	if (S_ISREG(row->mode))
		s->bytes += sign * row->size;
	s->pages += sign * row->pages;
}

int index_inode_add(struct index *ix, const struct index_inode *row)
{
	sqlite3_stmt *st;
	int rc;

	rc = index_inode_valid(row);
	if (rc == 0)
		rc =
		    index_stmt_get(ix, STMT_INODE_ADD,
		                   "INSERT INTO inode(" SCHEMA_INODE(
		                       "") ") "
		                           "VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14)",
		                   &st);
	if (rc != 0)
		return rc;
	index_inode_bind(st, row, ix->state.epoch);
	rc = index_stmt_run(ix, STMT_INODE_ADD, st);
	if (rc != 0)
		return rc;
	count(&ix->state, row, 1);
	touched_set(ix, row->ino, ix->state.epoch);
	return 0;
}

/* What the totals and the choice of the statement need of the row that is there. */
static int get_old(struct index *ix, uint64_t ino, struct index_inode *ret)
{
	struct index_cols c = {0};
	int rc;

	rc = index_stmt_get(ix, STMT_INODE_OLD,
	                    "SELECT mode,nlink,size,pages,born FROM inode WHERE ino=?1", &c.st);
	if (rc != 0)
		return rc;
	index_bind_u64(c.st, 1, ino);
	rc = index_stmt_step(ix, c.st);
	if (rc == 1) {
		ret->mode = (uint32_t)index_cols_u64(&c, 0, UINT32_MAX);
		ret->nlink = (uint32_t)index_cols_u64(&c, 0, UINT32_MAX);
		ret->size = index_cols_u64(&c, 0, INT64_MAX);
		ret->pages = index_cols_u64(&c, 0, INT64_MAX);
		ret->born = index_cols_i64(&c);
		rc = index_cols_end(&c);
	} else if (rc == 0) {
		rc = ERR_NOENT;
	}
	return index_stmt_end(ix, STMT_INODE_OLD, c.st, rc);
}

#define SET_COLUMNS                                                                             \
	"mode=?2,uid=?3,gid=?4,nlink=?5,rdev=?6,size=?7,pages=?8,atime=?9,mtime=?10,ctime=?11," \
	"btime=?12,target=?13"

int index_inode_set(struct index *ix, const struct index_inode *row)
{
	struct index_inode old = {0};
	enum index_stmt id = STMT_INODE_SET_BORN;
	sqlite3_stmt *st;
	int rc;

	rc = index_inode_valid(row);
	if (rc == 0)
		rc = get_old(ix, row->ino, &old);
	if (rc != 0)
		return rc;
	if (old.born == ix->state.epoch) {
		id = STMT_INODE_SET;
		rc = index_stmt_get(ix, id, "UPDATE OR FAIL inode SET " SET_COLUMNS " WHERE ino=?1",
		                    &st);
	} else {
		rc = index_stmt_get(
		    ix, id, "UPDATE OR FAIL inode SET " SET_COLUMNS ",born=?14 WHERE ino=?1", &st);
	}
	if (rc != 0)
		return rc;
	index_inode_bind(st, row, ix->state.epoch);
	rc = index_stmt_run(ix, id, st);
	if (rc != 0)
		return rc;
	count(&ix->state, &old, (uint64_t)-1);
	count(&ix->state, row, 1);
	touched_set(ix, row->ino, ix->state.epoch);
	return 0;
}

int index_inode_remove(struct index *ix, uint64_t ino)
{
	struct index_inode old = {0};
	sqlite3_stmt *st;
	int rc;

	rc = get_old(ix, ino, &old);
	if (rc == 0)
		rc = index_extent_remove_range(ix, ino, 0, INT64_MAX);
	if (rc == 0)
		rc = index_xattr_remove_all(ix, ino);
	if (rc == 0)
		rc = index_stmt_get(ix, STMT_INODE_REMOVE, "DELETE FROM inode WHERE ino=?1", &st);
	if (rc != 0)
		return rc;
	index_bind_u64(st, 1, ino);
	rc = index_stmt_run(ix, STMT_INODE_REMOVE, st);
	if (rc != 0)
		return rc;
	count(&ix->state, &old, (uint64_t)-1);
	touched_set(ix, ino, 0);
	return 0;
}
