/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/cover.h"

#include "util/check.h"

#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define ACTIONS_MAX 64

static uint64_t counts[COVER_N];

static struct action {
	const char *name;
	uint64_t count;
} actions[ACTIONS_MAX];

static const char *const texts[COVER_N] = {
#define COVER_TEXT(name, text) [COVER_##name] = text,
    COVER_LIST(COVER_TEXT)
#undef COVER_TEXT
};

void cover(enum cover what)
{
	counts[what]++;
}

void cover_if(bool happened, enum cover what)
{
	if (happened)
		cover(what);
}

void cover_action(const char *name)
{
	size_t i = 0;

	while (i < ACTIONS_MAX && actions[i].name && actions[i].name != name)
		i++;
	CHECK(i < ACTIONS_MAX);
	actions[i].name = name;
	actions[i].count++;
}

void cover_print(void)
{
	printf("chosen:\n");
	for (size_t i = 0; i < ACTIONS_MAX && actions[i].name; i++)
		printf("%10" PRIu64 "  %s\n", actions[i].count, actions[i].name);
	printf("happened:\n");
	for (size_t i = 0; i < COVER_N; i++)
		printf("%10" PRIu64 "  %s\n", counts[i], texts[i]);
}

bool cover_complete(void)
{
	bool complete = true;

	for (size_t i = 0; i < COVER_N; i++)
		if (counts[i] == 0) {
			printf("never happened: %s\n", texts[i]);
			complete = false;
		}
	return complete;
}
