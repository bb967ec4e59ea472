/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Everything that a user can see of a volume at one moment, as sorted lines of text and their
 * digest: what the sweeps compare, and what they print when two differ.
 */
#ifndef AMBERFS_TESTS_TORTURE_STATE_H
#define AMBERFS_TESTS_TORTURE_STATE_H

#include "volume/volume.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define STATE_ERRORS_MAX 8

struct state {
	unsigned refs;
	uint64_t digest; /* of all lines */
	char **lines;    /* in byte order; one a name, one a snapshot */
	size_t nlines;
	size_t room;
	int errors[STATE_ERRORS_MAX]; /* what reading met, each code once */
	size_t nerrors;
};

/**
 * Read the whole tree at @at (VOLUME_NOW: with the snapshots' names) into *ret, which the caller
 * owns. What cannot be read becomes a line that says so, and its code is in `errors`; so this never
 * fails.
 */
void state_read(struct volume *v, int64_t at, struct state **ret);

struct state *state_ref(struct state *s);
void state_unref(struct state *s);

/** The same, and nothing of either was unreadable. */
bool state_same(const struct state *a, const struct state *b);

/** Every readable line of @got is one of @a or @b (NULL: none): nothing wrong was shown. If not,
 * *ret_line (borrowed) is the first other one. */
bool state_within(const struct state *got, const struct state *a, const struct state *b,
                  const char **ret_line);

/** Print the lines in which they differ, a few of them. */
void state_print_difference(FILE *out, const struct state *want, const struct state *got);

#endif
