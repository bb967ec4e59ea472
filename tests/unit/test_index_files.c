/* SPDX-License-Identifier: Apache-2.0 */
/* The index and its files: life and durability, readers, damage, a full disk, export and import,
 * speed. */
#include "tests/lib/test_index.h"
#include "util/clock.h"

#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

static int count_row(void *ctx, const struct index_row *row)
{
	(void)row;
	++*(int *)ctx;
	return 0;
}

/* ---- life ---- */

static void life(void)
{
	struct test t;
	struct index *none = NULL;
	struct index_state *s;
	struct index_inode got;

	start(&t);
	TEST_ERR(open_at(&t, "/other.db", false, &none), ERR_NOENT);
	s = index_state(t.ix);
	TEST_CHECK(s->epoch == 1 && s->next_ino == 2 && s->log_seq == 0 && s->files == 0);
	s->epoch = 7;
	s->epoch_opened_ns = -1;
	s->next_ino = 99;
	s->journal_seq = 5;
	s->log_hash[31] = 0xee;
	s->last_epoch_ns = 1234567890123;
	TEST_OK(add_inode(t.ix, 1, S_IFDIR | 0755, 2, 0));
	TEST_OK(index_commit(t.ix));
	TEST_OK(index_sync(t.ix));
	TEST_OK(add_inode(t.ix, 2, S_IFREG | 0644, 1, 10));
	s->next_ino = 100;
	index_close(t.ix); /* what was not committed is gone */
	TEST_MUST(open_at(&t, DB, true, &t.ix));
	s = index_state(t.ix);
	TEST_CHECK(s->epoch == 7 && s->epoch_opened_ns == -1 && s->next_ino == 99);
	TEST_CHECK(s->journal_seq == 5 && s->log_hash[31] == 0xee && s->folders == 1);
	TEST_CHECK(s->last_epoch_ns == 1234567890123 && s->files == 0);
	TEST_OK(index_inode_get(t.ix, 1, INDEX_NOW, &got));
	TEST_CHECK(got.born == 7);
	TEST_ERR(index_inode_get(t.ix, 2, INDEX_NOW, &got), ERR_NOENT);
	TEST_OK(index_check(t.ix, true));
	TEST_OK(index_check(t.ix, false));
	index_close(NULL);
	finish(&t);
}

static void killed(void)
{
	struct test t;
	struct index_dentry got;
	char name[64];
	int died = 0;

	start(&t);
	for (int i = 0; i < 40; i++) {
		snprintf(name, sizeof(name), "file %d", i);
		TEST_OK(add_inode(t.ix, 2 + (uint64_t)i, S_IFREG, 1, 1));
		TEST_OK(add_entry(t.ix, 1, name, 2 + (uint64_t)i));
		index_state(t.ix)->journal_seq = (uint64_t)i;
		if (i % 2 == 0)
			TEST_OK(index_commit(t.ix));
		if (i % 10 == 9)
			TEST_OK(index_checkpoint(t.ix));
		if (i % 7 == 6 && i != died) {
			int last = i % 2 == 0 || i % 10 == 9 ? i : i - 1;

			died = i;
			TEST_MUST(die(&t));
			TEST_CHECK(index_state(t.ix)->journal_seq == (uint64_t)last);
			TEST_CHECK(index_state(t.ix)->files == (uint64_t)last + 1);
			snprintf(name, sizeof(name), "file %d", last);
			TEST_OK(index_dentry_get(t.ix, 1, name, strlen(name), INDEX_NOW, &got));
			i = last;
		}
	}
	TEST_OK(index_check(t.ix, true));
	finish(&t);
}

static void checkpoints(void)
{
	struct test t;
	struct file_info info;
	uint64_t before;

	start(&t);
	for (int i = 0; i < 3000; i++)
		TEST_OK(add_inode(t.ix, 2 + (uint64_t)i, S_IFREG, 1, 1));
	TEST_OK(index_commit(t.ix));
	before = index_wal_bytes(t.ix);
	TEST_CHECK(before > 100000);
	TEST_OK(index_checkpoint(t.ix));
	TEST_CHECK(index_wal_bytes(t.ix) == 0);
	TEST_OK(fileio_stat(simdisk_io(t.disk), DB, &info));
	TEST_CHECK(info.size_bytes > 100000);
	TEST_OK(add_inode(t.ix, 1, S_IFDIR, 2, 0));
	TEST_OK(index_commit(t.ix));
	TEST_CHECK(index_wal_bytes(t.ix) > 0 && index_wal_bytes(t.ix) < before);
	TEST_MUST(die(&t));
	TEST_CHECK(index_state(t.ix)->files == 3000 && index_state(t.ix)->folders == 1);
	finish(&t);
}

