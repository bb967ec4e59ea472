/* SPDX-License-Identifier: Apache-2.0 */
/* mkdir(2), rmdir(2), getcwd(3), and names. */
#include "tests/mount/posix_case.h"

#define DEEP 400

static void mkdir_mode(void)
{
	static const mode_t modes[] = {0,    0111, 0222, 0444, 0555, 0644,
	                               0700, 0751, 0755, 0777, 01777};
	static const mode_t masks[] = {0, 022, 027, 077, 0345, 0777};

	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		for (size_t m = 0; m < sizeof(masks) / sizeof(masks[0]); m++) {
			posix_about("mode %o, umask %o", modes[i], masks[m]);
			umask(masks[m]);
			WANT(mkdir("d", modes[i]) == 0);
			WANT(posix_mode("d") == (modes[i] & ~masks[m]));
			WANT(rmdir("d") == 0);
		}
	}
}

static void mkdir_new(void)
{
	struct stat parent = posix_stat("."), st;

	posix_tick();
	EXPECT(mkdir("d", 0755) == 0);
	st = posix_stat("d");
	WANT(st.st_nlink == 2 && st.st_uid == geteuid() && st.st_gid == getegid());
	WANT(posix_stat(".").st_nlink == parent.st_nlink + 1);
	WANT(posix_later(st.st_mtim, parent.st_mtim) && posix_same_time(st.st_mtim, st.st_ctim));
	WANT(posix_later(posix_stat(".").st_mtim, parent.st_mtim));
	WANT(posix_later(posix_stat(".").st_ctim, parent.st_ctim));
	WANT(posix_stat("d/.").st_ino == st.st_ino && posix_stat("d/..").st_ino == parent.st_ino);
	WANT(posix_count("d") == 0);
	WANT(mkdir("e/", 0755) == 0 && mkdir("f//", 0755) == 0);
	WANT(posix_stat(".").st_nlink == parent.st_nlink + 3);
}

static void mkdir_owner(void)
{
	EXPECT(mkdir("d", 0777) == 0 && chmod("d", 0777) == 0);
	posix_as(POSIX_A, POSIX_B, 0, NULL);
	EXPECT(mkdir("d/plain", 0755) == 0);
	posix_as_root();
	WANT(posix_stat("d/plain").st_uid == POSIX_A && posix_stat("d/plain").st_gid == POSIX_B);
	WANT(posix_mode("d/plain") == 0755);
	EXPECT(chown("d", 0, 777) == 0 && chmod("d", 02777) == 0);
	posix_as(POSIX_A, POSIX_B, 0, NULL);
	EXPECT(mkdir("d/e", 0755) == 0 && mkdir("d/e/f", 0700) == 0);
	posix_as_root();
	WANT(posix_stat("d/e").st_gid == 777 && posix_mode("d/e") == 02755);
	WANT(posix_stat("d/e/f").st_gid == 777 && posix_mode("d/e/f") == 02700);
}

static void mkdir_dots(void)
{
	EXPECT(mkdir("d", 0755) == 0);
	WANT_ERRNO(mkdir("d/.", 0755), EEXIST);
	WANT_ERRNO(mkdir("d/..", 0755), EEXIST);
	WANT_ERRNO(mkdir("none/.", 0755), ENOENT);
	WANT_ERRNO(mkdir("/", 0755), EEXIST);
}

static void rmdir_kinds(void)
{
	for (int k = 0; k < posix_kinds(); k++) {
		posix_about("%s", posix_kind_name[k]);
		posix_make("o", k);
		if (k == POSIX_DIR)
			WANT(rmdir("o") == 0);
		else
			WANT_ERRNO(rmdir("o"), ENOTDIR);
		if (k != POSIX_DIR)
			posix_remove("o");
		/* and with such a thing in it, it is not empty */
		EXPECT(mkdir("d", 0755) == 0);
		posix_make("d/o", k);
		WANT_ERRNO(rmdir("d"), ENOTEMPTY);
		posix_remove("d/o");
		WANT(rmdir("d") == 0 && posix_none("d"));
		WANT_ERRNO(rmdir("d"), ENOENT);
	}
}

