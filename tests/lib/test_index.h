/* SPDX-License-Identifier: Apache-2.0 */
/* An index on a disk in memory, and rows to put into it: what the tests of meta/index.h share. */
#ifndef AMBERFS_TESTS_LIB_TEST_INDEX_H
#define AMBERFS_TESTS_LIB_TEST_INDEX_H

#include "meta/index.h"
#include "tests/lib/simdisk.h"
#include "tests/lib/test.h"
#include "tests/lib/test_cipher.h"

#include <sys/stat.h>

#define DB "/i.db"
#define WAL "/i.db-wal"

struct test {
	struct simdisk *disk;
	struct simrng rng;
	struct index *ix;
};

static inline int open_at(struct test *t, const char *path, bool create, struct index **ret)
{
	struct index_params p = {.io = simdisk_io(t->disk),
	                         .rng = &t->rng.base,
	                         .cipher = test_cipher(),
	                         .path = path,
	                         .create = create};

	return index_open(&p, ret);
}

static inline void start(struct test *t)
{
	*t = (struct test){.disk = simdisk_new(NULL)};
	simrng_init(&t->rng, 1);
	TEST_MUST(open_at(t, DB, true, &t->ix));
}

static inline void finish(struct test *t)
{
	index_close(t->ix);
	simdisk_free(t->disk);
}

/* The process dies, and the next one opens what is there. */
static inline int die(struct test *t)
{
	simdisk_kill(t->disk);
	index_close(t->ix);
	t->ix = NULL;
	return open_at(t, DB, false, &t->ix);
}

static inline struct index_inode inode(uint64_t ino, uint32_t mode, uint32_t nlink, uint64_t size)
{
	return (struct index_inode){.ino = ino,
	                            .mode = mode,
	                            .nlink = nlink,
	                            .size = size,
	                            .uid = 1000,
	                            .gid = 100,
	                            .mtime_ns = -5};
}

static inline int add_inode(struct index *ix, uint64_t ino, uint32_t mode, uint32_t nlink,
                            uint64_t size)
{
	struct index_inode row = inode(ino, mode, nlink, size);

	return index_inode_add(ix, &row);
}

static inline struct index_dentry entry(uint64_t parent, const char *name, uint64_t ino)
{
	return (struct index_dentry){
	    .parent = parent, .name = name, .name_len = strlen(name), .ino = ino};
}

static inline int add_entry(struct index *ix, uint64_t parent, const char *name, uint64_t ino)
{
	struct index_dentry row = entry(parent, name, ino);

	return index_dentry_add(ix, &row);
}

static inline struct index_extent extent(uint64_t ino, uint64_t page, uint32_t npages)
{
	return (struct index_extent){.ino = ino,
	                             .page = page,
	                             .npages = npages,
	                             .first = 3,
	                             .tail = 100,
	                             .key = 1,
	                             .pack = 2,
	                             .off = 50000,
	                             .salt = "salt"};
}

#endif
