/* SPDX-License-Identifier: Apache-2.0 */
/* Epochs, snapshots, restores, and looking at the past. */
#include "tests/sim/cover.h"
#include "tests/sim/machine.h"
#include "tests/sim/past.h"
#include "tests/sim/sim.h"
#include "tests/sim/verify.h"
#include "util/check.h"
#include "util/err.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RESTORE_PATHS_MAX 3

static void op_epoch_end(struct sim *s)
{
	int64_t epoch = 0;
	int r = volume_epoch_end(s->v, &epoch);

	if (r == ERR_NOHISTORY && s->history.nepochs == 0)
		r = 0;
	if (!world_settle(s, "epoch end", r, 0, model_state_ref(s->now)))
		return;
	cover(COVER_EPOCH_END);
	history_durable(&s->history, history_newest(&s->history));
	if (epoch && epoch != s->epoch - 1)
		sim_fail(s, "epoch end: %" PRId64 " is closed, %" PRId64 " is open", epoch,
		         s->epoch);
}

static const char *random_snapshot(struct sim *s)
{
	static const char *const names[] = {"before", "after", "snap one", "n"};
	const char *name = names[simrng_below(&s->rng, 4)];

	return model_intern(name, strlen(name));
}

static void op_snapshot(struct sim *s)
{
	const char *name = random_snapshot(s);
	int want = history_snaps_get(s->snaps, name) ? ERR_EXIST : 0;
	int64_t epoch = 0;
	int r = volume_snapshot_create(s->v, name, &epoch);
	char text[64];

	if (r == ERR_NOHISTORY && s->history.nepochs == 0)
		return;
	snprintf(text, sizeof(text), "snapshot %s", name);
	if (!world_settle(s, text, r, want, model_state_ref(s->now))) {
		if (want == 0 && s->disk_trouble) {
			/* It may have come to be, with or without the end of the epoch. */
			struct history_snaps *snaps = history_snaps_ref(s->snaps);

			history_add(&s->history, s->now, s->snaps, s->epoch + 1);
			history_snaps_set(&snaps, name, s->epoch);
			history_add(&s->history, s->now, snaps, s->epoch + 1);
			history_snaps_set(&snaps, name, s->epoch - 1);
			history_add(&s->history, s->now, snaps, s->epoch);
			history_snaps_unref(snaps);
		}
		return;
	}
	if (epoch != s->epoch - 1)
		sim_fail(s, "snapshot: of epoch %" PRId64 ", open is %" PRId64, epoch, s->epoch);
	s->clean = false;
	cover(COVER_SNAPSHOT);
	history_snaps_set(&s->snaps, name, epoch);
	history_add(&s->history, s->now, s->snaps, s->epoch);
}

static void op_snapshot_delete(struct sim *s)
{
	const char *name = random_snapshot(s);
	int want = history_snaps_get(s->snaps, name) ? 0 : ERR_NOHISTORY;
	int r = volume_snapshot_delete(s->v, name);
	char text[64];

	snprintf(text, sizeof(text), "delete snapshot %s", name);
	if (world_settle(s, text, r, want, model_state_ref(s->now))) {
		s->clean = false;
		cover(COVER_SNAPSHOT_DELETE);
		history_snaps_set(&s->snaps, name, 0);
		history_add(&s->history, s->now, s->snaps, s->epoch);
	} else if (want == 0 && s->disk_trouble) {
		struct history_snaps *snaps = history_snaps_ref(s->snaps);

		history_snaps_set(&snaps, name, 0);
		history_add(&s->history, s->now, snaps, s->epoch);
		history_snaps_unref(snaps);
	}
}

/* ---- restore ---- */

struct restore {
	const struct history_epoch *e;
	const char *paths[RESTORE_PATHS_MAX];
	size_t npaths;
	struct past_changes changes;
	struct volume_restore_totals totals;
	int64_t undo;
};

/* A restored path that is not there, now or then, or whose folder is now something else, must or
 * may be refused. */
