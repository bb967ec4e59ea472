/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A tree is written out as bytes: for each inode its path, all its attributes, xattrs, target and data, folders in the order
 * of their listing. Two trees are the same when the bytes are.
 *
 * An error while data is read leaves a gap of the length that the data should have, and reading goes on: what can be read
 * must be right even then. An error in the middle of names and attributes ends the tree: what was read before it must be
 * the beginning of the right one.
 *
 * Which moment an opened volume shows is found by comparing its present with all that were noted, from the wanted one
 * backwards. The epochs that ended before that moment must all be there, and no others.
 */
#include "tests/tamper/oracle.h"

#include "tests/lib/test.h"
#include "util/check.h"

#include <stdarg.h>
#include <sys/stat.h>

#define DATA_MAX (4u << 20)
#define NAMES_MAX 4096
#define DEPTH_MAX 16
#define GAPS_MAX 256

/* ---- verdicts ---- */

const char *verdict_word(enum verdict v)
{
	static const char *const words[V_WORDS] = {
	    "right",    "older",  "reopen",    "unauthentic", "corrupt", "missing",
	    "rollback", "fenced", "notvolume", "wrongkey",    "version", "WRONG"};

	for (int i = 0; i < V_WORDS; i++)
		if ((unsigned)v == 1u << i)
			return words[i];
	return "?";
}

void verdict_words(unsigned mask, char *out, size_t size)
{
	size_t n = 0;

	out[0] = '\0';
	for (int i = 0; i < V_WORDS; i++)
		if (mask & 1u << i && n < size)
			n += (size_t)snprintf(out + n, size - n, "%s%s", n ? ", " : "",
			                      verdict_word(1 << i));
}

enum verdict verdict_of(int code)
{
	switch (code) {
	case 0:
		return V_RIGHT;
	case ERR_UNAUTHENTIC:
		return V_UNAUTHENTIC;
	case ERR_CORRUPT:
		return V_CORRUPT;
	case ERR_MISSING:
		return V_MISSING;
	case ERR_ROLLBACK:
		return V_ROLLBACK;
	case ERR_FENCED:
		return V_FENCED;
	case ERR_NOTVOLUME:
		return V_NOTVOLUME;
	case ERR_WRONGKEY:
		return V_WRONGKEY;
	case ERR_VERSION:
		return V_VERSION;
	default:
		return V_WRONG;
	}
}

/* ---- writing a tree out ---- */

struct gap {
	size_t off, len;
};

struct dump {
	struct volume *v;
	int64_t at;
	struct buf out;
	struct gap gaps[GAPS_MAX];
	size_t ngaps;
	int error; /* the first one */
	char note[256];
	bool cut; /* it ended at the error */
};

