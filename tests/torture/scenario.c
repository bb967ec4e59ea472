/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Each scenario is there for one part of the durability: the names and attributes, the ways that
 * data takes, a ring that wraps, one that is too small, a disk that fills up, the past, the first mount, recovery itself
 * (a crash while recovering from a crash), the index being lost, checkpoints and the machine that
 * loads them. They are short, because each is run again from every one of its calls.
 *
 * The tuning is small so that everything happens: packs of 64 KiB, a checkpoint after some
 * kilobytes of log, the smallest ring.
 */
#include "tests/torture/scenario.h"

#include "tests/lib/simclock.h"
#include "util/check.h"
#include "volume/journal.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STEPS_MAX 400
#define KIB ((uint64_t)1024)
#define SETTLE_MS 1300 /* longer than a commit waits */
#define EPOCH_MS 5200
#define ABSORB_MS 11000

static struct step *add(struct scenario *s, enum step_kind kind, const char *a, const char *b,
                        uint64_t n, size_t len)
{
	struct step *step = &s->steps[s->nsteps++];

	CHECK(s->nsteps <= STEPS_MAX);
	*step = (struct step){.kind = kind, .a = a, .b = b, .n = n, .len = len};
	return step;
}

static void plain(struct scenario *s, enum step_kind kind)
{
	add(s, kind, "", "", 0, 0);
}

static void on(struct scenario *s, enum step_kind kind, const char *a)
{
	add(s, kind, a, "", 0, 0);
}

static void two(struct scenario *s, enum step_kind kind, const char *a, const char *b)
{
	add(s, kind, a, b, 0, 0);
}

static void wait_ms(struct scenario *s, uint64_t ms, unsigned times)
{
	while (times-- > 0)
		add(s, STEP_WAIT, "", "", ms, 0);
}

static void write_at(struct scenario *s, const char *path, uint64_t off, size_t len)
{
	add(s, STEP_WRITE, path, "", off, len);
}

/* A name that stays valid. */
static const char *numbered(const char *prefix, unsigned i)
{
	char *name = NULL;

	CHECK(asprintf(&name, "%s%u", prefix, i) > 0);
	return name;
}

static void script_names(struct scenario *s)
{
	plain(s, STEP_OPEN);
	on(s, STEP_MKDIR, "d");
	on(s, STEP_CREATE, "d/a");
	write_at(s, "d/a", 0, 100);
	plain(s, STEP_FSYNC);
	two(s, STEP_LINK, "d/a", "e");
	two(s, STEP_RENAME, "d/a", "b");
	two(s, STEP_SYMLINK, "d/to", "../b");
	wait_ms(s, SETTLE_MS, 1);
	on(s, STEP_CREATE, "c");
	two(s, STEP_EXCHANGE, "c", "b");
	plain(s, STEP_FSYNC);
	add(s, STEP_XATTR, "c", "user.one", 0, 300);
	add(s, STEP_CHMOD, "c", "", 0600, 0);
	wait_ms(s, EPOCH_MS, 3);
	on(s, STEP_MKDIR, "d/sub");
	two(s, STEP_RENAME, "e", "d/sub/e");
	two(s, STEP_NOXATTR, "c", "user.one");
	on(s, STEP_UNLINK, "b");
	plain(s, STEP_FSYNC);
	two(s, STEP_RENAME, "c", "d/sub/e");
	on(s, STEP_UNLINK, "d/to");
	two(s, STEP_RENAME, "d/sub", "sub");
	on(s, STEP_RMDIR, "d");
	wait_ms(s, EPOCH_MS, 2);
	plain(s, STEP_SYNC);
	on(s, STEP_CREATE, "last");
	plain(s, STEP_CLOSE);
	plain(s, STEP_OPEN);
}

static void script_data(struct scenario *s)
{
	plain(s, STEP_OPEN);
	on(s, STEP_CREATE, "small");
	write_at(s, "small", 0, 5000);
	plain(s, STEP_FSYNC);
	on(s, STEP_CREATE, "large");
	write_at(s, "large", 0, 200 * KIB);
	wait_ms(s, SETTLE_MS, 2);
	write_at(s, "large", 100, 9000);
	plain(s, STEP_FSYNC);
	add(s, STEP_APPEND, "small", "", 0, 3000);
	add(s, STEP_PUNCH, "large", "", 5000, 60000);
	plain(s, STEP_FSYNC);
	add(s, STEP_TRUNCATE, "large", "", 150001, 0);
	on(s, STEP_CREATE, "copy");
	two(s, STEP_COPY, "large", "copy");
	write_at(s, "copy", 30 * KIB, 70 * KIB);
	wait_ms(s, EPOCH_MS, 4);
	add(s, STEP_TRUNCATE, "large", "", 300000, 0);
	write_at(s, "large", 299000, 10);
	plain(s, STEP_FSYNC);
	on(s, STEP_UNLINK, "small");
	write_at(s, "copy", 0, 130 * KIB);
	plain(s, STEP_SYNC);
	write_at(s, "large", 4096, 8192);
	wait_ms(s, SETTLE_MS, 2);
	plain(s, STEP_CLOSE);
	plain(s, STEP_OPEN);
	add(s, STEP_APPEND, "large", "", 0, 4000);
	plain(s, STEP_FSYNC);
}

