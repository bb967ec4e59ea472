/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A run has one key: it is derived, given to a cipher context, and wiped; then each page only sets
 * its nonce, so the key schedule and GCM's tables are made once a run.
 *
 * The context lives as long as the call. Keeping one in each thread would save 0.1 us of 2 for a
 * single page, and would leave the last one-time key of every thread in memory for as long as the
 * thread sleeps.
 *
 * The long-lived key exists here only as libcrypto's CMAC schedule, on the ordinary heap, where
 * libcrypto puts it; it is wiped when freed. Whoever keeps the key's bytes keeps them in secret
 * memory.
 *
 * Invariants
 *  1. A derived key never leaves start_run().
 *  2. No plaintext stays in an output buffer unless the tag over it was verified.
 */
#include "crypto/seal.h"

#include "crypto/algo.h"
#include "crypto/kbkdf.h"
#include "util/check.h"
#include "util/err.h"
#include "util/secret.h"

#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define SEAL_LABEL "amberfs seal"
#define NONCE_BYTES 12

struct seal_key {
	EVP_MAC_CTX *ready;
};

/* What is authenticated with a page besides its bytes. */
struct aad {
	const void *data;
	size_t len;
};

int seal_key_new(const uint8_t *key, struct seal_key **ret)
{
	struct seal_key *k = calloc(1, sizeof(*k));
	int err;

	if (!k)
		return ERR_NOMEM;
	err = kbkdf_prepare(key, &k->ready);
	if (err) {
		seal_key_free(k);
		return err;
	}
	*ret = k;
	return 0;
}

void seal_key_free(struct seal_key *k)
{
	if (!k)
		return;
	EVP_MAC_CTX_free(k->ready);
	free(k);
}

size_t sealed_pages_len(size_t len_bytes)
{
	size_t pages = len_bytes / SEAL_PAGE_BYTES + (len_bytes % SEAL_PAGE_BYTES != 0);

	return len_bytes + pages * SEAL_TAG_BYTES;
}

static int start_run(const struct seal_key *k, const uint8_t *salt, bool sealing,
                     EVP_CIPHER_CTX **ret)
{
	uint8_t key[SEAL_KEY_BYTES];
	const struct algo *algo;
	EVP_CIPHER_CTX *ctx = NULL;
	int err = algo_get(&algo);

	if (!err)
		err = kbkdf_run(k->ready, SEAL_LABEL, salt, SEAL_SALT_BYTES, key);
	if (err)
		return err;
	ctx = EVP_CIPHER_CTX_new();
	if (!ctx || !EVP_CipherInit_ex2(ctx, algo->gcm, key, NULL, sealing, NULL)) {
		EVP_CIPHER_CTX_free(ctx);
		ctx = NULL;
		err = algo_failed(ERR_NOMEM);
	}
	secret_wipe(key, sizeof(key));
	if (!err)
		*ret = ctx;
	return err;
}

static void make_nonce(uint8_t *nonce, uint64_t page)
{
	memset(nonce, 0, 4);
	for (int i = 0; i < 8; i++)
		nonce[4 + i] = (uint8_t)(page >> (56 - 8 * i));
}

/* Either direction, up to the tag. */
static bool pass_through(EVP_CIPHER_CTX *ctx, uint64_t page, const struct aad *aad,
                         const uint8_t *in, size_t len, uint8_t *out)
{
	uint8_t nonce[NONCE_BYTES];
	int n;

	make_nonce(nonce, page);
	return EVP_CipherInit_ex2(ctx, NULL, NULL, nonce, -1, NULL) &&
	       (aad->len == 0 || EVP_CipherUpdate(ctx, NULL, &n, aad->data, (int)aad->len)) &&
	       (len == 0 || EVP_CipherUpdate(ctx, out, &n, in, (int)len));
}

static int seal_one(EVP_CIPHER_CTX *ctx, uint64_t page, const struct aad *aad, const uint8_t *plain,
                    size_t len, uint8_t *out, uint8_t *tag)
{
	uint8_t none[1];
	int n;

	if (!pass_through(ctx, page, aad, plain, len, out) || !EVP_CipherFinal_ex(ctx, none, &n) ||
	    !EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, SEAL_TAG_BYTES, tag))
		return algo_failed(ERR_NOMEM);
	return 0;
}

