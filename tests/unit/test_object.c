/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/lib/test.h"

#include "crypto/object.h"
#include "util/rng.h"
#include "util/secret.h"

static const uint8_t log_key[32] = {4, 5, 6};
static const uint8_t volume_id[16] = {7, 8};
static const char content[] = "the quick brown fox jumps over the lazy dog";
static struct object_keys *keys;

static void padme(void)
{
	TEST_CHECK(object_padme(0) == 0);
	TEST_CHECK(object_padme(1) == 1);
	TEST_CHECK(object_padme(8) == 8);
	TEST_CHECK(object_padme(9) == 10);
	TEST_CHECK(object_padme(100) == 104);
	TEST_CHECK(object_padme(1000) == 1024);
	TEST_CHECK(object_padme(1 << 20) == 1 << 20);
	TEST_CHECK(object_padme(UINT64_MAX) == UINT64_MAX);
	for (uint64_t len = 1; len < 1u << 27; len = len * 9 / 8 + 1) {
		uint64_t padded = object_padme(len);

		TEST_CHECK(padded >= len && (padded - len) * 100 <= len * 12);
		TEST_CHECK(object_padme(padded) == padded);
	}
}

static void round_trip(void)
{
	const size_t lens[] = {0, 1, 3, 4, 5, 100, 4096, 70000, 1000000};
	uint8_t *data = malloc(1000000);
	struct buf sealed;
	struct buf out;

	buf_init(&sealed, 2 << 20);
	buf_init(&out, 1000001);
	rng_fill(rng_system(), data, 1000000);
	for (size_t i = 0; i < sizeof(lens) / sizeof(lens[0]); i++) {
		buf_reset(&sealed);
		buf_reset(&out);
		buf_add(&sealed, "x", 1); /* both append */
		buf_add(&out, "y", 1);
		TEST_OK(object_seal(keys, OBJECT_LOG, "log/1", data, lens[i], &sealed));
		TEST_CHECK(sealed.len == 1 + OBJECT_HEADER_BYTES + object_padme(4 + lens[i]) + 16);
		TEST_OK(
		    object_open(keys, OBJECT_LOG, "log/1", sealed.data + 1, sealed.len - 1, &out));
		TEST_CHECK(out.len == lens[i] + 1 && out.data[0] == 'y');
		TEST_MEM(out.data + 1, data, lens[i]);
	}
	free(data);
	buf_done(&sealed);
	buf_done(&out);
}

static void same_gives_same(void)
{
	struct buf a;
	struct buf b;

	buf_init(&a, 4096);
	buf_init(&b, 4096);
	TEST_OK(object_seal(keys, OBJECT_LOG, "log/1", content, 20, &a));
	TEST_OK(object_seal(keys, OBJECT_LOG, "log/1", content, 20, &b));
	TEST_CHECK(a.len == b.len && memcmp(a.data, b.data, a.len) == 0);
	/* another kind, name or content: another salt */
	buf_reset(&b);
	TEST_OK(object_seal(keys, OBJECT_LEASE, "log/1", content, 20, &b));
	TEST_CHECK(memcmp(a.data + 8, b.data + 8, 24) != 0);
	buf_reset(&b);
	TEST_OK(object_seal(keys, OBJECT_LOG, "log/2", content, 20, &b));
	TEST_CHECK(memcmp(a.data + 8, b.data + 8, 24) != 0);
	buf_reset(&b);
	TEST_OK(object_seal(keys, OBJECT_LOG, "log/1", content + 1, 20, &b));
	TEST_CHECK(memcmp(a.data + 8, b.data + 8, 24) != 0);
	buf_done(&a);
	buf_done(&b);
}

