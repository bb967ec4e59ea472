/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The difference of two states, by path. The trees are walked together along the map of changes;
 * where one side has nothing, the other is listed whole.
 *
 * An inode that has a new entry and lost another is renamed; what hangs below a renamed folder is
 * not listed again. A path that holds another inode of the same type (a file saved by rename) is
 * changed.
 *
 * Results are gathered under the volume's lock and handed out after it.
 */
#include "volume/changes.h"
#include "volume/entries.h"

#include "util/err.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

struct result {
	struct volume_change change;
	char *path;
	char *old_path;
};

struct gone {
	char *path;
	uint64_t ino;
};

struct diff {
	struct volume *v;
	struct changes c;
	const char *scope;
	struct result *results;
	size_t count, cap;
	struct gone *gone; /* paths left out because a rename should name them */
	size_t ngone, gone_cap;
};

static int attr_at(struct volume *v, uint64_t ino, int64_t at, struct volume_attr *ret)
{
	struct index_inode row;
	int r;

	memset(ret, 0, sizeof(*ret));
	if (ino == 0)
		return 0;
	r = index_inode_get(v->ix, ino, at, &row);
	if (r == 0)
		volume_attr_from(&row, ret);
	return r;
}

/* Takes @old_path. */
static int emit(struct diff *d, enum volume_change_kind kind, const char *path, char *old_path,
                uint64_t a, uint64_t b, bool content)
{
	struct result *res;
	int r;

	if (d->count == d->cap) {
		size_t cap = d->cap ? d->cap * 2 : 64;
		struct result *to = realloc(d->results, cap * sizeof(*to));

		if (!to) {
			free(old_path);
			return ERR_NOMEM;
		}
		d->results = to;
		d->cap = cap;
	}
	res = &d->results[d->count];
	memset(res, 0, sizeof(*res));
	res->old_path = old_path;
	res->path = strdup(path);
	if (!res->path) {
		free(old_path);
		return ERR_NOMEM;
	}
	d->count++;
	res->change.kind = kind;
	res->change.content = content;
	r = attr_at(d->v, a, d->c.a, &res->change.before);
	return r ? r : attr_at(d->v, b, d->c.b, &res->change.after);
}

static bool in_scope(const struct diff *d, const char *path)
{
	size_t len = strlen(d->scope);

	return len == 0 ||
	       (strncmp(path, d->scope, len) == 0 && (path[len] == '\0' || path[len] == '/'));
}

/* ---- renames ---- */

static bool is_used(const struct diff *d, uint64_t ino, const char *old_path)
{
	for (size_t i = d->count; i > 0; i--) {
		const struct result *res = &d->results[i - 1];

		if (res->old_path && res->change.after.ino == ino &&
		    strcmp(res->old_path, old_path) == 0)
			return true;
	}
	return false;
}

/*
 * A path of @ino at @at whose name is free at @other, inside the scope, and which no rename has
 * taken yet; NULL when there is none.
 */
static int moved_path(struct diff *d, uint64_t ino, int64_t at, int64_t other, char **ret)
{
	struct entries l;
	int r;

	*ret = NULL;
	entries_init(&l);
	r = entries_of(d->v, ino, at, &l);
	for (size_t i = 0; r == 0 && !*ret && i < l.count; i++) {
		const struct entry *e = &l.entry[i];
		char *folder = NULL;
		uint64_t there;

		r = changes_entry(d->v, e->parent, entries_name(&l, i), e->len, other, &there);
		if (r != 0 || there != 0)
			continue;
		r = volume_path_of(d->v, e->parent, at, &folder);
		if (r == ERR_NOENT) {
			r = 0;
			continue;
		}
		if (r == 0)
			*ret = changes_join(folder, entries_name(&l, i), e->len);
		free(folder);
		if (*ret && (!in_scope(d, *ret) || is_used(d, ino, *ret))) {
			free(*ret);
			*ret = NULL;
		}
	}
	entries_done(&l);
	return r;
}

/* ---- the walk ---- */

/*
 * Paths come in pairs: in the first state and in the second. They differ below a folder that was
 * renamed.
 */
struct place {
	const char *a;
	const char *b;
};

static int diff_entry(struct diff *d, const struct place *at, uint64_t a, uint64_t b);

static int is_folder(struct volume *v, uint64_t ino, int64_t at, bool *ret)
{
	struct index_inode row;
	int r;

	*ret = false;
	if (ino == 0)
		return 0;
	r = index_inode_get(v->ix, ino, at, &row);
	if (r == 0)
		*ret = S_ISDIR(row.mode);
	return r;
}

struct named {
	const char *name;
	size_t len;
};

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct named *)a)->name, ((const struct named *)b)->name);
}

