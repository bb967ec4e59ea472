/* SPDX-License-Identifier: Apache-2.0 */
/* rename(2) and renameat2(2). Sticky folders are in posix_sticky.c. */
#include "tests/mount/posix_case.h"

static void to_new(void)
{
	for (int k = 0; k < posix_kinds(); k++) {
		struct stat st, from, to, after;

		posix_about("%s", posix_kind_name[k]);
		EXPECT(mkdir("from", 0755) == 0 && mkdir("to", 0755) == 0);
		posix_make("from/o", k);
		st = posix_lstat("from/o");
		from = posix_stat("from");
		to = posix_stat("to");
		posix_tick();
		WANT(rename("from/o", "to/p") == 0);
		after = posix_lstat("to/p");
		WANT(after.st_ino == st.st_ino && after.st_mode == st.st_mode);
		WANT(after.st_nlink == st.st_nlink && after.st_rdev == st.st_rdev);
		WANT(posix_same_time(after.st_mtim, st.st_mtim));
		WANT(posix_later(after.st_ctim, st.st_ctim));
		WANT(posix_none("from/o"));
		WANT(posix_later(posix_stat("from").st_mtim, from.st_mtim));
		WANT(posix_later(posix_stat("from").st_ctim, from.st_ctim));
		WANT(posix_later(posix_stat("to").st_mtim, to.st_mtim));
		WANT(posix_later(posix_stat("to").st_ctim, to.st_ctim));
		WANT(posix_stat("from").st_nlink == 2);
		WANT(posix_stat("to").st_nlink == (k == POSIX_DIR ? 3 : 2));
		/* within a folder as well */
		WANT(rename("to/p", "to/q") == 0 && posix_lstat("to/q").st_ino == st.st_ino);
		posix_remove("to/q");
		EXPECT(rmdir("from") == 0 && rmdir("to") == 0);
	}
}

/* Each type over each other: types must agree in being folders. */
static void over(void)
{
	for (int a = 0; a < posix_kinds(); a++) {
		for (int b = 0; b < posix_kinds(); b++) {
			ino_t ino_a, ino_b;

			posix_about("%s over %s", posix_kind_name[a], posix_kind_name[b]);
			posix_make("a", a);
			posix_make("b", b);
			ino_a = posix_lstat("a").st_ino;
			ino_b = posix_lstat("b").st_ino;
			if (a == POSIX_DIR && b != POSIX_DIR) {
				WANT_ERRNO(rename("a", "b"), ENOTDIR);
			} else if (a != POSIX_DIR && b == POSIX_DIR) {
				WANT_ERRNO(rename("a", "b"), EISDIR);
			} else {
				WANT(rename("a", "b") == 0);
				WANT(posix_none("a") && posix_lstat("b").st_ino == ino_a);
				posix_remove("b");
				continue;
			}
			WANT(posix_lstat("a").st_ino == ino_a);
			WANT(posix_lstat("b").st_ino == ino_b);
			posix_remove("a");
			posix_remove("b");
		}
	}
}

static void over_full(void)
{
	EXPECT(mkdir("d", 0755) == 0);
	for (int k = 0; k < posix_kinds(); k++) {
		posix_about("%s", posix_kind_name[k]);
		EXPECT(mkdir("full", 0755) == 0);
		posix_make("full/o", k);
		WANT_ERRNO(rename("d", "full"), ENOTEMPTY);
		posix_remove("full/o");
		EXPECT(rmdir("full") == 0);
	}
	EXPECT(mkdir("full", 0755) == 0);
	posix_write_file("full/f", "x");
	EXPECT(mkdir("empty", 0755) == 0);
	WANT(rename("full", "empty") == 0 && posix_file_is("empty/f", "x"));
}

static void replaced(void)
{
	struct stat st, parent;
	char data[8];
	int fd;

	posix_write_file("a", "new");
	posix_write_file("b", "old");
	EXPECT(link("b", "c") == 0);
	fd = open("b", O_RDWR);
	st = posix_fstat(fd);
	parent = posix_stat(".");
	posix_tick();
	EXPECT(rename("a", "b") == 0);
	WANT(posix_file_is("b", "new") && posix_count(".") == 2);
	WANT(posix_fstat(fd).st_nlink == 1 && posix_later(posix_fstat(fd).st_ctim, st.st_ctim));
	WANT(pread(fd, data, 8, 0) == 3 && memcmp(data, "old", 3) == 0);
	WANT(pwrite(fd, "OLD", 3, 0) == 3 && posix_file_is("c", "OLD"));
	WANT(posix_later(posix_stat(".").st_mtim, parent.st_mtim));
	posix_write_file("a", "last");
	EXPECT(rename("a", "c") == 0);
	WANT(posix_fstat(fd).st_nlink == 0 && pread(fd, data, 8, 0) == 3 && data[0] == 'O');
}

