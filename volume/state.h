/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The state folder of a volume on this machine: its lock, its writer id, and its disposal. Inside
 * volume/ only.
 *
 *   lock       held (flock) while a process has the volume open
 *   writer     the random writer id of this folder, 16 hexadecimal digits
 *   index.db   the index, index.db-wal its write-ahead log
 *   journal    the ring
 *   outlog/    log objects that are not stored yet
 *   packs/     packs that are not stored yet
 *   cache/     packs that are
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

void state_path(const struct volume *v, const char *name, char *out);

#endif
