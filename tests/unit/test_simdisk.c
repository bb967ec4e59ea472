/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The simulated disk itself: what it must keep, what it may lose, and that it loses everything it
 * may over many cuts. A simulator that is too kind finds nothing; one that is too cruel finds bugs
 * that are none.
 */
#include "tests/lib/simdisk.h"
#include "tests/lib/test.h"

static struct simclock clk;

static struct simdisk *disk_new(void)
{
	simclock_init(&clk, 1000 * SIMCLOCK_SECOND);
	return simdisk_new(&clk.base);
}

static struct file *must_open(struct simdisk *d, const char *path, int flags)
{
	struct file *f = NULL;

	TEST_MUST(file_open(simdisk_io(d), path, flags, &f));
	return f;
}

static int names_count(void *ctx, const char *name)
{
	(void)name;
	(*(int *)ctx)++;
	return 0;
}

static void names_and_errors(void)
{
	struct simdisk *d = disk_new();
	const struct fileio *io = simdisk_io(d);
	struct file *f = NULL;
	struct file_info info;
	int n = 0;

	TEST_ERR(file_open(io, "/a", FILE_READ, &f), ERR_NOENT);
	TEST_OK(fileio_mkdirs(io, "/x/y"));
	TEST_ERR(fileio_mkdir(io, "/x"), ERR_EXIST);
	TEST_ERR(fileio_remove(io, "/x"), ERR_NOTEMPTY);
	f = must_open(d, "/x/y/a", FILE_WRITE | FILE_CREATE | FILE_EXCL);
	TEST_OK(file_pwrite(f, "hello", 5, 3));
	file_close(f);
	TEST_ERR(file_open(io, "/x/y/a", FILE_WRITE | FILE_CREATE | FILE_EXCL, &f), ERR_EXIST);
	TEST_ERR(file_open(io, "/x/y/a/b", FILE_READ, &f), ERR_NOTDIR);
	TEST_ERR(file_open(io, "/x", FILE_READ, &f), ERR_ISDIR);
	TEST_OK(fileio_stat(io, "/x/y/a", &info));
	TEST_CHECK(!info.is_dir && info.size_bytes == 8 && info.mtime_ns == clk.wall_ns);
	TEST_OK(fileio_link(io, "/x/y/a", "/x/b"));
	TEST_ERR(fileio_link(io, "/x/y/a", "/x/b"), ERR_EXIST);
	TEST_OK(fileio_rename(io, "/x/y/a", "/x/c"));
	TEST_ERR(fileio_rename(io, "/x", "/x/y/z"), ERR_INVAL);
	TEST_ERR(fileio_rename(io, "/x/b", "/x/y"), ERR_ISDIR);
	TEST_OK(fileio_list(io, "/x", names_count, &n));
	TEST_CHECK(n == 3);
	TEST_OK(fileio_remove(io, "/x/y"));
	TEST_ERR(fileio_stat(io, "/x/y", &info), ERR_NOENT);
	simdisk_free(d);
}

static void bytes_read_back(void)
{
	struct simdisk *d = disk_new();
	struct file *f = must_open(d, "/f", FILE_WRITE | FILE_CREATE);
	uint8_t model[40000] = {0};
	uint8_t out[40000];
	struct simrng rng;
	uint64_t size = 0;
	size_t n;

	simrng_init(&rng, 7);
	for (int i = 0; i < 500; i++) {
		uint64_t off = simrng_below(&rng, 30000);
		size_t len = simrng_below(&rng, 9000);
		uint8_t data[9000];

		if (simrng_chance(&rng, 200)) {
			TEST_OK(file_truncate(f, off));
			memset(model + off, 0, sizeof(model) - off);
			size = off;
			continue;
		}
		memset(data, simrng_chance(&rng, 200) ? 0 : 1 + i % 255, len);
		TEST_OK(file_pwrite(f, data, len, off));
		memcpy(model + off, data, len);
		if (len > 0 && off + len > size)
			size = off + len;
		if (simrng_chance(&rng, 100))
			TEST_OK(file_sync(f));
		TEST_OK(file_pread(f, out, sizeof(out), 0, &n));
		TEST_CHECK(n == size);
		TEST_MEM(out, model, n);
	}
	file_close(f);
	simdisk_free(d);
}

