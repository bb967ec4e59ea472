/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which calls mark which times for update (POSIX, 4.9, and the text of each call). A row of the
 * table is a call: what it needs, what it does, and what then must be later than before. What is not
 * named must be the same.
 *
 * Each row finds: "f" (a file of 10 bytes with the second name "d/g"), "d" (a folder), "e" (an
 * empty folder), "l" (a link), "p" (a FIFO). The object looked at is @object; the folders "." and "d".
 */
#include "tests/mount/posix_case.h"

#include <dirent.h>
#include <sys/xattr.h>

#define OBJ_M 1u  /* mtime of the object */
#define OBJ_C 2u  /* ctime of the object */
#define TOP_MC 4u /* mtime and ctime of "." */
#define DIR_MC 8u /* of "d" */
#define DIR_C 16u /* ctime alone of "d" */

static int fd_f;

static int do_write(void)
{
	return write(fd_f, "y", 1) == 1 ? 0 : -1;
}

static int do_pwrite_far(void)
{
	return pwrite(fd_f, "y", 1, 100000) == 1 ? 0 : -1;
}

static int do_read(void)
{
	char c;

	return pread(fd_f, &c, 1, 0) == 1 ? 0 : -1;
}

static int do_truncate(void)
{
	return truncate("f", 5);
}

static int do_extend(void)
{
	return ftruncate(fd_f, 500);
}

static int do_open_trunc(void)
{
	return close(open("f", O_WRONLY | O_TRUNC));
}

static int do_open_creat_old(void)
{
	return close(open("f", O_RDWR | O_CREAT, 0600));
}

static int do_create(void)
{
	return close(open("d/new", O_WRONLY | O_CREAT, 0644));
}

static int do_create_fails(void)
{
	return open("f", O_CREAT | O_EXCL | O_WRONLY, 0644) == -1 ? 0 : -1;
}

static int do_mkdir(void)
{
	return mkdir("d/new", 0755);
}

static int do_mkdir_fails(void)
{
	return mkdir("d", 0755) == -1 ? 0 : -1;
}

static int do_symlink(void)
{
	return symlink("x", "d/new");
}

static int do_mkfifo(void)
{
	return mkfifo("d/new", 0644);
}

static int do_bind(void)
{
	return posix_bind("d/new");
}

static int do_link(void)
{
	return link("f", "d/new");
}

static int do_link_fails(void)
{
	return link("f", "d/g") == -1 ? 0 : -1;
}

static int do_unlink(void)
{
	return unlink("d/g");
}

static int do_unlink_fails(void)
{
	return unlink("d") == -1 && unlink("none") == -1 ? 0 : -1;
}

static int do_rmdir(void)
{
	return rmdir("e");
}

static int do_rmdir_fails(void)
{
	return rmdir("d") == -1 ? 0 : -1;
}

static int do_rename_within(void)
{
	return rename("f", "f2");
}

static int do_rename_across(void)
{
	return rename("f", "d/f2");
}

static int do_rename_link(void)
{
	return rename("l", "d/l2");
}

static int do_rename_folder(void)
{
	return rename("e", "d/e2");
}

static int do_rename_same(void)
{
	return rename("f", "d/g");
}

static int do_rename_fails(void)
{
	return rename("e", "d") == -1 && rename("f", "d") == -1 ? 0 : -1;
}

static int do_chmod(void)
{
	return chmod("f", 0600);
}

static int do_chmod_folder(void)
{
	return chmod("d", 0700);
}

static int do_chown(void)
{
	return chown("f", geteuid(), getegid());
}

static int do_lchown(void)
{
	return lchown("l", geteuid(), getegid());
}

static int do_setxattr(void)
{
	return setxattr("f", "user.a", "v", 1, 0);
}

static int do_removexattr(void)
{
	return removexattr("f", "user.old");
}

static int do_getxattr(void)
{
	char v[8];

	return getxattr("f", "user.old", v, 8) == 1 && listxattr("f", NULL, 0) > 0 ? 0 : -1;
}

static int do_look(void)
{
	char out[16];
	struct stat st;

	return stat("f", &st) == 0 && access("f", R_OK) == 0 &&
	               readlink("l", out, sizeof(out)) > 0 && posix_count("d") == 1
	           ? 0
	           : -1;
}

static int do_fsync(void)
{
	return fsync(fd_f);
}

static int do_open_close(void)
{
	return close(open("f", O_RDWR));
}

static int do_fallocate(void)
{
	return fallocate(fd_f, 0, 0, 5000);
}

struct row {
	const char *what;
	const char *object; /* looked at before and, under the name @after, afterwards */
	const char *after;
	int (*fn)(void);
	unsigned changes;
};

