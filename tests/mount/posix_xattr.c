/* SPDX-License-Identifier: Apache-2.0 */
/* Extended attributes: setxattr(2) and its family, the rules of xattr(7). */
#include "tests/mount/posix_case.h"

#include <sys/xattr.h>

#define MANY 60

/* tmpfs of older kernels has none */
static void need(const char *name)
{
	if (setxattr(name, "user.test", "v", 1, 0) != 0 && errno == EOPNOTSUPP)
		posix_skip("no user attributes here");
	EXPECT(removexattr(name, "user.test") == 0);
}

static void begin(void)
{
	posix_write_file("f", "x");
	need("f");
}

static bool has(const char *name, const char *attr, const char *value)
{
	char data[1024];
	ssize_t n = lgetxattr(name, attr, data, sizeof(data));

	return n == (ssize_t)strlen(value) && memcmp(data, value, (size_t)n) == 0;
}

static bool lists(const char *name, const char *attr)
{
	static char list[65536];
	ssize_t n = llistxattr(name, list, sizeof(list));

	for (ssize_t at = 0; at < n; at += (ssize_t)strlen(list + at) + 1)
		if (strcmp(list + at, attr) == 0)
			return true;
	return false;
}

static void flags(void)
{
	begin();
	WANT_ERRNO(setxattr("f", "user.a", "x", 1, XATTR_REPLACE), ENODATA);
	WANT(setxattr("f", "user.a", "one", 3, XATTR_CREATE) == 0 && has("f", "user.a", "one"));
	WANT_ERRNO(setxattr("f", "user.a", "x", 1, XATTR_CREATE), EEXIST);
	WANT(has("f", "user.a", "one"));
	WANT(setxattr("f", "user.a", "three", 5, XATTR_REPLACE) == 0);
	WANT(setxattr("f", "user.a", "4", 1, 0) == 0 && has("f", "user.a", "4"));
	WANT_ERRNO(setxattr("f", "user.a", "x", 1, 4), EINVAL);
	WANT(setxattr("f", "user.a", "", 0, 0) == 0 && has("f", "user.a", ""));
	WANT(lists("f", "user.a"));
	WANT(removexattr("f", "user.a") == 0 && !lists("f", "user.a"));
	WANT_ERRNO(removexattr("f", "user.a"), ENODATA);
	WANT_ERRNO(getxattr("f", "user.a", NULL, 0), ENODATA);
}

static void sizes(void)
{
	static const size_t lens[] = {0, 1, 2, 100, 255, 256, 1000, 2000, 3000};
	char back[4096];

	begin();
	for (size_t i = 0; i < sizeof(lens) / sizeof(lens[0]); i++) {
		const char *value = posix_name(lens[i], (char)('a' + (int)i));

		posix_about("%zu bytes", lens[i]);
		WANT(setxattr("f", "user.a", value, lens[i], 0) == 0);
		WANT(getxattr("f", "user.a", NULL, 0) == (ssize_t)lens[i]);
		WANT(getxattr("f", "user.a", back, sizeof(back)) == (ssize_t)lens[i]);
		WANT(memcmp(back, value, lens[i]) == 0);
		WANT(getxattr("f", "user.a", back, lens[i] ? lens[i] : 1) == (ssize_t)lens[i]);
		if (lens[i] > 1)
			WANT_ERRNO(getxattr("f", "user.a", back, lens[i] - 1), ERANGE);
	}
}

static void large(void)
{
	static char value[65537], back[65536];

	begin();
	for (size_t i = 0; i < sizeof(value); i++)
		value[i] = (char)(i * 7);
	if (setxattr("f", "user.big", value, sizeof(back), 0) != 0 &&
	    (errno == ENOSPC || errno == E2BIG || errno == ENOMEM))
		posix_skip("no large attributes here");
	WANT(getxattr("f", "user.big", back, sizeof(back)) == sizeof(back));
	WANT(memcmp(value, back, sizeof(back)) == 0);
	WANT_ERRNO(setxattr("f", "user.big", value, sizeof(value), 0), E2BIG);
	for (int i = 0; i < 10; i++)
		WANT(setxattr("f", posix_text("user.big%d", i), value, sizeof(back), 0) == 0);
	WANT(getxattr("f", "user.big9", back, sizeof(back)) == sizeof(back));
}

