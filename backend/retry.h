/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How long to wait before a request is tried again: exponential backoff with jitter, so that many
 * clients that failed together do not come back together, and no shorter than the server asked for,
 * up to a bound.
 */
#ifndef AMBERFS_BACKEND_RETRY_H
#define AMBERFS_BACKEND_RETRY_H

#include <stdint.h>

#define RETRY_TRIES 5
#define RETRY_TRIES_MAX 20
#define RETRY_FIRST_MS 200
#define RETRY_LONGEST_MS 5000
#define RETRY_AFTER_MAX_MS 20000

/**
 * Milliseconds to wait after failure number @failures (1, 2, ...): between half of and all of
 * RETRY_FIRST_MS * 2^(failures - 1), which stops growing at RETRY_LONGEST_MS. @retry_after_s is the
 * server's wish (0: none);
 * @random picks the place between.
 */
int64_t retry_delay_ms(unsigned failures, int64_t retry_after_s, uint64_t random);

#endif
