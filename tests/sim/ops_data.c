/* SPDX-License-Identifier: Apache-2.0 */
/* Operations on files: data, attributes, xattrs. */
#include "tests/sim/cover.h"
#include "tests/sim/modelacl.h"
#include "tests/sim/modelops.h"
#include "tests/sim/sim.h"
#include "tests/sim/verify.h"
#include "util/check.h"
#include "util/err.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define FILE_MANY ((uint64_t)700 << 10) /* files rarely grow beyond */

static bool is_file(const struct model_node *n)
{
	return model_is_file(n);
}

static bool is_any(const struct model_node *n)
{
	return n != NULL;
}

static size_t random_len(struct sim *s)
{
	static const uint64_t most[] = {16, 600, 4096, 4096, 9000, 20000, 70000, 300 << 10};
	static const unsigned chances[] = {150, 250, 150, 100, 200, 100, 40, 10};
	uint64_t pick = simrng_below(&s->rng, 1000);
	size_t len;
	size_t i = 0;

	while (pick >= chances[i])
		pick -= chances[i++];
	len = (size_t)simrng_below(&s->rng, most[i] + 1);
	return simrng_chance(&s->rng, 250) ? (len + MODEL_PAGE - 1) / MODEL_PAGE * MODEL_PAGE : len;
}

/* Somewhere in the file, at its end, or a little beyond; often on a page. */
static uint64_t random_off(struct sim *s, const struct model_node *n)
{
	uint64_t size = n->size < FILE_MANY ? n->size : FILE_MANY;
	uint64_t off = simrng_below(&s->rng, size + 1);

	if (simrng_chance(&s->rng, 300))
		off = size;
	if (simrng_chance(&s->rng, 100))
		off += simrng_below(&s->rng, 40000);
	return simrng_chance(&s->rng, 400) ? off / MODEL_PAGE * MODEL_PAGE : off;
}

static uint8_t *random_data(struct sim *s, size_t len)
{
	uint8_t *data = malloc(len + 1);
	struct simrng bytes;

	CHECK(data);
	simrng_init(&bytes, simrng_u64(&s->rng));
	if (simrng_chance(&s->rng, 50))
		memset(data, 0, len);
	else
		rng_fill(&bytes.base, data, len);
	return data;
}

void ops_look(struct sim *s, const char *what, uint64_t ino)
{
	const struct model_node *n = model_node(s->now, ino);
	char why[TREE_WHY_BYTES];
	int r = verify_attr(s->v, n, VOLUME_NOW, why);

	if (r == 0 && model_is_file(n) && simrng_chance(&s->rng, 300))
		r = verify_read(s->v, n, VOLUME_NOW, random_off(s, n), random_len(s), why);
	if (r == VERIFY_WRONG)
		sim_fail(s, "%s %" PRIu64 ": %s", what, ino, why);
	world_readable(s, what, r);
}

static void op_write(struct sim *s)
{
	uint64_t ino = ops_inode(s, is_file);
	const struct model_node *n = ino ? model_node(s->now, ino) : NULL;
	struct model_state *after;
	unsigned flags = 0;
	int64_t now = ops_now(s);
	char text[128];
	uint64_t off;
	uint8_t *data;
	size_t len;
	int want, got;
	bool killed;

	if (!ino)
		return;
	len = random_len(s);
	off = random_off(s, n);
	flags |= simrng_chance(&s->rng, 100) ? VOLUME_WRITE_CACHED : 0;
	flags |= simrng_chance(&s->rng, 100) ? VOLUME_WRITE_KILL_PRIV : 0;
	if (n->size < FILE_MANY)
		flags |= simrng_chance(&s->rng, 150) ? VOLUME_WRITE_APPEND : 0;
	data = random_data(s, len);
	after = model_state_ref(s->now);
	want = modelops_write(&after, ino, off, data, len, flags, now);
	got = volume_write(s->v, ino, off, data, len, flags);
	free(data);
	snprintf(text, sizeof(text), "write %" PRIu64 " %zu at %" PRIu64 " flags %u", ino, len, off,
	         flags);
	killed = flags & VOLUME_WRITE_KILL_PRIV && model_node(after, ino)->mode != n->mode;
	if (!world_settle(s, text, got, want, after))
		return;
	cover(COVER_WRITE);
	cover_if(flags & VOLUME_WRITE_CACHED, COVER_WRITE_CACHED);
	cover_if(flags & VOLUME_WRITE_APPEND, COVER_WRITE_APPEND);
	cover_if(killed, COVER_WRITE_KILL_PRIV);
	ops_look(s, "write", ino);
}

