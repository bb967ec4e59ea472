/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Permissions of owner, group and others. The three sets of bits exclude each other: the first that
 * fits the user counts, also when a later one would allow more. So each is tried with all bits set
 * in the other two.
 */
#include "tests/mount/posix_case.h"

#include <dirent.h>
#include <sys/wait.h>

enum relation { OWNER, GROUP, MEMBER, OTHER, RELATIONS };

static const char *const relation_name[] = {"owner", "group", "member of the group", "other"};

/* Give @name to the user, the group or others of user A, with @bits for these. */
static void relate(const char *name, int relation, unsigned bits)
{
	unsigned shift = relation == OWNER ? 6 : relation == OTHER ? 0 : 3;

	EXPECT(chown(name, relation == OWNER ? POSIX_A : POSIX_B,
	             relation == GROUP    ? POSIX_A
	             : relation == MEMBER ? 777
	                                  : POSIX_B) == 0);
	EXPECT(chmod(name, (0777 & ~(7u << shift)) | bits << shift) == 0);
}

static void as_user(void)
{
	gid_t groups[] = {776, 777, 778};

	posix_as(POSIX_A, POSIX_A, 3, groups);
}

static void want(bool allowed, int r)
{
	int saved = errno;

	if (allowed)
		WANT(r >= 0);
	else
		WANT(r == -1 && saved == EACCES);
	if (r > 0)
		close(r);
}

static void files(void)
{
	posix_write_file("f", "x");
	for (int rel = 0; rel < RELATIONS; rel++) {
		for (unsigned bits = 0; bits < 8; bits++) {
			bool r = bits & 4, w = bits & 2, x = bits & 1;

			posix_about("%s, bits %o", relation_name[rel], bits);
			relate("f", rel, bits);
			as_user();
			want(r, open("f", O_RDONLY));
			want(w, open("f", O_WRONLY));
			want(r && w, open("f", O_RDWR));
			want(w, open("f", O_WRONLY | O_APPEND));
			want(r && w, open("f", O_RDONLY | O_TRUNC));
			want(w, open("f", O_WRONLY | O_CREAT, 0644));
			want(w, truncate("f", 1));
			want(r, faccessat(AT_FDCWD, "f", R_OK, AT_EACCESS));
			want(w, faccessat(AT_FDCWD, "f", W_OK, AT_EACCESS));
			want(x, faccessat(AT_FDCWD, "f", X_OK, AT_EACCESS));
			want(r && w && x, faccessat(AT_FDCWD, "f", R_OK | W_OK | X_OK, AT_EACCESS));
			want(true, faccessat(AT_FDCWD, "f", F_OK, AT_EACCESS));
			posix_as_root();
		}
	}
}

static void fifos(void)
{
	posix_make("p", POSIX_FIFO);
	for (int rel = 0; rel < RELATIONS; rel++) {
		for (unsigned bits = 0; bits < 8; bits++) {
			posix_about("%s, bits %o", relation_name[rel], bits);
			relate("p", rel, bits);
			as_user();
			want(bits & 4, open("p", O_RDONLY | O_NONBLOCK));
			want((bits & 6) == 6, open("p", O_RDWR | O_NONBLOCK));
			/* without a reader, but the permission is looked at first */
			WANT_ERRNO(open("p", O_WRONLY | O_NONBLOCK), bits & 2 ? ENXIO : EACCES);
			posix_as_root();
		}
	}
}

static int make_file(const char *path)
{
	int fd = open(path, O_CREAT | O_EXCL | O_WRONLY, 0644);

	return fd < 0 ? -1 : close(fd);
}

static int list(const char *path)
{
	DIR *d = opendir(path);

	return d ? closedir(d) : -1;
}

static void folders(void)
{
	struct stat st;

	EXPECT(mkdir("d", 0755) == 0);
	posix_write_file("d/f", "x");
	EXPECT(chmod("d/f", 0666) == 0);
	for (int rel = 0; rel < RELATIONS; rel++) {
		for (unsigned bits = 0; bits < 8; bits++) {
			bool x = bits & 1, change = (bits & 3) == 3;

			posix_about("%s, bits %o", relation_name[rel], bits);
			relate("d", rel, bits);
			as_user();
			want(bits & 4, list("d"));
			want(x, stat("d/f", &st));
			want(x, lstat("d/f", &st));
			want(x, open("d/f", O_RDWR));
			want(x, open("d/f", O_PATH));
			want(x, chdir("d"));
			if (x)
				EXPECT(chdir("..") == 0);
			want(change, make_file("d/new"));
			want(change, mkdir("d/sub", 0755));
			want(change, symlink("x", "d/link"));
			want(change, mkfifo("d/fifo", 0644));
			want(change, link("d/f", "d/hard"));
			want(change, rename("d/f", "d/g"));
			if (change) {
				WANT(rename("d/g", "d/f") == 0);
				WANT(unlink("d/new") == 0 && rmdir("d/sub") == 0);
				WANT(unlink("d/link") == 0 && unlink("d/fifo") == 0);
				WANT(unlink("d/hard") == 0);
			} else {
				want(false, unlink("d/f"));
			}
			posix_as_root();
		}
	}
}

