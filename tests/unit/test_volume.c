/* SPDX-License-Identifier: Apache-2.0 */
/* A volume without FUSE, on a disk and a store in memory: the behaviours that the simulator would
 * find only by chance. */
#include "backend/fault.h"
#include "backend/mem.h"
#include "tests/lib/simclock.h"
#include "tests/lib/simdisk.h"
#include "tests/lib/test.h"
#include "tests/lib/testvol.h"
#include "util/secret.h"
#include "volume/volume.h"

#include <sys/stat.h>

static struct simdisk *disk;
static struct simclock clock_;
static struct simrng rng;
static struct blob *store;
static struct volume_params params;
static struct volume *v;

static void begin(void)
{
	simclock_init(&clock_, 1700000000 * SIMCLOCK_SECOND);
	simrng_init(&rng, 42);
	disk = simdisk_new(&clock_.base);
	store = mem_new();
	TEST_MUST(testvol_init(store, &rng.base, clock_.wall_ns));
	params = (struct volume_params){.io = simdisk_io(disk),
	                                .clock = &clock_.base,
	                                .rng = &rng.base,
	                                .store = store,
	                                .state_dir = "/state",
	                                .journal_bytes = 1 << 20};
	TEST_MUST(testvol_open(&params, &v));
}

static void end(void)
{
	TEST_OK(volume_close(v));
	blob_free(store);
	simdisk_free(disk);
}

static uint64_t make(uint64_t parent, const char *name, uint32_t mode)
{
	struct volume_new what = {.mode = mode};
	struct volume_attr attr = {0};

	TEST_OK(volume_create(v, parent, name, strlen(name), &what, &attr));
	return attr.ino;
}

static void write_text(uint64_t ino, uint64_t off, const char *text)
{
	TEST_OK(volume_write(v, ino, off, text, strlen(text), 0));
}

static int read_text(uint64_t ino, int64_t at, char *out, size_t size)
{
	size_t n = 0;
	int r = volume_read(v, ino, at, 0, size - 1, out, &n);

	out[n] = '\0';
	return r;
}

static int64_t epoch_now(void)
{
	int64_t e = 0;

	simclock_advance(&clock_, SIMCLOCK_SECOND);
	TEST_OK(volume_epoch_end(v, &e));
	return e;
}

/* The process dies; the next one finds everything. */
static void kill_and_open(void)
{
	simdisk_kill(disk);
	volume_close(v);
	TEST_MUST(testvol_open(&params, &v));
}

static void fsynced_survives_a_kill(void)
{
	char text[64];
	uint64_t ino;

	begin();
	ino = make(VOLUME_ROOT, "file", S_IFREG | 0644);
	write_text(ino, 0, "hello");
	TEST_OK(volume_fsync(v));
	simdisk_freeze(disk);
	kill_and_open();
	TEST_OK(read_text(ino, VOLUME_NOW, text, sizeof(text)));
	TEST_CHECK(strcmp(text, "hello") == 0);
	end();
}

