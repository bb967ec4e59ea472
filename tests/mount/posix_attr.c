/* SPDX-License-Identifier: Apache-2.0 */
/* chmod, chown, utimensat, extended attributes, setuid, default ACLs, statvfs. */
#include "tests/mount/posix_case.h"

#include <sys/statvfs.h>
#include <sys/xattr.h>
#include <time.h>

static unsigned mode_of(const char *name)
{
	return posix_stat(name).st_mode & 07777;
}

static bool later(struct timespec a, struct timespec b)
{
	return a.tv_sec > b.tv_sec || (a.tv_sec == b.tv_sec && a.tv_nsec > b.tv_nsec);
}

static void chmod_sets(void)
{
	struct stat before;

	posix_write_file("f", "x");
	before = posix_stat("f");
	usleep(20000);
	EXPECT(chmod("f", 01640) == 0 && mode_of("f") == 01640);
	EXPECT(later(posix_stat("f").st_ctim, before.st_ctim));
	EXPECT(posix_stat("f").st_mtim.tv_nsec == before.st_mtim.tv_nsec);
}

static void create_umask(void)
{
	umask(027);
	EXPECT(close(open("f", O_CREAT | O_WRONLY, 0666)) == 0);
	EXPECT(mkdir("d", 0777) == 0 && mkfifo("p", 0666) == 0);
	EXPECT(mode_of("f") == 0640 && mode_of("d") == 0750 && mode_of("p") == 0640);
	umask(0);
	EXPECT(close(open("g", O_CREAT | O_WRONLY, 0666)) == 0 && mode_of("g") == 0666);
}

static void create_readonly(void)
{
	/* the mode of a new file counts from the next open on */
	int fd = open("f", O_CREAT | O_RDWR, 0);

	EXPECT(fd >= 0 && write(fd, "x", 1) == 1 && mode_of("f") == 0);
}

static void setgid_folder(void)
{
	if (geteuid() != 0)
		posix_skip("needs root for another group");
	EXPECT(mkdir("d", 0755) == 0 && chown("d", 0, 777) == 0 && chmod("d", 02755) == 0);
	posix_write_file("d/f", "x");
	EXPECT(mkdir("d/e", 0755) == 0 && symlink("x", "d/l") == 0);
	EXPECT(posix_stat("d/f").st_gid == 777 && !(mode_of("d/f") & S_ISGID));
	EXPECT(posix_stat("d/e").st_gid == 777 && (mode_of("d/e") & S_ISGID));
	EXPECT(posix_lstat("d/l").st_gid == 777);
}

static void user_writes(void)
{
	int fd = open("f", O_RDWR);

	EXPECT(fd >= 0 && write(fd, "y", 1) == 1);
	EXPECT(mode_of("f") == 0777);
	EXPECT(fsync(fd) == 0 && mode_of("f") == 0777);
}

static void setuid_write(void)
{
	posix_write_file("f", "x");
	EXPECT(chmod("f", 06777) == 0);
	posix_as_user(user_writes);
	EXPECT(mode_of("f") == 0777);
}

static void user_truncates(void)
{
	EXPECT(truncate("f", 0) == 0);
	EXPECT(mode_of("f") == 0777);
}

static void setuid_truncate(void)
{
	posix_write_file("f", "x");
	EXPECT(chmod("f", 06777) == 0);
	posix_as_user(user_truncates);
}

static void setuid_chown(void)
{
	if (geteuid() != 0)
		posix_skip("needs root to give files away");
	posix_write_file("f", "x");
	EXPECT(chmod("f", 06755) == 0 && chown("f", 12345, 12345) == 0);
	EXPECT(mode_of("f") == 0755);
	EXPECT(chmod("f", 02644) == 0 && chown("f", 1, 1) == 0);
	EXPECT(mode_of("f") == 02644); /* no group execution: a lock mark, not a right */
	EXPECT(mkdir("d", 0755) == 0 && chmod("d", 02755) == 0 && chown("d", 1, 1) == 0);
	EXPECT(mode_of("d") == 02755);
}

