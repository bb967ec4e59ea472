/* SPDX-License-Identifier: Apache-2.0 */
/* Time, background work, the store's weather, and disasters. */
#include "tests/sim/cover.h"
#include "tests/sim/machine.h"
#include "tests/sim/sim.h"
#include "tests/sim/watch.h"
#include "util/err.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define SYNC_STORMY_MS 200
#define CLOCK_FIRST_NS ((int64_t)631152000 * SIMCLOCK_SECOND)
#define CLOCK_LAST_NS ((int64_t)4102444800 * SIMCLOCK_SECOND)

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
	world_pass(s, ns);
	sim_say(s, "%" PRId64 " ms pass", ns / SIMCLOCK_MS);
}

static void op_jump(struct sim *s)
{
	int64_t ns = (int64_t)simrng_below(&s->rng, 2 * 3600 * SIMCLOCK_SECOND);

	if (s->profile == 1) {
		simclock_jump(&s->clock, simrng_chance(&s->rng, 500) ? ns : -ns);
		sim_say(s, "the clock jumps");
	}
}

/* A machine's wall clock is set, by a user or by the network: by seconds, hours or years; half of
 * them are taken back soon. Kept between 1990 and 2100, so that no time overflows. */
static void op_set_clock(struct sim *s)
{
	static const int64_t most[] = {3 * SIMCLOCK_SECOND, 100 * SIMCLOCK_SECOND,
	                               5 * SIMCLOCK_HOUR, 100000 * SIMCLOCK_HOUR};
	uint64_t size = simrng_below(&s->rng, 4);
	int64_t ns = 1 + (int64_t)simrng_below(&s->rng, (uint64_t)most[size]);

	if (s->jumped_ns && simrng_chance(&s->rng, 500)) {
		ns = -s->jumped_ns;
		s->jumped_ns = 0;
	} else {
		ns = simrng_chance(&s->rng, 500) ? ns : -ns;
		s->jumped_ns = ns;
	}
	if (s->clock.wall_ns + ns < CLOCK_FIRST_NS || s->clock.wall_ns + ns > CLOCK_LAST_NS)
		ns = -ns;
	simclock_jump(&s->clock, ns);
	sim_say(s, "the clock jumps by %" PRId64 " s", ns / SIMCLOCK_SECOND);
	cover(ns > 0 ? COVER_JUMP_FORWARD : COVER_JUMP_BACK);
	cover_if(size == 3, COVER_JUMP_YEARS);
}

static void op_step(struct sim *s)
{
	uint64_t n = 1 + simrng_below(&s->rng, 6);
	bool ok = true;

	for (uint64_t i = 0; ok && i < n; i++) {
		world_pass(s, (int64_t)simrng_below(&s->rng, 300) * SIMCLOCK_MS);
		ok = world_settle(s, "step", volume_step(s->v), 0, model_state_ref(s->now));
		cover_if(ok, COVER_STEP);
	}
}

/* The other machine has the next number: then all that is stored is what both have. */
static void check_stored(struct sim *s)
{
	if (machine_overtaken(s) && !machine_is_common(s, history_newest(&s->history)))
		sim_fail(s,
		         "sync: another machine has log object %" PRIu64
		         ", and this one says that all is stored",
		         watch_base(s->watch, s->machine) + 1);
}

void ops_sync(struct sim *s)
{
	int64_t timeout_ms = -1;
	struct volume_status st;
	int r;

	if (s->stormy)
		timeout_ms = SYNC_STORMY_MS;
	else
		world_pass(s, SIMCLOCK_SECOND);
	/* A dead disk never finishes. */
	if (s->disk_fault)
		timeout_ms = SYNC_STORMY_MS;
	r = volume_sync(s->v, timeout_ms, NULL, NULL, NULL);
	/* A pack that found no room for its end waits, and what names it with it. */
	if (r == ERR_UNAVAILABLE && simdisk_fault_hit(s->disk)) {
		sim_say(s, "sync: not now");
		cover(COVER_SYNC_NOT);
		world_follow(s, s->now);
		return;
	}
	cover_if(r == ERR_UNAVAILABLE, COVER_SYNC_NOT);
	if (!world_settle(s, "sync", r, 0, model_state_ref(s->now)))
		return;
	if (s->fenced)
		sim_fail(s, "sync: it is fenced, and says that all is stored");
	check_stored(s);
	cover(COVER_SYNC);
	s->clean = true;
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
	world_set_weather(s);
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
    {"advance", {80, 80}, op_advance},
    {"jump", {3, 0}, op_jump},
    {"set clock", {0, 6}, op_set_clock},
    {"step", {60, 60}, op_step},
    {"sync", {8, 8}, ops_sync},
    {"weather", {8, 8}, op_weather},
    {"disk fault", {2, 2}, op_disk_fault},
    {"disk dies", {4, 4}, op_disk_dies},
    {"reopen", {2, 2}, op_reopen},
    {"kill", {3, 3}, op_kill},
    {"power", {4, 4}, op_power},
    {"lost", {1, 1}, op_lost},
    {NULL, {0, 0}, NULL},
};
