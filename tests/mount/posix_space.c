/* SPDX-License-Identifier: Apache-2.0 */
/* fallocate(2), posix_fallocate(3), and lseek(2) for data and holes. */
#include "tests/mount/posix_case.h"

#include <linux/falloc.h>

#define PUNCH (FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE)
#define ZERO FALLOC_FL_ZERO_RANGE
#define KEEP FALLOC_FL_KEEP_SIZE
#define MODEL_BYTES 400000
#define BLOCK 4096

static int falloc(int fd, int mode, off_t off, off_t len)
{
	int r = fallocate(fd, mode, off, len);

	if (r != 0 && errno == EOPNOTSUPP)
		posix_skip("this mode is not supported here");
	return r;
}

static bool is_model(const char *model, int fd, off_t len)
{
	static char data[MODEL_BYTES + 1];
	ssize_t n = pread(fd, data, sizeof(data), 0);

	return n == len && memcmp(data, model, (size_t)len) == 0;
}

static void extend(void)
{
	int fd = posix_file("f", 0);

	posix_put(fd, 0, 100, 'x');
	EXPECT(falloc(fd, 0, 50, 10000) == 0);
	WANT(posix_size(fd) == 10050);
	WANT(posix_all(fd, 0, 100, 'x') && posix_all(fd, 100, 9950, 0));
	WANT(falloc(fd, 0, 0, 10) == 0 && posix_size(fd) == 10050);
	WANT(posix_fallocate(fd, 0, 20000) == 0 && posix_size(fd) == 20000);
	WANT(posix_fallocate(fd, 0, 5000) == 0 && posix_size(fd) == 20000);
	WANT(falloc(fd, 0, INT64_C(5) << 30, 1000) == 0);
	WANT(posix_size(fd) == (INT64_C(5) << 30) + 1000);
}

static void keep_size(void)
{
	int fd = posix_file("f", 10);

	EXPECT(falloc(fd, KEEP, 0, 100000) == 0);
	WANT(posix_size(fd) == 10);
	WANT(falloc(fd, KEEP, 1 << 20, 100000) == 0 && posix_size(fd) == 10);
}

/* One range of each alignment, in data, across the end and behind it. */
static void range_matrix(int mode)
{
	static const off_t offs[] = {0, 1, 4095, 4096, 5000, 65536, 99999, 100000, 150000};
	static const off_t lens[] = {1, 4095, 4096, 4097, 8192, 50000, 100000, 200000};
	static char model[MODEL_BYTES];

	for (size_t o = 0; o < sizeof(offs) / sizeof(offs[0]); o++) {
		for (size_t l = 0; l < sizeof(lens) / sizeof(lens[0]); l++) {
			off_t end = offs[o] + lens[l], size = 100000;
			int fd = posix_file("f", 0);

			posix_about("%ld bytes at %ld", (long)lens[l], (long)offs[o]);
			memset(model, 0, sizeof(model));
			memset(model, 'x', 100000);
			posix_put(fd, 0, 100000, 'x');
			/* half of them from the disk, half from the cache */
			if (l % 2)
				EXPECT(fdatasync(fd) == 0);
			EXPECT(falloc(fd, mode, offs[o], lens[l]) == 0);
			memset(model + offs[o], 0, (size_t)lens[l]);
			if (!(mode & KEEP) && end > size)
				size = end;
			WANT(posix_size(fd) == size);
			WANT(is_model(model, fd, size));
			EXPECT(fdatasync(fd) == 0);
			EXPECT(posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED) == 0);
			WANT(is_model(model, fd, size));
			close(fd);
		}
	}
}

static void punch(void)
{
	range_matrix(PUNCH);
}

static void zero(void)
{
	range_matrix(ZERO);
}

static void zero_keep(void)
{
	range_matrix(ZERO | KEEP);
}

static void punch_frees(void)
{
	int fd = posix_file("f", 0);
	blkcnt_t before;

	posix_put(fd, 0, 1 << 20, 'x');
	EXPECT(fsync(fd) == 0 && close(fd) == 0);
	fd = open("f", O_RDWR);
	before = posix_fstat(fd).st_blocks;
	EXPECT(falloc(fd, PUNCH, 0, 1 << 19) == 0);
	WANT(posix_fstat(fd).st_blocks <= before - 1024);
	WANT(lseek(fd, 0, SEEK_DATA) == 1 << 19);
}

