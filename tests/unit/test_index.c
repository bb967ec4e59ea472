/* SPDX-License-Identifier: Apache-2.0 */
/* The index: every function of the present. The past is in test_index_past.c, files and readers are
 * in test_index_files.c. */
#include "tests/lib/test_index.h"

/* ---- inodes ---- */

static int note_ino(void *ctx, uint64_t ino)
{
	uint64_t *list = ctx;

	list[++list[0]] = ino;
	return list[0] == 3 ? 42 : 0;
}

static void inodes(void)
{
	struct test t;
	struct index_inode row, got;
	struct index_state *s;
	uint64_t list[4] = {0};

	start(&t);
	s = index_state(t.ix);
	row = inode(5, S_IFLNK | 0777, 1, 3);
	row.target = "abc";
	row.target_len = 3;
	row.rdev = UINT64_MAX;
	row.pages = 8;
	row.atime_ns = INT64_MIN;
	row.btime_ns = INT64_MAX;
	TEST_OK(index_inode_add(t.ix, &row));
	TEST_ERR(index_inode_add(t.ix, &row), ERR_EXIST);
	TEST_OK(index_inode_get(t.ix, 5, INDEX_NOW, &got));
	TEST_CHECK(got.mode == row.mode && got.uid == 1000 && got.gid == 100 && got.nlink == 1);
	TEST_CHECK(got.rdev == UINT64_MAX && got.size == 3 && got.pages == 8);
	TEST_CHECK(got.atime_ns == INT64_MIN && got.btime_ns == INT64_MAX && got.mtime_ns == -5);
	TEST_CHECK(got.target_len == 3 && memcmp(got.target, "abc", 3) == 0 && got.born == 1);
	TEST_CHECK(s->files == 1 && s->bytes == 0); /* a link's size is not data */

	TEST_OK(add_inode(t.ix, 6, S_IFREG, 1, 1000));
	TEST_OK(add_inode(t.ix, 7, S_IFREG, 0, 500));
	TEST_OK(add_inode(t.ix, 8, S_IFDIR, 2, 9));
	TEST_CHECK(s->files == 2 && s->folders == 1 && s->bytes == 1000);
	row = inode(7, S_IFREG, 1, 600);
	TEST_OK(index_inode_set(t.ix, &row));
	TEST_CHECK(s->files == 3 && s->bytes == 1600);
	TEST_OK(index_inode_get(t.ix, 7, INDEX_NOW, &got));
	TEST_CHECK(got.target == NULL && got.target_len == 0 && got.size == 600);
	row.nlink = 0;
	TEST_OK(index_inode_set(t.ix, &row));
	row = inode(6, S_IFREG, 0, 1);
	TEST_OK(index_inode_set(t.ix, &row));
	TEST_CHECK(s->files == 1 && s->bytes == 0);
	TEST_OK(index_orphans(t.ix, note_ino, list));
	TEST_CHECK(list[0] == 2 && list[1] == 6 && list[2] == 7);
	TEST_OK(add_inode(t.ix, 9, S_IFIFO, 0, 0));
	list[0] = 0;
	TEST_ERR(index_orphans(t.ix, note_ino, list), 42); /* what the callback says is returned */
	row.ino = 77;
	TEST_ERR(index_inode_set(t.ix, &row), ERR_NOENT);
	TEST_ERR(index_inode_remove(t.ix, 77), ERR_NOENT);
	row.ino = (uint64_t)INT64_MAX + 1;
	TEST_ERR(index_inode_add(t.ix, &row), ERR_INVAL);
	row.ino = 0;
	TEST_ERR(index_inode_add(t.ix, &row), ERR_INVAL);
	TEST_OK(index_xattr_set(t.ix, 8, "user.a", 6, "x", 1));
	TEST_OK(index_inode_remove(t.ix, 8));
	TEST_CHECK(s->folders == 0);
	const void *value;
	size_t len;

	TEST_ERR(index_xattr_get(t.ix, 8, INDEX_NOW, "user.a", 6, &value, &len), ERR_NODATA);
	finish(&t);
}

/* ---- dentries ---- */

struct walk {
	struct index *ix;
	int count;
	int stop_after;
	uint64_t last;
	uint64_t sum;
	int depth;
};

static int walk_entry(void *ctx, const struct index_dentry *d, const struct index_inode *i)
{
	struct walk *w = ctx;

	TEST_CHECK(d->cookie > w->last && d->cookie > 2 && d->cookie <= INT64_MAX);
	TEST_CHECK(i && i->ino == d->ino && d->mode == i->mode);
	w->last = d->cookie;
	w->sum += d->ino;
	return ++w->count == w->stop_after ? 1 : 0;
}

