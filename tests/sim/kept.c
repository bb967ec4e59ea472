/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/kept.h"

#include "tests/lib/testvol.h"
#include "tests/sim/verify.h"
#include "tests/sim/watch.h"
#include "util/check.h"
#include "util/err.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PATH_BYTES 512
#define VOLUME_DIR_BYTES (strlen(STATE_DIR "/") + 2 * VOLUME_ID_BYTES)

struct listing {
	struct sim *s;
	const char *dir;
	struct kept_files *ret;
};

static bool is_kept(struct sim *s, const char *path)
{
	const char *outlog = strstr(path, "/outlog/");

	if (strlen(path) < VOLUME_DIR_BYTES || path[VOLUME_DIR_BYTES] != '/')
		return false; /* set aside earlier */
	if (outlog)
		return strtoull(outlog + 8, NULL, 16) > watch_base(s->watch, s->machine);
	return strstr(path, "/packs/") || strstr(path, "/journal");
}

static int list_one(void *ctx, const char *name)
{
	struct listing *l = ctx;
	const struct fileio *io = simdisk_io(l->s->disk);
	char path[PATH_BYTES];
	struct listing below = {l->s, path, l->ret};
	struct file_info info;

	CHECK((size_t)snprintf(path, sizeof(path), "%s/%s", l->dir, name) < sizeof(path));
	CHECK(fileio_stat(io, path, &info) == 0);
	if (info.is_dir)
		return fileio_list(io, path, list_one, &below);
	if (!is_kept(l->s, path))
		return 0;
	l->ret->files = realloc(l->ret->files, (l->ret->n + 1) * sizeof(*l->ret->files));
	CHECK(l->ret->files);
	l->ret->files[l->ret->n].path = model_intern(path, strlen(path));
	l->ret->files[l->ret->n++].size = info.size_bytes;
	return 0;
}

void kept_files_list(struct sim *s, struct kept_files *ret)
{
	struct listing l = {s, STATE_DIR, ret};
	int r;

	memset(ret, 0, sizeof(*ret));
	r = fileio_list(simdisk_io(s->disk), STATE_DIR, list_one, &l);
	CHECK(r == 0 || r == ERR_NOENT);
}

void kept_files_done(struct kept_files *k)
{
	free(k->files);
	memset(k, 0, sizeof(*k));
}

/* A path below the volume's state folder, which has another name now. */
static const char *moved(const char *path, const char *aside)
{
	const char *below = strchr(path + strlen(STATE_DIR "/"), '/');
	char text[PATH_BYTES];

	CHECK(below && (size_t)snprintf(text, sizeof(text), "%s%s", aside, below) < sizeof(text));
	return model_intern(text, strlen(text));
}

void kept_files_check(struct sim *s, const struct kept_files *before, const char *aside)
{
	struct file_info info;

	for (size_t i = 0; i < before->n; i++) {
		const struct kept_file *f = &before->files[i];
		const char *path = aside ? moved(f->path, aside) : f->path;
		int r = fileio_stat(simdisk_io(s->disk), path, &info);

		if (r != 0 || info.size_bytes < f->size)
			sim_fail(s, "%s had %" PRIu64 " bytes before it was fenced, and now %s",
			         path, f->size, r ? "is gone" : "has fewer");
	}
}

/* ---- a copy of the disk ---- */

struct copying {
	const struct fileio *from, *to;
	const char *dir;
};

static void copy_file(const struct copying *c, const char *path, uint64_t size)
{
	struct file *from = NULL, *to = NULL;
	uint8_t *data = malloc(size + 1);

	CHECK(data);
	CHECK(file_open(c->from, path, FILE_READ, &from) == 0);
	CHECK(file_open(c->to, path, FILE_WRITE | FILE_CREATE, &to) == 0);
	CHECK(file_pread_all(from, data, size, 0) == 0);
	CHECK(size == 0 || file_pwrite(to, data, size, 0) == 0);
	CHECK(file_truncate(to, size) == 0);
	file_close(from);
	file_close(to);
	free(data);
}

static int copy_one(void *ctx, const char *name)
{
	const struct copying *c = ctx;
	char path[PATH_BYTES];
	struct copying below = {c->from, c->to, path};
	struct file_info info;

	CHECK((size_t)snprintf(path, sizeof(path), "%s/%s", strcmp(c->dir, "/") ? c->dir : "",
	                       name) < sizeof(path));
	CHECK(fileio_stat(c->from, path, &info) == 0);
	if (!info.is_dir) {
		copy_file(c, path, info.size_bytes);
		return 0;
	}
	CHECK(fileio_mkdir(c->to, path) == 0);
	return fileio_list(c->from, path, copy_one, &below);
}

static struct simdisk *copy_disk(struct sim *s)
{
	struct simdisk *d = simdisk_new(&s->clock.base);
	struct copying c = {simdisk_io(s->disk), simdisk_io(d), "/"};

	CHECK(fileio_list(c.from, "/", copy_one, &c) == 0);
	return d;
}

static void compare(struct sim *s, struct volume *v)
{
	struct model_state *got = NULL;
	struct history_snaps *snaps = NULL;
	struct volume_status st;
	char why[TREE_WHY_BYTES] = "";
	uint64_t moment;
	int r = volume_status(v, &st);

	if (r == 0)
		r = verify_observe(v, VOLUME_NOW, &s->rng, &got, why);
	if (r == 0)
		r = verify_snaps(v, &snaps);
	if (r != 0)
		sim_fail(s, "reading what a fenced machine kept: %s (%s%s)",
		         r == VERIFY_WRONG ? "wrong" : err_name(r), why,
		         r == VERIFY_WRONG ? "" : err_note_text());
	if (!history_match(&s->history, s->history.local_floor, got, snaps, st.epoch, &moment))
		sim_fail(s,
		         "what machine %u kept (epoch %" PRId64 ") is none of its moments %" PRIu64
		         " to %" PRIu64,
		         s->machine, st.epoch, s->history.local_floor, history_newest(&s->history));
	sim_say(s, "machine %u kept moment %" PRIu64 " of %" PRIu64 " to %" PRIu64, s->machine,
	        moment, s->history.local_floor, history_newest(&s->history));
	model_state_unref(got);
	history_snaps_unref(snaps);
}

void kept_recovers(struct sim *s)
{
	struct simdisk *disk = copy_disk(s);
	struct blob *store = watch_without_others(s->watch, s->machine);
	struct volume_params params = s->params;
	struct volume *v = NULL;
	struct simrng rng;
	int r;

	simrng_init(&rng, simrng_u64(&s->rng));
	params.io = simdisk_io(disk);
	params.store = store;
	params.rng = &rng.base;
	params.takeover = true;
	r = testvol_open(&params, &v);
	if (r != 0)
		sim_fail(s, "what machine %u kept does not open: %s (%s)", s->machine, err_name(r),
		         err_note_text());
	compare(s, v);
	r = volume_close(v);
	if (r != 0)
		sim_fail(s, "closing what machine %u kept: %s", s->machine, err_name(r));
	blob_free(store);
	simdisk_free(disk);
}
