/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Both checks work on the sorted lists of paths of the states before and after, and on inode
 * numbers, which tell a file that was moved from one that was replaced.
 *
 * A restore of paths may meet a file that has names inside and outside of them. Whether such a file
 * is put back for all its names or becomes two files is the volume's choice; either is taken, as
 * long as the name inside is what it was.
 */
#include "tests/sim/past.h"

#include "util/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int past_collect(void *ctx, const struct volume_change *change)
{
	struct past_changes *c = ctx;
	struct past_change *new;

	if (c->n == c->room) {
		c->room = c->room ? c->room * 2 : 32;
		c->changes = realloc(c->changes, c->room * sizeof(*c->changes));
		CHECK(c->changes);
	}
	new = &c->changes[c->n++];
	new->kind = change->kind;
	new->path = model_intern(change->path, strlen(change->path));
	new->old_path =
	    change->old_path ? model_intern(change->old_path, strlen(change->old_path)) : NULL;
	new->before_ino = change->before.ino;
	new->after_ino = change->after.ino;
	new->content = change->content;
	return 0;
}

void past_changes_print(const struct past_changes *c)
{
	for (size_t i = 0; i < c->n; i++)
		printf("  %c %s%s%s (%llu, %llu)\n", c->changes[i].kind,
		       tree_printable(c->changes[i].path), c->changes[i].old_path ? " from " : "",
		       c->changes[i].old_path ? tree_printable(c->changes[i].old_path) : "",
		       (unsigned long long)c->changes[i].before_ino,
		       (unsigned long long)c->changes[i].after_ino);
}

void past_changes_free(struct past_changes *c)
{
	free(c->changes);
	memset(c, 0, sizeof(*c));
}

/* ---- diff ---- */

struct diff {
	struct tree_list from, to;
	const struct past_changes *got;
	const char *top;
	char *why;
};

/* Where @path, in the new tree, was before it or (only, with @above) the folders above it were
 * moved; NULL when none was. */
static const char *moved_from(const struct diff *d, const char *path, bool above)
{
	const struct past_change *best = NULL;
	char old[16384];

	for (size_t i = 0; i < d->got->n; i++) {
		const struct past_change *c = &d->got->changes[i];

		if (c->kind == VOLUME_RENAMED && tree_below(path, c->path) &&
		    !(above && c->path == path) && (!best || strlen(c->path) > strlen(best->path)))
			best = c;
	}
	if (!best)
		return NULL;
	snprintf(old, sizeof(old), "%s%s", best->old_path, path + strlen(best->path));
	return model_intern(old, strlen(old));
}

static const struct model_node *moved_node(const struct diff *d, const char *path, bool above)
{
	const char *old = moved_from(d, path, above);

	return old ? tree_list_find(&d->from, old) : NULL;
}

/* The node of the old tree that the new tree's @path is compared with. */
static const struct model_node *counterpart(const struct diff *d, const char *path,
                                            const struct model_node *now)
{
	const struct model_node *then = tree_list_find(&d->from, path);

	if (then && then->ino == now->ino)
		return then;
	then = moved_node(d, path, false);
	return then && then->ino == now->ino ? then : NULL;
}

static bool content_same(const struct model_node *a, const struct model_node *b)
{
	struct model_node x = *a;
	char why[TREE_WHY_BYTES];

	/* Data and target of one, everything else of the other. */
	x.mode = b->mode;
	x.uid = b->uid;
	x.gid = b->gid;
	x.rdev = b->rdev;
	x.atime_ns = b->atime_ns;
	x.btime_ns = b->btime_ns;
	x.xattrs = b->xattrs;
	x.nxattrs = b->nxattrs;
	return tree_node_same(&x, b, TREE_ANY_CTIME | TREE_ANY_MTIME | TREE_ANY_NLINK, why);
}

static bool check_true(const struct diff *d, const struct past_change *c)
{
	const struct model_node *then = tree_list_find(&d->from, c->path);
	const struct model_node *now = tree_list_find(&d->to, c->path);
	char why[TREE_WHY_BYTES];

	if (c->kind != VOLUME_REMOVED && (!now || c->after_ino != now->ino))
		return tree_say(d->why, c->path, "named, but not there or another inode");
	switch (c->kind) {
	case VOLUME_ADDED:
		if (then && then->ino == now->ino)
			return tree_say(d->why, c->path, "added, but was there");
		return true;
	case VOLUME_REMOVED:
		if (!then || c->before_ino != then->ino)
			then = moved_node(d, c->path, true);
		if (!then || c->before_ino != then->ino || (now && now->ino == then->ino))
			return tree_say(d->why, c->path, "removed, but was not there or is still");
		return true;
	case VOLUME_RENAMED:
		then = c->old_path ? tree_list_find(&d->from, c->old_path) : NULL;
		if (!then || then->ino != now->ino || c->old_path == c->path)
			return tree_say(d->why, c->path, "renamed, but it was not");
		return true;
	case VOLUME_CHANGED:
		if (!then)
			then = moved_node(d, c->path, true);
		if (then && then->ino != now->ino && !counterpart(d, c->path, now))
			return true;
		then = counterpart(d, c->path, now);
		if (!then)
			return tree_say(d->why, c->path, "changed, but was not there");
		/* data that was written again with the same bytes counts as changed */
		if (!model_is_dir(now) && !c->content && tree_node_same(then, now, TREE_EXACT, why))
			return tree_say(d->why, c->path, "changed, but nothing did");
		if (!c->content && !content_same(then, now))
			return tree_say(d->why, c->path, "changed content, but it does not say so");
		return true;
	}
	return tree_say(d->why, c->path, "unknown kind of change");
}

