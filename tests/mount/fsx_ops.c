/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The operations: each chooses its numbers, says them, does it to the file and to the model, and compares what it can see
 * at once. Whatever a call may do in parts (short writes and copies) is followed part by part.
 */
#include "tests/mount/fsx.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/falloc.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define SEEK_STEPS 400
#define PAST_MAX 24

static _Alignas(MODEL_PAGE) uint8_t out[FSX_LEN_MAX + MODEL_PAGE];
static _Alignas(MODEL_PAGE) uint8_t in[FSX_LEN_MAX + MODEL_PAGE];

/* ---- choices ---- */

/* Most of the time at the beginning, now and then far away. */
static uint64_t some_window(struct fsx *x, const struct fsx_file *f)
{
	unsigned often = f->m.size > FSX_WINDOW ? 4 : 150;

	return fsx_one_in(x, often) ? fsx_window[1 + fsx_below(x, FSX_WINDOWS - 1)] : 0;
}

/* Anywhere, at a page, beside a page, or around the end. */
static uint64_t some_offset(struct fsx *x, const struct fsx_file *f)
{
	uint64_t base = some_window(x, f);
	uint64_t near = fsx_below(x, FSX_NEAR);
	uint64_t page = near / MODEL_PAGE * MODEL_PAGE;

	switch (fsx_below(x, 8)) {
	case 0:
	case 1:
	case 2:
		return base + near;
	case 3:
	case 4:
		return base + page;
	case 5:
		return base + (page && fsx_one_in(x, 2) ? page - 1 : page + 1);
	case 6:
		return base + fsx_below(x, 16 * MODEL_PAGE);
	default:
		if (f->m.size >= base + FSX_NEAR || f->m.size < base + 10)
			return base + near;
		return f->m.size - 10 + fsx_below(x, 20);
	}
}

/* One in four ranges ends at a page. */
static size_t some_length(struct fsx *x, uint64_t off)
{
	size_t len;

	switch (fsx_below(x, 6)) {
	case 0:
		len = (size_t)fsx_below(x, 100);
		break;
	case 1:
	case 2:
		len = (size_t)fsx_below(x, 3 * MODEL_PAGE);
		break;
	case 3:
		len = (size_t)(1 + fsx_below(x, 16)) * MODEL_PAGE;
		break;
	case 4:
		len = (size_t)fsx_below(x, 64u << 10);
		break;
	default:
		len = (size_t)fsx_below(x, FSX_LEN_MAX + 1);
	}
	if (fsx_one_in(x, 4) && len >= MODEL_PAGE)
		len -= (size_t)((off + len) % MODEL_PAGE);
	return len;
}

/* A range inside the file; false when it is empty. */
static bool some_range(struct fsx *x, const struct fsx_file *f, uint64_t *off, size_t *len)
{
	*off = some_offset(x, f);
	*len = some_length(x, *off);
	if (*off >= f->m.size)
		*off = f->m.size ? fsx_below(x, f->m.size < FSX_NEAR ? f->m.size : FSX_NEAR) : 0;
	if (*len > f->m.size - *off)
		*len = (size_t)(f->m.size - *off);
	return *len > 0;
}

/* New bytes in `out`: noise, sometimes one value, rarely zeros. */
static void make_data(struct fsx *x, size_t len)
{
	if (fsx_one_in(x, 20)) {
		memset(out, 0, len);
	} else if (fsx_one_in(x, 6)) {
		memset(out, (int)fsx_below(x, 256), len);
	} else {
		for (size_t i = 0; i < len; i += sizeof(uint64_t)) {
			uint64_t word = fsx_random(x);

			memcpy(out + i, &word, sizeof(word));
		}
	}
}

static struct fsx_file *some_file(struct fsx *x)
{
	return &x->file[fsx_one_in(x, 4) ? 1 : 0];
}

/* ---- reading and writing ---- */

static void compare(struct fsx *x, const struct fsx_file *f, const uint8_t *got, uint64_t off,
                    size_t len, const char *how)
{
	static uint8_t want[FSX_LEN_MAX + MODEL_PAGE];

	model_read(&f->m, off, want, len);
	for (size_t i = 0; i < len; i++)
		if (got[i] != want[i])
			fsx_fail(x, "%s: %s at %" PRIu64 " gives %02x instead of %02x", f->name,
			         how, off + i, got[i], want[i]);
}

static void write_all(struct fsx *x, struct fsx_file *f, int fd, uint64_t off, size_t len)
{
	size_t done = 0;

	while (done < len) {
		ssize_t n = pwrite(fd, out + done, len - done, (off_t)(off + done));

		if (n <= 0)
			fsx_fail_errno(x, "pwrite");
		done += (size_t)n;
	}
	model_write(&f->m, off, out, len);
}