/* O_TMPFILE: without a name it is gone after a crash, with one it stays; so it is for who replays the log. */
static void unnamed_files_live_as_long_as_they_should(void)
{
	struct volume_new what = {.mode = S_IFREG | 0600};
	struct volume_attr lost, kept, attr;
	char text[64];

	begin();
	TEST_OK(volume_create_unnamed(v, VOLUME_ROOT, &what, &lost));
	TEST_OK(volume_create_unnamed(v, VOLUME_ROOT, &what, &kept));
	TEST_CHECK(kept.nlink == 0 && kept.ino != lost.ino);
	write_text(kept.ino, 0, "hello");
	TEST_OK(volume_link(v, kept.ino, VOLUME_ROOT, "name", 4, &attr));
	TEST_CHECK(attr.nlink == 1);
	volume_forget(v, kept.ino);
	what.mode = S_IFIFO | 0600;
	TEST_ERR(volume_create_unnamed(v, VOLUME_ROOT, &what, &attr), ERR_INVAL);
	TEST_ERR(volume_create(v, VOLUME_ROOT, "", 0, &what, &attr), ERR_NOENT);
	TEST_OK(volume_fsync(v));
	simdisk_freeze(disk);
	kill_and_open();
	TEST_ERR(volume_getattr(v, lost.ino, VOLUME_NOW, &attr), ERR_NOENT);
	TEST_OK(read_text(kept.ino, VOLUME_NOW, text, sizeof(text)));
	TEST_CHECK(strcmp(text, "hello") == 0);
	TEST_OK(volume_sync(v, -1, NULL, NULL, NULL));
	TEST_OK(volume_close(v));
	simdisk_free(disk);
	disk = simdisk_new(&clock_.base);
	params.io = simdisk_io(disk);
	TEST_MUST(testvol_open(&params, &v));
	TEST_OK(volume_lookup(v, VOLUME_ROOT, "name", 4, VOLUME_NOW, &attr));
	TEST_CHECK(attr.ino == kept.ino && attr.nlink == 1 && attr.size == 5);
	end();
}

static void store_alone_is_enough(void)
{
	struct volume_attr attr;
	char text[64];
	uint64_t ino;

	begin();
	ino = make(VOLUME_ROOT, "file", S_IFREG | 0644);
	write_text(ino, 0, "hello");
	TEST_OK(volume_sync(v, -1, NULL, NULL, NULL));
	TEST_OK(volume_close(v));
	simdisk_free(disk);
	disk = simdisk_new(&clock_.base);
	params.io = simdisk_io(disk);
	TEST_MUST(testvol_open(&params, &v));
	TEST_OK(volume_resolve(v, "file", VOLUME_NOW, &attr));
	TEST_CHECK(attr.ino == ino && attr.size == 5);
	TEST_OK(read_text(ino, VOLUME_NOW, text, sizeof(text)));
	TEST_CHECK(strcmp(text, "hello") == 0);
	end();
}

static void past_is_exact(void)
{
	char text[64];
	int64_t e1, e2;
	uint64_t ino;

	begin();
	ino = make(VOLUME_ROOT, "file", S_IFREG | 0644);
	write_text(ino, 0, "first");
	e1 = epoch_now();
	write_text(ino, 0, "other and longer");
	e2 = epoch_now();
	TEST_OK(volume_unlink(v, VOLUME_ROOT, "file", 4));
	volume_forget(v, ino);
	TEST_OK(read_text(ino, e1, text, sizeof(text)));
	TEST_CHECK(strcmp(text, "first") == 0);
	TEST_OK(read_text(ino, e2, text, sizeof(text)));
	TEST_CHECK(strcmp(text, "other and longer") == 0);
	TEST_ERR(volume_getattr(v, ino, VOLUME_NOW, &(struct volume_attr){0}), ERR_NOENT);
	end();
}

static int count(void *ctx, const struct volume_change *change)
{
	(void)change;
	(*(int *)ctx)++;
	return 0;
}

