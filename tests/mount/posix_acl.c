/* SPDX-License-Identifier: Apache-2.0 */
/*
 * POSIX ACLs, as acl(5) describes them. They are set in the form that the kernel takes: version 2,
 * then tag, permissions and id of each entry, little-endian.
 */
#include "tests/mount/posix_case.h"

#include <sys/xattr.h>

#define ACCESS "system.posix_acl_access"
#define DEFAULT "system.posix_acl_default"

enum tag { USER_OBJ = 1, USER = 2, GROUP_OBJ = 4, GROUP = 8, MASK = 16, OTHER = 32 };

struct entry {
	enum tag tag;
	unsigned perm;
	unsigned id;
};

#define NO_ID 0xffffffffu
#define COUNT(entries) (sizeof(entries) / sizeof((entries)[0]))

static size_t encode(uint8_t *out, const struct entry *entries, size_t n)
{
	uint8_t *p = out + 4;

	memcpy(out, "\2\0\0\0", 4);
	for (size_t i = 0; i < n; i++, p += 8) {
		p[0] = (uint8_t)entries[i].tag;
		p[1] = 0;
		p[2] = (uint8_t)entries[i].perm;
		p[3] = 0;
		for (int b = 0; b < 4; b++)
			p[4 + b] = (uint8_t)(entries[i].id >> (8 * b));
	}
	return (size_t)(p - out);
}

static int set(const char *name, const char *which, const struct entry *entries, size_t n)
{
	uint8_t acl[256];

	return setxattr(name, which, acl, encode(acl, entries, n), 0);
}

static bool is(const char *name, const char *which, const struct entry *entries, size_t n)
{
	uint8_t want[256], got[256];
	size_t len = encode(want, entries, n);

	return getxattr(name, which, got, sizeof(got)) == (ssize_t)len &&
	       memcmp(want, got, len) == 0;
}

static void need(void)
{
	const struct entry three[] = {
	    {USER_OBJ, 7, NO_ID}, {GROUP_OBJ, 5, NO_ID}, {OTHER, 5, NO_ID}};

	posix_write_file("probe", "x");
	if (set("probe", ACCESS, three, 3) != 0 && errno == EOPNOTSUPP)
		posix_skip("no ACLs here");
	EXPECT(unlink("probe") == 0);
}

static bool may(const char *name, unsigned perm)
{
	return faccessat(AT_FDCWD, name, (int)perm, AT_EACCESS) == 0;
}

/* The three bits that a process of @uid, @gid and the groups gets. */
static unsigned rights(const char *name, uid_t uid, gid_t gid, int n, const gid_t *groups)
{
	unsigned got = 0;

	posix_as(uid, gid, n, groups);
	for (unsigned bit = 1; bit < 8; bit <<= 1)
		got |= may(name, bit) ? bit : 0;
	/* and no combination is granted of which a part is not (acl(5): one entry must have all) */
	posix_as_root();
	return got;
}

static void mask_shows(void)
{
	struct entry e[] = {{USER_OBJ, 6, NO_ID},
	                    {USER, 7, POSIX_A},
	                    {GROUP_OBJ, 4, NO_ID},
	                    {MASK, 7, NO_ID},
	                    {OTHER, 0, NO_ID}};

	need();
	posix_write_file("f", "x");
	for (unsigned mask = 0; mask < 8; mask++) {
		posix_about("mask %o", mask);
		e[3].perm = mask;
		WANT(set("f", ACCESS, e, COUNT(e)) == 0);
		WANT(posix_mode("f") == (0600 | mask << 3) && is("f", ACCESS, e, COUNT(e)));
		/* chmod changes the mask, not the group's entry */
		WANT(chmod("f", 0640) == 0);
		e[3].perm = 4;
		WANT(is("f", ACCESS, e, COUNT(e)));
	}
	WANT(chmod("f", 0751) == 0);
	e[0].perm = 7, e[3].perm = 5, e[4].perm = 1;
	WANT(is("f", ACCESS, e, COUNT(e)));
	WANT(removexattr("f", ACCESS) == 0);
	WANT_ERRNO(getxattr("f", ACCESS, NULL, 0), ENODATA);
}

