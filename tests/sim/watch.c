/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/watch.h"

#include "backend/mem.h"
#include "crypto/keyring.h"
#include "crypto/object.h"
#include "tests/lib/testvol.h"
#include "util/check.h"
#include "util/err.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define LEASE_NAME "lease"
#define LEASE_MACHINE_AT 2 /* after its version */
#define LEASE_MACHINE_BYTES 16

struct watched {
	const char *name; /* interned */
	unsigned machine; /* who put it last */
	uint64_t tip;     /* of the log, then */
	bool acknowledged;
	bool loose; /* the move of its file, after that, may have been lost */
};

struct watch {
	struct blob *mem;
	struct keyring *keyring;
	struct object_keys *keys;
	struct watched *objects;
	size_t n;
	size_t room;
	uint64_t tip;
	uint64_t packs;
	uint64_t base[WATCH_MACHINES];
	bool leased;
	unsigned lease_machine;
	int64_t lease_wall_ns;
};

struct watcher {
	struct blob base;
	struct blob *inner;
	struct watch *w;
	struct sim *s;
	bool replies; /* the one that sees what the machine is told */
};

static struct watcher *watcher_of(struct blob *b)
{
	return (struct watcher *)b;
}

static struct watched *object_of(struct watch *w, const char *name)
{
	const char *interned = model_intern(name, strlen(name));

	for (size_t i = w->n; i-- > 0;)
		if (w->objects[i].name == interned)
			return &w->objects[i];
	if (w->n == w->room) {
		w->room = w->room ? w->room * 2 : 64;
		w->objects = realloc(w->objects, w->room * sizeof(*w->objects));
		CHECK(w->objects);
	}
	memset(&w->objects[w->n], 0, sizeof(*w->objects));
	w->objects[w->n].name = interned;
	return &w->objects[w->n++];
}

static bool is_pack(const char *name)
{
	return strncmp(name, "packs/", 6) == 0;
}

static uint64_t log_number(const char *name)
{
	return strncmp(name, "log/", 4) == 0 ? strtoull(name + 4, NULL, 16) : 0;
}

/* ---- what happens ---- */

static void happened(struct watcher *b, const char *name)
{
	struct watch *w = b->w;
	struct watched *o = object_of(w, name);
	uint64_t seq = log_number(name);
	unsigned m = b->s->machine;

	if (seq && seq != w->tip + 1)
		sim_fail(b->s, "%s was stored after log object %" PRIu64, name, w->tip);
	if (seq)
		w->tip = seq;
	if (seq && seq == w->base[m] + 1)
		w->base[m] = seq;
	w->packs += is_pack(name);
	o->machine = m;
	o->tip = w->tip;
	if (strcmp(name, LEASE_NAME) == 0) {
		w->leased = true;
		w->lease_machine = m;
		w->lease_wall_ns = b->s->clock.wall_ns;
	}
}

/* ---- what the machine is told ---- */

static void before_pack(struct watcher *b, const char *name)
{
	struct watched *o = object_of(b->w, name);

	if (o->acknowledged && !o->loose && !b->s->disk_fault)
		sim_fail(b->s, "%s is put again, and the store had said that it has it", name);
}

static void after_pack(struct watcher *b, const char *name, int r)
{
	struct watched *o = object_of(b->w, name);

	/* what is there is looked at, and with bad weather once more */
	if (r != 0 && (r != ERR_EXIST || b->s->stormy))
		return;
	o->acknowledged = true;
	o->loose = b->s->disk_fault;
}

/* ---- the store's functions ---- */

static int watch_put_any(struct blob *base, const char *name, const void *data, size_t len,
                         bool only_new)
{
	struct watcher *b = watcher_of(base);
	bool pack = b->replies && is_pack(name);
	int r;

	if (pack)
		before_pack(b, name);
	r = only_new ? blob_put_new(b->inner, name, data, len)
	             : blob_put(b->inner, name, data, len);
	if (pack)
		after_pack(b, name, r);
	if (!b->replies && r == 0)
		happened(b, name);
	return r;
}

static int watch_put(struct blob *base, const char *name, const void *data, size_t len)
{
	if (is_pack(name) || log_number(name))
		sim_fail(watcher_of(base)->s, "%s is put without asking whether it is there", name);
	return watch_put_any(base, name, data, len, false);
}

static int watch_put_new(struct blob *base, const char *name, const void *data, size_t len)
{
	return watch_put_any(base, name, data, len, true);
}

/* The lease with the name of the machine that signed it. */
static int get_lease(struct watcher *b, struct buf *out)
{
	struct watch *w = b->w;
	struct buf sealed, content;
	int r;

	buf_init(&sealed, BLOB_MAX_BYTES);
	buf_init(&content, BLOB_MAX_BYTES);
	r = blob_get(b->inner, LEASE_NAME, 0, SIZE_MAX, &sealed);
	if (r == 0)
		r = object_open(w->keys, OBJECT_LEASE, LEASE_NAME, sealed.data, sealed.len,
		                &content);
	if (r == 0) {
		CHECK(content.len >= LEASE_MACHINE_AT + LEASE_MACHINE_BYTES);
		memset(content.data + LEASE_MACHINE_AT, (int)w->lease_machine + 1,
		       LEASE_MACHINE_BYTES);
		r = object_seal(w->keys, OBJECT_LEASE, LEASE_NAME, content.data, content.len, out);
	}
	buf_done(&sealed);
	buf_done(&content);
	return r;
}

