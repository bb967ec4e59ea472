/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What POSIX and Linux promise of a file system, seen from outside: posix DIR [PART...]. Runs on
 * any file system, so that a case which fails on ext4 is known to be wrong itself. PART picks the
 * cases whose call or sentence contains it.
 *
 * Each case is a process of its own with a time-out, in a folder of its own below DIR; it tells its
 * verdict by its exit code (0 passed, 1 failed, 77 skipped) and the reason by a line.
 */
#include "tests/mount/posix_case.h"

#include <ftw.h>
#include <signal.h>
#include <sys/wait.h>

#define CASE_SECONDS 60
#define USER 12345

static char work[4096];

void posix_fail(const char *file, int line, const char *what)
{
	int saved = errno;
	const char *base = strrchr(file, '/');

	printf("  %s:%d: not so: %s (errno: %s)\n", base ? base + 1 : file, line, what,
	       strerror(saved));
	fflush(stdout);
	_exit(1);
}

void posix_skip(const char *why)
{
	printf("  SKIP: %s\n", why);
	fflush(stdout);
	_exit(77);
}

void posix_write_file(const char *name, const char *text)
{
	int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC, 0644);

	EXPECT(fd >= 0);
	EXPECT(write(fd, text, strlen(text)) == (ssize_t)strlen(text));
	EXPECT(close(fd) == 0);
}

bool posix_file_is(const char *name, const char *text)
{
	char data[4096];
	int fd = open(name, O_RDONLY);
	ssize_t n;

	EXPECT(fd >= 0);
	n = read(fd, data, sizeof(data));
	close(fd);
	return n == (ssize_t)strlen(text) && memcmp(data, text, (size_t)n) == 0;
}

struct stat posix_stat(const char *name)
{
	struct stat st;

	EXPECT(stat(name, &st) == 0);
	return st;
}

struct stat posix_lstat(const char *name)
{
	struct stat st;

	EXPECT(lstat(name, &st) == 0);
	return st;
}

static int wait_for(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) < 0)
		EXPECT(errno == EINTR);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

void posix_as_user(void (*fn)(void))
{
	pid_t pid;
	int r;

	if (geteuid() != 0)
		posix_skip("needs root to become another user");
	pid = fork();
	EXPECT(pid >= 0);
	if (pid == 0) {
		if (setgid(USER) != 0 || setuid(USER) != 0)
			_exit(1);
		fn();
		_exit(0);
	}
	r = wait_for(pid);
	if (r != 0)
		_exit(r);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

/* Returns the case's exit code. */
static int run_case(const struct posix_case *c)
{
	char dir[4200];
	pid_t pid;
	int r;

	snprintf(dir, sizeof(dir), "%s/case", work);
	if (mkdir(dir, 0777) != 0 || chmod(dir, 0777) != 0) {
		perror(dir);
		return 1;
	}
	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		alarm(CASE_SECONDS);
		umask(022);
		if (chdir(dir) != 0)
			posix_fail(__FILE__, __LINE__, "chdir");
		c->fn();
		_exit(0);
	}
	r = pid < 0 ? 1 : wait_for(pid);
	if (nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS) != 0) {
		printf("  cannot be cleaned up: %s\n", strerror(errno));
		r = 1;
	}
	return r;
}

static bool wanted(const struct posix_case *c, char **parts)
{
	if (!*parts)
		return true;
	for (; *parts; parts++)
		if (strstr(c->call, *parts) || strstr(c->sentence, *parts))
			return true;
	return false;
}

int main(int argc, char **argv)
{
	const struct posix_case *const all[] = {posix_data_cases, posix_names_cases,
	                                        posix_attr_cases};
	int count = 0, failed = 0, skipped = 0;

	if (argc < 2) {
		fprintf(stderr, "usage: posix DIR [PART...]\n");
		return 2;
	}
	snprintf(work, sizeof(work), "%s/posix.XXXXXX", argv[1]);
	if (!mkdtemp(work) || chmod(work, 0777) != 0) {
		perror(work);
		return 1;
	}
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		for (const struct posix_case *c = all[i]; c->call; c++) {
			int r;

			if (!wanted(c, argv + 2))
				continue;
			r = run_case(c);
			count++;
			failed += r != 0 && r != 77;
			skipped += r == 77;
			printf("%s %s: %s%s\n",
			       r == 0    ? "ok"
			       : r == 77 ? "skip"
			                 : "FAIL",
			       c->call, c->sentence, r > 128 ? " (time-out or signal)" : "");
		}
	}
	if (rmdir(work) != 0)
		perror(work);
	printf("posix: %d cases, %d failed, %d skipped\n", count, failed, skipped);
	return failed ? 1 : 0;
}
