/* SPDX-License-Identifier: Apache-2.0 */
/* What a person can type for a STORE, right and wrong; where credentials and the region come from;
 * how long to wait. */
#include "backend/creds.h"
#include "backend/retry.h"
#include "backend/store.h"
#include "backend/url.h"
#include "tests/lib/test.h"
#include "util/fileio.h"
#include "util/secret.h"

#include <unistd.h>

static char work[64] = "/tmp/amberfs-test-url.XXXXXX";

static void parts(void)
{
	struct url u;

	TEST_MUST(
	    url_parse("S3://bucket.name/a/b%20c%2Fd?endpoint=https%3A%2F%2Fh%3A9000&region=r", &u));
	TEST_CHECK(strcmp(u.scheme, "s3") == 0);
	TEST_CHECK(strcmp(u.host, "bucket.name") == 0 && u.port == 0);
	TEST_CHECK(strcmp(u.path, "/a/b c/d") == 0);
	TEST_CHECK(strcmp(url_param(&u, "endpoint"), "https://h:9000") == 0);
	TEST_CHECK(strcmp(url_param(&u, "region"), "r") == 0);
	TEST_CHECK(!url_param(&u, "other"));
	url_done(&u);
	TEST_MUST(url_parse("https://[::1]:9000", &u));
	TEST_CHECK(strcmp(u.host, "::1") == 0 && u.port == 9000 && u.path[0] == '\0');
	TEST_CHECK(url_is_loopback(&u));
	url_done(&u);
	TEST_MUST(url_parse("s3://b?endpoint=https://h:9000/", &u));
	TEST_CHECK(strcmp(url_param(&u, "endpoint"), "https://h:9000/") == 0);
	TEST_CHECK(strcmp(u.host, "b") == 0);
	url_done(&u);
	TEST_MUST(url_parse("file:///a%3Fb?", &u) == ERR_USAGE ? 0 : -1);
	TEST_MUST(url_parse("file:///a%3Fb", &u));
	TEST_CHECK(strcmp(u.path, "/a?b") == 0 && u.host[0] == '\0');
	url_done(&u);
}

static void bad_urls(void)
{
	static const char *const texts[] = {
	    "",
	    "://",
	    "://host",
	    "s3:/bucket",
	    "3s://bucket",
	    "s 3://bucket",
	    "averyverylongscheme://host",
	    "s3://user@bucket/p",
	    "s3://AKIA:secret@bucket/p",
	    "s3://AKIA:sec/ret@bucket/p#",
	    "s3://bucket/p#fragment",
	    "s3://bucket/%",
	    "s3://bucket/%2",
	    "s3://bucket/%zz",
	    "s3://bucket/%00",
	    "s3://bucket/%0a",
	    "s3://bucket/\n",
	    "s3://bucket/\x7f",
	    "s3://buck et/",
	    "s3://buck%65t/",
	    "s3://b\xc3\xa4/",
	    "s3://bucket?",
	    "s3://bucket?region",
	    "s3://bucket?=x",
	    "s3://bucket?a=1&",
	    "s3://bucket?a=1&&b=2",
	    "s3://bucket?a=1&a=2",
	    "s3://bucket?a=%0",
	    "s3://bucket?a=%0d",
	    "s3://bucket?a=1&b=1&c=1&d=1&e=1&f=1&g=1&h=1&i=1",
	    "https://host:",
	    "https://host:0",
	    "https://host:65536",
	    "https://host:99999999999999999999",
	    "https://host:80a",
	    "https://host:-1",
	    "https://:80",
	    "https://[::1",
	    "https://[]",
	    "https://[::1]x",
	    "https://[host]",
	    "https://a:b:c",
	};
	char longest[URL_MAX + 2];
	struct url u;

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		int r = url_parse(texts[i], &u);

		if (r != ERR_USAGE)
			printf("  taken: %s\n", texts[i]);
		TEST_CHECK(r == ERR_USAGE);
		TEST_CHECK(!strstr(err_note_text(), "secret"));
		if (r == 0)
			url_done(&u);
	}
	memset(longest, 'a', sizeof(longest));
	memcpy(longest, "s3://", 5);
	longest[sizeof(longest) - 1] = '\0';
	TEST_ERR(url_parse(longest, &u), ERR_USAGE);
}

