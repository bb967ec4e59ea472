/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Each request draws one number for every kind of fault, whether that fault is on or off, so that
 * changing one chance does not move the others and a run can be repeated from its seed when
 * requests come in the same order.
 *
 * Stale listings: the names put since the last listing are remembered (up to a bound; what is
 * beyond is seen), and a listing that draws the fault leaves them out. Any listing ends their being
 * new.
 */
#include "backend/fault.h"

#include "util/clock.h"
#include "util/err.h"
#include "util/lock.h"

#include <stdlib.h>
#include <string.h>

#define RECENT_MAX 4096

struct fault {
	struct blob base;
	struct blob *inner;
	struct lock lock;
	struct cond wake;
	bool canceled;
	struct fault_config config;
	uint64_t state;
	char **recent;
	size_t recent_count;
};

/* What one request meets, decided when it begins. */
struct weather {
	bool fail;
	bool lost_reply;
	bool truncate;
	bool corrupt;
	bool stale_list;
	uint64_t place; /* where to cut or to flip */
};

static struct fault *fault_of(struct blob *b)
{
	return (struct fault *)b;
}

/* splitmix64 (Steele, Lea, Flood 2014) */
static uint64_t next(struct fault *f)
{
	uint64_t z = f->state += 0x9e3779b97f4a7c15u;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

static bool draw(struct fault *f, unsigned chance)
{
	return next(f) % 1000 < chance;
}

static void wait_ms(struct fault *f, unsigned ms)
{
	const struct clock *clock = clock_system();
	int64_t end_ns = clock_mono_ns(clock) + (int64_t)ms * 1000000;
	int64_t left_ns;

	while (!f->canceled && (left_ns = end_ns - clock_mono_ns(clock)) > 0)
		cond_wait_ms(&f->wake, &f->lock, left_ns / 1000000 + 1);
}

/* Draw for one request, and pass the time it is delayed by. */
static int begin(struct fault *f, const char *what, struct weather *ret)
{
	bool canceled;

	lock_take(&f->lock);
	*ret = (struct weather){
	    .fail = draw(f, f->config.fail),
	    .lost_reply = draw(f, f->config.lost_reply),
	    .truncate = draw(f, f->config.truncate),
	    .corrupt = draw(f, f->config.corrupt),
	    .stale_list = draw(f, f->config.stale_list),
	};
	ret->place = next(f);
	if (draw(f, f->config.delay))
		wait_ms(f, f->config.delay_ms);
	if (f->config.down)
		ret->fail = true;
	canceled = f->canceled;
	lock_drop(&f->lock);
	if (canceled)
		return ERR_CANCELED;
	return ret->fail ? err_note(ERR_UNAVAILABLE, "%s: injected failure", what) : 0;
}

static int end(const struct weather *w, const char *what, int r)
{
	return w->lost_reply && r != ERR_CANCELED
	           ? err_note(ERR_UNAVAILABLE, "%s: injected lost reply", what)
	           : r;
}

static void remember(struct fault *f, const char *name)
{
	char *copy = NULL;

	lock_take(&f->lock);
	if (f->config.stale_list > 0 && f->recent_count < RECENT_MAX) {
		if (!f->recent)
			f->recent = calloc(RECENT_MAX, sizeof(*f->recent));
		copy = f->recent ? strdup(name) : NULL;
		if (copy)
			f->recent[f->recent_count++] = copy;
	}
	lock_drop(&f->lock);
}

static int fault_put(struct blob *b, const char *name, const void *data, size_t len)
{
	struct fault *f = fault_of(b);
	struct weather w;
	int r = begin(f, name, &w);

	if (r)
		return r;
	r = f->inner->ops->put(f->inner, name, data, len);
	if (r == 0)
		remember(f, name);
	return end(&w, name, r);
}

static int fault_put_new(struct blob *b, const char *name, const void *data, size_t len)
{
	struct fault *f = fault_of(b);
	struct weather w;
	int r = begin(f, name, &w);

	if (r)
		return r;
	r = f->inner->ops->put_new(f->inner, name, data, len);
	if (r == 0)
		remember(f, name);
	return end(&w, name, r);
}

static int fault_get(struct blob *b, const char *name, uint64_t off, size_t len, struct buf *out)
{
	struct fault *f = fault_of(b);
	size_t before = out->len;
	struct weather w;
	size_t got;
	int r = begin(f, name, &w);

	if (r)
		return r;
	r = f->inner->ops->get(f->inner, name, off, len, out);
	got = out->len - before;
	if (r == 0 && w.truncate && got > 0) {
		got = (size_t)(w.place % got);
		out->len = before + got;
	}
	if (r == 0 && w.corrupt && got > 0)
		out->data[before + (w.place >> 3) % got] ^= (uint8_t)(1u << (w.place & 7));
	return end(&w, name, r);
}

struct listing {
	char **hidden;
	size_t hidden_count;
	blob_list_fn fn;
	void *ctx;
};

static int list_seen(void *ctx, const struct blob_info *info)
{
	struct listing *l = ctx;

	for (size_t i = 0; i < l->hidden_count; i++)
		if (strcmp(l->hidden[i], info->name) == 0)
			return 0;
	return l->fn(l->ctx, info);
}

static void free_names(char **names, size_t count)
{
	for (size_t i = 0; i < count; i++)
		free(names[i]);
	free(names);
}

static int fault_list(struct blob *b, const char *prefix, const char *after, blob_list_fn fn,
                      void *ctx)
{
	struct fault *f = fault_of(b);
	struct listing l = {.fn = fn, .ctx = ctx};
	char **recent;
	size_t recent_count;
	struct weather w;
	int r = begin(f, prefix, &w);

	if (r)
		return r;
	lock_take(&f->lock);
	recent = f->recent;
	recent_count = f->recent_count;
	f->recent = NULL;
	f->recent_count = 0;
	lock_drop(&f->lock);
	if (w.stale_list) {
		l.hidden = recent;
		l.hidden_count = recent_count;
	}
	r = f->inner->ops->list(f->inner, prefix, after, list_seen, &l);
	free_names(recent, recent_count);
	/* a callback that stopped the listing has its answer already */
	return r > 0 ? r : end(&w, prefix, r);
}

static int fault_remove(struct blob *b, const char *name)
{
	struct fault *f = fault_of(b);
	struct weather w;
	int r = begin(f, name, &w);

	if (r)
		return r;
	return end(&w, name, f->inner->ops->remove(f->inner, name));
}

static void fault_cancel(struct blob *b)
{
	struct fault *f = fault_of(b);

	lock_take(&f->lock);
	f->canceled = true;
	cond_wake_all(&f->wake);
	lock_drop(&f->lock);
	blob_cancel(f->inner);
}

static void fault_free(struct blob *b)
{
	struct fault *f = fault_of(b);

	blob_free(f->inner);
	free_names(f->recent, f->recent_count);
	cond_done(&f->wake);
	lock_done(&f->lock);
	free(f);
}

static const struct blob_ops fault_ops = {
    .put = fault_put,
    .put_new = fault_put_new,
    .get = fault_get,
    .list = fault_list,
    .remove = fault_remove,
    .cancel = fault_cancel,
    .free = fault_free,
};

struct blob *fault_new(struct blob *inner, const struct fault_config *config)
{
	struct fault *f = calloc(1, sizeof(*f));

	if (!f)
		return NULL;
	f->base.ops = &fault_ops;
	f->inner = inner;
	f->config = *config;
	f->state = config->seed;
	lock_init(&f->lock, LOCK_BACKEND);
	cond_init(&f->wake);
	return &f->base;
}

void fault_configure(struct blob *fault, const struct fault_config *config)
{
	struct fault *f = fault_of(fault);

	lock_take(&f->lock);
	f->config = *config;
	lock_drop(&f->lock);
}
