/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One request to S3, from the name of an object to a verdict: address, signature, tries, and the
 * meaning of what came back. s3.c makes the operations of a blob store of it.
 */
#ifndef AMBERFS_BACKEND_S3WIRE_H
#define AMBERFS_BACKEND_S3WIRE_H

#include "backend/s3.h"

struct s3wire;

struct s3wire_request {
	const char *method;
	const char
	    *name; /* of the object, for the address and for notes; NULL: the bucket itself */
	const char *query; /* encoded and sorted; NULL: none */
	const void *body;
	size_t body_len;
	bool only_new;
	struct buf
	    *out; /* the body of a success is appended, NULL: dropped; on error it is as it was */
	uint64_t out_max;
	bool ranged; /* ask for out_max bytes from range_off; nothing is appended when the object
	                ends before */
	uint64_t range_off;
};

int s3wire_open(const struct s3_config *config, struct s3wire **ret);
void s3wire_free(struct s3wire *w);
void s3wire_cancel(struct s3wire *w);

/** "prefix/" or "": what the keys in the bucket have before the names of objects. */
const char *s3wire_key_prefix(const struct s3wire *w);

/** Do it, with further tries. 0, or the errors of blob.h, or ERR_FBIG when the body is longer than
 * out_max. */
int s3wire_do(struct s3wire *w, const struct s3wire_request *request);

#endif
