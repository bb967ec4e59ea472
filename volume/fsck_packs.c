/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Packs: every one that an extent needs, now or in the past, is in the store in its size, or, while
 * it is not stored yet, on the local disk.
 *
 * Which are local is asked before the store is listed, so a pack that goes up meanwhile is in one of
 * the two answers; one that was local and is no more is asked for once again by its name. What is in
 * the store and in no index (a pack that was begun and given up) harms nothing and is counted.
 *
 * Only when something is missing are the extents read again, for the names of the files.
 */
#include "volume/fsck.h"

#include "util/err.h"
#include "util/hex.h"
#include "volume/state.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILES_SHOWN 20
#define BAD_SHOWN 100

/* ---- the table ---- */

static int add_pack(void *ctx, const struct index_pack *row)
{
	struct fsck *f = ctx;

	if (f->npacks == f->packs_cap) {
		size_t cap = f->packs_cap ? f->packs_cap * 2 : 256;
		struct fsck_pack *packs = realloc(f->packs, cap * sizeof(*packs));

		if (!packs)
			return ERR_NOMEM;
		f->packs = packs;
		f->packs_cap = cap;
	}
	f->packs[f->npacks++] =
	    (struct fsck_pack){.row = *row, .local = packs_is_only_copy(f->v->packs, row->num)};
	return 0;
}

static struct fsck_pack *find_pack(struct fsck *f, uint64_t num)
{
	size_t lo = 0, hi = f->npacks;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (f->packs[mid].row.num < num)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < f->npacks && f->packs[lo].row.num == num ? &f->packs[lo] : NULL;
}

/* One that is not in the table was told by the check of the index. */
static int use_pack(void *ctx, uint64_t num, uint64_t reach)
{
	struct fsck_pack *p = find_pack(ctx, num);

	if (p && reach > p->reach)
		p->reach = reach;
	return 0;
}

int fsck_packs_read(struct fsck *f)
{
	int r = index_pack_list(f->reader, add_pack, f);

	if (r == 0)
		r = index_pack_uses(f->reader, use_pack, f);
	f->packs_known = r == 0;
	/* a damaged index was told of already */
	return r == ERR_CORRUPT || r == ERR_UNAUTHENTIC ? 0 : r;
}

/* ---- the store ---- */

struct listing {
	struct fsck *f;
	struct fsck_pack **by_name;
	uint64_t seen, orphans;
};

static int by_name(const void *a, const void *b)
{
	const struct fsck_pack *const *x = a, *const *y = b;

	return memcmp((*x)->row.name, (*y)->row.name, PACK_NAME_BYTES);
}

/* Is the object of @size bytes what the pack should be? */
static bool fits(const struct fsck_pack *p, uint64_t size)
{
	return p->row.size ? size == p->row.size : size >= p->reach;
}

static int take_object(void *ctx, const struct blob_info *info)
{
	struct listing *l = ctx;
	struct fsck_pack key = {0}, *want = &key, **at;
	int r;

	if (hex_decode(key.row.name, PACK_NAME_BYTES, info->name + strlen("packs/")) != 0)
		return fsck_remark(l->f, "%s: not the name of a pack", info->name);
	at = bsearch(&want, l->by_name, l->f->npacks, sizeof(want), by_name);
	if (!at) {
		l->orphans++;
		return fsck_stopped(l->f);
	}
	(*at)->there = fits(*at, info->size_bytes);
	r = fsck_stopped(l->f);
	fsck_progress(l->f, "packs", ++l->seen, l->f->npacks);
	return r;
}

static int list_store(struct listing *l)
{
	struct fsck *f = l->f;

	l->by_name = calloc(f->npacks + 1, sizeof(*l->by_name));
	if (!l->by_name)
		return ERR_NOMEM;
	for (size_t i = 0; i < f->npacks; i++)
		l->by_name[i] = &f->packs[i];
	qsort(l->by_name, f->npacks, sizeof(*l->by_name), by_name);
	return blob_list(f->v->params.store, "packs/", NULL, take_object, l);
}

static int take_size(void *ctx, const struct blob_info *info)
{
	*(uint64_t *)ctx = info->size_bytes;
	return 1;
}

/* The local file of one that is not stored. */
static int check_local(struct fsck *f, struct fsck_pack *p, bool *ret_good)
{
	char name[64], path[VOLUME_PATH_MAX];
	struct file_info info;
	int r;

	snprintf(name, sizeof(name), "packs/%" PRIu64, p->row.num);
	state_path(f->v, name, path);
	r = fileio_stat(f->v->params.io, path, &info);
	*ret_good = r == 0 && fits(p, info.size_bytes);
	if (!*ret_good && !packs_is_only_copy(f->v->packs, p->row.num)) {
		/* it was stored in the meantime */
		char object[BLOB_NAME_MAX + 1];
		uint64_t size = 0;

		volume_pack_name(p->row.name, object);
		r = blob_list(f->v->params.store, object, NULL, take_size, &size);
		*ret_good = r == 1 && fits(p, size);
		return r == 1 ? 0 : r;
	}
	return r == ERR_NOENT ? 0 : r;
}

/* ---- whose data it is ---- */

struct needy {
	struct fsck_pack *pack;
	bool local;
	uint64_t files, past_files;
	uint64_t last_ino; /* extents come in the order of inodes */
	size_t nshown;
	struct {
		uint64_t ino;
		int64_t at;
	} shown[FILES_SHOWN];
};

