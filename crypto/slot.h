/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A key slot: the keyring key, wrapped under a key that scrypt makes from a secret. Inside crypto/
 * only.
 *
 *   0  1   type (enum keyring_slot_type; others are kept as they are)
 *   1  1   log2 of scrypt's N
 *   2  4   r
 *   6  4   p
 *   10 16  salt
 *   26 40  AES key wrap of the keyring key under scrypt(secret, salt, N, r, p), 32 bytes
 *
 * The secret is the passphrase's bytes, or the 20 bytes of the recovery code.
 */
#ifndef AMBERFS_CRYPTO_SLOT_H
#define AMBERFS_CRYPTO_SLOT_H

#include "crypto/keyring.h"
#include "util/codec.h"

#define SLOT_SALT_BYTES 16

struct slot {
	uint8_t type;
	struct keyring_cost cost;
	uint8_t salt[SLOT_SALT_BYTES];
	uint8_t wrapped[KEYRING_WRAPPED_BYTES];
};

/** Whether scrypt may be run at that cost: what RFC 7914 allows, within the memory that a reader is
 * ready to spend. */
bool slot_cost_ok(const struct keyring_cost *cost);

/** scrypt (RFC 7914) of @secret: 32 bytes at @out. ERR_NOMEM. */
int slot_scrypt(const void *secret, size_t len, const void *salt, size_t salt_len,
                const struct keyring_cost *cost, uint8_t *out);

/** Fill @slot with @keyring_key, wrapped for @secret. ERR_INVAL for a cost that readers refuse,
 * ERR_NOMEM. */
int slot_make(struct slot *slot, enum keyring_slot_type type, struct rng *rng,
              const struct keyring_cost *cost, const void *secret, size_t len,
              const uint8_t *keyring_key);

/** The keyring key out of @slot. ERR_WRONGKEY when @secret is not the slot's, ERR_NOMEM. */
int slot_open(const struct slot *slot, const void *secret, size_t len, uint8_t *keyring_key);

void slot_encode(const struct slot *slot, struct buf *out);

/** Read one. ERR_CORRUPT when bytes are missing, or for a cost out of bounds in a slot of a known
 * type. */
int slot_decode(struct slot *slot, struct dec *d);

#endif