static void op_write(struct fsx *x, struct fsx_file *f)
{
	uint64_t off = some_offset(x, f);
	size_t len = some_length(x, off);

	fsx_say(x, "%s: write %" PRIu64 " +%zu", f->name, off, len);
	make_data(x, len);
	if (len > 0)
		write_all(x, f, f->fd, off, len);
}

static void op_append(struct fsx *x, struct fsx_file *f)
{
	size_t len = some_length(x, f->m.size);
	int fd;

	if (f->m.size > fsx_window[FSX_WINDOWS - 1] + FSX_NEAR ||
	    (f->m.size > FSX_NEAR && f->m.size < fsx_window[1]))
		return;
	if (f->m.size > fsx_window[1] + FSX_NEAR && f->m.size < fsx_window[2])
		return;
	fsx_say(x, "%s: append at %" PRIu64 " +%zu", f->name, f->m.size, len);
	fd = open(f->path, O_WRONLY | O_APPEND | O_CLOEXEC);
	if (fd < 0)
		fsx_fail_errno(x, "open to append");
	make_data(x, len);
	if (len > 0 && write(fd, out, len) != (ssize_t)len)
		fsx_fail_errno(x, "append");
	if (len > 0)
		model_write(&f->m, f->m.size, out, len);
	if (close(fd) != 0)
		fsx_fail_errno(x, "close");
}

static void read_back(struct fsx *x, struct fsx_file *f, int fd, uint64_t off, size_t len,
                      const char *how)
{
	size_t want = off >= f->m.size        ? 0
	              : f->m.size - off < len ? (size_t)(f->m.size - off)
	                                      : len;
	ssize_t n = pread(fd, in, len, (off_t)off);

	if (n < 0)
		fsx_fail_errno(x, how);
	if ((size_t)n != want)
		fsx_fail(x, "%s: %s of %zu at %" PRIu64 " gives %zd bytes instead of %zu", f->name,
		         how, len, off, n, want);
	compare(x, f, in, off, want, how);
}

static void op_read(struct fsx *x, struct fsx_file *f)
{
	uint64_t off = some_offset(x, f);
	size_t len = some_length(x, off);

	fsx_say(x, "%s: read %" PRIu64 " +%zu", f->name, off, len);
	read_back(x, f, f->fd, off, len, "read");
}

static void op_direct(struct fsx *x, struct fsx_file *f)
{
	uint64_t off = some_offset(x, f) / MODEL_PAGE * MODEL_PAGE;
	size_t len = (size_t)(1 + fsx_below(x, FSX_LEN_MAX / MODEL_PAGE)) * MODEL_PAGE;
	bool writing = fsx_one_in(x, 2);
	int fd;

	fsx_say(x, "%s: direct %s %" PRIu64 " +%zu", f->name, writing ? "write" : "read", off, len);
	fd = open(f->path, O_RDWR | O_DIRECT | O_CLOEXEC);
	if (fd < 0)
		fsx_fail_errno(x, "open with O_DIRECT");
	if (writing) {
		make_data(x, len);
		write_all(x, f, fd, off, len);
	} else {
		read_back(x, f, fd, off, len, "direct read");
	}
	if (close(fd) != 0)
		fsx_fail_errno(x, "close");
}

/* ---- size and holes ---- */

static void op_truncate(struct fsx *x, struct fsx_file *f)
{
	uint64_t size = some_offset(x, f);

	/* back from far away, and a small file again, often enough */
	if (f->m.size > FSX_WINDOW && fsx_one_in(x, 2))
		size = fsx_below(x, FSX_NEAR);
	else if (fsx_one_in(x, 3) && f->m.size)
		size = fsx_below(x, f->m.size < FSX_NEAR ? f->m.size : FSX_NEAR);
	else if (fsx_one_in(x, 20))
		size = 0;
	fsx_say(x, "%s: truncate %" PRIu64 " to %" PRIu64, f->name, f->m.size, size);
	if (ftruncate(f->fd, (off_t)size) != 0)
		fsx_fail_errno(x, "ftruncate");
	model_resize(&f->m, size);
}

