/* SPDX-License-Identifier: Apache-2.0 */
/* What pack.c (writing), pack_store.c (storing) and pack_cache.c (reading and evicting) share. */
#ifndef AMBERFS_VOLUME_PACK_IMPL_H
#define AMBERFS_VOLUME_PACK_IMPL_H

#include "util/lock.h"
#include "volume/pack.h"

#define PACK_PATH_MAX 4096

enum pack_state {
	PACK_OPEN,
	PACK_CLOSING,
	PACK_SEALED,
	PACK_STORED,
	PACK_PART, /* stored; some chunks are here */
};

struct pack {
	uint64_t num;
	uint8_t name[PACK_NAME_BYTES];
	enum pack_state state;
	uint64_t size;     /* bytes reserved, or the final size */
	uint64_t end_ticket; /* of the batch that says it ended (fsync.c); 0: of a former run */
	unsigned writers;  /* reservations that are not finished */
	unsigned users;    /* threads that use `file` */
	struct file *file; /* NULL when not open */
	uint64_t last_use;
	bool announced;
	bool left_over;  /* of a former run, not ended by it */
	bool known;      /* the index has it */
	bool dirty;      /* bytes put since the last sync */
	bool name_dirty; /* the file's name may not be durable */
	bool storing;
	bool dropped;    /* forget it when the last user is done */
	uint8_t *chunks; /* PART: which are here, one byte each */
	uint64_t chunk_count;
	uint64_t here_bytes; /* on the local disk */
};

struct packs {
	struct packs_params params;
	char dir[PACK_PATH_MAX - 64];
	struct lock lock;
	struct lock sync_lock; /* `sync_error`; who takes it does not return before what others sync is synced */
	int sync_error;        /* a sync failed: what it should have written is gone, and a second one would not say so */
	struct cond changed;
	struct pack **all; /* ascending by number */
	size_t count, cap;
	struct pack *open;
	uint64_t next_num;
	uint64_t tick;
	size_t open_files;
	uint64_t local_bytes;
	_Atomic uint64_t unstored_bytes; /* changed with the lock */
	uint64_t unstored_packs;
};

/* All with the lock held. */
struct pack *packs_find(struct packs *p, uint64_t num);
struct pack *packs_add(struct packs *p, uint64_t num, enum pack_state state);
void packs_forget(struct packs *p, struct pack *pack); /* not used by anyone */
int packs_remove_local(struct packs *p, struct pack *pack); /* the file, and forget it; not used by anyone */
void packs_path(const struct packs *p, const struct pack *pack, char *out);

/** Open its file when it is not (and make it, with @create), and keep it open until packs_unuse(). Called without the lock. */
int packs_use(struct packs *p, struct pack *pack, bool create);
void packs_unuse(struct packs *p, struct pack *pack);

#endif
