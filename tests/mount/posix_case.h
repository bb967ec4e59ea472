/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Cases of the conformance program. A case is a function that runs in an empty folder of its own
 * (the current one) and is named by the sentence it checks. The first EXPECT() that does not hold
 * ends the case with the reason.
 */
#ifndef AMBERFS_TESTS_POSIX_CASE_H
#define AMBERFS_TESTS_POSIX_CASE_H

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

struct posix_case {
	const char *call;
	const char *sentence;
	void (*fn)(void);
};

extern const struct posix_case posix_data_cases[];
extern const struct posix_case posix_names_cases[];
extern const struct posix_case posix_attr_cases[];

/* End the case: it failed, or cannot be tried here. */
void posix_fail(const char *file, int line, const char *what) __attribute__((noreturn));
void posix_skip(const char *why) __attribute__((noreturn));

#define EXPECT(expr)                                           \
	do {                                                   \
		if (!(expr))                                   \
			posix_fail(__FILE__, __LINE__, #expr); \
	} while (0)

/* The call fails with this errno. */
#define EXPECT_ERRNO(expr, want)                                                    \
	do {                                                                        \
		errno = 0;                                                          \
		if ((expr) != -1 || errno != (want))                                \
			posix_fail(__FILE__, __LINE__, #expr " fails with " #want); \
	} while (0)

/* Make file @name with @text. */
void posix_write_file(const char *name, const char *text);

/* Whether file @name holds exactly @text. */
bool posix_file_is(const char *name, const char *text);

/* stat or lstat that must succeed. */
struct stat posix_stat(const char *name);
struct stat posix_lstat(const char *name);

/* Run @fn as user and group 12345, without privilege; skips when this is not root. Its EXPECTs
 * count for the case. */
void posix_as_user(void (*fn)(void));

#endif
