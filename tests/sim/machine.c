/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/machine.h"

#include "tests/lib/testvol.h"
#include "tests/sim/cover.h"
#include "tests/sim/kept.h"
#include "tests/sim/verify.h"
#include "tests/sim/watch.h"
#include "util/err.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define LEASE_FRESH (120 * SIMCLOCK_SECOND)

bool machine_overtaken(const struct sim *s)
{
	return watch_tip(s->watch) > watch_base(s->watch, s->machine);
}

struct simdisk *machine_disk(struct sim *s)
{
	struct simdisk *d = simdisk_new(&s->clock.base);

	simdisk_set_orderly(d, s->profile == 1);
	return d;
}

/* ---- opening ---- */

static int open_now(struct sim *s)
{
	s->params.io = simdisk_io(s->disk);
	s->params.store = s->asked;
	return testvol_open(&s->params, &s->v);
}

/* Another machine was alive lately, as far as the two clocks can tell. */
static bool lease_refuses(const struct sim *s)
{
	unsigned owner;
	int64_t wall_ns, age_ns;

	if (!watch_lease(s->watch, &owner, &wall_ns) || owner == s->machine || s->params.takeover)
		return false;
	age_ns = s->clock.wall_ns - wall_ns;
	return age_ns <= LEASE_FRESH && age_ns >= -SIMCLOCK_HOUR;
}

int machine_open(struct sim *s)
{
	int r;

	if (lease_refuses(s)) {
		r = open_now(s);
		if (r != ERR_FENCED || !strstr(err_note_text(), "another machine"))
			sim_fail(s, "open with another machine's lease: %s (%s)", err_name(r),
			         err_note_text());
		sim_say(s, "machine %u is refused: %s", s->machine, err_note_text());
		cover(COVER_LEASE_REFUSED);
		if (simrng_chance(&s->rng, 500))
			world_pass(s, LEASE_FRESH + SIMCLOCK_SECOND);
		s->params.takeover = lease_refuses(s);
		cover(s->params.takeover ? COVER_LEASE_TAKEOVER : COVER_LEASE_STALE);
	}
	r = open_now(s);
	s->params.takeover = false;
	return r;
}

static void power_cut(struct sim *s)
{
	simdisk_power_cut(s->disk, &s->disk_rng);
	watch_power_cut(s->watch, s->machine);
}

/* Crashes while recovering. */
static void open_and_die(struct sim *s, enum sim_crash how)
{
	bool other = machine_overtaken(s);
	int r;

	simdisk_freeze_after(s->disk, 1 + simrng_below(&s->rng, 40));
	s->params.takeover = s->params.takeover || s->peer;
	r = open_now(s);
	if (r != 0 && r != ERR_IO && r != ERR_POISONED && !(r == ERR_FENCED && other))
		sim_fail(s, "open with a dying disk: %s (%s)", err_name(r), err_note_text());
	if (r == 0) {
		simdisk_freeze(s->disk);
		volume_close(s->v);
		s->v = NULL;
	}
	if (how == SIM_KILL)
		simdisk_kill(s->disk);
	else
		power_cut(s);
}

static void die_opening(struct sim *s, enum sim_crash how)
{
	int tries = simrng_chance(&s->rng, 250) ? 1 + (int)simrng_below(&s->rng, 3) : 0;

	for (; tries > 0; tries--)
		open_and_die(s, how);
}

/* ---- which moment is it? ---- */

static void explain_loss(struct sim *s, uint64_t floor, const struct model_state *got)
{
	uint64_t newest = history_newest(&s->history);
	char why[TREE_WHY_BYTES];
	uint64_t shown = 0;

	for (uint64_t i = newest + 1; i-- > floor && shown < 4; shown++) {
		const struct history_moment *m = history_moment(&s->history, i);

		if (tree_same(m->state, got, TREE_ANY_CTIME, why))
			snprintf(why, sizeof(why), "same files");
		fprintf(stderr, "  moment %" PRIu64 " (epoch %" PRId64 "): %s\n", i, m->epoch, why);
	}
	if (shown == 4 &&
	    !tree_same(history_moment(&s->history, floor)->state, got, TREE_ANY_CTIME, why))
		fprintf(stderr, "  floor %" PRIu64 ": %s\n", floor, why);
	for (uint64_t i = floor; i-- > s->history.first;)
		if (tree_same(history_moment(&s->history, i)->state, got, TREE_ANY_CTIME, why)) {
			fprintf(stderr, "  it is moment %" PRIu64 ", before the floor\n", i);
			break;
		}
}

/* Go on from what was recovered: the number of every inode is the volume's, and nothing without a
 * name is left. */
static void adopt(struct sim *s, struct model_state *got, struct history_snaps *snaps)
{
	model_state_unref(s->now);
	history_snaps_unref(s->snaps);
	s->now = got;
	s->snaps = snaps;
}

