/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a command says when it fails: one line on stderr, `amberfs: what failed: why: what to do`,
 * and an exit code.
 *
 * Exit codes: 0 done, 1 failed, 2 wrong usage, 3 wrong passphrase or key, 4 store not reachable, 5
 * integrity, 6 another writer, 7 not found, 8 no space. The mapping from private codes is here and
 * nowhere else.
 */
#ifndef AMBERFS_CLI_REPORT_H
#define AMBERFS_CLI_REPORT_H

enum report_exit {
	REPORT_DONE = 0,
	REPORT_FAILED = 1,
	REPORT_USAGE = 2,
	REPORT_WRONG_KEY = 3,
	REPORT_STORE = 4,
	REPORT_INTEGRITY = 5,
	REPORT_OTHER_WRITER = 6,
	REPORT_NOT_FOUND = 7,
	REPORT_NO_SPACE = 8,
};

/** The exit code for a private code; 0 for 0. */
int report_exit_code(int err);

/** What a person can do about @err: a clause without a capital and a full stop. Never NULL. */
const char *report_hint(int err);

/** Print the line for @err with this thread's note, and return the exit code. @what: "cannot mount
 * %s". */
int report_error(int err, const char *what, ...) __attribute__((format(printf, 2, 3)));

/** The same with a hint for the occasion. */
int report_error_hint(int err, const char *hint, const char *what, ...)
    __attribute__((format(printf, 3, 4)));

/** `amberfs: warning: ...` */
void report_warning(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/** Out of memory while preparing something; prints and returns the exit code. */
int report_no_memory(void);

#endif
