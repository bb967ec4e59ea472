/* SPDX-License-Identifier: Apache-2.0 */
/* open, read, write, truncate, holes, fallocate, mmap, copying, locks. */
#include "tests/mount/posix_case.h"

#include <linux/falloc.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/wait.h>

#define FAR (UINT64_C(5) << 30) /* beyond 4 GiB */

static int make(const char *name, off_t size)
{
	int fd = open(name, O_RDWR | O_CREAT | O_TRUNC, 0644);

	EXPECT(fd >= 0);
	EXPECT(ftruncate(fd, size) == 0);
	return fd;
}

/* Whether @len bytes at @off all are @c. */
static bool all_are(int fd, off_t off, size_t len, int c)
{
	unsigned char *data = malloc(len);
	bool same = true;

	EXPECT(data);
	EXPECT(pread(fd, data, len, off) == (ssize_t)len);
	for (size_t i = 0; i < len; i++)
		same = same && data[i] == c;
	free(data);
	return same;
}

static void put(int fd, off_t off, size_t len, int c)
{
	char *data = malloc(len);

	EXPECT(data);
	memset(data, c, len);
	EXPECT(pwrite(fd, data, len, off) == (ssize_t)len);
	free(data);
}

static off_t size_of(int fd)
{
	struct stat st;

	EXPECT(fstat(fd, &st) == 0);
	return st.st_size;
}

static void open_excl(void)
{
	int fd = open("f", O_WRONLY | O_CREAT | O_EXCL, 0600);

	EXPECT(fd >= 0);
	EXPECT_ERRNO(open("f", O_WRONLY | O_CREAT | O_EXCL, 0600), EEXIST);
	EXPECT(symlink("nowhere", "l") == 0);
	EXPECT_ERRNO(open("l", O_WRONLY | O_CREAT | O_EXCL, 0600), EEXIST);
}

static void open_errors(void)
{
	posix_write_file("f", "x");
	EXPECT(mkdir("d", 0755) == 0);
	EXPECT(symlink("f", "l") == 0);
	EXPECT_ERRNO(open("none", O_RDONLY), ENOENT);
	EXPECT_ERRNO(open("f/x", O_RDONLY), ENOTDIR);
	EXPECT_ERRNO(open("d", O_WRONLY), EISDIR);
	EXPECT_ERRNO(open("f", O_RDONLY | O_DIRECTORY), ENOTDIR);
	EXPECT_ERRNO(open("l", O_RDONLY | O_NOFOLLOW), ELOOP);
}

static void open_trunc(void)
{
	int fd;

	posix_write_file("f", "something");
	fd = open("f", O_WRONLY | O_TRUNC);
	EXPECT(fd >= 0);
	EXPECT(size_of(fd) == 0);
	close(fd);
	EXPECT(posix_file_is("f", ""));
}

static void open_append(void)
{
	int a = open("f", O_WRONLY | O_CREAT | O_APPEND, 0644), b;

	b = open("f", O_WRONLY | O_APPEND);
	EXPECT(a >= 0 && b >= 0);
	for (int i = 0; i < 3; i++) {
		EXPECT(write(a, "a", 1) == 1);
		EXPECT(lseek(b, 0, SEEK_SET) == 0);
		EXPECT(write(b, "b", 1) == 1);
	}
	EXPECT(posix_file_is("f", "ababab"));
}

static void open_direct(void)
{
	void *page;
	int fd = open("f", O_RDWR | O_CREAT | O_DIRECT, 0644);

	if (fd < 0 && errno == EINVAL)
		posix_skip("no O_DIRECT here");
	EXPECT(fd >= 0);
	EXPECT(posix_memalign(&page, 4096, 8192) == 0);
	memset(page, 'd', 8192);
	EXPECT(pwrite(fd, page, 8192, 4096) == 8192);
	memset(page, 0, 8192);
	EXPECT(pread(fd, page, 8192, 4096) == 8192);
	EXPECT(((char *)page)[0] == 'd' && ((char *)page)[8191] == 'd');
	close(fd);
	/* and through the cache */
	fd = open("f", O_RDONLY);
	EXPECT(all_are(fd, 0, 4096, 0) && all_are(fd, 4096, 8192, 'd'));
}

static void read_end(void)
{
	char data[16];
	int fd = make("f", 10);

	EXPECT(pread(fd, data, 16, 0) == 10);
	EXPECT(pread(fd, data, 16, 10) == 0);
	EXPECT(pread(fd, data, 16, 1 << 20) == 0);
}

