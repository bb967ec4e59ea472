/* SPDX-License-Identifier: Apache-2.0 */
/* read(2), write(2) and their kin, lseek(2), the limits of sizes. */
#include "tests/mount/posix_case.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/uio.h>

#define FAR (INT64_C(5) << 30) /* beyond 4 GiB */
#define MODEL_BYTES 400000

static void read_end(void)
{
	char data[16];
	int fd = posix_file("f", 10);

	WANT(pread(fd, data, 16, 0) == 10);
	WANT(pread(fd, data, 16, 9) == 1);
	WANT(pread(fd, data, 16, 10) == 0);
	WANT(pread(fd, data, 16, 1 << 20) == 0);
	WANT(pread(fd, data, 16, INT64_MAX - 16) == 0);
	WANT(pread(fd, data, 0, 0) == 0);
	WANT(lseek(fd, 0, SEEK_CUR) == 0);
	WANT(read(fd, data, 4) == 4 && lseek(fd, 0, SEEK_CUR) == 4);
}

static void errors(void)
{
	int fd = posix_file("f", 0), dir = open(".", O_RDONLY), fds[2];
	char data[4];

	WANT_ERRNO(pwrite(fd, "x", 1, -1), EINVAL);
	WANT_ERRNO(pread(fd, data, 1, -1), EINVAL);
	WANT_ERRNO(read(dir, data, 1), EISDIR);
	WANT_ERRNO(pread(dir, data, 1, 0), EISDIR);
	WANT_ERRNO(write(dir, "x", 1), EBADF);
	EXPECT(pipe(fds) == 0);
	WANT_ERRNO(pread(fds[0], data, 1, 0), ESPIPE);
	WANT_ERRNO(lseek(fds[0], 0, SEEK_SET), ESPIPE);
	WANT_ERRNO(lseek(fd, -1, SEEK_SET), EINVAL);
	WANT_ERRNO(lseek(fd, 0, 99), EINVAL);
	WANT_ERRNO(lseek(-1, 0, SEEK_SET), EBADF);
}

static void write_nothing(void)
{
	int fd = posix_file("f", 0);
	struct stat st;

	posix_put(fd, 0, 5, 'x');
	st = posix_fstat(fd);
	posix_tick();
	WANT(write(fd, "", 0) == 0 && pwrite(fd, "", 0, 1000) == 0);
	WANT(posix_size(fd) == 5);
	WANT(posix_same_time(posix_fstat(fd).st_mtim, st.st_mtim));
	WANT(posix_same_time(posix_fstat(fd).st_ctim, st.st_ctim));
}

static void write_far(void)
{
	int fd = posix_file("f", 0);

	posix_put(fd, FAR + 123, 10000, 'x');
	WANT(posix_size(fd) == FAR + 10123);
	WANT(posix_all(fd, 0, 4096, 0));
	WANT(posix_all(fd, FAR - 1000, 1123, 0));
	WANT(posix_all(fd, FAR + 123, 10000, 'x'));
	WANT(fsync(fd) == 0);
	close(fd);
	fd = open("f", O_RDONLY);
	WANT(posix_all(fd, FAR + 123, 10000, 'x'));
	WANT(posix_stat("f").st_blocks < 4096);
	WANT(lseek(fd, 0, SEEK_END) == FAR + 10123);
}

static void write_top(void)
{
	int fd = posix_file("f", 0);

	/* where the file system's own limit is lower, the answer is EFBIG as well */
	WANT_ERRNO(pwrite(fd, "x", 1, INT64_MAX), EINVAL);
	WANT_ERRNO(ftruncate(fd, -1), EINVAL);
	if (ftruncate(fd, INT64_MAX - 4096) != 0) {
		WANT(errno == EFBIG);
		return;
	}
	WANT(posix_size(fd) == INT64_MAX - 4096);
	WANT(pwrite(fd, "top", 3, INT64_MAX - 8192) == 3);
	WANT(posix_all(fd, INT64_MAX - 8191, 1, 'o'));
	WANT(fsync(fd) == 0 && posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED) == 0);
	WANT(posix_all(fd, INT64_MAX - 8190, 1, 'p') && posix_all(fd, INT64_MAX - 8189, 1000, 0));
}

static void size_limit(void)
{
	struct rlimit limit = {.rlim_cur = 10000, .rlim_max = RLIM_INFINITY};
	int fd = posix_file("f", 0);
	char data[4096] = {0};

	signal(SIGXFSZ, SIG_IGN);
	EXPECT(setrlimit(RLIMIT_FSIZE, &limit) == 0);
	WANT(pwrite(fd, data, 4096, 8000) == 2000);
	WANT_ERRNO(pwrite(fd, data, 1, 10000), EFBIG);
	WANT_ERRNO(ftruncate(fd, 10001), EFBIG);
	WANT_ERRNO(truncate("f", 10001), EFBIG);
	WANT_ERRNO(fallocate(fd, 0, 0, 10001), EFBIG);
	WANT(ftruncate(fd, 9999) == 0 && posix_size(fd) == 9999);
}

