/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The machine, the store, and what must hold after each of their failures.
 *
 * After a crash the volume is opened, read as a whole, and looked for among the moments
 * (history.h): it must be one of them, not before the floor. What an operation that was cut off by
 * the crash would have led to is a moment as well. The model then goes on from what was found.
 */
#include "tests/sim/sim.h"

#include "backend/mem.h"
#include "tests/lib/testvol.h"
#include "tests/sim/modelops.h"
#include "tests/sim/verify.h"
#include "util/check.h"
#include "util/err.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define STATE_DIR "/state"
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

static void close_epochs(struct sim *s, int64_t until, struct model_state *before)
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
		close_epochs(s, st.epoch, before);
	if (st.stored_epoch >= st.epoch || st.stored_epoch < s->stored_epoch)
		sim_fail(s, "stored epoch %" PRId64 " after %" PRId64 ", open is %" PRId64,
		         st.stored_epoch, s->stored_epoch, st.epoch);
	e = history_epoch(&s->history, st.stored_epoch);
	if (e)
		history_stored(&s->history, e->moment);
	s->stored_epoch = st.stored_epoch;
	if (st.state == VOLUME_ERROR && !s->disk_fault)
		sim_fail(s, "status: %s (%s)", err_name(st.error), st.error_note);
}

bool world_settle(struct sim *s, const char *what, int got, int want, struct model_state *after)
{
	struct model_state *before = s->now;
	bool happened = got == 0 && want == 0;

	if (got != want && is_disk(s, got)) {
		s->disk_trouble = true;
		if (want == 0)
			history_add(&s->history, after, s->snaps, s->epoch);
	} else if (got != want && !is_weather(s, got) && !is_full(s, got)) {
		sim_fail(s, "%s: %s (%s), want %s", what, err_name(got), got ? err_note_text() : "",
		         err_name(want));
	}
	sim_say(s, "%s: %s", what, got ? err_name(got) : "ok");
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

static int observe(struct sim *s, int64_t at, struct model_state **ret)
{
	char why[TREE_WHY_BYTES];
	int r = verify_observe(s->v, at, &s->rng, ret, why);

	if (r == VERIFY_WRONG)
		sim_fail(s, "epoch %" PRId64 ": %s", at == VOLUME_NOW ? s->epoch : at, why);
	return r;
}

static void check_status(struct sim *s)
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

	if (!world_readable(s, "verify", observe(s, VOLUME_NOW, &got)))
		return;
	if (!tree_same(s->now, got, TREE_EXACT, why))
		sim_fail(s, "now: %s", why);
	model_state_unref(got);
	if (world_readable(s, "snapshots", verify_snaps(s->v, &snaps)) &&
	    !history_snaps_same(s->snaps, snaps))
		sim_fail(s, "snapshots: %zu, want %zu", snaps->n, s->snaps->n);
	history_snaps_unref(snaps);
	check_status(s);
	s->verified++;
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
	int r = observe(s, e->epoch, &got);

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
}

/* ---- opening ---- */

static void set_weather(struct sim *s)
{
	fault_configure(s->store, &s->weather);
	s->stormy = s->weather.fail || s->weather.lost_reply || s->weather.truncate ||
	            s->weather.corrupt || s->weather.stale_list || s->weather.down;
}

void world_fair(struct sim *s)
{
	memset(&s->weather, 0, sizeof(s->weather));
	set_weather(s);
	/* Whoever waits before trying again has waited long enough. */
	simclock_advance(&s->clock, 300 * SIMCLOCK_SECOND);
}

static int try_open(struct sim *s)
{
	s->params.io = simdisk_io(s->disk);
	s->params.store = s->store;
	return testvol_open(&s->params, &s->v);
}

/* Go on from what was recovered: the number of every inode is the volume's, and nothing without a
 * name is left. */
static void adopt(struct sim *s, struct model_state *got)
{
	model_state_unref(s->now);
	s->now = got;
}

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

/* The volume is open again: which moment is it? */
static uint64_t recover(struct sim *s, uint64_t floor)
{
	struct model_state *got = NULL;
	struct history_snaps *snaps = NULL;
	struct volume_status st;
	uint64_t moment;
	char why[TREE_WHY_BYTES];
	int r = volume_status(s->v, &st);

	if (r == 0)
		r = observe(s, VOLUME_NOW, &got);
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
	adopt(s, got);
	history_snaps_unref(s->snaps);
	s->snaps = snaps;
	/* Of a call that was cut off, the end of an epoch may have been kept though nobody saw it.
	 */
	s->epoch = s->history.nepochs ? s->history.epochs[s->history.nepochs - 1].epoch + 1
	                              : history_moment(&s->history, moment)->epoch;
	if (st.epoch > s->epoch)
		close_epochs(s, st.epoch, s->now);
	history_add(&s->history, s->now, s->snaps, s->epoch);
	s->stored_epoch = st.stored_epoch;
	check_status(s);
	return moment;
}