static void write_far(void)
{
	int fd = make("f", 0);

	put(fd, (off_t)FAR + 123, 10000, 'x');
	EXPECT(size_of(fd) == (off_t)FAR + 10123);
	EXPECT(all_are(fd, 0, 4096, 0));
	EXPECT(all_are(fd, (off_t)FAR - 1000, 1123, 0));
	EXPECT(all_are(fd, (off_t)FAR + 123, 10000, 'x'));
	EXPECT(fsync(fd) == 0);
	close(fd);
	fd = open("f", O_RDONLY);
	EXPECT(all_are(fd, (off_t)FAR + 123, 10000, 'x'));
	EXPECT(posix_stat("f").st_blocks < 4096);
}

static void write_overlaps(void)
{
	int fd = make("f", 0);

	put(fd, 0, 300000, 'a');
	EXPECT(fsync(fd) == 0);
	put(fd, 4095, 2, 'b');
	put(fd, 100001, 99999, 'c');
	EXPECT(fsync(fd) == 0);
	put(fd, 150000, 1, 'd');
	EXPECT(posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED) == 0);
	EXPECT(all_are(fd, 0, 4095, 'a') && all_are(fd, 4095, 2, 'b'));
	EXPECT(all_are(fd, 4097, 100001 - 4097, 'a'));
	EXPECT(all_are(fd, 100001, 49999, 'c') && all_are(fd, 150000, 1, 'd'));
	EXPECT(all_are(fd, 150001, 49999, 'c') && all_are(fd, 200000, 100000, 'a'));
}

static void write_limits(void)
{
	int fd = make("f", 0), ro;

	EXPECT_ERRNO(pwrite(fd, "x", 1, -1), EINVAL);
	ro = open("f", O_RDONLY);
	EXPECT_ERRNO(write(ro, "x", 1), EBADF);
	EXPECT_ERRNO(ftruncate(ro, 1), EINVAL);
	EXPECT_ERRNO(truncate("f", -1), EINVAL);
}

static void truncate_zero(void)
{
	int fd = make("f", 0);

	put(fd, 0, 10000, 'x');
	EXPECT(fsync(fd) == 0);
	EXPECT(ftruncate(fd, 5000) == 0);
	EXPECT(ftruncate(fd, 20000) == 0);
	EXPECT(all_are(fd, 0, 5000, 'x') && all_are(fd, 5000, 15000, 0));
	EXPECT(fsync(fd) == 0);
	EXPECT(posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED) == 0);
	EXPECT(all_are(fd, 0, 5000, 'x') && all_are(fd, 5000, 15000, 0));
	/* the page with the end in it, also when it is written again */
	EXPECT(ftruncate(fd, 4100) == 0);
	put(fd, 4200, 10, 'y');
	EXPECT(all_are(fd, 4100, 100, 0) && all_are(fd, 4200, 10, 'y'));
}

static void seek_holes(void)
{
	int fd = make("f", 4 << 20);

	put(fd, 1 << 20, 65536, 'x');
	EXPECT(lseek(fd, 0, SEEK_DATA) == 1 << 20);
	EXPECT(lseek(fd, 1 << 20, SEEK_HOLE) == (1 << 20) + 65536);
	EXPECT(lseek(fd, 100, SEEK_HOLE) == 100);
	EXPECT_ERRNO(lseek(fd, 2 << 20, SEEK_DATA), ENXIO);
	EXPECT_ERRNO(lseek(fd, 4 << 20, SEEK_HOLE), ENXIO);
	EXPECT(lseek(fd, 2 << 20, SEEK_HOLE) == 2 << 20);
}

static void seek_fresh(void)
{
	int fd = make("f", 0);

	/* data that no fsync wrote out yet is data all the same: cp(1) would take it for a hole */
	put(fd, 0, 100000, 'x');
	EXPECT(lseek(fd, 0, SEEK_DATA) == 0);
	EXPECT(lseek(fd, 0, SEEK_HOLE) == 100000);
}

static int falloc(int fd, int mode, off_t off, off_t len)
{
	int r = fallocate(fd, mode, off, len);

	if (r != 0 && errno == EOPNOTSUPP)
		posix_skip("this mode is not supported here");
	return r;
}

