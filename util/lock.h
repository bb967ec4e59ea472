/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Mutexes with ranks. A thread may take a lock only of a higher rank than every lock
 * it holds, so no two threads can wait for each other. The order is this list; it is
 * asserted when the program is built with -DLOCK_DEBUG (sanitizer builds are).
 *
 * No lock is held across a request to the store, an fsync, or a callback, with the one
 * exception that docs/ARCHITECTURE.md names.
 */
#ifndef AMBERFS_UTIL_LOCK_H
#define AMBERFS_UTIL_LOCK_H

#include <pthread.h>
#include <stdint.h>

enum lock_rank {
	LOCK_FS_TABLE = 10,      /* fs/: inodes the kernel knows, views */
	LOCK_VOLUME_FILE = 20,   /* volume/: one writer of a file at a time (striped) */
	LOCK_VOLUME_COMMIT = 30, /* volume/: one commit at a time; held across its fsync */
	LOCK_VOLUME = 40,        /* volume/: the index, the open batch, the epoch */
	LOCK_KEYS = 50,          /* volume/: opened file keys */
	LOCK_PACK_SYNC = 55,     /* volume/: one sync of packs at a time; held across its fsync */
	LOCK_PACK = 60,          /* volume/: the open pack and the table of local packs */
	LOCK_UPLOAD = 70,        /* volume/: what is being stored */
	LOCK_META = 80,          /* meta/: shared state of the encrypted files */
	LOCK_BACKEND = 90,       /* backend/: request queue, connections */
	LOCK_LOG = 100,          /* util/log */
};

struct lock {
	pthread_mutex_t mutex;
	enum lock_rank rank;
};

struct cond {
	pthread_cond_t cond;
};

void lock_init(struct lock *l, enum lock_rank rank);
void lock_done(struct lock *l);
void lock_take(struct lock *l);
void lock_drop(struct lock *l);

void cond_init(struct cond *c);
void cond_done(struct cond *c);
/** Wait with @l held, as pthread_cond_wait(): wakes may be spurious. */
void cond_wait(struct cond *c, struct lock *l);
/** The same, at most @timeout_ms. */
void cond_wait_ms(struct cond *c, struct lock *l, int64_t timeout_ms);
void cond_wake_all(struct cond *c);

#endif
