/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every try is signed anew, since a signature is good for 15 minutes only. What a try came to is a
 * verdict: a code, and whether another try can change it. A try that may have taken effect (no
 * reply) is repeated: put, get, list and remove mean the same the second time, and put_new says in
 * its contract what it means.
 *
 * The status decides, except where S3 itself says different things with one status: then its Code
 * does. A quota is a 403 on some stores, an expired token a 400, a clash of two writers a 409.
 */
#include "backend/s3wire.h"

#include "backend/http.h"
#include "backend/retry.h"
#include "backend/sign.h"
#include "backend/url.h"
#include "backend/xml.h"
#include "util/clock.h"
#include "util/err.h"
#include "util/rng.h"
#include "util/secret.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HEADER_MAX 8192
#define URL_BYTES_MAX 16384

struct s3wire {
	struct http *http;
	char *origin;     /* "https://host[:port]" */
	char *host;       /* as the Host header says it */
	char *root;       /* encoded path of the bucket: "" or "/bucket" */
	char *key_prefix; /* "" or "prefix/" */
	char *region;
	char *access_key; /* these three in secret memory */
	char *secret_key;
	char *session_token;
	unsigned tries;
};

/* What a request looks like when it goes out. */
struct message {
	struct buf path;
	struct buf url;
	struct buf headers; /* "Name: value" strings, one after the other */
	struct http_request http;
};

static void add_text(struct buf *b, const char *text)
{
	buf_add(b, text, strlen(text));
}

static void message_init(struct message *m)
{
	*m = (struct message){.http.method = NULL};
	buf_init(&m->path, URL_BYTES_MAX);
	buf_init(&m->url, URL_BYTES_MAX);
	buf_init(&m->headers, 2 * HEADER_MAX);
}

static void message_done(struct message *m)
{
	buf_done(&m->path);
	buf_done(&m->url);
	buf_wipe(&m->headers);
}

static void make_path(const struct s3wire *w, const struct s3wire_request *q, struct buf *out)
{
	add_text(out, w->root);
	add_text(out, "/");
	if (q->name) {
		url_encode(out, w->key_prefix, true);
		url_encode(out, q->name, true);
	}
	buf_add(out, "", 1);
}

static void make_url(const struct s3wire *w, const struct s3wire_request *q, struct message *m)
{
	add_text(&m->url, w->origin);
	add_text(&m->url, (const char *)m->path.data);
	if (q->query) {
		add_text(&m->url, "?");
		add_text(&m->url, q->query);
	}
	buf_add(&m->url, "", 1);
}

static void add_header(struct message *m, const char *name, const char *value)
{
	add_text(&m->headers, name);
	add_text(&m->headers, ": ");
	buf_add(&m->headers, value, strlen(value) + 1);
}

/* The list for HTTP, once the buffer does not move any more. */
static void point_headers(struct message *m)
{
	const char *at = (const char *)m->headers.data;
	const char *end = at + m->headers.len;

	m->http.header_count = 0;
	for (; at < end && m->http.header_count < HTTP_HEADERS_MAX; at += strlen(at) + 1)
		m->http.headers[m->http.header_count++] = at;
}

static int sign(const struct s3wire *w, const struct s3wire_request *q, struct message *m)
{
	const struct sign_key key = {w->access_key, w->secret_key, w->region};
	struct sign_header headers[SIGN_HEADERS_MAX];
	char hash[SIGN_HASH_SIZE];
	char date[SIGN_DATE_SIZE];
	char range[64];
	struct buf value;
	size_t n = 0;
	int r = sign_payload(q->body, q->body_len, hash);

	if (r)
		return r;
	buf_init(&value, HEADER_MAX);
	sign_date(clock_wall_ns(clock_system()), date);
	snprintf(range, sizeof(range), "bytes=%llu-%llu", (unsigned long long)q->range_off,
	         (unsigned long long)(q->range_off + q->out_max - 1));
	/* in the order of their names */
	headers[n++] = (struct sign_header){"host", w->host};
	if (q->only_new)
		headers[n++] = (struct sign_header){"if-none-match", "*"};
	if (q->ranged)
		headers[n++] = (struct sign_header){"range", range};
	headers[n++] = (struct sign_header){"x-amz-content-sha256", hash};
	headers[n++] = (struct sign_header){"x-amz-date", date};
	if (w->session_token)
		headers[n++] = (struct sign_header){"x-amz-security-token", w->session_token};
	r = sign_authorization(&key,
	                       &(struct sign_request){
	                           .method = q->method,
	                           .path = (const char *)m->path.data,
	                           .query = q->query ? q->query : "",
	                           .date = date,
	                           .payload_hash = hash,
	                           .headers = headers,
	                           .header_count = n,
	                       },
	                       &value);
	buf_add(&value, "", 1);
	for (size_t i = 0; r == 0 && i < n; i++)
		add_header(m, headers[i].name, headers[i].value);
	if (r == 0)
		r = buf_error(&value);
	if (r == 0)
		add_header(m, "Authorization", (const char *)value.data);
	buf_wipe(&value);
	return r;
}