/* ---- readers ---- */

static void readers(void)
{
	struct index *reader = NULL;
	struct index_inode got, row = inode(1, S_IFDIR, 2, 0);
	struct test t;

	start(&t);
	TEST_OK(index_inode_add(t.ix, &row));
	index_state(t.ix)->journal_seq = 1;
	TEST_OK(index_commit(t.ix));
	TEST_OK(index_reader_open(t.ix, &reader));
	for (uint64_t i = 2; i < 8; i++) {
		uint64_t seen = i - 1;

		TEST_OK(add_inode(t.ix, i, S_IFREG, 1, 0));
		TEST_ERR(index_inode_get(reader, i, INDEX_NOW, &got), ERR_NOENT);
		index_state(t.ix)->journal_seq = i;
		TEST_OK(index_commit(t.ix));
		TEST_OK(index_checkpoint(t.ix));
		/* its view stays, whatever the writer commits and moves */
		TEST_CHECK(index_state(reader)->journal_seq == seen);
		TEST_OK(index_inode_get(reader, seen, INDEX_NOW, &got));
		TEST_ERR(index_inode_get(reader, i, INDEX_NOW, &got), ERR_NOENT);
		TEST_OK(index_reader_refresh(reader));
		TEST_CHECK(index_state(reader)->journal_seq == i);
		TEST_OK(index_inode_get(reader, i, INDEX_NOW, &got));
	}
	TEST_ERR(index_inode_add(reader, &row), ERR_ROFS);
	index_close(reader);
	TEST_OK(index_commit(t.ix));
	TEST_MUST(die(&t));
	TEST_CHECK(index_state(t.ix)->journal_seq == 7);
	finish(&t);
}

static void remove_index(const char *path)
{
	char name[80];

	TEST_OK(fileio_remove(fileio_system(), path));
	snprintf(name, sizeof(name), "%s-sum", path);
	TEST_OK(fileio_remove(fileio_system(), name));
	snprintf(name, sizeof(name), "%s-wal", path);
	fileio_remove(fileio_system(), name); /* there when something was not moved */
}

/* A reader in a thread of its own always sees one commit: as many inodes as that commit's state
 * says. */
struct watcher {
	struct index *reader;
	atomic_bool stop;
	int rounds;
	int wrong;
};

static void *watch(void *arg)
{
	struct watcher *w = arg;

	while (!atomic_load(&w->stop)) {
		int rows = 0;

		if (index_reader_refresh(w->reader) != 0 ||
		    index_export(w->reader, count_row, &rows) != 0 ||
		    (uint64_t)rows != index_state(w->reader)->files)
			w->wrong++;
		w->rounds++;
	}
	return NULL;
}

static void reader_thread(void)
{
	char dir[] = "/tmp/test_index.XXXXXX", path[64];
	struct index_params p = {
	    .io = fileio_system(), .rng = rng_system(), .cipher = test_cipher(), .create = true};
	struct watcher w = {.reader = NULL};
	struct index *ix = NULL;
	pthread_t thread;

	TEST_CHECK(mkdtemp(dir) != NULL);
	snprintf(path, sizeof(path), "%s/i.db", dir);
	p.path = path;
	TEST_MUST(index_open(&p, &ix));
	TEST_MUST(index_reader_open(ix, &w.reader));
	TEST_CHECK(pthread_create(&thread, NULL, watch, &w) == 0);
	for (uint64_t i = 0; i < 3000; i++) {
		TEST_OK(add_inode(ix, 2 + i, S_IFREG, 1, 1));
		if (i % 10 == 0)
			TEST_OK(index_commit(ix));
		if (i % 50 == 0)
			TEST_OK(index_checkpoint(ix));
		if (i % 200 == 0)
			TEST_OK(index_sync(ix));
	}
	atomic_store(&w.stop, true);
	pthread_join(thread, NULL);
	TEST_CHECK(w.wrong == 0 && w.rounds > 0);
	index_close(w.reader);
	index_close(ix);
	remove_index(path);
	TEST_CHECK(rmdir(dir) == 0);
}

/* ---- files: what they show, and what damage does ---- */

struct image {
	uint8_t *data;
	uint64_t size;
};

