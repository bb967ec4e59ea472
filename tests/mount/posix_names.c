/* SPDX-License-Identifier: Apache-2.0 */
/* mkdir, link, symlink, unlink, rmdir, rename, readdir, mknod; names. */
#include "tests/mount/posix_case.h"

#include <dirent.h>
#include <sys/socket.h>
#include <sys/un.h>

#define MANY 5000

static int count_entries(const char *name)
{
	DIR *d = opendir(name);
	struct dirent *e;
	int n = 0;

	EXPECT(d);
	while ((e = readdir(d)))
		n += strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0;
	closedir(d);
	return n;
}

static void name_lengths(void)
{
	char name[300];

	memset(name, 'n', sizeof(name));
	name[255] = '\0';
	posix_write_file(name, "x");
	EXPECT(posix_file_is(name, "x"));
	EXPECT(count_entries(".") == 1);
	EXPECT(rename(name, "short") == 0 && rename("short", name) == 0);
	name[255] = 'n';
	name[256] = '\0';
	EXPECT_ERRNO(open(name, O_WRONLY | O_CREAT, 0644), ENAMETOOLONG);
	EXPECT_ERRNO(mkdir(name, 0755), ENAMETOOLONG);
	EXPECT_ERRNO(unlink(name), ENAMETOOLONG);
	EXPECT_ERRNO(access(name, F_OK), ENAMETOOLONG);
}

static void name_bytes(void)
{
	char name[2] = {0};

	for (int c = 1; c < 256; c++) {
		name[0] = (char)c;
		if (c == '/' || c == '.')
			continue;
		posix_write_file(name, name);
	}
	EXPECT(count_entries(".") == 253);
	EXPECT(access("a", F_OK) == 0 && access("A", F_OK) == 0);
	EXPECT(posix_file_is("\xff", "\xff") && posix_file_is("\n", "\n"));
}

static void mkdir_rules(void)
{
	struct stat st = posix_stat(".");

	EXPECT(mkdir("d", 0777) == 0);
	EXPECT((posix_stat("d").st_mode & 07777) == 0755);
	EXPECT(posix_stat("d").st_nlink == 2 || posix_stat("d").st_nlink == 1);
	EXPECT(posix_stat(".").st_nlink == st.st_nlink + 1 || st.st_nlink == 1);
	EXPECT_ERRNO(mkdir("d", 0777), EEXIST);
	EXPECT_ERRNO(mkdir("none/d", 0777), ENOENT);
	EXPECT(posix_stat("d/..").st_ino == st.st_ino);
}

static void rmdir_rules(void)
{
	EXPECT(mkdir("d", 0755) == 0);
	posix_write_file("d/f", "x");
	EXPECT_ERRNO(rmdir("d"), ENOTEMPTY);
	EXPECT_ERRNO(rmdir("d/f"), ENOTDIR);
	EXPECT_ERRNO(rmdir("none"), ENOENT);
	EXPECT_ERRNO(unlink("d"), EISDIR);
	EXPECT(unlink("d/f") == 0 && rmdir("d") == 0);
	EXPECT_ERRNO(access("d", F_OK), ENOENT);
}

static void rmdir_inside(void)
{
	EXPECT(mkdir("d", 0755) == 0 && chdir("d") == 0);
	EXPECT(rmdir("../d") == 0);
	EXPECT_ERRNO(open("f", O_CREAT | O_WRONLY, 0644), ENOENT);
	EXPECT(count_entries(".") == 0);
	EXPECT(chdir("..") == 0 || errno == ENOENT);
}

static void link_counts(void)
{
	struct stat st;

	posix_write_file("a", "one");
	EXPECT(link("a", "b") == 0 && mkdir("d", 0755) == 0 && link("b", "d/c") == 0);
	st = posix_stat("a");
	EXPECT(st.st_nlink == 3 && posix_stat("d/c").st_ino == st.st_ino);
	posix_write_file("d/c", "two");
	EXPECT(posix_file_is("a", "two"));
	EXPECT(unlink("a") == 0 && posix_stat("b").st_nlink == 2);
	EXPECT(rename("b", "d/c") == 0); /* two names of one file: nothing happens */
	EXPECT(posix_stat("b").st_nlink == 2);
	EXPECT(unlink("b") == 0 && posix_stat("d/c").st_nlink == 1);
	EXPECT(posix_file_is("d/c", "two"));
}

static void link_errors(void)
{
	posix_write_file("a", "x");
	EXPECT(mkdir("d", 0755) == 0);
	EXPECT_ERRNO(link("d", "e"), EPERM);
	EXPECT_ERRNO(link("a", "d"), EEXIST);
	EXPECT_ERRNO(link("none", "e"), ENOENT);
}

