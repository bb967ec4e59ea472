/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the volume may come back as after a crash, and what its past must look like.
 *
 * A moment is the model after one operation (or the end of an epoch), numbered from 0 for the whole
 * run. Two floors say which of the latest are still possible: no crash may lose the moment of the
 * last successful fsync, no loss of the machine the last one that the volume said is stored.
 * Everything below both is dropped.
 *
 * Epochs. The volume tells the open epoch's number in its status, so the simulator asks after every
 * call. When the number went from e to f, epochs e to f - 1 were closed during that call. The
 * operation of the call itself is logged after the end of an epoch that it caused (a restore ends
 * the epoch first, so that it can be undone), so a closed epoch holds what was applied before the
 * call. Calls that change no files (step, sync, epoch_end, snapshot) leave no doubt at all.
 */
#ifndef AMBERFS_TESTS_SIM_HISTORY_H
#define AMBERFS_TESTS_SIM_HISTORY_H

#include "tests/sim/model.h"

/* The named snapshots, a value like a state. */
struct history_snaps {
	unsigned refs;
	size_t n;
	struct history_snap {
		const char *name; /* interned */
		int64_t epoch;
	} * snaps; /* by epoch, then name */
};

struct history_snaps *history_snaps_new(void);
struct history_snaps *history_snaps_ref(struct history_snaps *s);
void history_snaps_unref(struct history_snaps *s);
/** 0 when there is no such snapshot. */
int64_t history_snaps_get(const struct history_snaps *s, const char *name);
/** Add, or with @epoch 0 remove; *s becomes a copy when others hold it. */
void history_snaps_set(struct history_snaps **s, const char *name, int64_t epoch);
bool history_snaps_same(const struct history_snaps *a, const struct history_snaps *b);

struct history_moment {
	struct model_state *state;
	struct history_snaps *snaps;
	int64_t epoch; /* the open one */
};

struct history_epoch {
	int64_t epoch;
	int64_t closed_ns;
	struct model_state *state;
	uint64_t moment; /* when it was closed */
};

struct history {
	struct history_moment *moments;
	size_t nmoments;
	size_t moments_room;
	uint64_t first; /* the number of moments[0] */
	uint64_t local_floor;
	uint64_t stored_floor;
	struct history_epoch *epochs; /* ascending */
	size_t nepochs;
	size_t epochs_room;
};

void history_done(struct history *h);

/** Another history that is the same until now; @to is empty. */
void history_copy(struct history *to, const struct history *from);

/** Another moment; holds its own references. */
void history_add(struct history *h, struct model_state *state, struct history_snaps *snaps,
                 int64_t epoch);

/** The number of the newest moment, and a moment by number (not dropped). */
uint64_t history_newest(const struct history *h);
const struct history_moment *history_moment(const struct history *h, uint64_t number);

/** The moment can no longer be lost: by a crash; by the loss of the machine, too. */
void history_durable(struct history *h, uint64_t moment);
void history_stored(struct history *h, uint64_t moment);

/** Epoch @epoch was closed at the newest moment, with @state. */
void history_close_epoch(struct history *h, int64_t epoch, int64_t closed_ns,
                         struct model_state *state);

/** NULL when it is not closed, or was dropped. */
const struct history_epoch *history_epoch(const struct history *h, int64_t epoch);

/** This epoch cannot be asked for any more. */
void history_drop_epoch(struct history *h, int64_t epoch);

/** The newest closed epoch that ended at or before @time_ns; NULL when there is none. */
const struct history_epoch *history_epoch_at(const struct history *h, int64_t time_ns);

/**
 * The newest moment, of @floor or later, that is what was recovered: same content, same snapshots,
 * and its open epoch is @epoch, or failing that a lower one (then opening closed it). False when
 * there is none.
 */
bool history_match(const struct history *h, uint64_t floor, const struct model_state *got,
                   const struct history_snaps *snaps, int64_t epoch, uint64_t *ret);

/** Everything after this moment never happened. */
void history_rewind(struct history *h, uint64_t moment);

#endif
