/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two states are walked side by side in order of names. Which paths are the same file is compared
 * by the order in which a walk meets them: both walks must meet a node for the first time at the
 * same step.
 */
#include "tests/sim/tree.h"

#include "util/check.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#define PATH_BYTES 16384

/* The numbers met so far, in order. */
struct met {
	uint64_t *inos;
	size_t n;
	size_t room;
};

/* Its place in the order; a new one is put at the end. */
static size_t met_place(struct met *m, uint64_t ino)
{
	size_t i = 0;

	while (i < m->n && m->inos[i] != ino)
		i++;
	if (i < m->n)
		return i;
	if (m->n == m->room) {
		m->room = m->room ? m->room * 2 : 64;
		m->inos = realloc(m->inos, m->room * sizeof(*m->inos));
		CHECK(m->inos);
	}
	m->inos[m->n++] = ino;
	return i;
}

static uint64_t hash_below(const struct model_state *s, const struct model_node *n, struct met *met)
{
	uint64_t h = model_node_hash(n);

	for (size_t i = 0; i < n->nnames; i++) {
		const struct model_node *child = model_node(s, n->names[i].ino);
		uint64_t mix[4];

		CHECK(child);
		mix[0] = h;
		mix[1] = (uint64_t)(uintptr_t)n->names[i].name;
		mix[2] = model_is_dir(child) ? 0 : met_place(met, child->ino) + 1;
		mix[3] = hash_below(s, child, met);
		h = XXH3_64bits(mix, sizeof(mix));
	}
	return h;
}

uint64_t tree_hash(const struct model_state *s)
{
	struct model_state *cache = (struct model_state *)(uintptr_t)s;
	struct met met = {0};
	const struct model_node *root = model_node(s, VOLUME_ROOT);

	if (s->hash == 0) {
		CHECK(root);
		cache->hash = hash_below(s, root, &met) | 1;
		free(met.inos);
	}
	return s->hash;
}

const char *tree_printable(const char *name)
{
	static char ring[8][128];
	static unsigned turn;
	char *out = ring[turn++ % 8];
	size_t at = 0;

	for (; *name && at < 100; name++) {
		if (*name > ' ' && *name < 127)
			out[at++] = *name;
		else
			at += (size_t)snprintf(out + at, 5, "\\x%02x", (uint8_t)*name);
	}
	snprintf(out + at, 4, "%s", *name ? "..." : "");
	return out;
}

static bool differ(char *why, const char *what, int64_t want, int64_t got)
{
	snprintf(why, TREE_WHY_BYTES, "%s: want %" PRId64 ", got %" PRId64, what, want, got);
	return false;
}

static bool data_same(const struct model_node *want, const struct model_node *got, char *why)
{
	size_t n = want->npages > got->npages ? want->npages : got->npages;

	for (size_t i = 0; i < n; i++) {
		uint8_t a[MODEL_PAGE], b[MODEL_PAGE];
		size_t at = 0;

		if (i < want->npages && i < got->npages && want->pages[i] == got->pages[i])
			continue;
		model_data_read(want, (uint64_t)i * MODEL_PAGE, MODEL_PAGE, a);
		model_data_read(got, (uint64_t)i * MODEL_PAGE, MODEL_PAGE, b);
		if (memcmp(a, b, MODEL_PAGE) == 0)
			continue;
		while (a[at] == b[at])
			at++;
		snprintf(why, TREE_WHY_BYTES, "data at page %zu + %zu: want %02x, got %02x", i, at,
		         a[at], b[at]);
		return false;
	}
	return true;
}

static bool xattrs_same(const struct model_node *want, const struct model_node *got, char *why)
{
	if (want->nxattrs != got->nxattrs)
		return differ(why, "xattrs", (int64_t)want->nxattrs, (int64_t)got->nxattrs);
	for (size_t i = 0; i < want->nxattrs; i++) {
		const struct model_xattr *a = &want->xattrs[i];
		const struct model_xattr *b = &got->xattrs[i];

		if (a->name == b->name && a->value->len == b->value->len &&
		    memcmp(a->value->data, b->value->data, a->value->len) == 0)
			continue;
		snprintf(why, TREE_WHY_BYTES, "xattr: want %s (%zu bytes), got %s (%zu bytes)",
		         tree_printable(a->name), a->value->len, tree_printable(b->name),
		         b->value->len);
		return false;
	}
	return true;
}

