/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One workload of durable writes in a folder: `workload NAME [-s SECONDS] [-n COUNT] [-t THREADS]
 * FOLDER`. It repeats one step until the time is over, or COUNT times, and prints
 *
 *     RATE steps=N seconds=S max_ms=M
 *
 * where a step has returned from its fsync and M is the longest one. The program knows nothing of
 * what is below the folder, so the same one is run on every filesystem. Each thread has files of its
 * own, made before the clock starts and removed after it has stopped.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define PAGE_BYTES 4096
#define LINE_BYTES 100
#define OVERWRITE_PAGES 4096 /* 16 MiB */
#define THREADS_MAX 64

struct worker {
	const struct workload *what;
	const char *folder;
	unsigned number;
	pthread_barrier_t *start;
	double seconds;
	uint64_t count; /* 0: until the time is over */

	char path[4096];
	char other[4096];
	int fd;
	uint64_t seed;
	sqlite3 *db;
	sqlite3_stmt *insert;
	char page[PAGE_BYTES];

	uint64_t steps;
	double elapsed;
	double longest;
};

struct workload {
	const char *name;
	const char *text;
	void (*begin)(struct worker *w);
	void (*step)(struct worker *w);
	void (*end)(struct worker *w);
};

__attribute__((noreturn, format(printf, 1, 2))) static void die(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	fputs("workload: ", stderr);
	vfprintf(stderr, fmt, ap);
	fputc('\n', stderr);
	va_end(ap);
	exit(1);
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static uint64_t next_random(struct worker *w)
{
	w->seed ^= w->seed << 13;
	w->seed ^= w->seed >> 7;
	w->seed ^= w->seed << 17;
	return w->seed;
}

/* New bytes for each write, so that nothing below gains by storing the same page twice. */
static void new_page(struct worker *w)
{
	for (size_t i = 0; i < PAGE_BYTES; i += sizeof(w->seed)) {
		uint64_t x = next_random(w);

		memcpy(w->page + i, &x, sizeof(x));
	}
}

static void write_all(int fd, const char *path, const void *data, size_t len)
{
	ssize_t n = write(fd, data, len);

	if (n < 0)
		die("write %s: %s", path, strerror(errno));
	if ((size_t)n != len)
		die("write %s: only %zd bytes of %zu", path, n, len);
}

/* ---- append ---- */

static void append_begin(struct worker *w)
{
	w->fd = open(w->path, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600);
	if (w->fd < 0)
		die("open %s: %s", w->path, strerror(errno));
	new_page(w);
}

static void append(struct worker *w, size_t len)
{
	w->page[0]++;
	write_all(w->fd, w->path, w->page, len);
	if (fsync(w->fd))
		die("fsync %s: %s", w->path, strerror(errno));
}

static void append4k_step(struct worker *w)
{
	append(w, PAGE_BYTES);
}

static void append100_step(struct worker *w)
{
	append(w, LINE_BYTES);
}

static void file_end(struct worker *w)
{
	close(w->fd);
	unlink(w->path);
}

/* ---- overwrite in place ---- */

static void overwrite_begin(struct worker *w)
{
	w->fd = open(w->path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (w->fd < 0)
		die("open %s: %s", w->path, strerror(errno));
	for (size_t i = 0; i < OVERWRITE_PAGES; i++) {
		new_page(w);
		write_all(w->fd, w->path, w->page, PAGE_BYTES);
	}
	if (fsync(w->fd))
		die("fsync %s: %s", w->path, strerror(errno));
}

static void overwrite_step(struct worker *w)
{
	off_t at = (off_t)(next_random(w) % OVERWRITE_PAGES * PAGE_BYTES);

	w->page[0]++;
	if (pwrite(w->fd, w->page, PAGE_BYTES, at) != PAGE_BYTES)
		die("pwrite %s: %s", w->path, strerror(errno));
	if (fdatasync(w->fd))
		die("fdatasync %s: %s", w->path, strerror(errno));
}

/* ---- a new file in place of an old one, as editors and package managers save ---- */

static void replace_begin(struct worker *w)
{
	new_page(w);
}

static void replace_step(struct worker *w)
{
	int fd = open(w->other, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	if (fd < 0)
		die("open %s: %s", w->other, strerror(errno));
	w->page[0]++;
	write_all(fd, w->other, w->page, PAGE_BYTES);
	if (fsync(fd))
		die("fsync %s: %s", w->other, strerror(errno));
	if (close(fd))
		die("close %s: %s", w->other, strerror(errno));
	if (rename(w->other, w->path))
		die("rename %s: %s", w->path, strerror(errno));
}

static void replace_end(struct worker *w)
{
	unlink(w->path);
}

/* ---- SQLite, one row a transaction ---- */

static void run_sql(struct worker *w, const char *sql)
{
	if (sqlite3_exec(w->db, sql, NULL, NULL, NULL))
		die("%s: %s: %s", w->path, sql, sqlite3_errmsg(w->db));
}

static void sqlite_begin(struct worker *w, const char *journal)
{
	if (sqlite3_open(w->path, &w->db))
		die("%s: %s", w->path, sqlite3_errmsg(w->db));
	sqlite3_busy_timeout(w->db, 10000);
	run_sql(w, journal);
	run_sql(w, "PRAGMA synchronous = FULL");
	run_sql(w, "CREATE TABLE t (id INTEGER PRIMARY KEY, v BLOB)");
	if (sqlite3_prepare_v2(w->db, "INSERT INTO t (v) VALUES (?)", -1, &w->insert, NULL))
		die("%s: %s", w->path, sqlite3_errmsg(w->db));
	new_page(w);
}

static void sqlite_delete_begin(struct worker *w)
{
	sqlite_begin(w, "PRAGMA journal_mode = DELETE");
}

static void sqlite_wal_begin(struct worker *w)
{
	sqlite_begin(w, "PRAGMA journal_mode = WAL");
}

static void sqlite_step(struct worker *w)
{
	w->page[0]++;
	sqlite3_bind_blob(w->insert, 1, w->page, LINE_BYTES, SQLITE_STATIC);
	if (sqlite3_step(w->insert) != SQLITE_DONE || sqlite3_reset(w->insert))
		die("%s: insert: %s", w->path, sqlite3_errmsg(w->db));
}

static void sqlite_end(struct worker *w)
{
	sqlite3_finalize(w->insert);
	if (sqlite3_close(w->db))
		die("%s: close: %s", w->path, sqlite3_errmsg(w->db));
	unlink(w->path);
}

/* ---- many files, not synced: to fill a volume, 1,000 in a folder; they stay ---- */

static void files_begin(struct worker *w)
{
	new_page(w);
}

static void files_step(struct worker *w)
{
	char path[8192];

	snprintf(path, sizeof(path), "%s/files-%u-%05llu", w->folder, w->number,
	         (unsigned long long)(w->steps / 1000));
	if (w->steps % 1000 == 0 && mkdir(path, 0700))
		die("mkdir %s: %s", path, strerror(errno));
	snprintf(path, sizeof(path), "%s/files-%u-%05llu/%03llu", w->folder, w->number,
	         (unsigned long long)(w->steps / 1000), (unsigned long long)(w->steps % 1000));
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	if (fd < 0)
		die("open %s: %s", path, strerror(errno));
	w->page[0]++;
	write_all(fd, path, w->page, LINE_BYTES);
	if (close(fd))
		die("close %s: %s", path, strerror(errno));
}

static void files_end(struct worker *w)
{
	(void)w;
}

static const struct workload workloads[] = {
    {"append4k", "append 4 KiB, fsync", append_begin, append4k_step, file_end},
    {"append100", "append 100 bytes, fsync", append_begin, append100_step, file_end},
    {"overwrite4k", "overwrite 4 KiB anywhere in 16 MiB, fdatasync", overwrite_begin,
     overwrite_step, file_end},
    {"replace", "new file of 4 KiB, fsync, rename over the old one", replace_begin, replace_step,
     replace_end},
    {"sqlite-delete", "SQLite, rollback journal, synchronous=FULL, one row", sqlite_delete_begin,
     sqlite_step, sqlite_end},
    {"sqlite-wal", "SQLite, WAL, synchronous=FULL, one row", sqlite_wal_begin, sqlite_step,
     sqlite_end},
    {"files", "new file of 100 bytes, not synced, kept", files_begin, files_step, files_end},
};

static void *work(void *arg)
{
	struct worker *w = arg;

	w->what->begin(w);
	pthread_barrier_wait(w->start);

	double began = now(), last = began;

	while (w->count ? w->steps < w->count : last - began < w->seconds) {
		w->what->step(w);
		w->steps++;

		double t = now();

		if (t - last > w->longest)
			w->longest = t - last;
		last = t;
	}
	w->elapsed = last - began;
	/* No one cleans up while others still write. */
	pthread_barrier_wait(w->start);
	w->what->end(w);
	return NULL;
}

static void usage(void)
{
	fputs("usage: workload NAME [-s SECONDS] [-n COUNT] [-t THREADS] FOLDER\n", stderr);
	for (size_t i = 0; i < sizeof(workloads) / sizeof(workloads[0]); i++)
		fprintf(stderr, "  %-14s %s\n", workloads[i].name, workloads[i].text);
	exit(2);
}

static const struct workload *find(const char *name)
{
	for (size_t i = 0; i < sizeof(workloads) / sizeof(workloads[0]); i++)
		if (!strcmp(workloads[i].name, name))
			return &workloads[i];
	return NULL;
}

static void run(const struct workload *what, const char *folder, double seconds, uint64_t count,
                unsigned nthreads)
{
	static struct worker workers[THREADS_MAX];
	pthread_t threads[THREADS_MAX];
	pthread_barrier_t start;
	uint64_t steps = 0;
	double elapsed = 0, longest = 0;

	pthread_barrier_init(&start, NULL, nthreads);
	for (unsigned i = 0; i < nthreads; i++) {
		struct worker *w = &workers[i];

		w->what = what;
		w->folder = folder;
		w->number = i;
		w->start = &start;
		w->seconds = seconds;
		w->count = count;
		w->seed = 0x9e3779b97f4a7c15u * (i + 1);
		snprintf(w->path, sizeof(w->path), "%s/%s-%u", folder, what->name, i);
		snprintf(w->other, sizeof(w->other), "%s/%s-%u.new", folder, what->name, i);
		if (pthread_create(&threads[i], NULL, work, w))
			die("no thread");
	}
	for (unsigned i = 0; i < nthreads; i++) {
		pthread_join(threads[i], NULL);
		steps += workers[i].steps;
		if (workers[i].elapsed > elapsed)
			elapsed = workers[i].elapsed;
		if (workers[i].longest > longest)
			longest = workers[i].longest;
	}
	pthread_barrier_destroy(&start);
	printf("%.1f steps=%llu seconds=%.3f max_ms=%.1f\n", (double)steps / elapsed,
	       (unsigned long long)steps, elapsed, longest * 1e3);
}

int main(int argc, char **argv)
{
	const struct workload *what = argc > 1 ? find(argv[1]) : NULL;
	double seconds = 3;
	uint64_t count = 0;
	unsigned nthreads = 1;
	int c;

	if (!what)
		usage();
	optind = 2;
	while ((c = getopt(argc, argv, "s:n:t:")) != -1) {
		if (c == 's')
			seconds = strtod(optarg, NULL);
		else if (c == 'n')
			count = strtoull(optarg, NULL, 10);
		else if (c == 't')
			nthreads = (unsigned)strtoul(optarg, NULL, 10);
		else
			usage();
	}
	if (optind != argc - 1 || seconds <= 0 || nthreads < 1 || nthreads > THREADS_MAX)
		usage();
	run(what, argv[optind], seconds, count, nthreads);
	return 0;
}
