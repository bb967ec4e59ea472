/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Extents: which sealed pages are the data of a file. The current extents of an inode never
 * overlap, so the only one that can reach into a range from before it is the last that begins
 * before it: each query starts there.
 *
 * A sealed page is 4096 bytes and a tag, so the place in the pack of an extent's right-hand rest is
 * known without looking at it.
 */
#include "meta/index_impl.h"

#include "util/err.h"

#define SEALED_PAGE_BYTES (4096 + 16)
#define REMOVE_BATCH "4096" /* rows: SQLite remembers the keys of what one DELETE will remove */

int index_extent_valid(const struct index_extent *row)
{
	bool ok = row->ino >= 1 && row->ino <= INT64_MAX && row->page <= INDEX_PAGE_MAX &&
	          row->npages >= 1 && row->page + row->npages <= INDEX_PAGE_MAX &&
	          row->first <= UINT32_MAX - row->npages && row->tail >= 1 && row->tail <= 4096 &&
	          row->key <= INT64_MAX && row->pack <= INT64_MAX && row->off <= INT64_MAX;

	return ok ? 0
	          : err_note(ERR_INVAL, "index: extent of inode %llu",
	                     (unsigned long long)row->ino);
}

void index_extent_bind(sqlite3_stmt *st, const struct index_extent *row, int64_t born)
{
	index_bind_u64(st, 1, row->ino);
	index_bind_u64(st, 2, row->page);
	index_bind_u64(st, 3, row->npages);
	index_bind_u64(st, 4, row->first);
	index_bind_u64(st, 5, row->tail);
	index_bind_u64(st, 6, row->key);
	index_bind_u64(st, 7, row->pack);
	index_bind_u64(st, 8, row->off);
	index_bind_blob(st, 9, row->salt, INDEX_SALT_BYTES);
	index_bind_i64(st, 10, born);
}

static uint64_t range_end(uint64_t page, uint64_t npages)
{
	if (page > INDEX_PAGE_MAX || npages > INDEX_PAGE_MAX - page)
		return INDEX_PAGE_MAX;
	return page + npages;
}

/* ---- reading ---- */

#define SELECT "SELECT " SCHEMA_EXTENT("")
#define IN_RANGE "page<?3 AND page+npages>?2"

static const char list_sql[] = SELECT
    " FROM extent WHERE ino=?1 AND page>=coalesce("
    "(SELECT max(page) FROM extent WHERE ino=?1 AND page<=?2),0) AND " IN_RANGE " ORDER BY 2";
static const char list_past_sql[] = SELECT
    " FROM extent WHERE ino=?1 AND page>=coalesce("
    "(SELECT max(page) FROM extent WHERE ino=?1 AND page<=?2),0) AND " IN_RANGE " AND born<=?4 "
    "UNION ALL " SELECT " FROM extent_past WHERE ino=?1 AND page>=coalesce("
    "(SELECT max(page) FROM extent_past WHERE ino=?1 AND page<=?2 AND born<=?4 AND died>?4),0) "
    "AND " IN_RANGE " AND born<=?4 AND died>?4 ORDER BY 2";

int index_extent_list(struct index *ix, uint64_t ino, int64_t at, uint64_t page, uint64_t npages,
                      index_extent_fn fn, void *ctx)
{
	enum index_stmt id = at == INDEX_NOW ? STMT_EXTENT_LIST : STMT_EXTENT_LIST_PAST;
	struct index_cols c = {0};
	int rc;

	if (page >= INDEX_PAGE_MAX)
		return 0;
	rc = index_stmt_get(ix, id, at == INDEX_NOW ? list_sql : list_past_sql, &c.st);
	if (rc != 0)
		return rc;
	index_bind_u64(c.st, 1, ino);
	index_bind_u64(c.st, 2, page);
	index_bind_u64(c.st, 3, range_end(page, npages));
	if (at != INDEX_NOW)
		index_bind_i64(c.st, 4, at);
	while ((rc = index_stmt_step(ix, c.st)) == 1) {
		struct index_extent row;

		c.at = 0;
		index_cols_extent(&c, &row);
		rc = index_cols_end(&c);
		if (rc == 0)
			rc = fn(ctx, &row);
		if (rc != 0)
			break;
	}
	return index_stmt_end(ix, id, c.st, rc);
}

