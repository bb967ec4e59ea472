/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Objects in a sorted array of pointers: binary search to find, memmove to insert, a plain walk to
 * list. Pointers are small, so this beats trees up to some hundred thousand objects, and its order
 * never depends on addresses or history. Handles share the table and its lock; canceling is a
 * matter of each handle.
 *
 * A listing copies names and sizes under the lock and calls back without it, so the callback may
 * use the store and the listing is of one moment.
 */
#include "backend/mem.h"

#include "util/err.h"
#include "util/lock.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

struct object {
	char *name;
	void *data;
	size_t len;
};

struct table {
	struct lock lock;
	size_t handles;
	struct object **objects;
	size_t count;
	size_t cap;
};

struct mem {
	struct blob base;
	struct table *table;
	atomic_bool canceled;
};

static struct mem *mem_of(struct blob *b)
{
	return (struct mem *)b;
}

static int check_canceled(struct mem *m)
{
	return atomic_load(&m->canceled) ? ERR_CANCELED : 0;
}

static void object_free(struct object *o)
{
	if (!o)
		return;
	free(o->name);
	free(o->data);
	free(o);
}

static struct object *object_new(const char *name, const void *data, size_t len)
{
	struct object *o = calloc(1, sizeof(*o));

	if (!o)
		return NULL;
	o->name = strdup(name);
	o->data = malloc(len ? len : 1);
	if (!o->name || !o->data) {
		object_free(o);
		return NULL;
	}
	if (len)
		memcpy(o->data, data, len);
	o->len = len;
	return o;
}

