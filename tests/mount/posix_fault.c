/* SPDX-License-Identifier: Apache-2.0 */
/* EFAULT: paths and buffers outside the address space, and inside a page that is not there. The
 * calls are made by number, so that no library looks at the pointers first. */
#include "tests/mount/posix_case.h"

#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#define BAD (-2L) /* takes the place of the wrong pointer in a row */
#define SOURCE (-3L)
#define AT ((long)AT_FDCWD)

struct row {
	const char *what;
	long number;
	long args[5];
};

static const struct row rows[] = {
    {"open", SYS_openat, {AT, BAD, O_RDONLY, 0, 0}},
    {"open with O_CREAT", SYS_openat, {AT, BAD, O_CREAT | O_WRONLY, 0644, 0}},
    {"mkdir", SYS_mkdirat, {AT, BAD, 0755, 0, 0}},
    {"mknod", SYS_mknodat, {AT, BAD, S_IFREG | 0644, 0, 0}},
    {"mkfifo", SYS_mknodat, {AT, BAD, S_IFIFO | 0644, 0, 0}},
    {"symlink, target", SYS_symlinkat, {BAD, AT, SOURCE, 0, 0}},
    {"symlink, linkpath", SYS_symlinkat, {SOURCE, AT, BAD, 0, 0}},
    {"link, oldpath", SYS_linkat, {AT, BAD, AT, SOURCE, 0}},
    {"link, newpath", SYS_linkat, {AT, SOURCE, AT, BAD, 0}},
    {"rename, oldpath", SYS_renameat2, {AT, BAD, AT, SOURCE, 0}},
    {"rename, newpath", SYS_renameat2, {AT, SOURCE, AT, BAD, 0}},
    {"unlink", SYS_unlinkat, {AT, BAD, 0, 0, 0}},
    {"rmdir", SYS_unlinkat, {AT, BAD, AT_REMOVEDIR, 0, 0}},
    {"truncate", SYS_truncate, {BAD, 0, 0, 0, 0}},
    {"chmod", SYS_fchmodat, {AT, BAD, 0644, 0, 0}},
    {"chown", SYS_fchownat, {AT, BAD, 0, 0, 0}},
    {"utimensat, path", SYS_utimensat, {AT, BAD, 0, 0, 0}},
    {"utimensat, times", SYS_utimensat, {AT, SOURCE, BAD, 0, 0}},
    {"stat, path", SYS_newfstatat, {AT, BAD, SOURCE, 0, 0}},
    {"stat, buffer", SYS_newfstatat, {AT, SOURCE, BAD, 0, 0}},
    {"statx, buffer", SYS_statx, {AT, SOURCE, 0, STATX_BASIC_STATS, BAD}},
    {"access", SYS_faccessat, {AT, BAD, F_OK, 0, 0}},
    {"readlink", SYS_readlinkat, {AT, BAD, SOURCE, 1, 0}},
    {"statfs", SYS_statfs, {SOURCE, BAD, 0, 0, 0}},
    {"chdir", SYS_chdir, {BAD, 0, 0, 0, 0}},
    {"setxattr, path", SYS_setxattr, {BAD, SOURCE, SOURCE, 1, 0}},
    {"getxattr, name", SYS_getxattr, {SOURCE, BAD, 0, 0, 0}},
};

static void paths(void)
{
	void *no_page = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	const long bad[] = {-1L, (long)no_page, (long)no_page + 1000};

	EXPECT(no_page != MAP_FAILED);
	posix_write_file("source", "x");
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		for (size_t b = 0; b < sizeof(bad) / sizeof(bad[0]); b++) {
			long args[5];

			posix_about("%s, pointer %zu", rows[i].what, b);
			for (int a = 0; a < 5; a++)
				args[a] = rows[i].args[a] == BAD      ? bad[b]
				          : rows[i].args[a] == SOURCE ? (long)"source"
				                                      : rows[i].args[a];
			WANT_ERRNO(
			    syscall(rows[i].number, args[0], args[1], args[2], args[3], args[4]),
			    EFAULT);
		}
	}
	WANT(posix_count(".") == 1 && posix_file_is("source", "x"));
}

static void buffers(void)
{
	char *pages = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int fd = posix_file("f", 0);

	EXPECT(pages != MAP_FAILED && mprotect(pages + 4096, 4096, PROT_NONE) == 0);
	memset(pages, 'p', 4096);
	WANT_ERRNO(syscall(SYS_write, fd, pages + 4096, 10), EFAULT);
	WANT(posix_size(fd) == 0);
	posix_put(fd, 0, 10000, 'x');
	WANT_ERRNO(syscall(SYS_pread64, fd, pages + 4096, 10, 0), EFAULT);
	/* what fits before the page that is not there is written, or nothing; never more */
	long n = syscall(SYS_pwrite64, fd, pages + 4000, 1000, 0);

	WANT((n == -1 && errno == EFAULT) || (n > 0 && n <= 96));
	WANT(posix_size(fd) == 10000 && posix_all(fd, 96, 9904, 'x'));
	if (n > 0)
		WANT(posix_all(fd, 0, (size_t)n, 'p') && posix_all(fd, n, (size_t)(96 - n), 'x'));
}

const struct posix_case posix_fault_cases[] = {
    {"intro(2)", "EFAULT: a path or buffer points outside the address space, in every call", paths,
     0},
    {"write(2)", "EFAULT: the buffer is outside, or becomes so half way", buffers, 0},
    POSIX_END,
};