/* What it wrote to @out before a failure is for the caller to wipe. */
static int open_one(EVP_CIPHER_CTX *ctx, uint64_t page, const struct aad *aad,
                    const uint8_t *sealed, size_t len, const uint8_t *tag, uint8_t *out)
{
	uint8_t expected[SEAL_TAG_BYTES];
	uint8_t none[1];
	int n;

	memcpy(expected, tag, sizeof(expected));
	if (!pass_through(ctx, page, aad, sealed, len, out) ||
	    !EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, SEAL_TAG_BYTES, expected))
		return algo_failed(ERR_NOMEM);
	return EVP_CipherFinal_ex(ctx, none, &n) ? 0 : algo_failed(ERR_UNAUTHENTIC);
}

int seal_pages(const struct seal_key *k, const uint8_t *salt, const void *aad, size_t aad_len,
               uint64_t first, const uint8_t *plain, size_t len, uint8_t *out)
{
	const struct aad bound = {aad, aad_len};
	EVP_CIPHER_CTX *ctx = NULL;
	int err;

	CHECK(aad_len <= INT_MAX);
	err = start_run(k, salt, true, &ctx);
	for (uint64_t page = first; !err && len > 0; page++) {
		size_t n = len < SEAL_PAGE_BYTES ? len : SEAL_PAGE_BYTES;

		err = seal_one(ctx, page, &bound, plain, n, out, out + n);
		plain += n;
		len -= n;
		out += n + SEAL_TAG_BYTES;
	}
	EVP_CIPHER_CTX_free(ctx);
	return err;
}

int open_pages(const struct seal_key *k, const uint8_t *salt, const void *aad, size_t aad_len,
               uint64_t first, const uint8_t *sealed, size_t sealed_len, uint8_t *out,
               size_t *ret_len)
{
	const struct aad bound = {aad, aad_len};
	size_t rest = sealed_len % SEALED_PAGE_BYTES;
	EVP_CIPHER_CTX *ctx = NULL;
	size_t len = 0;
	int err;

	CHECK(aad_len <= INT_MAX);
	/* a page that was begun has at least one byte and its tag */
	if (rest > 0 && rest <= SEAL_TAG_BYTES)
		return ERR_CORRUPT;
	err = start_run(k, salt, false, &ctx);
	for (uint64_t page = first; !err && sealed_len > 0; page++) {
		size_t whole = sealed_len < SEALED_PAGE_BYTES ? sealed_len : SEALED_PAGE_BYTES;
		size_t n = whole - SEAL_TAG_BYTES;

		err = open_one(ctx, page, &bound, sealed, n, sealed + n, out + len);
		sealed += whole;
		sealed_len -= whole;
		len += n;
	}
	EVP_CIPHER_CTX_free(ctx);
	if (err)
		secret_wipe(out, len);
	else
		*ret_len = len;
	return err;
}

int seal_message(const struct seal_key *k, const uint8_t *salt, const void *aad, size_t aad_len,
                 const uint8_t *plain, size_t len, uint8_t *out, uint8_t *tag)
{
	const struct aad bound = {aad, aad_len};
	EVP_CIPHER_CTX *ctx = NULL;
	int err;

	CHECK(aad_len <= INT_MAX && len <= SEAL_MESSAGE_MAX);
	err = start_run(k, salt, true, &ctx);
	if (!err)
		err = seal_one(ctx, 0, &bound, plain, len, out, tag);
	EVP_CIPHER_CTX_free(ctx);
	return err;
}

int open_message(const struct seal_key *k, const uint8_t *salt, const void *aad, size_t aad_len,
                 const uint8_t *sealed, size_t len, const uint8_t *tag, uint8_t *out)
{
	const struct aad bound = {aad, aad_len};
	EVP_CIPHER_CTX *ctx = NULL;
	int err;

	CHECK(aad_len <= INT_MAX);
	if (len > SEAL_MESSAGE_MAX)
		return ERR_CORRUPT;
	err = start_run(k, salt, false, &ctx);
	if (!err)
		err = open_one(ctx, 0, &bound, sealed, len, tag, out);
	EVP_CIPHER_CTX_free(ctx);
	if (err)
		secret_wipe(out, len);
	return err;
}