static void symlink_rules(void)
{
	char target[5000], out[5000];

	memset(target, 't', sizeof(target));
	target[4095] = '\0';
	EXPECT(symlink("some/where", "l") == 0);
	EXPECT(readlink("l", out, sizeof(out)) == 10 && memcmp(out, "some/where", 10) == 0);
	EXPECT(S_ISLNK(posix_lstat("l").st_mode) && posix_lstat("l").st_size == 10);
	EXPECT_ERRNO(stat("l", &(struct stat){0}), ENOENT);
	EXPECT_ERRNO(symlink("x", "l"), EEXIST);
	EXPECT_ERRNO(readlink(".", out, sizeof(out)), EINVAL);
	EXPECT(symlink(target, "long") == 0);
	EXPECT(readlink("long", out, sizeof(out)) == 4095 && memcmp(out, target, 4095) == 0);
	EXPECT(symlink("loop", "loop") == 0);
	EXPECT_ERRNO(open("loop", O_RDONLY), ELOOP);
}

static void mknod_types(void)
{
	struct sockaddr_un sun = {.sun_family = AF_UNIX, .sun_path = "sock"};
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	EXPECT(mkfifo("fifo", 0600) == 0 && S_ISFIFO(posix_stat("fifo").st_mode));
	EXPECT(bind(fd, (struct sockaddr *)&sun, sizeof(sun)) == 0);
	EXPECT(S_ISSOCK(posix_stat("sock").st_mode));
	EXPECT(mknod("reg", S_IFREG | 0600, 0) == 0 && S_ISREG(posix_stat("reg").st_mode));
	if (geteuid() == 0 && mknod("dev", S_IFCHR | 0600, 0x103) == 0)
		EXPECT(S_ISCHR(posix_stat("dev").st_mode) && posix_stat("dev").st_rdev == 0x103);
}

static void rename_replaces(void)
{
	ino_t ino;

	posix_write_file("a", "new");
	posix_write_file("b", "old");
	ino = posix_stat("a").st_ino;
	EXPECT(rename("a", "b") == 0);
	EXPECT(posix_file_is("b", "new") && posix_stat("b").st_ino == ino);
	EXPECT_ERRNO(access("a", F_OK), ENOENT);
	EXPECT(count_entries(".") == 1);
}

static void rename_open_target(void)
{
	char data[8];
	int fd;

	posix_write_file("a", "new");
	posix_write_file("b", "old");
	fd = open("b", O_RDONLY);
	EXPECT(rename("a", "b") == 0);
	EXPECT(pread(fd, data, 8, 0) == 3 && memcmp(data, "old", 3) == 0);
}

static void rename_dirs(void)
{
	EXPECT(mkdir("a", 0755) == 0 && mkdir("b", 0755) == 0 && mkdir("a/s", 0755) == 0);
	posix_write_file("a/s/f", "x");
	EXPECT_ERRNO(rename("a", "a/s/in"), EINVAL);
	EXPECT(rename("a/s", "b/t") == 0);
	EXPECT(posix_file_is("b/t/f", "x"));
	EXPECT(posix_stat("b/t/..").st_ino == posix_stat("b").st_ino);
	EXPECT(rename("a", "e") == 0);
	EXPECT(mkdir("full", 0755) == 0);
	posix_write_file("full/f", "x");
	EXPECT_ERRNO(rename("e", "full"), ENOTEMPTY);
	EXPECT_ERRNO(rename("full/f", "e"), EISDIR);
	EXPECT_ERRNO(rename("e", "full/f"), ENOTDIR);
	EXPECT(mkdir("empty", 0755) == 0 && rename("full", "empty") == 0);
	EXPECT(posix_file_is("empty/f", "x"));
	EXPECT_ERRNO(rename("none", "x"), ENOENT);
}

static void rename_flags(void)
{
	posix_write_file("a", "A");
	EXPECT(mkdir("d", 0755) == 0);
	posix_write_file("d/b", "B");
	EXPECT_ERRNO(renameat2(AT_FDCWD, "a", AT_FDCWD, "d/b", RENAME_NOREPLACE), EEXIST);
	EXPECT(renameat2(AT_FDCWD, "a", AT_FDCWD, "d/b", RENAME_EXCHANGE) == 0);
	EXPECT(posix_file_is("a", "B") && posix_file_is("d/b", "A"));
	EXPECT(renameat2(AT_FDCWD, "a", AT_FDCWD, "d", RENAME_EXCHANGE) == 0);
	EXPECT(posix_file_is("d", "B") && posix_file_is("a/b", "A"));
	EXPECT_ERRNO(renameat2(AT_FDCWD, "a", AT_FDCWD, "none", RENAME_EXCHANGE), ENOENT);
	EXPECT(renameat2(AT_FDCWD, "d", AT_FDCWD, "e", RENAME_NOREPLACE) == 0);
	EXPECT_ERRNO(renameat2(AT_FDCWD, "a", AT_FDCWD, "e", RENAME_EXCHANGE | RENAME_NOREPLACE),
	             EINVAL);
}

static void make_many(const char *dir)
{
	char name[64];

	EXPECT(mkdir(dir, 0755) == 0);
	for (int i = 0; i < MANY; i++) {
		snprintf(name, sizeof(name), "%s/file-number-%d", dir, i);
		EXPECT(mknod(name, S_IFREG | 0644, 0) == 0);
	}
}