static void named_user(void)
{
	struct entry e[] = {{USER_OBJ, 0, NO_ID},
	                    {USER, 0, POSIX_A},
	                    {GROUP_OBJ, 7, NO_ID},
	                    {MASK, 7, NO_ID},
	                    {OTHER, 7, NO_ID}};
	gid_t own[] = {0};

	need();
	posix_write_file("f", "x");
	EXPECT(chown("f", POSIX_B, 777) == 0);
	for (unsigned perm = 0; perm < 8; perm++) {
		for (unsigned mask = 0; mask < 8; mask++) {
			posix_about("entry %o, mask %o", perm, mask);
			e[1].perm = perm;
			e[3].perm = mask;
			EXPECT(set("f", ACCESS, e, COUNT(e)) == 0);
			WANT(rights("f", POSIX_A, 777, 1, own) == (perm & mask));
			/* the owner's entry is not masked */
			WANT(rights("f", POSIX_B, 777, 0, NULL) == 0);
			WANT(rights("f", POSIX_C, 777, 0, NULL) == mask);
			WANT(rights("f", POSIX_C, POSIX_C, 0, NULL) == 7);
		}
	}
}

static void groups(void)
{
	struct entry e[] = {{USER_OBJ, 0, NO_ID}, {GROUP_OBJ, 4, NO_ID}, {GROUP, 2, 778},
	                    {GROUP, 1, 779},      {MASK, 7, NO_ID},      {OTHER, 7, NO_ID}};
	gid_t both[] = {777, 778}, third[] = {779, 777}, all[] = {777, 778, 779};

	need();
	posix_write_file("f", "x");
	EXPECT(chown("f", 0, 777) == 0 && set("f", ACCESS, e, COUNT(e)) == 0);
	WANT(rights("f", POSIX_A, 777, 0, NULL) == 4);
	WANT(rights("f", POSIX_A, 778, 0, NULL) == 2);
	WANT(rights("f", POSIX_A, POSIX_A, 2, both) == 6);
	WANT(rights("f", POSIX_A, POSIX_A, 2, third) == 5);
	WANT(rights("f", POSIX_A, POSIX_A, 3, all) == 7);
	WANT(rights("f", POSIX_A, POSIX_A, 0, NULL) == 7);
	/* one entry has to grant all that is asked for */
	posix_as(POSIX_A, POSIX_A, 2, both);
	WANT(!may("f", R_OK | W_OK));
	WANT_ERRNO(open("f", O_RDWR), EACCES);
	posix_as_root();
	e[4].perm = 2;
	EXPECT(set("f", ACCESS, e, COUNT(e)) == 0);
	WANT(rights("f", POSIX_A, POSIX_A, 3, all) == 2);
	/* in a group of which no entry grants it, others do not count */
	WANT(rights("f", POSIX_A, 777, 0, NULL) == 0);
}

static void minimal(void)
{
	const struct entry e[] = {{USER_OBJ, 6, NO_ID}, {GROUP_OBJ, 4, NO_ID}, {OTHER, 1, NO_ID}};

	need();
	posix_write_file("f", "x");
	/* one that says no more than the mode is not kept */
	WANT(set("f", ACCESS, e, 3) == 0 && posix_mode("f") == 0641);
	WANT_ERRNO(getxattr("f", ACCESS, NULL, 0), ENODATA);
	WANT(listxattr("f", NULL, 0) == 0);
}

static void inherit(void)
{
	const struct entry def[] = {{USER_OBJ, 7, NO_ID},
	                            {USER, 7, POSIX_A},
	                            {GROUP_OBJ, 5, NO_ID},
	                            {MASK, 7, NO_ID},
	                            {OTHER, 0, NO_ID}};
	struct entry want[COUNT(def)];

	need();
	EXPECT(mkdir("d", 0755) == 0 && set("d", DEFAULT, def, COUNT(def)) == 0);
	WANT(posix_mode("d") == 0755 && is("d", DEFAULT, def, COUNT(def)));
	WANT_ERRNO(getxattr("d", ACCESS, NULL, 0), ENODATA);
	umask(077);
	memcpy(want, def, sizeof(def));
	/* the umask does not apply; the mode given does */
	EXPECT(close(open("d/f", O_CREAT | O_WRONLY, 0666)) == 0);
	want[0].perm = 6, want[3].perm = 6;
	WANT(posix_mode("d/f") == 0660 && is("d/f", ACCESS, want, COUNT(want)));
	WANT_ERRNO(getxattr("d/f", DEFAULT, NULL, 0), ENODATA);
	EXPECT(close(open("d/g", O_CREAT | O_WRONLY, 0640)) == 0);
	want[3].perm = 4;
	WANT(posix_mode("d/g") == 0640 && is("d/g", ACCESS, want, COUNT(want)));
	EXPECT(mkdir("d/e", 0777) == 0);
	WANT(posix_mode("d/e") == 0770 && is("d/e", DEFAULT, def, COUNT(def)));
	WANT(is("d/e", ACCESS, def, COUNT(def)));
	EXPECT(mkdir("d/e/deep", 0700) == 0);
	want[0].perm = 7, want[3].perm = 0;
	WANT(posix_mode("d/e/deep") == 0700 && is("d/e/deep", ACCESS, want, COUNT(want)));
	WANT(is("d/e/deep", DEFAULT, def, COUNT(def)));
	EXPECT(mkfifo("d/p", 0666) == 0 && mknod("d/n", S_IFREG | 0666, 0) == 0);
	want[0].perm = 6, want[3].perm = 6;
	WANT(posix_mode("d/p") == 0660 && is("d/p", ACCESS, want, COUNT(want)));
	WANT(is("d/n", ACCESS, want, COUNT(want)));
	EXPECT(symlink("f", "d/l") == 0 && posix_bind("d/s") == 0);
	WANT((posix_lstat("d/l").st_mode & 0777) == 0777 && posix_mode("d/s") == 0700);
}

