/* SPDX-License-Identifier: Apache-2.0 */
/* Listings and errors as S3 writes them, and as nobody should. */
#include "backend/xml.h"
#include "tests/lib/test.h"
#include "util/buf.h"

#define HEAD "<?xml version=\"1.0\" encoding=\"UTF-8\"?>"
#define ROOT "<ListBucketResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">"
#define TAIL "</ListBucketResult>"
#define ONE "<Contents><Key>a</Key><Size>1</Size></Contents>"

static struct xml_list list;

static int read_list(const char *text)
{
	return xml_read_list(text, strlen(text), &list);
}

static void good_list(void)
{
	TEST_OK(read_list(
	    HEAD ROOT
	    "<Name>b</Name><Prefix>p</Prefix><MaxKeys>1000</MaxKeys><KeyCount>2</KeyCount>"
	    "<EncodingType>url</EncodingType><IsTruncated>true</IsTruncated>"
	    "<Contents><Key>p/a%2Fb%20c</Key><LastModified>x</LastModified><ETag>&quot;e&quot;</"
	    "ETag>"
	    "<Size>123456789012</Size><Owner><ID>i</ID><DisplayName>d</DisplayName></Owner></"
	    "Contents>"
	    "<Contents><Size>0</Size><Key>p/z&amp;</Key></Contents>"
	    "<NextContinuationToken>t==</NextContinuationToken>" TAIL));
	TEST_CHECK(list.count == 2 && list.truncated && strcmp(list.token, "t==") == 0);
	TEST_CHECK(strcmp(list.keys[0].key, "p/a/b c") == 0);
	TEST_CHECK(list.keys[0].size_bytes == 123456789012);
	TEST_CHECK(strcmp(list.keys[1].key, "p/z&") == 0 && list.keys[1].size_bytes == 0);
	xml_list_done(&list);
}

static void plain_list(void)
{
	TEST_OK(read_list(ROOT TAIL));
	TEST_CHECK(list.count == 0 && !list.truncated && !list.token);
	TEST_OK(
	    read_list("<ListBucketResult><Contents><Key>100%</Key><Size>1</Size></Contents>" TAIL));
	TEST_CHECK(list.count == 1 && strcmp(list.keys[0].key, "100%") == 0);
	xml_list_done(&list);
}

/* Keys of others that are no names of ours are not worth an error. */
static void foreign_keys(void)
{
	TEST_OK(read_list(ROOT "<Contents><Key>bad%00</Key><Size>1</Size></Contents>"
	                       "<Contents><Key>bad%zz</Key><Size>1</Size></Contents>"
	                       "<Contents><Key>cut%2</Key><Size>1</Size></Contents>" ONE
	                       "<EncodingType>url</EncodingType>" TAIL));
	TEST_CHECK(list.count == 1 && strcmp(list.keys[0].key, "a") == 0);
	xml_list_done(&list);
}

static void broken_lists(void)
{
	static const char *const texts[] = {
	    "",
	    " ",
	    "not xml",
	    "{\"json\": true}",
	    "<html><body>hello</body></html>",
	    "<Error><Code>NoSuchBucket</Code></Error>",
	    "<ListBucketResults/>",
	    "<ListBucketResultX></ListBucketResultX>",
	    ROOT,
	    ROOT ONE,
	    ROOT "<Contents>" TAIL,
	    ROOT ONE "</Listing>",
	    ROOT TAIL ROOT TAIL,
	    ROOT "<Contents><Key>a</Key></Contents>" TAIL,
	    ROOT "<Contents><Size>1</Size></Contents>" TAIL,
	    ROOT "<Contents><Key>a</Key><Size></Size></Contents>" TAIL,
	    ROOT "<Contents><Key>a</Key><Size>-1</Size></Contents>" TAIL,
	    ROOT "<Contents><Key>a</Key><Size>1e3</Size></Contents>" TAIL,
	    ROOT "<Contents><Key>a</Key><Size>99999999999999999999</Size></Contents>" TAIL,
	    ROOT ONE "<Contents><Key>b</Key></Contents>" TAIL,
	    ROOT "<IsTruncated>true</IsTruncated>" TAIL,
	    ROOT "<Contents><Key>\x01</Key><Size>1</Size></Contents>" TAIL,
	    ROOT "<Contents><Key>\xff\xfe</Key><Size>1</Size></Contents>" TAIL,
	    ROOT "<Contents><Key>&nothing;</Key><Size>1</Size></Contents>" TAIL,
	    ROOT "<a><b><c><d><e><f><g><h><i/></h></g></f></e></d></c></b></a>" TAIL,
	};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		err_note_clear();
		TEST_ERR(read_list(texts[i]), ERR_CORRUPT);
		TEST_CHECK(err_note_text()[0] != '\0');
	}
	TEST_ERR(xml_read_list("<a\0b/>", 6, &list), ERR_CORRUPT);
}

