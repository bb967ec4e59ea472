/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tree in memory is the live one. Beside it stands the list of changes that are not durable,
 * each with what it takes to undo it; a power cut undoes a random number of the newest. Syncing a
 * folder makes every change durable up to the last one that touched it: more than POSIX promises (a
 * journaling filesystem commits in order), never less. Syncing a file says nothing about its name.
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

void simnames_sync(struct simnames *t, const struct simnames_node *dir)
{
	size_t settled = 0;

	for (size_t i = 0; i < t->npending; i++)
		for (size_t p = 0; p < t->pending[i].nparts; p++)
			if (t->pending[i].part[p].dir == dir)
				settled = i + 1;
	settle(t, settled);
}

static void undo_newest(struct simnames *t)
{
	struct simnames_change *c = &t->pending[--t->npending];

	for (size_t i = c->nparts; i-- > 0;)
		entry_set(c->part[i].dir, c->part[i].name, c->part[i].before);
	change_done(c);
}

void simnames_cut(struct simnames *t, struct simrng *rng)
{
	size_t undo = simrng_below(rng, 3) == 0 ? 0 : simrng_below(rng, t->npending + 1);

	while (undo-- > 0)
		undo_newest(t);
	settle(t, t->npending);
}
