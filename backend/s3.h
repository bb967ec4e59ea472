/* SPDX-License-Identifier: Apache-2.0 */
/*
 * S3 and what speaks it, over HTTPS: signature version 4, TLS 1.2 or newer with verification always
 * on, connections kept and reused.
 *
 * put_new is `If-None-Match: *` (412 or 409: the name is taken). A store that answers 501 to it has
 * no safe way to say "only when new": put_new then fails with ERR_NOTSUP. Requests are tried up to
 * 5 times with jittered exponential backoff where that is safe; connect time-out 10 s, no progress
 * for 30 s ends a try. At most 16 requests run at once; further callers wait.
 *
 * A bucket that is not there is ERR_NOTVOLUME: buckets are made by their owner, never here.
 */
#ifndef AMBERFS_BACKEND_S3_H
#define AMBERFS_BACKEND_S3_H

#include "backend/blob.h"

#define S3_PREFIX_MAX 512

struct s3_config {
	const char *endpoint; /* "https://host[:port]" ("http://" for loopback); NULL: Amazon's for
	                         the region */
	const char *region;
	const char *bucket;
	const char *prefix;  /* without slashes at its ends; "" for none */
	const char *ca_file; /* NULL: the system's */
	const char *access_key;
	const char *secret_key;
	const char *session_token; /* NULL: none */
	unsigned tries;            /* of one request; 0: the 5 above */
};

/**
 * All strings are copied; the secret ones live in secret memory. ERR_USAGE for a bucket, prefix or
 * endpoint that cannot be one. Starts a thread, so a process that forks opens the store after. The
 * caller owns *ret.
 */
int s3_open(const struct s3_config *config, struct blob **ret);

#endif
