/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What S3 makes of answers that a real server gives rarely or never: a server of a few lines on
 * loopback says, connection by connection, what the test put down, and keeps what it was asked. The
 * conformance test has the well-behaved server.
 */
#include "backend/s3.h"
#include "tests/lib/test.h"
#include "util/clock.h"
#include "util/secret.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <unistd.h>

#define ANSWERS_MAX 8
#define OK_EMPTY "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
#define XML_ERROR(status, code)                                \
	"HTTP/1.1 " status " Status\r\n\r\n<Error><Code>" code \
	"</Code><Message>Words.</Message></Error>"

static struct {
	int fd;
	unsigned port;
	const char *answers[ANSWERS_MAX]; /* the last one is said again and again */
	atomic_uint asked;
	char request[8192]; /* the last one */
} server;

static struct blob *store;
static struct buf out;

/* Read a request up to its end: headers, and as much body as they announce. */
static void read_request(int fd)
{
	size_t len = 0;
	size_t want = SIZE_MAX;

	while (len < want && len < sizeof(server.request) - 1) {
		ssize_t n = read(fd, server.request + len, sizeof(server.request) - 1 - len);
		const char *body;
		const char *announced;

		if (n <= 0)
			break;
		len += (size_t)n;
		server.request[len] = '\0';
		/* TLS: no end of headers will come */
		if (server.request[0] == 0x16)
			break;
		body = strstr(server.request, "\r\n\r\n");
		announced = strstr(server.request, "Content-Length: ");
		if (body)
			want = (size_t)(body + 4 - server.request) +
			       (announced ? strtoul(announced + 16, NULL, 10) : 0);
	}
}

static void *serve(void *ctx)
{
	(void)ctx;
	for (;;) {
		int fd = accept(server.fd, NULL, NULL);
		const char *words = "";
		unsigned n;

		if (fd < 0)
			return NULL;
		read_request(fd);
		n = atomic_fetch_add(&server.asked, 1);
		for (unsigned i = 0; i <= n && i < ANSWERS_MAX && server.answers[i]; i++)
			words = server.answers[i];
		if (write(fd, words, strlen(words)) < 0)
			perror("write");
		shutdown(fd, SHUT_WR);
		close(fd);
	}
}

static int listen_somewhere(unsigned *ret_port)
{
	struct sockaddr_in address = {.sin_family = AF_INET};
	socklen_t len = sizeof(address);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	TEST_MUST(bind(fd, (struct sockaddr *)&address, len));
	TEST_MUST(listen(fd, 64));
	TEST_MUST(getsockname(fd, (struct sockaddr *)&address, &len));
	*ret_port = ntohs(address.sin_port);
	return fd;
}

static struct blob *open_port(const char *scheme, unsigned port, unsigned tries)
{
	struct blob *b = NULL;
	char endpoint[64];

	snprintf(endpoint, sizeof(endpoint), "%s://127.0.0.1:%u", scheme, port);
	TEST_MUST(s3_open(
	    &(struct s3_config){
	        .endpoint = endpoint,
	        .region = "us-east-1",
	        .bucket = "bucket",
	        .prefix = "pre fix",
	        .access_key = "the-id",
	        .secret_key = "the-secret",
	        .session_token = "the-token",
	        .tries = tries,
	    },
	    &b));
	return b;
}

/* From now on the server says these, one a request. */
static void answer(const char *first, const char *second)
{
	memset(server.answers, 0, sizeof(server.answers));
	server.answers[0] = first;
	server.answers[1] = second;
	atomic_store(&server.asked, 0);
	buf_reset(&out);
	err_note_clear();
}

static bool out_is(const char *want)
{
	return out.len == strlen(want) && memcmp(out.data, want, out.len) == 0;
}

