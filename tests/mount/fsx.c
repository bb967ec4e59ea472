/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A file is read, written, cut, mapped, punched, copied and so on at random, and compared with a model in memory:
 *
 *   fsx [--seed N] [--ops N] [--seconds N] [--drop-caches] [--mount ROOT --hook COMMAND [--hook-every N] [--record FILE]] DIR
 *   fsx --past FILE ROOT
 *
 * Runs on any filesystem; the files are made in DIR and stay there. With a hook, COMMAND is run now and then with one of
 * these words, and must return when the filesystem is there again:
 *
 *   remount         unmount, mount
 *   evict           unmount, throw away what is cached locally, mount
 *   kill            kill the filesystem, mount
 *   snapshot NAME   make a snapshot
 *
 * After a kill, each page of a file must be as it was at a moment since the last fsync, and the size must be between those
 * that it had since (fsx_model.h says why page by page). What a snapshot must hold is kept as a sum, compared now and then
 * and at the end through ROOT/.snapshots/NAME, and written to the record, for --past to compare again later.
 */
#include "tests/mount/fsx.h"

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define SNAPSHOTS_MAX 1000

const uint64_t fsx_window[FSX_WINDOWS] = {0, (4ull << 30) - (1u << 20), 3ull << 40};

struct snapshot {
	char name[32];
	uint64_t sum[FSX_FILES];
};

struct run {
	struct fsx x;
	uint64_t seed;
	uint64_t ops;
	long seconds;
	const char *root;
	const char *hook;
	uint64_t hook_every;
	const char *record;
	struct snapshot *snapshots;
	size_t nsnapshots;
	unsigned kills;
	unsigned remounts;
};

/* ---- words ---- */

static const char *place(const struct fsx *x)
{
	static char text[32];

	snprintf(text, sizeof(text), "%6" PRIu64, x->op);
	return text;
}

void fsx_say(struct fsx *x, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	tester_note(place(x), format, ap);
	va_end(ap);
}

void fsx_fail(struct fsx *x, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	tester_fail(place(x), format, ap);
}

void fsx_fail_errno(struct fsx *x, const char *call)
{
	fsx_fail(x, "%s: %s", call, strerror(errno));
}

/* ---- files ---- */

void fsx_open(struct fsx *x, struct fsx_file *f)
{
	f->fd = open(f->path, O_RDWR | O_CLOEXEC);
	if (f->fd < 0)
		fsx_fail_errno(x, "open");
}

void fsx_close(struct fsx *x, struct fsx_file *f)
{
	if (close(f->fd) != 0)
		fsx_fail_errno(x, "close");
	f->fd = -1;
}

