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

#include "util/err.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

struct result {
	struct volume_change change;
	char *path;
	char *old_path;
};

struct diff {
	struct volume *v;
	struct changes c;
	const char *scope;
	struct result *results;
	size_t count, cap;
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

struct find_moved {
	struct volume *v;
	int64_t other; /* the state in which the entry must be absent */
	uint64_t ino;
	uint64_t parent;
	char name[INDEX_NAME_MAX + 1];
	size_t len;
};

static int find_moved_one(void *ctx, const struct index_dentry *row,
                          const struct index_inode *inode)
{
	struct find_moved *f = ctx;
	uint64_t there;
	int r = changes_entry(f->v, row->parent, row->name, row->name_len, f->other, &there);

	(void)inode;
	if (r != 0)
		return r;
	if (there == f->ino || row->name_len > INDEX_NAME_MAX)
		return 0;
	f->parent = row->parent;
	f->len = row->name_len;
	memcpy(f->name, row->name, row->name_len);
	f->name[row->name_len] = '\0';
	return 1;
}

/* A path of @ino at @at whose entry is not there at @other, inside the scope; NULL when there is
 * none. */
static int moved_path(struct diff *d, uint64_t ino, int64_t at, int64_t other, char **ret)
{
	struct find_moved f = {.v = d->v, .other = other, .ino = ino};
	char *folder = NULL;
	int r = index_dentry_of(d->v->ix, ino, at, find_moved_one, &f);

	*ret = NULL;
	if (r < 0 || f.parent == 0)
		return r < 0 ? r : 0;
	r = volume_path_of(d->v, f.parent, at, &folder);
	if (r != 0)
		return r == ERR_NOENT ? 0 : r;
	*ret = changes_join(folder, f.name, f.len);
	free(folder);
	if (*ret && !in_scope(d, *ret)) {
		free(*ret);
		*ret = NULL;
	}
	return 0;
}

/* ---- the walk ---- */

static int diff_entry(struct diff *d, const char *path, uint64_t a, uint64_t b);

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

struct name_list {
	struct change_name **name;
	size_t count, cap;
};

static int list_name(void *ctx, const struct index_dentry *row, const struct index_inode *inode)
{
	struct name_list *l = ctx;
	struct change_name *n;

	(void)inode;
	if (l->count == l->cap) {
		size_t cap = l->cap ? l->cap * 2 : 64;
		struct change_name **to = realloc(l->name, cap * sizeof(*to));

		if (!to)
			return ERR_NOMEM;
		l->name = to;
		l->cap = cap;
	}
	n = malloc(sizeof(*n) + row->name_len + 1);
	if (!n)
		return ERR_NOMEM;
	n->len = row->name_len;
	memcpy(n->name, row->name, row->name_len);
	n->name[n->len] = '\0';
	l->name[l->count++] = n;
	return 0;
}

static int by_text(const void *a, const void *b)
{
	return strcmp((*(struct change_name *const *)a)->name,
	              (*(struct change_name *const *)b)->name);
}

/* Entry @name of folders @a (first state) and @b (second), either of which may be 0. */
static int diff_name(struct diff *d, const char *path, uint64_t a, uint64_t b, const char *name,
                     size_t len)
{
	char *child = changes_join(path, name, len);
	uint64_t ino_a, ino_b;
	int r = child ? changes_entry(d->v, a, name, len, d->c.a, &ino_a) : ERR_NOMEM;

	if (r == 0)
		r = changes_entry(d->v, b, name, len, d->c.b, &ino_b);
	if (r == 0)
		r = diff_entry(d, child, ino_a, ino_b);
	free(child);
	return r;
}

/* Different folders, or a folder and nothing: every entry of both. */
static int diff_whole(struct diff *d, const char *path, uint64_t a, uint64_t b)
{
	struct name_list l = {0};
	int r = a ? index_dentry_list(d->v->ix, a, d->c.a, 0, list_name, &l) : 0;

	if (r == 0 && b)
		r = index_dentry_list(d->v->ix, b, d->c.b, 0, list_name, &l);
	if (l.count)
		qsort(l.name, l.count, sizeof(*l.name), by_text);
	for (size_t i = 0; r == 0 && i < l.count; i++)
		if (i == 0 || strcmp(l.name[i - 1]->name, l.name[i]->name) != 0)
			r = diff_name(d, path, a, b, l.name[i]->name, l.name[i]->len);
	for (size_t i = 0; i < l.count; i++)
		free(l.name[i]);
	free(l.name);
	return r;
}

static int diff_folder(struct diff *d, const char *path, uint64_t a, uint64_t b)
{
	int r = 0;

	if (a != b)
		return diff_whole(d, path, a, b);
	for (size_t i = changes_first(&d->c, a);
	     r == 0 && i < d->c.count && d->c.name[i]->parent == a; i++)
		r = diff_name(d, path, a, a, d->c.name[i]->name, d->c.name[i]->len);
	return r;
}

static int diff_gone(struct diff *d, const char *path, uint64_t a)
{
	char *new_path;
	bool folder;
	int r = moved_path(d, a, d->c.b, d->c.a, &new_path);

	if (r != 0)
		return r;
	if (new_path) { /* reported where it is now */
		free(new_path);
		return 0;
	}
	r = emit(d, VOLUME_REMOVED, path, NULL, a, 0, false);
	if (r == 0)
		r = is_folder(d->v, a, d->c.a, &folder);
	return r == 0 && folder ? diff_whole(d, path, a, 0) : r;
}

static int diff_new(struct diff *d, const char *path, uint64_t b)
{
	char *old_path;
	bool folder, any, content;
	int r = moved_path(d, b, d->c.a, d->c.b, &old_path);

	if (r == 0)
		r = is_folder(d->v, b, d->c.b, &folder);
	if (r != 0)
		return r;
	if (old_path) {
		r = changes_differ(d->v, &d->c, b, b, &any, &content);
		if (r == 0)
			r = emit(d, VOLUME_RENAMED, path, old_path, b, b, content);
		else
			free(old_path);
		return r == 0 && folder ? diff_folder(d, path, b, b) : r;
	}
	r = emit(d, VOLUME_ADDED, path, NULL, 0, b, true);
	return r == 0 && folder ? diff_whole(d, path, 0, b) : r;
}

static int diff_both(struct diff *d, const char *path, uint64_t a, uint64_t b)
{
	bool any, content, folder_a, folder_b;
	int r = is_folder(d->v, a, d->c.a, &folder_a);

	if (r == 0)
		r = is_folder(d->v, b, d->c.b, &folder_b);
	if (r != 0)
		return r;
	if (folder_a != folder_b) {
		r = diff_gone(d, path, a);
		return r ? r : diff_new(d, path, b);
	}
	r = changes_differ(d->v, &d->c, a, b, &any, &content);
	if (r == 0 && any)
		r = emit(d, VOLUME_CHANGED, path, NULL, a, b, content);
	return r == 0 && folder_a ? diff_folder(d, path, a, b) : r;
}

static int diff_entry(struct diff *d, const char *path, uint64_t a, uint64_t b)
{
	if (a && b)
		return diff_both(d, path, a, b);
	if (a)
		return diff_gone(d, path, a);
	return b ? diff_new(d, path, b) : 0;
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

		res->change.path = res->path;
		res->change.old_path = res->old_path;
		if (r == 0 && fn)
			r = fn(ctx, &res->change);
		free(res->path);
		free(res->old_path);
	}
	free(d->results);
	return r;
}

int volume_diff(struct volume *v, int64_t from, int64_t to, const char *path, volume_change_fn fn,
                void *ctx)
{
	struct diff d = {.v = v, .scope = path + strspn(path, "/")};
	uint64_t a, b;
	int r, r2;

	lock_take(&v->lock);
	r = changes_load(v, from, to, &d.c);
	if (r == 0)
		r = volume_find(v, d.scope, from, &a);
	if (r == 0)
		r = volume_find(v, d.scope, to, &b);
	if (r == 0)
		r = diff_entry(&d, d.scope, a, b);
	lock_drop(&v->lock);
	changes_done(&d.c);
	r2 = hand_out(&d, r == 0 ? fn : NULL, ctx);
	return r ? r : r2;
}
