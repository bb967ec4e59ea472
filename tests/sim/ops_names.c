/* SPDX-License-Identifier: Apache-2.0 */
/* Operations on names: create, link, unlink, rename and forgetting what lost its last name. */
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
#include <sys/sysmacros.h>

/* The volume's error came before it gave a number: what the crash may have kept needs one all the
 * same. */
#define INO_UNKNOWN (UINT64_C(1) << 62)

static void cover_create(uint32_t mode, const struct model_node *n)
{
	cover(S_ISREG(mode)    ? COVER_CREATE
	      : S_ISDIR(mode)  ? COVER_MKDIR
	      : S_ISLNK(mode)  ? COVER_SYMLINK
	      : S_ISFIFO(mode) ? COVER_FIFO
	      : S_ISSOCK(mode) ? COVER_SOCKET
	      : S_ISCHR(mode)  ? COVER_CHR
	                       : COVER_BLK);
	cover_if(modelacl_has(n, MODELACL_ACCESS), COVER_INHERIT);
	cover_if(modelacl_has(n, MODELACL_DEFAULT), COVER_INHERIT_DEFAULT);
	cover_if(mode != n->mode && !modelacl_has(n, MODELACL_ACCESS), COVER_INHERIT_MODE);
}

static void create(struct sim *s, const char *what, const struct volume_new *new)
{
	uint64_t parent = ops_folder(s);
	const char *name = ops_name(s);
	struct model_state *after = model_state_ref(s->now);
	struct volume_attr attr = {0};
	int64_t now = ops_now(s);
	char why[TREE_WHY_BYTES], text[128];
	int want = modelops_create_check(s->now, parent, name);
	int got = volume_create(s->v, parent, name, strlen(name), new, &attr);
	uint64_t ino = got == 0 ? attr.ino : INO_UNKNOWN;

	if (got == 0 && model_node(s->now, ino))
		sim_fail(s, "%s: number %" PRIu64 " is in use", what, ino);
	if (want == 0)
		modelops_create(&after, parent, name, new, ino, now);
	snprintf(text, sizeof(text), "%s %" PRIu64 "/%.60s = %" PRIu64, what, parent,
	         tree_printable(name), attr.ino);
	if (!world_settle(s, text, got, want, after))
		return;
	cover_create(new->mode, model_node(s->now, ino));
	got = verify_attr(s->v, model_node(s->now, ino), VOLUME_NOW, why);
	if (got == VERIFY_WRONG)
		sim_fail(s, "%s: %s", what, why);
	world_readable(s, what, got);
}

static uint32_t random_mode(struct sim *s)
{
	return (uint32_t)simrng_below(&s->rng, 01000) |
	       (simrng_chance(&s->rng, 50) ? S_ISUID | S_ISGID : 0);
}

static struct volume_new random_new(struct sim *s, uint32_t type)
{
	struct volume_new new = {.mode = type | random_mode(s),
	                         .uid = (uint32_t)simrng_below(&s->rng, 3),
	                         .gid = (uint32_t)simrng_below(&s->rng, 3)};

	return new;
}

static void op_create(struct sim *s)
{
	struct volume_new new = random_new(s, S_IFREG);

	create(s, "create", &new);
}

static void op_mkdir(struct sim *s)
{
	struct volume_new new = random_new(s, S_IFDIR);

	create(s, "mkdir", &new);
}

static void op_symlink(struct sim *s)
{
	struct volume_new new = random_new(s, S_IFLNK);
	char target[VOLUME_TARGET_MAX + 1];
	size_t len = 1 + simrng_below(&s->rng, simrng_chance(&s->rng, 50) ? VOLUME_TARGET_MAX : 40);

	memset(target, 't', sizeof(target));
	target[0] = (char)('a' + simrng_below(&s->rng, 26));
	target[len] = '\0';
	new.mode = S_IFLNK | 0777;
	new.target = target;
	new.target_len = len;
	create(s, "symlink", &new);
}

static void op_mknod(struct sim *s)
{
	static const uint32_t types[] = {S_IFIFO, S_IFSOCK, S_IFCHR, S_IFBLK};
	struct volume_new new = random_new(s, types[simrng_below(&s->rng, 4)]);

	if (S_ISCHR(new.mode) || S_ISBLK(new.mode))
		new.rdev = makedev(1, simrng_below(&s->rng, 8));
	create(s, "mknod", &new);
}

