/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The local disk, call by call.
 *
 * cut, kill: everything up to and with the k-th changing call reaches the disk and nothing after
 * it. Then the power fails (several seeds: what was not synced is kept, lost or torn), or only the
 * process dies. What comes back must be one of the states, and the store alone must give one too.
 *
 * eio, enospc: the k-th call of any kind fails, once. The caller gets the right error, or none when
 * the failure does not matter. Then either
 *   the volume is poisoned: status says so, nothing is called durable any more, what can be read is
 *   right; or
 *   it goes on: the step, done once more, works, and so do the ones after it.
 * Either way the next mount recovers: after an orderly end, after a kill, after power cuts.
 *
 * room: the disk is full from a step on, and has room again some steps later.
 */
#include "tests/torture/sweep.h"

#include "util/check.h"
#include "util/err.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define SEEDS 3
#define STEPS_AFTER 6
#define ROOM_STEPS 10

/* For the branch that tells what a step leads to when there is room. */
static int outcome_pipe;
static size_t outcome_step;

/* Half of the trials, whatever the stride is, ask another machine too. */
static bool everywhere(const struct trial *t)
{
	return t->k * 2654435761u >> 16 & 1;
}

/* ---- cut, kill ---- */

static struct state *after_step(const struct trial *t)
{
	return t->sweep->moments[t->step].state;
}

/* The step runs into the end of the disk. */
static void run_into_end(struct trial *t)
{
	int r;

	simdisk_freeze_after(t->w->disk, t->nth);
	r = world_step(t->w, sweep_step(t, t->step));
	if (!simdisk_frozen(t->w->disk))
		sweep_fail(t, "the call was not made");
	sweep_may_be(t, after_step(t));
	sweep_note_promise(t, sweep_step(t, t->step), r);
}

/* The machine is gone, with its disk: what does the store give? */
static void check_store_alone(struct trial *t)
{
	snprintf(t->how, sizeof(t->how), "the store alone");
	simdisk_freeze(t->w->disk);
	world_close(t->w);
	world_lose(t->w);
	if (!world_store_has_log(t->w)) {
		if (t->stored > 0)
			sweep_fail(t, "the store was said to have something and is empty");
		return;
	}
	t->floor = t->stored;
	sweep_recover(t, "from the store");
	world_close(t->w);
}

static uint64_t seed_of(const struct trial *t, uint64_t i)
{
	return i == 0 ? world_seed_losing_all(t->k) : t->k * SEEDS + i;
}

static void cut_power(struct trial *t)
{
	uint64_t i = (uint64_t)(t->how[0] - '0');
	uint64_t seed = seed_of(t, i);

	snprintf(t->how, sizeof(t->how), "power cut, seed %llu", (unsigned long long)seed);
	world_power(t->w, seed);
	sweep_recover(t, "after the cut");
	sweep_prove(t, i == 0);
}

static void branch_cuts(struct trial *t, uint64_t n)
{
	for (uint64_t i = 0; i < n; i++) {
		snprintf(t->how, sizeof(t->how), "%d", (int)i);
		sweep_branch(t, cut_power);
	}
	t->how[0] = '\0';
}

static void trial_cut(struct trial *t)
{
	run_into_end(t);
	sweep_branch(t, check_store_alone);
	branch_cuts(t, SEEDS);
}

static void kill_process(struct trial *t)
{
	snprintf(t->how, sizeof(t->how), "kill");
	world_kill(t->w);
	sweep_recover(t, "after the kill");
	sweep_prove(t, everywhere(t));
}

static void trial_kill(struct trial *t)
{
	run_into_end(t);
	kill_process(t);
}

void sweep_disk_cut(struct sweep *sw)
{
	sweep_run(sw, "cut", UNIT_WRITES, trial_cut);
}

void sweep_disk_kill(struct sweep *sw)
{
	sweep_run(sw, "kill", UNIT_WRITES, trial_kill);
}

/* ---- eio, enospc ---- */

/* An answer that a failed call explains: what programs get is EIO, ENOSPC or EROFS. */
static bool is_disk_error(int code)
{
	int e = err_errno(code);

	return (code == ERR_IO || code == ERR_NOSPC || code == ERR_POISONED || code == ERR_ROFS) &&
	       (e == EIO || e == ENOSPC || e == EROFS);
}

/* A pack that found no room for its end waits, and what names it with it. */
static bool is_excused(const struct step *step, int code)
{
	return is_disk_error(code) || (step->kind == STEP_SYNC && code == ERR_UNAVAILABLE);
}