static int make_message(const struct s3wire *w, const struct s3wire_request *q, struct message *m)
{
	int r;

	make_path(w, q, &m->path);
	if (buf_error(&m->path))
		return buf_error(&m->path);
	make_url(w, q, m);
	r = sign(w, q, m);
	if (r)
		return r;
	if (strcmp(q->method, "PUT") == 0)
		add_header(m, "Content-Type", "application/octet-stream");
	if (buf_error(&m->url) || buf_error(&m->headers))
		return buf_error(&m->url) ? buf_error(&m->url) : buf_error(&m->headers);
	m->http.method = q->method;
	m->http.url = (const char *)m->url.data;
	m->http.body = q->body;
	m->http.body_len = q->body_len;
	m->http.out = q->out;
	m->http.out_max = q->out_max;
	m->http.ranged = q->ranged;
	m->http.range_off = q->range_off;
	point_headers(m);
	return 0;
}

/* Codes that say more than the status they come with. */
struct meaning {
	const char *code;
	int result;
	bool again;
};

static const struct meaning meanings[] = {
    {"NoSuchBucket", ERR_NOTVOLUME, false},
    {"InvalidBucketName", ERR_NOTVOLUME, false},
    {"PermanentRedirect", ERR_NOTVOLUME, false},
    {"QuotaExceeded", ERR_FULL, false},
    {"InsufficientStorage", ERR_FULL, false},
    {"XMinioStorageFull", ERR_FULL, false},
    {"ExpiredToken", ERR_DENIED, false},
    {"InvalidToken", ERR_DENIED, false},
    {"TokenRefreshRequired", ERR_DENIED, false},
    {"AuthorizationHeaderMalformed", ERR_DENIED, false},
    {"EntityTooLarge", ERR_FBIG, false},
    {"RequestTimeout", ERR_UNAVAILABLE, true},
    {"BadDigest", ERR_UNAVAILABLE, true},
    {"IncompleteBody", ERR_UNAVAILABLE, true},
    {"XAmzContentSHA256Mismatch", ERR_UNAVAILABLE, true},
    {"OperationAborted", ERR_UNAVAILABLE, true},
    {"ConditionalRequestConflict", ERR_UNAVAILABLE, true},
};

static int by_status(const struct s3wire_request *q, long status, bool *ret_again)
{
	switch (status) {
	case 401:
	case 403:
		return ERR_DENIED;
	case 404:
		/* what is not there when an object is put or listed for can only be the bucket */
		return q->name && strcmp(q->method, "PUT") != 0 ? ERR_MISSING : ERR_NOTVOLUME;
	case 409:
		return q->only_new ? ERR_EXIST : ERR_UNAVAILABLE;
	case 412:
		return ERR_EXIST;
	case 413:
		return ERR_FBIG;
	case 501:
		return ERR_NOTSUP;
	case 507:
		return ERR_FULL;
	default:
		*ret_again = status >= 500 || status == 408 || status == 429;
		return ERR_UNAVAILABLE;
	}
}

static int refuse(int code, const struct s3wire_request *q, long status,
                  const struct xml_error *error)
{
	const char *what = q->name ? q->name : "the bucket";

	if (code == ERR_NOTVOLUME && strcmp(error->code, "PermanentRedirect") == 0)
		return err_note(code, "the bucket is in another region; name it with region=");
	if (code == ERR_NOTVOLUME)
		return err_note(code, "there is no such bucket (%s); create it first",
		                error->code[0] ? error->code : "404");
	if (code == ERR_EXIST || code == ERR_MISSING)
		return err_note(code, "%s", what);
	if (code == ERR_NOTSUP && q->only_new)
		return err_note(code, "%s: the store cannot put only when new (HTTP %ld)", what,
		                status);
	return err_note(code, "%s: HTTP %ld %s%s%s", what, status, error->code,
	                error->message[0] ? ": " : "", error->message);
}

