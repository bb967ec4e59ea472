/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the volume was: the whole tree of its present at many moments, and of every epoch that ended. A volume that was
 * opened from damaged bytes is read in full and compared.
 */
#ifndef AMBERFS_TESTS_TAMPER_ORACLE_H
#define AMBERFS_TESTS_TAMPER_ORACLE_H

#include "util/buf.h"
#include "volume/volume.h"

/* What can come of damage; a set of these is a mask. */
enum verdict {
	V_RIGHT = 1 << 0,  /* every byte as it should be */
	V_OLDER = 1 << 1,  /* a state that the volume was in, before the right one */
	V_REOPEN = 1 << 2, /* a named error while reading, and all is right after the next open */
	V_UNAUTHENTIC = 1 << 3,
	V_CORRUPT = 1 << 4,
	V_MISSING = 1 << 5,
	V_ROLLBACK = 1 << 6,
	V_FENCED = 1 << 7,
	V_NOTVOLUME = 1 << 8,
	V_WRONGKEY = 1 << 9,
	V_VERSION = 1 << 10,
	V_WRONG = 1 << 11, /* never: bytes that were never there, or an error without a name */
};

#define V_WORDS 12
#define V_NAMED                                                                        \
	(V_UNAUTHENTIC | V_CORRUPT | V_MISSING | V_ROLLBACK | V_FENCED | V_NOTVOLUME | \
	 V_WRONGKEY | V_VERSION)

/** The word for one bit. */
const char *verdict_word(enum verdict v);

/** The words of a mask, separated by ", ", in @out. */
void verdict_words(unsigned mask, char *out, size_t size);

/** V_RIGHT for 0, the bit of a named error, else V_WRONG. */
enum verdict verdict_of(int code);

struct oracle_moment {
	const char *what;
	int64_t epoch; /* the open one */
	struct buf present;
};

struct oracle {
	struct oracle_moment moments[256];
	size_t nmoments;
	struct buf epochs[128]; /* [e] for e >= 1 */
	int64_t nepochs;        /* the newest that ended */
};

struct oracle_answer {
	enum verdict verdict;
	size_t moment; /* V_RIGHT, V_OLDER: which */
	char why[512]; /* the error and its note, or what is wrong */
};

void oracle_init(struct oracle *o);
void oracle_done(struct oracle *o);

/** Remember the present of @v, and the epochs that ended since; returns the moment's number. @what is borrowed. */
size_t oracle_note(struct oracle *o, struct volume *v, const char *what);

/** Read all of @v. Right is moment @want with all epochs that had ended by then; @later: and perhaps others that ended
 * since. */
void oracle_judge(const struct oracle *o, struct volume *v, size_t want, bool later,
                  struct oracle_answer *ret);

#endif