static bool loopback(const char *text)
{
	struct url u;
	bool r;

	TEST_MUST(url_parse(text, &u));
	r = url_is_loopback(&u);
	url_done(&u);
	return r;
}

static void loopback_hosts(void)
{
	TEST_CHECK(loopback("http://localhost"));
	TEST_CHECK(loopback("http://LocalHost:80"));
	TEST_CHECK(loopback("http://127.0.0.1"));
	TEST_CHECK(loopback("http://127.255.0.9:1"));
	TEST_CHECK(loopback("http://[::1]:80"));
	TEST_CHECK(!loopback("http://127.0.0.1.evil.example"));
	TEST_CHECK(!loopback("http://127.evil.example"));
	TEST_CHECK(!loopback("http://localhost.evil.example"));
	TEST_CHECK(!loopback("http://128.0.0.1"));
	TEST_CHECK(!loopback("http://0.0.0.0"));
	TEST_CHECK(!loopback("http://[::2]"));
	TEST_CHECK(!loopback("http://[::ffff:127.0.0.1]"));
	TEST_CHECK(!loopback("http://2130706433"));
}

static void encoding(void)
{
	struct buf b;

	buf_init(&b, 100);
	url_encode(&b, "aZ0-._~/ +%\xc3\xa4", false);
	buf_add(&b, "|", 1);
	url_encode(&b, "a/b c", true);
	TEST_CHECK(b.len == strlen("aZ0-._~%2F%20%2B%25%C3%A4|a/b%20c"));
	TEST_MEM(b.data, "aZ0-._~%2F%20%2B%25%C3%A4|a/b%20c", b.len);
	buf_done(&b);
}

static int open_store(const char *url, bool insecure_http)
{
	const struct store_options options = {.insecure_http = insecure_http};
	struct blob *b = NULL;
	int r = store_open(url, &options, &b);

	blob_free(b);
	return r;
}

static void no_credentials(void)
{
	unsetenv("AWS_ACCESS_KEY_ID");
	unsetenv("AWS_SECRET_ACCESS_KEY");
	unsetenv("AWS_SESSION_TOKEN");
	unsetenv("AWS_PROFILE");
	unsetenv("AWS_REGION");
	unsetenv("AWS_DEFAULT_REGION");
	unsetenv("AWS_SHARED_CREDENTIALS_FILE");
	unsetenv("AWS_CONFIG_FILE");
	setenv("HOME", work, 1);
}

static void some_credentials(void)
{
	no_credentials();
	setenv("AWS_ACCESS_KEY_ID", "id", 1);
	setenv("AWS_SECRET_ACCESS_KEY", "secret", 1);
}

static void good_stores(void)
{
	some_credentials();
	TEST_OK(open_store("s3://bucket", false));
	TEST_OK(open_store("s3://bucket/", false));
	TEST_OK(open_store("s3://bucket/a/b/", false));
	TEST_OK(open_store("s3://bucket.with.dots/p?region=eu-central-1", false));
	TEST_OK(open_store("s3://bucket/p?endpoint=https://host:9000&retries=0", false));
	TEST_OK(open_store("s3://bucket/p?endpoint=https://[::1]:9000/&retries=19", false));
	TEST_OK(open_store("s3://bucket/p?endpoint=http://localhost:9000", true));
	TEST_OK(open_store("s3://bucket/p?endpoint=http://127.0.0.1", true));
}

