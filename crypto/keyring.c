/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The stored keyring, integers little endian:
 *
 *   0   8   magic "AMBERKEY"
 *   8   2   version (1)
 *   10  16  volume id
 *   26  8   generation
 *   34  1   number of slots s, at most 32
 *   35  66s slots (slot.h has their bytes)
 *   ..  24  salt
 *   ..  4   length n of the body
 *   ..  n   sealed body
 *   ..  16  tag; nothing follows
 *
 * The body is one sealed message (seal.h): key = the keyring key, additional data = every byte
 * before it, from the magic to the length. Inside it:
 *
 *   0   4   number of master keys m, 1 to 256
 *   4   45m master keys: u32 id, u8 state (1 current, 2 retired), i64 created (ns since 1970), key
 * 32
 *   ..  4   id of the current master key; it is the only one of state 1
 *   ..  32  log key
 *   ..  32  index key
 *   ..  ..  extensions: a blob (varint length, bytes), empty in version 1; a reader refuses others
 * as too new
 *
 * A slot of an unknown type is kept and passed over, so an older program does not throw away what a
 * newer one added.
 *
 * States: locked (parsed: `stored` is set, `m` is NULL) and open (`m` is set). There is no way back
 * but free. Opening needs the bytes as they were parsed, since they are what is authenticated. An
 * open keyring tests further secrets against its slots as they are now, and leaves its keys where
 * they are, for they may be borrowed.
 */
#include "crypto/keyring.h"

#include "crypto/keywrap.h"
#include "crypto/masters.h"
#include "crypto/recovery.h"
#include "crypto/seal.h"
#include "crypto/slot.h"
#include "util/check.h"
#include "util/codec.h"
#include "util/err.h"
#include "util/secret.h"

#include <stdlib.h>
#include <string.h>

#define MAGIC "AMBERKEY"
#define MAGIC_BYTES 8
#define VERSION 1

_Static_assert(KEYRING_KEY_BYTES == KEYWRAP_KEY_BYTES, "keys are wrapped whole");
_Static_assert(KEYRING_WRAPPED_BYTES == KEYWRAP_WRAPPED_BYTES, "wrapped keys are kept whole");
_Static_assert(RECOVERY_CODE_BYTES <= KEYRING_RECOVERY_BYTES, "the recovery code fits");

struct keyring {
	uint8_t volume_id[KEYRING_VOLUME_ID_BYTES];
	uint64_t parsed_generation; /* 0 when new */
	uint64_t generation;
	struct slot slot[KEYRING_SLOTS_MAX];
	uint8_t slots;
	struct masters *m;
	/* as parsed: the whole keyring, and where its parts are */
	uint8_t *stored;
	size_t salt_at;
	size_t body_at;
	size_t body_len;
};

int keyring_new(struct rng *rng, int64_t now_ns, struct keyring **ret)
{
	struct keyring *k = calloc(1, sizeof(*k));
	int err;

	if (!k)
		return ERR_NOMEM;
	rng_fill(rng, k->volume_id, sizeof(k->volume_id));
	err = masters_new(rng, now_ns, &k->m);
	if (err) {
		keyring_free(k);
		return err;
	}
	*ret = k;
	return 0;
}

void keyring_free(struct keyring *k)
{
	if (!k)
		return;
	masters_free(k->m);
	free(k->stored);
	free(k);
}

static int parse_slots(struct keyring *k, struct dec *d)
{
	k->slots = dec_u8(d);
	if (k->slots > KEYRING_SLOTS_MAX)
		return err_note(ERR_CORRUPT, "keyring: %d key slots", k->slots);
	for (uint8_t i = 0; i < k->slots; i++) {
		int err = slot_decode(&k->slot[i], d);

		if (err)
			return err;
	}
	return 0;
}

static int parse(struct keyring *k, const uint8_t *data, size_t len)
{
	const uint8_t *volume_id;
	struct dec d;
	int err;

	if (len < MAGIC_BYTES || memcmp(data, MAGIC, MAGIC_BYTES) != 0)
		return err_note(ERR_NOTVOLUME, "not a keyring");
	if (len > KEYRING_MAX_BYTES)
		return err_note(ERR_CORRUPT, "keyring: too long");
	dec_init(&d, data, len);
	dec_bytes(&d, MAGIC_BYTES);
	if (dec_u16(&d) != VERSION)
		return err_note(d.failed ? ERR_CORRUPT : ERR_VERSION, "keyring");
	volume_id = dec_bytes(&d, sizeof(k->volume_id));
	if (volume_id)
		memcpy(k->volume_id, volume_id, sizeof(k->volume_id));
	k->parsed_generation = dec_u64(&d);
	k->generation = k->parsed_generation;
	err = parse_slots(k, &d);
	if (err)
		return err;
	k->salt_at = len - dec_left(&d);
	dec_bytes(&d, SEAL_SALT_BYTES);
	k->body_len = dec_u32(&d);
	k->body_at = len - dec_left(&d);
	if (d.failed || dec_left(&d) < SEAL_TAG_BYTES ||
	    dec_left(&d) - SEAL_TAG_BYTES != k->body_len)
		return err_note(ERR_CORRUPT, "keyring: wrong length");
	return 0;
}

