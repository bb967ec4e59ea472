/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/keywrap.h"

#include "crypto/algo.h"
#include "util/err.h"
#include "util/secret.h"

#include <stdbool.h>
#include <string.h>

/* libcrypto may use the output as scratch beyond the result when it unwraps */
#define SCRATCH_BYTES (KEYWRAP_WRAPPED_BYTES + 8)

static int start(const uint8_t *kek, bool wrapping, EVP_CIPHER_CTX **ret)
{
	const struct algo *algo;
	EVP_CIPHER_CTX *ctx;
	int err = algo_get(&algo);

	if (err)
		return err;
	ctx = EVP_CIPHER_CTX_new();
	if (ctx)
		EVP_CIPHER_CTX_set_flags(ctx, EVP_CIPHER_CTX_FLAG_WRAP_ALLOW);
	if (!ctx || !EVP_CipherInit_ex2(ctx, algo->wrap, kek, NULL, wrapping, NULL)) {
		EVP_CIPHER_CTX_free(ctx);
		return algo_failed(ERR_NOMEM);
	}
	*ret = ctx;
	return 0;
}

int keywrap_wrap(const uint8_t *kek, const uint8_t *key, uint8_t *out)
{
	EVP_CIPHER_CTX *ctx = NULL;
	int n = 0;
	int err = start(kek, true, &ctx);

	if (!err &&
	    (!EVP_CipherUpdate(ctx, out, &n, key, KEYWRAP_KEY_BYTES) || n != KEYWRAP_WRAPPED_BYTES))
		err = algo_failed(ERR_NOMEM);
	EVP_CIPHER_CTX_free(ctx);
	return err;
}

int keywrap_unwrap(const uint8_t *kek, const uint8_t *wrapped, uint8_t *out)
{
	uint8_t scratch[SCRATCH_BYTES];
	EVP_CIPHER_CTX *ctx = NULL;
	int n = 0;
	int err = start(kek, false, &ctx);

	if (!err && (EVP_CipherUpdate(ctx, scratch, &n, wrapped, KEYWRAP_WRAPPED_BYTES) <= 0 ||
	             n != KEYWRAP_KEY_BYTES))
		err = algo_failed(ERR_UNAUTHENTIC);
	if (err)
		secret_wipe(out, KEYWRAP_KEY_BYTES);
	else
		memcpy(out, scratch, KEYWRAP_KEY_BYTES);
	secret_wipe(scratch, sizeof(scratch));
	EVP_CIPHER_CTX_free(ctx);
	return err;
}
