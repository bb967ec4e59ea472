/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The volume that is damaged: it has lived on one machine, with epochs, checkpoints, a snapshot and renames, all of it
 * stored; then the store was away for a while, and the machine died. Its store and its state folder are kept as they were
 * at some moments.
 */
#ifndef AMBERFS_TESTS_TAMPER_SUBJECT_H
#define AMBERFS_TESTS_TAMPER_SUBJECT_H

#include "tests/tamper/image.h"
#include "tests/tamper/oracle.h"

#define SUBJECT_DIR_BYTES 64

enum subject_time {
	SUBJECT_EARLY,  /* everything stored, closed in order; one checkpoint follows */
	SUBJECT_STORED, /* the same later, with a second checkpoint and more log */
	SUBJECT_MIDWAY, /* the store is away, a part of what follows is done */
	SUBJECT_DEAD, /* killed: log objects and packs wait, the journal has batches, the lease is there */
	SUBJECT_AFTER, /* the machine came back, stored all of it and was closed in order */
	SUBJECT_TIMES,
};

struct subject {
	char dir[SUBJECT_DIR_BYTES]; /* the state folder of the volume */
	struct image store[SUBJECT_TIMES];
	struct image disk[SUBJECT_TIMES];
	size_t moment[SUBJECT_TIMES];                     /* what the machine shows then */
	size_t stored[SUBJECT_TIMES];                     /* what the store alone shows then */
	int64_t wall_ns;                                  /* after all of it */
	uint64_t first_manifest, last_manifest, last_log; /* numbers of objects */
	char first_part[BLOB_NAME_MAX + 1], last_part[BLOB_NAME_MAX + 1];
	struct oracle oracle;
};

/** Make it; the same @seed gives the same volume. Aborts on any error. */
void subject_make(struct subject *s, uint64_t seed);
void subject_done(struct subject *s);

/** The parameters of one machine of the tests. */
struct volume_params subject_params(struct simdisk *disk, struct simclock *clock,
                                    struct simrng *rng, struct blob *store);

#endif
