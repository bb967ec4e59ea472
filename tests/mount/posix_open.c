/* SPDX-License-Identifier: Apache-2.0 */
/* open(2): every flag, the mode of what it makes, and its errors by type of file. */
#include "tests/mount/posix_case.h"

#include <linux/openat2.h>
#include <sys/syscall.h>
#include <sys/wait.h>

static void creat_mode(void)
{
	static const mode_t masks[] = {0, 022, 077, 0151, 0345, 0777};

	for (size_t m = 0; m < sizeof(masks) / sizeof(masks[0]); m++) {
		for (mode_t mode = 0; mode <= 0777; mode += 0111) {
			int fd;

			posix_about("mode %o, umask %o", mode, masks[m]);
			umask(masks[m]);
			fd = open("f", O_CREAT | O_EXCL | O_RDWR, mode);
			EXPECT(fd >= 0);
			WANT(posix_mode("f") == (mode & ~masks[m]));
			/* what is made can be written by its maker, whatever its mode */
			WANT(write(fd, "x", 1) == 1);
			close(fd);
			posix_remove("f");
		}
	}
	umask(0);
	EXPECT(close(open("f", O_CREAT | O_WRONLY, 07777)) == 0);
	WANT((posix_mode("f") & 0777) == 0777);
}

static void creat_owner(void)
{
	gid_t groups[] = {777};

	EXPECT(mkdir("d", 0777) == 0 && chmod("d", 0777) == 0);
	posix_as(POSIX_A, POSIX_B, 1, groups);
	EXPECT(close(open("d/f", O_CREAT | O_WRONLY, 0644)) == 0);
	WANT(posix_stat("d/f").st_uid == POSIX_A && posix_stat("d/f").st_gid == POSIX_B);
	posix_as_root();
	EXPECT(chown("d", 0, 777) == 0 && chmod("d", 02777) == 0);
	posix_as(POSIX_A, POSIX_B, 1, groups);
	EXPECT(close(open("d/g", O_CREAT | O_WRONLY, 0644)) == 0);
	WANT(posix_stat("d/g").st_uid == POSIX_A && posix_stat("d/g").st_gid == 777);
}

static void creat_new(void)
{
	int fd = open("f", O_CREAT | O_WRONLY, 0600);
	struct stat st;

	EXPECT(fd >= 0);
	st = posix_fstat(fd);
	WANT(S_ISREG(st.st_mode) && st.st_nlink == 1 && st.st_size == 0 && st.st_blocks == 0);
	WANT(st.st_ino != 0 && st.st_dev == posix_stat(".").st_dev);
	WANT(posix_stat("f").st_ino == st.st_ino);
	WANT(posix_same_time(st.st_mtim, st.st_ctim));
}

static void creat_again(void)
{
	struct stat st;

	posix_write_file("f", "data");
	EXPECT(chmod("f", 0751) == 0);
	st = posix_stat("f");
	posix_tick();
	EXPECT(close(open("f", O_CREAT | O_RDWR, 0600)) == 0);
	WANT(posix_file_is("f", "data") && posix_mode("f") == 0751);
	WANT(posix_same_time(posix_stat("f").st_ctim, st.st_ctim));
}

static void excl(void)
{
	for (int k = 0; k < posix_kinds(); k++) {
		posix_about("%s", posix_kind_name[k]);
		posix_make("o", k);
		WANT_ERRNO(open("o", O_WRONLY | O_CREAT | O_EXCL, 0644), EEXIST);
		WANT_ERRNO(open("o", O_RDONLY | O_CREAT | O_EXCL, 0644), EEXIST);
		posix_remove("o");
	}
	posix_write_file("f", "x");
	EXPECT(symlink("f", "l") == 0);
	WANT_ERRNO(open("l", O_WRONLY | O_CREAT | O_EXCL, 0644), EEXIST);
	WANT(posix_file_is("f", "x"));
}

