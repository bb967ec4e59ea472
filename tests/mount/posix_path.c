/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What all calls with a path have in common: how the path is followed, how long it may be, and
 * which permissions that takes. Each sentence is tried with each call that it holds for; each call
 * is a function of nothing but the path.
 *
 * The case's folder has the file "source" for the calls that need a second name. The calls undo
 * what they do, so that one can be tried again.
 */
#include "tests/mount/posix_case.h"

#include <dirent.h>
#include <sys/inotify.h>
#include <sys/statfs.h>
#include <sys/xattr.h>

#define FOLLOWS 1u   /* a link at the end is followed */
#define KEEPS 2u     /* a link at the end is the object itself */
#define MAKES 4u     /* the name must be new */
#define NEEDS 8u     /* the name must be there */
#define REMOVES 16u  /* the name goes away */
#define FILES 32u    /* works on files */
#define FOLDERS 64u  /* works on folders only */
#define CHANGES 128u /* refused on a read-only file system */
#define SHORT 256u   /* a socket's address holds short paths only */

#define ANY (MAKES | NEEDS)
#define LONG (ANY | SHORT)

static int try_open(const char *path, int flags)
{
	int fd = open(path, flags, 0644);

	return fd < 0 ? -1 : close(fd);
}

static int open_read(const char *path)
{
	return try_open(path, O_RDONLY);
}

static int open_write(const char *path)
{
	return try_open(path, O_WRONLY);
}

static int open_new(const char *path)
{
	return try_open(path, O_WRONLY | O_CREAT | O_EXCL) == 0 ? unlink(path) : -1;
}

static int creat_there(const char *path)
{
	bool was = faccessat(AT_FDCWD, path, F_OK, AT_EACCESS) == 0;
	int fd = creat(path, 0644);

	if (fd < 0)
		return -1;
	close(fd);
	return was ? 0 : unlink(path);
}

static int call_mkdir(const char *path)
{
	return mkdir(path, 0755) == 0 ? rmdir(path) : -1;
}

static int call_mkfifo(const char *path)
{
	return mkfifo(path, 0644) == 0 ? unlink(path) : -1;
}

static int call_mknod(const char *path)
{
	return mknod(path, S_IFREG | 0644, 0) == 0 ? unlink(path) : -1;
}

static int call_bind(const char *path)
{
	int r = posix_bind(path);

	if (r != 0 && errno == EADDRINUSE)
		errno = EEXIST;
	return r == 0 ? unlink(path) : -1;
}

static int call_symlink(const char *path)
{
	return symlink("nowhere", path) == 0 ? unlink(path) : -1;
}

static int link_from(const char *path)
{
	return link(path, "made") == 0 ? unlink("made") : -1;
}

static int link_to(const char *path)
{
	return link("source", path) == 0 ? unlink(path) : -1;
}

static int rename_from(const char *path)
{
	return rename(path, "made") == 0 ? rename("made", path) : -1;
}

static int rename_to(const char *path)
{
	return renameat2(AT_FDCWD, "source", AT_FDCWD, path, RENAME_NOREPLACE) == 0
	           ? rename(path, "source")
	           : -1;
}

static int call_unlink(const char *path)
{
	return unlink(path) == 0 ? try_open(path, O_WRONLY | O_CREAT) : -1;
}

static int call_rmdir(const char *path)
{
	return rmdir(path) == 0 ? mkdir(path, 0755) : -1;
}

static int call_stat(const char *path)
{
	struct stat st;

	return stat(path, &st);
}

static int call_lstat(const char *path)
{
	struct stat st;

	return lstat(path, &st);
}

static int call_statx(const char *path)
{
	struct statx st;

	return statx(AT_FDCWD, path, 0, STATX_BASIC_STATS, &st);
}

static int call_access(const char *path)
{
	return faccessat(AT_FDCWD, path, F_OK, AT_EACCESS);
}

static int call_readlink(const char *path)
{
	char out[16];

	return readlink(path, out, sizeof(out)) < 0 && errno != EINVAL ? -1 : 0;
}

