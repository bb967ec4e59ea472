/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The encrypting VFS under SQLite itself. The workload is a table whose content after n
 * transactions is known (the model), so whatever happens to the files, what is read afterwards is
 * compared with the model at the transaction that it claims to be.
 */
#include "meta/vfs.h"
#include "tests/lib/simdisk.h"
#include "tests/lib/test.h"
#include "tests/lib/test_cipher.h"
#include "tests/lib/test_model.h"

#include <pthread.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <unistd.h>

#define DB "/d.db"
#define WAL "/d.db-wal"

/* ---- a database ---- */

struct base {
	struct simdisk *disk;
	struct simrng rng;
	struct vfs *v;
	sqlite3 *db;
	int keys;
	int cache_pages;
	int committed;
};

static void setup(struct base *b, int keys, int cache_pages, uint64_t seed)
{
	*b = (struct base){.keys = keys, .cache_pages = cache_pages};
	b->disk = simdisk_new(NULL);
	simrng_init(&b->rng, seed);
}

static int exec(sqlite3 *db, const char *sql)
{
	return sqlite3_exec(db, sql, NULL, NULL, NULL);
}

static int attach(struct base *b, sqlite3 **ret)
{
	char sql[256];
	int reserve = 48;
	int rc;

	rc = sqlite3_open_v2(DB, ret, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, vfs_name(b->v));
	if (rc != SQLITE_OK)
		return rc;
	sqlite3_file_control(*ret, "main", SQLITE_FCNTL_RESERVE_BYTES, &reserve);
	snprintf(sql, sizeof(sql),
	         "PRAGMA temp_store=MEMORY;PRAGMA synchronous=NORMAL;PRAGMA wal_autocheckpoint=0;"
	         "PRAGMA cache_size=%d;SELECT count(*) FROM sqlite_schema",
	         b->cache_pages);
	return exec(*ret, sql);
}

static int start(struct base *b)
{
	struct vfs_cipher cipher = test_cipher();

	TEST_MUST(vfs_new(simdisk_io(b->disk), &b->rng.base, &cipher, &b->v));
	return attach(b, &b->db);
}

static void stop(struct base *b)
{
	sqlite3_close(b->db);
	b->db = NULL;
	vfs_free(b->v);
	b->v = NULL;
}

static void create(struct base *b)
{
	TEST_CHECK(start(b) == SQLITE_OK);
	TEST_CHECK(exec(b->db, "PRAGMA journal_mode=MEMORY;PRAGMA journal_mode=WAL;"
	                       "CREATE TABLE t(k INTEGER PRIMARY KEY,v BLOB,n INTEGER);"
	                       "CREATE INDEX tn ON t(n);CREATE TABLE s(n INTEGER);"
	                       "INSERT INTO s VALUES(0)") == SQLITE_OK);
}

static void finish(struct base *b)
{
	stop(b);
	simdisk_free(b->disk);
}

static int put(sqlite3 *db, int key, int n)
{
	static uint8_t value[VALUE_MAX + 20];
	sqlite3_stmt *st = NULL;
	int rc;

	if (n == 0)
		rc = sqlite3_prepare_v2(db, "DELETE FROM t WHERE k=?1", -1, &st, NULL);
	else
		rc = sqlite3_prepare_v2(db, "REPLACE INTO t VALUES(?1,?2,?3)", -1, &st, NULL);
	if (rc != SQLITE_OK)
		return rc;
	sqlite3_bind_int(st, 1, key);
	if (n > 0) {
		value_fill(value, value_len(key, n), key, n);
		sqlite3_bind_blob(st, 2, value, (int)value_len(key, n), SQLITE_STATIC);
		sqlite3_bind_int(st, 3, n);
	}
	sqlite3_step(st);
	return sqlite3_finalize(st);
}

/* Run transaction @n up to its end, which is @end. */
static int run_transaction(struct base *b, int n, const char *end)
{
	struct model m = model_at(b->keys, n - 1);
	int keys[KEYS_MAX];
	int count = model_step(&m, n, keys);
	char sql[64];
	int rc;

	rc = exec(b->db, "BEGIN IMMEDIATE");
	for (int i = 0; rc == SQLITE_OK && i < count; i++)
		rc = put(b->db, keys[i], m.version[keys[i]]);
	snprintf(sql, sizeof(sql), "UPDATE s SET n=%d;%s", n, end);
	return rc == SQLITE_OK ? exec(b->db, sql) : rc;
}