static void dentries(void)
{
	char longest[257];
	struct index_dentry row, got;
	struct walk w = {.stop_after = -1};
	struct test t;
	bool any;

	start(&t);
	memset(longest, 'n', sizeof(longest));
	TEST_OK(add_inode(t.ix, 1, S_IFDIR, 2, 0));
	TEST_OK(index_dentry_any(t.ix, 1, &any));
	TEST_CHECK(!any);
	for (uint64_t i = 2; i < 202; i++) {
		char name[32];

		snprintf(name, sizeof(name), "e%d", (int)i);
		TEST_OK(add_inode(t.ix, i, S_IFREG | 0600, 1, 0));
		TEST_OK(add_entry(t.ix, 1, name, i));
	}
	TEST_ERR(add_entry(t.ix, 1, "e7", 8), ERR_EXIST);
	TEST_OK(index_dentry_any(t.ix, 1, &any));
	TEST_CHECK(any);
	TEST_OK(index_dentry_get(t.ix, 1, "e7", 2, INDEX_NOW, &got));
	TEST_CHECK(got.ino == 7 && got.parent == 1 && got.born == 1 && got.name_len == 2);
	TEST_ERR(index_dentry_get(t.ix, 2, "e7", 2, INDEX_NOW, &got), ERR_NOENT);
	TEST_ERR(index_dentry_get(t.ix, 1, "E7", 2, INDEX_NOW, &got), ERR_NOENT);

	TEST_OK(index_dentry_list(t.ix, 1, INDEX_NOW, 0, walk_entry, &w));
	TEST_CHECK(w.count == 200 && w.sum == (2 + 201) * 100);
	w = (struct walk){.stop_after = 1}; /* one by one, each from where the last ended */
	while (index_dentry_list(t.ix, 1, INDEX_NOW, w.last, walk_entry, &w) == 1)
		w.stop_after = w.count + 1;
	TEST_CHECK(w.count == 200 && w.sum == (2 + 201) * 100);

	row = entry(1, "e7", 100);
	TEST_OK(index_dentry_set(t.ix, &row));
	TEST_OK(index_dentry_get(t.ix, 1, "e7", 2, INDEX_NOW, &got));
	TEST_CHECK(got.ino == 100);
	row = entry(1, "none", 100);
	TEST_ERR(index_dentry_set(t.ix, &row), ERR_NOENT);
	TEST_OK(index_dentry_remove(t.ix, 1, "e7", 2));
	TEST_ERR(index_dentry_remove(t.ix, 1, "e7", 2), ERR_NOENT);
	TEST_ERR(index_dentry_get(t.ix, 1, "e7", 2, INDEX_NOW, &got), ERR_NOENT);

	row = (struct index_dentry){.parent = 1, .name = longest, .name_len = 255, .ino = 2};
	TEST_OK(index_dentry_add(t.ix, &row));
	TEST_OK(index_dentry_get(t.ix, 1, longest, 255, INDEX_NOW, &got));
	row.name_len = 256;
	TEST_ERR(index_dentry_add(t.ix, &row), ERR_NAMETOOLONG);
	TEST_ERR(index_dentry_get(t.ix, 1, longest, 256, INDEX_NOW, &got), ERR_NOENT);
	TEST_ERR(add_entry(t.ix, 1, "", 2), ERR_INVAL);
	TEST_ERR(add_entry(t.ix, 1, "a/b", 2), ERR_INVAL);
	TEST_ERR(add_entry(t.ix, 0, "a", 2), ERR_INVAL);
	TEST_OK(add_entry(t.ix, 1, "\xff\xfe\x01 any bytes", 2));
	TEST_OK(index_dentry_get(t.ix, 1, "\xff\xfe\x01 any bytes", 13, INDEX_NOW, &got));
	finish(&t);
}

/* An entry at another slot of its hash, as a collision leaves behind, is found, and the lower slots
 * are given out first. */
