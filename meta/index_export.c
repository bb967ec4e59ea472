/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whole tables, out and in again. What comes in is a checkpoint that somebody stored: each row is
 * checked as it comes, alone; what holds between rows is for index_check().
 */
#include "meta/index_impl.h"

#include "util/err.h"

#include <stdlib.h>
#include <string.h>

/* ---- out ---- */

static void take_xattr(struct index_cols *c, struct index_row *row)
{
	row->xattr.ino = index_cols_u64(c, 1, INT64_MAX);
	row->xattr.name = index_cols_blob(c, 1, INDEX_NAME_MAX, &row->xattr.name_len);
	row->xattr.value = index_cols_blob(c, 0, INDEX_VALUE_MAX, &row->xattr.value_len);
	row->born = (int64_t)index_cols_u64(c, 0, INT64_MAX - 1);
}

static void take_filekey(struct index_cols *c, struct index_filekey *ret)
{
	const void *wrapped;
	size_t len;

	ret->id = index_cols_u64(c, 0, INT64_MAX);
	ret->master = (uint32_t)index_cols_u64(c, 0, UINT32_MAX);
	wrapped = index_cols_blob(c, INDEX_WRAPPED_BYTES, INDEX_WRAPPED_BYTES, &len);
	if (wrapped)
		memcpy(ret->wrapped, wrapped, INDEX_WRAPPED_BYTES);
}

static void take_pack(struct index_cols *c, struct index_pack *ret)
{
	const void *name;
	size_t len;

	ret->num = index_cols_u64(c, 0, INT64_MAX);
	name = index_cols_blob(c, INDEX_PACK_NAME_BYTES, INDEX_PACK_NAME_BYTES, &len);
	if (name)
		memcpy(ret->name, name, INDEX_PACK_NAME_BYTES);
	ret->size = index_cols_u64(c, 0, INT64_MAX);
}

static void take_columns(struct index_cols *c, struct index_row *row)
{
	switch (row->table) {
	case INDEX_TABLE_INODE:
		index_cols_inode(c, &row->inode);
		row->born = row->inode.born;
		break;
	case INDEX_TABLE_DENTRY:
		index_cols_dentry(c, &row->dentry);
		row->born = row->dentry.born;
		break;
	case INDEX_TABLE_EXTENT:
		index_cols_extent(c, &row->extent);
		row->born = row->extent.born;
		break;
	case INDEX_TABLE_XATTR:
		take_xattr(c, row);
		break;
	case INDEX_TABLE_FILEKEY:
		take_filekey(c, &row->filekey);
		break;
	case INDEX_TABLE_PACK:
		take_pack(c, &row->pack);
		break;
	case INDEX_TABLE_EPOCH:
		row->epoch.epoch = (int64_t)index_cols_u64(c, 1, INT64_MAX - 1);
		row->epoch.closed_ns = index_cols_i64(c);
		break;
	case INDEX_TABLE_SNAPSHOT:
		row->snapshot.name = index_cols_blob(c, 1, INDEX_NAME_MAX, &row->snapshot.name_len);
		row->snapshot.epoch = (int64_t)index_cols_u64(c, 0, INT64_MAX - 1);
		row->snapshot.created_ns = index_cols_i64(c);
		break;
	}
}

enum lifetime {
	TIMELESS,
	CURRENT,
	PAST,
};

/* In key order; the past of a table after what is current. */
static const struct source {
	enum index_table table;
	enum lifetime lifetime;
	const char *sql;
} sources[] = {
    {INDEX_TABLE_INODE, CURRENT, "SELECT " SCHEMA_INODE("") " FROM inode ORDER BY ino"},
    {INDEX_TABLE_INODE, PAST, "SELECT " SCHEMA_INODE("") ",died FROM inode_past ORDER BY ino,died"},
    {INDEX_TABLE_DENTRY, CURRENT,
     "SELECT " SCHEMA_DENTRY("") " FROM dentry ORDER BY parent,cookie"},
    {INDEX_TABLE_DENTRY, PAST,
     "SELECT " SCHEMA_DENTRY("") ",died FROM dentry_past ORDER BY parent,cookie,died"},
    {INDEX_TABLE_EXTENT, CURRENT, "SELECT " SCHEMA_EXTENT("") " FROM extent ORDER BY ino,page"},
    {INDEX_TABLE_EXTENT, PAST,
     "SELECT " SCHEMA_EXTENT("") ",died FROM extent_past ORDER BY ino,page,died"},
    {INDEX_TABLE_XATTR, CURRENT, "SELECT " SCHEMA_XATTR("") " FROM xattr ORDER BY ino,name"},
    {INDEX_TABLE_XATTR, PAST,
     "SELECT " SCHEMA_XATTR("") ",died FROM xattr_past ORDER BY ino,name,died"},
    {INDEX_TABLE_FILEKEY, TIMELESS, "SELECT id,master,wrapped FROM filekey ORDER BY id"},
    {INDEX_TABLE_PACK, TIMELESS, "SELECT num,name,size FROM pack ORDER BY num"},
    {INDEX_TABLE_EPOCH, TIMELESS, "SELECT epoch,closed FROM epoch ORDER BY epoch"},
    {INDEX_TABLE_SNAPSHOT, TIMELESS, "SELECT name,epoch,created FROM snapshot ORDER BY name"},
};