static void creat_through_link(void)
{
	EXPECT(symlink("target", "l") == 0);
	EXPECT(close(open("l", O_WRONLY | O_CREAT, 0644)) == 0);
	WANT(S_ISREG(posix_lstat("target").st_mode) && S_ISLNK(posix_lstat("l").st_mode));
}

static void folders(void)
{
	static const int flags[] = {O_WRONLY,           O_RDWR,           O_RDONLY | O_CREAT,
	                            O_WRONLY | O_CREAT, O_RDWR | O_CREAT, O_RDONLY | O_TRUNC,
	                            O_WRONLY | O_TRUNC};

	EXPECT(mkdir("d", 0755) == 0);
	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
		posix_about("flags %o", (unsigned)flags[i]);
		WANT_ERRNO(open("d", flags[i], 0644), EISDIR);
		WANT_ERRNO(open(".", flags[i], 0644), EISDIR);
	}
	WANT_ERRNO(open("new/", O_WRONLY | O_CREAT, 0644), EISDIR);
	WANT(posix_none("new"));
}

static void directory(void)
{
	for (int k = 0; k < posix_kinds(); k++) {
		posix_about("%s", posix_kind_name[k]);
		posix_make("o", k);
		if (k == POSIX_DIR)
			WANT(close(open("o", O_RDONLY | O_DIRECTORY)) == 0);
		else if (k == POSIX_LNK)
			WANT_ERRNO(open("o", O_RDONLY | O_DIRECTORY), ENOENT);
		else
			WANT_ERRNO(open("o", O_RDONLY | O_DIRECTORY), ENOTDIR);
		posix_remove("o");
	}
	EXPECT(mkdir("d", 0755) == 0 && symlink("d", "l") == 0);
	WANT(close(open("l", O_RDONLY | O_DIRECTORY)) == 0);
}

static void nofollow(void)
{
	posix_write_file("f", "x");
	EXPECT(mkdir("d", 0755) == 0 && symlink("f", "l") == 0 && symlink("d", "m") == 0);
	posix_write_file("d/f", "x");
	WANT_ERRNO(open("l", O_RDONLY | O_NOFOLLOW), ELOOP);
	WANT_ERRNO(open("l", O_WRONLY | O_NOFOLLOW | O_CREAT, 0644), ELOOP);
	WANT_ERRNO(open("m", O_RDONLY | O_NOFOLLOW | O_DIRECTORY), ENOTDIR);
	WANT(close(open("m/f", O_RDONLY | O_NOFOLLOW)) == 0);
	WANT(close(open("f", O_RDONLY | O_NOFOLLOW)) == 0);
}

static void path_only(void)
{
	char out[16];
	int fd;

	posix_write_file("f", "x");
	EXPECT(chmod("f", 0) == 0 && symlink("f", "l") == 0);
	fd = open("f", O_PATH);
	EXPECT(fd >= 0);
	WANT_ERRNO(read(fd, out, 1), EBADF);
	WANT_ERRNO(write(fd, "x", 1), EBADF);
	WANT_ERRNO(fchmod(fd, 0644), EBADF);
	WANT_ERRNO(ftruncate(fd, 0), EBADF);
	WANT(posix_fstat(fd).st_ino == posix_stat("f").st_ino);
	close(fd);
	fd = open("l", O_PATH | O_NOFOLLOW);
	EXPECT(fd >= 0);
	WANT(S_ISLNK(posix_fstat(fd).st_mode));
	WANT(readlinkat(fd, "", out, sizeof(out)) == 1 && out[0] == 'f');
	close(fd);
	EXPECT(mkdir("d", 0755) == 0);
	fd = open("d", O_PATH);
	WANT(mkdirat(fd, "e", 0755) == 0 && S_ISDIR(posix_stat("d/e").st_mode));
	WANT(fchdir(fd) == 0 && posix_lstat("e").st_nlink >= 1);
}