static void allocate(struct fsx *x, struct fsx_file *f, int mode, const char *name)
{
	uint64_t off = some_offset(x, f);
	size_t len = some_length(x, off);
	uint64_t end = off + len;

	if (len == 0)
		return;
	fsx_say(x, "%s: %s %" PRIu64 " +%zu%s", f->name, name, off, len,
	        mode & FALLOC_FL_KEEP_SIZE ? " keeping the size" : "");
	if (fallocate(f->fd, mode, (off_t)off, (off_t)len) != 0)
		fsx_fail_errno(x, name);
	if (mode & (FALLOC_FL_PUNCH_HOLE | FALLOC_FL_ZERO_RANGE))
		model_zero(&f->m, off, end);
	if (!(mode & FALLOC_FL_KEEP_SIZE) && end > f->m.size)
		model_resize(&f->m, end);
}

static void op_punch(struct fsx *x, struct fsx_file *f)
{
	allocate(x, f, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, "punch");
}

static void op_zero(struct fsx *x, struct fsx_file *f)
{
	allocate(x, f, FALLOC_FL_ZERO_RANGE | (fsx_one_in(x, 2) ? FALLOC_FL_KEEP_SIZE : 0), "zero");
}

static void op_allocate(struct fsx *x, struct fsx_file *f)
{
	allocate(x, f, fsx_one_in(x, 2) ? FALLOC_FL_KEEP_SIZE : 0, "allocate");
}

/* Data may be said to be where zeros are, but what is said to be a hole must be zeros. */
static void op_seek(struct fsx *x, struct fsx_file *f)
{
	uint64_t at = fsx_one_in(x, 2) ? 0 : some_offset(x, f);
	off_t data, hole;

	fsx_say(x, "%s: data and holes from %" PRIu64, f->name, at);
	for (int i = 0; i < SEEK_STEPS; i++) {
		data = lseek(f->fd, (off_t)at, SEEK_DATA);
		if (data < 0 && errno != ENXIO)
			fsx_fail_errno(x, "SEEK_DATA");
		if (data >= 0 && ((uint64_t)data < at || (uint64_t)data >= f->m.size))
			fsx_fail(x, "%s: SEEK_DATA from %" PRIu64 " gives %jd", f->name, at,
			         (intmax_t)data);
		if (!model_is_zero(&f->m, at, data < 0 ? UINT64_MAX : (uint64_t)data))
			fsx_fail(x, "%s: SEEK_DATA from %" PRIu64 " passes over data to %jd",
			         f->name, at, (intmax_t)data);
		if (data < 0)
			return;
		hole = lseek(f->fd, data, SEEK_HOLE);
		if (hole < 0)
			fsx_fail_errno(x, "SEEK_HOLE");
		if (hole <= data || (uint64_t)hole > f->m.size)
			fsx_fail(x, "%s: SEEK_HOLE from %jd gives %jd", f->name, (intmax_t)data,
			         (intmax_t)hole);
		at = (uint64_t)hole;
	}
}

/* ---- maps ---- */

static uint8_t *map(struct fsx *x, struct fsx_file *f, uint64_t off, size_t len, int flags)
{
	uint64_t start = off / MODEL_PAGE * MODEL_PAGE;
	void *p = mmap(NULL, (size_t)(off - start) + len, PROT_READ | PROT_WRITE, flags, f->fd,
	               (off_t)start);

	if (p == MAP_FAILED)
		fsx_fail_errno(x, "mmap");
	return p;
}

static void op_map_shared(struct fsx *x, struct fsx_file *f)
{
	bool sync = fsx_one_in(x, 2);
	uint64_t off;
	size_t len, head;
	uint8_t *p;

	if (!some_range(x, f, &off, &len))
		return;
	fsx_say(x, "%s: shared map write %" PRIu64 " +%zu%s", f->name, off, len,
	        sync ? ", msync" : "");
	head = (size_t)(off % MODEL_PAGE);
	make_data(x, len);
	p = map(x, f, off, len, MAP_SHARED);
	if (fsx_one_in(x, 2))
		compare(x, f, p + head, off, len, "shared map");
	memcpy(p + head, out, len);
	model_write(&f->m, off, out, len);
	if (sync) {
		if (msync(p, head + len, MS_SYNC) != 0)
			fsx_fail_errno(x, "msync");
		model_durable_range(&f->m, off, off + len);
	}
	if (munmap(p, head + len) != 0)
		fsx_fail_errno(x, "munmap");
}

static void op_map_private(struct fsx *x, struct fsx_file *f)
{
	uint64_t off;
	size_t len, head;
	uint8_t *p;

	if (!some_range(x, f, &off, &len))
		return;
	fsx_say(x, "%s: private map %" PRIu64 " +%zu", f->name, off, len);
	head = (size_t)(off % MODEL_PAGE);
	p = map(x, f, off, len, MAP_PRIVATE);
	compare(x, f, p + head, off, len, "private map");
	memset(p + head, 0xa5, len);
	read_back(x, f, f->fd, off, len, "read beside a private map");
	if (munmap(p, head + len) != 0)
		fsx_fail_errno(x, "munmap");
}

