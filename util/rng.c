/* SPDX-License-Identifier: Apache-2.0 */
#include "util/rng.h"

#include "util/check.h"

#include <errno.h>
#include <sys/random.h>

static void system_fill(struct rng *r, void *out, size_t len)
{
	uint8_t *at = out;

	(void)r;
	while (len > 0) {
		ssize_t n = getrandom(at, len, 0);

		if (n < 0 && errno == EINTR)
			continue;
		CHECK(n > 0);
		at += n;
		len -= (size_t)n;
	}
}

struct rng *rng_system(void)
{
	static struct rng system = {system_fill};

	return &system;
}