static void slots(void)
{
	struct index_row r = {.table = INDEX_TABLE_DENTRY, .born = 1, .died = INDEX_NOW};
	struct index_dentry got;
	struct test t;

	start(&t);
	TEST_OK(add_entry(t.ix, 1, "name", 5));
	TEST_OK(index_dentry_get(t.ix, 1, "name", 4, INDEX_NOW, &got));
	TEST_CHECK((got.cookie & 255) == 0);
	TEST_OK(index_dentry_remove(t.ix, 1, "name", 4));
	r.dentry = got;
	r.dentry.cookie |= 200;
	TEST_OK(index_import(t.ix, &r));
	TEST_OK(index_dentry_get(t.ix, 1, "name", 4, INDEX_NOW, &got));
	TEST_CHECK((got.cookie & 255) == 200);
	TEST_ERR(add_entry(t.ix, 1, "name", 6), ERR_EXIST);
	TEST_OK(index_dentry_remove(t.ix, 1, "name", 4));
	TEST_OK(add_entry(t.ix, 1, "name", 6));
	TEST_OK(index_dentry_get(t.ix, 1, "name", 4, INDEX_NOW, &got));
	TEST_CHECK((got.cookie & 255) == 0);
	r.dentry.cookie += 256;
	TEST_ERR(index_import(t.ix, &r), ERR_CORRUPT);
	finish(&t);
}

/* A walk through a tree asks in its callback what it is asking itself. */
static int descend(void *ctx, const struct index_dentry *d, const struct index_inode *i)
{
	struct walk *w = ctx;
	struct index_dentry got;
	struct index_inode row;
	int rc = 0;

	w->count++;
	TEST_OK(index_dentry_get(w->ix, d->parent, d->name, d->name_len, INDEX_NOW, &got));
	TEST_OK(index_inode_get(w->ix, d->ino, INDEX_NOW, &row));
	TEST_CHECK(got.ino == d->ino && row.mode == i->mode);
	if (S_ISDIR(i->mode)) {
		w->depth++;
		rc = index_dentry_list(w->ix, d->ino, INDEX_NOW, 0, descend, w);
		TEST_CHECK(d->name_len == 2);
	}
	return rc;
}

static int link_of(void *ctx, const struct index_dentry *d, const struct index_inode *i)
{
	TEST_CHECK(i == NULL);
	*(uint64_t *)ctx += d->parent;
	return 0;
}

static void trees(void)
{
	struct walk w = {0};
	uint64_t ino = 2, parents = 0;
	struct test t;

	start(&t);
	w.ix = t.ix;
	TEST_OK(add_inode(t.ix, 1, S_IFDIR, 2, 0));
	for (uint64_t parent = 1; parent <= 13; parent++)
		for (int i = 0; i < 3; i++) {
			char name[16];

			snprintf(name, sizeof(name), "d%d", i);
			TEST_OK(add_inode(t.ix, ino, S_IFDIR, 1, 0));
			TEST_OK(add_entry(t.ix, parent, name, ino++));
		}
	TEST_OK(index_dentry_list(t.ix, 1, INDEX_NOW, 0, descend, &w));
	TEST_CHECK(w.count == 39 && w.depth == 39);
	TEST_OK(add_entry(t.ix, 7, "again", 3));
	TEST_OK(index_dentry_of(t.ix, 3, INDEX_NOW, link_of, &parents));
	TEST_CHECK(parents == 8);
	finish(&t);
}

/* ---- data ---- */

struct extents {
	struct index_extent rows[8];
	int count;
};

static int note_extent(void *ctx, const struct index_extent *row)
{
	struct extents *x = ctx;

	if (x->count < 8)
		x->rows[x->count] = *row;
	x->count++;
	return 0;
}

static bool is_extent(const struct index_extent *x, uint64_t page, uint32_t npages, uint32_t skip,
                      uint32_t tail)
{
	return x->page == page && x->npages == npages && x->first == 3 + skip && x->tail == tail &&
	       x->off == 50000 + 4112ull * skip && x->pack == 2 && x->key == 1 &&
	       memcmp(x->salt, "salt", 5) == 0;
}

/* Clear [page, page + npages) of a file with one extent [10, 20); what is left? */
static struct extents cleared(struct test *t, uint64_t page, uint64_t npages, uint64_t want)
{
	static uint64_t ino = 100;
	struct index_extent x = extent(++ino, 10, 10);
	struct extents left = {.count = 0};
	uint64_t pages = 99;

	TEST_OK(add_inode(t->ix, ino, S_IFREG, 1, 0));
	TEST_OK(index_extent_add(t->ix, &x));
	TEST_OK(index_extent_clear(t->ix, ino, page, npages, &pages));
	TEST_CHECK(pages == want);
	TEST_OK(index_extent_list(t->ix, ino, INDEX_NOW, 0, UINT64_MAX, note_extent, &left));
	return left;
}

