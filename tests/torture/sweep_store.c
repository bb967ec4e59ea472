/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The store, request by request, in every way that fits the request, once and from then on for some
 * steps.
 *
 * What must hold: everything that needs only this machine works as if nothing had happened; what
 * asks the store gives its error by name; no byte that is shown is wrong; and when the store tells
 * the truth again, a mount that failed works, everything becomes stored, and another machine finds
 * it.
 *
 * The one thing that cannot be healed so: a machine that opened by a listing that was not complete
 * began from an older state. It finds its number in the log taken and is fenced; then it says so,
 * and the store keeps what the others have.
 */
#include "tests/torture/storefault.h"
#include "tests/torture/sweep.h"
#include "util/err.h"

#include <stdio.h>
#include <string.h>

#define STEPS_AFTER 8
#define FAIR_NS (300 * SIMCLOCK_SECOND)

struct plan {
	enum storefault_kind kind;
	bool lasting;
};

/* For the branch, which gets only the trial. */
static struct plan plan;

static bool is_lying(enum storefault_kind kind)
{
	return kind >= STOREFAULT_TRUNCATE;
}

/* Listings are what a mount begins with. */
static bool is_short_listing(enum storefault_kind kind)
{
	return kind == STOREFAULT_STALE || kind == STOREFAULT_EMPTY;
}

static bool is_named_error(int code)
{
	switch (code) {
	case ERR_UNAVAILABLE:
		return plan.kind == STOREFAULT_FAIL || plan.kind == STOREFAULT_LOST;
	case ERR_DENIED:
		return plan.kind == STOREFAULT_DENIED;
	case ERR_UNAUTHENTIC:
	case ERR_CORRUPT:
	case ERR_MISSING:
	case ERR_ROLLBACK:
		return is_lying(plan.kind);
	case ERR_NOTVOLUME:
		return plan.kind == STOREFAULT_MISSING || is_short_listing(plan.kind);
	case ERR_VERSION:
	case ERR_WRONGKEY:
		return plan.kind == STOREFAULT_FLIP || plan.kind == STOREFAULT_TRUNCATE;
	case ERR_FENCED:
		return is_short_listing(plan.kind);
	default:
		return false;
	}
}

/* Steps that may have to ask the store. */
static bool asks_store(const struct step *step, bool all_is_local)
{
	return step->kind == STEP_OPEN || step->kind == STEP_SYNC ||
	       (step->kind <= STEP_READ && !all_is_local);
}

static bool is_fenced(struct trial *t)
{
	struct volume_status st;

	return t->w->v && volume_status(t->w->v, &st) == 0 && st.error == ERR_FENCED;
}

/* Wrong bytes are never shown. @i: the last step. */
static void check_shown(struct trial *t, size_t i, bool all_is_local)
{
	const struct moment *m = t->sweep->moments;
	const char *line;
	struct state *got;

	state_read(t->w->v, VOLUME_NOW, &got);
	for (size_t n = 0; n < got->nerrors; n++)
		if (all_is_local || !is_named_error(got->errors[n]))
			sweep_fail(t, "reading after step %s: %s (%s)",
			           scenario_step_text(t->sweep->scenario, i),
			           err_name(got->errors[n]), err_note_text());
	if (!state_within(got, m[i].state, i ? m[i - 1].state : NULL, &line)) {
		state_print_difference(stdout, m[i].state, got);
		sweep_fail(t, "after step %s: shown, and never was: %s",
		           scenario_step_text(t->sweep->scenario, i), line);
	}
	state_unref(got);
}

/* After LOSE this machine has only what it has fetched. */
static bool has_all(const struct trial *t, size_t i)
{
	while (i-- > 0)
		if (sweep_step(t, i)->kind == STEP_LOSE)
			return false;
	return true;
}

/* A machine that began from an older state: it is one that was, and the machine is stopped before
 * it can do harm, or has nothing to store. */
static void check_older(struct trial *t)
{
	struct state *got, *now;
	bool known = false;

	state_read(t->w->v, VOLUME_NOW, &got);
	for (size_t i = 0; i < t->nstates; i++)
		known |= state_same(t->states[i], got);
	sweep_say(t, "began from an older state%s", known ? "" : ", an empty one");
	storefault_plan(t->w->store, STOREFAULT_NONE, 1, false);
	volume_sync(t->w->v, -1, NULL, NULL, NULL);
	world_close(t->w);
	world_lose(t->w);
	sweep_recover(t, "another machine");
	state_read(t->w->v, VOLUME_NOW, &now);
	if (!state_same(now, t->states[t->nstates - 1])) {
		state_print_difference(stdout, t->states[t->nstates - 1], now);
		sweep_fail(t, "the store was harmed by a machine that began from an older state");
	}
	state_unref(got);
	state_unref(now);
	world_close(t->w);
}