/* A folder is put back although it was moved away and one of its files has another name outside. */
static void restore_leaves_the_outside_alone(void)
{
	static const char *const paths[] = {"a"};
	struct volume_restore_totals totals;
	struct volume_attr inside, outside;
	uint64_t a, b, f;
	char text[64];
	int64_t e, undo;
	int n = 0;

	begin();
	a = make(VOLUME_ROOT, "a", S_IFDIR | 0755);
	b = make(VOLUME_ROOT, "b", S_IFDIR | 0755);
	f = make(a, "f", S_IFREG | 0644);
	write_text(f, 0, "then");
	e = epoch_now();
	TEST_OK(volume_link(v, f, b, "g", 1, &inside));
	write_text(f, 0, "now!");
	TEST_OK(volume_rename(v, VOLUME_ROOT, "a", 1, b, "moved", 5, 0));
	epoch_now();
	TEST_OK(volume_restore(v, e, paths, 1, true, count, &n, &totals, NULL));
	TEST_CHECK(n == 2);
	TEST_ERR(volume_resolve(v, "a/f", VOLUME_NOW, &inside), ERR_NOENT);
	TEST_OK(volume_restore(v, e, paths, 1, false, NULL, NULL, &totals, &undo));
	TEST_OK(volume_resolve(v, "a/f", VOLUME_NOW, &inside));
	TEST_OK(volume_resolve(v, "b/g", VOLUME_NOW, &outside));
	TEST_CHECK(inside.ino != outside.ino && inside.nlink == 1 && outside.nlink == 2);
	TEST_OK(read_text(inside.ino, VOLUME_NOW, text, sizeof(text)));
	TEST_CHECK(strcmp(text, "then") == 0);
	TEST_OK(read_text(outside.ino, VOLUME_NOW, text, sizeof(text)));
	TEST_CHECK(strcmp(text, "now!") == 0);
	TEST_OK(volume_restore(v, undo, NULL, 0, false, NULL, NULL, &totals, NULL));
	TEST_ERR(volume_resolve(v, "a", VOLUME_NOW, &inside), ERR_NOENT);
	TEST_OK(volume_resolve(v, "b/moved/f", VOLUME_NOW, &inside));
	TEST_CHECK(inside.ino == f && inside.nlink == 2);
	end();
}

/* Two machines went on from the same state: the second is told, and keeps what it has. */
static void second_writer_is_fenced(void)
{
	struct volume *first;
	uint64_t ino;

	begin();
	make(VOLUME_ROOT, "both", S_IFREG | 0644);
	TEST_OK(volume_sync(v, -1, NULL, NULL, NULL));
	first = v;
	params.state_dir = "/other";
	TEST_MUST(testvol_open(&params, &v));
	make(VOLUME_ROOT, "second", S_IFREG | 0644);
	TEST_OK(volume_sync(v, -1, NULL, NULL, NULL));
	TEST_OK(volume_close(v));
	v = first;
	ino = make(VOLUME_ROOT, "first", S_IFREG | 0644);
	write_text(ino, 0, "kept");
	TEST_ERR(volume_sync(v, -1, NULL, NULL, NULL), ERR_FENCED);
	TEST_OK(read_text(ino, VOLUME_NOW, (char[64]){0}, 64));
	TEST_ERR(volume_write(v, ino, 0, "x", 1, 0), ERR_POISONED);
	volume_close(v);
	params.state_dir = "/state";
	TEST_ERR(testvol_open(&params, &v), ERR_FENCED);
	params.state_dir = "/other";
	TEST_MUST(testvol_open(&params, &v));
	end();
}

/* A pack that was begun here and lost has the number of another machine's: it does not go up under its name. */
static void lost_pack_is_not_anothers(void)
{
	static uint8_t junk[70000];
	struct volume_attr attr;
	char text[64];
	uint64_t ino;

	begin();
	ino = make(VOLUME_ROOT, "file", S_IFREG | 0644);
	TEST_OK(volume_sync(v, -1, NULL, NULL, NULL));
	TEST_OK(volume_write(v, ino, 0, junk, sizeof(junk), 0));
	simdisk_freeze(disk);
	simdisk_kill(disk);
	volume_close(v);
	params.state_dir = "/other";
	TEST_MUST(testvol_open(&params, &v));
	write_text(ino, 0, "the other machine's");
	TEST_OK(volume_sync(v, -1, NULL, NULL, NULL));
	TEST_OK(volume_close(v));
	params.state_dir = "/state";
	TEST_MUST(testvol_open(&params, &v));
	write_text(make(VOLUME_ROOT, "more", S_IFREG | 0644), 0, "more");
	TEST_OK(volume_sync(v, -1, NULL, NULL, NULL));
	TEST_OK(volume_close(v));
	params.state_dir = "/fresh";
	TEST_MUST(testvol_open(&params, &v));
	TEST_OK(volume_resolve(v, "file", VOLUME_NOW, &attr));
	TEST_OK(read_text(attr.ino, VOLUME_NOW, text, sizeof(text)));
	TEST_CHECK(strcmp(text, "the other machine's") == 0);
	end();
}

