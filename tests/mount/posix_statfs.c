/* SPDX-License-Identifier: Apache-2.0 */
/* statfs(2), statvfs(3), pathconf(3), statx(2), file handles: what a file system tells of itself. */
#include "tests/mount/posix_case.h"

#include <sys/ioctl.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>

static void totals(void)
{
	struct statvfs st, other;
	struct statfs fs;

	EXPECT(statvfs(".", &st) == 0 && statfs(".", &fs) == 0);
	WANT(st.f_namemax == 255 && fs.f_namelen == 255);
	WANT(st.f_bsize >= 512 && st.f_frsize >= 512 && st.f_blocks > 0);
	WANT(st.f_bfree <= st.f_blocks && st.f_bavail <= st.f_bfree && st.f_bavail > 0);
	WANT(st.f_ffree <= st.f_files && st.f_favail <= st.f_ffree);
	WANT(!(st.f_flag & ST_RDONLY) && fs.f_type != 0);
	/* the same from everywhere in it */
	EXPECT(mkdir("d", 0755) == 0);
	posix_write_file("d/f", "x");
	WANT(fstatvfs(open("d/f", O_RDONLY), &other) == 0);
	WANT(other.f_blocks == st.f_blocks && other.f_fsid == st.f_fsid);
	WANT(statvfs("d", &other) == 0 && other.f_blocks == st.f_blocks);
}

static void limits(void)
{
	int fd = posix_file("f", 0);

	WANT(pathconf(".", _PC_NAME_MAX) == 255 && fpathconf(fd, _PC_NAME_MAX) == 255);
	WANT(pathconf(".", _PC_PATH_MAX) == 4096 && pathconf(".", _PC_NO_TRUNC) == 1);
	WANT(pathconf(".", _PC_CHOWN_RESTRICTED) == 1 && pathconf(".", _PC_PIPE_BUF) == 4096);
	WANT(pathconf(".", _PC_LINK_MAX) >= 127);
}

static void inodes(void)
{
	struct stat st[POSIX_KINDS];
	dev_t dev = posix_stat(".").st_dev;

	for (int k = 0; k < posix_kinds(); k++) {
		posix_about("%s", posix_kind_name[k]);
		posix_make(posix_text("%d", k), k);
		st[k] = posix_lstat(posix_text("%d", k));
		WANT(st[k].st_dev == dev && st[k].st_ino != 0 && st[k].st_blksize >= 512);
		for (int i = 0; i < k; i++)
			WANT(st[i].st_ino != st[k].st_ino);
	}
	/* they stay what they are */
	for (int k = 0; k < posix_kinds(); k++) {
		EXPECT(rename(posix_text("%d", k), posix_text("moved-%d", k)) == 0);
		WANT(posix_lstat(posix_text("moved-%d", k)).st_ino == st[k].st_ino);
	}
}

static void statx_basic(void)
{
	for (int k = 0; k < posix_kinds(); k++) {
		struct statx sx;
		struct stat st;

		posix_about("%s", posix_kind_name[k]);
		posix_make("o", k);
		EXPECT(statx(AT_FDCWD, "o", AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS, &sx) == 0);
		st = posix_lstat("o");
		WANT((sx.stx_mask & STATX_BASIC_STATS) == STATX_BASIC_STATS);
		WANT(sx.stx_ino == st.st_ino && sx.stx_mode == st.st_mode);
		WANT(sx.stx_nlink == st.st_nlink && sx.stx_size == (uint64_t)st.st_size);
		WANT(sx.stx_uid == st.st_uid && sx.stx_gid == st.st_gid);
		WANT(sx.stx_mtime.tv_sec == st.st_mtim.tv_sec);
		WANT(sx.stx_mtime.tv_nsec == (uint32_t)st.st_mtim.tv_nsec);
		WANT(makedev(sx.stx_rdev_major, sx.stx_rdev_minor) == st.st_rdev);
		WANT(makedev(sx.stx_dev_major, sx.stx_dev_minor) == st.st_dev);
		posix_remove("o");
	}
	WANT_ERRNO(statx(AT_FDCWD, ".", 0x40000, STATX_BASIC_STATS, &(struct statx){0}), EINVAL);
	WANT_ERRNO(statx(-1, "o", 0, STATX_BASIC_STATS, &(struct statx){0}), EBADF);
}