/* ---- copies ---- */

static void op_copy(struct fsx *x, struct fsx_file *from)
{
	struct fsx_file *to = some_file(x);
	uint64_t src, dst;
	size_t len, done = 0;

	if (!some_range(x, from, &src, &len))
		return;
	dst = some_offset(x, to);
	if (fsx_one_in(x, 2)) /* pages that line up can be shared */
		dst = dst / MODEL_PAGE * MODEL_PAGE + src % MODEL_PAGE;
	if (from == to && dst < src + len && src < dst + len)
		dst = src + len;
	if (from == to && (dst + len) % fsx_window[1] > FSX_WINDOW)
		return; /* the room for data ends there */
	fsx_say(x, "%s: copy %" PRIu64 " +%zu to %s %" PRIu64, from->name, src, len, to->name, dst);
	while (done < len) {
		off_t a = (off_t)(src + done), b = (off_t)(dst + done);
		ssize_t n = copy_file_range(from->fd, &a, to->fd, &b, len - done, 0);

		if (n <= 0)
			fsx_fail_errno(x, "copy_file_range");
		if ((size_t)n > len - done || a != (off_t)(src + done) + n)
			fsx_fail(x, "copy_file_range of %zu gives %zd", len - done, n);
		model_read(&from->m, src + done, out, (size_t)n);
		model_write(&to->m, dst + done, out, (size_t)n);
		done += (size_t)n;
	}
}

/* ---- durability and caches ---- */

void fsx_sync(struct fsx *x, struct fsx_file *f)
{
	bool data = fsx_one_in(x, 3);

	fsx_say(x, "%s: %s", f->name, data ? "fdatasync" : "fsync");
	if (data ? fdatasync(f->fd) : fsync(f->fd))
		fsx_fail_errno(x, "fsync");
	model_durable(&f->m);
}

/* The filesystem gets the data, but no promise is made. */
static void op_write_out(struct fsx *x, struct fsx_file *f)
{
	uint64_t off = fsx_one_in(x, 2) ? 0 : some_offset(x, f);

	fsx_say(x, "%s: write out from %" PRIu64, f->name, off);
	if (sync_file_range(f->fd, (off_t)off, 0,
	                    SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE |
	                        SYNC_FILE_RANGE_WAIT_AFTER) != 0)
		fsx_fail_errno(x, "sync_file_range");
}

static void op_reopen(struct fsx *x, struct fsx_file *f)
{
	fsx_say(x, "%s: reopen", f->name);
	fsx_close(x, f);
	fsx_open(x, f);
}

static void op_drop(struct fsx *x, struct fsx_file *f)
{
	int fd;

	fsx_say(x, "%s: fsync and drop the cache", f->name);
	if (fsync(f->fd) != 0)
		fsx_fail_errno(x, "fsync");
	model_durable(&f->m);
	if (posix_fadvise(f->fd, 0, 0, POSIX_FADV_DONTNEED) != 0)
		fsx_fail(x, "posix_fadvise failed");
	if (!x->drop_caches || !fsx_one_in(x, 8))
		return;
	fd = open("/proc/sys/vm/drop_caches", O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, "1", 1) != 1)
		fsx_fail_errno(x, "drop_caches");
	close(fd);
}

static void op_verify(struct fsx *x, struct fsx_file *f)
{
	fsx_say(x, "%s: compare all", f->name);
	fsx_verify(x, f);
}

/* ---- which ---- */

static const struct {
	void (*fn)(struct fsx *, struct fsx_file *);
	unsigned weight;
} table[] = {
    {op_write, 24},      {op_append, 6}, {op_read, 14},    {op_direct, 6},    {op_truncate, 7},
    {op_punch, 6},       {op_zero, 5},   {op_allocate, 4}, {op_seek, 4},      {op_map_shared, 12},
    {op_map_private, 3}, {op_copy, 10},  {fsx_sync, 5},    {op_write_out, 4}, {op_reopen, 4},
    {op_drop, 2},        {op_verify, 2},
};

void fsx_operation(struct fsx *x)
{
	struct fsx_file *f = some_file(x);
	unsigned sum = 0;
	uint64_t at;
	size_t i = 0;

	if (model_most_past(&f->m) > PAST_MAX) {
		fsx_sync(x, f);
		return;
	}
	for (size_t k = 0; k < sizeof(table) / sizeof(table[0]); k++)
		sum += table[k].weight;
	at = fsx_below(x, sum);
	while (at >= table[i].weight)
		at -= table[i++].weight;
	table[i].fn(x, f);
}