struct index_cursor {
	struct index *ix;
	size_t source;
	struct index_cols cols; /* st is NULL between two sources */
	struct index_row row;
};

int index_cursor_open(struct index *ix, struct index_cursor **ret)
{
	*ret = calloc(1, sizeof(**ret));
	if (!*ret)
		return ERR_NOMEM;
	(*ret)->ix = ix;
	return 0;
}

void index_cursor_close(struct index_cursor *c)
{
	if (!c)
		return;
	sqlite3_finalize(c->cols.st);
	free(c);
}

static int take_row(struct index_cursor *c)
{
	const struct source *s = &sources[c->source];

	memset(&c->row, 0, sizeof(c->row));
	c->row.table = s->table;
	c->cols.at = 0;
	take_columns(&c->cols, &c->row);
	if (s->lifetime == CURRENT)
		c->row.died = INDEX_NOW;
	else if (s->lifetime == PAST)
		c->row.died = (int64_t)index_cols_u64(&c->cols, 1, INT64_MAX - 1);
	return index_cols_end(&c->cols);
}

int index_cursor_next(struct index_cursor *c, const struct index_row **ret)
{
	int rc = 0;

	for (; c->source < sizeof(sources) / sizeof(sources[0]); c->source++) {
		if (!c->cols.st) {
			rc = sqlite3_prepare_v2(c->ix->db, sources[c->source].sql, -1, &c->cols.st,
			                        NULL);
			if (rc != SQLITE_OK)
				return index_stmt_error(c->ix, rc);
		}
		rc = index_stmt_step(c->ix, c->cols.st);
		if (rc < 0)
			return rc;
		if (rc == 1)
			break;
		sqlite3_finalize(c->cols.st);
		c->cols.st = NULL;
	}
	if (rc == 1)
		rc = take_row(c);
	else
		return 0;
	*ret = &c->row;
	return rc ? rc : 1;
}

int index_export(struct index *ix, index_row_fn fn, void *ctx)
{
	struct index_cursor *c;
	const struct index_row *row;
	int rc = index_cursor_open(ix, &c);

	if (rc != 0)
		return rc;
	while ((rc = index_cursor_next(c, &row)) == 1) {
		rc = fn(ctx, row);
		if (rc != 0)
			break;
	}
	index_cursor_close(c);
	return rc;
}

/* ---- in ---- */

/* Run an insertion whose columns are bound, with `died` as parameter @cols + 1 when it is one of
 * the past. */
static int run(struct index *ix, enum index_stmt id, sqlite3_stmt *st, const struct index_row *row,
               int cols)
{
	if (row->died != INDEX_NOW)
		index_bind_i64(st, cols + 1, row->died);
	return index_stmt_run(ix, id, st);
}

static int import_inode(struct index *ix, const struct index_row *row)
{
	bool past = row->died != INDEX_NOW;
	enum index_stmt id = past ? STMT_IMPORT_INODE_PAST : STMT_IMPORT_INODE;
	sqlite3_stmt *st;
	int rc;

	rc = index_inode_valid(&row->inode);
	if (rc == 0)
		rc = index_stmt_get(ix, id,
		                    past ? "INSERT INTO inode_past(" SCHEMA_INODE(
		                               "") ",died) "
		                                   "VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)"
		                         : "INSERT INTO inode(" SCHEMA_INODE(
		                               "") ") "
		                                   "VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
		                    &st);
	if (rc != 0)
		return rc;
	index_inode_bind(st, &row->inode, row->born);
	return run(ix, id, st, row, SCHEMA_INODE_COLS);
}