static void birth(void)
{
	struct stat before;
	struct statx sx;

	posix_write_file("g", "x");
	before = posix_stat("g");
	posix_write_file("f", "x");
	EXPECT(statx(AT_FDCWD, "f", 0, STATX_BTIME, &sx) == 0);
	if (!(sx.stx_mask & STATX_BTIME))
		posix_skip("no birth times here");
	WANT(sx.stx_btime.tv_sec >= before.st_ctim.tv_sec);
	WANT(sx.stx_btime.tv_sec <= before.st_ctim.tv_sec + 5);
	for (int i = 0; i < 2; i++) {
		struct timespec ts[2] = {{.tv_sec = 1}, {.tv_sec = 1}};
		struct statx now;

		/* nothing changes it */
		EXPECT(i == 0 ? utimensat(AT_FDCWD, "f", ts, 0) == 0 : chmod("f", 0600) == 0);
		EXPECT(statx(AT_FDCWD, "f", 0, STATX_BTIME, &now) == 0);
		WANT(now.stx_btime.tv_sec == sx.stx_btime.tv_sec);
		WANT(now.stx_btime.tv_nsec == sx.stx_btime.tv_nsec);
	}
}

union handle {
	struct file_handle head;
	char bytes[sizeof(struct file_handle) + MAX_HANDLE_SZ];
};

static void handles(void)
{
	union handle h = {.head.handle_bytes = MAX_HANDLE_SZ};
	union handle d = {.head.handle_bytes = MAX_HANDLE_SZ};
	int mount = open(".", O_RDONLY), fd, id;

	posix_write_file("f", "by handle");
	EXPECT(mkdir("d", 0755) == 0);
	if (name_to_handle_at(AT_FDCWD, "f", &h.head, &id, 0) != 0 && errno == EOPNOTSUPP)
		posix_skip("no file handles here");
	EXPECT(name_to_handle_at(AT_FDCWD, "d", &d.head, &id, 0) == 0);
	EXPECT(rename("f", "g") == 0);
	fd = open_by_handle_at(mount, &h.head, O_RDWR);
	WANT(fd >= 0 && posix_fstat(fd).st_ino == posix_stat("g").st_ino);
	WANT(pwrite(fd, "BY", 2, 0) == 2 && posix_file_is("g", "BY handle"));
	close(fd);
	fd = open_by_handle_at(mount, &d.head, O_RDONLY | O_DIRECTORY);
	WANT(fd >= 0 && mkdirat(fd, "e", 0755) == 0 && !posix_none("d/e"));
	close(fd);
	EXPECT(unlink("g") == 0);
	/* what the last close(2) sets off may take a moment */
	for (int i = 0; i < 500; i++) {
		fd = open_by_handle_at(mount, &h.head, O_RDONLY);
		if (fd < 0)
			break;
		close(fd);
		usleep(2000);
	}
	WANT(fd == -1 && errno == ESTALE);
}

static void ioctls(void)
{
	int fd = posix_file("f", 10), n = -1;

	WANT(ioctl(fd, FIONREAD, &n) == 0 && n == 10);
	WANT_ERRNO(ioctl(fd, 0x12345678, &n), ENOTTY);
	WANT(!isatty(fd) && errno == ENOTTY);
	WANT_ERRNO(ioctl(-1, FIONREAD, &n), EBADF);
}

const struct posix_case posix_statfs_cases[] = {
    {"statvfs(3)", "believable totals, names of 255 bytes, the same from everywhere", totals, 0},
    {"pathconf(3)", "_PC_NAME_MAX 255, _PC_PATH_MAX 4096, names are not cut off", limits, 0},
    {"stat(2)", "st_dev and st_ino identify the file and stay through renames", inodes, 0},
    {"statx(2)", "tells what stat(2) tells, for every type", statx_basic, 0},
    {"statx(2)", "STATX_BTIME: when the file was made, and nothing changes it", birth, 0},
    {"open_by_handle_at(2)", "handles find the file under any name; ESTALE when it is gone",
     handles, POSIX_ROOT},
    {"ioctl(2)", "ENOTTY for what a file does not know", ioctls, 0},
    POSIX_END,
};
