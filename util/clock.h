/* SPDX-License-Identifier: Apache-2.0 */
/* The two clocks, behind an interface so that tests can own time. Thread safe. */
#ifndef AMBERFS_UTIL_CLOCK_H
#define AMBERFS_UTIL_CLOCK_H

#include <stdint.h>

struct clock {
	/** Nanoseconds since 1970 (may jump), and since some start (never goes back). */
	int64_t (*wall_ns)(const struct clock *c);
	int64_t (*mono_ns)(const struct clock *c);
	/** As wall_ns, but what the kernel puts into the times of files: it stands still between two ticks. NULL: wall_ns. */
	int64_t (*file_ns)(const struct clock *c);
};

/** The machine's clocks. Never freed. */
const struct clock *clock_system(void);

static inline int64_t clock_wall_ns(const struct clock *c)
{
	return c->wall_ns(c);
}

static inline int64_t clock_file_ns(const struct clock *c)
{
	return c->file_ns ? c->file_ns(c) : c->wall_ns(c);
}

static inline int64_t clock_mono_ns(const struct clock *c)
{
	return c->mono_ns(c);
}

#endif
