/* SPDX-License-Identifier: Apache-2.0 */
/* copy_file_range(2). */
#include "tests/mount/posix_case.h"

#define MODEL_BYTES 400000

static char source[MODEL_BYTES], target[MODEL_BYTES];

/* Copy all of it, however many calls that takes; returns how much came. */
static size_t copy(int in, off_t from, int out, off_t to, size_t len)
{
	size_t done = 0;
	ssize_t n = 1;

	while (done < len && n > 0) {
		n = copy_file_range(in, &from, out, &to, len - done, 0);
		EXPECT(n >= 0);
		done += (size_t)n;
	}
	return done;
}

static bool is_model(int fd, size_t len)
{
	static char data[MODEL_BYTES + 1];

	return pread(fd, data, sizeof(data), 0) == (ssize_t)len && memcmp(data, target, len) == 0;
}

static void fill_source(int fd)
{
	for (size_t i = 0; i < 150000; i++)
		source[i] = (char)(i * 7 + i / 251);
	EXPECT(pwrite(fd, source, 150000, 0) == 150000);
}

static void matrix(void)
{
	static const off_t from[] = {0, 1, 4095, 4096, 65536, 149000};
	static const off_t to[] = {0, 1, 4096, 5000, 60000, 131072};
	static const size_t lens[] = {1, 4095, 4096, 8193, 100000, 150000};
	int in = posix_file("a", 0);

	fill_source(in);
	for (int i = 0; i < 6 * 6 * 6; i++) {
		off_t f = from[i / 36], t = to[i / 6 % 6];
		size_t len = lens[i % 6],
		       fits = (size_t)(150000 - f) < len ? (size_t)(150000 - f) : len;
		size_t end = (size_t)t + fits > 50000 ? (size_t)t + fits : 50000;
		int out = posix_file("b", 0);

		posix_about("%zu bytes from %ld to %ld", len, (long)f, (long)t);
		memset(target, 0, sizeof(target));
		memset(target, 'o', 50000);
		posix_put(out, 0, 50000, 'o');
		WANT(copy(in, f, out, t, len) == fits);
		memcpy(target + t, source + f, fits);
		WANT(posix_size(out) == (off_t)end && is_model(out, end));
		close(out);
	}
}

static void own_copy(void)
{
	int a = posix_file("a", 0), b = posix_file("b", 0);

	posix_put(a, 0, 300000, 'x');
	EXPECT(copy(a, 0, b, 0, 300000) == 300000);
	posix_put(a, 0, 300000, 'z');
	WANT(fsync(a) == 0 && posix_all(b, 0, 300000, 'x'));
	posix_put(b, 100000, 10, 'y');
	WANT(posix_all(a, 0, 300000, 'z'));
	EXPECT(unlink("a") == 0 && close(a) == 0);
	WANT(posix_all(b, 0, 100000, 'x') && posix_all(b, 100000, 10, 'y'));
}

static void offsets(void)
{
	int a = posix_file("a", 0), b = posix_file("b", 0);
	off_t at = 100;

	posix_put(a, 0, 1000, 'x');
	EXPECT(lseek(a, 10, SEEK_SET) == 10 && lseek(b, 20, SEEK_SET) == 20);
	WANT(copy_file_range(a, NULL, b, NULL, 100, 0) == 100);
	WANT(lseek(a, 0, SEEK_CUR) == 110 && lseek(b, 0, SEEK_CUR) == 120);
	WANT(copy_file_range(a, &at, b, NULL, 50, 0) == 50 && at == 150);
	WANT(lseek(a, 0, SEEK_CUR) == 110 && lseek(b, 0, SEEK_CUR) == 170);
	WANT(posix_all(b, 0, 20, 0) && posix_all(b, 20, 150, 'x'));
	at = 1000;
	WANT(copy_file_range(a, &at, b, NULL, 10, 0) == 0);
	at = 5000;
	WANT(copy_file_range(a, &at, b, NULL, 10, 0) == 0 && posix_size(b) == 170);
	at = 0;
	WANT(copy_file_range(a, &at, b, NULL, 0, 0) == 0);
}

static void holes(void)
{
	int a = posix_file("a", 0), b = posix_file("b", 0);

	posix_put(a, 0, 1 << 20, 'x');
	posix_put(a, 500000, 1, 'y');
	EXPECT(ftruncate(a, 2 << 20) == 0);
	WANT(copy(a, 0, b, 0, 4 << 20) == 2 << 20 && posix_size(b) == 2 << 20);
	WANT(posix_all(b, 0, 500000, 'x') && posix_all(b, 500000, 1, 'y'));
	WANT(posix_all(b, 500001, (1 << 20) - 500001, 'x'));
	WANT(posix_all(b, 1 << 20, 1 << 20, 0));
	/* a hole copied over data makes zeros */
	posix_put(b, 0, 2 << 20, 'o');
	WANT(copy(a, 1 << 20, b, 0, 1 << 20) == 1 << 20);
	WANT(posix_all(b, 0, 1 << 20, 0) && posix_all(b, 1 << 20, 1 << 20, 'o'));
}

