/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The past of the index against a model that keeps a full copy of everything for each epoch: random
 * operations, and then every epoch is asked for everything. Also bringing back, and what changed
 * between any two epochs.
 */
#include "meta/index.h"
#include "tests/lib/simdisk.h"
#include "tests/lib/test.h"
#include "tests/lib/test_cipher.h"

#include <sys/stat.h>

#define FOLDERS 4 /* inodes 1 to 4 */
#define INOS 28
#define NAMES 8
#define PAGES 24
#define ATTRS 3
#define EPOCHS 14
#define OPS 40

struct page {
	uint64_t run; /* 0: a hole */
	uint32_t at;
	uint32_t tail;
};

struct node {
	bool there;
	struct index_inode row;
	char target[16];
	struct page pages[PAGES];
	int attrs[ATTRS]; /* 0: not there */
};

struct world {
	struct node nodes[INOS + 1];
	uint64_t entries[FOLDERS + 1][NAMES]; /* inode, 0: none */
	int64_t epoch;
	uint64_t inode_touched; /* bits: changed in this epoch */
	uint64_t entry_touched[FOLDERS + 1];
};

struct test {
	struct simdisk *disk;
	struct simrng rng;
	struct index *ix;
	struct world now;
	struct world past[EPOCHS + 2];
	uint64_t runs;
};

static uint64_t pick(struct test *t, uint64_t n)
{
	return simrng_below(&t->rng, n);
}

static void name_of(int i, char *out)
{
	snprintf(out, 32, "name %d of them all", i);
}

static void value_of(int v, char *out)
{
	snprintf(out, 32, "value %d", v);
}

/* ---- opening ---- */

static void open_index(struct test *t)
{
	struct index_params p = {.io = simdisk_io(t->disk),
	                         .rng = &t->rng.base,
	                         .cipher = test_cipher(),
	                         .path = "/i.db",
	                         .create = true};

	TEST_MUST(index_open(&p, &t->ix));
}

static void add_node(struct test *t, uint64_t ino, uint32_t mode, uint32_t nlink)
{
	struct node *n = &t->now.nodes[ino];

	*n = (struct node){.there = true};
	n->row = (struct index_inode){.ino = ino,
	                              .mode = mode,
	                              .nlink = nlink,
	                              .uid = (uint32_t)pick(t, 9),
	                              .size = pick(t, 999)};
	if (S_ISLNK(mode)) {
		snprintf(n->target, sizeof(n->target), "to %d", (int)pick(t, 1000));
		n->row.target = n->target;
		n->row.target_len = strlen(n->target);
	}
	TEST_MUST(index_inode_add(t->ix, &n->row));
	t->now.inode_touched |= 1ull << ino;
}

static void add_entry(struct test *t, int folder, int i, uint64_t ino)
{
	char name[32];
	struct index_dentry d = {.parent = (uint64_t)folder, .name = name, .ino = ino};

	name_of(i, name);
	d.name_len = strlen(name);
	TEST_MUST(index_dentry_add(t->ix, &d));
	t->now.entries[folder][i] = ino;
	t->now.entry_touched[folder] |= 1ull << i;
}

static void start(struct test *t, uint64_t seed)
{
	struct index_filekey key = {.id = 1};
	struct index_pack pack = {.num = 1};

	memset(t, 0, sizeof(*t));
	t->disk = simdisk_new(NULL);
	simrng_init(&t->rng, seed);
	open_index(t);
	t->now.epoch = 1;
	TEST_MUST(index_filekey_set(t->ix, &key));
	TEST_MUST(index_pack_set(t->ix, &pack));
	add_node(t, 1, S_IFDIR | 0755, 2);
	for (uint64_t i = 2; i <= FOLDERS; i++) {
		add_node(t, i, S_IFDIR | 0700, 1);
		add_entry(t, 1, (int)i, i);
	}
}

