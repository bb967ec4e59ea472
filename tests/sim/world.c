/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A run's world: what must hold after each call, the epochs, comparing, the store's weather, and
 * the run's beginning and end. Machines that fail and come back are machine.c's.
 */
#include "tests/sim/sim.h"

#include "backend/mem.h"
#include "tests/lib/testvol.h"
#include "tests/sim/cover.h"
#include "tests/sim/machine.h"
#include "tests/sim/modelops.h"
#include "tests/sim/verify.h"
#include "tests/sim/watch.h"
#include "util/check.h"
#include "util/err.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define START_NS ((int64_t)1750000000 * SIMCLOCK_SECOND)
#define MONTH_NS (30 * 24 * SIMCLOCK_HOUR)

/* ---- which errors are nobody's fault ---- */

static bool is_weather(const struct sim *s, int code)
{
	bool wild = s->weather.truncate || s->weather.corrupt;

	return s->stormy && (code == ERR_UNAVAILABLE ||
	                     (wild && (code == ERR_UNAUTHENTIC || code == ERR_CORRUPT)));
}

static bool is_disk(const struct sim *s, int code)
{
	return s->disk_fault && (code == ERR_IO || code == ERR_NOSPC || code == ERR_POISONED);
}

/* A small cache that is full of what the weather keeps from being stored. */
static bool is_full(const struct sim *s, int code)
{
	return s->params.cache_limit_bytes && code == ERR_NOSPC;
}

/* Another machine stored what this one would have stored. */
static bool is_fence(const struct sim *s, int code)
{
	return (code == ERR_FENCED && machine_overtaken(s)) || (code == ERR_POISONED && s->fenced);
}

bool world_readable(struct sim *s, const char *what, int got)
{
	if (got == 0)
		return true;
	if (is_disk(s, got))
		s->disk_trouble = true;
	else if (!is_weather(s, got))
		sim_fail(s, "%s: %s (%s)", what, err_name(got), err_note_text());
	return false;
}

/* ---- epochs ---- */

/* It ended now, or when the clock was set back, right after the one before it. */
static void check_end(struct sim *s, int64_t epoch, int64_t closed_ns)
{
	const struct history_epoch *last = history_epoch(&s->history, epoch - 1);
	bool back = last && s->clock.wall_ns <= last->closed_ns;
	int64_t want_ns = back ? last->closed_ns + 1 : s->clock.wall_ns;

	if (s->profile > 1 && closed_ns != want_ns)
		sim_fail(s, "epoch %" PRId64 " ended at %" PRId64 ", want %" PRId64, epoch,
		         closed_ns, want_ns);
	cover_if(back, COVER_EPOCH_BACK);
}

void world_close_epochs(struct sim *s, int64_t until, struct model_state *before, bool recovered)
{
	for (int64_t e = s->epoch; e < until; e++) {
		struct model_state *state = e == s->epoch ? before : s->now;
		int64_t closed_epoch, closed_ns;
		char text[32];
		int r;

		snprintf(text, sizeof(text), "e%" PRId64, e);
		r = volume_when(s->v, text, &closed_epoch, &closed_ns);
		if (is_disk(s, r)) { /* it ended, and the disk fails now: this is when */
			const struct history_epoch *last = history_epoch(&s->history, e - 1);

			s->disk_trouble = true;
			closed_ns = s->clock.wall_ns;
			if (last && closed_ns <= last->closed_ns)
				closed_ns = last->closed_ns + 1;
			closed_epoch = e;
			r = 0;
		}
		if (r != 0 || closed_epoch != e)
			sim_fail(s, "when %s: %s, epoch %" PRId64, text, err_name(r), closed_epoch);
		if (history_epoch(&s->history, e - 1) &&
		    closed_ns <= history_epoch(&s->history, e - 1)->closed_ns)
			sim_fail(s, "epoch %" PRId64 " ended before the one before it", e);
		if (!recovered && !s->disk_trouble)
			check_end(s, e, closed_ns);
		history_add(&s->history, state, s->snaps, e + 1);
		history_close_epoch(&s->history, e, closed_ns, state);
		sim_say(s, "epoch %" PRId64 " closed", e);
	}
	s->epoch = until;
}

