/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The envelope of whole sealed objects: log batches, checkpoints, the lease.
 *
 *   0  4   magic "AMBF"
 *   4  2   envelope version (1), little endian
 *   6  1   kind (enum object_kind)
 *   7  1   0
 *   8  24  salt
 *   32 n   AES-256-GCM ciphertext of: u32 content length, content, zeros up to the padded size
 *   .. 16  tag
 *
 * Key: KBKDF(log key, label "amberfs object", context = kind byte). Additional data: the 32-byte
 * header, the 16-byte volume id, the object's name. So an object that is swapped for another, of
 * this volume or another one, fails to open.
 *
 * The salt is the first 24 bytes of HMAC-SHA-256 over (volume id, name, a zero byte, plaintext with
 * padding), keyed with KBKDF(log key, label "amberfs object salt", context = kind byte): the same
 * content under the same name gives the same bytes (as SIV, RFC 5297), which lets a writer know its
 * own object again after a lost reply.
 *
 * Padding is Padmé (Nikitin et al., PETS 2019) on the plaintext with its length field: at most 12 %
 * more, so the length tells little.
 */
#ifndef AMBERFS_CRYPTO_OBJECT_H
#define AMBERFS_CRYPTO_OBJECT_H

#include "util/buf.h"

#include <stddef.h>
#include <stdint.h>

#define OBJECT_HEADER_BYTES 32
#define OBJECT_OVERHEAD_BYTES (OBJECT_HEADER_BYTES + 4 + 16)
#define OBJECT_CONTENT_MAX (64u << 20)

enum object_kind {
	OBJECT_LOG = 1,
	OBJECT_CHECKPOINT = 2, /* the manifest */
	OBJECT_CHECKPOINT_PART = 3,
	OBJECT_LEASE = 4,
};

struct object_keys;

/** Keys for all kinds, from the 32-byte log key and the 16-byte volume id. Immutable, thread safe.
 */
int object_keys_new(const uint8_t *log_key, const uint8_t *volume_id, struct object_keys **ret);
void object_keys_free(struct object_keys *k);

/** Append the sealed form of @len bytes at @content to @out. @name is the object's name in the
 * store. */
int object_seal(const struct object_keys *k, enum object_kind kind, const char *name,
                const void *content, size_t len, struct buf *out);

/**
 * Append the content of the sealed @data to @out. ERR_CORRUPT (not an object at all, cut, another
 * kind), ERR_VERSION, ERR_UNAUTHENTIC. The note is the name.
 */
int object_open(const struct object_keys *k, enum object_kind kind, const char *name,
                const void *data, size_t len, struct buf *out);

/** The padded size of @len by Padmé: @len rounded up so that its floating-point mantissa has no
 * more bits than its exponent. */
uint64_t object_padme(uint64_t len);

#endif