/* The ring has 64 blocks and is kept three quarters empty: these batches go round it twice. */
static void script_ring(struct scenario *s)
{
	plain(s, STEP_OPEN);
	on(s, STEP_CREATE, "log");
	for (unsigned i = 0; i < 12; i++) {
		add(s, STEP_APPEND, "log", "", 0, 700 + 1000 * (i % 3));
		plain(s, STEP_FSYNC);
	}
	for (unsigned i = 0; i < 8; i++) {
		write_at(s, "log", 4096 * i, 30000 + 1000 * i);
		plain(s, STEP_FSYNC);
	}
	/* the longest batches there are: all the sealed pages that one carries, and the longest
	 * attribute */
	for (unsigned i = 0; i < 4; i++) {
		write_at(s, "log", 0, 60000);
		add(s, STEP_XATTR, "log", "user.long", 0, 50000 + i);
		plain(s, STEP_FSYNC);
	}
	/* the index is brought up to date by the time that passes, while the log object is not
	 * ended: the ring may not be used again before both are */
	for (unsigned i = 0; i < 7; i++) {
		add(s, STEP_XATTR, "log", "user.long", 0, 40000 + i);
		add(s, STEP_PASS, "", "", ABSORB_MS, 0);
		plain(s, STEP_FSYNC);
	}
	plain(s, STEP_KILL);
	plain(s, STEP_OPEN);
	add(s, STEP_APPEND, "log", "", 0, 100);
	plain(s, STEP_FSYNC);
}

/* A full disk, with nothing kept in reserve: the ring, which has its room, fills up, because the log
 * object and the index that would empty it find none. */
static void script_full(struct scenario *s)
{
	static const char *const names[] = {"file", "a-longer-name-than-before"};

	plain(s, STEP_OPEN);
	on(s, STEP_CREATE, "file");
	write_at(s, "file", 0, 30000);
	/* all of the ring was written to: only then has it its room on this disk */
	for (unsigned i = 0; i < 9; i++) {
		add(s, STEP_XATTR, "file", "user.long", 0, 30000 + i);
		plain(s, STEP_FSYNC);
	}
	plain(s, STEP_SYNC);
	add(s, STEP_ROOM, "", "", 0, 0);
	for (unsigned i = 0; i < 24; i++) {
		two(s, STEP_RENAME, names[i % 2], names[(i + 1) % 2]);
		s->steps[s->nsteps - 1].may_fail = true;
		add(s, STEP_FSYNC, "", "", 0, 0)->may_fail = true;
	}
	add(s, STEP_WRITE, "file", "", 0, 10000)->may_fail = true;
	add(s, STEP_TRUNCATE, "file", "", 4096, 0)->may_fail = true;
	plain(s, STEP_KILL);
	add(s, STEP_ROOM, "", "", UINT64_MAX, 0);
	plain(s, STEP_OPEN);
	on(s, STEP_CREATE, "again");
	plain(s, STEP_FSYNC);
	plain(s, STEP_SYNC);
}

/* The newest batch stays in the ring. Where it is longer than half of it, another one as long does not
 * fit: the writer is told, and nothing that was acknowledged is lost. */
static void script_tight(struct scenario *s)
{
	plain(s, STEP_OPEN);
	on(s, STEP_CREATE, "file");
	for (unsigned i = 0; i < 2; i++) {
		write_at(s, "file", 0, 64000);
		add(s, STEP_XATTR, "file", "user.long", 0, 65000 + i)->may_fail = i > 0;
		add(s, STEP_FSYNC, "", "", 0, 0)->may_fail = i > 0;
	}
	plain(s, STEP_KILL);
	plain(s, STEP_OPEN);
	write_at(s, "file", 0, 100);
	plain(s, STEP_FSYNC);
	plain(s, STEP_SYNC);
}