static void say(struct dump *d, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void say(struct dump *d, const char *fmt, ...)
{
	char text[1024];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	buf_add(&d->out, text, (size_t)n < sizeof(text) ? (size_t)n : sizeof(text) - 1);
}

static void failed(struct dump *d, int code)
{
	if (d->error)
		return;
	d->error = code;
	snprintf(d->note, sizeof(d->note), "%s", err_note_text());
}

/* An error that ends the tree. */
static bool stop(struct dump *d, int code)
{
	if (code != 0) {
		failed(d, code);
		d->cut = true;
	}
	return d->cut;
}

static void dump_data(struct dump *d, uint64_t ino, uint64_t size)
{
	size_t len = size < DATA_MAX ? (size_t)size : DATA_MAX;
	size_t off = d->out.len, got = 0;
	uint8_t *to = buf_extend(&d->out, len);
	int r;

	CHECK(to || len == 0);
	r = len ? volume_read(d->v, ino, d->at, 0, len, to, &got) : 0;
	if (r == 0 && got != len)
		say(d, "[%zu bytes]", got);
	if (r == 0)
		return;
	failed(d, r);
	memset(to, 0, len);
	CHECK(d->ngaps < GAPS_MAX);
	d->gaps[d->ngaps++] = (struct gap){off, len};
}

static void dump_xattrs(struct dump *d, uint64_t ino)
{
	static char names[8192], value[VOLUME_XATTR_MAX];
	size_t len = 0, n = 0;

	if (stop(d, volume_listxattr(d->v, ino, d->at, names, sizeof(names), &len)))
		return;
	for (size_t at = 0; at < len; at += strlen(names + at) + 1) {
		if (stop(d,
		         volume_getxattr(d->v, ino, d->at, names + at, value, sizeof(value), &n)))
			return;
		say(d, "  %s %zu ", names + at, n);
		buf_add(&d->out, value, n);
		say(d, "\n");
	}
}

struct listing {
	char name[NAMES_MAX][64];
	uint64_t ino[NAMES_MAX];
	size_t n;
};

static int take_entry(void *ctx, const char *name, size_t len, uint64_t cookie,
                      const struct volume_attr *attr)
{
	struct listing *l = ctx;

	(void)cookie;
	if (l->n == NAMES_MAX)
		return 1;
	snprintf(l->name[l->n], sizeof(l->name[0]), "%.*s", (int)len, name);
	l->ino[l->n++] = attr->ino;
	return 0;
}

static void dump_node(struct dump *d, const char *path, uint64_t ino, int depth);

static void dump_folder(struct dump *d, const char *path, uint64_t ino, int depth)
{
	struct listing *l = malloc(sizeof(*l));
	struct volume_attr attr;
	char below[512];

	CHECK(l);
	l->n = 0;
	stop(d, volume_readdir(d->v, ino, d->at, 0, take_entry, l));
	for (size_t i = 0; i < l->n && !d->cut; i++) {
		snprintf(below, sizeof(below), "%s/%s", path, l->name[i]);
		if (stop(d, volume_lookup(d->v, ino, l->name[i], strlen(l->name[i]), d->at, &attr)))
			break;
		if (attr.ino != l->ino[i])
			say(d, "lookup of %s differs from its listing\n", below);
		dump_node(d, below, l->ino[i], depth + 1);
	}
	free(l);
}

static void dump_node(struct dump *d, const char *path, uint64_t ino, int depth)
{
	char target[VOLUME_TARGET_MAX + 1];
	struct volume_attr a;

	if (depth > DEPTH_MAX) {
		say(d, "folders without end\n");
		return;
	}
	if (stop(d, volume_getattr(d->v, ino, d->at, &a)))
		return;
	say(d,
	    "%s ino %" PRIu64 " mode %o uid %u gid %u nlink %u rdev %" PRIu64 " size %" PRIu64
	    " blocks %" PRIu64 " a %" PRId64 " m %" PRId64 " c %" PRId64 " b %" PRId64 "\n",
	    path, a.ino, a.mode, a.uid, a.gid, a.nlink, a.rdev, a.size, a.blocks, a.atime_ns,
	    a.mtime_ns, a.ctime_ns, a.btime_ns);
	dump_xattrs(d, ino);
	if (d->cut)
		return;
	if (S_ISLNK(a.mode)) {
		if (!stop(d, volume_readlink(d->v, ino, d->at, target)))
			say(d, "  -> %s\n", target);
	} else if (S_ISREG(a.mode)) {
		dump_data(d, ino, a.size);
		say(d, "\n");
	} else if (S_ISDIR(a.mode)) {
		dump_folder(d, path, ino, depth);
	}
}

static int dump_snapshot(void *ctx, const char *name, int64_t epoch, int64_t created_ns)
{
	say(ctx, "snapshot %s epoch %" PRId64 " at %" PRId64 "\n", name, epoch, created_ns);
	return 0;
}

static void dump_begin(struct dump *d, struct volume *v, int64_t at)
{
	memset(d, 0, sizeof(*d));
	d->v = v;
	d->at = at;
	buf_init(&d->out, 64u << 20);
}

static void dump_present(struct dump *d, struct volume *v, int64_t *ret_open)
{
	struct volume_status st = {0};

	dump_begin(d, v, VOLUME_NOW);
	if (stop(d, volume_status(v, &st)))
		return;
	*ret_open = st.epoch;
	say(d, "%" PRIu64 " files, %" PRIu64 " folders, %" PRIu64 " bytes\n", st.files, st.folders,
	    st.bytes);
	if (!stop(d, volume_snapshot_list(v, dump_snapshot, d)))
		dump_node(d, "", VOLUME_ROOT, 0);
}

static void dump_epoch(struct dump *d, struct volume *v, int64_t epoch)
{
	int64_t same = 0, ended_ns = 0;
	char text[32];

	dump_begin(d, v, epoch);
	snprintf(text, sizeof(text), "e%" PRId64, epoch);
	if (stop(d, volume_when(v, text, &same, &ended_ns)))
		return;
	say(d, "epoch %" PRId64 " ended %" PRId64 "\n", same, ended_ns);
	dump_node(d, "", VOLUME_ROOT, 0);
}

/* ---- comparing ---- */

/* The first byte that is not as it should be, or SIZE_MAX. */
static size_t first_difference(const struct dump *d, const struct buf *want)
{
	size_t gap = 0;

	for (size_t i = 0; i < d->out.len; i++) {
		size_t next = gap < d->ngaps ? d->gaps[gap].off : d->out.len;

		if (i == next) {
			i += d->gaps[gap++].len - 1;
			continue;
		}
		if (next > want->len)
			next = want->len;
		if (i >= next)
			return i;
		if (memcmp(d->out.data + i, want->data + i, next - i) != 0) {
			while (d->out.data[i] == want->data[i])
				i++;
			return i;
		}
		i = next - 1;
	}
	return d->out.len == want->len || (d->cut && d->out.len < want->len) ? SIZE_MAX
	                                                                     : d->out.len;
}

/* The line around byte @at, printable. */
static void quote(const struct buf *b, size_t at, char *out, size_t size)
{
	size_t from = at < b->len ? at : b->len;
	size_t n = 0;

	while (from > 0 && b->data[from - 1] != '\n' && at - from < 100)
		from--;
	for (; from < b->len && b->data[from] != '\n' && n + 1 < size; from++)
		out[n++] = b->data[from] >= 32 && b->data[from] < 127 ? (char)b->data[from] : '.';
	out[n] = '\0';
}

static void differs(struct oracle_answer *ret, const char *what, const struct dump *d,
                    const struct buf *want, size_t at)
{
	char is[120], should[120];

	quote(&d->out, at, is, sizeof(is));
	quote(want, at, should, sizeof(should));
	ret->verdict = V_WRONG;
	snprintf(ret->why, sizeof(ret->why), "%s, byte %zu: \"%s\" instead of \"%s\"", what, at, is,
	         should);
}

static void error_answer(struct oracle_answer *ret, const struct dump *d, const char *what)
{
	if (!d->error || ret->verdict == V_WRONG || ret->verdict & V_NAMED)
		return;
	ret->verdict = verdict_of(d->error);
	snprintf(ret->why, sizeof(ret->why), "%s: %s (%s)", what, err_name(d->error), d->note);
}

/* ---- */

void oracle_init(struct oracle *o)
{
	memset(o, 0, sizeof(*o));
}

void oracle_done(struct oracle *o)
{
	for (size_t i = 0; i < o->nmoments; i++)
		buf_done(&o->moments[i].present);
	for (int64_t e = 1; e <= o->nepochs; e++)
		buf_done(&o->epochs[e]);
}

static void must_be_whole(const struct dump *d, const char *what)
{
	if (d->error) {
		printf("FAIL %s: %s (%s)\n", what, err_name(d->error), d->note);
		exit(1);
	}
}

size_t oracle_note(struct oracle *o, struct volume *v, const char *what)
{
	struct dump d;
	int64_t open = 0;

	CHECK(o->nmoments < 256);
	dump_present(&d, v, &open);
	must_be_whole(&d, what);
	o->moments[o->nmoments] =
	    (struct oracle_moment){.what = what, .epoch = open, .present = d.out};
	for (int64_t e = o->nepochs + 1; e < open; e++) {
		CHECK(e < 128);
		dump_epoch(&d, v, e);
		must_be_whole(&d, what);
		o->epochs[e] = d.out;
		o->nepochs = e;
	}
	return o->nmoments++;
}

/* Which moment is it? The number in @ret is of use unless nothing fits. */
static void judge_present(const struct oracle *o, const struct dump *d, size_t want,
                          struct oracle_answer *ret)
{
	for (size_t i = want + 1; i-- > 0;)
		if (first_difference(d, &o->moments[i].present) == SIZE_MAX) {
			ret->verdict = i == want ? V_RIGHT : V_OLDER;
			ret->moment = i;
			snprintf(ret->why, sizeof(ret->why), "%s", o->moments[i].what);
			error_answer(ret, d, "now");
			return;
		}
	differs(ret, "now", d, &o->moments[want].present,
	        first_difference(d, &o->moments[want].present));
	if (d->error)
		snprintf(ret->why + strlen(ret->why), sizeof(ret->why) - strlen(ret->why), ", %s",
		         err_name(d->error));
}

static void judge_epoch(const struct oracle *o, struct volume *v, int64_t e,
                        struct oracle_answer *ret)
{
	struct dump d;
	char what[32];
	size_t at;

	snprintf(what, sizeof(what), "epoch %" PRId64, e);
	dump_epoch(&d, v, e);
	at = first_difference(&d, &o->epochs[e]);
	if (at != SIZE_MAX)
		differs(ret, what, &d, &o->epochs[e], at);
	else
		error_answer(ret, &d, what);
	buf_done(&d.out);
}

void oracle_judge(const struct oracle *o, struct volume *v, size_t want, bool later,
                  struct oracle_answer *ret)
{
	struct dump d;
	int64_t open = 0, until;

	memset(ret, 0, sizeof(*ret));
	dump_present(&d, v, &open);
	judge_present(o, &d, want, ret);
	buf_done(&d.out);
	if (ret->verdict == V_WRONG || open == 0)
		return;
	until = o->moments[ret->moment].epoch;
	if (open < until || (open > until && !later && !(ret->verdict & V_NAMED))) {
		ret->verdict = V_WRONG;
		snprintf(ret->why, sizeof(ret->why), "epoch %" PRId64 " instead of %" PRId64, open,
		         until);
	}
	for (int64_t e = 1; e < until && ret->verdict != V_WRONG; e++)
		judge_epoch(o, v, e, ret);
}
