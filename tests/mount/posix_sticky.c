/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sticky folders: "If a folder is writable and has the restricted deletion flag, an entry may be
 * removed or renamed only by the owner of the entry, the owner of the folder, or a privileged
 * process" (POSIX, 4.5). Every owner of folder and entry, every type, every user.
 */
#include "tests/mount/posix_case.h"

static const uid_t users[] = {0, POSIX_A, POSIX_B, POSIX_C};

#define USERS 4

/* One entry of one type in a folder: who owns them, and who acts. */
struct scene {
	bool sticky;
	uid_t folder, entry, actor;
	int kind;
};

static bool allowed(const struct scene *s)
{
	return !s->sticky || s->actor == 0 || s->actor == s->folder || s->actor == s->entry;
}

static void each(void (*fn)(const struct scene *), int owners)
{
	for (int kind = 0; kind < posix_kinds(); kind++) {
		for (int i = 0; i < 2 * owners * owners * USERS; i++) {
			struct scene s = {.sticky = i % 2,
			                  .folder = users[i / 2 % owners],
			                  .entry = users[i / 2 / owners % owners],
			                  .actor = users[i / 2 / owners / owners],
			                  .kind = kind};

			posix_about("%s of %u in a%s folder of %u, by %u", posix_kind_name[kind],
			            s.entry, s.sticky ? " sticky" : "", s.folder, s.actor);
			fn(&s);
		}
	}
}

static void begin(const struct scene *s)
{
	EXPECT(mkdir("d", 0777) == 0 && chown("d", s->folder, 0) == 0);
	EXPECT(chmod("d", s->sticky ? 01777 : 0777) == 0);
	posix_make("d/o", s->kind);
	EXPECT(lchown("d/o", s->entry, 0) == 0);
	posix_as(s->actor, s->actor, 0, NULL);
}

static void end(void)
{
	posix_as_root();
	if (!posix_none("d/o"))
		posix_remove("d/o");
	if (!posix_none("d/p"))
		posix_remove("d/p");
	EXPECT(rmdir("d") == 0);
}

static void remove_entry(const struct scene *s)
{
	int r;

	begin(s);
	errno = 0;
	r = s->kind == POSIX_DIR ? rmdir("d/o") : unlink("d/o");
	if (allowed(s))
		WANT(r == 0);
	else
		WANT(r == -1 && errno == EPERM);
	end();
}

static void rename_entry(const struct scene *s)
{
	begin(s);
	if (allowed(s))
		WANT(rename("d/o", "d/p") == 0);
	else
		WANT_ERRNO(rename("d/o", "d/p"), EPERM);
	end();
}

static void replace_entry(const struct scene *s)
{
	begin(s);
	posix_as_root();
	/* what comes over the entry is the actor's own */
	posix_make("d/p", s->kind == POSIX_DIR ? POSIX_DIR : POSIX_REG);
	EXPECT(lchown("d/p", s->actor, 0) == 0);
	posix_as(s->actor, s->actor, 0, NULL);
	if (allowed(s))
		WANT(rename("d/p", "d/o") == 0);
	else
		WANT_ERRNO(rename("d/p", "d/o"), EPERM);
	end();
}

static void unlinks(void)
{
	each(remove_entry, 3);
}

static void renames(void)
{
	each(rename_entry, 2);
}

static void replaces(void)
{
	each(replace_entry, 2);
}

static void makes(void)
{
	EXPECT(mkdir("d", 0777) == 0 && chmod("d", 01777) == 0);
	posix_as(POSIX_A, POSIX_A, 0, NULL);
	for (int k = 0; k < POSIX_BLK; k++) {
		posix_about("%s", posix_kind_name[k]);
		posix_make("d/o", k);
		WANT(posix_lstat("d/o").st_uid == POSIX_A);
		posix_remove("d/o");
	}
}

static void moves_out(void)
{
	EXPECT(mkdir("d", 0777) == 0 && chmod("d", 01777) == 0);
	EXPECT(mkdir("e", 0777) == 0 && chmod("e", 0777) == 0);
	posix_write_file("d/f", "x");
	EXPECT(chown("d/f", POSIX_B, POSIX_B) == 0);
	posix_as(POSIX_A, POSIX_A, 0, NULL);
	WANT_ERRNO(rename("d/f", "e/f"), EPERM);
	WANT_ERRNO(renameat2(AT_FDCWD, "d/f", AT_FDCWD, "e/f", RENAME_NOREPLACE), EPERM);
	posix_write_file("e/g", "y");
	WANT_ERRNO(renameat2(AT_FDCWD, "e/g", AT_FDCWD, "d/f", RENAME_EXCHANGE), EPERM);
	WANT(rename("e/g", "d/g") == 0);
	posix_as(POSIX_B, POSIX_B, 0, NULL);
	WANT(rename("d/f", "e/f") == 0);
	posix_as_root();
}

const struct posix_case posix_sticky_cases[] = {
    {"unlink(2)",
     "EPERM: the folder has the sticky bit, and neither it nor the entry is the "
     "user's; rmdir(2) too",
     unlinks, POSIX_ROOT},
    {"rename(2)", "EPERM: the folder of oldpath has the sticky bit, and neither is the user's",
     renames, POSIX_ROOT},
    {"rename(2)", "EPERM: the folder of newpath has the sticky bit, and neither is the user's",
     replaces, POSIX_ROOT},
    {"rename(2)", "EPERM: out of a sticky folder, and exchanging with one", moves_out, POSIX_ROOT},
    {"inode(7)", "in a sticky folder everybody can make things", makes, POSIX_ROOT},
    POSIX_END,
};