static void collapse(void)
{
	int fd = posix_file("f", 0);

	posix_put(fd, 0, 2 * BLOCK, 'a');
	posix_put(fd, 2 * BLOCK, 2 * BLOCK, 'b');
	posix_put(fd, 4 * BLOCK, 2 * BLOCK, 'c');
	EXPECT(fsync(fd) == 0);
	EXPECT(falloc(fd, FALLOC_FL_COLLAPSE_RANGE, 2 * BLOCK, 2 * BLOCK) == 0);
	WANT(posix_size(fd) == 4 * BLOCK);
	WANT(posix_all(fd, 0, 2 * BLOCK, 'a') && posix_all(fd, 2 * BLOCK, 2 * BLOCK, 'c'));
	WANT_ERRNO(fallocate(fd, FALLOC_FL_COLLAPSE_RANGE, 2 * BLOCK, 2 * BLOCK), EINVAL);
	WANT_ERRNO(fallocate(fd, FALLOC_FL_COLLAPSE_RANGE, 1, BLOCK), EINVAL);
}

static void insert(void)
{
	int fd = posix_file("f", 0);

	posix_put(fd, 0, 2 * BLOCK, 'a');
	posix_put(fd, 2 * BLOCK, 2 * BLOCK, 'b');
	EXPECT(fsync(fd) == 0);
	EXPECT(falloc(fd, FALLOC_FL_INSERT_RANGE, 2 * BLOCK, BLOCK) == 0);
	WANT(posix_size(fd) == 5 * BLOCK);
	WANT(posix_all(fd, 0, 2 * BLOCK, 'a') && posix_all(fd, 2 * BLOCK, BLOCK, 0));
	WANT(posix_all(fd, 3 * BLOCK, 2 * BLOCK, 'b'));
	WANT_ERRNO(fallocate(fd, FALLOC_FL_INSERT_RANGE, 5 * BLOCK, BLOCK), EINVAL);
}

static void errors(void)
{
	int fd = posix_file("f", 0), ro = open("f", O_RDONLY), dir = open(".", O_RDONLY), fds[2];

	WANT_ERRNO(fallocate(fd, 0, -1, 10), EINVAL);
	WANT_ERRNO(fallocate(fd, 0, 0, 0), EINVAL);
	WANT_ERRNO(fallocate(fd, 0, 0, -1), EINVAL);
	WANT_ERRNO(fallocate(fd, 0, 1, INT64_MAX), EFBIG);
	WANT_ERRNO(fallocate(ro, 0, 0, 10), EBADF);
	WANT_ERRNO(fallocate(dir, 0, 0, 10), EBADF);
	WANT_ERRNO(fallocate(fd, FALLOC_FL_PUNCH_HOLE, 0, 1), EOPNOTSUPP);
	WANT_ERRNO(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_ZERO_RANGE | KEEP, 0, 1),
	           EOPNOTSUPP);
	EXPECT(pipe(fds) == 0);
	WANT_ERRNO(fallocate(fds[1], 0, 0, 10), ESPIPE);
	posix_make("fifo", POSIX_FIFO);
	WANT_ERRNO(fallocate(open("fifo", O_RDWR), 0, 0, 10), ESPIPE);
	WANT(posix_fallocate(ro, 0, 10) == EBADF);
	WANT(posix_fallocate(fd, 0, 0) == EINVAL && posix_fallocate(fd, -1, 10) == EINVAL);
	WANT(posix_fallocate(fds[1], 0, 10) == ESPIPE);
	WANT(posix_size(fd) == 0);
}

static void fallocate_times(void)
{
	static const int modes[] = {0, PUNCH, ZERO};

	for (size_t m = 0; m < sizeof(modes) / sizeof(modes[0]); m++) {
		int fd = posix_file("f", 0);
		struct stat st;

		posix_about("mode %d", modes[m]);
		posix_put(fd, 0, 10000, 'x');
		EXPECT(fsync(fd) == 0);
		st = posix_fstat(fd);
		posix_tick();
		EXPECT(falloc(fd, modes[m], 5000, 20000) == 0);
		WANT(posix_later(posix_fstat(fd).st_ctim, st.st_ctim));
		WANT(posix_later(posix_fstat(fd).st_mtim, st.st_mtim));
		close(fd);
	}
}

/* ---- data and holes ---- */

static void seek_ranges(void)
{
	int fd = posix_file("f", 4 << 20);

	posix_put(fd, 1 << 20, 65536, 'x');
	posix_put(fd, 3 << 20, 4096, 'y');
	WANT(lseek(fd, 0, SEEK_DATA) == 1 << 20);
	WANT(lseek(fd, 1 << 20, SEEK_DATA) == 1 << 20);
	WANT(lseek(fd, (1 << 20) + 65535, SEEK_DATA) == (1 << 20) + 65535);
	WANT(lseek(fd, (1 << 20) + 65536, SEEK_DATA) == 3 << 20);
	WANT(lseek(fd, 1 << 20, SEEK_HOLE) == (1 << 20) + 65536);
	WANT(lseek(fd, (1 << 20) + 4097, SEEK_HOLE) == (1 << 20) + 65536);
	WANT(lseek(fd, 0, SEEK_HOLE) == 0 && lseek(fd, 100, SEEK_HOLE) == 100);
	WANT(lseek(fd, 3 << 20, SEEK_HOLE) == (3 << 20) + 4096);
	WANT(lseek(fd, 0, SEEK_CUR) == (3 << 20) + 4096);
}

