/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ways out, when the ordinary recovery must not go on by itself.
 *
 *   the index is damaged       it is set aside and built again; when that fails too, it comes back,
 *                              so that nothing that only it knows is lost by trying
 *   the journal or outlog/ is  only when a person says so: what is damaged is renamed, and the
 *   damaged                    volume opens with the newest state before it
 *   the store went back, or    only when a person says so: the whole state folder is renamed, and a
 *   on without us              new one is made from the store
 *
 * The last two change what the volume's history will be, so each leaves an OP_EVENT in the log.
 * Nothing of what was given up is removed.
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

#define NOTE_BYTES 256
#define PIECE_BYTES (1u << 20)

/* ---- the index ---- */

/* What the index that is about to go knows of the store. One that cannot be read knows nothing. */
static int ask_old_index(struct volume *v)
{
	struct numbers outlog = {0};
	bool fresh = true;
	int r = volume_open_index(v, &fresh);

	if (r == ERR_CORRUPT || r == ERR_UNAUTHENTIC)
		return 0;
	if (r == 0)
		r = recover_list_outlog(v, &outlog);
	if (r == 0 && !fresh)
		r = recover_check_memory(v, &outlog);
	if (r == ERR_ROLLBACK)
		recover_tell_trouble(v, r);
	numbers_done(&outlog);
	return r;
}

int recover_rebuild(struct volume *v, volume_progress_fn progress, void *ctx)
{
	char note[NOTE_BYTES];
	int back, r = 0;

	if (v->params.rebuild)
		r = ask_old_index(v);
	volume_close_state(v);
	if (r == 0)
		r = state_index_aside(v);
	if (r == 0)
		r = volume_open_state(v, progress, ctx);
	if (r == 0)
		return state_index_forget(v);
	if (v->trouble.kind == VOLUME_TROUBLE_NONE)
		recover_tell_trouble(v, r);
	snprintf(note, sizeof(note), "%s", err_note_text());
	volume_close_state(v);
	back = state_index_back(v);
	if (back != 0)
		log_warn("recover", "index-not-put-back error=%s", err_name(back));
	return err_note(r, "%s", note);
}

/* ---- what to tell ---- */

static void place_from_index(struct volume *v, struct volume_place *ret)
{
	const struct index_state *s = index_state(v->ix);

	ret->log_seq = s->log_seq;
	ret->epoch = s->epoch - 1;
	ret->time_ns = s->last_epoch_ns;
}

/* The newest log object of the store, as far as it can be read. */
static void place_from_store(struct volume *v, struct volume_place *ret)
{
	char name[BLOB_NAME_MAX + 1];
	struct numbers have = {0};
	int r = recover_list_store(v, 1, &have);

	ret->log_seq = r == 0 && have.count > 0 ? have.n[have.count - 1] : 0;
	/* epochs are long: one of the last objects ends one */
	for (size_t i = have.count; r == 0 && i > 0 && have.count - i < 16 && ret->epoch == 0;
	     i--) {
		struct log_object o;
		struct buf sealed;

		buf_init(&sealed, BLOB_MAX_BYTES);
		log_name(have.n[i - 1], name);
		r = blob_get(v->params.store, name, 0, SIZE_MAX, &sealed);
		if (r == 0) {
			r = log_open(v, have.n[i - 1], sealed.data, sealed.len, &o);
			if (ret->time_ns == 0)
				ret->time_ns = o.header.time_ns;
			ret->epoch = log_last_epoch(&o);
			log_close(&o);
		}
		buf_done(&sealed);
	}
	numbers_done(&have);
}

/* What is here and not in the store. */
static void count_unstored(struct volume *v, const struct numbers *outlog)
{
	struct packs_totals totals = {0};

	v->trouble.unstored_logs = outlog->count;
	if (v->packs)
		packs_count(v->packs, &totals);
	v->trouble.unstored_bytes = totals.unstored_bytes;
}