/* Open with a fair store and disk; sometimes not at the first try. */
static void open_again(struct sim *s, enum sim_crash how)
{
	int r;

	for (int tries = simrng_chance(&s->rng, 250) ? 1 + (int)simrng_below(&s->rng, 3) : 0;
	     tries > 0; tries--) {
		/* A crash while recovering. */
		simdisk_freeze_after(s->disk, 1 + simrng_below(&s->rng, 40));
		r = try_open(s);
		if (r != 0 && r != ERR_IO && r != ERR_POISONED)
			sim_fail(s, "open with a dying disk: %s (%s)", err_name(r),
			         err_note_text());
		if (r == 0) {
			simdisk_freeze(s->disk);
			volume_close(s->v);
			s->v = NULL;
		}
		if (how == SIM_KILL)
			simdisk_kill(s->disk);
		else
			simdisk_power_cut(s->disk, &s->disk_rng);
	}
	r = try_open(s);
	if (r != 0)
		sim_fail(s, "open after crash: %s (%s)", err_name(r), err_note_text());
}

void world_crash(struct sim *s, enum sim_crash how)
{
	static const char *const names[] = {"kill", "power cut", "lost machine"};
	uint64_t floor = how == SIM_LOST ? s->history.stored_floor : s->history.local_floor;

	sim_say(s, "%s", names[how]);
	s->crashes++;
	simdisk_freeze(s->disk);
	memset(&s->weather, 0, sizeof(s->weather));
	s->weather.down = true;
	set_weather(s);
	volume_close(s->v);
	s->v = NULL;
	if (how == SIM_KILL) {
		simdisk_kill(s->disk);
	} else if (how == SIM_POWER) {
		simdisk_power_cut(s->disk, &s->disk_rng);
	} else {
		simdisk_free(s->disk);
		s->disk = simdisk_new(&s->clock.base);
	}
	s->disk_fault = s->disk_trouble = false;
	s->params.takeover = how == SIM_LOST;
	world_fair(s);
	open_again(s, how);
	s->params.takeover = false;
	floor = recover(s, floor);
	/* What outlived a power cut outlives the next; what a killed process left in the kernel's
	 * memory need not. */
	if (how == SIM_LOST)
		history_stored(&s->history, floor);
	else if (how == SIM_POWER)
		history_durable(&s->history, floor);
}

void world_reopen(struct sim *s)
{
	uint64_t newest = history_newest(&s->history);
	int r = volume_close(s->v);

	s->v = NULL;
	sim_say(s, "reopen");
	if (r != 0)
		sim_fail(s, "close: %s (%s)", err_name(r), err_note_text());
	/* Nothing is unsynced after a clean close. */
	if (simrng_chance(&s->rng, 500))
		simdisk_power_cut(s->disk, &s->disk_rng);
	world_fair(s);
	r = try_open(s);
	if (r != 0)
		sim_fail(s, "open: %s (%s)", err_name(r), err_note_text());
	history_durable(&s->history, recover(s, newest));
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

void world_start(struct sim *s)
{
	struct fault_config fair = {.seed = s->seed};
	int r;

	simrng_init(&s->rng, s->seed);
	simrng_init(&s->volume_rng, s->seed ^ UINT64_C(0x5afe));
	simrng_init(&s->disk_rng, s->seed ^ UINT64_C(0xd15c));
	simclock_init(&s->clock, START_NS + (int64_t)simrng_below(&s->rng, 1000) * SIMCLOCK_HOUR);
	s->clock.tick_ns = SIMCLOCK_MS / 10;
	s->disk = simdisk_new(&s->clock.base);
	s->mem = mem_new();
	CHECK(s->mem);
	s->store = fault_new(mem_share(s->mem), &fair);
	CHECK(s->store);
	s->params.clock = &s->clock.base;
	s->params.rng = &s->volume_rng.base;
	s->params.state_dir = STATE_DIR;
	choose_settings(s);
	r = testvol_init(s->mem, &s->volume_rng.base, s->clock.wall_ns);
	if (r == 0)
		r = try_open(s);
	if (r != 0)
		sim_fail(s, "first open: %s (%s)", err_name(r), err_note_text());
	first_state(s);
	/* Before the root folder is durable there is nothing to compare a recovered volume with. */
	r = volume_sync(s->v, -1, NULL, NULL, NULL);
	world_settle(s, "first sync", r, 0, model_state_ref(s->now));
	history_stored(&s->history, history_newest(&s->history));
}

void world_end(struct sim *s)
{
	int r;

	if (s->disk_fault)
		world_crash(s, SIM_KILL);
	world_verify(s);
	r = volume_close(s->v);
	if (r != 0)
		sim_fail(s, "close at the end: %s (%s)", err_name(r), err_note_text());
	simdisk_free(s->disk);
	blob_free(s->store);
	blob_free(s->mem);
	history_done(&s->history);
	history_snaps_unref(s->snaps);
	model_state_unref(s->now);
}