static void chown_sets(void)
{
	if (geteuid() != 0)
		posix_skip("needs root to give files away");
	posix_write_file("f", "x");
	EXPECT(chown("f", 4000000000u, (gid_t)-1) == 0);
	EXPECT(posix_stat("f").st_uid == 4000000000u && posix_stat("f").st_gid == getegid());
	EXPECT(chown("f", (uid_t)-1, 5) == 0 && posix_stat("f").st_gid == 5);
	EXPECT(symlink("f", "l") == 0 && lchown("l", 9, 9) == 0);
	EXPECT(posix_lstat("l").st_uid == 9 && posix_stat("f").st_gid == 5);
}

static void set_times(const char *name, time_t s, long ns)
{
	struct timespec ts[2] = {{.tv_sec = s, .tv_nsec = ns}, {.tv_sec = s + 1, .tv_nsec = ns}};
	struct stat st;

	EXPECT(utimensat(AT_FDCWD, name, ts, AT_SYMLINK_NOFOLLOW) == 0);
	st = posix_lstat(name);
	EXPECT(st.st_atim.tv_sec == s && st.st_atim.tv_nsec == ns);
	EXPECT(st.st_mtim.tv_sec == s + 1 && st.st_mtim.tv_nsec == ns);
}

static void times_range(void)
{
	posix_write_file("f", "x");
	EXPECT(mkdir("d", 0755) == 0 && symlink("x", "l") == 0);
	set_times("f", 1234567890, 123456789);
	set_times("f", 0, 0);
	set_times("f", -1, 999999999);
	set_times("f", -1000000000, 1);
	set_times("f", 4500000000, 987654321);
	set_times("d", -12345, 678);
	set_times("l", 5000000000, 5);
}

static void times_now_omit(void)
{
	struct timespec ts[2] = {{.tv_sec = 1000}, {.tv_sec = 2000}};
	struct timespec how[2] = {{.tv_nsec = UTIME_NOW}, {.tv_nsec = UTIME_OMIT}};
	struct timespec now;

	posix_write_file("f", "x");
	clock_gettime(CLOCK_REALTIME, &now);
	EXPECT(utimensat(AT_FDCWD, "f", ts, 0) == 0 && utimensat(AT_FDCWD, "f", how, 0) == 0);
	EXPECT(posix_stat("f").st_atim.tv_sec >= now.tv_sec - 1);
	EXPECT(posix_stat("f").st_mtim.tv_sec == 2000);
	EXPECT(utimensat(AT_FDCWD, "f", NULL, 0) == 0);
	EXPECT(posix_stat("f").st_mtim.tv_sec >= now.tv_sec - 1);
}

static void times_of_writes(void)
{
	struct timespec ts[2] = {{.tv_sec = 1000}, {.tv_sec = 2000}};
	int fd = open("f", O_CREAT | O_RDWR, 0644);
	struct stat st;

	EXPECT(fd >= 0 && write(fd, "x", 1) == 1);
	EXPECT(futimens(fd, ts) == 0);
	/* times set after a write stay, also when the data goes out later */
	EXPECT(fsync(fd) == 0 && close(fd) == 0);
	st = posix_stat("f");
	EXPECT(st.st_mtim.tv_sec == 2000 && st.st_ctim.tv_sec > 2000);
	fd = open("f", O_RDWR);
	EXPECT(write(fd, "y", 1) == 1);
	EXPECT(fstat(fd, &st) == 0 && st.st_mtim.tv_sec > 2000);
	EXPECT(ftruncate(fd, 0) == 0 && futimens(fd, ts) == 0 && ftruncate(fd, 5) == 0);
	EXPECT(fstat(fd, &st) == 0 && st.st_mtim.tv_sec > 2000);
}

static void xattr_rules(void)
{
	char value[64], list[256];
	ssize_t n;

	posix_write_file("f", "x");
	if (setxattr("f", "user.a", "one", 3, 0) != 0 && errno == EOPNOTSUPP)
		posix_skip("no user attributes here");
	EXPECT(getxattr("f", "user.a", NULL, 0) == 3);
	EXPECT(getxattr("f", "user.a", value, sizeof(value)) == 3 && memcmp(value, "one", 3) == 0);
	EXPECT_ERRNO(getxattr("f", "user.a", value, 2), ERANGE);
	EXPECT_ERRNO(getxattr("f", "user.none", value, 2), ENODATA);
	EXPECT_ERRNO(setxattr("f", "user.a", "x", 1, XATTR_CREATE), EEXIST);
	EXPECT_ERRNO(setxattr("f", "user.b", "x", 1, XATTR_REPLACE), ENODATA);
	EXPECT(setxattr("f", "user.a", "", 0, XATTR_REPLACE) == 0);
	EXPECT(getxattr("f", "user.a", value, sizeof(value)) == 0);
	EXPECT(setxattr("f", "user.b", "x", 1, XATTR_CREATE) == 0);
	n = listxattr("f", list, sizeof(list));
	EXPECT(n >= 14 && memmem(list, (size_t)n, "user.a", 7) &&
	       memmem(list, (size_t)n, "user.b", 7));
	EXPECT(listxattr("f", NULL, 0) == n);
	EXPECT_ERRNO(listxattr("f", list, 3), ERANGE);
	EXPECT(removexattr("f", "user.a") == 0);
	EXPECT_ERRNO(removexattr("f", "user.a"), ENODATA);
}