static void what_is_sent(void)
{
	answer(OK_EMPTY, NULL);
	TEST_OK(blob_put_new(store, "a/b", "body", 4));
	TEST_CHECK(strncmp(server.request, "PUT /bucket/pre%20fix/a/b HTTP/1.1\r\n", 36) == 0);
	TEST_CHECK(strstr(server.request, "\r\nif-none-match: *\r\n"));
	TEST_CHECK(strstr(server.request, "\r\nx-amz-security-token: the-token\r\n"));
	TEST_CHECK(strstr(server.request, "Credential=the-id/"));
	TEST_CHECK(strstr(server.request, "\r\n\r\nbody"));
	TEST_CHECK(!strstr(server.request, "the-secret"));
	answer(OK_EMPTY, NULL);
	TEST_OK(blob_put(store, "a", "", 0));
	TEST_CHECK(!strstr(server.request, "if-none-match"));
	TEST_CHECK(strstr(server.request, "\r\nContent-Length: 0\r\n"));
	answer("HTTP/1.1 204 No Content\r\n\r\n", NULL);
	TEST_OK(blob_remove(store, "a"));
	TEST_CHECK(strncmp(server.request, "DELETE /bucket/pre%20fix/a ", 27) == 0);
}

static void ranges(void)
{
	answer("HTTP/1.1 206 Partial\r\nContent-Length: 3\r\n\r\n234", NULL);
	TEST_OK(blob_get(store, "a", 2, 3, &out));
	TEST_CHECK(out_is("234"));
	TEST_CHECK(strstr(server.request, "\r\nrange: bytes=2-4\r\n"));
	answer("HTTP/1.1 416 Range\r\n\r\n<Error><Code>InvalidRange</Code></Error>", NULL);
	TEST_OK(blob_get(store, "a", 2, 3, &out));
	TEST_CHECK(out_is(""));
	/* servers that know no ranges */
	answer("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n0123456789", NULL);
	TEST_OK(blob_get(store, "a", 2, 3, &out));
	TEST_CHECK(out_is("234"));
	buf_reset(&out);
	TEST_OK(blob_get(store, "a", 8, 30, &out));
	TEST_CHECK(out_is("89"));
	buf_reset(&out);
	TEST_OK(blob_get(store, "a", 10, 1, &out));
	TEST_OK(blob_get(store, "a", 1000, 1, &out));
	TEST_OK(blob_get(store, "a", 0, 0, &out));
	TEST_CHECK(out_is(""));
	/* servers that send more than was asked for */
	answer("HTTP/1.1 206 Partial\r\nContent-Length: 4\r\n\r\n2345", NULL);
	TEST_ERR(blob_get(store, "a", 2, 3, &out), ERR_UNAVAILABLE);
	TEST_CHECK(out_is(""));
}

static void short_bodies(void)
{
	static const char cut[] = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n01234";
	static const char whole[] = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n0123456789";
	static const char chunks[] =
	    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n01234\r\n";

	answer(cut, whole);
	buf_add(&out, "kept", 4);
	TEST_OK(blob_get(store, "a", 0, SIZE_MAX, &out));
	TEST_CHECK(out_is("kept0123456789") && server.asked == 2);
	answer(cut, NULL);
	buf_add(&out, "kept", 4);
	TEST_ERR(blob_get(store, "a", 0, SIZE_MAX, &out), ERR_UNAVAILABLE);
	TEST_CHECK(out_is("kept") && server.asked == 2);
	answer(chunks, NULL);
	TEST_ERR(blob_get(store, "a", 0, SIZE_MAX, &out), ERR_UNAVAILABLE);
	TEST_CHECK(out_is(""));
	answer("HTTP/1.1 200 OK\r\nContent-Length: 134217729\r\n\r\n", NULL);
	TEST_ERR(blob_get(store, "a", 0, SIZE_MAX, &out), ERR_UNAVAILABLE);
}