static int call_truncate(const char *path)
{
	return truncate(path, 0);
}

static int call_chmod(const char *path)
{
	return chmod(path, 0755);
}

static int call_chown(const char *path)
{
	return chown(path, (uid_t)-1, getegid());
}

static int call_lchown(const char *path)
{
	return lchown(path, (uid_t)-1, getegid());
}

static int call_utimensat(const char *path)
{
	return utimensat(AT_FDCWD, path, NULL, 0);
}

static int call_utimensat_link(const char *path)
{
	return utimensat(AT_FDCWD, path, NULL, AT_SYMLINK_NOFOLLOW);
}

static int call_setxattr(const char *path)
{
	return setxattr(path, "user.a", "v", 1, 0) == 0 || errno == EOPNOTSUPP ? 0 : -1;
}

static int call_removexattr(const char *path)
{
	return removexattr(path, "user.b") == 0 || errno == ENODATA || errno == EOPNOTSUPP ? 0 : -1;
}

static int call_getxattr(const char *path)
{
	char v[8];

	return getxattr(path, "user.b", v, 8) >= 0 || errno == ENODATA || errno == EOPNOTSUPP ? 0
	                                                                                      : -1;
}

static int call_listxattr(const char *path)
{
	return listxattr(path, NULL, 0) < 0 ? -1 : 0;
}

static int call_statfs(const char *path)
{
	struct statfs st;

	return statfs(path, &st);
}

static int call_chdir(const char *path)
{
	int back = open(".", O_PATH), r = chdir(path), saved = errno;

	if (r == 0)
		EXPECT(fchdir(back) == 0);
	close(back);
	errno = saved;
	return r;
}

static int call_opendir(const char *path)
{
	DIR *d = opendir(path);

	return d ? closedir(d) : -1;
}

static int call_inotify(const char *path)
{
	int fd = inotify_init(), r = inotify_add_watch(fd, path, IN_DELETE_SELF), saved = errno;

	close(fd);
	errno = saved;
	return r < 0 ? -1 : 0;
}

const struct posix_call posix_calls[] = {
    {"open(2) O_RDONLY", open_read, NEEDS | FOLLOWS | FILES},
    {"open(2) O_WRONLY", open_write, NEEDS | FOLLOWS | FILES | CHANGES},
    {"open(2) O_CREAT|O_EXCL", open_new, MAKES | CHANGES},
    {"creat(2)", creat_there, FOLLOWS | CHANGES | MAKES},
    {"mkdir(2)", call_mkdir, MAKES | CHANGES},
    {"mkfifo(3)", call_mkfifo, MAKES | CHANGES},
    {"mknod(2)", call_mknod, MAKES | CHANGES},
    {"bind(2)", call_bind, SHORT | CHANGES},
    {"symlink(2)", call_symlink, MAKES | CHANGES},
    {"link(2) oldpath", link_from, NEEDS | KEEPS | FILES},
    {"link(2) newpath", link_to, MAKES | CHANGES},
    {"rename(2) oldpath", rename_from, NEEDS | KEEPS | REMOVES | FILES | CHANGES},
    {"rename(2) newpath", rename_to, MAKES | CHANGES},
    {"unlink(2)", call_unlink, NEEDS | KEEPS | REMOVES | FILES | CHANGES},
    {"rmdir(2)", call_rmdir, NEEDS | KEEPS | REMOVES | FOLDERS | CHANGES},
    {"stat(2)", call_stat, NEEDS | FOLLOWS | FILES},
    {"lstat(2)", call_lstat, NEEDS | KEEPS | FILES},
    {"statx(2)", call_statx, NEEDS | FOLLOWS | FILES},
    {"faccessat(2)", call_access, NEEDS | FOLLOWS | FILES},
    {"readlink(2)", call_readlink, NEEDS | KEEPS | FILES},
    {"truncate(2)", call_truncate, NEEDS | FOLLOWS | FILES | CHANGES},
    {"chmod(2)", call_chmod, NEEDS | FOLLOWS | FILES | CHANGES},
    {"chown(2)", call_chown, NEEDS | FOLLOWS | FILES | CHANGES},
    {"lchown(2)", call_lchown, NEEDS | KEEPS | FILES | CHANGES},
    {"utimensat(2)", call_utimensat, NEEDS | FOLLOWS | FILES | CHANGES},
    {"utimensat(2) AT_SYMLINK_NOFOLLOW", call_utimensat_link, NEEDS | KEEPS | FILES | CHANGES},
    {"setxattr(2)", call_setxattr, NEEDS | FOLLOWS | FILES | CHANGES},
    {"removexattr(2)", call_removexattr, NEEDS | FOLLOWS | FILES | CHANGES},
    {"getxattr(2)", call_getxattr, NEEDS | FOLLOWS | FILES},
    {"listxattr(2)", call_listxattr, NEEDS | FOLLOWS | FILES},
    {"statfs(2)", call_statfs, NEEDS | FOLLOWS | FILES},
    {"chdir(2)", call_chdir, NEEDS | FOLLOWS | FOLDERS},
    {"opendir(3)", call_opendir, NEEDS | FOLLOWS | FOLDERS},
    {"inotify_add_watch(2)", call_inotify, NEEDS | FOLLOWS | FILES},
    {NULL, NULL, 0},
};