static void fallocate_extend(void)
{
	int fd = make("f", 0);

	put(fd, 0, 100, 'x');
	EXPECT(falloc(fd, 0, 50, 10000) == 0);
	EXPECT(size_of(fd) == 10050);
	EXPECT(all_are(fd, 0, 100, 'x') && all_are(fd, 100, 9950, 0));
	EXPECT(falloc(fd, 0, 0, 10) == 0);
	EXPECT(size_of(fd) == 10050);
	EXPECT(posix_fallocate(fd, 0, 20000) == 0);
	EXPECT(size_of(fd) == 20000);
}

static void fallocate_keep(void)
{
	int fd = make("f", 10);

	EXPECT(falloc(fd, FALLOC_FL_KEEP_SIZE, 0, 100000) == 0);
	EXPECT(size_of(fd) == 10);
}

static void fallocate_punch(void)
{
	int fd = make("f", 0);

	put(fd, 0, 100000, 'x');
	EXPECT(falloc(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 5000, 50000) == 0);
	EXPECT(size_of(fd) == 100000);
	EXPECT(all_are(fd, 0, 5000, 'x') && all_are(fd, 5000, 50000, 0) &&
	       all_are(fd, 55000, 45000, 'x'));
	EXPECT_ERRNO(fallocate(fd, FALLOC_FL_PUNCH_HOLE, 0, 1), EOPNOTSUPP);
	EXPECT(falloc(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 90000, 1 << 20) == 0);
	EXPECT(size_of(fd) == 100000);
	EXPECT(all_are(fd, 90000, 10000, 0));
}

static void fallocate_zero(void)
{
	int fd = make("f", 0);

	put(fd, 0, 10000, 'x');
	EXPECT(falloc(fd, FALLOC_FL_ZERO_RANGE, 9000, 5000) == 0);
	EXPECT(size_of(fd) == 14000);
	EXPECT(all_are(fd, 0, 9000, 'x') && all_are(fd, 9000, 5000, 0));
	EXPECT(falloc(fd, FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE, 0, 50000) == 0);
	EXPECT(size_of(fd) == 14000 && all_are(fd, 0, 14000, 0));
}

static void fallocate_errors(void)
{
	int fd = make("f", 0);

	EXPECT_ERRNO(fallocate(fd, 0, -1, 10), EINVAL);
	EXPECT_ERRNO(fallocate(fd, 0, 0, 0), EINVAL);
	EXPECT_ERRNO(fallocate(fd, 0, 1, INT64_MAX), EFBIG);
}

static void mmap_shared(void)
{
	int fd = make("f", 100000);
	char *p = mmap(NULL, 100000, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	EXPECT(p != MAP_FAILED);
	memcpy(p + 50000, "mapped", 6);
	EXPECT(msync(p, 100000, MS_SYNC) == 0);
	put(fd, 60000, 1, 'w');
	EXPECT(p[60000] == 'w');
	EXPECT(munmap(p, 100000) == 0);
	close(fd);
	fd = open("f", O_RDONLY);
	EXPECT(all_are(fd, 50000, 1, 'm') && all_are(fd, 60000, 1, 'w') &&
	       all_are(fd, 50006, 9994, 0));
}

static void mmap_private(void)
{
	int fd = make("f", 4096);
	char *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);

	EXPECT(p != MAP_FAILED);
	p[0] = 'x';
	EXPECT(all_are(fd, 0, 4096, 0));
}

static void copy_range(void)
{
	off_t from = 1000, to = 5000;
	int a = make("a", 0), b = make("b", 0);
	size_t left = 200000;
	ssize_t n;

	put(a, 0, 300000, 'x');
	put(b, 0, 6000, 'o');
	while (left > 0) {
		n = copy_file_range(a, &from, b, &to, left, 0);
		EXPECT(n > 0);
		left -= (size_t)n;
	}
	EXPECT(from == 201000 && to == 205000 && size_of(b) == 205000);
	EXPECT(all_are(b, 0, 5000, 'o') && all_are(b, 5000, 200000, 'x'));
	/* the copy is its own */
	put(a, 0, 300000, 'z');
	EXPECT(fsync(a) == 0 && all_are(b, 5000, 200000, 'x'));
	from = 300000;
	EXPECT(copy_file_range(a, &from, b, &to, 10, 0) == 0);
}

