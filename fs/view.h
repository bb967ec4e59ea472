/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The past, as inodes. A FUSE node id is (view << 48) | inode number: view 0 is the live tree (or
 * the one past a mount was made for), the others are epochs someone looked up in `.snapshots`. The
 * same epoch has the same view, and a view lives as long as the kernel knows one of its inodes.
 * Thread safe.
 */
#ifndef AMBERFS_FS_VIEW_H
#define AMBERFS_FS_VIEW_H

#include <stdbool.h>
#include <stdint.h>

#define VIEW_SHIFT 48
#define VIEW_MAX 65535
#define VIEW_INO_MASK ((UINT64_C(1) << VIEW_SHIFT) - 1)

/* `.snapshots` itself; inode numbers of the volume stay below. */
#define VIEW_SNAPSHOTS VIEW_INO_MASK

struct view_table;

/** NULL when there is no memory. */
struct view_table *view_table_new(void);

/** NULL does nothing. */
void view_table_free(struct view_table *t);

/** The view of @epoch with one reference more, made when there is none. ERR_BUSY when all VIEW_MAX
 * are in use. */
int view_hold(struct view_table *t, int64_t epoch, unsigned *ret_view);

/** One reference more for a view that has one, and one less. View 0 needs none. */
void view_ref(struct view_table *t, unsigned view);
void view_unref(struct view_table *t, unsigned view);

/** The epoch of a view above 0; false when there is no such view (an old NFS handle). */
bool view_epoch(struct view_table *t, unsigned view, int64_t *ret_epoch);

/**
 * The inode number that programs see in the view of @epoch: stable, and another one than the file
 * has now, or cp(1) would refuse to copy an old version over the file ("are the same file").
 */
uint64_t view_shown_ino(int64_t epoch, uint64_t ino);

static inline uint64_t view_node(unsigned view, uint64_t ino)
{
	return (uint64_t)view << VIEW_SHIFT | ino;
}

static inline unsigned view_of(uint64_t node)
{
	return (unsigned)(node >> VIEW_SHIFT);
}

static inline uint64_t view_ino(uint64_t node)
{
	return node & VIEW_INO_MASK;
}

#endif