static void finish(struct test *t)
{
	index_close(t->ix);
	simdisk_free(t->disk);
}

static void next_epoch(struct test *t)
{
	/* targets point into the node they are of */
	t->past[t->now.epoch] = t->now;
	for (int i = 1; i <= INOS; i++) {
		struct node *n = &t->past[t->now.epoch].nodes[i];

		if (n->row.target)
			n->row.target = n->target;
	}
	t->now.epoch++;
	t->now.inode_touched = 0;
	memset(t->now.entry_touched, 0, sizeof(t->now.entry_touched));
	index_state(t->ix)->epoch = t->now.epoch;
	TEST_MUST(index_commit(t->ix));
}

/* ---- random operations ---- */

static void set_node(struct test *t, struct node *n)
{
	TEST_MUST(index_inode_set(t->ix, &n->row));
	t->now.inode_touched |= 1ull << n->row.ino;
}

static void drop_entry(struct test *t, int folder, int i)
{
	uint64_t ino = t->now.entries[folder][i];
	struct node *n = &t->now.nodes[ino];
	char name[32];

	name_of(i, name);
	TEST_MUST(index_dentry_remove(t->ix, (uint64_t)folder, name, strlen(name)));
	t->now.entries[folder][i] = 0;
	t->now.entry_touched[folder] |= 1ull << i;
	if (--n->row.nlink > 0) {
		set_node(t, n);
		return;
	}
	TEST_MUST(index_inode_remove(t->ix, ino));
	t->now.inode_touched |= 1ull << ino;
	n->there = false;
}

static struct node *random_file(struct test *t)
{
	for (int tries = 0; tries < 50; tries++) {
		struct node *n = &t->now.nodes[FOLDERS + 1 + pick(t, INOS - FOLDERS)];

		if (n->there)
			return n;
	}
	return NULL;
}

static uint64_t count_pages(const struct node *n)
{
	uint64_t count = 0;

	for (int i = 0; i < PAGES; i++)
		count += n->pages[i].run != 0;
	return count;
}

static void write_pages(struct test *t, struct node *n, bool hole)
{
	uint64_t page = pick(t, PAGES), len = 1 + pick(t, PAGES - page);
	struct index_extent e = {.ino = n->row.ino,
	                         .page = page,
	                         .npages = (uint32_t)len,
	                         .first = (uint32_t)pick(t, 5),
	                         .tail = 1 + (uint32_t)pick(t, 4096),
	                         .key = 1,
	                         .pack = 1};
	uint64_t had = 0, cleared = 0, run = ++t->runs;

	e.off = run * 1000000 + e.first * 4112ull;
	memcpy(e.salt, &run, sizeof(run));
	for (uint64_t i = page; i < page + len; i++)
		had += n->pages[i].run != 0;
	TEST_MUST(index_extent_clear(t->ix, e.ino, page, len, &cleared));
	TEST_CHECK(cleared == had);
	if (!hole)
		TEST_MUST(index_extent_add(t->ix, &e));
	for (uint64_t i = 0; i < len; i++)
		n->pages[page + i] = hole ? (struct page){0}
		                          : (struct page){.run = run,
		                                          .at = e.first + (uint32_t)i,
		                                          .tail = i == len - 1 ? e.tail : 4096};
	if (!hole || had)
		t->now.inode_touched |= 1ull << e.ino;
	if (n->row.pages != count_pages(n)) { /* else the index has to see to it itself */
		n->row.pages = count_pages(n);
		set_node(t, n);
	}
}

static void set_attr(struct test *t, struct node *n)
{
	int i = (int)pick(t, ATTRS), v = (int)pick(t, 3);
	char name[32], value[32];

	name_of(i, name);
	value_of(v, value);
	t->now.inode_touched |= 1ull << n->row.ino;
	if (v > 0)
		TEST_MUST(
		    index_xattr_set(t->ix, n->row.ino, name, strlen(name), value, strlen(value)));
	else
		TEST_ERR(index_xattr_remove(t->ix, n->row.ino, name, strlen(name)),
		         n->attrs[i] ? 0 : ERR_NODATA);
	n->attrs[i] = v;
}

