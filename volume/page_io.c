/* SPDX-License-Identifier: Apache-2.0 */
#include "volume/page_io.h"

#include "util/check.h"
#include "util/err.h"
#include "util/log.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* Buffers of a mebibyte are expensive to get from the kernel again and again. */
#define POOL_MAX 16
static uint8_t *pool[POOL_MAX];
static size_t pool_count;
static pthread_mutex_t pool_mutex = PTHREAD_MUTEX_INITIALIZER;

uint8_t *page_buffer_take(void)
{
	uint8_t *buffer = NULL;

	pthread_mutex_lock(&pool_mutex);
	if (pool_count > 0)
		buffer = pool[--pool_count];
	pthread_mutex_unlock(&pool_mutex);
	return buffer ? buffer : malloc(PAGE_SEALED_RUN_BYTES);
}

void page_buffer_give(uint8_t *buffer)
{
	if (!buffer)
		return;
	pthread_mutex_lock(&pool_mutex);
	if (pool_count < POOL_MAX) {
		pool[pool_count++] = buffer;
		buffer = NULL;
	}
	pthread_mutex_unlock(&pool_mutex);
	free(buffer);
}

int page_key(struct volume *v, uint64_t id, struct key_ref **ret)
{
	struct index_filekey row;
	int r;

	*ret = keys_get(v->keys, id);
	if (*ret)
		return 0;
	lock_take(&v->lock);
	r = index_filekey_get(v->ix, id, &row);
	lock_drop(&v->lock);
	if (r == ERR_NOENT)
		r = err_note(ERR_CORRUPT, "a file key is not in the index");
	return r ? r : keys_load(v->keys, &row, ret);
}

/* With `lock`. */
static int make_key(struct volume *v, uint64_t ino, struct index_filekey *ret)
{
	struct op op = {.type = OP_FILEKEY, .time_ns = volume_wall_ns(v), .filekey.id = ino};
	int r = volume_new_file_key(v, op.filekey.wrapped, &op.filekey.master);

	if (r == 0)
		r = volume_apply(v, &op);
	if (r == 0)
		*ret = op.filekey;
	return r;
}

int page_own_key(struct volume *v, uint64_t ino, struct key_ref **ret)
{
	struct index_filekey row;
	int r;

	*ret = keys_get(v->keys, ino);
	if (*ret)
		return 0;
	lock_take(&v->lock);
	r = index_filekey_get(v->ix, ino, &row);
	if (r == ERR_NOENT)
		r = make_key(v, ino, &row);
	lock_drop(&v->lock);
	return r ? r : keys_load(v->keys, &row, ret);
}

/* ---- writing ---- */

int page_run_put(struct volume *v, struct key_ref *key, uint64_t ino, uint64_t page,
                 const uint8_t *plain, size_t len, struct page_run *ret)
{
	struct page_run run = {.sealed_len = sealed_pages_len(len)};
	struct index_extent *e = &run.extent;
	int r;

	CHECK(len > 0 && len <= PAGE_RUN_BYTES);
	run.sealed = page_buffer_take();
	if (!run.sealed)
		return ERR_NOMEM;
	e->ino = ino;
	e->key = ino;
	e->page = page;
	e->npages = (uint32_t)((len + PAGE_BYTES - 1) / PAGE_BYTES);
	e->tail = (uint32_t)(len - (size_t)(e->npages - 1) * PAGE_BYTES);
	rng_fill(v->params.rng, e->salt, sizeof(e->salt));
	r = seal_pages(key_seal(key), e->salt, key_aad(key), KEYS_AAD_BYTES, 0, plain, len,
	               run.sealed);
	if (r == 0)
		r = packs_reserve(v->packs, run.sealed_len, &run.pack, &e->off);
	if (r != 0) {
		page_buffer_give(run.sealed);
		return r;
	}
	e->pack = pack_num(run.pack);
	r = packs_put(v->packs, run.pack, e->off, run.sealed, run.sealed_len);
	if (r != 0) {
		page_run_done(v, &run);
		return r;
	}
	*ret = run;
	return 0;
}