/* What the call works on, when it is to be there. */
static void make_object(const struct posix_call *call, const char *name)
{
	if (call->how & FOLDERS)
		posix_make(name, POSIX_DIR);
	else if (call->how & NEEDS)
		posix_make(name, POSIX_REG);
}

static void begin_case(void)
{
	posix_write_file("source", "x");
}

/* ---- the path is followed ---- */

static void works(const struct posix_call *call)
{
	begin_case();
	posix_make("d", POSIX_DIR);
	make_object(call, "d/x");
	EXPECT(symlink("d", "l") == 0 && symlink("l", "l2") == 0);
	WANT(call->fn("d/x") == 0);
	WANT(call->fn("./d/./x") == 0);
	WANT(call->fn("d//x") == 0);
	WANT(call->fn("d/../d/x") == 0);
	WANT(call->fn("l/x") == 0);
	WANT(call->fn("l2/../l2/x") == 0);
}

static void final_link(const struct posix_call *call)
{
	begin_case();
	make_object(call, "x");
	EXPECT(symlink("x", "l") == 0 && symlink("l", "l2") == 0);
	WANT(call->fn("l") == 0);
	WANT(call->fn("l2") == 0);
}

static void no_prefix(const struct posix_call *call)
{
	begin_case();
	EXPECT(symlink("none", "l") == 0);
	WANT_ERRNO(call->fn("none/x"), ENOENT);
	WANT_ERRNO(call->fn("l/x"), ENOENT);
	WANT_ERRNO(call->fn("none/../source"), ENOENT);
}

static void no_name(const struct posix_call *call)
{
	begin_case();
	WANT_ERRNO(call->fn("none"), ENOENT);
	posix_make("d", POSIX_DIR);
	WANT_ERRNO(call->fn("d/none"), ENOENT);
}

static void no_target(const struct posix_call *call)
{
	if (call->how & MAKES)
		return;
	begin_case();
	EXPECT(symlink("none", "l") == 0);
	WANT_ERRNO(call->fn("l"), ENOENT);
}

static void empty(const struct posix_call *call)
{
	begin_case();
	WANT_ERRNO(call->fn(""), ENOENT);
}

static void through_others(const struct posix_call *call)
{
	begin_case();
	EXPECT(symlink("source", "l") == 0);
	WANT_ERRNO(call->fn("l/x"), ENOTDIR);
	for (int k = 0; k < posix_kinds(); k++) {
		if (k == POSIX_DIR || k == POSIX_LNK)
			continue;
		posix_about("%s", posix_kind_name[k]);
		posix_make("o", k);
		WANT_ERRNO(call->fn("o/x"), ENOTDIR);
		WANT_ERRNO(call->fn("o/../source"), ENOTDIR);
		WANT_ERRNO(call->fn("o/."), ENOTDIR);
		posix_remove("o");
	}
}