static bool may_fail(struct sim *s, const struct restore *x)
{
	struct tree_list now, then;
	bool may = false;

	tree_list_make(s->now, &now);
	tree_list_make(x->e->state, &then);
	for (size_t i = 0; i < x->npaths; i++) {
		may = may ||
		      (!tree_list_find(&now, x->paths[i]) && !tree_list_find(&then, x->paths[i]));
		for (const char *p = tree_parent(x->paths[i]); p; p = tree_parent(p)) {
			const struct model_node *up = tree_list_find(&now, p);

			may = may || !up || !model_is_dir(up);
		}
	}
	tree_list_free(&now);
	tree_list_free(&then);
	return may;
}

static void check_totals(struct sim *s, const struct restore *x)
{
	uint64_t n[4] = {0};

	for (size_t i = 0; i < x->changes.n; i++) {
		enum volume_change_kind k = x->changes.changes[i].kind;

		n[k == VOLUME_ADDED ? 0 : k == VOLUME_CHANGED ? 1 : k == VOLUME_REMOVED ? 2 : 3]++;
	}
	if (n[0] != x->totals.added || n[1] != x->totals.changed || n[2] != x->totals.removed ||
	    n[3] != x->totals.renamed)
		sim_fail(s,
		         "restore: %" PRIu64 " added, %" PRIu64 " changed, %" PRIu64
		         " removed, %" PRIu64 " renamed in the totals",
		         x->totals.added, x->totals.changed, x->totals.removed, x->totals.renamed);
}

/* The changes told are those from now to then. */
static void check_told(struct sim *s, const struct restore *x)
{
	char why[TREE_WHY_BYTES];

	check_totals(s, x);
	if (x->npaths == 0 && !past_diff_check(s->now, x->e->state, "", &x->changes, why)) {
		past_changes_print(&x->changes);
		sim_fail(s, "restore tells: %s", why);
	}
}

static void dry_run(struct sim *s, struct restore *x)
{
	int r = volume_restore(s->v, x->e->epoch, x->paths, x->npaths, true, past_collect,
	                       &x->changes, &x->totals, NULL);

	sim_say(s, "restore dry run: %s", err_name(r));
	if (r != 0 && may_fail(s, x))
		return;
	if (!world_readable(s, "restore dry run", r))
		return;
	cover(COVER_RESTORE_DRY);
	check_told(s, x);
	world_follow(s, s->now);
	world_verify(s);
}

/* Kept open: inodes without a name, as far as the restore did not give them one. */
static void keep_orphans(struct sim *s, struct model_state **got)
{
	for (size_t i = 0; i < s->now->nnodes; i++) {
		const struct model_node *n = s->now->nodes[i];

		if (model_node(*got, n->ino))
			continue;
		if (n->nlink == 0)
			model_share(got, n);
		else
			volume_forget(s->v, n->ino);
	}
}

static void restored(struct sim *s, struct restore *x)
{
	struct model_state *before = model_state_ref(s->now);
	struct model_state *got = NULL;
	const struct history_epoch *undo;
	char why[TREE_WHY_BYTES];
	int r;

	check_told(s, x);
	r = verify_observe(s->v, VOLUME_NOW, &s->rng, &got, why);
	if (r == VERIFY_WRONG)
		sim_fail(s, "after restore: %s", why);
	if (r != 0) {
		/* It has happened and cannot be looked at: only a new start can tell. */
		s->disk_trouble = s->disk_fault;
		if (!s->disk_fault)
			sim_fail(s, "reading after restore: %s (%s)", err_name(r), err_note_text());
		model_state_unref(before);
		return;
	}
	if (!past_restore_check(s->now, x->e->state, x->paths, x->npaths, got, why) ||
	    !verify_nlinks(got, why)) {
		tree_print("before", before);
		tree_print("then", x->e->state);
		tree_print("after", got);
		sim_fail(s, "restored epoch %" PRId64 ", %zu paths: %s", x->e->epoch, x->npaths,
		         why);
	}
	keep_orphans(s, &got);
	model_state_unref(s->now);
	s->now = got;
	/* It ended the epoch before it, unless that had ended already, and its own. */
	world_follow(s, x->undo >= s->epoch ? before : got);
	history_add(&s->history, s->now, s->snaps, s->epoch);
	undo = history_epoch(&s->history, x->undo);
	if (!undo)
		sim_fail(s, "restore: undo epoch %" PRId64 " is not closed", x->undo);
	if (!tree_same(before, undo->state, TREE_EXACT, why))
		sim_fail(s, "restore: undo epoch %" PRId64 ": %s", x->undo, why);
	model_state_unref(before);
	s->restores++;
	s->clean = false;
	cover(x->npaths == 0   ? COVER_RESTORE_ALL
	      : x->npaths == 1 ? COVER_RESTORE_ONE
	                       : COVER_RESTORE_SEVERAL);
}

