/* SPDX-License-Identifier: Apache-2.0 */
/* link(2), unlink(2) and the counting of links. */
#include "tests/mount/posix_case.h"

#define LINKS_MAX 70000

static void link_kinds(void)
{
	for (int k = 0; k < posix_kinds(); k++) {
		struct stat a, b, parent;

		if (k == POSIX_DIR)
			continue;
		posix_about("%s", posix_kind_name[k]);
		posix_make("a", k);
		a = posix_lstat("a");
		WANT(a.st_nlink == 1);
		parent = posix_stat(".");
		posix_tick();
		WANT(link("a", "b") == 0);
		b = posix_lstat("b");
		WANT(b.st_ino == a.st_ino && b.st_nlink == 2 && b.st_mode == a.st_mode);
		WANT(posix_lstat("a").st_nlink == 2 && b.st_rdev == a.st_rdev);
		WANT(posix_later(b.st_ctim, a.st_ctim) && posix_same_time(b.st_mtim, a.st_mtim));
		WANT(posix_later(posix_stat(".").st_mtim, parent.st_mtim));
		WANT(posix_later(posix_stat(".").st_ctim, parent.st_ctim));
		/* what is changed by one name is changed by all */
		if (k != POSIX_LNK) {
			WANT(chmod("b", 0600) == 0 && posix_mode("a") == 0600);
		}
		WANT(link("b", "c") == 0 && posix_lstat("a").st_nlink == 3);
		WANT(unlink("a") == 0 && posix_none("a") && posix_lstat("c").st_nlink == 2);
		WANT(unlink("b") == 0 && posix_lstat("c").st_nlink == 1);
		WANT(posix_lstat("c").st_ino == a.st_ino && unlink("c") == 0);
	}
}

static void link_content(void)
{
	posix_write_file("a", "one");
	EXPECT(mkdir("d", 0755) == 0 && link("a", "d/c") == 0);
	posix_write_file("d/c", "two");
	WANT(posix_file_is("a", "two"));
	WANT(rename("a", "b") == 0 && posix_stat("d/c").st_nlink == 2);
	WANT(truncate("b", 1) == 0 && posix_file_is("d/c", "t"));
}

static void link_exists(void)
{
	posix_write_file("f", "x");
	for (int k = 0; k < posix_kinds(); k++) {
		posix_about("%s", posix_kind_name[k]);
		posix_make("o", k);
		WANT_ERRNO(link("f", "o"), EEXIST);
		WANT(posix_stat("f").st_nlink == 1);
		posix_remove("o");
	}
	WANT_ERRNO(link("f", "f"), EEXIST);
	WANT_ERRNO(link("none", "f"), ENOENT);
	WANT_ERRNO(link("f", "new/"), ENOENT);
}

static void link_folder(void)
{
	EXPECT(mkdir("d", 0755) == 0 && symlink("d", "l") == 0);
	WANT_ERRNO(link("d", "e"), EPERM);
	WANT_ERRNO(link(".", "e"), EPERM);
	WANT_ERRNO(linkat(AT_FDCWD, "l", AT_FDCWD, "e", AT_SYMLINK_FOLLOW), EPERM);
	WANT(posix_none("e"));
}

static void link_flags(void)
{
	int fd;

	posix_write_file("f", "x");
	EXPECT(symlink("f", "l") == 0 && mkdir("d", 0755) == 0);
	/* link(2) does not follow */
	WANT(link("l", "m") == 0 && S_ISLNK(posix_lstat("m").st_mode));
	WANT(posix_lstat("l").st_nlink == 2 && posix_stat("f").st_nlink == 1);
	WANT(linkat(AT_FDCWD, "l", AT_FDCWD, "g", AT_SYMLINK_FOLLOW) == 0);
	WANT(posix_lstat("g").st_ino == posix_stat("f").st_ino);
	fd = open("d", O_RDONLY);
	WANT(linkat(AT_FDCWD, "f", fd, "h", 0) == 0 && posix_stat("d/h").st_nlink == 3);
	WANT_ERRNO(linkat(AT_FDCWD, "f", fd, "i", 0x10), EINVAL);
	WANT_ERRNO(linkat(-1, "f", fd, "i", 0), EBADF);
	if (geteuid() == 0) {
		int file = open("f", O_RDONLY);

		WANT(linkat(file, "", fd, "e", AT_EMPTY_PATH) == 0);
		WANT(posix_stat("d/e").st_ino == posix_stat("f").st_ino);
	}
}

static void link_elsewhere(void)
{
	const char *folder = posix_elsewhere();
	char *name;

	if (!folder)
		posix_skip("there is no other file system");
	name = strdup(posix_text("%sposix.XXXXXX", folder));
	EXPECT(close(mkstemp(name)) == 0);
	posix_write_file("f", "x");
	WANT_ERRNO(link(name, "g"), EXDEV);
	WANT_ERRNO(rename(name, "f"), EXDEV);
	WANT_ERRNO(rename("f", name), EXDEV);
	EXPECT(unlink(name) == 0);
	WANT_ERRNO(link("f", name), EXDEV);
	WANT(posix_file_is("f", "x"));
}

static void link_many(void)
{
	int n;

	posix_write_file("f", "x");
	for (n = 1; n < LINKS_MAX; n++)
		if (link("f", posix_text("l%d", n)) != 0)
			break;
	WANT(n < LINKS_MAX && errno == EMLINK);
	WANT(n > 1000 && posix_stat("f").st_nlink == (nlink_t)n);
	WANT(unlink("l1") == 0 && link("f", "again") == 0);
	WANT_ERRNO(link("f", "more"), EMLINK);
}