static void entities(void)
{
	struct buf bomb;

	TEST_ERR(read_list("<!DOCTYPE ListBucketResult>" ROOT TAIL), ERR_CORRUPT);
	TEST_ERR(read_list("<!DOCTYPE x [<!ENTITY a \"aaaa\">]>" ROOT
	                   "<Contents><Key>&a;</Key><Size>1</Size></Contents>" TAIL),
	         ERR_CORRUPT);
	TEST_ERR(read_list("<!DOCTYPE x SYSTEM \"file:///etc/passwd\">" ROOT TAIL), ERR_CORRUPT);
	TEST_ERR(read_list("<!DOCTYPE x [<!ENTITY a SYSTEM \"file:///etc/passwd\">]>" ROOT
	                   "<Contents><Key>&a;</Key><Size>1</Size></Contents>" TAIL),
	         ERR_CORRUPT);
	/* the billion laughs */
	buf_init(&bomb, 65536);
	buf_add(&bomb, "<!DOCTYPE l [<!ENTITY l0 \"ha\">", 30);
	for (int i = 1; i < 30; i++) {
		char line[128];
		int n = snprintf(line, sizeof(line), "<!ENTITY l%d \"&l%d;&l%d;&l%d;&l%d;\">", i,
		                 i - 1, i - 1, i - 1, i - 1);

		buf_add(&bomb, line, (size_t)n);
	}
	buf_add(&bomb, "]>" ROOT "<Name>&l29;</Name>" TAIL,
	        strlen("]>" ROOT "<Name>&l29;</Name>" TAIL));
	TEST_ERR(xml_read_list(bomb.data, bomb.len, &list), ERR_CORRUPT);
	TEST_CHECK(strstr(err_note_text(), "document type"));
	buf_done(&bomb);
}

static void add(struct buf *b, const char *text)
{
	buf_add(b, text, strlen(text));
}

static void limits(void)
{
	struct xml_error error;
	struct buf b;

	buf_init(&b, XML_BODY_MAX * 2);
	add(&b, ROOT "<Contents><Key>");
	for (int i = 0; i < XML_TEXT_MAX; i++)
		add(&b, "k");
	add(&b, "</Key><Size>1</Size></Contents>" TAIL);
	TEST_OK(xml_read_list(b.data, b.len, &list));
	xml_list_done(&list);
	buf_reset(&b);
	add(&b, ROOT "<Contents><Key>");
	for (int i = 0; i <= XML_TEXT_MAX; i++)
		add(&b, "k");
	add(&b, "</Key><Size>1</Size></Contents>" TAIL);
	TEST_ERR(xml_read_list(b.data, b.len, &list), ERR_CORRUPT);
	buf_reset(&b);
	add(&b, ROOT);
	for (int i = 0; i < XML_KEYS_MAX; i++)
		add(&b, ONE);
	add(&b, TAIL);
	TEST_OK(xml_read_list(b.data, b.len, &list));
	TEST_CHECK(list.count == XML_KEYS_MAX);
	xml_list_done(&list);
	b.len -= strlen(TAIL);
	add(&b, ONE TAIL);
	TEST_ERR(xml_read_list(b.data, b.len, &list), ERR_CORRUPT);
	buf_reset(&b);
	for (int i = 0; i < 100000; i++)
		add(&b, "<a>");
	TEST_ERR(xml_read_list(b.data, b.len, &list), ERR_CORRUPT);
	xml_read_error(b.data, b.len, &error);
	TEST_CHECK(error.code[0] == '\0');
	buf_reset(&b);
	buf_extend(&b, XML_BODY_MAX + 1);
	memset(b.data, ' ', b.len);
	TEST_ERR(xml_read_list(b.data, b.len, &list), ERR_CORRUPT);
	buf_done(&b);
}

static void expect_error(const char *text, const char *code, const char *message)
{
	struct xml_error error;

	xml_read_error(text, strlen(text), &error);
	TEST_CHECK(strcmp(error.code, code) == 0);
	TEST_CHECK(strcmp(error.message, message) == 0);
}

static void errors(void)
{
	expect_error(HEAD "<Error><Code>NoSuchKey</Code><Message>It is not there.</Message>"
	                  "<RequestId>1</RequestId></Error>",
	             "NoSuchKey", "It is not there.");
	expect_error("<Error><Code>SlowDown</Code></Error>", "SlowDown", "");
	expect_error("<Error><Code>CutOff</Code><Mess", "CutOff", "");
	expect_error("<Error><Code>A&#27;[31m</Code></Error>", "", "");
	expect_error("<Error><Code>A&#xe4;</Code></Error>", "A??", "");
	expect_error("<Error><Code>\xc3\xa4\xc2\x9b\n</Code></Error>", "?????", "");
	expect_error("<Other><Code>NoSuchKey</Code></Other>", "", "");
	expect_error("<Error><Deep><Code>NoSuchKey</Code></Deep></Error>", "", "");
	expect_error("<!DOCTYPE Error><Error><Code>NoSuchKey</Code></Error>", "", "");
	expect_error("<html>Bad gateway</html>", "", "");
	expect_error("", "", "");
	expect_error("<Error><Code>"
	             "0123456789012345678901234567890123456789012345678901234567890123456789"
	             "</Code></Error>",
	             "012345678901234567890123456789012345678901234567890123456789012", "");
}

int main(void)
{
	TEST_RUN(good_list);
	TEST_RUN(plain_list);
	TEST_RUN(foreign_keys);
	TEST_RUN(broken_lists);
	TEST_RUN(entities);
	TEST_RUN(limits);
	TEST_RUN(errors);
	return test_done();
}
