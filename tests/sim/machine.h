/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Machines that fail, come back, and are two.
 *
 * After a crash the volume is opened, read as a whole, and looked for among the moments
 * (history.h): it must be one of them, not before the floor. What an operation that was cut off by
 * the crash would have led to is a moment as well. The model then goes on from what was found.
 *
 * Two machines have a history each, with the same moments up to `common`. Whoever stores the next
 * log object has overtaken the other one, which may go on with its own state but store nothing any
 * more. When it notices it is fenced: it changes nothing, shows what it has, and after a new start
 * is refused, unless it has nothing that was not stored: then it goes on from the other's history.
 * What a fenced machine had made durable is on its disk: with a store in which the other one never
 * was, it recovers. Then it is given up.
 */
#ifndef AMBERFS_TESTS_SIM_MACHINE_H
#define AMBERFS_TESTS_SIM_MACHINE_H

#include "tests/sim/sim.h"

/** Has the other machine stored what this one does not know? */
bool machine_overtaken(const struct sim *s);

/** Is this moment no more than what both machines have? */
bool machine_is_common(const struct sim *s, uint64_t moment);
void machine_forget_common(struct sim *s);

/** An empty disk. */
struct simdisk *machine_disk(struct sim *s);

/** Open the volume; a lease of the other machine is respected, and then taken over. */
int machine_open(struct sim *s);

/** The machine goes away, and comes back, from its disk or from nothing. */
void machine_down(struct sim *s, enum sim_crash how);
void machine_up(struct sim *s, enum sim_crash how);

#endif