static bool is_poisoned(struct trial *t)
{
	struct volume_status st;

	if (volume_status(t->w->v, &st) != 0 || st.state != VOLUME_ERROR)
		return false;
	if (!is_disk_error(st.error) && !(st.error == ERR_RANGE && t->sweep->scenario->overfull))
		sweep_fail(t, "status gives %s as the reason", err_name(st.error));
	if (st.error_note[0] == '\0')
		sweep_fail(t, "status says %s and not why", err_name(st.error));
	return true;
}

/* What is shown is right, as far as anything is. */
static void check_shown(struct trial *t, bool errors_allowed)
{
	const char *line;
	struct state *got;

	state_read(t->w->v, VOLUME_NOW, &got);
	for (size_t i = 0; i < got->nerrors; i++)
		if (!errors_allowed || !is_disk_error(got->errors[i]))
			sweep_fail(t, "reading after it: %s (%s)", err_name(got->errors[i]),
			           err_note_text());
	if (!state_within(got, sweep_before(t), after_step(t), &line)) {
		state_print_difference(stdout, after_step(t), got);
		sweep_fail(t, "what is shown after it never was: %s", line);
	}
	state_unref(got);
}

/* Nothing that is poisoned may be called durable. */
static void check_poisoned(struct trial *t)
{
	struct volume_attr attr;
	int r;

	for (int i = 0; i < 2; i++) {
		r = volume_fsync(t->w->v);
		if (r == 0)
			sweep_fail(t, "fsync says that all is well after it failed");
		if (!is_disk_error(r))
			sweep_fail(t, "fsync of a failed volume: %s", err_name(r));
	}
	r = volume_create(t->w->v, VOLUME_ROOT, "more", 4, &(struct volume_new){.mode = 0100600},
	                  &attr);
	if (!is_disk_error(r))
		sweep_fail(t, "create on a failed volume: %s", err_name(r));
	check_shown(t, true);
}

static void end_orderly(struct trial *t)
{
	snprintf(t->how, sizeof(t->how), "closed and opened");
	if (t->w->v && !is_poisoned(t)) {
		int r = world_close(t->w);

		if (r != 0)
			sweep_fail(t, "close: %s (%s)", err_name(r), err_note_text());
		sweep_is_durable(t);
	}
	world_close(t->w);
	sweep_recover(t, "opened again");
	sweep_prove(t, everywhere(t));
}

static void branch_ends(struct trial *t)
{
	sweep_branch(t, check_store_alone);
	sweep_branch(t, end_orderly);
	sweep_branch(t, kill_process);
	branch_cuts(t, 2);
}

/* The steps after it, until the volume ends; the last state is kept in the list. */
static void go_on(struct trial *t)
{
	const struct sweep *sw = t->sweep;
	size_t last = t->step + STEPS_AFTER;

	for (size_t i = t->step + 1; t->w->v && i <= last && i < sw->scenario->nsteps; i++) {
		const struct step *step = sweep_step(t, i);
		int r;

		if (scenario_is_event(step) || step->kind == STEP_CLOSE)
			return;
		r = world_step(t->w, step);
		sweep_may_be(t, sw->moments[i].state);
		sweep_note_promise(t, step, r);
		if (r == sw->moments[i].result)
			continue;
		if (!is_excused(step, r))
			sweep_fail(t, "later, step %s: %s (%s)",
			           scenario_step_text(sw->scenario, i), err_name(r),
			           err_note_text());
		if (!is_poisoned(t))
			sweep_fail(t, "later, step %s: %s (%s), though status knows of nothing",
			           scenario_step_text(sw->scenario, i), err_name(r),
			           err_note_text());
		check_poisoned(t);
		return;
	}
}

/* Not poisoned: the step happened, or it can be done once more. */
static void check_alive(struct trial *t, int r)
{
	const struct step *step = sweep_step(t, t->step);
	int want = t->sweep->moments[t->step].result;
	struct state *got;

	state_read(t->w->v, VOLUME_NOW, &got);
	if (r != want && !state_same(got, after_step(t))) {
		state_unref(got);
		r = world_again(t->w, step);
		if (r != want)
			sweep_fail(t, "once more: %s (%s)", err_name(r), err_note_text());
		state_read(t->w->v, VOLUME_NOW, &got);
	}
	if (!state_same(got, after_step(t)) && !step->blind) {
		state_print_difference(stdout, after_step(t), got);
		sweep_fail(t, "the step has done something else");
	}
	state_unref(got);
	sweep_note_promise(t, step, r);
	go_on(t);
}

