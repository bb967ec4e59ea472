/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A table from command to handler. A handler takes its arguments from the call, sends items, and
 * returns a code that becomes the end of the answer, with this thread's note.
 *
 * Callbacks of the volume that hold its lock (readdir, the list of snapshots) only copy; what they
 * collected is sent after. What programs wrote may still be in the kernel's cache, so whatever
 * speaks of the present flushes it first.
 */
#include "cli/requests.h"

#include "cli/control.h"
#include "cli/message.h"
#include "cli/answer.h"
#include "util/codec.h"
#include "util/err.h"
#include "util/log.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define LS_BATCH 256

struct call {
	const struct requests *r;
	int fd;
	const volatile bool *stop;
	struct dec args;
	struct buf out; /* the item that is being made */
};

static void item_begin(struct call *c)
{
	buf_reset(&c->out);
	enc_u8(&c->out, CONTROL_ITEM);
}

static int item_send(struct call *c)
{
	if (*c->stop)
		return err_note(ERR_CANCELED, "the request was given up");
	return message_send(c->fd, &c->out);
}

static int flush_kernel(struct call *c)
{
	return c->r->read_only ? 0 : fs_flush_kernel(c->r->fs);
}

/* All arguments were taken, and no more came. */
static int args_end(const struct call *c)
{
	return dec_end(&c->args) ? err_note(ERR_INVAL, "the request's arguments") : 0;
}

static int handle_status(struct call *c)
{
	struct answer_status w = {.volume = volume_id(c->r->volume),
	                          .store = c->r->store,
	                          .mountpoint = c->r->mountpoint,
	                          .state_path = volume_state_path(c->r->volume),
	                          .read_only = c->r->read_only,
	                          .at = c->r->at};
	int err = args_end(c);

	if (err == 0)
		err = volume_status(c->r->volume, &w.s);
	if (err)
		return err;
	item_begin(c);
	answer_put_status(&c->out, &w);
	return item_send(c);
}

static void send_progress(void *ctx, const char *what, uint64_t done, uint64_t total)
{
	struct call *c = ctx;

	buf_reset(&c->out);
	enc_u8(&c->out, CONTROL_PROGRESS);
	answer_put_text(&c->out, what);
	enc_var(&c->out, done);
	enc_var(&c->out, total);
	/* a peer that is gone is noticed by the server, which then sets *stop */
	message_send(c->fd, &c->out);
}

static int handle_sync(struct call *c)
{
	long long timeout_ms = strtoll(answer_get_text(&c->args), NULL, 10);
	int err = args_end(c);

	if (err == 0)
		err = flush_kernel(c);
	if (err == 0)
		err = volume_sync(c->r->volume, timeout_ms, c->stop, send_progress, c);
	return err;
}

static int handle_snapshot_create(struct call *c)
{
	const char *name = answer_get_text(&c->args);
	int64_t epoch;
	int err = args_end(c);

	if (err == 0)
		err = flush_kernel(c);
	if (err == 0)
		err = volume_snapshot_create(c->r->volume, name, &epoch);
	if (err)
		return err;
	item_begin(c);
	enc_i64(&c->out, epoch);
	return item_send(c);
}

struct snapshots {
	struct buf items; /* text, i64, i64, one after the other */
	size_t count;
};

static int collect_snapshot(void *ctx, const char *name, int64_t epoch, int64_t created_ns)
{
	struct snapshots *s = ctx;

	answer_put_text(&s->items, name);
	enc_i64(&s->items, epoch);
	enc_i64(&s->items, created_ns);
	s->count++;
	return buf_error(&s->items);
}

static int handle_snapshot_list(struct call *c)
{
	struct snapshots s = {.count = 0};
	struct dec d;
	int err = args_end(c);

	buf_init(&s.items, 64u << 20);
	if (err == 0)
		err = volume_snapshot_list(c->r->volume, collect_snapshot, &s);
	dec_init(&d, s.items.data, s.items.len);
	for (size_t i = 0; err == 0 && i < s.count; i++) {
		item_begin(c);
		answer_put_text(&c->out, answer_get_text(&d));
		enc_i64(&c->out, dec_i64(&d));
		enc_i64(&c->out, dec_i64(&d));
		err = item_send(c);
	}
	buf_done(&s.items);
	return err;
}

static int handle_snapshot_delete(struct call *c)
{
	const char *name = answer_get_text(&c->args);
	int err = args_end(c);

	return err ? err : volume_snapshot_delete(c->r->volume, name);
}

static int send_change(void *ctx, const struct volume_change *change)
{
	struct call *c = ctx;

	item_begin(c);
	answer_put_change(&c->out, change);
	return item_send(c);
}

/* A bound of `log`: a time, or the time of a snapshot or an epoch; @none when there is none. */
static int bound(struct call *c, const char *text, int64_t none, int64_t *ret_ns)
{
	int64_t epoch;

	if (!*text) {
		*ret_ns = none;
		return 0;
	}
	if (volume_time_parse(text, volume_now_ns(c->r->volume), ret_ns) == 0)
		return 0;
	return volume_when(c->r->volume, text, &epoch, ret_ns);
}

