/* SPDX-License-Identifier: Apache-2.0 */
#include "util/clock.h"

#include <time.h>

static int64_t read_ns(clockid_t id)
{
	struct timespec ts;

	clock_gettime(id, &ts);
	return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

static int64_t system_wall_ns(const struct clock *c)
{
	(void)c;
	return read_ns(CLOCK_REALTIME);
}

static int64_t system_file_ns(const struct clock *c)
{
	(void)c;
	return read_ns(CLOCK_REALTIME_COARSE);
}

static int64_t system_mono_ns(const struct clock *c)
{
	(void)c;
	return read_ns(CLOCK_MONOTONIC);
}

const struct clock *clock_system(void)
{
	static const struct clock system = {system_wall_ns, system_mono_ns, system_file_ns};

	return &system;
}