static void extents(void)
{
	struct index_extent row;
	struct extents x;
	struct test t;

	start(&t);
	x = cleared(&t, 0, 10, 0);
	TEST_CHECK(x.count == 1 && is_extent(&x.rows[0], 10, 10, 0, 100));
	x = cleared(&t, 20, UINT64_MAX, 0);
	TEST_CHECK(x.count == 1);
	x = cleared(&t, 12, 0, 0);
	TEST_CHECK(x.count == 1);
	x = cleared(&t, 10, 10, 10);
	TEST_CHECK(x.count == 0);
	x = cleared(&t, 0, UINT64_MAX, 10);
	TEST_CHECK(x.count == 0);
	x = cleared(&t, 8, 5, 3); /* a right rest */
	TEST_CHECK(x.count == 1 && is_extent(&x.rows[0], 13, 7, 3, 100));
	x = cleared(&t, 10, 9, 9);
	TEST_CHECK(x.count == 1 && is_extent(&x.rows[0], 19, 1, 9, 100));
	x = cleared(&t, 15, 100, 5); /* a left rest */
	TEST_CHECK(x.count == 1 && is_extent(&x.rows[0], 10, 5, 0, 4096));
	x = cleared(&t, 13, 4, 4); /* a hole */
	TEST_CHECK(x.count == 2 && is_extent(&x.rows[0], 10, 3, 0, 4096));
	TEST_CHECK(is_extent(&x.rows[1], 17, 3, 7, 100));

	/* which extents touch a range */
	TEST_OK(add_inode(t.ix, 50, S_IFREG, 1, 0));
	for (uint64_t i = 0; i < 5; i++) {
		row = extent(50, i * 10, 5);
		TEST_OK(index_extent_add(t.ix, &row));
	}
	const struct {
		uint64_t page, npages;
		int want;
		uint64_t first;
	} ranges[] = {{0, 1, 1, 0},          {4, 1, 1, 0},
	              {5, 5, 0, 0},          {5, 6, 1, 10},
	              {3, 30, 4, 0},         {44, 1, 1, 40},
	              {45, 1000, 0, 0},      {12, UINT64_MAX, 4, 10},
	              {UINT64_MAX, 1, 0, 0}, {14, UINT64_MAX - 5, 4, 10}};

	for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++) {
		x.count = 0;
		TEST_OK(index_extent_list(t.ix, 50, INDEX_NOW, ranges[i].page, ranges[i].npages,
		                          note_extent, &x));
		TEST_CHECK(x.count == ranges[i].want);
		TEST_CHECK(x.count == 0 || x.rows[0].page == ranges[i].first);
	}
	row = extent(50, 2, 0);
	TEST_ERR(index_extent_add(t.ix, &row), ERR_INVAL);
	row = extent(50, 2, 1);
	row.tail = 4097;
	TEST_ERR(index_extent_add(t.ix, &row), ERR_INVAL);
	row = extent(50, UINT64_MAX - 1, 5);
	TEST_ERR(index_extent_add(t.ix, &row), ERR_INVAL);
	finish(&t);
}

/* More extents than one removal takes at once. */
static void many_extents(void)
{
	struct extents x = {.count = 0};
	uint64_t pages = 0;
	struct test t;

	start(&t);
	TEST_OK(add_inode(t.ix, 2, S_IFREG, 1, 0));
	for (uint64_t i = 0; i < 10000; i++) {
		struct index_extent row = extent(2, i * 2, 2);

		TEST_OK(index_extent_add(t.ix, &row));
	}
	TEST_OK(index_extent_clear(t.ix, 2, 1, 19998, &pages));
	TEST_CHECK(pages == 19998);
	TEST_OK(index_extent_list(t.ix, 2, INDEX_NOW, 0, UINT64_MAX, note_extent, &x));
	TEST_CHECK(x.count == 2 && x.rows[0].npages == 1 && x.rows[1].page == 19999);
	TEST_OK(index_inode_remove(t.ix, 2));
	x.count = 0;
	TEST_OK(index_extent_list(t.ix, 2, INDEX_NOW, 0, UINT64_MAX, note_extent, &x));
	TEST_CHECK(x.count == 0);
	finish(&t);
}

struct attrs {
	char text[256];
};

static int note_attr(void *ctx, const char *name, size_t name_len, const void *value, size_t len)
{
	struct attrs *a = ctx;
	size_t at = strlen(a->text);

	snprintf(a->text + at, sizeof(a->text) - at, "%.*s=%.*s;", (int)name_len, name, (int)len,
	         (const char *)value);
	return 0;
}

