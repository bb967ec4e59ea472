/* SPDX-License-Identifier: Apache-2.0 */
/* utimensat(2), futimens(3), utimes(2): setting times. */
#include "tests/mount/posix_case.h"

#include <sys/time.h>
#include <time.h>
#include <utime.h>

static const struct timespec now_now[2] = {{.tv_nsec = UTIME_NOW}, {.tv_nsec = UTIME_NOW}};
static const struct timespec omit_omit[2] = {{.tv_nsec = UTIME_OMIT}, {.tv_nsec = UTIME_OMIT}};
static const struct timespec now_omit[2] = {{.tv_nsec = UTIME_NOW}, {.tv_nsec = UTIME_OMIT}};
static const struct timespec omit_now[2] = {{.tv_nsec = UTIME_OMIT}, {.tv_nsec = UTIME_NOW}};
static const struct timespec fixed[2] = {{.tv_sec = 1000, .tv_nsec = 1},
                                         {.tv_sec = 2000, .tv_nsec = 2}};

static int set(const char *name, const struct timespec ts[2])
{
	return utimensat(AT_FDCWD, name, ts, AT_SYMLINK_NOFOLLOW);
}

/* Not before @t, but for what the clock's tick is behind. */
static bool is_now(struct timespec t)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return t.tv_sec >= now.tv_sec - 2 && t.tv_sec <= now.tv_sec + 1;
}

static void range(void)
{
	static const struct timespec times[] = {
	    {0, 0},           {0, 1},
	    {1, 999999999},   {1234567890, 123456789},
	    {-1, 0},          {-1, 999999999},
	    {-1000000000, 1}, {-2147483647, 5},
	    {2147483647, 7},  {2147483648, 8},
	    {4294967295, 9},  {4294967296, 10},
	    {5000000000, 11}, {9000000000, 999999999},
	};

	for (int k = 0; k < posix_kinds(); k++) {
		posix_make("o", k);
		for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
			size_t other = (i + 5) % (sizeof(times) / sizeof(times[0]));
			struct timespec ts[2] = {times[i], times[other]};
			struct stat st;

			posix_about("%s, %ld s %ld ns", posix_kind_name[k], (long)ts[0].tv_sec,
			            ts[0].tv_nsec);
			WANT(set("o", ts) == 0);
			st = posix_lstat("o");
			WANT(posix_same_time(st.st_atim, ts[0]));
			WANT(posix_same_time(st.st_mtim, ts[1]));
			WANT(is_now(st.st_ctim));
		}
		posix_remove("o");
	}
}

static void special(void)
{
	struct stat st;

	posix_write_file("f", "x");
	EXPECT(set("f", fixed) == 0 && set("f", now_omit) == 0);
	st = posix_stat("f");
	WANT(is_now(st.st_atim) && posix_same_time(st.st_mtim, fixed[1]));
	EXPECT(set("f", fixed) == 0 && set("f", omit_now) == 0);
	st = posix_stat("f");
	WANT(posix_same_time(st.st_atim, fixed[0]) && is_now(st.st_mtim));
	EXPECT(set("f", fixed) == 0 && set("f", now_now) == 0);
	WANT(is_now(posix_stat("f").st_atim) && is_now(posix_stat("f").st_mtim));
	EXPECT(set("f", fixed) == 0 && set("f", NULL) == 0);
	st = posix_stat("f");
	WANT(is_now(st.st_atim) && is_now(st.st_mtim));
	WANT(posix_same_time(st.st_atim, st.st_mtim));
	EXPECT(set("f", fixed) == 0);
	for (int i = 0; i < 2; i++) {
		struct timespec ts[2] = {{.tv_nsec = UTIME_OMIT}, {.tv_nsec = UTIME_OMIT}};

		ts[i] = (struct timespec){.tv_sec = 77, .tv_nsec = 7};
		EXPECT(set("f", ts) == 0);
		st = posix_stat("f");
		WANT((i == 0 ? st.st_atim : st.st_mtim).tv_sec == 77);
	}
}

