/* SPDX-License-Identifier: Apache-2.0 */
/* Reading a whole volume into a model state through every reading call of volume.h, checking that
 * the calls agree with each other. */
#ifndef AMBERFS_TESTS_SIM_VERIFY_H
#define AMBERFS_TESTS_SIM_VERIFY_H

#include "tests/lib/simclock.h"
#include "tests/sim/history.h"
#include "tests/sim/tree.h"

/** Returned, with the reason in @why, when the volume contradicts itself; never an error code. */
#define VERIFY_WRONG 1

/** The tree at @at as the volume shows it. @rng decides how the walk is cut into calls. 0, an error
 * of the volume, or VERIFY_WRONG. */
int verify_observe(struct volume *v, int64_t at, struct simrng *rng, struct model_state **ret,
                   char *why);

/** The attributes of one node, and data and names left out, are what the model has. ctime is
 * compared too. */
int verify_attr(struct volume *v, const struct model_node *want, int64_t at, char *why);

/** Some bytes of a file are what the model has. */
int verify_read(struct volume *v, const struct model_node *want, int64_t at, uint64_t off,
                size_t len, char *why);

int verify_snaps(struct volume *v, struct history_snaps **ret);

/** Whether every link count is the number of names (files) or 2 and the folders in it. */
bool verify_nlinks(const struct model_state *s, char *why);

#endif