/* A big sparse file must not cost its size. */
static void sparse_ring(void)
{
	struct simdisk *d = disk_new();
	struct file *f = must_open(d, "/ring", FILE_WRITE | FILE_CREATE);
	static uint8_t zeros[1 << 20];
	uint64_t size;

	for (uint64_t off = 0; off < 64u << 20; off += sizeof(zeros))
		TEST_OK(file_pwrite(f, zeros, sizeof(zeros), off));
	TEST_OK(file_sync(f));
	TEST_OK(file_size(f, &size));
	TEST_CHECK(size == 64u << 20);
	file_close(f);
	simdisk_free(d);
}

static void kill_keeps_all(void)
{
	struct simdisk *d = disk_new();
	struct file *f = must_open(d, "/f", FILE_WRITE | FILE_CREATE);
	char out[4];
	size_t n;

	TEST_OK(file_pwrite(f, "data", 4, 0));
	simdisk_kill(d);
	TEST_ERR(file_pread(f, out, 4, 0, &n), ERR_IO);
	TEST_ERR(file_pwrite(f, "evil", 4, 0), ERR_IO);
	file_close(f);
	f = must_open(d, "/f", FILE_READ);
	TEST_OK(file_pread_all(f, out, 4, 0));
	TEST_MEM(out, "data", 4);
	TEST_ERR(file_pwrite(f, "evil", 4, 0), ERR_IO);
	file_close(f);
	simdisk_free(d);
}

/* Two synced sectors, then both overwritten twice: each must come out as one of its three versions,
 * and every one of them sometimes. */
static void cut_mixes_versions(void)
{
	int seen[2][3] = {{0}};
	struct simrng rng;

	simrng_init(&rng, 11);
	for (int round = 0; round < 400; round++) {
		struct simdisk *d = disk_new();
		struct file *f = must_open(d, "/f", FILE_WRITE | FILE_CREATE);
		uint8_t data[1024];
		uint8_t out[1024];

		for (int version = 0; version < 3; version++) {
			memset(data, version, sizeof(data));
			TEST_OK(file_pwrite(f, data, sizeof(data), 0));
			if (version > 0)
				continue;
			TEST_OK(file_sync(f));
			TEST_OK(fileio_sync_dir(simdisk_io(d), "/"));
		}
		simdisk_power_cut(d, &rng);
		file_close(f);
		f = must_open(d, "/f", FILE_READ);
		TEST_OK(file_pread_all(f, out, sizeof(out), 0));
		for (int s = 0; s < 2; s++) {
			memset(data, out[s * 512], 512);
			TEST_CHECK(out[s * 512] < 3);
			TEST_MEM(out + s * 512, data, 512);
			seen[s][out[s * 512] % 3]++;
		}
		file_close(f);
		simdisk_free(d);
	}
	for (int s = 0; s < 2; s++)
		for (int version = 0; version < 3; version++)
			TEST_CHECK(seen[s][version] > 0);
}

static void synced_survives(void)
{
	struct simrng rng;

	simrng_init(&rng, 13);
	for (int round = 0; round < 200; round++) {
		struct simdisk *d = disk_new();
		const struct fileio *io = simdisk_io(d);
		struct file *f;
		uint64_t size;
		char out[6];

		TEST_OK(fileio_mkdir(io, "/d"));
		f = must_open(d, "/d/tmp", FILE_WRITE | FILE_CREATE);
		TEST_OK(file_pwrite(f, "first!", 6, 0));
		TEST_OK(file_truncate(f, 5));
		TEST_OK(file_sync(f));
		TEST_OK(fileio_rename(io, "/d/tmp", "/d/f"));
		TEST_OK(fileio_sync_dir(io, "/d"));
		TEST_OK(fileio_sync_dir(io, "/"));
		file_close(f);
		simdisk_power_cut(d, &rng);
		f = must_open(d, "/d/f", FILE_WRITE);
		TEST_OK(file_size(f, &size));
		TEST_CHECK(size == 5);
		TEST_OK(file_pread_all(f, out, 5, 0));
		TEST_MEM(out, "first", 5);
		file_close(f);
		simdisk_free(d);
	}
}

