/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every request passes begin(), where it is counted and learns what it meets. Faults that come
 * before the request (fail, denied, missing) answer there; the others change what the store behind
 * answered.
 *
 * Old bytes are those of the last version that a put replaced. A stale listing leaves out the names
 * of the last few puts, as a store does that spreads them slowly.
 */
#include "tests/torture/storefault.h"

#include "util/check.h"
#include "util/err.h"

#include <stdlib.h>
#include <string.h>

#define RECENT 4
#define OLD_MAX 16
#define LATE_NS (600 * SIMCLOCK_SECOND)

struct old {
	char *name;
	struct buf bytes;
};

struct storefault {
	struct blob base;
	struct blob *inner;
	struct simclock *clock;
	const struct simdisk *disk;
	uint64_t requests;
	uint8_t *types;
	size_t types_room;
	enum storefault_kind kind;
	uint64_t at;
	bool lasting;
	bool hit;
	char *recent[RECENT];
	size_t nrecent; /* puts so far */
	struct old old[OLD_MAX];
	size_t nold;
};

static struct storefault *of(struct blob *b)
{
	return (struct storefault *)b;
}

/* Count the request; what does it meet? */
static enum storefault_kind begin(struct storefault *f, enum storefault_request type)
{
	if (f->requests == f->types_room) {
		f->types_room = f->types_room ? f->types_room * 2 : 256;
		f->types = realloc(f->types, f->types_room);
		CHECK(f->types);
	}
	f->types[f->requests++] = (uint8_t)type;
	if (f->disk && simdisk_frozen(f->disk))
		return STOREFAULT_FAIL;
	if (f->kind == STOREFAULT_NONE || !storefault_fits(f->kind, type))
		return STOREFAULT_NONE;
	if (f->requests != f->at && !(f->lasting && f->requests > f->at))
		return STOREFAULT_NONE;
	f->hit = true;
	return f->kind;
}

/* The faults that come before the request. */
static int refuse(struct storefault *f, enum storefault_kind kind, const char *name)
{
	if (kind == STOREFAULT_LATE)
		f->clock->mono_ns += LATE_NS;
	switch (kind) {
	case STOREFAULT_FAIL:
		return err_note(ERR_UNAVAILABLE, "%s: simulated failure", name);
	case STOREFAULT_DENIED:
		return err_note(ERR_DENIED, "%s: simulated refusal", name);
	case STOREFAULT_MISSING:
		return err_note(ERR_MISSING, "%s", name);
	default:
		return 0;
	}
}

static int lose(enum storefault_kind kind, const char *name, int r)
{
	return kind == STOREFAULT_LOST ? err_note(ERR_UNAVAILABLE, "%s: simulated lost reply", name)
	                               : r;
}

static void remember_put(struct storefault *f, const char *name)
{
	char **slot = &f->recent[f->nrecent++ % RECENT];

	free(*slot);
	*slot = strdup(name);
	CHECK(*slot);
}

static struct old *find_old(struct storefault *f, const char *name)
{
	for (size_t i = 0; i < f->nold; i++)
		if (strcmp(f->old[i].name, name) == 0)
			return &f->old[i];
	return NULL;
}

/* Keep what @name holds now, before it is replaced. */
static void keep_old(struct storefault *f, const char *name)
{
	struct old *o = find_old(f, name);
	struct buf now;

	buf_init(&now, BLOB_MAX_BYTES);
	if (f->inner->ops->get(f->inner, name, 0, SIZE_MAX, &now) != 0) {
		buf_done(&now);
		return;
	}
	if (!o && f->nold < OLD_MAX) {
		o = &f->old[f->nold++];
		o->name = strdup(name);
		CHECK(o->name);
		buf_init(&o->bytes, BLOB_MAX_BYTES);
	}
	if (o) {
		buf_done(&o->bytes);
		o->bytes = now;
	} else {
		buf_done(&now);
	}
}

static int fault_put(struct blob *b, const char *name, const void *data, size_t len)
{
	struct storefault *f = of(b);
	enum storefault_kind kind = begin(f, STOREFAULT_PUT);
	int r = refuse(f, kind, name);

	if (r != 0)
		return r;
	keep_old(f, name);
	r = f->inner->ops->put(f->inner, name, data, len);
	if (r == 0)
		remember_put(f, name);
	return lose(kind, name, r);
}

static int fault_put_new(struct blob *b, const char *name, const void *data, size_t len)
{
	struct storefault *f = of(b);
	enum storefault_kind kind = begin(f, STOREFAULT_PUT);
	int r = refuse(f, kind, name);

	if (r != 0)
		return r;
	r = f->inner->ops->put_new(f->inner, name, data, len);
	if (r == 0)
		remember_put(f, name);
	return lose(kind, name, r);
}

static int get_old(const struct old *o, uint64_t off, size_t len, struct buf *out)
{
	size_t left;

	if (off >= o->bytes.len)
		return 0;
	left = o->bytes.len - (size_t)off;
	buf_add(out, o->bytes.data + off, len < left ? len : left);
	return buf_error(out);
}

