/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Beginning a volume, and the keyring that everything else hangs on: `keyring/<generation>` in the
 * store, the highest one counts. Init is one put-if-absent of generation 1, so two that try at once
 * cannot both win.
 */
#include "volume/impl.h"

#include "util/err.h"
#include "util/hex.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void keyring_name(uint64_t generation, char *out)
{
	snprintf(out, BLOB_NAME_MAX, "keyring/%016" PRIx64, generation);
}

static int refuse_any(void *ctx, const struct blob_info *info)
{
	bool *is_volume = ctx;

	*is_volume = strncmp(info->name, "keyring/", 8) == 0;
	return *is_volume ? ERR_VOLUMEEXISTS : ERR_NOTEMPTY;
}

static int check_empty(struct blob *store)
{
	bool is_volume = false;
	int r = blob_list(store, "keyring/", NULL, refuse_any, &is_volume);

	if (r == 0)
		r = blob_list(store, "", NULL, refuse_any, &is_volume);
	if (r == ERR_NOTEMPTY)
		return err_note(r,
		                "the store holds other things: give the volume a place of its own");
	return r == ERR_VOLUMEEXISTS ? err_note(r, "nothing was changed") : r;
}

/* Taken: by this very request, whose reply was lost, or by somebody else. */
static int is_ours(struct blob *store, const char *name, const struct buf *bytes)
{
	struct buf there;
	int r;

	buf_init(&there, KEYRING_MAX_BYTES);
	r = blob_get(store, name, 0, SIZE_MAX, &there);
	if (r == 0 && (there.len != bytes->len || memcmp(there.data, bytes->data, bytes->len) != 0))
		r = err_note(ERR_VOLUMEEXISTS, "nothing was changed");
	buf_done(&there);
	return r;
}

int volume_init(struct blob *store, const struct clock *clock, struct rng *rng,
                const void *passphrase, size_t len, char *code, uint8_t *ret_id)
{
	char name[BLOB_NAME_MAX + 1];
	struct keyring *k = NULL;
	struct buf bytes;
	int r = check_empty(store);

	buf_init(&bytes, KEYRING_MAX_BYTES);
	if (r == 0)
		r = keyring_new(rng, clock_wall_ns(clock), &k);
	if (r == 0)
		r = keyring_add_passphrase(k, rng, passphrase, len, &keyring_cost_default);
	if (r == 0)
		r = keyring_add_recovery(k, rng, code, &keyring_cost_default);
	if (r == 0)
		r = keyring_store(k, rng, &bytes);
	if (r == 0) {
		keyring_name(1, name);
		r = blob_put_new(store, name, bytes.data, bytes.len);
		if (r == ERR_EXIST)
			r = is_ours(store, name, &bytes);
	}
	if (r == 0)
		memcpy(ret_id, keyring_volume_id(k), VOLUME_ID_BYTES);
	keyring_free(k);
	buf_done(&bytes);
	return r;
}

static int take_newest(void *ctx, const struct blob_info *info)
{
	uint64_t generation = strtoull(info->name + strlen("keyring/"), NULL, 16);
	char name[BLOB_NAME_MAX + 1];

	keyring_name(generation, name);
	if (strcmp(name, info->name) == 0 && generation > *(uint64_t *)ctx)
		*(uint64_t *)ctx = generation;
	return 0;
}

int volume_keyring_fetch(struct blob *store, struct keyring **ret)
{
	char name[BLOB_NAME_MAX + 1];
	struct keyring *k = NULL;
	uint64_t generation = 0;
	struct buf bytes;
	int r = blob_list(store, "keyring/", NULL, take_newest, &generation);

	if (r != 0)
		return r;
	if (generation == 0)
		return err_note(ERR_NOTVOLUME, "it has no keyring");
	keyring_name(generation, name);
	buf_init(&bytes, KEYRING_MAX_BYTES);
	r = blob_get(store, name, 0, SIZE_MAX, &bytes);
	if (r == ERR_FBIG)
		r = ERR_CORRUPT;
	if (r == 0)
		r = keyring_parse(bytes.data, bytes.len, &k);
	if (r == 0 && keyring_generation(k) != generation)
		r = ERR_UNAUTHENTIC;
	if (r == 0) {
		*ret = k;
		k = NULL;
	}
	keyring_free(k);
	buf_done(&bytes);
	/* something has the keyring's name and is none: that is damage, not another kind of store
	 */
	if (r == ERR_NOTVOLUME)
		r = ERR_CORRUPT;
	return r == ERR_CORRUPT || r == ERR_UNAUTHENTIC || r == ERR_VERSION
	           ? err_note(r, "%s", name)
	           : r;
}

int volume_keyring_unlock(struct keyring *k, enum volume_secret_type type, const void *secret,
                          size_t len)
{
	int r = keyring_unlock(
	    k, type == VOLUME_SECRET_RECOVERY ? KEYRING_SLOT_RECOVERY : KEYRING_SLOT_PASSPHRASE,
	    secret, len);

	char name[BLOB_NAME_MAX + 1];

	keyring_name(keyring_generation(k), name);
	return r == ERR_UNAUTHENTIC || r == ERR_CORRUPT || r == ERR_VERSION
	           ? err_note(r, "%s", name)
	           : r;
}

void volume_keyring_free(struct keyring *k)
{
	keyring_free(k);
}

void volume_keyring_id(const struct keyring *k, char *out)
{
	hex_encode(out, keyring_volume_id(k), VOLUME_ID_BYTES);
}
