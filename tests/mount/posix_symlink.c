/* SPDX-License-Identifier: Apache-2.0 */
/* symlink(2), readlink(2), and following links. */
#include "tests/mount/posix_case.h"

#include <sys/mman.h>

static void lengths(void)
{
	static const size_t lens[] = {1, 2, 59, 60, 255, 256, 1000, 4094, 4095};
	char out[5000];

	for (size_t i = 0; i < sizeof(lens) / sizeof(lens[0]); i++) {
		const char *target = posix_name(lens[i], 't');

		posix_about("%zu bytes", lens[i]);
		WANT(symlink(target, "l") == 0);
		WANT(posix_lstat("l").st_size == (off_t)lens[i]);
		WANT(readlink("l", out, sizeof(out)) == (ssize_t)lens[i]);
		WANT(memcmp(out, target, lens[i]) == 0);
		posix_remove("l");
	}
	WANT_ERRNO(symlink(posix_name(4096, 't'), "l"), ENAMETOOLONG);
	WANT_ERRNO(symlink("", "l"), ENOENT);
	WANT(posix_none("l"));
}

static void any_bytes(void)
{
	char target[256], out[300];

	for (int i = 0; i < 255; i++)
		target[i] = (char)(i + 1);
	target[255] = '\0';
	EXPECT(symlink(target, "l") == 0);
	WANT(readlink("l", out, sizeof(out)) == 255 && memcmp(out, target, 255) == 0);
	EXPECT(symlink("//.././/x/", "m") == 0);
	WANT(readlink("m", out, sizeof(out)) == 10 && memcmp(out, "//.././/x/", 10) == 0);
}

static void attributes(void)
{
	struct stat st, parent = posix_stat(".");

	posix_tick();
	umask(0777);
	EXPECT(symlink("none", "l") == 0);
	st = posix_lstat("l");
	WANT(S_ISLNK(st.st_mode) && (st.st_mode & 0777) == 0777 && st.st_nlink == 1);
	WANT(st.st_uid == geteuid() && st.st_gid == getegid());
	WANT(posix_later(posix_stat(".").st_mtim, parent.st_mtim));
	WANT(posix_later(posix_stat(".").st_ctim, parent.st_ctim));
	WANT_ERRNO(chmod("l", 0600), ENOENT);
	WANT_ERRNO(fchmodat(AT_FDCWD, "l", 0600, AT_SYMLINK_NOFOLLOW), EOPNOTSUPP);
	WANT((posix_lstat("l").st_mode & 0777) == 0777);
}

static void cut_off(void)
{
	char out[16] = "................";

	EXPECT(symlink("some/where", "l") == 0);
	WANT(readlink("l", out, 4) == 4 && memcmp(out, "some....", 8) == 0);
	WANT(readlink("l", out, sizeof(out)) == 10 && out[10] == '.');
	WANT_ERRNO(readlinkat(AT_FDCWD, "l", out, 0), EINVAL);
}

static void not_links(void)
{
	char out[16];

	for (int k = 0; k < posix_kinds(); k++) {
		posix_about("%s", posix_kind_name[k]);
		posix_make("o", k);
		if (k == POSIX_LNK)
			WANT(readlink("o", out, sizeof(out)) == 7);
		else
			WANT_ERRNO(readlink("o", out, sizeof(out)), EINVAL);
		posix_remove("o");
	}
	WANT_ERRNO(readlink(".", out, sizeof(out)), EINVAL);
}

static void exists(void)
{
	EXPECT(symlink("here", "l") == 0);
	WANT_ERRNO(symlink("there", "l"), EEXIST);
	WANT_ERRNO(symlink("there", "new/"), ENOENT);
	WANT_ERRNO(symlink("there", "none/l"), ENOENT);
	WANT(!posix_none("l") && posix_lstat("l").st_size == 4);
}

