/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Statements are prepared when first needed and kept. A callback may ask what its own walk is
 * asking (a walk through a tree), so a statement that is in the middle of its rows is not handed
 * out again: the inner call gets one of its own, freed when it ends.
 *
 * Values are bound without a copy; they are the caller's and outlive the call, and no statement
 * runs again before it is bound anew.
 */
#include "meta/index_impl.h"

#include "util/err.h"

#include <stdlib.h>
#include <string.h>

static int code_of(int rc)
{
	switch (rc & 0xff) {
	case SQLITE_NOMEM:
		return ERR_NOMEM;
	case SQLITE_FULL:
		return ERR_NOSPC;
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return ERR_BUSY;
	case SQLITE_CONSTRAINT:
		return ERR_EXIST;
	case SQLITE_READONLY:
		return ERR_ROFS;
	case SQLITE_IOERR:
	case SQLITE_CANTOPEN:
		return ERR_IO;
	default: /* SQLITE_CORRUPT, SQLITE_NOTADB, SQLITE_ERROR (a table is missing), ... */
		return ERR_CORRUPT;
	}
}

int index_stmt_error(struct index *ix, int rc)
{
	int code = code_of(rc);
	int cause = 0, none = 0;

	/* what the file layer knows is closer to the cause than what SQLite made of it */
	if (code == ERR_IO || code == ERR_NOSPC || code == ERR_CORRUPT)
		cause = vfs_take_error(ix->vfs);
	if (cause == ERR_UNAUTHENTIC || (cause == 0 && code == ERR_CORRUPT))
		atomic_compare_exchange_strong(ix->damage_of, &none, cause ? cause : code);
	if (cause != 0)
		return cause;
	return err_note(code, "index: %s", ix->db ? sqlite3_errmsg(ix->db) : sqlite3_errstr(rc));
}

int index_stmt_get(struct index *ix, enum index_stmt id, const char *sql, sqlite3_stmt **ret)
{
	sqlite3_stmt *st = ix->stmts[id];
	int rc;

	/* SQLite has rolled back by itself: what it would show now is the state of the last commit */
	if (ix->began && id != STMT_BEGIN && sqlite3_get_autocommit(ix->db))
		return err_note(index_damage_met(ix) ? index_damage_met(ix) : ERR_IO,
		                "index: it failed earlier; mount again");
	if (st && !sqlite3_stmt_busy(st)) {
		*ret = st;
		return 0;
	}
	rc = sqlite3_prepare_v3(ix->db, sql, -1, st ? 0 : SQLITE_PREPARE_PERSISTENT, ret, NULL);
	if (rc != SQLITE_OK)
		return index_stmt_error(ix, rc);
	if (!st)
		ix->stmts[id] = *ret;
	return 0;
}

int index_stmt_step(struct index *ix, sqlite3_stmt *st)
{
	int rc = sqlite3_step(st);

	if (rc == SQLITE_ROW)
		return 1;
	return rc == SQLITE_DONE ? 0 : index_stmt_error(ix, rc);
}

int index_stmt_end(struct index *ix, enum index_stmt id, sqlite3_stmt *st, int rc)
{
	if (st == ix->stmts[id])
		sqlite3_reset(st);
	else
		sqlite3_finalize(st);
	return rc;
}

int index_stmt_run(struct index *ix, enum index_stmt id, sqlite3_stmt *st)
{
	int rc = index_stmt_step(ix, st);

	return index_stmt_end(ix, id, st, rc > 0 ? 0 : rc);
}

void index_stmt_free(struct index *ix)
{
	for (int i = 0; i < STMT_COUNT; i++) {
		sqlite3_finalize(ix->stmts[i]);
		ix->stmts[i] = NULL;
	}
}

int index_stmt_exec(struct index *ix, const char *sql)
{
	int rc = sqlite3_exec(ix->db, sql, NULL, NULL, NULL);

	return rc == SQLITE_OK ? 0 : index_stmt_error(ix, rc);
}

int index_stmt_keep(struct index *ix, const void *data, size_t len, const void **ret)
{
	if (ix->result_cap < len || !ix->result) {
		size_t cap = len < 256 ? 256 : len;
		uint8_t *grown = realloc(ix->result, cap);

		if (!grown)
			return ERR_NOMEM;
		ix->result = grown;
		ix->result_cap = cap;
	}
	if (len)
		memcpy(ix->result, data, len);
	*ret = ix->result;
	return 0;
}

