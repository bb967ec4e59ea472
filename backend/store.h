/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From what a person types for a STORE to an open blob store.
 *
 *   /srv/store, file:///srv/store          a folder (backend/dir)
 *   s3://bucket/prefix?endpoint=https://host:9000&region=us-east-1     S3 (backend/s3)
 *
 * The parameters of s3 are endpoint, region and retries (0 to 19).
 *
 * Credentials never come from the URL: a user name or password in it is refused. `http://`
 * endpoints are refused unless `insecure_http` is set and the host is loopback.
 */
#ifndef AMBERFS_BACKEND_STORE_H
#define AMBERFS_BACKEND_STORE_H

#include "backend/blob.h"
#include "util/fileio.h"

struct store_options {
	const char *ca_file; /* PEM bundle, or NULL for the system's */
	bool insecure_http;  /* allow http:// to loopback */
	bool create;         /* dir: make the folder when missing (init) */
};

/**
 * Open the store @url. Does not talk to a remote one yet. ERR_USAGE with a note for a URL that
 * cannot be meant; ERR_DENIED when credentials are missing (the note says which variable);
 * ERR_NOTVOLUME when a folder does not exist and `create` is not set. For s3 secret_setup() comes
 * before and no fork() after: it keeps secrets and starts a thread. The caller owns *ret.
 */
int store_open(const char *url, const struct store_options *options, struct blob **ret);

/**
 * The URL as it may be shown: absolute for a folder, query parameters kept (none is secret). Heap
 * string the caller frees; NULL when out of memory.
 */
char *store_display(const char *url);

#endif
