/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A line has the path first, then whatever getattr, readlink, listxattr and read give for it, data
 * and values as hashes. Inode numbers and times are in it: recovery repeats the same records, so
 * they must come back too. Lines are sorted, so that the order of a listing does not matter.
 *
 * Reading goes on behind an error: a volume that failed must still give right bytes or say so, name
 * by name.
 */
#include "tests/torture/state.h"

#include "util/check.h"
#include "util/err.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define PIECE_BYTES (64u * 1024)
#define PATH_BYTES 1024
#define NAMES_BYTES 4096
#define SHOWN_MAX 12
#define UNREADABLE " !"

struct walk {
	struct volume *v;
	int64_t at;
	struct state *s;
	uint8_t *piece;
};

struct entries {
	struct entry {
		char name[VOLUME_NAME_MAX + 1];
		struct volume_attr attr;
	} * list;
	size_t n;
	size_t room;
};

/* Not for enemies: it only has to tell what the sweeps wrote from anything else. */
static uint64_t hash_bytes(uint64_t h, const void *data, size_t len)
{
	const uint8_t *p = data;
	uint64_t word;

	for (; len >= 8; p += 8, len -= 8) {
		memcpy(&word, p, 8);
		h = (h ^ word) * UINT64_C(0x9e3779b97f4a7c15);
		h ^= h >> 29;
	}
	for (; len > 0; p++, len--)
		h = (h ^ *p) * UINT64_C(0x100000001b3);
	return h ^ h >> 32;
}

static void note_error(struct state *s, int code)
{
	for (size_t i = 0; i < s->nerrors; i++)
		if (s->errors[i] == code)
			return;
	if (s->nerrors < STATE_ERRORS_MAX)
		s->errors[s->nerrors++] = code;
}

static void add_line(struct state *s, char *line)
{
	if (s->nlines == s->room) {
		s->room = s->room ? s->room * 2 : 32;
		s->lines = realloc(s->lines, s->room * sizeof(*s->lines));
		CHECK(s->lines);
	}
	s->lines[s->nlines++] = line;
}

static void put_error(struct walk *w, FILE *out, const char *what, int code)
{
	note_error(w->s, code);
	fprintf(out, UNREADABLE "%s:%s", what, err_name(code));
}

static void put_data(struct walk *w, FILE *out, const struct volume_attr *attr)
{
	uint64_t h = 1, off = 0;
	size_t n = 1;

	while (n > 0) {
		int r = volume_read(w->v, attr->ino, w->at, off, PIECE_BYTES, w->piece, &n);

		if (r != 0) {
			put_error(w, out, "read", r);
			return;
		}
		h = hash_bytes(h, w->piece, n);
		off += n;
	}
	fprintf(out, " data=%" PRIu64 ":%016" PRIx64, off, h);
}

static void put_target(struct walk *w, FILE *out, uint64_t ino)
{
	char target[VOLUME_TARGET_MAX + 1];
	int r = volume_readlink(w->v, ino, w->at, target);

	if (r != 0)
		put_error(w, out, "readlink", r);
	else
		fprintf(out, " -> %s", target);
}

static void put_xattrs(struct walk *w, FILE *out, uint64_t ino)
{
	char names[NAMES_BYTES];
	size_t len, n;
	int r = volume_listxattr(w->v, ino, w->at, names, sizeof(names), &len);

	if (r != 0) {
		put_error(w, out, "listxattr", r);
		return;
	}
	for (size_t at = 0; at < len; at += strlen(names + at) + 1) {
		r = volume_getxattr(w->v, ino, w->at, names + at, w->piece, PIECE_BYTES, &n);
		if (r != 0)
			put_error(w, out, names + at, r);
		else
			fprintf(out, " %s=%zu:%016" PRIx64, names + at, n,
			        hash_bytes(2, w->piece, n));
	}
}

static void put_node(struct walk *w, const char *path, const struct volume_attr *a)
{
	char *line = NULL;
	size_t size;
	FILE *out = open_memstream(&line, &size);

	CHECK(out);
	fprintf(out,
	        "/%s ino=%" PRIu64 " mode=%o uid=%u gid=%u nlink=%u rdev=%" PRIu64 " size=%" PRIu64
	        " blocks=%" PRIu64 " a=%" PRId64 " m=%" PRId64 " c=%" PRId64 " b=%" PRId64,
	        path, a->ino, a->mode, a->uid, a->gid, a->nlink, a->rdev, a->size, a->blocks,
	        a->atime_ns, a->mtime_ns, a->ctime_ns, a->btime_ns);
	if (S_ISREG(a->mode))
		put_data(w, out, a);
	else if (S_ISLNK(a->mode))
		put_target(w, out, a->ino);
	put_xattrs(w, out, a->ino);
	CHECK(fclose(out) == 0);
	add_line(w->s, line);
}

