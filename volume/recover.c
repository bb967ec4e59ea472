/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Recovery. Four sources, each continuing the one before:
 *
 *   the index file        the state after journal batch `journal_seq`, log objects up to `log_seq`
 *   checkpoint and log    in the store (only when there is no index, or when another machine went on
 *                         with the volume)
 *   outlog/               log objects made here and not stored yet
 *   the journal           batches, each marked with the log object that its records belong to
 *
 * With an index: batches after journal_seq are applied; batches of log objects after log_seq are
 * gathered again, and the objects made again (with the same bytes). Without one: the store's state,
 * then outlog/, then the batches of later log objects.
 *
 * Then the store is asked whether it still has what it had (else it was rolled back), and whether
 * somebody else went on.
 */
#include "volume/recover.h"

#include "util/codec.h"
#include "util/err.h"
#include "util/log.h"
#include "volume/state.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- numbers in a folder or a listing ---- */

struct numbers {
	uint64_t *n;
	size_t count, cap;
};

static int add_number(struct numbers *s, uint64_t n)
{
	if (s->count == s->cap) {
		size_t cap = s->cap ? s->cap * 2 : 64;
		uint64_t *to = realloc(s->n, cap * sizeof(*to));

		if (!to)
			return ERR_NOMEM;
		s->n = to;
		s->cap = cap;
	}
	s->n[s->count++] = n;
	return 0;
}

static bool hex_number(const char *text, uint64_t *ret)
{
	char *end;

	if (strlen(text) != 16)
		return false;
	*ret = strtoull(text, &end, 16);
	return *end == '\0' && *ret > 0;
}

static int outlog_name(void *ctx, const char *name)
{
	uint64_t n;

	return hex_number(name, &n) ? add_number(ctx, n) : 0;
}

static int log_object_name(void *ctx, const struct blob_info *info)
{
	uint64_t n;

	return hex_number(info->name + 4, &n) ? add_number(ctx, n) : 0;
}

static int by_number(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static void sort_numbers(struct numbers *s)
{
	if (s->count)
		qsort(s->n, s->count, sizeof(*s->n), by_number);
}

static int list_outlog(struct volume *v, struct numbers *ret)
{
	char path[VOLUME_PATH_MAX];
	int r;

	state_path(v, "outlog", path);
	r = fileio_list(v->params.io, path, outlog_name, ret);
	sort_numbers(ret);
	return r;
}

/* Log objects in the store numbered @from and above. */
static int list_store(struct volume *v, uint64_t from, struct numbers *ret)
{
	char after[BLOB_NAME_MAX + 1];

	log_name(from ? from - 1 : 0, after);
	return blob_list(v->params.store, "log/", after, log_object_name, ret);
}

static bool has_number(const struct numbers *s, uint64_t n)
{
	return s->count && bsearch(&n, s->n, s->count, sizeof(*s->n), by_number) != NULL;
}

/* ---- the log ---- */

static int replay_sealed(struct volume *v, uint64_t seq, const struct buf *sealed)
{
	int r;

	lock_take(&v->lock);
	v->replaying = true;
	r = log_replay(v, seq, sealed->data, sealed->len);
	v->replaying = false;
	lock_drop(&v->lock);
	return r;
}

/* Log objects after the index's, from the store, as far as they go. */
static int catch_up(struct volume *v, volume_progress_fn progress, void *ctx)
{
	struct numbers have = {0};
	uint64_t first = index_state(v->ix)->log_seq + 1;
	int r = list_store(v, first, &have);

	for (size_t i = 0; r == 0 && i < have.count; i++) {
		char name[BLOB_NAME_MAX + 1];
		struct buf sealed;

		log_name(first + i, name);
		if (have.n[i] != first + i) {
			r = err_note(ERR_MISSING, "%s", name);
			break;
		}
		buf_init(&sealed, BLOB_MAX_BYTES);
		r = blob_get(v->params.store, name, 0, SIZE_MAX, &sealed);
		if (r == ERR_MISSING)
			r = err_note(r, "%s", name);
		if (r == 0)
			r = replay_sealed(v, first + i, &sealed);
		v->log_bytes_since_checkpoint += sealed.len;
		buf_done(&sealed);
		if (progress)
			progress(ctx, "log", i + 1, have.count);
	}
	free(have.n);
	return r;
}

/* Without an index: what was made here and never stored. A torn file is made again from the
 * journal. */
static int replay_outlog(struct volume *v, const struct numbers *outlog)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < outlog->count; i++) {
		struct buf sealed;

		if (outlog->n[i] != index_state(v->ix)->log_seq + 1)
			continue;
		buf_init(&sealed, BLOB_MAX_BYTES);
		r = volume_outlog_read(v, outlog->n[i], &sealed);
		if (r == 0)
			r = replay_sealed(v, outlog->n[i], &sealed);
		buf_done(&sealed);
		if (r == ERR_UNAUTHENTIC || r == ERR_CORRUPT) {
			log_warn("recover", "outlog-damaged seq=%" PRIx64, outlog->n[i]);
			return 0;
		}
	}
	return r;
}