static void trailing_slash(const struct posix_call *call)
{
	begin_case();
	for (int k = 0; k < posix_kinds(); k++) {
		if (k == POSIX_DIR || k == POSIX_LNK)
			continue;
		posix_about("%s", posix_kind_name[k]);
		posix_make("o", k);
		WANT_ERRNO(call->fn("o/"), ENOTDIR);
		posix_remove("o");
	}
	if (call->how & FOLDERS) {
		posix_make("d", POSIX_DIR);
		WANT(call->fn("d/") == 0);
		WANT(call->fn("d//") == 0);
	}
}

static void exists(const struct posix_call *call)
{
	if (call->fn == creat_there)
		return;
	begin_case();
	for (int k = 0; k < posix_kinds(); k++) {
		posix_about("%s", posix_kind_name[k]);
		posix_make("o", k);
		WANT_ERRNO(call->fn("o"), EEXIST);
		WANT(posix_is(&(struct stat){.st_mode = posix_lstat("o").st_mode}, k));
		posix_remove("o");
	}
	WANT_ERRNO(call->fn("."), EEXIST);
	WANT_ERRNO(call->fn(".."), EEXIST);
}

static void loops(const struct posix_call *call)
{
	begin_case();
	EXPECT(symlink("b", "a") == 0 && symlink("a", "b") == 0 && symlink("self", "self") == 0);
	WANT_ERRNO(call->fn("a/x"), ELOOP);
	WANT_ERRNO(call->fn("self/x"), ELOOP);
	WANT_ERRNO(call->fn("self/../source"), ELOOP);
	if (call->how & FOLLOWS) {
		WANT_ERRNO(call->fn("a"), ELOOP);
		WANT_ERRNO(call->fn("self"), ELOOP);
	}
}

/* ---- how long it may be ---- */

static void long_name(const struct posix_call *call)
{
	const char *most = posix_name(255, 'n'), *more = posix_name(256, 'n');
	char path[600];

	begin_case();
	make_object(call, most);
	WANT(call->fn(most) == 0);
	WANT_ERRNO(call->fn(more), ENAMETOOLONG);
	snprintf(path, sizeof(path), "%s/x", more);
	WANT_ERRNO(call->fn(path), ENAMETOOLONG);
	posix_make("d", POSIX_DIR);
	snprintf(path, sizeof(path), "d/%s", more);
	WANT_ERRNO(call->fn(path), ENAMETOOLONG);
	snprintf(path, sizeof(path), "d/../%s", most);
	WANT(call->fn(path) == 0);
}

static void long_path(const struct posix_call *call)
{
	char path[4200];
	size_t at = 0;

	begin_case();
	make_object(call, "ab");
	make_object(call, "abc");
	while (at < 4092) {
		path[at++] = '.';
		path[at++] = '/';
	}
	snprintf(path + at, 8, "abc");
	EXPECT(strlen(path) == 4095);
	WANT(call->fn(path) == 0);
	snprintf(path + at, 8, "./ab");
	EXPECT(strlen(path) == 4096);
	WANT_ERRNO(call->fn(path), ENAMETOOLONG);
}

/* ---- permissions ---- */

static void no_search(const struct posix_call *call)
{
	begin_case();
	EXPECT(mkdir("d", 0777) == 0 && chmod("d", 0777) == 0 && mkdir("d/e", 0777) == 0);
	EXPECT(chmod("d/e", 0777) == 0 && chown("source", POSIX_A, POSIX_A) == 0);
	make_object(call, "d/e/x");
	if (call->how & NEEDS) {
		EXPECT(chmod("d/e/x", 0777) == 0);
		EXPECT(chown("d/e/x", POSIX_A, POSIX_A) == 0);
	}
	/* the owner's bits count for the owner alone, whatever others may */
	for (unsigned who = 0; who < 3; who++) {
		EXPECT(chown("d", who == 0 ? POSIX_A : POSIX_B, who == 1 ? POSIX_A : POSIX_B) == 0);
		for (unsigned bits = 0; bits < 8; bits++) {
			unsigned shift = 3 * (2 - who);

			posix_about("bits %o, %s", bits,
			            who == 0   ? "owner"
			            : who == 1 ? "group"
			                       : "others");
			EXPECT(chmod("d", (0777 & ~(7u << shift)) | bits << shift) == 0);
			posix_as(POSIX_A, POSIX_A, 0, NULL);
			if (bits & 1)
				WANT(call->fn("d/e/x") == 0);
			else
				WANT_ERRNO(call->fn("d/e/x"), EACCES);
			posix_as_root();
		}
	}
}

