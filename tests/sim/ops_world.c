/* SPDX-License-Identifier: Apache-2.0 */
/* Time, background work, the store's weather, and disasters. */
#include "tests/sim/sim.h"
#include "util/err.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define SYNC_STORMY_MS 200

static void op_advance(struct sim *s)
{
	static const int64_t most[] = {10 * SIMCLOCK_MS, SIMCLOCK_SECOND, 10 * SIMCLOCK_SECOND,
	                               SIMCLOCK_HOUR};
	static const unsigned chances[] = {400, 350, 200, 50};
	uint64_t pick = simrng_below(&s->rng, 1000);
	int64_t ns;
	size_t i = 0;

	while (pick >= chances[i])
		pick -= chances[i++];
	ns = (int64_t)simrng_below(&s->rng, (uint64_t)most[i]);
	if (s->long_jumps && simrng_chance(&s->rng, 20))
		ns = (int64_t)simrng_below(&s->rng, 20 * 24) * SIMCLOCK_HOUR;
	simclock_advance(&s->clock, ns);
	sim_say(s, "%" PRId64 " ms pass", ns / SIMCLOCK_MS);
}

static void op_jump(struct sim *s)
{
	int64_t ns = (int64_t)simrng_below(&s->rng, 2 * 3600 * SIMCLOCK_SECOND);

	simclock_jump(&s->clock, simrng_chance(&s->rng, 500) ? ns : -ns);
	sim_say(s, "the clock jumps");
}

static void op_step(struct sim *s)
{
	uint64_t n = 1 + simrng_below(&s->rng, 6);
	bool ok = true;

	for (uint64_t i = 0; ok && i < n; i++) {
		simclock_advance(&s->clock, (int64_t)simrng_below(&s->rng, 300) * SIMCLOCK_MS);
		ok = world_settle(s, "step", volume_step(s->v), 0, model_state_ref(s->now));
	}
}

static void op_sync(struct sim *s)
{
	int64_t timeout_ms = -1;
	struct volume_status st;
	int r;

	if (s->stormy)
		timeout_ms = SYNC_STORMY_MS;
	else
		simclock_advance(&s->clock, SIMCLOCK_SECOND);
	/* A dead disk never finishes. */
	if (s->disk_fault)
		timeout_ms = SYNC_STORMY_MS;
	r = volume_sync(s->v, timeout_ms, NULL, NULL, NULL);
	/* A pack that found no room for its end waits, and what names it with it. */
	if (r == ERR_UNAVAILABLE && simdisk_fault_hit(s->disk)) {
		sim_say(s, "sync: not now");
		world_follow(s, s->now);
		return;
	}
	if (!world_settle(s, "sync", r, 0, model_state_ref(s->now)))
		return;
	history_stored(&s->history, history_newest(&s->history));
	if (world_readable(s, "status", volume_status(s->v, &st)) &&
	    (st.state != VOLUME_CLEAN || st.pending_bytes != 0 || st.stored_epoch != st.epoch - 1))
		sim_fail(s,
		         "after sync: state %d, %" PRIu64 " bytes pending, stored %" PRId64
		         ", open %" PRId64,
		         (int)st.state, st.pending_bytes, st.stored_epoch, st.epoch);
}

static void op_weather(struct sim *s)
{
	struct fault_config *w = &s->weather;

	if (s->stormy && simrng_chance(&s->rng, 700)) {
		world_fair(s);
		sim_say(s, "fair weather");
		return;
	}
	memset(w, 0, sizeof(*w));
	w->down = simrng_chance(&s->rng, 200);
	w->fail = simrng_chance(&s->rng, 500) ? (unsigned)simrng_below(&s->rng, 500) : 0;
	w->lost_reply = simrng_chance(&s->rng, 500) ? (unsigned)simrng_below(&s->rng, 500) : 0;
	w->truncate = simrng_chance(&s->rng, 200) ? (unsigned)simrng_below(&s->rng, 300) : 0;
	w->corrupt = simrng_chance(&s->rng, 200) ? (unsigned)simrng_below(&s->rng, 300) : 0;
	w->stale_list = simrng_chance(&s->rng, 200) ? (unsigned)simrng_below(&s->rng, 500) : 0;
	fault_configure(s->store, w);
	s->stormy =
	    w->down || w->fail || w->lost_reply || w->truncate || w->corrupt || w->stale_list;
	sim_say(s, "weather: fail %u, lost %u, truncate %u, corrupt %u, stale %u%s", w->fail,
	        w->lost_reply, w->truncate, w->corrupt, w->stale_list, w->down ? ", down" : "");
}

/* The next calls of the disk go wrong. */
static void op_disk_fault(struct sim *s)
{
	uint64_t n = 1 + simrng_below(&s->rng, 60);
	int code = simrng_chance(&s->rng, 500) ? ERR_IO : ERR_NOSPC;

	simdisk_fail_nth(s->disk, n, code);
	s->disk_fault = true;
	sim_say(s, "disk call %" PRIu64 " will fail: %s", n, err_name(code));
}

static void op_disk_dies(struct sim *s)
{
	uint64_t n = 1 + simrng_below(&s->rng, 60);

	simdisk_freeze_after(s->disk, n);
	s->disk_fault = true;
	sim_say(s, "disk dies after %" PRIu64 " writes", n);
}

static void op_reopen(struct sim *s)
{
	if (s->disk_fault)
		world_crash(s, SIM_KILL);
	else
		world_reopen(s);
}

static void op_kill(struct sim *s)
{
	world_crash(s, SIM_KILL);
}

static void op_power(struct sim *s)
{
	world_crash(s, SIM_POWER);
}

static void op_lost(struct sim *s)
{
	world_crash(s, SIM_LOST);
}

const struct ops_action ops_world_actions[] = {
    {"advance", 80, op_advance},    {"jump", 3, op_jump},       {"step", 60, op_step},
    {"sync", 8, op_sync},           {"weather", 8, op_weather}, {"disk fault", 2, op_disk_fault},
    {"disk dies", 4, op_disk_dies}, {"reopen", 2, op_reopen},   {"kill", 3, op_kill},
    {"power", 4, op_power},         {"lost", 1, op_lost},       {NULL, 0, NULL},
};
