/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/kdf.h"

#include "crypto/algo.h"
#include "crypto/kbkdf.h"
#include "util/err.h"

#include <openssl/core_names.h>
#include <openssl/params.h>

#define HMAC_KEY_BYTES 32

int kdf_derive(const uint8_t *key, const char *label, const void *context, size_t context_len,
               uint8_t *out)
{
	EVP_MAC_CTX *ready = NULL;
	int err = kbkdf_prepare(key, &ready);

	if (!err)
		err = kbkdf_run(ready, label, context, context_len, out);
	EVP_MAC_CTX_free(ready);
	return err;
}

int kdf_sha256(const void *data, size_t len, uint8_t *out)
{
	const struct algo *algo;
	int err = algo_get(&algo);

	if (err)
		return err;
	return EVP_Digest(data, len, out, NULL, algo->sha256, NULL) ? 0 : algo_failed(ERR_NOMEM);
}

int kdf_hmac(const uint8_t *key, const void *a, size_t a_len, const void *b, size_t b_len,
             uint8_t *out)
{
	char digest[] = "SHA256";
	OSSL_PARAM params[] = {
	    OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
	    OSSL_PARAM_construct_end(),
	};
	const struct algo *algo;
	EVP_MAC_CTX *ctx;
	size_t len;
	int err = algo_get(&algo);

	if (err)
		return err;
	ctx = EVP_MAC_CTX_new(algo->hmac);
	if (!ctx || !EVP_MAC_init(ctx, key, HMAC_KEY_BYTES, params) ||
	    (a_len > 0 && !EVP_MAC_update(ctx, a, a_len)) ||
	    (b_len > 0 && !EVP_MAC_update(ctx, b, b_len)) ||
	    !EVP_MAC_final(ctx, out, &len, SHA256_BYTES))
		err = algo_failed(ERR_NOMEM);
	EVP_MAC_CTX_free(ctx);
	return err;
}
