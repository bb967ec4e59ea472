/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Invariants:
 *  1. What has more than one reference is never changed; model_change() copies first and forgets
 * the hashes of what it hands out.
 *  2. Bytes beyond a node's size in its pages are zero, and there are no pages beyond it.
 *  3. A page of zeros and a hole hash alike: the model speaks of content, not of how it is kept.
 */
#include "tests/sim/model.h"

#include "util/check.h"

#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#define INTERN_BUCKETS 4096

struct interned {
	struct interned *next;
	size_t len;
	char bytes[];
};

const char *model_intern(const char *bytes, size_t len)
{
	static struct interned *table[INTERN_BUCKETS];
	struct interned **bucket = &table[XXH3_64bits(bytes, len) % INTERN_BUCKETS];
	struct interned *i;

	for (i = *bucket; i; i = i->next)
		if (i->len == len && memcmp(i->bytes, bytes, len) == 0)
			return i->bytes;
	i = malloc(sizeof(*i) + len + 1);
	CHECK(i);
	i->next = *bucket;
	i->len = len;
	memcpy(i->bytes, bytes, len);
	i->bytes[len] = '\0';
	*bucket = i;
	return i->bytes;
}

static void *copy_array(const void *from, size_t n, size_t each)
{
	void *to = NULL;

	if (n > 0) {
		to = malloc(n * each);
		CHECK(to);
		memcpy(to, from, n * each);
	}
	return to;
}

/* ---- nodes ---- */

static void page_unref(struct model_page *p)
{
	if (p && --p->refs == 0)
		free(p);
}

static void value_unref(struct model_value *v)
{
	if (--v->refs == 0)
		free(v);
}

static void node_unref(struct model_node *n)
{
	if (--n->refs > 0)
		return;
	for (size_t i = 0; i < n->npages; i++)
		page_unref(n->pages[i]);
	for (size_t i = 0; i < n->nxattrs; i++)
		value_unref(n->xattrs[i].value);
	free(n->pages);
	free(n->xattrs);
	free(n->names);
	free(n);
}

static struct model_node *node_copy(const struct model_node *from)
{
	struct model_node *n = copy_array(from, 1, sizeof(*from));

	n->refs = 1;
	n->names = copy_array(from->names, from->nnames, sizeof(*from->names));
	n->xattrs = copy_array(from->xattrs, from->nxattrs, sizeof(*from->xattrs));
	n->pages = copy_array(from->pages, from->npages, sizeof(struct model_page *));
	for (size_t i = 0; i < n->nxattrs; i++)
		n->xattrs[i].value->refs++;
	for (size_t i = 0; i < n->npages; i++)
		if (n->pages[i])
			n->pages[i]->refs++;
	return n;
}

/* ---- states ---- */

struct model_state *model_state_new(void)
{
	struct model_state *s = calloc(1, sizeof(*s));

	CHECK(s);
	s->refs = 1;
	return s;
}

struct model_state *model_state_ref(struct model_state *s)
{
	s->refs++;
	return s;
}

void model_state_unref(struct model_state *s)
{
	if (!s || --s->refs > 0)
		return;
	for (size_t i = 0; i < s->nnodes; i++)
		node_unref(s->nodes[i]);
	free(s->nodes);
	free(s);
}