static void omitted(void)
{
	struct stat st;

	posix_write_file("f", "x");
	EXPECT(set("f", fixed) == 0);
	st = posix_stat("f");
	posix_tick();
	WANT(set("f", omit_omit) == 0);
	WANT(posix_same_time(posix_stat("f").st_ctim, st.st_ctim));
	WANT(posix_same_time(posix_stat("f").st_atim, fixed[0]));
	WANT(posix_same_time(posix_stat("f").st_mtim, fixed[1]));
}

static void ctime_follows(void)
{
	const struct timespec *how[] = {fixed, now_now, now_omit, omit_now, NULL};

	for (int k = 0; k < posix_kinds(); k++) {
		posix_make("o", k);
		for (size_t i = 0; i < sizeof(how) / sizeof(how[0]); i++) {
			struct stat st = posix_lstat("o");

			posix_about("%s, way %zu", posix_kind_name[k], i);
			posix_tick();
			WANT(set("o", how[i]) == 0);
			WANT(posix_later(posix_lstat("o").st_ctim, st.st_ctim));
			WANT(posix_lstat("o").st_mode == st.st_mode);
		}
		posix_remove("o");
	}
}

static void links(void)
{
	posix_write_file("f", "x");
	EXPECT(symlink("f", "l") == 0 && set("l", fixed) == 0);
	WANT(posix_lstat("l").st_mtim.tv_sec == 2000 && posix_stat("f").st_mtim.tv_sec != 2000);
	EXPECT(utimensat(AT_FDCWD, "l", fixed, 0) == 0);
	WANT(posix_stat("f").st_mtim.tv_sec == 2000);
}

static void invalid(void)
{
	posix_write_file("f", "x");
	for (int i = 0; i < 2; i++) {
		struct timespec ts[2] = {{.tv_sec = 1}, {.tv_sec = 1}};

		ts[i].tv_nsec = 1000000000;
		WANT_ERRNO(set("f", ts), EINVAL);
		ts[i].tv_nsec = -1;
		WANT_ERRNO(set("f", ts), EINVAL);
	}
	WANT_ERRNO(utimensat(AT_FDCWD, "f", NULL, 0x10), EINVAL);
	WANT_ERRNO(futimens(-1, NULL), EBADF);
	WANT(posix_stat("f").st_mtim.tv_sec != 1);
}

static void permission(void)
{
	const struct timespec *now[] = {NULL, now_now};
	const struct timespec *other[] = {fixed, now_omit, omit_now};

	EXPECT(mkdir("d", 0777) == 0 && chmod("d", 0777) == 0);
	for (int k = 0; k < posix_kinds(); k++) {
		struct stat st;

		if (k == POSIX_LNK)
			continue;
		posix_about("%s", posix_kind_name[k]);
		posix_make("d/o", k);
		EXPECT(chown("d/o", POSIX_A, POSIX_A) == 0 && chmod("d/o", 0446) == 0);
		/* the owner may, whatever the mode */
		posix_as(POSIX_A, POSIX_A, 0, NULL);
		for (int i = 0; i < 2; i++)
			WANT(set("d/o", now[i]) == 0);
		for (int i = 0; i < 3; i++)
			WANT(set("d/o", other[i]) == 0);
		/* who may write may set the time to now, and that is all */
		posix_as(POSIX_B, POSIX_B, 0, NULL);
		for (int i = 0; i < 2; i++)
			WANT(set("d/o", now[i]) == 0);
		st = posix_stat("d/o");
		for (int i = 0; i < 3; i++)
			WANT_ERRNO(set("d/o", other[i]), EPERM);
		WANT(set("d/o", omit_omit) == 0);
		WANT(posix_same_time(posix_stat("d/o").st_ctim, st.st_ctim));
		posix_as_root();
		EXPECT(chmod("d/o", 0444) == 0);
		posix_as(POSIX_B, POSIX_B, 0, NULL);
		for (int i = 0; i < 2; i++)
			WANT_ERRNO(set("d/o", now[i]), EACCES);
		for (int i = 0; i < 3; i++)
			WANT_ERRNO(set("d/o", other[i]), EPERM);
		posix_as_root();
		posix_remove("d/o");
	}
}

