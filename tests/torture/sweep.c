/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A scenario is run once undisturbed (the reference), and once more to branch from: right before a
 * step, a process is forked for each of the step's calls, which disturbs that call and sees what
 * comes of it. So a trial costs what it does itself, not what came before it, and a crash or an
 * endless loop of the product is one failed trial. Crashes that depend on chance branch again, once
 * for each seed.
 *
 * The two runs must be the same, call by call: the states of the second are compared with the
 * first. Looking at a state reads from the disk too, so both look at the same moments; those calls
 * are in no step and not counted.
 *
 * What recovery may give is a list of states, oldest first, and a floor: all that came before the
 * last acknowledged fsync is gone for good.
 */
#include "tests/torture/sweep.h"

#include "tests/torture/storefault.h"
#include "util/check.h"
#include "util/err.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define TRIAL_SECONDS 120
#define EPOCHS_MAX 64
#define EPOCHS_CHECKED 2
#define FAILURES_SHOWN 8
#define PROOF_BYTES 5000

/* ---- messages ---- */

static void print_replay(const struct trial *t)
{
	printf("  replay: tests/torture/torture --sweep %s --scenario %s --from %" PRIu64
	       " --to %" PRIu64 " --verbose\n",
	       t->sweep->name, t->sweep->scenario->name, t->k, t->k);
	fflush(stdout);
}

static void print_head(const struct trial *t, const char *word)
{
	printf("%s sweep=%s scenario=%s k=%" PRIu64 " step %s%s%s: ", word, t->sweep->name,
	       t->sweep->scenario->name, t->k, scenario_step_text(t->sweep->scenario, t->step),
	       t->how[0] ? ", " : "", t->how);
}

void sweep_fail(struct trial *t, const char *fmt, ...)
{
	va_list ap;

	print_head(t, "FAIL");
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	printf("\n");
	print_replay(t);
	_exit(1);
}

void sweep_say(const struct trial *t, const char *fmt, ...)
{
	va_list ap;

	if (!t->sweep->options->verbose)
		return;
	print_head(t, "    ");
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	printf("\n");
	fflush(stdout);
}

/* ---- the reference ---- */

const struct step *sweep_step(const struct trial *t, size_t step)
{
	return &t->sweep->scenario->steps[step];
}

/* The state after step @i, which the world has just done. */
static struct state *look(struct world *w, const struct step *step, struct state *before)
{
	struct state *s;

	if (!w->v || step->blind)
		return before ? state_ref(before) : NULL;
	state_read(w->v, VOLUME_NOW, &s);
	/* a volume that has failed may show nothing any more */
	if (s->nerrors > 0 && step->may_fail && before) {
		state_unref(s);
		return state_ref(before);
	}
	return s;
}

static void count(struct world *w, uint64_t *out)
{
	out[UNIT_CALLS] = simdisk_calls(w->disk);
	out[UNIT_WRITES] = simdisk_writes(w->disk);
	out[UNIT_REQUESTS] = storefault_requests(w->store);
	out[UNIT_STEPS] = 0;
}

static void close_epoch(struct sweep *sw, struct world *w, int64_t epoch, size_t step)
{
	struct closed *c = &sw->epochs[sw->nepochs++];

	CHECK(sw->nepochs <= EPOCHS_MAX);
	c->epoch = epoch;
	c->step = step;
	state_read(w->v, epoch, &c->state);
}

/* Looking is part of the run: it brings packs here that were only in the store. */
static void look_back_again(struct sweep *sw, struct world *w, size_t i)
{
	struct volume_status st;
	struct state *s;

	if (w->v)
		volume_status(w->v, &st);
	for (size_t n = 0; w->v && n < sw->nepochs; n++) {
		if (sw->epochs[n].step != i)
			continue;
		state_read(w->v, sw->epochs[n].epoch, &s);
		CHECK(s->digest == sw->epochs[n].state->digest);
		state_unref(s);
	}
}