static void tried_again(void)
{
	static const char *const statuses[] = {"500", "502", "503", "504", "429", "408"};
	char texts[6][128];

	for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++) {
		char *text = texts[i];

		snprintf(text, sizeof(texts[i]), XML_ERROR("%s", "SlowDown"), statuses[i]);
		answer(text, OK_EMPTY);
		TEST_OK(blob_put(store, "a", "x", 1));
		TEST_CHECK(server.asked == 2);
		answer(text, NULL);
		TEST_ERR(blob_put(store, "a", "x", 1), ERR_UNAVAILABLE);
		TEST_CHECK(server.asked == 2);
		TEST_CHECK(strstr(err_note_text(), "SlowDown: Words."));
	}
	answer(XML_ERROR("400", "RequestTimeout"), OK_EMPTY);
	TEST_OK(blob_put(store, "a", "x", 1));
	answer("", OK_EMPTY);
	TEST_OK(blob_put(store, "a", "x", 1));
	answer("SSH-2.0-OpenSSH\r\n", NULL);
	TEST_ERR(blob_put(store, "a", "x", 1), ERR_UNAVAILABLE);
	TEST_CHECK(strncmp(err_note_text(), "a: ", 3) == 0);
}

static void retry_after(void)
{
	const struct clock *clock = clock_system();
	int64_t before_ns = clock_mono_ns(clock);

	answer("HTTP/1.1 503 Busy\r\nRetry-After: 1\r\n\r\n", OK_EMPTY);
	TEST_OK(blob_put(store, "a", "x", 1));
	TEST_CHECK(clock_mono_ns(clock) - before_ns >= 1000000000);
}

static void new_only(void)
{
	answer(XML_ERROR("412", "PreconditionFailed"), NULL);
	TEST_ERR(blob_put_new(store, "a", "x", 1), ERR_EXIST);
	answer(XML_ERROR("409", "BlobAlreadyExists"), NULL);
	TEST_ERR(blob_put_new(store, "a", "x", 1), ERR_EXIST);
	TEST_CHECK(server.asked == 1);
	answer(XML_ERROR("409", "ConditionalRequestConflict"), OK_EMPTY);
	TEST_OK(blob_put_new(store, "a", "x", 1));
	TEST_CHECK(server.asked == 2);
	answer(XML_ERROR("501", "NotImplemented"), NULL);
	TEST_ERR(blob_put_new(store, "a", "x", 1), ERR_NOTSUP);
	TEST_CHECK(server.asked == 1);
}

