/* SPDX-License-Identifier: Apache-2.0 */
/* The journal ring: what is synced comes back, in order, whatever happened to the file's tail. */
#include "tests/lib/simclock.h"
#include "tests/lib/simdisk.h"
#include "tests/lib/test.h"
#include "util/secret.h"
#include "volume/journal.h"

#define RING (64 * JOURNAL_BLOCK_BYTES)
#define PATH "/journal"

static const uint8_t key[32] = {1, 2, 3};
static const uint8_t volume_id[16] = {9};
static struct simdisk *disk;
static struct simrng rng;

static struct journal *open_it(int want)
{
	struct journal *j = NULL;

	TEST_ERR(journal_open(simdisk_io(disk), PATH, key, volume_id, &rng.base, RING, &j), want);
	return j;
}

static void begin(void)
{
	disk = simdisk_new(NULL);
	simrng_init(&rng, 7);
}

static void end(struct journal *j)
{
	journal_close(j);
	simdisk_free(disk);
}

static int append(struct journal *j, uint64_t log_seq, const char *text)
{
	struct journal_page_run run = {
	    .pack = 5, .off = 4112, .data = (const uint8_t *)"sealed", .len = 6};
	struct journal_batch b = {.log_seq = log_seq,
	                          .runs = &run,
	                          .nruns = 1,
	                          .ops = (const uint8_t *)text,
	                          .ops_len = strlen(text)};
	int r = journal_append(j, &b);

	return r ? r : journal_sync(j);
}

struct seen {
	uint64_t first, last;
	size_t count;
	char text[32];
};

static int see(void *ctx, const struct journal_batch *b)
{
	struct seen *s = ctx;

	TEST_CHECK(s->count == 0 || b->seq == s->last + 1);
	TEST_CHECK(b->nruns == 1 && b->runs[0].pack == 5 && b->runs[0].off == 4112 &&
	           memcmp(b->runs[0].data, "sealed", 6) == 0);
	if (s->count++ == 0)
		s->first = b->seq;
	s->last = b->seq;
	snprintf(s->text, sizeof(s->text), "%.*s", (int)b->ops_len, (const char *)b->ops);
	return 0;
}

static struct seen replay(struct journal *j, uint64_t from)
{
	struct seen s = {0};

	TEST_OK(journal_replay(j, from, see, &s));
	return s;
}

static void comes_back(void)
{
	struct journal *j;
	struct seen s;

	begin();
	j = open_it(0);
	TEST_CHECK(journal_first(j) == 1 && journal_next(j) == 1);
	TEST_OK(append(j, 1, "one"));
	TEST_OK(append(j, 1, "two"));
	TEST_OK(append(j, 2, "three"));
	journal_close(j);
	j = open_it(0);
	s = replay(j, 2);
	TEST_CHECK(s.count == 2 && s.first == 2 && s.last == 3 && strcmp(s.text, "three") == 0);
	TEST_CHECK(journal_next(j) == 4);
	end(j);
}

/* Far more than the ring holds: full is an error that loses nothing, and released room is used
 * again. */
static void goes_around(void)
{
	struct journal *j;
	char text[32];
	struct seen s;

	begin();
	j = open_it(0);
	for (int i = 1; i <= 1000; i++) {
		int r;

		snprintf(text, sizeof(text), "batch %d", i);
		r = append(j, 1, text);
		if (r == ERR_RANGE) {
			journal_release(j, (uint64_t)i - 10);
			r = append(j, 1, text);
		}
		TEST_OK(r);
	}
	s = replay(j, 0);
	TEST_CHECK(s.last == 1000 && strcmp(s.text, "batch 1000") == 0);
	journal_close(j);
	j = open_it(0);
	s = replay(j, 0);
	TEST_CHECK(s.last == 1000 && s.count >= 9);
	journal_release(j, 999);
	TEST_OK(append(j, 1, "on"));
	end(j);
}

/* Cut the power in every batch's write: all before it is there, of it all or nothing. */
static void survives_power_cuts(void)
{
	for (uint64_t seed = 1; seed <= 200; seed++) {
		struct simrng weather;
		struct journal *j;
		struct seen s;

		begin();
		simrng_init(&weather, seed);
		j = open_it(0);
		TEST_OK(fileio_sync_dir(simdisk_io(disk), "/"));
		TEST_OK(append(j, 1, "kept"));
		TEST_OK(append(j, 1, "kept too"));
		{
			struct journal_page_run run = {
			    .pack = 5, .off = 4112, .data = (const uint8_t *)"sealed", .len = 6};
			static char big[9000];
			struct journal_batch b = {.log_seq = 1,
			                          .runs = &run,
			                          .nruns = 1,
			                          .ops = (const uint8_t *)big,
			                          .ops_len = sizeof(big)};

			TEST_OK(journal_append(j, &b));
		}
		simdisk_power_cut(disk, &weather);
		journal_close(j);
		j = open_it(0);
		s = replay(j, 0);
		TEST_CHECK(s.count == 2 || s.count == 3);
		TEST_CHECK(s.first == 1);
		TEST_OK(append(j, 1, "after"));
		end(j);
	}
}

/* A batch in the middle is damaged: what comes after it does not pass for the whole. */
static void damage_is_a_gap(void)
{
	struct journal *j;
	struct file *f;
	uint8_t byte;

	begin();
	j = open_it(0);
	TEST_OK(append(j, 1, "one"));
	TEST_OK(append(j, 1, "two"));
	TEST_OK(append(j, 1, "three"));
	journal_close(j);
	TEST_MUST(file_open(simdisk_io(disk), PATH, FILE_WRITE, &f));
	TEST_OK(file_pread_all(f, &byte, 1, JOURNAL_BLOCK_BYTES + 70));
	byte ^= 1;
	TEST_OK(file_pwrite(f, &byte, 1, JOURNAL_BLOCK_BYTES + 70));
	file_close(f);
	j = open_it(0);
	TEST_CHECK(journal_first(j) == 3 && journal_next(j) == 4);
	end(j);
}

static void another_volume_reads_nothing(void)
{
	static const uint8_t other[16] = {8};
	struct journal *j;

	begin();
	j = open_it(0);
	TEST_OK(append(j, 1, "one"));
	journal_close(j);
	TEST_MUST(journal_open(simdisk_io(disk), PATH, key, other, &rng.base, RING, &j));
	TEST_CHECK(journal_next(j) == 1);
	end(j);
}

/* Nothing of the records stands in the file. */
static void is_sealed(void)
{
	static uint8_t all[RING];
	struct journal *j;
	struct file *f;

	begin();
	j = open_it(0);
	TEST_OK(append(j, 1, "a-very-secret-name"));
	TEST_MUST(file_open(simdisk_io(disk), PATH, FILE_READ, &f));
	TEST_OK(file_pread_all(f, all, sizeof(all), 0));
	TEST_CHECK(memmem(all, sizeof(all), "secret", 6) == NULL);
	file_close(f);
	end(j);
}

int main(void)
{
	TEST_MUST(secret_setup());
	TEST_RUN(comes_back);
	TEST_RUN(goes_around);
	TEST_RUN(survives_power_cuts);
	TEST_RUN(damage_is_a_gap);
	TEST_RUN(another_volume_reads_nothing);
	TEST_RUN(is_sealed);
	return test_done();
}
