/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names. The key of an entry is (parent, cookie): the cookie is the name's hash (XXH3, 55 bits)
 * shifted up by 8, and a number that tells names with the same hash apart, so that a look-up is one
 * search, and a walk through a folder goes on after any entry, also one that is gone. The hash is
 * the same everywhere and forever: cookies are part of what checkpoints carry.
 *
 *   cookie = 0 | hash, bits 1 to 55 of XXH3_64bits(name) | 8 bits	never 0, 1 or 2
 *
 * A removed name's cookie may be given to another name of the same hash; at any moment it has one
 * owner.
 */
#include "meta/index_impl.h"

#include "util/err.h"

#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#define SLOTS 256

uint64_t index_dentry_hash(const char *name, size_t len)
{
	uint64_t hash = (XXH3_64bits(name, len) >> 1) & ~(uint64_t)(SLOTS - 1);

	return hash ? hash : SLOTS; /* 0 to 2 are not cookies */
}

static int name_valid(const char *name, size_t len)
{
	if (len == 0 || memchr(name, '/', len) || memchr(name, 0, len))
		return err_note(ERR_INVAL, "index: not a name");
	return len > INDEX_NAME_MAX ? ERR_NAMETOOLONG : 0;
}

int index_dentry_valid(const struct index_dentry *row)
{
	if (row->parent < 1 || row->parent > INT64_MAX || row->ino < 1 || row->ino > INT64_MAX)
		return err_note(ERR_INVAL, "index: entry of inode %llu",
		                (unsigned long long)row->ino);
	return name_valid(row->name, row->name_len);
}

void index_dentry_bind(sqlite3_stmt *st, const struct index_dentry *row, uint64_t cookie,
                       int64_t born)
{
	index_bind_u64(st, 1, row->parent);
	index_bind_u64(st, 2, cookie);
	index_bind_blob(st, 3, row->name, row->name_len);
	index_bind_u64(st, 4, row->ino);
	index_bind_i64(st, 5, born);
}

/* ---- reading ---- */

static int get_with(struct index *ix, enum index_stmt id, const char *sql, uint64_t parent,
                    const char *name, size_t len, int64_t at, struct index_dentry *ret)
{
	struct index_cols c = {0};
	struct index_dentry row;
	uint64_t hash = index_dentry_hash(name, len);
	int rc;

	rc = index_stmt_get(ix, id, sql, &c.st);
	if (rc != 0)
		return rc;
	index_bind_u64(c.st, 1, parent);
	index_bind_u64(c.st, 2, hash);
	index_bind_u64(c.st, 3, hash + SLOTS - 1);
	index_bind_blob(c.st, 4, name, len);
	if (at != INDEX_NOW)
		index_bind_i64(c.st, 5, at);
	rc = index_stmt_step(ix, c.st);
	if (rc == 1) {
		index_cols_dentry(&c, &row);
		rc = index_cols_end(&c);
	} else if (rc == 0) {
		rc = ERR_NOENT;
	}
	index_stmt_end(ix, id, c.st, rc);
	if (rc != 0)
		return rc;
	row.name = name; /* the same bytes, and they stay */
	*ret = row;
	return 0;
}

#define GET_WHERE "WHERE parent=?1 AND cookie BETWEEN ?2 AND ?3 AND name=?4"

static int get_now(struct index *ix, uint64_t parent, const char *name, size_t len,
                   struct index_dentry *ret)
{
	return get_with(ix, STMT_DENTRY_GET, "SELECT " SCHEMA_DENTRY("") " FROM dentry " GET_WHERE,
	                parent, name, len, INDEX_NOW, ret);
}

int index_dentry_get(struct index *ix, uint64_t parent, const char *name, size_t len, int64_t at,
                     struct index_dentry *ret)
{
	struct index_dentry row;
	int rc;

	if (len == 0 || len > INDEX_NAME_MAX)
		return ERR_NOENT;
	rc = get_now(ix, parent, name, len, &row);
	if ((rc == 0 && row.born > at) || (rc == ERR_NOENT && at != INDEX_NOW))
		return get_with(ix, STMT_DENTRY_GET_PAST,
		                "SELECT " SCHEMA_DENTRY("") " FROM dentry_past " GET_WHERE
		                                            " AND born<=?5 AND died>?5",
		                parent, name, len, at, ret);
	if (rc == 0)
		*ret = row;
	return rc;
}

