/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Everything that is stored is damaged, one thing at a time, and the volume is opened and read in full.
 *
 *   fresh    a machine that has never seen the volume; the store is damaged
 *   known    the machine that died; the store is damaged, and its own files are good
 *   stored   the same machine at a time when everything was stored, for what it remembers of the newest log
 *   cold     the machine that died, with nothing in its cache
 *   dead     the machine that died; one of its own files is damaged, and the store is good
 *   closed   the same machine when it was last closed in order, with everything stored
 *
 * What comes of it must be right, or an error with a name. Which of these, for each kind of thing and of damage, is said by
 * the table in expect.c: a verdict that is not in it fails, and so does one that is in it and never comes.
 */
#include "tests/tamper/case.h"
#include "tests/tamper/damage.h"
#include "tests/tamper/report.h"
#include "tests/tamper/whole.h"
#include "tests/lib/test.h"
#include "util/check.h"
#include "util/secret.h"

#define DB_PAGE 4096
#define JOURNAL_BLOCK 4096
#define WAL_HEADER 32
#define WAL_FRAME 4120
#define SHORT_STRIDE 13
#define MORE_STRIDE 8 /* of the second and later files of a kind */

static struct subject subject, other;
static const char *only_kind;
static bool is_short;

static bool wanted(const char *kind)
{
	return !only_kind || strstr(kind, only_kind);
}

/* ---- one thing, damaged in all ways ---- */

struct target {
	const char *kind; /* in the table */
	const char *name; /* of the object or file */
	const char *prefix;
	size_t page_from, page_bytes;
	bool again; /* not the first one of its kind */
};

struct machine {
	const char *name;
	const struct image *store, *disk; /* the good ones; disk NULL: none */
	bool local;                       /* the disk is what is damaged */
	const char *only;                 /* of the store: this kind */
	bool cache;                       /* of the disk: also the cache */
	const struct image *olds[3];
	size_t nolds;
	const struct image *foreign;
	size_t want;
};

/* How many variants are passed over: all are asked for of the first file of each kind only. */
static size_t stride_of(const struct target *t, enum damage how)
{
	if (how > DAMAGE_PAGE_OLD || how == DAMAGE_CUT || how == DAMAGE_LONGER)
		return 1;
	return (is_short ? SHORT_STRIDE : 1) * (t->again ? MORE_STRIDE : 1);
}

static void run_way(const struct machine *m, const struct target *t, enum damage how)
{
	struct damage_ask ask = {.good = m->local ? m->disk : m->store,
	                         .name = t->name,
	                         .how = how,
	                         .kind = t->prefix,
	                         .olds = m->olds,
	                         .nolds = m->nolds,
	                         .foreign = m->foreign,
	                         .page_from = t->page_from,
	                         .page_bytes = t->page_bytes};
	size_t stride = stride_of(t, how);
	char label[DAMAGE_LABEL_BYTES];
	struct image bad;

	for (size_t i = 0; damage_make(&ask, i, &bad, label); i++) {
		struct case_setup c = {.subject = &subject,
		                       .store = m->local ? m->store : &bad,
		                       .disk = m->local ? &bad : m->disk,
		                       .want = m->want,
		                       .go_on = m->local};
		struct oracle_answer a;

		if (i % stride == 0) {
			char what[DAMAGE_LABEL_BYTES + 64];

			snprintf(what, sizeof(what), "%.60s, %s", t->name, label);
			report_case(t->kind, m->name, damage_word(how), what);
			case_run(&c, &a);
			report_answer(&a);
		}
		image_done(&bad);
	}
}

static void run_target(const struct machine *m, const struct target *t)
{
	if (!wanted(t->kind))
		return;
	for (int how = 0; how < DAMAGES; how++)
		run_way(m, t, (enum damage)how);
}

/* ---- the store ---- */

static void run_store(const struct machine *m)
{
	const struct image *store = &subject.store[SUBJECT_DEAD];
	char before[64], after[64], newest[64], manifest[64], old_manifest[64];
	const struct image_file *pack = NULL;

	snprintf(before, sizeof(before), "log/%016" PRIx64, subject.last_manifest);
	snprintf(after, sizeof(after), "log/%016" PRIx64, subject.last_manifest + 1);
	snprintf(newest, sizeof(newest), "log/%016" PRIx64, subject.last_log);
	snprintf(manifest, sizeof(manifest), "checkpoints/%016" PRIx64, subject.last_manifest);
	snprintf(old_manifest, sizeof(old_manifest), "checkpoints/%016" PRIx64,
	         subject.first_manifest);
	for (size_t i = 0; i < store->n; i++) {
		const struct image_file *f = &store->files[i];

		if (strncmp(f->name, "packs/", 6) == 0 && (!pack || f->len > pack->len))
			pack = f;
	}
	CHECK(pack);
	const struct target targets[] = {
	    {.kind = "keyring", .name = "keyring/0000000000000001", .prefix = "keyring/"},
	    {.kind = "lease", .name = "lease", .prefix = "lease"},
	    {.kind = "log before the checkpoint", .name = before, .prefix = "log/"},
	    {.kind = "log after the checkpoint", .name = after, .prefix = "log/"},
	    {.kind = "newest log", .name = newest, .prefix = "log/"},
	    {.kind = "newest checkpoint", .name = manifest, .prefix = "checkpoints/0"},
	    {.kind = "older checkpoint", .name = old_manifest, .prefix = "checkpoints/0"},
	    {.kind = "part of the newest checkpoint",
	     .name = subject.last_part,
	     .prefix = "checkpoints/parts/"},
	    {.kind = "part of the older checkpoint",
	     .name = subject.first_part,
	     .prefix = "checkpoints/parts/"},
	    {.kind = "pack", .name = pack->name, .prefix = "packs/"},
	};

	for (size_t i = 0; i < sizeof(targets) / sizeof(*targets); i++)
		if (!m->only || strcmp(m->only, targets[i].kind) == 0)
			run_target(m, &targets[i]);
}

