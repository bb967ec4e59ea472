/* SPDX-License-Identifier: Apache-2.0 */
/* The small tables without a past: file keys, packs, epochs, snapshots. */
#include "meta/index_impl.h"

#include "util/err.h"

#include <string.h>

/* ---- file keys ---- */

int index_filekey_get(struct index *ix, uint64_t id, struct index_filekey *ret)
{
	struct index_cols c = {0};
	const void *wrapped;
	uint32_t master;
	size_t len;
	int rc;

	rc = index_stmt_get(ix, STMT_FILEKEY_GET, "SELECT master,wrapped FROM filekey WHERE id=?1",
	                    &c.st);
	if (rc != 0)
		return rc;
	index_bind_u64(c.st, 1, id);
	rc = index_stmt_step(ix, c.st);
	if (rc <= 0)
		return index_stmt_end(ix, STMT_FILEKEY_GET, c.st, rc ? rc : ERR_NOENT);
	master = (uint32_t)index_cols_u64(&c, 0, UINT32_MAX);
	wrapped = index_cols_blob(&c, INDEX_WRAPPED_BYTES, INDEX_WRAPPED_BYTES, &len);
	rc = index_cols_end(&c);
	if (rc == 0) {
		ret->id = id;
		ret->master = master;
		memcpy(ret->wrapped, wrapped, INDEX_WRAPPED_BYTES);
	}
	return index_stmt_end(ix, STMT_FILEKEY_GET, c.st, rc);
}

int index_filekey_set(struct index *ix, const struct index_filekey *row)
{
	sqlite3_stmt *st;
	int rc;

	if (row->id > INT64_MAX)
		return err_note(ERR_INVAL, "index: file key");
	rc = index_stmt_get(ix, STMT_FILEKEY_SET,
	                    "REPLACE INTO filekey(id,master,wrapped) VALUES(?1,?2,?3)", &st);
	if (rc != 0)
		return rc;
	index_bind_u64(st, 1, row->id);
	index_bind_u64(st, 2, row->master);
	index_bind_blob(st, 3, row->wrapped, INDEX_WRAPPED_BYTES);
	return index_stmt_run(ix, STMT_FILEKEY_SET, st);
}

/* ---- packs ---- */

static int take_pack(sqlite3_stmt *st, struct index_pack *ret)
{
	struct index_cols c = {.st = st};
	struct index_pack row = {0};
	const void *name;
	size_t len;
	int rc;

	row.num = index_cols_u64(&c, 0, INT64_MAX);
	name = index_cols_blob(&c, INDEX_PACK_NAME_BYTES, INDEX_PACK_NAME_BYTES, &len);
	row.size = index_cols_u64(&c, 0, INT64_MAX);
	rc = index_cols_end(&c);
	if (rc != 0)
		return rc;
	memcpy(row.name, name, INDEX_PACK_NAME_BYTES);
	*ret = row;
	return 0;
}

int index_pack_get(struct index *ix, uint64_t num, struct index_pack *ret)
{
	sqlite3_stmt *st;
	int rc;

	rc = index_stmt_get(ix, STMT_PACK_GET, "SELECT num,name,size FROM pack WHERE num=?1", &st);
	if (rc != 0)
		return rc;
	index_bind_u64(st, 1, num);
	rc = index_stmt_step(ix, st);
	if (rc == 1)
		rc = take_pack(st, ret);
	else if (rc == 0)
		rc = ERR_NOENT;
	return index_stmt_end(ix, STMT_PACK_GET, st, rc);
}

int index_pack_set(struct index *ix, const struct index_pack *row)
{
	sqlite3_stmt *st;
	int rc;

	if (row->num > INT64_MAX || row->size > INT64_MAX)
		return err_note(ERR_INVAL, "index: pack");
	rc = index_stmt_get(ix, STMT_PACK_SET, "REPLACE INTO pack(num,name,size) VALUES(?1,?2,?3)",
	                    &st);
	if (rc != 0)
		return rc;
	index_bind_u64(st, 1, row->num);
	index_bind_blob(st, 2, row->name, INDEX_PACK_NAME_BYTES);
	index_bind_u64(st, 3, row->size);
	return index_stmt_run(ix, STMT_PACK_SET, st);
}

