/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The algorithms of libcrypto that the project uses, fetched once: a fetch takes a lock and a
 * search in the provider's tables, too much for every page. Inside crypto/ only.
 */
#ifndef AMBERFS_CRYPTO_ALGO_H
#define AMBERFS_CRYPTO_ALGO_H

#include <openssl/evp.h>

struct algo {
	EVP_CIPHER *gcm;  /* AES-256-GCM, SP 800-38D */
	EVP_CIPHER *wrap; /* AES-256 key wrap, RFC 3394 */
	EVP_MAC *cmac;    /* SP 800-38B */
	EVP_MAC *hmac;    /* FIPS 198-1 */
	EVP_MD *sha256;   /* FIPS 180-4 */
};

/** The algorithms, valid for the life of the process. ERR_NOTSUP when libcrypto lacks one. Thread
 * safe. */
int algo_get(const struct algo **ret);

/**
 * Return @code after emptying this thread's queue of OpenSSL errors: ours are told by code, and
 * what stays in the queue would be taken for a failure of its own by the next user of the library
 * in this thread (TLS).
 */
int algo_failed(int code);

#endif
