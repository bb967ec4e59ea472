/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Each way is a function from a number to a change, so a case can be named, repeated and left out. Which bit of a byte is
 * flipped depends on its place: over all places every bit is met.
 */
#include "tests/tamper/damage.h"

#include "util/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HEAD_BYTES 128
#define TAIL_BYTES 64
#define PARTS 64
#define PARTNERS 3

const char *damage_word(enum damage d)
{
	static const char *const words[DAMAGES] = {
	    "a bit flipped",    "cut short",     "made longer",     "a bit in a page",
	    "a page of zeros",  "an older page", "names exchanged", "of another volume",
	    "as it was before", "removed"};

	return words[d];
}

/* One file of @ret with other bytes. */
static void put(const struct damage_ask *ask, struct image *ret, const void *data, size_t len)
{
	image_share(ret, ask->good);
	image_set(ret, ask->name, data, len);
}

static void flip(const struct damage_ask *ask, const struct image_file *f, size_t at,
                 struct image *ret)
{
	put(ask, ret, f->data, f->len);
	image_find(ret, ask->name)->data[at] ^= (uint8_t)(1u << (at * 5 + at / 8) % 8);
}

static bool flip_any(const struct damage_ask *ask, const struct image_file *f, size_t i,
                     struct image *ret, char *label)
{
	size_t head = f->len < HEAD_BYTES ? f->len : HEAD_BYTES;
	size_t tail = f->len - head < TAIL_BYTES ? f->len - head : TAIL_BYTES;
	size_t rest = f->len - head - tail;
	size_t parts = rest < PARTS ? rest : PARTS;
	size_t at;

	if (i < head)
		at = i;
	else if (i < head + tail)
		at = f->len - tail + (i - head);
	else if (i < head + tail + parts)
		at = head + (i - head - tail) * rest / parts + rest / parts / 2;
	else
		return false;
	flip(ask, f, at, ret);
	snprintf(label, DAMAGE_LABEL_BYTES, "byte %zu of %zu", at, f->len);
	return true;
}

static bool cut(const struct damage_ask *ask, const struct image_file *f, size_t i,
                struct image *ret, char *label)
{
	const size_t sizes[] = {0, 1, f->len / 2, f->len ? f->len - 1 : 0};

	if (i >= sizeof(sizes) / sizeof(*sizes))
		return false;
	put(ask, ret, f->data, sizes[i] < f->len ? sizes[i] : f->len);
	snprintf(label, DAMAGE_LABEL_BYTES, "%zu of %zu bytes", sizes[i], f->len);
	return true;
}

static bool longer(const struct damage_ask *ask, const struct image_file *f, size_t i,
                   struct image *ret, char *label)
{
	static const size_t more[] = {1, 4096};
	uint8_t *data;

	if (i >= 2)
		return false;
	data = malloc(f->len + more[i]);
	CHECK(data);
	memcpy(data, f->data, f->len);
	memset(data + f->len, 0xa5, more[i]);
	put(ask, ret, data, f->len + more[i]);
	free(data);
	snprintf(label, DAMAGE_LABEL_BYTES, "%zu bytes more", more[i]);
	return true;
}

/* ---- pages ---- */

static size_t pages_of(const struct damage_ask *ask, const struct image_file *f)
{
	if (ask->page_bytes == 0 || f->len < ask->page_from)
		return 0;
	return (f->len - ask->page_from) / ask->page_bytes;
}

static bool blank(const struct damage_ask *ask, const struct image_file *f, size_t page)
{
	const uint8_t *at = f->data + ask->page_from + page * ask->page_bytes;

	return at[0] == 0 && memcmp(at, at + 1, ask->page_bytes - 1) == 0;
}

/* The number of the @i-th page that is not blank, or how many pages there are. */
static size_t page_at(const struct damage_ask *ask, const struct image_file *f, size_t i)
{
	size_t page = 0, pages = pages_of(ask, f);

	for (; page < pages; page++)
		if (!blank(ask, f, page) && i-- == 0)
			break;
	return page;
}

/* The last 40 bytes of a page are its salt and its tag. */
static bool page_flip(const struct damage_ask *ask, const struct image_file *f, size_t i,
                      struct image *ret, char *label)
{
	const size_t places[] = {5, ask->page_bytes / 2, ask->page_bytes - 30, ask->page_bytes - 7};
	static const char *const words[] = {"header", "body", "salt", "tag"};
	size_t page = page_at(ask, f, i / 4);

	if (page >= pages_of(ask, f))
		return false;
	flip(ask, f, ask->page_from + page * ask->page_bytes + places[i % 4], ret);
	snprintf(label, DAMAGE_LABEL_BYTES, "page %zu, %s", page + 1, words[i % 4]);
	return true;
}

static bool page_zero(const struct damage_ask *ask, const struct image_file *f, size_t i,
                      struct image *ret, char *label)
{
	size_t page = page_at(ask, f, i);