static void seek_ends(void)
{
	int fd = posix_file("f", 4 << 20);

	posix_put(fd, 0, 4096, 'x');
	WANT_ERRNO(lseek(fd, 2 << 20, SEEK_DATA), ENXIO);
	WANT_ERRNO(lseek(fd, 4 << 20, SEEK_DATA), ENXIO);
	WANT_ERRNO(lseek(fd, 4 << 20, SEEK_HOLE), ENXIO);
	WANT_ERRNO(lseek(fd, -1, SEEK_DATA), ENXIO);
	WANT(lseek(fd, 2 << 20, SEEK_HOLE) == 2 << 20);
	WANT(lseek(fd, (4 << 20) - 1, SEEK_HOLE) == (4 << 20) - 1);
	/* the end of the file counts as a hole */
	posix_put(fd, (4 << 20) - 4096, 4096, 'y');
	WANT(lseek(fd, (4 << 20) - 4096, SEEK_HOLE) == 4 << 20);
	fd = posix_file("g", 0);
	WANT_ERRNO(lseek(fd, 0, SEEK_DATA), ENXIO);
	WANT_ERRNO(lseek(fd, 0, SEEK_HOLE), ENXIO);
}

static void seek_fresh(void)
{
	int fd = posix_file("f", 0);

	posix_put(fd, 0, 100000, 'x');
	WANT(lseek(fd, 0, SEEK_DATA) == 0);
	WANT(lseek(fd, 0, SEEK_HOLE) == 100000);
	posix_put(fd, 200000, 10, 'y');
	WANT(lseek(fd, 150000, SEEK_DATA) <= 200000 && lseek(fd, 150000, SEEK_DATA) >= 150000);
	WANT(lseek(fd, 200009, SEEK_DATA) == 200009);
}

/* Whatever is called a hole must read as zeros, and all data must be found. */
static void seek_walk(void)
{
	int fd = posix_file("f", 2 << 20);
	off_t at = 0, data, hole;
	long found = 0;

	for (int i = 0; i < 20; i++)
		posix_put(fd, i * 100000, 5000, 'a' + i);
	while ((data = lseek(fd, at, SEEK_DATA)) >= 0) {
		hole = lseek(fd, data, SEEK_HOLE);
		EXPECT(hole > data);
		WANT(posix_all(fd, at, (size_t)(data - at), 0));
		found += hole - data;
		at = hole;
	}
	EXPECT(errno == ENXIO);
	WANT(posix_all(fd, at, (size_t)((2 << 20) - at), 0));
	WANT(found >= 20 * 5000 && found <= 20 * 5000 + 20 * 16384);
}

const struct posix_case posix_space_cases[] = {
    {"fallocate(2)", "mode 0: the size becomes offset + len if that is greater", extend, 0},
    {"fallocate(2)", "KEEP_SIZE: the size is not changed", keep_size, 0},
    {"fallocate(2)", "PUNCH_HOLE: the range reads as zeros, the size stays", punch, 0},
    {"fallocate(2)", "PUNCH_HOLE: whole blocks are given back", punch_frees, 0},
    {"fallocate(2)", "ZERO_RANGE: the range reads as zeros, the size may grow", zero, 0},
    {"fallocate(2)", "ZERO_RANGE|KEEP_SIZE: the range reads as zeros, the size stays", zero_keep,
     0},
    {"fallocate(2)", "COLLAPSE_RANGE: the range goes, what is behind it moves", collapse, 0},
    {"fallocate(2)", "INSERT_RANGE: a hole comes, what is behind it moves", insert, 0},
    {"fallocate(2)", "EINVAL, EFBIG, EBADF, ESPIPE, EOPNOTSUPP; posix_fallocate(3) returns them",
     errors, 0},
    {"fallocate(2)", "mtime and ctime are updated", fallocate_times, 0},
    {"lseek(2)", "SEEK_DATA and SEEK_HOLE find the next data and the next hole", seek_ranges, 0},
    {"lseek(2)", "ENXIO: behind the last data, or the end; there is a hole at the end", seek_ends,
     0},
    {"lseek(2)", "SEEK_DATA: what was just written is data", seek_fresh, 0},
    {"lseek(2)", "SEEK_DATA and SEEK_HOLE visit all data, and holes read as zeros", seek_walk, 0},
    POSIX_END,
};