/* The first write into a new pack fails: the pack is forgotten, and later ones go up. */
static void failed_first_write_is_forgotten(void)
{
	struct volume_status status;
	uint64_t ino;

	begin();
	ino = make(VOLUME_ROOT, "file", S_IFREG | 0644);
	TEST_OK(volume_sync(v, -1, NULL, NULL, NULL));
	simdisk_fail_nth(disk, 1, ERR_NOSPC);
	TEST_ERR(volume_write(v, ino, 0, "x", 1, 0), ERR_NOSPC);
	epoch_now();
	make(VOLUME_ROOT, "second", S_IFREG | 0644);
	TEST_OK(volume_sync(v, -1, NULL, NULL, NULL));
	write_text(ino, 0, "y");
	TEST_OK(volume_sync(v, -1, NULL, NULL, NULL));
	TEST_OK(volume_status(v, &status));
	TEST_CHECK(status.state == VOLUME_CLEAN && status.pending_packs == 0);
	end();
}

static int drop_logs(void *ctx, const struct blob_info *info)
{
	snprintf(ctx, BLOB_NAME_MAX + 1, "%s", info->name);
	return 0;
}

static void rollback_is_noticed(void)
{
	char last[BLOB_NAME_MAX + 1] = "";

	begin();
	make(VOLUME_ROOT, "one", S_IFREG | 0644);
	TEST_OK(volume_sync(v, -1, NULL, NULL, NULL));
	make(VOLUME_ROOT, "two", S_IFREG | 0644);
	TEST_OK(volume_sync(v, -1, NULL, NULL, NULL));
	TEST_OK(volume_close(v));
	TEST_OK(blob_list(store, "log/", NULL, drop_logs, last));
	TEST_OK(blob_remove(store, last));
	TEST_ERR(testvol_open(&params, &v), ERR_ROLLBACK);
	params.state_dir = "/fresh";
	TEST_MUST(testvol_open(&params, &v));
	end();
}

/* The index is a cache: without it nothing is lost that was fsynced. */
static void index_is_built_again(void)
{
	struct volume_attr attr;
	char path[256];
	struct file *f;

	begin();
	make(VOLUME_ROOT, "stored", S_IFREG | 0644);
	TEST_OK(volume_sync(v, -1, NULL, NULL, NULL));
	make(VOLUME_ROOT, "fsynced", S_IFREG | 0644);
	TEST_OK(volume_fsync(v));
	snprintf(path, sizeof(path), "%s/index.db", volume_state_path(v));
	simdisk_freeze(disk);
	simdisk_kill(disk);
	volume_close(v);
	TEST_MUST(file_open(simdisk_io(disk), path, FILE_WRITE, &f));
	TEST_OK(file_pwrite(f, "garbage", 7, 50));
	file_close(f);
	TEST_MUST(testvol_open(&params, &v));
	TEST_OK(volume_resolve(v, "stored", VOLUME_NOW, &attr));
	TEST_OK(volume_resolve(v, "fsynced", VOLUME_NOW, &attr));
	end();
}