/* The epoch before it may have ended for nothing. */
static void restore_refused(struct sim *s)
{
	world_follow(s, s->now);
	world_verify(s);
}

static void op_restore(struct sim *s)
{
	struct restore x = {.e = ops_epoch(s)};
	int r;

	/* What a restore shows must be readable at once, so the weather is fair. */
	if (!x.e || s->stormy || s->disk_fault)
		return;
	if (simrng_chance(&s->rng, 600))
		x.npaths = 1 + simrng_below(&s->rng, RESTORE_PATHS_MAX);
	for (size_t i = 0; i < x.npaths; i++)
		x.paths[i] = simrng_chance(&s->rng, 950) ? ops_path(s, x.e->state)
		                                         : model_intern("no/such", 7);
	sim_say(s, "restore epoch %" PRId64 ", %zu paths %s %s %s", x.e->epoch, x.npaths,
	        x.npaths > 0 ? tree_printable(x.paths[0]) : "",
	        x.npaths > 1 ? tree_printable(x.paths[1]) : "",
	        x.npaths > 2 ? tree_printable(x.paths[2]) : "");
	if (simrng_chance(&s->rng, 300)) {
		dry_run(s, &x);
	} else {
		r = volume_restore(s->v, x.e->epoch, x.paths, x.npaths, false, past_collect,
		                   &x.changes, &x.totals, &x.undo);
		if (r == 0 && s->fenced)
			sim_fail(s, "restore: it is fenced, and was changed");
		if (r == 0)
			restored(s, &x);
		else if (r == ERR_POISONED && s->fenced)
			sim_say(s, "restore: it is fenced");
		else if (!may_fail(s, &x))
			sim_fail(s, "restore: %s (%s)", err_name(r), err_note_text());
		else
			restore_refused(s);
	}
	past_changes_free(&x.changes);
}

/* ---- looking ---- */

static void op_verify(struct sim *s)
{
	world_verify(s);
}

static void op_verify_epoch(struct sim *s)
{
	const struct history_epoch *e = ops_epoch(s);

	if (e)
		world_verify_epoch(s, e);
}

static void op_diff(struct sim *s)
{
	const struct history_epoch *a = ops_epoch(s);
	const struct history_epoch *b = ops_epoch(s);
	bool to_now = simrng_chance(&s->rng, 300);
	struct past_changes changes = {0};
	struct model_state *to;
	int64_t to_epoch;
	char why[TREE_WHY_BYTES];
	const char *top = "";
	int r;

	if (!a)
		return;
	if (a->epoch > b->epoch) {
		const struct history_epoch *swap = a;

		a = b;
		b = swap;
	}
	to = to_now ? s->now : b->state;
	to_epoch = to_now ? VOLUME_NOW : b->epoch;
	if (simrng_chance(&s->rng, 300))
		top = ops_path(s, to);
	r = volume_diff(s->v, a->epoch, to_epoch, top, past_collect, &changes);
	/* A path that is in neither state may be refused; expired epochs too. */
	if (r == ERR_NOENT && *top)
		r = 0;
	else if (r == ERR_NOHISTORY && s->long_jumps)
		r = 0;
	else if (world_readable(s, "diff", r) &&
	         !past_diff_check(a->state, to, top, &changes, why)) {
		past_changes_print(&changes);
		sim_fail(s, "diff %" PRId64 " to %" PRId64 " at /%s: %s", a->epoch, to_epoch,
		         tree_printable(top), why);
	}
	cover_if(r == 0, COVER_DIFF);
	past_changes_free(&changes);
}

