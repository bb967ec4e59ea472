/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The keyring: what turns a passphrase or a recovery code into the keys of a volume.
 *
 *   secret of a key slot -> (scrypt, RFC 7914) slot key -> (AES-KW, RFC 3394) keyring key
 *   keyring key -> (seal) body: master keys, log key, index key
 *
 * The stored keyring is a public header (volume id, generation, slots) and a sealed body; the
 * header is authenticated with the body, so a weakened slot is noticed. docs/FORMAT.md has the
 * bytes. All secrets of an open keyring are in secret memory. A keyring is not changed by several
 * threads at once; reading an open one is thread safe.
 */
#ifndef AMBERFS_CRYPTO_KEYRING_H
#define AMBERFS_CRYPTO_KEYRING_H

#include "util/buf.h"
#include "util/rng.h"

#include <stddef.h>
#include <stdint.h>

#define KEYRING_VOLUME_ID_BYTES 16
#define KEYRING_KEY_BYTES 32
#define KEYRING_WRAPPED_BYTES 40 /* AES-KW of a 32-byte key */
#define KEYRING_SLOTS_MAX 32
#define KEYRING_MASTERS_MAX 256
#define KEYRING_MAX_BYTES (64 * 1024)
#define KEYRING_RECOVERY_BYTES 64 /* the printed recovery code with its NUL fits */

struct keyring;

/* scrypt's cost: N = 1 << log2_n. Readers refuse more memory than 1 GiB (128 * N * r), r over 64 or
 * p over 16. */
struct keyring_cost {
	uint8_t log2_n;
	uint32_t r;
	uint32_t p;
};

/** The cost for new slots: N = 2^17, r = 8, p = 1 (128 MiB, about half a second). */
extern const struct keyring_cost keyring_cost_default;

enum keyring_slot_type {
	KEYRING_SLOT_PASSPHRASE = 1,
	KEYRING_SLOT_RECOVERY = 2,
};

/** A new keyring with a random volume id, one master key, no slots. It is open. The caller owns
 * *ret. */
int keyring_new(struct rng *rng, int64_t now_ns, struct keyring **ret);

/** Parse a stored keyring; it is locked until keyring_unlock(). ERR_NOTVOLUME (no keyring at all),
 * ERR_VERSION, ERR_CORRUPT. */
int keyring_parse(const void *data, size_t len, struct keyring **ret);

/** Wipe and free; NULL does nothing. */
void keyring_free(struct keyring *k);

/**
 * Append the stored form of an open keyring, its generation one higher than when it was parsed (1
 * when new); keyring_generation() then gives that one. ERR_INVAL when it has no slot: it could
 * never be opened again.
 */
int keyring_store(struct keyring *k, struct rng *rng, struct buf *out);

/**
 * Try @secret against the slots of @type; every one is tried, so the time does not tell which
 * fitted. A recovery code may be typed in lower case, with or without its dashes and spaces.
 * ERR_WRONGKEY when none fits; ERR_UNAUTHENTIC when one fits but the header or body was changed;
 * ERR_VERSION when the body has what only a newer version knows. On a keyring that is open already
 * this only tests the secret.
 */
int keyring_unlock(struct keyring *k, enum keyring_slot_type type, const void *secret, size_t len);

/** Add a slot to an open keyring. ERR_NOSPC when there are KEYRING_SLOTS_MAX, ERR_INVAL for a cost
 * that readers refuse. */
int keyring_add_passphrase(struct keyring *k, struct rng *rng, const void *passphrase, size_t len,
                           const struct keyring_cost *cost);

/**
 * Add a recovery slot and write its code to @code (KEYRING_RECOVERY_BYTES, in secret memory): 160
 * random bits and a check, in base 32 without the letters that are misread (Crockford's), in groups
 * of four with dashes.
 */
int keyring_add_recovery(struct keyring *k, struct rng *rng, char *code,
                         const struct keyring_cost *cost);

const uint8_t *keyring_volume_id(const struct keyring *k); /* also when locked */
uint64_t keyring_generation(const struct keyring *k);      /* also when locked */
const uint8_t *keyring_log_key(const struct keyring *k);   /* 32 bytes, borrowed, as is the next */
const uint8_t *keyring_index_key(const struct keyring *k);

/** The id of the master key that wraps new file keys. */
uint32_t keyring_current_master(const struct keyring *k);

/** Wrap a 32-byte file key with the current master key (AES-KW): KEYRING_WRAPPED_BYTES at @out. */
int keyring_wrap(const struct keyring *k, const uint8_t *file_key, uint8_t *out);

/** Unwrap one that master key @master wrapped. ERR_UNAUTHENTIC when it does not fit, ERR_CORRUPT
 * when there is no such master key. */
int keyring_unwrap(const struct keyring *k, uint32_t master, const uint8_t *wrapped,
                   uint8_t *file_key);

#endif
