/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Time moves only between steps, so a step that is done again, and a recovery, happen at the same
 * moment and write the same times. What data a write writes follows from its place and length and
 * the moment.
 */
#include "tests/torture/world.h"

#include "backend/mem.h"
#include "tests/lib/testvol.h"
#include "tests/torture/storefault.h"
#include "util/check.h"
#include "util/err.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define STATE_DIR "/state"
#define START_NS ((int64_t)1750000000 * SIMCLOCK_SECOND)
#define STEP_NS (10 * SIMCLOCK_MS)
#define READ_BYTES (16u * 1024)

void world_begin(struct world *w, const struct scenario *s)
{
	memset(w, 0, sizeof(*w));
	simclock_init(&w->clock, START_NS);
	w->clock.tick_ns = SIMCLOCK_MS / 10;
	simrng_init(&w->rng, 7);
	w->disk = simdisk_new(&w->clock.base);
	w->mem = mem_new();
	CHECK(w->mem);
	w->store = storefault_new(mem_share(w->mem), &w->clock);
	storefault_follow(w->store, w->disk);
	w->params = s->params;
	w->params.io = simdisk_io(w->disk);
	w->params.clock = &w->clock.base;
	w->params.rng = &w->rng.base;
	w->params.store = w->store;
	w->params.state_dir = STATE_DIR;
	CHECK(testvol_init(w->mem, &w->rng.base, w->clock.wall_ns) == 0);
}

void world_end(struct world *w)
{
	volume_close(w->v);
	simdisk_free(w->disk);
	blob_free(w->store);
	blob_free(w->mem);
}

int world_open(struct world *w)
{
	return testvol_open(&w->params, &w->v);
}

int world_close(struct world *w)
{
	int r = volume_close(w->v);

	w->v = NULL;
	return r;
}

/* What the volume does when it is closed must reach neither disk nor store any more. */
static void die(struct world *w)
{
	simdisk_freeze(w->disk);
	world_close(w);
}

void world_kill(struct world *w)
{
	die(w);
	simdisk_kill(w->disk);
}

void world_power(struct world *w, uint64_t seed)
{
	struct simrng rng;

	die(w);
	simrng_init(&rng, seed);
	simdisk_power_cut(w->disk, &rng);
}

/* simdisk_power_cut() first draws which share of the changes survives; 0 is all lost. */
uint64_t world_seed_losing_all(uint64_t from)
{
	for (uint64_t seed = from * 100 + 1;; seed++) {
		struct simrng rng;

		simrng_init(&rng, seed);
		if (simrng_below(&rng, 5) == 0)
			return seed;
	}
}

void world_lose(struct world *w)
{
	CHECK(!w->v);
	simdisk_free(w->disk);
	w->disk = simdisk_new(&w->clock.base);
	storefault_follow(w->store, w->disk);
	w->params.io = simdisk_io(w->disk);
	w->params.takeover = true;
}

static int count_one(void *ctx, const struct blob_info *info)
{
	(void)info;
	*(bool *)ctx = true;
	return 1;
}

bool world_store_has_log(struct world *w)
{
	bool any = false;

	blob_list(w->mem, "log/", NULL, count_one, &any);
	return any;
}

static int remove_index(void *ctx, const char *name)
{
	struct world *w = ctx;
	char path[300];

	for (int i = 0; i < 2; i++) {
		snprintf(path, sizeof(path), STATE_DIR "/%s/index.db%s", name, i ? "-wal" : "");
		fileio_remove(simdisk_io(w->disk), path);
	}
	snprintf(path, sizeof(path), STATE_DIR "/%s", name);
	fileio_sync_dir(simdisk_io(w->disk), path);
	return 0;
}

static void happen(struct world *w, const struct step *step)
{
	switch (step->kind) {
	case STEP_KILL:
		world_kill(w);
		break;
	case STEP_POWER:
		world_power(w, step->n);
		break;
	case STEP_LOSE:
		world_lose(w);
		break;
	case STEP_NOINDEX:
		CHECK(!w->v);
		fileio_list(simdisk_io(w->disk), STATE_DIR, remove_index, w);
		break;
	default:
		simdisk_set_room(w->disk, step->n);
		break;
	}
}