/* What an answer means. */
static int judge(const struct s3wire_request *q, const struct http_response *response,
                 bool *ret_again)
{
	struct xml_error error;
	int code;

	if (response->status / 100 == 2 || (response->status == 416 && q->ranged))
		return 0;
	xml_read_error(response->error.data, response->error.len, &error);
	code = by_status(q, response->status, ret_again);
	for (size_t i = 0; i < sizeof(meanings) / sizeof(meanings[0]); i++) {
		if (strcmp(meanings[i].code, error.code) != 0)
			continue;
		code = meanings[i].result;
		*ret_again = meanings[i].again;
	}
	return refuse(code, q, response->status, &error);
}

/* No answer: the connection's own words, and what it was for. */
static int unanswered(int code, const struct s3wire_request *q)
{
	char note[200];

	if (code != ERR_UNAVAILABLE && code != ERR_TLS)
		return code;
	snprintf(note, sizeof(note), "%s", err_note_text());
	return err_note(code, "%s: %s", q->name ? q->name : "the bucket", note);
}

static int try_once(struct s3wire *w, const struct s3wire_request *q, bool *ret_again,
                    int64_t *ret_after_s)
{
	struct http_response response;
	struct message m;
	int r;

	message_init(&m);
	http_response_init(&response);
	r = make_message(w, q, &m);
	if (r == 0) {
		r = http_do(w->http, &m.http, &response);
		*ret_again = r == ERR_UNAVAILABLE;
		r = r ? unanswered(r, q) : judge(q, &response, ret_again);
	}
	*ret_after_s = response.retry_after_s;
	http_response_done(&response);
	message_done(&m);
	return r;
}

static void rewind_out(struct buf *out, size_t len)
{
	if (!out)
		return;
	out->len = len;
	out->error = 0;
}

int s3wire_do(struct s3wire *w, const struct s3wire_request *request)
{
	size_t before = request->out ? request->out->len : 0;

	for (unsigned failures = 1;; failures++) {
		int64_t after_s = 0;
		bool again = false;
		uint64_t random;
		int r = try_once(w, request, &again, &after_s);

		if (r != 0)
			rewind_out(request->out, before);
		if (r == 0 || !again || failures >= w->tries)
			return r;
		rng_fill(rng_system(), &random, sizeof(random));
		r = http_wait_ms(w->http, retry_delay_ms(failures, after_s, random));
		if (r != 0)
			return r;
	}
}

void s3wire_cancel(struct s3wire *w)
{
	http_cancel(w->http);
}

const char *s3wire_key_prefix(const struct s3wire *w)
{
	return w->key_prefix;
}

static char *copy_secret(const char *text)
{
	char *copy = secret_new(strlen(text) + 1);

	if (copy)
		memcpy(copy, text, strlen(text) + 1);
	return copy;
}

static bool bucket_valid(const char *bucket)
{
	size_t len = strnlen(bucket, 64);

	if (len < 3 || len > 63 || strstr(bucket, ".."))
		return false;
	if (strspn(bucket, "abcdefghijklmnopqrstuvwxyz0123456789.-") != len)
		return false;
	return !strchr(".-", bucket[0]) && !strchr(".-", bucket[len - 1]);
}

static bool prefix_valid(const char *prefix)
{
	size_t len = strnlen(prefix, S3_PREFIX_MAX + 1);
	char slashed[S3_PREFIX_MAX + 3];

	if (len > S3_PREFIX_MAX)
		return false;
	snprintf(slashed, sizeof(slashed), "/%s/", prefix);
	return len == 0 ||
	       (!strstr(slashed, "//") && !strstr(slashed, "/./") && !strstr(slashed, "/../"));
}

