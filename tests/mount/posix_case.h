/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Cases of the conformance program. A case is a function that runs in an empty folder of its own
 * (the current one) and is named by the call and the sentence it checks.
 *
 * EXPECT() ends the case with the reason when it does not hold. WANT() says so, and goes on with
 * the next check: a loop over hundreds of combinations then shows all that differ. What the checks
 * are about is told by posix_about(). All checks are counted.
 */
#ifndef AMBERFS_TESTS_POSIX_CASE_H
#define AMBERFS_TESTS_POSIX_CASE_H

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

/* What a case needs; it is skipped where that is not there. */
#define POSIX_ROOT 1u /* to be root */
#define POSIX_PAST 2u /* a .snapshots folder, which is nothing to compare with elsewhere */
#define POSIX_LONG 4u /* some minutes, hence the option -l */

struct posix_case {
	const char *call;
	const char *sentence;
	void (*fn)(void);
	unsigned needs;
};

#define POSIX_END                   \
	{                           \
		NULL, NULL, NULL, 0 \
	}

/* A call that takes a path, and what is common to all those. */
struct posix_call {
	const char *name;
	int (*fn)(const char *path);
	unsigned how;
};

/* A sentence that holds for all calls with a path that have one of the bits @how. */
struct posix_path_case {
	const char *sentence;
	void (*fn)(const struct posix_call *call);
	unsigned how;
	unsigned needs;
};

extern const struct posix_call posix_calls[];
extern const struct posix_path_case posix_path_cases[];

extern const struct posix_case posix_acl_cases[];
extern const struct posix_case posix_chmod_cases[];
extern const struct posix_case posix_chown_cases[];
extern const struct posix_case posix_copy_cases[];
extern const struct posix_case posix_dirs_cases[];
extern const struct posix_case posix_fault_cases[];
extern const struct posix_case posix_io_cases[];
extern const struct posix_case posix_link_cases[];
extern const struct posix_case posix_lock_cases[];
extern const struct posix_case posix_mmap_cases[];
extern const struct posix_case posix_node_cases[];
extern const struct posix_case posix_open_cases[];
extern const struct posix_case posix_orphan_cases[];
extern const struct posix_case posix_past_cases[];
extern const struct posix_case posix_perm_cases[];
extern const struct posix_case posix_readdir_cases[];
extern const struct posix_case posix_rename_cases[];
extern const struct posix_case posix_space_cases[];
extern const struct posix_case posix_statfs_cases[];
extern const struct posix_case posix_sticky_cases[];
extern const struct posix_case posix_suid_cases[];
extern const struct posix_case posix_symlink_cases[];
extern const struct posix_case posix_stamps_cases[];
extern const struct posix_case posix_times_cases[];
extern const struct posix_case posix_truncate_cases[];
extern const struct posix_case posix_xattr_cases[];

/* Why the mount fails this case, or NULL: the one list of what is known to differ. With
 * @ret_may_pass it need not fail. */
const char *posix_known(const char *call, const char *sentence, bool *ret_may_pass);

/* ---- verdicts ---- */

void posix_check(bool holds, const char *file, int line, const char *what);
void posix_fail(void) __attribute__((noreturn));
void posix_skip(const char *why) __attribute__((noreturn));

/* What the next checks are about. */
void posix_about(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* The case's exit code, from inside: it failed when a WANT() did. */
void posix_done(void) __attribute__((noreturn));

#define EXPECT(expr)                                            \
	do {                                                    \
		bool holds_ = (expr);                           \
		posix_check(holds_, __FILE__, __LINE__, #expr); \
		if (!holds_)                                    \
			posix_fail();                           \
	} while (0)

#define WANT(expr) posix_check((expr), __FILE__, __LINE__, #expr)

/* The call fails with this errno. */
#define WANT_ERRNO(expr, want)                                                      \
	do {                                                                        \
		errno = 0;                                                          \
		bool failed_ = (expr) == -1;                                        \
		posix_check(failed_ &&errno == (want), __FILE__, __LINE__,          \
		            failed_ ? #expr " fails with " #want : #expr " fails"); \
	} while (0)

#define EXPECT_ERRNO(expr, want)                         \
	do {                                             \
		errno = 0;                               \
		EXPECT((expr) == -1 && errno == (want)); \
	} while (0)

/* ---- files ---- */

/* The seven types of files. */
enum posix_kind {
	POSIX_REG,
	POSIX_DIR,
	POSIX_FIFO,
	POSIX_SOCK,
	POSIX_LNK,
	POSIX_BLK,
	POSIX_CHR,
	POSIX_KINDS
};

extern const char *const posix_kind_name[POSIX_KINDS];

/* Devices are root's; the others everybody's. Use: for (k = 0; k < posix_kinds(); k++) */
int posix_kinds(void);

/* Make something of this type; a link leads nowhere. Permissions are 0644, of folders 0755. */
void posix_make(const char *name, int kind);

/* Make a socket, with the permissions that the umask leaves. */
int posix_bind(const char *path);

/* Whether @st is of the type @kind. */
bool posix_is(const struct stat *st, int kind);

/* Take it away, whatever it is (a folder must be empty). */
void posix_remove(const char *name);

/* Make file @name with @text. */
void posix_write_file(const char *name, const char *text);

/* Whether file @name holds exactly @text. */
bool posix_file_is(const char *name, const char *text);

/* A new file of @size zeros, opened for reading and writing. */
int posix_file(const char *name, off_t size);

/* Write @len bytes @c at @off; and whether these all are @c. */
void posix_put(int fd, off_t off, size_t len, int c);
bool posix_all(int fd, off_t off, size_t len, int c);
off_t posix_size(int fd);

/* stat or lstat that must succeed; permission bits; whether there is nothing of that name. */
struct stat posix_stat(const char *name);
struct stat posix_lstat(const char *name);
struct stat posix_fstat(int fd);
unsigned posix_mode(const char *name);
bool posix_none(const char *name);

/* How many entries a folder has but "." and "..". */
int posix_count(const char *name);

/* Text as by printf, or @len times @c; the next call but seven of these two overwrites it. */
const char *posix_text(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
const char *posix_name(size_t len, char c);

/* A folder, with a slash behind it, on another file system, or NULL. */
const char *posix_elsewhere(void);

/* ---- the past ---- */

/* Make the folder "past" in @work, then a snapshot of it with the program $AMBERFS; false where
 * that is not possible. */
bool posix_past_begin(const char *root, const char *work);
void posix_past_end(void);

/* That folder in the snapshot. */
const char *posix_past_dir(void);

/* ---- times ---- */

bool posix_later(struct timespec a, struct timespec b);
bool posix_same_time(struct timespec a, struct timespec b);

/* Wait until a change would get a later time than all before it. */
void posix_tick(void);

/* ---- users ---- */

/* Act as this user with this group and @n further ones: effective ids, so that it can be undone. */
void posix_as(uid_t uid, gid_t gid, int n, const gid_t *groups);
void posix_as_root(void);

/* Users and groups that own nothing elsewhere. */
#define POSIX_A 12345
#define POSIX_B 12346
#define POSIX_C 12347

/* The exit code of a child process, 128 and more for signals. */
int posix_wait(pid_t pid);

/* Run @fn in a process of its own with real ids @uid, @gid, no groups and no privilege. */
void posix_as_user(uid_t uid, gid_t gid, void (*fn)(void));

#endif
