/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Checking a volume: what is kept locally against its own rules, against the log, and against what
 * the store has.
 *
 * Everything is asked of a view of the index at the end of one log object (as a checkpoint is made
 * from), so a mount goes on meanwhile. What is looked up in the store afterwards may be newer than
 * the view, never older: local things are listed before the store is.
 *
 * A check ends with one result. Damage is counted without a bound and told in words up to one;
 * nothing here grows with the number of files but the table of packs, 64 bytes for each, and the
 * numbers of log objects.
 */
#include "volume/fsck.h"

#include "util/err.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEPTH_MAX 4096 /* of folders in a path; a damaged tree may be a ring */

/* ---- what the checks share ---- */

int fsck_stopped(const struct fsck *f)
{
	return f->p->stop && *f->p->stop ? err_note(ERR_CANCELED, "by your wish") : 0;
}

void fsck_progress(const struct fsck *f, const char *what, uint64_t done, uint64_t total)
{
	if (f->p->progress)
		f->p->progress(f->p->ctx, what, done, total);
}

static int add_line(struct fsck_lines *l, const char *fmt, va_list ap)
{
	char text[VOLUME_FSCK_LINE_BYTES];

	if (l->count == VOLUME_FSCK_LINES_MAX)
		return 0;
	vsnprintf(text, sizeof(text), fmt, ap);
	l->line[l->count] = strdup(text);
	return l->line[l->count] ? (l->count++, 0) : ERR_NOMEM;
}

int fsck_damage(struct fsck *f, const char *fmt, ...)
{
	va_list ap;
	int r;

	f->ndamages++;
	va_start(ap, fmt);
	r = add_line(&f->damages, fmt, ap);
	va_end(ap);
	return r;
}

int fsck_remark(struct fsck *f, const char *fmt, ...)
{
	va_list ap;
	int r;

	va_start(ap, fmt);
	r = add_line(&f->remarks, fmt, ap);
	va_end(ap);
	return r;
}

bool fsck_is_outage(int r)
{
	return r == ERR_UNAVAILABLE || r == ERR_DENIED || r == ERR_TLS || r == ERR_NOTVOLUME ||
	       r == ERR_FULL;
}

static void lines_done(struct fsck_lines *l)
{
	for (size_t i = 0; i < l->count; i++)
		free(l->line[i]);
	l->count = 0;
}

static void begin_result(struct fsck *f)
{
	lines_done(&f->damages);
	lines_done(&f->remarks);
	f->ndamages = 0;
	f->count = 0;
}

int fsck_result(struct fsck *f, const char *check, bool skipped, int error, const char *note)
{
	struct volume_fsck_result result = {.check = check,
	                                    .state = f->ndamages ? VOLUME_FSCK_DAMAGED
	                                             : skipped   ? VOLUME_FSCK_SKIPPED
	                                                         : VOLUME_FSCK_OK,
	                                    .error = error,
	                                    .count = f->count,
	                                    .damages = f->ndamages,
	                                    .note = note,
	                                    .lines = (const char *const *)f->damages.line,
	                                    .nlines = f->damages.count,
	                                    .remarks = (const char *const *)f->remarks.line,
	                                    .nremarks = f->remarks.count};
	int r = fsck_stopped(f);

	if (r == 0)
		r = f->p->result(f->p->ctx, &result);
	begin_result(f);
	return r;
}

int fsck_open_reader(struct fsck *f)
{
	struct volume *v = f->v;
	uint64_t seq;
	int r;

	if (v->params.read_only) { /* its index is a private one that nobody commits */
		lock_take(&v->lock);
		r = index_commit(v->ix);
		if (r == 0)
			r = index_reader_open(v->ix, &f->reader);
		lock_drop(&v->lock);
	} else {
		r = volume_commit_boundary(v, &f->reader, &seq);
	}
	if (r == 0)
		f->at = *index_state(f->reader);
	return r;
}

struct entry {
	uint64_t parent;
	char name[INDEX_NAME_MAX + 1];
};

static int take_entry(void *ctx, const struct index_dentry *row, const struct index_inode *inode)
{
	struct entry *e = ctx;

	(void)inode;
	e->parent = row->parent;
	memcpy(e->name, row->name, row->name_len);
	e->name[row->name_len] = '\0';
	return 1; /* one is enough */
}

int fsck_path_of(struct index *ix, uint64_t ino, int64_t at, char **ret)
{
	char *path = strdup("");
	int r = path ? 0 : ERR_NOMEM;

	for (int depth = 0; r == 0 && ino != INDEX_ROOT_INO; depth++) {
		struct entry e = {0};
		char *longer = NULL;

		r = index_dentry_of(ix, ino, at, take_entry, &e);
		r = r == 1 ? 0 : r == 0 || depth == DEPTH_MAX ? ERR_NOENT : r;
		if (r == 0 && asprintf(&longer, "%s%s%s", e.name, *path ? "/" : "", path) < 0)
			r = ERR_NOMEM;
		if (r != 0)
			break;
		free(path);
		path = longer;
		ino = e.parent;
	}
	if (r != 0) {
		free(path);
		return r;
	}
	*ret = path;
	return 0;
}

/* ---- the index ---- */

static void index_progress(void *ctx, unsigned done, unsigned total)
{
	fsck_progress(ctx, "index", done, total);
}

static int index_damage(void *ctx, const char *rule, uint64_t count)
{
	return fsck_damage(ctx, "index: %s (%" PRIu64 " rows)", rule, count);
}

static int check_index(struct fsck *f)
{
	unsigned rules = 0;
	int r = index_check_all(f->reader, f->p->stop, index_progress, index_damage, f, &rules);

	f->count = rules;
	return r ? r : fsck_result(f, "index", false, 0, "rules that its rows keep");
}

/* ---- all of it ---- */

static void close_reader(struct fsck *f)
{
	index_close(f->reader);
	f->reader = NULL;
}

static int run(struct fsck *f)
{
	int r = fsck_open_reader(f);

	if (r == 0)
		r = check_index(f);
	if (r == 0)
		r = fsck_packs_read(f);
	if (r == 0 && f->p->compare)
		r = fsck_compare(f);
	/* a view that stays open keeps the index's own log from getting shorter */
	close_reader(f);
	if (r == 0)
		r = fsck_log(f);
	if (r == 0)
		r = fsck_packs(f);
	return r ? r : fsck_checkpoints(f);
}

int volume_fsck(struct volume *v, const struct volume_fsck_params *p)
{
	struct fsck f = {.v = v, .p = p};
	int r = run(&f);

	close_reader(&f);
	begin_result(&f);
	free(f.packs);
	return r;
}
