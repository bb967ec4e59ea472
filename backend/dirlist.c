/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Folders are read one at a time and their entries sorted; with a slash at the end of folders'
 * names this gives the order of whole names, since no name in a folder is the beginning of another.
 * Folders in which nothing can match are not read. Only what one folder holds is in memory, and the
 * length of names bounds the depth.
 */
#include "backend/dirlist.h"

#include "util/err.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct entry {
	char *name; /* from the base folder; a folder's ends in a slash */
	uint64_t size_bytes;
};

struct folder {
	const struct dirlist *list;
	const char *name; /* "" or ending in a slash */
	struct entry *entries;
	size_t count;
	size_t cap;
};

/* The place of a name; folders' slashes are left out. */
static char *path_of(const struct dirlist *l, const char *name)
{
	size_t len = strlen(name);
	char *path = NULL;

	if (len == 0)
		return strdup(l->base);
	if (asprintf(&path, "%s/%.*s", l->base, (int)(len - (name[len - 1] == '/')), name) < 0)
		return NULL;
	return path;
}

static bool base_there(const struct dirlist *l)
{
	struct file_info info;

	return fileio_stat(l->io, l->base, &info) == 0 && info.is_dir;
}

static int compare_entries(const void *a, const void *b)
{
	return strcmp(((const struct entry *)a)->name, ((const struct entry *)b)->name);
}

/* Whether an object below folder (or named) @name can be in the listing. */
static bool wanted(const struct folder *f, const char *name, bool is_dir)
{
	size_t name_len = strlen(name);
	size_t prefix_len = strlen(f->list->prefix);

	if (strncmp(name, f->list->prefix, name_len < prefix_len ? name_len : prefix_len) != 0)
		return false;
	if (!is_dir && name_len < prefix_len)
		return false;
	if (!f->list->after || strcmp(name, f->list->after) > 0)
		return true;
	return is_dir && strncmp(f->list->after, name, name_len) == 0;
}

static int collect(void *ctx, const char *part)
{
	struct folder *f = ctx;
	struct file_info info;
	char name[BLOB_NAME_MAX + 2];
	char *path;
	int n = snprintf(name, sizeof(name), "%s%s", f->name, part);
	int r;

	if (n < 0 || n > BLOB_NAME_MAX || !blob_name_valid(name))
		return 0;
	path = path_of(f->list, name);
	r = path ? fileio_stat(f->list->io, path, &info) : ERR_NOMEM;
	free(path);
	if (r != 0)
		return r == ERR_NOENT ? 0 : r;
	if (info.is_dir)
		memcpy(name + n, "/", 2);
	if (!wanted(f, name, info.is_dir))
		return 0;
	if (f->count == f->cap) {
		size_t cap = f->cap ? f->cap * 2 : 64;
		struct entry *entries = realloc(f->entries, cap * sizeof(*entries));

		if (!entries)
			return ERR_NOMEM;
		f->entries = entries;
		f->cap = cap;
	}
	f->entries[f->count].size_bytes = info.size_bytes;
	f->entries[f->count].name = strdup(name);
	return f->entries[f->count].name ? (f->count++, 0) : ERR_NOMEM;
}

/* List what is in and below @f, and free it. *ret_stop is what the callback said. */
static int walk(struct folder *f, int *ret_stop)
{
	const struct dirlist *l = f->list;
	char *path = path_of(l, f->name);
	int r = path ? fileio_list(l->io, path, collect, f) : ERR_NOMEM;

	/* removed since its parent was read, which is nothing to report as long as the store is
	 * there */
	if (r == ERR_NOENT && f->name[0] != '\0' && base_there(l))
		r = 0;
	if (f->count > 0)
		qsort(f->entries, f->count, sizeof(*f->entries), compare_entries);
	for (size_t i = 0; r == 0 && *ret_stop == 0 && i < f->count; i++) {
		const struct entry *e = &f->entries[i];
		struct blob_info info = {.name = e->name, .size_bytes = e->size_bytes};
		struct folder below = {.list = l, .name = e->name};

		if (atomic_load(l->canceled)) {
			r = ERR_CANCELED;
			break;
		}
		if (e->name[strlen(e->name) - 1] != '/') {
			*ret_stop = l->fn(l->ctx, &info);
			continue;
		}
		r = walk(&below, ret_stop);
	}
	for (size_t i = 0; i < f->count; i++)
		free(f->entries[i].name);
	free(f->entries);
	free(path);
	return r;
}

int dirlist_walk(const struct dirlist *list, int *ret_stop)
{
	struct folder top = {.list = list, .name = ""};

	return walk(&top, ret_stop);
}