static void root_may(void)
{
	int r;

	EXPECT(mkdir("d", 0) == 0);
	posix_write_file("d/f", "x");
	EXPECT(chown("d", POSIX_A, POSIX_A) == 0 && chown("d/f", POSIX_A, POSIX_A) == 0);
	for (mode_t mode = 0; mode <= 0777; mode += 0111) {
		posix_about("mode %o", mode);
		EXPECT(chmod("d/f", mode) == 0 && chmod("d", mode) == 0);
		WANT(posix_count("d") == 1 && posix_file_is("d/f", "x"));
		r = open("d/f", O_RDWR);
		WANT(r >= 0 && close(r) == 0);
		WANT(make_file("d/new") == 0 && unlink("d/new") == 0);
		/* but runs only what somebody may run */
		if (mode & 0111)
			WANT(access("d/f", X_OK) == 0);
		else
			WANT_ERRNO(access("d/f", X_OK), EACCES);
		WANT(access("d", X_OK) == 0 && access("d/f", R_OK | W_OK) == 0);
	}
}

static void execution(void)
{
	if (system("cp /bin/true true 2>/dev/null") != 0)
		posix_skip("no /bin/true");
	for (int rel = 0; rel < RELATIONS; rel++) {
		for (unsigned bits = 0; bits < 8; bits++) {
			pid_t pid;

			posix_about("%s, bits %o", relation_name[rel], bits);
			relate("true", rel, bits);
			pid = fork();
			if (pid == 0) {
				as_user();
				execl("./true", "true", NULL);
				_exit(errno == EACCES ? 100 : 101);
			}
			WANT(posix_wait(pid) == (bits & 1 ? 0 : 100));
		}
	}
}

static void script_set(void)
{
	int fd;
	pid_t pid;

	posix_write_file("s", "#!/bin/sh\nexit 42\n");
	EXPECT(chmod("s", 0755) == 0);
	pid = fork();
	if (pid == 0) {
		execl("./s", "s", NULL);
		_exit(1);
	}
	WANT(posix_wait(pid) == 42);
	EXPECT(chmod("s", 0644) == 0);
	pid = fork();
	if (pid == 0) {
		execl("./s", "s", NULL);
		_exit(errno == EACCES ? 100 : 1);
	}
	WANT(posix_wait(pid) == 100);
	EXPECT(chmod("s", 0755) == 0);
	fd = open("s", O_RDONLY);
	pid = fork();
	if (pid == 0) {
		char *argv[] = {(char *)"s", NULL}, *envp[] = {NULL};

		fexecve(fd, argv, envp);
		_exit(1);
	}
	WANT(posix_wait(pid) == 42);
}

static void real_ids(void)
{
	/* access(2) asks for the real user, who is not the owner */
	WANT(access("own", R_OK) == 0);
	WANT_ERRNO(access("other", R_OK), EACCES);
	WANT_ERRNO(access("own", W_OK), EACCES);
	WANT_ERRNO(open("other", O_RDONLY), EACCES);
}

static void access_real(void)
{
	posix_write_file("own", "x");
	posix_write_file("other", "x");
	EXPECT(chown("own", POSIX_A, 0) == 0 && chmod("own", 0400) == 0);
	EXPECT(chown("other", POSIX_B, 0) == 0 && chmod("other", 0400) == 0);
	posix_as_user(POSIX_A, POSIX_A, real_ids);
	/* effective A, real root: access says what root could */
	posix_as(POSIX_A, POSIX_A, 0, NULL);
	WANT(access("other", R_OK | W_OK) == 0);
	WANT_ERRNO(faccessat(AT_FDCWD, "other", R_OK, AT_EACCESS), EACCES);
	posix_as_root();
	WANT_ERRNO(access("own", 0100), EINVAL);
}

static void no_privilege(void)
{
	int fd;

	/* what every user may do with what is his */
	posix_write_file("f", "x");
	WANT(chmod("f", 0) == 0);
	if (geteuid() != 0) {
		WANT_ERRNO(open("f", O_RDONLY), EACCES);
		WANT_ERRNO(open("f", O_WRONLY), EACCES);
		WANT_ERRNO(chown("f", geteuid() + 1, (gid_t)-1), EPERM);
		WANT_ERRNO(mknod("dev", S_IFCHR | 0600, 0x103), EPERM);
	}
	WANT(chmod("f", 0600) == 0);
	fd = open("f", O_RDWR);
	WANT(fd >= 0 && close(fd) == 0);
	WANT(chown("f", geteuid(), getegid()) == 0);
	EXPECT(mkdir("d", 0755) == 0);
	posix_write_file("d/f", "x");
	WANT(chmod("d", 0) == 0);
	if (geteuid() != 0) {
		WANT_ERRNO(open("d/f", O_RDONLY), EACCES);
		WANT(!opendir("d") && errno == EACCES);
		WANT_ERRNO(rmdir("d"), ENOTEMPTY);
	}
	WANT(chmod("d", 0500) == 0);
	if (geteuid() != 0)
		WANT_ERRNO(unlink("d/f"), EACCES);
	WANT(chmod("d", 0700) == 0 && unlink("d/f") == 0);
}

const struct posix_case posix_perm_cases[] = {
    {"open(2)", "EACCES: each set of bits, for owner, group, member and others", files, POSIX_ROOT},
    {"open(2)", "EACCES: the same of a FIFO", fifos, POSIX_ROOT},
    {"path_resolution(7)", "EACCES: reading, searching and changing folders", folders, POSIX_ROOT},
    {"path_resolution(7)", "root may read and write all, and execute where anybody may", root_may,
     POSIX_ROOT},
    {"execve(2)", "EACCES: execution needs the bit of the user, and no other", execution,
     POSIX_ROOT},
    {"execve(2)", "scripts and open descriptors are executed", script_set, 0},
    {"access(2)", "asks for the real ids, faccessat(2) with AT_EACCESS for the effective",
     access_real, POSIX_ROOT},
    {"path_resolution(7)", "what a user may do with his own, and root with all", no_privilege, 0},
    POSIX_END,
};
