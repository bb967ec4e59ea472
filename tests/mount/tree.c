/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Four processes do random things in a tree, each in its own part and all in a shared one, and the whole is compared with a
 * model (tree.h) after each round:
 *
 *   tree [--seed N] [--rounds N] [--ops N] [--mount ROOT --hook COMMAND --lists FOLDER] DIR
 *   tree --same LIST DIR
 *
 * Runs on any filesystem, in an empty folder DIR. With a hook, after each round a snapshot is made, the filesystem is
 * mounted again or killed (after syncfs and fsync, so that nothing may be lost), the tree is compared once more, and so are
 * some snapshots, through ROOT/.snapshots. FOLDER/NAME is the list of the tree for each snapshot, and FOLDER/now the last;
 * --same compares one with a folder.
 */
#include "tests/mount/tree.h"

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

struct run {
	struct tree t;
	uint64_t seed;
	uint64_t rounds;
	uint64_t ops;
	const char *root;
	const char *hook;
	const char *lists;
	uint64_t round;
};

static const char *place(const struct tree *t)
{
	static char text[48];

	snprintf(text, sizeof(text), "%d:%" PRIu64, t->domain, t->op);
	return text;
}

void tree_say(struct tree *t, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	tester_note(place(t), format, ap);
	va_end(ap);
}

void tree_fail(struct tree *t, const char *format, ...)
{
	va_list ap;

	/* one process at a time */
	if (t->lock_fd >= 0 && flock(t->lock_fd, LOCK_EX) != 0)
		t->lock_fd = -1;
	va_start(ap, format);
	tester_fail(place(t), format, ap);
}

const char *tree_show(const char *path)
{
	static char shown[8][4 * TREE_PATH];
	static unsigned next;
	char *out = shown[next++ % 8];
	size_t n = 0;

	for (; *path && n < sizeof(shown[0]) - 4; path++) {
		unsigned char c = (unsigned char)*path;

		if (c > ' ' && c < 127 && c != '%' && c != '=')
			out[n++] = (char)c;
		else
			n += (size_t)snprintf(out + n, 4, "%%%02x", c);
	}
	out[n] = '\0';
	return out;
}

/* ---- the run ---- */

static void make_tops(struct run *r)
{
	static const char *const names[TREE_DOMAINS] = {"one", "two", "three", "four", "shared"};
	struct tree *t = &r->t;
	char path[TREE_PATH];
	int fd;

	for (int d = 0; d < TREE_DOMAINS; d++) {
		struct stat st;
		int node = tree_node_new(t, S_IFDIR | 0755);

		t->m->top[d] = tree_name_new(t, d, -1, names[d], node);
		tree_name_path(t, t->m->top[d], path);
		if (mkdir(path, 0755) != 0 || stat(path, &st) != 0)
			err(2, "%s", path);
		t->m->node[node].uid = st.st_uid;
		t->m->node[node].gid = st.st_gid;
		t->m->node[node].mtime = st.st_mtim;
		t->m->node[node].ctime = st.st_ctim;
	}
	snprintf(path, sizeof(path), "%s/lock", t->dir);
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0)
		err(2, "%s", path);
	close(fd);
}

static void work(struct run *r, int domain)
{
	struct tree t = r->t;
	char path[TREE_PATH];

	t.domain = domain;
	t.rng = (r->seed * 1000 + r->round) * TREE_WORKERS + (uint64_t)domain;
	snprintf(path, sizeof(path), "%s/lock", t.dir);
	t.lock_fd = open(path, O_WRONLY | O_CLOEXEC);
	if (t.lock_fd < 0)
		err(2, "%s", path);
	for (t.op = 1; t.op <= r->ops; t.op++)
		tree_operation(&t);
	_exit(0);
}

static void round_of_work(struct run *r)
{
	pid_t pid[TREE_WORKERS];
	bool well = true;
	int status;

	fflush(stdout);
	for (int i = 0; i < TREE_WORKERS; i++) {
		pid[i] = fork();
		if (pid[i] < 0)
			err(2, "fork");
		if (pid[i] == 0)
			work(r, i);
	}
	for (int i = 0; i < TREE_WORKERS; i++) {
		if (waitpid(pid[i], &status, 0) != pid[i])
			err(2, "waitpid");
		if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
			well = false;
	}
	if (!well) {
		printf("FAIL: seed %" PRIu64 " round %" PRIu64 "\n", r->seed, r->round);
		exit(1);
	}
}

/* The tree in @dir against a list. */
static void compare(const struct run *r, const struct tree_list *want, const char *dir,
                    const char *when)
{
	struct tree_list *got = tree_list_folder(dir);

	if (!got) {
		printf("FAIL: seed %" PRIu64 " round %" PRIu64 ": reading %s %s: %s\n", r->seed,
		       r->round, dir, when, strerror(errno));
		exit(1);
	}
	if (!tree_list_equal(want, got)) {
		printf("FAIL: seed %" PRIu64 " round %" PRIu64 ": %s is not as it should be %s\n",
		       r->seed, r->round, dir, when);
		exit(1);
	}
	tree_list_free(got);
}

