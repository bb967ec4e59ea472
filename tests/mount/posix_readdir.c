/* SPDX-License-Identifier: Apache-2.0 */
/* readdir(3), telldir(3), seekdir(3), getdents64(2). */
#include "tests/mount/posix_case.h"

#include <dirent.h>
#include <sys/syscall.h>

#define MANY 2000
#define SOME 400
#define CHANGING 500

static void make_many(const char *dir, int n)
{
	EXPECT(mkdir(dir, 0755) == 0);
	for (int i = 0; i < n; i++)
		EXPECT(mknod(posix_text("%s/file-number-%d", dir, i), S_IFREG | 0644, 0) == 0);
}

static DIR *open_dir(const char *name)
{
	DIR *d = opendir(name);

	EXPECT(d);
	return d;
}

static bool is_dots(const struct dirent *e)
{
	return strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0;
}

static void many(void)
{
	char *seen = calloc(MANY, 1);
	struct dirent *e;
	int i, n = 0;
	DIR *d;

	make_many("d", MANY);
	d = open_dir("d");
	while ((e = readdir(d))) {
		if (is_dots(e))
			continue;
		EXPECT(sscanf(e->d_name, "file-number-%d", &i) == 1 && i >= 0 && i < MANY);
		EXPECT(!seen[i] && e->d_type == DT_REG);
		seen[i] = 1;
		n++;
	}
	WANT(n == MANY);
	free(seen);
	/* all of them removed while listing */
	rewinddir(d);
	n = 0;
	while ((e = readdir(d))) {
		if (is_dots(e))
			continue;
		EXPECT(unlinkat(dirfd(d), e->d_name, 0) == 0);
		n++;
	}
	WANT(n == MANY && posix_count("d") == 0 && rmdir("d") == 0);
}

static void kinds(void)
{
	static const unsigned char types[POSIX_KINDS] = {DT_REG, DT_DIR, DT_FIFO, DT_SOCK,
	                                                 DT_LNK, DT_BLK, DT_CHR};
	struct dirent *e;
	int n = 0, dots = 0;
	DIR *d;

	for (int k = 0; k < posix_kinds(); k++)
		posix_make(posix_text("%d", k), k);
	d = open_dir(".");
	while ((e = readdir(d))) {
		if (is_dots(e)) {
			dots++;
			WANT(e->d_type == DT_DIR);
			continue;
		}
		posix_about("%s", e->d_name);
		EXPECT(e->d_name[0] >= '0' && e->d_name[0] < '0' + POSIX_KINDS);
		WANT(e->d_type == types[e->d_name[0] - '0']);
		WANT(e->d_ino == posix_lstat(e->d_name).st_ino);
		n++;
	}
	WANT(n == posix_kinds() && dots == 2);
}

static void dots_inodes(void)
{
	struct dirent *e;
	DIR *d;

	EXPECT(mkdir("a", 0755) == 0 && mkdir("a/b", 0755) == 0 && mkdir("c", 0755) == 0);
	for (int moved = 0; moved < 2; moved++) {
		d = open_dir(moved ? "c/b" : "a/b");
		while ((e = readdir(d))) {
			if (strcmp(e->d_name, ".") == 0)
				WANT(e->d_ino == posix_fstat(dirfd(d)).st_ino);
			else if (strcmp(e->d_name, "..") == 0)
				WANT(e->d_ino == posix_stat(moved ? "c" : "a").st_ino);
			else
				WANT(false);
		}
		closedir(d);
		if (!moved)
			EXPECT(rename("a/b", "c/b") == 0);
	}
}

/* From every position the rest is read as it was read before. */
static void positions(void)
{
	static char names[SOME + 2][32];
	static long at[SOME + 3];
	struct dirent *e;
	int n = 0;
	DIR *d;

	make_many("d", SOME);
	d = open_dir("d");
	for (;;) {
		at[n] = telldir(d);
		e = readdir(d);
		if (!e)
			break;
		EXPECT(n < SOME + 2);
		snprintf(names[n++], sizeof(names[0]), "%.31s", e->d_name);
	}
	EXPECT(n == SOME + 2);
	/* in an order that jumps: 7 and n have no common divisor */
	for (int i = 0, k = 0; i < n; i++, k = (k + 7) % n) {
		posix_about("position %d", k);
		seekdir(d, at[k]);
		for (int j = k; j < n && j < k + 3; j++) {
			e = readdir(d);
			WANT(e && strcmp(e->d_name, names[j]) == 0);
		}
	}
	/* the same positions in another stream, and when others go and come */
	for (int i = 0; i < n; i += 5)
		if (names[i][0] != '.')
			EXPECT(unlinkat(dirfd(d), names[i], 0) == 0);
	for (int i = 0; i < 50; i++)
		posix_write_file(posix_text("d/later-%d", i), "x");
	closedir(d);
	d = open_dir("d");
	for (int k = 1; k < n; k++) {
		if (k % 5 == 0 || names[k][0] == '.')
			continue;
		posix_about("position %d, after changes", k);
		seekdir(d, at[k]);
		while ((e = readdir(d)) && strncmp(e->d_name, "later", 5) == 0)
			;
		WANT(e && strcmp(e->d_name, names[k]) == 0);
	}
}

