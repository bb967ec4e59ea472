/* SPDX-License-Identifier: Apache-2.0 */
/* Extended attributes: a name and a value each. An unchanged value is not written again, so it
 * makes no version. */
#include "meta/index_impl.h"

#include "util/err.h"

/* Step @st, which selects value and born; keeps the value when it was born by @at. ERR_NODATA when
 * it is not. */
static int take_value(struct index *ix, enum index_stmt id, sqlite3_stmt *st, int64_t at,
                      const void **ret, size_t *ret_len)
{
	struct index_cols c = {.st = st};
	const void *value;
	size_t len;
	int rc;

	rc = index_stmt_step(ix, st);
	if (rc <= 0)
		return index_stmt_end(ix, id, st, rc ? rc : ERR_NODATA);
	value = index_cols_blob(&c, 0, INDEX_VALUE_MAX, &len);
	rc = index_cols_i64(&c) > at ? ERR_NODATA : index_cols_end(&c);
	if (rc == 0)
		rc = index_stmt_keep(ix, value, len, ret);
	if (rc == 0)
		*ret_len = len;
	return index_stmt_end(ix, id, st, rc);
}

int index_xattr_get(struct index *ix, uint64_t ino, int64_t at, const char *name, size_t name_len,
                    const void **ret, size_t *ret_len)
{
	sqlite3_stmt *st;
	int rc;

	rc = index_stmt_get(ix, STMT_XATTR_GET,
	                    "SELECT value,born FROM xattr WHERE ino=?1 AND name=?2", &st);
	if (rc != 0)
		return rc;
	index_bind_u64(st, 1, ino);
	index_bind_blob(st, 2, name, name_len);
	rc = take_value(ix, STMT_XATTR_GET, st, at, ret, ret_len);
	if (rc != ERR_NODATA || at == INDEX_NOW)
		return rc;
	rc =
	    index_stmt_get(ix, STMT_XATTR_GET_PAST,
	                   "SELECT value,born FROM xattr_past WHERE ino=?1 AND name=?2 AND died>?3 "
	                   "ORDER BY died LIMIT 1",
	                   &st);
	if (rc != 0)
		return rc;
	index_bind_u64(st, 1, ino);
	index_bind_blob(st, 2, name, name_len);
	index_bind_i64(st, 3, at);
	return take_value(ix, STMT_XATTR_GET_PAST, st, at, ret, ret_len);
}

int index_xattr_set(struct index *ix, uint64_t ino, const char *name, size_t name_len,
                    const void *value, size_t len)
{
	sqlite3_stmt *st;
	int rc;

	if (name_len == 0 || name_len > INDEX_NAME_MAX)
		return ERR_RANGE;
	if (len > INDEX_VALUE_MAX)
		return ERR_FBIG;
	rc = index_inode_touch(ix, ino);
	if (rc == 0)
		rc = index_stmt_get(ix, STMT_XATTR_SET,
		                    "INSERT OR FAIL INTO xattr(" SCHEMA_XATTR(
		                        "") ") VALUES(?1,?2,?3,?4) "
		                            "ON CONFLICT(ino,name) DO UPDATE SET "
		                            "value=excluded.value,born=excluded.born "
		                            "WHERE value IS NOT excluded.value",
		                    &st);
	if (rc != 0)
		return rc;
	index_bind_u64(st, 1, ino);
	index_bind_blob(st, 2, name, name_len);
	index_bind_blob(st, 3, value, len);
	index_bind_i64(st, 4, ix->state.epoch);
	return index_stmt_run(ix, STMT_XATTR_SET, st);
}

int index_xattr_remove(struct index *ix, uint64_t ino, const char *name, size_t name_len)
{
	sqlite3_stmt *st;
	int rc;

	rc = index_stmt_get(ix, STMT_XATTR_REMOVE, "DELETE FROM xattr WHERE ino=?1 AND name=?2",
	                    &st);
	if (rc != 0)
		return rc;
	index_bind_u64(st, 1, ino);
	index_bind_blob(st, 2, name, name_len);
	rc = index_stmt_run(ix, STMT_XATTR_REMOVE, st);
	if (rc != 0)
		return rc;
	return sqlite3_changes(ix->db) ? index_inode_touch(ix, ino) : ERR_NODATA;
}

int index_xattr_remove_all(struct index *ix, uint64_t ino)
{
	sqlite3_stmt *st;
	int rc;

	rc = index_stmt_get(ix, STMT_XATTR_REMOVE_ALL, "DELETE FROM xattr WHERE ino=?1", &st);
	if (rc != 0)
		return rc;
	index_bind_u64(st, 1, ino);
	return index_stmt_run(ix, STMT_XATTR_REMOVE_ALL, st);
}

int index_xattr_list(struct index *ix, uint64_t ino, int64_t at, index_xattr_fn fn, void *ctx)
{
	enum index_stmt id = at == INDEX_NOW ? STMT_XATTR_LIST : STMT_XATTR_LIST_PAST;
	struct index_cols c = {0};
	int rc;

	if (at == INDEX_NOW)
		rc = index_stmt_get(
		    ix, id, "SELECT name,value FROM xattr WHERE ino=?1 ORDER BY name", &c.st);
	else
		rc = index_stmt_get(ix, id,
		                    "SELECT name,value FROM xattr WHERE ino=?1 AND born<=?2 "
		                    "UNION ALL SELECT name,value FROM xattr_past "
		                    "WHERE ino=?1 AND born<=?2 AND died>?2 ORDER BY 1",
		                    &c.st);
	if (rc != 0)
		return rc;
	index_bind_u64(c.st, 1, ino);
	if (at != INDEX_NOW)
		index_bind_i64(c.st, 2, at);
	while ((rc = index_stmt_step(ix, c.st)) == 1) {
		const void *name, *value;
		size_t name_len, len;

		c.at = 0;
		name = index_cols_blob(&c, 1, INDEX_NAME_MAX, &name_len);
		value = index_cols_blob(&c, 0, INDEX_VALUE_MAX, &len);
		rc = index_cols_end(&c);
		if (rc == 0)
			rc = fn(ctx, name, name_len, value ? value : "", len);
		if (rc != 0)
			break;
	}
	return index_stmt_end(ix, id, c.st, rc);
}
