/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The chain of the signature: the date, region and service are mixed into the secret key one HMAC
 * at a time, and the last key signs the hash of the canonical request. Keys of the chain live on
 * the stack and are wiped.
 */
#include "backend/sign.h"

#include "util/err.h"
#include "util/hex.h"
#include "util/secret.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define HASH_BYTES 32
#define SERVICE "s3"
#define ALGORITHM "AWS4-HMAC-SHA256"

int sign_payload(const void *data, size_t len, char out[SIGN_HASH_SIZE])
{
	uint8_t hash[HASH_BYTES];

	if (EVP_Digest(len ? data : "", len, hash, NULL, EVP_sha256(), NULL) != 1)
		return err_note(ERR_NOMEM, "SHA-256 failed");
	hex_encode(out, hash, sizeof(hash));
	return 0;
}

void sign_date(int64_t wall_ns, char out[SIGN_DATE_SIZE])
{
	time_t seconds = (time_t)(wall_ns / 1000000000);
	struct tm tm;

	gmtime_r(&seconds, &tm);
	if (strftime(out, SIGN_DATE_SIZE, "%Y%m%dT%H%M%SZ", &tm) == 0)
		out[0] = '\0';
}

static int hmac(const void *key, size_t key_len, const void *data, size_t len,
                uint8_t out[HASH_BYTES])
{
	unsigned out_len = HASH_BYTES;

	if (!HMAC(EVP_sha256(), key, (int)key_len, data, len, out, &out_len))
		return err_note(ERR_NOMEM, "HMAC failed");
	return 0;
}

static void add_text(struct buf *b, const char *text)
{
	buf_add(b, text, strlen(text));
}

static void add_header_names(struct buf *b, const struct sign_request *q)
{
	for (size_t i = 0; i < q->header_count; i++) {
		add_text(b, i > 0 ? ";" : "");
		add_text(b, q->headers[i].name);
	}
}

static int hash_canonical(const struct sign_request *q, char out[SIGN_HASH_SIZE])
{
	struct buf b;
	int r;

	buf_init(&b, 32768);
	add_text(&b, q->method);
	add_text(&b, "\n");
	add_text(&b, q->path);
	add_text(&b, "\n");
	add_text(&b, q->query);
	add_text(&b, "\n");
	for (size_t i = 0; i < q->header_count; i++) {
		add_text(&b, q->headers[i].name);
		add_text(&b, ":");
		add_text(&b, q->headers[i].value);
		add_text(&b, "\n");
	}
	add_text(&b, "\n");
	add_header_names(&b, q);
	add_text(&b, "\n");
	add_text(&b, q->payload_hash);
	r = buf_error(&b) ? buf_error(&b) : sign_payload(b.data, b.len, out);
	buf_wipe(&b);
	return r;
}

static int derive(const struct sign_key *key, const char *day, uint8_t out[HASH_BYTES])
{
	char start[4 + SIGN_SECRET_MAX + 1];
	int len = snprintf(start, sizeof(start), "AWS4%s", key->secret_key);
	int r;

	r = hmac(start, (size_t)len, day, strlen(day), out);
	if (r == 0)
		r = hmac(out, HASH_BYTES, key->region, strlen(key->region), out);
	if (r == 0)
		r = hmac(out, HASH_BYTES, SERVICE, strlen(SERVICE), out);
	if (r == 0)
		r = hmac(out, HASH_BYTES, "aws4_request", strlen("aws4_request"), out);
	secret_wipe(start, sizeof(start));
	return r;
}

int sign_authorization(const struct sign_key *key, const struct sign_request *request,
                       struct buf *out)
{
	char canonical[SIGN_HASH_SIZE];
	char signature[SIGN_HASH_SIZE];
	uint8_t hash[HASH_BYTES];
	uint8_t derived[HASH_BYTES];
	char scope[128];
	char text[256];
	char day[9];
	int len;
	int r;

	snprintf(day, sizeof(day), "%.8s", request->date);
	len = snprintf(scope, sizeof(scope), "%s/%s/" SERVICE "/aws4_request", day, key->region);
	if (len >= (int)sizeof(scope) || strlen(key->secret_key) > SIGN_SECRET_MAX ||
	    request->header_count > SIGN_HEADERS_MAX)
		return err_note(ERR_INVAL, "a region or secret key that is too long");
	r = hash_canonical(request, canonical);
	if (r != 0)
		return r;
	len =
	    snprintf(text, sizeof(text), ALGORITHM "\n%s\n%s\n%s", request->date, scope, canonical);
	r = derive(key, day, derived);
	if (r == 0)
		r = hmac(derived, sizeof(derived), text, (size_t)len, hash);
	secret_wipe(derived, sizeof(derived));
	if (r != 0)
		return r;
	hex_encode(signature, hash, sizeof(hash));
	add_text(out, ALGORITHM " Credential=");
	add_text(out, key->access_key);
	add_text(out, "/");
	add_text(out, scope);
	add_text(out, ",SignedHeaders=");
	add_header_names(out, request);
	add_text(out, ",Signature=");
	add_text(out, signature);
	return buf_error(out);
}
