/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The calls of `struct fileio` and their faults. Names and what is durable of them are
 * simnames.c's, bytes are simbytes.c's.
 *
 * Every fallible call passes begin() once, where it is counted, and fails when its turn has come or
 * the disk is frozen. Handles carry the disk's generation, which a restart raises, so nothing of
 * the old process reaches the disk after it.
 */
#include "tests/lib/simdisk.h"

#include "tests/lib/simnames.h"
#include "util/check.h"
#include "util/err.h"

#include <stdlib.h>
#include <string.h>

#define FREE_BYTES_UNLIMITED ((uint64_t)1 << 40)

struct simdisk {
	struct fileio io; /* first: a fileio is cast to its disk */
	const struct clock *clock;
	struct simnames names;
	unsigned generation;
	uint64_t calls;
	uint64_t writes;
	uint64_t fail_at; /* the value of `calls` that fails; 0: none */
	int fail_code;
	bool fault_hit;
	uint64_t freeze_at; /* calls fail once `writes` is so many; 0: never */
	bool frozen;
	uint64_t room_bytes;
};

struct handle {
	struct file base;
	struct simdisk *disk;
	struct simnames_node *node;
	unsigned generation;
	bool writable;
};

static struct simdisk *disk_of(const struct fileio *io)
{
	return (struct simdisk *)(uintptr_t)io;
}

/* Every fallible call begins here: 0, or why it fails. */
static int begin(struct simdisk *d, bool changes, const char *what)
{
	d->calls++;
	if (simdisk_frozen(d))
		return err_note(ERR_IO, "%s: the disk is gone", what);
	d->writes += changes;
	if (d->calls == d->fail_at) {
		d->fault_hit = true;
		return err_note(d->fail_code, "%s: simulated fault", what);
	}
	return 0;
}

/* The same for a handle; *ret_dead tells a call that reaches no disk from one that fails on it. */
static int begin_handle(struct file *f, bool changes, const char *what, struct handle **ret,
                        bool *ret_dead)
{
	struct handle *h = (struct handle *)f;

	*ret = h;
	*ret_dead = h->generation != h->disk->generation || simdisk_frozen(h->disk);
	if (h->generation != h->disk->generation)
		return err_note(ERR_IO, "%s: stale handle", what);
	return begin(h->disk, changes, what);
}

static int64_t now_ns(const struct simdisk *d)
{
	return d->clock ? clock_wall_ns(d->clock) : 0;
}

static int open_node(struct simdisk *d, const char *path, int flags, struct simnames_node **ret)
{
	char name[SIMNAMES_BYTES];
	struct simnames_node *dir, *node;
	const struct simnames_entry *e;
	int r = simnames_walk(&d->names, path, &dir, name);

	if (r != 0)
		return r;
	e = name[0] ? simnames_entry(dir, name) : NULL;
	if (!name[0] || (e && e->node->is_dir))
		return err_note(ERR_ISDIR, "%s: is a folder", path);
	if (e && (flags & FILE_CREATE) && (flags & FILE_EXCL))
		return err_note(ERR_EXIST, "%s: is there", path);
	if (!e && !(flags & FILE_CREATE))
		return err_note(ERR_NOENT, "%s: not there", path);
	if (!e) {
		node = simnames_node_new(false, now_ns(d));
		simnames_set(&d->names, dir, name, node);
	} else {
		node = simnames_node_ref(e->node);
		if (flags & FILE_TRUNC)
			simbytes_truncate(&node->bytes, 0);
	}
	*ret = node;
	return 0;
}

static int sim_open(const struct fileio *io, const char *path, int flags, struct file **ret)
{
	struct simdisk *d = disk_of(io);
	struct simnames_node *node;
	struct handle *h;
	int r = begin(d, (flags & (FILE_CREATE | FILE_TRUNC)) != 0, path);

	if (r == 0)
		r = open_node(d, path, flags, &node);
	if (r != 0)
		return r;
	h = calloc(1, sizeof(*h));
	CHECK(h);
	h->base.io = io;
	h->disk = d;
	h->node = node;
	h->generation = d->generation;
	h->writable = flags & FILE_WRITE;
	*ret = &h->base;
	return 0;
}