static void cover_setattr(const struct model_node *was, const struct model_node *is, unsigned mask)
{
	bool killed = mask & VOLUME_KILL_PRIV && !(mask & VOLUME_SET_MODE) && was->mode != is->mode;

	if (mask & VOLUME_SET_SIZE) {
		cover_if(is->size < was->size, COVER_TRUNCATE_SHORTER);
		cover_if(is->size > was->size, COVER_TRUNCATE_LONGER);
		cover_if(killed, COVER_TRUNCATE_KILL_PRIV);
		return;
	}
	cover_if(mask & VOLUME_SET_MODE, COVER_SET_MODE);
	cover_if(mask & VOLUME_SET_MODE && modelacl_has(is, MODELACL_ACCESS), COVER_SET_MODE_ACL);
	cover_if(mask & VOLUME_SET_UID, COVER_SET_UID);
	cover_if(mask & VOLUME_SET_GID, COVER_SET_GID);
	cover_if(mask & VOLUME_SET_ATIME, COVER_SET_ATIME);
	cover_if(mask & VOLUME_SET_MTIME, COVER_SET_MTIME);
	cover_if(mask & VOLUME_SET_CTIME, COVER_SET_CTIME);
	cover_if(killed, COVER_SET_KILL_PRIV);
}

void ops_setattr(struct sim *s, const char *what, uint64_t ino, unsigned mask,
                 const struct volume_attr *attr)
{
	struct model_state *before = model_state_ref(s->now);
	struct model_state *after = model_state_ref(s->now);
	struct volume_attr ret;
	int64_t now = ops_now(s);
	char text[128];
	int want = modelops_setattr(&after, ino, mask, attr, now);
	int got = volume_setattr(s->v, ino, mask, attr, &ret);

	snprintf(text, sizeof(text), "%s %" PRIu64 " mask %u size %" PRIu64, what, ino, mask,
	         attr->size);
	if (world_settle(s, text, got, want, after)) {
		cover_setattr(model_node(before, ino), model_node(s->now, ino), mask);
		ops_look(s, what, ino);
	}
	model_state_unref(before);
}

static void op_truncate(struct sim *s)
{
	uint64_t ino = ops_inode(s, is_file);
	struct volume_attr attr = {0};
	unsigned mask = VOLUME_SET_SIZE;

	if (!ino)
		return;
	attr.size = random_off(s, model_node(s->now, ino));
	if (simrng_chance(&s->rng, 100))
		attr.size = 0;
	if (simrng_chance(&s->rng, 20))
		attr.size = simrng_u64(&s->rng) >> (1 + simrng_below(&s->rng, 40));
	if (simrng_chance(&s->rng, 100)) {
		mask |= VOLUME_SET_MTIME;
		attr.mtime_ns = (int64_t)(simrng_u64(&s->rng) >> 4);
	}
	mask |= simrng_chance(&s->rng, 100) ? VOLUME_KILL_PRIV : 0;
	ops_setattr(s, "truncate", ino, mask, &attr);
}

static void op_setattr(struct sim *s)
{
	uint64_t ino = ops_inode(s, is_any);
	unsigned mask =
	    (unsigned)simrng_u64(&s->rng) & (VOLUME_SET_MODE | VOLUME_SET_UID | VOLUME_SET_GID |
	                                     VOLUME_SET_ATIME | VOLUME_SET_MTIME);
	struct volume_attr attr = {
	    .mode = (uint32_t)simrng_below(&s->rng, 010000),
	    .uid = (uint32_t)simrng_below(&s->rng, 100000),
	    .gid = (uint32_t)simrng_below(&s->rng, 100000),
	    .atime_ns = (int64_t)simrng_u64(&s->rng) >> 2,
	    .mtime_ns = (int64_t)simrng_u64(&s->rng) >> 2,
	    .ctime_ns = (int64_t)simrng_u64(&s->rng) >> 2,
	};

	mask |= simrng_chance(&s->rng, 100) ? VOLUME_SET_CTIME : 0;
	if (model_is_symlink(model_node(s->now, ino)))
		mask &= ~(unsigned)VOLUME_SET_MODE;
	if (mask)
		ops_setattr(s, "setattr", ino, mask, &attr);
}