static int list_now(struct index *ix, uint64_t parent, uint64_t after, index_dentry_fn fn,
                    void *ctx)
{
	struct index_cols c = {0};
	int rc;

	rc = index_stmt_get(ix, STMT_DENTRY_LIST,
	                    "SELECT " SCHEMA_DENTRY("d.") "," SCHEMA_INODE(
	                        "i.") " FROM dentry d LEFT JOIN inode i ON i.ino=d.ino "
	                              "WHERE d.parent=?1 AND d.cookie>?2 ORDER BY d.cookie",
	                    &c.st);
	if (rc != 0)
		return rc;
	index_bind_u64(c.st, 1, parent);
	index_bind_u64(c.st, 2, after);
	while ((rc = index_stmt_step(ix, c.st)) == 1) {
		struct index_dentry row;
		struct index_inode inode;

		c.at = 0;
		index_cols_dentry(&c, &row);
		index_cols_inode(&c, &inode); /* fails when the join found none */
		row.mode = inode.mode;
		rc = index_cols_end(&c);
		if (rc == 0)
			rc = fn(ctx, &row, &inode);
		if (rc != 0)
			break;
	}
	return index_stmt_end(ix, STMT_DENTRY_LIST, c.st, rc);
}

#define PAST_COLUMNS "SELECT " SCHEMA_DENTRY("")

static int list_past(struct index *ix, uint64_t parent, int64_t at, uint64_t after,
                     index_dentry_fn fn, void *ctx)
{
	struct index_cols c = {0};
	int rc;

	rc = index_stmt_get(ix, STMT_DENTRY_LIST_PAST,
	                    PAST_COLUMNS
	                    " FROM dentry WHERE parent=?1 AND cookie>?2 AND born<=?3 "
	                    "UNION ALL " PAST_COLUMNS " FROM dentry_past "
	                    "WHERE parent=?1 AND cookie>?2 AND born<=?3 AND died>?3 ORDER BY 2",
	                    &c.st);
	if (rc != 0)
		return rc;
	index_bind_u64(c.st, 1, parent);
	index_bind_u64(c.st, 2, after);
	index_bind_i64(c.st, 3, at);
	while ((rc = index_stmt_step(ix, c.st)) == 1) {
		struct index_dentry row;
		struct index_inode inode;

		c.at = 0;
		index_cols_dentry(&c, &row);
		rc = index_cols_end(&c);
		if (rc == 0)
			rc = index_inode_get(ix, row.ino, at, &inode);
		if (rc == ERR_NOENT)
			rc = err_note(ERR_CORRUPT, "index: an entry without its inode");
		row.mode = rc == 0 ? inode.mode : 0;
		if (rc == 0)
			rc = fn(ctx, &row, &inode);
		if (rc != 0)
			break;
	}
	return index_stmt_end(ix, STMT_DENTRY_LIST_PAST, c.st, rc);
}

int index_dentry_list(struct index *ix, uint64_t parent, int64_t at, uint64_t after,
                      index_dentry_fn fn, void *ctx)
{
	if (after >= INT64_MAX)
		return 0;
	if (at == INDEX_NOW)
		return list_now(ix, parent, after, fn, ctx);
	return list_past(ix, parent, at, after, fn, ctx);
}

int index_dentry_of(struct index *ix, uint64_t ino, int64_t at, index_dentry_fn fn, void *ctx)
{
	enum index_stmt id = at == INDEX_NOW ? STMT_DENTRY_OF : STMT_DENTRY_OF_PAST;
	struct index_cols c = {0};
	int rc;

	if (at == INDEX_NOW)
		rc = index_stmt_get(ix, id, PAST_COLUMNS " FROM dentry WHERE ino=?1", &c.st);
	else
		rc = index_stmt_get(ix, id,
		                    PAST_COLUMNS " FROM dentry WHERE ino=?1 AND born<=?2 "
		                                 "UNION ALL " PAST_COLUMNS " FROM dentry_past "
		                                 "WHERE ino=?1 AND born<=?2 AND died>?2",
		                    &c.st);
	if (rc != 0)
		return rc;
	index_bind_u64(c.st, 1, ino);
	if (at != INDEX_NOW)
		index_bind_i64(c.st, 2, at);
	while ((rc = index_stmt_step(ix, c.st)) == 1) {
		struct index_dentry row;

		c.at = 0;
		index_cols_dentry(&c, &row);
		rc = index_cols_end(&c);
		if (rc == 0)
			rc = fn(ctx, &row, NULL);
		if (rc != 0)
			break;
	}
	return index_stmt_end(ix, id, c.st, rc);
}

