/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The life of the volume, in three parts.
 *
 *   1 a small tree grows for some epochs; all is stored, the machine is closed, a second machine writes a checkpoint
 *   2 it is changed (renames, links, a snapshot, a restore, removals); a second checkpoint, then more log
 *   3 the store is away: epochs end and wait in outlog/ with their packs; the index is brought up to date once; then
 *     small and large writes are fsynced, which leaves batches with and without pages in the journal; the process dies
 *
 * Every log object, pack and batch that an old bug could confuse with another one exists at least twice.
 */
#include "tests/tamper/subject.h"

#include "backend/fault.h"
#include "backend/mem.h"
#include "tests/lib/test.h"
#include "tests/lib/testvol.h"
#include "util/check.h"

#include <sys/stat.h>

#define START_NS ((int64_t)1700000000 * SIMCLOCK_SECOND)
#define JOURNAL_SIZE (256u << 10)
#define PACK_SIZE (64u << 10)
#define NO_CHECKPOINT ((uint64_t)1 << 40)

static const struct fault_config fair = {.seed = 1};

struct life {
	struct subject *s;
	struct simclock clock;
	struct simrng rng;
	struct simdisk *disk;
	struct blob *mem;   /* the store itself */
	struct blob *store; /* behind the weather */
	struct volume *v;
	uint64_t docs, notes, log, big, db; /* inodes that are written more than once */
};

struct volume_params subject_params(struct simdisk *disk, struct simclock *clock,
                                    struct simrng *rng, struct blob *store)
{
	return (struct volume_params){.io = simdisk_io(disk),
	                              .clock = &clock->base,
	                              .rng = &rng->base,
	                              .store = store,
	                              .state_dir = "/state",
	                              .journal_bytes = JOURNAL_SIZE,
	                              .pack_bytes = PACK_SIZE,
	                              .checkpoint_bytes = NO_CHECKPOINT};
}

/* ---- steps ---- */

static void open_machine(struct life *l)
{
	struct volume_params p = subject_params(l->disk, &l->clock, &l->rng, l->store);

	TEST_MUST(testvol_open(&p, &l->v));
}

static void close_machine(struct life *l)
{
	TEST_MUST(volume_close(l->v));
	l->v = NULL;
}

static uint64_t make(struct life *l, uint64_t parent, const char *name, uint32_t mode)
{
	struct volume_new what = {.mode = mode, .uid = 1000, .gid = 100};
	struct volume_attr attr = {0};

	if (S_ISLNK(mode)) {
		what.target = "docs/notes.txt";
		what.target_len = strlen(what.target);
	}
	TEST_MUST(volume_create(l->v, parent, name, strlen(name), &what, &attr));
	simclock_advance(&l->clock, SIMCLOCK_MS);
	return attr.ino;
}

/* Bytes that tell where and when they were written. */
static void put(struct life *l, uint64_t ino, uint64_t off, size_t len)
{
	static unsigned times;
	uint8_t *data = malloc(len);
	struct simrng rng;

	CHECK(data);
	simrng_init(&rng, ++times);
	rng_fill(&rng.base, data, len);
	snprintf((char *)data, len, "write %u of inode %" PRIu64 "\n", times, ino);
	TEST_MUST(volume_write(l->v, ino, off, data, len, 0));
	free(data);
	simclock_advance(&l->clock, SIMCLOCK_MS);
}

static void set_xattr(struct life *l, uint64_t ino, const char *name, char fill, size_t len)
{
	char value[4096];

	memset(value, fill, sizeof(value));
	TEST_MUST(volume_setxattr(l->v, ino, name, value, len, 0));
}

static void end_epoch(struct life *l, const char *what)
{
	int64_t e;

	simclock_advance(&l->clock, SIMCLOCK_SECOND);
	TEST_MUST(volume_epoch_end(l->v, &e));
	oracle_note(&l->s->oracle, l->v, what);
}

static void fsynced(struct life *l, const char *what)
{
	simclock_advance(&l->clock, SIMCLOCK_MS);
	TEST_MUST(volume_fsync(l->v));
	oracle_note(&l->s->oracle, l->v, what);
}

static void sync_all(struct life *l)
{
	TEST_MUST(volume_sync(l->v, -1, NULL, NULL, NULL));
}

static void keep_store(struct life *l, enum subject_time t)
{
	image_of_store(&l->s->store[t], l->mem);
}

static void keep_disk(struct life *l, enum subject_time t, size_t moment, size_t stored)
{
	image_of_disk(&l->s->disk[t], l->disk, l->s->dir);
	l->s->moment[t] = moment;
	l->s->stored[t] = stored;
}

static int take_last(void *ctx, const struct blob_info *info)
{
	uint64_t *last = ctx;
	const char *at = strchr(info->name, '/');

	*last = strtoull(at + 1, NULL, 16);
	return 0;
}

