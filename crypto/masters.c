/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Invariants of an open set: ids differ, one master key is current and `current` is its id. The
 * body was authenticated before it is read here; it is checked all the same, so that no later code
 * has to think of a set without a current key.
 */
#include "crypto/masters.h"

#include "util/codec.h"
#include "util/err.h"
#include "util/secret.h"

#include <string.h>

int masters_new(struct rng *rng, int64_t now_ns, struct masters **ret)
{
	struct masters *m = secret_new(sizeof(*m));

	if (!m)
		return err_note(ERR_NOMEM, "no secret memory left");
	rng_fill(rng, m->keyring_key, sizeof(m->keyring_key));
	rng_fill(rng, m->log_key, sizeof(m->log_key));
	rng_fill(rng, m->index_key, sizeof(m->index_key));
	rng_fill(rng, m->master[0].key, sizeof(m->master[0].key));
	m->master[0].id = 1;
	m->master[0].state = MASTERS_CURRENT;
	m->master[0].created_ns = now_ns;
	m->count = 1;
	m->current = 1;
	*ret = m;
	return 0;
}

void masters_free(struct masters *m)
{
	secret_free(m);
}

void masters_encode(const struct masters *m, struct buf *out)
{
	enc_u32(out, m->count);
	for (uint32_t i = 0; i < m->count; i++) {
		enc_u32(out, m->master[i].id);
		enc_u8(out, (uint8_t)m->master[i].state);
		enc_i64(out, m->master[i].created_ns);
		buf_add(out, m->master[i].key, sizeof(m->master[i].key));
	}
	enc_u32(out, m->current);
	buf_add(out, m->log_key, sizeof(m->log_key));
	buf_add(out, m->index_key, sizeof(m->index_key));
	enc_blob(out, NULL, 0);
}

static void dec_key(struct dec *d, uint8_t *key)
{
	const uint8_t *at = dec_bytes(d, KEYRING_KEY_BYTES);

	if (at)
		memcpy(key, at, KEYRING_KEY_BYTES);
}

/* One master key; m->count is how many were read before it. */
static bool decode_master(struct masters *m, struct dec *d)
{
	struct master *one = &m->master[m->count];
	uint8_t state;

	one->id = dec_u32(d);
	state = dec_u8(d);
	one->created_ns = dec_i64(d);
	dec_key(d, one->key);
	if (d->failed || masters_find(m, one->id))
		return false;
	if (state != MASTERS_CURRENT && state != MASTERS_RETIRED)
		return false;
	one->state = (enum masters_state)state;
	m->count++;
	return true;
}

static bool one_is_current(const struct masters *m)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < m->count; i++) {
		if (m->master[i].state != MASTERS_CURRENT)
			continue;
		if (m->master[i].id != m->current)
			return false;
		n++;
	}
	return n == 1;
}

static int decode_body(struct masters *m, struct dec *d)
{
	uint32_t count = dec_u32(d);
	size_t extensions;

	if (count > KEYRING_MASTERS_MAX)
		return ERR_CORRUPT;
	for (uint32_t i = 0; i < count; i++)
		if (!decode_master(m, d))
			return ERR_CORRUPT;
	m->current = dec_u32(d);
	dec_key(d, m->log_key);
	dec_key(d, m->index_key);
	dec_blob(d, KEYRING_MAX_BYTES, &extensions);
	if (dec_end(d) || !one_is_current(m))
		return ERR_CORRUPT;
	return extensions > 0 ? ERR_VERSION : 0;
}

int masters_decode(const uint8_t *body, size_t len, const uint8_t *keyring_key,
                   struct masters **ret)
{
	struct masters *m = secret_new(sizeof(*m));
	struct dec d;
	int err;

	if (!m)
		return err_note(ERR_NOMEM, "no secret memory left");
	dec_init(&d, body, len);
	err = decode_body(m, &d);
	if (err) {
		masters_free(m);
		return err_note(err, "keyring body");
	}
	memcpy(m->keyring_key, keyring_key, sizeof(m->keyring_key));
	*ret = m;
	return 0;
}

const struct master *masters_find(const struct masters *m, uint32_t id)
{
	for (uint32_t i = 0; i < m->count; i++)
		if (m->master[i].id == id)
			return &m->master[i];
	return NULL;
}
