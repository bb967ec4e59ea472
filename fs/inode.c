/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One hash table with open addressing and linear probing, under one lock that is held for a few
 * instructions.
 *
 * Invariants: (1) an entry's count is above zero; (2) there is no gap between an entry's home place
 * and its place (removal closes gaps by moving later entries back); (3) at most 3/4 of the places
 * are used. The table halves when it is used to less than 1/8, so it shrinks with the kernel's
 * memory. Node 0 marks a free place: FUSE never has one.
 */
#include "fs/inode.h"

#include "util/check.h"
#include "util/err.h"
#include "util/lock.h"

#include <stdlib.h>

#define PLACES_MIN 1024

struct entry {
	uint64_t node;
	uint64_t count;
	uint64_t generation;
};

struct inode_table {
	struct lock lock;
	struct entry *places;
	size_t size; /* a power of two */
	size_t used;
};

static size_t home_of(uint64_t node, size_t size)
{
	return (size_t)((node * UINT64_C(0x9e3779b97f4a7c15)) >> 20) & (size - 1);
}

/* The place of @node, or the free one where it belongs. */
static size_t place_of(const struct entry *places, size_t size, uint64_t node)
{
	size_t i = home_of(node, size);

	while (places[i].node != 0 && places[i].node != node)
		i = (i + 1) & (size - 1);
	return i;
}

static int resize(struct inode_table *t, size_t size)
{
	struct entry *places = calloc(size, sizeof(*places));

	if (!places)
		return ERR_NOMEM;
	for (size_t i = 0; i < t->size; i++)
		if (t->places[i].node != 0)
			places[place_of(places, size, t->places[i].node)] = t->places[i];
	free(t->places);
	t->places = places;
	t->size = size;
	return 0;
}

static void remove_at(struct inode_table *t, size_t gap)
{
	size_t mask = t->size - 1;

	for (size_t i = (gap + 1) & mask; t->places[i].node != 0; i = (i + 1) & mask) {
		size_t home = home_of(t->places[i].node, t->size);

		/* may move back when its home is not between the gap and itself */
		if (((i - home) & mask) >= ((i - gap) & mask)) {
			t->places[gap] = t->places[i];
			gap = i;
		}
	}
	t->places[gap] = (struct entry){0};
	t->used--;
	/* without memory it just stays large */
	if (t->size > PLACES_MIN && t->used < t->size / 8)
		(void)resize(t, t->size / 2);
}

struct inode_table *inode_table_new(void)
{
	struct inode_table *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	if (resize(t, PLACES_MIN) != 0) {
		free(t);
		return NULL;
	}
	lock_init(&t->lock, LOCK_FS_TABLE);
	return t;
}

void inode_table_free(struct inode_table *t)
{
	if (!t)
		return;
	lock_done(&t->lock);
	free(t->places);
	free(t);
}

int inode_ref(struct inode_table *t, uint64_t node, bool *ret_new, uint64_t *ret_generation)
{
	struct entry *e;
	int r = 0;

	CHECK(node != 0);
	lock_take(&t->lock);
	if (t->used >= t->size / 4 * 3)
		r = resize(t, t->size * 2);
	if (r == 0) {
		e = &t->places[place_of(t->places, t->size, node)];
		*ret_new = e->node == 0;
		if (e->node == 0) {
			e->node = node;
			t->used++;
		}
		e->count++;
		*ret_generation = e->generation;
	}
	lock_drop(&t->lock);
	return r;
}

bool inode_unref(struct inode_table *t, uint64_t node, uint64_t count)
{
	bool gone = false;
	size_t i;

	if (node == 0)
		return false;
	lock_take(&t->lock);
	i = place_of(t->places, t->size, node);
	if (t->places[i].node != 0) {
		gone = t->places[i].count <= count;
		if (gone)
			remove_at(t, i);
		else
			t->places[i].count -= count;
	}
	lock_drop(&t->lock);
	return gone;
}

bool inode_renew(struct inode_table *t, uint64_t node)
{
	struct entry *e;
	bool known;

	lock_take(&t->lock);
	e = &t->places[place_of(t->places, t->size, node)];
	known = e->node != 0;
	if (known)
		e->generation++;
	lock_drop(&t->lock);
	return known;
}

void inode_each(const struct inode_table *t, void (*fn)(void *ctx, uint64_t node), void *ctx)
{
	for (size_t i = 0; i < t->size; i++)
		if (t->places[i].node != 0)
			fn(ctx, t->places[i].node);
}