/* What the file must hold, written beside it. */
static void fill(char *model, int fd, size_t off, size_t len, int c)
{
	memset(model + off, c, len);
	posix_put(fd, (off_t)off, len, c);
}

static bool is_model(const char *model, int fd, size_t len)
{
	static char data[MODEL_BYTES + 1];
	ssize_t n = pread(fd, data, sizeof(data), 0);

	return n == (ssize_t)len && memcmp(data, model, len) == 0;
}

static void write_matrix(void)
{
	static const size_t offs[] = {0, 1, 511, 512, 4095, 4096, 4097, 65535, 65536, 131071};
	static const size_t lens[] = {1, 2, 511, 512, 4095, 4096, 4097, 65537, 131073};
	static char model[MODEL_BYTES];
	int fd = posix_file("f", 0), c = 'a';
	size_t end = 0;

	for (size_t o = 0; o < sizeof(offs) / sizeof(offs[0]); o++) {
		for (size_t l = 0; l < sizeof(lens) / sizeof(lens[0]); l++) {
			posix_about("%zu bytes at %zu", lens[l], offs[o]);
			fill(model, fd, offs[o], lens[l], c);
			end = offs[o] + lens[l] > end ? offs[o] + lens[l] : end;
			c = c == 'z' ? 'a' : c + 1;
			WANT(is_model(model, fd, end));
		}
		WANT(fdatasync(fd) == 0 && posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED) == 0);
		WANT(is_model(model, fd, end));
	}
	close(fd);
	fd = open("f", O_RDONLY);
	WANT(is_model(model, fd, end));
}

/* Each write begins behind the end of the file, so that a hole of another size is left. */
static void write_holes(void)
{
	static const size_t gaps[] = {1, 100, 4095, 4096, 4097, 10000, 65536, 70000};
	static char model[MODEL_BYTES];
	int fd = posix_file("f", 0);
	size_t end = 0;

	for (size_t g = 0; g < sizeof(gaps) / sizeof(gaps[0]); g++) {
		posix_about("a hole of %zu bytes", gaps[g]);
		fill(model, fd, end + gaps[g], 333, 'h');
		end += gaps[g] + 333;
		WANT(is_model(model, fd, end));
	}
	WANT(fsync(fd) == 0 && posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED) == 0);
	WANT(is_model(model, fd, end));
}

static void vectors(void)
{
	char a[4] = {0}, b[7] = {0}, c[32] = {0};
	struct iovec out[3] = {{(void *)"one", 3}, {(void *)"", 0}, {(void *)"twothree", 8}};
	struct iovec in[3] = {{a, 3}, {b, 6}, {c, sizeof(c)}};
	int fd = posix_file("f", 0);

	WANT(writev(fd, out, 3) == 11 && posix_file_is("f", "onetwothree"));
	WANT(lseek(fd, 0, SEEK_SET) == 0 && readv(fd, in, 3) == 11);
	WANT(memcmp(a, "one", 3) == 0 && memcmp(b, "twothr", 6) == 0 && memcmp(c, "ee", 2) == 0);
	WANT(pwritev(fd, out, 3, 3) == 11 && posix_file_is("f", "oneonetwothree"));
	WANT(preadv(fd, in, 1, 6) == 3 && memcmp(a, "two", 3) == 0);
	WANT(pwritev2(fd, out, 1, 0, RWF_APPEND) == 3 && posix_file_is("f", "oneonetwothreeone"));
	WANT(pwritev2(fd, out, 1, 0, RWF_DSYNC) == 3);
	WANT_ERRNO(preadv(fd, in, 1, -2), EINVAL);
	WANT(lseek(fd, 0, SEEK_CUR) == 11);
}

static void offsets(void)
{
	int fd = posix_file("f", 100);

	WANT(lseek(fd, 10, SEEK_SET) == 10 && lseek(fd, 5, SEEK_CUR) == 15);
	WANT(lseek(fd, -1, SEEK_END) == 99 && lseek(fd, 1000, SEEK_END) == 1100);
	WANT(posix_size(fd) == 100);
	WANT(write(fd, "x", 1) == 1 && posix_size(fd) == 1101);
	WANT_ERRNO(lseek(fd, -2000, SEEK_CUR), EINVAL);
	WANT(lseek(fd, 0, SEEK_CUR) == 1101);
	WANT(lseek(fd, INT64_C(1) << 40, SEEK_SET) == INT64_C(1) << 40);
}