/* The index is gone and another machine went on: what was only fsynced here is not passed over in silence. */
static void lost_index_keeps_what_is_not_stored(void)
{
	char path[256];
	uint64_t ino;

	begin();
	ino = make(VOLUME_ROOT, "file", S_IFREG | 0644);
	TEST_OK(volume_sync(v, -1, NULL, NULL, NULL));
	write_text(ino, 0, "only here");
	TEST_OK(volume_fsync(v));
	snprintf(path, sizeof(path), "%s/index.db", volume_state_path(v));
	simdisk_freeze(disk);
	simdisk_kill(disk);
	volume_close(v);
	params.state_dir = "/other";
	TEST_MUST(testvol_open(&params, &v));
	write_text(ino, 0, "elsewhere");
	TEST_OK(volume_sync(v, -1, NULL, NULL, NULL));
	TEST_OK(volume_close(v));
	TEST_OK(fileio_remove(simdisk_io(disk), path));
	params.state_dir = "/state";
	TEST_ERR(testvol_open(&params, &v), ERR_FENCED);
	TEST_ERR(testvol_open(&params, &v), ERR_FENCED);
	params.state_dir = "/other";
	TEST_MUST(testvol_open(&params, &v));
	end();
}

static void offline_and_back(void)
{
	struct fault_config fine = {.seed = 1}, down = {.seed = 1, .down = true};
	struct volume_status status;
	struct blob *faulty;

	begin();
	TEST_OK(volume_close(v));
	faulty = fault_new(mem_share(store), &fine);
	params.store = faulty;
	TEST_MUST(testvol_open(&params, &v));
	fault_configure(faulty, &down);
	make(VOLUME_ROOT, "file", S_IFREG | 0644);
	TEST_ERR(volume_sync(v, -1, NULL, NULL, NULL), ERR_UNAVAILABLE);
	TEST_OK(volume_status(v, &status));
	TEST_CHECK(status.state == VOLUME_OFFLINE && status.pending_bytes > 0);
	TEST_OK(volume_fsync(v));
	fault_configure(faulty, &fine);
	TEST_OK(volume_sync(v, -1, NULL, NULL, NULL));
	TEST_OK(volume_status(v, &status));
	TEST_CHECK(status.state == VOLUME_CLEAN && status.pending_bytes == 0 &&
	           status.stored_epoch == status.epoch - 1);
	TEST_OK(volume_close(v));
	blob_free(faulty);
	blob_free(store);
	simdisk_free(disk);
}

/* The journal fails in the middle: nothing is called clean, nothing can be changed, what was read
 * can be read. */
static void failed_fsync_stops_changes(void)
{
	struct volume_status status;
	uint64_t ino;

	begin();
	ino = make(VOLUME_ROOT, "file", S_IFREG | 0644);
	write_text(ino, 0, "kept");
	TEST_OK(volume_fsync(v));
	write_text(ino, 0, "lost");
	simdisk_fail_nth(disk, 2, ERR_IO); /* the batch's write, then its sync */
	TEST_ERR(volume_fsync(v), ERR_POISONED);
	TEST_ERR(volume_fsync(v), ERR_POISONED);
	TEST_OK(volume_status(v, &status));
	TEST_CHECK(status.state == VOLUME_ERROR && status.error == ERR_IO);
	TEST_ERR(volume_write(v, ino, 0, "x", 1, 0), ERR_POISONED);
	TEST_OK(read_text(ino, VOLUME_NOW, (char[64]){0}, 64));
	kill_and_open();
	TEST_OK(read_text(ino, VOLUME_NOW, (char[64]){0}, 64));
	end();
}

/* A disk without room takes no new data; making files shorter and removing them still works, and so does the rest when room comes back. */
static void full_disk_is_answered(void)
{
	static uint8_t data[100000];
	struct volume_status status;
	struct volume_attr attr = {.size = 5000};
	uint64_t ino;

	begin();
	ino = make(VOLUME_ROOT, "file", S_IFREG | 0644);
	TEST_OK(volume_write(v, ino, 0, data, sizeof(data), 0));
	TEST_OK(volume_fsync(v));
	simdisk_set_room(disk, 16 << 20);
	TEST_OK(volume_step(v)); /* notices */
	TEST_ERR(volume_write(v, ino, 0, data, sizeof(data), 0), ERR_NOSPC);
	TEST_OK(volume_setattr(v, ino, VOLUME_SET_SIZE, &attr, &attr));
	TEST_CHECK(attr.size == 5000);
	TEST_OK(volume_fsync(v));
	simdisk_set_room(disk, UINT64_MAX);
	TEST_OK(volume_fsync(v));
	TEST_OK(volume_write(v, ino, 0, data, sizeof(data), 0));
	TEST_OK(volume_sync(v, -1, NULL, NULL, NULL));
	TEST_OK(volume_status(v, &status));
	TEST_CHECK(status.state == VOLUME_CLEAN);
	end();
}