/* Entry @name of folders @a (first state) and @b (second), either of which may be 0. */
static int diff_name(struct diff *d, const struct place *at, uint64_t a, uint64_t b,
                     const char *name, size_t len)
{
	char *path_a = changes_join(at->a, name, len);
	char *path_b = changes_join(at->b, name, len);
	struct place child = {path_a, path_b};
	uint64_t ino_a, ino_b;
	int r = path_a && path_b ? 0 : ERR_NOMEM;

	if (r == 0)
		r = changes_entry(d->v, a, name, len, d->c.a, &ino_a);
	if (r == 0)
		r = changes_entry(d->v, b, name, len, d->c.b, &ino_b);
	if (r == 0)
		r = diff_entry(d, &child, ino_a, ino_b);
	free(path_a);
	free(path_b);
	return r;
}

/* Different folders, or a folder and nothing: every entry of both. */
static int diff_whole(struct diff *d, const struct place *at, uint64_t a, uint64_t b)
{
	struct named *n = NULL;
	struct entries l;
	int r = 0;

	entries_init(&l);
	if (a)
		r = entries_in(d->v, a, d->c.a, &l);
	if (r == 0 && b)
		r = entries_in(d->v, b, d->c.b, &l);
	if (r == 0 && l.count) {
		n = calloc(l.count, sizeof(*n));
		r = n ? 0 : ERR_NOMEM;
	}
	for (size_t i = 0; n && i < l.count; i++)
		n[i] = (struct named){entries_name(&l, i), l.entry[i].len};
	if (n)
		qsort(n, l.count, sizeof(*n), by_name);
	for (size_t i = 0; r == 0 && i < l.count; i++)
		if (i == 0 || strcmp(n[i - 1].name, n[i].name) != 0)
			r = diff_name(d, at, a, b, n[i].name, n[i].len);
	free(n);
	entries_done(&l);
	return r;
}

static int diff_folder(struct diff *d, const struct place *at, uint64_t a, uint64_t b)
{
	int r = 0;

	if (a != b)
		return diff_whole(d, at, a, b);
	for (size_t i = changes_first(&d->c, a);
	     r == 0 && i < d->c.count && d->c.name[i]->parent == a; i++)
		r = diff_name(d, at, a, a, d->c.name[i]->name, d->c.name[i]->len);
	return r;
}

static int emit_removed(struct diff *d, const char *path, uint64_t a)
{
	const struct place at = {path, path};
	bool folder;
	int r = emit(d, VOLUME_REMOVED, path, NULL, a, 0, false);

	if (r == 0)
		r = is_folder(d->v, a, d->c.a, &folder);
	return r == 0 && folder ? diff_whole(d, &at, a, 0) : r;
}

/* It is somewhere else now: the rename that is found there should name this path (settle_gone()).
 */
static int leave_out(struct diff *d, const char *path, uint64_t a)
{
	if (d->ngone == d->gone_cap) {
		size_t cap = d->gone_cap ? d->gone_cap * 2 : 16;
		struct gone *to = realloc(d->gone, cap * sizeof(*to));

		if (!to)
			return ERR_NOMEM;
		d->gone = to;
		d->gone_cap = cap;
	}
	d->gone[d->ngone].path = strdup(path);
	d->gone[d->ngone].ino = a;
	return d->gone[d->ngone++].path ? 0 : ERR_NOMEM;
}

static int any_entry(void *ctx, const struct index_dentry *row, const struct index_inode *inode)
{
	(void)row;
	(void)inode;
	*(bool *)ctx = true;
	return 1;
}

/* One that still has a name somewhere may turn out to have been renamed; it is settled when all
 * renames are known. */
static int diff_gone(struct diff *d, const char *path, uint64_t a)
{
	bool lives = false;
	int r = index_dentry_of(d->v->ix, a, d->c.b, any_entry, &lives);

	if (r < 0)
		return r;
	return lives ? leave_out(d, path, a) : emit_removed(d, path, a);
}

