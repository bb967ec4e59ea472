/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HTTPS requests; the only owner of libcurl. One thread runs them all, at most HTTP_RUNNING_MAX at
 * once over connections that are kept; callers hand in a request and sleep until it is over.
 * TLS 1.2 or newer, certificates and host names always verified, redirects never followed,
 * compression never asked for. One try each: what may be tried again is for the caller to know.
 */
#ifndef AMBERFS_BACKEND_HTTP_H
#define AMBERFS_BACKEND_HTTP_H

#include "util/buf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HTTP_RUNNING_MAX 16
#define HTTP_HEADERS_MAX 16
#define HTTP_CONNECT_TIMEOUT_S 10
#define HTTP_STALLED_TIMEOUT_S 30
#define HTTP_ERROR_BODY_MAX 16384

struct http;

struct http_config {
	const char *ca_file; /* PEM bundle that replaces the system's, or NULL */
	bool plain;          /* allow http:// */
	bool direct;         /* ignore the environment's proxies: the host is this machine */
};

struct http_request {
	const char *method; /* "GET", "PUT", "DELETE" */
	const char *url;
	const char *headers[HTTP_HEADERS_MAX]; /* "Name: value" */
	size_t header_count;
	const void *body; /* borrowed */
	size_t body_len;
	struct buf *out;  /* bodies of 2xx are appended; NULL: dropped */
	uint64_t out_max; /* a longer one is ERR_FBIG */
	bool
	    ranged; /* when the answer is 200 and not 206: keep only out_max bytes from range_off */
	uint64_t range_off;
};

struct http_response {
	long status;
	int64_t retry_after_s; /* 0: not said */
	struct buf error;      /* the beginning of a body that came with another status than 2xx */
};

/** Start the thread; it does not survive a fork(). The caller owns *ret. */
int http_new(const struct http_config *config, struct http **ret);

/** End the thread. No request may be running. NULL does nothing. */
void http_free(struct http *h);

/**
 * Do one request. 0 for an answer of any status; ERR_UNAVAILABLE (no connection, broken off, a body
 * shorter than announced), ERR_TLS, ERR_FBIG, ERR_NOMEM, ERR_CANCELED. @ret must be zeroed by
 * http_response_init() and ended by the caller in every case; after an error @request->out may have
 * got a part of the body.
 */
int http_do(struct http *h, const struct http_request *request, struct http_response *ret);

/** Sleep for @ms, or return ERR_CANCELED (also when this thread is to give up, util/cancel.h). */
int http_wait_ms(struct http *h, int64_t ms);

/** End what runs, what waits and what comes with ERR_CANCELED. */
void http_cancel(struct http *h);

void http_response_init(struct http_response *response);
void http_response_done(struct http_response *response);

#endif
