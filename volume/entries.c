/* SPDX-License-Identifier: Apache-2.0 */
#include "volume/entries.h"

#include "util/err.h"

#include <stdlib.h>

#define NAMES_MAX ((size_t)4 << 30)

void entries_init(struct entries *l)
{
	*l = (struct entries){0};
	buf_init(&l->names, NAMES_MAX);
}

void entries_done(struct entries *l)
{
	free(l->entry);
	buf_done(&l->names);
	entries_init(l);
}

static int take(void *ctx, const struct index_dentry *row, const struct index_inode *inode)
{
	struct entries *l = ctx;
	struct entry *e;

	(void)inode;
	if (l->count == l->cap) {
		size_t cap = l->cap ? l->cap * 2 : 8;
		struct entry *to = realloc(l->entry, cap * sizeof(*to));

		if (!to)
			return ERR_NOMEM;
		l->entry = to;
		l->cap = cap;
	}
	e = &l->entry[l->count];
	*e = (struct entry){row->parent, row->ino, row->name_len, l->names.len};
	buf_add(&l->names, row->name, row->name_len);
	buf_add(&l->names, "", 1);
	if (buf_error(&l->names))
		return buf_error(&l->names);
	l->count++;
	return 0;
}

int entries_of(struct volume *v, uint64_t ino, int64_t at, struct entries *l)
{
	return index_dentry_of(v->ix, ino, at, take, l);
}

int entries_in(struct volume *v, uint64_t ino, int64_t at, struct entries *l)
{
	return index_dentry_list(v->ix, ino, at, 0, take, l);
}

const char *entries_name(const struct entries *l, size_t i)
{
	return (const char *)l->names.data + l->entry[i].at;
}