static void revive(struct test *t, uint64_t dst, uint64_t src, int64_t at)
{
	const struct node *want = &t->past[at].nodes[src];
	struct node *n = &t->now.nodes[dst];
	uint32_t nlink = n->there ? n->row.nlink : 0;

	if (!want->there) {
		TEST_ERR(index_revive(t->ix, dst, src, at), ERR_NOHISTORY);
		return;
	}
	TEST_OK(index_revive(t->ix, dst, src, at));
	t->now.inode_touched |= 1ull << dst;
	*n = *want;
	n->row.ino = dst;
	n->row.nlink = nlink;
	if (n->row.target)
		n->row.target = n->target;
}

static void random_revive(struct test *t)
{
	uint64_t src = FOLDERS + 1 + pick(t, INOS - FOLDERS);
	uint64_t dst = pick(t, 2) ? src : FOLDERS + 1 + pick(t, INOS - FOLDERS);
	int folder = 1 + (int)pick(t, FOLDERS), i = (int)pick(t, NAMES);
	int64_t at = 1 + (int64_t)pick(t, (uint64_t)t->now.epoch - 1);
	struct node *n = &t->now.nodes[dst];
	bool fresh = !n->there;

	if (t->now.entries[folder][i])
		return;
	revive(t, dst, src, at);
	if (fresh && n->there) { /* it needs a name, or it would be an orphan */
		add_entry(t, folder, i, dst);
		n->row.nlink = 1;
		set_node(t, n);
	}
}

static void random_entry(struct test *t)
{
	int folder = 1 + (int)pick(t, FOLDERS), i = (int)pick(t, NAMES);
	uint64_t ino = t->now.entries[folder][i];
	struct node *n;

	if (ino && ino <= FOLDERS)
		return;
	if (ino) {
		drop_entry(t, folder, i);
		return;
	}
	ino = FOLDERS + 1 + pick(t, INOS - FOLDERS);
	n = &t->now.nodes[ino];
	add_entry(t, folder, i, ino);
	if (!n->there) {
		add_node(t, ino, pick(t, 4) ? S_IFREG | 0644 : S_IFLNK | 0777, 1);
	} else {
		n->row.nlink++;
		set_node(t, n);
	}
}

/* Let a name lead to another inode, as a rename over it does. */
static void retarget(struct test *t)
{
	int folder = 1 + (int)pick(t, FOLDERS), i = (int)pick(t, NAMES);
	uint64_t old = t->now.entries[folder][i];
	struct node *n = random_file(t);
	char name[32];
	struct index_dentry d = {.parent = (uint64_t)folder, .name = name};

	if (!n || old <= FOLDERS || n->row.ino == old)
		return;
	name_of(i, name);
	d.name_len = strlen(name);
	d.ino = n->row.ino;
	TEST_MUST(index_dentry_set(t->ix, &d));
	t->now.entries[folder][i] = d.ino;
	t->now.entry_touched[folder] |= 1ull << i;
	n->row.nlink++;
	set_node(t, n);
	n = &t->now.nodes[old];
	t->now.inode_touched |= 1ull << old;
	if (--n->row.nlink > 0) {
		set_node(t, n);
	} else {
		TEST_MUST(index_inode_remove(t->ix, old));
		n->there = false;
	}
}

static void random_op(struct test *t)
{
	uint64_t kind = pick(t, 10);
	struct node *n = random_file(t);

	if (kind < 4 || !n) {
		random_entry(t);
	} else if (kind < 7) {
		write_pages(t, n, kind == 6);
	} else if (kind == 7) {
		set_attr(t, n);
	} else if (kind == 8) {
		n->row.mtime_ns = (int64_t)pick(t, 1000000);
		n->row.size = pick(t, 100000);
		set_node(t, n);
	} else if (pick(t, 2)) {
		retarget(t);
	} else if (t->now.epoch > 1) {
		random_revive(t);
	}
}

