/* SPDX-License-Identifier: Apache-2.0 */
#include "volume/inoset.h"

#include "util/check.h"
#include "util/err.h"

#include <stdlib.h>

/* Fibonacci hashing: neighbours in number are no neighbours in the table. */
static size_t slot_of(const struct inoset *s, uint64_t n)
{
	size_t i = (size_t)(n * 0x9e3779b97f4a7c15u) & (s->cap - 1);

	while (s->slots[i] != 0 && s->slots[i] != n)
		i = (i + 1) & (s->cap - 1);
	return i;
}

static int grow(struct inoset *s)
{
	struct inoset bigger = {.cap = s->cap ? s->cap * 2 : 64, .count = s->count};

	bigger.slots = calloc(bigger.cap, sizeof(*bigger.slots));
	if (!bigger.slots)
		return ERR_NOMEM;
	for (size_t i = 0; i < s->cap; i++)
		if (s->slots[i])
			bigger.slots[slot_of(&bigger, s->slots[i])] = s->slots[i];
	free(s->slots);
	*s = bigger;
	return 0;
}

int inoset_add(struct inoset *s, uint64_t n)
{
	size_t i;

	CHECK(n != 0);
	if (s->count * 2 >= s->cap && grow(s) != 0)
		return ERR_NOMEM;
	i = slot_of(s, n);
	if (s->slots[i] == n)
		return 0;
	s->slots[i] = n;
	s->count++;
	return 1;
}

bool inoset_has(const struct inoset *s, uint64_t n)
{
	return s->cap > 0 && s->slots[slot_of(s, n)] == n;
}

void inoset_done(struct inoset *s)
{
	free(s->slots);
	*s = (struct inoset){0};
}
