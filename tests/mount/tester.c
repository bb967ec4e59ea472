/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/mount/tester.h"

#include <stdio.h>
#include <unistd.h>

#define NOTES 30
#define NOTE_BYTES 600

static char notes[NOTES][NOTE_BYTES];
static uint64_t count;

uint64_t tester_random(uint64_t *rng)
{
	uint64_t z = *rng += 0x9e3779b97f4a7c15u;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return z ^ z >> 31;
}

uint64_t tester_below(uint64_t *rng, uint64_t n)
{
	return n ? tester_random(rng) % n : 0;
}

bool tester_one_in(uint64_t *rng, unsigned n)
{
	return tester_below(rng, n) == 0;
}

void tester_note(const char *where, const char *format, va_list ap)
{
	char *line = notes[count++ % NOTES];
	int n = snprintf(line, NOTE_BYTES, "%s ", where);

	vsnprintf(line + n, NOTE_BYTES - (size_t)n, format, ap);
}

void tester_fail(const char *where, const char *format, va_list ap)
{
	for (uint64_t i = count > NOTES ? count - NOTES : 0; i < count; i++)
		printf("  %s\n", notes[i % NOTES]);
	printf("FAIL %s: ", where);
	vprintf(format, ap);
	printf("\n");
	fflush(stdout);
	_exit(1);
}
