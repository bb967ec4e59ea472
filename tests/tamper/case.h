/* SPDX-License-Identifier: Apache-2.0 */
/* One case of the tamper test: a store and a state folder, one of them damaged, are opened by a machine and judged. */
#ifndef AMBERFS_TESTS_TAMPER_CASE_H
#define AMBERFS_TESTS_TAMPER_CASE_H

#include "tests/tamper/subject.h"

struct case_setup {
	const struct subject *subject;
	const struct image *store;
	const struct image *disk; /* NULL: a machine that has never seen the volume */
	size_t want;              /* the moment that is right */
	bool go_on; /* a good store: store everything, and read it with another machine */
};

/**
 * Open and read; try again when that gives an error; then store all and read it with a fresh machine. An answer of V_REOPEN
 * has the first error in its `why`.
 */
void case_run(const struct case_setup *c, struct oracle_answer *ret);

#endif
