/* SPDX-License-Identifier: Apache-2.0 */
/* chmod(2), fchmod(2), fchmodat(2), umask(2). */
#include "tests/mount/posix_case.h"

#include <sys/syscall.h>

static void all_modes(void)
{
	for (int k = 0; k < posix_kinds(); k++) {
		if (k == POSIX_LNK)
			continue;
		posix_make("o", k);
		for (mode_t mode = 0; mode <= 07777; mode += k == POSIX_REG ? 1 : 0123) {
			posix_about("%s, mode %o", posix_kind_name[k], mode);
			WANT(chmod("o", mode) == 0 && posix_mode("o") == mode);
		}
		EXPECT(chmod("o", 0700) == 0);
		posix_remove("o");
	}
}

static void times(void)
{
	for (int k = 0; k < posix_kinds(); k++) {
		struct stat st;

		if (k == POSIX_LNK)
			continue;
		posix_about("%s", posix_kind_name[k]);
		posix_make("o", k);
		st = posix_stat("o");
		posix_tick();
		/* also when nothing changes */
		WANT(chmod("o", st.st_mode & 07777) == 0);
		WANT(posix_later(posix_stat("o").st_ctim, st.st_ctim));
		WANT(posix_same_time(posix_stat("o").st_mtim, st.st_mtim));
		WANT(posix_same_time(posix_stat("o").st_atim, st.st_atim));
		WANT(posix_stat("o").st_size == st.st_size &&
		     posix_stat("o").st_nlink == st.st_nlink);
		posix_remove("o");
	}
}

static void by_descriptor(void)
{
	struct stat st;
	int fd;

	posix_write_file("f", "x");
	fd = open("f", O_RDONLY);
	st = posix_fstat(fd);
	posix_tick();
	WANT(fchmod(fd, 0640) == 0 && posix_mode("f") == 0640);
	WANT((posix_fstat(fd).st_mode & 07777) == 0640);
	WANT(posix_later(posix_fstat(fd).st_ctim, st.st_ctim));
	EXPECT(rename("f", "g") == 0);
	WANT(fchmod(fd, 0600) == 0 && posix_mode("g") == 0600);
	WANT_ERRNO(fchmod(-1, 0600), EBADF);
	EXPECT(mkdir("d", 0755) == 0);
	fd = open("d", O_RDONLY);
	WANT(fchmod(fd, 0700) == 0 && posix_mode("d") == 0700);
	posix_write_file("d/f", "x");
	WANT(fchmodat(fd, "f", 0604, 0) == 0 && posix_mode("d/f") == 0604);
}

static void by_link(void)
{
	struct stat st;

	posix_write_file("f", "x");
	EXPECT(symlink("f", "l") == 0);
	st = posix_lstat("l");
	posix_tick();
	WANT(chmod("l", 0604) == 0 && posix_mode("f") == 0604);
	WANT((posix_lstat("l").st_mode & 07777) == 0777);
	WANT(posix_same_time(posix_lstat("l").st_ctim, st.st_ctim));
	WANT_ERRNO(fchmodat(AT_FDCWD, "l", 0600, AT_SYMLINK_NOFOLLOW), EOPNOTSUPP);
	WANT(fchmodat(AT_FDCWD, "f", 0600, AT_SYMLINK_NOFOLLOW) == 0 && posix_mode("f") == 0600);
}

static void owner_only(void)
{
	EXPECT(mkdir("d", 0777) == 0 && chmod("d", 0777) == 0);
	for (int k = 0; k < posix_kinds(); k++) {
		struct stat st;

		if (k == POSIX_LNK)
			continue;
		posix_about("%s", posix_kind_name[k]);
		posix_make("d/o", k);
		EXPECT(chown("d/o", POSIX_A, POSIX_A) == 0);
		st = posix_stat("d/o");
		posix_tick();
		/* the group and all rights are not enough */
		posix_as(POSIX_B, POSIX_A, 0, NULL);
		WANT_ERRNO(chmod("d/o", 0777), EPERM);
		WANT_ERRNO(chmod("d/o", st.st_mode & 07777), EPERM);
		WANT(posix_same_time(posix_stat("d/o").st_ctim, st.st_ctim));
		WANT(posix_stat("d/o").st_mode == st.st_mode);
		posix_as(POSIX_A, POSIX_B, 0, NULL);
		WANT(chmod("d/o", 0111) == 0 && posix_mode("d/o") == 0111);
		WANT(chmod("d/o", 0) == 0 && chmod("d/o", 0755) == 0);
		posix_as_root();
		WANT(chmod("d/o", 0640) == 0 && posix_mode("d/o") == 0640);
		posix_remove("d/o");
	}
}