static void same_file(void)
{
	int fd = posix_file("a", 0);
	off_t from = 0, to = 4096;

	posix_put(fd, 0, 8192, 'x');
	posix_put(fd, 8192, 8192, 'y');
	WANT_ERRNO(copy_file_range(fd, &from, fd, &to, 8192, 0), EINVAL);
	from = 4096, to = 0;
	WANT_ERRNO(copy_file_range(fd, &from, fd, &to, 8192, 0), EINVAL);
	WANT(copy(fd, 8192, fd, 0, 8192) == 8192 && posix_all(fd, 0, 16384, 'y'));
	WANT(copy(fd, 0, fd, 16384, 100) == 100 && posix_size(fd) == 16484);
}

static void errors(void)
{
	int a = posix_file("a", 100), b = posix_file("b", 0), dir = open(".", O_RDONLY);
	int ro = open("b", O_RDONLY), wo = open("a", O_WRONLY), app = open("b", O_RDWR | O_APPEND);
	int fds[2];

	WANT_ERRNO(copy_file_range(a, NULL, ro, NULL, 10, 0), EBADF);
	WANT_ERRNO(copy_file_range(wo, NULL, b, NULL, 10, 0), EBADF);
	WANT_ERRNO(copy_file_range(a, NULL, app, NULL, 10, 0), EBADF);
	WANT_ERRNO(copy_file_range(a, NULL, -1, NULL, 10, 0), EBADF);
	WANT_ERRNO(copy_file_range(dir, NULL, b, NULL, 10, 0), EISDIR);
	WANT_ERRNO(copy_file_range(a, NULL, b, NULL, 10, 1), EINVAL);
	EXPECT(pipe(fds) == 0);
	WANT_ERRNO(copy_file_range(a, NULL, fds[1], NULL, 10, 0), EINVAL);
	WANT(posix_size(b) == 0);
}

static void target_times(void)
{
	int a = posix_file("a", 0), b = posix_file("b", 0);
	struct stat st_a, st_b;

	posix_put(a, 0, 10000, 'x');
	EXPECT(fsync(a) == 0);
	st_a = posix_fstat(a);
	st_b = posix_fstat(b);
	posix_tick();
	EXPECT(copy(a, 0, b, 0, 10000) == 10000);
	WANT(posix_later(posix_fstat(b).st_mtim, st_b.st_mtim));
	WANT(posix_later(posix_fstat(b).st_ctim, st_b.st_ctim));
	WANT(posix_same_time(posix_fstat(a).st_mtim, st_a.st_mtim));
}

static void mixed(void)
{
	int a = posix_file("a", 0), b = posix_file("b", 0);

	/* what is in the cache of either file, before and after */
	for (int i = 0; i < 30; i++) {
		posix_put(a, i * 5000, 5000, 'a' + i % 26);
		posix_put(b, i * 5000 + 2500, 5000, 'o');
		EXPECT(copy(a, i * 5000, b, i * 5000, 5000) == 5000);
		WANT(posix_all(b, i * 5000, 5000, 'a' + i % 26));
		WANT(posix_all(b, i * 5000 + 5000, 2500, 'o'));
	}
	EXPECT(fsync(b) == 0 && posix_fadvise(b, 0, 0, POSIX_FADV_DONTNEED) == 0);
	for (int i = 0; i < 30; i++)
		WANT(posix_all(b, i * 5000, 5000, 'a' + i % 26));
}

static void elsewhere(void)
{
	const char *folder = posix_elsewhere();
	char *name;
	int a, b = posix_file("b", 0);

	if (!folder)
		posix_skip("there is no other file system");
	name = strdup(posix_text("%sposix.XXXXXX", folder));
	a = mkstemp(name);
	EXPECT(a >= 0 && unlink(name) == 0);
	posix_put(a, 0, 10000, 'x');
	/* between two kinds of file systems it may not be possible, and says so */
	if (copy_file_range(a, NULL, b, NULL, 10000, 0) < 0)
		WANT(errno == EXDEV);
	else
		WANT(posix_all(b, 0, 100, 'x'));
}

const struct posix_case posix_copy_cases[] = {
    {"copy_file_range(2)", "copies what is there up to the end, at every alignment", matrix, 0},
    {"copy_file_range(2)", "the copy does not change with the source", own_copy, 0},
    {"copy_file_range(2)", "offsets: of the descriptors, or given; 0 at the end", offsets, 0},
    {"copy_file_range(2)", "holes are copied as zeros", holes, 0},
    {"copy_file_range(2)", "EINVAL: the ranges overlap in the same file", same_file, 0},
    {"copy_file_range(2)", "EBADF, EISDIR, EINVAL of wrong descriptors and flags", errors, 0},
    {"copy_file_range(2)", "mtime and ctime of the target are updated", target_times, 0},
    {"copy_file_range(2)", "counts what was written just before, in both files", mixed, 0},
    {"copy_file_range(2)", "EXDEV: the files are of different file systems", elsewhere, 0},
    POSIX_END,
};