static void xattrs(void)
{
	static uint8_t big[65537];
	struct attrs a = {""};
	const void *value = NULL;
	size_t len = 9;
	struct test t;

	start(&t);
	TEST_OK(add_inode(t.ix, 2, S_IFREG, 1, 0));
	TEST_OK(index_xattr_set(t.ix, 2, "user.b", 6, "two", 3));
	TEST_OK(index_xattr_set(t.ix, 2, "user.a", 6, "one", 3));
	TEST_OK(index_xattr_set(t.ix, 2, "user.c", 6, NULL, 0));
	TEST_OK(index_xattr_set(t.ix, 2, "user.b", 6, "new", 3));
	TEST_OK(index_xattr_list(t.ix, 2, INDEX_NOW, note_attr, &a));
	TEST_CHECK(strcmp(a.text, "user.a=one;user.b=new;user.c=;") == 0);
	TEST_OK(index_xattr_get(t.ix, 2, INDEX_NOW, "user.b", 6, &value, &len));
	TEST_CHECK(len == 3 && memcmp(value, "new", 3) == 0);
	TEST_OK(index_xattr_get(t.ix, 2, INDEX_NOW, "user.c", 6, &value, &len));
	TEST_CHECK(len == 0);
	TEST_ERR(index_xattr_get(t.ix, 2, INDEX_NOW, "user.d", 6, &value, &len), ERR_NODATA);
	TEST_ERR(index_xattr_remove(t.ix, 2, "user.d", 6), ERR_NODATA);
	TEST_OK(index_xattr_remove(t.ix, 2, "user.b", 6));
	TEST_ERR(index_xattr_get(t.ix, 2, INDEX_NOW, "user.b", 6, &value, &len), ERR_NODATA);
	memset(big, 7, sizeof(big));
	TEST_OK(index_xattr_set(t.ix, 2, "user.b", 6, big, 65536));
	TEST_OK(index_xattr_get(t.ix, 2, INDEX_NOW, "user.b", 6, &value, &len));
	TEST_CHECK(len == 65536 && memcmp(value, big, len) == 0);
	TEST_ERR(index_xattr_set(t.ix, 2, "user.b", 6, big, 65537), ERR_FBIG);
	finish(&t);
}

/* ---- the rest ---- */

static int note_pack(void *ctx, const struct index_pack *row)
{
	*(uint64_t *)ctx = *(uint64_t *)ctx * 10 + row->num;
	return 0;
}

static int note_epoch(void *ctx, int64_t epoch, int64_t closed_ns)
{
	TEST_CHECK(closed_ns == epoch * 100);
	*(int64_t *)ctx = *(int64_t *)ctx * 10 + epoch;
	return 0;
}

static int note_snapshot(void *ctx, const struct index_snapshot *row)
{
	strncat(ctx, row->name, row->name_len);
	return 0;
}

