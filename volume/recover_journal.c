/* SPDX-License-Identifier: Apache-2.0 */
/* Recovery from the journal: pages back into their packs, records into the index, and log objects made again. */
#include "volume/recover.h"

#include "util/codec.h"
#include "util/err.h"

#include <inttypes.h>
#include <stdlib.h>

struct journal_replay {
	struct volume *v;
	uint64_t apply_from_batch; /* with an index */
	uint64_t apply_from_log;   /* without */
	bool fresh;
	bool whole;           /* the journal goes back far enough */
	uint64_t checked_log; /* the last one that check_own_number() found to be ours */
	struct numbers ended_packs;
};

/*
 * The journal must have all batches of the log objects that are in no other place, with an index (the objects are made from
 * them) as without (the state is). It does when it goes back to a batch of an earlier object, or to the first one of its
 * own (J4 in journal.c). Else one of its batches was damaged after it had become durable, and what comes after it does not
 * fit what is before.
 */
static int check_whole(struct journal_replay *jr, const struct journal_batch *b)
{
	jr->whole |= b->log_seq < jr->apply_from_log;
	jr->whole |= b->log_first ? b->log_first == b->seq : b->seq == 1 || !jr->fresh;
	return jr->whole
	           ? 0
	           : err_note(ERR_CORRUPT,
	                      "journal: what comes before batch %" PRIu64 " is missing", b->seq);
}

/* First pass: is it whole, and which packs ended? Their bytes are on the disk or in the store for good. */
static int scan_batch(void *ctx, const struct journal_batch *b)
{
	struct journal_replay *jr = ctx;
	struct dec d;
	int r = check_whole(jr, b);

	dec_init(&d, b->ops, b->ops_len);
	while (r == 0 && dec_left(&d) > 0) {
		struct op op;

		r = op_decode(&d, &op);
		if (r != 0)
			return err_note(r, "journal: batch %" PRIu64, b->seq);
		if (op.type == OP_PACK_END)
			r = numbers_add(&jr->ended_packs, op.pack.num);
		op_done(&op);
	}
	return r;
}

static int pack_ended(struct journal_replay *jr, uint64_t num, bool *ret)
{
	struct index_pack row = {0};
	int r = 0;

	if (!numbers_has(&jr->ended_packs, num))
		r = index_pack_get(jr->v->ix, num, &row);
	*ret = r == 0 && (row.size > 0 || numbers_has(&jr->ended_packs, num));
	return r == ERR_NOENT ? 0 : r; /* a damaged index is no answer */
}

static int rewrite_run(struct journal_replay *jr, const struct journal_page_run *run)
{
	bool ended;
	int r = pack_ended(jr, run->pack, &ended);

	return r ? r : packs_rewrite(jr->v->packs, run->pack, run->off, run->data, run->len, ended);
}

static int apply_records(struct volume *v, const struct journal_batch *b)
{
	struct dec d;
	int r = 0;

	dec_init(&d, b->ops, b->ops_len);
	lock_take(&v->lock);
	v->replaying = true;
	while (r == 0 && dec_left(&d) > 0) {
		struct op op;

		r = op_decode(&d, &op);
		if (r != 0)
			break;
		r = volume_apply(v, &op);
		op_done(&op);
	}
	v->replaying = false;
	lock_drop(&v->lock);
	if (r != 0 && r != ERR_NOMEM && r != ERR_NOSPC && r != ERR_IO)
		r = err_note(ERR_CORRUPT, "index: journal batch %" PRIu64 " does not fit it (%s)",
		             b->seq, err_name(r));
	return r;
}

/* Does it hold more than the book-keeping of packs? */
bool recover_has_change(const uint8_t *records, size_t records_len)
{
	struct dec d;

	dec_init(&d, records, records_len);
	while (dec_left(&d) > 0) {
		uint32_t len = dec_u32(&d);
		const uint8_t *record = dec_bytes(&d, len);

		if (record && len && record[0] != OP_PACK && record[0] != OP_PACK_END)
			return true;
	}
	return false;
}

