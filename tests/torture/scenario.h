/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Scenarios: fixed lists of steps on one volume. A step is one operation, so a crash in it leaves
 * the state before it or the one after it.
 */
#ifndef AMBERFS_TESTS_TORTURE_SCENARIO_H
#define AMBERFS_TESTS_TORTURE_SCENARIO_H

#include "volume/volume.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum step_kind {
	/* operations; `a` and `b` are paths */
	STEP_CREATE,
	STEP_MKDIR,
	STEP_SYMLINK, /* to b */
	STEP_LINK,    /* b is another name of a */
	STEP_RENAME,
	STEP_EXCHANGE,
	STEP_UNLINK, /* and forget */
	STEP_RMDIR,
	STEP_WRITE, /* at n, len bytes */
	STEP_APPEND,
	STEP_TRUNCATE, /* to n */
	STEP_PUNCH,    /* at n, len bytes */
	STEP_COPY,     /* all of a over b */
	STEP_CHMOD,    /* n */
	STEP_XATTR,    /* name b, len bytes */
	STEP_NOXATTR,
	STEP_READ,
	/* time and durability */
	STEP_WAIT, /* n milliseconds, then what is due */
	STEP_PASS, /* the same, and nothing is done */
	STEP_FSYNC,
	STEP_EPOCH,    /* ended, and remembered as number n */
	STEP_SNAPSHOT, /* named a */
	STEP_NOSNAPSHOT,
	STEP_RESTORE, /* path a, or everything when it is "", to the remembered epoch n */
	STEP_SYNC,
	STEP_OPEN,
	STEP_CLOSE,
	/* what happens to the machine: no call of these is counted or made to fail */
	STEP_KILL,    /* the process dies */
	STEP_POWER,   /* the power fails; n is the seed */
	STEP_LOSE,    /* the machine is lost, another one goes on */
	STEP_NOINDEX, /* of a closed volume the index is lost */
	STEP_ROOM,    /* n bytes are free on the disk from now on */
};

struct step {
	enum step_kind kind;
	const char *a;
	const char *b;
	uint64_t n;
	size_t len;
	bool blind; /* the reference does not look at the state after it: the next step is to read
	                  first */
	bool may_fail; /* with an error that a full disk explains */
};

struct scenario {
	const char *name;
	struct volume_params params; /* the tuning */
	bool overfull;               /* a batch need not fit into the ring */
	struct step *steps;
	size_t nsteps;
};

/** The scenarios, in their order: NULL after the last. Made when they are first asked for, never
 * freed. */
const struct scenario *scenario_get(size_t i);

/** "12 (rename a b)". Valid until the second next call. */
const char *scenario_step_text(const struct scenario *s, size_t step);

/** A step that only happens to the machine. */
bool scenario_is_event(const struct step *s);

/** After its success everything before it is durable here. */
bool scenario_is_durable(const struct step *s);

#endif
