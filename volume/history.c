/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The log for people: what happened to a path, newest first. Each epoch that had something to do
 * with it is compared with the one before; a file is followed backwards through its renames.
 */
#include "volume/changes.h"
#include "volume/entries.h"

#include "util/err.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* ---- paths of inodes ---- */

int volume_path_of(struct volume *v, uint64_t ino, int64_t at, char **ret)
{
	char *path = strdup("");
	struct entries l;
	int r = path ? 0 : ERR_NOMEM;

	entries_init(&l);
	while (r == 0 && ino != VOLUME_ROOT) {
		char *longer;

		entries_done(&l);
		r = entries_of(v, ino, at, &l);
		if (r == 0 && l.count == 0)
			r = ERR_NOENT;
		if (r != 0)
			break;
		longer = *path ? changes_join(entries_name(&l, 0), path, strlen(path))
		               : strdup(entries_name(&l, 0));
		free(path);
		path = longer;
		ino = l.entry[0].parent;
		r = path ? 0 : ERR_NOMEM;
	}
	entries_done(&l);
	if (r != 0) {
		free(path);
		return r;
	}
	*ret = path;
	return 0;
}

/* ---- which epochs ---- */

struct epochs {
	int64_t since, until;
	int64_t *epoch;
	int64_t *closed;
	size_t count, cap;
};

static int take_epoch(void *ctx, int64_t epoch, int64_t closed_ns)
{
	struct epochs *e = ctx;

	if (closed_ns < e->since || closed_ns > e->until)
		return 0;
	if (e->count == e->cap) {
		size_t cap = e->cap ? e->cap * 2 : 256;
		int64_t *a = realloc(e->epoch, cap * sizeof(*a));
		int64_t *b = a ? realloc(e->closed, cap * sizeof(*b)) : NULL;

		if (a)
			e->epoch = a;
		if (b)
			e->closed = b;
		if (!a || !b)
			return ERR_NOMEM;
		e->cap = cap;
	}
	e->epoch[e->count] = epoch;
	e->closed[e->count++] = closed_ns;
	return 0;
}

/* ---- the log ---- */

struct log_walk {
	volume_change_fn fn;
	void *ctx;
	int64_t epoch, time_ns;
	const char *path;
	char *renamed_from; /* going back, the path continues under this name */
	bool any;
};

static int log_one(void *ctx, const struct volume_change *change)
{
	struct log_walk *w = ctx;
	struct volume_change c = *change;

	/* the root comes into being once; that says nothing */
	if (change->path[0] == '\0')
		return 0;
	c.epoch = w->epoch;
	c.time_ns = w->time_ns;
	if (change->kind == VOLUME_RENAMED && strcmp(change->path, w->path) == 0 &&
	    !w->renamed_from)
		w->renamed_from = strdup(change->old_path);
	w->any = true;
	return w->fn(w->ctx, &c);
}

/* The whole difference is asked for when a rename may come from elsewhere; of it, what concerns the
 * path. */
static int log_filtered(void *ctx, const struct volume_change *change)
{
	struct log_walk *w = ctx;
	size_t len = strlen(w->path);
	bool inside = strncmp(change->path, w->path, len) == 0 &&
	              (change->path[len] == '\0' || change->path[len] == '/');

	return len == 0 || inside ? log_one(ctx, change) : 0;
}

static int ever_existed(struct volume *v, const char *path, const struct epochs *e, bool *ret)
{
	uint64_t ino = 0;
	int r;

	lock_take(&v->lock);
	r = volume_find(v, path, VOLUME_NOW, &ino);
	for (size_t i = e->count; r == 0 && ino == 0 && i > 0; i--)
		r = volume_find(v, path, e->epoch[i - 1], &ino);
	lock_drop(&v->lock);
	*ret = ino != 0;
	return r;
}

int volume_log(struct volume *v, const char *path, int64_t since_ns, int64_t until_ns,
               volume_change_fn fn, void *ctx)
{
	struct epochs e = {.since = since_ns, .until = until_ns};
	struct log_walk w = {.fn = fn, .ctx = ctx};
	char *at = strdup(path + strspn(path, "/"));
	bool existed = false;
	int r = at ? 0 : ERR_NOMEM;

	if (r == 0) {
		lock_take(&v->lock);
		r = index_epoch_list(v->ix, 0, take_epoch, &e);
		lock_drop(&v->lock);
	}
	if (r == 0)
		r = ever_existed(v, at, &e, &existed);
	for (size_t i = e.count; r == 0 && i > 0; i--) {
		w.epoch = e.epoch[i - 1];
		w.time_ns = e.closed[i - 1];
		w.path = at;
		r = volume_diff(v, w.epoch - 1, w.epoch, "", log_filtered, &w);
		if (w.renamed_from) {
			free(at);
			at = w.renamed_from;
			w.renamed_from = NULL;
		}
	}
	if (r == 0 && !existed && !w.any)
		r = err_note(ERR_NOENT, "%s: never existed", path);
	free(at);
	free(e.epoch);
	free(e.closed);
	return r;
}
