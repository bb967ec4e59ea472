/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/lib/test.h"

#include "crypto/keyring.h"
#include "crypto/masters.h"
#include "crypto/recovery.h"
#include "crypto/slot.h"
#include "util/codec.h"
#include "util/secret.h"

#include <ctype.h>
#include <stdbool.h>

#define PASS "open sesame"
#define PASS_LEN (sizeof(PASS) - 1)
#define SLOTS_AT 35
#define SLOT_BYTES 66
#define MADE_NS 1700000000000000000

static const struct keyring_cost cheap = {.log2_n = 4, .r = 1, .p = 1};

/* One passphrase slot and one recovery slot, stored. */
static struct keyring *make(struct buf *stored, char *code)
{
	struct keyring *k = NULL;

	buf_init(stored, KEYRING_MAX_BYTES);
	TEST_MUST(keyring_new(rng_system(), MADE_NS, &k));
	TEST_MUST(keyring_add_passphrase(k, rng_system(), PASS, PASS_LEN, &cheap));
	TEST_MUST(keyring_add_recovery(k, rng_system(), code, &cheap));
	TEST_MUST(keyring_store(k, rng_system(), stored));
	return k;
}

static bool same_keys(const struct keyring *a, const struct keyring *b)
{
	return memcmp(keyring_volume_id(a), keyring_volume_id(b), KEYRING_VOLUME_ID_BYTES) == 0 &&
	       memcmp(keyring_log_key(a), keyring_log_key(b), KEYRING_KEY_BYTES) == 0 &&
	       memcmp(keyring_index_key(a), keyring_index_key(b), KEYRING_KEY_BYTES) == 0 &&
	       keyring_current_master(a) == keyring_current_master(b);
}

static void round_trip(void)
{
	char *code = secret_new(KEYRING_RECOVERY_BYTES);
	const uint8_t file_key[32] = {3, 1, 4};
	uint8_t wrapped[KEYRING_WRAPPED_BYTES];
	uint8_t out[32];
	struct buf stored;
	struct keyring *k = make(&stored, code);
	struct keyring *p = NULL;

	TEST_CHECK(keyring_generation(k) == 1);
	TEST_OK(keyring_parse(stored.data, stored.len, &p));
	TEST_CHECK(keyring_generation(p) == 1);
	TEST_MEM(keyring_volume_id(k), keyring_volume_id(p), KEYRING_VOLUME_ID_BYTES);
	TEST_ERR(keyring_unlock(p, KEYRING_SLOT_PASSPHRASE, PASS, PASS_LEN - 1), ERR_WRONGKEY);
	TEST_ERR(keyring_unlock(p, KEYRING_SLOT_RECOVERY, PASS, PASS_LEN), ERR_WRONGKEY);
	TEST_MUST(keyring_unlock(p, KEYRING_SLOT_PASSPHRASE, PASS, PASS_LEN));
	TEST_CHECK(same_keys(k, p));
	TEST_OK(keyring_wrap(k, file_key, wrapped));
	TEST_OK(keyring_unwrap(p, keyring_current_master(k), wrapped, out));
	TEST_MEM(out, file_key, sizeof(out));
	TEST_ERR(keyring_unwrap(p, 99, wrapped, out), ERR_CORRUPT);
	wrapped[5] ^= 1;
	TEST_ERR(keyring_unwrap(p, keyring_current_master(k), wrapped, out), ERR_UNAUTHENTIC);
	keyring_free(p);
	keyring_free(k);
	buf_done(&stored);
	secret_free(code);
}

static void recovery(void)
{
	char *code = secret_new(KEYRING_RECOVERY_BYTES);
	char typed[128];
	size_t n = 0;
	struct buf stored;
	struct keyring *k = make(&stored, code);
	struct keyring *p = NULL;

	TEST_CHECK(strlen(code) == RECOVERY_CODE_BYTES - 1 && code[4] == '-' && code[39] == '-');
	/* as a person may type it */
	for (const char *c = code; *c; c++) {
		if (*c == '-' && n % 2)
			continue;
		typed[n++] = *c == '-'   ? ' '
		             : *c == '1' ? 'l'
		             : *c == '0' ? 'O'
		                         : (char)tolower(*c);
	}
	typed[n++] = '\n';
	TEST_OK(keyring_parse(stored.data, stored.len, &p));
	TEST_MUST(keyring_unlock(p, KEYRING_SLOT_RECOVERY, typed, n));
	TEST_CHECK(same_keys(k, p));
	keyring_free(p);
	keyring_free(k);
	buf_done(&stored);
	secret_free(code);
}

