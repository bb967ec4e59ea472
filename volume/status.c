/* SPDX-License-Identifier: Apache-2.0 */
/* How a volume is doing, and waiting until it is stored. */
#include "volume/impl.h"

#include "util/err.h"
#include "volume/page_io.h"

#include <stdio.h>
#include <string.h>

#define WAIT_MS 200
#define HISTORY_FRESH_NS 5000000000ll

static int count_snapshot(void *ctx, const struct index_snapshot *row)
{
	(void)row;
	(*(uint64_t *)ctx)++;
	return 0;
}

static int add_pack_bytes(void *ctx, const struct index_pack *row)
{
	*(uint64_t *)ctx += row->size;
	return 0;
}

/* With `lock`. Reads the list of packs, so it is not done more often than its answer changes much. */
static uint64_t history_bytes(struct volume *v)
{
	int64_t now = clock_mono_ns(v->params.clock);
	uint64_t live = index_state(v->ix)->pages;
	uint64_t packed = 0;

	if (v->history_mono_ns && now - v->history_mono_ns < HISTORY_FRESH_NS)
		return v->history_bytes;
	if (index_pack_list(v->ix, add_pack_bytes, &packed) == 0) {
		v->history_mono_ns = now;
		v->history_bytes =
		    packed > live * SEALED_PAGE_BYTES ? packed - live * SEALED_PAGE_BYTES : 0;
	}
	return v->history_bytes;
}

/* With `lock`. */
static void fill_from_index(struct volume *v, struct volume_status *ret)
{
	const struct index_state *s = index_state(v->ix);

	ret->files = s->files;
	ret->folders = s->folders;
	ret->bytes = s->bytes;
	ret->epoch = s->epoch;
	ret->history_from_ns = volume_first_epoch_ns(v);
	index_snapshot_list(v->ix, count_snapshot, &ret->snapshots);
	ret->history_bytes = history_bytes(v);
	ret->error = v->poison;
	if (v->poison)
		snprintf(ret->error_note, sizeof(ret->error_note), "%s", v->poison_note);
	if (v->poison || !index_damage_met(v->ix))
		return;
	ret->error = index_damage_met(v->ix);
	snprintf(ret->error_note, sizeof(ret->error_note),
	         "the index on this machine is damaged: mount again, and it is built again");
}

static enum volume_state state_of(struct volume *v, const struct volume_status *s, bool dirty)
{
	if (v->params.read_only)
		return VOLUME_READONLY;
	if (s->error && s->error != v->store_error)
		return VOLUME_ERROR;
	if (v->store_error)
		return v->store_error == ERR_FENCED ? VOLUME_ERROR : VOLUME_OFFLINE;
	if (dirty)
		return VOLUME_DIRTY;
	return s->pending_bytes ? VOLUME_UPLOADING : VOLUME_CLEAN;
}

int volume_status(struct volume *v, struct volume_status *ret)
{
	struct packs_totals totals;
	bool dirty;

	memset(ret, 0, sizeof(*ret));
	packs_count(v->packs, &totals);
	lock_take(&v->lock);
	fill_from_index(v, ret);
	dirty = v->epoch_dirty;
	lock_drop(&v->lock);
	lock_take(&v->upload_lock);
	ret->pending_bytes = totals.unstored_bytes + v->outlog_bytes;
	ret->pending_packs = totals.unstored_packs;
	ret->cache_bytes = totals.local_bytes;
	ret->cache_limit_bytes = v->params.cache_limit_bytes;
	ret->last_local_commit_ns = v->local_commit_ns;
	ret->last_stored_commit_ns = v->stored_commit_ns;
	ret->stored_epoch = v->stored_epoch;
	if (!ret->error && v->store_error) {
		ret->error = v->store_error;
		snprintf(ret->error_note, sizeof(ret->error_note), "%s", v->store_note);
	}
	ret->state = state_of(v, ret, dirty);
	lock_drop(&v->upload_lock);
	return 0;
}

