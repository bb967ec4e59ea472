/* SPDX-License-Identifier: Apache-2.0 */
/* What the checks of a volume share (fsck.c and its fsck_*.c). Inside volume/ only. */
#ifndef AMBERFS_VOLUME_FSCK_H
#define AMBERFS_VOLUME_FSCK_H

#include "volume/impl.h"

/* Lines for people, bounded: what is beyond is counted only. */
struct fsck_lines {
	char *line[VOLUME_FSCK_LINES_MAX];
	size_t count;
};

/* A pack that the index knows, or that an extent names. */
struct fsck_pack {
	struct index_pack row;
	uint64_t reach; /* end of the bytes that extents need; 0: none does */
	bool local;     /* it was not stored when the check began */
	bool there;     /* seen in the store */
};

struct fsck {
	struct volume *v;
	const struct volume_fsck_params *p;
	struct index *reader; /* a view of the index at `at`; NULL once it is needed no more */
	struct index_state at;
	struct fsck_pack *packs; /* ascending by number */
	size_t npacks, packs_cap;
	bool packs_known; /* the table could be read */

	/* the result that is being made */
	struct fsck_lines damages, remarks;
	uint64_t ndamages;
	uint64_t count;
};

/** ERR_CANCELED when it is to stop. */
int fsck_stopped(const struct fsck *f);

void fsck_progress(const struct fsck *f, const char *what, uint64_t done, uint64_t total);

/** One thing is wrong, or worth to know; ERR_NOMEM. */
int fsck_damage(struct fsck *f, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
int fsck_remark(struct fsck *f, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/** Does @r mean that the store did not answer as it should, rather than that something is wrong with
 * what it holds? */
bool fsck_is_outage(int r);

/** Hand the result of @check over and begin the next. @error: why part of it was not looked at.
 * @skipped: nothing was. */
int fsck_result(struct fsck *f, const char *check, bool skipped, int error, const char *note);

/** Open a view of the index at the end of a log object. */
int fsck_open_reader(struct fsck *f);

/** The path of @ino as it was at @at; heap string. ERR_NOENT when it had none. */
int fsck_path_of(struct index *ix, uint64_t ino, int64_t at, char **ret);

/* ---- the checks; each ends with fsck_result() ---- */

int fsck_log(struct fsck *f);
int fsck_compare(struct fsck *f);
int fsck_packs(struct fsck *f);
int fsck_checkpoints(struct fsck *f);

/** Fill f->packs from the reader. */
int fsck_packs_read(struct fsck *f);

/** The number of the newest manifest, 0 when there is none. */
int fsck_newest_checkpoint(struct fsck *f, uint64_t *ret);

#endif