/* The part that is not @known. */
struct new_part {
	const char *known;
	char *name;
};

static int take_part(void *ctx, const struct blob_info *info)
{
	struct new_part *p = ctx;

	if (strcmp(info->name, p->known) != 0)
		snprintf(p->name, BLOB_NAME_MAX + 1, "%s", info->name);
	return 0;
}

/* A second machine loads everything, writes a checkpoint, and is gone again. */
static uint64_t checkpoint(struct life *l, const char *known_part, char *ret_part)
{
	struct new_part part = {known_part, ret_part};
	struct simdisk *disk = simdisk_new(&l->clock.base);
	struct volume_params p = subject_params(disk, &l->clock, &l->rng, l->store);
	uint64_t before = 0, after = 0;
	struct volume *v;

	p.checkpoint_bytes = 1;
	TEST_MUST(blob_list(l->mem, "checkpoints/0", NULL, take_last, &before));
	TEST_MUST(testvol_open(&p, &v));
	for (int i = 0; i < 4 && after <= before; i++) {
		simclock_advance(&l->clock, SIMCLOCK_SECOND);
		TEST_MUST(volume_step(v));
		TEST_MUST(blob_list(l->mem, "checkpoints/0", NULL, take_last, &after));
	}
	CHECK(after > before);
	TEST_MUST(blob_list(l->mem, "checkpoints/parts/", NULL, take_part, &part));
	TEST_MUST(volume_close(v));
	simdisk_free(disk);
	return after;
}

/* ---- the life ---- */

static void first_part(struct life *l)
{
	uint64_t deep;
	char name[32];

	l->docs = make(l, VOLUME_ROOT, "docs", S_IFDIR | 0755);
	l->notes = make(l, l->docs, "notes.txt", S_IFREG | 0644);
	put(l, l->notes, 0, 5000);
	make(l, VOLUME_ROOT, "link", S_IFLNK | 0777);
	end_epoch(l, "part 1, epoch 1");
	l->log = make(l, l->docs, "log", S_IFREG | 0600);
	put(l, l->log, 0, 300);
	set_xattr(l, l->notes, "user.colour", 'a', 40);
	deep = make(l, l->docs, "deep", S_IFDIR | 0700);
	for (int i = 0; i < 10; i++) {
		snprintf(name, sizeof(name), "small-%02d", i);
		put(l, make(l, deep, name, S_IFREG | 0644), 0, 100 + (size_t)i * 37);
	}
	end_epoch(l, "part 1, epoch 2");
	sync_all(l);
	l->big = make(l, VOLUME_ROOT, "big", S_IFREG | 0644);
	put(l, l->big, 0, 90000);
	put(l, l->log, 300, 300);
	TEST_MUST(
	    volume_link(l->v, l->notes, VOLUME_ROOT, "notes-too", 9, &(struct volume_attr){0}));
	end_epoch(l, "part 1, epoch 3");
	put(l, l->notes, 4096, 200);
	end_epoch(l, "part 1, epoch 4");
}

static void second_part(struct life *l)
{
	static const char *const paths[] = {"docs/notes.txt"};
	struct volume_restore_totals totals;
	struct volume_attr gone;
	char name[32];

	put(l, l->big, 70000, 30000);
	TEST_MUST(volume_rename(l->v, VOLUME_ROOT, "notes-too", 9, l->docs, "renamed", 7, 0));
	end_epoch(l, "part 2, epoch 1");
	sync_all(l);
	for (int i = 0; i < 6; i++) {
		snprintf(name, sizeof(name), "more-%02d", i);
		set_xattr(l, make(l, l->docs, name, S_IFREG | 0644), "user.text", 'k', 900);
	}
	set_xattr(l, l->notes, "user.colour", 'b', 40);
	put(l, l->notes, 0, 1000);
	end_epoch(l, "part 2, epoch 2");
	TEST_MUST(volume_snapshot_create(l->v, "kept", &(int64_t){0}));
	oracle_note(&l->s->oracle, l->v, "part 2, snapshot");
	TEST_MUST(volume_resolve(l->v, "docs/more-03", VOLUME_NOW, &gone));
	TEST_MUST(volume_unlink(l->v, l->docs, "more-03", 7));
	volume_forget(l->v, gone.ino);
	TEST_MUST(volume_restore(l->v, 3, paths, 1, false, NULL, NULL, &totals, NULL));
	end_epoch(l, "part 2, epoch 3");
	sync_all(l);
}

static void after_checkpoint(struct life *l)
{
	put(l, l->log, 600, 5000);
	end_epoch(l, "part 2, epoch 4");
	sync_all(l);
	put(l, l->big, 0, 20000);
	set_xattr(l, l->docs, "user.note", 'n', 60);
	end_epoch(l, "part 2, epoch 5");
	sync_all(l);
}