/* Names made one after the other without a sync: what survives is a prefix, and its length varies.
 */
static void names_survive_in_order(void)
{
	struct simrng rng;
	int lengths[6] = {0};
	int distinct = 0;

	simrng_init(&rng, 17);
	for (int round = 0; round < 200; round++) {
		struct simdisk *d = disk_new();
		const struct fileio *io = simdisk_io(d);
		struct file_info info;
		char path[16];
		int n = 0;

		for (int i = 0; i < 5; i++) {
			snprintf(path, sizeof(path), "/%d", i);
			file_close(must_open(d, path, FILE_WRITE | FILE_CREATE));
		}
		simdisk_power_cut(d, &rng);
		for (int i = 0; i < 5; i++) {
			snprintf(path, sizeof(path), "/%d", i);
			if (fileio_stat(io, path, &info) != 0)
				break;
			n++;
		}
		lengths[n]++;
		n = -n;
		TEST_OK(fileio_list(io, "/", names_count, &n));
		TEST_CHECK(n == 0);
		simdisk_free(d);
	}
	for (int i = 0; i < 6; i++)
		distinct += lengths[i] > 0;
	TEST_CHECK(distinct == 6);
}

/* Four synced sectors, then two writes that overlap in the middle ones. Every sector is one of those
 * it can be, on its own: any subset of a write may arrive, also the later write without the earlier
 * one, and the other way round. */
static void writes_are_reordered(void)
{
	static const char olds[] = "0000", first[] = "1110", second[] = "0222";
	bool seen[256] = {false};
	int distinct = 0;
	struct simrng rng;

	simrng_init(&rng, 29);
	for (int round = 0; round < 4000; round++) {
		struct simdisk *d = disk_new();
		struct file *f = must_open(d, "/f", FILE_WRITE | FILE_CREATE);
		uint8_t data[2048], out[2048];
		unsigned pattern = 0;

		memset(data, '0', sizeof(data));
		TEST_OK(file_pwrite(f, data, 2048, 0));
		TEST_OK(file_sync(f));
		TEST_OK(fileio_sync_dir(simdisk_io(d), "/"));
		memset(data, '1', sizeof(data));
		TEST_OK(file_pwrite(f, data, 1536, 0));
		memset(data, '2', sizeof(data));
		TEST_OK(file_pwrite(f, data, 1536, 512));
		simdisk_power_cut(d, &rng);
		file_close(f);
		f = must_open(d, "/f", FILE_READ);
		TEST_OK(file_pread_all(f, out, 2048, 0));
		for (unsigned s = 0; s < 4; s++) {
			char is = (char)out[s * 512];

			memset(data, is, 512);
			TEST_MEM(out + s * 512, data, 512);
			TEST_CHECK(is == olds[s] || is == first[s] || is == second[s]);
			pattern = pattern * 4 + (unsigned)(is - '0');
		}
		seen[pattern % 256] = true;
		file_close(f);
		simdisk_free(d);
	}
	for (int i = 0; i < 256; i++)
		distinct += seen[i];
	/* 2 versions of the outer sectors, 3 of the inner ones: nearly all of their mixtures */
	TEST_CHECK(distinct > 30 && distinct <= 2 * 3 * 3 * 2);
	/* the later write without the earlier one, and only inner sectors of both */
	TEST_CHECK(seen[0 * 64 + 2 * 16 + 2 * 4 + 2] && seen[0 * 64 + 1 * 16 + 2 * 4 + 0]);
}

/* What was written behind the end: all of it, none, the length with the bytes, and the length
 * without them. */
