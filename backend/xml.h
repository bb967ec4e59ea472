/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The two XML bodies of S3 that matter here, ListObjectsV2 and Error, read by expat. What a hostile
 * server could use is refused: any document type (and with it every entity of its own), deep
 * nesting, long texts, many keys.
 */
#ifndef AMBERFS_BACKEND_XML_H
#define AMBERFS_BACKEND_XML_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define XML_BODY_MAX (8u << 20)
#define XML_TEXT_MAX 4096
#define XML_KEYS_MAX 1000
#define XML_DEPTH_MAX 8

struct xml_key {
	char *key; /* decoded */
	uint64_t size_bytes;
};

/* One page of a listing. */
struct xml_list {
	struct xml_key *keys;
	size_t count;
	bool truncated; /* there are more */
	char *token;    /* where they go on; NULL: not given */
};

/** Read a ListBucketResult. ERR_CORRUPT with a note for anything else. End *ret with
 * xml_list_done(). */
int xml_read_list(const void *data, size_t len, struct xml_list *ret);
void xml_list_done(struct xml_list *list);

struct xml_error {
	char code[64];
	char message[128];
};

/** Read what an Error body says, as printable ASCII; empty strings for what is missing or no such
 * body. */
void xml_read_error(const void *data, size_t len, struct xml_error *ret);

#endif
