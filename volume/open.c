/* SPDX-License-Identifier: Apache-2.0 */
/* Opening and closing a volume. */
#include "volume/impl.h"

#include "util/err.h"
#include "util/hex.h"
#include "util/log.h"
#include "volume/lease.h"
#include "volume/recover.h"
#include "volume/state.h"

#include <stdlib.h>
#include <string.h>

#define COMMIT_MS 1000
#define EPOCH_MS 5000
#define CACHE_LIMIT_BYTES (10ull << 30)
#define JOURNAL_BYTES (32ull << 20)
#define PACK_BYTES (8u << 20)
#define CHECKPOINT_BYTES (1u << 20)
#define BATCH_MAX (64u << 20)

static int seal_page(void *ctx, const uint8_t *salt, const void *aad, size_t aad_len,
                     const uint8_t *plain, size_t len, uint8_t *out, uint8_t *tag)
{
	return seal_message(ctx, salt, aad, aad_len, plain, len, out, tag);
}

static int open_page(void *ctx, const uint8_t *salt, const void *aad, size_t aad_len,
                     const uint8_t *sealed, size_t len, const uint8_t *tag, uint8_t *out)
{
	return open_message(ctx, salt, aad, aad_len, sealed, len, tag, out);
}

static void set_defaults(struct volume_params *p)
{
	if (!p->commit_ms)
		p->commit_ms = COMMIT_MS;
	if (!p->epoch_ms)
		p->epoch_ms = EPOCH_MS;
	if (!p->cache_limit_bytes)
		p->cache_limit_bytes = CACHE_LIMIT_BYTES;
	if (!p->journal_bytes)
		p->journal_bytes = JOURNAL_BYTES;
	if (!p->pack_bytes)
		p->pack_bytes = PACK_BYTES;
	if (!p->checkpoint_bytes)
		p->checkpoint_bytes = CHECKPOINT_BYTES;
}

static void volume_init_members(struct volume *v, const struct volume_params *params,
                                struct keyring *k)
{
	v->params = *params;
	set_defaults(&v->params);
	v->keyring = k;
	v->state_lock_fd = -1;
	v->open_ticket = 1;
	hex_encode(v->id_hex, keyring_volume_id(k), VOLUME_ID_BYTES);
	buf_init(&v->batch, BATCH_MAX);
	buf_init(&v->cut, BATCH_MAX);
	buf_init(&v->inline_data, VOLUME_INLINE_MAX);
	buf_init(&v->cut_inline, VOLUME_INLINE_MAX);
	buf_init(&v->log, OBJECT_CONTENT_MAX);
	lock_init(&v->lock, LOCK_VOLUME);
	lock_init(&v->commit_lock, LOCK_VOLUME_COMMIT);
	lock_init(&v->upload_lock, LOCK_UPLOAD);
	lock_init(&v->watch_lock, LOCK_UPLOAD);
	lock_init(&v->sync_lock, LOCK_UPLOAD);
	cond_init(&v->upload_changed);
	for (int i = 0; i < VOLUME_FILE_LOCKS; i++)
		lock_init(&v->file_locks[i], LOCK_VOLUME_FILE);
}

static struct volume *volume_new(const struct volume_params *params, struct keyring *k)
{
	struct volume *v = calloc(1, sizeof(*v));

	if (!v) {
		keyring_free(k);
		return NULL;
	}
	volume_init_members(v, params, k);
	return v;
}

static void volume_free(struct volume *v)
{
	volume_outlog_free(v);
	index_close(v->checkpoint_reader);
	index_close(v->ix);
	journal_close(v->journal);
	packs_close(v->packs);
	keys_free(v->keys);
	seal_key_free(v->index_key);
	object_keys_free(v->object_keys);
	keyring_free(v->keyring);
	state_close(v);
	buf_wipe(&v->batch);
	buf_wipe(&v->cut);
	buf_wipe(&v->log);
	buf_done(&v->inline_data);
	buf_done(&v->cut_inline);
	for (int i = 0; i < VOLUME_FILE_LOCKS; i++)
		lock_done(&v->file_locks[i]);
	cond_done(&v->upload_changed);
	lock_done(&v->sync_lock);
	lock_done(&v->watch_lock);
	lock_done(&v->upload_lock);
	lock_done(&v->commit_lock);
	lock_done(&v->lock);
	free(v);
}

static int open_keys(struct volume *v)
{
	int r = object_keys_new(keyring_log_key(v->keyring), keyring_volume_id(v->keyring),
	                        &v->object_keys);

	if (r == 0)
		r = seal_key_new(keyring_index_key(v->keyring), &v->index_key);
	return r ? r : keys_new(v->keyring, &v->keys);
}

int volume_open_index(struct volume *v, bool *ret_fresh)
{
	char path[VOLUME_PATH_MAX];
	struct index_params params = {.io = v->params.io,
	                              .rng = v->params.rng,
	                              .cipher = {v->index_key, seal_page, open_page},
	                              .path = path,
	                              .create = false};
	int r;

	state_path(v, "index.db", path);
	*ret_fresh = false;
	r = state_drop_marked_index(v);
	if (r != 0)
		return r;
	r = index_open(&params, &v->ix);
	if (r == 0 && index_state(v->ix)->journal_seq == 0 && index_state(v->ix)->log_seq == 0) {
		/* it was cut off while it was filled for the first time */
		index_close(v->ix);
		v->ix = NULL;
		r = state_drop_index(v);
		if (r == 0)
			r = ERR_NOENT;
	}
	if (r == ERR_NOENT) {
		*ret_fresh = true;
		params.create = true;
		r = index_open(&params, &v->ix);
	}
	return r;
}