/* Did the machine open to something that is not the newest state? */
static bool began_older(struct trial *t)
{
	struct state *got;
	bool older;

	state_read(t->w->v, VOLUME_NOW, &got);
	older = got->nerrors == 0 && !state_same(got, t->states[t->nstates - 1]);
	state_unref(got);
	return older;
}

static void clear_sky(struct trial *t)
{
	storefault_plan(t->w->store, STOREFAULT_NONE, 1, false);
	t->w->clock.mono_ns += FAIR_NS;
}

/* The store is fair again: all becomes stored, and everybody finds it. @i: the last step done. */
static void clear_up(struct trial *t, size_t i)
{
	const struct moment *m = &t->sweep->moments[i];
	struct volume_status st;
	int r;

	clear_sky(t);
	t->states[0] = m->state;
	t->nstates = 1;
	t->floor = 0;
	if (!t->w->v)
		sweep_recover(t, "in fair weather");
	else
		sweep_check(t, "in fair weather");
	r = volume_sync(t->w->v, -1, NULL, NULL, NULL);
	if (r != 0)
		sweep_fail(t, "sync in fair weather: %s (%s)", err_name(r), err_note_text());
	if (volume_status(t->w->v, &st) != 0 || st.state != VOLUME_CLEAN || st.pending_bytes != 0)
		sweep_fail(t, "after sync in fair weather: state %d, %llu bytes pending",
		           (int)st.state, (unsigned long long)st.pending_bytes);
	sweep_prove(t, true);
}

enum outcome {
	OUTCOME_GOOD,  /* as undisturbed */
	OUTCOME_NOT,   /* it could not be done */
	OUTCOME_OTHER, /* another story, which was told to its end */
};

static enum outcome step_in_weather(struct trial *t, size_t i)
{
	const struct step *step = sweep_step(t, i);
	const struct moment *m = &t->sweep->moments[i];
	bool all_is_local = has_all(t, i);
	int r = world_step(t->w, step);

	if (i == t->step && !storefault_hit(t->w->store))
		sweep_fail(t, "the request was not made");
	if (r != m->result) {
		sweep_say(t, "step %s: %s (%s)", scenario_step_text(t->sweep->scenario, i),
		          err_name(r), err_note_text());
		if (!asks_store(step, all_is_local) || !is_named_error(r))
			sweep_fail(t, "step %s: %s (%s)", scenario_step_text(t->sweep->scenario, i),
			           err_name(r), err_note_text());
	}
	sweep_may_be(t, m->state);
	if (t->w->v && step->kind == STEP_OPEN && is_short_listing(plan.kind) && began_older(t)) {
		check_older(t);
		return OUTCOME_OTHER;
	}
	if (t->w->v)
		check_shown(t, i, all_is_local);
	return r == m->result ? OUTCOME_GOOD : OUTCOME_NOT;
}

/* An operation that wanted data which the store did not give is done when it does. */
static void do_later(struct trial *t, size_t i)
{
	int r;

	clear_sky(t);
	if (sweep_step(t, i)->kind > STEP_READ)
		return;
	r = world_again(t->w, sweep_step(t, i));
	if (r != t->sweep->moments[i].result)
		sweep_fail(t, "step %s in fair weather: %s (%s)",
		           scenario_step_text(t->sweep->scenario, i), err_name(r), err_note_text());
}

static void disturb(struct trial *t)
{
	const struct scenario *s = t->sweep->scenario;
	size_t i, last = t->step;

	snprintf(t->how, sizeof(t->how), "%s%s", storefault_kind_name(plan.kind),
	         plan.lasting ? " and on" : "");
	storefault_plan(t->w->store, plan.kind, t->nth, plan.lasting);
	for (i = t->step; i <= t->step + STEPS_AFTER && i < s->nsteps; i++) {
		enum outcome outcome;

		if (i > t->step && (scenario_is_event(sweep_step(t, i)) || !t->w->v))
			break;
		outcome = step_in_weather(t, i);
		if (outcome == OUTCOME_OTHER)
			return;
		last = i;
		if (outcome == OUTCOME_NOT && t->w->v) {
			do_later(t, i);
			break;
		}
	}
	if (is_fenced(t))
		sweep_fail(t, "fenced, by itself");
	clear_up(t, last);
}

static void trial_store(struct trial *t)
{
	const struct sweep *sw = t->sweep;
	uint64_t n = sw->moments[t->step].first_request + t->nth - 1;
	enum storefault_request type = (enum storefault_request)sw->requests[n];

	for (int kind = STOREFAULT_NONE + 1; kind < STOREFAULT_KINDS; kind++) {
		if (!storefault_fits((enum storefault_kind)kind, type))
			continue;
		for (int lasting = 0; lasting < 2; lasting++) {
			plan = (struct plan){(enum storefault_kind)kind, lasting};
			sweep_branch(t, disturb);
		}
	}
}

void sweep_store(struct sweep *sw)
{
	if (sw->scenario->overfull)
		return; /* when it is full depends on the time, which LATE changes */
	sweep_run(sw, "store", UNIT_REQUESTS, trial_store);
}
