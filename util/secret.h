/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory for secrets: locked in RAM, left out of core dumps, between guard pages, and wiped
 * when freed. It is OpenSSL's secure heap, 1 MiB, made by the first secret_setup().
 */
#ifndef AMBERFS_UTIL_SECRET_H
#define AMBERFS_UTIL_SECRET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/**
 * Make the heap and turn core dumps of this process off. Call once before any secret exists, and
 * after daemonizing (locks are not inherited). Returns 0, or ERR_NOMEM when memory could not be
 * locked.
 */
int secret_setup(void);

/** @len zeroed bytes, or NULL when the heap is full. Thread safe. */
void *secret_new(size_t len);

/** Wipe and free; NULL does nothing. */
void secret_free(void *s);

/** Wipe @len bytes on the stack or in a struct; never removed by the compiler. */
void secret_wipe(void *s, size_t len);

/** Whether @len bytes are equal, in time that depends on @len only. */
bool secret_equal(const void *a, const void *b, size_t len);

#endif