static int fault_get(struct blob *b, const char *name, uint64_t off, size_t len, struct buf *out)
{
	struct storefault *f = of(b);
	enum storefault_kind kind = begin(f, STOREFAULT_GET);
	size_t before = out->len, got;
	int r = refuse(f, kind, name);

	if (r != 0)
		return r;
	if (kind == STOREFAULT_OLD && find_old(f, name))
		return get_old(find_old(f, name), off, len, out);
	r = f->inner->ops->get(f->inner, name, off, len, out);
	if (r == 0 && kind == STOREFAULT_LOST)
		out->len = before;
	got = out->len - before;
	if (r == 0 && kind == STOREFAULT_TRUNCATE)
		out->len = before + got / 2;
	if (r == 0 && kind == STOREFAULT_FLIP && got > 0)
		out->data[before + (size_t)(f->requests * 2654435761u) % got] ^=
		    (uint8_t)(1u << f->requests % 8);
	return lose(kind, name, r);
}

struct listing {
	struct storefault *f;
	enum storefault_kind kind;
	blob_list_fn fn;
	void *ctx;
};

static int list_one(void *ctx, const struct blob_info *info)
{
	struct listing *l = ctx;

	if (l->kind == STOREFAULT_EMPTY)
		return 0;
	for (size_t i = 0; l->kind == STOREFAULT_STALE && i < RECENT; i++)
		if (l->f->recent[i] && strcmp(l->f->recent[i], info->name) == 0)
			return 0;
	return l->fn(l->ctx, info);
}

static int fault_list(struct blob *b, const char *prefix, const char *after, blob_list_fn fn,
                      void *ctx)
{
	struct storefault *f = of(b);
	struct listing l = {.f = f, .kind = begin(f, STOREFAULT_LIST), .fn = fn, .ctx = ctx};
	int r = refuse(f, l.kind, prefix);

	if (r != 0)
		return r;
	return lose(l.kind, prefix, f->inner->ops->list(f->inner, prefix, after, list_one, &l));
}

static int fault_remove(struct blob *b, const char *name)
{
	struct storefault *f = of(b);
	enum storefault_kind kind = begin(f, STOREFAULT_REMOVE);
	int r = refuse(f, kind, name);

	return r ? r : lose(kind, name, f->inner->ops->remove(f->inner, name));
}

static void fault_cancel(struct blob *b)
{
	blob_cancel(of(b)->inner);
}

static void fault_free(struct blob *b)
{
	struct storefault *f = of(b);

	blob_free(f->inner);
	for (size_t i = 0; i < RECENT; i++)
		free(f->recent[i]);
	for (size_t i = 0; i < f->nold; i++) {
		free(f->old[i].name);
		buf_done(&f->old[i].bytes);
	}
	free(f->types);
	free(f);
}

struct blob *storefault_new(struct blob *inner, struct simclock *clock)
{
	static const struct blob_ops ops = {
	    .put = fault_put,
	    .put_new = fault_put_new,
	    .get = fault_get,
	    .list = fault_list,
	    .remove = fault_remove,
	    .cancel = fault_cancel,
	    .free = fault_free,
	};
	struct storefault *f = calloc(1, sizeof(*f));

	CHECK(f);
	f->base.ops = &ops;
	f->inner = inner;
	f->clock = clock;
	return &f->base;
}

void storefault_follow(struct blob *b, const struct simdisk *disk)
{
	of(b)->disk = disk;
}

uint64_t storefault_requests(const struct blob *b)
{
	return ((const struct storefault *)b)->requests;
}

enum storefault_request storefault_request_was(const struct blob *b, uint64_t n)
{
	const struct storefault *f = (const struct storefault *)b;

	CHECK(n >= 1 && n <= f->requests);
	return (enum storefault_request)f->types[n - 1];
}

void storefault_plan(struct blob *b, enum storefault_kind kind, uint64_t nth, bool lasting)
{
	struct storefault *f = of(b);

	f->kind = kind;
	f->at = f->requests + nth;
	f->lasting = lasting;
	f->hit = false;
}

bool storefault_hit(const struct blob *b)
{
	return ((const struct storefault *)b)->hit;
}

bool storefault_fits(enum storefault_kind kind, enum storefault_request request)
{
	switch (kind) {
	case STOREFAULT_TRUNCATE:
	case STOREFAULT_FLIP:
	case STOREFAULT_OLD:
	case STOREFAULT_MISSING:
		return request == STOREFAULT_GET;
	case STOREFAULT_STALE:
	case STOREFAULT_EMPTY:
		return request == STOREFAULT_LIST;
	default:
		return true;
	}
}

const char *storefault_kind_name(enum storefault_kind kind)
{
	static const char *const names[] = {"none", "fail", "denied",  "lost",  "late", "truncate",
	                                    "flip", "old",  "missing", "stale", "empty"};

	return names[kind];
}

const char *storefault_request_name(enum storefault_request request)
{
	static const char *const names[] = {"put", "get", "list", "remove"};

	return names[request];
}
