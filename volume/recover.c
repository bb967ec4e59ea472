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

#include "util/err.h"
#include "util/log.h"
#include "volume/state.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int outlog_name(void *ctx, const char *name)
{
	uint64_t n;

	return numbers_hex(name, &n) ? numbers_add(ctx, n) : 0;
}

int recover_list_outlog(struct volume *v, struct numbers *ret)
{
	char path[VOLUME_PATH_MAX];
	int r;

	state_path(v, "outlog", path);
	r = fileio_list(v->params.io, path, outlog_name, ret);
	numbers_sort(ret);
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
			r = recover_replay_sealed(v, outlog->n[i], &sealed);
		buf_done(&sealed);
		if (r == ERR_UNAUTHENTIC || r == ERR_CORRUPT) {
			log_warn("recover", "outlog-damaged seq=%" PRIx64, outlog->n[i]);
			return 0;
		}
	}
	return r;
}

/* ---- after it ---- */

static int take_orphan(void *ctx, uint64_t ino)
{
	return numbers_add(ctx, ino);
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
	numbers_done(&inos);
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

	r = recover_know_packs(v);
	if (r == 0 && !v->params.read_only)
		r = recover_know_stored_packs(v);
	lock_take(&v->lock);
	v->epoch_dirty = index_state(v->ix)->epoch_opened_ns != 0;
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
		r = recover_catch_up(v, progress, ctx);
	/* what was made here and not known to be stored: is it what the store has under its number? */
	for (size_t i = 0; r == 0 && i < outlog->count; i++)
		if (outlog->n[i] <= index_state(v->ix)->log_seq)
			r = recover_compare_own(v, outlog->n[i]);
	v->stored_seq = index_state(v->ix)->log_seq;
	return r ? r : replay_outlog(v, outlog);
}

/* All of them or none: one that is left out would be a gap in the store, behind which others go up. */
static int queue_outlog(struct volume *v, const struct numbers *outlog)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < outlog->count; i++) {
		char path[VOLUME_PATH_MAX];
		struct file_info info;

		volume_outlog_path(v, outlog->n[i], path);
		if (outlog->n[i] <= v->stored_seq) {
			fileio_remove(v->params.io, path);
			continue;
		}
		r = fileio_stat(v->params.io, path, &info);
		if (r == 0)
			r = volume_outlog_add(v, outlog->n[i], index_state(v->ix)->next_pack - 1,
			                      info.size_bytes);
	}
	return r;
}

/* What is not in outlog/ any more was stored. */
static uint64_t known_stored(const struct volume *v, const struct numbers *outlog)
{
	uint64_t known = index_state(v->ix)->log_seq;

	return outlog->count > 0 && outlog->n[0] <= known ? outlog->n[0] - 1 : known;
}

int recover_check_memory(struct volume *v, const struct numbers *outlog)
{
	uint64_t stored = known_stored(v, outlog);
	uint8_t before[SHA256_BYTES];

	if (stored == index_state(v->ix)->log_seq)
		return recover_check_rollback(v, stored, index_state(v->ix)->log_hash);
	return recover_check_rollback(v, stored,
	                              recover_hash_before(v, stored + 1, before) ? before : NULL);
}

/* Without an index: an object of outlog/ that could neither be read nor be made again from the
 * journal is the only copy of what was in it. */
static int check_outlog_used(struct volume *v, const struct numbers *outlog)
{
	uint64_t seq = index_state(v->ix)->log_seq;

	if (outlog->count == 0 || outlog->n[outlog->count - 1] <= seq)
		return 0;
	return err_note(ERR_CORRUPT, "outlog: log object %" PRIu64 " is damaged", seq + 1);
}

/*
 * With an index: what it has made and the store does not have yet is in outlog/, all of it. Were one passed over, the store
 * would get the next one without it. One that the store has may have been removed here before an older one was: a power cut
 * need not keep the order of removals.
 */
static int check_outlog_whole(struct volume *v, const struct numbers *outlog)
{
	uint64_t known = index_state(v->ix)->log_seq;
	int r = 0;

	if (outlog->count == 0)
		return 0;
	for (uint64_t n = outlog->n[0]; r == 0 && n <= known; n++) {
		if (numbers_has(outlog, n))
			continue;
		r = recover_is_stored(v, n);
		if (r == ERR_MISSING)
			r = err_note(ERR_CORRUPT, "outlog: log object %" PRIu64 " is missing", n);
	}
	return r;
}

int recover_state(struct volume *v, bool fresh, volume_progress_fn progress, void *ctx)
{
	const struct index_state *s = index_state(v->ix);
	struct numbers outlog = {0};
	int r = recover_list_outlog(v, &outlog);

	if (r == 0 && fresh) {
		r = load_all(v, &outlog, progress, ctx);
	} else if (r == 0) {
		v->stored_seq = known_stored(v, &outlog);
	}
	if (r != 0)
		goto out;
	if (!fresh)
		r = recover_check_memory(v, &outlog);
	if (r == 0 && !fresh)
		r = check_outlog_whole(v, &outlog);
	/* objects that are made again replace their files and queue themselves */
	if (r == 0)
		r = queue_outlog(v, &outlog);
	if (r == 0 && !v->params.read_only)
		r = recover_journal(v, fresh);
	/* whatever was gathered may have been made before, changes in it or not (C4) */
	if (r == 0 && v->log.len > 0)
		r = volume_compose(v);
	if (r == 0 && fresh)
		r = check_outlog_used(v, &outlog);
	if (r == 0 && !fresh)
		r = volume_checkpoint_measure(v);
	if (r == 0 && !fresh)
		r = recover_check_others(v, progress, ctx);
	v->stored_epoch = v->outlog_head ? 0 : s->epoch - 1;
	v->recovered_seq = s->log_seq;
	v->recovered_epoch = s->epoch - 1;
	v->stored_commit_ns = v->outlog_head ? 0 : s->last_epoch_ns;
	v->local_commit_ns = s->last_epoch_ns;
	/* before anything is added to a journal that may be rather full */
	if (r == 0 && !v->params.read_only)
		r = volume_absorb(v);
	if (r == 0)
		r = settle(v);
out:
	numbers_done(&outlog);
	return r;
}
