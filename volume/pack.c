/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writing and storing packs.
 *
 * Invariants
 *   K1 a pack in state OPEN or CLOSING is at packs/<number>; a SEALED one too, with exactly `size`
 *      bytes, synced with its name
 *   K2 a STORED pack was acknowledged by the store before its file moved to cache/
 *   K3 bytes [0, size) of an OPEN pack are reserved; each reservation is written by one thread only
 *   K4 unstored_bytes counts OPEN, CLOSING and SEALED packs; local_bytes counts all that is on the
 *      disk
 */
#include "volume/pack_impl.h"

#include "crypto/object.h"
#include "util/check.h"
#include "util/err.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEFAULT_PIECE (1u << 20)

/* ---- the table ---- */

static size_t lower_bound(const struct packs *p, uint64_t num)
{
	size_t lo = 0, hi = p->count;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (p->all[mid]->num < num)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

struct pack *packs_find(struct packs *p, uint64_t num)
{
	size_t i = lower_bound(p, num);

	return i < p->count && p->all[i]->num == num ? p->all[i] : NULL;
}

struct pack *packs_add(struct packs *p, uint64_t num, enum pack_state state)
{
	size_t i = lower_bound(p, num);
	struct pack *pack;

	if (p->count == p->cap) {
		size_t cap = p->cap ? p->cap * 2 : 64;
		struct pack **all = realloc(p->all, cap * sizeof(*all));

		if (!all)
			return NULL;
		p->all = all;
		p->cap = cap;
	}
	pack = calloc(1, sizeof(*pack));
	if (!pack)
		return NULL;
	pack->num = num;
	pack->state = state;
	pack->last_use = ++p->tick;
	memmove(&p->all[i + 1], &p->all[i], (p->count - i) * sizeof(*p->all));
	p->all[i] = pack;
	p->count++;
	return pack;
}

static void pack_free(struct pack *pack)
{
	file_close(pack->file);
	free(pack->chunks);
	free(pack);
}

void packs_forget(struct packs *p, struct pack *pack)
{
	size_t i = lower_bound(p, pack->num);

	CHECK(i < p->count && p->all[i] == pack && pack->users == 0);
	memmove(&p->all[i], &p->all[i + 1], (p->count - i - 1) * sizeof(*p->all));
	p->count--;
	p->local_bytes -= pack->here_bytes;
	if (pack->file)
		p->open_files--;
	pack_free(pack);
}

void packs_path(const struct packs *p, const struct pack *pack, char *out)
{
	const char *folder = pack->state >= PACK_STORED ? "cache" : "packs";

	snprintf(out, PACK_PATH_MAX, "%s/%s/%" PRIu64 "%s", p->dir, folder, pack->num,
	         pack->state == PACK_PART ? ".part" : "");
}

/* Close the file that was used longest ago, so that few stay open. */
static void limit_open_files(struct packs *p)
{
	while (p->open_files > PACK_OPEN_FILES_MAX) {
		struct pack *oldest = NULL;

		for (size_t i = 0; i < p->count; i++) {
			struct pack *c = p->all[i];

			if (c->file && c->users == 0 && !c->dirty && c->writers == 0 &&
			    (!oldest || c->last_use < oldest->last_use))
				oldest = c;
		}
		if (!oldest)
			return;
		file_close(oldest->file);
		oldest->file = NULL;
		p->open_files--;
	}
}

int packs_use(struct packs *p, struct pack *pack, bool create)
{
	char path[PACK_PATH_MAX];
	struct file *f = NULL;
	int flags = FILE_READ;
	int r;

	lock_take(&p->lock);
	pack->users++;
	pack->last_use = ++p->tick;
	if (pack->file) {
		lock_drop(&p->lock);
		return 0;
	}
	packs_path(p, pack, path);
	if (pack->state == PACK_OPEN || pack->state == PACK_CLOSING || pack->state == PACK_PART)
		flags = FILE_WRITE | (create ? FILE_CREATE : 0);
	lock_drop(&p->lock);
	r = file_open(p->params.io, path, flags, &f);
	lock_take(&p->lock);
	if (r == 0 && !pack->file) {
		pack->file = f;
		f = NULL;
		p->open_files++;
		limit_open_files(p);
	}
	lock_drop(&p->lock);
	file_close(f);
	if (r != 0)
		packs_unuse(p, pack);
	return r;
}

void packs_unuse(struct packs *p, struct pack *pack)
{
	lock_take(&p->lock);
	CHECK(pack->users > 0);
	pack->users--;
	if (pack->users == 0 && pack->dropped)
		packs_forget(p, pack);
	lock_drop(&p->lock);
}

/* ---- life ---- */

static int list_one(void *ctx, const char *name, bool stored)
{
	struct packs *p = ctx;
	char path[PACK_PATH_MAX];
	struct file_info info;
	struct pack *pack;
	char *end;
	uint64_t num = strtoull(name, &end, 10);
	int r;

	snprintf(path, sizeof(path), "%s/%s/%s", p->dir, stored ? "cache" : "packs", name);
	if (*end != '\0' || num == 0) {
		/* fetched pieces of a former run, nothing else is made there */
		if (stored && strcmp(end, ".part") == 0 && !p->params.read_only)
			return fileio_remove(p->params.io, path);
		return 0;
	}
	r = fileio_stat(p->params.io, path, &info);
	if (r != 0)
		return r;
	/* after a power cut both names of a moved file may be there */
	pack = packs_find(p, num);
	if (!pack)
		pack = packs_add(p, num, stored ? PACK_STORED : PACK_CLOSING);
	else
		return 0;
	if (!pack)
		return ERR_NOMEM;
	pack->size = info.size_bytes;
	pack->here_bytes = info.size_bytes;
	pack->announced = true;
	p->local_bytes += info.size_bytes;
	if (!stored) {
		pack->left_over = true;
		p->unstored_bytes += info.size_bytes;
		p->unstored_packs++;
	}
	return 0;
}

static int list_cache(void *ctx, const char *name)
{
	return list_one(ctx, name, true);
}

static int list_packs(void *ctx, const char *name)
{
	return list_one(ctx, name, false);
}

static int make_folder(struct packs *p, const char *name, fileio_name_fn fn)
{
	char path[PACK_PATH_MAX];
	int r;

	snprintf(path, sizeof(path), "%s/%s", p->dir, name);
	r = fileio_mkdir(p->params.io, path);
	if (r == 0 || r == ERR_EXIST)
		r = fileio_sync_dir(p->params.io, p->dir);
	return r ? r : fileio_list(p->params.io, path, fn, p);
}

int packs_open(const struct packs_params *params, struct packs **ret)
{
	struct packs *p = calloc(1, sizeof(*p));
	int r;

	if (!p)
		return ERR_NOMEM;
	p->params = *params;
	lock_init(&p->lock, LOCK_PACK);
	lock_init(&p->sync_lock, LOCK_PACK_SYNC);
	cond_init(&p->changed);
	p->next_num = 1;
	if ((size_t)snprintf(p->dir, sizeof(p->dir), "%s", params->dir) >= sizeof(p->dir)) {
		packs_close(p);
		return ERR_NAMETOOLONG;
	}
	r = make_folder(p, "cache", list_cache);
	if (r == 0)
		r = make_folder(p, "packs", list_packs);
	if (r != 0) {
		packs_close(p);
		return r;
	}
	*ret = p;
	return 0;
}

void packs_close(struct packs *p)
{
	if (!p)
		return;
	for (size_t i = 0; i < p->count; i++)
		pack_free(p->all[i]);
	free(p->all);
	cond_done(&p->changed);
	lock_done(&p->sync_lock);
	lock_done(&p->lock);
	free(p);
}

void packs_start_at(struct packs *p, uint64_t next_num)
{
	lock_take(&p->lock);
	p->next_num = next_num;
	lock_drop(&p->lock);
}

void packs_know(struct packs *p, uint64_t num, const uint8_t *name, uint64_t size)
{
	struct pack *pack;

	lock_take(&p->lock);
	pack = packs_find(p, num);
	if (pack) {
		pack->known = true;
		memcpy(pack->name, name, PACK_NAME_BYTES);
		if (size && pack->state == PACK_CLOSING) {
			pack->state = PACK_SEALED;
			pack->size = size;
		}
	}
	lock_drop(&p->lock);
}

int packs_remove_local(struct packs *p, struct pack *pack)
{
	char path[PACK_PATH_MAX];
	int r;

	packs_path(p, pack, path);
	r = fileio_remove(p->params.io, path);
	if (r != 0 && r != ERR_NOENT)
		return r;
	if (pack->state < PACK_STORED) {
		p->unstored_bytes -= pack->here_bytes;
		p->unstored_packs--;
	}
	packs_forget(p, pack);
	return 0;
}

static int sync_folder(struct packs *p, const char *name)
{
	char path[PACK_PATH_MAX];

	snprintf(path, sizeof(path), "%s/%s", p->dir, name);
	return fileio_sync_dir(p->params.io, path);
}

/* Their numbers are given to other packs, so they must not come back after a power cut. */
int packs_drop_unknown(struct packs *p)
{
	int r = 0;

	lock_take(&p->lock);
	for (size_t i = p->count; r == 0 && i > 0; i--) {
		struct pack *pack = p->all[i - 1];

		if (!pack->known && pack->users == 0)
			r = packs_remove_local(p, pack);
	}
	lock_drop(&p->lock);
	/* also when nothing was removed now: a run before may have died after its removals */
	if (r == 0 && !p->params.read_only)
		r = sync_folder(p, "cache");
	if (r == 0 && !p->params.read_only)
		r = sync_folder(p, "packs");
	return r;
}

/* ---- writing ---- */

static int open_new(struct packs *p)
{
	struct pack *pack = packs_add(p, p->next_num, PACK_OPEN);

	if (!pack)
		return ERR_NOMEM;
	rng_fill(p->params.rng, pack->name, PACK_NAME_BYTES);
	pack->name_dirty = true;
	p->next_num++;
	p->unstored_packs++;
	p->open = pack;
	return 0;
}

int packs_reserve(struct packs *p, size_t len, struct pack **ret, uint64_t *ret_off)
{
	struct pack *pack;
	int r = 0;

	lock_take(&p->lock);
	if (p->unstored_bytes + len > p->params.limit_bytes) {
		lock_drop(&p->lock);
		return err_note(ERR_NOSPC,
		                "the local cache is full of data that is not stored yet");
	}
	if (p->open && p->open->size > 0 && p->open->size + len > p->params.pack_bytes) {
		p->open->state = PACK_CLOSING;
		p->open = NULL;
	}
	if (!p->open)
		r = open_new(p);
	if (r == 0) {
		pack = p->open;
		*ret = pack;
		*ret_off = pack->size;
		pack->size += len;
		pack->here_bytes += len;
		pack->writers++;
		p->local_bytes += len;
		p->unstored_bytes += len;
	}
	lock_drop(&p->lock);
	return r;
}

int packs_put(struct packs *p, struct pack *pack, uint64_t off, const void *data, size_t len)
{
	int r = packs_use(p, pack, true);

	if (r != 0)
		return r;
	r = file_pwrite(pack->file, data, len, off);
	/* after the write: a sync that ran meanwhile may have missed it */
	lock_take(&p->lock);
	pack->dirty = true;
	lock_drop(&p->lock);
	packs_unuse(p, pack);
	return r;
}

void packs_finish(struct packs *p, struct pack *pack)
{
	lock_take(&p->lock);
	CHECK(pack->writers > 0);
	pack->writers--;
	cond_wake_all(&p->changed);
	lock_drop(&p->lock);
}

uint64_t pack_num(const struct pack *pack)
{
	return pack->num;
}

const uint8_t *pack_name(const struct pack *pack)
{
	return pack->name;
}

bool packs_announce(struct packs *p, struct pack *pack)
{
	bool first;

	lock_take(&p->lock);
	first = !pack->announced;
	pack->announced = true;
	lock_drop(&p->lock);
	return first;
}

/* One pack that has unsynced bytes, kept in use, or NULL. */
static struct pack *take_dirty(struct packs *p, bool *ret_name)
{
	struct pack *found = NULL;

	lock_take(&p->lock);
	for (size_t i = p->count; i > 0 && !found; i--)
		if (p->all[i - 1]->dirty)
			found = p->all[i - 1];
	if (found) {
		found->dirty = false;
		*ret_name = found->name_dirty;
		found->name_dirty = false;
		found->users++;
	}
	lock_drop(&p->lock);
	return found;
}

/* With `sync_lock`. */
static int sync_dirty(struct packs *p)
{
	bool names = false;
	struct pack *pack;
	int r = p->sync_error;

	while (r == 0) {
		bool name = false;

		pack = take_dirty(p, &name);
		if (!pack)
			break;
		names |= name;
		CHECK(pack->file);
		r = file_sync(pack->file);
		packs_unuse(p, pack);
	}
	if (r == 0 && names)
		r = sync_folder(p, "packs");
	p->sync_error = r;
	return r;
}

int packs_sync(struct packs *p)
{
	int r;

	lock_take(&p->sync_lock);
	r = sync_dirty(p);
	lock_drop(&p->sync_lock);
	return r;
}

void packs_rotate(struct packs *p)
{
	lock_take(&p->lock);
	if (p->open && p->open->size > 0) {
		p->open->state = PACK_CLOSING;
		p->open = NULL;
	}
	lock_drop(&p->lock);
}

static struct pack *find_closing(struct packs *p, bool with_writers)
{
	for (size_t i = 0; i < p->count; i++)
		if (p->all[i]->state == PACK_CLOSING && (p->all[i]->writers > 0) == with_writers)
			return p->all[i];
	return NULL;
}

void packs_wait_idle(struct packs *p)
{
	lock_take(&p->lock);
	while (find_closing(p, true))
		cond_wait(&p->changed, &p->lock);
	lock_drop(&p->lock);
}

/* Random bytes up to the padded size: they look like the rest. */
static int pad(struct packs *p, struct pack *pack, uint64_t *ret_size)
{
	uint64_t size = pack->size < PACK_MIN_BYTES ? PACK_MIN_BYTES : object_padme(pack->size);
	uint64_t at = pack->size;
	uint8_t *junk = NULL;
	int r = 0;

	if (size > at) {
		junk = malloc(size - at < DEFAULT_PIECE ? (size_t)(size - at) : DEFAULT_PIECE);
		if (!junk)
			return ERR_NOMEM;
	}
	while (r == 0 && at < size) {
		size_t n = size - at < DEFAULT_PIECE ? (size_t)(size - at) : DEFAULT_PIECE;

		rng_fill(p->params.rng, junk, n);
		r = file_pwrite(pack->file, junk, n, at);
		at += n;
	}
	free(junk);
	if (r == 0)
		*ret_size = size;
	return r;
}

/*
 * A pack of a former run: after a sync that failed, the kernel may show bytes that the disk does
 * not have, and think them clean. Written again, they are synced again.
 */
static int write_again(struct pack *pack)
{
	uint8_t *bytes = malloc(DEFAULT_PIECE);
	int r = bytes ? 0 : ERR_NOMEM;

	for (uint64_t at = 0; r == 0 && at < pack->size;) {
		size_t n = 0;

		r = file_pread(pack->file, bytes, DEFAULT_PIECE, at, &n);
		if (r == 0 && n > 0)
			r = file_pwrite(pack->file, bytes, n, at);
		if (n == 0)
			break;
		at += n;
	}
	free(bytes);
	return r;
}

/* With the lock: every write to it failed before the log knew of it. */
static void discard(struct packs *p, struct pack *pack)
{
	char path[PACK_PATH_MAX];

	packs_path(p, pack, path);
	fileio_remove(p->params.io, path); /* what stays is dropped at the next start */
	p->unstored_bytes -= pack->here_bytes;
	p->unstored_packs--;
	packs_forget(p, pack);
}

/* As sync_dirty(), of one pack that is complete. */
static int sync_ended(struct packs *p, struct pack *pack)
{
	int r;

	lock_take(&p->sync_lock);
	r = p->sync_error;
	if (r == 0)
		r = file_sync(pack->file);
	if (r == 0)
		r = sync_folder(p, "packs");
	p->sync_error = r;
	lock_drop(&p->sync_lock);
	return r == ERR_NOSPC ? ERR_IO : r;
}

int packs_end_one(struct packs *p, uint64_t *ret_num, uint64_t *ret_size)
{
	struct pack *pack;
	uint64_t size = 0;
	int r;

	lock_take(&p->lock);
	pack = find_closing(p, false);
	while (pack && !pack->announced && pack->users == 0) {
		discard(p, pack);
		pack = find_closing(p, false);
	}
	lock_drop(&p->lock);
	if (!pack)
		return ERR_NOENT;
	r = packs_use(p, pack, true);
	if (r != 0)
		return r;
	if (pack->left_over)
		r = write_again(pack);
	if (r == 0)
		r = pad(p, pack, &size);
	/* a last write that failed may have left it short of what is logged */
	if (r == 0)
		r = file_truncate(pack->file, size);
	if (r == 0)
		r = sync_ended(p, pack);
	if (r == 0) {
		lock_take(&p->lock);
		pack->dirty = false;
		pack->name_dirty = false;
		*ret_num = pack->num;
		*ret_size = size;
		lock_drop(&p->lock);
	}
	packs_unuse(p, pack);
	return r;
}

void packs_sealed(struct packs *p, uint64_t num, uint64_t size, uint64_t end_ticket)
{
	struct pack *pack;

	lock_take(&p->lock);
	pack = packs_find(p, num);
	CHECK(pack && pack->state == PACK_CLOSING);
	p->local_bytes += size - pack->here_bytes;
	p->unstored_bytes += size - pack->here_bytes;
	pack->size = size;
	pack->here_bytes = size;
	pack->end_ticket = end_ticket;
	pack->state = PACK_SEALED;
	cond_wake_all(&p->changed);
	lock_drop(&p->lock);
}

int packs_rewrite(struct packs *p, uint64_t num, uint64_t off, const void *data, size_t len,
                  bool ended)
{
	struct pack *pack;
	int r;

	lock_take(&p->lock);
	pack = packs_find(p, num);
	if (!pack && !ended) {
		pack = packs_add(p, num, PACK_CLOSING);
		if (pack) {
			pack->announced = true;
			pack->name_dirty = true;
			p->unstored_packs++;
		}
	}
	lock_drop(&p->lock);
	if (!pack)
		return ended ? 0 : ERR_NOMEM;
	if (pack->state != PACK_CLOSING)
		return 0;
	r = packs_put(p, pack, off, data, len);
	if (r != 0)
		return r;
	lock_take(&p->lock);
	if (off + len > pack->size) {
		uint64_t more = off + len - pack->size;

		pack->size += more;
		pack->here_bytes += more;
		p->local_bytes += more;
		p->unstored_bytes += more;
	}
	lock_drop(&p->lock);
	return 0;
}
