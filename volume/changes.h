/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What changed between two states, as a map for walking: only entries that changed, or that lead to
 * something that did, so that a walk over both trees costs the changes and not the files. Used by
 * diff and restore. Inside volume/ only; all calls with the volume's lock held.
 */
#ifndef AMBERFS_VOLUME_CHANGES_H
#define AMBERFS_VOLUME_CHANGES_H

#include "volume/impl.h"
#include "volume/inoset.h"

struct change_name {
	uint64_t parent;
	size_t len;
	char name[];
};

struct changes {
	int64_t a, b;              /* the two states: epochs, or VOLUME_NOW; in either order */
	struct inoset inodes;      /* row, xattrs or data may differ */
	struct change_name **name; /* by (parent, name), each once */
	size_t count;
	size_t cap;
	struct inoset seen; /* (inode, state) whose way to the root is in `name` */
};

int changes_load(struct volume *v, int64_t a, int64_t b, struct changes *ret);
void changes_done(struct changes *c);

/** Where the names of folder @parent, or of the next folder, begin; c->count when there are none.
 */
size_t changes_first(const struct changes *c, uint64_t parent);

/** The inode that (@parent, @name) points to at @at; 0 when there is none, or @parent is 0. */
int changes_entry(struct volume *v, uint64_t parent, const char *name, size_t len, int64_t at,
                  uint64_t *ret);

/** "a/b" from "a" and "b"; "b" from "" and "b". Heap string, NULL when out of memory. */
char *changes_join(const char *folder, const char *name, size_t len);

/** Do both states of @ino differ in anything a user can see? *ret_content: in data or target. */
int changes_differ(struct volume *v, const struct changes *c, uint64_t ino_a, uint64_t ino_b,
                   bool *ret_any, bool *ret_content);

#endif
