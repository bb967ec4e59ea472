/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A faithful copy of a folder tree, as `restore --to` makes it: content with holes, names of any
 * bytes, modes, owners (when root), times, extended attributes and ACLs, symbolic and hard links,
 * special files. It can be begun again: files that are complete (same size and modification time,
 * which is set last) are left alone.
 */
#ifndef AMBERFS_CLI_COPYTREE_H
#define AMBERFS_CLI_COPYTREE_H

#include <stdint.h>

struct copytree_totals {
	uint64_t entries;
	uint64_t bytes;    /* of ordinary files, holes included */
	uint64_t failures; /* entries that could not be copied */
	char first_failure[256];
};

struct copytree_params {
	const char *from; /* a folder; what is named in the calls is below it */
	const char *to;   /* a folder that exists */
	/** Called now and then with the bytes that are through; may be NULL. */
	void (*progress)(void *ctx, uint64_t done);
	void *ctx;
};

struct copytree;

/** Begin; the parameters are copied, their texts borrowed. The caller ends *ret with
 * copytree_free(). */
int copytree_new(const struct copytree_params *p, struct copytree **ret);
void copytree_free(struct copytree *c);

/** Add up what is at @path ("": everything) in the source. */
int copytree_count(struct copytree *c, const char *path, struct copytree_totals *totals);

/**
 * Copy what is at @path to the same path in the target; folders above it are made. An entry that
 * cannot be copied is counted and passed over; ERR_NOSPC, ERR_IO, ERR_ROFS and ERR_CANCELED
 * (interrupt_seen()) end it.
 */
int copytree_copy(struct copytree *c, const char *path, struct copytree_totals *totals);

/** Make it durable. */
int copytree_sync(struct copytree *c);

#endif
