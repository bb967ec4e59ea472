/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A cipher for the encrypted files of meta/, whose tests cannot link crypto/: AES-256-GCM under
 * SHA-256(key | salt), nonce zero.
 */
#ifndef AMBERFS_TESTS_LIB_TEST_CIPHER_H
#define AMBERFS_TESTS_LIB_TEST_CIPHER_H

#include "meta/vfs.h"
#include "util/err.h"

#include <openssl/evp.h>
#include <openssl/sha.h>
#include <string.h>

#define TEST_CIPHER_KEY_BYTES 32

static void test_cipher_key(const void *ctx, const uint8_t *salt, uint8_t *out)
{
	uint8_t in[TEST_CIPHER_KEY_BYTES + VFS_SALT_BYTES];

	memcpy(in, ctx, TEST_CIPHER_KEY_BYTES);
	memcpy(in + TEST_CIPHER_KEY_BYTES, salt, VFS_SALT_BYTES);
	SHA256(in, sizeof(in), out);
}

static int test_cipher_seal(void *ctx, const uint8_t *salt, const void *aad, size_t aad_len,
                            const uint8_t *plain, size_t len, uint8_t *out, uint8_t *tag)
{
	static const uint8_t nonce[12];
	EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
	uint8_t key[32];
	int n;
	bool ok;

	test_cipher_key(ctx, salt, key);
	ok = c && EVP_EncryptInit_ex(c, EVP_aes_256_gcm(), NULL, key, nonce) == 1 &&
	     EVP_EncryptUpdate(c, NULL, &n, aad, (int)aad_len) == 1 &&
	     EVP_EncryptUpdate(c, out, &n, plain, (int)len) == 1 &&
	     EVP_EncryptFinal_ex(c, out + n, &n) == 1 &&
	     EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_GCM_GET_TAG, VFS_TAG_BYTES, tag) == 1;
	EVP_CIPHER_CTX_free(c);
	return ok ? 0 : ERR_NOMEM;
}

static int test_cipher_open(void *ctx, const uint8_t *salt, const void *aad, size_t aad_len,
                            const uint8_t *sealed, size_t len, const uint8_t *tag, uint8_t *out)
{
	static const uint8_t nonce[12];
	EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
	uint8_t key[32], copy[VFS_TAG_BYTES];
	int n;
	bool ok;

	test_cipher_key(ctx, salt, key);
	memcpy(copy, tag, sizeof(copy));
	ok = c && EVP_DecryptInit_ex(c, EVP_aes_256_gcm(), NULL, key, nonce) == 1 &&
	     EVP_DecryptUpdate(c, NULL, &n, aad, (int)aad_len) == 1 &&
	     EVP_DecryptUpdate(c, out, &n, sealed, (int)len) == 1 &&
	     EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_GCM_SET_TAG, VFS_TAG_BYTES, copy) == 1 &&
	     EVP_DecryptFinal_ex(c, out + n, &n) == 1;
	EVP_CIPHER_CTX_free(c);
	if (!ok)
		memset(out, 0, len);
	return ok ? 0 : ERR_UNAUTHENTIC;
}

/** A cipher with the key "0, 1, 2, ...". */
static inline struct vfs_cipher test_cipher(void)
{
	static uint8_t key[TEST_CIPHER_KEY_BYTES];

	for (size_t i = 0; i < sizeof(key); i++)
		key[i] = (uint8_t)i;
	return (struct vfs_cipher){.ctx = key, .seal = test_cipher_seal, .open = test_cipher_open};
}

#endif
