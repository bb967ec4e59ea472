/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Life of an index.
 *
 *   closed -> open: in a transaction -> (commit: end it, begin the next)* -> closed, the last
 * transaction rolled back
 *
 * The writer is always inside one write transaction, a reader always inside one read transaction,
 * so no call has to begin one. SQLite's own rules then give a reader a fixed view, and SQLite's log
 * in the file system (WAL, NORMAL) a state after a killed process that is the last commit, and
 * after a power cut the last commit before the last sync.
 *
 * `state` lives in memory; `stored` is what the table holds, so that a commit without a change
 * writes nothing.
 *
 * The cache may spill into the log in the middle of a transaction: that is what bounds memory
 * (vfs_wal.c copes with it).
 */
#include "meta/index_impl.h"

#include "util/check.h"
#include "util/err.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WRITER_CACHE_KIB 32768
#define READER_CACHE_KIB 4096
#define BUSY_MS 10000
#define FRAME_BYTES (24 + 4096)

/* ---- state ---- */

static int state_load(struct index *ix)
{
	struct index_state s = {0};
	struct index_cols c = {0};
	const void *hash;
	size_t len;
	int rc;

	rc = index_stmt_get(ix, STMT_STATE_GET, "SELECT " SCHEMA_STATE " FROM state WHERE id=1",
	                    &c.st);
	if (rc != 0)
		return rc;
	rc = index_stmt_step(ix, c.st);
	if (rc == 1) {
		s.epoch = (int64_t)index_cols_u64(&c, 1, INT64_MAX - 1);
		s.epoch_opened_ns = index_cols_i64(&c);
		s.next_ino = index_cols_u64(&c, 0, INT64_MAX);
		s.next_pack = index_cols_u64(&c, 0, INT64_MAX);
		s.next_snapshot = index_cols_u64(&c, 0, INT64_MAX);
		s.journal_seq = index_cols_u64(&c, 0, INT64_MAX);
		s.log_seq = index_cols_u64(&c, 0, INT64_MAX);
		hash = index_cols_blob(&c, sizeof(s.log_hash), sizeof(s.log_hash), &len);
		if (hash)
			memcpy(s.log_hash, hash, sizeof(s.log_hash));
		s.last_epoch_ns = index_cols_i64(&c);
		s.files = index_cols_u64(&c, 0, INT64_MAX);
		s.folders = index_cols_u64(&c, 0, INT64_MAX);
		s.bytes = (uint64_t)index_cols_i64(&c);
		s.pages = index_cols_u64(&c, 0, INT64_MAX);
		rc = index_cols_end(&c);
	} else if (rc == 0) {
		rc = err_note(ERR_CORRUPT, "index: the state is missing");
	}
	rc = index_stmt_end(ix, STMT_STATE_GET, c.st, rc);
	if (rc == 0)
		ix->state = ix->stored = s;
	return rc;
}

static int state_store(struct index *ix)
{
	const struct index_state *s = &ix->state;
	sqlite3_stmt *st;
	int rc;

	if (memcmp(s, &ix->stored, sizeof(*s)) == 0)
		return 0;
	if (s->epoch < 1 || s->epoch == INT64_MAX)
		return err_note(ERR_INVAL, "index: epoch out of range");
	rc = index_stmt_get(ix, STMT_STATE_SET,
	                    "REPLACE INTO state(" SCHEMA_STATE
	                    ",id) VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,1)",
	                    &st);
	if (rc != 0)
		return rc;
	index_bind_i64(st, 1, s->epoch);
	index_bind_i64(st, 2, s->epoch_opened_ns);
	index_bind_u64(st, 3, s->next_ino);
	index_bind_u64(st, 4, s->next_pack);
	index_bind_u64(st, 5, s->next_snapshot);
	index_bind_u64(st, 6, s->journal_seq);
	index_bind_u64(st, 7, s->log_seq);
	index_bind_blob(st, 8, s->log_hash, sizeof(s->log_hash));
	index_bind_i64(st, 9, s->last_epoch_ns);
	index_bind_u64(st, 10, s->files);
	index_bind_u64(st, 11, s->folders);
	index_bind_u64(st, 12, s->bytes);
	index_bind_u64(st, 13, s->pages);
	rc = index_stmt_run(ix, STMT_STATE_SET, st);
	if (rc == 0)
		ix->stored = *s;
	return rc;
}