static int copy_file(struct volume *v, const char *from, const char *to)
{
	uint8_t *piece = malloc(PIECE_BYTES);
	struct file *in = NULL, *out = NULL;
	uint64_t off = 0;
	size_t got = 1;
	int r = piece ? 0 : ERR_NOMEM;

	if (r == 0)
		r = file_open(v->params.io, from, FILE_READ, &in);
	if (r == 0)
		r = file_open(v->params.io, to, FILE_WRITE | FILE_CREATE | FILE_TRUNC, &out);
	while (r == 0 && got > 0) {
		r = file_pread(in, piece, PIECE_BYTES, off, &got);
		if (r == 0 && got > 0)
			r = file_pwrite(out, piece, got, off);
		off += got;
	}
	if (r == 0)
		r = file_sync(out);
	file_close(in);
	file_close(out);
	free(piece);
	return r;
}

/* Overwrite the headers of batches from number @first on, going by what they say in the clear, so that a journal opened on
 * it ends before them. */
static int blank_ring(struct volume *v, const char *path, uint64_t first)
{
	static const uint8_t zeros[JOURNAL_BLOCK_BYTES];
	uint8_t head[16];
	struct file *f = NULL;
	uint64_t size = 0;
	int r = file_open(v->params.io, path, FILE_WRITE, &f);

	if (r == 0)
		r = file_size(f, &size);
	for (uint64_t off = 0; r == 0 && off + JOURNAL_BLOCK_BYTES <= size;
	     off += JOURNAL_BLOCK_BYTES) {
		struct dec d;

		r = file_pread_all(f, head, sizeof(head), off);
		dec_init(&d, head + 8, 8);
		if (r == 0 && memcmp(head, "AMBJ", 4) == 0 && dec_u64(&d) >= first)
			r = file_pwrite(f, zeros, sizeof(zeros), off);
	}
	if (r == 0)
		r = file_sync(f);
	file_close(f);
	return r;
}

/* A copy of the journal that ends before batch @first, at "journal.part". */
static int copy_journal(struct volume *v, uint64_t first)
{
	char path[VOLUME_PATH_MAX], part[VOLUME_PATH_MAX];
	int r;

	state_path(v, "journal", path);
	state_path(v, "journal.part", part);
	r = copy_file(v, path, part);
	return r ? r : blank_ring(v, part, first);
}

/* The newest batch below @first that is whole; 0 when there is none. */
static uint64_t last_batch_below(struct volume *v, uint64_t first)
{
	struct journal *j = NULL;
	char part[VOLUME_PATH_MAX];
	uint64_t last = 0;

	state_path(v, "journal.part", part);
	if (copy_journal(v, first) == 0 &&
	    journal_open(v->params.io, part, keyring_log_key(v->keyring),
	                 keyring_volume_id(v->keyring), v->params.rng, v->params.journal_bytes,
	                 &j) == 0)
		last = journal_next(j) - 1;
	journal_close(j);
	fileio_remove(v->params.io, part);
	return last;
}

static void tell_loss(struct volume *v, const struct numbers *outlog)
{
	struct volume_trouble *t = &v->trouble;
	uint64_t first, last;

	place_from_index(v, &t->store);
	if (outlog->count > 0 && outlog->n[outlog->count - 1] > t->store.log_seq) {
		t->first_log = t->store.log_seq + 1;
		t->last_log = outlog->n[outlog->count - 1];
	}
	if (!v->journal || journal_first(v->journal) == journal_next(v->journal))
		return;
	first = journal_first(v->journal);
	last = last_batch_below(v, first);
	t->first_batch = last ? last + 1 : first;
	t->last_batch = journal_next(v->journal) - 1;
}

