/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A hash table with chains and, through `newer`/`older`, the order of use. An entry that someone
 * holds is never dropped, so there may be more than KEYS_CACHED_MAX while that many threads read.
 */
#include "volume/keys.h"

#include "util/check.h"
#include "util/err.h"
#include "util/lock.h"
#include "util/secret.h"

#include <stdlib.h>
#include <string.h>

#define BUCKETS 1024

struct key_ref {
	uint64_t id;
	struct seal_key *seal;
	uint8_t aad[KEYS_AAD_BYTES];
	unsigned users;
	struct key_ref *chain;
	struct key_ref *newer, *older;
};

struct keys {
	const struct keyring *keyring;
	struct lock lock;
	struct key_ref *buckets[BUCKETS];
	struct key_ref *newest, *oldest;
	size_t count;
};

int keys_new(const struct keyring *keyring, struct keys **ret)
{
	struct keys *k = calloc(1, sizeof(*k));

	if (!k)
		return ERR_NOMEM;
	k->keyring = keyring;
	lock_init(&k->lock, LOCK_KEYS);
	*ret = k;
	return 0;
}

static void ref_free(struct key_ref *ref)
{
	seal_key_free(ref->seal);
	free(ref);
}

void keys_free(struct keys *k)
{
	if (!k)
		return;
	while (k->newest) {
		struct key_ref *ref = k->newest;

		CHECK(ref->users == 0);
		k->newest = ref->older;
		ref_free(ref);
	}
	lock_done(&k->lock);
	free(k);
}

static void unlink_order(struct keys *k, struct key_ref *ref)
{
	*(ref->newer ? &ref->newer->older : &k->newest) = ref->older;
	*(ref->older ? &ref->older->newer : &k->oldest) = ref->newer;
}

static void push_newest(struct keys *k, struct key_ref *ref)
{
	ref->newer = NULL;
	ref->older = k->newest;
	*(k->newest ? &k->newest->newer : &k->oldest) = ref;
	k->newest = ref;
}

static struct key_ref *find(struct keys *k, uint64_t id)
{
	struct key_ref *ref = k->buckets[id % BUCKETS];

	while (ref && ref->id != id)
		ref = ref->chain;
	if (ref) {
		ref->users++;
		unlink_order(k, ref);
		push_newest(k, ref);
	}
	return ref;
}

struct key_ref *keys_get(struct keys *k, uint64_t id)
{
	struct key_ref *ref;

	lock_take(&k->lock);
	ref = find(k, id);
	lock_drop(&k->lock);
	return ref;
}

static void drop_oldest(struct keys *k)
{
	struct key_ref *ref = k->oldest;
	struct key_ref **at;

	while (ref && ref->users > 0)
		ref = ref->newer;
	if (!ref)
		return;
	unlink_order(k, ref);
	for (at = &k->buckets[ref->id % BUCKETS]; *at != ref; at = &(*at)->chain)
		;
	*at = ref->chain;
	k->count--;
	ref_free(ref);
}

static int unwrap(struct keys *k, const struct index_filekey *row, struct key_ref *ref)
{
	uint8_t *key = secret_new(SEAL_KEY_BYTES);
	int r;

	if (!key)
		return ERR_NOMEM;
	r = keyring_unwrap(k->keyring, row->master, row->wrapped, key);
	if (r == 0)
		r = seal_key_new(key, &ref->seal);
	secret_free(key);
	return r;
}

int keys_load(struct keys *k, const struct index_filekey *row, struct key_ref **ret)
{
	struct key_ref *ref = calloc(1, sizeof(*ref));
	struct key_ref *have;
	int r;

	if (!ref)
		return ERR_NOMEM;
	ref->id = row->id;
	memcpy(ref->aad, keyring_volume_id(k->keyring), KEYRING_VOLUME_ID_BYTES);
	for (int i = 0; i < 8; i++)
		ref->aad[16 + i] = (uint8_t)(row->id >> (8 * i));
	ref->aad[24] = 1;
	r = unwrap(k, row, ref);
	if (r != 0) {
		ref_free(ref);
		return r;
	}
	lock_take(&k->lock);
	have = find(k, row->id);
	if (have) {
		ref_free(ref);
		ref = have;
	} else {
		ref->users = 1;
		ref->chain = k->buckets[row->id % BUCKETS];
		k->buckets[row->id % BUCKETS] = ref;
		push_newest(k, ref);
		if (++k->count > KEYS_CACHED_MAX)
			drop_oldest(k);
	}
	lock_drop(&k->lock);
	*ret = ref;
	return 0;
}

void keys_put(struct keys *k, struct key_ref *ref)
{
	if (!ref)
		return;
	lock_take(&k->lock);
	CHECK(ref->users > 0);
	ref->users--;
	lock_drop(&k->lock);
}

const struct seal_key *key_seal(const struct key_ref *ref)
{
	return ref->seal;
}

const uint8_t *key_aad(const struct key_ref *ref)
{
	return ref->aad;
}