static void length_without_bytes(void)
{
	int whole = 0, none = 0, zeros = 0;
	struct simrng rng;

	simrng_init(&rng, 31);
	for (int round = 0; round < 400; round++) {
		struct simdisk *d = disk_new();
		struct file *f = must_open(d, "/f", FILE_WRITE | FILE_CREATE);
		uint8_t out[600];
		uint64_t size;

		TEST_OK(file_pwrite(f, "a", 1, 0));
		TEST_OK(file_sync(f));
		TEST_OK(fileio_sync_dir(simdisk_io(d), "/"));
		memset(out, 'b', sizeof(out));
		TEST_OK(file_pwrite(f, out, 100, 500));
		simdisk_set_orderly(d, round % 2);
		simdisk_power_cut(d, &rng);
		file_close(f);
		f = must_open(d, "/f", FILE_READ);
		TEST_OK(file_size(f, &size));
		TEST_OK(file_pread_all(f, out, (size_t)size, 0));
		TEST_CHECK(out[0] == 'a');
		none += size == 1;
		whole += size == 600 && out[500] == 'b' && out[599] == 'b';
		if (size == 600 && out[500] == 0 && out[599] == 0) {
			TEST_CHECK(round % 2 == 0);
			zeros++;
		}
		file_close(f);
		simdisk_free(d);
	}
	TEST_CHECK(whole > 0 && none > 0 && zeros > 0);
}

static bool is_there(struct simdisk *d, const char *path)
{
	struct file_info info;

	return fileio_stat(simdisk_io(d), path, &info) == 0;
}

static void touch(struct simdisk *d, const char *path)
{
	file_close(must_open(d, path, FILE_WRITE | FILE_CREATE));
}

static struct simdisk *disk_with_folders(void)
{
	struct simdisk *d = disk_new();

	TEST_OK(fileio_mkdir(simdisk_io(d), "/a"));
	TEST_OK(fileio_mkdir(simdisk_io(d), "/b"));
	TEST_OK(fileio_sync_dir(simdisk_io(d), "/"));
	return d;
}

/* Changes of two folders: each may survive without the other, in both orders, unless the disk is
 * orderly. Syncing one folder says nothing of the other, nor of its own name. */
static void folders_are_independent(void)
{
	bool seen[2][4] = {{false}};
	int lost = 0, unnamed = 0;
	struct simrng rng;

	simrng_init(&rng, 37);
	for (int round = 0; round < 600; round++) {
		struct simdisk *d = disk_with_folders();

		simdisk_set_orderly(d, round % 2);
		touch(d, "/a/1");
		touch(d, "/b/2");
		simdisk_power_cut(d, &rng);
		seen[round % 2][is_there(d, "/a/1") + 2 * is_there(d, "/b/2")] = true;
		simdisk_free(d);
		d = disk_with_folders();
		touch(d, "/a/1");
		TEST_OK(fileio_mkdir(simdisk_io(d), "/b/new"));
		touch(d, "/b/new/2");
		TEST_OK(fileio_sync_dir(simdisk_io(d), "/b/new"));
		simdisk_power_cut(d, &rng);
		lost += !is_there(d, "/a/1");
		unnamed += !is_there(d, "/b/new");
		TEST_CHECK(is_there(d, "/b/new/2") == is_there(d, "/b/new"));
		simdisk_free(d);
	}
	TEST_CHECK(seen[0][0] && seen[0][1] && seen[0][2] && seen[0][3]);
	TEST_CHECK(seen[1][0] && seen[1][1] && !seen[1][2] && seen[1][3]);
	TEST_CHECK(lost > 0 && unnamed > 0);
}

/* A rename from folder to folder happened in both or in neither; with it stands or falls what came
 * later in either, and a sync of one of them covers it and what it needs. */
