/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Making changes durable: from the open batch to the journal, from the journal to log objects, and
 * the index behind them.
 *
 *   volume_apply()        record goes into `batch`; the index is changed in memory and cache
 *   volume_commit()       batch -> journal, one flush; its records go on into `log`
 *     with COMMIT_CUT     `log` -> outlog/<n>, a sealed object that waits to be stored
 *   volume_absorb()       index -> its file, durably; the journal behind it is free again
 *
 * Invariants
 *   C1 a batch is in the journal only when the sealed pages that it names are on the disk, or in
 *      the batch itself
 *   C2 the index file never holds a change that the journal (or a log object) does not:
 *      index_commit() runs only while every applied record is in a synced batch. For that moment
 *      absorb() (about every ten seconds) and stand_still() (for a checkpoint) hold `lock` across
 *      the flush of what little is left: the one place where it is held across an fsync.
 *   C3 a batch is released when the index holds it durably and its log object is durable in outlog/
 *   C4 log object n is made once from the same records: its bytes are the same when it is made
 *      again after a crash
 */
#include "volume/commit.h"

#include "util/check.h"
#include "util/codec.h"
#include "util/err.h"
#include "util/log.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

void volume_outlog_path(const struct volume *v, uint64_t seq, char *out)
{
	snprintf(out, VOLUME_PATH_MAX, "%s/outlog/%016" PRIx64, v->dir, seq);
}

/* Write @seq's sealed object where the uploader finds it, durably. */
static int write_outlog(struct volume *v, uint64_t seq, const struct buf *sealed)
{
	char path[VOLUME_PATH_MAX], folder[VOLUME_PATH_MAX];
	struct file *f = NULL;
	int r;

	volume_outlog_path(v, seq, path);
	snprintf(folder, sizeof(folder), "%s/outlog", v->dir);
	r = file_open(v->params.io, path, FILE_WRITE | FILE_CREATE | FILE_TRUNC, &f);
	if (r == 0)
		r = file_pwrite(f, sealed->data, sealed->len, 0);
	if (r == 0)
		r = file_sync(f);
	file_close(f);
	return r ? r : fileio_sync_dir(v->params.io, folder);
}

/* What the header says comes from the records alone (C4). */
static void describe(const struct buf *records, struct log_header *h)
{
	struct dec d;

	dec_init(&d, records->data, records->len);
	while (dec_left(&d) > 0) {
		uint32_t len = dec_u32(&d);
		struct dec record;

		dec_init(&record, dec_bytes(&d, len), d.failed ? 0 : len);
		h->ends_epoch = dec_u8(&record) == OP_EPOCH;
		h->time_ns = dec_i64(&record);
	}
}

/* Commit lock held; @locked: `lock` too. */
static int compose(struct volume *v, bool locked)
{
	char name[BLOB_NAME_MAX + 1];
	struct log_header h = {.writer_id = v->writer_id};
	struct index_state *s = index_state(v->ix);
	struct buf content, sealed;
	uint8_t hash[SHA256_BYTES];
	uint64_t last_pack;
	int r;

	buf_init(&content, OBJECT_CONTENT_MAX);
	buf_init(&sealed, OBJECT_CONTENT_MAX * 2);
	if (!locked)
		lock_take(&v->lock);
	h.seq = s->log_seq + 1;
	memcpy(h.prev_hash, s->log_hash, SHA256_BYTES);
	last_pack = s->next_pack - 1;
	if (!locked)
		lock_drop(&v->lock);
	describe(&v->log, &h);
	log_name(h.seq, name);
	r = log_encode(&h, v->log.data, v->log.len, &content);
	if (r == 0)
		r = object_seal(v->object_keys, OBJECT_LOG, name, content.data, content.len,
		                &sealed);
	if (r == 0)
		r = kdf_sha256(sealed.data, sealed.len, hash);
	if (r == 0)
		r = write_outlog(v, h.seq, &sealed);
	if (r == 0) {
		if (!locked)
			lock_take(&v->lock);
		s->log_seq = h.seq;
		memcpy(s->log_hash, hash, SHA256_BYTES);
		if (!locked)
			lock_drop(&v->lock);
		v->composed_batch = journal_next(v->journal) - 1;
		v->log_bytes_since_checkpoint += sealed.len;
		buf_reset(&v->log);
		v->log_dirty = false;
		r = volume_outlog_add(v, h.seq, last_pack, sealed.len);
	}
	buf_wipe(&content);
	buf_done(&sealed);
	return r;
}

int volume_compose(struct volume *v)
{
	return compose(v, false);
}

