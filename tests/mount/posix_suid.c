/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What takes the set-user-ID and set-group-ID bits and security.capability away. On Linux S_ISGID
 * without group execution is the mark of mandatory locking, no right, and stays with chown(2).
 */
#include "tests/mount/posix_case.h"

#include <linux/falloc.h>
#include <sys/xattr.h>

static const mode_t modes[] = {04777, 02777, 06777, 06755, 06711, 04700, 02070, 02767, 06766};

#define MODES (sizeof(modes) / sizeof(modes[0]))

/* version 2, permitted: CAP_NET_RAW */
static const unsigned char capability[20] = {1, 0, 0, 2, 0, 0x20};

static bool has_capability(const char *name)
{
	return getxattr(name, "security.capability", NULL, 0) > 0;
}

static mode_t dropped(mode_t mode)
{
	mode &= ~(mode_t)S_ISUID;
	return mode & S_IXGRP ? mode & ~(mode_t)S_ISGID : mode;
}

/* ---- by changing the content ---- */

static int by_write(int fd)
{
	return write(fd, "y", 1) == 1 ? 0 : -1;
}

static int by_append(int fd)
{
	return pwrite(fd, "y", 1, 100000) == 1 ? 0 : -1;
}

static int by_truncate(int fd)
{
	return ftruncate(fd, 3);
}

static int by_fallocate(int fd)
{
	return fallocate(fd, 0, 0, 50000);
}

static int by_punch(int fd)
{
	return fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 4096);
}

static int by_copy(int fd)
{
	int in = open("source", O_RDONLY);
	int r = copy_file_range(in, NULL, fd, NULL, 4, 0) == 4 ? 0 : -1;

	close(in);
	return r;
}

static int by_open(int fd)
{
	int again = open(posix_text("/proc/self/fd/%d", fd), O_WRONLY | O_TRUNC);

	return again < 0 ? -1 : close(again);
}

struct way {
	const char *name;
	int (*fn)(int fd);
};

static const struct way ways[] = {
    {"write", by_write},
    {"a write behind the end", by_append},
    {"ftruncate", by_truncate},
    {"fallocate", by_fallocate},
    {"PUNCH_HOLE", by_punch},
    {"copy_file_range", by_copy},
    {"open with O_TRUNC", by_open},
};

#define WAYS (sizeof(ways) / sizeof(ways[0]))

static void changed_by(uid_t uid, const struct way *way, mode_t mode)
{
	mode_t want = uid == 0 ? mode : dropped(mode);
	int fd;

	posix_about("%s by %u, mode %o", way->name, uid, mode);
	posix_write_file("f", "data");
	fd = open("f", O_RDWR);
	EXPECT(fchmod(fd, mode) == 0);
	posix_as(uid, uid, 0, NULL);
	EXPECT(way->fn(fd) == 0);
	WANT(posix_mode("f") == want);
	posix_as_root();
	WANT((posix_fstat(fd).st_mode & 07777) == want);
	EXPECT(fsync(fd) == 0);
	WANT(posix_mode("f") == want);
	close(fd);
	WANT(posix_mode("f") == want);
	EXPECT(unlink("f") == 0);
}

/* S_ISGID without execution goes as well when the user is not in the group, but not of all kernels:
 * that is not tried. To open it again the file must be writable by others. */
static void content_by_user(const struct way *way)
{
	posix_write_file("source", "source");
	for (size_t m = 0; m < MODES; m++)
		if ((way->fn != by_open || modes[m] & 02) &&
		    (!(modes[m] & S_ISGID) || modes[m] & S_IXGRP))
			changed_by(POSIX_A, way, modes[m]);
}

static void user_writes(void)
{
	content_by_user(&ways[0]);
	content_by_user(&ways[1]);
}

static void user_truncates(void)
{
	content_by_user(&ways[2]);
	content_by_user(&ways[6]);
}

static void user_allocates(void)
{
	content_by_user(&ways[3]);
	content_by_user(&ways[4]);
}

static void user_copies(void)
{
	content_by_user(&ways[5]);
}

static void content_by_root(void)
{
	posix_write_file("source", "source");
	for (size_t w = 0; w < WAYS; w++)
		for (size_t m = 0; m < MODES; m++)
			changed_by(0, &ways[w], modes[m]);
}

static void capability_content(void)
{
	posix_write_file("source", "source");
	for (size_t w = 0; w < WAYS; w++) {
		int fd;

		posix_about("%s", ways[w].name);
		posix_write_file("f", "data");
		if (setxattr("f", "security.capability", capability, sizeof(capability), 0) != 0)
			posix_skip("no file capabilities here");
		EXPECT(has_capability("f"));
		fd = open("f", O_RDWR);
		EXPECT(ways[w].fn(fd) == 0 && fsync(fd) == 0);
		WANT(!has_capability("f"));
		close(fd);
		EXPECT(unlink("f") == 0);
	}
}

static void capability_owner(void)
{
	posix_write_file("f", "data");
	if (setxattr("f", "security.capability", capability, sizeof(capability), 0) != 0)
		posix_skip("no file capabilities here");
	EXPECT(chmod("f", 0700) == 0 && rename("f", "g") == 0 && link("g", "h") == 0);
	WANT(has_capability("g") && has_capability("h"));
	EXPECT(chown("g", 1, 1) == 0);
	WANT(!has_capability("g"));
}

