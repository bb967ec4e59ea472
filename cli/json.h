/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A writer for JSON (RFC 8259) that goes out a line at a time.
 *
 * Names of files are bytes, JSON text is Unicode. What is valid UTF-8 (RFC 3629) is written as it
 * is; a byte that is not, 0x80 to 0xff, becomes the escape of the lone surrogate U+DC80 to U+DCFF.
 * So nothing is lost and no two names look alike; Python reads it back with os.fsencode()
 * ("surrogateescape", PEP 383). Control characters are escaped.
 *
 * A json is used by one thread. Commas are its business; balance of open and close is checked.
 */
#ifndef AMBERFS_CLI_JSON_H
#define AMBERFS_CLI_JSON_H

#include "util/buf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define JSON_DEPTH_MAX 8

struct json {
	struct buf text;
	int depth;
	bool comma; /* a value came before on this level */
	char closers[JSON_DEPTH_MAX];
};

void json_init(struct json *j);
void json_done(struct json *j);

/** Begin an object or an array, as a value. */
void json_object(struct json *j);
void json_array(struct json *j);
/** End the innermost object or array. */
void json_close(struct json *j);

/** The name of the next value; a literal. */
void json_key(struct json *j, const char *key);

void json_string(struct json *j, const char *s);
void json_bytes(struct json *j, const void *data, size_t len);
void json_u64(struct json *j, uint64_t v);
void json_i64(struct json *j, int64_t v);
void json_bool(struct json *j, bool v);
void json_null(struct json *j);
/** ISO 8601 with the local offset, or null when @ns is 0. */
void json_time(struct json *j, int64_t ns);

/** A key and its value in one call. */
void json_key_string(struct json *j, const char *key, const char *s);
void json_key_u64(struct json *j, const char *key, uint64_t v);
void json_key_i64(struct json *j, const char *key, int64_t v);
void json_key_bool(struct json *j, const char *key, bool v);
void json_key_time(struct json *j, const char *key, int64_t ns);

/** Write the finished text and a newline to stdout, flush, and be empty again. */
void json_print(struct json *j);

#endif