static void truncates(void)
{
	static const int flags[] = {O_WRONLY | O_TRUNC, O_RDWR | O_TRUNC,
	                            O_WRONLY | O_CREAT | O_TRUNC};

	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
		struct stat st;
		int fd;

		posix_about("flags %o", (unsigned)flags[i]);
		posix_write_file("f", "something");
		st = posix_stat("f");
		posix_tick();
		fd = open("f", flags[i], 0600);
		EXPECT(fd >= 0);
		WANT(posix_size(fd) == 0 && posix_fstat(fd).st_ino == st.st_ino);
		WANT(posix_fstat(fd).st_mode == st.st_mode);
		WANT(posix_later(posix_fstat(fd).st_mtim, st.st_mtim));
		WANT(posix_later(posix_fstat(fd).st_ctim, st.st_ctim));
		close(fd);
		WANT(posix_file_is("f", ""));
	}
}

static void truncate_empty(void)
{
	struct stat st;

	posix_write_file("f", "");
	st = posix_stat("f");
	posix_tick();
	EXPECT(close(open("f", O_WRONLY | O_TRUNC)) == 0);
	WANT(posix_later(posix_stat("f").st_mtim, st.st_mtim));
	WANT(posix_later(posix_stat("f").st_ctim, st.st_ctim));
}

static void append(void)
{
	int a = open("f", O_WRONLY | O_CREAT | O_APPEND, 0644), b = open("f", O_RDWR | O_APPEND);

	EXPECT(a >= 0 && b >= 0);
	for (int i = 0; i < 3; i++) {
		WANT(write(a, "a", 1) == 1);
		WANT(lseek(b, 0, SEEK_SET) == 0);
		WANT(write(b, "b", 1) == 1);
		WANT(lseek(b, 0, SEEK_CUR) == 2 * i + 2);
	}
	WANT(posix_file_is("f", "ababab"));
	/* pwrite(2): on Linux O_APPEND appends whatever the offset */
	WANT(pwrite(a, "c", 1, 0) == 1);
	WANT(posix_file_is("f", "abababc"));
}

static void append_processes(void)
{
	char data[800], want[8];
	int fd = posix_file("f", 0), counts[4] = {0};
	pid_t pids[4];

	for (int p = 0; p < 4; p++) {
		pids[p] = fork();
		if (pids[p] == 0) {
			int a = open("f", O_WRONLY | O_APPEND);

			snprintf(want, sizeof(want), "%c%c%c%c", 'a' + p, 'a' + p, 'a' + p,
			         'a' + p);
			for (int i = 0; i < 50; i++)
				if (write(a, want, 4) != 4)
					_exit(1);
			_exit(0);
		}
	}
	for (int p = 0; p < 4; p++)
		EXPECT(posix_wait(pids[p]) == 0);
	EXPECT(pread(fd, data, sizeof(data), 0) == sizeof(data));
	for (int i = 0; i < 800; i += 4) {
		EXPECT(data[i] >= 'a' && data[i] <= 'd');
		EXPECT(data[i] == data[i + 1] && data[i] == data[i + 2] && data[i] == data[i + 3]);
		counts[data[i] - 'a']++;
	}
	for (int p = 0; p < 4; p++)
		WANT(counts[p] == 50);
}

static void sync_flags(void)
{
	static const int flags[] = {O_SYNC, O_DSYNC};

	for (size_t i = 0; i < 2; i++) {
		int fd = open("f", O_RDWR | O_CREAT | O_TRUNC | flags[i], 0644);

		EXPECT(fd >= 0);
		WANT(write(fd, "synced", 6) == 6);
		WANT(posix_file_is("f", "synced"));
		WANT((fcntl(fd, F_GETFL) & flags[i]) == flags[i]);
		close(fd);
	}
}