/* ---- the journal ---- */

struct journal_replay {
	struct volume *v;
	uint64_t apply_from_batch; /* with an index */
	uint64_t apply_from_log;   /* without */
	bool fresh;
	uint64_t checked_log; /* the last one that check_own_number() found to be ours */
	struct numbers ended_packs;
};

/* First pass: which packs ended? Their bytes are on the disk or in the store for good. */
static int scan_batch(void *ctx, const struct journal_batch *b)
{
	struct journal_replay *jr = ctx;
	struct dec d;
	int r = 0;

	dec_init(&d, b->ops, b->ops_len);
	while (r == 0 && dec_left(&d) > 0) {
		struct op op;

		r = op_decode(&d, &op);
		if (r != 0)
			return err_note(r, "journal: batch %" PRIu64, b->seq);
		if (op.type == OP_PACK_END)
			r = add_number(&jr->ended_packs, op.pack.num);
		op_done(&op);
	}
	return r;
}

static bool pack_ended(struct journal_replay *jr, uint64_t num)
{
	struct index_pack row;

	return has_number(&jr->ended_packs, num) ||
	       (index_pack_get(jr->v->ix, num, &row) == 0 && row.size > 0);
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
static bool has_change(const uint8_t *records, size_t records_len)
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
	struct buf sealed, content;
	const uint8_t *records;
	struct log_header h;
	size_t len;
	int r;

	if (seq == jr->checked_log)
		return 0;
	log_name(seq, name);
	buf_init(&sealed, BLOB_MAX_BYTES);
	buf_init(&content, OBJECT_CONTENT_MAX);
	r = blob_get(v->params.store, name, 0, SIZE_MAX, &sealed);
	if (r == 0)
		r = object_open(v->object_keys, OBJECT_LOG, name, sealed.data, sealed.len,
		                &content);
	if (r == 0)
		r = log_decode(content.data, content.len, &h, &records, &len);
	if (r == 0 && h.writer_id != v->writer_id)
		r = err_note(ERR_FENCED,
		             "%s was stored by another writer; what this machine has is kept in %s",
		             name, v->dir);
	if (r == 0)
		jr->checked_log = seq;
	buf_done(&sealed);
	buf_wipe(&content);
	return r;
}

