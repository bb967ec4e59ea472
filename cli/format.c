/* SPDX-License-Identifier: Apache-2.0 */
/* Pure functions; the only state they read is the time zone. */
#include "cli/format.h"

#include "util/err.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <time.h>

#define NS_PER_S 1000000000
#define YEAR_MS (366ll * 24 * 3600 * 1000)

void format_size(char out[FORMAT_SIZE_BYTES], uint64_t bytes)
{
	static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
	size_t unit = 0;
	double v = (double)bytes;

	while (v >= 1023.95 && unit + 1 < sizeof(units) / sizeof(units[0])) {
		v /= 1024;
		unit++;
	}
	if (unit == 0 || v >= 99.95)
		snprintf(out, FORMAT_SIZE_BYTES, "%.0f %s", v, units[unit]);
	else
		snprintf(out, FORMAT_SIZE_BYTES, "%.1f %s", v, units[unit]);
}

void format_time(char out[FORMAT_TIME_BYTES], int64_t ns)
{
	time_t s = (time_t)(ns / NS_PER_S);
	struct tm tm;
	char text[32], zone[8];

	if (ns % NS_PER_S < 0)
		s--;
	if (!localtime_r(&s, &tm) || !strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm) ||
	    strftime(zone, sizeof(zone), "%z", &tm) != 5) {
		snprintf(out, FORMAT_TIME_BYTES, "@%" PRId64, (int64_t)s);
		return;
	}
	snprintf(out, FORMAT_TIME_BYTES, "%s%.3s:%s", text, zone, zone + 3);
}

void format_duration(char out[FORMAT_DURATION_BYTES], uint64_t seconds)
{
	if (seconds < 60)
		snprintf(out, FORMAT_DURATION_BYTES, "%u s", (unsigned)seconds);
	else if (seconds < 3600)
		snprintf(out, FORMAT_DURATION_BYTES, "%u min %02u s", (unsigned)(seconds / 60),
		         (unsigned)(seconds % 60));
	else if (seconds < 1000ull * 3600)
		snprintf(out, FORMAT_DURATION_BYTES, "%u h %02u min", (unsigned)(seconds / 3600),
		         (unsigned)(seconds / 60 % 60));
	else
		snprintf(out, FORMAT_DURATION_BYTES, "very long");
}

static char type_letter(uint32_t mode)
{
	switch (mode & S_IFMT) {
	case S_IFDIR:
		return 'd';
	case S_IFLNK:
		return 'l';
	case S_IFIFO:
		return 'p';
	case S_IFSOCK:
		return 's';
	case S_IFCHR:
		return 'c';
	case S_IFBLK:
		return 'b';
	default:
		return '-';
	}
}

void format_mode(char out[FORMAT_MODE_BYTES], uint32_t mode)
{
	static const char letters[] = "rwxrwxrwx";

	out[0] = type_letter(mode);
	for (int i = 0; i < 9; i++)
		out[1 + i] = mode & (0400u >> i) ? letters[i] : '-';
	if (mode & S_ISUID)
		out[3] = mode & S_IXUSR ? 's' : 'S';
	if (mode & S_ISGID)
		out[6] = mode & S_IXGRP ? 's' : 'S';
	if (mode & S_ISVTX)
		out[9] = mode & S_IXOTH ? 't' : 'T';
	out[10] = '\0';
}

size_t format_utf8_length(const uint8_t *s, size_t len)
{
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	uint32_t point;
	size_t n;

	if (len == 0)
		return 0;
	if (s[0] < 0x80)
		return 1;
	n = s[0] >= 0xf0 && s[0] < 0xf8   ? 4
	    : s[0] >= 0xe0 && s[0] < 0xf0 ? 3
	    : s[0] >= 0xc0 && s[0] < 0xe0 ? 2
	                                  : 0;
	if (n == 0 || n > len)
		return 0;
	point = s[0] & (0x7fu >> n);
	for (size_t i = 1; i < n; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
		point = point << 6 | (s[i] & 0x3f);
	}
	if (point < least[n] || point > 0x10ffff || (point >= 0xd800 && point < 0xe000))
		return 0;
	return n;
}

