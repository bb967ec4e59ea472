/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What goes on in the background, as steps that tests call themselves and the real program calls
 * from thin threads: one for the clock (commits, epochs), one for checkpoints and the lease,
 * VOLUME_UPLOADERS for the store. A step of the latter two waits for one answer of the store,
 * holding no lock.
 */
#include "volume/impl.h"

#include "util/err.h"
#include "util/log.h"
#include "volume/lease.h"
#include "volume/state.h"

#define MS 1000000ll
#define TICK_MS 200
#define IDLE_MS 1000

static bool tail_blocked(struct volume *v)
{
	uint64_t last, first;

	lock_take(&v->upload_lock);
	last = v->outlog_head ? v->outlog_head->last_pack : 0;
	lock_drop(&v->upload_lock);
	first = packs_first_open(v->packs);
	return first && first <= last;
}

void volume_watch_index(struct volume *v)
{
	bool mark;

	lock_take(&v->lock);
	mark = !v->params.read_only && !v->index_marked && index_damage_met(v->ix) != 0;
	v->index_marked |= mark;
	lock_drop(&v->lock);
	if (!mark)
		return;
	log_error("volume", "index-damaged: the next mount builds it again");
	if (state_mark_index(v) != 0)
		log_warn("volume", "index-not-marked");
}

int volume_tick(struct volume *v)
{
	int64_t mono = clock_mono_ns(v->params.clock);
	int64_t wall = volume_wall_ns(v);
	int64_t opened;
	bool pending;
	unsigned flags = 0;

	volume_watch_index(v);
	volume_room_look(v);
	lock_take(&v->lock);
	pending = v->batch.len > 0;
	opened = v->epoch_dirty ? index_state(v->ix)->epoch_opened_ns : 0;
	lock_drop(&v->lock);
	/* a wall clock that was set back must not keep an epoch open */
	if (opened && (wall - opened >= v->params.epoch_ms * MS || wall < opened))
		flags = COMMIT_CUT | COMMIT_EPOCH;
	else if (mono - v->last_commit_mono_ns < v->params.commit_ms * MS)
		return 0;
	else if (tail_blocked(v))
		flags =
		    COMMIT_CUT; /* the oldest log object may wait for a pack that is still open */
	if (!pending && !flags)
		return volume_end_packs(v);
	v->last_commit_mono_ns = mono;
	return volume_commit(v, flags);
}

static bool checkpoint_due(struct volume *v)
{
	uint64_t limit = v->checkpoint_bytes / 4;
	bool idle;

	lock_take(&v->upload_lock);
	idle = v->store_error == 0 && v->outlog_head == NULL;
	lock_drop(&v->upload_lock);
	return idle &&
	       v->log_bytes_since_checkpoint >
	           (limit > v->params.checkpoint_bytes ? limit : v->params.checkpoint_bytes);
}

static void drop_reader(struct volume *v)
{
	index_close(v->checkpoint_reader);
	v->checkpoint_reader = NULL;
}

int volume_checkpoint_step(struct volume *v, bool *ret_did)
{
	bool stored, failed;
	int r;

	*ret_did = false;
	if (!v->checkpoint_reader) {
		if (v->params.read_only || !checkpoint_due(v))
			return 0;
		return volume_commit_boundary(v, &v->checkpoint_reader, &v->checkpoint_seq);
	}
	lock_take(&v->upload_lock);
	stored = v->stored_seq >= v->checkpoint_seq;
	failed = v->store_error != 0;
	lock_drop(&v->upload_lock);
	if (failed) {
		/* a reader that waits for a store that is away would keep the write-ahead log
		 * growing */
		drop_reader(v);
		return 0;
	}
	if (!stored)
		return 0;
	*ret_did = true;
	r = volume_checkpoint_write(v, v->checkpoint_reader);
	drop_reader(v);
	if (r == 0)
		v->log_bytes_since_checkpoint = 0;
	return r;
}

int volume_step(struct volume *v)
{
	bool did;
	int r;

	if (v->params.read_only)
		return 0;
	r = volume_tick(v);
	if (r == 0)
		r = volume_absorb_early(v);
	if (r == 0)
		volume_upload_step(v, &did);
	if (r == 0)
		volume_checkpoint_step(v, &did);
	if (r == 0)
		lease_step(v);
	return r;
}

/* ---- threads ---- */

static bool keep_on(struct volume *v, int64_t wait_ms)
{
	bool on;

	lock_take(&v->upload_lock);
	if (!v->stopping && wait_ms > 0)
		cond_wait_ms(&v->upload_changed, &v->upload_lock, wait_ms);
	on = !v->stopping;
	lock_drop(&v->upload_lock);
	return on;
}

static void *clock_thread(void *arg)
{
	struct volume *v = arg;

	while (keep_on(v, TICK_MS))
		if (volume_tick(v) == 0)
			volume_absorb_early(v);
	return NULL;
}

static void *slow_thread(void *arg)
{
	struct volume *v = arg;
	bool did;

	while (keep_on(v, IDLE_MS)) {
		volume_checkpoint_step(v, &did);
		lease_step(v);
	}
	return NULL;
}

static void *upload_thread(void *arg)
{
	struct volume *v = arg;
	bool did = false;

	while (keep_on(v, did ? 0 : IDLE_MS))
		if (volume_upload_step(v, &did) != 0)
			did = false;
	return NULL;
}

int volume_threads_start(struct volume *v)
{
	for (unsigned i = 0; i < VOLUME_UPLOADERS + 2; i++) {
		void *(*fn)(void *) = i == 0 ? clock_thread : i == 1 ? slow_thread : upload_thread;

		if (pthread_create(&v->threads[i], NULL, fn, v) != 0) {
			volume_threads_stop(v);
			return ERR_NOMEM;
		}
		v->nthreads++;
	}
	return 0;
}

void volume_threads_stop(struct volume *v)
{
	if (v->nthreads == 0)
		return;
	lock_take(&v->upload_lock);
	v->stopping = true;
	cond_wake_all(&v->upload_changed);
	lock_drop(&v->upload_lock);
	/* requests under way end now: what they were storing is local still, and goes up after the
	 * next mount */
	blob_cancel(v->params.store);
	for (unsigned i = 0; i < v->nthreads; i++)
		pthread_join(v->threads[i], NULL);
	v->nthreads = 0;
}