/* ---- by changing the owner ---- */

static void chown_by(uid_t uid, bool group_only)
{
	gid_t groups[] = {777};

	for (mode_t bits = 0; bits < 8; bits++) {
		for (mode_t x = 0; x < 0200; x = x == 0 ? 010 : x == 010 ? 0111 : 0200) {
			mode_t mode = 0644 | bits << 9 | x;

			posix_about("mode %o, by %u", mode, uid);
			posix_write_file("f", "x");
			EXPECT(chown("f", POSIX_A, POSIX_A) == 0);
			EXPECT(chmod("f", mode) == 0 && posix_mode("f") == mode);
			posix_as(uid, POSIX_A, 1, groups);
			EXPECT(chown("f", group_only ? (uid_t)-1 : POSIX_B, 777) == 0);
			posix_as_root();
			WANT(posix_mode("f") == dropped(mode));
			EXPECT(unlink("f") == 0);
		}
	}
}

static void chown_root(void)
{
	chown_by(0, false);
}

static void chown_owner(void)
{
	EXPECT(chmod(".", 0777) == 0);
	chown_by(POSIX_A, true);
}

static void chown_nothing(void)
{
	posix_write_file("f", "x");
	EXPECT(chmod("f", 06755) == 0 && chown("f", (uid_t)-1, (gid_t)-1) == 0);
	WANT(posix_mode("f") == 0755);
}

static void chown_folder(void)
{
	EXPECT(mkdir("d", 0755) == 0);
	for (mode_t bits = 0; bits < 8; bits++) {
		posix_about("bits %o", bits);
		EXPECT(chmod("d", 0755 | bits << 9) == 0 && chown("d", 5, 6) == 0);
		WANT(posix_mode("d") == (0755 | bits << 9));
		EXPECT(chown("d", POSIX_A, POSIX_A) == 0);
		posix_as(POSIX_A, POSIX_A, 0, NULL);
		EXPECT(chown("d", (uid_t)-1, POSIX_A) == 0);
		posix_as_root();
		WANT(posix_mode("d") == (0755 | bits << 9));
	}
}

/* ---- new files in setgid folders ---- */

static void setgid_folder(void)
{
	EXPECT(mkdir("d", 0777) == 0 && chown("d", 0, 777) == 0 && chmod("d", 02777) == 0);
	for (uid_t uid = 0; uid <= POSIX_A; uid += POSIX_A) {
		posix_as(uid, uid, 0, NULL);
		for (int k = 0; k < (uid == 0 ? posix_kinds() : POSIX_BLK); k++) {
			struct stat st;

			posix_about("%s by %u", posix_kind_name[k], uid);
			posix_make("d/o", k);
			st = posix_lstat("d/o");
			WANT(st.st_gid == 777 && st.st_uid == uid);
			WANT(!!(st.st_mode & S_ISGID) == (k == POSIX_DIR));
			posix_remove("d/o");
		}
		posix_as_root();
	}
	/* a new program with setgid: only for members of the group */
	umask(0);
	posix_as(POSIX_A, POSIX_A, 0, NULL);
	EXPECT(close(open("d/f", O_CREAT | O_WRONLY, 02777)) == 0);
	EXPECT(mknod("d/g", S_IFREG | 02777, 0) == 0);
	WANT(posix_mode("d/f") == 0777 && posix_mode("d/g") == 0777);
	posix_as(POSIX_A, 777, 0, NULL);
	EXPECT(close(open("d/h", O_CREAT | O_WRONLY, 02777)) == 0);
	WANT(posix_mode("d/h") == 02777);
	posix_as_root();
}

const struct posix_case posix_suid_cases[] = {
    {"write(2)", "by a user clears S_ISUID, and S_ISGID with group execution", user_writes,
     POSIX_ROOT},
    {"ftruncate(2)", "by a user clears S_ISUID, and S_ISGID with group execution; O_TRUNC too",
     user_truncates, POSIX_ROOT},
    {"fallocate(2)", "by a user clears S_ISUID, and S_ISGID with group execution", user_allocates,
     POSIX_ROOT},
    {"copy_file_range(2)", "by a user clears S_ISUID, and S_ISGID with group execution",
     user_copies, POSIX_ROOT},
    {"write(2)", "by root leaves S_ISUID and S_ISGID", content_by_root, POSIX_ROOT},
    {"capabilities(7)", "writing, truncating, copying into a file drop security.capability",
     capability_content, POSIX_ROOT},
    {"capabilities(7)", "chown(2) drops security.capability, renaming and linking do not",
     capability_owner, POSIX_ROOT},
    {"chown(2)", "by root clears S_ISUID, and S_ISGID with group execution", chown_root,
     POSIX_ROOT},
    {"chown(2)", "by the owner clears S_ISUID, and S_ISGID with group execution", chown_owner,
     POSIX_ROOT},
    {"chown(2)", "to -1, -1 clears them as well", chown_nothing, 0},
    {"chown(2)", "a folder's bits are not cleared", chown_folder, POSIX_ROOT},
    {"inode(7)", "what is made in a setgid folder has its group, and folders the bit",
     setgid_folder, POSIX_ROOT},
    POSIX_END,
};
