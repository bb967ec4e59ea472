/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Time and chance for tests: a clock that stands still until it is moved, and a generator that
 * gives the same bytes for the same seed on every machine. Not thread safe. Never for real keys.
 */
#ifndef AMBERFS_TESTS_LIB_SIMCLOCK_H
#define AMBERFS_TESTS_LIB_SIMCLOCK_H

#include "util/clock.h"
#include "util/rng.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SIMCLOCK_MS ((int64_t)1000000)
#define SIMCLOCK_SECOND (1000 * SIMCLOCK_MS)
#define SIMCLOCK_HOUR (3600 * SIMCLOCK_SECOND)

struct simclock {
	struct clock base;
	int64_t wall_ns;
	int64_t mono_ns;
	int64_t tick_ns; /* added to mono_ns by each reading of it, so that waiting for a time-out
	                    ends */
};

/** Start at @wall_ns; ticks by 0. */
void simclock_init(struct simclock *c, int64_t wall_ns);

/** Let @ns >= 0 pass, for both clocks. */
void simclock_advance(struct simclock *c, int64_t ns);

/** Set the wall clock by hand, as a user or NTP does: by @ns, forwards or back. */
void simclock_jump(struct simclock *c, int64_t ns);

struct simrng {
	struct rng base;
	uint64_t state;
};

void simrng_init(struct simrng *r, uint64_t seed);

uint64_t simrng_u64(struct simrng *r);

/** Evenly in [0, @n); @n > 0. */
uint64_t simrng_below(struct simrng *r, uint64_t n);

/** True @permille times in a thousand. */
bool simrng_chance(struct simrng *r, unsigned permille);

#endif