static int step(struct base *b)
{
	int rc = run_transaction(b, b->committed + 1, "COMMIT");

	if (rc == SQLITE_OK)
		b->committed++;
	return rc;
}

/* Compare all rows with the model. Returns the transaction that the content is of, or -1 after an
 * error of SQLite. */
static int content(sqlite3 *db, int model_keys)
{
	static uint8_t value[VALUE_MAX + 20];
	sqlite3_stmt *st = NULL;
	struct model m;
	int n = -1, rows = 0, want = 0;

	if (exec(db, "BEGIN") != SQLITE_OK)
		return -1;
	if (sqlite3_prepare_v2(db, "SELECT n FROM s", -1, &st, NULL) == SQLITE_OK &&
	    sqlite3_step(st) == SQLITE_ROW)
		n = sqlite3_column_int(st, 0);
	if (sqlite3_finalize(st) != SQLITE_OK || n < 0)
		goto error;
	m = model_at(model_keys, n);
	for (int i = 0; i < m.keys; i++)
		want += m.version[i] != 0;
	if (sqlite3_prepare_v2(db, "SELECT k,v,n FROM t", -1, &st, NULL) != SQLITE_OK)
		goto error;
	while (sqlite3_step(st) == SQLITE_ROW) {
		int key = sqlite3_column_int(st, 0);
		int version = sqlite3_column_int(st, 2);

		TEST_CHECK(key >= 0 && key < m.keys && m.version[key] == version);
		value_fill(value, value_len(key, version), key, version);
		const void *got = sqlite3_column_blob(st, 1);

		if (!got)
			break; /* an error while the overflow pages were read */
		TEST_CHECK(sqlite3_column_bytes(st, 1) == (int)value_len(key, version));
		TEST_MEM(got, value, value_len(key, version));
		rows++;
	}
	if (sqlite3_finalize(st) != SQLITE_OK)
		goto error;
	TEST_CHECK(rows == want);
	exec(db, "COMMIT");
	return n;
error:
	exec(db, "ROLLBACK");
	return -1;
}

static bool integrity_ok(sqlite3 *db)
{
	sqlite3_stmt *st = NULL;
	bool ok;

	sqlite3_prepare_v2(db, "PRAGMA integrity_check", -1, &st, NULL);
	ok = sqlite3_step(st) == SQLITE_ROW &&
	     strcmp((const char *)sqlite3_column_text(st, 0), "ok") == 0;
	sqlite3_finalize(st);
	return ok;
}

