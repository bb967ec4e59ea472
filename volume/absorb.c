/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Freeing the journal: the index goes to its file, durably, and the batches that it holds are released (invariants C2 and C3 in
 * commit.c). Due when a quarter of the ring is used, or ten seconds after the last time.
 *
 * Most of that is waiting for the disk, so the clock thread does it beside the commits (volume_absorb_early): packs are synced
 * first, then one short batch and the commit of the index hold the commit lock, then the rest is synced without it. A commit does
 * it itself only when the ring has become tight.
 */
#include "volume/commit.h"

#include "util/err.h"

#define INDEX_COMMIT_NS 10000000000ll
#define WAL_BYTES (64u << 20)    /* the index's write-ahead log before it is folded back */
#define WAL_BYTES_LOW (4u << 20) /* the same on a disk that is nearly full */

/* C2: with changes held off, what is left goes to the journal, and all of it into the index. Commit lock held. *ret_seq is the
 * batch that the index then ends with. */
static int absorb_commit(struct volume *v, uint64_t *ret_seq)
{
	struct index_state *s = index_state(v->ix);
	int r = commit_once(v, 0);

	if (r != 0)
		return r;
	lock_take(&v->lock);
	r = v->poison ? volume_writable(v) : commit_rest(v);
	if (r == 0) {
		s->journal_seq = journal_next(v->journal) - 1;
		r = index_commit(v->ix);
	}
	*ret_seq = s->journal_seq;
	if (r == 0 && index_wal_bytes(v->ix) > (v->disk_low ? WAL_BYTES_LOW : WAL_BYTES))
		r = index_checkpoint(v->ix);
	lock_drop(&v->lock);
	return r;
}

/* C3: what the batches carried themselves, and the index, durably. Needs no lock. */
static int absorb_sync(struct volume *v)
{
	int r = packs_sync(v->packs);

	return r ? r : index_sync(v->ix);
}

/* Commit lock held. */
static void absorb_release(struct volume *v, uint64_t seq)
{
	journal_release(v->journal, seq < v->composed_batch ? seq : v->composed_batch);
	v->index_commit_mono_ns = clock_mono_ns(v->params.clock);
	v->absorb_asked = false;
}

/* Commit lock held throughout. */
static int absorb(struct volume *v)
{
	uint64_t seq;
	int r = absorb_commit(v, &seq);

	if (r == 0)
		r = absorb_sync(v);
	if (r == 0)
		absorb_release(v, seq);
	return commit_lost(r);
}

static bool is_filled(const struct volume *v)
{
	return journal_used(v->journal) > journal_size(v->journal) / 4;
}

/* Half of it is used, or the rest may not have a piece that is long enough for any batch. */
static bool is_tight(const struct volume *v)
{
	return journal_size(v->journal) - journal_used(v->journal) <
	       journal_size(v->journal) / 2 + 4 * VOLUME_INLINE_MAX;
}

static bool is_due(struct volume *v)
{
	bool behind = journal_next(v->journal) - 1 > index_state(v->ix)->journal_seq;
	int64_t age = clock_mono_ns(v->params.clock) - v->index_commit_mono_ns;

	return is_filled(v) || (behind && age > INDEX_COMMIT_NS);
}

/* What fills the ring is the open log object, which is ended, and the index, which is brought up to date. */
static int end_filling_object(struct volume *v)
{
	return is_filled(v) && v->log.len > 0 ? commit_compose(v) : 0;
}

int absorb_after_commit(struct volume *v)
{
	int r;

	if (!is_filled(v))
		return 0;
	if (!is_tight(v)) {
		if (v->absorb_asked)
			return 0;
		v->absorb_asked = true;
		lock_take(&v->upload_lock);
		cond_wake_all(&v->upload_changed);
		lock_drop(&v->upload_lock);
		return 0;
	}
	r = end_filling_object(v);
	return r ? r : absorb(v);
}

int volume_absorb_early(struct volume *v)
{
	uint64_t seq;
	bool due;
	int r;

	lock_take(&v->commit_lock);
	due = is_due(v);
	lock_drop(&v->commit_lock);
	if (!due)
		return 0;
	r = packs_sync(v->packs);
	lock_take(&v->commit_lock);
	if (r == 0)
		r = end_filling_object(v);
	if (r == 0)
		r = absorb_commit(v, &seq);
	lock_drop(&v->commit_lock);
	if (r == 0)
		r = absorb_sync(v);
	lock_take(&v->commit_lock);
	if (r == 0)
		absorb_release(v, seq);
	r = commit_result(v, commit_lost(r), 0);
	lock_drop(&v->commit_lock);
	return r;
}

int volume_absorb(struct volume *v)
{
	int r;

	lock_take(&v->commit_lock);
	r = commit_result(v, absorb(v), 0);
	lock_drop(&v->commit_lock);
	return r;
}
