/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What POSIX and Linux promise of a file system, seen from outside:
 *
 *     posix [-l] [-n | -r REFERENCE] DIR [PART...]
 *
 * Each case runs in REFERENCE, a folder of an ordinary file system (by default the first of $TMPDIR,
 * /tmp, /var/tmp and /dev/shm that is one), and in DIR, so that each expectation is itself proved: a case that fails in REFERENCE is wrong,
 * and one that is skipped in DIR only is a failure. -n leaves REFERENCE out, -l adds the cases that
 * take minutes, PART picks the cases whose call or sentence contains it. What is known to differ in
 * DIR is listed in posix_known.c, with the reason; a case of that list that passes is a failure as
 * well, so that the list stays true.
 *
 * A case is a process of its own with a time-out, in a folder of its own; it tells its verdict by
 * its exit code (0 passed, 1 failed, 77 skipped), the reason by lines.
 */
#include "tests/mount/posix_case.h"

#include <dirent.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/mman.h>
#include <sys/statfs.h>
#include <time.h>

#define CASE_SECONDS 60
#define SHOWN_MAX 12
#define SKIP 77

enum verdict { OK, FAILED, SKIPPED, KNOWN, FIXED, VERDICTS };

static const char *const words[VERDICTS] = {"ok", "FAIL", "skip", "known", "FIXED"};

/* One of the two file systems. */
struct side {
	const char *dir;
	const char *name;
	char work[4096];
	unsigned counts[VERDICTS];
	double seconds;
};

/* A case with the call that it is about, when it is one of many. */
struct job {
	const char *call, *sentence;
	void (*fn)(void);
	void (*path_fn)(const struct posix_call *);
	const struct posix_call *arg;
	unsigned needs;
};

/* What a case's processes count together. */
struct counters {
	unsigned long checks;
	unsigned failed;
};

static struct counters *counters;
static struct side sides[2];
static const struct side *here;
static unsigned long checks[2];
static bool with_long, with_past;
static char about[256];

/* ---- what cases call ---- */

void posix_about(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(about, sizeof(about), fmt, ap);
	va_end(ap);
}

void posix_check(bool holds, const char *file, int line, const char *what)
{
	int saved = errno;
	const char *base = strrchr(file, '/');

	counters->checks++;
	if (holds)
		return;
	if (counters->failed++ < SHOWN_MAX)
		printf("  %s: %s:%d: not so: %s (errno: %s)%s%s\n", here->name,
		       base ? base + 1 : file, line, what, strerrorname_np(saved),
		       about[0] ? ", about " : "", about);
	fflush(stdout);
	errno = saved;
}

void posix_fail(void)
{
	fflush(stdout);
	_exit(1);
}

void posix_skip(const char *why)
{
	printf("  %s: skipped: %s\n", here->name, why);
	fflush(stdout);
	_exit(SKIP);
}

void posix_done(void)
{
	fflush(stdout);
	_exit(counters->failed ? 1 : 0);
}

/* ---- one case ---- */

/* Everything below a folder, however deep and whatever its permissions. */
static int remove_below(int parent, const char *name)
{
	int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW), r = 0;
	struct dirent *e;
	DIR *d;

	if (fd < 0 && errno == EACCES && fchmodat(parent, name, 0700, 0) == 0)
		fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
	d = fd < 0 ? NULL : fdopendir(fd);
	if (!d)
		return -1;
	fchmod(fd, 0700);
	while ((e = readdir(d))) {
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		if (unlinkat(fd, e->d_name, 0) == 0)
			continue;
		r |= errno == EISDIR ? remove_below(fd, e->d_name) : -1;
	}
	closedir(d);
	return unlinkat(parent, name, AT_REMOVEDIR) == 0 ? r : -1;
}

static const char *missing(const struct side *side, const struct job *job)
{
	if (job->needs & POSIX_ROOT && geteuid() != 0)
		return "needs root";
	if (job->needs & POSIX_LONG && !with_long)
		return "takes minutes (-l)";
	if (job->needs & POSIX_PAST && (side == &sides[0] || !with_past))
		return "there is no past";
	return NULL;
}