static void xattr_large(void)
{
	static char value[65536], back[65536];
	char name[300] = "user.";

	posix_write_file("f", "x");
	for (size_t i = 0; i < sizeof(value); i++)
		value[i] = (char)(i * 7);
	if (setxattr("f", "user.big", value, sizeof(value), 0) != 0 &&
	    (errno == ENOSPC || errno == EOPNOTSUPP || errno == E2BIG))
		posix_skip("no large attributes here");
	EXPECT(getxattr("f", "user.big", back, sizeof(back)) == sizeof(back));
	EXPECT(memcmp(value, back, sizeof(back)) == 0);
	memset(name + 5, 'n', 250);
	name[255] = '\0';
	EXPECT(setxattr("f", name, "v", 1, 0) == 0 && getxattr("f", name, back, 10) == 1);
}

static void xattr_kinds(void)
{
	char value[8];

	EXPECT(mkdir("d", 0755) == 0);
	if (setxattr("d", "user.d", "v", 1, 0) != 0 && errno == EOPNOTSUPP)
		posix_skip("no user attributes here");
	EXPECT(getxattr("d", "user.d", value, 8) == 1);
	if (geteuid() == 0) {
		EXPECT(symlink("x", "l") == 0);
		EXPECT(lsetxattr("l", "trusted.t", "v", 1, 0) == 0);
		EXPECT(lgetxattr("l", "trusted.t", value, 8) == 1);
	}
}

static void capability_write(void)
{
	/* version 2, permitted: CAP_NET_RAW */
	static const unsigned char cap[20] = {1, 0, 0, 2, 0, 0x20};
	int fd;

	posix_write_file("f", "x");
	if (geteuid() != 0 || setxattr("f", "security.capability", cap, sizeof(cap), 0) != 0)
		posix_skip("no file capabilities here");
	EXPECT(getxattr("f", "security.capability", NULL, 0) > 0);
	fd = open("f", O_WRONLY);
	EXPECT(fd >= 0 && write(fd, "y", 1) == 1 && fsync(fd) == 0);
	EXPECT_ERRNO(getxattr("f", "security.capability", NULL, 0), ENODATA);
	EXPECT(setxattr("f", "security.capability", cap, sizeof(cap), 0) == 0);
	EXPECT(chown("f", 1, 1) == 0);
	EXPECT_ERRNO(getxattr("f", "security.capability", NULL, 0), ENODATA);
}

/* An ACL as the kernel takes it: version 2, then tag, permissions and id of each entry. */
static size_t acl_of(uint8_t *out, const uint32_t (*entries)[3], size_t n)
{
	uint8_t *p = out;

	*p++ = 2;
	p += 3;
	for (size_t i = 0; i < n; i++, p += 8) {
		p[0] = (uint8_t)entries[i][0];
		p[2] = (uint8_t)entries[i][1];
		for (int b = 0; b < 4; b++)
			p[4 + b] = (uint8_t)(entries[i][2] >> (8 * b));
	}
	return (size_t)(p - out);
}

static void user_reads(void)
{
	EXPECT(posix_file_is("f", "x"));
	EXPECT_ERRNO(open("f", O_WRONLY), EACCES);
}