static void sim_close(struct file *f)
{
	struct handle *h = (struct handle *)f;

	simnames_node_unref(h->node);
	free(h);
}

static int sim_pread(struct file *f, void *out, size_t len, uint64_t off, size_t *ret_n)
{
	struct handle *h;
	bool dead;
	int r = begin_handle(f, false, "read", &h, &dead);

	if (r == 0)
		*ret_n = simbytes_read(&h->node->bytes, out, len, off);
	return r;
}

static int take_room(struct simdisk *d, const struct simbytes *b, size_t len, uint64_t off)
{
	uint64_t need;

	if (d->room_bytes == UINT64_MAX)
		return 0;
	need = simbytes_pages_needed(b, len, off) * SIMBYTES_PAGE;
	if (need > d->room_bytes)
		return err_note(ERR_NOSPC, "write: the disk is full");
	d->room_bytes -= need;
	return 0;
}

static int sim_pwrite(struct file *f, const void *data, size_t len, uint64_t off)
{
	struct handle *h;
	bool dead;
	int r = begin_handle(f, true, "write", &h, &dead);

	if (dead)
		return r;
	if (!h->writable)
		return err_note(ERR_IO, "write: opened for reading");
	if (off > SIMBYTES_MAX || len > SIMBYTES_MAX - off)
		return err_note(ERR_FBIG, "write: beyond the simulated disk");
	if (r != 0) {
		simbytes_write(&h->node->bytes, data, len / 2, off);
		return r;
	}
	r = take_room(h->disk, &h->node->bytes, len, off);
	if (r != 0)
		return r;
	simbytes_write(&h->node->bytes, data, len, off);
	h->node->mtime_ns = now_ns(h->disk);
	return 0;
}

static int sim_sync(struct file *f)
{
	struct handle *h;
	bool dead;
	int r = begin_handle(f, true, "sync", &h, &dead);

	if (dead)
		return r;
	if (r == 0)
		simbytes_sync(&h->node->bytes);
	else
		simbytes_sync_failed(&h->node->bytes);
	return r;
}

static int sim_truncate(struct file *f, uint64_t size)
{
	struct handle *h;
	bool dead;
	int r = begin_handle(f, true, "truncate", &h, &dead);

	if (r != 0)
		return r;
	if (!h->writable)
		return err_note(ERR_IO, "truncate: opened for reading");
	if (size > SIMBYTES_MAX)
		return err_note(ERR_FBIG, "truncate: beyond the simulated disk");
	simbytes_truncate(&h->node->bytes, size);
	h->node->mtime_ns = now_ns(h->disk);
	return 0;
}

static int sim_size(struct file *f, uint64_t *ret)
{
	struct handle *h;
	bool dead;
	int r = begin_handle(f, false, "size", &h, &dead);

	if (r == 0)
		*ret = h->node->bytes.live.size;
	return r;
}

static int sim_stat(const struct fileio *io, const char *path, struct file_info *ret)
{
	struct simdisk *d = disk_of(io);
	struct simnames_node *node;
	int r = begin(d, false, path);

	if (r == 0)
		r = simnames_find(&d->names, path, &node);
	if (r != 0)
		return r;
	ret->is_dir = node->is_dir;
	ret->size_bytes = node->bytes.live.size;
	ret->mtime_ns = node->mtime_ns;
	return 0;
}

