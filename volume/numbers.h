/* SPDX-License-Identifier: Apache-2.0 */
/* A growing list of numbers: those of objects in a folder or a listing, of inodes, of packs. Not thread safe. */
#ifndef AMBERFS_VOLUME_NUMBERS_H
#define AMBERFS_VOLUME_NUMBERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct numbers {
	uint64_t *n; /* freed by numbers_done() */
	size_t count, cap;
};

int numbers_add(struct numbers *s, uint64_t n); /* ERR_NOMEM */
void numbers_sort(struct numbers *s);
bool numbers_has(const struct numbers *s, uint64_t n); /* a sorted list */
void numbers_done(struct numbers *s);

/** The number that 16 hexadecimal digits name, as objects do; false when @text is not one, or 0. */
bool numbers_hex(const char *text, uint64_t *ret);

#endif
