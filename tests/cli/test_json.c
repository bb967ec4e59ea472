/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/lib/test.h"

#include "cli/json.h"

/* What the writer made of one value. */
static const char *text_of(struct json *j)
{
	buf_add(&j->text, "", 1);
	TEST_OK(buf_error(&j->text));
	return (const char *)j->text.data;
}

static void expect_bytes(const char *bytes, size_t len, const char *want)
{
	struct json j;

	json_init(&j);
	json_bytes(&j, bytes, len);
	if (strcmp(text_of(&j), want) != 0)
		printf("  got %s, want %s\n", (const char *)j.text.data, want);
	TEST_CHECK(strcmp((const char *)j.text.data, want) == 0);
	json_done(&j);
}

#define BYTES(s, want) expect_bytes(s, sizeof(s) - 1, want)

static void escapes(void)
{
	BYTES("", "\"\"");
	BYTES("plain", "\"plain\"");
	BYTES("a\"b\\c/", "\"a\\\"b\\\\c/\"");
	BYTES("\n\t\r\x01\x7f", "\"\\n\\t\\u000d\\u0001\\u007f\"");
	BYTES("a\0b", "\"a\\u0000b\"");
}

static void valid_utf8_stays(void)
{
	BYTES("gr\xc3\xbc\xc3\x9f", "\"gr\xc3\xbc\xc3\x9f\"");
	BYTES("\xe2\x82\xac", "\"\xe2\x82\xac\"");
	BYTES("\xf0\x9f\x90\x9d", "\"\xf0\x9f\x90\x9d\"");
	BYTES("\xf4\x8f\xbf\xbf", "\"\xf4\x8f\xbf\xbf\"");
}

static void other_bytes_become_surrogates(void)
{
	BYTES("\xff", "\"\\udcff\"");
	BYTES("a\x80z", "\"a\\udc80z\"");
	BYTES("\xc3", "\"\\udcc3\"");
	/* overlong, a surrogate, above U+10FFFF, cut short */
	BYTES("\xc0\xaf", "\"\\udcc0\\udcaf\"");
	BYTES("\xed\xa0\x80", "\"\\udced\\udca0\\udc80\"");
	BYTES("\xf4\x90\x80\x80", "\"\\udcf4\\udc90\\udc80\\udc80\"");
	BYTES("\xe2\x82", "\"\\udce2\\udc82\"");
}

static void structure(void)
{
	struct json j;

	json_init(&j);
	json_object(&j);
	json_key_string(&j, "a", "x");
	json_key(&j, "b");
	json_array(&j);
	json_u64(&j, UINT64_MAX);
	json_i64(&j, INT64_MIN);
	json_bool(&j, true);
	json_null(&j);
	json_object(&j);
	json_close(&j);
	json_close(&j);
	json_key_bool(&j, "c", false);
	json_key_time(&j, "d", 0);
	json_close(&j);
	TEST_CHECK(strcmp(text_of(&j),
	                  "{\"a\":\"x\",\"b\":[18446744073709551615,-9223372036854775808,"
	                  "true,null,{}],\"c\":false,\"d\":null}") == 0);
	json_done(&j);
}

int main(void)
{
	TEST_RUN(escapes);
	TEST_RUN(valid_utf8_stays);
	TEST_RUN(other_bytes_become_surrogates);
	TEST_RUN(structure);
	return test_done();
}