static void in_child(const struct job *job, const char *dir)
{
	alarm(CASE_SECONDS * (job->needs & POSIX_LONG ? 20 : 1));
	umask(022);
	signal(SIGPIPE, SIG_IGN);
	EXPECT(chdir(dir) == 0);
	if (job->fn)
		job->fn();
	else
		job->path_fn(job->arg);
	posix_done();
}

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

/* Returns the case's exit code. */
static int run_in(struct side *side, const struct job *job)
{
	double begun = now();
	char dir[4200];
	pid_t pid;
	int r;

	here = side;
	snprintf(dir, sizeof(dir), "%s/case", side->work);
	if (mkdir(dir, 0777) != 0 || chmod(dir, 0777) != 0) {
		perror(dir);
		return 1;
	}
	*counters = (struct counters){0};
	fflush(stdout);
	pid = fork();
	if (pid == 0)
		in_child(job, dir);
	r = pid < 0 ? 1 : posix_wait(pid);
	checks[side - sides] += counters->checks;
	if (r > 128)
		printf("  %s: ended by signal %d\n", side->name, r - 128);
	if (remove_below(AT_FDCWD, dir) != 0) {
		printf("  %s: cannot be cleaned up: %s\n", side->name, strerror(errno));
		r = 1;
	}
	side->seconds += now() - begun;
	return r;
}

static enum verdict verdict_of(int code)
{
	return code == 0 ? OK : code == SKIP ? SKIPPED : FAILED;
}

static void run_job(const struct job *job)
{
	enum verdict got[2] = {SKIPPED, SKIPPED};
	bool may_pass = false;
	const char *known = posix_known(job->call, job->sentence, &may_pass);
	const char *lacks = NULL;

	for (int i = 0; i < 2; i++) {
		if (!sides[i].dir)
			continue;
		lacks = missing(&sides[i], job);
		if (!lacks)
			got[i] = verdict_of(run_in(&sides[i], job));
	}
	/* it can be tried, as the other side shows */
	if (got[1] == SKIPPED && got[0] == OK)
		got[1] = FAILED;
	if (known && got[1] == FAILED)
		got[1] = KNOWN;
	else if (known && got[1] == OK && !may_pass)
		got[1] = FIXED;
	for (int i = 0; i < 2; i++)
		sides[i].counts[got[i]]++;
	printf("%-5s %-5s %s: %s%s%s%s\n", words[got[1]], sides[0].dir ? words[got[0]] : "-",
	       job->call, job->sentence, known || lacks ? " [" : "",
	       known   ? known
	       : lacks ? lacks
	               : "",
	       known || lacks ? "]" : "");
}

/* ---- all of them ---- */

static bool wanted(const struct job *job, char **parts)
{
	char text[512];

	if (!*parts)
		return true;
	snprintf(text, sizeof(text), "%s: %s", job->call, job->sentence);
	for (; *parts; parts++)
		if (strstr(text, *parts))
			return true;
	return false;
}

static void run_paths(char **parts)
{
	for (const struct posix_call *call = posix_calls; call->name; call++) {
		for (const struct posix_path_case *c = posix_path_cases; c->sentence; c++) {
			struct job job = {.call = call->name,
			                  .sentence = c->sentence,
			                  .path_fn = c->fn,
			                  .arg = call,
			                  .needs = c->needs};

			if (call->how & c->how && wanted(&job, parts))
				run_job(&job);
		}
	}
}