static int watch_get(struct blob *base, const char *name, uint64_t off, size_t len, struct buf *out)
{
	struct watcher *b = watcher_of(base);

	if (!b->replies && strcmp(name, LEASE_NAME) == 0 && b->w->leased &&
	    b->w->lease_machine != b->s->machine)
		return get_lease(b, out);
	return blob_get(b->inner, name, off, len, out);
}

static int watch_list(struct blob *base, const char *prefix, const char *after, blob_list_fn fn,
                      void *ctx)
{
	return blob_list(watcher_of(base)->inner, prefix, after, fn, ctx);
}

static int watch_remove(struct blob *base, const char *name)
{
	struct watcher *b = watcher_of(base);
	int r;

	if (log_number(name) || is_pack(name))
		sim_fail(b->s, "%s is removed", name);
	r = blob_remove(b->inner, name);
	if (!b->replies && r == 0 && strcmp(name, LEASE_NAME) == 0)
		b->w->leased = false;
	return r;
}

static void watch_cancel(struct blob *base)
{
	blob_cancel(watcher_of(base)->inner);
}

static void watch_done(struct blob *base)
{
	blob_free(watcher_of(base)->inner);
	free(base);
}

static struct blob *watcher_new(struct watch *w, struct sim *s, struct blob *inner, bool replies)
{
	static const struct blob_ops ops = {
	    .put = watch_put,
	    .put_new = watch_put_new,
	    .get = watch_get,
	    .list = watch_list,
	    .remove = watch_remove,
	    .cancel = watch_cancel,
	    .free = watch_done,
	};
	struct watcher *b = calloc(1, sizeof(*b));

	CHECK(b && inner);
	b->base.ops = &ops;
	b->inner = inner;
	b->w = w;
	b->s = s;
	b->replies = replies;
	return &b->base;
}

struct blob *watch_connect(struct watch *w, struct sim *s, const struct fault_config *weather,
                           struct blob **ret_fault)
{
	*ret_fault = fault_new(watcher_new(w, s, mem_share(w->mem), false), weather);
	return watcher_new(w, s, *ret_fault, true);
}

/* ---- questions ---- */

struct watch *watch_new(struct sim *s, struct blob *mem)
{
	struct watch *w = calloc(1, sizeof(*w));
	int r;

	CHECK(w);
	w->mem = mem;
	r = volume_keyring_fetch(mem, &w->keyring);
	if (r == 0)
		r = volume_keyring_unlock(w->keyring, VOLUME_SECRET_PASSPHRASE, TESTVOL_PASSPHRASE,
		                          strlen(TESTVOL_PASSPHRASE));
	if (r == 0)
		r = object_keys_new(keyring_log_key(w->keyring), keyring_volume_id(w->keyring),
		                    &w->keys);
	if (r != 0)
		sim_fail(s, "the keys of the watch: %s", err_name(r));
	return w;
}

void watch_free(struct watch *w)
{
	object_keys_free(w->keys);
	volume_keyring_free(w->keyring);
	free(w->objects);
	free(w);
}

uint64_t watch_tip(const struct watch *w)
{
	return w->tip;
}

uint64_t watch_base(const struct watch *w, unsigned machine)
{
	return w->base[machine];
}

void watch_caught_up(struct watch *w, unsigned machine)
{
	w->base[machine] = w->tip;
}

void watch_power_cut(struct watch *w, unsigned machine)
{
	for (size_t i = 0; i < w->n; i++)
		w->objects[i].loose = w->objects[i].loose || w->objects[i].machine == machine;
}

uint64_t watch_packs(const struct watch *w)
{
	return w->packs;
}

bool watch_lease(const struct watch *w, unsigned *ret_machine, int64_t *ret_wall_ns)
{
	*ret_machine = w->lease_machine;
	*ret_wall_ns = w->lease_wall_ns;
	return w->leased;
}

/* ---- a store of one machine alone ---- */

struct copying {
	struct watch *w;
	struct blob *to;
	unsigned machine;
};

static int copy_object(void *ctx, const struct blob_info *info)
{
	struct copying *c = ctx;
	const struct watched *o = object_of(c->w, info->name);
	uint64_t base = c->w->base[c->machine];
	struct buf data;
	int r;

	if (log_number(info->name) > base || strcmp(info->name, LEASE_NAME) == 0)
		return 0;
	if (strncmp(info->name, "checkpoints/", 12) == 0 && o->machine != c->machine &&
	    o->tip > base)
		return 0;
	buf_init(&data, BLOB_MAX_BYTES);
	r = blob_get(c->w->mem, info->name, 0, SIZE_MAX, &data);
	if (r == 0)
		r = blob_put_new(c->to, info->name, data.data, data.len);
	buf_done(&data);
	return r;
}

struct blob *watch_without_others(const struct watch *w, unsigned machine)
{
	struct copying c = {(struct watch *)(uintptr_t)w, mem_new(), machine};

	CHECK(c.to && blob_list(w->mem, "", NULL, copy_object, &c) == 0);
	return c.to;
}