/* O_TMPFILE: most get a name or are forgotten soon. */
static void op_unnamed(struct sim *s)
{
	struct volume_new new = random_new(s, S_IFREG);
	uint64_t parent = ops_folder(s);
	struct model_state *after = model_state_ref(s->now);
	struct volume_attr attr = {0};
	int64_t now = ops_now(s);
	int got = volume_create_unnamed(s->v, parent, &new, &attr);
	int want =
	    modelops_create_unnamed(&after, parent, &new, got == 0 ? attr.ino : INO_UNKNOWN, now);
	char text[64];

	snprintf(text, sizeof(text), "create %" PRIu64 "/ = %" PRIu64, parent, attr.ino);
	if (!world_settle(s, text, got, want, after))
		return;
	cover(COVER_UNNAMED);
	ops_look(s, "create", attr.ino);
}

/* The kernel drops most inodes at once, and keeps those that are open. */
static void forget(struct sim *s, uint64_t ino)
{
	struct model_state *after = model_state_ref(s->now);
	char text[64];

	cover_if(model_node(after, ino)->nlink == 0, COVER_FORGET);
	modelops_forget(&after, ino);
	volume_forget(s->v, ino);
	snprintf(text, sizeof(text), "forget %" PRIu64, ino);
	world_settle(s, text, 0, 0, after);
}

static bool is_not_folder(const struct model_node *n)
{
	return !model_is_dir(n);
}

static bool is_any(const struct model_node *n)
{
	return n != NULL;
}

static bool is_orphan(const struct model_node *n)
{
	return n->nlink == 0;
}

static void op_forget(struct sim *s)
{
	uint64_t ino = ops_inode(s, is_orphan);

	if (!ino && simrng_chance(&s->rng, 100))
		ino = ops_inode(s, is_any);
	if (ino && ino != VOLUME_ROOT)
		forget(s, ino);
}

static void op_link(struct sim *s)
{
	uint64_t ino = ops_inode(s, simrng_chance(&s->rng, 950) ? is_not_folder : is_any);
	uint64_t parent = ops_folder(s);
	const char *name = ops_name(s);
	struct model_state *after = model_state_ref(s->now);
	struct volume_attr attr;
	char text[128];
	int64_t now = ops_now(s);
	int want, got;
	bool orphan;

	if (s->profile > 1 && simrng_chance(&s->rng, 200))
		ino = ops_inode(s, is_orphan);
	if (!ino)
		ino = VOLUME_ROOT;
	orphan = model_node(s->now, ino)->nlink == 0;
	want = modelops_link(&after, ino, parent, name, now);
	got = volume_link(s->v, ino, parent, name, strlen(name), &attr);
	snprintf(text, sizeof(text), "link %" PRIu64 " to %" PRIu64 "/%.60s", ino, parent,
	         tree_printable(name));
	if (!world_settle(s, text, got, want, after))
		return;
	cover(orphan ? COVER_LINK_UNNAMED : COVER_LINK);
	ops_look(s, "link", ino);
}

static void remove_name(struct sim *s, bool folder)
{
	uint64_t parent = VOLUME_ROOT;
	const char *name = ops_name(s);
	struct model_state *after = model_state_ref(s->now);
	int64_t now = ops_now(s);
	const struct model_node *dir, *gone;
	char text[128];
	uint64_t ino;
	int want, got;

	if (simrng_chance(&s->rng, 950))
		ops_entry(s, &parent, &name);
	dir = model_node(s->now, parent);
	ino = model_name_get(dir, name);
	gone = ino ? model_node(s->now, ino) : NULL;
	if (gone && simrng_chance(&s->rng, 950))
		folder = model_is_dir(gone);
	if (folder) {
		want = modelops_rmdir(&after, parent, name, now);
		got = volume_rmdir(s->v, parent, name, strlen(name));
	} else {
		want = modelops_unlink(&after, parent, name, now);
		got = volume_unlink(s->v, parent, name, strlen(name));
	}
	snprintf(text, sizeof(text), "%s %" PRIu64 "/%.60s", folder ? "rmdir" : "unlink", parent,
	         tree_printable(name));
	if (!world_settle(s, text, got, want, after))
		return;
	cover(folder ? COVER_RMDIR : COVER_UNLINK);
	cover_if(!folder && model_node(s->now, ino)->nlink == 0, COVER_UNLINK_LAST);
	if (simrng_chance(&s->rng, 700))
		forget(s, ino);
}

