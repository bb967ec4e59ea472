/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The store as somebody sees it who watches every request: who stored what and when, so that the
 * simulator knows which machine the log belongs to, and what a store must never be asked.
 *
 *   machine -> watch (what it is told) -> weather (fault.h) -> watch (what happens) -> objects
 *
 * What ends the run: a log number that leaves one out, a pack that is put again although the store
 * acknowledged it, a log object or a pack that is replaced or removed.
 *
 * Leases. A volume with a simulated disk signs as one and the same machine; the watch writes who it
 * was into the lease that another one reads, so that the volume judges it as it does in the world.
 */
#ifndef AMBERFS_TESTS_SIM_WATCH_H
#define AMBERFS_TESTS_SIM_WATCH_H

#include "backend/fault.h"
#include "tests/sim/sim.h"

#define WATCH_MACHINES 2

struct watch;

/** @mem (borrowed) holds a volume already. */
struct watch *watch_new(struct sim *s, struct blob *mem);
void watch_free(struct watch *w);

/** The way of machine @s to the objects, through weather of its own, which *ret_fault is (borrowed,
 * for fault_configure()). The caller frees the way. */
struct blob *watch_connect(struct watch *w, struct sim *s, const struct fault_config *weather,
                           struct blob **ret_fault);

/** The newest log number there is, and up to which one the log is what this machine knows. */
uint64_t watch_tip(const struct watch *w);
uint64_t watch_base(const struct watch *w, unsigned machine);

/** The machine has read all there is. */
void watch_caught_up(struct watch *w, unsigned machine);

/** The machine's disk may have lost where its packs are that were stored: each may be put once
 * more. */
void watch_power_cut(struct watch *w, unsigned machine);

/** Packs that the store has. */
uint64_t watch_packs(const struct watch *w);

/** Who signed the lease that is there, and when by its clock; false when there is none. */
bool watch_lease(const struct watch *w, unsigned *ret_machine, int64_t *ret_wall_ns);

/** A store without what others did after @machine knew all of the log. The caller frees it. */
struct blob *watch_without_others(const struct watch *w, unsigned machine);

#endif
