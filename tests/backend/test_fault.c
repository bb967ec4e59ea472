/* SPDX-License-Identifier: Apache-2.0 */
/* The faults that backend/fault.c makes: each of its kind, repeatable, and never more than asked
 * for. */
#include "backend/fault.h"
#include "backend/mem.h"
#include "tests/lib/test.h"

#include <pthread.h>
#include <unistd.h>

static struct blob *calm_mem; /* below the filter */

static int count_one(void *ctx, const struct blob_info *info)
{
	(void)info;
	(*(size_t *)ctx)++;
	return 0;
}

static struct blob *weather(const struct fault_config *config)
{
	calm_mem = mem_new();
	return fault_new(calm_mem, config);
}

/* The same requests, as a string of what became of them. */
static void script(char *out, size_t size, uint64_t seed)
{
	const struct fault_config config = {
	    .seed = seed, .fail = 200, .lost_reply = 200, .truncate = 300, .corrupt = 300};
	struct blob *b = weather(&config);
	size_t at = 0;

	for (int i = 0; i < 60; i++) {
		struct buf got;
		int r = blob_put(b, "x", "0123456789", 10);

		buf_init(&got, 100);
		at += (size_t)snprintf(out + at, size - at, "%s ", err_name(r));
		r = blob_get(b, "x", 0, SIZE_MAX, &got);
		at += (size_t)snprintf(out + at, size - at, "%s %.*s ", err_name(r), (int)got.len,
		                       (const char *)got.data);
		buf_done(&got);
	}
	blob_free(b);
}

static void fault_repeats(void)
{
	char one[8192];
	char two[8192];

	script(one, sizeof(one), 42);
	script(two, sizeof(two), 42);
	TEST_CHECK(strcmp(one, two) == 0);
	script(two, sizeof(two), 43);
	TEST_CHECK(strcmp(one, two) != 0);
	TEST_CHECK(strstr(one, "UNAVAILABLE") && strstr(one, "OK 0123456789"));
}

static void fault_fail_and_lose(void)
{
	struct fault_config config = {.seed = 1, .fail = 1000};
	struct blob *b = weather(&config);
	size_t count = 0;
	struct buf out;

	buf_init(&out, 100);
	TEST_ERR(blob_put(b, "x", "1", 1), ERR_UNAVAILABLE);
	TEST_ERR(blob_get(calm_mem, "x", 0, 1, &out), ERR_MISSING);
	config = (struct fault_config){.lost_reply = 1000};
	fault_configure(b, &config);
	TEST_ERR(blob_put_new(b, "x", "1", 1), ERR_UNAVAILABLE);
	TEST_OK(blob_get(calm_mem, "x", 0, 1, &out));
	TEST_ERR(blob_get(b, "x", 0, 1, &out), ERR_UNAVAILABLE);
	TEST_CHECK(out.len == 1);
	TEST_ERR(blob_list(b, "", NULL, count_one, &count), ERR_UNAVAILABLE);
	TEST_ERR(blob_remove(b, "x"), ERR_UNAVAILABLE);
	TEST_ERR(blob_get(calm_mem, "x", 0, 1, &out), ERR_MISSING);
	config = (struct fault_config){.down = true};
	fault_configure(b, &config);
	TEST_ERR(blob_put(b, "x", "1", 1), ERR_UNAVAILABLE);
	TEST_ERR(blob_list(b, "", NULL, count_one, &count), ERR_UNAVAILABLE);
	buf_done(&out);
	blob_free(b);
}

static void fault_bad_bytes(void)
{
	struct fault_config config = {.seed = 1, .truncate = 1000};
	struct blob *b = weather(&config);
	uint8_t data[64] = {0};
	int flipped = 0;
	struct buf out;

	buf_init(&out, 100);
	TEST_OK(blob_put(b, "x", data, sizeof(data)));
	TEST_OK(blob_get(b, "x", 0, SIZE_MAX, &out));
	TEST_CHECK(out.len < sizeof(data));
	config = (struct fault_config){.corrupt = 1000};
	fault_configure(b, &config);
	buf_reset(&out);
	TEST_OK(blob_get(b, "x", 0, SIZE_MAX, &out));
	TEST_CHECK(out.len == sizeof(data));
	for (size_t i = 0; i < out.len; i++)
		flipped += __builtin_popcount(out.data[i]);
	TEST_CHECK(flipped == 1);
	buf_done(&out);
	blob_free(b);
}

static void fault_stale_lists(void)
{
	const struct fault_config config = {.seed = 1, .stale_list = 1000};
	struct blob *b = weather(&config);
	size_t count = 0;

	TEST_OK(blob_put(b, "x", "1", 1));
	TEST_OK(blob_put_new(b, "y", "1", 1));
	TEST_OK(blob_list(b, "", NULL, count_one, &count));
	TEST_CHECK(count == 0);
	TEST_OK(blob_put(b, "z", "1", 1));
	TEST_OK(blob_list(b, "", NULL, count_one, &count));
	TEST_CHECK(count == 2);
	blob_free(b);
}

static struct blob *store;

static void *slow_put(void *ctx)
{
	*(int *)ctx = blob_put(store, "slow", "", 0);
	return NULL;
}

static void fault_delay_ends_by_cancel(void)
{
	const struct fault_config config = {.seed = 1, .delay = 1000, .delay_ms = 3600000};
	pthread_t thread;
	int result = 0;

	store = weather(&config);
	TEST_MUST(pthread_create(&thread, NULL, slow_put, &result));
	usleep(20000);
	blob_cancel(store);
	pthread_join(thread, NULL);
	TEST_ERR(result, ERR_CANCELED);
	blob_free(store);
}

int main(void)
{
	TEST_RUN(fault_repeats);
	TEST_RUN(fault_fail_and_lose);
	TEST_RUN(fault_bad_bytes);
	TEST_RUN(fault_stale_lists);
	TEST_RUN(fault_delay_ends_by_cancel);
	return test_done();
}
