/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The generator is a counter that steps by an odd constant and is mixed by two multiply-xorshift
 * rounds (Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators, OOPSLA 2014): one
 * word of state, so that a seed is a whole generator, and good enough to choose operations and to
 * stand in for random keys.
 */
#include "tests/lib/simclock.h"

#include "util/check.h"

#include <string.h>

static int64_t sim_wall_ns(const struct clock *c)
{
	return ((const struct simclock *)c)->wall_ns;
}

static int64_t sim_mono_ns(const struct clock *c)
{
	/* Every simclock is made by simclock_init() and none is constant: reading may move it. */
	struct simclock *s = (struct simclock *)(uintptr_t)c;

	s->mono_ns += s->tick_ns;
	return s->mono_ns;
}

void simclock_init(struct simclock *c, int64_t wall_ns)
{
	c->base.wall_ns = sim_wall_ns;
	c->base.mono_ns = sim_mono_ns;
	c->wall_ns = wall_ns;
	c->mono_ns = SIMCLOCK_SECOND;
	c->tick_ns = 0;
}

void simclock_advance(struct simclock *c, int64_t ns)
{
	CHECK(ns >= 0);
	c->wall_ns += ns;
	c->mono_ns += ns;
}

void simclock_jump(struct simclock *c, int64_t ns)
{
	c->wall_ns += ns;
}

uint64_t simrng_u64(struct simrng *r)
{
	uint64_t z = r->state += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

static void sim_fill(struct rng *base, void *out, size_t len)
{
	struct simrng *r = (struct simrng *)base;
	uint8_t *at = out;

	while (len > 0) {
		uint64_t word = simrng_u64(r);
		size_t n = len < sizeof(word) ? len : sizeof(word);

		memcpy(at, &word, n);
		at += n;
		len -= n;
	}
}

void simrng_init(struct simrng *r, uint64_t seed)
{
	r->base.fill = sim_fill;
	r->state = seed;
	/* Neighbouring seeds would share their sequences, one step apart. */
	r->state = simrng_u64(r) ^ (seed << 32);
}

uint64_t simrng_below(struct simrng *r, uint64_t n)
{
	CHECK(n > 0);
	return simrng_u64(r) % n;
}

bool simrng_chance(struct simrng *r, unsigned permille)
{
	return simrng_below(r, 1000) < permille;
}
