/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All objects of a store, or all files of a state folder, as plain bytes: taken at one moment, changed, and put into a new
 * store or onto a new disk. Aborts when out of memory; not thread safe.
 */
#ifndef AMBERFS_TESTS_TAMPER_IMAGE_H
#define AMBERFS_TESTS_TAMPER_IMAGE_H

#include "backend/blob.h"
#include "tests/lib/simdisk.h"

#include <stddef.h>
#include <stdint.h>

struct image_file {
	char *name;
	uint8_t *data;
	size_t len;
	bool owned; /* else data belongs to the image this one was shared from */
};

struct image {
	struct image_file *files; /* sorted by name */
	size_t n;
};

/** Every object of @store. */
void image_of_store(struct image *im, struct blob *store);

/** Every file below folder @dir, named from there. */
void image_of_disk(struct image *im, struct simdisk *disk, const char *dir);

/** The same files without a copy of their bytes: @from outlives @im. */
void image_share(struct image *im, const struct image *from);

void image_done(struct image *im);

/** NULL when there is none. Valid until @im changes. */
const struct image_file *image_find(const struct image *im, const char *name);

/** Let @name hold a copy of these bytes, whether it was there or not. */
void image_set(struct image *im, const char *name, const void *data, size_t len);
void image_remove(struct image *im, const char *name);

/** A new store with these objects. */
struct blob *image_to_store(const struct image *im);

/** Put the files below @dir, durably. */
void image_to_disk(const struct image *im, struct simdisk *disk, const char *dir);

#endif
