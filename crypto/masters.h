/* SPDX-License-Identifier: Apache-2.0 */
/* The secrets in a keyring's body, and the body's bytes. Inside crypto/ only. keyring.c has the
 * format. */
#ifndef AMBERFS_CRYPTO_MASTERS_H
#define AMBERFS_CRYPTO_MASTERS_H

#include "crypto/keyring.h"
#include "util/buf.h"
#include "util/rng.h"

#include <stddef.h>
#include <stdint.h>

/* The largest body: count, master keys, current id, log key, index key, no extensions. */
#define MASTERS_MASTER_BYTES (4 + 1 + 8 + KEYRING_KEY_BYTES)
#define MASTERS_BODY_MAX \
	(4 + KEYRING_MASTERS_MAX * MASTERS_MASTER_BYTES + 4 + 2 * KEYRING_KEY_BYTES + 1)

enum masters_state {
	MASTERS_CURRENT = 1, /* wraps new file keys: exactly one */
	MASTERS_RETIRED = 2, /* still unwraps */
};

struct master {
	uint32_t id;
	enum masters_state state;
	int64_t created_ns;
	uint8_t key[KEYRING_KEY_BYTES];
};

/* In secret memory as a whole. */
struct masters {
	uint8_t keyring_key[KEYRING_KEY_BYTES]; /* not in the body: it seals it */
	uint8_t log_key[KEYRING_KEY_BYTES];
	uint8_t index_key[KEYRING_KEY_BYTES];
	uint32_t current;
	uint32_t count;
	struct master master[KEYRING_MASTERS_MAX];
};

/** All keys fresh, one master key, with id 1. ERR_NOMEM. */
int masters_new(struct rng *rng, int64_t now_ns, struct masters **ret);
void masters_free(struct masters *m);

/** Append the body to @out. */
void masters_encode(const struct masters *m, struct buf *out);

/** Read a body that was authenticated. ERR_VERSION when it has extensions, ERR_CORRUPT, ERR_NOMEM.
 */
int masters_decode(const uint8_t *body, size_t len, const uint8_t *keyring_key,
                   struct masters **ret);

/** The master key @id, or NULL. */
const struct master *masters_find(const struct masters *m, uint32_t id);

#endif