static struct image image_take(struct test *t, const char *path)
{
	struct image im = {0};
	struct file *f = NULL;

	TEST_MUST(file_open(simdisk_io(t->disk), path, FILE_READ, &f));
	TEST_MUST(file_size(f, &im.size));
	im.data = malloc(im.size + 1);
	TEST_MUST(file_pread_all(f, im.data, im.size, 0));
	file_close(f);
	return im;
}

static void image_put(struct test *t, const char *path, const struct image *im)
{
	struct file *f = NULL;

	TEST_MUST(file_open(simdisk_io(t->disk), path, FILE_WRITE | FILE_CREATE | FILE_TRUNC, &f));
	TEST_MUST(file_pwrite(f, im->data, im->size, 0));
	file_close(f);
}

static bool shows(const struct image *im, const char *text)
{
	return memmem(im->data, im->size, text, strlen(text)) != NULL;
}

/* Everything in all tables, as one number. */
static int hash_row(void *ctx, const struct index_row *row)
{
	uint64_t *h = ctx, v = (uint64_t)row->table * 31 + (uint64_t)row->born * 7;
	const char *name = "";
	size_t len = 0;

	switch (row->table) {
	case INDEX_TABLE_INODE:
		v += row->inode.ino * 3 + row->inode.size + row->inode.mode;
		break;
	case INDEX_TABLE_DENTRY:
		v += row->dentry.ino;
		name = row->dentry.name;
		len = row->dentry.name_len;
		break;
	case INDEX_TABLE_EXTENT:
		v += row->extent.off + row->extent.page;
		break;
	case INDEX_TABLE_XATTR:
		name = row->xattr.value;
		len = row->xattr.value_len;
		break;
	default:
		break;
	}
	for (size_t i = 0; i < len; i++)
		v = v * 1099511628211u + (uint8_t)name[i];
	*h = *h * 6364136223846793005u + v + (uint64_t)row->died;
	return 0;
}

/* 0 when the index cannot be opened or read. */
static uint64_t content(struct test *t)
{
	struct index *ix = NULL;
	uint64_t h = 1;
	int rc = open_at(t, DB, false, &ix);

	if (rc == 0)
		rc = index_export(ix, hash_row, &h);
	if (rc != 0) {
		TEST_CHECK(rc == ERR_UNAUTHENTIC || rc == ERR_CORRUPT);
		h = 0;
	}
	index_close(ix);
	return h;
}

static void fill(struct test *t, int round)
{
	char name[64], value[300];

	memset(value, 'V', sizeof(value));
	for (int i = 0; i < 12; i++) {
		uint64_t ino = 2 + (uint64_t)(round * 12 + i);
		struct index_extent x = extent(ino, 0, 1);

		snprintf(name, sizeof(name), "SECRET-NAME-%d-%d", round, i);
		TEST_OK(add_inode(t->ix, ino, S_IFREG, 1, (uint64_t)i));
		TEST_OK(add_entry(t->ix, 1, name, ino));
		TEST_OK(index_extent_add(t->ix, &x));
		TEST_OK(index_xattr_set(t->ix, ino, "user.SECRET", 11, value, sizeof(value)));
	}
	index_state(t->ix)->epoch++;
	TEST_OK(index_commit(t->ix));
}