static void bad_stores(void)
{
	static const char *const urls[] = {
	    "",
	    "s3:bucket",
	    "file:/a",
	    "s3://",
	    "s3:///prefix",
	    "s3://?region=x",
	    "s3://ab",
	    "s3://Bucket",
	    "s3://bucket_x",
	    "s3://-bucket",
	    "s3://bucket-",
	    "s3://buc..ket",
	    "s3://bucket:80/p",
	    "s3://0123456789012345678901234567890123456789012345678901234567890123",
	    "s3://id:secret@bucket/p",
	    "s3://bucket/a//b",
	    "s3://bucket//",
	    "s3://bucket/../b",
	    "s3://bucket/a/.",
	    "s3://bucket?access_key=secret",
	    "s3://bucket?Region=x",
	    "s3://bucket?region=",
	    "s3://bucket?region=US%20EAST",
	    "s3://bucket?region=a/b",
	    "s3://bucket?retries=",
	    "s3://bucket?retries=20",
	    "s3://bucket?retries=-1",
	    "s3://bucket?retries=1x",
	    "s3://bucket?retries=100",
	    "s3://bucket?endpoint=",
	    "s3://bucket?endpoint=host:9000",
	    "s3://bucket?endpoint=ftp://host",
	    "s3://bucket?endpoint=https://",
	    "s3://bucket?endpoint=https://id:secret@host",
	    "s3://bucket?endpoint=https://host/path",
	    "s3://bucket?endpoint=https://host%3Fa=b",
	    "s3://bucket?endpoint=http://host:9000",
	    "s3://bucket?endpoint=http://127.0.0.1.evil.example",
	    "file://host/a",
	    "file://",
	    "file:///a?create=1",
	    "http://host/a",
	    "https://host/a",
	    "azurite://x/y",
	};

	some_credentials();
	for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++) {
		/* what is refused stays so with the option */
		int r = open_store(urls[i], true);

		if (r != ERR_USAGE)
			printf("  %s: %s\n", urls[i], err_name(r));
		TEST_CHECK(r == ERR_USAGE);
		TEST_CHECK(!strstr(err_note_text(), "secret"));
	}
	TEST_ERR(open_store("s3://bucket?endpoint=http://localhost:9000", false), ERR_USAGE);
	TEST_CHECK(strstr(err_note_text(), "--insecure-http"));
}

static void folders(void)
{
	const struct store_options create = {.create = true};
	struct blob *b = NULL;
	char path[256];
	char *shown;

	snprintf(path, sizeof(path), "%s/none", work);
	TEST_ERR(open_store(path, false), ERR_NOTVOLUME);
	snprintf(path, sizeof(path), "file://%s/new%%20one/below", work);
	TEST_ERR(open_store(path, false), ERR_NOTVOLUME);
	TEST_OK(store_open(path, &create, &b));
	TEST_OK(blob_put_new(b, "a/b", "x", 1));
	blob_free(b);
	TEST_OK(open_store(path, false));
	shown = store_display(path);
	snprintf(path, sizeof(path), "%s/new one/below", work);
	TEST_CHECK(shown && strcmp(shown, path) == 0);
	free(shown);
	snprintf(path, sizeof(path), "%s/new one/below/a/b", work);
	TEST_ERR(open_store(path, false), ERR_NOTVOLUME);
	TEST_ERR(store_open(path, &create, &b), ERR_NOTVOLUME);
	TEST_MUST(chdir(work));
	shown = store_display("new one/below");
	snprintf(path, sizeof(path), "%s/new one/below", work);
	TEST_CHECK(shown && strcmp(shown, path) == 0);
	free(shown);
	TEST_OK(open_store("new one/below/", false));
	shown = store_display("s3://bucket/p?region=x");
	TEST_CHECK(shown && strcmp(shown, "s3://bucket/p?region=x") == 0);
	free(shown);
	shown = store_display("s3://id:secret@bucket/p");
	TEST_CHECK(shown && !strstr(shown, "secret"));
	free(shown);
}

static void write_file(const char *name, const char *text)
{
	char path[256];
	struct file *f;

	snprintf(path, sizeof(path), "%s/%s", work, name);
	TEST_MUST(file_open(fileio_system(), path, FILE_WRITE | FILE_CREATE | FILE_TRUNC, &f));
	TEST_MUST(file_pwrite(f, text, strlen(text), 0));
	file_close(f);
}

static void expect_creds(const char *access_key, const char *secret_key, const char *token)
{
	struct creds c = {.access_key = NULL};

	TEST_OK(creds_load(fileio_system(), &c));
	if (!c.access_key)
		return;
	TEST_CHECK(strcmp(c.access_key, access_key) == 0);
	TEST_CHECK(strcmp(c.secret_key, secret_key) == 0);
	TEST_CHECK(token ? c.session_token && strcmp(c.session_token, token) == 0
	                 : c.session_token == NULL);
	creds_done(&c);
}

