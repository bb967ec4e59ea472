/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which files are written and synced in turn, write, fsync, write, fsync, as logs and databases do. With the write-back cache the
 * write request of such a file comes because of the fsync, and the fsync request right behind it; so the commit can begin with the
 * write, and the way of the second request is not waited for. A guess that was wrong costs one flush.
 *
 * No lock: a slot belongs to whatever file of its number was seen last, and all that a race can do is a wrong guess.
 */
#ifndef AMBERFS_FS_EAGER_H
#define AMBERFS_FS_EAGER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define EAGER_SLOTS 64

struct eager {
	_Atomic uint64_t slots[EAGER_SLOTS];
};

/** A write request of @ino was served. True when an fsync is expected to follow at once. */
bool eager_written(struct eager *e, uint64_t ino);

/** An fsync request of @ino came. */
void eager_synced(struct eager *e, uint64_t ino);

#endif