/* The last current extent that begins before @page; ERR_NOENT when there is none. */
static int get_before(struct index *ix, uint64_t ino, uint64_t page, struct index_extent *ret)
{
	struct index_cols c = {0};
	int rc;

	rc = index_stmt_get(
	    ix, STMT_EXTENT_BEFORE,
	    SELECT " FROM extent WHERE ino=?1 AND page<?2 ORDER BY page DESC LIMIT 1", &c.st);
	if (rc != 0)
		return rc;
	index_bind_u64(c.st, 1, ino);
	index_bind_u64(c.st, 2, page);
	rc = index_stmt_step(ix, c.st);
	if (rc == 1) {
		index_cols_extent(&c, ret);
		rc = index_cols_end(&c);
	} else if (rc == 0) {
		rc = ERR_NOENT;
	}
	return index_stmt_end(ix, STMT_EXTENT_BEFORE, c.st, rc);
}

/* How many pages the extents hold that begin in [page, end). */
static int sum_pages(struct index *ix, uint64_t ino, uint64_t page, uint64_t end, uint64_t *ret)
{
	struct index_cols c = {0};
	int rc;

	rc = index_stmt_get(
	    ix, STMT_EXTENT_SUM,
	    "SELECT coalesce(sum(npages),0) FROM extent WHERE ino=?1 AND page>=?2 AND page<?3",
	    &c.st);
	if (rc != 0)
		return rc;
	index_bind_u64(c.st, 1, ino);
	index_bind_u64(c.st, 2, page);
	index_bind_u64(c.st, 3, end);
	rc = index_stmt_step(ix, c.st);
	if (rc == 1) {
		*ret = index_cols_u64(&c, 0, INDEX_PAGE_MAX);
		rc = index_cols_end(&c);
	}
	return index_stmt_end(ix, STMT_EXTENT_SUM, c.st, rc);
}

/* ---- writing ---- */

static int insert(struct index *ix, const struct index_extent *row)
{
	sqlite3_stmt *st;
	int rc;

	rc = index_stmt_get(
	    ix, STMT_EXTENT_ADD,
	    "INSERT INTO extent(" SCHEMA_EXTENT("") ") "
	                                            "VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10)",
	    &st);
	if (rc != 0)
		return rc;
	index_extent_bind(st, row, ix->state.epoch);
	return index_stmt_run(ix, STMT_EXTENT_ADD, st);
}

int index_extent_add(struct index *ix, const struct index_extent *row)
{
	int rc;

	rc = index_extent_valid(row);
	if (rc == 0)
		rc = index_inode_touch(ix, row->ino);
	return rc != 0 ? rc : insert(ix, row);
}

/* Leave the extent that begins at @page its first @npages. */
static int trim(struct index *ix, uint64_t ino, uint64_t page, uint64_t npages)
{
	sqlite3_stmt *st;
	int rc;

	rc = index_stmt_get(
	    ix, STMT_EXTENT_TRIM,
	    "UPDATE OR FAIL extent SET npages=?3,tail=4096,born=?4 WHERE ino=?1 AND page=?2", &st);
	if (rc != 0)
		return rc;
	index_bind_u64(st, 1, ino);
	index_bind_u64(st, 2, page);
	index_bind_u64(st, 3, npages);
	index_bind_i64(st, 4, ix->state.epoch);
	return index_stmt_run(ix, STMT_EXTENT_TRIM, st);
}