static void always_there(void)
{
	pid_t pid;
	int fd, n = 0;

	/* "there is no point at which another process finds newpath missing" */
	posix_write_file("target", "0");
	pid = fork();
	if (pid == 0) {
		for (int i = 0; i < 300; i++) {
			posix_write_file("new", "1");
			if (rename("new", "target") != 0)
				_exit(1);
		}
		_exit(0);
	}
	for (int i = 0; i < 300; i++) {
		char c = 0;

		fd = open("target", O_RDONLY);
		WANT(fd >= 0 && read(fd, &c, 1) == 1 && (c == '0' || c == '1'));
		close(fd);
		n++;
	}
	WANT(posix_wait(pid) == 0 && n == 300);
}

static void same_file(void)
{
	struct stat st;

	posix_write_file("a", "x");
	EXPECT(link("a", "b") == 0);
	st = posix_stat("a");
	WANT(rename("a", "b") == 0 && posix_stat("a").st_nlink == 2 && !posix_none("b"));
	WANT(rename("a", "a") == 0 && posix_stat("a").st_ino == st.st_ino);
	EXPECT(mkdir("d", 0755) == 0);
	WANT(rename("d", "d") == 0 && rename("d", "./d/") == 0 && rename("d/", "d") == 0);
	WANT(rename("none", "none") == -1 && errno == ENOENT);
}

static void links(void)
{
	posix_write_file("f", "x");
	EXPECT(mkdir("d", 0755) == 0 && symlink("f", "l") == 0 && symlink("d", "m") == 0);
	WANT(rename("l", "l2") == 0 && S_ISLNK(posix_lstat("l2").st_mode));
	posix_write_file("g", "y");
	WANT(rename("g", "l2") == 0 && S_ISREG(posix_lstat("l2").st_mode));
	WANT(posix_file_is("f", "x"));
	WANT_ERRNO(rename("d", "m"), ENOTDIR);
	WANT(rename("f", "m") == 0 && S_ISREG(posix_lstat("m").st_mode) && !posix_none("d"));
}

static void into_itself(void)
{
	EXPECT(mkdir("a", 0755) == 0 && mkdir("a/b", 0755) == 0 && mkdir("a/b/c", 0755) == 0);
	WANT_ERRNO(rename("a", "a/x"), EINVAL);
	WANT_ERRNO(rename("a", "a/b"), EINVAL);
	WANT_ERRNO(rename("a", "a/b/c/x"), EINVAL);
	WANT_ERRNO(rename("a/b/c", "a"), ENOTEMPTY);
	WANT_ERRNO(rename("a/b/c", "a/b"), ENOTEMPTY);
	WANT(rename("a/b/c", "a/c") == 0 && posix_stat("a/b").st_nlink == 2);
}

static void dots(void)
{
	EXPECT(mkdir("a", 0755) == 0 && mkdir("a/b", 0755) == 0 && mkdir("e", 0755) == 0);
	WANT_ERRNO(rename("a/.", "x"), EBUSY);
	WANT_ERRNO(rename("a/b/..", "x"), EBUSY);
	WANT_ERRNO(rename("e", "a/."), EBUSY);
	WANT_ERRNO(rename("e", "a/.."), EBUSY);
	WANT_ERRNO(rename(".", "x"), EBUSY);
	WANT_ERRNO(rename("..", "x"), EBUSY);
}

static void slashes(void)
{
	posix_write_file("f", "x");
	EXPECT(mkdir("d", 0755) == 0);
	WANT_ERRNO(rename("f/", "g"), ENOTDIR);
	WANT_ERRNO(rename("f", "g/"), ENOTDIR);
	WANT_ERRNO(rename("f", "d/"), ENOTDIR);
	WANT(rename("d/", "e/") == 0 && rename("e", "d/") == 0 && !posix_none("d"));
}

static void folders(void)
{
	EXPECT(mkdir("a", 0755) == 0 && mkdir("b", 0755) == 0 && mkdir("a/s", 0755) == 0);
	posix_write_file("a/s/f", "x");
	WANT(rename("a/s", "b/t") == 0 && posix_file_is("b/t/f", "x"));
	WANT(posix_stat("b/t/..").st_ino == posix_stat("b").st_ino);
	WANT(posix_stat("a").st_nlink == 2 && posix_stat("b").st_nlink == 3);
	/* over an empty one the number of folders goes down */
	EXPECT(mkdir("b/u", 0755) == 0);
	WANT(posix_stat("b").st_nlink == 4);
	WANT(rename("b/t", "b/u") == 0 && posix_stat("b").st_nlink == 3);
	EXPECT(mkdir("a/v", 0755) == 0);
	WANT(rename("b/u", "a/v") == 0);
	WANT(posix_stat("a").st_nlink == 3 && posix_stat("b").st_nlink == 2);
	WANT(posix_file_is("a/v/f", "x"));
}