void volume_totals(struct volume *v, struct volume_totals *ret)
{
	const struct index_state *s = index_state(v->ix);

	lock_take(&v->lock);
	ret->files = s->files;
	ret->folders = s->folders;
	ret->bytes = s->bytes;
	ret->used_bytes = s->pages * PAGE_BYTES;
	lock_drop(&v->lock);
}

/* ---- sync ---- */

/* Is log object @seq stored? Else *ret is the error that waiting cannot mend, or 0. */
static bool is_stored(struct volume *v, uint64_t seq, int *ret)
{
	bool stored;

	lock_take(&v->upload_lock);
	stored = v->stored_seq >= seq;
	*ret = 0;
	if (!stored && v->store_error && (!err_retry(v->store_error) || v->store_error == ERR_FULL))
		*ret = err_note(v->store_error, "%s", v->store_note);
	lock_drop(&v->upload_lock);
	return stored;
}

static int still_fine(struct volume *v)
{
	int r;

	lock_take(&v->lock);
	r = volume_writable(v);
	if (r == ERR_POISONED && v->poison == ERR_FENCED)
		r = err_note(ERR_FENCED, "%s", v->poison_note);
	lock_drop(&v->lock);
	return r;
}

static void ask_now(struct volume *v)
{
	lock_take(&v->upload_lock);
	v->retry_mono_ns = 0;
	if (v->store_error != ERR_FENCED)
		v->store_error = 0;
	cond_wake_all(&v->upload_changed);
	lock_drop(&v->upload_lock);
}

/* One wait, or without threads one step. *ret_idle: nothing could be done. */
static void pass_time(struct volume *v, bool *ret_idle)
{
	bool did = false;

	if (v->params.threads) {
		lock_take(&v->upload_lock);
		cond_wait_ms(&v->upload_changed, &v->upload_lock, WAIT_MS);
		lock_drop(&v->upload_lock);
		*ret_idle = false;
		return;
	}
	volume_upload_step(v, &did);
	*ret_idle = !did;
}

static int wait_stored(struct volume *v, uint64_t seq, int64_t timeout_ms,
                       const volatile bool *stop, volume_progress_fn progress, void *ctx)
{
	int64_t start = clock_mono_ns(v->params.clock);
	struct packs_totals totals;
	uint64_t most = 0;
	bool idle = false;
	int r;

	while (!is_stored(v, seq, &r)) {
		uint64_t pending;

		if (r == 0)
			r = still_fine(v);
		if (r != 0)
			return r;
		if (stop && *stop)
			return ERR_CANCELED;
		if (idle || (timeout_ms >= 0 &&
		             (clock_mono_ns(v->params.clock) - start) / 1000000 >= timeout_ms)) {
			lock_take(&v->upload_lock);
			r = err_note(ERR_UNAVAILABLE, "%s",
			             v->store_error ? v->store_note : "not all is stored yet");
			lock_drop(&v->upload_lock);
			return r;
		}
		pass_time(v, &idle);
		packs_count(v->packs, &totals);
		lock_take(&v->upload_lock);
		pending = totals.unstored_bytes + v->outlog_bytes;
		lock_drop(&v->upload_lock);
		if (pending > most)
			most = pending;
		if (progress)
			progress(ctx, "sync", most - pending, most);
	}
	return 0;
}

int volume_sync(struct volume *v, int64_t timeout_ms, const volatile bool *stop,
                volume_progress_fn progress, void *ctx)
{
	uint64_t seq;
	int r = still_fine(v);

	if (r == ERR_ROFS)
		return 0;
	if (r == 0)
		r = volume_commit(v, COMMIT_CUT | COMMIT_EPOCH | COMMIT_STORE);
	if (r != 0)
		return r;
	lock_take(&v->lock);
	seq = index_state(v->ix)->log_seq;
	lock_drop(&v->lock);
	ask_now(v);
	return wait_stored(v, seq, timeout_ms, stop, progress, ctx);
}

void volume_on_restore(struct volume *v, volume_invalidate_fn fn, void *ctx)
{
	lock_take(&v->watch_lock);
	v->on_restore = fn;
	v->on_restore_ctx = ctx;
	lock_drop(&v->watch_lock);
}
