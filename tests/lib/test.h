/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a unit test needs and no more: named cases, checks that say file and line and go on, one verdict.
 * A program of tests prints one line a case and ends with `return test_done();`.
 */
#ifndef AMBERFS_TESTS_LIB_TEST_H
#define AMBERFS_TESTS_LIB_TEST_H

#include "util/err.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int test_failures;
static int test_cases;

/* Run one case: a function without arguments. */
#define TEST_RUN(fn)                                                                \
	do {                                                                        \
		int before_ = test_failures;                                        \
		fn();                                                               \
		test_cases++;                                                       \
		printf("%s %s\n", test_failures == before_ ? "ok  " : "FAIL", #fn); \
		fflush(stdout);                                                     \
	} while (0)

#define TEST_CHECK(expr)                                                    \
	do {                                                                \
		if (!(expr)) {                                              \
			test_failures++;                                    \
			printf("  %s:%d: %s\n", __FILE__, __LINE__, #expr); \
		}                                                           \
	} while (0)

/* The expression gives this error code (0: success). */
#define TEST_ERR(expr, want)                                                                     \
	do {                                                                                     \
		int got_ = (expr);                                                               \
		if (got_ != (want)) {                                                            \
			test_failures++;                                                         \
			printf("  %s:%d: %s: got %s, want %s (%s)\n", __FILE__, __LINE__, #expr, \
			       err_name(got_), err_name(want), err_note_text());                 \
		}                                                                                \
	} while (0)

#define TEST_OK(expr) TEST_ERR(expr, 0)

#define TEST_MEM(got, want, len) TEST_CHECK(memcmp(got, want, len) == 0)

/* Stop at once: nothing after it would make sense. */
#define TEST_MUST(expr)                                                                \
	do {                                                                           \
		int must_ = (expr);                                                    \
		if (must_ != 0) {                                                      \
			printf("FAIL %s:%d: %s: %s (%s)\n", __FILE__, __LINE__, #expr, \
			       err_name(must_), err_note_text());                      \
			exit(1);                                                       \
		}                                                                      \
	} while (0)

static inline int test_done(void)
{
	printf("%d cases, %d failures\n", test_cases, test_failures);
	return test_failures ? 1 : 0;
}

#endif