static void damage(void)
{
	struct image db, wal;
	uint64_t good[4] = {0};
	int unreadable = 0, older = 0;
	struct test t;

	start(&t);
	TEST_OK(add_inode(t.ix, 1, S_IFDIR, 2, 0));
	for (int i = 0; i < 2; i++) {
		fill(&t, i);
		good[i] = 1;
		TEST_OK(index_export(t.ix, hash_row, &good[i]));
	}
	TEST_OK(index_checkpoint(t.ix));
	for (int i = 2; i < 4; i++) {
		fill(&t, i);
		good[i] = 1;
		TEST_OK(index_export(t.ix, hash_row, &good[i]));
	}
	db = image_take(&t, DB);
	wal = image_take(&t, WAL);
	for (int i = 0; i < 2; i++) {
		TEST_CHECK(!shows(i ? &db : &wal, "SECRET"));
		TEST_CHECK(!shows(i ? &db : &wal, "VVVVVVVV"));
		TEST_CHECK(!shows(i ? &db : &wal, "inode"));
		TEST_CHECK(!shows(i ? &db : &wal, "SQLite"));
	}
	simdisk_freeze(t.disk);
	index_close(t.ix);
	simdisk_kill(t.disk);
	image_put(&t, DB, &db);
	image_put(&t, WAL, &wal);
	TEST_CHECK(content(&t) == good[3]);

	for (int file = 0; file < 2; file++) {
		struct image *im = file ? &wal : &db;

		for (uint64_t off = 0; off < im->size; off += off < 4096 ? 13 : 101) {
			uint64_t h;

			im->data[off] ^= (uint8_t)(1u << (off % 8));
			image_put(&t, DB, &db);
			image_put(&t, WAL, &wal);
			h = content(&t);
			im->data[off] ^= (uint8_t)(1u << (off % 8));
			unreadable += h == 0;
			older += file == 1 && (h == good[1] || h == good[2]);
			TEST_CHECK(h == 0 || h == good[3] ||
			           (file == 1 && (h == good[1] || h == good[2])));
		}
	}
	TEST_CHECK(unreadable > 50 && older > 50);

	for (uint64_t size = 0; size <= wal.size; size += 997) {
		struct image cut = {wal.data, size};
		uint64_t h;

		image_put(&t, DB, &db);
		image_put(&t, WAL, &cut);
		h = content(&t);
		TEST_CHECK(h == good[1] || h == good[2] || h == good[3]);
	}
	free(db.data);
	free(wal.data);
	simdisk_free(t.disk);
}

/* Rows 3, 4, ... with a checkpoint now and then, until a call fails. Returns how many were asked for, @synced is the last
 * that must survive. */
static void checkpointed_life(struct test *t, uint64_t *synced)
{
	for (uint64_t n = 1; n <= 48; n++) {
		if (add_inode(t->ix, 2 + n, S_IFREG, 1, n) != 0)
			return;
		index_state(t->ix)->journal_seq = n;
		if (index_commit(t->ix) != 0)
			return;
		if (n % 3 == 0) {
			if (index_sync(t->ix) != 0)
				return;
			*synced = n;
		}
		if (n % 16 == 8 && index_checkpoint(t->ix) != 0)
			return;
	}
}

/* The power fails (@seed odd) or the process dies after the @k-th change of the disk. False: it never came to that. */
static bool cut_after(uint64_t k, uint64_t seed)
{
	uint64_t synced = 0, seen;
	struct index_inode row;
	struct simrng rng;
	struct test t;
	bool cut;

	start(&t);
	TEST_OK(index_sync(t.ix));
	simrng_init(&rng, k + seed * 1000);
	simdisk_freeze_after(t.disk, k);
	checkpointed_life(&t, &synced);
	cut = simdisk_frozen(t.disk);
	if (seed % 2)
		simdisk_power_cut(t.disk, &rng);
	else
		simdisk_kill(t.disk);
	index_close(t.ix);
	TEST_MUST(open_at(&t, DB, false, &t.ix));
	seen = index_state(t.ix)->journal_seq;
	TEST_CHECK(seen >= synced);
	for (uint64_t i = 1; i <= seen; i++)
		TEST_OK(index_inode_get(t.ix, 2 + i, INDEX_NOW, &row));
	TEST_ERR(index_inode_get(t.ix, 3 + seen, INDEX_NOW, &row), ERR_NOENT);
	TEST_OK(index_check(t.ix, true));
	TEST_OK(index_checkpoint(t.ix));
	index_close(t.ix);
	TEST_MUST(open_at(&t, DB, false, &t.ix));
	finish(&t);
	return cut;
}

/* The sums of the pages are never older than what is read from the main file. */
static void cut_everywhere(void)
{
	for (uint64_t seed = 0; seed < 4; seed++)
		for (uint64_t k = 1; cut_after(k, seed); k++)
			;
}

static void wrong_key(void)
{
	static uint8_t key[TEST_CIPHER_KEY_BYTES] = "another";
	struct index_params p;
	struct index *ix = NULL;
	struct test t;

	start(&t);
	index_close(t.ix);
	p = (struct index_params){.io = simdisk_io(t.disk),
	                          .rng = &t.rng.base,
	                          .cipher = test_cipher(),
	                          .path = DB,
	                          .create = true};
	p.cipher.ctx = key;
	TEST_ERR(index_open(&p, &ix), ERR_UNAUTHENTIC);
	simdisk_free(t.disk);
}