/* ---- comparing ---- */

struct seen {
	struct test *t;
	const struct world *w;
	struct page pages[PAGES];
	int attrs[ATTRS];
	uint64_t entries[NAMES];
	uint64_t last;
	uint64_t bits;
};

static int see_extent(void *ctx, const struct index_extent *row)
{
	struct seen *s = ctx;
	uint64_t run = 0;

	memcpy(&run, row->salt, sizeof(run));
	TEST_CHECK(row->page >= s->last && row->page + row->npages <= PAGES);
	TEST_CHECK(row->off == run * 1000000 + row->first * 4112ull && row->key == 1);
	s->last = row->page + row->npages;
	for (uint32_t i = 0; i < row->npages && row->page + i < PAGES; i++)
		s->pages[row->page + i] =
		    (struct page){.run = run,
		                  .at = row->first + i,
		                  .tail = i == row->npages - 1 ? row->tail : 4096};
	return 0;
}

static int see_attr(void *ctx, const char *name, size_t name_len, const void *value, size_t len)
{
	struct seen *s = ctx;
	int i = -1, v = -1;
	char text[64];

	snprintf(text, sizeof(text), "%.*s", (int)name_len, name);
	sscanf(text, "name %d of", &i);
	snprintf(text, sizeof(text), "%.*s", (int)len, (const char *)value);
	sscanf(text, "value %d", &v);
	TEST_CHECK(i >= 0 && i < ATTRS);
	s->attrs[i] = v;
	return 0;
}

static bool same_row(const struct index_inode *a, const struct index_inode *b)
{
	return a->ino == b->ino && a->mode == b->mode && a->uid == b->uid && a->nlink == b->nlink &&
	       a->size == b->size && a->pages == b->pages && a->mtime_ns == b->mtime_ns &&
	       a->target_len == b->target_len &&
	       (a->target_len == 0 || memcmp(a->target, b->target, a->target_len) == 0);
}

static void compare_pages(const struct page *a, const struct page *b, int from, int to)
{
	for (int i = from; i < to; i++)
		TEST_CHECK(a[i].run == b[i].run &&
		           (a[i].run == 0 || (a[i].at == b[i].at && a[i].tail == b[i].tail)));
}

static void compare_node(struct test *t, const struct world *w, uint64_t ino, int64_t at)
{
	const struct node *n = &w->nodes[ino];
	struct seen s = {.t = t}, part = {.t = t};
	struct index_inode row;
	uint64_t from = pick(t, PAGES), len = 1 + pick(t, PAGES - from);

	TEST_ERR(index_inode_get(t->ix, ino, at, &row), n->there ? 0 : ERR_NOENT);
	if (n->there) {
		TEST_CHECK(same_row(&row, &n->row));
		TEST_CHECK(at == INDEX_NOW || row.born <= at);
	}
	TEST_OK(index_extent_list(t->ix, ino, at, 0, UINT64_MAX, see_extent, &s));
	TEST_OK(index_xattr_list(t->ix, ino, at, see_attr, &s));
	if (!n->there)
		TEST_CHECK(s.last == 0 && s.attrs[0] == 0);
	else
		compare_pages(s.pages, n->pages, 0, PAGES);
	TEST_OK(index_extent_list(t->ix, ino, at, from, len, see_extent, &part));
	compare_pages(part.pages, s.pages, (int)from, (int)(from + len));
	for (int i = 0; n->there && i < ATTRS; i++) {
		char name[32], value[32];
		const void *got = NULL;
		size_t got_len = 0;

		TEST_CHECK(s.attrs[i] == n->attrs[i]);
		name_of(i, name);
		value_of(n->attrs[i], value);
		TEST_ERR(index_xattr_get(t->ix, ino, at, name, strlen(name), &got, &got_len),
		         n->attrs[i] ? 0 : ERR_NODATA);
		if (n->attrs[i])
			TEST_CHECK(got_len == strlen(value) && memcmp(got, value, got_len) == 0);
	}
}