static void noreplace(void)
{
	posix_write_file("f", "x");
	for (int k = 0; k < posix_kinds(); k++) {
		posix_about("%s", posix_kind_name[k]);
		posix_make("o", k);
		WANT_ERRNO(renameat2(AT_FDCWD, "f", AT_FDCWD, "o", RENAME_NOREPLACE), EEXIST);
		WANT(renameat2(AT_FDCWD, "o", AT_FDCWD, "p", RENAME_NOREPLACE) == 0);
		WANT_ERRNO(renameat2(AT_FDCWD, "p", AT_FDCWD, "p", RENAME_NOREPLACE), EEXIST);
		posix_remove("p");
	}
}

static void exchange(void)
{
	EXPECT(mkdir("d", 0755) == 0);
	for (int a = 0; a < posix_kinds(); a++) {
		for (int b = 0; b < posix_kinds(); b++) {
			ino_t ino_a, ino_b;

			posix_about("%s and %s", posix_kind_name[a], posix_kind_name[b]);
			posix_make("a", a);
			posix_make("d/b", b);
			ino_a = posix_lstat("a").st_ino;
			ino_b = posix_lstat("d/b").st_ino;
			WANT(renameat2(AT_FDCWD, "a", AT_FDCWD, "d/b", RENAME_EXCHANGE) == 0);
			WANT(posix_lstat("a").st_ino == ino_b);
			WANT(posix_lstat("d/b").st_ino == ino_a);
			WANT(posix_stat("d").st_nlink == (a == POSIX_DIR ? 3 : 2));
			if (b == POSIX_DIR)
				WANT(posix_stat("a/..").st_ino == posix_stat(".").st_ino);
			posix_remove("a");
			posix_remove("d/b");
		}
	}
}

static void exchange_times(void)
{
	EXPECT(mkdir("d", 0755) == 0);
	for (int k = 0; k < posix_kinds(); k++) {
		struct stat a, b, parent;

		posix_about("%s", posix_kind_name[k]);
		posix_make("a", k);
		posix_make("d/b", k);
		a = posix_lstat("a");
		b = posix_lstat("d/b");
		parent = posix_stat("d");
		posix_tick();
		EXPECT(renameat2(AT_FDCWD, "a", AT_FDCWD, "d/b", RENAME_EXCHANGE) == 0);
		WANT(posix_later(posix_lstat("d/b").st_ctim, a.st_ctim));
		WANT(posix_later(posix_lstat("a").st_ctim, b.st_ctim));
		WANT(posix_same_time(posix_lstat("d/b").st_mtim, a.st_mtim));
		WANT(posix_same_time(posix_lstat("a").st_mtim, b.st_mtim));
		WANT(posix_later(posix_stat("d").st_mtim, parent.st_mtim));
		posix_remove("a");
		posix_remove("d/b");
	}
	posix_write_file("a", "A");
	posix_write_file("d/b", "B");
	EXPECT(renameat2(AT_FDCWD, "a", AT_FDCWD, "d/b", RENAME_EXCHANGE) == 0);
	WANT(posix_file_is("a", "B") && posix_file_is("d/b", "A"));
}

static void exchange_errors(void)
{
	posix_write_file("f", "x");
	EXPECT(mkdir("a", 0755) == 0 && mkdir("a/b", 0755) == 0);
	WANT_ERRNO(renameat2(AT_FDCWD, "f", AT_FDCWD, "none", RENAME_EXCHANGE), ENOENT);
	WANT_ERRNO(renameat2(AT_FDCWD, "none", AT_FDCWD, "f", RENAME_EXCHANGE), ENOENT);
	WANT_ERRNO(renameat2(AT_FDCWD, "a", AT_FDCWD, "a/b", RENAME_EXCHANGE), EINVAL);
	WANT_ERRNO(renameat2(AT_FDCWD, "a/b", AT_FDCWD, "a", RENAME_EXCHANGE), EINVAL);
	WANT_ERRNO(renameat2(AT_FDCWD, "f", AT_FDCWD, "a", RENAME_EXCHANGE | RENAME_NOREPLACE),
	           EINVAL);
	WANT_ERRNO(renameat2(AT_FDCWD, "f", AT_FDCWD, "g", 1u << 8), EINVAL);
	WANT(renameat2(AT_FDCWD, "f", AT_FDCWD, "f", RENAME_EXCHANGE) == 0);
}

