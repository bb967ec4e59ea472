/* SPDX-License-Identifier: Apache-2.0 */
/* One machine with its disk, clock and random numbers, and a store: what a scenario runs on. The
 * same scenario does the same calls in every run. */
#ifndef AMBERFS_TESTS_TORTURE_WORLD_H
#define AMBERFS_TESTS_TORTURE_WORLD_H

#include "tests/lib/simdisk.h"
#include "tests/torture/scenario.h"

#define WORLD_EPOCHS 4

struct world {
	struct simclock clock;
	struct simrng rng;
	struct simdisk *disk;
	struct blob *mem;   /* the objects */
	struct blob *store; /* what the volume sees of them (storefault.h) */
	struct volume_params params;
	struct volume *v; /* NULL while it is not open */
	int64_t epochs[WORLD_EPOCHS];
};

/** A new machine and a new, empty volume, not open yet. Aborts when that fails. */
void world_begin(struct world *w, const struct scenario *s);
void world_end(struct world *w);

/** Let the time of a step pass, and do it. Returns the volume's answer. */
int world_step(struct world *w, const struct step *step);

/** Do it once more at the same moment. */
int world_again(struct world *w, const struct step *step);

int world_open(struct world *w);

/** Volume_close(), and what it said. */
int world_close(struct world *w);

/** The process dies; for the kernel goes on. */
void world_kill(struct world *w);

/** The power fails; @seed says what the disk keeps. */
void world_power(struct world *w, uint64_t seed);

/** A seed, one of many by @from, for which the disk keeps nothing that was not synced. */
uint64_t world_seed_losing_all(uint64_t from);

/** Another machine, with an empty disk; the volume is closed. */
void world_lose(struct world *w);

/** Is there any log object in the store? */
bool world_store_has_log(struct world *w);

#endif
