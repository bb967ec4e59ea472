/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What blob.h promises, asked of a store:
 *
 *   conformance dir PATH                         an empty or missing folder
 *   conformance mem
 *   conformance fault                            the filter at rest; test_fault.c has the rest
 *   conformance s3 URL [--ca-file F]             an empty prefix; credentials as amberfs has them
 *   conformance expect ERROR URL [--ca-file F]   every operation gives that error (DENIED, ...)
 */
#include "backend/blob.h"
#include "backend/fault.h"
#include "backend/mem.h"
#include "backend/store.h"
#include "tests/lib/test.h"
#include "util/secret.h"

#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

#define THREADS 8
#define BIG_BYTES (9u << 20)

/* The store under test, and how to get a second handle on it. */
static struct blob *store;
static struct blob *(*open_again)(void);
static const char *store_url;
static struct store_options store_opts;

static void fill(uint8_t *data, size_t len, uint32_t seed)
{
	for (size_t i = 0; i < len; i++) {
		seed = seed * 1664525 + 1013904223;
		data[i] = (uint8_t)(seed >> 24);
	}
}

/* Get and compare: @want_len bytes at @want. */
static void expect_range(const char *name, uint64_t off, size_t len, const void *want,
                         size_t want_len)
{
	struct buf out;

	buf_init(&out, BLOB_MAX_BYTES);
	buf_add(&out, "before", 6);
	TEST_OK(blob_get(store, name, off, len, &out));
	TEST_CHECK(out.len == 6 + want_len);
	TEST_MEM(out.data, "before", 6);
	if (out.len == 6 + want_len && want_len > 0)
		TEST_MEM(out.data + 6, want, want_len);
	buf_done(&out);
}

static void expect_object(const char *name, const void *want, size_t len)
{
	expect_range(name, 0, SIZE_MAX, want, len);
}

static void put_and_get(void)
{
	TEST_OK(blob_put(store, "basic/one", "first", 5));
	expect_object("basic/one", "first", 5);
	TEST_OK(blob_put(store, "basic/one", "another", 7));
	expect_object("basic/one", "another", 7);
}

static void empty_objects(void)
{
	TEST_OK(blob_put(store, "empty/put", NULL, 0));
	TEST_OK(blob_put_new(store, "empty/new", "", 0));
	expect_object("empty/put", "", 0);
	expect_object("empty/new", "", 0);
	expect_range("empty/put", 0, 10, "", 0);
	expect_range("empty/put", 7, 10, "", 0);
	TEST_ERR(blob_put_new(store, "empty/new", "x", 1), ERR_EXIST);
}

static void missing_objects(void)
{
	struct buf out;

	buf_init(&out, 100);
	buf_add(&out, "kept", 4);
	TEST_ERR(blob_get(store, "no/such", 0, SIZE_MAX, &out), ERR_MISSING);
	TEST_ERR(blob_get(store, "no/such", 5, 3, &out), ERR_MISSING);
	TEST_ERR(blob_get(store, "no/such", 0, 0, &out), ERR_MISSING);
	TEST_ERR(blob_get(store, "empty", 0, SIZE_MAX, &out), ERR_MISSING);
	TEST_CHECK(strstr(err_note_text(), "empty"));
	TEST_CHECK(out.len == 4 && memcmp(out.data, "kept", 4) == 0);
	TEST_OK(buf_error(&out));
	TEST_OK(blob_remove(store, "no/such"));
	TEST_OK(blob_remove(store, "nothing"));
	buf_done(&out);
}

static void taken_names(void)
{
	TEST_OK(blob_put_new(store, "taken", "mine", 4));
	TEST_ERR(blob_put_new(store, "taken", "yours", 5), ERR_EXIST);
	TEST_CHECK(strstr(err_note_text(), "taken"));
	expect_object("taken", "mine", 4);
	TEST_OK(blob_remove(store, "taken"));
	TEST_OK(blob_put_new(store, "taken", "yours", 5));
	expect_object("taken", "yours", 5);
}

static void ranges(void)
{
	uint8_t data[1000];

	fill(data, sizeof(data), 1);
	TEST_OK(blob_put(store, "ranges", data, sizeof(data)));
	expect_range("ranges", 0, 0, data, 0);
	expect_range("ranges", 0, 1, data, 1);
	expect_range("ranges", 0, 999, data, 999);
	expect_range("ranges", 0, 1000, data, 1000);
	expect_range("ranges", 0, 1001, data, 1000);
	expect_range("ranges", 1, SIZE_MAX, data + 1, 999);
	expect_range("ranges", 500, 100, data + 500, 100);
	expect_range("ranges", 999, 1, data + 999, 1);
	expect_range("ranges", 999, 2, data + 999, 1);
	expect_range("ranges", 999, 0, data, 0);
	expect_range("ranges", 1000, 1, data, 0);
	expect_range("ranges", 1000, SIZE_MAX, data, 0);
	expect_range("ranges", 1001, 10, data, 0);
	expect_range("ranges", UINT64_MAX, SIZE_MAX, data, 0);
	expect_range("ranges", UINT64_MAX - 1, 1, data, 0);
}

