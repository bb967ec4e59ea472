/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The locks and the shared memory ("wal-index") that SQLite's connections to one database agree
 * through. Inside meta/ only.
 *
 * All of them are in this process (the state folder is locked by one process), so both live in
 * ordinary memory instead of in a file next to the database. Thread safe.
 */
#ifndef AMBERFS_META_VFS_SHM_H
#define AMBERFS_META_VFS_SHM_H

#include "util/lock.h"

#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>

/* One a database. */
struct vfs_shm {
	struct lock lock;
	unsigned users; /* connections that have the memory mapped */
	void **regions; /* of VFS_SHM_REGION_BYTES each */
	int region_count;
	unsigned shared[SQLITE_SHM_NLOCK]; /* holders of each slot */
	uint8_t exclusive;                 /* bit n: slot n is held by one alone */

	unsigned db_shared;               /* holders of at least SQLITE_LOCK_SHARED */
	struct vfs_shm_user *db_reserved; /* who holds RESERVED or more */
	struct vfs_shm_user *db_pending;  /* who waits for, or holds, EXCLUSIVE */
};

/* One a connection; zeroed at first. */
struct vfs_shm_user {
	bool mapped;
	uint8_t shared;    /* slots held */
	uint8_t exclusive; /* slots held alone */
	int level;         /* SQLITE_LOCK_NONE to SQLITE_LOCK_EXCLUSIVE of the database file */
};

void vfs_shm_init(struct vfs_shm *s);

/** Every user is gone. */
void vfs_shm_done(struct vfs_shm *s);

/** xShmMap: region @n, made and zeroed when @extend, else NULL when it is not there yet. A SQLite
 * result code. */
int vfs_shm_map(struct vfs_shm *s, struct vfs_shm_user *u, int n, int region_bytes, bool extend,
                void volatile **ret);

/** Frames of the log that count, as SQLite found them; 0 when it has none or was not read yet. */
uint64_t vfs_shm_log_frames(struct vfs_shm *s);

/** xShmLock, as SQLite documents it: never waits. */
int vfs_shm_lock(struct vfs_shm *s, struct vfs_shm_user *u, int first, int count, int flags);

void vfs_shm_barrier(struct vfs_shm *s);

/** xShmUnmap: drops the slots of @u; the memory goes with the last user. */
void vfs_shm_unmap(struct vfs_shm *s, struct vfs_shm_user *u);

/** xLock, xUnlock, xCheckReservedLock of the database file. They matter even in WAL mode: they tell
 * SQLite who is the last to close. */
int vfs_shm_db_lock(struct vfs_shm *s, struct vfs_shm_user *u, int level);
void vfs_shm_db_unlock(struct vfs_shm *s, struct vfs_shm_user *u, int level);
bool vfs_shm_db_reserved(struct vfs_shm *s);

#endif
