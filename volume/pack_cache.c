/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading packs from the local disk, keeping what was fetched, and evicting.
 *
 * What is kept here is only a copy of what the store has: every trouble with it is answered by
 * forgetting it.
 */
#include "volume/pack_impl.h"

#include "util/check.h"
#include "util/err.h"
#include "util/log.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* With the lock: are all chunks of the range here? */
static bool has_range(const struct pack *pack, uint64_t off, size_t len)
{
	uint64_t last = (off + len - 1) / PACK_CHUNK_BYTES;

	for (uint64_t c = off / PACK_CHUNK_BYTES; c <= last; c++)
		if (c >= pack->chunk_count || !pack->chunks[c])
			return false;
	return true;
}

static int read_once(struct packs *p, uint64_t num, uint64_t off, size_t len, void *out)
{
	struct pack *pack;
	bool here;
	int r;

	lock_take(&p->lock);
	pack = packs_find(p, num);
	here = pack && !pack->dropped && (pack->state != PACK_PART || has_range(pack, off, len));
	if (here)
		pack->users++; /* so that it is not evicted before it is in use */
	lock_drop(&p->lock);
	if (!here)
		return ERR_NOENT;
	r = packs_use(p, pack, false);
	if (r == 0) {
		r = file_pread_all(pack->file, out, len, off);
		packs_unuse(p, pack);
	} else if (r == ERR_NOENT) {
		r = ERR_STALE;
	}
	packs_unuse(p, pack);
	return r;
}

int packs_read(struct packs *p, uint64_t num, uint64_t off, size_t len, void *out)
{
	int r = len ? ERR_STALE : 0;

	/* a file may move to cache/ between the look-up of its path and its opening */
	for (int tries = 0; tries < 3 && r == ERR_STALE; tries++)
		r = read_once(p, num, off, len, out);
	return r == ERR_STALE ? ERR_NOENT : r;
}

/* With the lock: make the table of chunks reach @count. */
static int grow_chunks(struct pack *pack, uint64_t count)
{
	uint8_t *chunks;

	if (count <= pack->chunk_count)
		return 0;
	chunks = realloc(pack->chunks, (size_t)count);
	if (!chunks)
		return ERR_NOMEM;
	memset(chunks + pack->chunk_count, 0, (size_t)(count - pack->chunk_count));
	pack->chunks = chunks;
	pack->chunk_count = count;
	return 0;
}

/* All of it is here: it becomes an ordinary stored pack. */
static void complete(struct packs *p, struct pack *pack)
{
	char from[PACK_PATH_MAX], to[PACK_PATH_MAX];

	for (uint64_t c = 0; c < pack->chunk_count; c++)
		if (!pack->chunks[c])
			return;
	packs_path(p, pack, from);
	snprintf(to, sizeof(to), "%s/cache/%" PRIu64, p->dir, pack->num);
	if (fileio_rename(p->params.io, from, to) != 0)
		return;
	pack->state = PACK_STORED;
	free(pack->chunks);
	pack->chunks = NULL;
	pack->chunk_count = 0;
}

void packs_keep(struct packs *p, uint64_t num, uint64_t off, const void *data, size_t len,
                uint64_t pack_size)
{
	uint64_t first = off / PACK_CHUNK_BYTES;
	uint64_t count = (len + PACK_CHUNK_BYTES - 1) / PACK_CHUNK_BYTES;
	struct pack *pack;
	int r = 0;

	if (p->params.read_only || len == 0)
		return;
	lock_take(&p->lock);
	pack = packs_find(p, num);
	if (!pack)
		pack = packs_add(p, num, PACK_PART);
	if (!pack || pack->dropped || pack->state != PACK_PART) {
		lock_drop(&p->lock);
		return;
	}
	pack->users++;
	pack->announced = true;
	r = grow_chunks(pack, pack_size ? (pack_size + PACK_CHUNK_BYTES - 1) / PACK_CHUNK_BYTES
	                                : first + count);
	lock_drop(&p->lock);
	if (r == 0) {
		r = packs_use(p, pack, true);
		if (r == 0) {
			r = file_pwrite(pack->file, data, len, off);
			packs_unuse(p, pack);
		}
	}
	lock_take(&p->lock);
	for (uint64_t c = first; r == 0 && c < first + count && c < pack->chunk_count; c++) {
		uint64_t bytes = off + len - c * PACK_CHUNK_BYTES;

		if (pack->chunks && !pack->chunks[c]) {
			pack->chunks[c] = 1;
			pack->here_bytes += bytes < PACK_CHUNK_BYTES ? bytes : PACK_CHUNK_BYTES;
			p->local_bytes += bytes < PACK_CHUNK_BYTES ? bytes : PACK_CHUNK_BYTES;
		}
	}
	if (r == 0 && pack_size && pack->state == PACK_PART)
		complete(p, pack);
	lock_drop(&p->lock);
	packs_unuse(p, pack);
	packs_evict(p);
}

bool packs_has_chunk(struct packs *p, uint64_t num, uint64_t off)
{
	struct pack *pack;
	bool has;

	if (off < PACK_CHUNK_BYTES)
		return false;
	lock_take(&p->lock);
	pack = packs_find(p, num);
	has = pack && pack->state == PACK_PART && has_range(pack, off - PACK_CHUNK_BYTES, 1);
	lock_drop(&p->lock);
	return has;
}

/* With the lock: remove the file and, as soon as nobody uses it, the entry. */
static void drop(struct packs *p, struct pack *pack)
{
	char path[PACK_PATH_MAX];

	packs_path(p, pack, path);
	if (fileio_remove(p->params.io, path) != 0)
		log_warn("pack", "evict-failed pack=%" PRIu64, pack->num);
	pack->dropped = true;
	if (pack->users == 0)
		packs_forget(p, pack);
}

void packs_drop(struct packs *p, uint64_t num)
{
	struct pack *pack;

	lock_take(&p->lock);
	pack = packs_find(p, num);
	if (pack && pack->state >= PACK_STORED && !pack->dropped && !p->params.read_only)
		drop(p, pack);
	lock_drop(&p->lock);
}

bool packs_is_only_copy(struct packs *p, uint64_t num)
{
	struct pack *pack;
	bool only;

	lock_take(&p->lock);
	pack = packs_find(p, num);
	only = pack && pack->state < PACK_STORED;
	lock_drop(&p->lock);
	return only;
}

/* Until no more than @limit_bytes are here, or nothing more can go. Returns what went. */
static uint64_t evict_to(struct packs *p, uint64_t limit_bytes)
{
	uint64_t before;

	lock_take(&p->lock);
	before = p->local_bytes;
	while (p->local_bytes > limit_bytes) {
		struct pack *oldest = NULL;

		for (size_t i = 0; i < p->count; i++) {
			struct pack *c = p->all[i];

			if (c->state >= PACK_STORED && c->users == 0 && !c->dropped &&
			    (!oldest || c->last_use < oldest->last_use))
				oldest = c;
		}
		if (!oldest)
			break;
		drop(p, oldest);
	}
	before -= p->local_bytes;
	lock_drop(&p->lock);
	return before;
}

void packs_evict(struct packs *p)
{
	evict_to(p, p->params.limit_bytes);
}

bool packs_make_room(struct packs *p, uint64_t bytes)
{
	uint64_t here;

	lock_take(&p->lock);
	here = p->local_bytes;
	lock_drop(&p->lock);
	return evict_to(p, here > bytes ? here - bytes : 0) > 0;
}