static void ceilings(void)
{
	struct buf out;

	TEST_OK(blob_put(store, "ceiling", "0123456789", 10));
	buf_init(&out, 10);
	TEST_OK(blob_get(store, "ceiling", 0, SIZE_MAX, &out));
	TEST_CHECK(out.len == 10);
	/* full, and yet nothing to add */
	TEST_OK(blob_get(store, "ceiling", 0, 0, &out));
	TEST_OK(blob_get(store, "ceiling", 10, SIZE_MAX, &out));
	TEST_ERR(blob_get(store, "ceiling", 9, SIZE_MAX, &out), ERR_FBIG);
	TEST_CHECK(out.len == 10 && memcmp(out.data, "0123456789", 10) == 0);
	buf_done(&out);
	buf_init(&out, 9);
	TEST_ERR(blob_get(store, "ceiling", 0, SIZE_MAX, &out), ERR_FBIG);
	TEST_CHECK(out.len == 0 && buf_error(&out) == 0);
	TEST_ERR(blob_get(store, "ceiling", 0, 10, &out), ERR_FBIG);
	TEST_OK(blob_get(store, "ceiling", 1, SIZE_MAX, &out));
	TEST_CHECK(out.len == 9);
	buf_done(&out);
}

static void big_object(void)
{
	uint8_t *data = malloc(BIG_BYTES);

	fill(data, BIG_BYTES, 2);
	TEST_OK(blob_put_new(store, "big/object", data, BIG_BYTES));
	expect_object("big/object", data, BIG_BYTES);
	expect_range("big/object", BIG_BYTES - 5, 100, data + BIG_BYTES - 5, 5);
	expect_range("big/object", 4095, 8u << 20, data + 4095, 8u << 20);
	TEST_OK(blob_remove(store, "big/object"));
	free(data);
}

static void good_names(void)
{
	static const char *const names[] = {
	    "n",
	    "0",
	    "_",
	    "-",
	    "n.",
	    "n..n",
	    "names/abcdefghijklmnopqrstuvwxyz0123456789._-",
	    "names/-/_/0/a.b/c..d/e-",
	    "names/x._-/y",
	};
	char longest[BLOB_NAME_MAX + 1];

	memset(longest, 'l', BLOB_NAME_MAX);
	longest[BLOB_NAME_MAX] = '\0';
	TEST_OK(blob_put(store, longest, "long", 4));
	expect_object(longest, "long", 4);
	memset(longest, 'm', BLOB_NAME_MAX);
	for (size_t i = 1; i < BLOB_NAME_MAX; i += 2)
		longest[i] = '/';
	longest[BLOB_NAME_MAX - 1] = 'm';
	TEST_OK(blob_put_new(store, longest, "deep", 4));
	expect_object(longest, "deep", 4);
	TEST_OK(blob_remove(store, longest));
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		TEST_OK(blob_put_new(store, names[i], names[i], strlen(names[i])));
		expect_object(names[i], names[i], strlen(names[i]));
	}
}

static int count_one(void *ctx, const struct blob_info *info)
{
	(void)info;
	(*(size_t *)ctx)++;
	return 0;
}

static void bad_names(void)
{
	static const char *const names[] = {
	    "",     "/",      "/a",   "a/",  "a//b",     ".",    "..",    "a/./b",   "a/../b",
	    "../a", ".tmp/x", "a/.b", "A",   "a b",      "a\\b", "a\nb",  "a%2fb",   "a?b",
	    "a+b",  "a*",     "~a",   "a:b", "\xc3\xa4", "a#b",  "a\x7f", ".hidden",
	};
	char too_long[BLOB_NAME_MAX + 2];
	size_t count = 0;
	struct buf out;

	buf_init(&out, 10);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		TEST_ERR(blob_put(store, names[i], "x", 1), ERR_INVAL);
		TEST_ERR(blob_put_new(store, names[i], "x", 1), ERR_INVAL);
		TEST_ERR(blob_get(store, names[i], 0, 1, &out), ERR_INVAL);
		TEST_ERR(blob_remove(store, names[i]), ERR_INVAL);
	}
	memset(too_long, 'a', sizeof(too_long));
	too_long[sizeof(too_long) - 1] = '\0';
	TEST_ERR(blob_put(store, too_long, "x", 1), ERR_INVAL);
	TEST_ERR(blob_list(store, "A", NULL, count_one, &count), ERR_INVAL);
	TEST_ERR(blob_list(store, "a", "b\n", count_one, &count), ERR_INVAL);
	TEST_ERR(blob_list(store, too_long, NULL, count_one, &count), ERR_INVAL);
	TEST_ERR(blob_put(store, "a", "", (size_t)BLOB_MAX_BYTES + 1), ERR_FBIG);
	TEST_CHECK(count == 0);
	buf_done(&out);
}

