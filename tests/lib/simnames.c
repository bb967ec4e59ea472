/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tree in memory is the live one. Beside it stands the list of changes that are not durable,
 * each with what it takes to undo it. What a power cut may undo:
 *
 *   of one folder       a random number of its newest changes: a folder's changes keep their order
 *   of two folders      independent of each other; a change of two folders (a rename) happened in
 *                       both or in neither, and what came later in either of them needs it
 *   of an orderly disk  a random number of the newest of all, as a journaling filesystem that
 *                       commits everything in order
 *
 * Syncing a folder makes its own changes durable and those that they need, and on an orderly disk
 * all before them. That a folder is durable says nothing of the name under which it is found, and a
 * synced file has no durable name.
 */
#include "tests/lib/simnames.h"

#include "util/check.h"
#include "util/err.h"

#include <stdlib.h>
#include <string.h>

/* In folder @dir, @name meant @before (NULL: nothing). */
struct part {
	struct simnames_node *dir;
	char *name;
	struct simnames_node *before;
};

struct simnames_change {
	struct part part[2];
	size_t nparts;
	bool durable;
	bool undone;
};

void simnames_init(struct simnames *t)
{
	memset(t, 0, sizeof(*t));
	t->root = simnames_node_new(true, 0);
}

struct simnames_node *simnames_node_new(bool is_dir, int64_t mtime_ns)
{
	struct simnames_node *n = calloc(1, sizeof(*n));

	CHECK(n);
	n->refs = 1;
	n->is_dir = is_dir;
	n->mtime_ns = mtime_ns;
	simbytes_init(&n->bytes);
	return n;
}

struct simnames_node *simnames_node_ref(struct simnames_node *n)
{
	if (n)
		n->refs++;
	return n;
}

void simnames_node_unref(struct simnames_node *n)
{
	if (!n || --n->refs > 0)
		return;
	for (size_t i = 0; i < n->nentries; i++) {
		free(n->entries[i].name);
		simnames_node_unref(n->entries[i].node);
	}
	free(n->entries);
	simbytes_done(&n->bytes);
	free(n);
}

struct simnames_entry *simnames_entry(const struct simnames_node *dir, const char *name)
{
	for (size_t i = 0; i < dir->nentries; i++)
		if (strcmp(dir->entries[i].name, name) == 0)
			return &dir->entries[i];
	return NULL;
}

bool simnames_below(const struct simnames_node *n, const struct simnames_node *top)
{
	bool found = n == top;

	for (size_t i = 0; i < top->nentries && !found; i++)
		found = top->entries[i].node->is_dir && simnames_below(n, top->entries[i].node);
	return found;
}

int simnames_walk(const struct simnames *t, const char *path, struct simnames_node **ret_dir,
                  char *name)
{
	struct simnames_node *dir = t->root;

	name[0] = '\0';
	for (;;) {
		const struct simnames_entry *e;
		size_t len;

		path += strspn(path, "/");
		len = strcspn(path, "/");
		if (len == 0)
			break;
		if (len >= SIMNAMES_BYTES)
			return ERR_NAMETOOLONG;
		if (name[0]) {
			e = simnames_entry(dir, name);
			if (!e)
				return err_note(ERR_NOENT, "%s: no such folder", name);
			if (!e->node->is_dir)
				return err_note(ERR_NOTDIR, "%s: not a folder", name);
			dir = e->node;
		}
		memcpy(name, path, len);
		name[len] = '\0';
		path += len;
	}
	*ret_dir = dir;
	return 0;
}

int simnames_find(const struct simnames *t, const char *path, struct simnames_node **ret)
{
	char name[SIMNAMES_BYTES];
	struct simnames_node *dir;
	const struct simnames_entry *e;
	int r = simnames_walk(t, path, &dir, name);

	if (r != 0)
		return r;
	if (!name[0]) {
		*ret = dir;
		return 0;
	}
	e = simnames_entry(dir, name);
	if (!e)
		return err_note(ERR_NOENT, "%s: not there", path);
	*ret = e->node;
	return 0;
}

int simnames_find_entry(const struct simnames *t, const char *path, struct simnames_node **ret_dir,
                        char *name, struct simnames_node **ret)
{
	const struct simnames_entry *e;
	int r = simnames_walk(t, path, ret_dir, name);

	if (r != 0)
		return r;
	if (!name[0])
		return err_note(ERR_BUSY, "%s: is the root", path);
	e = simnames_entry(*ret_dir, name);
	*ret = e ? e->node : NULL;
	return 0;
}

/* Change the live tree. */
static void entry_set(struct simnames_node *dir, const char *name, struct simnames_node *node)
{
	struct simnames_entry *e = simnames_entry(dir, name);

	if (e) {
		struct simnames_node *old = e->node;

		e->node = simnames_node_ref(node);
		if (!node) {
			free(e->name);
			*e = dir->entries[--dir->nentries];
		}
		simnames_node_unref(old);
		return;
	}
	if (!node)
		return;
	if (dir->nentries == dir->entries_room) {
		dir->entries_room = dir->entries_room ? dir->entries_room * 2 : 8;
		dir->entries = realloc(dir->entries, dir->entries_room * sizeof(*dir->entries));
		CHECK(dir->entries);
	}
	e = &dir->entries[dir->nentries++];
	e->name = strdup(name);
	CHECK(e->name);
	e->node = simnames_node_ref(node);
}