/* ---- operations ---- */

/* The folder of @path and its last name. */
static int split(struct world *w, const char *path, uint64_t *ret_dir, const char **ret_name)
{
	char folder[256];
	const char *slash = strrchr(path, '/');
	struct volume_attr attr;
	int r;

	snprintf(folder, sizeof(folder), "%.*s", slash ? (int)(slash - path) : 0, path);
	*ret_name = slash ? slash + 1 : path;
	r = volume_resolve(w->v, folder, VOLUME_NOW, &attr);
	if (r == 0)
		*ret_dir = attr.ino;
	return r;
}

static int make(struct world *w, const char *path, uint32_t mode, const char *target)
{
	struct volume_new what = {
	    .mode = mode, .target = target, .target_len = target ? strlen(target) : 0};
	struct volume_attr attr;
	const char *name;
	uint64_t dir;
	int r = split(w, path, &dir, &name);

	return r ? r : volume_create(w->v, dir, name, strlen(name), &what, &attr);
}

static uint8_t *content(struct world *w, const struct step *step)
{
	struct simrng rng;
	uint8_t *data = malloc(step->len + 1);

	CHECK(data);
	simrng_init(&rng, (uint64_t)w->clock.wall_ns + step->len);
	rng_fill(&rng.base, data, step->len);
	return data;
}

static int write_data(struct world *w, const struct step *step, uint64_t ino)
{
	uint8_t *data = content(w, step);
	unsigned flags = step->kind == STEP_APPEND ? VOLUME_WRITE_APPEND : 0;
	int r = volume_write(w->v, ino, step->n, data, step->len, flags);

	free(data);
	return r;
}

static int set_xattr(struct world *w, const struct step *step, uint64_t ino)
{
	uint8_t *data = content(w, step);
	int r = volume_setxattr(w->v, ino, step->b, data, step->len, 0);

	free(data);
	return r;
}

static int read_all(struct world *w, uint64_t ino)
{
	uint8_t *data = malloc(READ_BYTES);
	uint64_t off = 0;
	size_t n = 1;
	int r = 0;

	CHECK(data);
	while (r == 0 && n > 0) {
		r = volume_read(w->v, ino, VOLUME_NOW, off, READ_BYTES, data, &n);
		off += n;
	}
	free(data);
	return r;
}

static int remove_name(struct world *w, const struct step *step)
{
	struct volume_attr attr;
	const char *name;
	uint64_t dir;
	int r = split(w, step->a, &dir, &name);

	if (r == 0)
		r = volume_lookup(w->v, dir, name, strlen(name), VOLUME_NOW, &attr);
	if (r == 0 && step->kind == STEP_RMDIR)
		r = volume_rmdir(w->v, dir, name, strlen(name));
	else if (r == 0)
		r = volume_unlink(w->v, dir, name, strlen(name));
	if (r == 0)
		volume_forget(w->v, attr.ino);
	return r;
}

static int rename_name(struct world *w, const struct step *step)
{
	struct volume_attr replaced = {0};
	const char *from, *to;
	uint64_t from_dir, to_dir;
	bool exchange = step->kind == STEP_EXCHANGE;
	int r = split(w, step->a, &from_dir, &from);

	if (r == 0)
		r = split(w, step->b, &to_dir, &to);
	if (r == 0 && !exchange) {
		r = volume_lookup(w->v, to_dir, to, strlen(to), VOLUME_NOW, &replaced);
		r = r == ERR_NOENT ? 0 : r;
	}
	if (r == 0)
		r = volume_rename(w->v, from_dir, from, strlen(from), to_dir, to, strlen(to),
		                  exchange ? VOLUME_RENAME_EXCHANGE : 0);
	if (r == 0 && replaced.ino)
		volume_forget(w->v, replaced.ino);
	return r;
}