static void script_past(struct scenario *s)
{
	plain(s, STEP_OPEN);
	on(s, STEP_MKDIR, "d");
	on(s, STEP_CREATE, "d/f");
	write_at(s, "d/f", 0, 6000);
	add(s, STEP_EPOCH, "", "", 0, 0);
	write_at(s, "d/f", 1000, 2000);
	two(s, STEP_RENAME, "d/f", "g");
	on(s, STEP_CREATE, "d/new");
	on(s, STEP_SNAPSHOT, "first");
	on(s, STEP_UNLINK, "g");
	wait_ms(s, EPOCH_MS, 2);
	add(s, STEP_EPOCH, "", "", 1, 0);
	add(s, STEP_RESTORE, "", "", 0, 0);
	add(s, STEP_APPEND, "d/f", "", 0, 50);
	plain(s, STEP_FSYNC);
	add(s, STEP_RESTORE, "d", "", 1, 0);
	on(s, STEP_SNAPSHOT, "second");
	wait_ms(s, EPOCH_MS, 3);
	on(s, STEP_NOSNAPSHOT, "first");
	plain(s, STEP_FSYNC);
	plain(s, STEP_SYNC);
	add(s, STEP_RESTORE, "", "", 0, 0);
	plain(s, STEP_CLOSE);
	plain(s, STEP_OPEN);
}

static void script_first(struct scenario *s)
{
	plain(s, STEP_OPEN);
	on(s, STEP_CREATE, "first");
	write_at(s, "first", 0, 10);
	plain(s, STEP_FSYNC);
	plain(s, STEP_CLOSE);
}

/* What is to be recovered: batches in the ring, log objects that are not stored, an index behind
 * both. */
static void script_reopen(struct scenario *s)
{
	plain(s, STEP_OPEN);
	for (unsigned i = 0; i < 3; i++) {
		on(s, STEP_CREATE, numbered("f", i));
		write_at(s, numbered("f", i), 0, 3000 + 40000 * i);
		plain(s, STEP_FSYNC);
		add(s, STEP_EPOCH, "", "", i, 0);
	}
	two(s, STEP_RENAME, "f0", "g0");
	plain(s, STEP_FSYNC);
	write_at(s, "f1", 50, 3000);
	plain(s, STEP_KILL);
	plain(s, STEP_OPEN);
	write_at(s, "f1", 0, 20000);
	on(s, STEP_UNLINK, "g0");
	plain(s, STEP_FSYNC);
	on(s, STEP_CREATE, "unsynced");
	add(s, STEP_POWER, "", "", 11, 0);
	plain(s, STEP_OPEN);
	write_at(s, "f2", 0, 100 * KIB);
	wait_ms(s, EPOCH_MS, 2);
	plain(s, STEP_FSYNC);
	plain(s, STEP_KILL);
	plain(s, STEP_OPEN);
	plain(s, STEP_SYNC);
}

static void script_noindex(struct scenario *s)
{
	plain(s, STEP_OPEN);
	on(s, STEP_CREATE, "stored");
	write_at(s, "stored", 0, 20000);
	plain(s, STEP_SYNC);
	on(s, STEP_CREATE, "waiting");
	write_at(s, "waiting", 0, 90 * KIB);
	add(s, STEP_EPOCH, "", "", 0, 0);
	write_at(s, "waiting", 10, 4000);
	two(s, STEP_RENAME, "stored", "renamed");
	plain(s, STEP_FSYNC);
	plain(s, STEP_KILL);
	plain(s, STEP_NOINDEX);
	plain(s, STEP_OPEN);
	add(s, STEP_APPEND, "renamed", "", 0, 10);
	plain(s, STEP_FSYNC);
	wait_ms(s, EPOCH_MS, 3);
	plain(s, STEP_KILL);
	plain(s, STEP_NOINDEX);
	plain(s, STEP_OPEN);
	plain(s, STEP_SYNC);
}

static void script_checkpoint(struct scenario *s)
{
	plain(s, STEP_OPEN);
	on(s, STEP_CREATE, "data");
	write_at(s, "data", 0, 100 * KIB);
	for (unsigned i = 0; i < 4; i++) {
		on(s, STEP_CREATE, numbered("n", i));
		add(s, STEP_XATTR, numbered("n", i), "user.x", 0, 3000);
		wait_ms(s, EPOCH_MS, 3);
	}
	wait_ms(s, SETTLE_MS, 4);
	on(s, STEP_CREATE, "after");
	plain(s, STEP_SYNC);
	plain(s, STEP_CLOSE);
	plain(s, STEP_LOSE);
	add(s, STEP_OPEN, "", "", 0, 0)->blind = true;
	add(s, STEP_READ, "data", "", 0, 0)->blind = true;
	write_at(s, "data", 777, 50000);
	on(s, STEP_UNLINK, "after");
	plain(s, STEP_FSYNC);
	wait_ms(s, EPOCH_MS, 3);
	plain(s, STEP_SYNC);
	plain(s, STEP_CLOSE);
	plain(s, STEP_OPEN);
}