void world_follow(struct sim *s, struct model_state *before)
{
	struct volume_status st;
	const struct history_epoch *e;
	int r = volume_status(s->v, &st);

	if (!world_readable(s, "status", r))
		return;
	if (st.epoch < s->epoch)
		sim_fail(s, "epoch went from %" PRId64 " to %" PRId64, s->epoch, st.epoch);
	if (st.epoch > s->epoch)
		world_close_epochs(s, st.epoch, before, false);
	if (st.stored_epoch >= st.epoch || st.stored_epoch < s->stored_epoch)
		sim_fail(s, "stored epoch %" PRId64 " after %" PRId64 ", open is %" PRId64,
		         st.stored_epoch, s->stored_epoch, st.epoch);
	e = history_epoch(&s->history, st.stored_epoch);
	if (e)
		history_stored(&s->history, e->moment);
	s->stored_epoch = st.stored_epoch;
	if (st.state == VOLUME_ERROR && st.error == ERR_FENCED && machine_overtaken(s)) {
		if (!s->fenced)
			sim_say(s, "fenced: %s", st.error_note);
		cover_if(!s->fenced, COVER_FENCED_LIVE);
		s->fenced = true;
	} else if (st.state == VOLUME_ERROR && !s->disk_fault) {
		sim_fail(s, "status: %s (%s)", err_name(st.error), st.error_note);
	} else if (s->fenced && !s->disk_fault) {
		sim_fail(s, "it was fenced, and its state is %d now, error %s", (int)st.state,
		         err_name(st.error));
	}
}

bool world_settle(struct sim *s, const char *what, int got, int want, struct model_state *after)
{
	struct model_state *before = s->now;
	bool happened = got == 0 && want == 0;

	if (got != want && is_disk(s, got)) {
		s->disk_trouble = true;
		if (want == 0)
			history_add(&s->history, after, s->snaps, s->epoch);
	} else if (got != want && !is_weather(s, got) && !is_full(s, got) && !is_fence(s, got)) {
		sim_fail(s, "%s: %s (%s), want %s", what, err_name(got), got ? err_note_text() : "",
		         err_name(want));
	}
	sim_say(s, "%s: %s", what, got ? err_name(got) : "ok");
	if (happened && s->fenced && tree_hash(after) != tree_hash(before))
		sim_fail(s, "%s: it is fenced, and was changed", what);
	cover_if(want == 0 && got == ERR_POISONED && s->fenced, COVER_FENCED_POISONED);
	cover_if(s->disk_trouble && simdisk_fault_hit(s->disk), COVER_DISK_FAULT);
	s->clean = s->clean && !(happened && after != before);
	if (happened)
		s->now = after;
	if (!s->disk_trouble)
		world_follow(s, before);
	if (happened)
		history_add(&s->history, s->now, s->snaps, s->epoch);
	model_state_unref(happened ? before : after);
	return happened;
}

/* ---- comparing ---- */

int world_observe(struct sim *s, int64_t at, struct model_state **ret)
{
	char why[TREE_WHY_BYTES];
	int r = verify_observe(s->v, at, &s->rng, ret, why);

	if (r == VERIFY_WRONG)
		sim_fail(s, "epoch %" PRId64 ": %s", at == VOLUME_NOW ? s->epoch : at, why);
	return r;
}

void world_check_status(struct sim *s)
{
	struct volume_status st;
	uint64_t files = 0, folders = 0, bytes = 0;
	bool orphans = false;

	if (!world_readable(s, "status", volume_status(s->v, &st)))
		return;
	for (size_t i = 0; i < s->now->nnodes; i++) {
		const struct model_node *n = s->now->nodes[i];

		orphans = orphans || n->nlink == 0;
		if (n->nlink == 0 || n->ino == VOLUME_ROOT)
			continue;
		folders += model_is_dir(n);
		files += !model_is_dir(n);
		bytes += n->size;
	}
	if (orphans)
		return;
	if (st.files != files || st.folders != folders + s->folders_base || st.bytes != bytes)
		sim_fail(s,
		         "status: %" PRIu64 " files, %" PRIu64 " folders, %" PRIu64
		         " bytes; want %" PRIu64 ", %" PRIu64 ", %" PRIu64,
		         st.files, st.folders, st.bytes, files, folders + s->folders_base, bytes);
}