int keyring_parse(const void *data, size_t len, struct keyring **ret)
{
	struct keyring *k = calloc(1, sizeof(*k));
	int err;

	if (!k)
		return ERR_NOMEM;
	err = parse(k, data, len);
	if (err)
		goto out;
	k->stored = malloc(len);
	if (!k->stored) {
		err = ERR_NOMEM;
		goto out;
	}
	memcpy(k->stored, data, len);
	*ret = k;
	k = NULL;
out:
	keyring_free(k);
	return err;
}

static void encode_header(const struct keyring *k, uint64_t generation, struct buf *out)
{
	buf_add(out, MAGIC, MAGIC_BYTES);
	enc_u16(out, VERSION);
	buf_add(out, k->volume_id, sizeof(k->volume_id));
	enc_u64(out, generation);
	enc_u8(out, k->slots);
	for (uint8_t i = 0; i < k->slots; i++)
		slot_encode(&k->slot[i], out);
}

/* Append the body, sealed under the bytes of @out from @start on. */
static int seal_body(const struct keyring *k, struct rng *rng, size_t start, struct buf *out)
{
	/* a buffer over secret memory: it begins at its ceiling, so it never moves to the heap */
	struct buf body = {.cap = MASTERS_BODY_MAX, .max = MASTERS_BODY_MAX};
	struct seal_key *key = NULL;
	uint8_t salt[SEAL_SALT_BYTES];
	uint8_t *at;
	int err;

	body.data = secret_new(MASTERS_BODY_MAX);
	if (!body.data)
		return err_note(ERR_NOMEM, "no secret memory left");
	masters_encode(k->m, &body);
	CHECK(buf_error(&body) == 0);
	rng_fill(rng, salt, sizeof(salt));
	buf_add(out, salt, sizeof(salt));
	enc_u32(out, (uint32_t)body.len);
	at = buf_extend(out, body.len + SEAL_TAG_BYTES);
	err = at ? seal_key_new(k->m->keyring_key, &key) : buf_error(out);
	if (!err)
		err = seal_message(key, salt, out->data + start, (size_t)(at - out->data) - start,
		                   body.data, body.len, at, at + body.len);
	seal_key_free(key);
	secret_free(body.data);
	return err;
}

int keyring_store(struct keyring *k, struct rng *rng, struct buf *out)
{
	size_t start = out->len;
	int err;

	CHECK(k->m);
	if (k->slots == 0)
		return err_note(ERR_INVAL, "a keyring without a slot could never be opened");
	if (k->parsed_generation == UINT64_MAX)
		return err_note(ERR_CORRUPT, "keyring: generation");
	encode_header(k, k->parsed_generation + 1, out);
	err = seal_body(k, rng, start, out);
	if (err) {
		out->len = start;
		return err;
	}
	k->generation = k->parsed_generation + 1;
	return 0;
}

static int open_body(struct keyring *k, const uint8_t *keyring_key)
{
	uint8_t *body = secret_new(k->body_len ? k->body_len : 1);
	const uint8_t *sealed = k->stored + k->body_at;
	struct seal_key *key = NULL;
	int err;

	if (!body)
		return err_note(ERR_NOMEM, "no secret memory left");
	err = seal_key_new(keyring_key, &key);
	if (!err)
		err = open_message(key, k->stored + k->salt_at, k->stored, k->body_at, sealed,
		                   k->body_len, sealed + k->body_len, body);
	if (err == ERR_UNAUTHENTIC)
		err_note(err, "keyring: header or body was changed");
	if (!err)
		err = masters_decode(body, k->body_len, keyring_key, &k->m);
	seal_key_free(key);
	secret_free(body);
	return err;
}