static void credentials(void)
{
	struct creds c;
	char path[256];

	no_credentials();
	TEST_ERR(creds_load(fileio_system(), &c), ERR_DENIED);
	TEST_CHECK(strstr(err_note_text(), "AWS_ACCESS_KEY_ID"));
	TEST_ERR(open_store("s3://bucket", false), ERR_DENIED);
	setenv("AWS_ACCESS_KEY_ID", "env-id", 1);
	TEST_ERR(creds_load(fileio_system(), &c), ERR_DENIED);
	TEST_CHECK(strstr(err_note_text(), "AWS_SECRET_ACCESS_KEY"));
	setenv("AWS_SECRET_ACCESS_KEY", "env-secret", 1);
	expect_creds("env-id", "env-secret", NULL);
	setenv("AWS_SESSION_TOKEN", "env-token", 1);
	expect_creds("env-id", "env-secret", "env-token");
	setenv("AWS_SECRET_ACCESS_KEY", "a\r\nHost: b", 1);
	TEST_ERR(creds_load(fileio_system(), &c), ERR_DENIED);
	no_credentials();
	snprintf(path, sizeof(path), "%s/.aws", work);
	TEST_MUST(fileio_mkdir(fileio_system(), path));
	write_file(".aws/credentials", "# comment\n; another = one\naws_access_key_id = outside\n"
	                               "[default]\naws_access_key_id=file-id\r\n"
	                               "aws_secret_access_key =\tfile/secret+=  \n"
	                               "[other]\naws_access_key_id = other-id\n"
	                               "aws_secret_access_key = other-secret\n"
	                               "aws_session_token = other-token");
	expect_creds("file-id", "file/secret+=", NULL);
	setenv("AWS_PROFILE", "other", 1);
	expect_creds("other-id", "other-secret", "other-token");
	setenv("AWS_PROFILE", "none", 1);
	TEST_ERR(creds_load(fileio_system(), &c), ERR_DENIED);
	TEST_CHECK(strstr(err_note_text(), "\"none\""));
}

static void expect_region(const char *want)
{
	char region[CREDS_REGION_SIZE] = "";

	TEST_OK(creds_region(fileio_system(), region));
	TEST_CHECK(strcmp(region, want) == 0);
}

static void regions(void)
{
	char region[CREDS_REGION_SIZE];

	no_credentials();
	expect_region("us-east-1");
	write_file(".aws/config",
	           "[default]\nregion = eu-west-3\n"
	           "s3 =\n  region = nested-1\n"
	           "[profile other]\nregion=ap-south-1\n[profile bad]\nregion=../x\n");
	expect_region("eu-west-3");
	setenv("AWS_PROFILE", "other", 1);
	expect_region("ap-south-1");
	setenv("AWS_PROFILE", "bad", 1);
	TEST_ERR(creds_region(fileio_system(), region), ERR_USAGE);
	setenv("AWS_DEFAULT_REGION", "us-west-1", 1);
	expect_region("us-west-1");
	setenv("AWS_REGION", "us-west-2", 1);
	expect_region("us-west-2");
	no_credentials();
}

static void delays(void)
{
	TEST_CHECK(retry_delay_ms(1, 0, 0) == RETRY_FIRST_MS / 2);
	TEST_CHECK(retry_delay_ms(1, 0, RETRY_FIRST_MS / 2) == RETRY_FIRST_MS);
	TEST_CHECK(retry_delay_ms(2, 0, 0) == RETRY_FIRST_MS);
	TEST_CHECK(retry_delay_ms(1000000, 0, 0) == RETRY_LONGEST_MS / 2);
	for (uint64_t i = 0; i < 10000; i++) {
		int64_t ms = retry_delay_ms(3, 0, i * 0x9e3779b97f4a7c15u);

		TEST_CHECK(ms >= RETRY_FIRST_MS * 2 && ms <= RETRY_FIRST_MS * 4);
	}
	TEST_CHECK(retry_delay_ms(1, 3, 0) == 3000);
	TEST_CHECK(retry_delay_ms(1, INT64_MAX, 0) == RETRY_AFTER_MAX_MS);
	TEST_CHECK(retry_delay_ms(1, -5, 0) == RETRY_FIRST_MS / 2);
}

int main(void)
{
	char command[128];

	TEST_MUST(secret_setup());
	if (!mkdtemp(work))
		return 1;
	TEST_RUN(parts);
	TEST_RUN(bad_urls);
	TEST_RUN(loopback_hosts);
	TEST_RUN(encoding);
	TEST_RUN(good_stores);
	TEST_RUN(bad_stores);
	TEST_RUN(folders);
	TEST_RUN(credentials);
	TEST_RUN(regions);
	TEST_RUN(delays);
	snprintf(command, sizeof(command), "rm -rf '%s'", work);
	return system(command) == 0 ? test_done() : 1;
}