static void rewinds(void)
{
	DIR *d;
	int n = 0;

	make_many("d", 10);
	d = open_dir("d");
	while (readdir(d))
		n++;
	WANT(n == 12);
	posix_write_file("d/new", "x");
	EXPECT(unlink("d/file-number-3") == 0 && unlink("d/file-number-4") == 0);
	rewinddir(d);
	for (n = 0; readdir(d); n++)
		;
	WANT(n == 11);
}

/* "If a file is removed from or added to the folder after the most recent call to opendir() or
 * rewinddir(), whether a subsequent call returns an entry for that file is unspecified": all the
 * others come exactly once. */
static void changing(void)
{
	char *seen = calloc(CHANGING, 1);
	struct dirent *e;
	int i, step = 0;
	DIR *d;

	make_many("d", CHANGING);
	d = open_dir("d");
	while ((e = readdir(d))) {
		if (sscanf(e->d_name, "file-number-%d", &i) == 1) {
			EXPECT(i >= 0 && i < CHANGING && !seen[i]);
			seen[i] = 1;
		}
		/* odd ones go, others come, some change their name */
		if (step < CHANGING / 2)
			unlinkat(dirfd(d), posix_text("file-number-%d", CHANGING - 1 - 2 * step),
			         0);
		posix_write_file(posix_text("d/new-%d", step % 100), "x");
		renameat(dirfd(d), posix_text("new-%d", step % 100), dirfd(d),
		         posix_text("renamed-%d", step % 70));
		step++;
	}
	for (i = 0; i < CHANGING; i += 2)
		WANT(seen[i]);
	free(seen);
}

static void two_streams(void)
{
	struct dirent *e, *f;
	DIR *a, *b;

	make_many("d", 100);
	a = open_dir("d");
	b = open_dir("d");
	for (int i = 0; i < 50; i++)
		EXPECT(readdir(a));
	rewinddir(a);
	for (int i = 0; i < 102; i++) {
		e = readdir(a);
		f = readdir(b);
		EXPECT(e && f);
		WANT(strcmp(e->d_name, f->d_name) == 0 && e->d_ino == f->d_ino);
	}
	WANT(!readdir(a) && !readdir(b));
}

static void buffers(void)
{
	static const size_t sizes[] = {280, 300, 512, 1024, 4096, 65536};
	char buffer[65536];
	int fd;

	EXPECT(mkdir("d", 0755) == 0);
	for (size_t len = 1; len <= 255; len += 2)
		posix_make(posix_text("d/%s", posix_name(len, 'n')), POSIX_REG);
	fd = open("d", O_RDONLY);
	for (size_t s = 0; s < sizeof(sizes) / sizeof(sizes[0]); s++) {
		int n = 0;
		long len;

		posix_about("%zu bytes", sizes[s]);
		EXPECT(lseek(fd, 0, SEEK_SET) == 0);
		while ((len = syscall(SYS_getdents64, fd, buffer, sizes[s])) > 0) {
			for (long at = 0; at < len; n++) {
				uint16_t reclen;

				memcpy(&reclen, buffer + at + 16, sizeof(reclen));
				at += reclen;
			}
		}
		WANT(len == 0 && n == 130);
	}
	EXPECT(lseek(fd, 0, SEEK_SET) == 0);
	WANT_ERRNO(syscall(SYS_getdents64, fd, buffer, 16), EINVAL);
	posix_write_file("f", "x");
	WANT_ERRNO(syscall(SYS_getdents64, open("f", O_RDONLY), buffer, 4096), ENOTDIR);
}

static void seen_at_once(void)
{
	/* lists are cached: every change must be in the next one */
	for (int i = 0; i < 40; i++) {
		WANT(posix_count(".") == i);
		posix_make(posix_text("o%d", i), i % posix_kinds());
		WANT(posix_count(".") == i + 1);
		EXPECT(rename(posix_text("o%d", i), posix_text("p%d", i)) == 0);
		WANT(posix_count(".") == i + 1);
	}
	for (int i = 0; i < 40; i++) {
		posix_remove(posix_text("p%d", i));
		WANT(posix_count(".") == 39 - i);
	}
}

static void permission(void)
{
	make_many("d", 3);
	for (unsigned bits = 0; bits < 8; bits++) {
		posix_about("bits %o", bits);
		EXPECT(chmod("d", 0770 | bits) == 0);
		posix_as(POSIX_A, POSIX_A, 0, NULL);
		if (bits & 4)
			WANT(posix_count("d") == 3);
		else
			WANT(!opendir("d") && errno == EACCES);
		posix_as_root();
	}
}

const struct posix_case posix_readdir_cases[] = {
    {"readdir(3)", "lists 2,000 entries once each, also while they are removed", many, 0},
    {"readdir(3)", "d_type and d_ino are those of lstat(2), for every type", kinds, 0},
    {"readdir(3)", "\".\" and \"..\" are there, \"..\" also after a move", dots_inodes, 0},
    {"readdir(3)", "entries that are not touched come exactly once, whatever others do", changing,
     0},
    {"readdir(3)", "two streams of a folder do not disturb each other", two_streams, 0},
    {"readdir(3)", "every change is seen by the next reading", seen_at_once, 0},
    {"opendir(3)", "EACCES: read permission is needed and enough", permission, POSIX_ROOT},
    {"seekdir(3)", "from every telldir(3) position reading goes on, also after changes", positions,
     0},
    {"rewinddir(3)", "the stream begins again and sees what is there now", rewinds, 0},
    {"getdents64(2)", "buffers of any size; EINVAL: too small, ENOTDIR", buffers, 0},
    POSIX_END,
};