/* Which epochs ended, and what is stored, after step @i. */
static void follow(struct sweep *sw, struct world *w, size_t i, int64_t *epoch)
{
	struct moment *m = &sw->moments[i];
	struct volume_status st;

	m->stored = i ? sw->moments[i - 1].stored : 0;
	if (!w->v || volume_status(w->v, &st) != 0)
		return;
	for (size_t n = 0; n < sw->nepochs; n++)
		sw->epochs[n].gone |= sw->epochs[n].epoch >= st.epoch;
	if (*epoch == 0 || *epoch > st.epoch)
		*epoch = st.epoch;
	for (; *epoch < st.epoch; (*epoch)++)
		close_epoch(sw, w, *epoch, i);
	if (st.state == VOLUME_CLEAN)
		m->stored = i;
}

static bool do_step(struct sweep *sw, struct world *w, size_t i)
{
	const struct step *step = &sw->scenario->steps[i];
	struct moment *m = &sw->moments[i];
	uint64_t before[UNITS], after[UNITS];

	count(w, before);
	m->result = world_step(w, step);
	count(w, after);
	for (int u = 0; u < UNITS; u++)
		m->count[u] = scenario_is_event(step) ? 0 : after[u] - before[u];
	m->count[UNIT_STEPS] = 1;
	m->first_request = before[UNIT_REQUESTS] + 1;
	if (m->result != 0 && !step->may_fail) {
		printf("FAIL scenario=%s undisturbed: step %s: %s (%s)\n", sw->scenario->name,
		       scenario_step_text(sw->scenario, i), err_name(m->result), err_note_text());
		return false;
	}
	if (sw->options->verbose && m->result != 0)
		printf("%s undisturbed: step %s: %s (%s)\n", sw->scenario->name,
		       scenario_step_text(sw->scenario, i), err_name(m->result), err_note_text());
	m->state = look(w, step, i ? sw->moments[i - 1].state : NULL);
	if (m->state && m->state->nerrors > 0) {
		printf("FAIL scenario=%s undisturbed: step %s: reading: %s\n", sw->scenario->name,
		       scenario_step_text(sw->scenario, i), err_name(m->state->errors[0]));
		return false;
	}
	return true;
}

bool sweep_reference(struct sweep *sw, const struct options *o, const struct scenario *s)
{
	struct world w;
	int64_t epoch = 0;
	bool ok = true;

	memset(sw, 0, sizeof(*sw));
	sw->options = o;
	sw->scenario = s;
	sw->moments = calloc(s->nsteps, sizeof(*sw->moments));
	sw->epochs = calloc(EPOCHS_MAX + 1, sizeof(*sw->epochs));
	CHECK(sw->moments && sw->epochs);
	/* what a process does only once (SQLite asks for a seed) is behind it then */
	world_begin(&w, s);
	world_open(&w);
	world_end(&w);
	world_begin(&w, s);
	for (size_t i = 0; ok && i < s->nsteps; i++) {
		ok = do_step(sw, &w, i);
		if (ok)
			follow(sw, &w, i, &epoch);
	}
	sw->requests = malloc(storefault_requests(w.store) + 1);
	CHECK(sw->requests);
	for (uint64_t n = 1; n <= storefault_requests(w.store); n++)
		sw->requests[n] = (uint8_t)storefault_request_was(w.store, n);
	world_end(&w);
	return ok;
}

void sweep_done(struct sweep *sw)
{
	for (size_t i = 0; i < sw->scenario->nsteps; i++)
		state_unref(sw->moments[i].state);
	for (size_t i = 0; i < sw->nepochs; i++)
		state_unref(sw->epochs[i].state);
	free(sw->moments);
	free(sw->epochs);
	free(sw->requests);
}

/* ---- trials ---- */

/* In the child: run, and end the process with the verdict. */
static void run_child(struct trial *t, trial_fn fn)
{
	alarm(TRIAL_SECONDS);
	fn(t);
	fflush(NULL);
	_exit(t->failed ? 1 : 0);
}