static void no_write(const struct posix_call *call)
{
	begin_case();
	EXPECT(chown("source", POSIX_A, POSIX_A) == 0);
	EXPECT(mkdir("d", 0777) == 0);
	make_object(call, "d/x");
	if (call->how & NEEDS)
		EXPECT(chown("d/x", POSIX_A, POSIX_A) == 0);
	for (unsigned who = 0; who < 3; who++) {
		EXPECT(chown("d", who == 0 ? POSIX_A : POSIX_B, who == 1 ? POSIX_A : POSIX_B) == 0);
		for (unsigned bits = 1; bits < 8; bits += 2) {
			unsigned shift = 3 * (2 - who);

			posix_about("bits %o, class %u", bits, who);
			EXPECT(chmod("d", (0777 & ~(7u << shift)) | bits << shift) == 0);
			posix_as(POSIX_A, POSIX_A, 0, NULL);
			if (bits & 2)
				WANT(call->fn("d/x") == 0);
			else
				WANT_ERRNO(call->fn("d/x"), EACCES);
			posix_as_root();
		}
	}
}

/* ---- a read-only file system ---- */

/* posix_past.c made the folder of the past: the file "x", the empty folder "d" and a "source". */
static void read_only(const struct posix_call *call)
{
	const char *name = call->how & FOLDERS ? "d" : call->how & NEEDS ? "x" : "new";
	const char *path = posix_text("%s/%s", posix_past_dir(), name);
	const char *other =
	    posix_text("%s/%s", posix_past_dir(), call->how & MAKES ? "source" : "new");

	if (call->fn == rename_to)
		WANT_ERRNO(rename(other, path), EROFS);
	else if (call->fn == rename_from)
		WANT_ERRNO(rename(path, other), EROFS);
	else if (call->fn == link_to)
		WANT_ERRNO(link(other, path), EROFS);
	else if (call->fn == call_bind)
		WANT_ERRNO(posix_bind(path), EROFS);
	else
		WANT_ERRNO(call->fn(path), EROFS);
}

const struct posix_path_case posix_path_cases[] = {
    {"the path is followed through folders, links, dots and double slashes", works, ANY, 0},
    {"a symbolic link as the last component is followed", final_link, FOLLOWS, 0},
    {"ENOENT: a component of the path prefix does not exist", no_prefix, LONG, 0},
    {"ENOENT: the named file does not exist", no_name, NEEDS, 0},
    {"ENOENT: the path is a dangling symbolic link", no_target, FOLLOWS, 0},
    {"ENOENT: the path is an empty string", empty, ANY, 0},
    {"ENOTDIR: a component used as a folder is not, in fact, a folder", through_others, LONG, 0},
    {"ENOTDIR: a path with a slash at the end names no folder", trailing_slash, NEEDS, 0},
    {"EEXIST: the path already exists, of whatever type", exists, MAKES | SHORT, 0},
    {"ELOOP: too many symbolic links were encountered", loops, LONG, 0},
    {"ENAMETOOLONG: a component is longer than 255 bytes", long_name, ANY, 0},
    {"ENAMETOOLONG: the path is longer than 4095 bytes", long_path, ANY, 0},
    {"EACCES: search permission is denied for a component of the prefix", no_search, LONG,
     POSIX_ROOT},
    {"EACCES: write permission is denied on the folder of the name", no_write,
     MAKES | REMOVES | SHORT, POSIX_ROOT},
    {"EROFS: the path is on a read-only file system", read_only, CHANGES, POSIX_PAST},
    {NULL, NULL, 0, 0},
};
