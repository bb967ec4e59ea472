/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Packs on the local disk: files of sealed pages, opaque to this module.
 *
 *   packs/<number>   being written, or complete and not yet stored: never evicted
 *   cache/<number>   complete and stored: may be evicted, least recently used first
 *   cache/<number>.part   pieces of a stored pack that were fetched; only this process knows which,
 * so they are dropped at start
 *
 * A pack's life: OPEN (writers reserve room in it) -> CLOSING (no new writers) -> SEALED (padded,
 * synced, its size in the log) -> STORED -> evicted.
 *
 * Thread safe; the lock is never held across reading, writing or syncing a file.
 */
#ifndef AMBERFS_VOLUME_PACK_H
#define AMBERFS_VOLUME_PACK_H

#include "util/buf.h"
#include "util/fileio.h"
#include "util/rng.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PACK_NAME_BYTES 16
#define PACK_CHUNK_BYTES (256u * 1024)
#define PACK_OPEN_FILES_MAX 128
#define PACK_MIN_BYTES 4096 /* so that a pack of one small file does not show its size */

struct packs;
struct pack;

struct packs_params {
	const struct fileio *io;
	struct rng *rng;
	const char *dir;      /* the volume's state folder */
	uint32_t pack_bytes;  /* a pack is closed when it is this long */
	uint64_t limit_bytes; /* of everything local */
	bool read_only;
};

/** Make the folders where missing, list what is there. Packs left OPEN by a crash are there as
 * CLOSING. */
int packs_open(const struct packs_params *params, struct packs **ret);
void packs_close(struct packs *p);

/** Numbers of new packs begin here. Call once, after recovery. */
void packs_start_at(struct packs *p, uint64_t next_num);

/** Tell what the index knows of a pack that is local; called during recovery. @size 0: not ended
 * yet. */
void packs_know(struct packs *p, uint64_t num, const uint8_t *name, uint64_t size);

/** After it: pack @num, which ended with @size, is in the store. A local file that was not known to be stored goes to the cache, or
 * away when it is not whole (the state folder is an old copy). */
int packs_know_stored(struct packs *p, uint64_t num, uint64_t size);

/** Remove local packs that packs_know() was not told of: they were begun, and the crash came before
 * the log knew. */
int packs_drop_unknown(struct packs *p);

/* ---- writing ---- */

/**
 * Reserve @len bytes (at most a pack's size, or one pack of its own) in the open pack. The writer
 * writes them with packs_put(), applies the operation that refers to them, and calls
 * packs_finish(), whatever happened. ERR_NOSPC when what is not stored fills the limit.
 */
int packs_reserve(struct packs *p, size_t len, struct pack **ret, uint64_t *ret_off);
int packs_put(struct packs *p, struct pack *pack, uint64_t off, const void *data, size_t len);
void packs_finish(struct packs *p, struct pack *pack);

uint64_t pack_num(const struct pack *pack);
const uint8_t *pack_name(const struct pack *pack);

/** True once for each pack: the caller, under the volume's lock, logs its beginning now. */
bool packs_announce(struct packs *p, struct pack *pack);

/** Make everything that was put durable, with the names of the files. */
int packs_sync(struct packs *p);

/** Let the open pack, when it has something in it, take no more writers. */
void packs_rotate(struct packs *p);

/** Wait until no CLOSING pack has writers. The caller holds no lock that a writer needs. */
void packs_wait_idle(struct packs *p);

/**
 * Pad and sync one CLOSING pack without writers: *ret_num and *ret_size go into the log, then
 * packs_sealed() is called. ERR_NOENT when there is none.
 */
int packs_end_one(struct packs *p, uint64_t *ret_num, uint64_t *ret_size);
void packs_sealed(struct packs *p, uint64_t num, uint64_t size, uint64_t end_ticket);

/** Write bytes of a pack again from the journal (recovery). Does nothing when the pack has ended
 * and is not local. */
int packs_rewrite(struct packs *p, uint64_t num, uint64_t off, const void *data, size_t len,
                  bool ended);

/* ---- storing ---- */

struct pack_info {
	uint64_t num;
	uint64_t size;
	uint8_t name[PACK_NAME_BYTES];
};

/** Take the SEALED pack with the lowest number whose end is durable (@durable_ticket) and that nobody stores yet; it is released by
 * packs_stored() or packs_not_stored(). ERR_NOENT when there is none. */
int packs_take_unstored(struct packs *p, uint64_t durable_ticket, struct pack_info *ret);
/** Append its content to @out. */
int packs_load(struct packs *p, uint64_t num, struct buf *out);
int packs_stored(struct packs *p, uint64_t num);
void packs_not_stored(struct packs *p, uint64_t num);

/** The lowest pack that is not SEALED yet; 0 when there is none. */
uint64_t packs_first_open(struct packs *p);

/** Whether a pack numbered @num or lower is not stored. */
bool packs_unstored_below(struct packs *p, uint64_t num);

/* ---- reading ---- */

/**
 * Read @len bytes at @off of pack @num from the local disk. ERR_NOENT when they are not here
 * (ERR_CORRUPT when the file is shorter than it should be).
 */
int packs_read(struct packs *p, uint64_t num, uint64_t off, size_t len, void *out);

/** Keep fetched bytes: @off is a multiple of PACK_CHUNK_BYTES, @len too, but at the end of the
 * pack. Failing to keep them is no error. */
void packs_keep(struct packs *p, uint64_t num, uint64_t off, const void *data, size_t len,
                uint64_t pack_size);

/** Whether the chunk before the one at @off is here: the reader goes forward. */
bool packs_has_chunk(struct packs *p, uint64_t num, uint64_t off);

/** Forget the local copy of a stored pack (it turned out rotten). */
void packs_drop(struct packs *p, uint64_t num);

/** Whether the store does not have the pack yet: what is wrong with it here cannot be mended from
 * there. */
bool packs_is_only_copy(struct packs *p, uint64_t num);

/** Evict stored packs until the limit is kept. */
void packs_evict(struct packs *p);

/** The disk is nearly full: let go of about @bytes of stored packs, if there are so many. Returns whether any went. */
bool packs_make_room(struct packs *p, uint64_t bytes);

struct packs_totals {
	uint64_t local_bytes;
	uint64_t unstored_bytes;
	uint64_t unstored_packs;
};

/** Of packs that are not stored yet. Takes no lock. */
uint64_t packs_unstored_bytes(const struct packs *p);

void packs_count(struct packs *p, struct packs_totals *ret);

#endif