static bool is_named(const struct diff *d, const char *path, bool in_old)
{
	for (size_t i = 0; i < d->got->n; i++) {
		const struct past_change *c = &d->got->changes[i];

		if (in_old ? c->old_path == path ||
		                 (c->path == path &&
		                  (c->kind == VOLUME_REMOVED || c->kind == VOLUME_CHANGED))
		           : c->path == path && c->kind != VOLUME_REMOVED)
			return true;
	}
	return false;
}

/* Every path of the new tree is named, or is the same as its counterpart. */
static bool check_new(const struct diff *d, const struct tree_path *p)
{
	unsigned flags = TREE_ANY_CTIME | TREE_ANY_NLINK | TREE_ANY_ATIME;
	const struct model_node *then;
	char detail[TREE_WHY_BYTES];

	if (is_named(d, p->path, false))
		return true;
	then = counterpart(d, p->path, p->node);
	if (!then)
		then = tree_list_find(&d->from, p->path);
	if (!then) /* another inode, the same to look at, in a folder that moved */
		then = moved_node(d, p->path, true);
	if (!then)
		return tree_say(d->why, p->path, "is new, and not named");
	if (model_is_dir(p->node))
		flags |= TREE_ANY_MTIME;
	if (!tree_node_same(then, p->node, flags, detail))
		return tree_say(d->why, p->path, detail);
	return true;
}

/* Every path of the old tree is named, or still means the same, or moved with its folder. */
static bool check_old(const struct diff *d, const struct tree_path *p)
{
	const struct model_node *now = tree_list_find(&d->to, p->path);

	/* Another file in its place: if it differs, the new path is named, or check_new()
	 * complains. */
	if (now || is_named(d, p->path, true))
		return true;
	for (size_t i = 0; i < d->got->n; i++) {
		const struct past_change *c = &d->got->changes[i];
		char new[16384];

		if (c->kind != VOLUME_RENAMED || !tree_below(p->path, c->old_path))
			continue;
		snprintf(new, sizeof(new), "%s%s", c->path, p->path + strlen(c->old_path));
		now = tree_list_find(&d->to, model_intern(new, strlen(new)));
		/* another inode there: check_new() looks at it */
		if (now || is_named(d, model_intern(new, strlen(new)), true))
			return true;
	}
	return tree_say(d->why, p->path, "is gone, and not named");
}

static bool check_named_once(const struct diff *d)
{
	for (size_t i = 0; i < d->got->n; i++) {
		const struct past_change *c = &d->got->changes[i];

		if (!tree_below(c->path, d->top) &&
		    !(c->old_path && tree_below(c->old_path, d->top)))
			return tree_say(d->why, c->path, "is not below the path asked for");
		for (size_t k = 0; k < d->got->n; k++)
			if (c->kind == VOLUME_REMOVED && d->got->changes[k].old_path == c->path)
				return tree_say(d->why, c->path, "is removed and renamed");
		for (size_t k = 0; k < i; k++)
			if (d->got->changes[k].path == c->path &&
			    (d->got->changes[k].kind == c->kind ||
			     (c->kind != VOLUME_REMOVED &&
			      d->got->changes[k].kind != VOLUME_REMOVED &&
			      d->got->changes[k].kind != VOLUME_RENAMED &&
			      c->kind != VOLUME_RENAMED)))
				return tree_say(d->why, c->path, "is named twice");
	}
	return true;
}

bool past_diff_check(const struct model_state *from, const struct model_state *to, const char *top,
                     const struct past_changes *got, char *why)
{
	struct diff d = {.got = got, .top = top, .why = why};
	bool ok;

	tree_list_make(from, &d.from);
	tree_list_make(to, &d.to);
	ok = check_named_once(&d);
	for (size_t i = 0; ok && i < got->n; i++)
		ok = check_true(&d, &got->changes[i]);
	for (size_t i = 0; ok && i < d.to.n; i++)
		ok = !tree_below(d.to.paths[i].path, top) || check_new(&d, &d.to.paths[i]);
	for (size_t i = 0; ok && i < d.from.n; i++)
		ok = !tree_below(d.from.paths[i].path, top) || check_old(&d, &d.from.paths[i]);
	tree_list_free(&d.from);
	tree_list_free(&d.to);
	return ok;
}

