/* SPDX-License-Identifier: Apache-2.0 */
/* Moments as people type them. The zone is fixed, so that the expected values are. */
#include "tests/lib/test.h"
#include "volume/volume.h"

#include <time.h>

#define S 1000000000ll
/* 2026-11-20 12:34:56 UTC is 13:34:56 in Berlin */
#define NOW_S 1795178096ll

static int64_t parse(const char *text, int *ret)
{
	int64_t ns = 0;

	*ret = volume_time_parse(text, NOW_S * S, &ns);
	return ns;
}

static void is(const char *text, int64_t want_ns)
{
	int r;
	int64_t got = parse(text, &r);

	if (r != 0 || got != want_ns)
		printf("  \"%s\": %s %lld, want %lld\n", text, err_name(r), (long long)got,
		       (long long)want_ns);
	TEST_CHECK(r == 0 && got == want_ns);
}

static void iso_times(void)
{
	is("2026-11-20T12:34:56Z", NOW_S * S);
	is("2026-11-20T13:34:56+01:00", NOW_S * S);
	is("2026-11-20 13:34:56", NOW_S * S);
	is("2026-11-20T13:34:56.25", NOW_S * S + S / 4);
	is("2026-11-20T07:34:56-0500", NOW_S * S);
	is("2026-11-20 13:34", (NOW_S - 56) * S);
	is("2026-11-20", (NOW_S - 13 * 3600 - 34 * 60 - 56) * S);
	is("2026-07-01 12:00", 1782900000ll * S); /* summer time */
}

static void relative_times(void)
{
	is("now", NOW_S * S);
	is("2h", (NOW_S - 7200) * S);
	is("2 hours ago", (NOW_S - 7200) * S);
	is("90m", (NOW_S - 5400) * S);
	is("45s", (NOW_S - 45) * S);
	is("3d", (NOW_S - 3 * 86400) * S);
	is("1w", (NOW_S - 7 * 86400) * S);
	is("1 day ago", (NOW_S - 86400) * S);
	is("yesterday", (NOW_S - 86400) * S);
	is("today", (NOW_S - 13 * 3600 - 34 * 60 - 56) * S);
	is("@1700000000", 1700000000ll * S);
	is("@1700000000.5", 1700000000ll * S + S / 2);
}

static void clock_times(void)
{
	is("13:34", (NOW_S - 56) * S);
	is("13:34:56", NOW_S * S);
	is("15:30", (NOW_S - 56 + 116 * 60 - 86400) * S); /* not yet today: yesterday's */
	is("00:00", (NOW_S - 13 * 3600 - 34 * 60 - 56) * S);
}

static void refused(void)
{
	static const char *const bad[] = {"",
	                                  " ",
	                                  "tomorrow",
	                                  "2026-13-01",
	                                  "2026-02-30",
	                                  "2026-1-1",
	                                  "25:00",
	                                  "12:60",
	                                  "2",
	                                  "h",
	                                  "2x",
	                                  "-2h",
	                                  "@",
	                                  "@-1",
	                                  "@1.",
	                                  "2026-11-20T",
	                                  "1999",
	                                  "e12",
	                                  "2026-11-20T12:34:56+25:00",
	                                  "99999999999999999999h",
	                                  "2h junk",
	                                  "@99999999999999999999",
	                                  "2026-11-20 12:34junk"};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		int r;

		parse(bad[i], &r);
		if (r != ERR_BADTIME)
			printf("  \"%s\" was taken\n", bad[i]);
		TEST_CHECK(r == ERR_BADTIME);
	}
}

int main(void)
{
	setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3", 1);
	tzset();
	TEST_RUN(iso_times);
	TEST_RUN(relative_times);
	TEST_RUN(clock_times);
	TEST_RUN(refused);
	return test_done();
}
