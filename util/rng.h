/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Random bytes, behind an interface so that the simulator is repeatable. Everything that
 * must be unpredictable or unique (keys, salts, names of packs) comes from here. Thread safe.
 */
#ifndef AMBERFS_UTIL_RNG_H
#define AMBERFS_UTIL_RNG_H

#include <stddef.h>
#include <stdint.h>

struct rng {
	void (*fill)(struct rng *r, void *out, size_t len);
};

/** The kernel's generator, getrandom(2). Never freed; aborts should it ever fail. */
struct rng *rng_system(void);

static inline void rng_fill(struct rng *r, void *out, size_t len)
{
	r->fill(r, out, len);
}

#endif
