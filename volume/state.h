/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The state folder of a volume on this machine: its lock, its writer id, and its disposal. Inside
 * volume/ only.
 *
 *   lock       held (flock) while a process has the volume open
 *   writer     the random writer id of this folder, 16 hexadecimal digits
 *   index.db   the index, index.db-wal its write-ahead log, index.db-sum the tags of its pages
 *   index.bad  empty; there while the index is known to be damaged
 *   journal    the ring
 *   outlog/    log objects that are not stored yet
 *   packs/     packs that are not stored yet
 *   cache/     packs that are
 *
 * While the index is built anew the former one is kept:
 *
 *   index.old, index.old-wal   the former index; whoever opens the folder puts it back
 *   index.gone                 it is needed no more, and only not removed yet
 *
 * What a person gave up is kept for good, under names that end in the time:
 *
 *   journal.damaged-<time>, index.damaged-<time>, outlog.damaged-<time>/, packs.damaged-<time>/
 *   and beside the folder: <volume id>.aside-<time>, a whole state folder
 */
#ifndef AMBERFS_VOLUME_STATE_H
#define AMBERFS_VOLUME_STATE_H

#include "volume/impl.h"

/** Make the folder where missing (a private one for a read-only volume), take its lock, read or
 * make the writer id. ERR_LOCKED. */
int state_open(struct volume *v);

/** Give the lock back; a private folder is removed. */
void state_close(struct volume *v);

/** Remove the index file, so that it is built again. */
int state_drop_index(struct volume *v);

/** Set the index (closed) aside under its names for that. */
int state_index_aside(struct volume *v);

/** Take the index that was set aside back, in place of what was made since; without one, nothing
 * happens. */
int state_index_back(struct volume *v);

/** The new index is complete: remove the one that was set aside. */
int state_index_forget(struct volume *v);

/** "20261125T140000", UTC, @out has 16 bytes. */
void state_stamp(const struct volume *v, char *out);

/** Rename @name in the folder to @name.damaged-@stamp, or as @as.damaged-@stamp; one that is not
 * there is fine. */
int state_keep_damaged(struct volume *v, const char *name, const char *as, const char *stamp);

/** Rename the whole folder (its path then to @ret_path, VOLUME_PATH_MAX bytes) and make a new,
 * empty one, locked, with a new writer id. */
int state_set_aside(struct volume *v, char *ret_path);

/** Undo that: remove the new folder, take the old one back. */
int state_take_back(struct volume *v, const char *path);

/** Note durably that the index is damaged: the next process drops it, however this one ends. */
int state_mark_index(struct volume *v);

/** Drop the index when it is marked. */
int state_drop_marked_index(struct volume *v);

void state_path(const struct volume *v, const char *name, char *out);

#endif