static void special_bits(void)
{
	gid_t groups[] = {777};

	EXPECT(mkdir("d", 0777) == 0 && chmod("d", 0777) == 0);
	for (int k = 0; k < posix_kinds(); k++) {
		if (k == POSIX_LNK)
			continue;
		posix_about("%s", posix_kind_name[k]);
		posix_make("d/o", k);
		EXPECT(chown("d/o", POSIX_A, 777) == 0);
		/* setgid needs the group, as the main one or a further one */
		posix_as(POSIX_A, POSIX_A, 0, NULL);
		WANT(chmod("d/o", 02755) == 0 && posix_mode("d/o") == 0755);
		WANT(chmod("d/o", 06711) == 0 && posix_mode("d/o") == 04711);
		posix_as(POSIX_A, 777, 0, NULL);
		WANT(chmod("d/o", 02755) == 0 && posix_mode("d/o") == 02755);
		posix_as(POSIX_A, POSIX_A, 1, groups);
		WANT(chmod("d/o", 02711) == 0 && posix_mode("d/o") == 02711);
		WANT(chmod("d/o", 07777) == 0 && posix_mode("d/o") == 07777);
		posix_as_root();
		WANT(chmod("d/o", 02755) == 0 && posix_mode("d/o") == 02755);
		posix_remove("d/o");
	}
}

static void takes_effect(void)
{
	int fd;

	EXPECT(mkdir("d", 0777) == 0 && chmod("d", 0777) == 0);
	posix_write_file("d/f", "x");
	EXPECT(chown("d/f", POSIX_A, POSIX_A) == 0);
	posix_as(POSIX_A, POSIX_A, 0, NULL);
	for (int i = 0; i < 20; i++) {
		EXPECT(chmod("d/f", 0400) == 0);
		WANT_ERRNO(open("d/f", O_WRONLY), EACCES);
		fd = open("d/f", O_RDONLY);
		WANT(fd >= 0 && close(fd) == 0);
		EXPECT(chmod("d/f", 0200) == 0);
		WANT_ERRNO(open("d/f", O_RDONLY), EACCES);
		fd = open("d/f", O_WRONLY);
		WANT(fd >= 0 && close(fd) == 0);
	}
	posix_as_root();
}

static void umask_of_all(void)
{
	umask(027);
	EXPECT(close(open("f", O_CREAT | O_WRONLY, 0666)) == 0);
	EXPECT(mkdir("d", 0777) == 0 && mkfifo("p", 0666) == 0 && posix_bind("s") == 0);
	WANT(posix_mode("f") == 0640 && posix_mode("d") == 0750);
	WANT(posix_mode("p") == 0640 && posix_mode("s") == 0750);
	/* chmod has nothing to do with it */
	WANT(chmod("f", 0666) == 0 && posix_mode("f") == 0666);
}

const struct posix_case posix_chmod_cases[] = {
    {"chmod(2)", "all twelve bits are set, for every type", all_modes, 0},
    {"chmod(2)", "ctime is updated and mtime is not, for every type", times, 0},
    {"fchmod(2)", "the file of the descriptor, whatever its name; EBADF", by_descriptor, 0},
    {"chmod(2)", "a link's target is changed; EOPNOTSUPP for the link itself", by_link, 0},
    {"chmod(2)", "EPERM: the user is not the owner; nothing changes", owner_only, POSIX_ROOT},
    {"chmod(2)", "S_ISGID is left out when the owner is not in the group", special_bits,
     POSIX_ROOT},
    {"chmod(2)", "the next open(2) follows it", takes_effect, POSIX_ROOT},
    {"umask(2)", "applies to all that is made, not to chmod(2)", umask_of_all, 0},
    POSIX_END,
};
