/* SPDX-License-Identifier: Apache-2.0 */
/* What a machine that is fenced keeps: its files as they were, and all that it had made durable. */
#ifndef AMBERFS_TESTS_SIM_KEPT_H
#define AMBERFS_TESTS_SIM_KEPT_H

#include "tests/sim/sim.h"

struct kept_file {
	const char *path; /* interned, below the state folder */
	uint64_t size;
};

struct kept_files {
	struct kept_file *files;
	size_t n;
};

/** The journal, the packs and the log objects that the store does not have from this machine. */
void kept_files_list(struct sim *s, struct kept_files *ret);
void kept_files_done(struct kept_files *k);

/** Each is there, and not shorter; in @aside, when the state folder of the volume was renamed to it. */
void kept_files_check(struct sim *s, const struct kept_files *before, const char *aside);

/** With a store in which the other machine never was, what is on the disk is a moment of this
 * machine, and not before the last that was made durable. The disk is not touched. */
void kept_recovers(struct sim *s);

#endif