/*
 * Without an index: records under a number that the store has are in it, if that object was made here. If it was another
 * writer's, they are in no other place, and must not be passed over.
 */
static int check_own_number(struct journal_replay *jr, uint64_t seq)
{
	struct volume *v = jr->v;
	char name[BLOB_NAME_MAX + 1];
	struct log_object o;
	struct buf sealed;
	int r;

	if (seq == jr->checked_log)
		return 0;
	log_name(seq, name);
	buf_init(&sealed, BLOB_MAX_BYTES);
	r = blob_get(v->params.store, name, 0, SIZE_MAX, &sealed);
	if (r == 0) {
		r = log_open(v, seq, sealed.data, sealed.len, &o);
		if (r == 0 && o.header.writer_id != v->writer_id)
			r = err_note(
			    ERR_FENCED,
			    "%s was stored by another writer; what this machine has is kept in %s",
			    name, v->dir);
		log_close(&o);
	}
	if (r == 0)
		jr->checked_log = seq;
	buf_done(&sealed);
	return r;
}

static int replay_batch(void *ctx, const struct journal_batch *b)
{
	struct journal_replay *jr = ctx;
	struct volume *v = jr->v;
	int r = 0;

	if (jr->fresh && b->log_seq <= v->stored_seq && recover_has_change(b->ops, b->ops_len))
		r = check_own_number(jr, b->log_seq);
	for (size_t i = 0; r == 0 && i < b->nruns; i++)
		r = rewrite_run(jr, &b->runs[i]);
	/* the first batch of the next log object: the one before is complete */
	if (r == 0 && b->log_seq > index_state(v->ix)->log_seq + 1) {
		if (v->log.len == 0 || b->log_seq != index_state(v->ix)->log_seq + 2)
			return err_note(ERR_CORRUPT,
			                "journal: what comes before batch %" PRIu64 " is missing",
			                b->seq);
		r = volume_compose(v);
		v->composed_batch = b->seq - 1;
	}
	if (r == 0 &&
	    (jr->fresh ? b->log_seq >= jr->apply_from_log : b->seq >= jr->apply_from_batch))
		r = apply_records(v, b);
	if (r == 0 && b->log_seq == index_state(v->ix)->log_seq + 1) {
		v->log_dirty |= recover_has_change(b->ops, b->ops_len);
		buf_add(&v->log, b->ops, b->ops_len);
		r = buf_error(&v->log);
	} else if (r == 0) {
		v->composed_batch = b->seq;
	}
	return r;
}

/* Batches that the index has and the journal lost, or the reverse. */
static int check_fit(struct volume *v, bool fresh)
{
	struct index_state *s = index_state(v->ix);
	uint64_t first = journal_first(v->journal), next = journal_next(v->journal);

	if (fresh)
		return 0;
	if (next - 1 < s->journal_seq) {
		if (first != next || s->epoch_opened_ns != 0)
			return err_note(ERR_CORRUPT, "index: it is ahead of the journal");
		journal_start_at(v->journal, s->journal_seq + 1);
		return 0;
	}
	if (first > s->journal_seq + 1)
		return err_note(ERR_CORRUPT, "index: the journal begins after it");
	return 0;
}

int recover_journal(struct volume *v, bool fresh)
{
	struct index_state *s = index_state(v->ix);
	struct journal_replay jr = {.v = v,
	                            .fresh = fresh,
	                            .apply_from_batch = s->journal_seq + 1,
	                            .apply_from_log = s->log_seq + 1};
	int r = check_fit(v, fresh);

	if (r == 0)
		r = journal_replay(v->journal, 0, scan_batch, &jr);
	numbers_sort(&jr.ended_packs);
	if (r == 0)
		r = journal_replay(v->journal, 0, replay_batch, &jr);
	numbers_done(&jr.ended_packs);
	return r;
}
