/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is read-only: the past of a mounted volume, by .snapshots. Only a volume has it, so there is
 * nothing to compare with; the sentences on EROFS are those of the man pages.
 *
 * One snapshot is made for all cases, before they run, of a folder with a thing of each type.
 */
#include "tests/mount/posix_case.h"

#include <dirent.h>
#include <sys/mman.h>
#include <sys/statvfs.h>
#include <sys/xattr.h>

static char root_dir[4096], past_dir[8192], snapshot[64];

/* Run the program in the mounted folder. */
static bool amberfs(const char *words)
{
	return system(posix_text("cd '%s' && \"$AMBERFS\" %s >/dev/null 2>&1", root_dir, words)) ==
	       0;
}

static bool make_tree(const char *dir)
{
	bool made = mkdir(dir, 0777) == 0 && chmod(dir, 0777) == 0;
	int back = open(".", O_PATH);

	if (!made || chdir(dir) != 0)
		return false;
	posix_write_file("x", "then");
	posix_write_file("source", "source");
	EXPECT(chmod("x", 0777) == 0);
	posix_make("d", POSIX_DIR);
	for (int k = 0; k < posix_kinds(); k++) {
		posix_make(posix_text("kind-%d", k), k);
	}
	made = fchdir(back) == 0;
	close(back);
	return made;
}

bool posix_past_begin(const char *root, const char *work)
{
	char real[4096];

	if (!getenv("AMBERFS") || !realpath(root, root_dir) || !realpath(work, real))
		return false;
	if (!make_tree(posix_text("%s/past", real)))
		return false;
	snprintf(snapshot, sizeof(snapshot), "posix-%d", (int)getpid());
	snprintf(past_dir, sizeof(past_dir), "%s/.snapshots/%s%s/past", root_dir, snapshot,
	         real + strlen(root_dir));
	return amberfs(posix_text("snapshot create %s", snapshot)) && access(past_dir, F_OK) == 0;
}

void posix_past_end(void)
{
	if (snapshot[0])
		amberfs(posix_text("snapshot delete %s", snapshot));
}

const char *posix_past_dir(void)
{
	return past_dir;
}

static void enter(void)
{
	EXPECT(chdir(past_dir) == 0);
}

static void reads(void)
{
	struct stat st;

	enter();
	WANT(posix_file_is("x", "then") && posix_count("d") == 0);
	for (int k = 0; k < posix_kinds(); k++) {
		posix_about("%s", posix_kind_name[k]);
		st = posix_lstat(posix_text("kind-%d", k));
		WANT(posix_is(&st, k));
	}
	WANT(posix_count(".") == 3 + posix_kinds());
}

static void opens(void)
{
	static const int flags[] = {O_WRONLY, O_RDWR, O_RDONLY | O_TRUNC, O_WRONLY | O_TRUNC,
	                            O_RDWR | O_APPEND};

	enter();
	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
		posix_about("flags %o", (unsigned)flags[i]);
		WANT_ERRNO(open("x", flags[i]), EROFS);
	}
	WANT_ERRNO(open("new", O_WRONLY | O_CREAT, 0644), EROFS);
	WANT_ERRNO(open("new", O_RDONLY | O_CREAT, 0644), EROFS);
	WANT(close(open("x", O_RDONLY | O_CREAT, 0644)) == 0);
	WANT_ERRNO(open("x", O_WRONLY | O_CREAT | O_EXCL, 0644), EEXIST);
	WANT_ERRNO(open("none", O_RDONLY), ENOENT);
}

static void by_kind(void)
{
	enter();
	for (int k = 0; k < posix_kinds(); k++) {
		const char *path = posix_text("kind-%d", k);

		posix_about("%s", posix_kind_name[k]);
		WANT_ERRNO(rename(path, "new"), EROFS);
		WANT_ERRNO(lchown(path, (uid_t)-1, getegid()), EROFS);
		WANT_ERRNO(utimensat(AT_FDCWD, path, NULL, AT_SYMLINK_NOFOLLOW), EROFS);
		if (k == POSIX_DIR)
			WANT_ERRNO(rmdir(path), EROFS);
		else
			WANT_ERRNO(unlink(path), EROFS);
		if (k != POSIX_LNK)
			WANT_ERRNO(chmod(path, 0600), EROFS);
	}
}

