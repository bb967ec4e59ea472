/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Everything is found by looking through all names: they are few. A slot is taken by one process with a compare and swap
 * and is seen by the others when it is live; of a live one they look at the domain only, unless it is theirs.
 */
#include "tests/mount/tree.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define EACH_NAME(t, d, i)                   \
	for (int i = 0; i < TREE_NAMES; i++) \
		if (atomic_load(&(t)->m->name[i].use) == TREE_LIVE && (t)->m->name[i].domain == (d))

int tree_node_new(struct tree *t, mode_t mode)
{
	for (int i = 0; i < TREE_NODES; i++) {
		struct tree_node *n = &t->m->node[i];
		int free_slot = TREE_FREE;

		if (!atomic_compare_exchange_strong(&n->use, &free_slot, TREE_TAKEN))
			continue;
		n->id = atomic_fetch_add(&t->m->next_id, 1);
		n->mode = mode;
		n->links = 0;
		n->size = 0;
		n->mtime = n->ctime = (struct timespec){0};
		for (int k = 0; k < TREE_XATTRS; k++)
			n->xattr_len[k] = -1;
		memset(n->data, 0, sizeof(n->data));
		atomic_store(&n->use, TREE_LIVE);
		return i;
	}
	tree_fail(t, "the model has too few nodes");
}

int tree_name_new(struct tree *t, int domain, int parent, const char *name, int node)
{
	for (int i = 0; i < TREE_NAMES; i++) {
		struct tree_name *n = &t->m->name[i];
		int free_slot = TREE_FREE;

		if (!atomic_compare_exchange_strong(&n->use, &free_slot, TREE_TAKEN))
			continue;
		n->domain = domain;
		n->parent = parent;
		n->node = node;
		snprintf(n->name, sizeof(n->name), "%s", name);
		t->m->node[node].links++;
		atomic_store(&n->use, TREE_LIVE);
		return i;
	}
	tree_fail(t, "the model has too few names");
}

void tree_name_remove(struct tree *t, int name)
{
	struct tree_node *n = &t->m->node[t->m->name[name].node];

	if (--n->links == 0)
		atomic_store(&n->use, TREE_FREE);
	atomic_store(&t->m->name[name].use, TREE_FREE);
}

int tree_find(const struct tree *t, int domain, int parent, const char *name)
{
	EACH_NAME(t, domain, i)
	{
		if (t->m->name[i].parent == parent && strcmp(t->m->name[i].name, name) == 0)
			return i;
	}
	return -1;
}

int tree_name_of(const struct tree *t, int domain, int node)
{
	EACH_NAME(t, domain, i)
	{
		if (t->m->name[i].node == node)
			return i;
	}
	return -1;
}

int tree_some_name(struct tree *t, int domain)
{
	int chosen = -1;
	unsigned seen = 0;

	EACH_NAME(t, domain, i)
	{
		if (t->m->name[i].parent >= 0 && tree_one_in(t, ++seen))
			chosen = i;
	}
	return chosen;
}

int tree_some_dir(struct tree *t, int domain)
{
	int chosen = -1;
	unsigned seen = 0;

	EACH_NAME(t, domain, i)
	{
		if (tree_is_dir(t, t->m->name[i].node) && tree_one_in(t, ++seen))
			chosen = t->m->name[i].node;
	}
	return chosen;
}

unsigned tree_count(const struct tree *t, int domain)
{
	unsigned n = 0;

	EACH_NAME(t, domain, i)
	{
		n++;
	}
	return n;
}

unsigned tree_children(const struct tree *t, int domain, int node, unsigned *ret_dirs)
{
	unsigned n = 0, dirs = 0;

	EACH_NAME(t, domain, i)
	{
		if (t->m->name[i].parent != node)
			continue;
		n++;
		dirs += tree_is_dir(t, t->m->name[i].node) ? 1 : 0;
	}
	if (ret_dirs)
		*ret_dirs = dirs;
	return n;
}

bool tree_is_dir(const struct tree *t, int node)
{
	return S_ISDIR(t->m->node[node].mode);
}

/* A folder has one name. */
static int parent_of(const struct tree *t, int domain, int node)
{
	int i = tree_name_of(t, domain, node);

	return i < 0 ? -1 : t->m->name[i].parent;
}

void tree_path(const struct tree *t, int domain, int parent, const char *name, char out[TREE_PATH])
{
	char end[TREE_PATH];
	int i;

	snprintf(out, TREE_PATH, "%s", name);
	while (parent >= 0 && (i = tree_name_of(t, domain, parent)) >= 0) {
		snprintf(end, sizeof(end), "%s", out);
		snprintf(out, TREE_PATH, "%.255s/%.3800s", t->m->name[i].name, end);
		parent = t->m->name[i].parent;
	}
	snprintf(end, sizeof(end), "%s", out);
	snprintf(out, TREE_PATH, "%.200s/%.3800s", t->dir, end);
}

void tree_name_path(const struct tree *t, int name, char out[TREE_PATH])
{
	const struct tree_name *n = &t->m->name[name];

	tree_path(t, n->domain, n->parent, n->name, out);
}

unsigned tree_depth(const struct tree *t, int domain, int node)
{
	unsigned n = 0;

	while ((node = parent_of(t, domain, node)) >= 0)
		n++;
	return n;
}

unsigned tree_height(const struct tree *t, int domain, int node)
{
	unsigned most = 0, below;

	EACH_NAME(t, domain, i)
	{
		if (t->m->name[i].parent != node)
			continue;
		below = 1 + tree_height(t, domain, t->m->name[i].node);
		if (below > most)
			most = below;
	}
	return most;
}

bool tree_is_above(const struct tree *t, int domain, int node, int of)
{
	while (of >= 0 && of != node)
		of = parent_of(t, domain, of);
	return of == node;
}

bool tree_is_alone(const struct tree *t, int name)
{
	const struct tree_name *n = &t->m->name[name];

	if (!tree_is_dir(t, n->node))
		return t->m->node[n->node].links == 1;
	EACH_NAME(t, n->domain, i)
	{
		if (t->m->name[i].parent == n->node && !tree_is_alone(t, i))
			return false;
	}
	return true;
}

void tree_set_domain(struct tree *t, int name, int domain)
{
	struct tree_name *n = &t->m->name[name];

	if (n->domain == domain)
		return;
	EACH_NAME(t, n->domain, i)
	{
		if (t->m->name[i].parent == n->node)
			tree_set_domain(t, i, domain);
	}
	n->domain = domain;
}

unsigned tree_nlink(const struct tree *t, int domain, int node)
{
	unsigned dirs;

	if (!tree_is_dir(t, node))
		return t->m->node[node].links;
	tree_children(t, domain, node, &dirs);
	return 2 + dirs;
}

void tree_fill(uint64_t seed, uint8_t *out, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (i % 8 == 0)
			seed = seed * 6364136223846793005u + 1442695040888963407u;
		out[i] = (uint8_t)(seed >> (8 * (i % 8)));
	}
}