/* One thread of several that do the same. */
struct worker {
	pthread_t thread;
	int index;
	const char *name;
	int result;
};

static void run_workers(void *(*fn)(void *), struct worker workers[THREADS], const char *name)
{
	for (int i = 0; i < THREADS; i++) {
		workers[i] = (struct worker){.index = i, .name = name};
		TEST_MUST(pthread_create(&workers[i].thread, NULL, fn, &workers[i]));
	}
	for (int i = 0; i < THREADS; i++)
		pthread_join(workers[i].thread, NULL);
}

static void *race_one(void *ctx)
{
	struct worker *w = ctx;
	uint8_t data[3000];

	fill(data, sizeof(data), (uint32_t)w->index);
	w->result = blob_put_new(store, w->name, data, sizeof(data));
	return NULL;
}

static void one_winner(void)
{
	struct worker workers[THREADS];
	uint8_t data[3000];
	char name[32];

	for (int round = 0; round < 10; round++) {
		int winners = 0;

		snprintf(name, sizeof(name), "race-%d/log", round);
		run_workers(race_one, workers, name);
		for (int i = 0; i < THREADS; i++) {
			if (workers[i].result != 0) {
				TEST_ERR(workers[i].result, ERR_EXIST);
				continue;
			}
			winners++;
			fill(data, sizeof(data), (uint32_t)i);
			expect_object(name, data, sizeof(data));
		}
		TEST_CHECK(winners == 1);
	}
}

#define WHOLE_BYTES 100000
#define WHOLE_ROUNDS 12

/* Even threads write one of two contents, odd ones read and must see one of them, whole. */
static void *whole_one(void *ctx)
{
	struct worker *w = ctx;
	uint8_t *data = malloc(WHOLE_BYTES);
	struct buf out;

	buf_init(&out, 2 * WHOLE_BYTES);
	memset(data, 'a' + w->index, WHOLE_BYTES);
	for (int i = 0; i < WHOLE_ROUNDS && w->result == 0; i++) {
		if (w->index % 2 == 0) {
			w->result = blob_put(store, w->name, data, WHOLE_BYTES);
			continue;
		}
		buf_reset(&out);
		w->result = blob_get(store, w->name, 0, SIZE_MAX, &out);
		if (w->result == 0 && (out.len != WHOLE_BYTES ||
		                       memcmp(out.data, out.data + 1, WHOLE_BYTES - 1) != 0))
			w->result = ERR_CORRUPT;
	}
	buf_done(&out);
	free(data);
	return NULL;
}

static void whole_objects(void)
{
	struct worker workers[THREADS];
	uint8_t *data = calloc(1, WHOLE_BYTES);

	TEST_OK(blob_put(store, "whole", data, WHOLE_BYTES));
	run_workers(whole_one, workers, "whole");
	for (int i = 0; i < THREADS; i++)
		TEST_OK(workers[i].result);
	free(data);
}

#define MANY 1050

static void many_name(char *out, size_t size, int i)
{
	/* three folders, whose order differs from that of the names below them */
	snprintf(out, size, "many/%s%04d", i % 3 == 0 ? "a/" : i % 3 == 1 ? "a-" : "a.b/", i);
}

static void *put_many(void *ctx)
{
	struct worker *w = ctx;
	char name[64];

	for (int i = w->index; i < MANY && w->result == 0; i += THREADS) {
		many_name(name, sizeof(name), i);
		w->result = blob_put_new(store, name, name, (size_t)(i % 20));
	}
	return NULL;
}

static void *remove_many(void *ctx)
{
	struct worker *w = ctx;
	char name[64];

	for (int i = w->index; i < MANY && w->result == 0; i += THREADS) {
		many_name(name, sizeof(name), i);
		w->result = blob_remove(store, name);
	}
	return NULL;
}