/* ---- columns ---- */

uint64_t index_cols_u64(struct index_cols *c, uint64_t min, uint64_t max)
{
	uint64_t v = (uint64_t)sqlite3_column_int64(c->st, c->at++);

	if (v < min || v > max)
		c->bad = true;
	return c->bad ? min : v;
}

int64_t index_cols_i64(struct index_cols *c)
{
	return sqlite3_column_int64(c->st, c->at++);
}

const void *index_cols_blob(struct index_cols *c, size_t min, size_t max, size_t *ret_len)
{
	const void *data = sqlite3_column_blob(c->st, c->at);
	int len = sqlite3_column_bytes(c->st, c->at++);

	if (len < 0 || (size_t)len < min || (size_t)len > max || (len > 0 && !data))
		c->bad = true;
	*ret_len = c->bad ? 0 : (size_t)len;
	return c->bad ? NULL : data;
}

int index_cols_end(const struct index_cols *c)
{
	return c->bad ? err_note(ERR_CORRUPT, "index: a row has an impossible value") : 0;
}

void index_cols_inode(struct index_cols *c, struct index_inode *ret)
{
	ret->ino = index_cols_u64(c, 1, INT64_MAX);
	ret->mode = (uint32_t)index_cols_u64(c, 0, UINT32_MAX);
	ret->uid = (uint32_t)index_cols_u64(c, 0, UINT32_MAX);
	ret->gid = (uint32_t)index_cols_u64(c, 0, UINT32_MAX);
	ret->nlink = (uint32_t)index_cols_u64(c, 0, UINT32_MAX);
	ret->rdev = (uint64_t)index_cols_i64(c);
	ret->size = index_cols_u64(c, 0, INT64_MAX);
	ret->pages = index_cols_u64(c, 0, INDEX_PAGE_MAX);
	ret->atime_ns = index_cols_i64(c);
	ret->mtime_ns = index_cols_i64(c);
	ret->ctime_ns = index_cols_i64(c);
	ret->btime_ns = index_cols_i64(c);
	ret->target = index_cols_blob(c, 0, INDEX_TARGET_MAX, &ret->target_len);
	ret->born = (int64_t)index_cols_u64(c, 0, INT64_MAX - 1);
}

void index_cols_dentry(struct index_cols *c, struct index_dentry *ret)
{
	ret->parent = index_cols_u64(c, 1, INT64_MAX);
	ret->cookie = index_cols_u64(c, 3, INT64_MAX);
	ret->name = index_cols_blob(c, 1, INDEX_NAME_MAX, &ret->name_len);
	ret->ino = index_cols_u64(c, 1, INT64_MAX);
	ret->born = (int64_t)index_cols_u64(c, 0, INT64_MAX - 1);
	ret->mode = 0;
}

void index_cols_extent(struct index_cols *c, struct index_extent *ret)
{
	const void *salt;
	size_t len;

	ret->ino = index_cols_u64(c, 1, INT64_MAX);
	ret->page = index_cols_u64(c, 0, INDEX_PAGE_MAX);
	ret->npages = (uint32_t)index_cols_u64(c, 1, UINT32_MAX);
	ret->first = (uint32_t)index_cols_u64(c, 0, UINT32_MAX);
	ret->tail = (uint32_t)index_cols_u64(c, 1, 4096);
	ret->key = index_cols_u64(c, 0, INT64_MAX);
	ret->pack = index_cols_u64(c, 0, INT64_MAX);
	ret->off = index_cols_u64(c, 0, INT64_MAX);
	salt = index_cols_blob(c, INDEX_SALT_BYTES, INDEX_SALT_BYTES, &len);
	if (salt)
		memcpy(ret->salt, salt, INDEX_SALT_BYTES);
	ret->born = (int64_t)index_cols_u64(c, 0, INT64_MAX - 1);
	if (ret->page + ret->npages > INDEX_PAGE_MAX || ret->first > UINT32_MAX - ret->npages)
		c->bad = true;
}