struct index_state *index_state(struct index *ix)
{
	return &ix->state;
}

int index_damage_met(const struct index *ix)
{
	return atomic_load(ix->damage_of);
}

/* ---- opening ---- */

static void sql_epoch(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
	const struct index *ix = sqlite3_user_data(ctx);

	(void)argc;
	(void)argv;
	sqlite3_result_int64(ctx, ix->state.epoch);
}

static int on_commit(void *ctx, sqlite3 *db, const char *schema, int frames)
{
	struct index *ix = ctx;

	(void)db;
	(void)schema;
	ix->wal_frames = frames > 0 ? (uint64_t)frames : 0;
	ix->moved_all = false;
	return SQLITE_OK;
}

static int connect(struct index *ix, int flags)
{
	char sql[256];
	int rc;

	rc = sqlite3_open_v2(ix->path, &ix->db, flags | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE,
	                     vfs_name(ix->vfs));
	if (rc != SQLITE_OK)
		return index_stmt_error(ix, rc);
	sqlite3_busy_timeout(ix->db, BUSY_MS);
	sqlite3_limit(ix->db, SQLITE_LIMIT_ATTACHED, 0);
	sqlite3_limit(ix->db, SQLITE_LIMIT_LENGTH, 1 << 20);
	sqlite3_db_config(ix->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	sqlite3_db_config(ix->db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
	rc = sqlite3_create_function_v2(ix->db, "amber_epoch", 0, SQLITE_UTF8 | SQLITE_INNOCUOUS,
	                                ix, sql_epoch, NULL, NULL, NULL);
	if (rc != SQLITE_OK)
		return index_stmt_error(ix, rc);
	snprintf(sql, sizeof(sql),
	         "PRAGMA temp_store=MEMORY;PRAGMA mmap_size=0;PRAGMA secure_delete=OFF;"
	         "PRAGMA synchronous=NORMAL;PRAGMA wal_autocheckpoint=0;PRAGMA cache_size=-%d;",
	         ix->reader ? READER_CACHE_KIB : WRITER_CACHE_KIB);
	return index_stmt_exec(ix, sql);
}

static int user_version(struct index *ix, int64_t *ret)
{
	sqlite3_stmt *st = NULL;
	int rc;

	rc = sqlite3_prepare_v2(ix->db, "PRAGMA user_version", -1, &st, NULL);
	if (rc != SQLITE_OK)
		return index_stmt_error(ix, rc);
	rc = index_stmt_step(ix, st);
	if (rc == 1)
		*ret = sqlite3_column_int64(st, 0);
	sqlite3_finalize(st);
	return rc < 0 ? rc : 0;
}

static int has_log(struct index *ix, bool *ret)
{
	sqlite3_stmt *st = NULL;
	int rc;

	rc = sqlite3_prepare_v2(ix->db, "PRAGMA journal_mode", -1, &st, NULL);
	if (rc != SQLITE_OK)
		return index_stmt_error(ix, rc);
	rc = index_stmt_step(ix, st);
	if (rc == 1)
		*ret = sqlite3_stricmp((const char *)sqlite3_column_text(st, 0), "wal") == 0;
	sqlite3_finalize(st);
	return rc < 0 ? rc : 0;
}

/*
 * The settings that a file gets with its first page. The switch to the log is itself a transaction,
 * which must not make a rollback journal in a file; and one that has the log must not leave it,
 * which would be a checkpoint.
 */
static int format(struct index *ix)
{
	int reserve = VFS_SALT_BYTES + VFS_TAG_BYTES + 8;
	bool logged = false;
	int rc;

	rc = sqlite3_file_control(ix->db, "main", SQLITE_FCNTL_RESERVE_BYTES, &reserve);
	if (rc != SQLITE_OK)
		return index_stmt_error(ix, rc);
	rc = index_stmt_exec(ix, "PRAGMA page_size=4096");
	if (rc == 0)
		rc = has_log(ix, &logged);
	if (rc == 0 && !logged)
		rc = index_stmt_exec(ix, "PRAGMA journal_mode=MEMORY;PRAGMA journal_mode=WAL");
	if (rc == 0)
		rc = has_log(ix, &logged);
	if (rc == 0 && !logged)
		rc = err_note(ERR_CORRUPT, "index: no write-ahead log");
	return rc != 0 ? rc : index_stmt_exec(ix, "PRAGMA journal_size_limit=67108864");
}

static int create_tables(struct index *ix)
{
	char sql[128];
	int rc;

	ix->state = (struct index_state){
	    .epoch = 1, .next_ino = INDEX_ROOT_INO + 1, .next_pack = 1, .next_snapshot = 1};
	snprintf(sql, sizeof(sql), "PRAGMA application_id=%d;PRAGMA user_version=%d;COMMIT",
	         SCHEMA_APPLICATION_ID, SCHEMA_VERSION);
	rc = index_stmt_exec(ix, "BEGIN IMMEDIATE");
	if (rc == 0)
		rc = index_stmt_exec(ix, schema_sql);
	if (rc == 0)
		rc = state_store(ix);
	if (rc == 0)
		rc = index_stmt_exec(ix, sql);
	return rc;
}

static int open_tables(struct index *ix, bool create)
{
	int64_t version = 0;
	int rc;

	rc = user_version(ix, &version);
	if (rc != 0)
		return rc;
	if (version > SCHEMA_VERSION)
		return err_note(ERR_VERSION, "index: version %lld", (long long)version);
	if (version == SCHEMA_VERSION)
		return 0;
	if (!create)
		return err_note(ERR_CORRUPT, "index: no tables");
	return create_tables(ix);
}

static int begin(struct index *ix)
{
	sqlite3_stmt *st;
	int rc;

	rc = index_stmt_get(ix, STMT_BEGIN, ix->reader ? "BEGIN" : "BEGIN IMMEDIATE", &st);
	if (rc == 0)
		rc = index_stmt_run(ix, STMT_BEGIN, st);
	if (rc == 0 && !ix->reader)
		ix->began = true;
	return rc;
}

static int end(struct index *ix)
{
	sqlite3_stmt *st;
	int rc;

	rc = index_stmt_get(ix, STMT_COMMIT, "COMMIT", &st);
	return rc != 0 ? rc : index_stmt_run(ix, STMT_COMMIT, st);
}

/* What may be in the log of an index that was not closed; exact after the first commit. */
static void guess_wal_frames(struct index *ix, const struct fileio *io)
{
	struct file_info info = {0};
	char *wal = NULL;

	if (asprintf(&wal, "%s-wal", ix->path) >= 0 && fileio_stat(io, wal, &info) == 0)
		ix->wal_frames = info.size_bytes / FRAME_BYTES;
	free(wal);
}

int index_open(const struct index_params *params, struct index **ret)
{
	struct index *ix;
	struct file_info info;
	bool fresh;
	int rc;

	ix = calloc(1, sizeof(*ix));
	if (!ix)
		return ERR_NOMEM;
	rc = ERR_NOMEM;
	ix->damage_of = &ix->damage;
	ix->path = strdup(params->path);
	if (!ix->path)
		goto out;
	rc = fileio_stat(params->io, params->path, &info);
	fresh = rc == ERR_NOENT || (rc == 0 && info.size_bytes == 0);
	if (rc == ERR_NOENT && params->create)
		rc = 0;
	if (rc == 0)
		rc = vfs_new(params->io, params->rng, &params->cipher, &ix->vfs);
	if (rc == 0)
		rc = vfs_sums_open(ix->vfs, params->path, fresh);
	if (rc == 0)
		rc = connect(ix, SQLITE_OPEN_READWRITE | (params->create ? SQLITE_OPEN_CREATE : 0));
	if (rc == 0)
		rc = format(ix);
	if (rc == 0)
		rc = open_tables(ix, params->create);
	if (rc == 0)
		rc = vfs_sums_check_log(ix->vfs);
	if (rc == 0 && fresh)
		rc = vfs_sums_store(ix->vfs, 0);
	if (rc == 0)
		rc = begin(ix);
	if (rc == 0)
		rc = state_load(ix);
	if (rc == 0) {
		guess_wal_frames(ix, params->io);
		sqlite3_wal_hook(ix->db, on_commit, ix);
	}
out:
	if (rc != 0) {
		index_close(ix);
		return rc;
	}
	*ret = ix;
	return 0;
}

int index_reader_open(struct index *writer, struct index **ret)
{
	struct index *ix;
	int rc = ERR_NOMEM;

	CHECK(!writer->reader);
	ix = calloc(1, sizeof(*ix));
	if (!ix)
		return ERR_NOMEM;
	ix->reader = true;
	ix->vfs = writer->vfs;
	ix->damage_of = &writer->damage;
	ix->path = strdup(writer->path);
	if (ix->path)
		rc = connect(ix, SQLITE_OPEN_READONLY);
	if (rc == 0)
		rc = begin(ix);
	if (rc == 0)
		rc = state_load(ix);
	if (rc != 0) {
		index_close(ix);
		return rc;
	}
	*ret = ix;
	return 0;
}

int index_reader_refresh(struct index *reader)
{
	int rc;

	CHECK(reader->reader);
	rc = end(reader);
	if (rc == 0)
		rc = begin(reader);
	if (rc == 0)
		rc = state_load(reader); /* its read is what takes the snapshot */
	return rc;
}

void index_close(struct index *ix)
{
	if (!ix)
		return;
	index_stmt_free(ix);
	if (ix->db) {
		if (!sqlite3_get_autocommit(ix->db))
			sqlite3_exec(ix->db, "ROLLBACK", NULL, NULL, NULL);
		/* a checkpoint of its own would write pages whose sums nobody stores; when there is
		 * nothing to write, it removes the log */
		sqlite3_db_config(ix->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE,
		                  !ix->reader && !ix->moved_all, NULL);
		CHECK(sqlite3_close(ix->db) == SQLITE_OK);
	}
	if (!ix->reader)
		vfs_free(ix->vfs);
	free(ix->path);
	free(ix->result);
	free(ix);
}

/* ---- durability ---- */

static int commit(struct index *ix)
{
	int rc;

	CHECK(!ix->reader);
	rc = state_store(ix);
	return rc != 0 ? rc : end(ix);
}

int index_commit(struct index *ix)
{
	int rc = commit(ix);

	return rc != 0 ? rc : begin(ix);
}

int index_sync(struct index *ix)
{
	return vfs_sync_wal(ix->vfs);
}

uint64_t index_wal_bytes(struct index *ix)
{
	return ix->wal_frames * FRAME_BYTES;
}

int index_checkpoint(struct index *ix)
{
	int total = 0, moved = 0;
	int rc;

	rc = commit(ix);
	if (rc != 0)
		return rc;
	rc = sqlite3_wal_checkpoint_v2(ix->db, "main", SQLITE_CHECKPOINT_PASSIVE, &total, &moved);
	if (rc != SQLITE_OK)
		return index_stmt_error(ix, rc);
	/* before the next transaction, which may begin the log anew */
	rc = vfs_sums_store(ix->vfs, moved > 0 ? (uint64_t)moved : 0);
	if (rc != 0)
		return rc;
	ix->moved_all = total == moved;
	if (total >= 0 && moved >= 0)
		ix->wal_frames = (uint64_t)(total - moved);
	return begin(ix);
}