static uint64_t recover(struct sim *s, uint64_t floor)
{
	struct model_state *got = NULL;
	struct history_snaps *snaps = NULL;
	struct volume_status st;
	uint64_t moment;
	char why[TREE_WHY_BYTES];
	int r = volume_status(s->v, &st);

	if (r == 0)
		r = world_observe(s, VOLUME_NOW, &got);
	if (r == 0)
		r = verify_snaps(s->v, &snaps);
	if (r != 0)
		sim_fail(s, "reading after recovery: %s (%s)", err_name(r), err_note_text());
	if (!verify_nlinks(got, why))
		sim_fail(s, "after recovery: %s", why);
	if (!history_match(&s->history, floor, got, snaps, st.epoch, &moment)) {
		explain_loss(s, floor, got);
		sim_fail(s,
		         "recovered to epoch %" PRId64 ", %zu snapshots: none of moments %" PRIu64
		         " to %" PRIu64,
		         st.epoch, snaps->n, floor, history_newest(&s->history));
	}
	sim_say(s, "recovered moment %" PRIu64 " of %" PRIu64 " to %" PRIu64, moment, floor,
	        history_newest(&s->history));
	history_rewind(&s->history, moment);
	adopt(s, got, snaps);
	/* Of a call that was cut off, the end of an epoch may have been kept though nobody saw it.
	 */
	s->epoch = s->history.nepochs ? s->history.epochs[s->history.nepochs - 1].epoch + 1
	                              : history_moment(&s->history, moment)->epoch;
	if (st.epoch > s->epoch)
		world_close_epochs(s, st.epoch, s->now, true);
	history_add(&s->history, s->now, s->snaps, s->epoch);
	s->stored_epoch = st.stored_epoch;
	world_check_status(s);
	return moment;
}

/* ---- going on from the other machine's history ---- */

bool machine_is_common(const struct sim *s, uint64_t moment)
{
	const struct history_moment *m;

	if (moment <= s->common)
		return true;
	m = history_moment(&s->history, moment);
	return tree_hash(m->state) == tree_hash(s->common_state) &&
	       history_snaps_same(m->snaps, s->common_snaps);
}

void machine_forget_common(struct sim *s)
{
	model_state_unref(s->common_state);
	history_snaps_unref(s->common_snaps);
	s->common_state = NULL;
	s->common_snaps = NULL;
}

static void set_common(struct sim *s, uint64_t moment, const struct sim *from)
{
	machine_forget_common(s);
	s->common = moment;
	s->common_state = model_state_ref(from->now);
	s->common_snaps = history_snaps_ref(from->snaps);
}

/* What was durable here is in the history of both, or had nothing to show. */
static void check_nothing_lost(struct sim *s)
{
	if (!machine_is_common(s, s->history.local_floor))
		sim_fail(s,
		         "machine %u went on from another's history though it had moment %" PRIu64
		         " on its disk, and they share no more than %" PRIu64,
		         s->machine, s->history.local_floor, s->common);
}

static void follow_other(struct sim *s)
{
	uint64_t moment;

	history_done(&s->history);
	history_copy(&s->history, &s->peer->history);
	moment = recover(s, s->peer->history.stored_floor);
	history_stored(&s->history, moment);
	set_common(s, moment, s);
	set_common(s->peer, moment, s);
}

/* The machine is given up, with all that it has. */
static void give_up(struct sim *s)
{
	sim_say(s, "machine %u is given up", s->machine);
	simdisk_free(s->disk);
	s->disk = NULL;
	history_done(&s->history);
	adopt(s, NULL, NULL);
	machine_forget_common(s);
	s->fenced = s->clean = false;
	if (!s->peer->v)
		machine_up(s->peer, s->peer->down_how);
}

/* A person accepts what the other one stored: what is here is set aside, and stays. */
static void set_aside(struct sim *s, const struct kept_files *before)
{
	struct volume_trouble trouble = {0};
	struct file_info info;
	int r;

	s->params.accept_rollback = true;
	s->params.trouble = &trouble;
	r = machine_open(s);
	s->params.accept_rollback = false;
	s->params.trouble = NULL;
	if (r != 0)
		sim_fail(s, "open, accepting what the store has: %s (%s)", err_name(r),
		         err_note_text());
	if (trouble.kind != VOLUME_TROUBLE_FENCED || !trouble.aside[0] ||
	    fileio_stat(simdisk_io(s->disk), trouble.aside, &info) != 0)
		sim_fail(s, "accepted: trouble %d, aside '%s'", (int)trouble.kind, trouble.aside);
	sim_say(s, "set aside: %s", trouble.aside);
	kept_files_check(s, before, trouble.aside);
	s->fenced = false;
	follow_other(s);
	cover(COVER_FENCED_ASIDE);
}

