/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A walk collects the entries of a folder first (callbacks may call nothing of the volume), then
 * asks for each in all the ways there are: the attributes that came with the entry, getattr and
 * lookup must be the same. A walk of a folder is sometimes broken off and taken up again at the
 * cookie, as a kernel does with large folders.
 */
#include "tests/sim/verify.h"

#include "util/check.h"
#include "util/err.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define READ_BYTES ((size_t)256 * 1024)

struct walk {
	struct volume *v;
	int64_t at;
	struct simrng *rng;
	struct model_state *s;
	uint8_t *buf; /* READ_BYTES */
	char *why;
};

struct found {
	const char *name;
	uint64_t cookie;
	struct volume_attr attr;
};

struct found_list {
	struct found *found;
	size_t n;
	size_t room;
	size_t stop_at; /* break the walk off with so many */
};

static int wrong(char *why, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static int wrong(char *why, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(why, TREE_WHY_BYTES, fmt, ap);
	va_end(ap);
	return VERIFY_WRONG;
}

static int collect(void *ctx, const char *name, size_t len, uint64_t cookie,
                   const struct volume_attr *attr)
{
	struct found_list *l = ctx;

	if (l->n == l->room) {
		l->room = l->room ? l->room * 2 : 32;
		l->found = realloc(l->found, l->room * sizeof(*l->found));
		CHECK(l->found);
	}
	l->found[l->n].name = model_intern(name, len);
	l->found[l->n].cookie = cookie;
	l->found[l->n++].attr = *attr;
	return l->n == l->stop_at;
}

static int read_folder(struct walk *w, uint64_t ino, struct found_list *l)
{
	uint64_t after = 0;
	int r;

	l->stop_at = simrng_chance(w->rng, 300) ? 1 + simrng_below(w->rng, 4) : 0;
	do {
		size_t before = l->n;

		r = volume_readdir(w->v, ino, w->at, after, collect, l);
		if (r < 0)
			return r;
		for (size_t i = before; i < l->n; i++) {
			if (l->found[i].cookie <= after || l->found[i].cookie <= 2)
				return wrong(w->why, "readdir: cookie %" PRIu64 " after %" PRIu64,
				             l->found[i].cookie, after);
			after = l->found[i].cookie;
		}
		if (l->n != l->stop_at || l->stop_at == 0)
			return 0;
		l->stop_at += 1 + simrng_below(w->rng, 8);
	} while (true);
}

static bool attr_same(const struct volume_attr *a, const struct volume_attr *b)
{
	return a->ino == b->ino && a->mode == b->mode && a->uid == b->uid && a->gid == b->gid &&
	       a->nlink == b->nlink && a->rdev == b->rdev && a->size == b->size &&
	       a->blocks == b->blocks && a->atime_ns == b->atime_ns && a->mtime_ns == b->mtime_ns &&
	       a->ctime_ns == b->ctime_ns && a->btime_ns == b->btime_ns;
}

static void node_from(struct model_node *n, const struct volume_attr *attr)
{
	n->mode = attr->mode;
	n->uid = attr->uid;
	n->gid = attr->gid;
	n->nlink = attr->nlink;
	n->rdev = attr->rdev;
	n->size = S_ISREG(attr->mode) ? attr->size : 0;
	n->atime_ns = attr->atime_ns;
	n->mtime_ns = attr->mtime_ns;
	n->ctime_ns = attr->ctime_ns;
	n->btime_ns = attr->btime_ns;
}

static int read_xattrs(struct walk *w, uint64_t ino, struct model_node *n)
{
	char names[8192];
	size_t len, value_len, again;
	int r = volume_listxattr(w->v, ino, w->at, NULL, 0, &len);

	if (r != 0)
		return r;
	if (len > sizeof(names))
		return wrong(w->why, "listxattr: %zu bytes", len);
	r = volume_listxattr(w->v, ino, w->at, names, sizeof(names), &again);
	if (r != 0 || again != len)
		return r ? r : wrong(w->why, "listxattr: %zu then %zu", len, again);
	for (size_t at = 0; at < len; at += strlen(names + at) + 1) {
		r = volume_getxattr(w->v, ino, w->at, names + at, NULL, 0, &value_len);
		if (r == 0 && value_len > READ_BYTES)
			r = wrong(w->why, "getxattr: %zu bytes", value_len);
		if (r == 0 && value_len > 1 &&
		    volume_getxattr(w->v, ino, w->at, names + at, w->buf, 1, &again) != ERR_RANGE)
			r = wrong(w->why, "getxattr: a small buffer was taken");
		if (r == 0)
			r = volume_getxattr(w->v, ino, w->at, names + at, w->buf, READ_BYTES,
			                    &again);
		if (r == 0 && again != value_len)
			r = wrong(w->why, "getxattr: %zu then %zu", value_len, again);
		if (r != 0)
			return r;
		model_xattr_set(n, model_intern(names + at, strlen(names + at)), w->buf, value_len);
	}
	return 0;
}

/* Holes stay holes: whole pages of zeros are left out. */
static void keep_data(struct model_node *n, uint64_t off, const uint8_t *data, size_t len)
{
	for (size_t at = 0; at < len; at += MODEL_PAGE) {
		size_t part = len - at < MODEL_PAGE ? len - at : MODEL_PAGE;

		if (data[at] != 0 || memcmp(data + at, data + at + 1, part - 1) != 0)
			model_data_write(n, off + at, data + at, part);
	}
}

static int check_blocks(struct walk *w, const struct model_node *n, uint64_t blocks)
{
	uint64_t least = 0;
	uint64_t most = n->size / MODEL_PAGE + (n->size % MODEL_PAGE != 0);

	for (size_t i = 0; i < n->npages; i++)
		least += n->pages[i] != NULL;
	if (blocks % 8 != 0 || blocks / 8 < least || blocks / 8 > most)
		return wrong(
		    w->why, "ino %" PRIu64 ": %" PRIu64 " blocks, %" PRIu64 " to %" PRIu64 " pages",
		    n->ino, blocks, least, most);
	return 0;
}

static int read_data(struct walk *w, struct model_node *n)
{
	uint64_t end = n->size < MODEL_DATA_MAX ? n->size : MODEL_DATA_MAX;
	uint64_t off = 0;
	uint64_t where;
	size_t got;
	int r;

	while (off < end) {
		size_t len = (size_t)(end - off < READ_BYTES ? end - off : READ_BYTES);

		r = volume_read(w->v, n->ino, w->at, off, len, w->buf, &got);
		if (r != 0)
			return r;
		if (got != len)
			return wrong(w->why, "read: %zu of %zu at %" PRIu64 " of %" PRIu64, got,
			             len, off, n->size);
		keep_data(n, off, w->buf, len);
		off += len;
	}
	r = volume_read(w->v, n->ino, w->at, n->size, 10, w->buf, &got);
	if (r == 0 && got != 0)
		return wrong(w->why, "read: %zu at the end", got);
	if (r == 0 && n->size > MODEL_DATA_MAX) {
		r = volume_seek(w->v, n->ino, w->at, MODEL_DATA_MAX, false, &where);
		if (r != ERR_NODATA)
			return r ? r : wrong(w->why, "seek: data at %" PRIu64, where);
		r = 0;
	}
	return r;
}

static int read_target(struct walk *w, struct model_node *n, uint64_t size)
{
	char target[VOLUME_TARGET_MAX + 1];
	int r = volume_readlink(w->v, n->ino, w->at, target);

	if (r != 0)
		return r;
	n->target = model_intern(target, strlen(target));
	return strlen(target) == size
	           ? 0
	           : wrong(w->why, "readlink: %zu bytes of %" PRIu64, strlen(target), size);
}

static int walk_folder(struct walk *w, uint64_t ino, unsigned depth);

/* One entry of folder @parent; the name is already in it. */
static int walk_entry(struct walk *w, uint64_t parent, const struct found *f, unsigned depth)
{
	struct volume_attr attr;
	struct model_node *n;
	uint64_t up;
	int r = volume_getattr(w->v, f->attr.ino, w->at, &attr);

	if (r != 0 || !attr_same(&attr, &f->attr))
		return r ? r
		         : wrong(w->why, "getattr of %s is not readdir's", tree_printable(f->name));
	r = volume_lookup(w->v, parent, f->name, strlen(f->name), w->at, &attr);
	if (r != 0 || !attr_same(&attr, &f->attr))
		return r ? r
		         : wrong(w->why, "lookup of %s is not readdir's", tree_printable(f->name));
	if (model_node(w->s, attr.ino))
		return S_ISDIR(attr.mode)
		           ? wrong(w->why, "%s: a folder with two names", tree_printable(f->name))
		           : 0;
	n = model_add(&w->s, attr.ino);
	node_from(n, &attr);
	r = read_xattrs(w, attr.ino, n);
	if (r == 0 && S_ISREG(attr.mode)) {
		r = read_data(w, n);
		if (r == 0)
			r = check_blocks(w, n, attr.blocks);
	}
	if (r == 0 && S_ISLNK(attr.mode))
		r = read_target(w, n, attr.size);
	if (r != 0 || !S_ISDIR(attr.mode))
		return r;
	r = volume_parent(w->v, attr.ino, w->at, &up);
	if (r != 0 || up != parent)
		return r ? r : wrong(w->why, "parent of %s", tree_printable(f->name));
	return walk_folder(w, attr.ino, depth + 1);
}

static int walk_folder(struct walk *w, uint64_t ino, unsigned depth)
{
	struct found_list l = {0};
	int r = depth > 1000 ? wrong(w->why, "folders without end") : read_folder(w, ino, &l);

	for (size_t i = 0; r == 0 && i < l.n; i++) {
		struct model_node *dir = model_change(&w->s, ino);

		if (model_name_get(dir, l.found[i].name))
			r = wrong(w->why, "readdir: %s twice", tree_printable(l.found[i].name));
		else
			model_name_set(dir, l.found[i].name, l.found[i].attr.ino);
		if (r == 0)
			r = walk_entry(w, ino, &l.found[i], depth);
	}
	free(l.found);
	return r;
}

int verify_observe(struct volume *v, int64_t at, struct simrng *rng, struct model_state **ret,
                   char *why)
{
	struct walk w = {.v = v, .at = at, .rng = rng, .why = why};
	struct volume_attr attr;
	struct model_node *root;
	int r = volume_getattr(v, VOLUME_ROOT, at, &attr);

	if (r != 0)
		return r;
	w.buf = malloc(READ_BYTES);
	CHECK(w.buf);
	w.s = model_state_new();
	root = model_add(&w.s, VOLUME_ROOT);
	node_from(root, &attr);
	r = read_xattrs(&w, VOLUME_ROOT, root);
	if (r == 0)
		r = walk_folder(&w, VOLUME_ROOT, 0);
	if (r == 0) {
		*ret = w.s;
		w.s = NULL;
	}
	model_state_unref(w.s);
	free(w.buf);
	return r;
}

int verify_attr(struct volume *v, const struct model_node *want, int64_t at, char *why)
{
	struct model_node got = *want;
	struct volume_attr attr;
	int r = volume_getattr(v, want->ino, at, &attr);

	if (r != 0)
		return r;
	node_from(&got, &attr);
	return tree_node_same(want, &got, TREE_EXACT, why) ? 0 : VERIFY_WRONG;
}

int verify_read(struct volume *v, const struct model_node *want, int64_t at, uint64_t off,
                size_t len, char *why)
{
	size_t there = off >= want->size        ? 0
	               : len < want->size - off ? len
	                                        : (size_t)(want->size - off);
	uint8_t *a = malloc(len + 1);
	uint8_t *b = malloc(len + 1);
	size_t got, at_byte = 0;
	int r;

	CHECK(a && b);
	r = volume_read(v, want->ino, at, off, len, a, &got);
	if (r == 0 && got != there)
		r = wrong(why, "read: %zu bytes instead of %zu at %" PRIu64, got, there, off);
	if (r == 0)
		model_data_read(want, off, there, b);
	if (r == 0 && memcmp(a, b, there) != 0) {
		while (a[at_byte] == b[at_byte])
			at_byte++;
		r = wrong(why, "read: byte %" PRIu64 " is %02x instead of %02x", off + at_byte,
		          a[at_byte], b[at_byte]);
	}
	free(a);
	free(b);
	return r;
}

static int collect_snap(void *ctx, const char *name, int64_t epoch, int64_t created_ns)
{
	(void)created_ns;
	history_snaps_set(ctx, model_intern(name, strlen(name)), epoch);
	return 0;
}

int verify_snaps(struct volume *v, struct history_snaps **ret)
{
	struct history_snaps *s = history_snaps_new();
	int r = volume_snapshot_list(v, collect_snap, &s);

	if (r != 0) {
		history_snaps_unref(s);
		return r;
	}
	*ret = s;
	return 0;
}

bool verify_nlinks(const struct model_state *s, char *why)
{
	for (size_t i = 0; i < s->nnodes; i++) {
		const struct model_node *n = s->nodes[i];
		uint32_t count = model_is_dir(n) ? 2 : 0;

		for (size_t k = 0; model_is_dir(n) && k < n->nnames; k++)
			count += model_is_dir(model_node(s, n->names[k].ino));
		for (size_t d = 0; !model_is_dir(n) && d < s->nnodes; d++)
			for (size_t k = 0; k < s->nodes[d]->nnames; k++)
				count += s->nodes[d]->names[k].ino == n->ino;
		if (count != n->nlink) {
			snprintf(why, TREE_WHY_BYTES, "ino %" PRIu64 ": nlink %u with %u names",
			         n->ino, n->nlink, count);
			return false;
		}
	}
	return true;
}