static void chain(void)
{
	posix_write_file("l0", "end");
	for (int i = 1; i <= 41; i++)
		EXPECT(symlink(posix_text("l%d", i - 1), posix_text("l%d", i)) == 0);
	WANT(posix_file_is("l40", "end"));
	WANT_ERRNO(open("l41", O_RDONLY), ELOOP);
	WANT_ERRNO(access("l41", F_OK), ELOOP);
	WANT(S_ISLNK(posix_lstat("l41").st_mode));
}

static void relative(void)
{
	char here[4096];

	EXPECT(mkdir("a", 0755) == 0 && mkdir("a/b", 0755) == 0 && realpath(".", here));
	posix_write_file("f", "top");
	posix_write_file("a/f", "in a");
	EXPECT(symlink("../f", "a/up") == 0 && symlink("f", "a/same") == 0);
	EXPECT(symlink("../../f", "a/b/up2") == 0 && symlink("a/b", "short") == 0);
	EXPECT(symlink(posix_text("%s/a", here), "abs") == 0);
	WANT(posix_file_is("a/up", "top") && posix_file_is("a/same", "in a"));
	WANT(posix_file_is("short/up2", "top") && posix_file_is("abs/same", "in a"));
	WANT(posix_file_is("short/../f", "in a"));
	/* a link moved to another folder leads elsewhere */
	EXPECT(rename("a/same", "same") == 0);
	WANT(posix_file_is("same", "top"));
}

static void slash_behind(void)
{
	EXPECT(mkdir("d", 0755) == 0 && symlink("d", "l") == 0);
	posix_write_file("f", "x");
	EXPECT(symlink("f", "m") == 0 && symlink("none", "n") == 0);
	WANT(S_ISLNK(posix_lstat("l").st_mode) && S_ISDIR(posix_lstat("l/").st_mode));
	WANT(S_ISDIR(posix_lstat("l/.").st_mode));
	WANT_ERRNO(lstat("m/", &(struct stat){0}), ENOTDIR);
	WANT_ERRNO(lstat("n/", &(struct stat){0}), ENOENT);
	WANT_ERRNO(unlink("l/"), ENOTDIR);
	WANT_ERRNO(rmdir("l"), ENOTDIR);
	WANT_ERRNO(rmdir("l/"), ENOTDIR);
	WANT_ERRNO(mkdir("n/", 0755), EEXIST);
}

static void changes(void)
{
	char out[32];

	/* links are cached: what is in the place of one must be seen at once */
	for (int i = 0; i < 50; i++) {
		const char *target = posix_text("target-%d", i);

		EXPECT(symlink(target, "l") == 0);
		WANT(readlink("l", out, sizeof(out)) == (ssize_t)strlen(target));
		WANT(memcmp(out, target, strlen(target)) == 0);
		EXPECT(symlink("other", "m") == 0 && rename("m", "l") == 0);
		WANT(readlink("l", out, sizeof(out)) == 5 && memcmp(out, "other", 5) == 0);
		EXPECT(unlink("l") == 0);
	}
}

const struct posix_case posix_symlink_cases[] = {
    {"symlink(2)", "targets of 1 to 4095 bytes; ENAMETOOLONG, and ENOENT for none", lengths, 0},
    {"symlink(2)", "the target may be any bytes and is kept as it is", any_bytes, 0},
    {"symlink(2)", "permissions are 0777 whatever the umask; the folder's times", attributes, 0},
    {"symlink(2)", "EEXIST: linkpath already exists", exists, 0},
    {"readlink(2)", "the target is cut to the buffer, without a NUL", cut_off, 0},
    {"readlink(2)", "EINVAL: the file is not a symbolic link", not_links, 0},
    {"readlink(2)", "tells what the link is now", changes, 0},
    {"symlink(7)", "40 links are followed, ELOOP for more", chain, 0},
    {"symlink(7)", "a relative target begins at the folder of the link", relative, 0},
    {"symlink(7)", "with a slash behind it the link is followed, and must lead to a folder",
     slash_behind, 0},
    POSIX_END,
};