static void names(void)
{
	begin();
	for (size_t len = 6; len <= 255; len += 13) {
		const char *name = posix_text("user.%s", posix_name(len - 5, 'n'));

		posix_about("%zu bytes", len);
		WANT(setxattr("f", name, "v", 1, 0) == 0 && has("f", name, "v") &&
		     lists("f", name));
		WANT(removexattr("f", name) == 0);
	}
	posix_about("longer names");
	WANT_ERRNO(setxattr("f", posix_text("user.%s", posix_name(251, 'n')), "v", 1, 0), ERANGE);
	WANT_ERRNO(getxattr("f", posix_text("user.%s", posix_name(251, 'n')), NULL, 0), ERANGE);
	WANT_ERRNO(setxattr("f", "", "v", 1, 0), ERANGE);
	WANT_ERRNO(setxattr("f", "user.", "v", 1, 0), EINVAL);
	WANT(setxattr("f", "user.\xff\x01 .=", "v", 1, 0) == 0 &&
	     has("f", "user.\xff\x01 .=", "v"));
	WANT(setxattr("f", "user.a/b/..", "v", 1, 0) == 0 && has("f", "user.a/b/..", "v"));
	WANT(setxattr("f", "user.A", "1", 1, 0) == 0 && setxattr("f", "user.a", "2", 1, 0) == 0);
	WANT(has("f", "user.A", "1") && has("f", "user.a", "2"));
}

static void namespaces(void)
{
	begin();
	WANT_ERRNO(setxattr("f", "none", "v", 1, 0), EOPNOTSUPP);
	WANT_ERRNO(setxattr("f", "foo.bar", "v", 1, 0), EOPNOTSUPP);
	WANT_ERRNO(setxattr("f", "user", "v", 1, 0), EOPNOTSUPP);
	WANT_ERRNO(setxattr("f", "system.foo", "v", 1, 0), EOPNOTSUPP);
	WANT_ERRNO(getxattr("f", "foo.bar", NULL, 0), EOPNOTSUPP);
	WANT_ERRNO(removexattr("f", "foo.bar"), EOPNOTSUPP);
	WANT(listxattr("f", NULL, 0) == 0);
}

static void many(void)
{
	static char list[65536];
	ssize_t n;
	int count = 0;

	begin();
	for (int i = 0; i < MANY; i++)
		EXPECT(setxattr("f", posix_text("user.attr-%d", i), posix_text("%d", i), 2, 0) ==
		       0);
	n = listxattr("f", NULL, 0);
	WANT(listxattr("f", list, sizeof(list)) == n && listxattr("f", list, (size_t)n) == n);
	WANT_ERRNO(listxattr("f", list, (size_t)n - 1), ERANGE);
	for (ssize_t at = 0; at < n; at += (ssize_t)strlen(list + at) + 1)
		count += strncmp(list + at, "user.attr-", 10) == 0;
	WANT(count == MANY);
	for (int i = 0; i < MANY; i += 2)
		EXPECT(removexattr("f", posix_text("user.attr-%d", i)) == 0);
	for (int i = 0; i < MANY; i++)
		WANT(lists("f", posix_text("user.attr-%d", i)) == (i % 2 == 1));
}

static void kinds(void)
{
	begin();
	for (int k = 0; k < posix_kinds(); k++) {
		posix_about("%s", posix_kind_name[k]);
		posix_make("o", k);
		if (k == POSIX_REG || k == POSIX_DIR) {
			WANT(lsetxattr("o", "user.a", "v", 1, 0) == 0 && has("o", "user.a", "v"));
			WANT(lremovexattr("o", "user.a") == 0);
		} else {
			WANT_ERRNO(lsetxattr("o", "user.a", "v", 1, 0), EPERM);
			WANT_ERRNO(lgetxattr("o", "user.a", NULL, 0), ENODATA);
			WANT_ERRNO(lremovexattr("o", "user.a"), EPERM);
		}
		if (geteuid() == 0) {
			WANT(lsetxattr("o", "trusted.t", "v", 1, 0) == 0 &&
			     has("o", "trusted.t", "v"));
			WANT(lists("o", "trusted.t") && lremovexattr("o", "trusted.t") == 0);
			WANT(lsetxattr("o", "security.x", "v", 1, 0) == 0);
			WANT(has("o", "security.x", "v") && lists("o", "security.x"));
		}
		posix_remove("o");
	}
}

static void links(void)
{
	int fd;

	begin();
	EXPECT(symlink("f", "l") == 0 && setxattr("l", "user.a", "v", 1, 0) == 0);
	WANT(has("f", "user.a", "v"));
	WANT_ERRNO(lgetxattr("l", "user.a", NULL, 0), ENODATA);
	fd = open("f", O_RDONLY);
	WANT(fsetxattr(fd, "user.b", "w", 1, 0) == 0 && has("f", "user.b", "w"));
	WANT(fgetxattr(fd, "user.b", NULL, 0) == 1 && flistxattr(fd, NULL, 0) == 14);
	WANT(fremovexattr(fd, "user.b") == 0);
	WANT_ERRNO(fsetxattr(-1, "user.b", "w", 1, 0), EBADF);
	/* they belong to the file, not to a name */
	EXPECT(link("f", "g") == 0 && rename("f", "h") == 0);
	WANT(has("g", "user.a", "v") && has("h", "user.a", "v"));
	EXPECT(setxattr("g", "user.a", "new", 3, 0) == 0);
	WANT(has("h", "user.a", "new"));
	EXPECT(unlink("g") == 0 && unlink("h") == 0);
	posix_write_file("h", "x");
	WANT(!lists("h", "user.a"));
}