static void other_calls(void)
{
	struct timeval tv[2] = {{.tv_sec = 10, .tv_usec = 20}, {.tv_sec = 30, .tv_usec = 40}};
	struct utimbuf buf = {.actime = 100, .modtime = 200};
	int fd;

	posix_write_file("f", "x");
	WANT(utimes("f", tv) == 0 && posix_stat("f").st_atim.tv_sec == 10);
	WANT(posix_stat("f").st_atim.tv_nsec == 20000 && posix_stat("f").st_mtim.tv_nsec == 40000);
	WANT(utime("f", &buf) == 0 && posix_stat("f").st_mtim.tv_sec == 200);
	WANT(posix_stat("f").st_mtim.tv_nsec == 0);
	fd = open("f", O_RDONLY);
	WANT(futimens(fd, fixed) == 0 && posix_same_time(posix_fstat(fd).st_mtim, fixed[1]));
	WANT(utime("f", NULL) == 0 && is_now(posix_stat("f").st_mtim));
	EXPECT(symlink("f", "l") == 0);
	WANT(lutimes("l", tv) == 0 && posix_lstat("l").st_mtim.tv_sec == 30);
}

static void after_writes(void)
{
	int fd = posix_file("f", 0);

	/* times set after a write stay, also when the data goes out later */
	posix_put(fd, 0, 10000, 'x');
	EXPECT(futimens(fd, fixed) == 0);
	WANT(posix_same_time(posix_fstat(fd).st_mtim, fixed[1]));
	EXPECT(fsync(fd) == 0 && close(fd) == 0);
	WANT(posix_same_time(posix_stat("f").st_mtim, fixed[1]));
	WANT(posix_same_time(posix_stat("f").st_atim, fixed[0]));
	fd = open("f", O_RDWR);
	posix_put(fd, 0, 1, 'y');
	WANT(is_now(posix_fstat(fd).st_mtim) && is_now(posix_fstat(fd).st_ctim));
	EXPECT(ftruncate(fd, 0) == 0 && futimens(fd, fixed) == 0 && ftruncate(fd, 5) == 0);
	WANT(is_now(posix_fstat(fd).st_mtim));
	EXPECT(futimens(fd, fixed) == 0 && close(fd) == 0);
	EXPECT(truncate("f", 100) == 0);
	WANT(is_now(posix_stat("f").st_mtim));
}

static void rename_keeps(void)
{
	posix_write_file("f", "x");
	EXPECT(set("f", fixed) == 0 && rename("f", "g") == 0 && link("g", "h") == 0);
	WANT(posix_same_time(posix_stat("h").st_mtim, fixed[1]));
	EXPECT(chmod("h", 0600) == 0 && unlink("g") == 0);
	WANT(posix_same_time(posix_stat("h").st_mtim, fixed[1]));
	WANT(posix_same_time(posix_stat("h").st_atim, fixed[0]));
}

const struct posix_case posix_times_cases[] = {
    {"utimensat(2)", "nanoseconds, before 1970 and after 2038, for every type", range, 0},
    {"utimensat(2)", "UTIME_NOW, UTIME_OMIT and NULL", special, 0},
    {"utimensat(2)", "UTIME_OMIT for both: nothing changes, ctime neither", omitted, 0},
    {"utimensat(2)", "ctime is set to now, for every type", ctime_follows, 0},
    {"utimensat(2)", "AT_SYMLINK_NOFOLLOW: the link itself", links, 0},
    {"utimensat(2)", "EINVAL: nanoseconds out of range, flags; EBADF", invalid, 0},
    {"utimensat(2)", "EACCES and EPERM: now needs write permission, other times the owner",
     permission, POSIX_ROOT},
    {"utimes(2)", "utime(2), lutimes(3) and futimens(3) as well", other_calls, 0},
    {"utimensat(2)", "times set after a write stay, later writes set new ones", after_writes, 0},
    {"utimensat(2)", "times stay through rename(2), link(2), chmod(2)", rename_keeps, 0},
    POSIX_END,
};