static void acl_access(void)
{
	const uint32_t entries[][3] = {
	    {1, 6, ~0u}, {2, 4, 12345}, {4, 0, ~0u}, {16, 4, ~0u}, {32, 0, ~0u}};
	uint8_t acl[64] = {0};
	size_t len = acl_of(acl, entries, 5);

	posix_write_file("f", "x");
	EXPECT(chmod("f", 0600) == 0);
	if (setxattr("f", "system.posix_acl_access", acl, len, 0) != 0 && errno == EOPNOTSUPP)
		posix_skip("no ACLs here");
	EXPECT(mode_of("f") == 0640); /* the mask shows as the group's bits */
	posix_as_user(user_reads);
	EXPECT(chmod("f", 0600) == 0); /* and chmod changes the mask */
	EXPECT(getxattr("f", "system.posix_acl_access", acl, sizeof(acl)) == (ssize_t)len);
	EXPECT(acl[4 + 3 * 8 + 2] == 0);
}

static void acl_default(void)
{
	const uint32_t entries[][3] = {
	    {1, 7, ~0u}, {2, 7, 12345}, {4, 5, ~0u}, {16, 7, ~0u}, {32, 0, ~0u}};
	uint8_t acl[64] = {0}, back[64];
	size_t len = acl_of(acl, entries, 5);

	EXPECT(mkdir("d", 0755) == 0);
	if (setxattr("d", "system.posix_acl_default", acl, len, 0) != 0 && errno == EOPNOTSUPP)
		posix_skip("no ACLs here");
	EXPECT(mode_of("d") == 0755);
	umask(077);
	EXPECT(close(open("d/f", O_CREAT | O_WRONLY, 0666)) == 0);
	EXPECT(mode_of("d/f") == 0660); /* the umask does not apply, the ACL does */
	EXPECT(getxattr("d/f", "system.posix_acl_access", back, sizeof(back)) == (ssize_t)len);
	EXPECT(mkdir("d/e", 0777) == 0 && mode_of("d/e") == 0770);
	EXPECT(getxattr("d/e", "system.posix_acl_default", back, sizeof(back)) == (ssize_t)len);
	EXPECT(memcmp(back, acl, len) == 0);
}

static void statvfs_sane(void)
{
	struct statvfs st;

	EXPECT(statvfs(".", &st) == 0);
	EXPECT(st.f_namemax == 255 && st.f_bsize >= 512 && st.f_blocks >= st.f_bfree);
	EXPECT(st.f_bavail > 0);
}

static void blocks_count(void)
{
	int fd = open("f", O_CREAT | O_RDWR, 0644);
	static char data[1 << 20];

	memset(data, 'x', sizeof(data));
	EXPECT(fd >= 0 && write(fd, data, sizeof(data)) == sizeof(data) && fsync(fd) == 0);
	EXPECT(close(fd) == 0);
	EXPECT(posix_stat("f").st_blocks >= 2048 && posix_stat("f").st_blocks < 4096);
	EXPECT(truncate("f", 0) == 0 && posix_stat("f").st_blocks == 0);
}

const struct posix_case posix_attr_cases[] = {
    {"chmod", "sets the twelve bits and the ctime, not the mtime", chmod_sets},
    {"chown", "sets owner and group, 32 bits each, of links too", chown_sets},
    {"chown", "drops setuid and setgid of files, not of folders", setuid_chown},
    {"umask", "applies to all that is made", create_umask},
    {"open", "a new file without rights can be written by its maker", create_readonly},
    {"setgid", "a setgid folder gives its group on, and to folders the bit", setgid_folder},
    {"setuid", "is dropped when another user writes", setuid_write},
    {"setuid", "is dropped when another user truncates", setuid_truncate},
    {"utimensat", "keeps nanoseconds, before 1970 and after 2038 too", times_range},
    {"utimensat", "UTIME_NOW and UTIME_OMIT do what they say", times_now_omit},
    {"utimensat", "times set after a write stay, later writes set new ones", times_of_writes},
    {"xattr", "sizes, flags and errors are those of the manual", xattr_rules},
    {"xattr", "64 KiB values and 255 byte names are possible", xattr_large},
    {"xattr", "folders and links have them too", xattr_kinds},
    {"xattr", "a write or chown drops security.capability", capability_write},
    {"acl", "an access ACL gives rights and shows in the mode", acl_access},
    {"acl", "a default ACL is inherited instead of the umask", acl_default},
    {"statvfs", "tells believable totals", statvfs_sane},
    {"stat", "st_blocks of a closed file follows its data", blocks_count},
    {NULL, NULL, NULL},
};
