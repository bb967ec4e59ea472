/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The cost in a stored slot is read before anything is authenticated, so whoever holds the store
 * can write any: the bounds here are what such a one can make a reader spend. A cost that was
 * lowered gives another slot key, and so only a slot that does not open.
 */
#include "crypto/slot.h"

#include "crypto/algo.h"
#include "crypto/keywrap.h"
#include "util/err.h"
#include "util/secret.h"

#include <string.h>

#define MEMORY_LOG2_MAX 30 /* 1 GiB */
#define R_MAX 64           /* bounds what is needed besides the 128 * N * r bytes */
#define P_MAX 16
#define EXTRA_BYTES (1u << 20) /* that, with room: 128 * r * (p + 2) and less */

const struct keyring_cost keyring_cost_default = {.log2_n = 17, .r = 8, .p = 1};

bool slot_cost_ok(const struct keyring_cost *cost)
{
	if (cost->r < 1 || cost->r > R_MAX || cost->p < 1 || cost->p > P_MAX)
		return false;
	/* RFC 7914: N is less than 2^(128 * r / 8) */
	if (cost->log2_n < 1 || cost->log2_n > MEMORY_LOG2_MAX - 7 || cost->log2_n >= 16 * cost->r)
		return false;
	return ((uint64_t)cost->r << (cost->log2_n + 7)) <= (uint64_t)1 << MEMORY_LOG2_MAX;
}

int slot_scrypt(const void *secret, size_t len, const void *salt, size_t salt_len,
                const struct keyring_cost *cost, uint8_t *out)
{
	uint64_t n = (uint64_t)1 << cost->log2_n;
	uint64_t memory = 128 * n * cost->r + EXTRA_BYTES;

	if (!EVP_PBE_scrypt(secret, len, salt, salt_len, n, cost->r, cost->p, memory, out,
	                    KEYWRAP_KEY_BYTES))
		return algo_failed(err_note(ERR_NOMEM, "scrypt with %llu MiB",
		                            (unsigned long long)(memory >> 20)));
	return 0;
}

int slot_make(struct slot *slot, enum keyring_slot_type type, struct rng *rng,
              const struct keyring_cost *cost, const void *secret, size_t len,
              const uint8_t *keyring_key)
{
	uint8_t kek[KEYWRAP_KEY_BYTES];
	int err;

	if (!slot_cost_ok(cost))
		return err_note(ERR_INVAL, "scrypt cost out of bounds");
	slot->type = (uint8_t)type;
	slot->cost = *cost;
	rng_fill(rng, slot->salt, sizeof(slot->salt));
	err = slot_scrypt(secret, len, slot->salt, sizeof(slot->salt), cost, kek);
	if (!err)
		err = keywrap_wrap(kek, keyring_key, slot->wrapped);
	secret_wipe(kek, sizeof(kek));
	return err;
}

int slot_open(const struct slot *slot, const void *secret, size_t len, uint8_t *keyring_key)
{
	uint8_t kek[KEYWRAP_KEY_BYTES];
	int err = slot_scrypt(secret, len, slot->salt, sizeof(slot->salt), &slot->cost, kek);

	if (!err)
		err = keywrap_unwrap(kek, slot->wrapped, keyring_key);
	secret_wipe(kek, sizeof(kek));
	return err == ERR_UNAUTHENTIC ? ERR_WRONGKEY : err;
}

void slot_encode(const struct slot *slot, struct buf *out)
{
	enc_u8(out, slot->type);
	enc_u8(out, slot->cost.log2_n);
	enc_u32(out, slot->cost.r);
	enc_u32(out, slot->cost.p);
	buf_add(out, slot->salt, sizeof(slot->salt));
	buf_add(out, slot->wrapped, sizeof(slot->wrapped));
}

int slot_decode(struct slot *slot, struct dec *d)
{
	const uint8_t *salt;
	const uint8_t *wrapped;

	slot->type = dec_u8(d);
	slot->cost.log2_n = dec_u8(d);
	slot->cost.r = dec_u32(d);
	slot->cost.p = dec_u32(d);
	salt = dec_bytes(d, sizeof(slot->salt));
	wrapped = dec_bytes(d, sizeof(slot->wrapped));
	if (!salt || !wrapped)
		return err_note(ERR_CORRUPT, "keyring: cut in a key slot");
	memcpy(slot->salt, salt, sizeof(slot->salt));
	memcpy(slot->wrapped, wrapped, sizeof(slot->wrapped));
	if ((slot->type == KEYRING_SLOT_PASSPHRASE || slot->type == KEYRING_SLOT_RECOVERY) &&
	    !slot_cost_ok(&slot->cost))
		return err_note(ERR_CORRUPT, "keyring: a key slot asks for too much work");
	return 0;
}