static void op_punch(struct sim *s)
{
	uint64_t ino = ops_inode(s, is_file);
	const struct model_node *n = ino ? model_node(s->now, ino) : NULL;
	struct model_state *after;
	int64_t now = ops_now(s);
	char text[128];
	uint64_t off, len;
	int want, got;

	if (!ino)
		return;
	off = random_off(s, n);
	len = 1 + random_len(s);
	after = model_state_ref(s->now);
	want = modelops_punch(&after, ino, off, len, now);
	got = volume_punch(s->v, ino, off, len);
	snprintf(text, sizeof(text), "punch %" PRIu64 " %" PRIu64 " at %" PRIu64, ino, len, off);
	if (!world_settle(s, text, got, want, after))
		return;
	cover(COVER_PUNCH);
	ops_look(s, "punch", ino);
}

static void copy(struct sim *s, uint64_t src, uint64_t src_off, uint64_t dst, uint64_t dst_off,
                 uint64_t len)
{
	uint64_t room = modelops_copy_room(s->now, src, src_off, len);
	struct model_state *after = NULL;
	int64_t now = ops_now(s);
	uint64_t done = 0;
	char text[160];
	int want, got;

	if (src == dst && src_off < dst_off + len && dst_off < src_off + len)
		return;
	got = volume_copy(s->v, src, src_off, dst, dst_off, len, &done);
	if (got == 0 && (done > room || (done == 0) != (room == 0)))
		sim_fail(s, "copy: %" PRIu64 " of %" PRIu64 " bytes", done, room);
	after = model_state_ref(s->now);
	want = modelops_copy(&after, src, src_off, dst, dst_off, got == 0 ? done : room, now);
	snprintf(text, sizeof(text),
	         "copy %" PRIu64 " at %" PRIu64 " to %" PRIu64 " at %" PRIu64 ", %" PRIu64
	         " of %" PRIu64,
	         src, src_off, dst, dst_off, done, len);
	if (!world_settle(s, text, got, want, after))
		return;
	cover_if(done > 0, src == dst ? COVER_COPY_WITHIN : COVER_COPY);
	ops_look(s, "copy", dst);
}

static void op_copy(struct sim *s)
{
	uint64_t src = ops_inode(s, is_file);
	uint64_t dst = ops_inode(s, is_file);
	uint64_t src_off, dst_off, len;

	if (!src)
		return;
	len = 1 + random_len(s);
	src_off = random_off(s, model_node(s->now, src));
	dst_off = random_off(s, model_node(s->now, dst));
	if (simrng_chance(&s->rng, 500)) {
		src_off -= src_off % MODEL_PAGE;
		dst_off -= dst_off % MODEL_PAGE;
		src_off += dst_off % MODEL_PAGE;
	}
	copy(s, src, src_off, dst, dst_off, len);
}

/* Rather the beginning of a file to some place behind it. */
static void op_copy_within(struct sim *s)
{
	uint64_t ino = ops_inode(s, is_file);
	uint64_t len, from, to;

	if (!ino)
		return;
	len = 1 + random_len(s);
	from = simrng_below(&s->rng, 3) * MODEL_PAGE;
	to = random_off(s, model_node(s->now, ino));
	if (simrng_chance(&s->rng, 500))
		to = from + (len + MODEL_PAGE - 1) / MODEL_PAGE * MODEL_PAGE;
	if (to + len < FILE_MANY)
		copy(s, ino, from, ino, to, len);
}