bool tree_node_same(const struct model_node *want, const struct model_node *got, unsigned flags,
                    char *why)
{
	if (want->mode != got->mode)
		return differ(why, "mode", want->mode, got->mode);
	if (want->uid != got->uid)
		return differ(why, "uid", want->uid, got->uid);
	if (want->gid != got->gid)
		return differ(why, "gid", want->gid, got->gid);
	if (!(flags & TREE_ANY_NLINK) && want->nlink != got->nlink)
		return differ(why, "nlink", want->nlink, got->nlink);
	if (want->rdev != got->rdev)
		return differ(why, "rdev", (int64_t)want->rdev, (int64_t)got->rdev);
	if (want->size != got->size)
		return differ(why, "size", (int64_t)want->size, (int64_t)got->size);
	if (!(flags & TREE_ANY_ATIME) && want->atime_ns != got->atime_ns)
		return differ(why, "atime", want->atime_ns, got->atime_ns);
	if (!(flags & TREE_ANY_MTIME) && want->mtime_ns != got->mtime_ns)
		return differ(why, "mtime", want->mtime_ns, got->mtime_ns);
	if (!(flags & TREE_ANY_CTIME) && want->ctime_ns != got->ctime_ns)
		return differ(why, "ctime", want->ctime_ns, got->ctime_ns);
	if (want->btime_ns != got->btime_ns)
		return differ(why, "btime", want->btime_ns, got->btime_ns);
	if (want->target != got->target) {
		snprintf(why, TREE_WHY_BYTES, "target: want %s, got %s",
		         tree_printable(want->target ? want->target : "-"),
		         tree_printable(got->target ? got->target : "-"));
		return false;
	}
	return xattrs_same(want, got, why) && data_same(want, got, why);
}

bool tree_below(const char *path, const char *top)
{
	size_t len = strlen(top);

	return len == 0 ||
	       (strncmp(path, top, len) == 0 && (path[len] == '/' || path[len] == '\0'));
}

const char *tree_parent(const char *path)
{
	const char *slash = strrchr(path, '/');

	if (!*path)
		return NULL;
	return model_intern(path, slash ? (size_t)(slash - path) : 0);
}

/* ---- lists of paths ---- */

struct lister {
	const struct model_state *s;
	struct tree_list *list;
	size_t room;
	char path[PATH_BYTES];
};

static void list_below(struct lister *l, const struct model_node *n, size_t len)
{
	struct tree_list *list = l->list;

	if (list->n == l->room) {
		l->room = l->room ? l->room * 2 : 64;
		list->paths = realloc(list->paths, l->room * sizeof(*list->paths));
		CHECK(list->paths);
	}
	list->paths[list->n].path = model_intern(l->path, len);
	list->paths[list->n++].node = n;
	for (size_t i = 0; i < n->nnames; i++) {
		const struct model_node *child = model_node(l->s, n->names[i].ino);
		size_t more = strlen(n->names[i].name);
		size_t at = len;

		CHECK(child && len + more + 1 < PATH_BYTES);
		if (at > 0)
			l->path[at++] = '/';
		memcpy(l->path + at, n->names[i].name, more);
		list_below(l, child, at + more);
	}
}

static int path_order(const void *a, const void *b)
{
	return strcmp(((const struct tree_path *)a)->path, ((const struct tree_path *)b)->path);
}

void tree_list_make(const struct model_state *s, struct tree_list *ret)
{
	struct lister l = {.s = s, .list = ret};

	memset(ret, 0, sizeof(*ret));
	list_below(&l, model_node(s, VOLUME_ROOT), 0);
	qsort(ret->paths, ret->n, sizeof(*ret->paths), path_order);
}

void tree_list_free(struct tree_list *l)
{
	free(l->paths);
	memset(l, 0, sizeof(*l));
}

void tree_print(const char *title, const struct model_state *s)
{
	struct tree_list l;

	tree_list_make(s, &l);
	printf("%s:\n", title);
	for (size_t i = 0; i < l.n; i++)
		printf("  %" PRIu64 " %o /%s\n", l.paths[i].node->ino, l.paths[i].node->mode,
		       tree_printable(l.paths[i].path));
	tree_list_free(&l);
}

const struct model_node *tree_list_find(const struct tree_list *l, const char *path)
{
	struct tree_path key = {.path = path};
	const struct tree_path *p = bsearch(&key, l->paths, l->n, sizeof(key), path_order);

	return p ? p->node : NULL;
}

bool tree_say(char *why, const char *path, const char *what)
{
	char detail[TREE_WHY_BYTES];

	snprintf(detail, sizeof(detail), "%s", what);
	snprintf(why, TREE_WHY_BYTES, "/%s: %.*s", tree_printable(path), TREE_WHY_BYTES - 160,
	         detail);
	return false;
}

bool tree_same(const struct model_state *want, const struct model_state *got, unsigned flags,
               char *why)
{
	struct tree_list a, b;
	struct met met_a = {0}, met_b = {0};
	bool same = true;

	tree_list_make(want, &a);
	tree_list_make(got, &b);
	for (size_t i = 0; same && (i < a.n || i < b.n); i++) {
		int order = i >= a.n ? 1 : i >= b.n ? -1 : path_order(&a.paths[i], &b.paths[i]);

		if (order < 0)
			same = tree_say(why, a.paths[i].path, "is missing");
		else if (order > 0)
			same = tree_say(why, b.paths[i].path, "should not be there");
		else if (!tree_node_same(a.paths[i].node, b.paths[i].node, flags, why))
			same = tree_say(why, a.paths[i].path, why);
		else if (met_place(&met_a, a.paths[i].node->ino) !=
		         met_place(&met_b, b.paths[i].node->ino))
			same = tree_say(why, a.paths[i].path, "other links");
	}
	free(met_a.inos);
	free(met_b.inos);
	tree_list_free(&a);
	tree_list_free(&b);
	return same;
}
