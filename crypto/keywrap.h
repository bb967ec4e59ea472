/* SPDX-License-Identifier: Apache-2.0 */
/* AES key wrap (RFC 3394, SP 800-38F) of a 32-byte key by a 32-byte key. Inside crypto/ only.
 * Thread safe. */
#ifndef AMBERFS_CRYPTO_KEYWRAP_H
#define AMBERFS_CRYPTO_KEYWRAP_H

#include <stdint.h>

#define KEYWRAP_KEY_BYTES 32
#define KEYWRAP_WRAPPED_BYTES 40

/** Wrap @key: KEYWRAP_WRAPPED_BYTES at @out. ERR_NOMEM. */
int keywrap_wrap(const uint8_t *kek, const uint8_t *key, uint8_t *out);

/** Unwrap to KEYWRAP_KEY_BYTES at @out. ERR_UNAUTHENTIC, after wiping @out, when @kek did not wrap
 * it. */
int keywrap_unwrap(const uint8_t *kek, const uint8_t *wrapped, uint8_t *out);

#endif