static int import_dentry(struct index *ix, const struct index_row *row)
{
	bool past = row->died != INDEX_NOW;
	enum index_stmt id = past ? STMT_IMPORT_DENTRY_PAST : STMT_IMPORT_DENTRY;
	uint64_t hash;
	sqlite3_stmt *st;
	int rc;

	rc = index_dentry_valid(&row->dentry);
	if (rc != 0)
		return rc;
	hash = index_dentry_hash(row->dentry.name, row->dentry.name_len);
	if ((row->dentry.cookie & ~(uint64_t)255) != hash)
		return err_note(ERR_CORRUPT, "index: a cookie that is not of its name");
	rc =
	    index_stmt_get(ix, id,
	                   past ? "INSERT INTO dentry_past(" SCHEMA_DENTRY("") ",died) "
	                                                                       "VALUES(?,?,?,?,?,?)"
	                        : "INSERT INTO dentry(" SCHEMA_DENTRY("") ") VALUES(?,?,?,?,?)",
	                   &st);
	if (rc != 0)
		return rc;
	index_dentry_bind(st, &row->dentry, row->dentry.cookie, row->born);
	return run(ix, id, st, row, SCHEMA_DENTRY_COLS);
}

static int import_extent(struct index *ix, const struct index_row *row)
{
	bool past = row->died != INDEX_NOW;
	enum index_stmt id = past ? STMT_IMPORT_EXTENT_PAST : STMT_IMPORT_EXTENT;
	sqlite3_stmt *st;
	int rc;

	rc = index_extent_valid(&row->extent);
	if (rc == 0)
		rc = index_stmt_get(
		    ix, id,
		    past ? "INSERT INTO extent_past(" SCHEMA_EXTENT(
		               "") ",died) "
		                   "VALUES(?,?,?,?,?,?,?,?,?,?,?)"
		         : "INSERT INTO extent(" SCHEMA_EXTENT("") ") "
		                                                   "VALUES(?,?,?,?,?,?,?,?,?,?)",
		    &st);
	if (rc != 0)
		return rc;
	index_extent_bind(st, &row->extent, row->born);
	return run(ix, id, st, row, SCHEMA_EXTENT_COLS);
}

static int import_xattr(struct index *ix, const struct index_row *row)
{
	bool past = row->died != INDEX_NOW;
	enum index_stmt id = past ? STMT_IMPORT_XATTR_PAST : STMT_IMPORT_XATTR;
	sqlite3_stmt *st;
	int rc;

	if (row->xattr.ino < 1 || row->xattr.ino > INT64_MAX || row->xattr.name_len < 1 ||
	    row->xattr.name_len > INDEX_NAME_MAX || row->xattr.value_len > INDEX_VALUE_MAX)
		return ERR_INVAL;
	rc = index_stmt_get(ix, id,
	                    past ? "INSERT INTO xattr_past(" SCHEMA_XATTR("") ",died) "
	                                                                      "VALUES(?,?,?,?,?)"
	                         : "INSERT INTO xattr(" SCHEMA_XATTR("") ") VALUES(?,?,?,?)",
	                    &st);
	if (rc != 0)
		return rc;
	index_bind_u64(st, 1, row->xattr.ino);
	index_bind_blob(st, 2, row->xattr.name, row->xattr.name_len);
	index_bind_blob(st, 3, row->xattr.value, row->xattr.value_len);
	index_bind_i64(st, 4, row->born);
	return run(ix, id, st, row, SCHEMA_XATTR_COLS);
}

static int import_row(struct index *ix, const struct index_row *row)
{
	switch (row->table) {
	case INDEX_TABLE_INODE:
		return import_inode(ix, row);
	case INDEX_TABLE_DENTRY:
		return import_dentry(ix, row);
	case INDEX_TABLE_EXTENT:
		return import_extent(ix, row);
	case INDEX_TABLE_XATTR:
		return import_xattr(ix, row);
	case INDEX_TABLE_FILEKEY:
		return index_filekey_set(ix, &row->filekey);
	case INDEX_TABLE_PACK:
		return index_pack_set(ix, &row->pack);
	case INDEX_TABLE_EPOCH:
		return index_epoch_add(ix, row->epoch.epoch, row->epoch.closed_ns);
	case INDEX_TABLE_SNAPSHOT:
		return index_snapshot_add(ix, &row->snapshot);
	}
	return ERR_INVAL; /* a number from outside */
}

int index_import(struct index *ix, const struct index_row *row)
{
	bool timeless = row->table >= INDEX_TABLE_FILEKEY;
	int rc;

	if (!timeless && (row->born < 1 || row->died <= row->born))
		return err_note(ERR_CORRUPT, "index: a row that died before it was born");
	rc = import_row(ix, row);
	if (rc == ERR_INVAL || rc == ERR_EXIST || rc == ERR_NAMETOOLONG)
		return err_note(ERR_CORRUPT, "index: a row that cannot be (table %d, %s)",
		                (int)row->table, err_name(rc));
	return rc;
}
