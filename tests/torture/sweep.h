/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What all sweeps share: the reference run of a scenario, trials that branch off it at one step,
 * and the questions that every recovery must answer.
 */
#ifndef AMBERFS_TESTS_TORTURE_SWEEP_H
#define AMBERFS_TESTS_TORTURE_SWEEP_H

#include "tests/torture/state.h"
#include "tests/torture/world.h"

struct options {
	const char *sweep;    /* NULL: all */
	const char *scenario; /* NULL: all */
	uint64_t stride;      /* 0: from `points` */
	uint64_t points;      /* at most so many of each sweep of a scenario; 0: all */
	uint64_t from, to;    /* `to` 0: no limit */
	bool verbose;
};

/* What a sweep counts. */
enum unit {
	UNIT_CALLS,    /* fallible calls of the disk */
	UNIT_WRITES,   /* those that change something */
	UNIT_REQUESTS, /* of the store */
	UNIT_STEPS,
	UNITS,
};

/* A step in the reference run. */
struct moment {
	struct state *state; /* after it */
	int result;
	uint64_t count[UNITS]; /* during it */
	size_t stored;         /* after it the store alone gives this step's state or a later one */
	uint64_t first_request; /* the number of its first request, from 1 */
};

struct closed {
	int64_t epoch;
	struct state *state; /* of the past, as it reads */
	size_t step;         /* when it was closed */
	bool gone;           /* a crash took it back */
};

struct sweep {
	const struct options *options;
	const struct scenario *scenario;
	const char *name;
	struct moment *moments;
	struct closed *epochs;
	size_t nepochs;
	uint8_t *requests; /* type of each */
	uint64_t trials;
	uint64_t failures;
	uint64_t skipped; /* by the stride */
};

/* One trial, in a process of its own. */
struct trial {
	struct sweep *sweep;
	struct world *w;
	size_t step;           /* the one that is disturbed */
	uint64_t k;            /* number of the disturbed call in the whole scenario */
	uint64_t nth;          /* in the step, from 1 */
	char how[64];          /* what is done to it: for messages */
	struct state **states; /* what recovery may give, oldest first */
	size_t nstates;
	size_t floor;  /* not before this one */
	size_t stored; /* the same for the store alone */
	bool failed;
};

typedef void (*trial_fn)(struct trial *t);

/** Run the scenario undisturbed and write down what it does. False, and a message, when it does not
 * even work then. */
bool sweep_reference(struct sweep *sw, const struct options *o, const struct scenario *s);
void sweep_done(struct sweep *sw);

/** Run @fn for each k in its turn, each in a process of its own, with the world as it is right
 * before the step. */
void sweep_run(struct sweep *sw, const char *name, enum unit unit, trial_fn fn);

/** Go on in yet another process; the trial is marked when it fails. */
void sweep_branch(struct trial *t, trial_fn fn);

/** Say what is wrong and how to see it again, and end this process. */
void sweep_fail(struct trial *t, const char *fmt, ...)
    __attribute__((format(printf, 2, 3), noreturn));
void sweep_say(const struct trial *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

const struct step *sweep_step(const struct trial *t, size_t step);

/** The state of the reference before the trial's step, NULL when there is none. */
struct state *sweep_before(const struct trial *t);

/** One more state that recovery may give. */
void sweep_may_be(struct trial *t, struct state *s);

/** Recovery may not give anything before the newest of them. */
void sweep_is_durable(struct trial *t);

/** The volume answered @r to @step, after the newest of them: what does that promise? */
void sweep_note_promise(struct trial *t, const struct step *step, int r);

/** The open volume is in one of the states, its past is right. */
void sweep_check(struct trial *t, const char *when);

/** Open and sweep_check(). */
void sweep_recover(struct trial *t, const char *when);

/** The open volume works: what is written and fsynced now survives. With @everywhere: it can be
 * stored, closed, opened, and found by another machine. Ends with the volume closed. */
void sweep_prove(struct trial *t, bool everywhere);

/* ---- the sweeps ---- */

void sweep_disk_cut(struct sweep *sw);
void sweep_disk_kill(struct sweep *sw);
void sweep_disk_eio(struct sweep *sw);
void sweep_disk_enospc(struct sweep *sw);
void sweep_disk_room(struct sweep *sw);
void sweep_store(struct sweep *sw);

#endif