static int sim_rename(const struct fileio *io, const char *from, const char *to)
{
	struct simdisk *d = disk_of(io);
	char from_name[SIMNAMES_BYTES], to_name[SIMNAMES_BYTES];
	struct simnames_node *from_dir, *to_dir, *node, *old;
	int r = begin(d, true, to);

	if (r == 0)
		r = simnames_find_entry(&d->names, from, &from_dir, from_name, &node);
	if (r == 0)
		r = simnames_find_entry(&d->names, to, &to_dir, to_name, &old);
	if (r != 0)
		return r;
	if (!node)
		return err_note(ERR_NOENT, "%s: not there", from);
	if (node == old)
		return 0;
	if (node->is_dir && simnames_below(to_dir, node))
		return err_note(ERR_INVAL, "%s: into itself", to);
	if (old && old->is_dir != node->is_dir)
		return err_note(old->is_dir ? ERR_ISDIR : ERR_NOTDIR, "%s: in the way", to);
	if (old && old->nentries > 0)
		return err_note(ERR_NOTEMPTY, "%s: in the way", to);
	simnames_move(&d->names, from_dir, from_name, to_dir, to_name, node);
	return 0;
}

static int sim_link(const struct fileio *io, const char *from, const char *to)
{
	struct simdisk *d = disk_of(io);
	char name[SIMNAMES_BYTES];
	struct simnames_node *dir, *node, *old;
	int r = begin(d, true, to);

	if (r == 0)
		r = simnames_find(&d->names, from, &node);
	if (r == 0)
		r = simnames_find_entry(&d->names, to, &dir, name, &old);
	if (r != 0)
		return r;
	if (node->is_dir)
		return err_note(ERR_PERM, "%s: is a folder", from);
	if (old)
		return err_note(ERR_EXIST, "%s: is there", to);
	simnames_set(&d->names, dir, name, node);
	return 0;
}

static int sim_remove(const struct fileio *io, const char *path)
{
	struct simdisk *d = disk_of(io);
	char name[SIMNAMES_BYTES];
	struct simnames_node *dir, *node;
	int r = begin(d, true, path);

	if (r == 0)
		r = simnames_find_entry(&d->names, path, &dir, name, &node);
	if (r != 0)
		return r;
	if (!node)
		return err_note(ERR_NOENT, "%s: not there", path);
	if (node->nentries > 0)
		return err_note(ERR_NOTEMPTY, "%s: not empty", path);
	simnames_set(&d->names, dir, name, NULL);
	return 0;
}

static int sim_mkdir(const struct fileio *io, const char *path)
{
	struct simdisk *d = disk_of(io);
	char name[SIMNAMES_BYTES];
	struct simnames_node *dir, *node;
	int r = begin(d, true, path);

	if (r == 0)
		r = simnames_walk(&d->names, path, &dir, name);
	if (r != 0)
		return r;
	if (!name[0] || simnames_entry(dir, name))
		return err_note(ERR_EXIST, "%s: is there", path);
	node = simnames_node_new(true, now_ns(d));
	simnames_set(&d->names, dir, name, node);
	simnames_node_unref(node);
	return 0;
}

static int find_dir(struct simdisk *d, bool changes, const char *path, struct simnames_node **ret)
{
	int r = begin(d, changes, path);

	if (r == 0)
		r = simnames_find(&d->names, path, ret);
	if (r == 0 && !(*ret)->is_dir)
		r = err_note(ERR_NOTDIR, "%s: not a folder", path);
	return r;
}

static int sim_list(const struct fileio *io, const char *path, fileio_name_fn fn, void *ctx)
{
	struct simnames_node *dir;
	char **names;
	size_t n;
	int r = find_dir(disk_of(io), false, path, &dir);

	if (r != 0)
		return r;
	/* The callback may change the folder. */
	n = dir->nentries;
	names = calloc(n + 1, sizeof(*names));
	CHECK(names);
	for (size_t i = 0; i < n; i++) {
		names[i] = strdup(dir->entries[i].name);
		CHECK(names[i]);
	}
	for (size_t i = 0; i < n; i++) {
		if (r == 0)
			r = fn(ctx, names[i]);
		free(names[i]);
	}
	free(names);
	return r;
}

