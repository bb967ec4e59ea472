/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Looking at whole files. They may be terabytes long, but data is in the windows only; besides those, a few pages in the
 * holes between are read.
 */
#include "tests/mount/fsx.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define CHUNK (256u << 10)

/* Called for each page below the end of a window, zeros behind the file's end. */
typedef bool (*page_fn)(void *ctx, uint64_t number, const uint8_t *bytes);

/* False when reading fails (errno) or the function says so (errno 0). */
static bool each_page(int fd, uint64_t size, page_fn fn, void *ctx)
{
	static _Alignas(MODEL_PAGE) uint8_t data[CHUNK];

	for (int w = 0; w < FSX_WINDOWS; w++) {
		uint64_t end = fsx_window[w] + FSX_WINDOW;

		for (uint64_t at = fsx_window[w]; at < end && at < size; at += CHUNK) {
			uint64_t want = size - at < CHUNK ? size - at : CHUNK;
			ssize_t n = pread(fd, data, CHUNK, (off_t)at);

			if (n < 0)
				return false;
			if ((uint64_t)n != want) {
				errno = ENODATA;
				return false;
			}
			memset(data + n, 0, CHUNK - (size_t)n);
			errno = 0;
			for (size_t k = 0; k < (size_t)n; k += MODEL_PAGE)
				if (!fn(ctx, (at + k) / MODEL_PAGE, data + k))
					return false;
		}
	}
	return true;
}

static uint64_t size_of(struct fsx *x, const struct fsx_file *f)
{
	struct stat st;

	if (fstat(f->fd, &st) != 0)
		fsx_fail_errno(x, "fstat");
	return (uint64_t)st.st_size;
}

static size_t first_difference(const uint8_t *a, const uint8_t *b)
{
	size_t i = 0;

	while (i < MODEL_PAGE && a[i] == b[i])
		i++;
	return i;
}

struct verifying {
	struct fsx *x;
	struct fsx_file *f;
};

static bool verify_page(void *ctx, uint64_t number, const uint8_t *bytes)
{
	struct verifying *v = ctx;
	uint8_t want[MODEL_PAGE];
	size_t i;

	model_read(&v->f->m, number * MODEL_PAGE, want, MODEL_PAGE);
	if (memcmp(bytes, want, MODEL_PAGE) == 0)
		return true;
	i = first_difference(bytes, want);
	fsx_fail(v->x, "%s: at %" PRIu64 " (page %" PRIu64 ") is %02x instead of %02x%s",
	         v->f->name, number * MODEL_PAGE + i, number, bytes[i], want[i],
	         is_zero(bytes, MODEL_PAGE) ? "; the page is zeros" : "");
}

/* The holes between the windows are long; a page here and there is read. */
static void verify_holes(struct fsx *x, struct fsx_file *f)
{
	for (int w = 0; w < FSX_WINDOWS; w++) {
		uint64_t from = fsx_window[w] + FSX_WINDOW;
		uint64_t to = w + 1 < FSX_WINDOWS ? fsx_window[w + 1] : f->m.size;
		uint8_t bytes[MODEL_PAGE];
		uint64_t at;

		if (to > f->m.size)
			to = f->m.size;
		if (to < from + 2 * MODEL_PAGE)
			continue;
		at = from + fsx_below(x, to - from - MODEL_PAGE);
		if (pread(f->fd, bytes, MODEL_PAGE, (off_t)at) != (ssize_t)MODEL_PAGE)
			fsx_fail_errno(x, "pread of a hole");
		if (!is_zero(bytes, MODEL_PAGE))
			fsx_fail(x, "%s: the hole at %" PRIu64 " is not zeros", f->name, at);
	}
}

void fsx_verify(struct fsx *x, struct fsx_file *f)
{
	struct verifying v = {x, f};
	uint64_t size = size_of(x, f);

	if (size != f->m.size)
		fsx_fail(x, "%s: has %" PRIu64 " bytes instead of %" PRIu64, f->name, size,
		         f->m.size);
	if (!each_page(f->fd, size, verify_page, &v))
		fsx_fail_errno(x, "reading all");
	verify_holes(x, f);
}

struct recovering {
	struct fsx *x;
	struct fsx_file *f;
	uint64_t size;
};

static bool recover_page(void *ctx, uint64_t number, const uint8_t *bytes)
{
	struct recovering *r = ctx;
	uint8_t newest[MODEL_PAGE];

	if (model_found_page(&r->f->m, number, bytes, r->size))
		return true;
	model_read(&r->f->m, number * MODEL_PAGE, newest, MODEL_PAGE);
	fsx_fail(r->x,
	         "%s: after the crash page %" PRIu64
	         " is as it never was (its newest content differs from byte %zu on%s)",
	         r->f->name, number, first_difference(bytes, newest),
	         is_zero(bytes, MODEL_PAGE) ? "; the page is zeros" : "");
}

void fsx_recover(struct fsx *x, struct fsx_file *f)
{
	struct recovering r = {x, f, size_of(x, f)};

	if (!each_page(f->fd, r.size, recover_page, &r))
		fsx_fail_errno(x, "reading all after a crash");
	if (!model_found_size(&f->m, r.size))
		fsx_fail(x,
		         "%s: has %" PRIu64 " bytes after the crash, and had %" PRIu64
		         " to %" PRIu64 " since it was durable",
		         f->name, r.size, f->m.size_low, f->m.size_high);
}

static bool hash_one(void *ctx, uint64_t number, const uint8_t *bytes)
{
	uint64_t *sum = ctx;

	if (!is_zero(bytes, MODEL_PAGE))
		*sum = hash_page(*sum, number, bytes);
	return true;
}

bool fsx_hash_file(const char *path, uint64_t *ret)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	uint64_t sum = 0;
	struct stat st;
	bool ok;

	if (fd < 0)
		return false;
	ok = fstat(fd, &st) == 0;
	if (ok) {
		sum = hash_begin((uint64_t)st.st_size);
		ok = each_page(fd, (uint64_t)st.st_size, hash_one, &sum);
	}
	close(fd);
	*ret = sum;
	return ok;
}