static void op_when(struct sim *s)
{
	const struct history_epoch *e = ops_epoch(s);
	int64_t time_ns, got_ns = 0, epoch = 0;
	char text[64];
	int r;

	if (!e)
		return;
	time_ns = e->closed_ns + (int64_t)simrng_below(&s->rng, 3) - 1;
	if (simrng_chance(&s->rng, 300))
		time_ns += (int64_t)simrng_below(&s->rng, 20 * SIMCLOCK_SECOND);
	if (time_ns > s->clock.wall_ns && s->profile == 1)
		return;
	snprintf(text, sizeof(text), "@%" PRId64 ".%09" PRId64, time_ns / SIMCLOCK_SECOND,
	         time_ns % SIMCLOCK_SECOND);
	e = history_epoch_at(&s->history, time_ns);
	r = volume_when(s->v, text, &epoch, &got_ns);
	if (r == ERR_NOHISTORY && (!e || s->long_jumps))
		return;
	if (!world_readable(s, "when", r))
		return;
	if (!e || epoch != e->epoch || got_ns != e->closed_ns)
		sim_fail(s,
		         "when %s: epoch %" PRId64 " at %" PRId64 ", want %" PRId64 " at %" PRId64,
		         text, epoch, got_ns, e ? e->epoch : 0, e ? e->closed_ns : 0);
	cover(COVER_WHEN);
	cover_if(time_ns > s->clock.wall_ns, COVER_WHEN_BACK);
}

static int no_newer(void *ctx, const struct volume_change *change)
{
	int64_t *last = ctx;

	if (change->time_ns > *last)
		return 1;
	*last = change->time_ns;
	return 0;
}

static void op_log(struct sim *s)
{
	const char *path = ops_path(s, NULL);
	int64_t last = INT64_MAX;
	int r = volume_log(s->v, path, 0, INT64_MAX, no_newer, &last);

	if (r > 0)
		sim_fail(s, "log of /%s is not newest first", tree_printable(path));
	cover_if(world_readable(s, "log", r), COVER_LOG);
}

static int no_damage(void *ctx, const struct volume_fsck_result *result)
{
	struct sim *s = ctx;

	for (size_t i = 0; i < result->nlines; i++)
		printf("  %s\n", result->lines[i]);
	if (result->state == VOLUME_FSCK_DAMAGED)
		sim_fail(s, "fsck: %s: %" PRIu64 " damages", result->check, result->damages);
	if (result->state == VOLUME_FSCK_SKIPPED && !s->stormy &&
	    strcmp(result->check, "comparison") != 0)
		sim_fail(s, "fsck: %s was left out: %s", result->check, err_name(result->error));
	cover_if(result->state == VOLUME_FSCK_OK && strcmp(result->check, "comparison") == 0,
	         COVER_FSCK_COMPARE);
	return 0;
}

/* A volume that nothing is wrong with has no damage. With another machine's log objects in the
 * store, or bad weather that changes bytes, that cannot be asked. */
static void op_fsck(struct sim *s)
{
	struct volume_fsck_params p = {.result = no_damage, .ctx = s};

	if (s->stormy || s->disk_fault || s->fenced || machine_overtaken(s))
		return;
	p.compare = simrng_chance(&s->rng, 500);
	if (world_settle(s, "fsck", volume_fsck(s->v, &p), 0, model_state_ref(s->now)))
		cover(COVER_FSCK);
}

const struct ops_action ops_past_actions[] = {
    {"epoch end", {12, 12}, op_epoch_end},
    {"snapshot", {4, 4}, op_snapshot},
    {"snapshot delete", {3, 3}, op_snapshot_delete},
    {"restore", {6, 6}, op_restore},
    {"verify", {4, 4}, op_verify},
    {"verify epoch", {5, 5}, op_verify_epoch},
    {"diff", {6, 6}, op_diff},
    {"when", {8, 8}, op_when},
    {"log", {2, 2}, op_log},
    {"fsck", {0, 2}, op_fsck},
    {NULL, {0, 0}, NULL},
};