/* Between two looks of the clock more is written than there is room: the writer is told, and the reserve is not touched. */
static void full_disk_is_answered_at_once(void)
{
	static uint8_t data[1 << 20];
	uint64_t ino, free_bytes, size = 0;
	int r = 0;

	begin();
	ino = make(VOLUME_ROOT, "file", S_IFREG | 0644);
	TEST_OK(volume_fsync(v));
	simdisk_set_room(disk, 80 << 20);
	TEST_OK(volume_step(v));
	while (r == 0 && size < 100 << 20) {
		r = volume_write(v, ino, size, data, sizeof(data), 0);
		size += r == 0 ? sizeof(data) : 0;
	}
	TEST_CHECK(r == ERR_NOSPC);
	TEST_CHECK(size > 40 << 20 && size < 50 << 20);
	TEST_OK(fileio_free_bytes(simdisk_io(disk), "/", &free_bytes));
	TEST_CHECK(free_bytes >= 31 << 20);
	TEST_OK(volume_fsync(v));
	simdisk_set_room(disk, UINT64_MAX);
	TEST_OK(volume_write(v, ino, size, data, sizeof(data), 0));
	TEST_OK(volume_sync(v, -1, NULL, NULL, NULL));
	end();
}

/* What the store has makes room for what is new; and it is still there to be read. */
static void stored_packs_make_room(void)
{
	static uint8_t data[1 << 20], back[sizeof(data)];
	struct volume_status before, after;
	uint64_t ino;
	size_t n;

	begin();
	ino = make(VOLUME_ROOT, "file", S_IFREG | 0644);
	rng_fill(&rng.base, data, sizeof(data));
	for (uint64_t i = 0; i < 20; i++)
		TEST_OK(volume_write(v, ino, i * sizeof(data), data, sizeof(data), 0));
	TEST_OK(volume_sync(v, -1, NULL, NULL, NULL));
	TEST_OK(volume_status(v, &before));
	TEST_CHECK(before.cache_bytes > 20 << 20);
	simdisk_set_room(disk, 80 << 20);
	TEST_OK(volume_step(v));
	TEST_OK(volume_status(v, &after));
	TEST_CHECK(after.cache_bytes < before.cache_bytes - (15 << 20));
	TEST_OK(volume_read(v, ino, VOLUME_NOW, 0, sizeof(back), back, &n));
	TEST_CHECK(n == sizeof(back) && memcmp(back, data, n) == 0);
	simdisk_set_room(disk, UINT64_MAX);
	end();
}

static void quota_is_kept(void)
{
	static uint8_t data[10 * 4096];
	struct volume_totals totals;
	struct volume_attr attr = {.size = 1 << 30};
	uint64_t a, b, n;

	begin();
	TEST_OK(volume_close(v));
	params.quota_bytes = 16 * 4096;
	TEST_MUST(testvol_open(&params, &v));
	a = make(VOLUME_ROOT, "a", S_IFREG | 0644);
	b = make(VOLUME_ROOT, "b", S_IFREG | 0644);
	TEST_OK(volume_write(v, a, 0, data, sizeof(data), 0));
	TEST_ERR(volume_write(v, b, 0, data, sizeof(data), 0), ERR_QUOTA);
	TEST_ERR(volume_copy(v, a, 0, b, 0, sizeof(data), &n), ERR_QUOTA);
	TEST_OK(volume_write(v, b, 0, data, 6 * 4096, 0));
	/* what is there already may be replaced, and holes cost nothing */
	TEST_OK(volume_write(v, a, 4096, data, 4096, 0));
	TEST_OK(volume_setattr(v, a, VOLUME_SET_SIZE, &attr, &attr));
	TEST_ERR(volume_write(v, a, 1 << 29, data, 1, 0), ERR_QUOTA);
	volume_totals(v, &totals);
	TEST_CHECK(totals.used_bytes == 16 * 4096);
	TEST_OK(volume_unlink(v, VOLUME_ROOT, "b", 1));
	TEST_OK(volume_write(v, a, 1 << 29, data, 1, 0));
	volume_totals(v, &totals);
	TEST_CHECK(totals.used_bytes == 11 * 4096);
	end();
}