static void run_all(char **parts)
{
	const struct posix_case *const areas[] = {
	    posix_open_cases,   posix_io_cases,     posix_truncate_cases, posix_space_cases,
	    posix_mmap_cases,   posix_copy_cases,   posix_link_cases,     posix_symlink_cases,
	    posix_dirs_cases,   posix_node_cases,   posix_rename_cases,   posix_readdir_cases,
	    posix_orphan_cases, posix_chmod_cases,  posix_chown_cases,    posix_suid_cases,
	    posix_perm_cases,   posix_sticky_cases, posix_times_cases,    posix_stamps_cases,
	    posix_xattr_cases,  posix_acl_cases,    posix_lock_cases,     posix_statfs_cases,
	    posix_past_cases,   posix_fault_cases,
	};

	run_paths(parts);
	for (size_t i = 0; i < sizeof(areas) / sizeof(areas[0]); i++) {
		for (const struct posix_case *c = areas[i]; c->call; c++) {
			struct job job = {.call = c->call,
			                  .sentence = c->sentence,
			                  .fn = c->fn,
			                  .needs = c->needs};

			if (wanted(&job, parts))
				run_job(&job);
		}
	}
}

static const char *type_of(const char *dir)
{
	struct statfs st;

	if (statfs(dir, &st) != 0)
		return "?";
	switch ((unsigned long)st.f_type) {
	case 0xEF53:
		return "ext4";
	case 0x01021994:
		return "tmpfs";
	case 0x58465342:
		return "xfs";
	case 0x9123683E:
		return "btrfs";
	case 0x65735546:
		return "fuse";
	}
	return "other";
}

static bool is_ordinary(const char *dir)
{
	const char *type = type_of(dir);

	return strcmp(type, "other") != 0 && strcmp(type, "fuse") != 0;
}

/* An overlay is made of two file systems and differs from each. */
static const char *find_reference(void)
{
	const char *const dirs[] = {getenv("TMPDIR"), "/tmp", "/var/tmp", "/dev/shm"};

	for (size_t i = 0; i < sizeof(dirs) / sizeof(dirs[0]); i++)
		if (dirs[i] && access(dirs[i], W_OK) == 0 && is_ordinary(dirs[i]))
			return dirs[i];
	return NULL;
}

static int begin(struct side *side, const char *dir)
{
	side->dir = dir;
	side->name = type_of(dir);
	snprintf(side->work, sizeof(side->work), "%s/posix.XXXXXX", dir);
	if (mkdtemp(side->work) && chmod(side->work, 0777) == 0)
		return 0;
	perror(side->work);
	return -1;
}

static void end(struct side *side, unsigned long checked)
{
	if (!side->dir)
		return;
	if (remove_below(AT_FDCWD, side->work) != 0)
		perror(side->work);
	printf("posix: %s: %.1f s, %lu checks; cases: %u ok, %u failed, %u skipped, %u known to "
	       "differ, "
	       "%u of those passed\n",
	       side->name, side->seconds, checked, side->counts[OK], side->counts[FAILED],
	       side->counts[SKIPPED], side->counts[KNOWN], side->counts[FIXED]);
}

int main(int argc, char **argv)
{
	const char *reference = find_reference();
	bool alone = false;
	int c;

	while ((c = getopt(argc, argv, "lnr:")) != -1) {
		if (c == 'l')
			with_long = true;
		else if (c == 'n')
			alone = true;
		else if (c == 'r')
			reference = optarg;
		else
			return 2;
	}
	if (optind >= argc) {
		fprintf(stderr, "usage: posix [-l] [-n | -r REFERENCE] DIR [PART...]\n");
		return 2;
	}
	counters = mmap(NULL, sizeof(*counters), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
	                -1, 0);
	if (counters == MAP_FAILED)
		return 1;
	if (!reference)
		printf("posix: there is nothing to compare with\n");
	if (reference && !alone && begin(&sides[0], reference) != 0)
		return 1;
	if (begin(&sides[1], argv[optind]) != 0)
		return 1;
	with_past = posix_past_begin(sides[1].dir, sides[1].work);
	run_all(argv + optind + 1);
	posix_past_end();
	end(&sides[0], checks[0]);
	end(&sides[1], checks[1]);
	return sides[0].counts[FAILED] || sides[1].counts[FAILED] || sides[1].counts[FIXED];
}
