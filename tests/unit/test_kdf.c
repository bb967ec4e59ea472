/* SPDX-License-Identifier: Apache-2.0 */
/* Published vectors are in tests/vectors; here the derivation is held against libcrypto's own
 * KBKDF. */
#include "tests/lib/test.h"

#include "crypto/kdf.h"
#include "util/rng.h"

#include <openssl/core_names.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <stdbool.h>

static bool reference(uint8_t *key, char *label, uint8_t *context, size_t context_len, uint8_t *out)
{
	OSSL_PARAM params[] = {
	    OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_MODE, (char *)"counter", 0),
	    OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_MAC, (char *)"CMAC", 0),
	    OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_CIPHER, (char *)"AES-256-CBC", 0),
	    OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, key, 32),
	    OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SALT, label, strlen(label)),
	    OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, context, context_len),
	    OSSL_PARAM_construct_end(),
	};
	EVP_KDF *kdf = EVP_KDF_fetch(NULL, "KBKDF", NULL);
	EVP_KDF_CTX *ctx = EVP_KDF_CTX_new(kdf);
	bool ok = EVP_KDF_derive(ctx, out, 32, params) > 0;

	EVP_KDF_CTX_free(ctx);
	EVP_KDF_free(kdf);
	return ok;
}

static void derive_is_kbkdf(void)
{
	char labels[3][32] = {"amberfs seal", "x", "a label of more than one block"};
	const size_t lens[] = {0, 1, 15, 16, 24, 31, 32, 33, 100};
	uint8_t context[100];
	uint8_t key[32];
	uint8_t want[32];
	uint8_t got[32];

	for (size_t l = 0; l < 3; l++)
		for (size_t i = 0; i < sizeof(lens) / sizeof(lens[0]); i++) {
			rng_fill(rng_system(), key, sizeof(key));
			rng_fill(rng_system(), context, sizeof(context));
			TEST_CHECK(reference(key, labels[l], context, lens[i], want));
			TEST_OK(kdf_derive(key, labels[l], context, lens[i], got));
			TEST_MEM(got, want, sizeof(want));
		}
}

static void derive_depends_on_all(void)
{
	uint8_t key[32] = {1};
	uint8_t a[32];
	uint8_t b[32];

	TEST_OK(kdf_derive(key, "label", "context", 7, a));
	TEST_OK(kdf_derive(key, "labe", "lcontext", 8, b));
	TEST_CHECK(memcmp(a, b, sizeof(a)) != 0);
	TEST_OK(kdf_derive(key, "label", "context", 6, b));
	TEST_CHECK(memcmp(a, b, sizeof(a)) != 0);
	key[31] = 1;
	TEST_OK(kdf_derive(key, "label", "context", 7, b));
	TEST_CHECK(memcmp(a, b, sizeof(a)) != 0);
}

static void hmac_of_nothing(void)
{
	const uint8_t key[32] = {7};
	uint8_t a[SHA256_BYTES];
	uint8_t b[SHA256_BYTES];

	TEST_OK(kdf_hmac(key, NULL, 0, NULL, 0, a));
	TEST_OK(kdf_hmac(key, "", 0, "", 0, b));
	TEST_MEM(a, b, sizeof(a));
	TEST_OK(kdf_hmac(key, "ab", 2, NULL, 0, a));
	TEST_OK(kdf_hmac(key, "a", 1, "b", 1, b));
	TEST_MEM(a, b, sizeof(a));
	TEST_OK(kdf_sha256(NULL, 0, a));
}

int main(void)
{
	TEST_RUN(derive_is_kbkdf);
	TEST_RUN(derive_depends_on_all);
	TEST_RUN(hmac_of_nothing);
	return test_done();
}
