/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/lib/testvol.h"

#include "crypto/keyring.h"

#include <string.h>

/* The object that volume_init() makes. */
#define KEYRING_NAME "keyring/0000000000000001"

int testvol_init(struct blob *store, struct rng *rng, int64_t now_ns)
{
	static const struct keyring_cost cheap = {.log2_n = 4, .r = 8, .p = 1};
	struct keyring *k = NULL;
	struct buf out;
	int r = keyring_new(rng, now_ns, &k);

	buf_init(&out, KEYRING_MAX_BYTES);
	if (r == 0)
		r = keyring_add_passphrase(k, rng, TESTVOL_PASSPHRASE, strlen(TESTVOL_PASSPHRASE),
		                           &cheap);
	if (r == 0)
		r = keyring_store(k, rng, &out);
	if (r == 0)
		r = blob_put_new(store, KEYRING_NAME, out.data, out.len);
	buf_done(&out);
	keyring_free(k);
	return r;
}

int testvol_open(const struct volume_params *params, struct volume **ret)
{
	struct keyring *k = NULL;
	int r = volume_keyring_fetch(params->store, &k);

	if (r == 0)
		r = volume_keyring_unlock(k, VOLUME_SECRET_PASSPHRASE, TESTVOL_PASSPHRASE,
		                          strlen(TESTVOL_PASSPHRASE));
	if (r != 0) {
		volume_keyring_free(k);
		return r;
	}
	return volume_open(params, k, NULL, NULL, ret);
}
