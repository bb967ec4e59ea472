/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fetched by the first caller, kept until the process ends. They are never freed: other threads may
 * still be sealing while the main thread exits.
 */
#include "crypto/algo.h"

#include "util/err.h"

#include <openssl/err.h>
#include <pthread.h>

static struct algo algo;
static const char *algo_lacking;
static pthread_once_t algo_once = PTHREAD_ONCE_INIT;

static void fetch_all(void)
{
	algo.gcm = EVP_CIPHER_fetch(NULL, "AES-256-GCM", NULL);
	algo.wrap = EVP_CIPHER_fetch(NULL, "AES-256-WRAP", NULL);
	algo.cmac = EVP_MAC_fetch(NULL, "CMAC", NULL);
	algo.hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);
	algo.sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
	algo_lacking = !algo.gcm      ? "AES-256-GCM"
	               : !algo.wrap   ? "AES-256-WRAP"
	               : !algo.cmac   ? "CMAC"
	               : !algo.hmac   ? "HMAC"
	               : !algo.sha256 ? "SHA-256"
	                              : NULL;
}

int algo_get(const struct algo **ret)
{
	pthread_once(&algo_once, fetch_all);
	if (algo_lacking)
		return algo_failed(err_note(ERR_NOTSUP, "libcrypto has no %s", algo_lacking));
	*ret = &algo;
	return 0;
}

int algo_failed(int code)
{
	ERR_clear_error();
	return code;
}
