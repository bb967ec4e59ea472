/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The text is collected in a buf and printed whole, so a reader never sees half an object. A key
 * sets `comma` to false, for its value follows without one; every value sets it. Depth is the
 * program's own doing, so a wrong one is a CHECK.
 */
#include "cli/json.h"

#include "cli/format.h"
#include "util/check.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define JSON_TEXT_MAX (16u << 20)

void json_init(struct json *j)
{
	memset(j, 0, sizeof(*j));
	buf_init(&j->text, JSON_TEXT_MAX);
}

void json_done(struct json *j)
{
	buf_done(&j->text);
}

static void add(struct json *j, const char *s)
{
	buf_add(&j->text, s, strlen(s));
}

static void begin_value(struct json *j)
{
	if (j->comma)
		add(j, ",");
	j->comma = true;
}

static void open_level(struct json *j, const char *opener, char closer)
{
	CHECK(j->depth < JSON_DEPTH_MAX);
	begin_value(j);
	add(j, opener);
	j->closers[j->depth++] = closer;
	j->comma = false;
}

void json_object(struct json *j)
{
	open_level(j, "{", '}');
}

void json_array(struct json *j)
{
	open_level(j, "[", ']');
}

void json_close(struct json *j)
{
	CHECK(j->depth > 0);
	buf_add(&j->text, &j->closers[--j->depth], 1);
	j->comma = true;
}

static void add_escaped(struct json *j, uint8_t c)
{
	char text[8];

	switch (c) {
	case '"':
		add(j, "\\\"");
		break;
	case '\\':
		add(j, "\\\\");
		break;
	case '\n':
		add(j, "\\n");
		break;
	case '\t':
		add(j, "\\t");
		break;
	default:
		if (c >= 0x20 && c < 0x7f) {
			buf_add(&j->text, &c, 1);
			return;
		}
		snprintf(text, sizeof(text), "\\u%s%02x", c < 0x80 ? "00" : "dc", c);
		add(j, text);
	}
}

static void add_quoted(struct json *j, const uint8_t *s, size_t len)
{
	add(j, "\"");
	for (size_t i = 0; i < len;) {
		size_t n = format_utf8_length(s + i, len - i);

		if (n > 1) {
			buf_add(&j->text, s + i, n);
			i += n;
		} else {
			add_escaped(j, s[i++]);
		}
	}
	add(j, "\"");
}

void json_key(struct json *j, const char *key)
{
	begin_value(j);
	add_quoted(j, (const uint8_t *)key, strlen(key));
	add(j, ":");
	j->comma = false;
}

void json_bytes(struct json *j, const void *data, size_t len)
{
	begin_value(j);
	add_quoted(j, data, len);
}

void json_string(struct json *j, const char *s)
{
	json_bytes(j, s, strlen(s));
}

void json_u64(struct json *j, uint64_t v)
{
	char text[24];

	begin_value(j);
	snprintf(text, sizeof(text), "%" PRIu64, v);
	add(j, text);
}

void json_i64(struct json *j, int64_t v)
{
	char text[24];

	begin_value(j);
	snprintf(text, sizeof(text), "%" PRId64, v);
	add(j, text);
}

void json_bool(struct json *j, bool v)
{
	begin_value(j);
	add(j, v ? "true" : "false");
}

void json_null(struct json *j)
{
	begin_value(j);
	add(j, "null");
}

void json_time(struct json *j, int64_t ns)
{
	char text[FORMAT_TIME_BYTES];

	if (ns == 0) {
		json_null(j);
		return;
	}
	format_time(text, ns);
	json_string(j, text);
}

void json_key_string(struct json *j, const char *key, const char *s)
{
	json_key(j, key);
	json_string(j, s);
}

void json_key_u64(struct json *j, const char *key, uint64_t v)
{
	json_key(j, key);
	json_u64(j, v);
}

void json_key_i64(struct json *j, const char *key, int64_t v)
{
	json_key(j, key);
	json_i64(j, v);
}

void json_key_bool(struct json *j, const char *key, bool v)
{
	json_key(j, key);
	json_bool(j, v);
}

void json_key_time(struct json *j, const char *key, int64_t ns)
{
	json_key(j, key);
	json_time(j, ns);
}

void json_print(struct json *j)
{
	CHECK(j->depth == 0);
	add(j, "\n");
	if (buf_error(&j->text) == 0)
		fwrite(j->text.data, 1, j->text.len, stdout);
	fflush(stdout);
	buf_reset(&j->text);
	j->comma = false;
}