static void whiteout(void)
{
	posix_write_file("f", "x");
	if (renameat2(AT_FDCWD, "f", AT_FDCWD, "g", RENAME_WHITEOUT) != 0 && errno == EINVAL)
		posix_skip("no RENAME_WHITEOUT here");
	WANT(posix_file_is("g", "x"));
	WANT(S_ISCHR(posix_lstat("f").st_mode) && posix_lstat("f").st_rdev == 0);
}

static void permission(void)
{
	EXPECT(mkdir("from", 0777) == 0 && mkdir("to", 0777) == 0);
	posix_write_file("from/f", "x");
	EXPECT(mkdir("from/d", 0755) == 0 && mkdir("from/own", 0755) == 0);
	EXPECT(chown("from/own", POSIX_A, POSIX_A) == 0);
	EXPECT(chmod("from", 0755) == 0 && chmod("to", 0777) == 0);
	posix_as(POSIX_A, POSIX_A, 0, NULL);
	WANT_ERRNO(rename("from/f", "to/f"), EACCES);
	posix_as_root();
	EXPECT(chmod("from", 0777) == 0 && chmod("to", 0755) == 0);
	posix_as(POSIX_A, POSIX_A, 0, NULL);
	WANT_ERRNO(rename("from/f", "to/f"), EACCES);
	posix_as_root();
	EXPECT(chmod("to", 0777) == 0);
	posix_as(POSIX_A, POSIX_A, 0, NULL);
	WANT(rename("from/f", "to/f") == 0);
	/* a folder that gets another ".." must be writable itself */
	WANT_ERRNO(rename("from/d", "to/d"), EACCES);
	WANT(rename("from/d", "from/e") == 0);
	WANT(rename("from/own", "to/own") == 0);
	posix_as_root();
}

static void open_folder(void)
{
	struct stat st;
	int dir;

	EXPECT(mkdir("a", 0755) == 0 && mkdir("b", 0755) == 0 && mkdir("b/x", 0755) == 0);
	dir = open("a", O_RDONLY);
	st = posix_fstat(dir);
	posix_tick();
	EXPECT(rename("b/x", "a") == 0);
	/* what was replaced is a removed folder */
	WANT(posix_fstat(dir).st_nlink == 0 && posix_later(posix_fstat(dir).st_ctim, st.st_ctim));
	WANT_ERRNO(mkdirat(dir, "new", 0755), ENOENT);
	WANT_ERRNO(openat(dir, "new", O_CREAT | O_WRONLY, 0644), ENOENT);
	WANT(mkdir("a/new", 0755) == 0);
}

const struct posix_case posix_rename_cases[] = {
    {"rename(2)", "every type moves between folders and keeps what it is; times of all", to_new, 0},
    {"rename(2)", "EISDIR and ENOTDIR, otherwise newpath is replaced: each type over each", over,
     0},
    {"rename(2)", "ENOTEMPTY: newpath is a folder with something in it", over_full, 0},
    {"rename(2)", "open files of newpath stay what they were; their links are counted", replaced,
     0},
    {"rename(2)", "newpath is replaced atomically: it is never missing", always_there, 0},
    {"rename(2)", "two links of the same file: nothing is done", same_file, 0},
    {"rename(2)", "a symbolic link is renamed or overwritten, not followed", links, 0},
    {"rename(2)", "EINVAL: a folder would become its own subfolder", into_itself, 0},
    {"rename(2)", "EBUSY: the last component is \".\" or \"..\"", dots, 0},
    {"rename(2)", "a slash behind a path means a folder", slashes, 0},
    {"rename(2)", "folders move with what is in them; links of the parents", folders, 0},
    {"rename(2)", "EACCES: of the folders, and of a folder that is moved to another", permission,
     POSIX_ROOT},
    {"rename(2)", "a folder that was replaced while open is a removed one", open_folder, 0},
    {"renameat2(2)", "RENAME_NOREPLACE: EEXIST, whatever type newpath is", noreplace, 0},
    {"renameat2(2)", "RENAME_EXCHANGE: both exist and may be of different types", exchange, 0},
    {"renameat2(2)", "RENAME_EXCHANGE: ctime of both, mtime of the folders", exchange_times, 0},
    {"renameat2(2)", "EINVAL, ENOENT of RENAME_EXCHANGE and unknown flags", exchange_errors, 0},
    {"renameat2(2)", "RENAME_WHITEOUT: a device 0:0 is left at oldpath", whiteout, POSIX_ROOT},
    POSIX_END,
};
