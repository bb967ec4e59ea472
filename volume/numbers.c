/* SPDX-License-Identifier: Apache-2.0 */
#include "volume/numbers.h"

#include "util/err.h"

#include <stdlib.h>
#include <string.h>

int numbers_add(struct numbers *s, uint64_t n)
{
	if (s->count == s->cap) {
		size_t cap = s->cap ? s->cap * 2 : 64;
		uint64_t *to = realloc(s->n, cap * sizeof(*to));

		if (!to)
			return ERR_NOMEM;
		s->n = to;
		s->cap = cap;
	}
	s->n[s->count++] = n;
	return 0;
}

bool numbers_hex(const char *text, uint64_t *ret)
{
	char *end;

	if (strlen(text) != 16)
		return false;
	*ret = strtoull(text, &end, 16);
	return *end == '\0' && *ret > 0;
}

static int by_number(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

void numbers_sort(struct numbers *s)
{
	if (s->count)
		qsort(s->n, s->count, sizeof(*s->n), by_number);
}

bool numbers_has(const struct numbers *s, uint64_t n)
{
	return s->count && bsearch(&n, s->n, s->count, sizeof(*s->n), by_number) != NULL;
}

void numbers_done(struct numbers *s)
{
	free(s->n);
	*s = (struct numbers){0};
}