struct seen {
	size_t count;
	size_t bytes;
	size_t stop_at; /* 0: never */
	bool unordered;
	char last[BLOB_NAME_MAX + 1];
	char first[BLOB_NAME_MAX + 1];
};

static int see(void *ctx, const struct blob_info *info)
{
	struct seen *s = ctx;

	if (s->count > 0 && strcmp(info->name, s->last) <= 0)
		s->unordered = true;
	if (s->count++ == 0)
		snprintf(s->first, sizeof(s->first), "%s", info->name);
	snprintf(s->last, sizeof(s->last), "%s", info->name);
	s->bytes += info->size_bytes;
	return s->count == s->stop_at ? 77 : 0;
}

static void expect_list(const char *prefix, const char *after, size_t want)
{
	struct seen s = {.count = 0};

	TEST_OK(blob_list(store, prefix, after, see, &s));
	TEST_CHECK(!s.unordered);
	if (s.count != want)
		printf("  list \"%s\" after \"%s\": %zu, want %zu\n", prefix, after ? after : "",
		       s.count, want);
	TEST_CHECK(s.count == want);
}

static void listings(void)
{
	struct worker workers[THREADS];
	struct seen s = {.count = 0};
	size_t bytes = 0;
	char name[64];

	run_workers(put_many, workers, NULL);
	for (int i = 0; i < THREADS; i++)
		TEST_OK(workers[i].result);
	for (int i = 0; i < MANY; i++)
		bytes += (size_t)(i % 20);
	TEST_OK(blob_list(store, "many/", NULL, see, &s));
	TEST_CHECK(s.count == MANY && s.bytes == bytes && !s.unordered);
	TEST_CHECK(strcmp(s.first, "many/a-0001") == 0 && strcmp(s.last, "many/a/1047") == 0);
	expect_list("many", NULL, MANY);
	expect_list("ma", NULL, MANY);
	expect_list("many/a/", NULL, MANY / 3);
	expect_list("many/a-", NULL, MANY / 3);
	expect_list("many/a", NULL, MANY);
	expect_list("many/a.b", NULL, MANY / 3);
	expect_list("many/a/1", NULL, 16);
	expect_list("many/a/1047", NULL, 1);
	expect_list("many/a/1047x", NULL, 0);
	expect_list("manyx", NULL, 0);
	expect_list("many/", "many/a/1047", 0);
	expect_list("many/", "many/a/1044", 1);
	expect_list("many/", "many/a/1045", 1);
	expect_list("many/", "many/a/", MANY / 3);
	expect_list("many/", "many/a", MANY);
	expect_list("many/", "many/a-9999", MANY / 3 * 2);
	expect_list("many/", "a", MANY);
	expect_list("many/", "z", 0);
	expect_list("many/a/", "many/a.b/0002", MANY / 3);
	expect_list("many/a-", "many/a/0000", 0);
	s = (struct seen){.stop_at = 5};
	TEST_ERR(blob_list(store, "many/", NULL, see, &s), 77);
	TEST_CHECK(s.count == 5);
	many_name(name, sizeof(name), 3);
	TEST_OK(blob_remove(store, name));
	expect_list("many/a/", NULL, MANY / 3 - 1);
	run_workers(remove_many, workers, NULL);
	for (int i = 0; i < THREADS; i++)
		TEST_OK(workers[i].result);
	expect_list("many/", NULL, 0);
}

static int put_one(void *ctx, const struct blob_info *info)
{
	(void)ctx;
	return blob_put(store, "inside/callback", info->name, 1);
}

static void callbacks_may_use_the_store(void)
{
	TEST_OK(blob_put(store, "list/one", "1", 1));
	TEST_OK(blob_list(store, "list/", NULL, put_one, NULL));
	expect_object("inside/callback", "l", 1);
}

static atomic_bool canceling;

static void *until_canceled(void *ctx)
{
	struct worker *w = ctx;
	struct blob *other = (struct blob *)(void *)w->name;
	char name[32];

	snprintf(name, sizeof(name), "cancel/%d", w->index);
	do {
		w->result = blob_put(other, name, name, sizeof(name));
	} while (w->result == 0);
	if (!atomic_load(&canceling))
		w->result = ERR_BUSY;
	return NULL;
}