static void copy_aligned(void)
{
	off_t from = 0, to = 0;
	int a = make("a", 0), b = make("b", 0);
	ssize_t n;

	put(a, 0, 1 << 20, 'x');
	put(a, 500000, 1, 'y');
	EXPECT(ftruncate(a, 2 << 20) == 0);
	while ((n = copy_file_range(a, &from, b, &to, 4 << 20, 0)) > 0)
		;
	EXPECT(n == 0 && size_of(b) == 2 << 20);
	EXPECT(all_are(b, 0, 500000, 'x') && all_are(b, 500000, 1, 'y'));
	EXPECT(all_are(b, 500001, (1 << 20) - 500001, 'x') && all_are(b, 1 << 20, 1 << 20, 0));
}

static void unlinked_open(void)
{
	int fd = make("f", 0);
	struct stat st;

	put(fd, 0, 100000, 'x');
	EXPECT(unlink("f") == 0);
	EXPECT_ERRNO(open("f", O_RDONLY), ENOENT);
	EXPECT(fstat(fd, &st) == 0 && st.st_nlink == 0 && st.st_size == 100000);
	put(fd, 100000, 100000, 'y');
	EXPECT(fsync(fd) == 0);
	EXPECT(posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED) == 0);
	EXPECT(all_are(fd, 0, 100000, 'x') && all_are(fd, 100000, 100000, 'y'));
	EXPECT(ftruncate(fd, 50) == 0 && all_are(fd, 0, 50, 'x'));
}

static void locks_exclude(void)
{
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 0, .l_len = 10};
	int a = make("f", 100), b = open("f", O_RDWR);
	pid_t pid;

	EXPECT(flock(a, LOCK_EX) == 0);
	EXPECT_ERRNO(flock(b, LOCK_EX | LOCK_NB), EWOULDBLOCK);
	EXPECT(flock(a, LOCK_UN) == 0 && flock(b, LOCK_EX | LOCK_NB) == 0);
	EXPECT(fcntl(a, F_SETLK, &lock) == 0);
	pid = fork();
	if (pid == 0) {
		lock.l_start = 5;
		EXPECT_ERRNO(fcntl(a, F_SETLK, &lock), EAGAIN);
		lock.l_start = 10;
		EXPECT(fcntl(a, F_SETLK, &lock) == 0);
		_exit(0);
	}
	int status;
	EXPECT(waitpid(pid, &status, 0) == pid && status == 0);
}

static void sendfile_works(void)
{
	int a = make("a", 0), b = make("b", 0);
	off_t off = 10;

	put(a, 0, 100000, 'x');
	EXPECT(sendfile(b, a, &off, 50000) == 50000);
	EXPECT(size_of(b) == 50000 && all_are(b, 0, 50000, 'x'));
}

const struct posix_case posix_data_cases[] = {
    {"open", "O_CREAT with O_EXCL fails when the name exists, also as a dangling link", open_excl},
    {"open", "a wrong path, type or link gives the errno that says so", open_errors},
    {"open", "O_TRUNC empties the file", open_trunc},
    {"open", "with O_APPEND every write goes to the end", open_append},
    {"open", "O_DIRECT reads and writes the same file as the cache", open_direct},
    {"read", "reading stops at the end of the file", read_end},
    {"write", "beyond 4 GiB is possible and leaves a hole that reads as zeros", write_far},
    {"write", "the last of overlapping writes is what is read", write_overlaps},
    {"write", "wrong offsets and descriptors are refused", write_limits},
    {"truncate", "a file that grows again reads as zeros where it was cut", truncate_zero},
    {"lseek", "SEEK_DATA and SEEK_HOLE find data and holes", seek_holes},
    {"lseek", "what was just written is data", seek_fresh},
    {"fallocate", "mode 0 extends and never shrinks", fallocate_extend},
    {"fallocate", "KEEP_SIZE keeps the size", fallocate_keep},
    {"fallocate", "PUNCH_HOLE makes zeros and keeps the size", fallocate_punch},
    {"fallocate", "ZERO_RANGE makes zeros and extends unless told not to", fallocate_zero},
    {"fallocate", "wrong ranges are refused", fallocate_errors},
    {"mmap", "a shared mapping and the file are the same bytes", mmap_shared},
    {"mmap", "a private mapping does not change the file", mmap_private},
    {"copy_file_range", "copies what was not written out yet, at any offset", copy_range},
    {"copy_file_range", "copies a whole file with its hole", copy_aligned},
    {"sendfile", "copies between two files", sendfile_works},
    {"unlink", "an open file without a name works until it is closed", unlinked_open},
    {"flock", "locks exclude each other", locks_exclude},
    {NULL, NULL, NULL},
};