static void full_disk(void)
{
	static uint8_t big[60000];
	struct test t;
	int rc = 0;

	start(&t);
	TEST_OK(add_inode(t.ix, 2, S_IFREG, 1, 0));
	TEST_OK(index_commit(t.ix));
	simdisk_set_room(t.disk, 200000);
	for (int i = 0; rc == 0 && i < 20; i++) {
		char name[16];

		snprintf(name, sizeof(name), "n%d", i);
		rc = index_xattr_set(t.ix, 2, name, strlen(name), big, sizeof(big));
		if (rc == 0)
			rc = index_commit(t.ix);
	}
	TEST_ERR(rc, ERR_NOSPC);
	simdisk_set_room(t.disk, UINT64_MAX);
	TEST_MUST(die(&t));
	TEST_OK(index_check(t.ix, true));
	simdisk_fail_nth(t.disk, 3, ERR_IO);
	rc = index_xattr_set(t.ix, 2, "x", 1, big, sizeof(big));
	if (rc == 0)
		rc = index_commit(t.ix);
	TEST_ERR(rc, ERR_IO);
	finish(&t);
}

/* A transaction larger than the cache: it spills, survives, and is discarded as a whole when it
 * must be. */
static void larger_than_the_cache(void)
{
	static uint8_t value[3900];
	struct test t;
	int rows = 0;

	start(&t);
	for (uint64_t round = 0; round < 2; round++) {
		for (uint64_t i = 0; i < 10000; i++) {
			uint64_t ino = 2 + i * 7919 % 10000;

			if (round == 0)
				TEST_OK(add_inode(t.ix, ino, S_IFREG, 1, 1));
			memset(value, (int)(ino + round), sizeof(value));
			TEST_OK(index_xattr_set(t.ix, ino, "user.v", 6, value, sizeof(value)));
		}
		if (round == 0)
			TEST_OK(index_commit(t.ix));
	}
	TEST_MUST(die(&t));
	for (uint64_t ino = 2; ino < 10002; ino++) {
		const void *got = "";
		size_t len = 0;

		TEST_OK(index_xattr_get(t.ix, ino, INDEX_NOW, "user.v", 6, &got, &len));
		TEST_CHECK(len == sizeof(value) && *(const uint8_t *)got == (uint8_t)ino);
	}
	TEST_OK(index_export(t.ix, count_row, &rows));
	TEST_CHECK(rows == 20000);
	finish(&t);
}

/* ---- export ---- */

static int import_row(void *ctx, const struct index_row *row)
{
	return index_import(ctx, row);
}

static void export_import(void)
{
	struct index *copy = NULL;
	struct index_filekey key = {.id = 1, .master = 1};
	struct index_pack pack = {.num = 2};
	struct index_snapshot snap = {.name = "s", .name_len = 1, .epoch = 1};
	struct index_row row = {.table = INDEX_TABLE_XATTR, .born = 3, .died = 3};
	uint64_t h1 = 1, h2 = 1;
	struct test t;

	start(&t);
	TEST_OK(add_inode(t.ix, 1, S_IFDIR, 2, 0));
	TEST_OK(index_filekey_set(t.ix, &key));
	TEST_OK(index_pack_set(t.ix, &pack));
	TEST_OK(index_epoch_add(t.ix, 1, 5));
	TEST_OK(index_snapshot_add(t.ix, &snap));
	fill(&t, 0);
	fill(&t, 1);
	for (uint64_t i = 3; i < 9; i++) {
		char name[32];

		snprintf(name, sizeof(name), "SECRET-NAME-0-%d", (int)i);
		TEST_OK(index_dentry_remove(t.ix, 1, name, strlen(name)));
		TEST_OK(index_inode_remove(t.ix, 2 + i));
	}
	TEST_OK(index_commit(t.ix));
	TEST_OK(index_export(t.ix, hash_row, &h1));
	TEST_MUST(open_at(&t, "/copy.db", true, &copy));
	TEST_OK(index_export(t.ix, import_row, copy));
	*index_state(copy) = *index_state(t.ix);
	TEST_OK(index_commit(copy));
	TEST_OK(index_export(copy, hash_row, &h2));
	TEST_CHECK(h1 == h2);

	/* rows that cannot be */
	TEST_ERR(index_import(copy, &row), ERR_CORRUPT);
	row.died = INDEX_NOW;
	TEST_ERR(index_import(copy, &row), ERR_CORRUPT); /* without a name */
	row.table = INDEX_TABLE_INODE;
	row.inode = inode(1, S_IFDIR, 2, 0);
	TEST_ERR(index_import(copy, &row), ERR_CORRUPT); /* there already */
	row.table = INDEX_TABLE_EXTENT;
	row.extent = extent(1, 0, 0);
	TEST_ERR(index_import(copy, &row), ERR_CORRUPT);
	row.table = (enum index_table)77;
	TEST_ERR(index_import(copy, &row), ERR_CORRUPT);
	index_close(copy);
	finish(&t);
}