static void two_views(void)
{
	int a = posix_file("f", 0), b = open("f", O_RDWR);

	for (int i = 0; i < 20; i++) {
		posix_put(a, i * 1000, 1000, 'a' + i);
		WANT(posix_size(b) == (i + 1) * 1000);
		WANT(posix_all(b, i * 1000, 1000, 'a' + i));
		posix_put(b, i * 1000, 1, 'B');
		WANT(posix_all(a, i * 1000, 1, 'B'));
	}
	EXPECT(link("f", "g") == 0);
	posix_put(a, 5, 1, 'L');
	b = open("g", O_RDONLY);
	WANT(posix_all(b, 5, 1, 'L') && posix_size(b) == 20000);
}

static void sendfile_works(void)
{
	int a = posix_file("a", 0), b = posix_file("b", 0);
	off_t off = 10;

	posix_put(a, 0, 100000, 'x');
	WANT(sendfile(b, a, &off, 50000) == 50000 && off == 50010);
	WANT(posix_size(b) == 50000 && posix_all(b, 0, 50000, 'x'));
	off = 99990;
	WANT(sendfile(b, a, &off, 50000) == 10);
}

static void splice_works(void)
{
	int a = posix_file("a", 0), b = posix_file("b", 0), fds[2];
	loff_t from = 5, to = 7;

	posix_put(a, 0, 10000, 'x');
	EXPECT(pipe(fds) == 0);
	WANT(splice(a, &from, fds[1], NULL, 3000, 0) == 3000);
	WANT(splice(fds[0], NULL, b, &to, 3000, 0) == 3000);
	WANT(posix_size(b) == 3007 && posix_all(b, 0, 7, 0) && posix_all(b, 7, 3000, 'x'));
}

static void syncs(void)
{
	int fd = posix_file("f", 0), ro, dir = open(".", O_RDONLY), fds[2];

	posix_put(fd, 0, 10000, 'x');
	WANT(fsync(fd) == 0 && fdatasync(fd) == 0 && syncfs(fd) == 0);
	ro = open("f", O_RDONLY);
	WANT(fsync(ro) == 0 && fdatasync(ro) == 0);
	WANT(fsync(dir) == 0 && fdatasync(dir) == 0);
	WANT(sync_file_range(fd, 0, 0, SYNC_FILE_RANGE_WRITE) == 0);
	EXPECT(pipe(fds) == 0);
	WANT_ERRNO(fsync(fds[0]), EINVAL);
	WANT_ERRNO(fsync(-1), EBADF);
}

static void blocks_count(void)
{
	int fd = posix_file("f", 0);

	WANT(posix_fstat(fd).st_blocks == 0);
	posix_put(fd, 0, 1 << 20, 'x');
	EXPECT(fsync(fd) == 0);
	WANT(posix_fstat(fd).st_blocks >= 2048 && posix_fstat(fd).st_blocks < 4096);
	EXPECT(close(fd) == 0);
	WANT(posix_stat("f").st_blocks >= 2048 && posix_stat("f").st_blocks < 4096);
	WANT(truncate("f", 0) == 0 && posix_stat("f").st_blocks == 0);
	WANT(truncate("f", 1 << 30) == 0 && posix_stat("f").st_blocks < 64);
}

const struct posix_case posix_io_cases[] = {
    {"read(2)", "at or behind the end of the file 0 is returned", read_end, 0},
    {"read(2)", "EINVAL, EISDIR, EBADF, ESPIPE of wrong offsets and descriptors", errors, 0},
    {"write(2)", "of 0 bytes has no other result", write_nothing, 0},
    {"write(2)", "beyond 4 GiB is possible and leaves a hole that reads as zeros", write_far, 0},
    {"write(2)",
     "EFBIG: behind the largest offset, and up to it or the file system's limit it "
     "works",
     write_top, 0},
    {"setrlimit(2)", "RLIMIT_FSIZE: writes are cut at the limit, EFBIG behind it", size_limit, 0},
    {"write(2)", "what is written last is what is read, at every alignment", write_matrix, 0},
    {"write(2)", "a gap behind the end reads as zeros, of whatever size", write_holes, 0},
    {"write(2)", "what one descriptor writes another reads, also by another link", two_views, 0},
    {"readv(2)", "buffers are filled and written in their order, flags of pwritev2(2)", vectors, 0},
    {"lseek(2)", "the offset may be behind the end; the file grows by writing only", offsets, 0},
    {"sendfile(2)", "copies between files and tells the offset", sendfile_works, 0},
    {"splice(2)", "moves from a file to a file by a pipe", splice_works, 0},
    {"fsync(2)", "works for files and folders, whatever they are opened for", syncs, 0},
    {"stat(2)", "st_blocks follows what is allocated", blocks_count, 0},
    POSIX_END,
};
