/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Entries of folders gathered during a query of the index, for queries of their own after it: a callback of the index may not be the
 * place for that. Names lie one after the other in one buffer, so a large folder costs little more than its names. Inside volume/
 * only; all calls with the volume's lock held.
 */
#ifndef AMBERFS_VOLUME_ENTRIES_H
#define AMBERFS_VOLUME_ENTRIES_H

#include "volume/impl.h"

struct entry {
	uint64_t parent;
	uint64_t ino;
	size_t len;
	size_t at; /* where its name begins */
};

struct entries {
	struct entry *entry; /* in the index's order */
	size_t count, cap;
	struct buf names; /* each with a NUL */
};

/** An empty list. */
void entries_init(struct entries *l);
void entries_done(struct entries *l);

/** Append the entries that point to @ino at @at. */
int entries_of(struct volume *v, uint64_t ino, int64_t at, struct entries *l);

/** Append the entries in folder @ino at @at. */
int entries_in(struct volume *v, uint64_t ino, int64_t at, struct entries *l);

/** The name of entry @i. Valid until the list changes. */
const char *entries_name(const struct entries *l, size_t i);

#endif
