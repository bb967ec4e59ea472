/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Restore, the thinking part: from the difference between now and an epoch to the steps of one
 * OP_RESTORE. Inside volume/ only; all calls with the volume's lock held.
 */
#ifndef AMBERFS_VOLUME_RESTORE_PLAN_H
#define AMBERFS_VOLUME_RESTORE_PLAN_H

#include "volume/changes.h"

struct copy {
	uint64_t old, new;
};

/* A path of the scope as an entry, in both states; 0 where its folder is not there. */
struct scope_root {
	uint64_t parent_now;
	uint64_t parent_past;
	char *name;
};

struct restore_plan {
	struct volume *v;
	struct changes c; /* a: now, b: the epoch */
	int64_t at;
	struct scope_root *roots;
	size_t nroots;
	struct op_step *steps;
	size_t nsteps, cap;
	struct buf names; /* the steps' names, one after the other */
	struct copy *copies;
	size_t ncopies, copies_cap;
	uint64_t next_ino;
	struct inoset revived;
	struct inoset lost; /* inodes that lose an entry */
	struct inoset copied;
};

/** Fill a plan of which v, at, next_ino and names are set. It must be ended with
 * restore_plan_done(), also after an error. ERR_NOENT, ERR_NOTDIR, ERR_NOHISTORY, ERR_FBIG. */
int restore_plan_make(struct restore_plan *p, const char *const *paths, size_t npaths);
void restore_plan_done(struct restore_plan *p);

/** Do the paths name the whole volume? */
bool restore_names_root(const char *const *paths, size_t npaths);

#endif