void world_verify(struct sim *s)
{
	struct model_state *got = NULL;
	struct history_snaps *snaps = NULL;
	char why[TREE_WHY_BYTES];

	if (!world_readable(s, "verify", world_observe(s, VOLUME_NOW, &got)))
		return;
	if (!tree_same(s->now, got, TREE_EXACT, why))
		sim_fail(s, "now: %s", why);
	model_state_unref(got);
	if (world_readable(s, "snapshots", verify_snaps(s->v, &snaps)) &&
	    !history_snaps_same(s->snaps, snaps))
		sim_fail(s, "snapshots: %zu, want %zu", snaps->n, s->snaps->n);
	history_snaps_unref(snaps);
	world_check_status(s);
	s->verified++;
	cover(COVER_VERIFY);
}

/* May this epoch have been forgotten? */
static bool may_expire(struct sim *s, const struct history_epoch *e)
{
	for (size_t i = 0; i < s->snaps->n; i++)
		if (s->snaps->snaps[i].epoch == e->epoch)
			return false;
	return s->long_jumps;
}

void world_verify_epoch(struct sim *s, const struct history_epoch *e)
{
	struct model_state *got = NULL;
	char why[TREE_WHY_BYTES];
	int r = world_observe(s, e->epoch, &got);

	if (r == ERR_NOHISTORY && may_expire(s, e)) {
		if (s->clock.wall_ns - e->closed_ns < MONTH_NS)
			sim_fail(s, "epoch %" PRId64 " is forgotten after %" PRId64 " hours",
			         e->epoch, (s->clock.wall_ns - e->closed_ns) / SIMCLOCK_HOUR);
		history_drop_epoch(&s->history, e->epoch);
		return;
	}
	if (!world_readable(s, "verify epoch", r))
		return;
	if (!tree_same(e->state, got, TREE_EXACT, why))
		sim_fail(s, "at epoch %" PRId64 " (open is %" PRId64 "): %s", e->epoch, s->epoch,
		         why);
	model_state_unref(got);
	s->verified++;
	cover(COVER_VERIFY_EPOCH);
}

/* ---- the store's weather ---- */

void world_set_weather(struct sim *s)
{
	fault_configure(s->store, &s->weather);
	s->stormy = s->weather.fail || s->weather.lost_reply || s->weather.truncate ||
	            s->weather.corrupt || s->weather.stale_list || s->weather.down;
}

void world_pass(struct sim *s, int64_t ns)
{
	simclock_advance(&s->clock, ns);
	if (s->peer)
		simclock_advance(&s->peer->clock, ns);
}

void world_calm(struct sim *s)
{
	memset(&s->weather, 0, sizeof(s->weather));
	world_set_weather(s);
}

void world_fair(struct sim *s)
{
	world_calm(s);
	/* Whoever waits before trying again has waited long enough. */
	world_pass(s, 300 * SIMCLOCK_SECOND);
}

/* ---- the beginning and the end ---- */

static void choose_settings(struct sim *s)
{
	static const uint64_t journals[] = {256 << 10, 1 << 20, 1 << 20, 4 << 20};
	static const uint32_t packs[] = {64 << 10, 64 << 10, 256 << 10, 1 << 20};
	static const unsigned epochs[] = {0, 1000, 60000};
	static const unsigned commits[] = {0, 100, 10000};

	s->params.journal_bytes = journals[simrng_below(&s->rng, 4)];
	s->params.pack_bytes = packs[simrng_below(&s->rng, 4)];
	/* small enough that checkpoints are made, and big enough that some runs have none */
	s->params.checkpoint_bytes = 4096u << simrng_below(&s->rng, 6);
	s->params.epoch_ms = epochs[simrng_below(&s->rng, 3)];
	s->params.commit_ms = commits[simrng_below(&s->rng, 3)];
	s->params.cache_limit_bytes = simrng_chance(&s->rng, 400) ? 4 << 20 : 0;
	s->long_jumps = simrng_chance(&s->rng, 200);
}

static void first_state(struct sim *s)
{
	struct volume_status st;
	struct volume_attr root;
	struct model_node *n;
	int r = volume_status(s->v, &st);

	if (r == 0)
		r = volume_getattr(s->v, VOLUME_ROOT, VOLUME_NOW, &root);
	if (r != 0)
		sim_fail(s, "first look: %s (%s)", err_name(r), err_note_text());
	s->now = model_state_new();
	modelops_root(&s->now);
	n = model_change(&s->now, VOLUME_ROOT);
	n->mode = root.mode;
	n->uid = root.uid;
	n->gid = root.gid;
	n->atime_ns = root.atime_ns;
	n->mtime_ns = root.mtime_ns;
	n->ctime_ns = root.ctime_ns;
	n->btime_ns = root.btime_ns;
	s->snaps = history_snaps_new();
	s->epoch = st.epoch;
	s->folders_base = st.folders;
	history_add(&s->history, s->now, s->snaps, s->epoch);
}