static void recovery_typing_errors(void)
{
	uint8_t secret[RECOVERY_SECRET_BYTES];
	uint8_t out[RECOVERY_SECRET_BYTES];
	char code[RECOVERY_CODE_BYTES];
	char longer[300];

	for (int round = 0; round < 20; round++) {
		rng_fill(rng_system(), secret, sizeof(secret));
		TEST_OK(recovery_encode(secret, code));
		TEST_OK(recovery_decode(code, strlen(code), out));
		TEST_MEM(out, secret, sizeof(out));
		for (size_t i = 0; i < strlen(code); i++) {
			char was = code[i];

			if (was == '-')
				continue;
			code[i] = was == '7' ? '8' : '7';
			TEST_ERR(recovery_decode(code, strlen(code), out), ERR_INVAL);
			code[i] = was;
			TEST_ERR(recovery_decode(code, i, out), ERR_INVAL);
		}
	}
	TEST_ERR(recovery_decode("U", 1, out), ERR_INVAL);
	TEST_ERR(recovery_decode("\0", 1, out), ERR_INVAL);
	memset(longer, ' ', sizeof(longer));
	memcpy(longer, code, strlen(code));
	TEST_ERR(recovery_decode(longer, sizeof(longer), out), ERR_INVAL);
	TEST_OK(recovery_decode(longer, 60, out));
}

static void generations(void)
{
	char *code = secret_new(KEYRING_RECOVERY_BYTES);
	struct buf stored;
	struct buf again;
	struct keyring *k = make(&stored, code);
	struct keyring *p = NULL;
	struct keyring *q = NULL;

	buf_init(&again, KEYRING_MAX_BYTES);
	TEST_OK(keyring_parse(stored.data, stored.len, &p));
	TEST_MUST(keyring_unlock(p, KEYRING_SLOT_RECOVERY, code, strlen(code)));
	TEST_OK(keyring_add_passphrase(p, rng_system(), "second", 6, &cheap));
	/* an open keyring tests any secret that it has */
	TEST_OK(keyring_unlock(p, KEYRING_SLOT_PASSPHRASE, "second", 6));
	TEST_OK(keyring_unlock(p, KEYRING_SLOT_PASSPHRASE, PASS, PASS_LEN));
	TEST_ERR(keyring_unlock(p, KEYRING_SLOT_PASSPHRASE, "third", 5), ERR_WRONGKEY);
	TEST_OK(keyring_store(p, rng_system(), &again));
	TEST_CHECK(keyring_generation(p) == 2);
	buf_reset(&again);
	TEST_OK(keyring_store(p, rng_system(), &again)); /* a second try */
	TEST_OK(keyring_parse(again.data, again.len, &q));
	TEST_CHECK(keyring_generation(q) == 2);
	TEST_MUST(keyring_unlock(q, KEYRING_SLOT_PASSPHRASE, "second", 6));
	TEST_CHECK(same_keys(k, q));
	keyring_free(p);
	keyring_free(q);
	keyring_free(k);
	buf_done(&stored);
	buf_done(&again);
	secret_free(code);
}