static void swapped(void)
{
	const uint8_t other_id[16] = {7, 9};
	const uint8_t other_key[32] = {4, 5, 7};
	struct object_keys *other_volume = NULL;
	struct object_keys *other = NULL;
	struct buf s;
	struct buf out;

	buf_init(&s, 4096);
	buf_init(&out, 4096);
	TEST_MUST(object_keys_new(log_key, other_id, &other_volume));
	TEST_MUST(object_keys_new(other_key, volume_id, &other));
	TEST_OK(object_seal(keys, OBJECT_LOG, "log/1", content, sizeof(content), &s));
	TEST_ERR(object_open(keys, OBJECT_LOG, "log/2", s.data, s.len, &out), ERR_UNAUTHENTIC);
	TEST_CHECK(strcmp(err_note_text(), "log/2") == 0);
	TEST_ERR(object_open(keys, OBJECT_LEASE, "log/1", s.data, s.len, &out), ERR_CORRUPT);
	TEST_ERR(object_open(other_volume, OBJECT_LOG, "log/1", s.data, s.len, &out),
	         ERR_UNAUTHENTIC);
	TEST_ERR(object_open(other, OBJECT_LOG, "log/1", s.data, s.len, &out), ERR_UNAUTHENTIC);
	/* the kind is in the key too: it cannot be set to what the reader wants */
	s.data[6] = OBJECT_LEASE;
	TEST_ERR(object_open(keys, OBJECT_LEASE, "log/1", s.data, s.len, &out), ERR_UNAUTHENTIC);
	TEST_CHECK(out.len == 0);
	object_keys_free(other_volume);
	object_keys_free(other);
	buf_done(&s);
	buf_done(&out);
}

static void changed_or_cut(void)
{
	struct buf s;
	struct buf out;

	buf_init(&s, 4096);
	buf_init(&out, 4096);
	TEST_OK(object_seal(keys, OBJECT_LOG, "log/1", content, sizeof(content), &s));
	for (size_t bit = 0; bit < 8 * s.len; bit++) {
		int want = bit / 8 < 4 || bit / 8 == 6 || bit / 8 == 7 ? ERR_CORRUPT
		           : bit / 8 < 6                               ? ERR_VERSION
		                                                       : ERR_UNAUTHENTIC;

		s.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
		TEST_ERR(object_open(keys, OBJECT_LOG, "log/1", s.data, s.len, &out), want);
		s.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	for (size_t len = 0; len < s.len; len++) {
		/* a copy of that size, so that a read beyond it is seen */
		uint8_t *cut = malloc(len ? len : 1);

		memcpy(cut, s.data, len);
		TEST_ERR(object_open(keys, OBJECT_LOG, "log/1", cut, len, &out),
		         len < OBJECT_OVERHEAD_BYTES ? ERR_CORRUPT : ERR_UNAUTHENTIC);
		free(cut);
	}
	buf_add(&s, "", 1);
	TEST_ERR(object_open(keys, OBJECT_LOG, "log/1", s.data, s.len, &out), ERR_UNAUTHENTIC);
	TEST_CHECK(out.len == 0 && buf_error(&out) == 0);
	buf_done(&s);
	buf_done(&out);
}

static void bounds(void)
{
	char name[2000];
	struct buf small;
	struct buf out;

	memset(name, 'n', sizeof(name));
	name[sizeof(name) - 1] = '\0';
	buf_init(&small, 10);
	buf_init(&out, 4096);
	TEST_ERR(object_seal(keys, OBJECT_LOG, "x", content, OBJECT_CONTENT_MAX + 1, &out),
	         ERR_FBIG);
	TEST_ERR(object_seal(keys, OBJECT_LOG, name, content, 1, &out), ERR_NAMETOOLONG);
	TEST_ERR(object_seal(keys, OBJECT_LOG, "x", content, 1, &small), ERR_FBIG);
	TEST_CHECK(out.len == 0 && small.len == 0);
	/* a reader's ceiling is for the content alone */
	buf_reset(&small);
	TEST_OK(object_seal(keys, OBJECT_LOG, "x", content, 10, &out));
	TEST_OK(object_open(keys, OBJECT_LOG, "x", out.data, out.len, &small));
	TEST_MEM(small.data, content, 10);
	TEST_ERR(object_open(keys, OBJECT_LOG, "x", out.data, out.len, &small), ERR_FBIG);
	buf_done(&small);
	buf_done(&out);
}

int main(void)
{
	TEST_MUST(secret_setup());
	TEST_MUST(object_keys_new(log_key, volume_id, &keys));
	TEST_RUN(padme);
	TEST_RUN(round_trip);
	TEST_RUN(same_gives_same);
	TEST_RUN(swapped);
	TEST_RUN(changed_or_cut);
	TEST_RUN(bounds);
	object_keys_free(keys);
	object_keys_free(NULL);
	return test_done();
}