/* Its own chance and clock; nothing else yet. Wall clocks of two machines rarely agree. */
static void begin_machine(struct sim *s, uint64_t seed, int64_t wall_ns)
{
	simrng_init(&s->rng, seed);
	simrng_init(&s->volume_rng, seed ^ UINT64_C(0x5afe));
	simrng_init(&s->disk_rng, seed ^ UINT64_C(0xd15c));
	simclock_init(&s->clock, wall_ns);
	s->clock.tick_ns = SIMCLOCK_MS / 10;
	s->params.clock = &s->clock.base;
	s->params.rng = &s->volume_rng.base;
	s->params.state_dir = STATE_DIR;
}

static void begin_peer(struct sim *s)
{
	static const int64_t most[] = {SIMCLOCK_SECOND, 3 * SIMCLOCK_HOUR, 20000 * SIMCLOCK_HOUR};
	struct fault_config fair = {.seed = ~s->seed};
	struct sim *peer = s->peer;
	int64_t off;

	begin_machine(peer, s->seed ^ UINT64_C(0x2ead), 0);
	off = (int64_t)simrng_below(&peer->rng, (uint64_t)most[simrng_below(&peer->rng, 3)]);
	peer->clock.wall_ns = s->clock.wall_ns + (simrng_chance(&peer->rng, 500) ? off : -off);
	peer->watch = s->watch;
	peer->asked = watch_connect(s->watch, peer, &fair, &peer->store);
	choose_settings(peer);
	peer->long_jumps = s->long_jumps;
	peer->folders_base = s->folders_base;
	s->rivals = simrng_chance(&peer->rng, 500);
	peer->rivals = s->rivals;
}

void world_start(struct sim *s)
{
	struct fault_config fair = {.seed = s->seed};
	int r;

	begin_machine(s, s->seed, 0);
	s->clock.wall_ns = START_NS + (int64_t)simrng_below(&s->rng, 1000) * SIMCLOCK_HOUR;
	s->disk = machine_disk(s);
	s->mem = mem_new();
	CHECK(s->mem);
	choose_settings(s);
	r = testvol_init(s->mem, &s->volume_rng.base, s->clock.wall_ns);
	s->watch = watch_new(s, s->mem);
	s->asked = watch_connect(s->watch, s, &fair, &s->store);
	if (r == 0)
		r = machine_open(s);
	if (r != 0)
		sim_fail(s, "first open: %s (%s)", err_name(r), err_note_text());
	first_state(s);
	/* Before the root folder is durable there is nothing to compare a recovered volume with. */
	r = volume_sync(s->v, -1, NULL, NULL, NULL);
	world_settle(s, "first sync", r, 0, model_state_ref(s->now));
	history_stored(&s->history, history_newest(&s->history));
	if (s->peer)
		begin_peer(s);
}

/* Everything is stored, and the store alone has it. */
static void end_with_store(struct sim *s)
{
	int r;

	world_fair(s);
	r = volume_sync(s->v, -1, NULL, NULL, NULL);
	if (!world_settle(s, "last sync", r, 0, model_state_ref(s->now)))
		sim_fail(s, "the last sync: %s (%s)", err_name(r), err_note_text());
	history_stored(&s->history, history_newest(&s->history));
	world_crash(s, SIM_LOST);
}

static void end_machine(struct sim *s)
{
	int r;

	if (s->v && (s->disk_fault || s->fenced))
		world_crash(s, SIM_KILL);
	if (!s->v)
		return;
	if (s->profile > 1 && !machine_overtaken(s))
		end_with_store(s);
	world_verify(s);
	r = volume_close(s->v);
	s->v = NULL;
	if (r != 0)
		sim_fail(s, "close at the end: %s (%s)", err_name(r), err_note_text());
}

static void free_machine(struct sim *s)
{
	simdisk_free(s->disk);
	blob_free(s->asked);
	history_done(&s->history);
	history_snaps_unref(s->snaps);
	model_state_unref(s->now);
	machine_forget_common(s);
}

void world_end(struct sim *s)
{
	end_machine(s);
	if (s->peer) {
		end_machine(s->peer);
		free_machine(s->peer);
	}
	free_machine(s);
	watch_free(s->watch);
	blob_free(s->mem);
}
