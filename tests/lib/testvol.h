/* SPDX-License-Identifier: Apache-2.0 */
/* A volume in a store of its own for tests, at once: its passphrase costs next to nothing to try,
 * unlike that of volume_init(). */
#ifndef AMBERFS_TESTS_LIB_TESTVOL_H
#define AMBERFS_TESTS_LIB_TESTVOL_H

#include "volume/volume.h"

#define TESTVOL_PASSPHRASE "amber"

/** Put a new keyring into the empty @store, as volume_init() does but for the cost of its one slot.
 */
int testvol_init(struct blob *store, struct rng *rng, int64_t now_ns);

/** Fetch the keyring, unlock it, open the volume. */
int testvol_open(const struct volume_params *params, struct volume **ret);

#endif