	if (page >= pages_of(ask, f))
		return false;
	put(ask, ret, f->data, f->len);
	memset(image_find(ret, ask->name)->data + ask->page_from + page * ask->page_bytes, 0,
	       ask->page_bytes);
	snprintf(label, DAMAGE_LABEL_BYTES, "page %zu", page + 1);
	return true;
}

/* Page by page from each older image that has another one in the place. */
static bool page_old(const struct damage_ask *ask, const struct image_file *f, size_t i,
                     struct image *ret, char *label)
{
	for (size_t k = 0; k < ask->nolds; k++) {
		const struct image_file *old = image_find(ask->olds[k], ask->name);

		for (size_t p = 0; old && p < pages_of(ask, f) && p < pages_of(ask, old); p++) {
			size_t off = ask->page_from + p * ask->page_bytes;

			if (memcmp(f->data + off, old->data + off, ask->page_bytes) == 0)
				continue;
			if (i-- > 0)
				continue;
			put(ask, ret, f->data, f->len);
			memcpy(image_find(ret, ask->name)->data + off, old->data + off,
			       ask->page_bytes);
			snprintf(label, DAMAGE_LABEL_BYTES, "page %zu of copy %zu", p + 1, k);
			return true;
		}
	}
	return false;
}

/* ---- whole files ---- */

static bool of_kind(const struct damage_ask *ask, const char *name)
{
	return strncmp(name, ask->kind, strlen(ask->kind)) == 0;
}

/* The others of its kind, longest first: names of packs are random, and a case must not depend on them. */
static size_t others(const struct damage_ask *ask, const struct image *in,
                     const struct image_file **ret, size_t room)
{
	size_t n = 0;

	for (size_t k = 0; k < in->n; k++) {
		const struct image_file *o = &in->files[k];
		size_t at = n;

		if (!of_kind(ask, o->name) || strcmp(o->name, ask->name) == 0)
			continue;
		while (at > 0 && ret[at - 1]->len < o->len)
			at--;
		if (at == room)
			continue;
		n += n < room;
		memmove(ret + at + 1, ret + at, (n - at - 1) * sizeof(*ret));
		ret[at] = o;
	}
	return n;
}

static bool swap(const struct damage_ask *ask, const struct image_file *f, size_t i,
                 struct image *ret, char *label)
{
	const struct image_file *o[PARTNERS];

	if (i >= others(ask, ask->good, o, PARTNERS))
		return false;
	put(ask, ret, o[i]->data, o[i]->len);
	image_set(ret, o[i]->name, f->data, f->len);
	snprintf(label, DAMAGE_LABEL_BYTES, "with %s", o[i]->name);
	return true;
}

/* The one of the same name, or else the longest of its kind. */
static bool foreign(const struct damage_ask *ask, size_t i, struct image *ret, char *label)
{
	const struct image_file *o = image_find(ask->foreign, ask->name);

	if (i > 0 || (!o && others(ask, ask->foreign, &o, 1) == 0))
		return false;
	put(ask, ret, o->data, o->len);
	snprintf(label, DAMAGE_LABEL_BYTES, "%s", o->name);
	return true;
}

static bool old(const struct damage_ask *ask, const struct image_file *f, size_t i,
                struct image *ret, char *label)
{
	for (size_t k = 0; k < ask->nolds; k++) {
		const struct image_file *o = image_find(ask->olds[k], ask->name);

		if (!o || (o->len == f->len && memcmp(o->data, f->data, f->len) == 0) || i-- > 0)
			continue;
		put(ask, ret, o->data, o->len);
		snprintf(label, DAMAGE_LABEL_BYTES, "copy %zu", k);
		return true;
	}
	return false;
}

bool damage_make(const struct damage_ask *ask, size_t i, struct image *ret, char *label)
{
	const struct image_file *f = image_find(ask->good, ask->name);

	CHECK(f);
	label[0] = '\0';
	switch (ask->how) {
	case DAMAGE_FLIP:
		return flip_any(ask, f, i, ret, label);
	case DAMAGE_CUT:
		return cut(ask, f, i, ret, label);
	case DAMAGE_LONGER:
		return longer(ask, f, i, ret, label);
	case DAMAGE_PAGE_FLIP:
		return page_flip(ask, f, i, ret, label);
	case DAMAGE_PAGE_ZERO:
		return page_zero(ask, f, i, ret, label);
	case DAMAGE_PAGE_OLD:
		return page_old(ask, f, i, ret, label);
	case DAMAGE_SWAP:
		return swap(ask, f, i, ret, label);
	case DAMAGE_FOREIGN:
		return foreign(ask, i, ret, label);
	case DAMAGE_OLD:
		return old(ask, f, i, ret, label);
	case DAMAGE_REMOVE:
		if (i > 0)
			return false;
		image_share(ret, ask->good);
		image_remove(ret, ask->name);
		return true;
	default:
		return false;
	}
}
