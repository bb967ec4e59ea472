/* SPDX-License-Identifier: Apache-2.0 */
/* What came of the cases: a row for each kind of thing, machine and way of damage, compared with the table in expect.c. */
#ifndef AMBERFS_TESTS_TAMPER_REPORT_H
#define AMBERFS_TESTS_TAMPER_REPORT_H

#include "tests/tamper/oracle.h"

struct report_options {
	bool table;   /* print all rows */
	bool each;    /* print all cases */
	bool partial; /* not all cases are run: a verdict that does not come is no failure */
};

void report_begin(const struct report_options *options);

/** The case that runs now; a crash is blamed on it. Texts are borrowed until report_end(), but for @what. */
void report_case(const char *kind, const char *machine, const char *how, const char *what);

/** What came of it. */
void report_answer(const struct oracle_answer *a);

/** Print what does not fit the table; returns how many rows. */
size_t report_end(void);

#endif
