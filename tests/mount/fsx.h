/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the parts of fsx share: two files with their models, and random numbers that depend on the seed alone.
 */
#ifndef AMBERFS_TESTS_MOUNT_FSX_H
#define AMBERFS_TESTS_MOUNT_FSX_H

#include "tests/mount/tester.h"

#include "tests/mount/fsx_model.h"

#include <stdio.h>

#define FSX_FILES 2
#define FSX_WINDOWS 3
#define FSX_NEAR (4u << 20) /* where operations begin, in a window */
#define FSX_LEN_MAX (300u << 10)
#define FSX_WINDOW (FSX_NEAR + FSX_LEN_MAX + MODEL_PAGE)
#define FSX_PATH 4096

struct fsx_file {
	const char *name;
	char path[FSX_PATH];
	int fd;
	struct model m;
};

struct fsx {
	uint64_t rng;
	uint64_t op; /* the number of the operation */
	const char *dir;
	bool drop_caches; /* the kernel's own, of all filesystems */
	struct fsx_file file[FSX_FILES];
};

/* Where a window begins: the file's beginning, around 4 GiB, and far away. What is written lies in one of them. */
extern const uint64_t fsx_window[FSX_WINDOWS];

static inline uint64_t fsx_random(struct fsx *x)
{
	return tester_random(&x->rng);
}

static inline uint64_t fsx_below(struct fsx *x, uint64_t n)
{
	return tester_below(&x->rng, n);
}

static inline bool fsx_one_in(struct fsx *x, unsigned n)
{
	return tester_one_in(&x->rng, n);
}

/* Say what is done, before it is done. */
__attribute__((format(printf, 2, 3))) void fsx_say(struct fsx *x, const char *format, ...);

/* Tell what is wrong, with the operations before it, and end. */
__attribute__((format(printf, 2, 3), noreturn)) void fsx_fail(struct fsx *x, const char *format,
                                                              ...);
/* The same with errno. */
__attribute__((noreturn)) void fsx_fail_errno(struct fsx *x, const char *call);

void fsx_open(struct fsx *x, struct fsx_file *f);
void fsx_close(struct fsx *x, struct fsx_file *f);

/* fsx_ops.c: one operation at random. */
void fsx_operation(struct fsx *x);
/* fsync or fdatasync. */
void fsx_sync(struct fsx *x, struct fsx_file *f);

/* fsx_check.c */

/* Is the whole file as the model says? */
void fsx_verify(struct fsx *x, struct fsx_file *f);

/* After a crash: each page must be as it was at a moment since the file was durable, and is the model's from now on. */
void fsx_recover(struct fsx *x, struct fsx_file *f);

/* The sum of a file, as model_hash(). False, with errno, when it cannot be read. */
bool fsx_hash_file(const char *path, uint64_t *ret);

#endif
