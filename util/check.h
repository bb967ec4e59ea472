/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CHECK(): an assertion about the program itself that stays on in release builds.
 * Never used on bytes from disk, network, kernel or user: those get an error.
 */
#ifndef AMBERFS_UTIL_CHECK_H
#define AMBERFS_UTIL_CHECK_H

/** Print one line and abort. Called by CHECK() only. */
void check_failed(const char *expr, const char *file, int line) __attribute__((noreturn));

#define CHECK(expr) ((expr) ? (void)0 : check_failed(#expr, __FILE__, __LINE__))

#endif