/* Where @ino is, or would be. */
static size_t place_of(const struct model_state *s, uint64_t ino)
{
	size_t low = 0;
	size_t high = s->nnodes;

	while (low < high) {
		size_t mid = (low + high) / 2;

		if (s->nodes[mid]->ino < ino)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

const struct model_node *model_node(const struct model_state *s, uint64_t ino)
{
	size_t i = place_of(s, ino);

	return i < s->nnodes && s->nodes[i]->ino == ino ? s->nodes[i] : NULL;
}

static void state_own(struct model_state **s)
{
	struct model_state *old = *s;
	struct model_state *copy;

	if (old->refs > 1) {
		copy = model_state_new();
		copy->room = old->nnodes + 8;
		copy->nnodes = old->nnodes;
		copy->nodes = malloc(copy->room * sizeof(struct model_node *));
		CHECK(copy->nodes);
		for (size_t i = 0; i < old->nnodes; i++) {
			copy->nodes[i] = old->nodes[i];
			copy->nodes[i]->refs++;
		}
		model_state_unref(old);
		*s = copy;
	}
	(*s)->hash = 0;
}

struct model_node *model_change(struct model_state **s, uint64_t ino)
{
	struct model_node **at;

	state_own(s);
	at = &(*s)->nodes[place_of(*s, ino)];
	CHECK(at < (*s)->nodes + (*s)->nnodes && (*at)->ino == ino);
	if ((*at)->refs > 1) {
		struct model_node *copy = node_copy(*at);

		node_unref(*at);
		*at = copy;
	}
	(*at)->hash = 0;
	return *at;
}

/* Takes the reference. */
static void insert(struct model_state **s, struct model_node *n)
{
	struct model_state *st;
	size_t i;

	state_own(s);
	st = *s;
	i = place_of(st, n->ino);
	CHECK(i == st->nnodes || st->nodes[i]->ino != n->ino);
	if (st->nnodes == st->room) {
		st->room = st->room ? st->room * 2 : 16;
		st->nodes = realloc(st->nodes, st->room * sizeof(struct model_node *));
		CHECK(st->nodes);
	}
	memmove(&st->nodes[i + 1], &st->nodes[i], (st->nnodes - i) * sizeof(struct model_node *));
	st->nodes[i] = n;
	st->nnodes++;
}

struct model_node *model_add(struct model_state **s, uint64_t ino)
{
	struct model_node *n = calloc(1, sizeof(*n));

	CHECK(n && ino != 0);
	n->refs = 1;
	n->ino = ino;
	insert(s, n);
	return n;
}

void model_share(struct model_state **s, const struct model_node *n)
{
	struct model_node *node = (struct model_node *)(uintptr_t)n;

	node->refs++;
	insert(s, node);
}

void model_drop(struct model_state **s, uint64_t ino)
{
	struct model_state *st;
	size_t i;

	state_own(s);
	st = *s;
	i = place_of(st, ino);
	CHECK(i < st->nnodes && st->nodes[i]->ino == ino);
	node_unref(st->nodes[i]);
	st->nnodes--;
	memmove(&st->nodes[i], &st->nodes[i + 1], (st->nnodes - i) * sizeof(struct model_node *));
}

/* ---- names and xattrs ---- */

static size_t name_place(const struct model_node *dir, const char *name)
{
	size_t i = 0;

	while (i < dir->nnames && strcmp(dir->names[i].name, name) < 0)
		i++;
	return i;
}

uint64_t model_name_get(const struct model_node *dir, const char *name)
{
	for (size_t i = 0; i < dir->nnames; i++)
		if (dir->names[i].name == name)
			return dir->names[i].ino;
	return 0;
}

void model_name_set(struct model_node *dir, const char *name, uint64_t ino)
{
	size_t i = name_place(dir, name);
	bool there = i < dir->nnames && dir->names[i].name == name;

	if (there && ino == 0) {
		dir->nnames--;
		memmove(&dir->names[i], &dir->names[i + 1],
		        (dir->nnames - i) * sizeof(*dir->names));
	}
	if (ino == 0)
		return;
	if (!there) {
		dir->names = realloc(dir->names, (dir->nnames + 1) * sizeof(*dir->names));
		CHECK(dir->names);
		memmove(&dir->names[i + 1], &dir->names[i],
		        (dir->nnames - i) * sizeof(*dir->names));
		dir->nnames++;
	}
	dir->names[i].name = name;
	dir->names[i].ino = ino;
}

static size_t xattr_place(const struct model_node *n, const char *name)
{
	size_t i = 0;

	while (i < n->nxattrs && strcmp(n->xattrs[i].name, name) < 0)
		i++;
	return i;
}

const struct model_value *model_xattr_get(const struct model_node *n, const char *name)
{
	size_t i = xattr_place(n, name);

	return i < n->nxattrs && n->xattrs[i].name == name ? n->xattrs[i].value : NULL;
}

void model_xattr_set(struct model_node *n, const char *name, const void *data, size_t len)
{
	size_t i = xattr_place(n, name);

	if (i < n->nxattrs && n->xattrs[i].name == name) {
		value_unref(n->xattrs[i].value);
		n->nxattrs--;
		memmove(&n->xattrs[i], &n->xattrs[i + 1], (n->nxattrs - i) * sizeof(*n->xattrs));
	}
	if (!data)
		return;
	n->xattrs = realloc(n->xattrs, (n->nxattrs + 1) * sizeof(*n->xattrs));
	CHECK(n->xattrs);
	memmove(&n->xattrs[i + 1], &n->xattrs[i], (n->nxattrs - i) * sizeof(*n->xattrs));
	n->nxattrs++;
	n->xattrs[i].name = name;
	n->xattrs[i].value = malloc(sizeof(struct model_value) + len);
	CHECK(n->xattrs[i].value);
	n->xattrs[i].value->refs = 1;
	n->xattrs[i].value->len = len;
	memcpy(n->xattrs[i].value->data, data, len);
}

/* ---- data ---- */

static void pages_reserve(struct model_node *n, size_t npages)
{
	if (npages <= n->npages)
		return;
	n->pages = realloc(n->pages, npages * sizeof(struct model_page *));
	CHECK(n->pages);
	memset(&n->pages[n->npages], 0, (npages - n->npages) * sizeof(struct model_page *));
	n->npages = npages;
}

static struct model_page *page_own(struct model_node *n, size_t i)
{
	struct model_page *old = n->pages[i];
	struct model_page *p;

	if (!old || old->refs > 1) {
		p = old ? copy_array(old, 1, sizeof(*old)) : calloc(1, sizeof(*p));
		CHECK(p);
		p->refs = 1;
		page_unref(old);
		n->pages[i] = p;
	}
	n->pages[i]->hash = 0;
	return n->pages[i];
}

void model_data_read(const struct model_node *n, uint64_t off, size_t len, void *out)
{
	uint8_t *to = out;

	while (len > 0) {
		size_t at = (size_t)(off % MODEL_PAGE);
		size_t part = MODEL_PAGE - at < len ? MODEL_PAGE - at : len;
		uint64_t i = off / MODEL_PAGE;

		if (i < n->npages && n->pages[i])
			memcpy(to, n->pages[i]->data + at, part);
		else
			memset(to, 0, part);
		to += part;
		off += part;
		len -= part;
	}
}

void model_data_write(struct model_node *n, uint64_t off, const void *data, size_t len)
{
	const uint8_t *from = data;

	CHECK(off + len <= MODEL_DATA_MAX);
	if (len == 0)
		return;
	if (off + len > n->size)
		n->size = off + len;
	pages_reserve(n, (size_t)((off + len + MODEL_PAGE - 1) / MODEL_PAGE));
	while (len > 0) {
		size_t at = (size_t)(off % MODEL_PAGE);
		size_t part = MODEL_PAGE - at < len ? MODEL_PAGE - at : len;

		memcpy(page_own(n, (size_t)(off / MODEL_PAGE))->data + at, from, part);
		from += part;
		off += part;
		len -= part;
	}
}

void model_data_punch(struct model_node *n, uint64_t off, uint64_t len)
{
	uint64_t end = (uint64_t)n->npages * MODEL_PAGE;

	if (off >= end)
		return;
	if (len < end - off)
		end = off + len;
	while (off < end) {
		size_t at = (size_t)(off % MODEL_PAGE);
		size_t part = (size_t)(MODEL_PAGE - at < end - off ? MODEL_PAGE - at : end - off);
		size_t i = (size_t)(off / MODEL_PAGE);

		if (part == MODEL_PAGE) {
			page_unref(n->pages[i]);
			n->pages[i] = NULL;
		} else if (n->pages[i]) {
			memset(page_own(n, i)->data + at, 0, part);
		}
		off += part;
	}
}

void model_data_resize(struct model_node *n, uint64_t size)
{
	uint64_t keep = size / MODEL_PAGE + (size % MODEL_PAGE != 0);

	if (size < n->size)
		model_data_punch(n, size, UINT64_MAX);
	while (n->npages > keep)
		page_unref(n->pages[--n->npages]);
	n->size = size;
}

/* ---- hashes ---- */

static bool page_is_zero(const struct model_page *p)
{
	return p->data[0] == 0 && memcmp(p->data, p->data + 1, MODEL_PAGE - 1) == 0;
}

/* 1 for zeros. */
static uint64_t page_hash(struct model_page *p)
{
	if (!p)
		return 1;
	if (p->hash == 0)
		p->hash = page_is_zero(p) ? 1 : XXH3_64bits(p->data, MODEL_PAGE) | 2;
	return p->hash;
}

uint64_t model_node_hash(const struct model_node *n)
{
	struct model_node *cache = (struct model_node *)(uintptr_t)n;
	uint64_t fields[] = {n->mode,
	                     n->uid,
	                     n->gid,
	                     n->nlink,
	                     n->rdev,
	                     n->size,
	                     (uint64_t)n->atime_ns,
	                     (uint64_t)n->mtime_ns,
	                     (uint64_t)n->btime_ns,
	                     (uint64_t)(uintptr_t)n->target};
	uint64_t h;

	if (n->hash)
		return n->hash;
	h = XXH3_64bits(fields, sizeof(fields));
	for (size_t i = 0; i < n->npages; i++)
		if (page_hash(n->pages[i]) != 1) {
			uint64_t mix[] = {h, i, page_hash(n->pages[i])};

			h = XXH3_64bits(mix, sizeof(mix));
		}
	for (size_t i = 0; i < n->nxattrs; i++) {
		h ^= (uint64_t)(uintptr_t)n->xattrs[i].name + 1;
		h = XXH3_64bits_withSeed(n->xattrs[i].value->data, n->xattrs[i].value->len, h);
	}
	cache->hash = h | 1;
	return cache->hash;
}