static void carry(struct volume *v, const struct page_run *run)
{
	struct journal_page_run *slot;

	if (v->inline_over)
		return;
	if (v->inline_count == VOLUME_INLINE_RUNS ||
	    v->inline_data.len + run->sealed_len > VOLUME_INLINE_MAX) {
		v->inline_over = true;
		return;
	}
	buf_add(&v->inline_data, run->sealed, run->sealed_len);
	if (buf_error(&v->inline_data)) {
		v->inline_over = true;
		return;
	}
	slot = &v->inline_runs[v->inline_count++];
	slot->pack = run->extent.pack;
	slot->off = run->extent.off;
	slot->len = run->sealed_len;
}

int page_run_log(struct volume *v, const struct page_run *run)
{
	int r = 0;

	if (packs_announce(v->packs, run->pack)) {
		struct op op = {
		    .type = OP_PACK, .time_ns = volume_wall_ns(v), .pack.num = run->extent.pack};

		memcpy(op.pack.name, pack_name(run->pack), PACK_NAME_BYTES);
		r = volume_apply(v, &op);
	}
	if (r == 0)
		carry(v, run);
	return r;
}

void page_run_done(struct volume *v, struct page_run *run)
{
	packs_finish(v->packs, run->pack);
	page_buffer_give(run->sealed);
	run->sealed = NULL;
}

/* ---- reading ---- */

static int open_run(struct volume *v, struct key_ref *key, const struct index_extent *e,
                    uint64_t page, uint8_t *sealed, size_t sealed_len, uint8_t *out,
                    size_t *ret_len, bool fresh)
{
	uint64_t skip = page - e->page;
	int r =
	    volume_fetch(v, e->pack, e->off + skip * SEALED_PAGE_BYTES, sealed_len, sealed, fresh);

	return r ? r
	         : open_pages(key_seal(key), e->salt, key_aad(key), KEYS_AAD_BYTES, e->first + skip,
	                      sealed, sealed_len, out, ret_len);
}

/* At most PAGE_RUN_MAX pages. */
static int read_run(struct volume *v, struct key_ref *key, const struct index_extent *e,
                    uint64_t page, uint32_t npages, uint8_t *sealed, uint8_t *out)
{
	bool last = page + npages == e->page + e->npages;
	size_t len = (size_t)npages * PAGE_BYTES - (last ? PAGE_BYTES - e->tail : 0);
	size_t got;
	int r = open_run(v, key, e, page, sealed, sealed_pages_len(len), out, &got, false);

	if (r == ERR_UNAUTHENTIC) {
		/* the local copy may be rotten while the store's is good */
		log_warn("page", "local-copy-damaged pack=%" PRIu64, e->pack);
		packs_drop(v->packs, e->pack);
		r = open_run(v, key, e, page, sealed, sealed_pages_len(len), out, &got, true);
		if (r == ERR_UNAUTHENTIC)
			r = volume_pack_note(v, r, e->pack);
	}
	if (r == 0)
		memset(out + len, 0, (size_t)npages * PAGE_BYTES - len);
	return r;
}

int page_read(struct volume *v, const struct index_extent *e, uint64_t page, uint32_t npages,
              uint8_t *out)
{
	struct key_ref *key = NULL;
	uint8_t *sealed = page_buffer_take();
	int r = sealed ? page_key(v, e->key, &key) : ERR_NOMEM;

	while (r == 0 && npages > 0) {
		uint32_t n = npages < PAGE_RUN_MAX ? npages : PAGE_RUN_MAX;

		r = read_run(v, key, e, page, n, sealed, out);
		page += n;
		npages -= n;
		out += (size_t)n * PAGE_BYTES;
	}
	keys_put(v->keys, key);
	page_buffer_give(sealed);
	return r;
}
