/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The map is made from below: every changed inode and every changed entry is followed up to the
 * root, in both states, and each entry on the way is noted.
 */
#include "volume/changes.h"

#include "util/err.h"

#include <stdlib.h>
#include <string.h>

static int note_name(struct changes *c, uint64_t parent, const char *name, size_t len)
{
	struct change_name *n;

	if (c->count == c->cap) {
		size_t cap = c->cap ? c->cap * 2 : 64;
		struct change_name **to = realloc(c->name, cap * sizeof(*to));

		if (!to)
			return ERR_NOMEM;
		c->name = to;
		c->cap = cap;
	}
	n = malloc(sizeof(*n) + len + 1);
	if (!n)
		return ERR_NOMEM;
	n->parent = parent;
	n->len = len;
	memcpy(n->name, name, len);
	n->name[len] = '\0';
	c->name[c->count++] = n;
	return 0;
}

static int compare_names(const struct change_name *a, const struct change_name *b)
{
	size_t len = a->len < b->len ? a->len : b->len;
	int order;

	if (a->parent != b->parent)
		return a->parent < b->parent ? -1 : 1;
	order = memcmp(a->name, b->name, len);
	return order ? order : a->len < b->len ? -1 : a->len > b->len;
}

static int by_name(const void *a, const void *b)
{
	return compare_names(*(struct change_name *const *)a, *(struct change_name *const *)b);
}

/* ---- following upwards ---- */

struct climb {
	struct changes *c;
	uint64_t *todo;
	size_t count, cap;
};

static int push(struct climb *k, uint64_t ino)
{
	if (k->count == k->cap) {
		size_t cap = k->cap ? k->cap * 2 : 64;
		uint64_t *todo = realloc(k->todo, cap * sizeof(*todo));

		if (!todo)
			return ERR_NOMEM;
		k->todo = todo;
		k->cap = cap;
	}
	k->todo[k->count++] = ino;
	return 0;
}

static int climb_one(void *ctx, const struct index_dentry *row, const struct index_inode *inode)
{
	struct climb *k = ctx;
	int r = note_name(k->c, row->parent, row->name, row->name_len);

	(void)inode;
	return r ? r : push(k, row->parent);
}

static int climb_from(struct volume *v, struct changes *c, uint64_t ino, int64_t at, bool second)
{
	struct climb k = {.c = c};
	int r = push(&k, ino);

	while (r == 0 && k.count > 0) {
		uint64_t next = k.todo[--k.count];

		r = inoset_add(&c->seen, next * 2 + (second ? 1 : 0));
		if (r > 0)
			r = index_dentry_of(v->ix, next, at, climb_one, &k);
	}
	free(k.todo);
	return r;
}

static int take_inode(void *ctx, uint64_t ino)
{
	int r = inoset_add(ctx, ino);

	return r < 0 ? r : 0;
}

static int take_dentry(void *ctx, const struct index_dentry *row, const struct index_inode *inode)
{
	(void)inode;
	return note_name(ctx, row->parent, row->name, row->name_len);
}

static int climb_all(struct volume *v, struct changes *c)
{
	size_t changed_names = c->count;
	int r = 0;

	for (size_t i = 0; r == 0 && i < c->inodes.cap; i++) {
		if (!c->inodes.slots[i])
			continue;
		r = climb_from(v, c, c->inodes.slots[i], c->a, false);
		if (r == 0)
			r = climb_from(v, c, c->inodes.slots[i], c->b, true);
	}
	for (size_t i = 0; r == 0 && i < changed_names; i++) {
		r = climb_from(v, c, c->name[i]->parent, c->a, false);
		if (r == 0)
			r = climb_from(v, c, c->name[i]->parent, c->b, true);
	}
	return r;
}

static void sort_names(struct changes *c)
{
	size_t kept = 0;

	if (c->count)
		qsort(c->name, c->count, sizeof(*c->name), by_name);
	for (size_t i = 0; i < c->count; i++) {
		if (kept > 0 && compare_names(c->name[kept - 1], c->name[i]) == 0)
			free(c->name[i]);
		else
			c->name[kept++] = c->name[i];
	}
	c->count = kept;
}

int changes_load(struct volume *v, int64_t a, int64_t b, struct changes *ret)
{
	struct changes c = {.a = a, .b = b};
	int64_t from = a < b ? a : b, to = a < b ? b : a;
	int r = index_changed_inodes(v->ix, from, to, take_inode, &c.inodes);

	if (r == 0)
		r = index_changed_dentries(v->ix, from, to, take_dentry, &c);
	if (r == 0)
		r = climb_all(v, &c);
	if (r != 0) {
		changes_done(&c);
		return r;
	}
	sort_names(&c);
	*ret = c;
	return 0;
}