static int link_name(struct world *w, const struct step *step)
{
	struct volume_attr attr;
	const char *name;
	uint64_t dir;
	int r = volume_resolve(w->v, step->a, VOLUME_NOW, &attr);

	if (r == 0)
		r = split(w, step->b, &dir, &name);
	return r ? r : volume_link(w->v, attr.ino, dir, name, strlen(name), &attr);
}

static int copy_all(struct world *w, const struct step *step)
{
	struct volume_attr from, to;
	uint64_t n;
	int r = volume_resolve(w->v, step->a, VOLUME_NOW, &from);

	if (r == 0)
		r = volume_resolve(w->v, step->b, VOLUME_NOW, &to);
	return r ? r : volume_copy(w->v, from.ino, 0, to.ino, 0, from.size, &n);
}

static int on_inode(struct world *w, const struct step *step)
{
	struct volume_attr attr;
	int r = volume_resolve(w->v, step->a, VOLUME_NOW, &attr);

	if (r != 0)
		return r;
	switch (step->kind) {
	case STEP_WRITE:
	case STEP_APPEND:
		return write_data(w, step, attr.ino);
	case STEP_TRUNCATE:
		attr.size = step->n;
		return volume_setattr(w->v, attr.ino, VOLUME_SET_SIZE, &attr, &attr);
	case STEP_PUNCH:
		return volume_punch(w->v, attr.ino, step->n, step->len);
	case STEP_CHMOD:
		attr.mode = (uint32_t)step->n;
		return volume_setattr(w->v, attr.ino, VOLUME_SET_MODE, &attr, &attr);
	case STEP_XATTR:
		return set_xattr(w, step, attr.ino);
	case STEP_NOXATTR:
		return volume_removexattr(w->v, attr.ino, step->b);
	default:
		return read_all(w, attr.ino);
	}
}

static int on_time(struct world *w, const struct step *step)
{
	struct volume_restore_totals totals;
	int64_t epoch;

	switch (step->kind) {
	case STEP_WAIT:
		return volume_step(w->v);
	case STEP_PASS:
		return 0;
	case STEP_FSYNC:
		return volume_fsync(w->v);
	case STEP_EPOCH:
		return volume_epoch_end(w->v, &w->epochs[step->n]);
	case STEP_SNAPSHOT:
		return volume_snapshot_create(w->v, step->a, &epoch);
	case STEP_NOSNAPSHOT:
		return volume_snapshot_delete(w->v, step->a);
	case STEP_RESTORE:
		return volume_restore(w->v, w->epochs[step->n], &step->a, step->a[0] ? 1 : 0, false,
		                      NULL, NULL, &totals, NULL);
	case STEP_SYNC:
		return volume_sync(w->v, -1, NULL, NULL, NULL);
	case STEP_OPEN:
		return world_open(w);
	default:
		return world_close(w);
	}
}

int world_again(struct world *w, const struct step *step)
{
	if (scenario_is_event(step)) {
		happen(w, step);
		return 0;
	}
	switch (step->kind) {
	case STEP_CREATE:
		return make(w, step->a, S_IFREG | 0644, NULL);
	case STEP_MKDIR:
		return make(w, step->a, S_IFDIR | 0755, NULL);
	case STEP_SYMLINK:
		return make(w, step->a, S_IFLNK | 0777, step->b);
	case STEP_LINK:
		return link_name(w, step);
	case STEP_RENAME:
	case STEP_EXCHANGE:
		return rename_name(w, step);
	case STEP_UNLINK:
	case STEP_RMDIR:
		return remove_name(w, step);
	case STEP_COPY:
		return copy_all(w, step);
	default:
		return step->kind < STEP_WAIT ? on_inode(w, step) : on_time(w, step);
	}
}

int world_step(struct world *w, const struct step *step)
{
	simclock_advance(&w->clock, STEP_NS);
	if (step->kind == STEP_WAIT || step->kind == STEP_PASS)
		simclock_advance(&w->clock, (int64_t)step->n * SIMCLOCK_MS);
	return world_again(w, step);
}