static int handle_log(struct call *c)
{
	const char *path = answer_get_text(&c->args);
	const char *since = answer_get_text(&c->args), *until = answer_get_text(&c->args);
	int64_t since_ns, until_ns;
	int err = args_end(c);

	if (err == 0)
		err = flush_kernel(c);
	if (err == 0)
		err = bound(c, since, 0, &since_ns);
	if (err == 0)
		err = bound(c, until, INT64_MAX, &until_ns);
	if (err == 0)
		err = volume_log(c->r->volume, path, since_ns, until_ns, send_change, c);
	return err;
}

/* The epoch that TIME @text means; "" and "now" are the present. */
static int epoch_of(struct call *c, const char *text, int64_t *ret)
{
	if (!*text || strcmp(text, "now") == 0) {
		*ret = VOLUME_NOW;
		return flush_kernel(c);
	}
	return volume_when(c->r->volume, text, ret, NULL);
}

static int handle_diff(struct call *c)
{
	const char *from = answer_get_text(&c->args), *to = answer_get_text(&c->args);
	const char *path = answer_get_text(&c->args);
	int64_t from_epoch, to_epoch;
	int err = args_end(c);

	if (err == 0)
		err = epoch_of(c, from, &from_epoch);
	if (err == 0)
		err = epoch_of(c, to, &to_epoch);
	if (err == 0)
		err = volume_diff(c->r->volume, from_epoch, to_epoch, path, send_change, c);
	return err;
}

struct ls_entry {
	char name[VOLUME_NAME_MAX + 1];
	uint64_t cookie;
	struct volume_attr attr;
};

struct ls_batch {
	size_t count;
	struct ls_entry entries[LS_BATCH];
};

static int collect_entry(void *ctx, const char *name, size_t len, uint64_t cookie,
                         const struct volume_attr *attr)
{
	struct ls_batch *b = ctx;
	struct ls_entry *e = &b->entries[b->count];

	if (len > VOLUME_NAME_MAX)
		return ERR_CORRUPT;
	memcpy(e->name, name, len);
	e->name[len] = '\0';
	e->cookie = cookie;
	e->attr = *attr;
	return ++b->count == LS_BATCH;
}

static int send_entry(struct call *c, int64_t at, const char *name, const struct volume_attr *attr)
{
	char target[VOLUME_TARGET_MAX + 1] = "";
	int err = 0;

	if (S_ISLNK(attr->mode))
		err = volume_readlink(c->r->volume, attr->ino, at, target);
	if (err)
		return err;
	item_begin(c);
	answer_put_text(&c->out, name);
	answer_put_attr(&c->out, attr);
	answer_put_text(&c->out, target);
	return item_send(c);
}

static int list_folder(struct call *c, int64_t at, uint64_t ino)
{
	struct ls_batch *b = malloc(sizeof(*b));
	uint64_t after = 0;
	int err = b ? 0 : ERR_NOMEM;

	while (err == 0) {
		b->count = 0;
		err = volume_readdir(c->r->volume, ino, at, after, collect_entry, b);
		for (size_t i = 0; err == 0 && i < b->count; i++)
			err = send_entry(c, at, b->entries[i].name, &b->entries[i].attr);
		if (err || b->count < LS_BATCH)
			break;
		after = b->entries[b->count - 1].cookie;
	}
	free(b);
	return err;
}

static int handle_ls(struct call *c)
{
	const char *when = answer_get_text(&c->args), *path = answer_get_text(&c->args);
	const char *slash = strrchr(path, '/');
	struct volume_attr attr;
	int64_t at;
	int err = args_end(c);

	if (err == 0)
		err = epoch_of(c, when, &at);
	if (err == 0)
		err = volume_resolve(c->r->volume, path, at, &attr);
	if (err)
		return err;
	if (S_ISDIR(attr.mode))
		return list_folder(c, at, attr.ino);
	return send_entry(c, at, slash ? slash + 1 : path, &attr);
}

static int send_data(struct call *c, int64_t at, uint64_t ino)
{
	uint8_t *chunk = malloc(CONTROL_CHUNK_BYTES);
	uint64_t off = 0;
	size_t n = 1;
	int err = chunk ? 0 : ERR_NOMEM;

	while (err == 0) {
		err = volume_read(c->r->volume, ino, at, off, CONTROL_CHUNK_BYTES, chunk, &n);
		if (err || n == 0)
			break;
		item_begin(c);
		enc_blob(&c->out, chunk, n);
		err = item_send(c);
		off += n;
	}
	free(chunk);
	return err;
}

static int handle_cat(struct call *c)
{
	const char *when = answer_get_text(&c->args), *path = answer_get_text(&c->args);
	struct volume_attr attr;
	int64_t at;
	int err = args_end(c);

	if (err == 0)
		err = epoch_of(c, when, &at);
	if (err == 0)
		err = volume_resolve(c->r->volume, path, at, &attr);
	if (err)
		return err;
	if (S_ISDIR(attr.mode))
		return err_note(ERR_ISDIR, "/%s", path);
	if (!S_ISREG(attr.mode))
		return err_note(ERR_INVAL, "/%s is not an ordinary file", path);
	return send_data(c, at, attr.ino);
}