static int name_number(const struct index_dentry *d)
{
	char text[64];
	int i = -1;

	snprintf(text, sizeof(text), "%.*s", (int)d->name_len, d->name);
	sscanf(text, "name %d of", &i);
	TEST_CHECK(i >= 0 && i < NAMES);
	return i;
}

static int see_entry(void *ctx, const struct index_dentry *d, const struct index_inode *inode)
{
	struct seen *s = ctx;

	TEST_CHECK(d->cookie > s->last && d->cookie > 2);
	s->last = d->cookie;
	s->entries[name_number(d)] = d->ino;
	TEST_CHECK(d->mode == inode->mode);
	TEST_CHECK(same_row(inode, &s->w->nodes[d->ino].row));
	return 0;
}

static int see_link(void *ctx, const struct index_dentry *d, const struct index_inode *inode)
{
	struct seen *s = ctx;

	TEST_CHECK(inode == NULL && s->w->entries[d->parent][name_number(d)] == d->ino);
	s->bits++;
	return 0;
}

static void compare_folder(struct test *t, const struct world *w, int folder, int64_t at)
{
	struct seen s = {.t = t, .w = w};
	bool any = false, want = false;

	TEST_OK(index_dentry_list(t->ix, (uint64_t)folder, at, 0, see_entry, &s));
	for (int i = 0; i < NAMES; i++) {
		uint64_t ino = w->entries[folder][i];
		struct index_dentry d;
		char name[32];

		name_of(i, name);
		want |= ino != 0;
		TEST_CHECK(s.entries[i] == ino);
		TEST_ERR(index_dentry_get(t->ix, (uint64_t)folder, name, strlen(name), at, &d),
		         ino ? 0 : ERR_NOENT);
		TEST_CHECK(!ino || (d.ino == ino && d.name_len == strlen(name)));
	}
	if (at == INDEX_NOW) {
		TEST_OK(index_dentry_any(t->ix, (uint64_t)folder, &any));
		TEST_CHECK(any == want);
	}
}

static void compare_world(struct test *t, const struct world *w, int64_t at)
{
	for (uint64_t ino = 1; ino <= INOS; ino++) {
		struct seen s = {.t = t, .w = w};
		uint64_t links = 0;

		compare_node(t, w, ino, at);
		for (int f = 1; f <= FOLDERS; f++)
			for (int i = 0; i < NAMES; i++)
				links += w->entries[f][i] == ino;
		TEST_OK(index_dentry_of(t->ix, ino, at, see_link, &s));
		TEST_CHECK(s.bits == links);
	}
	for (int f = 1; f <= FOLDERS; f++)
		compare_folder(t, w, f, at);
}

/* ---- changes ---- */

static int see_ino(void *ctx, uint64_t ino)
{
	struct seen *s = ctx;

	TEST_CHECK(ino > s->last && ino <= INOS);
	s->last = ino;
	s->bits |= 1ull << ino;
	return 0;
}

static int see_changed(void *ctx, const struct index_dentry *d, const struct index_inode *inode)
{
	struct seen *s = ctx;
	uint64_t order = d->parent * NAMES + (uint64_t)name_number(d);

	TEST_CHECK(inode == NULL && d->parent >= 1 && d->parent <= FOLDERS && order > s->last);
	s->last = order;
	s->entries[d->parent] |= 1ull << name_number(d);
	return 0;
}

static bool same_node(const struct node *a, const struct node *b)
{
	if (!a->there || !b->there)
		return a->there == b->there;
	return same_row(&a->row, &b->row) && memcmp(a->attrs, b->attrs, sizeof(a->attrs)) == 0 &&
	       memcmp(a->pages, b->pages, sizeof(a->pages)) == 0;
}