static struct simnames_change *change_new(struct simnames *t)
{
	if (t->npending == t->pending_room) {
		t->pending_room = t->pending_room ? t->pending_room * 2 : 16;
		t->pending = realloc(t->pending, t->pending_room * sizeof(*t->pending));
		CHECK(t->pending);
	}
	memset(&t->pending[t->npending], 0, sizeof(*t->pending));
	return &t->pending[t->npending++];
}

static void change_part(struct simnames_change *c, struct simnames_node *dir, const char *name,
                        struct simnames_node *node)
{
	struct part *p = &c->part[c->nparts++];
	const struct simnames_entry *e = simnames_entry(dir, name);

	p->dir = simnames_node_ref(dir);
	p->name = strdup(name);
	CHECK(p->name);
	p->before = simnames_node_ref(e ? e->node : NULL);
	entry_set(dir, name, node);
}

static void change_done(struct simnames_change *c)
{
	for (size_t i = 0; i < c->nparts; i++) {
		free(c->part[i].name);
		simnames_node_unref(c->part[i].dir);
		simnames_node_unref(c->part[i].before);
	}
}

/* The @n oldest changes are durable. */
static void settle(struct simnames *t, size_t n)
{
	if (n == 0)
		return;
	for (size_t i = 0; i < n; i++)
		change_done(&t->pending[i]);
	memmove(t->pending, t->pending + n, (t->npending - n) * sizeof(*t->pending));
	t->npending -= n;
}

void simnames_done(struct simnames *t)
{
	settle(t, t->npending);
	free(t->pending);
	simnames_node_unref(t->root);
	memset(t, 0, sizeof(*t));
}

void simnames_set(struct simnames *t, struct simnames_node *dir, const char *name,
                  struct simnames_node *node)
{
	change_part(change_new(t), dir, name, node);
}

void simnames_move(struct simnames *t, struct simnames_node *from_dir, const char *from,
                   struct simnames_node *to_dir, const char *to, struct simnames_node *node)
{
	struct simnames_change *c = change_new(t);

	change_part(c, to_dir, to, node);
	change_part(c, from_dir, from, NULL);
}

static bool touches(const struct simnames_change *c, bool needed)
{
	for (size_t i = 0; i < c->nparts; i++)
		if (needed ? c->part[i].dir->needed : c->part[i].dir->broken)
			return true;
	return false;
}

/* Set both marks of the folders of @c. */
static void mark(struct simnames_change *c, bool needed, bool broken)
{
	for (size_t i = 0; i < c->nparts; i++) {
		c->part[i].dir->needed = needed;
		c->part[i].dir->broken = broken;
	}
}

static void unmark_all(struct simnames *t)
{
	for (size_t i = 0; i < t->npending; i++)
		mark(&t->pending[i], false, false);
}

static void sync_in_order(struct simnames *t, const struct simnames_node *dir)
{
	size_t settled = 0;

	for (size_t i = 0; i < t->npending; i++)
		for (size_t p = 0; p < t->pending[i].nparts; p++)
			if (t->pending[i].part[p].dir == dir)
				settled = i + 1;
	settle(t, settled);
}

void simnames_sync(struct simnames *t, struct simnames_node *dir)
{
	size_t kept = 0;

	if (t->orderly) {
		sync_in_order(t, dir);
		return;
	}
	dir->needed = true;
	for (size_t i = t->npending; i-- > 0;)
		if (touches(&t->pending[i], true)) {
			mark(&t->pending[i], true, false);
			t->pending[i].durable = true;
		}
	unmark_all(t);
	dir->needed = false;
	for (size_t i = 0; i < t->npending; i++) {
		if (t->pending[i].durable)
			change_done(&t->pending[i]);
		else
			t->pending[kept++] = t->pending[i];
	}
	t->npending = kept;
}

static void undo(struct simnames_change *c)
{
	for (size_t i = c->nparts; i-- > 0;)
		entry_set(c->part[i].dir, c->part[i].name, c->part[i].before);
}

static void cut_in_order(struct simnames *t, struct simrng *rng)
{
	size_t n = simrng_below(rng, 3) == 0 ? 0 : simrng_below(rng, t->npending + 1);

	while (n-- > 0) {
		undo(&t->pending[--t->npending]);
		change_done(&t->pending[t->npending]);
	}
}

void simnames_cut(struct simnames *t, struct simrng *rng)
{
	static const unsigned chances[] = {0, 30, 200, 500, 1000};
	unsigned chance;

	if (t->orderly) {
		cut_in_order(t, rng);
		settle(t, t->npending);
		return;
	}
	chance = chances[simrng_below(rng, 5)];
	for (size_t i = 0; i < t->npending; i++)
		if (touches(&t->pending[i], false) || simrng_chance(rng, chance)) {
			mark(&t->pending[i], false, true);
			t->pending[i].undone = true;
		}
	unmark_all(t);
	for (size_t i = t->npending; i-- > 0;)
		if (t->pending[i].undone)
			undo(&t->pending[i]);
	settle(t, t->npending);
}