static int open_local(struct volume *v)
{
	struct packs_params packs = {.io = v->params.io,
	                             .rng = v->params.rng,
	                             .dir = v->dir,
	                             .pack_bytes = v->params.pack_bytes,
	                             .limit_bytes = v->params.cache_limit_bytes};
	char path[VOLUME_PATH_MAX];
	int r = packs_open(&packs, &v->packs);

	state_path(v, "journal", path);
	if (r == 0 && !v->params.read_only)
		r = journal_open(v->params.io, path, keyring_log_key(v->keyring),
		                 keyring_volume_id(v->keyring), v->params.rng,
		                 v->params.journal_bytes, &v->journal);
	/* the names of what was just made: nothing in a file is durable without its name */
	return r ? r : fileio_sync_dir(v->params.io, v->dir);
}

/* The index is a cache: one that is damaged, or fits nothing, is made again. */
static bool is_damaged_index(int r)
{
	return (r == ERR_CORRUPT || r == ERR_UNAUTHENTIC) &&
	       strncmp(err_note_text(), "index", 5) == 0;
}

int volume_open_state(struct volume *v, volume_progress_fn progress, void *ctx)
{
	bool fresh;
	int r = volume_open_index(v, &fresh);

	if (r == ERR_CORRUPT || r == ERR_UNAUTHENTIC)
		r = err_note(r, "index");
	if (r == 0)
		r = open_local(v);
	return r ? r : recover_state(v, fresh, progress, ctx);
}

void volume_close_state(struct volume *v)
{
	volume_outlog_free(v);
	index_close(v->ix);
	journal_close(v->journal);
	packs_close(v->packs);
	v->ix = NULL;
	v->journal = NULL;
	v->packs = NULL;
	buf_reset(&v->batch);
	buf_reset(&v->log);
	v->log_dirty = false;
	v->batch_dirty = false;
	v->epoch_dirty = false;
	v->poison = 0;
	v->stored_seq = 0;
	v->composed_batch = 0;
	v->orphans = 0;
	v->log_bytes_since_checkpoint = 0;
}

static int begin(struct volume *v)
{
	int r = 0;

	v->index_commit_mono_ns = clock_mono_ns(v->params.clock);
	v->last_commit_mono_ns = v->index_commit_mono_ns;
	volume_room_look(v);
	if (!v->params.read_only)
		r = volume_absorb(v);
	if (r == 0 && v->params.threads && !v->params.read_only)
		r = volume_threads_start(v);
	return r;
}

static int open_or_mend(struct volume *v, volume_progress_fn progress, void *ctx)
{
	int r = 0;

	if (!v->params.rebuild)
		r = volume_open_state(v, progress, ctx);
	if (v->params.rebuild || is_damaged_index(r)) {
		if (r != 0)
			log_warn("open", "index-built-again reason=\"%s\"", err_note_text());
		r = recover_rebuild(v, progress, ctx);
	} else if (r != 0) {
		recover_tell_trouble(v, r);
	}
	if (r != 0 && v->trouble.kind == VOLUME_TROUBLE_LOSS && v->params.rebuild &&
	    v->params.accept_loss)
		r = recover_accept_loss(v, progress, ctx);
	else if (r != 0 && (r == ERR_ROLLBACK || r == ERR_FENCED) && v->params.accept_rollback)
		r = recover_accept_store(v, progress, ctx);
	return r;
}

int volume_open(const struct volume_params *params, struct keyring *k, volume_progress_fn progress,
                void *ctx, struct volume **ret)
{
	struct volume *v = volume_new(params, k);
	int r = v ? 0 : ERR_NOMEM;

	if (r == 0)
		r = open_keys(v);
	if (r == 0)
		r = state_open(v);
	if (r == 0 && !v->params.read_only)
		r = lease_take(v);
	if (r == 0)
		r = open_or_mend(v, progress, ctx);
	if (r == 0)
		r = begin(v);
	if (v && params->trouble)
		*params->trouble = v->trouble;
	if (r != 0) {
		if (v) {
			lease_drop(v);
			volume_free(v);
		}
		return r;
	}
	*ret = v;
	return 0;
}

int volume_close(struct volume *v)
{
	int r = 0;

	if (!v)
		return 0;
	lease_drop(v);
	volume_threads_stop(v);
	volume_watch_index(v);
	index_close(v->checkpoint_reader);
	v->checkpoint_reader = NULL;
	if (!v->params.read_only && !v->poison) {
		r = volume_commit(v, COMMIT_CUT | COMMIT_EPOCH);
		if (r == 0)
			r = volume_absorb(v);
		lock_take(&v->lock);
		if (r == 0)
			r = index_checkpoint(v->ix);
		lock_drop(&v->lock);
	}
	volume_free(v);
	return r;
}

int volume_open_beside(struct volume *v, volume_progress_fn progress, void *ctx,
                       struct volume **ret)
{
	struct volume_params params = v->params;
	struct volume *w;
	int r;

	params.read_only = true;
	params.threads = false;
	params.rebuild = false;
	params.trouble = NULL;
	w = calloc(1, sizeof(*w));
	if (!w)
		return ERR_NOMEM;
	volume_init_members(w, &params, v->keyring);
	r = open_keys(w);
	if (r == 0)
		r = state_open(w);
	if (r == 0)
		r = volume_open_state(w, progress, ctx);
	if (r != 0) {
		volume_close_beside(w);
		return r;
	}
	*ret = w;
	return 0;
}

void volume_close_beside(struct volume *beside)
{
	if (!beside)
		return;
	beside->keyring = NULL;
	volume_free(beside);
}

const char *volume_id(const struct volume *v)
{
	return v->id_hex;
}

const char *volume_state_path(const struct volume *v)
{
	return v->dir;
}