static void direct(void)
{
	char *page = aligned_alloc(4096, 16384);
	int fd = open("f", O_RDWR | O_CREAT | O_DIRECT, 0644), cached;

	if (fd < 0 && errno == EINVAL)
		posix_skip("no O_DIRECT here");
	EXPECT(fd >= 0);
	EXPECT(page);
	cached = open("f", O_RDWR);
	memset(page, 'd', 8192);
	WANT(pwrite(fd, page, 8192, 4096) == 8192);
	memset(page, 0, 8192);
	WANT(pread(fd, page, 8192, 4096) == 8192);
	WANT(page[0] == 'd' && page[8191] == 'd');
	WANT(posix_all(cached, 0, 4096, 0) && posix_all(cached, 4096, 8192, 'd'));
	/* what is in the cache is written before it is read past it, and dropped when written past */
	posix_put(cached, 4096, 4096, 'c');
	WANT(pread(fd, page, 8192, 4096) == 8192);
	WANT(page[0] == 'c' && page[4096] == 'd');
	memset(page, 'e', 4096);
	WANT(pwrite(fd, page, 4096, 8192) == 4096);
	WANT(posix_all(cached, 8192, 4096, 'e'));
	WANT(pread(fd, page, 16384, 8192) == 4096);
	WANT(pread(fd, page, 4096, 1 << 20) == 0);
	free(page);
}

static void tmpfile_made(void)
{
	int fd = open(".", O_TMPFILE | O_RDWR, 0640);
	char link_path[64];

	if (fd < 0 && (errno == EOPNOTSUPP || errno == EISDIR))
		posix_skip("no O_TMPFILE here");
	EXPECT(fd >= 0);
	WANT(posix_count(".") == 0);
	WANT(posix_fstat(fd).st_nlink == 0 && (posix_fstat(fd).st_mode & 07777) == 0640);
	posix_put(fd, 0, 10000, 't');
	snprintf(link_path, sizeof(link_path), "/proc/self/fd/%d", fd);
	WANT(linkat(AT_FDCWD, link_path, AT_FDCWD, "named", AT_SYMLINK_FOLLOW) == 0);
	WANT(posix_fstat(fd).st_nlink == 1 && posix_stat("named").st_ino == posix_fstat(fd).st_ino);
	WANT(posix_stat("named").st_size == 10000);
	close(fd);
	fd = open("named", O_RDONLY);
	WANT(fd >= 0 && posix_all(fd, 0, 10000, 't'));
}

static void tmpfile_excl(void)
{
	int fd = open(".", O_TMPFILE | O_RDWR | O_EXCL, 0640);
	char link_path[64];

	if (fd < 0 && (errno == EOPNOTSUPP || errno == EISDIR))
		posix_skip("no O_TMPFILE here");
	EXPECT(fd >= 0);
	snprintf(link_path, sizeof(link_path), "/proc/self/fd/%d", fd);
	WANT_ERRNO(linkat(AT_FDCWD, link_path, AT_FDCWD, "named", AT_SYMLINK_FOLLOW), ENOENT);
	WANT(posix_count(".") == 0);
	WANT_ERRNO(open(".", O_TMPFILE | O_RDONLY, 0640), EINVAL);
	posix_write_file("f", "x");
	WANT_ERRNO(open("f", O_TMPFILE | O_RDWR, 0640), ENOTDIR);
}

static void noatime(void)
{
	EXPECT(mkdir("d", 0777) == 0 && chmod("d", 0777) == 0);
	posix_write_file("d/f", "x");
	EXPECT(chmod("d/f", 0666) == 0);
	posix_as(POSIX_A, POSIX_A, 0, NULL);
	WANT_ERRNO(open("d/f", O_RDONLY | O_NOATIME), EPERM);
	EXPECT(close(open("d/g", O_CREAT | O_WRONLY, 0644)) == 0);
	WANT(close(open("d/g", O_RDONLY | O_NOATIME)) == 0);
}

static void special_files(void)
{
	int r, w;

	posix_make("fifo", POSIX_FIFO);
	posix_make("sock", POSIX_SOCK);
	WANT_ERRNO(open("fifo", O_WRONLY | O_NONBLOCK), ENXIO);
	WANT_ERRNO(open("sock", O_RDONLY), ENXIO);
	WANT_ERRNO(open("sock", O_RDWR), ENXIO);
	r = open("fifo", O_RDONLY | O_NONBLOCK);
	WANT(r >= 0);
	w = open("fifo", O_WRONLY | O_NONBLOCK);
	WANT(w >= 0);
}