/* Every slot of the type is tried, also after one fitted. */
static int try_slots(const struct keyring *k, enum keyring_slot_type type, const void *secret,
                     size_t len, uint8_t *keyring_key)
{
	uint8_t *key = secret_new(KEYRING_KEY_BYTES);
	bool fits = false;
	int err = key ? 0 : err_note(ERR_NOMEM, "no secret memory left");

	for (uint8_t i = 0; !err && i < k->slots; i++) {
		if (k->slot[i].type != type)
			continue;
		err = slot_open(&k->slot[i], secret, len, key);
		if (!err && !fits)
			memcpy(keyring_key, key, KEYRING_KEY_BYTES);
		if (!err)
			fits = true;
		if (err == ERR_WRONGKEY)
			err = 0;
	}
	secret_free(key);
	if (err || fits)
		return err;
	return err_note(ERR_WRONGKEY, "no key slot fits");
}

static int unlock(struct keyring *k, enum keyring_slot_type type, const void *secret, size_t len)
{
	uint8_t *key = secret_new(KEYRING_KEY_BYTES);
	int err;

	if (!key)
		return err_note(ERR_NOMEM, "no secret memory left");
	err = try_slots(k, type, secret, len, key);
	if (!err && !k->m)
		err = open_body(k, key);
	else if (!err && !secret_equal(key, k->m->keyring_key, KEYRING_KEY_BYTES))
		err = err_note(ERR_UNAUTHENTIC, "keyring: a slot holds another key");
	secret_free(key);
	return err;
}

int keyring_unlock(struct keyring *k, enum keyring_slot_type type, const void *secret, size_t len)
{
	uint8_t raw[RECOVERY_SECRET_BYTES];
	int err;

	/* the cost in a slot of another type was never checked */
	CHECK(type == KEYRING_SLOT_PASSPHRASE || type == KEYRING_SLOT_RECOVERY);
	if (type == KEYRING_SLOT_PASSPHRASE)
		return unlock(k, type, secret, len);
	err = recovery_decode(secret, len, raw);
	if (err == ERR_INVAL)
		return err_note(ERR_WRONGKEY, "not a recovery code; a letter may be mistyped");
	if (!err)
		err = unlock(k, type, raw, sizeof(raw));
	secret_wipe(raw, sizeof(raw));
	return err;
}

static int add_slot(struct keyring *k, struct rng *rng, enum keyring_slot_type type,
                    const void *secret, size_t len, const struct keyring_cost *cost)
{
	int err;

	CHECK(k->m);
	if (k->slots == KEYRING_SLOTS_MAX)
		return err_note(ERR_NOSPC, "all %d key slots are taken", KEYRING_SLOTS_MAX);
	err = slot_make(&k->slot[k->slots], type, rng, cost, secret, len, k->m->keyring_key);
	if (!err)
		k->slots++;
	return err;
}

int keyring_add_passphrase(struct keyring *k, struct rng *rng, const void *passphrase, size_t len,
                           const struct keyring_cost *cost)
{
	return add_slot(k, rng, KEYRING_SLOT_PASSPHRASE, passphrase, len, cost);
}

int keyring_add_recovery(struct keyring *k, struct rng *rng, char *code,
                         const struct keyring_cost *cost)
{
	uint8_t raw[RECOVERY_SECRET_BYTES];
	int err;

	rng_fill(rng, raw, sizeof(raw));
	err = recovery_encode(raw, code);
	if (!err)
		err = add_slot(k, rng, KEYRING_SLOT_RECOVERY, raw, sizeof(raw), cost);
	if (err)
		secret_wipe(code, RECOVERY_CODE_BYTES);
	secret_wipe(raw, sizeof(raw));
	return err;
}

const uint8_t *keyring_volume_id(const struct keyring *k)
{
	return k->volume_id;
}

uint64_t keyring_generation(const struct keyring *k)
{
	return k->generation;
}

const uint8_t *keyring_log_key(const struct keyring *k)
{
	CHECK(k->m);
	return k->m->log_key;
}

const uint8_t *keyring_index_key(const struct keyring *k)
{
	CHECK(k->m);
	return k->m->index_key;
}

uint32_t keyring_current_master(const struct keyring *k)
{
	CHECK(k->m);
	return k->m->current;
}

int keyring_wrap(const struct keyring *k, const uint8_t *file_key, uint8_t *out)
{
	CHECK(k->m);
	return keywrap_wrap(masters_find(k->m, k->m->current)->key, file_key, out);
}

int keyring_unwrap(const struct keyring *k, uint32_t master, const uint8_t *wrapped,
                   uint8_t *file_key)
{
	const struct master *m;

	CHECK(k->m);
	m = masters_find(k->m, master);
	if (!m)
		return err_note(ERR_CORRUPT, "no master key %u", master);
	return keywrap_unwrap(m->key, wrapped, file_key);
}