static const struct row rows[] = {
    {"write", "f", "f", do_write, OBJ_M | OBJ_C},
    {"pwrite behind the end", "f", "f", do_pwrite_far, OBJ_M | OBJ_C},
    {"read", "f", "f", do_read, 0},
    {"truncate", "f", "f", do_truncate, OBJ_M | OBJ_C},
    {"ftruncate to a larger size", "f", "f", do_extend, OBJ_M | OBJ_C},
    {"open with O_TRUNC", "f", "f", do_open_trunc, OBJ_M | OBJ_C},
    {"open with O_CREAT of an old file", "f", "f", do_open_creat_old, 0},
    {"open with O_CREAT of a new file", "f", "f", do_create, DIR_MC},
    {"open with O_EXCL that fails", "f", "f", do_create_fails, 0},
    {"open and close", "f", "f", do_open_close, 0},
    {"mkdir", "f", "f", do_mkdir, DIR_MC},
    {"mkdir that fails", "d", "d", do_mkdir_fails, 0},
    {"symlink", "f", "f", do_symlink, DIR_MC},
    {"mkfifo", "f", "f", do_mkfifo, DIR_MC},
    {"bind", "f", "f", do_bind, DIR_MC},
    {"link", "f", "f", do_link, OBJ_C | DIR_MC},
    {"link that fails", "f", "f", do_link_fails, 0},
    {"unlink", "f", "f", do_unlink, OBJ_C | DIR_MC},
    {"unlink that fails", "f", "f", do_unlink_fails, 0},
    {"rmdir", "d", "d", do_rmdir, TOP_MC},
    {"rmdir that fails", "d", "d", do_rmdir_fails, 0},
    {"rename in a folder", "f", "f2", do_rename_within, OBJ_C | TOP_MC},
    {"rename to another folder", "f", "d/f2", do_rename_across, OBJ_C | TOP_MC | DIR_MC},
    {"rename of a link", "l", "d/l2", do_rename_link, OBJ_C | TOP_MC | DIR_MC},
    {"rename of a folder", "e", "d/e2", do_rename_folder, OBJ_C | TOP_MC | DIR_MC},
    {"rename to a link of the same file", "f", "f", do_rename_same, 0},
    {"rename that fails", "f", "f", do_rename_fails, 0},
    {"chmod", "f", "f", do_chmod, OBJ_C},
    {"chmod of a folder", "f", "f", do_chmod_folder, DIR_C},
    {"chown", "f", "f", do_chown, OBJ_C},
    {"lchown", "l", "l", do_lchown, OBJ_C},
    {"setxattr", "f", "f", do_setxattr, OBJ_C},
    {"removexattr", "f", "f", do_removexattr, OBJ_C},
    {"getxattr and listxattr", "f", "f", do_getxattr, 0},
    {"stat, access, readlink, readdir", "f", "f", do_look, 0},
    {"fsync", "f", "f", do_fsync, 0},
    {"fallocate", "f", "f", do_fallocate, OBJ_M | OBJ_C},
};

static void compare(const struct stat *before, const char *name, bool mtime, bool ctime)
{
	struct stat after = posix_lstat(name);

	if (mtime)
		WANT(posix_later(after.st_mtim, before->st_mtim));
	else
		WANT(posix_same_time(after.st_mtim, before->st_mtim));
	if (ctime)
		WANT(posix_later(after.st_ctim, before->st_ctim));
	else
		WANT(posix_same_time(after.st_ctim, before->st_ctim));
}

static void run_row(const struct row *row)
{
	struct stat object, top, dir;
	unsigned c = row->changes;

	posix_about("%s", row->what);
	EXPECT(mkdir("row", 0755) == 0 && chdir("row") == 0);
	EXPECT(mkdir("d", 0755) == 0 && mkdir("e", 0755) == 0 && symlink("f", "l") == 0);
	posix_make("p", POSIX_FIFO);
	posix_write_file("f", "0123456789");
	EXPECT(link("f", "d/g") == 0);
	if (setxattr("f", "user.old", "v", 1, 0) != 0 && errno == EOPNOTSUPP)
		posix_skip("no user attributes here");
	fd_f = open("f", O_RDWR);
	object = posix_lstat(row->object);
	top = posix_stat(".");
	dir = posix_stat("d");
	posix_tick();
	WANT(row->fn() == 0);
	/* twice: what is shown must not change when the kernel asks again */
	for (int i = 0; i < 2; i++) {
		compare(&object, row->after, c & OBJ_M, c & OBJ_C);
		compare(&top, ".", c & TOP_MC, c & TOP_MC);
		compare(&dir, "d", c & DIR_MC, c & (DIR_MC | DIR_C));
		EXPECT(fsync(fd_f) == 0);
	}
	close(fd_f);
	compare(&object, row->after, c & OBJ_M, c & OBJ_C);
	EXPECT(chdir("..") == 0 && rename("row", row->what) == 0);
}

static void all_rows(void)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		run_row(&rows[i]);
}

static void never_back(void)
{
	int fd = posix_file("f", 0);
	struct timespec last = posix_fstat(fd).st_ctim;

	/* every change, whoever stamps it, is not earlier than the one before */
	for (int i = 0; i < 200; i++) {
		struct timespec now;

		switch (i % 5) {
		case 0:
			posix_put(fd, i, 1, 'x');
			break;
		case 1:
			EXPECT(fchmod(fd, 0600 + i % 2) == 0);
			break;
		case 2:
			EXPECT(ftruncate(fd, 1000 + i) == 0);
			break;
		case 3:
			EXPECT(rename(i % 10 == 3 ? "f" : "g", i % 10 == 3 ? "g" : "f") == 0);
			break;
		case 4:
			EXPECT(fchown(fd, geteuid(), getegid()) == 0);
			break;
		}
		now = posix_fstat(fd).st_ctim;
		posix_about("step %d", i);
		WANT(!posix_later(last, now));
		last = now;
	}
}

static void atime(void)
{
	struct timespec old[2] = {{.tv_sec = 1000}, {.tv_sec = 2000}};
	char c;
	int fd;

	/* relatime(8): an access time before the modification time is brought up */
	posix_write_file("f", "x");
	EXPECT(utimensat(AT_FDCWD, "f", old, 0) == 0);
	fd = open("f", O_RDONLY);
	EXPECT(read(fd, &c, 1) == 1 && close(fd) == 0);
	WANT(posix_stat("f").st_atim.tv_sec > 2000);
}

const struct posix_case posix_stamps_cases[] = {
    {"inode(7)", "each call updates the times that its page names, and no other", all_rows, 0},
    {"inode(7)", "ctime does not go back from one change to the next", never_back, 0},
    {"inode(7)", "atime: reading updates it when it is not later than mtime", atime, 0},
    POSIX_END,
};