static void trial_fault(struct trial *t, int code)
{
	const struct step *step = sweep_step(t, t->step);
	int want = t->sweep->moments[t->step].result;
	int r;

	simdisk_fail_nth(t->w->disk, t->nth, code);
	r = world_step(t->w, step);
	if (!simdisk_fault_hit(t->w->disk))
		sweep_fail(t, "the call was not made");
	sweep_say(t, "the step: %s%s%s", err_name(r), r ? ", " : "", r ? err_note_text() : "");
	if (r != want && !is_excused(step, r))
		sweep_fail(t, "the step: %s (%s)", err_name(r), err_note_text());
	sweep_may_be(t, after_step(t));
	if (!t->w->v) {
		if (r == 0)
			sweep_is_durable(t);
	} else if (is_poisoned(t)) {
		if (r == 0 && step->kind != STEP_WAIT)
			sweep_say(t, "success, and poisoned");
		check_poisoned(t);
	} else {
		check_shown(t, false);
		check_alive(t, r);
	}
	branch_ends(t);
}

static void trial_eio(struct trial *t)
{
	trial_fault(t, ERR_IO);
}

static void trial_enospc(struct trial *t)
{
	trial_fault(t, ERR_NOSPC);
}

void sweep_disk_eio(struct sweep *sw)
{
	sweep_run(sw, "eio", UNIT_CALLS, trial_eio);
}

/* ---- a disk that stays full for a while ---- */

/* In another process: the step with room. */
static void tell_outcome(struct trial *t)
{
	struct state *s;

	simdisk_set_room(t->w->disk, UINT64_MAX);
	if (world_step(t->w, sweep_step(t, outcome_step)) != 0 || !t->w->v)
		return;
	state_read(t->w->v, VOLUME_NOW, &s);
	if (s->nerrors == 0 &&
	    write(outcome_pipe, &s->digest, sizeof(s->digest)) != sizeof(s->digest))
		t->failed = true;
}

/* What step @i would lead to if there were room: a step that failed half way may have been made
 * durable before it failed. Only its digest is known. */
static void may_have_happened(struct trial *t, size_t i)
{
	struct state *s = calloc(1, sizeof(*s));
	int ends[2];

	CHECK(s && pipe(ends) == 0);
	s->refs = 1;
	outcome_pipe = ends[1];
	outcome_step = i;
	sweep_branch(t, tell_outcome);
	close(ends[1]);
	if (read(ends[0], &s->digest, sizeof(s->digest)) == sizeof(s->digest))
		sweep_may_be(t, s);
	close(ends[0]);
}

/* One step on the full disk; what is shown afterwards may come back. */
static void step_without_room(struct trial *t, size_t i)
{
	const struct step *step = sweep_step(t, i);
	struct state *got;
	int r;

	may_have_happened(t, i);
	r = world_step(t->w, step);

	/* a name that was not made is missed later */
	if (r != 0 && !is_excused(step, r) && r != ERR_NOENT && r != ERR_EXIST &&
	    r != ERR_NOTEMPTY && r != ERR_NODATA && r != ERR_NOHISTORY)
		sweep_fail(t, "without room, step %s: %s (%s)",
		           scenario_step_text(t->sweep->scenario, i), err_name(r), err_note_text());
	if (!t->w->v) {
		sweep_may_be(t, t->sweep->moments[i].state);
		return;
	}
	state_read(t->w->v, VOLUME_NOW, &got);
	for (size_t n = 0; n < got->nerrors; n++)
		if (!is_disk_error(got->errors[n]))
			sweep_fail(t, "without room, reading after step %s: %s",
			           scenario_step_text(t->sweep->scenario, i),
			           err_name(got->errors[n]));
	if (got->nerrors == 0)
		sweep_may_be(t, got);
	sweep_note_promise(t, step, r);
}

static void trial_room(struct trial *t)
{
	static const uint64_t rooms[] = {0, 9000, 40000, 200000};
	size_t last = t->step + ROOM_STEPS;

	if (scenario_is_event(sweep_step(t, t->step)))
		return;
	simdisk_set_room(t->w->disk, rooms[t->k % 4]);
	for (size_t i = t->step; i <= last && i < t->sweep->scenario->nsteps; i++) {
		if (scenario_is_event(sweep_step(t, i)) || (!t->w->v && i > t->step))
			break;
		step_without_room(t, i);
	}
	simdisk_set_room(t->w->disk, UINT64_MAX);
	branch_ends(t);
}

void sweep_disk_enospc(struct sweep *sw)
{
	sweep_run(sw, "enospc", UNIT_CALLS, trial_enospc);
}

void sweep_disk_room(struct sweep *sw)
{
	sweep_run(sw, "room", UNIT_STEPS, trial_room);
}