/* Begin a program that reads @input, and wait until it runs: then the pipe is closed for it. */
static pid_t begin_program(const char *path, int input, int other_end)
{
	int ready[2];
	pid_t pid;
	char c;

	EXPECT(pipe2(ready, O_CLOEXEC) == 0);
	pid = fork();
	if (pid == 0) {
		dup2(input, 0);
		dup2(open("/dev/null", O_WRONLY), 1);
		close(other_end);
		execl(path, path, NULL);
		_exit(1);
	}
	close(ready[1]);
	EXPECT(read(ready[0], &c, 1) == 0);
	close(ready[0]);
	return pid;
}

static void busy_program(void)
{
	int fds[2], fd;
	pid_t pid;

	/* a program that waits for its input to end */
	if (system("cp /bin/cat cat 2>/dev/null") != 0)
		posix_skip("no /bin/cat");
	EXPECT(pipe(fds) == 0);
	pid = begin_program("./cat", fds[0], fds[1]);
	close(fds[0]);
	WANT_ERRNO(open("cat", O_WRONLY), ETXTBSY);
	WANT_ERRNO(open("cat", O_RDWR | O_TRUNC), ETXTBSY);
	WANT_ERRNO(truncate("cat", 0), ETXTBSY);
	WANT(close(open("cat", O_RDONLY)) == 0);
	WANT(unlink("cat") == 0);
	close(fds[1]);
	WANT(posix_wait(pid) == 0);
	/* the other way round: a file that is open for writing does not run */
	if (system("cp /bin/true true") != 0)
		posix_skip("no /bin/true");
	fd = open("true", O_WRONLY);
	pid = fork();
	if (pid == 0) {
		execl("./true", "true", NULL);
		_exit(errno == ETXTBSY ? 0 : 1);
	}
	WANT(posix_wait(pid) == 0);
	close(fd);
	pid = fork();
	if (pid == 0) {
		execl("./true", "true", NULL);
		_exit(1);
	}
	WANT(posix_wait(pid) == 0);
}

static void at_folder(void)
{
	int dir, file;

	EXPECT(mkdir("d", 0755) == 0);
	posix_write_file("d/f", "x");
	dir = open("d", O_RDONLY);
	file = open("d/f", O_RDONLY);
	WANT(close(openat(dir, "f", O_RDONLY)) == 0);
	WANT(close(openat(dir, "new", O_CREAT | O_WRONLY, 0644)) == 0 && !posix_none("d/new"));
	WANT_ERRNO(openat(file, "f", O_RDONLY), ENOTDIR);
	WANT_ERRNO(openat(-1, "f", O_RDONLY), EBADF);
	WANT(rename("d", "e") == 0 && close(openat(dir, "f", O_RDONLY)) == 0);
	WANT(close(openat(dir, "../e/f", O_RDONLY)) == 0);
}

static int open2(int dir, const char *path, uint64_t resolve)
{
	struct open_how how = {.flags = O_RDONLY, .resolve = resolve};
	int fd = (int)syscall(SYS_openat2, dir, path, &how, sizeof(how));

	return fd < 0 ? -1 : close(fd);
}

static void resolve_flags(void)
{
	int dir;

	EXPECT(mkdir("d", 0755) == 0 && mkdir("d/e", 0755) == 0);
	posix_write_file("d/f", "x");
	EXPECT(symlink("f", "d/l") == 0 && symlink("../d/f", "d/out") == 0);
	dir = open("d", O_RDONLY);
	if (open2(dir, "f", 0) != 0 && errno == ENOSYS)
		posix_skip("no openat2");
	WANT(open2(dir, "e/../f", RESOLVE_BENEATH) == 0);
	WANT_ERRNO(open2(dir, "../d/f", RESOLVE_BENEATH), EXDEV);
	WANT_ERRNO(open2(dir, "out", RESOLVE_BENEATH), EXDEV);
	WANT_ERRNO(open2(dir, "l", RESOLVE_NO_SYMLINKS), ELOOP);
	WANT(open2(dir, "/f", RESOLVE_IN_ROOT) == 0);
	WANT(open2(dir, "f", RESOLVE_NO_XDEV) == 0);
}