/* Where the next batch of a removal ends: before row 4097 from @page on, or @end. */
static int batch_end(struct index *ix, uint64_t ino, uint64_t page, uint64_t end, uint64_t *ret)
{
	struct index_cols c = {0};
	int rc;

	rc = index_stmt_get(ix, STMT_EXTENT_BATCH,
	                    "SELECT page FROM extent WHERE ino=?1 AND page>=?2 AND page<?3 "
	                    "ORDER BY page LIMIT 1 OFFSET " REMOVE_BATCH,
	                    &c.st);
	if (rc != 0)
		return rc;
	index_bind_u64(c.st, 1, ino);
	index_bind_u64(c.st, 2, page);
	index_bind_u64(c.st, 3, end);
	rc = index_stmt_step(ix, c.st);
	if (rc >= 0)
		*ret = rc == 1 ? index_cols_u64(&c, page + 1, end) : end;
	return index_stmt_end(ix, STMT_EXTENT_BATCH, c.st, rc < 0 ? rc : index_cols_end(&c));
}

int index_extent_remove_range(struct index *ix, uint64_t ino, uint64_t page, uint64_t end)
{
	int rc = 0;

	while (rc == 0 && page < end) {
		uint64_t stop = end;
		sqlite3_stmt *st;

		rc = batch_end(ix, ino, page, end, &stop);
		if (rc == 0)
			rc = index_stmt_get(
			    ix, STMT_EXTENT_REMOVE_RANGE,
			    "DELETE FROM extent WHERE ino=?1 AND page>=?2 AND page<?3", &st);
		if (rc != 0)
			return rc;
		index_bind_u64(st, 1, ino);
		index_bind_u64(st, 2, page);
		index_bind_u64(st, 3, stop);
		rc = index_stmt_run(ix, STMT_EXTENT_REMOVE_RANGE, st);
		page = stop;
	}
	return rc;
}

/* What of @row is left from @end on. */
static int insert_rest(struct index *ix, const struct index_extent *row, uint64_t end)
{
	struct index_extent rest = *row;
	uint64_t skip = end - row->page;

	rest.page += skip;
	rest.npages -= (uint32_t)skip;
	rest.first += (uint32_t)skip;
	rest.off += skip * SEALED_PAGE_BYTES;
	return insert(ix, &rest);
}

/*
 * @last is the last extent that begins before @end. One that reaches in from before is the last
 * before @page, as extents do not overlap; both may be the same one, which then gets a hole.
 */
static int clear(struct index *ix, uint64_t page, uint64_t end, const struct index_extent *last,
                 uint64_t *ret_pages)
{
	uint64_t last_end = last->page + last->npages;
	uint64_t rest = last_end > end ? last_end - end : 0;
	uint64_t ino = last->ino;
	uint64_t pages = 0;
	struct index_extent left;
	int rc;

	rc = index_inode_touch(ix, ino);
	if (rc != 0)
		return rc;
	rc = get_before(ix, ino, page, &left);
	if (rc == 0 && left.page + left.npages > page) {
		pages = left.page + left.npages - page;
		rc = trim(ix, ino, left.page, page - left.page);
	} else if (rc == ERR_NOENT) {
		rc = 0;
	}
	if (rc == 0 && last->page >= page) {
		uint64_t inside = 0;

		rc = sum_pages(ix, ino, page, end, &inside);
		pages += inside;
		if (rc == 0)
			rc = index_extent_remove_range(ix, ino, page, end);
	}
	if (rc == 0 && rest > 0)
		rc = insert_rest(ix, last, end);
	if (rc == 0)
		*ret_pages = pages - rest;
	return rc;
}

int index_extent_clear(struct index *ix, uint64_t ino, uint64_t page, uint64_t npages,
                       uint64_t *ret_pages)
{
	uint64_t end = range_end(page, npages);
	struct index_extent last;
	int rc;

	rc = page < end ? get_before(ix, ino, end, &last) : ERR_NOENT;
	if (rc == 0 && last.page + last.npages > page)
		return clear(ix, page, end, &last, ret_pages);
	if (rc == 0 || rc == ERR_NOENT) {
		*ret_pages = 0;
		return 0;
	}
	return rc;
}
