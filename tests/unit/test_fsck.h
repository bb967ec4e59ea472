/* SPDX-License-Identifier: Apache-2.0 */
/* What test_fsck.c and test_mend.c share: a volume on a disk and a store in memory, and what a check
 * of it told. */
#ifndef AMBERFS_TESTS_UNIT_TEST_FSCK_H
#define AMBERFS_TESTS_UNIT_TEST_FSCK_H

#include "backend/fault.h"
#include "backend/mem.h"
#include "tests/lib/simclock.h"
#include "tests/lib/simdisk.h"
#include "tests/lib/test.h"
#include "tests/lib/testvol.h"
#include "util/secret.h"
#include "volume/impl.h"

#include <sys/stat.h>

#define TEXT_BYTES 65536

static struct simdisk *disk;
static struct simclock clock_;
static struct simrng rng;
static struct blob *store;
static struct volume_params params;
static struct volume_trouble trouble;
static struct volume *v;

/* What the last check told: "check state error" and its lines and remarks, one after the other. */
static char told[TEXT_BYTES];
static uint64_t damages;

static inline void begin(void)
{
	struct fault_config fair = {.seed = 1};

	simclock_init(&clock_, 1700000000 * SIMCLOCK_SECOND);
	simrng_init(&rng, 42);
	disk = simdisk_new(&clock_.base);
	store = fault_new(mem_new(), &fair);
	TEST_MUST(testvol_init(store, &rng.base, clock_.wall_ns));
	params = (struct volume_params){.io = simdisk_io(disk),
	                                .clock = &clock_.base,
	                                .rng = &rng.base,
	                                .store = store,
	                                .state_dir = "/state",
	                                .journal_bytes = 1 << 20,
	                                .trouble = &trouble};
	TEST_MUST(testvol_open(&params, &v));
}

static inline void end(void)
{
	TEST_OK(volume_close(v));
	blob_free(store);
	simdisk_free(disk);
}

static inline void reopen(void)
{
	TEST_OK(volume_close(v));
	TEST_MUST(testvol_open(&params, &v));
}

/* The process dies; nothing is closed. */
static inline void die(void)
{
	simdisk_freeze(disk);
	volume_close(v);
	simdisk_kill(disk);
	v = NULL;
}

static inline uint64_t make(uint64_t parent, const char *name, uint32_t mode)
{
	struct volume_new what = {.mode = mode};
	struct volume_attr attr = {0};

	TEST_OK(volume_create(v, parent, name, strlen(name), &what, &attr));
	return attr.ino;
}

static inline uint64_t make_file(uint64_t parent, const char *name, const char *text)
{
	uint64_t ino = make(parent, name, S_IFREG | 0644);

	TEST_OK(volume_write(v, ino, 0, text, strlen(text), 0));
	return ino;
}

static inline void sync_all(void)
{
	simclock_advance(&clock_, SIMCLOCK_SECOND);
	TEST_OK(volume_sync(v, -1, NULL, NULL, NULL));
}

static inline bool is_there(const char *path)
{
	struct volume_attr attr;

	return volume_resolve(v, path, VOLUME_NOW, &attr) == 0;
}

static inline void tell(const char *text)
{
	size_t used = strlen(told);

	snprintf(told + used, sizeof(told) - used, "%s\n", text);
}

static inline int take_result(void *ctx, const struct volume_fsck_result *r)
{
	static const char *const words[] = {"ok", "damaged", "skipped"};
	char head[64];

	(void)ctx;
	snprintf(head, sizeof(head), "%s %s %s", r->check, words[r->state], err_name(r->error));
	tell(head);
	for (size_t i = 0; i < r->nlines; i++)
		tell(r->lines[i]);
	for (size_t i = 0; i < r->nremarks; i++)
		tell(r->remarks[i]);
	damages += r->damages;
	return 0;
}

static inline void fsck(void)
{
	struct volume_fsck_params p = {.compare = true, .result = take_result};

	told[0] = '\0';
	damages = 0;
	TEST_OK(volume_fsck(v, &p));
}

static inline bool says_(const char *what)
{
	if (strstr(told, what))
		return true;
	printf("  no \"%s\" in:\n%s", what, told);
	return false;
}

#define SAYS(what) TEST_CHECK(says_(what))

static inline void read_file(const char *path, uint8_t **ret, uint64_t *ret_len)
{
	struct file *f = NULL;

	TEST_MUST(file_open(simdisk_io(disk), path, FILE_READ, &f));
	TEST_MUST(file_size(f, ret_len));
	*ret = malloc(*ret_len + 1);
	TEST_MUST(file_pread_all(f, *ret, *ret_len, 0));
	file_close(f);
}

static inline void write_file(const char *path, const void *data, size_t len, uint64_t off)
{
	struct file *f = NULL;

	TEST_MUST(file_open(simdisk_io(disk), path, FILE_WRITE, &f));
	TEST_MUST(file_pwrite(f, data, len, off));
	file_close(f);
}

static inline void flip_object(const char *name)
{
	struct buf b;

	buf_init(&b, BLOB_MAX_BYTES);
	TEST_MUST(blob_get(store, name, 0, SIZE_MAX, &b));
	b.data[b.len / 2] ^= 1;
	TEST_MUST(blob_put(store, name, b.data, b.len));
	buf_done(&b);
}

#endif