int index_dentry_any(struct index *ix, uint64_t parent, bool *ret)
{
	sqlite3_stmt *st;
	int rc;

	rc = index_stmt_get(ix, STMT_DENTRY_ANY, "SELECT 1 FROM dentry WHERE parent=?1 LIMIT 1",
	                    &st);
	if (rc != 0)
		return rc;
	index_bind_u64(st, 1, parent);
	rc = index_stmt_step(ix, st);
	if (rc >= 0)
		*ret = rc == 1;
	return index_stmt_end(ix, STMT_DENTRY_ANY, st, rc < 0 ? rc : 0);
}

/* ---- writing ---- */

/* The lowest cookie that no name of the same hash has; ERR_EXIST when the name itself is there. */
static int find_slot(struct index *ix, const struct index_dentry *row, uint64_t *ret)
{
	uint64_t slot = index_dentry_hash(row->name, row->name_len);
	uint64_t end = slot + SLOTS;
	uint64_t first_free = end;
	struct index_cols c = {0};
	int rc;

	rc = index_stmt_get(ix, STMT_DENTRY_SLOTS,
	                    "SELECT cookie,name FROM dentry WHERE parent=?1 AND "
	                    "cookie BETWEEN ?2 AND ?3 ORDER BY cookie",
	                    &c.st);
	if (rc != 0)
		return rc;
	index_bind_u64(c.st, 1, row->parent);
	index_bind_u64(c.st, 2, slot);
	index_bind_u64(c.st, 3, end - 1);
	while ((rc = index_stmt_step(ix, c.st)) == 1) {
		uint64_t cookie;
		const void *name;
		size_t len;

		c.at = 0;
		cookie = index_cols_u64(&c, slot, end - 1);
		name = index_cols_blob(&c, 1, INDEX_NAME_MAX, &len);
		rc = index_cols_end(&c);
		if (rc == 0 && len == row->name_len && memcmp(name, row->name, len) == 0)
			rc = ERR_EXIST;
		if (rc != 0)
			break;
		if (cookie > slot && first_free == end)
			first_free = slot;
		slot = cookie + 1;
	}
	if (first_free == end)
		first_free = slot;
	if (rc == 0 && first_free == end)
		rc = err_note(ERR_NOSPC, "index: too many names of one hash in a folder");
	if (rc == 0)
		*ret = first_free;
	return index_stmt_end(ix, STMT_DENTRY_SLOTS, c.st, rc);
}

int index_dentry_add(struct index *ix, const struct index_dentry *row)
{
	uint64_t cookie = 0;
	sqlite3_stmt *st;
	int rc;

	rc = index_dentry_valid(row);
	if (rc == 0)
		rc = find_slot(ix, row, &cookie);
	if (rc == 0)
		rc =
		    index_stmt_get(ix, STMT_DENTRY_ADD,
		                   "INSERT INTO dentry(" SCHEMA_DENTRY("") ") "
		                                                           "VALUES(?1,?2,?3,?4,?5)",
		                   &st);
	if (rc != 0)
		return rc;
	index_dentry_bind(st, row, cookie, ix->state.epoch);
	return index_stmt_run(ix, STMT_DENTRY_ADD, st);
}

int index_dentry_set(struct index *ix, const struct index_dentry *row)
{
	struct index_dentry old;
	sqlite3_stmt *st;
	int rc;

	rc = index_dentry_valid(row);
	if (rc == 0)
		rc = get_now(ix, row->parent, row->name, row->name_len, &old);
	if (rc != 0 || old.ino == row->ino)
		return rc;
	rc = index_stmt_get(
	    ix, STMT_DENTRY_SET,
	    "UPDATE OR FAIL dentry SET ino=?3,born=?4 WHERE parent=?1 AND cookie=?2", &st);
	if (rc != 0)
		return rc;
	index_bind_u64(st, 1, row->parent);
	index_bind_u64(st, 2, old.cookie);
	index_bind_u64(st, 3, row->ino);
	index_bind_i64(st, 4, ix->state.epoch);
	return index_stmt_run(ix, STMT_DENTRY_SET, st);
}

int index_dentry_remove(struct index *ix, uint64_t parent, const char *name, size_t len)
{
	struct index_dentry old;
	sqlite3_stmt *st;
	int rc;

	if (len == 0 || len > INDEX_NAME_MAX)
		return ERR_NOENT;
	rc = get_now(ix, parent, name, len, &old);
	if (rc == 0)
		rc = index_stmt_get(ix, STMT_DENTRY_REMOVE,
		                    "DELETE FROM dentry WHERE parent=?1 AND cookie=?2", &st);
	if (rc != 0)
		return rc;
	index_bind_u64(st, 1, parent);
	index_bind_u64(st, 2, old.cookie);
	return index_stmt_run(ix, STMT_DENTRY_REMOVE, st);
}