static const char *random_xattr(struct sim *s)
{
	static const char *const names[] = {"user.a", "user.b", "user.long-name", "trusted.t",
	                                    "security.selinux"};
	const char *name = names[simrng_below(&s->rng, 5)];

	return model_intern(name, strlen(name));
}

static void op_setxattr(struct sim *s)
{
	static const unsigned some_flags[] = {0, 0, 0, VOLUME_XATTR_CREATE, VOLUME_XATTR_REPLACE};
	uint64_t ino = ops_inode(s, is_any);
	const char *name = random_xattr(s);
	unsigned flags = some_flags[simrng_below(&s->rng, 5)];
	size_t len = simrng_below(&s->rng, simrng_chance(&s->rng, 50) ? 20000 : 100);
	uint8_t *value = random_data(s, len);
	struct model_state *after = model_state_ref(s->now);
	int64_t now = ops_now(s);
	char text[128];
	int want = modelops_setxattr(&after, ino, name, value, len, flags, now);
	int got = volume_setxattr(s->v, ino, name, value, len, flags);

	free(value);
	snprintf(text, sizeof(text), "setxattr %" PRIu64 " %s %zu flags %u", ino, name, len, flags);
	if (!world_settle(s, text, got, want, after))
		return;
	cover(flags & VOLUME_XATTR_CREATE    ? COVER_XATTR_CREATE
	      : flags & VOLUME_XATTR_REPLACE ? COVER_XATTR_REPLACE
	                                     : COVER_XATTR_SET);
	ops_look(s, "setxattr", ino);
}

static void op_removexattr(struct sim *s)
{
	uint64_t ino = ops_inode(s, is_any);
	const char *name = random_xattr(s);
	struct model_state *after = model_state_ref(s->now);
	int64_t now = ops_now(s);
	char text[128];
	int want = modelops_removexattr(&after, ino, name, now);
	int got = volume_removexattr(s->v, ino, name);

	snprintf(text, sizeof(text), "removexattr %" PRIu64 " %s", ino, name);
	if (!world_settle(s, text, got, want, after))
		return;
	cover(COVER_XATTR_REMOVE);
	ops_look(s, "removexattr", ino);
}

static void op_read(struct sim *s)
{
	uint64_t ino = ops_inode(s, is_file);
	const struct model_node *n = ino ? model_node(s->now, ino) : NULL;
	char why[TREE_WHY_BYTES];
	uint64_t off;
	int r;

	if (!ino)
		return;
	off = random_off(s, n);
	r = verify_read(s->v, n, VOLUME_NOW, off, random_len(s), why);
	if (r == VERIFY_WRONG)
		sim_fail(s, "read %" PRIu64 " at %" PRIu64 ": %s", ino, off, why);
	cover_if(world_readable(s, "read", r), COVER_READ);
}

static void synced(void *ctx, int result)
{
	*(int *)ctx = result;
}

/* Alone, so the answer comes before the call returns. */
static int fsync_then(struct sim *s)
{
	int r = 1;

	volume_fsync_then(s->v, synced, &r);
	if (r > 0)
		sim_fail(s, "fsync: there is no answer");
	cover_if(r == 0, COVER_FSYNC_THEN);
	return r;
}

static void op_fsync(struct sim *s)
{
	bool then = s->profile > 1 && simrng_chance(&s->rng, 300);
	int r = then ? fsync_then(s) : volume_fsync(s->v);

	if (!world_settle(s, "fsync", r, 0, model_state_ref(s->now)))
		return;
	history_durable(&s->history, history_newest(&s->history));
	cover(COVER_FSYNC);
}

const struct ops_action ops_data_actions[] = {
    {"write", {220, 220}, op_write},
    {"truncate", {30, 30}, op_truncate},
    {"setattr", {40, 40}, op_setattr},
    {"punch", {20, 20}, op_punch},
    {"copy", {30, 26}, op_copy},
    {"copy within", {0, 8}, op_copy_within},
    {"setxattr", {30, 30}, op_setxattr},
    {"removexattr", {12, 12}, op_removexattr},
    {"read", {60, 60}, op_read},
    {"fsync", {50, 50}, op_fsync},
    {NULL, {0, 0}, NULL},
};