static void limits(void)
{
	struct keyring *k = NULL;
	struct keyring *p = NULL;
	struct buf out;
	const struct keyring_cost bad[] = {
	    {0, 8, 1},  {24, 8, 1}, {17, 0, 1},  {17, 8, 0},  {17, 65, 1},
	    {21, 8, 1}, {16, 1, 1}, {17, 8, 17}, {255, 8, 1}, {4, UINT32_MAX, 1},
	};

	buf_init(&out, KEYRING_MAX_BYTES);
	TEST_MUST(keyring_new(rng_system(), MADE_NS, &k));
	TEST_ERR(keyring_store(k, rng_system(), &out), ERR_INVAL);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		TEST_ERR(keyring_add_passphrase(k, rng_system(), "x", 1, &bad[i]), ERR_INVAL);
	TEST_CHECK(slot_cost_ok(&keyring_cost_default));
	TEST_CHECK(slot_cost_ok(&(struct keyring_cost){20, 8, 16}));
	for (int i = 0; i < KEYRING_SLOTS_MAX; i++)
		TEST_OK(keyring_add_passphrase(k, rng_system(), &i, sizeof(i), &cheap));
	TEST_ERR(keyring_add_passphrase(k, rng_system(), "x", 1, &cheap), ERR_NOSPC);
	TEST_OK(keyring_store(k, rng_system(), &out));
	TEST_OK(keyring_parse(out.data, out.len, &p));
	TEST_OK(keyring_unlock(p, KEYRING_SLOT_PASSPHRASE, &(int){31}, sizeof(int)));
	keyring_free(p);
	p = NULL;
	TEST_ERR(keyring_parse("", 0, &p), ERR_NOTVOLUME);
	TEST_ERR(keyring_parse("<html>not a keyring", 19, &p), ERR_NOTVOLUME);
	out.data[8] = 2;
	TEST_ERR(keyring_parse(out.data, out.len, &p), ERR_VERSION);
	TEST_CHECK(p == NULL);
	keyring_free(k);
	keyring_free(NULL);
	buf_done(&out);
}

/* A slot of a type that is not known survives as it is (the golden keyring has one, and opens). */
static void unknown_slot(void)
{
	char *code = secret_new(KEYRING_RECOVERY_BYTES);
	const struct slot foreign = {.type = 9, .cost = {255, UINT32_MAX, 0}};
	struct slot slot;
	struct buf bytes;
	struct buf stored;
	struct keyring *k = make(&stored, code);
	struct keyring *p = NULL;
	struct dec d;

	buf_init(&bytes, 2 * SLOT_BYTES);
	slot_encode(&foreign, &bytes);
	TEST_CHECK(bytes.len == SLOT_BYTES);
	dec_init(&d, bytes.data, bytes.len);
	TEST_OK(slot_decode(&slot, &d));
	slot_encode(&slot, &bytes);
	TEST_MEM(bytes.data, bytes.data + SLOT_BYTES, SLOT_BYTES);
	/* put in by somebody without the keyring key: noticed */
	memcpy(stored.data + SLOTS_AT, bytes.data, SLOT_BYTES);
	TEST_OK(keyring_parse(stored.data, stored.len, &p));
	TEST_ERR(keyring_unlock(p, KEYRING_SLOT_PASSPHRASE, PASS, PASS_LEN), ERR_WRONGKEY);
	TEST_ERR(keyring_unlock(p, KEYRING_SLOT_RECOVERY, code, strlen(code)), ERR_UNAUTHENTIC);
	keyring_free(p);
	keyring_free(k);
	buf_done(&bytes);
	buf_done(&stored);
	secret_free(code);
}