static void third_part(struct life *l)
{
	put(l, l->big, 4096, 30000);
	make(l, l->docs, "offline-1", S_IFREG | 0644);
	end_epoch(l, "part 3, epoch 1");
	l->db = make(l, VOLUME_ROOT, "db", S_IFREG | 0644);
	put(l, l->db, 0, 40000);
	end_epoch(l, "part 3, epoch 2");
	put(l, l->log, 5600, 100);
	fsynced(l, "part 3, before the index");
	simclock_advance(&l->clock, 11 * SIMCLOCK_SECOND);
	put(l, l->notes, 100, 100);
	fsynced(l, "part 3, the index"); /* it is brought up to date after this */
}

static void last_part(struct life *l)
{
	put(l, l->log, 5700, 100);
	fsynced(l, "part 3, small 1");
	put(l, l->db, 8192, 4096);
	TEST_MUST(volume_rename(l->v, VOLUME_ROOT, "link", 4, l->docs, "link", 4, 0));
	fsynced(l, "part 3, small 2");
	put(l, l->big, 40000, 17 * 4096); /* too much for a batch: the pack is synced */
	fsynced(l, "part 3, large");
	end_epoch(l, "part 3, epoch 3");
	put(l, l->log, 5800, 100);
	fsynced(l, "part 3, small 3");
	set_xattr(l, l->db, "user.last", 'z', 30);
	put(l, l->db, 100, 50);
	fsynced(l, "part 3, small 4");
	TEST_MUST(volume_unlink(l->v, l->docs, "offline-1", 9));
	put(l, l->notes, 0, 6000);
	fsynced(l, "part 3, small 5");
}

static void die(struct life *l)
{
	simdisk_freeze(l->disk);
	volume_close(l->v);
	l->v = NULL;
}

static void come_back(struct life *l)
{
	size_t moment;

	simdisk_kill(l->disk);
	fault_configure(l->store, &fair);
	simclock_advance(&l->clock, SIMCLOCK_HOUR);
	open_machine(l);
	sync_all(l);
	moment = oracle_note(&l->s->oracle, l->v, "back again");
	keep_store(l, SUBJECT_AFTER);
	close_machine(l);
	keep_disk(l, SUBJECT_AFTER, moment, moment);
}

void subject_make(struct subject *s, uint64_t seed)
{
	struct fault_config down = {.seed = 1, .down = true};
	struct life l = {.s = s};
	size_t stored;

	memset(s, 0, sizeof(*s));
	oracle_init(&s->oracle);
	simclock_init(&l.clock, START_NS);
	simrng_init(&l.rng, seed);
	l.disk = simdisk_new(&l.clock.base);
	l.mem = mem_new();
	CHECK(l.mem);
	l.store = fault_new(mem_share(l.mem), &fair);
	CHECK(l.store);
	TEST_MUST(testvol_init(l.mem, &l.rng.base, l.clock.wall_ns));
	open_machine(&l);
	snprintf(s->dir, sizeof(s->dir), "%s", volume_state_path(l.v));
	first_part(&l);
	sync_all(&l);
	keep_store(&l, SUBJECT_EARLY); /* with a lease that is older than the last one */
	close_machine(&l);
	stored = s->oracle.nmoments - 1;
	keep_disk(&l, SUBJECT_EARLY, stored, stored);
	s->first_manifest = checkpoint(&l, "", s->first_part);
	open_machine(&l);
	second_part(&l);
	close_machine(&l);
	s->last_manifest = checkpoint(&l, s->first_part, s->last_part);
	open_machine(&l);
	after_checkpoint(&l);
	close_machine(&l);
	stored = s->oracle.nmoments - 1;
	keep_store(&l, SUBJECT_STORED);
	keep_disk(&l, SUBJECT_STORED, stored, stored);
	open_machine(&l);
	fault_configure(l.store, &down);
	third_part(&l);
	keep_store(&l, SUBJECT_MIDWAY);
	keep_disk(&l, SUBJECT_MIDWAY, s->oracle.nmoments - 1, stored);
	last_part(&l);
	keep_store(&l, SUBJECT_DEAD);
	keep_disk(&l, SUBJECT_DEAD, s->oracle.nmoments - 1, stored);
	die(&l);
	TEST_MUST(blob_list(l.mem, "log/", NULL, take_last, &s->last_log));
	come_back(&l);
	s->wall_ns = l.clock.wall_ns;
	simdisk_free(l.disk);
	blob_free(l.store);
	blob_free(l.mem);
}

void subject_done(struct subject *s)
{
	for (int t = 0; t < SUBJECT_TIMES; t++) {
		image_done(&s->store[t]);
		image_done(&s->disk[t]);
	}
	oracle_done(&s->oracle);
}
