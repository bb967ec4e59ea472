/* SPDX-License-Identifier: Apache-2.0 */
/* "If the name was the last link but any processes still have the file open, the file remains in
 * existence until the last descriptor is closed" (unlink(2)): all that can be done with it. */
#include "tests/mount/posix_case.h"

#include <dirent.h>
#include <linux/falloc.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/xattr.h>

static int orphan(const char *name)
{
	int fd = posix_file(name, 0);

	posix_put(fd, 0, 100000, 'x');
	EXPECT(unlink(name) == 0);
	return fd;
}

static void content(void)
{
	int fd = orphan("f");
	struct stat st = posix_fstat(fd);

	WANT_ERRNO(open("f", O_RDONLY), ENOENT);
	WANT(st.st_nlink == 0 && st.st_size == 100000 && S_ISREG(st.st_mode));
	posix_put(fd, 100000, 100000, 'y');
	WANT(fsync(fd) == 0 && posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED) == 0);
	WANT(posix_all(fd, 0, 100000, 'x') && posix_all(fd, 100000, 100000, 'y'));
	WANT(ftruncate(fd, 50) == 0 && posix_all(fd, 0, 50, 'x') && posix_size(fd) == 50);
	WANT(ftruncate(fd, 5000) == 0 && posix_all(fd, 50, 4950, 0));
	WANT(fallocate(fd, 0, 0, 20000) == 0 && posix_size(fd) == 20000);
	WANT(lseek(fd, 0, SEEK_DATA) == 0 && lseek(fd, 0, SEEK_END) == 20000);
}

static void attributes(void)
{
	struct timespec ts[2] = {{.tv_sec = 1000}, {.tv_sec = 2000}};
	int fd = orphan("f");
	char v[8];

	WANT(fchmod(fd, 0600) == 0 && (posix_fstat(fd).st_mode & 07777) == 0600);
	WANT(fchown(fd, geteuid(), getegid()) == 0);
	WANT(futimens(fd, ts) == 0 && posix_fstat(fd).st_mtim.tv_sec == 2000);
	if (fsetxattr(fd, "user.a", "v", 1, 0) == 0) {
		WANT(fgetxattr(fd, "user.a", v, 8) == 1 && flistxattr(fd, NULL, 0) > 0);
		WANT(fremovexattr(fd, "user.a") == 0);
	}
	WANT(flock(fd, LOCK_EX) == 0 && flock(fd, LOCK_UN) == 0);
	WANT(posix_fstat(fd).st_nlink == 0);
}

static void mapped(void)
{
	int fd = orphan("f"), other = posix_file("g", 0);
	char *p = mmap(NULL, 100000, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	EXPECT(p != MAP_FAILED);
	p[5] = 'm';
	WANT(posix_all(fd, 5, 1, 'm') && msync(p, 100000, MS_SYNC) == 0);
	WANT(copy_file_range(fd, &(off_t){0}, other, NULL, 100, 0) == 100);
	WANT(posix_all(other, 5, 1, 'm') && posix_all(other, 6, 94, 'x'));
	WANT(copy_file_range(other, &(off_t){0}, fd, &(off_t){100000}, 100, 0) == 100);
	WANT(posix_size(fd) == 100100);
}

static void again(void)
{
	int fd = orphan("f"), second;

	/* by /proc it can be opened again, but not be given a name */
	second = open(posix_text("/proc/self/fd/%d", fd), O_RDWR);
	WANT(second >= 0 && posix_all(second, 0, 100, 'x'));
	posix_put(second, 0, 1, 'y');
	WANT(posix_all(fd, 0, 1, 'y'));
	WANT_ERRNO(
	    linkat(AT_FDCWD, posix_text("/proc/self/fd/%d", fd), AT_FDCWD, "g", AT_SYMLINK_FOLLOW),
	    ENOENT);
	close(fd);
	WANT(posix_all(second, 0, 1, 'y') && posix_all(second, 1, 99999, 'x'));
}

static void same_name(void)
{
	int fds[20];

	for (int i = 0; i < 20; i++) {
		fds[i] = posix_file("f", 0);
		posix_put(fds[i], 0, 1000, 'a' + i);
		if (i % 2)
			EXPECT(unlink("f") == 0);
		else
			EXPECT(mknod("g", S_IFREG | 0644, 0) == 0 && rename("g", "f") == 0 &&
			       unlink("f") == 0);
	}
	for (int i = 0; i < 20; i++) {
		posix_about("file %d", i);
		WANT(posix_all(fds[i], 0, 1000, 'a' + i) && posix_fstat(fds[i]).st_nlink == 0);
		for (int j = 0; j < i; j++)
			WANT(posix_fstat(fds[i]).st_ino != posix_fstat(fds[j]).st_ino);
	}
}

static void processes(void)
{
	int fd = orphan("f");
	pid_t pid = fork();

	if (pid == 0) {
		posix_put(fd, 50, 1, 'c');
		_exit(0);
	}
	WANT(posix_wait(pid) == 0);
	WANT(posix_all(fd, 50, 1, 'c'));
}

static void folder(void)
{
	int dir;
	DIR *d;

	EXPECT(mkdir("d", 0755) == 0);
	dir = open("d", O_RDONLY);
	d = opendir("d");
	EXPECT(d && rmdir("d") == 0 && mkdir("d", 0755) == 0);
	posix_write_file("d/f", "x");
	WANT(posix_fstat(dir).st_nlink == 0 && posix_fstat(dir).st_ino != posix_stat("d").st_ino);
	WANT(!readdir(d));
	WANT_ERRNO(openat(dir, "f", O_RDONLY), ENOENT);
	WANT_ERRNO(openat(dir, "new", O_CREAT | O_WRONLY, 0644), ENOENT);
	WANT_ERRNO(mkdirat(dir, "new", 0755), ENOENT);
	WANT_ERRNO(symlinkat("x", dir, "new"), ENOENT);
	WANT_ERRNO(linkat(AT_FDCWD, "d/f", dir, "new", 0), ENOENT);
	WANT_ERRNO(renameat(AT_FDCWD, "d/f", dir, "new"), ENOENT);
	WANT(fchmod(dir, 0700) == 0 && fsync(dir) == 0);
	WANT(posix_count("d") == 1);
}

static void made_unlinked(void)
{
	/* many of them at once, none of them is ever seen */
	for (int i = 0; i < 200; i++) {
		int fd = open("f", O_CREAT | O_EXCL | O_RDWR, 0600);

		EXPECT(fd >= 0);
		EXPECT(unlink("f") == 0);
		posix_put(fd, 0, 100, 'a' + i % 26);
		WANT(posix_all(fd, 0, 100, 'a' + i % 26));
		if (i % 3 == 0)
			close(fd);
	}
	WANT(posix_count(".") == 0);
}

const struct posix_case posix_orphan_cases[] = {
    {"unlink(2)", "an open file without a name is read, written, cut and extended", content, 0},
    {"unlink(2)", "an open file without a name has attributes, locks and times", attributes, 0},
    {"unlink(2)", "an open file without a name is mapped and copied", mapped, 0},
    {"unlink(2)", "an open file without a name is opened by /proc, linkat(2) gives ENOENT", again,
     0},
    {"unlink(2)", "open files of the same name in turn are different files", same_name, 0},
    {"unlink(2)", "an open file without a name is shared with children", processes, 0},
    {"unlink(2)", "two hundred files that are unlinked at once", made_unlinked, 0},
    {"rmdir(2)", "an open folder without a name is empty and stays so: ENOENT", folder, 0},
    POSIX_END,
};