static void op_unlink(struct sim *s)
{
	remove_name(s, false);
}

static void op_rmdir(struct sim *s)
{
	remove_name(s, true);
}

static void cover_rename(const struct model_state *before, uint64_t moved, uint64_t there,
                         bool other_folder, unsigned flags)
{
	bool folder = model_is_dir(model_node(before, moved));
	bool over_folder = there && model_is_dir(model_node(before, there));

	if (flags & VOLUME_RENAME_EXCHANGE) {
		cover(COVER_RENAME_EXCHANGE);
		cover_if(folder != over_folder, COVER_RENAME_EXCHANGE_MIXED);
		return;
	}
	cover_if(moved == there, COVER_RENAME_SAME);
	cover_if(flags & VOLUME_RENAME_NOREPLACE, COVER_RENAME_NOREPLACE);
	cover_if(folder && other_folder, COVER_RENAME_DIR);
	if (moved != there)
		cover(!there        ? COVER_RENAME
		      : over_folder ? COVER_RENAME_OVER_DIR
		                    : COVER_RENAME_OVER);
}

static void op_rename(struct sim *s)
{
	static const unsigned some_flags[] = {0, 0, 0, VOLUME_RENAME_NOREPLACE,
	                                      VOLUME_RENAME_EXCHANGE};
	uint64_t from_dir = VOLUME_ROOT;
	const char *from = ops_name(s);
	uint64_t to_dir = ops_folder(s);
	const char *to = ops_name(s);
	unsigned flags = some_flags[simrng_below(&s->rng, 5)];
	struct model_state *after = model_state_ref(s->now);
	struct model_state *before;
	int64_t now = ops_now(s);
	uint64_t there, moved;
	char text[256];
	int want, got;

	if (simrng_chance(&s->rng, 950))
		ops_entry(s, &from_dir, &from);
	if (simrng_chance(&s->rng, 300))
		ops_entry(s, &to_dir, &to);
	there = model_is_dir(model_node(s->now, to_dir))
	            ? model_name_get(model_node(s->now, to_dir), to)
	            : 0;
	want = modelops_rename(&after, from_dir, from, to_dir, to, flags, now);
	got = volume_rename(s->v, from_dir, from, strlen(from), to_dir, to, strlen(to), flags);
	snprintf(text, sizeof(text), "rename %" PRIu64 "/%.60s to %" PRIu64 "/%.60s flags %u",
	         from_dir, tree_printable(from), to_dir, tree_printable(to), flags);
	moved = model_is_dir(model_node(s->now, from_dir))
	            ? model_name_get(model_node(s->now, from_dir), from)
	            : 0;
	before = model_state_ref(s->now);
	if (world_settle(s, text, got, want, after)) {
		cover_rename(before, moved, there, from_dir != to_dir, flags);
		if (there && model_node(s->now, there)->nlink == 0 && simrng_chance(&s->rng, 700))
			forget(s, there);
	}
	model_state_unref(before);
}

static void op_lookup(struct sim *s)
{
	uint64_t parent = ops_folder(s);
	const char *name = ops_name(s);
	const struct model_node *dir = model_node(s->now, parent);
	uint64_t ino = model_is_dir(dir) ? model_name_get(dir, name) : 0;
	struct volume_attr attr;
	int got = volume_lookup(s->v, parent, name, strlen(name), VOLUME_NOW, &attr);

	if (strlen(name) > VOLUME_NAME_MAX || !model_is_dir(dir))
		return;
	if (ino ? got == 0 && attr.ino != ino
	        : got != ERR_NOENT && world_readable(s, "lookup", got))
		sim_fail(s, "lookup %" PRIu64 "/%s: %s", parent, tree_printable(name),
		         err_name(got));
	if (ino)
		cover_if(world_readable(s, "lookup", got), COVER_LOOKUP);
}

const struct ops_action ops_names_actions[] = {
    {"create", {70, 70}, op_create},   {"mkdir", {30, 30}, op_mkdir},
    {"symlink", {12, 12}, op_symlink}, {"mknod", {6, 6}, op_mknod},
    {"unnamed", {0, 8}, op_unnamed},   {"link", {20, 20}, op_link},
    {"unlink", {45, 45}, op_unlink},   {"rmdir", {15, 15}, op_rmdir},
    {"rename", {60, 60}, op_rename},   {"forget", {10, 10}, op_forget},
    {"lookup", {20, 20}, op_lookup},   {NULL, {0, 0}, NULL},
};