/* With `lock`: move the open batch to `cut`. */
static void cut_batch(struct volume *v)
{
	struct buf swap = v->cut;

	v->cut = v->batch;
	v->batch = swap;
	buf_reset(&v->batch);
	swap = v->cut_inline;
	v->cut_inline = v->inline_data;
	v->inline_data = swap;
	buf_reset(&v->inline_data);
	v->cut_ticket = v->open_ticket++;
}

struct cut_info {
	struct journal_page_run runs[VOLUME_INLINE_RUNS];
	size_t nruns;
	bool sync_packs;
	bool change; /* more than the book-keeping of packs */
	uint64_t log_seq;
};

/* With `lock`: the rest of what belongs to the batch. Runs point into cut_inline by their order. */
static void cut_runs(struct volume *v, struct cut_info *info)
{
	size_t at = 0;

	info->sync_packs = v->inline_over;
	info->nruns = v->inline_over ? 0 : v->inline_count;
	for (size_t i = 0; i < info->nruns; i++) {
		info->runs[i] = v->inline_runs[i];
		info->runs[i].data = v->cut_inline.data + at;
		at += info->runs[i].len;
	}
	info->log_seq = index_state(v->ix)->log_seq + 1;
	info->change = v->batch_dirty;
	v->inline_count = 0;
	v->inline_over = false;
	v->batch_dirty = false;
}

int commit_lost(int r)
{
	return r == ERR_NOSPC ? ERR_IO : r;
}

/* The cut batch to the journal, durably (C1). Commit lock held; `lock` not needed. */
static int write_batch(struct volume *v, const struct cut_info *info)
{
	struct journal_batch batch = {.log_seq = info->log_seq,
	                              .runs = info->runs,
	                              .nruns = info->nruns,
	                              .ops = v->cut.data,
	                              .ops_len = v->cut.len};
	int r = 0;

	if (v->cut.len == 0) {
		atomic_store(&v->durable_ticket, v->cut_ticket);
		return 0;
	}
	if (info->sync_packs)
		r = packs_sync(v->packs);
	if (r == 0)
		r = journal_append(v->journal, &batch);
	if (r == 0)
		r = journal_sync(v->journal);
	if (r != 0)
		return commit_lost(r);
	atomic_store(&v->durable_ticket, v->cut_ticket);
	v->log_dirty |= info->change;
	buf_add(&v->log, v->cut.data, v->cut.len);
	return buf_error(&v->log);
}

int commit_rest(struct volume *v)
{
	struct cut_info info;

	cut_batch(v);
	cut_runs(v, &info);
	return write_batch(v, &info);
}

static void note_local_commit(struct volume *v)
{
	lock_take(&v->upload_lock);
	v->local_commit_ns = volume_wall_ns(v);
	if (v->packs_ended)
		cond_wake_all(&v->upload_changed);
	lock_drop(&v->upload_lock);
	v->packs_ended = false;
}

/* Commit lock held. */
static int end_packs(struct volume *v)
{
	int r = 0;

	while (r == 0) {
		struct op op = {.type = OP_PACK_END};
		uint64_t ticket;

		r = packs_end_one(v->packs, &op.pack.num, &op.pack.size);
		if (r != 0)
			break;
		lock_take(&v->lock);
		op.time_ns = volume_wall_ns(v);
		r = volume_apply(v, &op);
		ticket = v->open_ticket;
		lock_drop(&v->lock);
		if (r == ERR_NOENT) /* not to be taken for the end of the list */
			r = ERR_CORRUPT;
		if (r == 0)
			packs_sealed(v->packs, op.pack.num, op.pack.size, ticket);
		v->packs_ended |= r == 0;
	}
	/* no room for the padding: the pack waits, and with it what names it */
	return r == ERR_NOENT || r == ERR_NOSPC ? 0 : r;
}

/* With `lock`: the epoch ends here, if it has anything to show. */
int volume_end_epoch_locked(struct volume *v)
{
	struct index_state *s = index_state(v->ix);
	struct op op = {.type = OP_EPOCH, .epoch.epoch = s->epoch};

	if (!v->epoch_dirty)
		return 0;
	op.time_ns = volume_wall_ns(v);
	if (op.time_ns <= s->last_epoch_ns)
		op.time_ns = s->last_epoch_ns + 1;
	return volume_apply(v, &op);
}

static void fail(struct volume *v, int r)
{
	lock_take(&v->lock);
	volume_poison(v, r);
	lock_drop(&v->lock);
	log_error("commit", "failed error=%s", err_name(r));
}

int commit_compose(struct volume *v)
{
	int r = volume_compose(v);

	if (r == ERR_NOSPC && journal_used(v->journal) < journal_size(v->journal) / 4 * 3) {
		log_warn("commit", "log-object-waits-for-room");
		return 0;
	}
	return r;
}

