/* SPDX-License-Identifier: Apache-2.0 */
/* The second machine joins, machines go away and come back; and the upload that is cut off. */
#include "tests/sim/cover.h"
#include "tests/sim/machine.h"
#include "tests/sim/modelops.h"
#include "tests/sim/sim.h"
#include "tests/sim/watch.h"
#include "util/check.h"
#include "util/err.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

/* The machine that is off comes up: for the first time, after it was given up, or with the disk
 * that it had. */
static void op_join(struct sim *s)
{
	struct sim *peer = s->peer;
	bool takes_part = peer->disk;

	if (!s->rivals || peer->v)
		return;
	if (simrng_chance(&s->rng, 500))
		world_pass(s, (int64_t)simrng_below(&s->rng, 150) * SIMCLOCK_SECOND);
	sim_say(s, "machine %u joins, the tip is %" PRIu64, peer->machine, watch_tip(s->watch));
	world_calm(peer);
	machine_up(peer, peer->disk ? peer->down_how : SIM_LOST);
	cover_if(!takes_part && peer->v, COVER_JOIN);
	cover_if(peer->v && s->v, COVER_JOIN_LIVE);
}

static void op_leave(struct sim *s)
{
	static const enum sim_crash hows[] = {SIM_KILL, SIM_POWER, SIM_CLOSE};
	enum sim_crash how = hows[simrng_below(&s->rng, 3)];

	if (!s->rivals || !s->peer->v)
		return;
	if (s->disk_fault && how == SIM_CLOSE)
		how = SIM_KILL;
	cover(COVER_LEAVE);
	if (!s->stormy && !s->disk_fault && simrng_chance(&s->rng, 600))
		ops_sync(s);
	machine_down(s, how);
}

/* ---- the upload that is cut off ---- */

static bool write_packs(struct sim *s, uint64_t ino)
{
	size_t len = MODEL_DATA_MAX / 8;
	uint8_t *data = malloc(len);
	bool ok = true;

	CHECK(data);
	for (uint64_t i = 0; ok && i < 3; i++) {
		struct model_state *after = model_state_ref(s->now);
		int64_t now = ops_now(s);
		struct simrng bytes;
		int want, got;

		simrng_init(&bytes, simrng_u64(&s->rng));
		rng_fill(&bytes.base, data, len);
		want = modelops_write(&after, ino, 0, data, len, 0, now);
		got = volume_write(s->v, ino, 0, data, len, 0);
		ok = world_settle(s, "write packs", got, want, after);
	}
	free(data);
	return ok;
}

static bool is_file(const struct model_node *n)
{
	return model_is_file(n) && n->nlink > 0;
}

/*
 * Several packs wait; some of them are stored when the store goes away for good and the daemon is
 * killed. At the next start the upload goes on: no pack that the store has is put again (watch.c
 * counts them, and none is allowed after a kill), and all is stored then.
 */
static void op_outage(struct sim *s)
{
	uint64_t ino = ops_inode(s, is_file);
	uint64_t before, stored;

	if (!ino || s->disk_fault || s->fenced || machine_overtaken(s) ||
	    s->params.cache_limit_bytes)
		return;
	world_fair(s);
	if (!write_packs(s, ino) ||
	    !world_settle(s, "fsync", volume_fsync(s->v), 0, model_state_ref(s->now)))
		return;
	history_durable(&s->history, history_newest(&s->history));
	before = watch_packs(s->watch);
	for (uint64_t n = 1 + simrng_below(&s->rng, 4); n > 0; n--) {
		world_pass(s, SIMCLOCK_SECOND / 2);
		if (!world_settle(s, "step", volume_step(s->v), 0, model_state_ref(s->now)))
			return;
	}
	stored = watch_packs(s->watch);
	s->weather.down = true;
	world_set_weather(s);
	for (int i = 0; i < 2; i++) {
		world_pass(s, 2 * SIMCLOCK_SECOND);
		if (!world_settle(s, "step", volume_step(s->v), 0, model_state_ref(s->now)))
			return;
	}
	world_crash(s, SIM_KILL);
	if (!s->v)
		return;
	if (!world_settle(s, "sync", volume_sync(s->v, -1, NULL, NULL, NULL), 0,
	                  model_state_ref(s->now)))
		return;
	history_stored(&s->history, history_newest(&s->history));
	cover_if(stored > before && watch_packs(s->watch) > stored, COVER_OUTAGE);
}

const struct ops_action ops_rival_actions[] = {
    {"join", {0, 10}, op_join},
    {"leave", {0, 4}, op_leave},
    {"outage", {0, 1}, op_outage},
    {NULL, {0, 0}, NULL},
};