/* ---- restore ---- */

struct restore {
	struct tree_list now, then, got;
	const char *const *paths;
	size_t npaths;
	char *why;
};

static bool restored(const struct restore *r, const char *path)
{
	for (size_t i = 0; i < r->npaths; i++)
		if (tree_below(path, r->paths[i]))
			return true;
	return false;
}

static bool above_restored(const struct restore *r, const char *path)
{
	for (size_t i = 0; i < r->npaths; i++)
		if (tree_below(r->paths[i], path))
			return true;
	return false;
}

/* What must be at @path; NULL: nothing. A folder above a restored path comes back with it. */
static const struct model_node *expected(const struct restore *r, const char *path)
{
	const struct model_node *now = tree_list_find(&r->now, path);
	const struct model_node *then = tree_list_find(&r->then, path);

	if (restored(r, path))
		return then;
	if (now || !then || !above_restored(r, path))
		return now;
	for (size_t i = 0; i < r->npaths; i++)
		if (tree_below(r->paths[i], path) && tree_list_find(&r->then, r->paths[i]))
			return then;
	return NULL;
}

/* Whether one of the names of inode @ino, then or now, was restored. */
static bool linked_inside(const struct restore *r, uint64_t ino)
{
	for (size_t i = 0; i < r->now.n; i++)
		if (r->now.paths[i].node->ino == ino && restored(r, r->now.paths[i].path))
			return true;
	for (size_t i = 0; i < r->then.n; i++)
		if (r->then.paths[i].node->ino == ino && restored(r, r->then.paths[i].path))
			return true;
	return false;
}

static bool check_path(const struct restore *r, const char *path)
{
	const struct model_node *want = expected(r, path);
	const struct model_node *got = tree_list_find(&r->got, path);
	unsigned flags = TREE_ANY_CTIME | TREE_ANY_NLINK;
	char detail[TREE_WHY_BYTES];

	if (!want != !got)
		return tree_say(r->why, path, want ? "was not restored" : "should be gone");
	if (!want)
		return true;
	if (!restored(r, path) && above_restored(r, path))
		flags |= TREE_ANY_MTIME;
	if (tree_node_same(want, got, flags, detail))
		return true;
	/* A file with a name outside shares its content with the restored name, or became two
	 * files. */
	if (!restored(r, path) && !model_is_dir(want) && linked_inside(r, want->ino))
		for (size_t i = 0; i < r->then.n; i++)
			if (r->then.paths[i].node->ino == want->ino &&
			    tree_node_same(r->then.paths[i].node, got, flags, detail))
				return true;
	return tree_say(r->why, path, detail);
}

/* Inside one restored path, names of one file are names of one file again. */
static bool check_links(const struct restore *r, const char *top)
{
	for (size_t i = 0; i < r->then.n; i++) {
		const struct tree_path *a = &r->then.paths[i];

		for (size_t k = 0; k < i && tree_below(a->path, top); k++) {
			const struct tree_path *b = &r->then.paths[k];
			bool same = a->node->ino == b->node->ino;

			if (!tree_below(b->path, top))
				continue;
			if (same != (tree_list_find(&r->got, a->path)->ino ==
			             tree_list_find(&r->got, b->path)->ino))
				return tree_say(r->why, a->path,
				                same ? "is a file of its own now"
				                     : "is linked with another now");
		}
	}
	return true;
}

bool past_restore_check(const struct model_state *now, const struct model_state *then,
                        const char *const *paths, size_t npaths, const struct model_state *got,
                        char *why)
{
	static const char *const whole[] = {""};
	struct restore r = {
	    .paths = npaths ? paths : whole, .npaths = npaths ? npaths : 1, .why = why};
	bool ok = true;

	tree_list_make(now, &r.now);
	tree_list_make(then, &r.then);
	tree_list_make(got, &r.got);
	for (size_t i = 0; ok && i < r.now.n; i++)
		ok = check_path(&r, r.now.paths[i].path);
	for (size_t i = 0; ok && i < r.then.n; i++)
		ok = check_path(&r, r.then.paths[i].path);
	for (size_t i = 0; ok && i < r.got.n; i++)
		ok = check_path(&r, r.got.paths[i].path);
	for (size_t i = 0; ok && i < r.npaths; i++)
		ok = check_links(&r, r.paths[i]);
	tree_list_free(&r.now);
	tree_list_free(&r.then);
	tree_list_free(&r.got);
	return ok;
}