void recover_tell_trouble(struct volume *v, int r)
{
	bool loss = r == ERR_CORRUPT && (strncmp(err_note_text(), "journal", 7) == 0 ||
	                                 strncmp(err_note_text(), "outlog", 6) == 0);
	struct numbers outlog = {0};
	char note[NOTE_BYTES];

	if (!v->ix || v->params.read_only || (r != ERR_ROLLBACK && r != ERR_FENCED && !loss))
		return;
	snprintf(note, sizeof(note), "%s", err_note_text());
	memset(&v->trouble, 0, sizeof(v->trouble));
	if (recover_list_outlog(v, &outlog) == 0) {
		v->trouble.kind = r == ERR_ROLLBACK ? VOLUME_TROUBLE_ROLLBACK
		                  : r == ERR_FENCED ? VOLUME_TROUBLE_FENCED
		                                    : VOLUME_TROUBLE_LOSS;
		count_unstored(v, &outlog);
		if (loss) {
			tell_loss(v, &outlog);
		} else {
			place_from_index(v, &v->trouble.known);
			place_from_store(v, &v->trouble.store);
		}
	}
	numbers_done(&outlog);
	err_note(r, "%s", note);
}

/* ---- what a person decided ---- */

static int remember(struct volume *v, enum op_event_kind kind, const char *text)
{
	const struct volume_place *k = &v->trouble.known, *s = &v->trouble.store;
	struct op op = {.type = OP_EVENT,
	                .time_ns = volume_wall_ns(v),
	                .event = {.kind = kind,
	                          .known = {k->log_seq, k->epoch, k->time_ns},
	                          .accepted = {s->log_seq, s->epoch, s->time_ns},
	                          .text = text,
	                          .text_len = strlen(text)}};
	int r;

	lock_take(&v->lock);
	r = volume_apply(v, &op);
	lock_drop(&v->lock);
	return r;
}

int recover_accept_store(struct volume *v, volume_progress_fn progress, void *ctx)
{
	bool back = v->trouble.kind == VOLUME_TROUBLE_ROLLBACK;
	char note[NOTE_BYTES];
	int undo, r;

	volume_close_state(v);
	r = state_set_aside(v, v->trouble.aside);
	if (r != 0)
		return v->trouble.aside[0]
		           ? err_note(r, "the state folder is now %s", v->trouble.aside)
		           : r;
	r = volume_open_state(v, progress, ctx);
	if (r == 0) {
		place_from_index(v, &v->trouble.store);
		return back ? remember(v, OP_EVENT_ROLLBACK,
		                       "a store that had gone back was accepted")
		            : remember(v, OP_EVENT_FENCED,
		                       "what another writer stored was accepted");
	}
	snprintf(note, sizeof(note), "%s", err_note_text());
	volume_close_state(v);
	undo = state_take_back(v, v->trouble.aside);
	if (undo != 0)
		return err_note(r, "the state folder is now %s; %s", v->trouble.aside, note);
	v->trouble.aside[0] = '\0';
	return err_note(r, "%s", note);
}

struct keeping {
	struct volume *v;
	char to[VOLUME_PATH_MAX];
	const char *from; /* a folder of the state folder */
	uint64_t first;   /* outlog: this object and those after it */
};

static int keep_log_object(void *ctx, const char *name)
{
	struct keeping *k = ctx;
	char a[VOLUME_PATH_MAX], b[VOLUME_PATH_MAX];
	uint64_t n;

	if (!numbers_hex(name, &n) || n < k->first)
		return 0;
	if ((size_t)snprintf(a, sizeof(a), "%s/outlog/%s", k->v->dir, name) >= sizeof(a) ||
	    (size_t)snprintf(b, sizeof(b), "%s/%s", k->to, name) >= sizeof(b))
		return ERR_NAMETOOLONG;
	return fileio_rename(k->v->params.io, a, b);
}

/* A second name: recovery removes packs that nothing it can read refers to. */
static int keep_pack(void *ctx, const char *name)
{
	struct keeping *k = ctx;
	char a[VOLUME_PATH_MAX], b[VOLUME_PATH_MAX];

	if ((size_t)snprintf(a, sizeof(a), "%s/packs/%s", k->v->dir, name) >= sizeof(a) ||
	    (size_t)snprintf(b, sizeof(b), "%s/%s", k->to, name) >= sizeof(b))
		return ERR_NAMETOOLONG;
	return fileio_link(k->v->params.io, a, b);
}

