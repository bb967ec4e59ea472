/* SPDX-License-Identifier: Apache-2.0 */
/*
 * AWS signature version 4 for S3, in the Authorization header ("Authenticating Requests: Using the
 * Authorization Header", Amazon S3 API reference). The one file of backend/ that uses libcrypto: an
 * HMAC over requests, nothing about stored data.
 */
#ifndef AMBERFS_BACKEND_SIGN_H
#define AMBERFS_BACKEND_SIGN_H

#include "util/buf.h"

#include <stddef.h>
#include <stdint.h>

#define SIGN_HEADERS_MAX 12
#define SIGN_SECRET_MAX 256
#define SIGN_HASH_SIZE 65 /* hex digits and NUL */
#define SIGN_DATE_SIZE 17 /* "20130524T000000Z" and NUL */

struct sign_key {
	const char *access_key;
	const char *secret_key;
	const char *region;
};

struct sign_header {
	const char *name;  /* lower case */
	const char *value; /* without spaces at its ends */
};

struct sign_request {
	const char *method;
	const char *path;  /* encoded, begins with a slash */
	const char *query; /* encoded, parameters sorted by name; "" for none */
	const char *date;
	const char *payload_hash;
	const struct sign_header *headers; /* all that are signed, sorted by name */
	size_t header_count;
};

/** SHA-256 of the body in hex, for x-amz-content-sha256. */
int sign_payload(const void *data, size_t len, char out[SIGN_HASH_SIZE]);

/** @wall_ns as x-amz-date wants it. */
void sign_date(int64_t wall_ns, char out[SIGN_DATE_SIZE]);

/** Append the value of the Authorization header to @out. ERR_INVAL when a bound is exceeded. */
int sign_authorization(const struct sign_key *key, const struct sign_request *request,
                       struct buf *out);

#endif