static int checkpoint(struct base *b)
{
	return sqlite3_wal_checkpoint_v2(b->db, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
}

/* ---- raw files ---- */

struct image {
	uint8_t *data;
	uint64_t size;
};

static struct image image_take(struct base *b, const char *path)
{
	struct image im = {0};
	struct file *f = NULL;

	if (file_open(simdisk_io(b->disk), path, FILE_READ, &f) != 0)
		return im;
	TEST_MUST(file_size(f, &im.size));
	im.data = malloc(im.size + 1);
	TEST_MUST(file_pread_all(f, im.data, im.size, 0));
	file_close(f);
	return im;
}

static void image_put(struct base *b, const char *path, const struct image *im)
{
	struct file *f = NULL;

	if (!im->data) {
		fileio_remove(simdisk_io(b->disk), path);
		return;
	}
	TEST_MUST(file_open(simdisk_io(b->disk), path, FILE_WRITE | FILE_CREATE | FILE_TRUNC, &f));
	TEST_MUST(file_pwrite(f, im->data, im->size, 0));
	file_close(f);
}

static bool image_has(const struct image *im, const char *text)
{
	return im->data && memmem(im->data, im->size, text, strlen(text)) != NULL;
}

/* ---- cases ---- */

static void roundtrip(void)
{
	struct base b;
	struct image db, wal;

	setup(&b, 200, 500, 1);
	create(&b);
	for (int i = 0; i < 12; i++)
		TEST_CHECK(step(&b) == SQLITE_OK);
	TEST_CHECK(content(b.db, b.keys) == 12);
	wal = image_take(&b, WAL);
	TEST_CHECK(wal.size > 32 + 100 * 4120);
	TEST_CHECK(checkpoint(&b) == SQLITE_OK);
	db = image_take(&b, DB);
	TEST_CHECK(db.size % 4096 == 0 && db.size > 50 * 4096);
	for (int i = 0; i < 2; i++) {
		const struct image *im = i ? &db : &wal;

		TEST_CHECK(!image_has(im, "SQLite format"));
		TEST_CHECK(!image_has(im, "CREATE"));
		TEST_CHECK(!image_has(im, "PLAINTEXT"));
		TEST_CHECK(!image_has(im, "MARKER"));
	}
	for (uint64_t off = 32; off + 4120 <= wal.size; off += 4120)
		TEST_MEM(wal.data + off + 16, "\0\0\0\0\0\0\0\0", 8);
	stop(&b);
	TEST_CHECK(start(&b) == SQLITE_OK);
	TEST_CHECK(content(b.db, b.keys) == 12);
	TEST_CHECK(integrity_ok(b.db));
	free(db.data);
	free(wal.data);
	finish(&b);
}

static void spilled(void)
{
	struct base b;

	setup(&b, 400, 10, 2);
	create(&b);
	for (int i = 0; i < 9; i++) {
		TEST_CHECK(step(&b) == SQLITE_OK);
		/* what was spilled and rolled back is overwritten by the next, with the same
		 * headers too */
		TEST_CHECK(run_transaction(&b, b.committed + 1, "ROLLBACK") == SQLITE_OK);
		TEST_CHECK(content(b.db, b.keys) == b.committed);
	}
	/* in the middle of a transaction that spilled, the process dies */
	TEST_CHECK(run_transaction(&b, b.committed + 1, "SELECT 1") == SQLITE_OK);
	simdisk_kill(b.disk);
	stop(&b);
	TEST_CHECK(start(&b) == SQLITE_OK);
	TEST_CHECK(content(b.db, b.keys) == b.committed);
	TEST_CHECK(integrity_ok(b.db));
	for (int i = 0; i < 3; i++)
		TEST_CHECK(step(&b) == SQLITE_OK);
	simdisk_kill(b.disk);
	stop(&b);
	TEST_CHECK(start(&b) == SQLITE_OK);
	TEST_CHECK(content(b.db, b.keys) == b.committed);
	finish(&b);
}

/* The log is begun anew over its old frames; none of them may come back. */
static void log_reused(void)
{
	struct base b;

	setup(&b, 100, 20, 3);
	create(&b);
	for (int round = 0; round < 6; round++) {
		for (int i = 0; i < 6 - round; i++)
			TEST_CHECK(step(&b) == SQLITE_OK);
		simdisk_kill(b.disk);
		stop(&b);
		TEST_CHECK(start(&b) == SQLITE_OK);
		TEST_CHECK(content(b.db, b.keys) == b.committed);
		TEST_CHECK(checkpoint(&b) == SQLITE_OK);
	}
	finish(&b);
}

/* What a database with this file content gives: an error, or exactly the model at some transaction,
 * not before @first. */
static void judge(struct base *b, int first, const char *what, uint64_t off)
{
	int n = -1;
	int rc = start(b);

	if (rc == SQLITE_OK)
		n = content(b->db, b->keys);
	if (n >= 0 && n < first) {
		test_failures++;
		printf("  %s %" PRIu64 ": transaction %d, not %d\n", what, off, n, first);
	}
	stop(b);
}

static void flip(struct base *b, const char *path, struct image *im, uint64_t off, int first)
{
	im->data[off] ^= (uint8_t)(1u << (off % 8));
	image_put(b, path, im);
	judge(b, first, path, off);
	im->data[off] ^= (uint8_t)(1u << (off % 8));
}

static void flipped_pages(void)
{
	struct image db, none = {0};
	struct base b;
	int errors = 0;

	setup(&b, 10, 100, 4);
	create(&b);
	for (int i = 0; i < 4; i++)
		TEST_CHECK(step(&b) == SQLITE_OK);
	TEST_CHECK(checkpoint(&b) == SQLITE_OK);
	stop(&b);
	db = image_take(&b, DB);
	for (uint64_t off = 0; off < db.size;) {
		bool all = off < 4096 || off % 4096 >= 4040;

		flip(&b, DB, &db, off, b.committed);
		image_put(&b, WAL, &none);
		off += all ? 1 : 37;
	}
	/* what was changed is told by its own error */
	db.data[5000] ^= 1;
	image_put(&b, DB, &db);
	errors += start(&b) != SQLITE_OK || content(b.db, b.keys) < 0;
	TEST_CHECK(errors == 1);
	TEST_ERR(vfs_take_error(b.v), ERR_UNAUTHENTIC);
	TEST_ERR(vfs_take_error(b.v), 0);
	stop(&b);
	db.data[5000] ^= 1;

	/* two pages change places; one becomes zeros; the file is cut */
	uint8_t page[4096];

	memcpy(page, db.data + 4096, 4096);
	memcpy(db.data + 4096, db.data + 8192, 4096);
	memcpy(db.data + 8192, page, 4096);
	image_put(&b, DB, &db);
	TEST_CHECK(start(&b) != SQLITE_OK || content(b.db, b.keys) < 0);
	stop(&b);
	memcpy(db.data + 8192, db.data + 4096, 4096);
	memcpy(db.data + 4096, page, 4096);
	for (uint64_t at = 4096; at < db.size; at += 4096) {
		memcpy(page, db.data + at, 4096);
		memset(db.data + at, 0, 4096);
		image_put(&b, DB, &db);
		judge(&b, b.committed, "zeros", at);
		memcpy(db.data + at, page, 4096);
		struct image cut = {db.data, at};

		image_put(&b, DB, &cut);
		judge(&b, b.committed, "cut", at);
	}
	free(db.data);
	simdisk_free(b.disk);
}

static void flipped_log(void)
{
	struct image db, wal;
	struct base b;
	int first;

	setup(&b, 10, 100, 5);
	create(&b);
	TEST_CHECK(step(&b) == SQLITE_OK && checkpoint(&b) == SQLITE_OK);
	first = b.committed;
	for (int i = 0; i < 3; i++)
		TEST_CHECK(step(&b) == SQLITE_OK);
	db = image_take(&b, DB);
	wal = image_take(&b, WAL);
	simdisk_freeze(b.disk);
	stop(&b);
	simdisk_kill(b.disk);
	for (uint64_t off = 0; off < wal.size;) {
		uint64_t in = off < 32 ? 0 : (off - 32) % 4120;

		image_put(&b, DB, &db);
		flip(&b, WAL, &wal, off, first);
		off += in < 25 || in > 24 + 4055 ? 1 : 43;
	}
	for (uint64_t size = 0; size < wal.size; size += 211) {
		struct image cut = {wal.data, size};

		image_put(&b, DB, &db);
		image_put(&b, WAL, &cut);
		judge(&b, first, "log cut", size);
	}
	image_put(&b, DB, &db);
	image_put(&b, WAL, &wal);
	judge(&b, b.committed, "untouched", 0);
	free(db.data);
	free(wal.data);
	simdisk_free(b.disk);
}

/* The log changes under an open database: whoever reads the frame gets an error. */
static void changed_while_open(void)
{
	struct base b;
	struct image wal;
	sqlite3 *reader = NULL;

	setup(&b, 50, 100, 6);
	create(&b);
	for (int i = 0; i < 4; i++)
		TEST_CHECK(step(&b) == SQLITE_OK);
	TEST_CHECK(attach(&b, &reader) == SQLITE_OK);
	TEST_CHECK(exec(reader, "PRAGMA cache_size=5") == SQLITE_OK);
	wal = image_take(&b, WAL);
	for (uint64_t off = 32; off + 4120 <= wal.size; off += 4120)
		wal.data[off + 100] ^= 1;
	image_put(&b, WAL, &wal);
	TEST_CHECK(content(reader, b.keys) < 0);
	TEST_ERR(vfs_take_error(b.v), ERR_UNAUTHENTIC);
	TEST_CHECK(checkpoint(&b) != SQLITE_OK);
	sqlite3_close(reader);
	free(wal.data);
	finish(&b);
}

/* Frames of an earlier round of the log are put back under an open database: authentic once, but
 * not now. */
static void earlier_round_put_back(void)
{
	struct base b;
	struct image old, wal;
	sqlite3 *reader = NULL;

	setup(&b, 50, 100, 10);
	create(&b);
	for (int i = 0; i < 4; i++)
		TEST_CHECK(step(&b) == SQLITE_OK);
	old = image_take(&b, WAL);
	TEST_CHECK(checkpoint(&b) == SQLITE_OK);
	for (int i = 0; i < 3; i++)
		TEST_CHECK(step(&b) == SQLITE_OK);
	TEST_CHECK(attach(&b, &reader) == SQLITE_OK);
	TEST_CHECK(exec(reader, "PRAGMA cache_size=5") == SQLITE_OK);
	wal = image_take(&b, WAL);
	TEST_CHECK(memcmp(old.data, wal.data, 32) != 0);
	memcpy(old.data, wal.data, 32);
	image_put(&b, WAL, &old);
	TEST_CHECK(content(reader, b.keys) < 0);
	TEST_ERR(vfs_take_error(b.v), ERR_UNAUTHENTIC);
	sqlite3_close(reader);
	free(old.data);
	free(wal.data);
	finish(&b);
}

static void two_connections(void)
{
	struct base b;
	sqlite3 *reader = NULL;
	sqlite3_stmt *st = NULL;

	setup(&b, 100, 50, 7);
	create(&b);
	TEST_CHECK(step(&b) == SQLITE_OK);
	TEST_CHECK(attach(&b, &reader) == SQLITE_OK);
	TEST_CHECK(exec(reader, "BEGIN") == SQLITE_OK);
	sqlite3_prepare_v2(reader, "SELECT n FROM s", -1, &st, NULL);
	TEST_CHECK(sqlite3_step(st) == SQLITE_ROW && sqlite3_column_int(st, 0) == 1);
	sqlite3_reset(st);
	for (int i = 0; i < 5; i++) {
		TEST_CHECK(step(&b) == SQLITE_OK);
		TEST_CHECK(checkpoint(&b) == SQLITE_OK);
		TEST_CHECK(sqlite3_step(st) == SQLITE_ROW && sqlite3_column_int(st, 0) == 1);
		sqlite3_reset(st);
	}
	TEST_CHECK(exec(reader, "COMMIT") == SQLITE_OK);
	TEST_CHECK(content(reader, b.keys) == 6);
	/* only one can write */
	TEST_CHECK(exec(b.db, "BEGIN IMMEDIATE") == SQLITE_OK);
	TEST_CHECK(exec(reader, "BEGIN IMMEDIATE") == SQLITE_BUSY);
	TEST_CHECK(exec(b.db, "COMMIT") == SQLITE_OK);
	TEST_CHECK(exec(reader, "BEGIN IMMEDIATE;COMMIT") == SQLITE_OK);
	sqlite3_finalize(st);
	/* the log stays while one of them has it open */
	sqlite3_close(reader);
	TEST_CHECK(step(&b) == SQLITE_OK);
	simdisk_kill(b.disk);
	stop(&b);
	TEST_CHECK(start(&b) == SQLITE_OK);
	TEST_CHECK(content(b.db, b.keys) == 7);
	finish(&b);
}

static void power_cuts(void)
{
	for (uint64_t seed = 1; seed <= 150; seed++) {
		struct simrng r;
		struct base b;
		int synced = 0, n;

		simrng_init(&r, seed);
		setup(&b, 40, seed % 3 ? 200 : 8, seed);
		create(&b);
		TEST_CHECK(vfs_sync_wal(b.v) == 0 && checkpoint(&b) == SQLITE_OK);
		for (int round = 0; round < 3; round++) {
			simdisk_freeze_after(b.disk, 1 + simrng_below(&r, 400));
			while (!simdisk_frozen(b.disk)) {
				if (step(&b) != SQLITE_OK)
					break;
				if (simrng_chance(&r, 300) && vfs_sync_wal(b.v) == 0)
					synced = b.committed;
				if (simrng_chance(&r, 300) && checkpoint(&b) == SQLITE_OK)
					synced = b.committed;
			}
			stop(&b);
			simdisk_power_cut(b.disk, &r);
			TEST_CHECK(start(&b) == SQLITE_OK);
			n = content(b.db, b.keys);
			TEST_CHECK(n >= synced && n <= b.committed + 1);
			TEST_CHECK(integrity_ok(b.db));
			if (n < synced)
				printf("  seed %" PRIu64 ": %d, synced %d\n", seed, n, synced);
			b.committed = synced = n;
			/* what recovery found must be durable before it counts as old */
			TEST_CHECK(vfs_sync_wal(b.v) == 0);
		}
		finish(&b);
	}
}

static void failing_calls(void)
{
	for (uint64_t nth = 1; nth < 400; nth += nth < 60 ? 1 : 7) {
		int code = nth % 2 ? ERR_IO : ERR_NOSPC;
		bool failed = false;
		struct base b;
		int n, got;

		setup(&b, 40, nth % 3 ? 100 : 8, nth);
		create(&b);
		(void)vfs_take_error(b.v);
		simdisk_fail_nth(b.disk, nth, code);
		for (int i = 0; i < 6 && !failed; i++) {
			failed = step(&b) != SQLITE_OK;
			if (!failed && i == 3)
				failed = checkpoint(&b) != SQLITE_OK;
		}
		got = vfs_take_error(b.v);
		TEST_CHECK(!failed || got == code);
		simdisk_kill(b.disk);
		stop(&b);
		TEST_CHECK(start(&b) == SQLITE_OK);
		n = content(b.db, b.keys);
		TEST_CHECK(n == b.committed || (failed && n == b.committed + 1));
		finish(&b);
	}
}

/* ---- salts ---- */

struct salts {
	uint8_t *seen;
	size_t count;
};

static int seal_and_note(void *ctx, const uint8_t *salt, const void *aad, size_t aad_len,
                         const uint8_t *plain, size_t len, uint8_t *out, uint8_t *tag)
{
	struct salts *s = ctx;
	struct vfs_cipher c = test_cipher();

	s->seen = realloc(s->seen, (s->count + 1) * VFS_SALT_BYTES);
	memcpy(s->seen + s->count++ * VFS_SALT_BYTES, salt, VFS_SALT_BYTES);
	return c.seal(c.ctx, salt, aad, aad_len, plain, len, out, tag);
}

static int open_plainly(void *ctx, const uint8_t *salt, const void *aad, size_t aad_len,
                        const uint8_t *sealed, size_t len, const uint8_t *tag, uint8_t *out)
{
	struct vfs_cipher c = test_cipher();

	(void)ctx;
	return c.open(c.ctx, salt, aad, aad_len, sealed, len, tag, out);
}

static int compare_salts(const void *a, const void *b)
{
	return memcmp(a, b, VFS_SALT_BYTES);
}

static void salts_differ(void)
{
	struct salts s = {0};
	struct vfs_cipher cipher = {.ctx = &s, .seal = seal_and_note, .open = open_plainly};
	struct base b;

	setup(&b, 200, 10, 8);
	create(&b);
	for (int round = 0; round < 3; round++) {
		stop(&b);
		TEST_MUST(vfs_new(simdisk_io(b.disk), &b.rng.base, &cipher, &b.v));
		TEST_CHECK(attach(&b, &b.db) == SQLITE_OK);
		for (int i = 0; i < 5; i++)
			TEST_CHECK(step(&b) == SQLITE_OK);
		TEST_CHECK(checkpoint(&b) == SQLITE_OK);
	}
	TEST_CHECK(s.count > 500);
	qsort(s.seen, s.count, VFS_SALT_BYTES, compare_salts);
	for (size_t i = 1; i < s.count; i++)
		TEST_CHECK(compare_salts(s.seen + (i - 1) * VFS_SALT_BYTES,
		                         s.seen + i * VFS_SALT_BYTES) != 0);
	free(s.seen);
	finish(&b);
}

/* ---- other files ---- */

static int refuse(void *ctx, const char *name)
{
	(void)ctx;
	if (strcmp(name, "d.db") != 0 && strcmp(name, "d.db-wal") != 0 &&
	    strcmp(name, "d.db-journal") != 0)
		TEST_CHECK(!"another file");
	return 0;
}

static void no_other_files(void)
{
	struct image junk = {(uint8_t *)"\xd9\xd5\x05\xf9 not a journal of ours", 26};
	struct base b;

	setup(&b, 100, 5, 9);
	create(&b);
	TEST_CHECK(step(&b) == SQLITE_OK);
	image_put(&b, DB "-journal", &junk); /* a planted rollback journal */
	stop(&b);
	TEST_CHECK(start(&b) == SQLITE_OK);
	TEST_CHECK(content(b.db, b.keys) == 1);
	TEST_CHECK(exec(b.db, "CREATE TEMP TABLE x AS SELECT v,random() r FROM t;"
	                      "SELECT * FROM x ORDER BY r") == SQLITE_OK);
	TEST_CHECK(exec(b.db, "PRAGMA temp_store=FILE") == SQLITE_OK);
	TEST_CHECK(exec(b.db, "PRAGMA temp.cache_size=1;CREATE TEMP TABLE y AS WITH RECURSIVE "
	                      "c(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM c LIMIT 3000) "
	                      "SELECT i,randomblob(3000) FROM c") != SQLITE_OK);
	TEST_OK(fileio_list(simdisk_io(b.disk), "/", refuse, NULL));
	finish(&b);
}

/* ---- threads ---- */

struct syncer {
	struct vfs *v;
	atomic_bool stop;
	int failures;
};

static void *sync_loop(void *arg)
{
	struct syncer *s = arg;

	while (!atomic_load(&s->stop))
		s->failures += vfs_sync_wal(s->v) != 0;
	return NULL;
}

static void sync_beside_close(void)
{
	char dir[] = "/tmp/test_vfs.XXXXXX";
	char path[64], sql[96];
	struct vfs_cipher cipher = test_cipher();
	struct syncer s = {0};
	pthread_t thread;

	TEST_CHECK(mkdtemp(dir) != NULL);
	snprintf(path, sizeof(path), "%s/d.db", dir);
	TEST_MUST(vfs_new(fileio_system(), rng_system(), &cipher, &s.v));
	TEST_CHECK(pthread_create(&thread, NULL, sync_loop, &s) == 0);
	for (int i = 0; i < 30; i++) {
		sqlite3 *db = NULL;
		int reserve = 48;

		TEST_CHECK(sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE,
		                           vfs_name(s.v)) == SQLITE_OK);
		sqlite3_file_control(db, "main", SQLITE_FCNTL_RESERVE_BYTES, &reserve);
		if (i == 0)
			exec(db, "PRAGMA journal_mode=MEMORY;PRAGMA journal_mode=WAL");
		snprintf(sql, sizeof(sql), "CREATE TABLE t%d(x);INSERT INTO t%d VALUES(%d)", i, i,
		         i);
		TEST_CHECK(exec(db, sql) == SQLITE_OK);
		TEST_CHECK(sqlite3_close(db) == SQLITE_OK);
	}
	atomic_store(&s.stop, true);
	pthread_join(thread, NULL);
	TEST_CHECK(s.failures == 0);
	vfs_free(s.v);
	TEST_OK(fileio_remove(fileio_system(), path));
	TEST_CHECK(rmdir(dir) == 0);
}

int main(void)
{
	TEST_RUN(roundtrip);
	TEST_RUN(spilled);
	TEST_RUN(log_reused);
	TEST_RUN(flipped_pages);
	TEST_RUN(flipped_log);
	TEST_RUN(changed_while_open);
	TEST_RUN(earlier_round_put_back);
	TEST_RUN(two_connections);
	TEST_RUN(power_cuts);
	TEST_RUN(failing_calls);
	TEST_RUN(salts_differ);
	TEST_RUN(no_other_files);
	TEST_RUN(sync_beside_close);
	return test_done();
}