static void inherit_minimal(void)
{
	const struct entry def[] = {{USER_OBJ, 7, NO_ID}, {GROUP_OBJ, 5, NO_ID}, {OTHER, 1, NO_ID}};

	need();
	EXPECT(mkdir("d", 0700) == 0 && set("d", DEFAULT, def, 3) == 0);
	umask(0777);
	EXPECT(close(open("d/f", O_CREAT | O_WRONLY, 0666)) == 0 && mkdir("d/e", 0777) == 0);
	WANT(posix_mode("d/f") == 0640 && posix_mode("d/e") == 0751);
	WANT_ERRNO(getxattr("d/f", ACCESS, NULL, 0), ENODATA);
	WANT(is("d/e", DEFAULT, def, 3));
	WANT(removexattr("d", DEFAULT) == 0);
	umask(027);
	EXPECT(mkdir("d/g", 0777) == 0);
	WANT(posix_mode("d/g") == 0750);
}

static void errors(void)
{
	struct entry e[] = {{USER_OBJ, 6, NO_ID},
	                    {USER, 7, POSIX_A},
	                    {GROUP_OBJ, 4, NO_ID},
	                    {MASK, 7, NO_ID},
	                    {OTHER, 0, NO_ID}};
	struct entry no_mask[] = {e[0], e[1], e[2], e[4]}, no_other[] = {e[0], e[2]};
	struct entry twice[] = {e[0], e[2], e[2], e[4]};

	need();
	posix_write_file("f", "x");
	WANT_ERRNO(set("f", ACCESS, no_mask, 4), EINVAL);
	WANT_ERRNO(set("f", ACCESS, no_other, 2), EINVAL);
	WANT_ERRNO(set("f", ACCESS, twice, 4), EINVAL);
	e[1].perm = 8;
	WANT_ERRNO(set("f", ACCESS, e, COUNT(e)), EINVAL);
	WANT_ERRNO(setxattr("f", ACCESS, "\1\0\0\0", 4, 0), EOPNOTSUPP);
	WANT_ERRNO(setxattr("f", ACCESS, "\2\0\0\0\1\0", 6, 0), EINVAL);
	e[1].perm = 7;
	WANT_ERRNO(set("f", DEFAULT, e, COUNT(e)), EACCES);
	EXPECT(symlink("f", "l") == 0);
	WANT_ERRNO(lsetxattr("l", ACCESS, "\2\0\0\0", 4, 0), EOPNOTSUPP);
	WANT(posix_mode("f") == 0644);
}

static void owner_only(void)
{
	const struct entry e[] = {{USER_OBJ, 7, NO_ID},
	                          {USER, 7, POSIX_A},
	                          {GROUP_OBJ, 7, NO_ID},
	                          {MASK, 7, NO_ID},
	                          {OTHER, 7, NO_ID}};

	need();
	posix_write_file("f", "x");
	EXPECT(set("f", ACCESS, e, COUNT(e)) == 0);
	posix_as(POSIX_A, POSIX_A, 0, NULL);
	WANT_ERRNO(set("f", ACCESS, e, COUNT(e)), EPERM);
	WANT_ERRNO(removexattr("f", ACCESS), EPERM);
	WANT_ERRNO(chmod("f", 0777), EPERM);
	WANT(is("f", ACCESS, e, COUNT(e)));
	posix_as_root();
	EXPECT(chown("f", POSIX_A, POSIX_A) == 0);
	posix_as(POSIX_A, POSIX_A, 0, NULL);
	WANT(removexattr("f", ACCESS) == 0);
	posix_as_root();
	WANT(posix_mode("f") == 0777);
}