static void moves_are_whole(void)
{
	int moved = 0, kept = 0;
	struct simrng rng;

	simrng_init(&rng, 41);
	for (int round = 0; round < 400; round++) {
		struct simdisk *d = disk_with_folders();
		const struct fileio *io = simdisk_io(d);
		bool synced = round % 4 == 0;

		touch(d, "/a/1");
		TEST_OK(fileio_sync_dir(io, "/a"));
		touch(d, "/a/0");
		TEST_OK(fileio_rename(io, "/a/1", "/b/1"));
		touch(d, "/b/2");
		if (synced)
			TEST_OK(fileio_sync_dir(io, "/b"));
		simdisk_power_cut(d, &rng);
		TEST_CHECK(is_there(d, "/a/1") != is_there(d, "/b/1"));
		TEST_CHECK(is_there(d, "/b/1") || !is_there(d, "/b/2"));
		TEST_CHECK(is_there(d, "/a/0") || !is_there(d, "/b/1"));
		TEST_CHECK(!synced || is_there(d, "/b/2"));
		moved += !synced && is_there(d, "/b/1");
		kept += is_there(d, "/a/1");
		simdisk_free(d);
	}
	TEST_CHECK(moved > 0 && kept > 0);
}

/* A rename that replaces: the name always means the old file or the new one. */
static void replace_is_atomic(void)
{
	struct simrng rng;
	int seen_old = 0, seen_new = 0;

	simrng_init(&rng, 19);
	for (int round = 0; round < 200; round++) {
		struct simdisk *d = disk_new();
		const struct fileio *io = simdisk_io(d);
		struct file *f;
		char out[3];

		for (int i = 0; i < 2; i++) {
			f = must_open(d, i ? "/t" : "/f", FILE_WRITE | FILE_CREATE);
			TEST_OK(file_pwrite(f, i ? "new" : "old", 3, 0));
			TEST_OK(file_sync(f));
			file_close(f);
		}
		TEST_OK(fileio_sync_dir(io, "/"));
		TEST_OK(fileio_rename(io, "/t", "/f"));
		simdisk_power_cut(d, &rng);
		f = must_open(d, "/f", FILE_READ);
		TEST_OK(file_pread_all(f, out, 3, 0));
		seen_old += memcmp(out, "old", 3) == 0;
		seen_new += memcmp(out, "new", 3) == 0;
		file_close(f);
		simdisk_free(d);
	}
	TEST_CHECK(seen_old > 0 && seen_new > 0 && seen_old + seen_new == 200);
}

static void faults(void)
{
	struct simdisk *d = disk_new();
	struct file *f = must_open(d, "/f", FILE_WRITE | FILE_CREATE);
	struct file *g = NULL;
	uint64_t size;

	simdisk_fail_nth(d, 2, ERR_NOSPC);
	TEST_OK(file_pwrite(f, "ab", 2, 0));
	TEST_CHECK(!simdisk_fault_hit(d));
	TEST_ERR(file_pwrite(f, "cdef", 4, 2), ERR_NOSPC);
	TEST_CHECK(simdisk_fault_hit(d));
	TEST_OK(file_size(f, &size));
	TEST_CHECK(size == 4);
	simdisk_freeze_after(d, 1);
	TEST_OK(file_pwrite(f, "x", 1, 0));
	TEST_ERR(file_size(f, &size), ERR_IO);
	TEST_ERR(file_open(simdisk_io(d), "/f", FILE_READ, &g), ERR_IO);
	TEST_CHECK(simdisk_frozen(d));
	simdisk_kill(d);
	TEST_CHECK(!simdisk_frozen(d));
	file_close(f);
	f = must_open(d, "/f", FILE_WRITE);
	simdisk_set_room(d, 4096);
	TEST_OK(file_pwrite(f, "y", 1, 8192));
	TEST_ERR(file_pwrite(f, "y", 1, 16384), ERR_NOSPC);
	TEST_OK(file_pwrite(f, "z", 1, 8192));
	file_close(f);
	simdisk_free(d);
}