struct search {
	struct fsck *f;
	struct needy *needy;
	size_t count, all;
};

static struct needy *needs(struct search *s, uint64_t num)
{
	for (size_t i = 0; i < s->count; i++)
		if (s->needy[i].pack->row.num == num)
			return &s->needy[i];
	return NULL;
}

static bool is_shown(const struct needy *n, uint64_t ino)
{
	for (size_t i = 0; i < n->nshown; i++)
		if (n->shown[i].ino == ino)
			return true;
	return false;
}

static int take_extent(void *ctx, const struct index_row *row)
{
	struct search *s = ctx;
	bool past = row->died != INDEX_NOW;
	struct needy *n;

	if (row->table != INDEX_TABLE_EXTENT)
		return row->table > INDEX_TABLE_EXTENT ? 1 : 0;
	n = needs(s, row->extent.pack);
	if (!n || (n->last_ino == row->extent.ino && (n->past_files > 0) == past))
		return 0;
	n->last_ino = row->extent.ino;
	*(past ? &n->past_files : &n->files) += 1;
	if (n->nshown < FILES_SHOWN && !is_shown(n, row->extent.ino)) {
		n->shown[n->nshown].ino = row->extent.ino;
		n->shown[n->nshown++].at = past ? row->died - 1 : INDEX_NOW;
	}
	return fsck_stopped(s->f);
}

static int tell_one(struct fsck *f, const struct needy *n)
{
	char name[BLOB_NAME_MAX + 1], text[VOLUME_FSCK_LINE_BYTES];
	size_t used = 0, told = 0;
	int r = 0;

	volume_pack_name(n->pack->row.name, name);
	text[0] = '\0';
	for (size_t i = 0; r == 0 && i < n->nshown; i++) {
		char *path = NULL;
		int len;

		r = fsck_path_of(f->reader, n->shown[i].ino, n->shown[i].at, &path);
		if (r == ERR_NOENT || r == ERR_CORRUPT || r == ERR_UNAUTHENTIC) {
			r = 0;
			continue;
		}
		if (r != 0)
			break;
		if (n->shown[i].at == INDEX_NOW)
			len = snprintf(text + used, sizeof(text) - 256 - used, "%s%s",
			               told ? ", " : ": ", path);
		else
			len = snprintf(text + used, sizeof(text) - 256 - used,
			               "%s%s (at e%" PRId64 ")", told ? ", " : ": ", path,
			               n->shown[i].at);
		free(path);
		if (len < 0 || used + (size_t)len >= sizeof(text) - 256) {
			text[used] = '\0';
			break;
		}
		used += (size_t)len;
		told++;
	}
	return r ? r
	         : fsck_damage(f,
	                       "%s (pack %" PRIu64 "): missing or of the wrong size%s, needed by "
	                       "%" PRIu64 " files now and %" PRIu64 " in the past%s%s",
	                       name, n->pack->row.num, n->local ? " on the local disk" : "",
	                       n->files, n->past_files, text,
	                       told && told < n->files + n->past_files ? ", ..." : "");
}

static int tell_bad(struct search *s)
{
	struct fsck *f = s->f;
	int r;

	if (s->all == 0)
		return 0;
	r = fsck_open_reader(f);
	if (r == 0)
		r = index_export(f->reader, take_extent, s);
	if (r == 1 || r == ERR_CORRUPT || r == ERR_UNAUTHENTIC)
		r = 0;
	for (size_t i = 0; r == 0 && i < s->count; i++)
		r = tell_one(f, &s->needy[i]);
	f->ndamages += s->all - s->count;
	index_close(f->reader);
	f->reader = NULL;
	return r;
}

/* ---- all of it ---- */

static int check_packs(struct fsck *f, int outage, struct search *s, uint64_t *ret_local)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < f->npacks; i++) {
		struct fsck_pack *p = &f->packs[i];
		bool good = p->there;

		if (p->reach == 0) /* nothing needs it */
			continue;
		if (p->local) {
			r = check_local(f, p, &good);
			++*ret_local;
		} else if (outage) {
			continue;
		}
		if (r != 0)
			break;
		f->count++;
		if (good)
			continue;
		if (s->count < BAD_SHOWN)
			s->needy[s->count++] = (struct needy){.pack = p, .local = p->local};
		s->all++;
	}
	return r;
}

int fsck_packs(struct fsck *f)
{
	struct listing l = {.f = f};
	struct search s = {.f = f};
	uint64_t local = 0;
	char note[128];
	int outage = 0, r = 0;

	if (!f->packs_known)
		return fsck_result(f, "packs", true, 0, "the index cannot be read");
	s.needy = calloc(BAD_SHOWN, sizeof(*s.needy));
	if (!s.needy)
		return ERR_NOMEM;
	r = list_store(&l);
	if (fsck_is_outage(r)) {
		outage = r;
		r = 0;
	}
	if (r == 0)
		r = check_packs(f, outage, &s, &local);
	if (fsck_is_outage(r)) {
		outage = r;
		r = 0;
	}
	if (r == 0)
		r = tell_bad(&s);
	snprintf(note, sizeof(note),
	         "packs that are needed, %" PRIu64 " of them not stored yet; %" PRIu64
	         " in the store that nothing needs",
	         local, l.orphans);
	free(l.by_name);
	free(s.needy);
	return r ? r : fsck_result(f, "packs", outage && f->count == 0, outage, note);
}
