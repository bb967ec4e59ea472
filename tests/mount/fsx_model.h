/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What one file should hold, in memory.
 *
 * The content is a sorted list of pages; what is not in it reads as zeros. For crashes each page also keeps the contents
 * that it had since the file was last known to be durable, and the model the smallest and largest size: the kernel writes
 * pages back one by one and in its own order, so after a crash each page may be as it was at any of these moments. What
 * makes a file shorter or punches it reaches the filesystem at once, while an older write to the same page may still be on
 * its way; so such a change is also made to every older content, and the result counts as one that may be found.
 */
#ifndef AMBERFS_TESTS_MOUNT_FSX_MODEL_H
#define AMBERFS_TESTS_MOUNT_FSX_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MODEL_PAGE 4096u

struct blob; /* one page's bytes; NULL stands for zeros */

struct model_page {
	uint64_t number;
	struct blob *now;
	struct blob **past; /* other contents since the file was durable */
	size_t npast;
};

struct model {
	uint64_t size;
	uint64_t size_low; /* since the file was durable */
	uint64_t size_high;
	struct model_page *pages;
	size_t count;
	size_t capacity;
};

void model_done(struct model *m);

/* Bytes at and behind the end are zeros. */
void model_read(const struct model *m, uint64_t off, void *out, size_t len);

/* Is [from, to) zeros? */
bool model_is_zero(const struct model *m, uint64_t from, uint64_t to);

/* The size grows when the range ends behind it. */
void model_write(struct model *m, uint64_t off, const void *data, size_t len);

/* Zeros in [from, to); the size stays. */
void model_zero(struct model *m, uint64_t from, uint64_t to);

void model_resize(struct model *m, uint64_t size);

/* Everything is durable as it is. */
void model_durable(struct model *m);

/* The same for the pages that [from, to) touches, which lies within the file. */
void model_durable_range(struct model *m, uint64_t from, uint64_t to);

/* The most contents that a page has. */
size_t model_most_past(const struct model *m);

/*
 * After a crash: page @number was found as @bytes (MODEL_PAGE of them, zeros behind the end) in a file of @size bytes.
 * False when it never was like that. The page is then as it was found.
 */
bool model_found_page(struct model *m, uint64_t number, const uint8_t *bytes, uint64_t size);

/* After all pages below the size were found: the size is @size. False when that cannot be. */
bool model_found_size(struct model *m, uint64_t size);

/* A sum of content and size: hash_begin(size), then the pages that are not zeros, in order. */
uint64_t hash_begin(uint64_t size);
uint64_t hash_page(uint64_t sum, uint64_t number, const uint8_t *bytes);
uint64_t model_hash(const struct model *m);
bool is_zero(const uint8_t *bytes, size_t len);

#endif