int commit_once(struct volume *v, unsigned flags)
{
	struct cut_info info = {0};
	int r = 0;

	if (flags & COMMIT_CUT) {
		packs_rotate(v->packs);
		packs_wait_idle(v->packs);
		r = end_packs(v);
	}
	if (r != 0)
		return r;
	lock_take(&v->lock);
	r = v->poison ? volume_writable(v) : 0;
	if (r == 0 && flags & COMMIT_EPOCH)
		r = volume_end_epoch_locked(v);
	if (r == 0) {
		cut_batch(v);
		cut_runs(v, &info);
	}
	lock_drop(&v->lock);
	if (r == 0)
		r = write_batch(v, &info);
	if (r == 0)
		note_local_commit(v);
	if (r == 0 && flags & COMMIT_CUT && v->log_dirty)
		r = flags & COMMIT_STORE ? volume_compose(v) : commit_compose(v);
	return r;
}

int commit_result(struct volume *v, int r, unsigned flags)
{
	if (r == 0 || r == ERR_POISONED || (r == ERR_NOSPC && flags & COMMIT_STORE))
		return r;
	fail(v, r);
	return err_note(ERR_POISONED, "%s: %s", err_text(r), err_note_text());
}

int volume_commit(struct volume *v, unsigned flags)
{
	int r;

	if (v->params.read_only)
		return 0;
	lock_take(&v->commit_lock);
	if (v->log.len > VOLUME_LOG_CUT_BYTES)
		flags |= COMMIT_CUT;
	r = commit_once(v, flags);
	if (r == 0)
		r = absorb_after_commit(v);
	r = commit_result(v, r, flags);
	lock_drop(&v->commit_lock);
	return r;
}

int volume_commit_ticket(struct volume *v, uint64_t ticket)
{
	int r = 0;

	lock_take(&v->commit_lock);
	if (atomic_load(&v->durable_ticket) < ticket) {
		r = commit_once(v, v->log.len > VOLUME_LOG_CUT_BYTES ? COMMIT_CUT : 0);
		if (r == 0)
			r = absorb_after_commit(v);
		r = commit_result(v, r, 0);
	}
	lock_drop(&v->commit_lock);
	return r;
}

int volume_end_packs(struct volume *v)
{
	int r;

	lock_take(&v->commit_lock);
	r = end_packs(v);
	if (r != 0 && r != ERR_POISONED)
		fail(v, r);
	lock_drop(&v->commit_lock);
	return r;
}

/*
 * Index, journal and log object at the same place: what came in during the ordinary commit is made durable with changes held
 * off, as in absorb().
 */
static int stand_still(struct volume *v, struct index **ret_reader, uint64_t *ret_seq)
{
	struct index_state *s = index_state(v->ix);
	int r = v->poison ? volume_writable(v) : commit_rest(v);

	if (r == 0 && v->log.len > 0)
		r = compose(v, true);
	if (r !=
	    0) /* without room for the object, its records are safe in the journal: write_batch() never says so */
		return r;
	s->journal_seq = journal_next(v->journal) - 1;
	r = index_commit(v->ix);
	if (r == 0)
		r = index_reader_open(v->ix, ret_reader);
	if (r == 0)
		*ret_seq = s->log_seq;
	return commit_lost(r);
}

int volume_commit_boundary(struct volume *v, struct index **ret_reader, uint64_t *ret_seq)
{
	int r;

	lock_take(&v->commit_lock);
	r = commit_once(v, COMMIT_CUT | COMMIT_EPOCH);
	if (r == 0) {
		lock_take(&v->lock);
		r = stand_still(v, ret_reader, ret_seq);
		lock_drop(&v->lock);
	}
	if (r != 0 && r != ERR_POISONED && r != ERR_NOSPC)
		fail(v, r);
	lock_drop(&v->commit_lock);
	return r;
}

void volume_relieve(struct volume *v)
{
	bool full;

	if (v->params.read_only)
		return;
	lock_take(&v->lock);
	full = v->batch.len > journal_size(v->journal) / 16;
	lock_drop(&v->lock);
	if (full)
		volume_commit(v, 0);
}

int volume_epoch_end(struct volume *v, int64_t *ret_epoch)
{
	int64_t epoch;
	int r = volume_commit(v, COMMIT_CUT | COMMIT_EPOCH);

	if (r != 0)
		return r;
	lock_take(&v->lock);
	epoch = index_state(v->ix)->epoch - 1;
	lock_drop(&v->lock);
	if (epoch < 1)
		return err_note(ERR_NOHISTORY, "nothing was ever written");
	*ret_epoch = epoch;
	return 0;
}
