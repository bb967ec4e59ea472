/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The sums of the database: the tag that each page of the main file should have, in a sealed file beside it
 * ("index.db-sum"). A page of another time has another tag. Inside meta/ only; the design stands in vfs_sums.c.
 */
#ifndef AMBERFS_META_VFS_SUMS_H
#define AMBERFS_META_VFS_SUMS_H

#include "meta/vfs.h"

#include <stdbool.h>

struct vfs_sums {
	char *path;   /* NULL: not in use */
	uint64_t gen; /* changes each time they are stored; a log that begins now belongs to it */
	uint64_t log_gen;               /* of the log that was there when they were stored */
	uint64_t log_frames;            /* so many of its frames were in the main file then */
	uint8_t log_tag[VFS_TAG_BYTES]; /* of the last of these */
	uint8_t (*tags)[VFS_TAG_BYTES];
	size_t npages, cap;
	bool dirty; /* not as stored */
};

/** The tag of @page (from 1) is now @tag. ERR_NOMEM. */
int vfs_sums_set(struct vfs *v, uint64_t page, const uint8_t *tag);

/** The main file has @npages from now on. */
void vfs_sums_cut(struct vfs *v, uint64_t npages);

/** Whether @tag is that of the newest version of @page. */
bool vfs_sums_right(struct vfs *v, uint64_t page, const uint8_t *tag);

/** A log of generation @gen goes with the main file. */
bool vfs_sums_log_fits(struct vfs *v, uint64_t gen);

void vfs_sums_done(struct vfs *v);

#endif