static void misc(void)
{
	struct index_filekey key = {.id = 9, .master = 3, .wrapped = "wrapped"}, key_got;
	struct index_pack pack = {.num = 4, .name = "a name of 16 b."}, pack_got;
	struct index_snapshot snap = {.name = "b", .name_len = 1, .epoch = 2, .created_ns = -7},
	                      got;
	int64_t epoch, time, digits = 0;
	uint64_t nums = 0;
	char names[16] = "";
	struct test t;

	start(&t);
	TEST_ERR(index_filekey_get(t.ix, 9, &key_got), ERR_NOENT);
	TEST_OK(index_filekey_set(t.ix, &key));
	key.master = 4;
	TEST_OK(index_filekey_set(t.ix, &key));
	TEST_OK(index_filekey_get(t.ix, 9, &key_got));
	TEST_CHECK(key_got.id == 9 && key_got.master == 4);
	TEST_MEM(key_got.wrapped, key.wrapped, INDEX_WRAPPED_BYTES);

	TEST_ERR(index_pack_get(t.ix, 4, &pack_got), ERR_NOENT);
	TEST_OK(index_pack_set(t.ix, &pack));
	pack.size = 8 << 20;
	TEST_OK(index_pack_set(t.ix, &pack));
	TEST_OK(index_pack_get(t.ix, 4, &pack_got));
	TEST_CHECK(pack_got.num == 4 && pack_got.size == 8 << 20);
	TEST_MEM(pack_got.name, pack.name, INDEX_PACK_NAME_BYTES);
	pack.num = 2;
	TEST_OK(index_pack_set(t.ix, &pack));
	TEST_OK(index_pack_list(t.ix, note_pack, &nums));
	TEST_CHECK(nums == 24);

	TEST_ERR(index_epoch_at(t.ix, 1000, &epoch, &time), ERR_NOHISTORY);
	for (int64_t e = 1; e <= 5; e++)
		TEST_OK(index_epoch_add(t.ix, e, e * 100));
	TEST_ERR(index_epoch_add(t.ix, 5, 1), ERR_EXIST);
	TEST_ERR(index_epoch_at(t.ix, 99, &epoch, &time), ERR_NOHISTORY);
	TEST_OK(index_epoch_at(t.ix, 100, &epoch, &time));
	TEST_CHECK(epoch == 1 && time == 100);
	TEST_OK(index_epoch_at(t.ix, 399, &epoch, &time));
	TEST_CHECK(epoch == 3 && time == 300);
	TEST_OK(index_epoch_at(t.ix, INT64_MAX, &epoch, &time));
	TEST_CHECK(epoch == 5);
	TEST_OK(index_epoch_time(t.ix, 2, &time));
	TEST_CHECK(time == 200);
	TEST_ERR(index_epoch_time(t.ix, 6, &time), ERR_NOENT);
	TEST_OK(index_epoch_list(t.ix, 3, note_epoch, &digits));
	TEST_CHECK(digits == 345);

	TEST_ERR(index_snapshot_get(t.ix, "b", 1, &got), ERR_NOENT);
	TEST_OK(index_snapshot_add(t.ix, &snap));
	TEST_ERR(index_snapshot_add(t.ix, &snap), ERR_EXIST);
	TEST_OK(index_snapshot_get(t.ix, "b", 1, &got));
	TEST_CHECK(got.epoch == 2 && got.created_ns == -7 && got.name_len == 1);
	snap.name = "a";
	TEST_OK(index_snapshot_add(t.ix, &snap));
	snap.name = "0";
	snap.epoch = 3;
	TEST_OK(index_snapshot_add(t.ix, &snap));
	TEST_OK(index_snapshot_list(t.ix, note_snapshot, names));
	TEST_CHECK(strcmp(names, "ab0") == 0);
	TEST_OK(index_snapshot_remove(t.ix, "a", 1));
	TEST_ERR(index_snapshot_remove(t.ix, "a", 1), ERR_NOENT);
	finish(&t);
}

/* ---- checks ---- */

static void checker(void)
{
	struct index_inode row = inode(2, S_IFREG, 1, 5);
	struct index_row past = {.table = INDEX_TABLE_INODE, .born = 1, .died = 9};
	struct test t;

	start(&t);
	TEST_OK(add_inode(t.ix, 1, S_IFDIR, 2, 0));
	TEST_OK(index_inode_add(t.ix, &row));
	TEST_ERR(index_check(t.ix, false), ERR_CORRUPT); /* no entry */
	TEST_OK(index_check(t.ix, true));
	TEST_OK(add_entry(t.ix, 1, "f", 2));
	TEST_OK(index_check(t.ix, false));
	row.pages = 1;
	TEST_OK(index_inode_set(t.ix, &row));
	TEST_ERR(index_check(t.ix, false), ERR_CORRUPT); /* no such page */
	row.pages = 0;
	TEST_OK(index_inode_set(t.ix, &row));
	index_state(t.ix)->bytes++;
	TEST_ERR(index_check(t.ix, false), ERR_CORRUPT); /* totals */
	index_state(t.ix)->bytes--;
	TEST_OK(add_entry(t.ix, 1, "g", 3));
	TEST_ERR(index_check(t.ix, false), ERR_CORRUPT); /* no inode */
	TEST_OK(index_dentry_remove(t.ix, 1, "g", 1));
	TEST_OK(index_check(t.ix, false));
	past.inode = row;
	TEST_OK(index_import(t.ix, &past));
	TEST_ERR(index_check(t.ix, false), ERR_CORRUPT); /* died in the future */
	finish(&t);
}

int main(void)
{
	TEST_RUN(inodes);
	TEST_RUN(dentries);
	TEST_RUN(slots);
	TEST_RUN(trees);
	TEST_RUN(extents);
	TEST_RUN(many_extents);
	TEST_RUN(xattrs);
	TEST_RUN(misc);
	TEST_RUN(checker);
	return test_done();
}
