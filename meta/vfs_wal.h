/* SPDX-License-Identifier: Apache-2.0 */
/* The sealed write-ahead log of the encrypting VFS: SQLite's xRead, xWrite, ... for the "-wal"
 * file. Inside meta/ only. */
#ifndef AMBERFS_META_VFS_WAL_H
#define AMBERFS_META_VFS_WAL_H

#include <stdbool.h>
#include <stdint.h>

struct vfs;
struct vfs_file;
struct vfs_wal;

/* The header of a frame that SQLite wrote and whose page it is about to write. One a connection;
 * zeroed at first. */
struct vfs_wal_pending {
	bool set;
	uint64_t off; /* of the frame */
	uint8_t header[24];
};

/** Open the log at @path for one more connection; all share one handle. Returns a private error
 * code. */
int vfs_wal_open(struct vfs *v, const char *path, bool create, struct vfs_wal **ret);

/** End what vfs_wal_open() began. The handle lives on while vfs_wal_sync_shared() uses it. */
void vfs_wal_close(struct vfs *v, struct vfs_wal *wal);

/* The file operations; SQLite result codes. Offsets and lengths as SQLite sees them, which are
 * those of the disk. */
int vfs_wal_read(struct vfs_file *f, uint8_t *out, int n, uint64_t off);
int vfs_wal_write(struct vfs_file *f, const uint8_t *data, int n, uint64_t off);
int vfs_wal_truncate(struct vfs_file *f, uint64_t size);
int vfs_wal_size(struct vfs_file *f, uint64_t *ret);
int vfs_wal_sync(struct vfs_file *f);

/** The generation of the open log's frames; 0 when there is none. */
uint64_t vfs_wal_gen(struct vfs *v);

/** The generation and tag that stand in frame @frame (from 1) of the open log. */
int vfs_wal_tag(struct vfs *v, uint64_t frame, uint64_t *ret_gen, uint8_t *ret_tag);

/** Sync the log if one is open, from any thread. A private error code. */
int vfs_wal_sync_shared(struct vfs *v);

#endif