/* What differs must be told; what is told must have been touched. */
static void compare_changes(struct test *t, int64_t from, int64_t to)
{
	struct seen s = {.t = t}, d = {.t = t};
	uint64_t inodes = 0, entries[FOLDERS + 1] = {0};

	for (int64_t e = from + 1; e <= to; e++) {
		inodes |= t->past[e].inode_touched;
		for (int f = 1; f <= FOLDERS; f++)
			entries[f] |= t->past[e].entry_touched[f];
	}
	TEST_OK(index_changed_inodes(t->ix, from, to, see_ino, &s));
	TEST_OK(index_changed_dentries(t->ix, from, to, see_changed, &d));
	TEST_CHECK((s.bits & ~inodes) == 0);
	for (int i = 1; i <= INOS; i++)
		TEST_CHECK(same_node(&t->past[from].nodes[i], &t->past[to].nodes[i]) ||
		           (s.bits >> i & 1));
	for (int f = 1; f <= FOLDERS; f++) {
		TEST_CHECK((d.entries[f] & ~entries[f]) == 0);
		for (int i = 0; i < NAMES; i++)
			TEST_CHECK(t->past[from].entries[f][i] == t->past[to].entries[f][i] ||
			           (d.entries[f] >> i & 1));
	}
}

struct versions {
	const struct test *t;
	uint64_t ino;
	int64_t before;
};

static int see_version(void *ctx, int64_t epoch, int64_t closed_ns)
{
	struct versions *v = ctx;

	TEST_CHECK(epoch < v->before && closed_ns == 0);
	TEST_CHECK(epoch == v->t->now.epoch || (v->t->past[epoch].inode_touched >> v->ino & 1));
	v->before = epoch;
	return 0;
}

/* ---- cases ---- */

static void random_history(void)
{
	struct test *t = calloc(1, sizeof(*t));

	for (uint64_t seed = 1; seed <= 6; seed++) {
		start(t, seed);
		while (t->now.epoch <= EPOCHS) {
			for (uint64_t i = pick(t, OPS); i > 0; i--)
				random_op(t);
			compare_world(t, &t->now, INDEX_NOW);
			TEST_OK(index_check(t->ix, false));
			if (pick(t, 4) == 0)
				TEST_OK(index_checkpoint(t->ix));
			next_epoch(t);
			if (pick(t, 4) == 0) { /* and everything from the file again */
				simdisk_kill(t->disk);
				index_close(t->ix);
				open_index(t);
				TEST_CHECK(index_state(t->ix)->epoch == t->now.epoch);
			}
		}
		for (int64_t e = 1; e < t->now.epoch; e++) {
			compare_world(t, &t->past[e], e);
			for (int64_t to = e; to < t->now.epoch; to++)
				compare_changes(t, e, to);
		}
		for (uint64_t i = 1; i <= INOS; i++) {
			struct versions v = {.t = t, .ino = i, .before = INT64_MAX};

			TEST_OK(index_inode_versions(t->ix, i, see_version, &v));
		}
		finish(t);
	}
	free(t);
}

/* Everything back to an epoch, by what changed since, as a restore does. */
static void restore_all(void)
{
	struct test *t = calloc(1, sizeof(*t));
	struct seen s = {0};

	start(t, 77);
	while (t->now.epoch <= 8) {
		for (int i = 0; i < OPS; i++)
			random_op(t);
		next_epoch(t);
	}
	for (uint64_t i = 1; i <= INOS; i++)
		if (t->past[4].nodes[i].there && t->now.nodes[i].there)
			revive(t, i, i, 4);
	for (uint64_t i = 1; i <= INOS; i++)
		compare_node(t, &t->now, i, INDEX_NOW);
	next_epoch(t);
	/* the second time nothing is left to do, and nothing is done */
	for (uint64_t i = 1; i <= INOS; i++)
		if (t->past[4].nodes[i].there && t->now.nodes[i].there)
			revive(t, i, i, 4);
	TEST_OK(index_changed_inodes(t->ix, t->now.epoch - 1, INDEX_NOW, see_ino, &s));
	TEST_CHECK(s.bits == 0);
	for (int64_t e = 1; e < t->now.epoch; e++)
		compare_world(t, &t->past[e], e);
	finish(t);
	free(t);
}