static int sim_sync_dir(const struct fileio *io, const char *path)
{
	struct simdisk *d = disk_of(io);
	struct simnames_node *dir;
	int r = find_dir(d, true, path, &dir);

	if (r == 0)
		simnames_sync(&d->names, dir);
	return r;
}

static int sim_free_bytes(const struct fileio *io, const char *path, uint64_t *ret)
{
	struct simdisk *d = disk_of(io);

	(void)path;
	*ret = d->room_bytes == UINT64_MAX ? FREE_BYTES_UNLIMITED : d->room_bytes;
	return 0;
}

struct simdisk *simdisk_new(const struct clock *clock)
{
	static const struct fileio calls = {
	    .open = sim_open,
	    .close = sim_close,
	    .pread = sim_pread,
	    .pwrite = sim_pwrite,
	    .sync = sim_sync,
	    .truncate = sim_truncate,
	    .size = sim_size,
	    .stat = sim_stat,
	    .rename = sim_rename,
	    .link = sim_link,
	    .remove = sim_remove,
	    .mkdir = sim_mkdir,
	    .list = sim_list,
	    .sync_dir = sim_sync_dir,
	    .free_bytes = sim_free_bytes,
	};
	struct simdisk *d = calloc(1, sizeof(*d));

	CHECK(d);
	d->io = calls;
	d->clock = clock;
	d->room_bytes = UINT64_MAX;
	simnames_init(&d->names);
	return d;
}

void simdisk_free(struct simdisk *d)
{
	if (!d)
		return;
	simnames_done(&d->names);
	free(d);
}

const struct fileio *simdisk_io(struct simdisk *d)
{
	return &d->io;
}

static void restart(struct simdisk *d)
{
	d->generation++;
	d->frozen = false;
	d->freeze_at = 0;
	d->fail_at = 0;
	d->fault_hit = false;
}

static void cut_bytes(struct simnames_node *n, struct simrng *rng, unsigned keep, bool orderly)
{
	if (!n->is_dir)
		simbytes_cut(&n->bytes, rng, keep, orderly);
	for (size_t i = 0; i < n->nentries; i++)
		cut_bytes(n->entries[i].node, rng, keep, orderly);
}

void simdisk_set_orderly(struct simdisk *d, bool orderly)
{
	d->names.orderly = orderly;
}

void simdisk_power_cut(struct simdisk *d, struct simrng *rng)
{
	/* Often all or nothing arrived; the mixtures are where bugs live. */
	static const unsigned chances[] = {0, 100, 500, 900, 1000};
	unsigned keep = chances[simrng_below(rng, 5)];

	simnames_cut(&d->names, rng);
	cut_bytes(d->names.root, rng, keep, d->names.orderly);
	restart(d);
}

void simdisk_kill(struct simdisk *d)
{
	restart(d);
}

void simdisk_freeze(struct simdisk *d)
{
	d->frozen = true;
}

bool simdisk_frozen(const struct simdisk *d)
{
	return d->frozen || (d->freeze_at && d->writes >= d->freeze_at);
}

uint64_t simdisk_calls(const struct simdisk *d)
{
	return d->calls;
}

uint64_t simdisk_writes(const struct simdisk *d)
{
	return d->writes;
}

void simdisk_fail_nth(struct simdisk *d, uint64_t n, int code)
{
	d->fail_at = n ? d->calls + n : 0;
	d->fail_code = code;
	d->fault_hit = false;
}

void simdisk_freeze_after(struct simdisk *d, uint64_t n)
{
	d->freeze_at = n ? d->writes + n : 0;
}

void simdisk_set_room(struct simdisk *d, uint64_t bytes)
{
	d->room_bytes = bytes;
}

bool simdisk_fault_hit(const struct simdisk *d)
{
	return d->fault_hit;
}
