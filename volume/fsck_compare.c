/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The index against the log: a second index is built from the store alone, what waits in outlog/ is
 * applied to it, and both, being at the same log object then, are walked side by side. This finds
 * what no check of the index alone can: pages of it from an older time, each authentic (meta/vfs.c).
 */
#include "volume/fsck.h"

#include "util/err.h"
#include "volume/recover.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static int describe(char *out, size_t size, const struct index_row *row)
{
	const char *past = row->table <= INDEX_TABLE_XATTR && row->died != INDEX_NOW ? "past " : "";

	switch (row->table) {
	case INDEX_TABLE_INODE:
		return snprintf(out, size, "%sinode %" PRIu64, past, row->inode.ino);
	case INDEX_TABLE_DENTRY:
		return snprintf(out, size, "%sentry %.*s of folder %" PRIu64, past,
		                (int)row->dentry.name_len, row->dentry.name, row->dentry.parent);
	case INDEX_TABLE_EXTENT:
		return snprintf(out, size, "%sextent at page %" PRIu64 " of inode %" PRIu64, past,
		                row->extent.page, row->extent.ino);
	case INDEX_TABLE_XATTR:
		return snprintf(out, size, "%sattribute %.*s of inode %" PRIu64, past,
		                (int)row->xattr.name_len, row->xattr.name, row->xattr.ino);
	case INDEX_TABLE_FILEKEY:
		return snprintf(out, size, "file key %" PRIu64, row->filekey.id);
	case INDEX_TABLE_PACK:
		return snprintf(out, size, "pack %" PRIu64, row->pack.num);
	case INDEX_TABLE_EPOCH:
		return snprintf(out, size, "epoch e%" PRId64, row->epoch.epoch);
	case INDEX_TABLE_SNAPSHOT:
		return snprintf(out, size, "snapshot %.*s", (int)row->snapshot.name_len,
		                row->snapshot.name);
	}
	return snprintf(out, size, "a row");
}

static int tell(struct fsck *f, const struct index_row *row, const char *what)
{
	char text[512];

	describe(text, sizeof(text), row);
	return fsck_damage(f, "index: %s %s", text, what);
}

static int walk(struct fsck *f, struct index_cursor *ours, struct index_cursor *theirs)
{
	const struct index_row *a = NULL, *b = NULL;
	uint64_t rows = f->at.files + f->at.folders; /* at least; for the progress only */
	int more_a = index_cursor_next(ours, &a), more_b = index_cursor_next(theirs, &b), r = 0;

	while (r == 0 && (more_a == 1 || more_b == 1)) {
		int order = more_a != 1 ? 1 : more_b != 1 ? -1 : index_row_order(a, b);

		if (order < 0)
			r = tell(f, a, "is not what the log says: it should not be there");
		else if (order > 0)
			r = tell(f, b, "is not there, but in the log");
		else if (!index_row_same(a, b))
			r = tell(f, a, "differs from the log");
		if (order <= 0)
			more_a = index_cursor_next(ours, &a);
		if (order >= 0)
			more_b = index_cursor_next(theirs, &b);
		if (more_a < 0 || more_b < 0)
			return more_a < 0 ? more_a : more_b;
		if (++f->count % 1024 == 0) {
			fsck_progress(f, "comparison", f->count, f->count > rows ? f->count : rows);
			if (r == 0)
				r = fsck_stopped(f);
		}
	}
	if (more_a < 0 || more_b < 0)
		return more_a < 0 ? more_a : more_b;
	return r;
}

static int compare_state(struct fsck *f, const struct index_state *b)
{
	const struct index_state *a = &f->at;

	if (a->epoch == b->epoch && a->next_ino == b->next_ino && a->next_pack == b->next_pack &&
	    a->next_snapshot == b->next_snapshot && a->last_epoch_ns == b->last_epoch_ns &&
	    a->files == b->files && a->folders == b->folders && a->bytes == b->bytes &&
	    memcmp(a->log_hash, b->log_hash, SHA256_BYTES) == 0)
		return 0;
	return fsck_damage(f, "index: its counters differ from the log");
}

static int compare_rows(struct fsck *f, struct index *other)
{
	struct index_cursor *ours = NULL, *theirs = NULL;
	int r = index_cursor_open(f->reader, &ours);

	if (r == 0)
		r = index_cursor_open(other, &theirs);
	if (r == 0)
		r = walk(f, ours, theirs);
	index_cursor_close(ours);
	index_cursor_close(theirs);
	return r ? r : compare_state(f, index_state(other));
}

/* Log objects that wait in outlog/, up to the one that the index stands at. */
static int apply_outlog(struct fsck *f, struct volume *w)
{
	int r = 0;

	while (r == 0 && index_state(w->ix)->log_seq < f->at.log_seq) {
		uint64_t seq = index_state(w->ix)->log_seq + 1;
		struct buf sealed;

		buf_init(&sealed, BLOB_MAX_BYTES);
		r = volume_outlog_read(f->v, seq, &sealed);
		if (r == 0)
			r = recover_replay_sealed(w, seq, &sealed);
		buf_done(&sealed);
		if (r == 0)
			r = fsck_stopped(f);
	}
	return r;
}

/* What keeps the comparison from being made is told by the other checks, where it is damage. */
static int skip(struct fsck *f, int r)
{
	char note[320];

	if (r == ERR_CANCELED || r == ERR_NOMEM || r == ERR_IO || r == ERR_NOSPC)
		return r;
	if (r == ERR_NOTVOLUME)
		return fsck_result(f, "comparison", true, 0, "nothing is stored yet");
	if (fsck_is_outage(r))
		return fsck_result(f, "comparison", true, r, "the store does not answer");
	snprintf(note, sizeof(note), "no second index can be built: %s%s%s", err_text(r),
	         *err_note_text() ? ": " : "", err_note_text());
	r = fsck_damage(f, "comparison: %s", note);
	return r ? r : fsck_result(f, "comparison", false, 0, "rows of the index and of the log");
}

int fsck_compare(struct fsck *f)
{
	struct volume *w = NULL;
	int r = volume_open_beside(f->v, f->p->progress, f->p->ctx, &w);

	if (r == 0)
		r = apply_outlog(f, w);
	if (r != 0) {
		volume_close_beside(w);
		return skip(f, r);
	}
	if (index_state(w->ix)->log_seq != f->at.log_seq) {
		volume_close_beside(w);
		return fsck_result(f, "comparison", true, 0,
		                   "the store went on meanwhile; run it again");
	}
	r = compare_rows(f, w->ix);
	volume_close_beside(w);
	if (r == ERR_CORRUPT || r == ERR_UNAUTHENTIC)
		r = fsck_damage(f, "index: it cannot be read to its end (%s)", err_text(r));
	return r ? r : fsck_result(f, "comparison", false, 0, "rows of the index and of the log");
}
