/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The bytes of one file on the simulated disk: what the kernel shows (live), what the platter holds
 * (durable), and the changes between the two, in order. Part of simdisk; not thread safe; aborts
 * when out of memory.
 */
#ifndef AMBERFS_TESTS_LIB_SIMBYTES_H
#define AMBERFS_TESTS_LIB_SIMBYTES_H

#include "tests/lib/simclock.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SIMBYTES_PAGE 4096
#define SIMBYTES_SECTOR 512
#define SIMBYTES_MAX ((uint64_t)4 << 30)

struct simbytes_image {
	struct simbytes_page **pages; /* NULL: zeros */
	size_t npages;                /* entries in use or room for them */
	uint64_t size;
};

struct simbytes {
	struct simbytes_image live;
	struct simbytes_image durable;
	struct simbytes_change *log; /* not durable yet, oldest first */
	size_t nlog;
	size_t log_room;
	size_t log_bytes;
};

void simbytes_init(struct simbytes *b);
void simbytes_done(struct simbytes *b);

/** Read up to @len bytes at @off; returns how many there are. */
size_t simbytes_read(const struct simbytes *b, void *out, size_t len, uint64_t off);

/** Write; @off + @len is at most SIMBYTES_MAX. */
void simbytes_write(struct simbytes *b, const void *data, size_t len, uint64_t off);
void simbytes_truncate(struct simbytes *b, uint64_t size);

/** Pages that writing there would have to find room for. */
uint64_t simbytes_pages_needed(const struct simbytes *b, size_t len, uint64_t off);

/** All changes become durable, but those that an earlier failed sync dropped. */
void simbytes_sync(struct simbytes *b);

/** A sync that failed: the changes stay visible, and no later sync will write them; a power cut may
 * still have kept them. */
void simbytes_sync_failed(struct simbytes *b);

/** Power cut: the changes of the log are kept with a chance of @keep permille each, else lost or
 * torn: any of a write's sectors may have arrived. Without @orderly, a lost write behind the end may
 * have left its size behind, and zeros. */
void simbytes_cut(struct simbytes *b, struct simrng *rng, unsigned keep, bool orderly);

#endif