static void link_some(void)
{
	posix_write_file("f", "x");
	for (int n = 2; n <= 400; n++)
		EXPECT(link("f", posix_text("l%d", n)) == 0);
	WANT(posix_stat("f").st_nlink == 400);
	for (int n = 2; n <= 400; n += 2)
		EXPECT(unlink(posix_text("l%d", n)) == 0);
	WANT(posix_stat("f").st_nlink == 200 && posix_stat("l399").st_nlink == 200);
}

static void link_permission(void)
{
	/* Linux may forbid links to the files of others (fs.protected_hardlinks): own ones here */
	EXPECT(mkdir("a", 0777) == 0 && mkdir("b", 0777) == 0);
	posix_write_file("a/f", "x");
	EXPECT(chown("a/f", POSIX_A, POSIX_A) == 0 && chown("a", POSIX_A, POSIX_A) == 0);
	posix_as(POSIX_A, POSIX_A, 0, NULL);
	WANT_ERRNO(link("a/f", "b/g"), EACCES);
	posix_as_root();
	EXPECT(chmod("b", 0777) == 0);
	posix_as(POSIX_A, POSIX_A, 0, NULL);
	WANT(link("a/f", "b/g") == 0);
	EXPECT(chmod("a", 0) == 0);
	WANT_ERRNO(link("a/f", "b/h"), EACCES);
	posix_as_root();
	WANT(posix_stat("b/g").st_nlink == 2 && posix_stat("b/g").st_uid == POSIX_A);
}

/* ---- unlink ---- */

static void unlink_kinds(void)
{
	for (int k = 0; k < posix_kinds(); k++) {
		struct stat parent;

		posix_about("%s", posix_kind_name[k]);
		posix_make("o", k);
		parent = posix_stat(".");
		posix_tick();
		if (k == POSIX_DIR) {
			WANT_ERRNO(unlink("o"), EISDIR);
			WANT_ERRNO(unlink("o/"), EISDIR);
			WANT(posix_same_time(posix_stat(".").st_mtim, parent.st_mtim));
			WANT(unlinkat(AT_FDCWD, "o", AT_REMOVEDIR) == 0);
		} else {
			WANT_ERRNO(unlinkat(AT_FDCWD, "o", AT_REMOVEDIR), ENOTDIR);
			WANT(posix_same_time(posix_stat(".").st_mtim, parent.st_mtim));
			WANT(unlink("o") == 0);
		}
		WANT(posix_later(posix_stat(".").st_mtim, parent.st_mtim));
		WANT(posix_later(posix_stat(".").st_ctim, parent.st_ctim));
		WANT(posix_none("o") && posix_count(".") == 0);
		WANT_ERRNO(unlink("o"), ENOENT);
	}
}

static void unlink_link(void)
{
	posix_write_file("f", "x");
	EXPECT(mkdir("d", 0755) == 0 && symlink("f", "l") == 0 && symlink("d", "m") == 0);
	WANT(unlink("l") == 0 && unlink("m") == 0);
	WANT(!posix_none("f") && !posix_none("d"));
	WANT_ERRNO(unlink("."), EISDIR);
	WANT_ERRNO(unlink(".."), EISDIR);
	WANT_ERRNO(unlinkat(AT_FDCWD, "f", 0x10), EINVAL);
}

static void unlink_ctime(void)
{
	struct stat st;
	int fd;

	posix_write_file("f", "x");
	EXPECT(link("f", "g") == 0);
	fd = open("f", O_RDONLY);
	st = posix_fstat(fd);
	posix_tick();
	EXPECT(unlink("f") == 0);
	WANT(posix_later(posix_stat("g").st_ctim, st.st_ctim));
	WANT(posix_same_time(posix_stat("g").st_mtim, st.st_mtim));
	st = posix_fstat(fd);
	posix_tick();
	EXPECT(unlink("g") == 0);
	WANT(posix_fstat(fd).st_nlink == 0 && posix_later(posix_fstat(fd).st_ctim, st.st_ctim));
}

static void unlink_again(void)
{
	ino_t seen[50];

	/* a name that is made again is a new file, and no cache shows the old one */
	for (int i = 0; i < 50; i++) {
		const char *text = posix_text("content %d", i);

		posix_write_file("f", text);
		WANT(posix_file_is("f", text));
		seen[i] = posix_stat("f").st_ino;
		WANT(seen[i] != 0 && posix_stat("f").st_size == (off_t)strlen(text));
		WANT(unlink("f") == 0 && posix_none("f"));
	}
}

const struct posix_case posix_link_cases[] = {
    {"link(2)", "a new name of the same file, for every type; ctime, and the folder's times",
     link_kinds, 0},
    {"link(2)", "both names are the same content", link_content, 0},
    {"link(2)", "EEXIST: newpath exists, it is not replaced", link_exists, 0},
    {"link(2)", "EPERM: oldpath is a folder", link_folder, 0},
    {"linkat(2)", "AT_SYMLINK_FOLLOW, AT_EMPTY_PATH, folders as a start", link_flags, 0},
    {"link(2)", "EXDEV: and rename(2), to another file system", link_elsewhere, 0},
    {"link(2)", "four hundred names are counted", link_some, 0},
    {"link(2)", "EMLINK: the file has as many links as there can be", link_many, POSIX_LONG},
    {"link(2)", "EACCES: newpath's folder is not writable, or oldpath's not searchable",
     link_permission, POSIX_ROOT},
    {"unlink(2)", "EISDIR for folders, any other type goes; the folder's times", unlink_kinds, 0},
    {"unlink(2)", "a symbolic link itself is removed", unlink_link, 0},
    {"unlink(2)", "ctime of the file is updated, mtime is not", unlink_ctime, 0},
    {"unlink(2)", "a name that is made again is another file", unlink_again, 0},
    POSIX_END,
};