static void shared_data_is_not_copied(void)
{
	static uint8_t data[5 * 4096 + 100];
	uint8_t back[sizeof(data)];
	struct volume_status before, after;
	struct volume_attr attr;
	uint64_t a, b, n;
	size_t got;

	begin();
	rng_fill(&rng.base, data, sizeof(data));
	a = make(VOLUME_ROOT, "a", S_IFREG | 0644);
	b = make(VOLUME_ROOT, "b", S_IFREG | 0644);
	TEST_OK(volume_write(v, a, 0, data, sizeof(data), 0));
	TEST_OK(volume_status(v, &before));
	TEST_OK(volume_copy(v, a, 0, b, 0, sizeof(data), &n));
	TEST_CHECK(n == sizeof(data));
	TEST_OK(volume_status(v, &after));
	TEST_CHECK(before.pending_bytes == after.pending_bytes);
	TEST_OK(volume_write(v, a, 4096, "changed", 7, 0));
	TEST_OK(volume_unlink(v, VOLUME_ROOT, "a", 1));
	volume_forget(v, a);
	TEST_OK(volume_getattr(v, b, VOLUME_NOW, &attr));
	TEST_CHECK(attr.size == sizeof(data));
	TEST_OK(volume_read(v, b, VOLUME_NOW, 0, sizeof(back), back, &got));
	TEST_CHECK(got == sizeof(data) && memcmp(back, data, sizeof(data)) == 0);
	end();
}

static void wrong_secret_writes_nothing(void)
{
	struct keyring *k;

	begin();
	TEST_MUST(volume_keyring_fetch(store, &k));
	TEST_ERR(volume_keyring_unlock(k, VOLUME_SECRET_PASSPHRASE, "wrong", 5), ERR_WRONGKEY);
	TEST_ERR(volume_keyring_unlock(k, VOLUME_SECRET_RECOVERY, "wrong", 5), ERR_WRONGKEY);
	volume_keyring_free(k);
	end();
}

int main(void)
{
	TEST_MUST(secret_setup());
	TEST_RUN(fsynced_survives_a_kill);
	TEST_RUN(unnamed_files_live_as_long_as_they_should);
	TEST_RUN(store_alone_is_enough);
	TEST_RUN(past_is_exact);
	TEST_RUN(restore_leaves_the_outside_alone);
	TEST_RUN(second_writer_is_fenced);
	TEST_RUN(lost_pack_is_not_anothers);
	TEST_RUN(failed_first_write_is_forgotten);
	TEST_RUN(rollback_is_noticed);
	TEST_RUN(index_is_built_again);
	TEST_RUN(lost_index_keeps_what_is_not_stored);
	TEST_RUN(offline_and_back);
	TEST_RUN(failed_fsync_stops_changes);
	TEST_RUN(full_disk_is_answered);
	TEST_RUN(full_disk_is_answered_at_once);
	TEST_RUN(stored_packs_make_room);
	TEST_RUN(quota_is_kept);
	TEST_RUN(shared_data_is_not_copied);
	TEST_RUN(wrong_secret_writes_nothing);
	return test_done();
}