static void descriptors(void)
{
	char data[8];
	int fd, dup_fd, ro, wo;

	posix_write_file("f", "abcdef");
	fd = open("f", O_RDWR | O_CLOEXEC);
	WANT(fcntl(fd, F_GETFD) == FD_CLOEXEC);
	dup_fd = dup(fd);
	WANT(read(fd, data, 2) == 2 && read(dup_fd, data, 2) == 2 && data[0] == 'c');
	ro = open("f", O_RDONLY);
	wo = open("f", O_WRONLY);
	WANT(read(ro, data, 1) == 1 && data[0] == 'a');
	WANT_ERRNO(write(ro, "x", 1), EBADF);
	WANT_ERRNO(read(wo, data, 1), EBADF);
	/* what was opened stays open whatever becomes of the mode */
	EXPECT(chmod("f", 0) == 0);
	WANT(pwrite(fd, "X", 1, 0) == 1 && pread(ro, data, 1, 0) == 1 && data[0] == 'X');
}

const struct posix_case posix_open_cases[] = {
    {"open(2)", "O_CREAT: the mode of the new file is mode & ~umask", creat_mode, 0},
    {"open(2)",
     "O_CREAT: the owner is the effective user, the group that of the process or of "
     "a setgid folder",
     creat_owner, POSIX_ROOT},
    {"open(2)", "O_CREAT: a new file is regular, empty and has one link", creat_new, 0},
    {"open(2)", "O_CREAT: a file that exists is opened and its mode and times stay", creat_again,
     0},
    {"open(2)", "O_CREAT: the target of a dangling link is made", creat_through_link, 0},
    {"open(2)", "O_EXCL: EEXIST for every type, symbolic links are not followed", excl, 0},
    {"open(2)", "EISDIR: a folder is opened for writing or with O_CREAT", folders, 0},
    {"open(2)", "O_DIRECTORY: ENOTDIR unless it is a folder", directory, 0},
    {"open(2)", "O_NOFOLLOW: ELOOP when the last component is a link", nofollow, 0},
    {"open(2)", "O_PATH: no content, but a place to start from", path_only, 0},
    {"open(2)", "O_TRUNC: the length is 0, the mode stays, mtime and ctime are updated", truncates,
     0},
    {"open(2)", "O_TRUNC: mtime and ctime are updated also when the file is empty", truncate_empty,
     0},
    {"open(2)", "O_APPEND: before each write the offset is the end of the file", append, 0},
    {"open(2)", "O_APPEND: writes of several processes do not overwrite each other",
     append_processes, 0},
    {"open(2)", "O_SYNC and O_DSYNC write and are kept", sync_flags, 0},
    {"open(2)", "O_DIRECT: the same bytes as through the cache", direct, 0},
    {"open(2)", "O_TMPFILE: a file without a name, that linkat(2) gives one", tmpfile_made, 0},
    {"open(2)", "O_TMPFILE|O_EXCL: ENOENT for linkat(2)", tmpfile_excl, 0},
    {"open(2)", "O_NOATIME: EPERM for others than the owner", noatime, POSIX_ROOT},
    {"open(2)", "ENXIO: a FIFO without reader, a socket", special_files, 0},
    {"open(2)", "ETXTBSY: a running program is opened for writing", busy_program, 0},
    {"openat(2)", "paths begin at the folder, wherever it is now", at_folder, 0},
    {"openat2(2)", "RESOLVE_BENEATH, _NO_SYMLINKS, _IN_ROOT, _NO_XDEV", resolve_flags, 0},
    {"open(2)", "each descriptor has an offset, shared by its duplicates, and its own rights",
     descriptors, 0},
    POSIX_END,
};