/* Let @fn bring what is in folder @from to @from.damaged-@stamp. */
static int keep_folder(struct volume *v, const char *from, const char *stamp, uint64_t first,
                       fileio_name_fn fn)
{
	const struct fileio *io = v->params.io;
	struct keeping k = {.v = v, .from = from, .first = first};
	char path[VOLUME_PATH_MAX];
	int r;

	state_path(v, from, path);
	if ((size_t)snprintf(k.to, sizeof(k.to), "%s.damaged-%s", path, stamp) >= sizeof(k.to))
		return ERR_NAMETOOLONG;
	r = fileio_mkdir(io, k.to);
	if (r == ERR_EXIST)
		r = 0;
	if (r == 0)
		r = fileio_list(io, path, fn, &k);
	if (r == 0)
		r = fileio_sync_dir(io, k.to);
	if (r == 0)
		r = fileio_sync_dir(io, path);
	return r ? r : fileio_sync_dir(io, v->dir);
}

/* A journal that ends before batch @first takes the place of the damaged one, in one step. */
static int cut_journal(struct volume *v, uint64_t first, const char *stamp)
{
	char path[VOLUME_PATH_MAX], part[VOLUME_PATH_MAX], kept[VOLUME_PATH_MAX];
	const struct fileio *io = v->params.io;
	int r;

	state_path(v, "journal", path);
	state_path(v, "journal.part", part);
	if ((size_t)snprintf(kept, sizeof(kept), "%s.damaged-%s", path, stamp) >= sizeof(kept))
		return ERR_NAMETOOLONG;
	r = copy_journal(v, first);
	if (r == 0)
		r = fileio_link(io, path, kept);
	if (r == 0 || r == ERR_EXIST)
		r = fileio_sync_dir(io, v->dir);
	if (r == 0)
		r = fileio_rename(io, part, path);
	return r ? r : fileio_sync_dir(io, v->dir);
}

static int keep_all(struct volume *v, const char *stamp)
{
	const struct volume_trouble *t = &v->trouble;
	int r = keep_folder(v, "packs", stamp, 0, keep_pack);

	if (r == 0)
		r = state_keep_damaged(v, "index.db-wal", "index-wal", stamp);
	if (r == 0)
		r = state_keep_damaged(v, "index.db-sum", "index-sum", stamp);
	if (r == 0)
		r = state_keep_damaged(v, "index.db", "index", stamp);
	if (r == 0 && t->first_log)
		r = keep_folder(v, "outlog", stamp, t->first_log, keep_log_object);
	return r;
}

/* Every batch from the damage on goes; when those before it are of no use alone, they go too. */
int recover_accept_loss(struct volume *v, volume_progress_fn progress, void *ctx)
{
	struct volume_trouble *t = &v->trouble;
	char stamp[16], path[VOLUME_PATH_MAX];
	int r;

	volume_close_state(v);
	state_stamp(v, stamp);
	snprintf(t->aside, sizeof(t->aside), "%s/*.damaged-%s", v->dir, stamp);
	r = keep_all(v, stamp);
	if (r == 0 && t->first_batch)
		r = cut_journal(v, t->first_batch, stamp);
	if (r == 0)
		r = volume_open_state(v, progress, ctx);
	if (r == ERR_CORRUPT || r == ERR_UNAUTHENTIC) {
		volume_close_state(v);
		state_path(v, "journal", path);
		r = t->first_batch ? fileio_remove(v->params.io, path)
		                   : state_keep_damaged(v, "journal", "journal", stamp);
		if (r == 0)
			r = state_drop_index(v);
		if (r == 0)
			r = volume_open_state(v, progress, ctx);
	}
	if (r != 0)
		return r;
	place_from_index(v, &t->store);
	return remember(v, OP_EVENT_LOSS, "changes in a damaged journal were given up");
}