/* C1 controls are two bytes of valid UTF-8, and some terminals obey them. */
static bool is_c1(const uint8_t *s, size_t n)
{
	return n == 2 && s[0] == 0xc2 && s[1] < 0xa0;
}

char *format_name(const char *s)
{
	size_t len = strlen(s), at = 0;
	char *out = malloc(4 * len + 1);

	if (!out)
		return NULL;
	for (size_t i = 0; i < len;) {
		const uint8_t *c = (const uint8_t *)s + i;
		size_t n = format_utf8_length(c, len - i);

		if ((n > 1 && !is_c1(c, n)) || (n == 1 && *c >= 0x20 && *c < 0x7f && *c != '\\')) {
			memcpy(out + at, c, n);
			at += n;
			i += n;
			continue;
		}
		i++;
		if (*c == '\\' || *c == '\n' || *c == '\t') {
			out[at++] = '\\';
			out[at++] = *c == '\n' ? 'n' : *c == '\t' ? 't' : '\\';
		} else {
			out[at++] = '\\';
			out[at++] = (char)('0' + (*c >> 6));
			out[at++] = (char)('0' + (*c >> 3 & 7));
			out[at++] = (char)('0' + (*c & 7));
		}
	}
	out[at] = '\0';
	return out;
}

void format_one_line(char *s)
{
	for (; *s; s++)
		if ((unsigned char)*s < 0x20 || *s == 0x7f)
			*s = ' ';
}

/* Digits with an optional fraction; the rest of the text in *ret_rest. */
static int parse_number(const char *text, double *ret, const char **ret_rest)
{
	const char *at = text;
	double v = 0, unit = 1;
	int digits = 0;

	for (; isdigit((unsigned char)*at); at++, digits++)
		v = v * 10 + (*at - '0');
	if (*at == '.')
		for (at++; isdigit((unsigned char)*at); at++, digits++)
			v += (*at - '0') * (unit /= 10);
	if (digits == 0)
		return ERR_USAGE;
	while (*at == ' ')
		at++;
	*ret = v;
	*ret_rest = at;
	return 0;
}

int format_parse_size(const char *text, uint64_t *ret_bytes)
{
	static const char letters[] = "kmgtp";
	const char *rest, *unit;
	double v;

	if (parse_number(text, &v, &rest))
		return err_note(ERR_USAGE, "'%s' is not a size; write 10G or 512M", text);
	if (*rest && (unit = strchr(letters, tolower((unsigned char)*rest))) && *unit) {
		for (const char *u = letters; u <= unit; u++)
			v *= 1024;
		rest++;
		if (*rest == 'i')
			rest++;
	}
	if (*rest == 'B' || *rest == 'b')
		rest++;
	if (*rest || v > 9e18)
		return err_note(ERR_USAGE, "'%s' is not a size; write 10G or 512M", text);
	*ret_bytes = (uint64_t)v;
	return 0;
}

int format_parse_ms(const char *text, int64_t *ret_ms)
{
	const char *rest;
	double v;

	if (parse_number(text, &v, &rest))
		return err_note(ERR_USAGE, "'%s' is not a number of seconds", text);
	v *= !strcmp(rest, "m") || !strcmp(rest, "min") ? 60000
	     : !strcmp(rest, "h")                       ? 3600000
	     : !strcmp(rest, "ms")                      ? 1
	                                                : 1000;
	if (*rest && strcmp(rest, "s") != 0 && strcmp(rest, "m") != 0 && strcmp(rest, "min") != 0 &&
	    strcmp(rest, "h") != 0 && strcmp(rest, "ms") != 0)
		return err_note(ERR_USAGE, "'%s' is not a number of seconds", text);
	if (v > (double)YEAR_MS)
		return err_note(ERR_USAGE, "'%s' is more than a year", text);
	*ret_ms = (int64_t)v;
	return 0;
}