/* It was refused: everything is there still, however often it is tried. */
static void refused(struct sim *s, struct kept_files *before)
{
	if (s->clean)
		sim_fail(s, "machine %u has nothing to lose, and is fenced (%s)", s->machine,
		         err_note_text());
	if (!strstr(err_note_text(), STATE_DIR "/"))
		sim_fail(s, "fenced, and the state folder is not named: %s", err_note_text());
	sim_say(s, "machine %u is fenced: %s", s->machine, err_note_text());
	cover(COVER_FENCED_OPEN);
	if (simrng_chance(&s->rng, 300)) {
		int r;

		s->params.takeover = true;
		r = machine_open(s);
		if (r != ERR_FENCED)
			sim_fail(s, "fenced, then %s (%s)", err_name(r), err_note_text());
	}
	kept_files_check(s, before, NULL);
	kept_recovers(s);
	cover(COVER_FENCED_KEPT);
	if (simrng_chance(&s->rng, 300))
		set_aside(s, before);
	else
		give_up(s);
}

static void up_from_other(struct sim *s, enum sim_crash how)
{
	bool fresh = !s->disk || how == SIM_LOST;
	struct kept_files before = {0};
	int r;

	if (!s->disk)
		s->disk = machine_disk(s);
	die_opening(s, how);
	if (!fresh) {
		cover(COVER_RETURN);
		kept_files_list(s, &before);
	}
	r = machine_open(s);
	if (r == ERR_FENCED && !fresh) {
		refused(s, &before);
	} else if (r != 0) {
		sim_fail(s, "open after another machine: %s (%s)", err_name(r), err_note_text());
	} else {
		if (!fresh) {
			check_nothing_lost(s);
			cover(COVER_CAUGHT_UP);
		}
		s->fenced = false;
		follow_other(s);
	}
	kept_files_done(&before);
}

/* ---- down and up ---- */

void machine_down(struct sim *s, enum sim_crash how)
{
	static const char *const names[] = {"kill", "power cut", "lost machine", "close"};
	int r;

	sim_say(s, "machine %u: %s", s->machine, names[how]);
	if (how != SIM_CLOSE) {
		s->crashes++;
		simdisk_freeze(s->disk);
		s->weather.down = true;
		world_set_weather(s);
	}
	r = volume_close(s->v);
	s->v = NULL;
	if (how == SIM_CLOSE) {
		if (r != 0)
			sim_fail(s, "close: %s (%s)", err_name(r), err_note_text());
		if (!s->fenced)
			history_durable(&s->history, history_newest(&s->history));
	} else if (how == SIM_KILL) {
		simdisk_kill(s->disk);
	} else if (how == SIM_POWER) {
		power_cut(s);
	} else {
		simdisk_free(s->disk);
		s->disk = machine_disk(s);
	}
	s->disk_fault = s->disk_trouble = false;
	world_calm(s);
	s->down_how = how;
}

static void up_alone(struct sim *s, enum sim_crash how)
{
	uint64_t floor = how == SIM_LOST ? s->history.stored_floor : s->history.local_floor;
	int r;

	s->params.takeover = how == SIM_LOST;
	if (how != SIM_CLOSE)
		die_opening(s, how);
	r = machine_open(s);
	if (r != 0)
		sim_fail(s, "open after crash: %s (%s)", err_name(r), err_note_text());
	s->params.takeover = false;
	floor = recover(s, floor);
	/* What outlived a power cut outlives the next; what a killed process left in the kernel's
	 * memory need not. */
	if (how == SIM_LOST)
		history_stored(&s->history, floor);
	else if (how == SIM_POWER || how == SIM_CLOSE)
		history_durable(&s->history, floor);
	s->fenced = false;
	cover(how == SIM_LOST    ? COVER_LOST
	      : how == SIM_POWER ? COVER_POWER
	      : how == SIM_KILL  ? COVER_KILL
	                         : COVER_REOPEN);
}

void machine_up(struct sim *s, enum sim_crash how)
{
	if (machine_overtaken(s))
		up_from_other(s, how);
	else
		up_alone(s, how);
	if (!s->v)
		return;
	watch_caught_up(s->watch, s->machine);
	s->clean = false;
}

void world_crash(struct sim *s, enum sim_crash how)
{
	machine_down(s, how);
	world_fair(s);
	machine_up(s, how);
}

void world_reopen(struct sim *s)
{
	machine_down(s, SIM_CLOSE);
	/* Nothing is unsynced after a clean close, but where the packs are that were stored. */
	if (simrng_chance(&s->rng, 500)) {
		power_cut(s);
	}
	world_fair(s);
	machine_up(s, SIM_CLOSE);
}
