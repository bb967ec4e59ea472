/* SPDX-License-Identifier: Apache-2.0 */
/* Key derivation and hashes, all by libcrypto. Thread safe. */
#ifndef AMBERFS_CRYPTO_KDF_H
#define AMBERFS_CRYPTO_KDF_H

#include <stddef.h>
#include <stdint.h>

#define SHA256_BYTES 32

/** 32 bytes from the 32-byte @key: SP 800-108r1 counter mode, CMAC-AES-256, 32-bit counter, label,
 * 0x00, context, 32-bit length in bits (big endian). */
int kdf_derive(const uint8_t *key, const char *label, const void *context, size_t context_len,
               uint8_t *out);

/** SHA-256 (FIPS 180-4). */
int kdf_sha256(const void *data, size_t len, uint8_t *out);

/** HMAC-SHA-256 (FIPS 198-1) of @a followed by @b. */
int kdf_hmac(const uint8_t *key, const void *a, size_t a_len, const void *b, size_t b_len,
             uint8_t *out);

#endif