/* After a sync that failed, a later one that succeeds says nothing about the bytes before it. */
static void failed_sync_drops(void)
{
	struct simrng rng;
	int lost = 0;

	simrng_init(&rng, 23);
	for (int round = 0; round < 100; round++) {
		struct simdisk *d = disk_new();
		struct file *f = must_open(d, "/f", FILE_WRITE | FILE_CREATE);
		char out[1024] = {0};

		TEST_OK(fileio_sync_dir(simdisk_io(d), "/"));
		TEST_OK(file_pwrite(f, "dropped", 7, 0));
		simdisk_fail_nth(d, 1, ERR_IO);
		TEST_ERR(file_sync(f), ERR_IO);
		TEST_OK(file_pwrite(f, "kept", 4, 512));
		TEST_OK(file_sync(f));
		simdisk_power_cut(d, &rng);
		file_close(f);
		f = must_open(d, "/f", FILE_READ);
		TEST_OK(file_pread_all(f, out, 516, 0));
		TEST_MEM(out + 512, "kept", 4);
		lost += memcmp(out, "dropped", 7) != 0;
		file_close(f);
		simdisk_free(d);
	}
	TEST_CHECK(lost > 0 && lost < 100);
}

/* What a failed sync dropped does not come back over what was written and synced after it. */
static void dropped_is_not_newer(void)
{
	struct simrng rng;

	simrng_init(&rng, 43);
	for (int round = 0; round < 200; round++) {
		struct simdisk *d = disk_new();
		struct file *f = must_open(d, "/f", FILE_WRITE | FILE_CREATE);
		uint8_t data[6000], out[6000];
		uint64_t size;

		TEST_OK(fileio_sync_dir(simdisk_io(d), "/"));
		memset(data, 'a', sizeof(data));
		TEST_OK(file_pwrite(f, data, 6000, 0));
		simdisk_fail_nth(d, 1, ERR_NOSPC);
		TEST_ERR(file_sync(f), ERR_NOSPC);
		if (round % 2) { /* as a file that is made once more */
			file_close(f);
			f = must_open(d, "/f", FILE_WRITE | FILE_CREATE | FILE_TRUNC);
		}
		memset(data, 'b', sizeof(data));
		TEST_OK(file_pwrite(f, data, 5000, 0));
		TEST_OK(file_sync(f));
		TEST_OK(file_pwrite(f, "c", 1, 0));
		simdisk_power_cut(d, &rng);
		file_close(f);
		f = must_open(d, "/f", FILE_READ);
		TEST_OK(file_size(f, &size));
		TEST_CHECK(size == (round % 2 ? 5000 : 6000));
		TEST_OK(file_pread_all(f, out, 5000, 0));
		TEST_MEM(out + 1, data + 1, 4999);
		TEST_CHECK(out[0] == 'b' || out[0] == 'c');
		file_close(f);
		simdisk_free(d);
	}
}

static void clock_and_rng(void)
{
	struct simclock c;
	struct simrng a, b;

	simclock_init(&c, 5);
	simclock_advance(&c, 10);
	simclock_jump(&c, -100);
	TEST_CHECK(clock_wall_ns(&c.base) == -85);
	TEST_CHECK(clock_mono_ns(&c.base) == SIMCLOCK_SECOND + 10);
	c.tick_ns = 3;
	TEST_CHECK(clock_mono_ns(&c.base) == SIMCLOCK_SECOND + 13);
	simrng_init(&a, 1);
	simrng_init(&b, 1);
	TEST_CHECK(simrng_u64(&a) == simrng_u64(&b));
	simrng_init(&b, 2);
	TEST_CHECK(simrng_u64(&a) != simrng_u64(&b));
	for (int i = 0; i < 1000; i++)
		TEST_CHECK(simrng_below(&a, 7) < 7);
}

int main(void)
{
	TEST_RUN(clock_and_rng);
	TEST_RUN(names_and_errors);
	TEST_RUN(bytes_read_back);
	TEST_RUN(sparse_ring);
	TEST_RUN(kill_keeps_all);
	TEST_RUN(cut_mixes_versions);
	TEST_RUN(synced_survives);
	TEST_RUN(names_survive_in_order);
	TEST_RUN(writes_are_reordered);
	TEST_RUN(length_without_bytes);
	TEST_RUN(folders_are_independent);
	TEST_RUN(moves_are_whole);
	TEST_RUN(replace_is_atomic);
	TEST_RUN(faults);
	TEST_RUN(failed_sync_drops);
	TEST_RUN(dropped_is_not_newer);
	return test_done();
}