/* ---- the state folder ---- */

/* Every file is of a kind that is known here. */
static struct target local_target(const char *name)
{
	static const struct target kinds[] = {
	    {.kind = "journal", .prefix = "journal", .page_bytes = JOURNAL_BLOCK},
	    {.kind = "index.db-wal",
	     .prefix = "index.db-wal",
	     .page_from = WAL_HEADER,
	     .page_bytes = WAL_FRAME},
	    {.kind = "index.db-sum", .prefix = "index.db-sum"},
	    {.kind = "index.db", .prefix = "index.db", .page_bytes = DB_PAGE},
	    {.kind = "outlog/", .prefix = "outlog/"},
	    {.kind = "packs/", .prefix = "packs/"},
	    {.kind = "cache/", .prefix = "cache/"},
	    {.kind = "writer", .prefix = "writer"},
	};

	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
		if (strncmp(name, kinds[i].prefix, strlen(kinds[i].prefix)) == 0) {
			struct target t = kinds[i];

			t.name = name;
			return t;
		}
	printf("FAIL %s in the state folder is of no kind that is known here\n", name);
	exit(1);
}

static void run_local(const struct machine *m)
{
	const char *before = "";

	for (size_t i = 0; i < m->disk->n; i++) {
		struct target t = local_target(m->disk->files[i].name);

		t.again = strcmp(before, t.kind) == 0;
		before = t.kind;
		if (m->cache || strcmp(t.kind, "cache/") != 0)
			run_target(m, &t);
	}
}

/* ---- all of it ---- */

static bool read_options(int argc, char **argv, struct report_options *ret)
{
	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--verbose") == 0)
			ret->table = true;
		else if (strcmp(argv[i], "--each") == 0)
			ret->each = true;
		else if (strcmp(argv[i], "--short") == 0)
			is_short = true;
		else if (strcmp(argv[i], "--kind") == 0 && i + 1 < argc)
			only_kind = argv[++i];
		else
			return false;
	}
	ret->partial = is_short;
	return true;
}

/* A machine with nothing in its cache. */
static void make_cold(struct image *ret, const struct image *from)
{
	image_share(ret, from);
	for (size_t i = ret->n; i-- > 0;)
		if (strncmp(ret->files[i].name, "cache/", 6) == 0)
			image_remove(ret, ret->files[i].name);
}

static void run_machine(struct machine *m)
{
	m->store = &subject.store[SUBJECT_DEAD];
	if (!m->local) {
		m->olds[0] = &subject.store[SUBJECT_EARLY];
		m->nolds = 1;
		m->foreign = &other.store[SUBJECT_DEAD];
		run_store(m);
		return;
	}
	m->olds[0] = &subject.disk[SUBJECT_EARLY];
	m->olds[1] = &subject.disk[SUBJECT_STORED];
	m->olds[2] = &subject.disk[SUBJECT_MIDWAY];
	m->nolds = m->disk == &subject.disk[SUBJECT_STORED] ? 1 : 3;
	m->foreign = &other.disk[SUBJECT_DEAD];
	run_local(m);
}

static void run_all(void)
{
	const struct image *disk = subject.disk;
	const size_t dead = subject.moment[SUBJECT_DEAD], closed = subject.moment[SUBJECT_STORED];
	struct image cold;

	make_cold(&cold, &disk[SUBJECT_DEAD]);

	struct machine machines[] = {
	    {.name = "fresh", .want = subject.stored[SUBJECT_DEAD]},
	    {.name = "known", .disk = &disk[SUBJECT_DEAD], .want = dead},
	    {.name = "stored", .only = "newest log", .disk = &disk[SUBJECT_STORED], .want = closed},
	    {.name = "cold", .only = "pack", .disk = &cold, .want = dead},
	    {.name = "dead",
	     .local = true,
	     .cache = true,
	     .disk = &disk[SUBJECT_DEAD],
	     .want = dead},
	    {.name = "closed", .local = true, .disk = &disk[SUBJECT_STORED], .want = closed},
	};

	for (size_t i = 0; i < sizeof(machines) / sizeof(*machines); i++)
		run_machine(&machines[i]);
	image_done(&cold);
	if (wanted("all"))
		whole_run(&subject, &other);
}

int main(int argc, char **argv)
{
	struct report_options options = {0};
	size_t failures;

	if (!read_options(argc, argv, &options)) {
		fprintf(stderr, "usage: tamper [--kind NAME] [--short] [--verbose] [--each]\n");
		return 2;
	}
	TEST_MUST(secret_setup());
	report_begin(&options);
	subject_make(&subject, 1);
	subject_make(&other, 2);
	run_all();
	failures = report_end();
	subject_done(&subject);
	subject_done(&other);
	return failures ? 1 : 0;
}