static bool run_in_process(struct trial *t, trial_fn fn)
{
	int status;
	pid_t pid;

	fflush(NULL);
	pid = fork();
	CHECK(pid >= 0);
	if (pid == 0)
		run_child(t, fn);
	CHECK(waitpid(pid, &status, 0) == pid);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return true;
	if (WIFEXITED(status) && WEXITSTATUS(status) == 1)
		return false; /* it has said why */
	print_head(t, "FAIL");
	if (WIFSIGNALED(status))
		printf("ended by signal %d\n", WTERMSIG(status));
	else
		printf("ended with status %d\n", WEXITSTATUS(status));
	print_replay(t);
	return false;
}

void sweep_branch(struct trial *t, trial_fn fn)
{
	if (!run_in_process(t, fn))
		t->failed = true;
}

/* Everything up to the step before may come back, not before the last acknowledged fsync. */
static void expect_past_steps(struct trial *t)
{
	t->states = calloc(t->sweep->scenario->nsteps + 32, sizeof(*t->states));
	CHECK(t->states);
	for (size_t i = 0; i < t->step; i++) {
		const struct moment *m = &t->sweep->moments[i];

		sweep_may_be(t, m->state);
		sweep_note_promise(t, sweep_step(t, i), m->result);
	}
	t->stored = t->step ? t->sweep->moments[t->step - 1].stored : 0;
}

static bool wanted(const struct sweep *sw, uint64_t k, uint64_t total)
{
	const struct options *o = sw->options;
	uint64_t stride = o->stride ? o->stride : 1;

	if (o->from || o->to)
		return k >= o->from && (!o->to || k <= o->to);
	if (o->points && !o->stride && total > o->points)
		stride = (total + o->points - 1) / o->points;
	return k % stride == 0 || k == 1;
}

/* The second run is the first one again. */
static void step_again(struct sweep *sw, struct world *w, size_t i)
{
	const struct step *step = &sw->scenario->steps[i];
	const struct moment *m = &sw->moments[i];
	uint64_t before[UNITS], after[UNITS];
	struct state *s;

	count(w, before);
	CHECK(world_step(w, step) == m->result);
	count(w, after);
	if (!scenario_is_event(step))
		for (int u = 0; u < UNIT_STEPS; u++)
			CHECK(after[u] - before[u] == m->count[u]);
	s = look(w, step, i ? sw->moments[i - 1].state : NULL);
	CHECK(!s || s->digest == m->state->digest);
	state_unref(s);
	look_back_again(sw, w, i);
}

void sweep_run(struct sweep *sw, const char *name, enum unit unit, trial_fn fn)
{
	uint64_t total = 0, k = 0;
	struct world w;

	sw->name = name;
	sw->trials = sw->failures = sw->skipped = 0;
	for (size_t i = 0; i < sw->scenario->nsteps; i++)
		total += sw->moments[i].count[unit];
	world_begin(&w, sw->scenario);
	for (size_t i = 0; i < sw->scenario->nsteps; i++) {
		struct trial t = {.sweep = sw, .w = &w, .step = i};

		expect_past_steps(&t);
		for (uint64_t n = 1; n <= sw->moments[i].count[unit]; n++) {
			t.k = ++k;
			t.nth = n;
			if (!wanted(sw, k, total) || sw->failures >= FAILURES_SHOWN) {
				sw->skipped++;
				continue;
			}
			sw->trials++;
			sw->failures += !run_in_process(&t, fn);
		}
		free(t.states);
		step_again(sw, &w, i);
	}
	world_end(&w);
}

/* ---- questions ---- */

struct state *sweep_before(const struct trial *t)
{
	return t->step ? t->sweep->moments[t->step - 1].state : NULL;
}

void sweep_may_be(struct trial *t, struct state *s)
{
	if (s)
		t->states[t->nstates++] = s;
}

void sweep_is_durable(struct trial *t)
{
	t->floor = t->nstates ? t->nstates - 1 : 0;
}

void sweep_note_promise(struct trial *t, const struct step *step, int r)
{
	if (r != 0 || !scenario_is_durable(step))
		return;
	sweep_is_durable(t);
	if (step->kind == STEP_SYNC)
		t->stored = t->floor;
}

