/* SPDX-License-Identifier: Apache-2.0 */
/* mmap(2), msync(2). */
#include "tests/mount/posix_case.h"

#include <setjmp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/statfs.h>

static sigjmp_buf jump;

static void on_signal(int number)
{
	siglongjmp(jump, number);
}

/* Read a byte; returns the signal that this gave, or 0. */
static int touch(volatile const char *p)
{
	int got = sigsetjmp(jump, 1);

	signal(SIGBUS, on_signal);
	signal(SIGSEGV, on_signal);
	if (got == 0)
		(void)*p;
	signal(SIGBUS, SIG_DFL);
	signal(SIGSEGV, SIG_DFL);
	return got;
}

static char *map(int fd, size_t len, int prot, int flags)
{
	char *p = mmap(NULL, len, prot, flags, fd, 0);

	EXPECT(p != MAP_FAILED);
	return p;
}

static void shared(void)
{
	int fd = posix_file("f", 100000);
	char *p = map(fd, 100000, PROT_READ | PROT_WRITE, MAP_SHARED);

	memcpy(p + 50000, "mapped", 6);
	WANT(posix_all(fd, 50000, 1, 'm') && posix_all(fd, 50005, 1, 'd'));
	posix_put(fd, 60000, 1, 'w');
	WANT(p[60000] == 'w');
	WANT(msync(p, 100000, MS_SYNC) == 0 && munmap(p, 100000) == 0);
	close(fd);
	fd = open("f", O_RDONLY);
	WANT(posix_all(fd, 50000, 1, 'm') && posix_all(fd, 60000, 1, 'w'));
	WANT(posix_all(fd, 50006, 9994, 0) && posix_size(fd) == 100000);
}

static void private(void)
{
	int fd = posix_file("f", 4096);
	char *p = map(fd, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE);

	p[0] = 'x';
	WANT(posix_all(fd, 0, 4096, 0));
	/* of a file that may only be read as well */
	fd = open("f", O_RDONLY);
	p = map(fd, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE);
	p[1] = 'y';
	WANT(posix_all(fd, 0, 4096, 0));
}

/* Its pages are the file, and what is behind the end of it stays in them. */
static bool is_tmpfs(void)
{
	struct statfs st;

	return statfs(".", &st) == 0 && st.f_type == 0x01021994;
}

static void behind_end(void)
{
	int fd = posix_file("f", 0);
	char *p;

	posix_put(fd, 0, 5000, 'x');
	p = map(fd, 16384, PROT_READ | PROT_WRITE, MAP_SHARED);
	WANT(p[4999] == 'x' && p[5000] == 0 && p[8191] == 0);
	WANT(touch(p + 8192) == SIGBUS && touch(p + 12288) == SIGBUS);
	/* what is written between the end and the end of the page is not in the file */
	p[6000] = 'n';
	EXPECT(msync(p, 8192, MS_SYNC) == 0);
	WANT(posix_size(fd) == 5000);
	EXPECT(ftruncate(fd, 16384) == 0);
	if (!is_tmpfs())
		WANT(posix_all(fd, 5000, 3192, 0));
	WANT(touch(p + 12288) == 0 && p[12288] == 0);
}

static void cut(void)
{
	int fd = posix_file("f", 0);
	char *p;

	posix_put(fd, 0, 16384, 'x');
	p = map(fd, 16384, PROT_READ | PROT_WRITE, MAP_SHARED);
	WANT(touch(p + 12288) == 0);
	EXPECT(ftruncate(fd, 4097) == 0);
	WANT(touch(p + 12288) == SIGBUS && touch(p + 8192) == SIGBUS);
	WANT(p[4096] == 'x' && p[4097] == 0);
	EXPECT(ftruncate(fd, 16384) == 0);
	WANT(p[4097] == 0 && p[12288] == 0);
}

static void rights(void)
{
	int rw = posix_file("f", 4096), ro = open("f", O_RDONLY), wo = open("f", O_WRONLY);
	char *p;

	WANT(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, ro, 0) == MAP_FAILED &&
	     errno == EACCES);
	WANT(mmap(NULL, 4096, PROT_READ, MAP_SHARED, wo, 0) == MAP_FAILED && errno == EACCES);
	WANT(mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, wo, 0) == MAP_FAILED && errno == EACCES);
	WANT(mmap(NULL, 0, PROT_READ, MAP_SHARED, rw, 0) == MAP_FAILED && errno == EINVAL);
	WANT(mmap(NULL, 4096, PROT_READ, MAP_SHARED, rw, 1) == MAP_FAILED && errno == EINVAL);
	WANT(mmap(NULL, 4096, PROT_READ, MAP_SHARED, open(".", O_RDONLY), 0) == MAP_FAILED &&
	     errno == ENODEV);
	p = map(ro, 4096, PROT_READ, MAP_SHARED);
	WANT_ERRNO(mprotect(p, 4096, PROT_READ | PROT_WRITE), EACCES);
	p = map(rw, 4096, PROT_READ, MAP_SHARED);
	WANT(mprotect(p, 4096, PROT_READ | PROT_WRITE) == 0);
	p[0] = 'x';
	WANT(posix_all(rw, 0, 1, 'x'));
}

