/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One simulated run: a machine with a disk and a clock, a store with its weather, a volume, and the
 * model of what the volume must be.
 *
 * Everything follows from the seed; nothing of the real world is read. Whatever is wrong ends the
 * program in sim_fail().
 */
#ifndef AMBERFS_TESTS_SIM_SIM_H
#define AMBERFS_TESTS_SIM_SIM_H

#include "backend/fault.h"
#include "tests/lib/simdisk.h"
#include "tests/sim/history.h"
#include "tests/sim/tree.h"

enum sim_crash {
	SIM_KILL,  /* the process dies */
	SIM_POWER, /* the machine loses power */
	SIM_LOST,  /* the machine is lost: another one opens the volume */
};

struct sim {
	uint64_t seed;
	uint64_t ops; /* of the whole run */
	uint64_t op;  /* the current one */
	bool verbose;
	bool long_jumps; /* days pass in this run, so that history expires */

	struct simrng rng;        /* what happens */
	struct simrng volume_rng; /* the volume's keys and names */
	struct simrng disk_rng;   /* what a power cut keeps */
	struct simclock clock;
	struct simdisk *disk;
	struct blob *mem;   /* the objects */
	struct blob *store; /* what the volume sees of them, through the weather */
	struct fault_config weather;
	bool stormy; /* the weather is not fair */
	struct volume_params params;
	struct volume *v;

	struct model_state *now;
	struct history_snaps *snaps;
	struct history history;
	int64_t epoch; /* the open one */
	int64_t stored_epoch;
	uint64_t folders_base; /* what status counts as folders in an empty volume */
	bool disk_fault;       /* one was asked for since the last start */
	bool disk_trouble;     /* ... and a call failed from it: the next thing to do is a crash */

	uint64_t crashes;
	uint64_t restores;
	uint64_t verified;
};

/** Say what is wrong and how to see it again, and end the program. */
void sim_fail(const struct sim *s, const char *fmt, ...)
    __attribute__((format(printf, 2, 3), noreturn));

/** With --verbose: what happens now. */
void sim_say(const struct sim *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* ---- world.c ---- */

void world_start(struct sim *s);
void world_end(struct sim *s);

/**
 * After any call that returned @got where the model says @want: take @after (a reference, given up
 * here) as the model when both are 0. Errors that come from the weather or the disk are no
 * disagreement; the operation has not happened, or with a broken disk may have. Follows the epochs.
 * Returns whether it happened.
 */
bool world_settle(struct sim *s, const char *what, int got, int want, struct model_state *after);

/** For reading calls: true when @got is 0; false for an error that the weather or the disk
 * explains. */
bool world_readable(struct sim *s, const char *what, int got);

/** Ask the volume which epoch is open; what was closed since held @before. */
void world_follow(struct sim *s, struct model_state *before);

/** Read the whole volume and compare. */
void world_verify(struct sim *s);

/** The state at one closed epoch, likewise. */
void world_verify_epoch(struct sim *s, const struct history_epoch *e);

void world_fair(struct sim *s);
void world_crash(struct sim *s, enum sim_crash how);
void world_reopen(struct sim *s);

/* ---- ops*.c ---- */

/** Do one random thing. */
void ops_random(struct sim *s);

/* Weighted actions; each file of ops has a table of its own. */
struct ops_action {
	const char *name;
	unsigned weight;
	void (*run)(struct sim *s);
};

extern const struct ops_action ops_names_actions[];
extern const struct ops_action ops_data_actions[];
extern const struct ops_action ops_past_actions[];
extern const struct ops_action ops_world_actions[];

/* What the files of ops share. */

/** The time that the next operation stamps. */
int64_t ops_now(struct sim *s);
const char *ops_name(struct sim *s);
/** A folder with a name; now and then any other inode. */
uint64_t ops_folder(struct sim *s);
/** An inode for which @is holds; 0 when there is none. */
uint64_t ops_inode(struct sim *s, bool (*is)(const struct model_node *n));
/** An entry of some folder; false when there is none at all. */
bool ops_entry(struct sim *s, uint64_t *ret_parent, const char **ret_name);
/** A path that is there, or was at @then (may be NULL), interned. */
const char *ops_path(struct sim *s, const struct model_state *then);
/** A closed epoch that can still be asked for, rather a young one; NULL when there is none. */
const struct history_epoch *ops_epoch(struct sim *s);

#endif
