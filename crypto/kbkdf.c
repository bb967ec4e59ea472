/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two CMACs give the 256 bits:
 *
 *   K(i) = CMAC(key, [i] || label || 0x00 || context || [256]),  i = 1, 2;  [x] is x as 32 bits big
 * endian
 *
 * libcrypto's own KBKDF gives the same (a test compares them) but sets up its CMAC from names at
 * each call, 2 us against 0.6 here. A context that has its key is copied for each CMAC, not
 * rewound: whether CMAC can be begun again without its key differs between releases of OpenSSL 3,
 * and a copy of one that was not begun is always fresh.
 */
#include "crypto/kbkdf.h"

#include "crypto/algo.h"
#include "util/err.h"
#include "util/secret.h"

#include <openssl/core_names.h>
#include <openssl/params.h>
#include <string.h>

#define KEY_BYTES 32
#define BLOCK_BYTES 16
#define OUT_BLOCKS 2

int kbkdf_prepare(const uint8_t *key, EVP_MAC_CTX **ret)
{
	char cipher[] = "AES-256-CBC";
	OSSL_PARAM params[] = {
	    OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_CIPHER, cipher, 0),
	    OSSL_PARAM_construct_end(),
	};
	const struct algo *algo;
	EVP_MAC_CTX *ctx;
	int err = algo_get(&algo);

	if (err)
		return err;
	ctx = EVP_MAC_CTX_new(algo->cmac);
	if (!ctx || !EVP_MAC_init(ctx, key, KEY_BYTES, params)) {
		EVP_MAC_CTX_free(ctx);
		return algo_failed(ERR_NOMEM);
	}
	*ret = ctx;
	return 0;
}

static bool one_block(const EVP_MAC_CTX *ready, uint8_t i, const char *label, const void *context,
                      size_t context_len, uint8_t *out)
{
	const uint8_t counter[4] = {0, 0, 0, i};
	const uint8_t out_bits[4] = {0, 0, 1, 0};
	EVP_MAC_CTX *ctx = EVP_MAC_CTX_dup(ready);
	size_t len;
	bool ok;

	/* the label's NUL is the separator */
	ok = ctx && EVP_MAC_update(ctx, counter, sizeof(counter)) &&
	     EVP_MAC_update(ctx, (const uint8_t *)label, strlen(label) + 1) &&
	     (context_len == 0 || EVP_MAC_update(ctx, context, context_len)) &&
	     EVP_MAC_update(ctx, out_bits, sizeof(out_bits)) &&
	     EVP_MAC_final(ctx, out, &len, BLOCK_BYTES);
	EVP_MAC_CTX_free(ctx);
	return ok;
}

int kbkdf_run(const EVP_MAC_CTX *ready, const char *label, const void *context, size_t context_len,
              uint8_t *out)
{
	for (uint8_t i = 0; i < OUT_BLOCKS; i++) {
		if (one_block(ready, i + 1, label, context, context_len, out + i * BLOCK_BYTES))
			continue;
		secret_wipe(out, OUT_BLOCKS * BLOCK_BYTES);
		return algo_failed(ERR_NOMEM);
	}
	return 0;
}
