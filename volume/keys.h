/* SPDX-License-Identifier: Apache-2.0 */
/*
 * File keys that are ready for use: a bounded cache of unwrapped keys in front of the index. Thread
 * safe.
 */
#ifndef AMBERFS_VOLUME_KEYS_H
#define AMBERFS_VOLUME_KEYS_H

#include "crypto/keyring.h"
#include "crypto/seal.h"
#include "meta/index.h"

#include <stdint.h>

#define KEYS_CACHED_MAX 1024
#define KEYS_AAD_BYTES 28

struct keys;
struct key_ref;

int keys_new(const struct keyring *keyring, struct keys **ret);
void keys_free(struct keys *k);

/** The key @id if it is cached, else NULL. It stays until keys_put(). */
struct key_ref *keys_get(struct keys *k, uint64_t id);

/** Unwrap @row and cache it; the same as keys_get() from then on. ERR_UNAUTHENTIC, ERR_CORRUPT,
 * ERR_NOMEM. */
int keys_load(struct keys *k, const struct index_filekey *row, struct key_ref **ret);

void keys_put(struct keys *k, struct key_ref *ref);

const struct seal_key *key_seal(const struct key_ref *ref);

/** What is authenticated with every page: volume id (16), key id (u64), format version 1 (u32),
 * little endian. */
const uint8_t *key_aad(const struct key_ref *ref);

#endif