static void explain(struct trial *t, const struct state *got)
{
	size_t last = t->nstates - 1;

	print_head(t, "    ");
	printf("what is there is none of states %zu to %zu. Against the newest:\n", t->floor, last);
	state_print_difference(stdout, t->states[last], got);
	if (t->floor != last) {
		printf("  against the oldest that it may be:\n");
		state_print_difference(stdout, t->states[t->floor], got);
	}
	for (size_t i = 0; i < t->floor; i++)
		if (state_same(t->states[i], got))
			printf("  it is state %zu, after step %s\n", i,
			       scenario_step_text(t->sweep->scenario, i));
}

/* The newest epochs that were closed before the disturbed step and before state @at. */
static void check_past(struct trial *t, size_t at, const char *when)
{
	const struct sweep *sw = t->sweep;
	struct volume_status st;
	unsigned checked = 0;

	if (volume_status(t->w->v, &st) != 0)
		return;
	for (size_t i = sw->nepochs; i-- > 0 && checked < EPOCHS_CHECKED;) {
		const struct closed *c = &sw->epochs[i];
		struct state *got;

		if (c->gone || c->step >= t->step || c->step > at || c->epoch >= st.epoch)
			continue;
		state_read(t->w->v, c->epoch, &got);
		if (!state_same(c->state, got)) {
			state_print_difference(stdout, c->state, got);
			sweep_fail(t, "%s: the past at epoch %" PRId64 " is another one", when,
			           c->epoch);
		}
		state_unref(got);
		checked++;
	}
}

void sweep_check(struct trial *t, const char *when)
{
	struct state *got;
	size_t i = t->nstates;

	state_read(t->w->v, VOLUME_NOW, &got);
	if (got->nerrors > 0)
		sweep_fail(t, "%s: reading: %s (%s)", when, err_name(got->errors[0]),
		           err_note_text());
	while (i > t->floor && !state_same(t->states[i - 1], got))
		i--;
	if (i == t->floor) {
		explain(t, got);
		sweep_fail(t, "%s: something was lost, or never was", when);
	}
	sweep_say(t, "%s: state %zu of %zu to %zu", when, i - 1, t->floor, t->nstates - 1);
	check_past(t, i - 1, when);
	state_unref(got);
}

void sweep_recover(struct trial *t, const char *when)
{
	int r;

	simdisk_set_room(t->w->disk,
	                 UINT64_MAX); /* whoever looks after a full disk has made room */
	r = world_open(t->w);
	if (r != 0)
		sweep_fail(t, "%s: open: %s (%s)", when, err_name(r), err_note_text());
	sweep_check(t, when);
}

static void must(struct trial *t, int r, const char *what)
{
	if (r != 0)
		sweep_fail(t, "afterwards: %s: %s (%s)", what, err_name(r), err_note_text());
}

/* From now on it may only be what it is. */
static void pin(struct trial *t)
{
	struct state *now;

	state_read(t->w->v, VOLUME_NOW, &now);
	t->states[0] = now;
	t->nstates = 1;
	t->floor = 0;
}

void sweep_prove(struct trial *t, bool everywhere)
{
	static const uint8_t data[PROOF_BYTES] = {'p', 'r', 'o', 'o', 'f'};
	struct volume_new what = {.mode = S_IFREG | 0600};
	struct volume_attr attr;

	must(t, volume_create(t->w->v, VOLUME_ROOT, "proof", 5, &what, &attr), "create");
	must(t, volume_write(t->w->v, attr.ino, 0, data, sizeof(data), 0), "write");
	must(t, volume_fsync(t->w->v), "fsync");
	pin(t);
	if (!everywhere) {
		world_power(t->w, world_seed_losing_all(t->k));
		sweep_recover(t, "power cut afterwards");
		must(t, world_close(t->w), "close");
		return;
	}
	must(t, volume_sync(t->w->v, -1, NULL, NULL, NULL), "sync");
	must(t, world_close(t->w), "close");
	sweep_recover(t, "opened again");
	must(t, world_close(t->w), "close");
	world_lose(t->w);
	sweep_recover(t, "on another machine");
	must(t, world_close(t->w), "close");
}