static void times(void)
{
	struct stat st;

	begin();
	EXPECT(setxattr("f", "user.a", "v", 1, 0) == 0);
	st = posix_stat("f");
	posix_tick();
	WANT_ERRNO(setxattr("f", "user.a", "v", 1, XATTR_CREATE), EEXIST);
	WANT(getxattr("f", "user.a", NULL, 0) == 1 && listxattr("f", NULL, 0) == 7);
	WANT(posix_same_time(posix_stat("f").st_ctim, st.st_ctim));
	WANT(setxattr("f", "user.a", "w", 1, 0) == 0);
	WANT(posix_later(posix_stat("f").st_ctim, st.st_ctim));
	WANT(posix_same_time(posix_stat("f").st_mtim, st.st_mtim));
	st = posix_stat("f");
	posix_tick();
	WANT(removexattr("f", "user.a") == 0);
	WANT(posix_later(posix_stat("f").st_ctim, st.st_ctim));
}

static void permission(void)
{
	begin();
	EXPECT(setxattr("f", "user.a", "v", 1, 0) == 0);
	for (unsigned bits = 0; bits < 8; bits++) {
		posix_about("bits %o", bits);
		EXPECT(chmod("f", 0770 | bits) == 0);
		posix_as(POSIX_A, POSIX_A, 0, NULL);
		if (bits & 4)
			WANT(getxattr("f", "user.a", NULL, 0) == 1);
		else
			WANT_ERRNO(getxattr("f", "user.a", NULL, 0), EACCES);
		if (bits & 2) {
			WANT(setxattr("f", "user.u", "v", 1, 0) == 0);
			WANT(removexattr("f", "user.u") == 0);
		} else {
			WANT_ERRNO(setxattr("f", "user.u", "v", 1, 0), EACCES);
			WANT_ERRNO(removexattr("f", "user.a"), EACCES);
		}
		/* names are listed whatever the permissions */
		WANT(lists("f", "user.a"));
		posix_as_root();
	}
}

static void trusted(void)
{
	begin();
	EXPECT(chmod("f", 0777) == 0 && setxattr("f", "trusted.t", "v", 1, 0) == 0);
	EXPECT(setxattr("f", "user.a", "v", 1, 0) == 0);
	posix_as(POSIX_A, POSIX_A, 0, NULL);
	WANT_ERRNO(getxattr("f", "trusted.t", NULL, 0), ENODATA);
	WANT_ERRNO(setxattr("f", "trusted.u", "v", 1, 0), EPERM);
	WANT_ERRNO(removexattr("f", "trusted.t"), EPERM);
	WANT(!lists("f", "trusted.t") && lists("f", "user.a"));
	WANT(listxattr("f", NULL, 0) == 7);
	WANT_ERRNO(setxattr("f", "security.x", "v", 1, 0), EPERM);
	posix_as_root();
	WANT(has("f", "trusted.t", "v") && lists("f", "trusted.t"));
}

static void sticky(void)
{
	posix_write_file("f", "x");
	need("f");
	EXPECT(mkdir("d", 0777) == 0 && chmod("d", 01777) == 0);
	posix_as(POSIX_A, POSIX_A, 0, NULL);
	WANT_ERRNO(setxattr("d", "user.a", "v", 1, 0), EPERM);
	posix_as_root();
	EXPECT(chmod("d", 0777) == 0);
	posix_as(POSIX_A, POSIX_A, 0, NULL);
	WANT(setxattr("d", "user.a", "v", 1, 0) == 0);
	posix_as_root();
}

const struct posix_case posix_xattr_cases[] = {
    {"setxattr(2)", "XATTR_CREATE: EEXIST, XATTR_REPLACE: ENODATA; removexattr(2): ENODATA", flags,
     0},
    {"getxattr(2)", "values come back as they were; ERANGE: the buffer is too small", sizes, 0},
    {"xattr(7)", "values of 64 KiB; E2BIG for more", large, 0},
    {"xattr(7)", "names to 255 bytes of any kind; ERANGE for more, EINVAL for none", names, 0},
    {"xattr(7)", "EOPNOTSUPP: a namespace that is not there", namespaces, 0},
    {"listxattr(2)", "every name once; ERANGE: the buffer is too small", many, 0},
    {"xattr(7)", "user attributes are for files and folders, trusted and security for all", kinds,
     0},
    {"lsetxattr(2)", "a link itself; fsetxattr(2); they follow the file", links, 0},
    {"setxattr(2)", "ctime is updated, mtime is not; failing and reading change nothing", times, 0},
    {"xattr(7)", "user attributes need the permissions of the content", permission, POSIX_ROOT},
    {"xattr(7)", "trusted attributes are there for root only", trusted, POSIX_ROOT},
    {"xattr(7)", "EPERM: user attributes of a sticky folder of another", sticky, POSIX_ROOT},
    POSIX_END,
};