static void readdir_many(void)
{
	char *seen = calloc(MANY, 1);
	struct dirent *e;
	int i, n = 0;
	DIR *d;

	make_many("d");
	d = opendir("d");
	EXPECT(d && seen);
	while ((e = readdir(d))) {
		if (e->d_name[0] == '.')
			continue;
		EXPECT(sscanf(e->d_name, "file-number-%d", &i) == 1 && i >= 0 && i < MANY);
		EXPECT(!seen[i] && e->d_type == DT_REG);
		seen[i] = 1;
		n++;
	}
	EXPECT(n == MANY);
}

static void readdir_removing(void)
{
	struct dirent *e;
	int n = 0;
	DIR *d;

	make_many("d");
	d = opendir("d");
	EXPECT(d);
	while ((e = readdir(d))) {
		if (e->d_name[0] == '.')
			continue;
		EXPECT(unlinkat(dirfd(d), e->d_name, 0) == 0);
		n++;
	}
	EXPECT(n == MANY && count_entries("d") == 0);
	EXPECT(rmdir("d") == 0);
}

static void readdir_seek(void)
{
	char name[256], other[256];
	struct dirent *e;
	long at;
	DIR *d;

	make_many("d");
	d = opendir("d");
	EXPECT(d);
	for (int i = 0; i < 1000; i++)
		EXPECT(readdir(d));
	at = telldir(d);
	e = readdir(d);
	EXPECT(e);
	snprintf(name, sizeof(name), "%s", e->d_name);
	for (int i = 0; i < 500; i++) {
		e = readdir(d);
		EXPECT(e);
		if (i == 250)
			snprintf(other, sizeof(other), "%s", e->d_name);
	}
	EXPECT(unlinkat(dirfd(d), other, 0) == 0);
	seekdir(d, at);
	e = readdir(d);
	EXPECT(e && strcmp(e->d_name, name) == 0);
	rewinddir(d);
	posix_write_file("d/new", "x");
	EXPECT(count_entries("d") == MANY);
}

static void readdir_inodes(void)
{
	struct dirent *e;
	DIR *d;

	EXPECT(mkdir("sub", 0755) == 0);
	posix_write_file("f", "x");
	EXPECT(symlink("f", "l") == 0);
	d = opendir(".");
	EXPECT(d);
	while ((e = readdir(d)))
		EXPECT(e->d_ino == posix_lstat(e->d_name).st_ino);
	closedir(d);
	d = opendir("sub");
	EXPECT(d);
	while ((e = readdir(d)))
		EXPECT(e->d_ino == posix_stat(e->d_name[1] ? "." : "sub").st_ino);
}

static void times_of_names(void)
{
	struct stat before, after;

	posix_write_file("f", "x");
	before = posix_stat(".");
	usleep(20000);
	EXPECT(link("f", "g") == 0);
	after = posix_stat(".");
	EXPECT(after.st_mtim.tv_sec > before.st_mtim.tv_sec ||
	       after.st_mtim.tv_nsec > before.st_mtim.tv_nsec);
	before = posix_stat("f");
	usleep(20000);
	EXPECT(unlink("g") == 0);
	after = posix_stat("f");
	EXPECT(after.st_ctim.tv_sec > before.st_ctim.tv_sec ||
	       after.st_ctim.tv_nsec > before.st_ctim.tv_nsec);
	EXPECT(after.st_mtim.tv_nsec == before.st_mtim.tv_nsec);
}

const struct posix_case posix_names_cases[] = {
    {"names", "255 bytes are allowed and 256 are ENAMETOOLONG", name_lengths},
    {"names", "every byte but / and NUL is allowed, and case matters", name_bytes},
    {"mkdir", "makes a folder with the umask applied, once", mkdir_rules},
    {"rmdir", "removes empty folders only", rmdir_rules},
    {"rmdir", "nothing can be made in a removed folder that is still used", rmdir_inside},
    {"link", "all names are the same file, and are counted", link_counts},
    {"link", "folders cannot be linked and names not replaced", link_errors},
    {"symlink", "keeps its target to the byte, up to 4095", symlink_rules},
    {"mknod", "makes fifos, sockets, files and devices", mknod_types},
    {"rename", "replaces the target in one step", rename_replaces},
    {"rename", "a replaced file that is open stays readable", rename_open_target},
    {"rename", "folders move with what is in them, and the types must agree", rename_dirs},
    {"rename", "NOREPLACE and EXCHANGE do what they say", rename_flags},
    {"readdir", "lists 5,000 entries once each, with their type", readdir_many},
    {"readdir", "entries can be removed while listing", readdir_removing},
    {"readdir", "telldir and seekdir hold while entries go", readdir_seek},
    {"readdir", "tells the inode numbers that stat tells", readdir_inodes},
    {"times", "a folder's mtime and a file's ctime follow its names", times_of_names},
    {NULL, NULL, NULL},
};
