/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What fsx and tree share: random numbers that depend on the seed alone, and the last things that were done, for the day when one of
 * them goes wrong. One process at a time uses it.
 */
#ifndef AMBERFS_TESTS_MOUNT_TESTER_H
#define AMBERFS_TESTS_MOUNT_TESTER_H

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>

/** The next number of *@rng, which begins as the seed (splitmix64). */
uint64_t tester_random(uint64_t *rng);

/** One below @n; 0 when @n is. */
uint64_t tester_below(uint64_t *rng, uint64_t n);
bool tester_one_in(uint64_t *rng, unsigned n);

/** Note what is done next; the latest few are kept. */
void tester_note(const char *where, const char *format, va_list ap);

/** Print the notes, then what is wrong, and end the process with 1. */
void tester_fail(const char *where, const char *format, va_list ap) __attribute__((noreturn));

#endif
