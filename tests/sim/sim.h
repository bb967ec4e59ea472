/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One simulated machine of a run: a disk and a clock, its way to the store with its weather, a
 * volume, and the model of what the volume must be. Runs of profile 2 have a second machine, `peer`.
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

#define STATE_DIR "/state"

enum sim_crash {
	SIM_KILL,  /* the process dies */
	SIM_POWER, /* the machine loses power */
	SIM_LOST,  /* the machine is lost: another one opens the volume */
	SIM_CLOSE, /* the volume is closed, in peace */
};

struct sim {
	uint64_t seed;
	uint64_t ops;     /* of the whole run */
	uint64_t op;      /* the current one */
	unsigned profile; /* which tables: 1 is what the kept seeds were found with */
	bool verbose;
	bool long_jumps; /* days pass in this run, so that history expires */

	struct simrng rng;        /* what happens */
	struct simrng volume_rng; /* the volume's keys and names */
	struct simrng disk_rng;   /* what a power cut keeps */
	struct simclock clock;
	struct simdisk *disk;
	struct blob *mem;   /* the objects */
	struct blob *store; /* the weather before them */
	struct blob *asked; /* what the volume sees, with all of its replies */
	struct fault_config weather;
	bool stormy; /* the weather is not fair */
	struct volume_params params;
	struct volume *v; /* NULL: the machine is off */

	unsigned machine;        /* 0 or 1 */
	struct sim *peer;        /* NULL in profile 1 */
	struct watch *watch;     /* of both */
	bool rivals;             /* the second machine joins in, in this run */
	bool fenced;             /* the volume said so since it was opened */
	bool clean;              /* nothing happened since all was stored */
	enum sim_crash down_how; /* while it is off */
	/* the newest moment that this machine's history and the other's share, and what it was */
	uint64_t common;
	struct model_state *common_state;
	struct history_snaps *common_snaps;

	struct model_state *now;
	struct history_snaps *snaps;
	struct history history;
	int64_t epoch; /* the open one */
	int64_t stored_epoch;
	uint64_t folders_base; /* what status counts as folders in an empty volume */
	bool disk_fault;       /* one was asked for since the last start */
	bool disk_trouble;     /* ... and a call failed from it: the next thing to do is a crash */

	int64_t jumped_ns; /* the last jump of the wall clock, unless it was taken back */

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

/** Epochs up to before @until are closed; the first of them held @before. @recovered: nobody saw
 * when. */
void world_close_epochs(struct sim *s, int64_t until, struct model_state *before, bool recovered);

/** Ask the volume which epoch is open; what was closed since held @before. */
void world_follow(struct sim *s, struct model_state *before);

/** Read the whole volume and compare. */
void world_verify(struct sim *s);

/** The state at one closed epoch, likewise. */
void world_verify_epoch(struct sim *s, const struct history_epoch *e);

/** Read the whole volume; an error that reading gave, if any. */
int world_observe(struct sim *s, int64_t at, struct model_state **ret);
void world_check_status(struct sim *s);

void world_set_weather(struct sim *s);
void world_calm(struct sim *s);
/** Calm weather, and so much time passes that nobody waits any more. */
void world_fair(struct sim *s);
/** Time passes, for both machines. */
void world_pass(struct sim *s, int64_t ns);

/* ---- machine.c ---- */

/** The machine fails and comes back, or is fenced then and given up: s->v is NULL. */
void world_crash(struct sim *s, enum sim_crash how);
void world_reopen(struct sim *s);

/* ---- ops*.c ---- */

/** Do one random thing. */
void ops_random(struct sim *s);

/* Weighted actions; each file of ops has a table of its own. */
struct ops_action {
	const char *name;
	unsigned weight[2]; /* of each profile */
	void (*run)(struct sim *s);
};

extern const struct ops_action ops_names_actions[];
extern const struct ops_action ops_data_actions[];
extern const struct ops_action ops_past_actions[];
extern const struct ops_action ops_attr_actions[];
extern const struct ops_action ops_world_actions[];
extern const struct ops_action ops_rival_actions[];

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
/** Change attributes; what has just been changed reads back. */
void ops_setattr(struct sim *s, const char *what, uint64_t ino, unsigned mask,
                 const struct volume_attr *attr);
void ops_look(struct sim *s, const char *what, uint64_t ino);
/** Store everything, as far as the weather allows. */
void ops_sync(struct sim *s);
/** A closed epoch that can still be asked for, rather a young one; NULL when there is none. */
const struct history_epoch *ops_epoch(struct sim *s);

#endif
