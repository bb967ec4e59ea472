/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The recovery code: 160 random bits for a human to write down and type in again. Inside crypto/
 * only.
 *
 * It is 36 symbols of Crockford's base 32 (digits and capital letters without I, L, O, U), most
 * significant bits first: 32 symbols for the 20 secret bytes, 4 for the check, which is the first
 * 20 bits of SHA-256("amberfs recovery code", the 20 bytes). It is printed in nine groups of four
 * with dashes.
 */
#ifndef AMBERFS_CRYPTO_RECOVERY_H
#define AMBERFS_CRYPTO_RECOVERY_H

#include <stddef.h>
#include <stdint.h>

#define RECOVERY_SECRET_BYTES 20
#define RECOVERY_CODE_BYTES 45 /* 36 symbols, 8 dashes, a NUL */

/** Write the code for the secret: RECOVERY_CODE_BYTES at @code. ERR_NOMEM. */
int recovery_encode(const uint8_t *secret, char *code);

/**
 * Read a code of @len characters. Case, dashes and white space do not matter; I and L are read as
 * 1, O as 0. ERR_INVAL when it is no code or its check does not fit.
 */
int recovery_decode(const char *code, size_t len, uint8_t *secret);

#endif
