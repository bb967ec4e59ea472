/* SPDX-License-Identifier: Apache-2.0 */
/* Restore, the doing part: preview, one operation, and telling the kernel what it must forget. What
 * is done is decided in restore_plan.c. */
#include "volume/restore_plan.h"

#include "util/codec.h"
#include "util/err.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

struct tally {
	struct volume_restore_totals *totals;
	volume_change_fn fn;
	void *ctx;
};

static int count_change(void *ctx, const struct volume_change *change)
{
	struct tally *t = ctx;

	switch (change->kind) {
	case VOLUME_ADDED:
		t->totals->added++;
		break;
	case VOLUME_CHANGED:
		t->totals->changed++;
		break;
	case VOLUME_REMOVED:
		t->totals->removed++;
		break;
	case VOLUME_RENAMED:
		t->totals->renamed++;
		break;
	}
	if (S_ISREG(change->after.mode) && change->kind != VOLUME_RENAMED)
		t->totals->bytes += change->after.size;
	return t->fn ? t->fn(t->ctx, change) : 0;
}

/* Slashes at the ends and doubled ones do not count. */
static char *clean_path(const char *path)
{
	char *out = strdup(path);
	size_t n = 0;

	for (size_t i = 0; out && path[i]; i++)
		if (path[i] != '/' || (n > 0 && out[n - 1] != '/'))
			out[n++] = path[i];
	if (out)
		out[n > 0 && out[n - 1] == '/' ? n - 1 : n] = '\0';
	return out;
}

static bool is_below(const char *path, const char *folder)
{
	size_t len = strlen(folder);

	return strncmp(path, folder, len) == 0 &&
	       (path[len] == '\0' || path[len] == '/' || len == 0);
}

/* The paths without those that another one covers. */
struct scope {
	char **path;
	size_t count;
};

static void scope_done(struct scope *s)
{
	for (size_t i = 0; i < s->count; i++)
		free(s->path[i]);
	free(s->path);
}

static int scope_make(const char *const *paths, size_t npaths, struct scope *ret)
{
	struct scope s = {.path = calloc(npaths + 1, sizeof(char *))};

	if (!s.path)
		return ERR_NOMEM;
	for (size_t i = 0; i < npaths; i++) {
		char *path = clean_path(paths[i]);
		bool covered = false;
		size_t kept = 0;

		if (!path) {
			scope_done(&s);
			return ERR_NOMEM;
		}
		for (size_t k = 0; k < s.count; k++)
			covered |= is_below(path, s.path[k]);
		for (size_t k = 0; k < s.count; k++) {
			if (!covered && is_below(s.path[k], path))
				free(s.path[k]);
			else
				s.path[kept++] = s.path[k];
		}
		s.count = kept;
		if (covered)
			free(path);
		else
			s.path[s.count++] = path;
	}
	*ret = s;
	return 0;
}

static int preview(struct volume *v, int64_t at, const char *const *paths, size_t npaths,
                   struct tally *t)
{
	int r = 0;

	if (restore_names_root(paths, npaths))
		return volume_diff(v, VOLUME_NOW, at, "", count_change, t);
	for (size_t i = 0; r == 0 && i < npaths; i++)
		r = volume_diff(v, VOLUME_NOW, at, paths[i], count_change, t);
	return r;
}

/* Copies an entry for tell_inode(), which calls nobody with the lock held. */
static int copy_entry(void *ctx, const struct index_dentry *row, const struct index_inode *inode)
{
	struct buf *b = ctx;

	(void)inode;
	enc_u64(b, row->parent);
	enc_blob(b, row->name, row->name_len);
	return 0;
}

/* First the inode, then its names: a lookup in between must already find it changed. */
static void tell_inode(struct volume *v, uint64_t ino, volume_invalidate_fn fn, void *ctx)
{
	struct buf entries;
	struct dec d;

	buf_init(&entries, OP_RECORD_MAX);
	lock_take(&v->lock);
	index_dentry_of(v->ix, ino, INDEX_NOW, copy_entry, &entries);
	lock_drop(&v->lock);
	fn(ctx, ino, NULL, 0);
	dec_init(&d, entries.data, entries.len);
	while (dec_left(&d) > 0) {
		uint64_t parent = dec_u64(&d);
		size_t len;
		const char *name = (const char *)dec_blob(&d, VOLUME_NAME_MAX, &len);

		if (name)
			fn(ctx, parent, name, len);
	}
	buf_done(&entries);
}

