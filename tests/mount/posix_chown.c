/* SPDX-License-Identifier: Apache-2.0 */
/* chown(2), fchown(2), lchown(2), fchownat(2). */
#include "tests/mount/posix_case.h"

#define NONE ((uid_t)-1)

static void root_sets(void)
{
	static const uid_t ids[] = {0,      1,          65534,       65535,      65536,
	                            100000, 2147483647, 2147483648u, 4294967294u};

	for (int k = 0; k < posix_kinds(); k++) {
		posix_make("o", k);
		for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
			struct stat st;

			posix_about("%s, id %u", posix_kind_name[k], ids[i]);
			WANT(lchown("o", ids[i], 7) == 0);
			WANT(posix_lstat("o").st_uid == ids[i] && posix_lstat("o").st_gid == 7);
			WANT(lchown("o", NONE, ids[i]) == 0);
			st = posix_lstat("o");
			WANT(st.st_uid == ids[i] && st.st_gid == ids[i] && posix_is(&st, k));
			WANT(lchown("o", 5, NONE) == 0 && posix_lstat("o").st_gid == ids[i]);
			WANT(posix_lstat("o").st_uid == 5);
		}
		posix_remove("o");
	}
}

static void times(void)
{
	for (int k = 0; k < posix_kinds(); k++) {
		struct stat st;

		posix_about("%s", posix_kind_name[k]);
		posix_make("o", k);
		st = posix_lstat("o");
		posix_tick();
		WANT(lchown("o", st.st_uid, st.st_gid) == 0);
		WANT(posix_later(posix_lstat("o").st_ctim, st.st_ctim));
		WANT(posix_same_time(posix_lstat("o").st_mtim, st.st_mtim));
		WANT(posix_same_time(posix_lstat("o").st_atim, st.st_atim));
		posix_remove("o");
	}
}

static void links(void)
{
	int fd;

	posix_write_file("f", "x");
	EXPECT(symlink("f", "l") == 0);
	WANT(chown("l", 5, 6) == 0 && posix_stat("f").st_uid == 5 && posix_lstat("l").st_uid == 0);
	WANT(lchown("l", 8, 9) == 0 && posix_lstat("l").st_uid == 8 && posix_stat("f").st_uid == 5);
	WANT(fchownat(AT_FDCWD, "l", 3, 4, AT_SYMLINK_NOFOLLOW) == 0);
	WANT(posix_lstat("l").st_uid == 3 && posix_lstat("l").st_gid == 4);
	fd = open("f", O_RDONLY);
	WANT(fchown(fd, 21, 22) == 0 && posix_stat("f").st_uid == 21);
	WANT(fchownat(fd, "", 23, 24, AT_EMPTY_PATH) == 0 && posix_stat("f").st_gid == 24);
	WANT_ERRNO(fchown(-1, 0, 0), EBADF);
	WANT_ERRNO(fchownat(AT_FDCWD, "f", 0, 0, 0x10), EINVAL);
}

static void owner_gives_group(void)
{
	gid_t groups[] = {777, 778};

	EXPECT(mkdir("d", 0777) == 0 && chmod("d", 0777) == 0);
	for (int k = 0; k < posix_kinds(); k++) {
		struct stat st;

		posix_about("%s", posix_kind_name[k]);
		posix_make("d/o", k);
		EXPECT(lchown("d/o", POSIX_A, POSIX_A) == 0);
		posix_as(POSIX_A, POSIX_A, 2, groups);
		WANT(lchown("d/o", NONE, 777) == 0 && posix_lstat("d/o").st_gid == 777);
		WANT(lchown("d/o", POSIX_A, 778) == 0 && posix_lstat("d/o").st_gid == 778);
		WANT(lchown("d/o", NONE, POSIX_A) == 0);
		st = posix_lstat("d/o");
		posix_tick();
		WANT_ERRNO(lchown("d/o", NONE, 779), EPERM);
		WANT_ERRNO(lchown("d/o", POSIX_B, NONE), EPERM);
		WANT_ERRNO(lchown("d/o", POSIX_B, 777), EPERM);
		WANT_ERRNO(lchown("d/o", 0, 0), EPERM);
		WANT(posix_same_time(posix_lstat("d/o").st_ctim, st.st_ctim));
		WANT(posix_lstat("d/o").st_uid == POSIX_A && posix_lstat("d/o").st_gid == POSIX_A);
		posix_as(POSIX_A, POSIX_A, 0, NULL);
		WANT_ERRNO(lchown("d/o", NONE, 777), EPERM);
		WANT(lchown("d/o", NONE, NONE) == 0 && lchown("d/o", POSIX_A, POSIX_A) == 0);
		posix_as_root();
		posix_remove("d/o");
	}
}

static void others_may_not(void)
{
	gid_t groups[] = {777};

	EXPECT(mkdir("d", 0777) == 0 && chmod("d", 0777) == 0);
	for (int k = 0; k < posix_kinds(); k++) {
		posix_about("%s", posix_kind_name[k]);
		posix_make("d/o", k);
		EXPECT(lchown("d/o", POSIX_B, 777) == 0);
		posix_as(POSIX_A, POSIX_A, 1, groups);
		WANT_ERRNO(lchown("d/o", POSIX_A, NONE), EPERM);
		WANT_ERRNO(lchown("d/o", NONE, POSIX_A), EPERM);
		WANT_ERRNO(lchown("d/o", NONE, 777), EPERM);
		WANT_ERRNO(lchown("d/o", POSIX_B, 777), EPERM);
		posix_as_root();
		posix_remove("d/o");
	}
}

static void takes_effect(void)
{
	EXPECT(mkdir("d", 0777) == 0 && chmod("d", 0777) == 0);
	posix_write_file("d/f", "x");
	EXPECT(chmod("d/f", 0600) == 0);
	for (int i = 0; i < 10; i++) {
		uid_t owner = i % 2 ? POSIX_A : POSIX_B;

		EXPECT(chown("d/f", owner, 0) == 0);
		posix_as(POSIX_A, POSIX_A, 0, NULL);
		if (owner == POSIX_A)
			WANT(posix_file_is("d/f", "x"));
		else
			WANT_ERRNO(open("d/f", O_RDONLY), EACCES);
		posix_as_root();
	}
}

const struct posix_case posix_chown_cases[] = {
    {"chown(2)", "root sets owner and group to any 32 bits but -1, for every type; -1 leaves it",
     root_sets, POSIX_ROOT},
    {"chown(2)", "ctime is updated and mtime is not, for every type", times, 0},
    {"lchown(2)", "a link itself; chown(2) its target; fchown(2) and fchownat(2)", links,
     POSIX_ROOT},
    {"chown(2)", "the owner may give the file to groups he is in; EPERM otherwise",
     owner_gives_group, POSIX_ROOT},
    {"chown(2)", "EPERM: the user is not the owner", others_may_not, POSIX_ROOT},
    {"chown(2)", "the next open(2) follows it", takes_effect, POSIX_ROOT},
    POSIX_END,
};