static int send_restore_change(void *ctx, const struct volume_change *change)
{
	struct call *c = ctx;

	item_begin(c);
	enc_u8(&c->out, CONTROL_RESTORE_CHANGE);
	answer_put_change(&c->out, change);
	return item_send(c);
}

static int send_totals(struct call *c, const struct volume_restore_totals *t, int64_t epoch,
                       int64_t time_ns, int64_t undo)
{
	item_begin(c);
	enc_u8(&c->out, CONTROL_RESTORE_TOTALS);
	enc_var(&c->out, t->added);
	enc_var(&c->out, t->changed);
	enc_var(&c->out, t->removed);
	enc_var(&c->out, t->renamed);
	enc_var(&c->out, t->bytes);
	enc_i64(&c->out, epoch);
	enc_i64(&c->out, time_ns);
	enc_i64(&c->out, undo);
	return item_send(c);
}

static int handle_restore(struct call *c)
{
	const char *when = answer_get_text(&c->args);
	bool dry_run = strcmp(answer_get_text(&c->args), "dry") == 0;
	const char **paths = calloc(CONTROL_ARGS_MAX, sizeof(*paths));
	struct volume_restore_totals totals;
	int64_t epoch, time_ns, undo = 0;
	size_t n = 0;
	int err = paths ? 0 : ERR_NOMEM;

	while (err == 0 && dec_left(&c->args) > 0 && n < CONTROL_ARGS_MAX)
		paths[n++] = answer_get_text(&c->args);
	if (err == 0)
		err = args_end(c);
	/* the time first: "now" in words must not move because the flush took long */
	if (err == 0)
		err = volume_when(c->r->volume, when, &epoch, &time_ns);
	if (err == 0)
		err = flush_kernel(c);
	if (err == 0)
		err = volume_restore(c->r->volume, epoch, paths, n, dry_run, send_restore_change, c,
		                     &totals, &undo);
	if (err == 0)
		err = send_totals(c, &totals, epoch, time_ns, undo);
	free(paths);
	return err;
}

static int handle_when(struct call *c)
{
	const char *when = answer_get_text(&c->args);
	int64_t epoch, time_ns;
	int err = args_end(c);

	if (err == 0)
		err = volume_when(c->r->volume, when, &epoch, &time_ns);
	if (err)
		return err;
	item_begin(c);
	enc_i64(&c->out, epoch);
	enc_i64(&c->out, time_ns);
	return item_send(c);
}

static int send_fsck(void *ctx, const struct volume_fsck_result *result)
{
	struct call *c = ctx;

	item_begin(c);
	answer_put_fsck(&c->out, result);
	return item_send(c);
}

static int handle_fsck(struct call *c)
{
	struct volume_fsck_params p = {
	    .stop = c->stop, .progress = send_progress, .result = send_fsck, .ctx = c};
	int err = args_end(c);

	if (err == 0)
		err = flush_kernel(c);
	return err ? err : volume_fsck(c->r->volume, &p);
}

static int (*const handlers[])(struct call *c) = {
    [CONTROL_STATUS] = handle_status,
    [CONTROL_SYNC] = handle_sync,
    [CONTROL_SNAPSHOT_CREATE] = handle_snapshot_create,
    [CONTROL_SNAPSHOT_LIST] = handle_snapshot_list,
    [CONTROL_SNAPSHOT_DELETE] = handle_snapshot_delete,
    [CONTROL_LOG] = handle_log,
    [CONTROL_LS] = handle_ls,
    [CONTROL_CAT] = handle_cat,
    [CONTROL_DIFF] = handle_diff,
    [CONTROL_RESTORE] = handle_restore,
    [CONTROL_WHEN] = handle_when,
    [CONTROL_FSCK] = handle_fsck,
};

void requests_end(int fd, int code)
{
	struct buf b;

	buf_init(&b, CONTROL_MESSAGE_MAX);
	enc_u8(&b, CONTROL_END);
	enc_u32(&b, (uint32_t)code);
	answer_put_text(&b, code ? err_note_text() : "");
	message_send(fd, &b);
	buf_done(&b);
}

void requests_serve(const struct requests *r, int fd, const volatile bool *stop,
                    const struct buf *message)
{
	struct call c = {.r = r, .fd = fd, .stop = stop};
	unsigned version, command;
	int err;

	err_note_clear();
	buf_init(&c.out, CONTROL_MESSAGE_MAX);
	dec_init(&c.args, message->data, message->len);
	version = dec_u8(&c.args);
	command = dec_u8(&c.args);
	if (version != CONTROL_VERSION)
		err = err_note(ERR_VERSION, "the mount speaks protocol %d, the command %u",
		               CONTROL_VERSION, version);
	else if (command >= sizeof(handlers) / sizeof(handlers[0]) || !handlers[command])
		err = err_note(ERR_NOTSUP, "request %u", command);
	else
		err = handlers[command](&c);
	if (err)
		log_info("control", "request-failed command=%u error=%s", command, err_name(err));
	requests_end(fd, err);
	buf_done(&c.out);
}
