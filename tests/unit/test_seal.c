/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/lib/test.h"

#include "crypto/seal.h"
#include "util/rng.h"
#include "util/secret.h"

#include <pthread.h>
#include <stdbool.h>

#define RUN_BYTES (3 * SEAL_PAGE_BYTES + 100)
#define SEALED_BYTES (RUN_BYTES + 4 * SEAL_TAG_BYTES)

static const uint8_t raw_key[SEAL_KEY_BYTES] = {1, 2, 3};
static const char aad[] = "what is bound to it";
static uint8_t plain[RUN_BYTES];
static uint8_t salt[SEAL_SALT_BYTES];
static uint8_t sealed[SEALED_BYTES];
static uint8_t out[SEALED_BYTES];
static struct seal_key *key;

static bool all_zero(const uint8_t *at, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (at[i])
			return false;
	return true;
}

static void setup(void)
{
	rng_fill(rng_system(), plain, sizeof(plain));
	rng_fill(rng_system(), salt, sizeof(salt));
	TEST_MUST(seal_key_new(raw_key, &key));
	TEST_MUST(seal_pages(key, salt, aad, sizeof(aad), 7, plain, sizeof(plain), sealed));
}

static void lengths(void)
{
	TEST_CHECK(sealed_pages_len(0) == 0);
	TEST_CHECK(sealed_pages_len(1) == 17);
	TEST_CHECK(sealed_pages_len(4096) == 4112);
	TEST_CHECK(sealed_pages_len(4097) == 4097 + 32);
	TEST_CHECK(sealed_pages_len(RUN_BYTES) == SEALED_BYTES);
}

static void pages_round_trip(void)
{
	const size_t lens[] = {0, 1, 4095, 4096, 4097, 8192, RUN_BYTES};

	for (size_t i = 0; i < sizeof(lens) / sizeof(lens[0]); i++) {
		uint8_t run[SEALED_BYTES];
		size_t len = 12345;

		TEST_OK(seal_pages(key, salt, NULL, 0, 0, plain, lens[i], run));
		TEST_OK(
		    open_pages(key, salt, NULL, 0, 0, run, sealed_pages_len(lens[i]), out, &len));
		TEST_CHECK(len == lens[i]);
		TEST_MEM(out, plain, len);
	}
}

/* Any page of a run opens by itself, and a run may be sealed in parts. */
static void pages_stand_alone(void)
{
	uint8_t part[SEALED_PAGE_BYTES];
	size_t len = 0;

	for (size_t i = 0; i < 4; i++) {
		size_t n = i < 3 ? SEALED_PAGE_BYTES : 100 + SEAL_TAG_BYTES;

		TEST_OK(open_pages(key, salt, aad, sizeof(aad), 7 + i,
		                   sealed + i * SEALED_PAGE_BYTES, n, out, &len));
		TEST_CHECK(len == n - SEAL_TAG_BYTES);
		TEST_MEM(out, plain + i * SEAL_PAGE_BYTES, len);
		TEST_OK(seal_pages(key, salt, aad, sizeof(aad), 7 + i, plain + i * SEAL_PAGE_BYTES,
		                   len, part));
		TEST_MEM(part, sealed + i * SEALED_PAGE_BYTES, n);
	}
}

static void pages_moved(void)
{
	uint8_t other_salt[SEAL_SALT_BYTES];
	const uint8_t other_raw[SEAL_KEY_BYTES] = {9};
	struct seal_key *other = NULL;
	size_t len = 12345;

	memcpy(other_salt, salt, sizeof(salt));
	other_salt[23] ^= 1;
	TEST_MUST(seal_key_new(other_raw, &other));
	TEST_ERR(open_pages(key, salt, aad, sizeof(aad), 8, sealed, SEALED_BYTES, out, &len),
	         ERR_UNAUTHENTIC);
	TEST_ERR(open_pages(key, salt, aad, sizeof(aad) - 1, 7, sealed, SEALED_BYTES, out, &len),
	         ERR_UNAUTHENTIC);
	TEST_ERR(open_pages(key, other_salt, aad, sizeof(aad), 7, sealed, SEALED_BYTES, out, &len),
	         ERR_UNAUTHENTIC);
	TEST_ERR(open_pages(other, salt, aad, sizeof(aad), 7, sealed, SEALED_BYTES, out, &len),
	         ERR_UNAUTHENTIC);
	TEST_CHECK(len == 12345);
	seal_key_free(other);
}