/* Amazon's own: by name of the bucket, unless its dots would not match the certificate. */
static int set_amazon(struct s3wire *w, const struct s3_config *config)
{
	bool dots = strchr(config->bucket, '.') != NULL;

	if (asprintf(&w->host, "%s%ss3.%s.amazonaws.com", dots ? "" : config->bucket,
	             dots ? "" : ".", config->region) < 0) {
		w->host = NULL;
		return ERR_NOMEM;
	}
	if (asprintf(&w->origin, "https://%s", w->host) < 0) {
		w->origin = NULL;
		return ERR_NOMEM;
	}
	if (asprintf(&w->root, "%s%s", dots ? "/" : "", dots ? config->bucket : "") < 0) {
		w->root = NULL;
		return ERR_NOMEM;
	}
	return 0;
}

static int set_endpoint(struct s3wire *w, const struct url *u, const char *bucket)
{
	bool plain = strcmp(u->scheme, "http") == 0;
	bool ip6 = strchr(u->host, ':') != NULL;
	char port[16] = "";

	if (u->port != 0 && u->port != (plain ? 80 : 443))
		snprintf(port, sizeof(port), ":%u", u->port);
	if (asprintf(&w->host, "%s%s%s%s", ip6 ? "[" : "", u->host, ip6 ? "]" : "", port) < 0) {
		w->host = NULL;
		return ERR_NOMEM;
	}
	if (asprintf(&w->origin, "%s://%s", u->scheme, w->host) < 0) {
		w->origin = NULL;
		return ERR_NOMEM;
	}
	if (asprintf(&w->root, "/%s", bucket) < 0) {
		w->root = NULL;
		return ERR_NOMEM;
	}
	return 0;
}

static int set_address(struct s3wire *w, const struct s3_config *config, struct http_config *http)
{
	struct url u = {.scheme = NULL};
	int r;

	if (!config->endpoint)
		return set_amazon(w, config);
	r = url_parse(config->endpoint, &u);
	if (r)
		return r;
	http->direct = url_is_loopback(&u);
	http->plain = strcmp(u.scheme, "http") == 0;
	if (!http->plain && strcmp(u.scheme, "https") != 0)
		r = err_note(ERR_USAGE, "the endpoint is not an https:// URL");
	else if (http->plain && !http->direct)
		r = err_note(ERR_USAGE, "an http:// endpoint must be this machine");
	else if (u.host[0] == '\0' || u.param_count > 0 ||
	         (u.path[0] != '\0' && strcmp(u.path, "/") != 0))
		r = err_note(ERR_USAGE, "the endpoint is not https://HOST[:PORT]");
	else
		r = set_endpoint(w, &u, config->bucket);
	url_done(&u);
	return r;
}

static int set_strings(struct s3wire *w, const struct s3_config *config)
{
	w->region = strdup(config->region);
	w->access_key = copy_secret(config->access_key);
	w->secret_key = copy_secret(config->secret_key);
	if (!w->region || !w->access_key || !w->secret_key)
		return ERR_NOMEM;
	if (config->session_token) {
		w->session_token = copy_secret(config->session_token);
		if (!w->session_token)
			return ERR_NOMEM;
	}
	if (asprintf(&w->key_prefix, "%s%s", config->prefix, config->prefix[0] ? "/" : "") < 0) {
		w->key_prefix = NULL;
		return ERR_NOMEM;
	}
	return 0;
}

int s3wire_open(const struct s3_config *config, struct s3wire **ret)
{
	struct http_config http = {.ca_file = config->ca_file};
	struct s3wire *w;
	int r;

	if (!bucket_valid(config->bucket))
		return err_note(ERR_USAGE, "not the name of a bucket (3 to 63 of a-z 0-9 . -)");
	if (!prefix_valid(config->prefix))
		return err_note(ERR_USAGE,
		                "not a prefix: too long, or with an empty or dotted part");
	w = calloc(1, sizeof(*w));
	if (!w)
		return ERR_NOMEM;
	w->tries = config->tries ? config->tries : RETRY_TRIES;
	r = set_strings(w, config);
	if (r == 0)
		r = set_address(w, config, &http);
	if (r == 0)
		r = http_new(&http, &w->http);
	if (r != 0) {
		s3wire_free(w);
		return r;
	}
	*ret = w;
	return 0;
}

void s3wire_free(struct s3wire *w)
{
	if (!w)
		return;
	http_free(w->http);
	free(w->origin);
	free(w->host);
	free(w->root);
	free(w->key_prefix);
	free(w->region);
	secret_free(w->access_key);
	secret_free(w->secret_key);
	secret_free(w->session_token);
	free(w);
}