static void by_descriptor(void)
{
	int fd, dir;
	void *p;

	enter();
	fd = open("x", O_RDONLY);
	dir = open("d", O_RDONLY);
	EXPECT(fd >= 0 && dir >= 0);
	WANT_ERRNO(fchmod(fd, 0600), EROFS);
	WANT_ERRNO(fchown(fd, (uid_t)-1, getegid()), EROFS);
	WANT_ERRNO(futimens(fd, NULL), EROFS);
	WANT_ERRNO(fsetxattr(fd, "user.a", "v", 1, 0), EROFS);
	WANT_ERRNO(mkdirat(dir, "e", 0755), EROFS);
	WANT_ERRNO(fchmod(dir, 0700), EROFS);
	WANT(fsync(fd) == 0 && fsync(dir) == 0);
	p = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);
	WANT(p != MAP_FAILED && memcmp(p, "then", 4) == 0);
	p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	WANT(p == MAP_FAILED && errno == EACCES);
	p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	WANT(p != MAP_FAILED);
}

static void access_says(void)
{
	enter();
	WANT(access("x", R_OK) == 0 && access("x", X_OK) == 0);
	WANT_ERRNO(access("x", W_OK), EROFS);
	WANT_ERRNO(access(".", W_OK), EROFS);
}

static void between(void)
{
	const char *path = posix_text("%s/x", past_dir);
	int from, to = posix_file("copy", 0);

	WANT_ERRNO(link(path, "linked"), EXDEV);
	WANT_ERRNO(rename(path, "moved"), EROFS);
	from = open(path, O_RDONLY);
	WANT(copy_file_range(from, NULL, to, NULL, 100, 0) == 4);
	WANT(posix_file_is("copy", "then"));
	/* so that cp does not take the old version for the file itself */
	WANT(posix_stat(path).st_ino != posix_stat("copy").st_ino);
}

static void root_name(void)
{
	const char *path = posix_text("%s/.snapshots", root_dir);
	const char *other = posix_text("%s/mine", path);

	WANT(S_ISDIR(posix_lstat(path).st_mode));
	WANT_ERRNO(mkdir(path, 0755), EEXIST);
	WANT_ERRNO(mkdir(other, 0755), EROFS);
	WANT_ERRNO(rmdir(path), EPERM);
	WANT_ERRNO(open(path, O_WRONLY | O_CREAT, 0644), EISDIR);
	WANT_ERRNO(access(other, F_OK), ENOENT);
	EXPECT(mkdir("d", 0755) == 0);
	WANT_ERRNO(rename(path, "d/e"), EPERM);
	WANT_ERRNO(rename("d", path), EPERM);
	WANT_ERRNO(rmdir(root_dir), EBUSY);
	/* anywhere else it is a name like others */
	WANT(mkdir(".snapshots", 0755) == 0 && rmdir(".snapshots") == 0);
}

const struct posix_case posix_past_cases[] = {
    {".snapshots", "every type of file can be read as it was", reads, POSIX_PAST},
    {"open(2)", "EROFS: for writing, truncating or making on a read-only file system", opens,
     POSIX_PAST},
    {"rename(2)", "EROFS: and unlink, rmdir, chown, chmod, utimensat of every type", by_kind,
     POSIX_PAST},
    {"fchmod(2)", "EROFS: by a descriptor of a read-only file system; mmap(2) EACCES",
     by_descriptor, POSIX_PAST},
    {"access(2)", "EROFS: write permission on a read-only file system", access_says, POSIX_PAST},
    {".snapshots", "EXDEV for links out of the past; copies are possible", between, POSIX_PAST},
    {".snapshots", "is there and cannot be made, removed or renamed; EBUSY for the root", root_name,
     POSIX_PAST},
    POSIX_END,
};
