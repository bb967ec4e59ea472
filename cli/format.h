/* SPDX-License-Identifier: Apache-2.0 */
/* Sizes, times, modes and names as people read them, and sizes and durations as they type them. */
#ifndef AMBERFS_CLI_FORMAT_H
#define AMBERFS_CLI_FORMAT_H

#include <stddef.h>
#include <stdint.h>

#define FORMAT_SIZE_BYTES 24
#define FORMAT_TIME_BYTES 40
#define FORMAT_MODE_BYTES 11
#define FORMAT_DURATION_BYTES 24

/** "0 B", "999 B", "1.5 KiB", "12 MiB": powers of 1024, two or three digits. */
void format_size(char out[FORMAT_SIZE_BYTES], uint64_t bytes);

/** Nanoseconds since 1970 as "2026-11-20T14:00:00+01:00" in the local zone. */
void format_time(char out[FORMAT_TIME_BYTES], int64_t ns);

/** Seconds as "45 s", "3 min 20 s", "2 h 05 min". */
void format_duration(char out[FORMAT_DURATION_BYTES], uint64_t seconds);

/** As ls(1): "drwxr-xr-t". */
void format_mode(char out[FORMAT_MODE_BYTES], uint32_t mode);

/**
 * A name on one line and without effect on a terminal: control characters and bytes that are not
 * UTF-8 as "\n", "\t" or three octal digits, a backslash doubled. Heap string the caller frees;
 * NULL when out of memory.
 */
char *format_name(const char *s);

/** Replace control characters in @s by spaces, in place, so it stays on its line. */
void format_one_line(char *s);

/**
 * Bytes of the UTF-8 sequence (RFC 3629) at @s, 1 to 4, at most @len; 0 when the first byte begins
 * none. Surrogates, overlong forms and what is above U+10FFFF are none.
 */
size_t format_utf8_length(const uint8_t *s, size_t len);

/** "10G", "512 MiB", "4096": powers of 1024. ERR_USAGE with a note. */
int format_parse_size(const char *text, uint64_t *ret_bytes);

/** "30", "0.5", "90s", "2m", "1h" to milliseconds, at most a year. ERR_USAGE with a note. */
int format_parse_ms(const char *text, int64_t *ret_ms);

#endif
