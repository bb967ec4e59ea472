/* SPDX-License-Identifier: Apache-2.0 */
/* Recovery's questions to the store: what it has, whether it still has what it had, and who went on with the volume. */
#include "volume/recover.h"

#include "util/err.h"
#include "util/log.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int log_object_name(void *ctx, const struct blob_info *info)
{
	uint64_t n;

	return numbers_hex(info->name + 4, &n) ? numbers_add(ctx, n) : 0;
}

int recover_list_store(struct volume *v, uint64_t from, struct numbers *ret)
{
	char after[BLOB_NAME_MAX + 1];

	log_name(from ? from - 1 : 0, after);
	return blob_list(v->params.store, "log/", after, log_object_name, ret);
}

int recover_replay_sealed(struct volume *v, uint64_t seq, const struct buf *sealed)
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
int recover_catch_up(struct volume *v, volume_progress_fn progress, void *ctx)
{
	struct numbers have = {0};
	uint64_t first = index_state(v->ix)->log_seq + 1;
	int r = recover_list_store(v, first, &have);

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
			r = recover_replay_sealed(v, first + i, &sealed);
		v->log_bytes_since_checkpoint += sealed.len;
		buf_done(&sealed);
		if (progress)
			progress(ctx, "log", i + 1, have.count);
	}
	numbers_done(&have);
	return r;
}

/* The newest object known to be stored is there, with the bytes it had. */
int recover_check_rollback(struct volume *v, uint64_t stored, const uint8_t *known_hash)
{
	uint8_t hash[SHA256_BYTES];
	char name[BLOB_NAME_MAX + 1];
	struct log_object o;
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
	if (r == 0 && known_hash && memcmp(hash, known_hash, SHA256_BYTES) != 0) {
		/* only an authentic object is an older state's, or another writer's */
		r = log_open(v, stored, sealed.data, sealed.len, &o);
		log_close(&o);
		r = r ? err_note(r, "%s", name)
		      : err_note(ERR_ROLLBACK, "%s is not the one that was stored", name);
	}
	buf_done(&sealed);
	return r;
}

int recover_is_stored(struct volume *v, uint64_t seq)
{
	char name[BLOB_NAME_MAX + 1];
	struct buf first;
	int r;

	log_name(seq, name);
	buf_init(&first, 1);
	r = blob_get(v->params.store, name, 0, 1, &first);
	buf_done(&first);
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
int recover_know_packs(struct volume *v)
{
	int r;

	lock_take(&v->lock);
	r = index_pack_list(v->ix, know_pack, v);
	if (r == 0)
		r = packs_drop_unknown(v->packs);
	lock_drop(&v->lock);
	return r;
}

static int gone_on(const struct volume *v)
{
	return err_note(ERR_FENCED,
	                "the store went on without this machine; what it has is kept in %s",
	                v->dir);
}

static int know_stored(void *ctx, const struct index_pack *row)
{
	struct volume *v = ctx;

	return row->size ? packs_know_stored(v->packs, row->num, row->size) : 0;
}

int recover_know_stored_packs(struct volume *v)
{
	int r;

	if (v->outlog_head)
		return 0;
	lock_take(&v->lock);
	r = index_pack_list(v->ix, know_stored, v);
	lock_drop(&v->lock);
	return r;
}

/* Is object @seq in the store the one that waits in outlog/? One that is not there any more was
 * removed when it was stored. */
int recover_compare_own(struct volume *v, uint64_t seq)
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
	return r == ERR_FENCED ? gone_on(v) : r;
}

/* Open an object that waits in outlog/. The caller ends *ret with log_close() in every case. */
static int open_own(struct volume *v, uint64_t seq, struct log_object *ret)
{
	struct buf sealed;
	int r, read;

	buf_init(&sealed, BLOB_MAX_BYTES);
	read = volume_outlog_read(v, seq, &sealed);
	r = log_open(v, seq, sealed.data, sealed.len, ret);
	buf_done(&sealed);
	return read ? read : r;
}

/* Does an object that waits in outlog/ hold anything that would be lost with it? */
static bool is_precious(struct volume *v, uint64_t seq)
{
	struct log_object o;
	int r = open_own(v, seq, &o);
	bool precious = r == 0 ? recover_has_change(o.records, o.records_len) : r != ERR_NOENT;

	log_close(&o);
	return precious;
}

bool recover_hash_before(struct volume *v, uint64_t seq, uint8_t *ret)
{
	struct log_object o;
	int r = open_own(v, seq, &o);

	if (r == 0)
		memcpy(ret, o.header.prev_hash, SHA256_BYTES);
	log_close(&o);
	return r == 0;
}

/* What waits in outlog/ need not be stored any more. It goes for good: what came back of it would be a
 * gap before what the index has next. */
static int drop_outlog(struct volume *v)
{
	char path[VOLUME_PATH_MAX];

	for (const struct volume_outlog *o = v->outlog_head; o; o = o->next) {
		volume_outlog_path(v, o->seq, path);
		fileio_remove(v->params.io, path);
	}
	volume_outlog_free(v);
	snprintf(path, sizeof(path), "%s/outlog", v->dir);
	return fileio_sync_dir(v->params.io, path);
}

/* Another machine went on, and all that waits here is the book-keeping of packs that nothing uses: it is let go, and the index made anew. */
static int give_way(struct volume *v)
{
	int r;

	for (const struct volume_outlog *o = v->outlog_head; o; o = o->next)
		if (is_precious(v, o->seq))
			return gone_on(v);
	r = drop_outlog(v);
	return r ? r : err_note(ERR_CORRUPT, "index: another machine went on with the volume");
}

/*
 * What the store has beyond what this machine knows to be stored: objects that it made itself
 * (their reply was lost, or the note of it), which the uploader will recognise, or those of another
 * writer. The latter are taken over when nothing here waits to be stored.
 */
int recover_check_others(struct volume *v, volume_progress_fn progress, void *ctx)
{
	struct numbers there = {0};
	uint64_t last_own = index_state(v->ix)->log_seq;
	uint64_t stored = v->stored_seq;
	uint64_t beyond = 0;
	int r = recover_list_store(v, stored + 1, &there);

	for (size_t i = 0; r == 0 && i < there.count; i++) {
		if (there.n[i] > last_own)
			beyond = there.n[i];
		else
			r = recover_compare_own(v, there.n[i]);
		if (there.n[i] == stored + 1)
			stored++;
	}
	numbers_done(&there);
	if (r == ERR_FENCED)
		return give_way(v);
	if (r != 0 || beyond == 0)
		return r;
	if (stored < last_own)
		return give_way(v);
	log_info("recover", "catching-up from=%" PRIu64 " to=%" PRIu64, last_own, beyond);
	/* all that waited here is there, or the other one could not have gone on */
	r = drop_outlog(v);
	if (r == 0)
		r = recover_know_packs(v);
	if (r == 0)
		r = recover_catch_up(v, progress, ctx);
	if (r == 0)
		v->stored_seq = index_state(v->ix)->log_seq;
	return r;
}