static void put_failure(struct walk *w, const char *path, const char *what, int code)
{
	char *line = NULL;
	size_t size;
	FILE *out = open_memstream(&line, &size);

	CHECK(out);
	fprintf(out, "/%s", path);
	put_error(w, out, what, code);
	CHECK(fclose(out) == 0);
	add_line(w->s, line);
}

static int collect(void *ctx, const char *name, size_t len, uint64_t cookie,
                   const struct volume_attr *attr)
{
	struct entries *e = ctx;

	(void)cookie;
	if (e->n == e->room) {
		e->room = e->room ? e->room * 2 : 16;
		e->list = realloc(e->list, e->room * sizeof(*e->list));
		CHECK(e->list);
	}
	memcpy(e->list[e->n].name, name, len);
	e->list[e->n].name[len] = '\0';
	e->list[e->n++].attr = *attr;
	return 0;
}

static void walk_folder(struct walk *w, const char *path, const struct volume_attr *attr)
{
	struct entries e = {0};
	char below[PATH_BYTES];
	int r;

	put_node(w, path, attr);
	r = volume_readdir(w->v, attr->ino, w->at, 0, collect, &e);
	if (r != 0)
		put_failure(w, path, "readdir", r);
	for (size_t i = 0; r == 0 && i < e.n; i++) {
		snprintf(below, sizeof(below), "%.700s%s%.256s", path, *path ? "/" : "",
		         e.list[i].name);
		if (S_ISDIR(e.list[i].attr.mode))
			walk_folder(w, below, &e.list[i].attr);
		else
			put_node(w, below, &e.list[i].attr);
	}
	free(e.list);
}

static int put_snapshot(void *ctx, const char *name, int64_t epoch, int64_t created_ns)
{
	char *line = NULL;
	size_t size;
	FILE *out = open_memstream(&line, &size);

	CHECK(out);
	fprintf(out, "snapshot %s epoch=%" PRId64 " created=%" PRId64, name, epoch, created_ns);
	CHECK(fclose(out) == 0);
	add_line(ctx, line);
	return 0;
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

void state_read(struct volume *v, int64_t at, struct state **ret)
{
	struct state *s = calloc(1, sizeof(*s));
	struct walk w = {.v = v, .at = at, .s = s, .piece = malloc(PIECE_BYTES + 1)};
	struct volume_attr root;
	int r;

	CHECK(s && w.piece);
	s->refs = 1;
	r = volume_getattr(v, VOLUME_ROOT, at, &root);
	if (r == 0)
		walk_folder(&w, "", &root);
	else
		put_failure(&w, "", "getattr", r);
	if (at == VOLUME_NOW) {
		r = volume_snapshot_list(v, put_snapshot, s);
		if (r != 0)
			put_failure(&w, "", "snapshots", r);
	}
	qsort(s->lines, s->nlines, sizeof(*s->lines), by_text);
	s->digest = 3;
	for (size_t i = 0; i < s->nlines; i++)
		s->digest = hash_bytes(s->digest, s->lines[i], strlen(s->lines[i]) + 1);
	free(w.piece);
	*ret = s;
}

struct state *state_ref(struct state *s)
{
	s->refs++;
	return s;
}

void state_unref(struct state *s)
{
	if (!s || --s->refs > 0)
		return;
	for (size_t i = 0; i < s->nlines; i++)
		free(s->lines[i]);
	free(s->lines);
	free(s);
}

bool state_same(const struct state *a, const struct state *b)
{
	return a->nerrors == 0 && b->nerrors == 0 && a->digest == b->digest;
}

static bool has_line(const struct state *s, const char *line)
{
	return s && s->nlines > 0 &&
	       bsearch(&line, s->lines, s->nlines, sizeof(*s->lines), by_text) != NULL;
}

bool state_within(const struct state *got, const struct state *a, const struct state *b,
                  const char **ret_line)
{
	for (size_t i = 0; i < got->nlines; i++) {
		const char *line = got->lines[i];

		if (strstr(line, UNREADABLE) || has_line(a, line) || has_line(b, line))
			continue;
		*ret_line = line;
		return false;
	}
	return true;
}

void state_print_difference(FILE *out, const struct state *want, const struct state *got)
{
	unsigned shown = 0;

	for (size_t i = 0; i < want->nlines && shown < SHOWN_MAX; i++)
		if (!has_line(got, want->lines[i]) && ++shown)
			fprintf(out, "    - %s\n", want->lines[i]);
	for (size_t i = 0; i < got->nlines && shown < 2 * SHOWN_MAX; i++)
		if (!has_line(want, got->lines[i]) && ++shown)
			fprintf(out, "    + %s\n", got->lines[i]);
	if (shown == 0)
		fprintf(out, "    no difference\n");
}