static void rmdir_times(void)
{
	struct stat before, after;

	EXPECT(mkdir("d", 0755) == 0);
	before = posix_stat(".");
	posix_tick();
	EXPECT(rmdir("d") == 0);
	after = posix_stat(".");
	WANT(after.st_nlink == before.st_nlink - 1);
	WANT(posix_later(after.st_mtim, before.st_mtim));
	WANT(posix_later(after.st_ctim, before.st_ctim));
}

static void rmdir_dots(void)
{
	EXPECT(mkdir("d", 0755) == 0 && mkdir("d/e", 0755) == 0 && symlink("d", "l") == 0);
	WANT_ERRNO(rmdir("d/e/."), EINVAL);
	WANT_ERRNO(rmdir("d/e/.."), ENOTEMPTY);
	WANT_ERRNO(rmdir("."), EINVAL);
	WANT_ERRNO(rmdir("l"), ENOTDIR);
	WANT(rmdir("d/e/") == 0);
}

static void rmdir_used(void)
{
	struct stat st;
	char cwd[4096];
	int dir;

	EXPECT(mkdir("d", 0755) == 0 && chdir("d") == 0);
	dir = open(".", O_RDONLY);
	st = posix_fstat(dir);
	posix_tick();
	WANT(rmdir("../d") == 0);
	WANT(posix_later(posix_fstat(dir).st_ctim, st.st_ctim));
	WANT_ERRNO(open("f", O_CREAT | O_WRONLY, 0644), ENOENT);
	WANT_ERRNO(mkdir("e", 0755), ENOENT);
	WANT_ERRNO(symlink("x", "l"), ENOENT);
	WANT_ERRNO(mkfifoat(dir, "p", 0644), ENOENT);
	WANT_ERRNO(access("x", F_OK), ENOENT);
	WANT(posix_fstat(dir).st_nlink == 0 && S_ISDIR(posix_stat(".").st_mode));
	WANT(posix_count(".") == 0);
	WANT(!getcwd(cwd, sizeof(cwd)) && errno == ENOENT);
	WANT(fchmod(dir, 0700) == 0);
	WANT(chdir("..") == 0);
}

static void cwd_follows(void)
{
	char cwd[4096], top[4096];

	EXPECT(getcwd(top, sizeof(top)) && mkdir("a", 0755) == 0 && mkdir("a/b", 0755) == 0);
	EXPECT(mkdir("c", 0755) == 0 && chdir("a/b") == 0);
	WANT(getcwd(cwd, sizeof(cwd)) && strcmp(cwd, posix_text("%s/a/b", top)) == 0);
	EXPECT(rename("../../a", "../../c/z") == 0);
	WANT(getcwd(cwd, sizeof(cwd)) && strcmp(cwd, posix_text("%s/c/z/b", top)) == 0);
	WANT(chdir("../..") == 0 && !posix_none("z"));
}

/* ---- names ---- */

static void name_bytes(void)
{
	char name[2] = {0};

	for (int c = 1; c < 256; c++) {
		name[0] = (char)c;
		if (c != '/' && c != '.')
			posix_write_file(name, name);
	}
	WANT(posix_count(".") == 253);
	for (int c = 1; c < 256; c++) {
		name[0] = (char)c;
		if (c != '/' && c != '.')
			WANT(posix_file_is(name, name));
	}
}