static void cancel_wakes(void)
{
	struct blob *other = open_again();
	struct worker workers[THREADS];
	size_t count = 0;
	struct buf out;

	for (int i = 0; i < THREADS; i++) {
		workers[i] = (struct worker){.index = i, .name = (void *)other};
		TEST_MUST(pthread_create(&workers[i].thread, NULL, until_canceled, &workers[i]));
	}
	usleep(200000);
	atomic_store(&canceling, true);
	blob_cancel(other);
	for (int i = 0; i < THREADS; i++) {
		pthread_join(workers[i].thread, NULL);
		TEST_ERR(workers[i].result, ERR_CANCELED);
	}
	buf_init(&out, 10);
	TEST_ERR(blob_get(other, "basic/one", 0, 1, &out), ERR_CANCELED);
	TEST_ERR(blob_put_new(other, "cancel/new", "", 0), ERR_CANCELED);
	TEST_ERR(blob_list(other, "", NULL, count_one, &count), ERR_CANCELED);
	TEST_ERR(blob_remove(other, "basic/one"), ERR_CANCELED);
	blob_cancel(other);
	blob_free(other);
	buf_done(&out);
	/* the first handle goes on */
	expect_object("basic/one", "another", 7);
}

static void two_handles(void)
{
	struct blob *other = open_again();

	TEST_OK(blob_put_new(other, "two/handles", "seen", 4));
	expect_object("two/handles", "seen", 4);
	TEST_ERR(blob_put_new(store, "two/handles", "seen", 4), ERR_EXIST);
	TEST_OK(blob_remove(store, "two/handles"));
	TEST_OK(blob_put_new(other, "two/handles", "again", 5));
	blob_free(other);
	expect_object("two/handles", "again", 5);
}

static void conform(void)
{
	TEST_RUN(put_and_get);
	TEST_RUN(empty_objects);
	TEST_RUN(missing_objects);
	TEST_RUN(taken_names);
	TEST_RUN(ranges);
	TEST_RUN(ceilings);
	TEST_RUN(big_object);
	TEST_RUN(good_names);
	TEST_RUN(bad_names);
	TEST_RUN(one_winner);
	TEST_RUN(whole_objects);
	TEST_RUN(listings);
	TEST_RUN(callbacks_may_use_the_store);
	TEST_RUN(two_handles);
	TEST_RUN(cancel_wakes);
}

static struct blob *open_url(void)
{
	struct blob *b = NULL;

	TEST_MUST(store_open(store_url, &store_opts, &b));
	return b;
}

static struct blob *mem_again(void)
{
	return mem_share(store);
}

static struct blob *calm_mem; /* below the filter */

static struct blob *fault_again(void)
{
	static const struct fault_config calm = {.seed = 8};

	return fault_new(mem_share(calm_mem), &calm);
}

/* Every operation gives this error. */
static int expect_error(const char *want)
{
	struct buf out;
	size_t count = 0;
	int r[5];

	buf_init(&out, 100);
	r[0] = blob_get(store, "some/object", 0, SIZE_MAX, &out);
	r[1] = blob_put(store, "some/object", "x", 1);
	r[2] = blob_put_new(store, "some/object", "x", 1);
	r[3] = blob_list(store, "", NULL, count_one, &count);
	r[4] = blob_remove(store, "some/object");
	for (size_t i = 0; i < 5; i++) {
		TEST_CHECK(strcmp(err_name(r[i]), want) == 0);
		if (strcmp(err_name(r[i]), want) != 0)
			printf("  operation %zu: %s\n", i, err_name(r[i]));
	}
	printf("%s: %s\n", want, err_note_text());
	buf_done(&out);
	blob_free(store);
	return test_done();
}

static int usage(void)
{
	fputs("usage: conformance dir PATH | mem | fault | s3 URL [--ca-file F] | "
	      "expect ERROR URL [--ca-file F]\n",
	      stderr);
	return 2;
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";
	int args = 2;

	TEST_MUST(secret_setup());
	if (argc > 4 && strcmp(argv[argc - 2], "--ca-file") == 0) {
		store_opts.ca_file = argv[argc - 1];
		argc -= 2;
	}
	if (strcmp(what, "mem") == 0) {
		store = mem_new();
		open_again = mem_again;
	} else if (strcmp(what, "fault") == 0) {
		calm_mem = mem_new();
		store = fault_new(calm_mem, &(struct fault_config){.seed = 7});
		open_again = fault_again;
	} else if (strcmp(what, "dir") == 0 || strcmp(what, "s3") == 0) {
		args = 3;
	} else if (strcmp(what, "expect") == 0) {
		args = 4;
	} else {
		return usage();
	}
	if (argc != args)
		return usage();
	if (args > 2) {
		store_url = argv[args - 1];
		store_opts.create = strcmp(what, "dir") == 0;
		open_again = open_url;
		store = open_url();
	}
	if (args == 4)
		return expect_error(argv[2]);
	conform();
	blob_free(store);
	return test_done();
}
