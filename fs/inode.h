/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The inodes the kernel knows: for each node id how many lookups it was answered, until it forgets
 * them. A file that has no name any more lives as long as it is in here. Holds what the kernel
 * holds and no more. Thread safe.
 */
#ifndef AMBERFS_FS_INODE_H
#define AMBERFS_FS_INODE_H

#include <stdbool.h>
#include <stdint.h>

struct inode_table;

/** An empty table, or NULL when there is no memory. */
struct inode_table *inode_table_new(void);

/** NULL does nothing. */
void inode_table_free(struct inode_table *t);

/**
 * The kernel is about to be told of @node: count one lookup. *ret_new is whether the node was
 * unknown; *ret_generation is the one to tell with it. ERR_NOMEM.
 */
int inode_ref(struct inode_table *t, uint64_t node, bool *ret_new, uint64_t *ret_generation);

/** The kernel forgot @count lookups. Returns whether the node is unknown now (and was known
 * before). */
bool inode_unref(struct inode_table *t, uint64_t node, uint64_t count);

/**
 * Whether @node is known. If it is, its next lookup shows another generation: the kernel then drops
 * the inode it has, with the size and times that it would otherwise trust more than the volume's,
 * and makes a new one.
 */
bool inode_renew(struct inode_table *t, uint64_t node);

/** Call @fn for every node, in no order. The caller is the last user of the table. */
void inode_each(const struct inode_table *t, void (*fn)(void *ctx, uint64_t node), void *ctx);

#endif