/* The place of the first object whose name is not below @name. */
static size_t find(const struct table *t, const char *name, bool *ret_found)
{
	size_t low = 0;
	size_t high = t->count;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (strcmp(t->objects[mid]->name, name) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	*ret_found = low < t->count && strcmp(t->objects[low]->name, name) == 0;
	return low;
}

static int insert(struct table *t, size_t at, struct object *o)
{
	if (t->count == t->cap) {
		size_t cap = t->cap ? t->cap * 2 : 64;
		struct object **objects = realloc(t->objects, cap * sizeof(*objects));

		if (!objects)
			return ERR_NOMEM;
		t->objects = objects;
		t->cap = cap;
	}
	memmove(t->objects + at + 1, t->objects + at, (t->count - at) * sizeof(o));
	t->objects[at] = o;
	t->count++;
	return 0;
}

static int store(struct blob *b, const char *name, const void *data, size_t len, bool only_new)
{
	struct mem *m = mem_of(b);
	struct table *t = m->table;
	struct object *drop = NULL;
	struct object *o;
	bool found;
	size_t at;
	int r = check_canceled(m);

	if (r)
		return r;
	o = object_new(name, data, len);
	if (!o)
		return ERR_NOMEM;
	lock_take(&t->lock);
	at = find(t, name, &found);
	if (found && only_new) {
		r = ERR_EXIST;
		drop = o;
	} else if (found) {
		drop = t->objects[at];
		t->objects[at] = o;
	} else {
		r = insert(t, at, o);
		drop = r ? o : NULL;
	}
	lock_drop(&t->lock);
	object_free(drop);
	return r == ERR_EXIST ? err_note(r, "%s", name) : r;
}

static int mem_put(struct blob *b, const char *name, const void *data, size_t len)
{
	return store(b, name, data, len, false);
}

static int mem_put_new(struct blob *b, const char *name, const void *data, size_t len)
{
	return store(b, name, data, len, true);
}

static int mem_get(struct blob *b, const char *name, uint64_t off, size_t len, struct buf *out)
{
	struct mem *m = mem_of(b);
	struct table *t = m->table;
	bool found;
	size_t at;
	int r = check_canceled(m);

	if (r)
		return r;
	lock_take(&t->lock);
	at = find(t, name, &found);
	if (found && off < t->objects[at]->len) {
		const struct object *o = t->objects[at];
		size_t left = o->len - (size_t)off;

		buf_add(out, (const char *)o->data + off, len < left ? len : left);
	}
	lock_drop(&t->lock);
	return found ? buf_error(out) : err_note(ERR_MISSING, "%s", name);
}

/* All that a listing answers, as of now: sizes and names one after the other. */
static int snapshot(struct table *t, const char *prefix, const char *after, struct buf *ret)
{
	size_t prefix_len = strlen(prefix);
	size_t at;
	bool found;

	lock_take(&t->lock);
	at = find(t, after && strcmp(after, prefix) > 0 ? after : prefix, &found);
	for (; at < t->count; at++) {
		const struct object *o = t->objects[at];
		uint64_t size = o->len;

		if (strncmp(o->name, prefix, prefix_len) != 0)
			break;
		if (after && strcmp(o->name, after) <= 0)
			continue;
		buf_add(ret, &size, sizeof(size));
		buf_add(ret, o->name, strlen(o->name) + 1);
	}
	lock_drop(&t->lock);
	return buf_error(ret) ? ERR_NOMEM : 0;
}

static int mem_list(struct blob *b, const char *prefix, const char *after, blob_list_fn fn,
                    void *ctx)
{
	struct mem *m = mem_of(b);
	struct buf names;
	int r = check_canceled(m);

	if (r)
		return r;
	buf_init(&names, SIZE_MAX / 2);
	r = snapshot(m->table, prefix, after, &names);
	for (size_t at = 0; r == 0 && at < names.len;) {
		struct blob_info info;

		memcpy(&info.size_bytes, names.data + at, sizeof(info.size_bytes));
		info.name = (const char *)names.data + at + sizeof(info.size_bytes);
		at += sizeof(info.size_bytes) + strlen(info.name) + 1;
		r = fn(ctx, &info);
	}
	buf_done(&names);
	return r;
}

static int mem_remove(struct blob *b, const char *name)
{
	struct mem *m = mem_of(b);
	struct table *t = m->table;
	struct object *drop = NULL;
	bool found;
	size_t at;
	int r = check_canceled(m);

	if (r)
		return r;
	lock_take(&t->lock);
	at = find(t, name, &found);
	if (found) {
		drop = t->objects[at];
		t->count--;
		memmove(t->objects + at, t->objects + at + 1, (t->count - at) * sizeof(drop));
	}
	lock_drop(&t->lock);
	object_free(drop);
	return 0;
}

static void mem_cancel(struct blob *b)
{
	atomic_store(&mem_of(b)->canceled, true);
}

static void mem_free(struct blob *b)
{
	struct table *t = mem_of(b)->table;
	bool last;

	lock_take(&t->lock);
	last = --t->handles == 0;
	lock_drop(&t->lock);
	free(b);
	if (!last)
		return;
	for (size_t i = 0; i < t->count; i++)
		object_free(t->objects[i]);
	free(t->objects);
	lock_done(&t->lock);
	free(t);
}

static const struct blob_ops mem_ops = {
    .put = mem_put,
    .put_new = mem_put_new,
    .get = mem_get,
    .list = mem_list,
    .remove = mem_remove,
    .cancel = mem_cancel,
    .free = mem_free,
};

static struct blob *handle_new(struct table *t)
{
	struct mem *m = calloc(1, sizeof(*m));

	if (!m)
		return NULL;
	m->base.ops = &mem_ops;
	m->table = t;
	atomic_init(&m->canceled, false);
	lock_take(&t->lock);
	t->handles++;
	lock_drop(&t->lock);
	return &m->base;
}

struct blob *mem_new(void)
{
	struct table *t = calloc(1, sizeof(*t));
	struct blob *b;

	if (!t)
		return NULL;
	lock_init(&t->lock, LOCK_BACKEND);
	b = handle_new(t);
	if (!b) {
		lock_done(&t->lock);
		free(t);
	}
	return b;
}

struct blob *mem_share(struct blob *mem)
{
	return handle_new(mem_of(mem)->table);
}