static void drops_setgid(void)
{
	const struct entry e[] = {{USER_OBJ, 7, NO_ID},
	                          {USER, 5, POSIX_B},
	                          {GROUP_OBJ, 5, NO_ID},
	                          {MASK, 5, NO_ID},
	                          {OTHER, 5, NO_ID}};
	gid_t member[] = {777};

	need();
	for (int in_group = 0; in_group < 2; in_group++) {
		posix_about("%s the group", in_group ? "in" : "not in");
		posix_write_file("f", "x");
		EXPECT(chown("f", POSIX_A, 777) == 0 && chmod("f", 02755) == 0);
		posix_as(POSIX_A, POSIX_A, in_group, member);
		WANT(set("f", ACCESS, e, COUNT(e)) == 0);
		posix_as_root();
		WANT(posix_mode("f") == (in_group ? 02755 : 0755));
		EXPECT(unlink("f") == 0);
	}
}

static void folders(void)
{
	struct entry e[] = {{USER_OBJ, 7, NO_ID},
	                    {USER, 0, POSIX_A},
	                    {GROUP_OBJ, 7, NO_ID},
	                    {MASK, 7, NO_ID},
	                    {OTHER, 7, NO_ID}};

	need();
	EXPECT(mkdir("d", 0777) == 0);
	posix_write_file("d/f", "x");
	for (unsigned perm = 0; perm < 8; perm++) {
		struct stat st;

		posix_about("entry %o", perm);
		e[1].perm = perm;
		EXPECT(set("d", ACCESS, e, COUNT(e)) == 0);
		posix_as(POSIX_A, POSIX_A, 0, NULL);
		WANT((stat("d/f", &st) == 0) == !!(perm & 1));
		WANT((mkdir("d/new", 0755) == 0) == ((perm & 3) == 3));
		WANT((open("d", O_RDONLY) >= 0) == !!(perm & 4));
		posix_as_root();
		rmdir("d/new");
	}
}

static void times(void)
{
	const struct entry e[] = {{USER_OBJ, 7, NO_ID},
	                          {USER, 7, POSIX_A},
	                          {GROUP_OBJ, 7, NO_ID},
	                          {MASK, 7, NO_ID},
	                          {OTHER, 7, NO_ID}};
	struct stat st;

	need();
	posix_write_file("f", "x");
	st = posix_stat("f");
	posix_tick();
	EXPECT(set("f", ACCESS, e, COUNT(e)) == 0);
	WANT(posix_later(posix_stat("f").st_ctim, st.st_ctim));
	WANT(posix_same_time(posix_stat("f").st_mtim, st.st_mtim));
	EXPECT(rename("f", "g") == 0 && link("g", "h") == 0);
	WANT(is("h", ACCESS, e, COUNT(e)));
}

const struct posix_case posix_acl_cases[] = {
    {"acl(5)", "the mask is the group's bits of the mode, and chmod(2) changes it", mask_shows, 0},
    {"acl(5)", "the entry of a user counts, limited by the mask; the owner's is not", named_user,
     POSIX_ROOT},
    {"acl(5)", "the entries of groups: any of them may grant, and all that is asked for", groups,
     POSIX_ROOT},
    {"acl(5)", "a minimal ACL is the mode", minimal, 0},
    {"acl(5)", "a default ACL is inherited by all types instead of the umask", inherit, 0},
    {"acl(5)", "a minimal default ACL gives the mode alone", inherit_minimal, 0},
    {"acl(5)", "EINVAL for what is no ACL, EACCES for a default ACL of a file", errors, 0},
    {"acl(5)", "EPERM: only the owner changes it, whatever it grants", owner_only, POSIX_ROOT},
    {"acl(5)", "setting one clears S_ISGID when the owner is not in the group", drops_setgid,
     POSIX_ROOT},
    {"acl(5)", "searching, reading and changing folders", folders, POSIX_ROOT},
    {"acl(5)", "ctime is updated; links and renames keep it", times, 0},
    POSIX_END,
};