static void compare_model(const struct run *r, const char *when)
{
	struct tree_list *want = tree_list_model(&r->t);

	compare(r, want, r->t.dir, when);
	tree_list_free(want);
}

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
	if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status) ||
	    WEXITSTATUS(status) != 0) {
		printf("FAIL: the hook '%s' failed\n", word);
		exit(1);
	}
}

static void snapshot_name(const struct run *r, uint64_t round, char out[64])
{
	snprintf(out, 64, "tree-%" PRIu64 "-%" PRIu64, r->seed, round);
}

static void make_snapshot(struct run *r)
{
	struct tree_list *l = tree_list_model(&r->t);
	char name[64], file[TREE_PATH];

	snapshot_name(r, r->round, name);
	run_hook(r, "snapshot", name);
	snprintf(file, sizeof(file), "%s/%s", r->lists, name);
	tree_list_write(l, file);
	snprintf(file, sizeof(file), "%s/now", r->lists);
	tree_list_write(l, file);
	tree_list_free(l);
}

static void check_snapshot(const struct run *r, uint64_t round)
{
	char name[64], file[TREE_PATH], dir[TREE_PATH];
	struct tree_list *l;

	snapshot_name(r, round, name);
	snprintf(file, sizeof(file), "%s/%s", r->lists, name);
	snprintf(dir, sizeof(dir), "%s/.snapshots/%s%s", r->root, name, r->t.dir + strlen(r->root));
	l = tree_list_read(file);
	compare(r, l, dir, "in the snapshot");
	tree_list_free(l);
}

/* Nothing of what was done may be lost after this, neither names nor content. */
static void make_durable(const struct run *r)
{
	int fd = open(r->t.dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0 || syncfs(fd) != 0 || fsync(fd) != 0)
		err(2, "syncfs and fsync of %s", r->t.dir);
	close(fd);
}

static void stop(struct run *r)
{
	make_snapshot(r);
	switch (r->round % 4) {
	case 1:
		run_hook(r, "remount", NULL);
		break;
	case 2:
		make_durable(r);
		run_hook(r, "kill", NULL);
		break;
	case 3:
		run_hook(r, "evict", NULL);
		break;
	default:
		break;
	}
	compare_model(r, "after the mount");
	check_snapshot(r, 1 + tree_below(&r->t, r->round));
}

static void run_all(struct run *r)
{
	umask(0);
	make_tops(r);
	for (r->round = 1; r->round <= r->rounds; r->round++) {
		round_of_work(r);
		compare_model(r, "after the round");
		if (r->hook)
			stop(r);
	}
	for (uint64_t i = 1; r->hook && i <= r->rounds; i++)
		check_snapshot(r, i);
	printf("seed %" PRIu64 ": %" PRIu64 " rounds of %u times %" PRIu64 " operations\n", r->seed,
	       r->rounds, TREE_WORKERS, r->ops);
}

static int same(const char *file, const char *dir)
{
	struct tree_list *want = tree_list_read(file);
	struct tree_list *got = tree_list_folder(dir);
	bool equal;

	if (!got)
		err(1, "%s", dir);
	equal = tree_list_equal(want, got);
	tree_list_free(want);
	tree_list_free(got);
	return equal ? 0 : 1;
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
    {"seed", required_argument, NULL, 's'}, {"rounds", required_argument, NULL, 'r'},
    {"ops", required_argument, NULL, 'o'},  {"mount", required_argument, NULL, 'm'},
    {"hook", required_argument, NULL, 'h'}, {"lists", required_argument, NULL, 'l'},
    {"same", required_argument, NULL, 'e'}, {NULL, 0, NULL, 0},
};

int main(int argc, char **argv)
{
	struct run r = {.seed = 1, .rounds = 3, .ops = 400, .root = "", .lists = "."};
	const char *list = NULL;
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (c) {
		case 's':
			r.seed = number(optarg);
			break;
		case 'r':
			r.rounds = number(optarg);
			break;
		case 'o':
			r.ops = number(optarg);
			break;
		case 'm':
			r.root = optarg;
			break;
		case 'h':
			r.hook = optarg;
			break;
		case 'l':
			r.lists = optarg;
			break;
		case 'e':
			list = optarg;
			break;
		default:
			return 2;
		}
	}
	if (optind != argc - 1)
		errx(2, "give one folder");
	if (list)
		return same(list, argv[optind]);
	r.t = (struct tree){.dir = argv[optind], .rng = r.seed, .domain = -1, .lock_fd = -1};
	if (r.hook && strncmp(r.t.dir, r.root, strlen(r.root)) != 0)
		errx(2, "%s is not below %s", r.t.dir, r.root);
	r.t.m = mmap(NULL, sizeof(*r.t.m), PROT_READ | PROT_WRITE,
	             MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (r.t.m == MAP_FAILED)
		err(2, "mmap");
	run_all(&r);
	return 0;
}