/* Both files exist, are empty, and are there after a crash. */
static void make_files(struct fsx *x)
{
	int dir;

	for (int i = 0; i < FSX_FILES; i++) {
		struct fsx_file *f = &x->file[i];

		f->name = i == 0 ? "file" : "other";
		snprintf(f->path, sizeof(f->path), "%s/%s", x->dir, f->name);
		f->fd = open(f->path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
		if (f->fd < 0 || fsync(f->fd) != 0)
			err(2, "%s", f->path);
	}
	dir = open(x->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0 || fsync(dir) != 0)
		err(2, "%s", x->dir);
	close(dir);
}

/* ---- snapshots ---- */

static void check_snapshot(struct run *r, const struct snapshot *s)
{
	const char *below = r->x.dir + strlen(r->root);

	for (int i = 0; i < FSX_FILES; i++) {
		char path[FSX_PATH];
		uint64_t sum;

		snprintf(path, sizeof(path), "%s/.snapshots/%s%s/%s", r->root, s->name, below,
		         r->x.file[i].name);
		if (!fsx_hash_file(path, &sum))
			fsx_fail(&r->x, "snapshot %s: %s: %s", s->name, r->x.file[i].name,
			         strerror(errno));
		if (sum != s->sum[i])
			fsx_fail(&r->x, "snapshot %s: %s is not as it was", s->name,
			         r->x.file[i].name);
	}
}

static void write_record(const struct run *r)
{
	FILE *f = r->record ? fopen(r->record, "we") : NULL;

	if (!r->record)
		return;
	if (!f)
		err(2, "%s", r->record);
	for (size_t i = 0; i < r->nsnapshots; i++)
		for (int k = 0; k < FSX_FILES; k++)
			fprintf(f, "%016" PRIx64 " .snapshots/%s%s/%s\n", r->snapshots[i].sum[k],
			        r->snapshots[i].name, r->x.dir + strlen(r->root),
			        r->x.file[k].name);
	for (int k = 0; k < FSX_FILES; k++)
		fprintf(f, "%016" PRIx64 " .%s/%s\n", model_hash(&r->x.file[k].m),
		        r->x.dir + strlen(r->root), r->x.file[k].name);
	if (fclose(f) != 0)
		err(2, "%s", r->record);
}

/* Compare what a record says with what is there now. */
static int check_record(const char *record, const char *root)
{
	FILE *f = fopen(record, "re");
	char line[FSX_PATH], path[2 * FSX_PATH];
	unsigned files = 0, wrong = 0;

	if (!f)
		err(2, "%s", record);
	while (fgets(line, sizeof(line), f)) {
		uint64_t want = strtoull(line, NULL, 16), sum = 0;

		line[strcspn(line, "\n")] = '\0';
		snprintf(path, sizeof(path), "%s/%s", root, line + 17);
		errno = 0;
		files++;
		if (fsx_hash_file(path, &sum) && sum == want)
			continue;
		printf("FAIL %s: %s\n", path, errno ? strerror(errno) : "is not as it was");
		wrong++;
	}
	fclose(f);
	printf("%u files compared with the record, %u wrong\n", files, wrong);
	return wrong || !files ? 1 : 0;
}

/* ---- hooks ---- */

static void run_hook(struct run *r, const char *word, const char *name)
{
	pid_t pid;
	int status;

	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		execl(r->hook, r->hook, word, name, (char *)NULL);
		_exit(127);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		fsx_fail_errno(&r->x, "running the hook");
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		fsx_fail(&r->x, "the hook '%s' failed", word);
}

static void close_all(struct run *r)
{
	for (int i = 0; i < FSX_FILES; i++)
		fsx_close(&r->x, &r->x.file[i]);
}

static void open_all(struct run *r)
{
	for (int i = 0; i < FSX_FILES; i++)
		fsx_open(&r->x, &r->x.file[i]);
}

static void hook_remount(struct run *r, const char *word)
{
	fsx_say(&r->x, "%s", word);
	close_all(r);
	run_hook(r, word, NULL);
	open_all(r);
	for (int i = 0; i < FSX_FILES; i++) {
		model_durable(&r->x.file[i].m);
		fsx_verify(&r->x, &r->x.file[i]);
	}
	r->remounts++;
}

/* With open files, what the kernel holds back dies with the mount; closed ones were handed over before. */
static void hook_kill(struct run *r)
{
	bool open_files = !fsx_one_in(&r->x, 3);

	/* often the kill comes right after an fsync, before the filesystem does by itself what that should have done */
	if (fsx_one_in(&r->x, 2))
		fsx_sync(&r->x, &r->x.file[fsx_below(&r->x, FSX_FILES)]);
	fsx_say(&r->x, "kill%s", open_files ? " with open files" : "");
	if (!open_files)
		close_all(r);
	run_hook(r, "kill", NULL);
	for (int i = 0; open_files && i < FSX_FILES; i++)
		close(r->x.file[i].fd); /* fails, as the mount is dead */
	open_all(r);
	for (int i = 0; i < FSX_FILES; i++)
		fsx_recover(&r->x, &r->x.file[i]);
	r->kills++;
}

static void hook_snapshot(struct run *r)
{
	struct snapshot *s;

	if (r->nsnapshots == SNAPSHOTS_MAX)
		return;
	s = &r->snapshots[r->nsnapshots++];
	snprintf(s->name, sizeof(s->name), "fsx-%" PRIu64 "-%zu", r->seed, r->nsnapshots);
	fsx_say(&r->x, "snapshot %s", s->name);
	run_hook(r, "snapshot", s->name);
	for (int i = 0; i < FSX_FILES; i++) {
		s->sum[i] = model_hash(&r->x.file[i].m);
		model_durable(&r->x.file[i].m);
	}
	check_snapshot(r, &r->snapshots[fsx_below(&r->x, r->nsnapshots)]);
}

static void some_hook(struct run *r)
{
	switch (fsx_below(&r->x, 10)) {
	case 0:
		hook_remount(r, "remount");
		break;
	case 1:
		hook_remount(r, "evict");
		break;
	case 2:
	case 3:
	case 4:
	case 5:
		hook_kill(r);
		break;
	default:
		hook_snapshot(r);
	}
}

/* ---- the run ---- */

static void run_all(struct run *r)
{
	time_t end = time(NULL) + r->seconds;
	struct fsx *x = &r->x;

	make_files(x);
	for (x->op = 1; r->ops == 0 || x->op <= r->ops; x->op++) {
		if (r->seconds && time(NULL) >= end)
			break;
		if (r->hook && fsx_below(x, r->hook_every) == 0)
			some_hook(r);
		else
			fsx_operation(x);
	}
	for (int i = 0; i < FSX_FILES; i++)
		fsx_verify(x, &x->file[i]);
	for (size_t i = 0; i < r->nsnapshots; i++)
		check_snapshot(r, &r->snapshots[i]);
	for (int i = 0; i < FSX_FILES; i++) {
		if (fsync(x->file[i].fd) != 0)
			fsx_fail_errno(x, "fsync");
		fsx_close(x, &x->file[i]);
	}
	write_record(r);
	printf("seed %" PRIu64 ": %" PRIu64 " operations, %u kills, %u remounts, %zu snapshots\n",
	       r->seed, x->op - 1, r->kills, r->remounts, r->nsnapshots);
	for (int i = 0; i < FSX_FILES; i++)
		model_done(&x->file[i].m);
}

static uint64_t number(const char *text)
{
	char *end;
	uint64_t n = strtoull(text, &end, 10);

	if (end == text || *end)
		errx(2, "'%s' is not a number", text);
	return n;
}

static const struct option options[] = {
    {"seed", required_argument, NULL, 's'},       {"ops", required_argument, NULL, 'o'},
    {"seconds", required_argument, NULL, 't'},    {"drop-caches", no_argument, NULL, 'd'},
    {"mount", required_argument, NULL, 'm'},      {"hook", required_argument, NULL, 'h'},
    {"hook-every", required_argument, NULL, 'e'}, {"record", required_argument, NULL, 'r'},
    {"past", required_argument, NULL, 'p'},       {NULL, 0, NULL, 0},
};

int main(int argc, char **argv)
{
	struct run r = {.seed = 1, .hook_every = 40};
	const char *past = NULL;
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (c) {
		case 's':
			r.seed = number(optarg);
			break;
		case 'o':
			r.ops = number(optarg);
			break;
		case 't':
			r.seconds = (long)number(optarg);
			break;
		case 'd':
			r.x.drop_caches = true;
			break;
		case 'm':
			r.root = optarg;
			break;
		case 'h':
			r.hook = optarg;
			break;
		case 'e':
			r.hook_every = number(optarg);
			break;
		case 'r':
			r.record = optarg;
			break;
		case 'p':
			past = optarg;
			break;
		default:
			return 2;
		}
	}
	if (optind != argc - 1)
		errx(2, "give one folder");
	if (past)
		return check_record(past, argv[optind]);
	r.x.dir = argv[optind];
	r.x.rng = r.seed;
	if (!r.root)
		r.root = "";
	if ((r.hook || r.record) && strncmp(r.x.dir, r.root, strlen(r.root)) != 0)
		errx(2, "%s is not below %s", r.x.dir, r.root);
	if (r.ops == 0 && r.seconds == 0)
		r.ops = 2000;
	r.snapshots = calloc(SNAPSHOTS_MAX, sizeof(*r.snapshots));
	if (!r.snapshots)
		err(2, "no memory");
	run_all(&r);
	free(r.snapshots);
	return 0;
}