static int replay_batch(void *ctx, const struct journal_batch *b)
{
	struct journal_replay *jr = ctx;
	struct volume *v = jr->v;
	int r = 0;

	if (jr->fresh && b->log_seq <= v->stored_seq && has_change(b->ops, b->ops_len))
		r = check_own_number(jr, b->log_seq);
	for (size_t i = 0; r == 0 && i < b->nruns; i++)
		r = packs_rewrite(v->packs, b->runs[i].pack, b->runs[i].off, b->runs[i].data,
		                  b->runs[i].len, pack_ended(jr, b->runs[i].pack));
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
		v->log_dirty |= has_change(b->ops, b->ops_len);
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

static int replay_journal(struct volume *v, bool fresh)
{
	struct index_state *s = index_state(v->ix);
	struct journal_replay jr = {.v = v,
	                            .fresh = fresh,
	                            .apply_from_batch = s->journal_seq + 1,
	                            .apply_from_log = s->log_seq + 1};
	int r = check_fit(v, fresh);

	if (r == 0)
		r = journal_replay(v->journal, 0, scan_batch, &jr);
	sort_numbers(&jr.ended_packs);
	if (r == 0)
		r = journal_replay(v->journal, 0, replay_batch, &jr);
	free(jr.ended_packs.n);
	return r;
}

/* ---- the store ---- */

/* The newest object known to be stored is there, with the bytes it had. */
static int check_rollback(struct volume *v, uint64_t stored, bool known_hash)
{
	uint8_t hash[SHA256_BYTES];
	char name[BLOB_NAME_MAX + 1];
	struct buf sealed;
	int r;

	if (stored == 0)
		return 0;
	log_name(stored, name);
	buf_init(&sealed, BLOB_MAX_BYTES);
	r = blob_get(v->params.store, name, 0, SIZE_MAX, &sealed);
	if (r == ERR_MISSING)
		r = err_note(ERR_ROLLBACK, "%s was stored and is not there", name);
	if (r == 0)
		r = kdf_sha256(sealed.data, sealed.len, hash);
	if (r == 0 && known_hash && memcmp(hash, index_state(v->ix)->log_hash, SHA256_BYTES) != 0)
		r = err_note(ERR_ROLLBACK, "%s is not the one that was stored", name);
	buf_done(&sealed);
	return r;
}

static int know_pack(void *ctx, const struct index_pack *row)
{
	struct volume *v = ctx;

	packs_know(v->packs, row->num, row->name, row->size);
	return 0;
}

/*
 * What is local belongs to the state before anybody else's log is applied: a number that was begun here and lost may be a
 * pack of another writer.
 */
static int know_packs(struct volume *v)
{
	int r;

	lock_take(&v->lock);
	r = index_pack_list(v->ix, know_pack, v);
	if (r == 0)
		r = packs_drop_unknown(v->packs);
	lock_drop(&v->lock);
	return r;
}

/* Is object @seq in the store the one that waits in outlog/? One that is not there any more was
 * removed when it was stored. */
static int compare_own(struct volume *v, uint64_t seq)
{
	struct buf own;
	int r;

	buf_init(&own, BLOB_MAX_BYTES);
	r = volume_outlog_read(v, seq, &own);
	if (r == 0)
		r = volume_compare_stored(v, seq, &own);
	else if (r == ERR_NOENT)
		r = 0;
	buf_done(&own);
	return r;
}

/* Does an object that waits in outlog/ hold anything that would be lost with it? */
static bool is_precious(struct volume *v, uint64_t seq)
{
	char name[BLOB_NAME_MAX + 1];
	struct buf sealed, content;
	const uint8_t *records;
	struct log_header h;
	bool precious = true;
	size_t len;
	int r;

	log_name(seq, name);
	buf_init(&sealed, BLOB_MAX_BYTES);
	buf_init(&content, OBJECT_CONTENT_MAX);
	r = volume_outlog_read(v, seq, &sealed);
	if (r == 0)
		r = object_open(v->object_keys, OBJECT_LOG, name, sealed.data, sealed.len,
		                &content);
	if (r == 0)
		r = log_decode(content.data, content.len, &h, &records, &len);
	if (r == 0)
		precious = has_change(records, len);
	buf_done(&sealed);
	buf_wipe(&content);
	return precious && r != ERR_NOENT;
}

/* Another machine went on, and all that waits here is the book-keeping of packs that nothing uses: it is let go, and the index made anew. */
static int give_way(struct volume *v, int r)
{
	char path[VOLUME_PATH_MAX];

	for (const struct volume_outlog *o = v->outlog_head; o; o = o->next)
		if (is_precious(v, o->seq))
			return r;
	for (const struct volume_outlog *o = v->outlog_head; o; o = o->next) {
		volume_outlog_path(v, o->seq, path);
		fileio_remove(v->params.io, path);
	}
	return err_note(ERR_CORRUPT, "index: another machine went on with the volume");
}

/*
 * What the store has beyond what this machine knows to be stored: objects that it made itself
 * (their reply was lost, or the note of it), which the uploader will recognise, or those of another
 * writer. The latter are taken over when nothing here waits to be stored.
 */
static int check_others(struct volume *v, volume_progress_fn progress, void *ctx)
{
	struct numbers there = {0};
	uint64_t last_own = index_state(v->ix)->log_seq;
	uint64_t stored = v->stored_seq;
	uint64_t beyond = 0;
	int r = list_store(v, stored + 1, &there);

	for (size_t i = 0; r == 0 && i < there.count; i++) {
		if (there.n[i] > last_own)
			beyond = there.n[i];
		else
			r = compare_own(v, there.n[i]);
		if (there.n[i] == stored + 1)
			stored++;
	}
	free(there.n);
	if (r == ERR_FENCED)
		return give_way(v, r);
	if (r != 0 || beyond == 0)
		return r;
	if (stored < last_own)
		return give_way(
		    v, err_note(ERR_FENCED,
		                "the store went on without this machine; what it has is kept in %s",
		                v->dir));
	log_info("recover", "catching-up from=%" PRIu64 " to=%" PRIu64, last_own, beyond);
	r = know_packs(v);
	if (r == 0)
		r = catch_up(v, progress, ctx);
	if (r == 0 && !v->outlog_head)
		v->stored_seq = index_state(v->ix)->log_seq;
	return r;
}

/* ---- after it ---- */

static int take_orphan(void *ctx, uint64_t ino)
{
	return add_number(ctx, ino);
}

/* Files that were open without a name when the last process ended. */
static int reclaim_orphans(struct volume *v)
{
	struct numbers inos = {0};
	int r;

	lock_take(&v->lock);
	r = index_orphans(v->ix, take_orphan, &inos);
	for (size_t i = 0; r == 0 && i < inos.count; i++) {
		struct op op = {
		    .type = OP_RECLAIM, .time_ns = volume_wall_ns(v), .reclaim.ino = inos.n[i]};

		r = volume_apply(v, &op);
	}
	v->orphans = 0;
	lock_drop(&v->lock);
	free(inos.n);
	return r;
}

static int make_root(struct volume *v)
{
	struct op op = {
	    .type = OP_CREATE,
	    .time_ns = volume_wall_ns(v),
	    .create = {.ino = VOLUME_ROOT, .mode = 040755, .uid = getuid(), .gid = getgid()}};
	struct index_inode root;
	int r;

	lock_take(&v->lock);
	r = index_inode_get(v->ix, VOLUME_ROOT, INDEX_NOW, &root);
	if (r == ERR_NOENT) {
		if (v->params.read_only)
			r = err_note(ERR_NOTVOLUME,
			             "nothing was ever stored in it: mount it once without -o ro");
		else
			r = volume_apply(v, &op);
	}
	lock_drop(&v->lock);
	return r;
}

/* Which packs a waiting log object names is not known any more: all of them are stored before it.
 */
static void bind_packs(struct volume *v)
{
	lock_take(&v->upload_lock);
	for (struct volume_outlog *o = v->outlog_head; o; o = o->next)
		o->last_pack = index_state(v->ix)->next_pack - 1;
	lock_drop(&v->upload_lock);
}

static int settle(struct volume *v)
{
	int r;

	lock_take(&v->lock);
	v->epoch_dirty = index_state(v->ix)->epoch_opened_ns != 0;
	r = index_pack_list(v->ix, know_pack, v);
	if (r == 0)
		r = packs_drop_unknown(v->packs);
	packs_start_at(v->packs, index_state(v->ix)->next_pack);
	bind_packs(v);
	lock_drop(&v->lock);
	if (r == 0)
		r = make_root(v);
	if (r == 0 && !v->params.read_only)
		r = reclaim_orphans(v);
	return r;
}

/* Without an index: checkpoint, log, outlog. */
static int load_all(struct volume *v, const struct numbers *outlog, volume_progress_fn progress,
                    void *ctx)
{
	bool found;
	int r = volume_checkpoint_load(v, progress, ctx, &found);

	if (r == 0)
		r = catch_up(v, progress, ctx);
	/* what was made here and not known to be stored: is it what the store has under its number? */
	for (size_t i = 0; r == 0 && i < outlog->count; i++)
		if (outlog->n[i] <= index_state(v->ix)->log_seq)
			r = compare_own(v, outlog->n[i]);
	v->stored_seq = index_state(v->ix)->log_seq;
	return r ? r : replay_outlog(v, outlog);
}

static void queue_outlog(struct volume *v, const struct numbers *outlog)
{
	for (size_t i = 0; i < outlog->count; i++) {
		char path[VOLUME_PATH_MAX];
		struct file_info info;

		volume_outlog_path(v, outlog->n[i], path);
		if (outlog->n[i] <= v->stored_seq) {
			fileio_remove(v->params.io, path);
			continue;
		}
		if (fileio_stat(v->params.io, path, &info) == 0)
			volume_outlog_add(v, outlog->n[i], index_state(v->ix)->next_pack - 1,
			                  info.size_bytes);
	}
}

int recover_state(struct volume *v, bool fresh, volume_progress_fn progress, void *ctx)
{
	const struct index_state *s = index_state(v->ix);
	struct numbers outlog = {0};
	uint64_t known = s->log_seq;
	bool known_hash;
	int r = list_outlog(v, &outlog);

	if (r == 0 && fresh) {
		r = load_all(v, &outlog, progress, ctx);
	} else if (r == 0) {
		/* what is not in outlog/ any more was stored */
		v->stored_seq = known;
		if (outlog.count > 0 && outlog.n[0] <= known)
			v->stored_seq = outlog.n[0] - 1;
	}
	if (r != 0)
		goto out;
	known_hash = !fresh && v->stored_seq == known;
	if (!fresh)
		r = check_rollback(v, v->stored_seq, known_hash);
	/* objects that are made again replace their files and queue themselves */
	queue_outlog(v, &outlog);
	if (r == 0 && !v->params.read_only)
		r = replay_journal(v, fresh);
	/* whatever was gathered may have been made before, changes in it or not (C4) */
	if (r == 0 && v->log.len > 0)
		r = volume_compose(v);
	if (r == 0 && !fresh)
		r = volume_checkpoint_measure(v);
	if (r == 0 && !fresh)
		r = check_others(v, progress, ctx);
	v->stored_epoch = v->outlog_head ? 0 : s->epoch - 1;
	v->stored_commit_ns = v->outlog_head ? 0 : s->last_epoch_ns;
	v->local_commit_ns = s->last_epoch_ns;
	/* before anything is added to a journal that may be rather full */
	if (r == 0 && !v->params.read_only)
		r = volume_absorb(v);
	if (r == 0)
		r = settle(v);
out:
	free(outlog.n);
	return r;
}
