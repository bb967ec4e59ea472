/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sealing: turning plaintext into bytes that tell nothing and cannot be changed.
 *
 * One construction for everything, in the manner of C2SP XAES-256-GCM: a long-lived 256-bit key and
 * a fresh 192-bit salt give, by the SP 800-108r1 counter-mode KDF with CMAC-AES-256, a one-time
 * key; under it each page (or the one message) is sealed with AES-256-GCM (SP 800-38D), its nonce
 * being its number. A salt is never used twice for one key, so no (key, nonce) pair repeats.
 *
 *   one-time key = KBKDF(key, label "amberfs seal", context = salt, 256 bits)
 *   nonce        = 4 zero bytes, then the page number as 64 bits big endian
 *   sealed page  = ciphertext, then the 16-byte tag
 */
#ifndef AMBERFS_CRYPTO_SEAL_H
#define AMBERFS_CRYPTO_SEAL_H

#include <stddef.h>
#include <stdint.h>

#define SEAL_KEY_BYTES 32
#define SEAL_SALT_BYTES 24
#define SEAL_TAG_BYTES 16
#define SEAL_PAGE_BYTES 4096
#define SEALED_PAGE_BYTES (SEAL_PAGE_BYTES + SEAL_TAG_BYTES)
#define SEAL_MESSAGE_MAX (256u << 20)

/* A key made ready for deriving. Immutable; may be used by several threads at once. Its schedule is
 * wiped on free. */
struct seal_key;

/** Prepare the 32 bytes at @key (borrowed during the call). ERR_NOMEM. */
int seal_key_new(const uint8_t *key, struct seal_key **ret);
void seal_key_free(struct seal_key *k);

/** Bytes that @len bytes of plaintext take when sealed in pages: one tag for each page begun. */
size_t sealed_pages_len(size_t len_bytes);

/**
 * Seal @len bytes as pages @first, @first + 1, ... of the run that @salt names. Only the last may
 * be short. Writes sealed_pages_len(@len) bytes to @out, which does not overlap @plain. @aad is
 * authenticated with every page. A salt comes fresh from the rng for each run. ERR_NOMEM.
 */
int seal_pages(const struct seal_key *k, const uint8_t *salt, const void *aad, size_t aad_len,
               uint64_t first, const uint8_t *plain, size_t len, uint8_t *out);

/**
 * Open what seal_pages() made: @sealed_len bytes that begin with page @first of the run. Every page
 * is verified before a byte of it stays in @out; ERR_UNAUTHENTIC when one fails (then @out is
 * wiped), ERR_CORRUPT when the length cannot be. *ret_len is the plaintext's length.
 */
int open_pages(const struct seal_key *k, const uint8_t *salt, const void *aad, size_t aad_len,
               uint64_t first, const uint8_t *sealed, size_t sealed_len, uint8_t *out,
               size_t *ret_len);

/** Seal one message of at most SEAL_MESSAGE_MAX bytes (page number 0): @len bytes to @out, the tag
 * to @tag. @out may be @plain. */
int seal_message(const struct seal_key *k, const uint8_t *salt, const void *aad, size_t aad_len,
                 const uint8_t *plain, size_t len, uint8_t *out, uint8_t *tag);

/** Open one; @out may be @sealed. ERR_UNAUTHENTIC, after wiping @out, when the tag does not fit. */
int open_message(const struct seal_key *k, const uint8_t *salt, const void *aad, size_t aad_len,
                 const uint8_t *sealed, size_t len, const uint8_t *tag, uint8_t *out);

#endif