/* One changed bit in the last page: nothing of the pages before it stays. */
static void pages_changed(void)
{
	for (size_t i = 0; i < SEALED_BYTES; i += 61) {
		size_t len = 12345;

		memset(out, 0xee, sizeof(out));
		sealed[i] ^= (uint8_t)(1 << i % 8);
		TEST_ERR(
		    open_pages(key, salt, aad, sizeof(aad), 7, sealed, SEALED_BYTES, out, &len),
		    ERR_UNAUTHENTIC);
		sealed[i] ^= (uint8_t)(1 << i % 8);
		TEST_CHECK(len == 12345);
		for (size_t at = 0; at < RUN_BYTES; at++)
			TEST_CHECK(out[at] == 0 || out[at] == 0xee);
	}
}

static void pages_cut(void)
{
	for (size_t len = 0; len < SEALED_BYTES; len++) {
		size_t rest = len % SEALED_PAGE_BYTES;
		size_t opened = 12345;
		int err = open_pages(key, salt, aad, sizeof(aad), 7, sealed, len, out, &opened);

		if (rest == 0) /* between pages: the length is for the caller to know */
			TEST_CHECK(err == 0 && memcmp(out, plain, opened) == 0);
		else
			TEST_ERR(err, rest <= SEAL_TAG_BYTES ? ERR_CORRUPT : ERR_UNAUTHENTIC);
	}
}

static void message_round_trip(void)
{
	uint8_t box[1000];
	uint8_t tag[SEAL_TAG_BYTES];

	for (size_t len = 0; len <= sizeof(box); len += 125) {
		memcpy(box, plain, len);
		TEST_OK(seal_message(key, salt, aad, sizeof(aad), box, len, box, tag));
		TEST_CHECK(len == 0 || memcmp(box, plain, len) != 0);
		TEST_OK(open_message(key, salt, aad, sizeof(aad), box, len, tag, out));
		TEST_MEM(out, plain, len);
		TEST_OK(open_message(key, salt, aad, sizeof(aad), box, len, tag, box));
		TEST_MEM(box, plain, len);
	}
}

static void message_changed(void)
{
	uint8_t box[64];
	uint8_t tag[SEAL_TAG_BYTES];

	TEST_OK(seal_message(key, salt, aad, sizeof(aad), plain, sizeof(box), box, tag));
	for (size_t bit = 0; bit < 8 * (sizeof(box) + sizeof(tag)); bit++) {
		uint8_t *at = bit / 8 < sizeof(box) ? &box[bit / 8] : &tag[bit / 8 - sizeof(box)];

		memset(out, 0xee, sizeof(box));
		*at ^= (uint8_t)(1 << bit % 8);
		TEST_ERR(open_message(key, salt, aad, sizeof(aad), box, sizeof(box), tag, out),
		         ERR_UNAUTHENTIC);
		*at ^= (uint8_t)(1 << bit % 8);
		TEST_CHECK(all_zero(out, sizeof(box)));
	}
	TEST_ERR(open_message(key, salt, aad, sizeof(aad), box, SEAL_MESSAGE_MAX + 1, tag, out),
	         ERR_CORRUPT);
}

static void *seal_many(void *arg)
{
	uint8_t box[SEALED_PAGE_BYTES];
	bool *ok = arg;
	size_t len;

	*ok = true;
	for (uint64_t i = 0; i < 2000; i++)
		if (seal_pages(key, salt, NULL, 0, i, plain, SEAL_PAGE_BYTES, box) ||
		    open_pages(key, salt, NULL, 0, i, box, sizeof(box), box, &len) ||
		    memcmp(box, plain, SEAL_PAGE_BYTES) != 0)
			*ok = false;
	return NULL;
}

static void threads_share_a_key(void)
{
	pthread_t thread[4];
	bool ok[4];

	for (int i = 0; i < 4; i++)
		TEST_CHECK(pthread_create(&thread[i], NULL, seal_many, &ok[i]) == 0);
	for (int i = 0; i < 4; i++) {
		pthread_join(thread[i], NULL);
		TEST_CHECK(ok[i]);
	}
}

int main(void)
{
	TEST_MUST(secret_setup());
	setup();
	TEST_RUN(lengths);
	TEST_RUN(pages_round_trip);
	TEST_RUN(pages_stand_alone);
	TEST_RUN(pages_moved);
	TEST_RUN(pages_changed);
	TEST_RUN(pages_cut);
	TEST_RUN(message_round_trip);
	TEST_RUN(message_changed);
	TEST_RUN(threads_share_a_key);
	seal_key_free(key);
	seal_key_free(NULL);
	return test_done();
}
