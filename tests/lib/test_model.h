/* SPDX-License-Identifier: Apache-2.0 */
/* A table whose content after n transactions is known without a database: what the tests of
 * meta/vfs.h compare with. */
#ifndef AMBERFS_TESTS_LIB_TEST_MODEL_H
#define AMBERFS_TESTS_LIB_TEST_MODEL_H

#include "tests/lib/simclock.h"

#include <string.h>

#define KEYS_MAX 400
#define VALUE_MAX 9000

struct model {
	int keys;
	int version[KEYS_MAX]; /* the transaction that wrote it, 0: not there */
};

static inline size_t value_len(int key, int n)
{
	return (size_t)((key * 7919 + n * 104729) % ((key + n) % 5 == 0 ? VALUE_MAX : 700)) + 20;
}

static inline void value_fill(uint8_t *out, size_t len, int key, int n)
{
	struct simrng r;

	simrng_init(&r, (uint64_t)key * 1000003 + (uint64_t)n);
	memcpy(out, "PLAINTEXTMARKER!", 16);
	for (size_t i = 16; i < len; i++)
		out[i] = (uint8_t)simrng_u64(&r);
}

/* What transaction @n does to the model; how many keys it touches. */
static inline int model_step(struct model *m, int n, int *keys)
{
	struct simrng r;
	int count = n % 5 == 4 ? m->keys : 1 + m->keys / 10;

	simrng_init(&r, (uint64_t)n);
	for (int i = 0; i < count; i++) {
		keys[i] = (int)simrng_below(&r, (uint64_t)m->keys);
		m->version[keys[i]] = simrng_chance(&r, 150) ? 0 : n;
	}
	return count;
}

static inline struct model model_at(int keys, int n)
{
	struct model m = {.keys = keys};
	int touched[KEYS_MAX];

	for (int i = 1; i <= n; i++)
		model_step(&m, i, touched);
	return m;
}

#endif