/* ---- speed: printed, never judged ---- */

static double us_each(int64_t since, int n)
{
	return (double)(clock_mono_ns(clock_system()) - since) / 1000 / n;
}

static int ignore_entry(void *ctx, const struct index_dentry *d, const struct index_inode *i)
{
	(void)d;
	*(uint64_t *)ctx += i->ino;
	return 0;
}

static void speed(void)
{
	enum { N = 30000 };
	char dir[] = "/tmp/test_index.XXXXXX", path[64], name[64];
	struct index_params p = {
	    .io = fileio_system(), .rng = rng_system(), .cipher = test_cipher(), .create = true};
	struct index *ix = NULL;
	struct index_inode root = inode(1, S_IFDIR, 2, 0);
	struct index_dentry got;
	uint64_t sum = 0;
	int64_t start_ns;

	TEST_CHECK(mkdtemp(dir) != NULL);
	snprintf(path, sizeof(path), "%s/i.db", dir);
	p.path = path;
	TEST_MUST(index_open(&p, &ix));
	TEST_OK(index_inode_add(ix, &root));
	for (int round = 0; round < 2; round++) {
		start_ns = clock_mono_ns(clock_system());
		for (int i = 0; i < N; i++) {
			uint64_t ino = 2 + (uint64_t)(round * N + i);
			struct index_extent x = extent(ino, 0, 1);

			snprintf(name, sizeof(name), "file-%d", (int)ino);
			(void)index_dentry_get(ix, 1, name, strlen(name), INDEX_NOW, &got);
			(void)add_inode(ix, ino, S_IFREG, 1, 1);
			(void)add_entry(ix, 1, name, ino);
			(void)index_inode_set(ix, &root);
			(void)index_extent_add(ix, &x);
		}
		printf("     create (5 calls): %.2f us\n", us_each(start_ns, N));
		start_ns = clock_mono_ns(clock_system());
		index_state(ix)->epoch++;
		TEST_OK(index_commit(ix));
		printf("     commit of it:     %.2f us a file\n", us_each(start_ns, N));
	}
	start_ns = clock_mono_ns(clock_system());
	for (int i = 0; i < N; i++) {
		snprintf(name, sizeof(name), "file-%d", 2 + i * 7 % N);
		TEST_CHECK(index_dentry_get(ix, 1, name, strlen(name), INDEX_NOW, &got) == 0);
	}
	printf("     look-up:          %.2f us\n", us_each(start_ns, N));
	start_ns = clock_mono_ns(clock_system());
	TEST_OK(index_dentry_list(ix, 1, INDEX_NOW, 0, ignore_entry, &sum));
	printf("     readdir:          %.2f us a row\n", us_each(start_ns, 2 * N));
	start_ns = clock_mono_ns(clock_system());
	for (int i = 0; i < N; i++) {
		struct index_inode row = inode(2 + (uint64_t)i, S_IFREG, 1, 2);

		TEST_CHECK(index_inode_set(ix, &row) == 0);
	}
	printf("     set, to the past: %.2f us\n", us_each(start_ns, N));
	start_ns = clock_mono_ns(clock_system());
	for (int i = 0; i < N; i++) {
		snprintf(name, sizeof(name), "file-%d", 2 + i);
		TEST_CHECK(index_dentry_remove(ix, 1, name, strlen(name)) == 0);
		TEST_CHECK(index_inode_remove(ix, 2 + (uint64_t)i) == 0);
	}
	printf("     unlink, to past:  %.2f us\n", us_each(start_ns, N));
	TEST_OK(index_checkpoint(ix));
	index_close(ix);
	remove_index(path);
	TEST_CHECK(rmdir(dir) == 0);
}

int main(void)
{
	TEST_RUN(life);
	TEST_RUN(killed);
	TEST_RUN(checkpoints);
	TEST_RUN(readers);
	TEST_RUN(reader_thread);
	TEST_RUN(damage);
	TEST_RUN(cut_everywhere);
	TEST_RUN(wrong_key);
	TEST_RUN(full_disk);
	TEST_RUN(larger_than_the_cache);
	TEST_RUN(export_import);
	TEST_RUN(speed);
	return test_done();
}