void changes_done(struct changes *c)
{
	for (size_t i = 0; i < c->count; i++)
		free(c->name[i]);
	free(c->name);
	inoset_done(&c->inodes);
	inoset_done(&c->seen);
	*c = (struct changes){0};
}

size_t changes_first(const struct changes *c, uint64_t parent)
{
	size_t lo = 0, hi = c->count;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (c->name[mid]->parent < parent)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

/* ---- comparing ---- */

int changes_entry(struct volume *v, uint64_t parent, const char *name, size_t len, int64_t at,
                  uint64_t *ret)
{
	struct index_dentry row;
	int r;

	*ret = 0;
	if (parent == 0)
		return 0;
	r = index_dentry_get(v->ix, parent, name, len, at, &row);
	if (r == ERR_NOENT)
		return 0;
	if (r == 0)
		*ret = row.ino;
	return r;
}

char *changes_join(const char *folder, const char *name, size_t len)
{
	size_t have = strlen(folder);
	char *out = malloc(have + len + 2);

	if (!out)
		return NULL;
	memcpy(out, folder, have);
	if (have)
		out[have++] = '/';
	memcpy(out + have, name, len);
	out[have + len] = '\0';
	return out;
}

/* A sum over rows, so that two states are compared without keeping both. */
struct digest {
	uint64_t h;
};

static void mix(struct digest *d, const void *data, size_t len)
{
	const uint8_t *p = data;

	for (size_t i = 0; i < len; i++)
		d->h = (d->h ^ p[i]) * 0x100000001b3u; /* FNV-1a */
}

static void mix_number(struct digest *d, uint64_t n)
{
	mix(d, &n, sizeof(n));
}

static int mix_extent(void *ctx, const struct index_extent *e)
{
	struct digest *d = ctx;

	mix_number(d, e->page);
	mix_number(d, e->npages);
	mix_number(d, e->first);
	mix_number(d, e->tail);
	mix(d, e->salt, INDEX_SALT_BYTES);
	return 0;
}

static int mix_xattr(void *ctx, const char *name, size_t name_len, const void *value,
                     size_t value_len)
{
	struct digest *d = ctx;

	mix_number(d, name_len);
	mix(d, name, name_len);
	mix_number(d, value_len);
	mix(d, value, value_len);
	return 0;
}

static int digest_content(struct volume *v, uint64_t ino, int64_t at, uint64_t *ret)
{
	struct digest d = {0xcbf29ce484222325u};
	struct index_inode row;
	int r = index_inode_get(v->ix, ino, at, &row);

	if (r != 0)
		return r;
	mix_number(&d, row.mode & 0170000);
	mix_number(&d, row.rdev);
	if ((row.mode & 0170000) != 0040000)
		mix_number(&d, row.size);
	mix(&d, row.target, row.target_len);
	r = index_extent_list(v->ix, ino, at, 0, UINT64_MAX, mix_extent, &d);
	*ret = d.h;
	return r;
}

/* Link counts and ctime follow from other changes; a folder's mtime from its entries. */
static int digest_attr(struct volume *v, uint64_t ino, int64_t at, uint64_t *ret)
{
	struct digest d = {0xcbf29ce484222325u};
	struct index_inode row;
	int r = index_inode_get(v->ix, ino, at, &row);

	if (r != 0)
		return r;
	mix_number(&d, row.mode);
	mix_number(&d, row.uid);
	mix_number(&d, row.gid);
	if ((row.mode & 0170000) != 0040000)
		mix_number(&d, (uint64_t)row.mtime_ns);
	r = index_xattr_list(v->ix, ino, at, mix_xattr, &d);
	*ret = d.h;
	return r;
}

int changes_differ(struct volume *v, const struct changes *c, uint64_t ino_a, uint64_t ino_b,
                   bool *ret_any, bool *ret_content)
{
	uint64_t content_a, content_b, attr_a, attr_b;
	int r;

	*ret_any = false;
	*ret_content = false;
	if (ino_a == ino_b && !inoset_has(&c->inodes, ino_a))
		return 0;
	r = digest_content(v, ino_a, c->a, &content_a);
	if (r == 0)
		r = digest_content(v, ino_b, c->b, &content_b);
	if (r == 0)
		r = digest_attr(v, ino_a, c->a, &attr_a);
	if (r == 0)
		r = digest_attr(v, ino_b, c->b, &attr_b);
	if (r != 0)
		return r;
	*ret_content = content_a != content_b;
	*ret_any = *ret_content || attr_a != attr_b;
	return 0;
}