static void refused(void)
{
	static const struct {
		const char *text;
		int code;
		const char *note;
	} cases[] = {
	    {XML_ERROR("403", "SignatureDoesNotMatch"), ERR_DENIED, "SignatureDoesNotMatch"},
	    {XML_ERROR("403", "RequestTimeTooSkewed"), ERR_DENIED, "RequestTimeTooSkewed: Words."},
	    {XML_ERROR("400", "ExpiredToken"), ERR_DENIED, "ExpiredToken"},
	    {"HTTP/1.1 401 Unauthorized\r\n\r\n", ERR_DENIED, "HTTP 401"},
	    {"HTTP/1.1 403 Forbidden\r\n\r\n<html>no</html>", ERR_DENIED, "HTTP 403"},
	    {XML_ERROR("403", "QuotaExceeded"), ERR_FULL, "QuotaExceeded"},
	    {XML_ERROR("507", "XMinioStorageFull"), ERR_FULL, "XMinioStorageFull"},
	    {"HTTP/1.1 507 Insufficient Storage\r\n\r\n", ERR_FULL, "507"},
	    {XML_ERROR("404", "NoSuchBucket"), ERR_NOTVOLUME, "create it"},
	    {XML_ERROR("301", "PermanentRedirect"), ERR_NOTVOLUME, "region="},
	    {"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\n\r\n", ERR_UNAVAILABLE, "302"},
	    {XML_ERROR("413", "EntityTooLarge"), ERR_FBIG, "EntityTooLarge"},
	    {XML_ERROR("418", "Teapot"), ERR_UNAVAILABLE, "Teapot"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		answer(cases[i].text, NULL);
		TEST_ERR(blob_put(store, "a", "x", 1), cases[i].code);
		TEST_CHECK(server.asked == 1);
		if (!strstr(err_note_text(), cases[i].note))
			printf("  %s\n", err_note_text());
		TEST_CHECK(strstr(err_note_text(), cases[i].note));
	}
	answer(XML_ERROR("404", "NoSuchKey"), NULL);
	TEST_ERR(blob_get(store, "a", 0, SIZE_MAX, &out), ERR_MISSING);
	TEST_CHECK(out_is(""));
	TEST_OK(blob_remove(store, "a"));
}

static int add_name(void *ctx, const struct blob_info *info)
{
	struct buf *names = ctx;

	buf_add(names, info->name, strlen(info->name));
	buf_add(names, " ", 1);
	return 0;
}

#define PAGE(more, keys)                                                                      \
	"HTTP/1.1 200 OK\r\n\r\n<ListBucketResult><EncodingType>url</EncodingType>" more keys \
	"</ListBucketResult>"
#define MORE "<IsTruncated>true</IsTruncated><NextContinuationToken>t/+=</NextContinuationToken>"
#define KEY(name) "<Contents><Key>" name "</Key><Size>1</Size></Contents>"

static void listings(void)
{
	answer(PAGE(MORE, KEY("other/x") KEY("pre%20fix/a") KEY("pre%20fix/a/.b")),
	       PAGE("", KEY("pre%20fix/b%2Fc") KEY("pre%20fix/z%0a")));
	TEST_OK(blob_list(store, "", NULL, add_name, &out));
	TEST_CHECK(out_is("a b/c "));
	TEST_CHECK(strstr(server.request,
	                  "GET /bucket/?continuation-token=t%2F%2B%3D&encoding-type=url"
	                  "&list-type=2&max-keys=1000&prefix=pre%20fix%2F HTTP"));
	/* a server that heeds neither prefix nor start-after */
	answer(
	    PAGE("", KEY("pre%20fix/a") KEY("pre%20fix/b1") KEY("pre%20fix/b2") KEY("pre%20fix/c")),
	    NULL);
	TEST_OK(blob_list(store, "b", "b1", add_name, &out));
	TEST_CHECK(out_is("b2 "));
	TEST_CHECK(strstr(server.request, "&prefix=pre%20fix%2Fb&start-after=pre%20fix%2Fb1 HTTP"));
	answer(PAGE("", ""), NULL);
	TEST_OK(blob_list(store, "b", NULL, add_name, &out));
	TEST_CHECK(out_is(""));
}

static void bad_listings(void)
{
	answer(PAGE("", KEY("pre%20fix/b") KEY("pre%20fix/a")), NULL);
	TEST_ERR(blob_list(store, "", NULL, add_name, &out), ERR_CORRUPT);
	answer(PAGE("", KEY("pre%20fix/a") KEY("pre%20fix/a")), NULL);
	TEST_ERR(blob_list(store, "", NULL, add_name, &out), ERR_CORRUPT);
	/* for ever the same page, and for ever none */
	answer(PAGE(MORE, KEY("pre%20fix/a")), NULL);
	TEST_ERR(blob_list(store, "", NULL, add_name, &out), ERR_CORRUPT);
	TEST_CHECK(server.asked == 2);
	answer(PAGE(MORE, ""), NULL);
	TEST_ERR(blob_list(store, "", NULL, add_name, &out), ERR_CORRUPT);
	answer("HTTP/1.1 200 OK\r\n\r\n<html>log in</html>", NULL);
	TEST_ERR(blob_list(store, "", NULL, add_name, &out), ERR_CORRUPT);
	answer("HTTP/1.1 200 OK\r\nContent-Length: 9000000\r\n\r\n<a>", NULL);
	TEST_ERR(blob_list(store, "", NULL, add_name, &out), ERR_UNAVAILABLE);
	answer("HTTP/1.1 404 Not Found\r\n\r\n", NULL);
	TEST_ERR(blob_list(store, "", NULL, add_name, &out), ERR_NOTVOLUME);
}

static void not_tls(void)
{
	struct blob *b = open_port("https", server.port, 1);

	answer(OK_EMPTY, NULL);
	TEST_ERR(blob_put(b, "a", "x", 1), ERR_UNAVAILABLE);
	TEST_CHECK(!strstr(server.request, "PUT"));
	blob_free(b);
}

static void addresses(void)
{
	static const char *const endpoints[] = {
	    "http://192.0.2.1",       "http://example.com", "ftp://127.0.0.1",  "127.0.0.1",
	    "https://127.0.0.1/path", "https://",           "https://a:b@host",
	};
	struct blob *b = NULL;

	for (size_t i = 0; i < sizeof(endpoints) / sizeof(endpoints[0]); i++)
		TEST_ERR(s3_open(
		             &(struct s3_config){
		                 .endpoint = endpoints[i],
		                 .region = "r",
		                 .bucket = "bucket",
		                 .prefix = "",
		                 .access_key = "a",
		                 .secret_key = "s",
		             },
		             &b),
		         ERR_USAGE);
}

#define WAITERS 20 /* more than may run at once */

static void *wait_for_answer(void *ctx)
{
	struct blob *b = ctx;
	struct buf body;
	int r;

	buf_init(&body, 100);
	r = blob_get(b, "a", 0, SIZE_MAX, &body);
	buf_done(&body);
	return r == ERR_CANCELED ? NULL : ctx;
}

static void cancel_while_waiting(void)
{
	const struct clock *clock = clock_system();
	pthread_t threads[WAITERS];
	unsigned port;
	/* takes connections and never says a word */
	int fd = listen_somewhere(&port);
	struct blob *b = open_port("https", port, 5);
	int64_t before_ns;

	for (int i = 0; i < WAITERS; i++)
		TEST_MUST(pthread_create(&threads[i], NULL, wait_for_answer, b));
	usleep(200000);
	before_ns = clock_mono_ns(clock);
	blob_cancel(b);
	for (int i = 0; i < WAITERS; i++) {
		void *wrong;

		pthread_join(threads[i], &wrong);
		TEST_CHECK(!wrong);
	}
	TEST_CHECK(clock_mono_ns(clock) - before_ns < 2000000000);
	blob_free(b);
	close(fd);
}

static void cancel_between_tries(void)
{
	struct blob *b = open_port("http", server.port, 5);
	pthread_t thread;
	void *wrong;

	answer("HTTP/1.1 503 Busy\r\nRetry-After: 20\r\n\r\n", NULL);
	TEST_MUST(pthread_create(&thread, NULL, wait_for_answer, b));
	while (atomic_load(&server.asked) == 0)
		usleep(1000);
	usleep(50000);
	blob_cancel(b);
	pthread_join(thread, &wrong);
	TEST_CHECK(!wrong && server.asked == 1);
	blob_free(b);
}

int main(void)
{
	pthread_t thread;

	TEST_MUST(secret_setup());
	buf_init(&out, 1000);
	server.answers[0] = OK_EMPTY;
	server.fd = listen_somewhere(&server.port);
	TEST_MUST(pthread_create(&thread, NULL, serve, NULL));
	store = open_port("http", server.port, 2);
	TEST_RUN(what_is_sent);
	TEST_RUN(ranges);
	TEST_RUN(short_bodies);
	TEST_RUN(tried_again);
	TEST_RUN(retry_after);
	TEST_RUN(new_only);
	TEST_RUN(refused);
	TEST_RUN(listings);
	TEST_RUN(bad_listings);
	TEST_RUN(not_tls);
	TEST_RUN(addresses);
	TEST_RUN(cancel_while_waiting);
	TEST_RUN(cancel_between_tries);
	blob_free(store);
	shutdown(server.fd, SHUT_RDWR);
	pthread_join(thread, NULL);
	close(server.fd);
	buf_done(&out);
	return test_done();
}
