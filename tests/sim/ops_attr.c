/* SPDX-License-Identifier: Apache-2.0 */
/* ACLs, and each attribute on its own. */
#include "tests/sim/cover.h"
#include "tests/sim/modelacl.h"
#include "tests/sim/modelops.h"
#include "tests/sim/sim.h"
#include "util/err.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static bool is_folder(const struct model_node *n)
{
	return model_is_dir(n);
}

static bool has_mode(const struct model_node *n)
{
	return !model_is_symlink(n);
}

static bool has_access_acl(const struct model_node *n)
{
	return modelacl_has(n, MODELACL_ACCESS);
}

static bool has_acl(const struct model_node *n)
{
	return has_access_acl(n) || modelacl_has(n, MODELACL_DEFAULT);
}

static bool has_suid(const struct model_node *n)
{
	return !model_is_dir(n) && n->mode & (S_ISUID | S_ISGID);
}

/* Often one that is only a mode, sometimes with named users and groups; sometimes none at all. */
static size_t random_acl(struct sim *s, uint8_t *out)
{
	struct modelacl_entry e[MODELACL_ENTRIES_MAX];
	size_t n = 0;
	unsigned users = simrng_chance(&s->rng, 600) ? (unsigned)simrng_below(&s->rng, 3) : 0;
	unsigned groups = simrng_chance(&s->rng, 400) ? (unsigned)simrng_below(&s->rng, 3) : 0;
	bool mask = users || groups || simrng_chance(&s->rng, 200);

	e[n++].tag = MODELACL_OWNER;
	for (unsigned i = 0; i < users; i++)
		e[n++].tag = MODELACL_USER;
	e[n++].tag = MODELACL_GROUP;
	for (unsigned i = 0; i < groups; i++)
		e[n++].tag = MODELACL_NAMED_GROUP;
	if (mask)
		e[n++].tag = MODELACL_MASK;
	e[n++].tag = MODELACL_OTHER;
	for (size_t i = 0; i < n; i++) {
		bool named = e[i].tag == MODELACL_USER || e[i].tag == MODELACL_NAMED_GROUP;

		e[i].perm = (unsigned)simrng_below(&s->rng, 8);
		e[i].id = named ? 1000 + (uint32_t)i : UINT32_MAX;
	}
	if (simrng_chance(&s->rng, 60)) { /* damaged */
		size_t i = simrng_below(&s->rng, n);

		e[i].tag = simrng_chance(&s->rng, 500) ? 64 : MODELACL_OTHER;
		e[i].perm |= (unsigned)simrng_below(&s->rng, 2) << 3;
	}
	return modelacl_bytes(e, n, out) - (simrng_chance(&s->rng, 20) ? 1 : 0);
}

static void op_set_acl(struct sim *s)
{
	static const unsigned some_flags[] = {
	    0, 0, 0, 0, VOLUME_XATTR_CREATE, VOLUME_XATTR_REPLACE};
	uint8_t value[4 + 8 * MODELACL_ENTRIES_MAX];
	bool access = simrng_chance(&s->rng, 500);
	const char *name = access ? MODELACL_ACCESS : MODELACL_DEFAULT;
	uint64_t ino = ops_inode(s, access ? has_mode : is_folder);
	unsigned flags = some_flags[simrng_below(&s->rng, 6)];
	size_t len = random_acl(s, value);
	struct model_state *after = model_state_ref(s->now);
	int64_t now = ops_now(s);
	char text[128];
	int want, got;

	name = model_intern(name, strlen(name));
	want = modelops_setxattr(&after, ino, name, value, len, flags, now);
	got = volume_setxattr(s->v, ino, name, value, len, flags);
	snprintf(text, sizeof(text), "setxattr %" PRIu64 " %s %zu flags %u", ino, name, len, flags);
	cover_if(want == ERR_INVAL && got == want, COVER_ACL_INVALID);
	if (!world_settle(s, text, got, want, after))
		return;
	cover(access ? COVER_ACL_ACCESS : COVER_ACL_DEFAULT);
	ops_look(s, "setxattr", ino);
}

static void op_remove_acl(struct sim *s)
{
	uint64_t ino = ops_inode(s, has_acl);
	struct model_state *after;
	const char *name;
	int64_t now = ops_now(s);
	char text[128];
	int want, got;

	if (!ino)
		return;
	name = has_access_acl(model_node(s->now, ino)) ? MODELACL_ACCESS : MODELACL_DEFAULT;
	name = model_intern(name, strlen(name));
	after = model_state_ref(s->now);
	want = modelops_removexattr(&after, ino, name, now);
	got = volume_removexattr(s->v, ino, name);
	snprintf(text, sizeof(text), "removexattr %" PRIu64 " %s", ino, name);
	if (!world_settle(s, text, got, want, after))
		return;
	cover(COVER_ACL_REMOVE);
	ops_look(s, "removexattr", ino);
}

/* What chmod, chown, utimens and the kernel's write-back ask for: one bit of the mask, or two. */
static void op_set_one(struct sim *s)
{
	static const unsigned masks[] = {
	    VOLUME_SET_MODE,
	    VOLUME_SET_MODE,
	    VOLUME_SET_UID,
	    VOLUME_SET_GID,
	    VOLUME_SET_UID | VOLUME_SET_GID | VOLUME_KILL_PRIV,
	    VOLUME_SET_ATIME,
	    VOLUME_SET_MTIME | VOLUME_SET_CTIME,
	    VOLUME_SET_CTIME,
	    VOLUME_KILL_PRIV,
	    VOLUME_KILL_PRIV | VOLUME_SET_MODE,
	};
	unsigned mask = masks[simrng_below(&s->rng, sizeof(masks) / sizeof(masks[0]))];
	struct volume_attr attr = {
	    .mode = (uint32_t)simrng_below(&s->rng, 010000),
	    .uid = (uint32_t)simrng_below(&s->rng, 100000),
	    .gid = (uint32_t)simrng_below(&s->rng, 100000),
	    .atime_ns = (int64_t)simrng_u64(&s->rng) >> 2,
	    .mtime_ns = (int64_t)simrng_u64(&s->rng) >> 2,
	    .ctime_ns = (int64_t)simrng_u64(&s->rng) >> 2,
	};
	uint64_t ino = 0;

	if (mask & VOLUME_KILL_PRIV)
		ino = ops_inode(s, has_suid);
	else if (mask == VOLUME_SET_MODE && simrng_chance(&s->rng, 500))
		ino = ops_inode(s, has_access_acl);
	if (!ino)
		ino = ops_inode(s, has_mode);
	ops_setattr(s, "setattr", ino, mask, &attr);
}

const struct ops_action ops_attr_actions[] = {
    {"set acl", {0, 18}, op_set_acl},
    {"remove acl", {0, 3}, op_remove_acl},
    {"set one attribute", {0, 24}, op_set_one},
    {NULL, {0, 0}, NULL},
};