static struct scenario scenarios[10];

static void make(size_t i, const char *name, void (*script)(struct scenario *), uint64_t journal)
{
	struct scenario *s = &scenarios[i];

	s->name = name;
	s->params.journal_bytes = journal;
	s->params.pack_bytes = 64 * KIB;
	s->params.checkpoint_bytes = 8 * KIB;
	s->steps = calloc(STEPS_MAX + 1, sizeof(*s->steps));
	CHECK(s->steps);
	script(s);
}

static void make_all(void)
{
	make(0, "first", script_first, JOURNAL_MIN_BYTES);
	make(1, "names", script_names, JOURNAL_MIN_BYTES);
	make(2, "data", script_data, 2 * (uint64_t)JOURNAL_MIN_BYTES);
	make(3, "ring", script_ring, JOURNAL_MIN_BYTES);
	make(4, "full", script_full, JOURNAL_MIN_BYTES);
	make(5, "past", script_past, JOURNAL_MIN_BYTES);
	make(6, "reopen", script_reopen, 2 * (uint64_t)JOURNAL_MIN_BYTES);
	make(7, "noindex", script_noindex, JOURNAL_MIN_BYTES);
	make(8, "checkpoint", script_checkpoint, JOURNAL_MIN_BYTES);
	make(9, "tight", script_tight, JOURNAL_MIN_BYTES);
	scenarios[9].overfull = true;
}

const struct scenario *scenario_get(size_t i)
{
	if (!scenarios[0].steps)
		make_all();
	return i < sizeof(scenarios) / sizeof(scenarios[0]) ? &scenarios[i] : NULL;
}

const char *scenario_step_text(const struct scenario *s, size_t step)
{
	static const char *const names[] = {
	    [STEP_CREATE] = "create",
	    [STEP_MKDIR] = "mkdir",
	    [STEP_SYMLINK] = "symlink",
	    [STEP_LINK] = "link",
	    [STEP_RENAME] = "rename",
	    [STEP_EXCHANGE] = "exchange",
	    [STEP_UNLINK] = "unlink",
	    [STEP_RMDIR] = "rmdir",
	    [STEP_WRITE] = "write",
	    [STEP_APPEND] = "append",
	    [STEP_TRUNCATE] = "truncate",
	    [STEP_PUNCH] = "punch",
	    [STEP_COPY] = "copy",
	    [STEP_CHMOD] = "chmod",
	    [STEP_XATTR] = "xattr",
	    [STEP_NOXATTR] = "remove xattr",
	    [STEP_READ] = "read",
	    [STEP_WAIT] = "wait",
	    [STEP_PASS] = "time passes",
	    [STEP_FSYNC] = "fsync",
	    [STEP_EPOCH] = "end of epoch",
	    [STEP_SNAPSHOT] = "snapshot",
	    [STEP_NOSNAPSHOT] = "delete snapshot",
	    [STEP_RESTORE] = "restore",
	    [STEP_SYNC] = "sync",
	    [STEP_OPEN] = "open",
	    [STEP_CLOSE] = "close",
	    [STEP_KILL] = "kill",
	    [STEP_POWER] = "power cut",
	    [STEP_LOSE] = "lost machine",
	    [STEP_NOINDEX] = "lost index",
	    [STEP_ROOM] = "room on disk",
	};
	static char texts[2][200];
	static unsigned turn;
	char *text = texts[turn++ % 2];
	const struct step *st = &s->steps[step];

	snprintf(text, sizeof(texts[0]), "%zu (%s%s%s%s%s)", step, names[st->kind],
	         st->a[0] ? " " : "", st->a, st->b[0] ? " " : "", st->b);
	return text;
}

bool scenario_is_event(const struct step *s)
{
	return s->kind >= STEP_KILL;
}

bool scenario_is_durable(const struct step *s)
{
	return s->kind >= STEP_FSYNC && s->kind <= STEP_CLOSE && s->kind != STEP_NOSNAPSHOT;
}
