/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/lib/test.h"

#include "cli/format.h"

#include <sys/stat.h>
#include <time.h>

#define TEXT(call, want)                                              \
	do {                                                          \
		call;                                                 \
		if (strcmp(out, want) != 0)                           \
			printf("  got '%s', want '%s'\n", out, want); \
		TEST_CHECK(strcmp(out, want) == 0);                   \
	} while (0)

static void sizes(void)
{
	char out[FORMAT_SIZE_BYTES];

	TEXT(format_size(out, 0), "0 B");
	TEXT(format_size(out, 1023), "1023 B");
	TEXT(format_size(out, 1024), "1.0 KiB");
	TEXT(format_size(out, 1536), "1.5 KiB");
	TEXT(format_size(out, 150 << 10), "150 KiB");
	TEXT(format_size(out, (1 << 20) - 1), "1.0 MiB");
	TEXT(format_size(out, UINT64_MAX), "16.0 EiB");
}

static void times(void)
{
	char out[FORMAT_TIME_BYTES];

	setenv("TZ", "UTC", 1);
	tzset();
	TEXT(format_time(out, 0), "1970-01-01T00:00:00+00:00");
	TEXT(format_time(out, -1), "1969-12-31T23:59:59+00:00");
	setenv("TZ", "AAA-1", 1);
	tzset();
	TEXT(format_time(out, 1795179600ll * 1000000000 + 999999999), "2026-11-20T14:00:00+01:00");
	setenv("TZ", "AAA+3:30", 1);
	tzset();
	TEXT(format_time(out, 0), "1969-12-31T20:30:00-03:30");
}

static void durations(void)
{
	char out[FORMAT_DURATION_BYTES];

	TEXT(format_duration(out, 59), "59 s");
	TEXT(format_duration(out, 200), "3 min 20 s");
	TEXT(format_duration(out, 7500), "2 h 05 min");
	TEXT(format_duration(out, UINT64_MAX), "very long");
}

static void modes(void)
{
	char out[FORMAT_MODE_BYTES];

	TEXT(format_mode(out, S_IFDIR | 01755), "drwxr-xr-t");
	TEXT(format_mode(out, S_IFREG | 04640), "-rwSr-----");
	TEXT(format_mode(out, S_IFLNK | 0777), "lrwxrwxrwx");
	TEXT(format_mode(out, S_IFREG | 02751), "-rwxr-s--x");
}

static void expect_name(const char *name, const char *want)
{
	char *got = format_name(name);

	TEST_CHECK(got && strcmp(got, want) == 0);
	free(got);
}

static void names(void)
{
	expect_name("plain name", "plain name");
	expect_name("gr\xc3\xbcn", "gr\xc3\xbcn");
	expect_name("a\nb\tc\\d", "a\\nb\\tc\\\\d");
	expect_name("\x1b[31m", "\\033[31m");
	/* a C1 control, and a byte that is no UTF-8 */
	expect_name("\xc2\x9b\xff", "\\302\\233\\377");
}

static void expect_size(const char *text, int want_err, uint64_t want)
{
	uint64_t got = 0;

	TEST_ERR(format_parse_size(text, &got), want_err);
	TEST_CHECK(got == want);
}

static void parsed_sizes(void)
{
	expect_size("4096", 0, 4096);
	expect_size("10G", 0, 10ull << 30);
	expect_size("512 MiB", 0, 512ull << 20);
	expect_size("1.5k", 0, 1536);
	expect_size("7B", 0, 7);
	expect_size("", ERR_USAGE, 0);
	expect_size("much", ERR_USAGE, 0);
	expect_size("-1", ERR_USAGE, 0);
	expect_size("10Q", ERR_USAGE, 0);
	expect_size("10G10", ERR_USAGE, 0);
	expect_size("99999999999P", ERR_USAGE, 0);
}

static void expect_ms(const char *text, int want_err, int64_t want)
{
	int64_t got = 0;

	TEST_ERR(format_parse_ms(text, &got), want_err);
	TEST_CHECK(got == want);
}

static void parsed_durations(void)
{
	expect_ms("30", 0, 30000);
	expect_ms("0.5", 0, 500);
	expect_ms("90s", 0, 90000);
	expect_ms("2m", 0, 120000);
	expect_ms("1h", 0, 3600000);
	expect_ms("250ms", 0, 250);
	expect_ms("0", 0, 0);
	expect_ms("soon", ERR_USAGE, 0);
	expect_ms("5 parsecs", ERR_USAGE, 0);
	expect_ms("99999999h", ERR_USAGE, 0);
}

static void one_line(void)
{
	char s[] = "a\nb\rc\x7f";

	format_one_line(s);
	TEST_CHECK(strcmp(s, "a b c ") == 0);
}

int main(void)
{
	TEST_RUN(sizes);
	TEST_RUN(times);
	TEST_RUN(durations);
	TEST_RUN(modes);
	TEST_RUN(names);
	TEST_RUN(parsed_sizes);
	TEST_RUN(parsed_durations);
	TEST_RUN(one_line);
	return test_done();
}