static void tell_step(struct volume *v, const struct op_step *s, volume_invalidate_fn fn, void *ctx)
{
	if (s->kind == OP_STEP_REVIVE) {
		tell_inode(v, s->ino, fn, ctx);
		return;
	}
	fn(ctx, s->at.parent, s->at.name, s->at.len);
	fn(ctx, s->at.parent, NULL, 0); /* the folder's own times and link count */
	if (s->kind == OP_STEP_LINK)
		fn(ctx, s->ino, NULL, 0);
}

static void tell(struct volume *v, const struct restore_plan *p)
{
	volume_invalidate_fn fn;
	void *ctx;

	lock_take(&v->watch_lock);
	fn = v->on_restore;
	ctx = v->on_restore_ctx;
	lock_drop(&v->watch_lock);
	if (!fn)
		return;
	for (size_t i = 0; i < p->nsteps; i++)
		tell_step(v, &p->steps[i], fn, ctx);
	for (size_t i = 0; i < p->lost.cap; i++)
		if (p->lost.slots[i])
			fn(ctx, p->lost.slots[i], NULL, 0);
}

/* With `lock`. */
static int apply_plan(struct volume *v, struct restore_plan *p)
{
	struct op op = {.type = OP_RESTORE, .time_ns = volume_wall_ns(v), .restore = {.at = p->at}};

	if (p->nsteps == 0)
		return 0;
	if (p->nsteps * sizeof(struct op_step) / 2 + p->names.len > journal_size(v->journal) / 8)
		return err_note(
		    ERR_FBIG,
		    "%zu steps are more than one restore can hold: restore folder by folder",
		    p->nsteps);
	op.restore.steps = p->steps;
	op.restore.nsteps = p->nsteps;
	return volume_apply(v, &op);
}

static int restore_scope(struct volume *v, int64_t at, const struct scope *scope, bool dry_run,
                         struct tally *t, int64_t *ret_undo)
{
	const char *const *paths = (const char *const *)scope->path;
	struct restore_plan p = {.v = v, .at = at};
	int64_t done;
	int r;

	buf_init(&p.names, OP_RECORD_MAX);
	lock_take(&v->lock);
	r = dry_run ? 0 : volume_writable(v);
	if (r == 0 && (at < 1 || at >= index_state(v->ix)->epoch))
		r = err_note(ERR_NOHISTORY, "there is no epoch e%lld", (long long)at);
	lock_drop(&v->lock);
	if (r == 0 && !dry_run)
		r = volume_epoch_end(v, ret_undo); /* what is there now stays reachable */
	if (r == 0)
		r = preview(v, at, paths, scope->count, t);
	lock_take(&v->lock);
	if (r == 0 && !dry_run) { /* also what came in during the preview stays reachable */
		r = volume_end_epoch_locked(v);
		*ret_undo = index_state(v->ix)->epoch - 1;
	}
	if (r == 0) {
		p.next_ino = index_state(v->ix)->next_ino;
		r = restore_plan_make(&p, paths, scope->count);
	}
	if (r == 0 && !dry_run)
		r = apply_plan(v, &p);
	lock_drop(&v->lock);
	if (r == 0 && !dry_run) {
		r = volume_epoch_end(v, &done);
		tell(v, &p);
	}
	restore_plan_done(&p);
	return r;
}

int volume_restore(struct volume *v, int64_t at, const char *const *paths, size_t npaths,
                   bool dry_run, volume_change_fn fn, void *ctx, struct volume_restore_totals *ret,
                   int64_t *ret_undo)
{
	struct volume_restore_totals totals = {0};
	struct tally t = {&totals, fn, ctx};
	struct scope scope = {0};
	int64_t undo = 0;
	int r = scope_make(paths, npaths, &scope);

	if (r == 0)
		r = restore_scope(v, at, &scope, dry_run, &t, &undo);
	scope_done(&scope);
	if (r != 0)
		return r;
	*ret = totals;
	if (ret_undo)
		*ret_undo = undo;
	return 0;
}