int index_pack_list(struct index *ix, index_pack_fn fn, void *ctx)
{
	sqlite3_stmt *st;
	int rc;

	rc = index_stmt_get(ix, STMT_PACK_LIST, "SELECT num,name,size FROM pack ORDER BY num", &st);
	if (rc != 0)
		return rc;
	while ((rc = index_stmt_step(ix, st)) == 1) {
		struct index_pack row;

		rc = take_pack(st, &row);
		if (rc == 0)
			rc = fn(ctx, &row);
		if (rc != 0)
			break;
	}
	return index_stmt_end(ix, STMT_PACK_LIST, st, rc);
}

/* ---- epochs ---- */

int index_epoch_add(struct index *ix, int64_t epoch, int64_t closed_ns)
{
	sqlite3_stmt *st;
	int rc;

	if (epoch < 1 || epoch == INT64_MAX)
		return err_note(ERR_INVAL, "index: epoch");
	rc = index_stmt_get(ix, STMT_EPOCH_ADD, "INSERT INTO epoch(epoch,closed) VALUES(?1,?2)",
	                    &st);
	if (rc != 0)
		return rc;
	index_bind_i64(st, 1, epoch);
	index_bind_i64(st, 2, closed_ns);
	return index_stmt_run(ix, STMT_EPOCH_ADD, st);
}

static int take_epoch(sqlite3_stmt *st, int64_t *ret_epoch, int64_t *ret_closed_ns)
{
	struct index_cols c = {.st = st};
	int64_t epoch = (int64_t)index_cols_u64(&c, 1, INT64_MAX - 1);
	int64_t closed_ns = index_cols_i64(&c);
	int rc = index_cols_end(&c);

	if (rc == 0) {
		*ret_epoch = epoch;
		*ret_closed_ns = closed_ns;
	}
	return rc;
}

/* The clock may have been set back between epochs, so the times need not ascend: look from the
 * newest on. */
int index_epoch_at(struct index *ix, int64_t time_ns, int64_t *ret_epoch, int64_t *ret_closed_ns)
{
	sqlite3_stmt *st;
	int rc;

	rc = index_stmt_get(
	    ix, STMT_EPOCH_AT,
	    "SELECT epoch,closed FROM epoch WHERE closed<=?1 ORDER BY epoch DESC LIMIT 1", &st);
	if (rc != 0)
		return rc;
	index_bind_i64(st, 1, time_ns);
	rc = index_stmt_step(ix, st);
	if (rc == 1)
		rc = take_epoch(st, ret_epoch, ret_closed_ns);
	else if (rc == 0)
		rc = ERR_NOHISTORY;
	return index_stmt_end(ix, STMT_EPOCH_AT, st, rc);
}

int index_epoch_time(struct index *ix, int64_t epoch, int64_t *ret_closed_ns)
{
	sqlite3_stmt *st;
	int64_t same;
	int rc;

	rc = index_stmt_get(ix, STMT_EPOCH_TIME, "SELECT epoch,closed FROM epoch WHERE epoch=?1",
	                    &st);
	if (rc != 0)
		return rc;
	index_bind_i64(st, 1, epoch);
	rc = index_stmt_step(ix, st);
	if (rc == 1)
		rc = take_epoch(st, &same, ret_closed_ns);
	else if (rc == 0)
		rc = ERR_NOENT;
	return index_stmt_end(ix, STMT_EPOCH_TIME, st, rc);
}

int index_epoch_list(struct index *ix, int64_t from, index_epoch_fn fn, void *ctx)
{
	sqlite3_stmt *st;
	int rc;

	rc = index_stmt_get(ix, STMT_EPOCH_LIST,
	                    "SELECT epoch,closed FROM epoch WHERE epoch>=?1 ORDER BY epoch", &st);
	if (rc != 0)
		return rc;
	index_bind_i64(st, 1, from);
	while ((rc = index_stmt_step(ix, st)) == 1) {
		int64_t epoch = 0, closed_ns = 0;

		rc = take_epoch(st, &epoch, &closed_ns);
		if (rc == 0)
			rc = fn(ctx, epoch, closed_ns);
		if (rc != 0)
			break;
	}
	return index_stmt_end(ix, STMT_EPOCH_LIST, st, rc);
}

/* ---- snapshots ---- */