static void name_forms(void)
{
	/* case, spaces at the ends, dots, and two ways to write the same letter */
	static const char *const names[] = {
	    "a", "A",   "a ", " a",       "a.",        "...",      "..a",  "a\n", "a\t",
	    "*", "CON", "\\", "\xc3\xa9", "e\xcc\x81", "\xff\xfe", "\xc3", "-rf", ".\x01"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		posix_write_file(names[i], names[i]);
	WANT(posix_count(".") == (int)(sizeof(names) / sizeof(names[0])));
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		WANT(posix_file_is(names[i], names[i]));
}

static void name_lengths(void)
{
	for (size_t len = 1; len <= 255; len++) {
		const char *name = posix_name(len, 'n');

		posix_about("%zu bytes", len);
		WANT(mknod(name, S_IFREG | 0644, 0) == 0 && !posix_none(name));
	}
	WANT(posix_count(".") == 255);
	WANT(rename(posix_name(255, 'n'), posix_name(255, 'm')) == 0);
	WANT_ERRNO(rename(posix_name(255, 'm'), posix_name(256, 'm')), ENAMETOOLONG);
}

/* Folder in folder, with paths far beyond what one call may name. */
static void deep(void)
{
	const char *name = posix_name(200, 'd');
	char cwd[16384];
	int top = open(".", O_PATH);

	for (int i = 0; i < 40; i++)
		EXPECT(mkdir(name, 0755) == 0 && chdir(name) == 0);
	posix_write_file("f", "deep");
	WANT(posix_file_is("f", "deep"));
	WANT(!getcwd(cwd, 4096) && errno == ERANGE);
	EXPECT(fchdir(top) == 0);
	for (int i = 0; i < 40; i++)
		EXPECT(chdir(name) == 0);
	WANT(posix_file_is("f", "deep"));
}

static void many_deep(void)
{
	int top = open(".", O_PATH);

	for (int i = 0; i < DEEP; i++)
		EXPECT(mkdir("d", 0755) == 0 && chdir("d") == 0);
	posix_write_file("f", "deep");
	for (int i = 0; i < DEEP; i++)
		EXPECT(chdir("..") == 0);
	WANT(posix_stat(".").st_ino == posix_fstat(top).st_ino);
	EXPECT(rename("d/d/d", "e") == 0 && chdir("e") == 0);
	for (int i = 3; i < DEEP; i++)
		EXPECT(chdir("d") == 0);
	WANT(posix_file_is("f", "deep"));
	/* and out again, so that it is easy to take away */
	for (int i = 3; i <= DEEP; i++) {
		EXPECT(chdir("..") == 0);
		if (i == 3)
			EXPECT(unlink("d/f") == 0);
		if (i < DEEP)
			EXPECT(rmdir("d") == 0);
	}
}

const struct posix_case posix_dirs_cases[] = {
    {"mkdir(2)", "the mode is mode & ~umask & 01777", mkdir_mode, 0},
    {"mkdir(2)", "2 links and one more for the parent; times of both; dots lead where they should",
     mkdir_new, 0},
    {"mkdir(2)", "the owner is the effective user; setgid folders give on their group and bit",
     mkdir_owner, POSIX_ROOT},
    {"mkdir(2)", "EEXIST: \".\", \"..\" and \"/\"", mkdir_dots, 0},
    {"rmdir(2)", "ENOTDIR for every other type, ENOTEMPTY with any type in it", rmdir_kinds, 0},
    {"rmdir(2)", "the parent has one link less and new times", rmdir_times, 0},
    {"rmdir(2)", "EINVAL: \".\" is the last component; ENOTEMPTY: \"..\"", rmdir_dots, 0},
    {"rmdir(2)", "a removed folder that is in use: nothing can be made in it", rmdir_used, 0},
    {"getcwd(3)", "the working folder moves with its parents", cwd_follows, 0},
    {"path_resolution(7)", "a name is any bytes but \"/\" and NUL", name_bytes, 0},
    {"path_resolution(7)", "names that differ in any byte are different names", name_forms, 0},
    {"path_resolution(7)", "names of 1 to 255 bytes", name_lengths, 0},
    {"path_resolution(7)", "folders lie deeper than a path is long", deep, 0},
    {"path_resolution(7)", "four hundred folders in each other, and moved", many_deep, 0},
    POSIX_END,
};