static int by_old_path(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* What was left out and no rename came to name is gone after all. */
static int settle_gone(struct diff *d)
{
	size_t n = 0;
	char **named = calloc(d->count + 1, sizeof(*named));
	int r = named ? 0 : ERR_NOMEM;

	for (size_t i = 0; named && i < d->count; i++)
		if (d->results[i].old_path)
			named[n++] = d->results[i].old_path;
	if (n)
		qsort(named, n, sizeof(*named), by_old_path);
	/* the list grows when what is in a removed folder was moved as well */
	for (size_t i = 0; r == 0 && i < d->ngone; i++) {
		uint64_t there = 0;

		if (n && bsearch(&d->gone[i].path, named, n, sizeof(*named), by_old_path))
			continue;
		/* its folder was replaced, and it came back under the same path */
		r = volume_find(d->v, d->gone[i].path, d->c.b, &there);
		if (r == 0 && there != d->gone[i].ino)
			r = emit_removed(d, d->gone[i].path, d->gone[i].ino);
	}
	free(named);
	return r;
}

static int by_path(const void *a, const void *b)
{
	const struct result *x = a, *y = b;
	int order = strcmp(x->path, y->path);

	/* of two for one path, what is gone comes first */
	return order ? order
	             : (y->change.kind == VOLUME_REMOVED) - (x->change.kind == VOLUME_REMOVED);
}

static int diff_new(struct diff *d, const char *path, uint64_t b)
{
	struct place at = {path, path};
	char *old_path;
	bool folder, any, content;
	int r = moved_path(d, b, d->c.a, d->c.b, &old_path);

	if (r == 0)
		r = is_folder(d->v, b, d->c.b, &folder);
	if (r != 0)
		return r;
	if (old_path) {
		at.a = old_path; /* lives on in the result */
		r = changes_differ(d->v, &d->c, b, b, &any, &content);
		if (r != 0) {
			free(old_path);
			return r;
		}
		r = emit(d, VOLUME_RENAMED, path, old_path, b, b, content);
		return r == 0 && folder ? diff_folder(d, &at, b, b) : r;
	}
	r = emit(d, VOLUME_ADDED, path, NULL, 0, b, true);
	return r == 0 && folder ? diff_whole(d, &at, 0, b) : r;
}

static int diff_both(struct diff *d, const struct place *at, uint64_t a, uint64_t b)
{
	bool any, content, folder_a, folder_b;
	int r = is_folder(d->v, a, d->c.a, &folder_a);

	if (r == 0)
		r = is_folder(d->v, b, d->c.b, &folder_b);
	if (r != 0)
		return r;
	if (folder_a != folder_b) {
		r = diff_gone(d, at->a, a);
		return r ? r : diff_new(d, at->b, b);
	}
	r = changes_differ(d->v, &d->c, a, b, &any, &content);
	if (r == 0 && any)
		r = emit(d, VOLUME_CHANGED, at->b, NULL, a, b, content);
	return r == 0 && folder_a ? diff_folder(d, at, a, b) : r;
}

static int diff_entry(struct diff *d, const struct place *at, uint64_t a, uint64_t b)
{
	if (a && b)
		return diff_both(d, at, a, b);
	if (a)
		return diff_gone(d, at->a, a);
	return b ? diff_new(d, at->b, b) : 0;
}

/* The inode at @path, 0 when there is none. */
int volume_find(struct volume *v, const char *path, int64_t at, uint64_t *ret)
{
	uint64_t ino = VOLUME_ROOT;
	struct index_inode root;
	int r = index_inode_get(v->ix, ino, at, &root);

	*ret = 0;
	if (r == ERR_NOENT || r == ERR_NOHISTORY)
		return 0;
	while (r == 0 && ino) {
		size_t len;

		path += strspn(path, "/");
		len = strcspn(path, "/");
		if (len == 0)
			break;
		r = changes_entry(v, ino, path, len, at, &ino);
		path += len;
	}
	if (r == 0)
		*ret = ino;
	return r;
}

static int hand_out(struct diff *d, volume_change_fn fn, void *ctx)
{
	int r = 0;

	for (size_t i = 0; i < d->count; i++) {
		struct result *res = &d->results[i];
		/* a path that goes is met twice where its folder was moved and replaced */
		bool again = i + 1 < d->count && res->change.kind == VOLUME_REMOVED &&
		             d->results[i + 1].change.kind == VOLUME_REMOVED &&
		             strcmp(res->path, d->results[i + 1].path) == 0;

		res->change.path = res->path;
		res->change.old_path = res->old_path;
		if (r == 0 && fn && !again)
			r = fn(ctx, &res->change);
		free(res->path);
		free(res->old_path);
	}
	free(d->results);
	for (size_t i = 0; i < d->ngone; i++)
		free(d->gone[i].path);
	free(d->gone);
	return r;
}

int volume_diff(struct volume *v, int64_t from, int64_t to, const char *path, volume_change_fn fn,
                void *ctx)
{
	struct diff d = {.v = v, .scope = path + strspn(path, "/")};
	const struct place at = {d.scope, d.scope};
	uint64_t a, b;
	int r, r2;

	lock_take(&v->lock);
	r = changes_load(v, from, to, &d.c);
	if (r == 0)
		r = volume_find(v, d.scope, from, &a);
	if (r == 0)
		r = volume_find(v, d.scope, to, &b);
	if (r == 0)
		r = diff_entry(&d, &at, a, b);
	if (r == 0)
		r = settle_gone(&d);
	if (d.count)
		qsort(d.results, d.count, sizeof(*d.results), by_path);
	lock_drop(&v->lock);
	changes_done(&d.c);
	r2 = hand_out(&d, r == 0 ? fn : NULL, ctx);
	return r ? r : r2;
}