static void survives(void)
{
	int fd = posix_file("f", 0);
	char *p;

	posix_put(fd, 0, 100000, 'x');
	p = map(fd, 100000, PROT_READ | PROT_WRITE, MAP_SHARED);
	close(fd);
	p[50000] = 'y';
	EXPECT(unlink("f") == 0);
	WANT(p[99999] == 'x' && p[50000] == 'y');
	p[60000] = 'z';
	WANT(msync(p, 100000, MS_SYNC) == 0);
	WANT(madvise(p, 98304, MADV_DONTNEED) == 0);
	WANT(p[50000] == 'y' && p[60000] == 'z' && p[1] == 'x');
}

static void processes(void)
{
	int fd = posix_file("f", 8192);
	char *p = map(fd, 8192, PROT_READ | PROT_WRITE, MAP_SHARED);
	pid_t pid = fork();

	if (pid == 0) {
		int other = open("f", O_RDWR);
		char *q = map(other, 8192, PROT_READ | PROT_WRITE, MAP_SHARED);

		for (int i = 0; i < 1000; i++)
			__atomic_fetch_add((int *)q, 1, __ATOMIC_SEQ_CST);
		_exit(0);
	}
	for (int i = 0; i < 1000; i++)
		__atomic_fetch_add((int *)p, 1, __ATOMIC_SEQ_CST);
	WANT(posix_wait(pid) == 0);
	WANT(*(int *)p == 2000);
}

static void times(void)
{
	int fd = posix_file("f", 0);
	struct stat st;
	char *p;

	posix_put(fd, 0, 4096, 'x');
	EXPECT(fsync(fd) == 0);
	st = posix_fstat(fd);
	posix_tick();
	p = map(fd, 4096, PROT_READ | PROT_WRITE, MAP_SHARED);
	p[0] = 'y';
	WANT(msync(p, 4096, MS_SYNC) == 0);
	WANT(posix_later(posix_fstat(fd).st_mtim, st.st_mtim));
	WANT(posix_later(posix_fstat(fd).st_ctim, st.st_ctim));
	WANT(msync(p, 4096, MS_ASYNC) == 0 && msync(p, 4096, MS_SYNC | MS_INVALIDATE) == 0);
	WANT_ERRNO(msync(p, 4096, MS_SYNC | MS_ASYNC), EINVAL);
	WANT(munmap(p, 4096) == 0);
	WANT_ERRNO(msync(p, 4096, MS_SYNC), ENOMEM);
}

static void holes(void)
{
	int fd = posix_file("f", 1 << 20);
	char *p = map(fd, 1 << 20, PROT_READ | PROT_WRITE, MAP_SHARED);

	WANT(p[0] == 0 && p[500000] == 0);
	for (size_t at = 0; at < 1 << 20; at += 65536)
		p[at] = 'm';
	EXPECT(msync(p, 1 << 20, MS_SYNC) == 0 && munmap(p, 1 << 20) == 0);
	EXPECT(posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED) == 0);
	for (off_t at = 0; at < 1 << 20; at += 65536)
		WANT(posix_all(fd, at, 1, 'm') && posix_all(fd, at + 1, 65535, 0));
}

static void into_itself(void)
{
	int fd = posix_file("f", 0);
	char *p;

	posix_put(fd, 0, 8192, 'x');
	p = map(fd, 8192, PROT_READ | PROT_WRITE, MAP_SHARED);
	/* a page of the file is the buffer of a read and a write of that file */
	WANT(pwrite(fd, p, 4096, 4096) == 4096);
	WANT(pread(fd, p + 4096, 4096, 0) == 4096);
	WANT(posix_all(fd, 0, 8192, 'x'));
}

const struct posix_case posix_mmap_cases[] = {
    {"mmap(2)", "MAP_SHARED: the mapping and the file are the same bytes", shared, 0},
    {"mmap(2)", "MAP_PRIVATE: changes are not carried through to the file", private, 0},
    {"mmap(2)", "the rest of the last page is zero, and SIGBUS behind it", behind_end, 0},
    {"mmap(2)", "SIGBUS: where the file was cut off, zeros when it grows again", cut, 0},
    {"mmap(2)", "EACCES, EINVAL, ENODEV: modes that the descriptor does not allow", rights, 0},
    {"mmap(2)", "the mapping outlives descriptor and name", survives, 0},
    {"mmap(2)", "processes share the mapping of a file", processes, 0},
    {"mmap(2)", "holes are zeros and are filled by writing", holes, 0},
    {"mmap(2)", "a mapping of the file can be the buffer of read(2) and write(2)", into_itself, 0},
    {"msync(2)", "mtime and ctime are updated; EINVAL and ENOMEM", times, 0},
    POSIX_END,
};