/* A version that lived within one epoch leaves no trace; (key, died) is met once, however often a
 * row comes and goes. */
static void within_an_epoch(void)
{
	struct test *t = calloc(1, sizeof(*t));
	struct seen s = {0};
	struct index_dentry d;
	char name[32];

	start(t, 5);
	next_epoch(t);
	add_node(t, 9, S_IFREG | 0600, 1);
	add_entry(t, 1, 0, 9);
	drop_entry(t, 1, 0);
	next_epoch(t);
	TEST_OK(index_changed_inodes(t->ix, 1, 2, see_ino, &s));
	TEST_CHECK(s.bits == 0);
	TEST_OK(index_changed_dentries(t->ix, 1, 2, see_changed, &s));
	add_node(t, 9, S_IFREG | 0600, 1);
	add_entry(t, 1, 0, 9);
	next_epoch(t);
	for (int i = 0; i < 3; i++) { /* gone and back, three times in one epoch */
		drop_entry(t, 1, 0);
		add_node(t, 9, S_IFREG | 0640, 1);
		add_entry(t, 1, 0, 9);
	}
	drop_entry(t, 1, 0);
	next_epoch(t);
	name_of(0, name);
	TEST_ERR(index_dentry_get(t->ix, 1, name, strlen(name), 2, &d), ERR_NOENT);
	TEST_OK(index_dentry_get(t->ix, 1, name, strlen(name), 3, &d));
	TEST_ERR(index_dentry_get(t->ix, 1, name, strlen(name), 4, &d), ERR_NOENT);
	TEST_OK(index_check(t->ix, false));
	finish(t);
	free(t);
}

static int count_ops(void *ctx, uint64_t ino)
{
	(void)ino;
	++*(uint64_t *)ctx;
	return 0;
}

/* A clone of a long file: more extents than are taken at once, nothing of it new in the source. */
static void revive_long(void)
{
	struct test *t = calloc(1, sizeof(*t));
	struct index_extent e = {.ino = 9, .npages = 1, .tail = 4096, .key = 1, .pack = 1};
	uint64_t changed = 0;

	start(t, 6);
	add_node(t, 9, S_IFREG | 0600, 0);
	for (uint64_t i = 0; i < 1000; i++) {
		e.page = i * 2;
		e.off = i * 4112;
		TEST_MUST(index_extent_add(t->ix, &e));
	}
	next_epoch(t);
	TEST_OK(index_revive(t->ix, 10, 9, INDEX_NOW));
	TEST_OK(index_extent_clear(t->ix, 9, 0, UINT64_MAX, &changed));
	TEST_CHECK(changed == 1000);
	next_epoch(t);
	TEST_OK(index_revive(t->ix, 9, 9, 1));
	TEST_OK(index_extent_clear(t->ix, 9, 0, 2000, &changed));
	TEST_CHECK(changed == 1000);
	TEST_OK(index_extent_clear(t->ix, 10, 0, UINT64_MAX, &changed));
	TEST_CHECK(changed == 1000);
	changed = 0;
	TEST_OK(index_changed_inodes(t->ix, 1, 2, count_ops, &changed));
	TEST_CHECK(changed == 2);
	finish(t);
	free(t);
}

int main(void)
{
	TEST_RUN(random_history);
	TEST_RUN(restore_all);
	TEST_RUN(within_an_epoch);
	TEST_RUN(revive_long);
	return test_done();
}