/* Whatever bit is changed, the keys never come out; where the damage can be told, it is. */
static void changed(void)
{
	char *code = secret_new(KEYRING_RECOVERY_BYTES);
	struct buf stored;
	struct keyring *k = make(&stored, code);

	for (size_t bit = 0; bit < 8 * stored.len; bit++) {
		struct keyring *p = NULL;
		int err;

		stored.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
		err = keyring_parse(stored.data, stored.len, &p);
		if (!err) {
			err = keyring_unlock(p, KEYRING_SLOT_PASSPHRASE, PASS, PASS_LEN);
			TEST_CHECK(err == ERR_UNAUTHENTIC || err == ERR_WRONGKEY);
			err = keyring_unlock(p, KEYRING_SLOT_RECOVERY, code, strlen(code));
			TEST_CHECK(err == ERR_UNAUTHENTIC || err == ERR_WRONGKEY);
		} else {
			TEST_CHECK(err == ERR_NOTVOLUME || err == ERR_VERSION ||
			           err == ERR_CORRUPT);
		}
		keyring_free(p);
		stored.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	keyring_free(k);
	buf_done(&stored);
	secret_free(code);
}

static void cut(void)
{
	char *code = secret_new(KEYRING_RECOVERY_BYTES);
	struct buf stored;
	struct keyring *k = make(&stored, code);
	struct keyring *p = NULL;

	for (size_t len = 0; len < stored.len; len++) {
		uint8_t *part = malloc(len ? len : 1);

		memcpy(part, stored.data, len);
		TEST_ERR(keyring_parse(part, len, &p), len < 8 ? ERR_NOTVOLUME : ERR_CORRUPT);
		free(part);
	}
	buf_add(&stored, "", 1);
	TEST_ERR(keyring_parse(stored.data, stored.len, &p), ERR_CORRUPT);
	keyring_free(k);
	buf_done(&stored);
	secret_free(code);
}

/* Bodies that were sealed by somebody who has the key, and are wrong all the same. */
static void bad_bodies(void)
{
	const uint8_t key[KEYRING_KEY_BYTES] = {1};
	struct masters *m = NULL;
	struct masters *got = NULL;
	struct buf good;
	struct buf bad;

	buf_init(&good, MASTERS_BODY_MAX);
	buf_init(&bad, 2 * MASTERS_BODY_MAX);
	TEST_MUST(masters_new(rng_system(), MADE_NS, &m));
	for (uint32_t i = 1; i < KEYRING_MASTERS_MAX; i++)
		m->master[i] = (struct master){.id = i + 1, .state = MASTERS_RETIRED};
	m->count = KEYRING_MASTERS_MAX;
	masters_encode(m, &good);
	TEST_CHECK(buf_error(&good) == 0 && good.len == MASTERS_BODY_MAX);
	TEST_OK(masters_decode(good.data, good.len, key, &got));
	TEST_MEM(got->keyring_key, key, sizeof(key));
	TEST_CHECK(got->master[0].created_ns == MADE_NS && masters_find(got, 256)->id == 256);
	TEST_CHECK(masters_find(got, 257) == NULL);
	masters_free(got);
	got = NULL;
	for (size_t len = 0; len < good.len; len++)
		TEST_ERR(masters_decode(good.data, len, key, &got), ERR_CORRUPT);
	/* one more than the limit; a count beyond all bytes */
	good.data[0] = 1;
	TEST_ERR(masters_decode(good.data, good.len, key, &got), ERR_CORRUPT);
	good.data[0] = 0;
	good.data[3] = 0x80;
	TEST_ERR(masters_decode(good.data, good.len, key, &got), ERR_CORRUPT);
	/* extensions are for a later version */
	m->count = 1;
	masters_encode(m, &bad);
	bad.len--;
	enc_blob(&bad, "new", 3);
	TEST_ERR(masters_decode(bad.data, bad.len, key, &got), ERR_VERSION);
	/* two of one id, none current, two current, an unknown state, another current id */
	m->count = 2;
	m->master[1].id = 1;
	buf_reset(&bad);
	masters_encode(m, &bad);
	TEST_ERR(masters_decode(bad.data, bad.len, key, &got), ERR_CORRUPT);
	m->master[1].id = 2;
	for (int state = 0; state <= 3; state++) {
		m->master[1].state = (enum masters_state)state;
		buf_reset(&bad);
		masters_encode(m, &bad);
		if (state == MASTERS_RETIRED)
			continue;
		TEST_ERR(masters_decode(bad.data, bad.len, key, &got), ERR_CORRUPT);
	}
	m->master[1].state = MASTERS_RETIRED;
	m->current = 2;
	buf_reset(&bad);
	masters_encode(m, &bad);
	TEST_ERR(masters_decode(bad.data, bad.len, key, &got), ERR_CORRUPT);
	m->count = 0;
	buf_reset(&bad);
	masters_encode(m, &bad);
	TEST_ERR(masters_decode(bad.data, bad.len, key, &got), ERR_CORRUPT);
	TEST_CHECK(got == NULL);
	masters_free(m);
	buf_wipe(&good);
	buf_wipe(&bad);
}

int main(void)
{
	TEST_MUST(secret_setup());
	TEST_RUN(round_trip);
	TEST_RUN(recovery);
	TEST_RUN(recovery_typing_errors);
	TEST_RUN(generations);
	TEST_RUN(limits);
	TEST_RUN(unknown_slot);
	TEST_RUN(changed);
	TEST_RUN(cut);
	TEST_RUN(bad_bodies);
	return test_done();
}
