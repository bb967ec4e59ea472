/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ways to damage one object of a store or one file of a state folder. Each way has a number of variants, which are asked
 * for one after the other.
 */
#ifndef AMBERFS_TESTS_TAMPER_DAMAGE_H
#define AMBERFS_TESTS_TAMPER_DAMAGE_H

#include "tests/tamper/image.h"

#define DAMAGE_LABEL_BYTES 96

enum damage {
	DAMAGE_FLIP, /* one bit: each of the first 128 bytes and the last 64, and each 64th part of the rest */
	DAMAGE_CUT,       /* shorter: empty, one byte, half, one byte less */
	DAMAGE_LONGER,    /* one byte, a page */
	DAMAGE_PAGE_FLIP, /* one bit in each page's header, body, salt and tag */
	DAMAGE_PAGE_ZERO, /* each page, all zeros */
	DAMAGE_PAGE_OLD,  /* each page as it was at another time */
	DAMAGE_SWAP,      /* names exchanged with another one of its kind */
	DAMAGE_FOREIGN,   /* the one of another volume with the same passphrase */
	DAMAGE_OLD,       /* the whole as it was at another time */
	DAMAGE_REMOVE,
	DAMAGES,
};

struct damage_ask {
	const struct image *good;
	const char *name; /* which one in it */
	enum damage how;
	const char *kind;                /* what the names of its kind begin with */
	const struct image *const *olds; /* images of other times */
	size_t nolds;
	const struct image *foreign;  /* of the other volume */
	size_t page_from, page_bytes; /* where pages begin, and how long they are */
};

/** What docs and tables call it. */
const char *damage_word(enum damage d);

/**
 * Make variant @i (0, 1, ...) of the damage: *ret shares its bytes with ask->good. False when there are no more. Variants
 * that would change nothing are left out.
 */
bool damage_make(const struct damage_ask *ask, size_t i, struct image *ret, char *label);

#endif
