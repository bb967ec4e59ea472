/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one key derivation function, with its key made ready: SP 800-108r1 counter mode over
 * CMAC-AES-256, always 256 bits out. Inside crypto/ only; kdf_derive() is the function for
 * everyone.
 */
#ifndef AMBERFS_CRYPTO_KBKDF_H
#define AMBERFS_CRYPTO_KBKDF_H

#include <openssl/evp.h>
#include <stddef.h>
#include <stdint.h>

/** A CMAC context under the 32-byte @key, to derive from; freed by EVP_MAC_CTX_free(), which wipes
 * it. ERR_NOMEM. */
int kbkdf_prepare(const uint8_t *key, EVP_MAC_CTX **ret);

/** Derive 32 bytes to @out. @ready is not changed, so several threads may derive from one.
 * ERR_NOMEM. */
int kbkdf_run(const EVP_MAC_CTX *ready, const char *label, const void *context, size_t context_len,
              uint8_t *out);

#endif