static int take_snapshot(sqlite3_stmt *st, struct index_snapshot *ret)
{
	struct index_cols c = {.st = st};
	struct index_snapshot row = {0};
	int rc;

	row.name = index_cols_blob(&c, 1, INDEX_NAME_MAX, &row.name_len);
	row.epoch = (int64_t)index_cols_u64(&c, 0, INT64_MAX - 1);
	row.created_ns = index_cols_i64(&c);
	rc = index_cols_end(&c);
	if (rc == 0)
		*ret = row;
	return rc;
}

int index_snapshot_get(struct index *ix, const char *name, size_t len, struct index_snapshot *ret)
{
	struct index_snapshot row;
	sqlite3_stmt *st;
	int rc;

	rc = index_stmt_get(ix, STMT_SNAPSHOT_GET,
	                    "SELECT name,epoch,created FROM snapshot WHERE name=?1", &st);
	if (rc != 0)
		return rc;
	index_bind_blob(st, 1, name, len);
	rc = index_stmt_step(ix, st);
	if (rc == 1)
		rc = take_snapshot(st, &row);
	else if (rc == 0)
		rc = ERR_NOENT;
	index_stmt_end(ix, STMT_SNAPSHOT_GET, st, rc);
	if (rc != 0)
		return rc;
	row.name = name; /* the same bytes, and they stay */
	*ret = row;
	return 0;
}

int index_snapshot_add(struct index *ix, const struct index_snapshot *row)
{
	sqlite3_stmt *st;
	int rc;

	if (row->name_len == 0 || row->epoch < 0 || row->epoch == INT64_MAX)
		return err_note(ERR_INVAL, "index: snapshot");
	if (row->name_len > INDEX_NAME_MAX)
		return ERR_NAMETOOLONG;
	rc = index_stmt_get(ix, STMT_SNAPSHOT_ADD,
	                    "INSERT INTO snapshot(name,epoch,created) VALUES(?1,?2,?3) "
	                    "ON CONFLICT DO NOTHING",
	                    &st);
	if (rc != 0)
		return rc;
	index_bind_blob(st, 1, row->name, row->name_len);
	index_bind_i64(st, 2, row->epoch);
	index_bind_i64(st, 3, row->created_ns);
	rc = index_stmt_run(ix, STMT_SNAPSHOT_ADD, st);
	return rc == 0 && sqlite3_changes(ix->db) == 0 ? ERR_EXIST : rc;
}

int index_snapshot_remove(struct index *ix, const char *name, size_t len)
{
	sqlite3_stmt *st;
	int rc;

	rc = index_stmt_get(ix, STMT_SNAPSHOT_REMOVE, "DELETE FROM snapshot WHERE name=?1", &st);
	if (rc != 0)
		return rc;
	index_bind_blob(st, 1, name, len);
	rc = index_stmt_run(ix, STMT_SNAPSHOT_REMOVE, st);
	return rc == 0 && sqlite3_changes(ix->db) == 0 ? ERR_NOENT : rc;
}

int index_snapshot_list(struct index *ix, index_snapshot_fn fn, void *ctx)
{
	sqlite3_stmt *st;
	int rc;

	rc = index_stmt_get(ix, STMT_SNAPSHOT_LIST,
	                    "SELECT name,epoch,created FROM snapshot ORDER BY epoch,name", &st);
	if (rc != 0)
		return rc;
	while ((rc = index_stmt_step(ix, st)) == 1) {
		struct index_snapshot row;

		rc = take_snapshot(st, &row);
		if (rc == 0)
			rc = fn(ctx, &row);
		if (rc != 0)
			break;
	}
	return index_stmt_end(ix, STMT_SNAPSHOT_LIST, st, rc);
}

/* ---- totals ---- */

int index_live_pages(struct index *ix, uint64_t *ret)
{
	struct index_cols c = {0};
	uint64_t pages;
	int rc;

	rc = index_stmt_get(ix, STMT_LIVE_PAGES, "SELECT coalesce(sum(pages),0) FROM inode WHERE nlink>0", &c.st);
	if (rc != 0)
		return rc;
	rc = index_stmt_step(ix, c.st);
	if (rc <= 0)
		return index_stmt_end(ix, STMT_LIVE_PAGES, c.st, rc ? rc : ERR_CORRUPT);
	pages = index_cols_u64(&c, 0, INT64_MAX);
	rc = index_cols_end(&c);
	if (rc == 0)
		*ret = pages;
	return index_stmt_end(ix, STMT_LIVE_PAGES, c.st, rc);
}
