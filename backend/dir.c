/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Life of an object: a file with a random name in ".tmp" is written and synced; then it is renamed
 * (put) or linked (put_new) to its name, and the folder of that name is synced. So at its name
 * there is never a part of an object, and what was acknowledged survives a power cut.
 *
 * 1. Before the first object of a folder is acknowledged, every folder above it was synced by this
 * handle, also when another one made it: the other's sync may still be on its way. `known` are the
 * folders for which that is done.
 * 2. The base folder is never made here. When it is gone (a disk that is not mounted), making it
 * again would scatter the volume over two disks, so everything is ERR_UNAVAILABLE until it is back.
 * 3. A name that begins with a dot is not an object's (blob.h), so ".tmp" cannot collide and
 * listings leave it out.
 *
 * Leftovers in ".tmp" are of processes that died. Another process may be writing there at this
 * moment, so only those that nobody can be writing any more are removed.
 */
#include "backend/dir.h"

#include "backend/dirlist.h"
#include "util/clock.h"
#include "util/err.h"
#include "util/hex.h"
#include "util/lock.h"
#include "util/rng.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TEMP_FOLDER ".tmp"
#define LEFTOVER_NS (3600 * INT64_C(1000000000))
#define KNOWN_MAX 4096

struct dir {
	struct blob base;
	const struct fileio *io;
	char *path;
	atomic_bool canceled;
	struct lock lock;
	char **known; /* sorted names of folders, "" for the base */
	size_t known_count;
};

static struct dir *dir_of(struct blob *b)
{
	return (struct dir *)b;
}

static int check_canceled(struct dir *d)
{
	return atomic_load(&d->canceled) ? ERR_CANCELED : 0;
}

/* "@base/@name" without a slash at the end, or NULL when out of memory. */
static char *join(const char *base, const char *name, size_t name_len)
{
	char *path = NULL;

	if (name_len > 0 && name[name_len - 1] == '/')
		name_len--;
	if (name_len == 0)
		return strdup(base);
	if (asprintf(&path, "%s/%.*s", base, (int)name_len, name) < 0)
		return NULL;
	return path;
}

static char *path_of(const struct dir *d, const char *name)
{
	return join(d->path, name, strlen(name));
}

/* How long the folder part of @name is, without the slash. */
static size_t folder_len(const char *name)
{
	const char *slash = strrchr(name, '/');

	return slash ? (size_t)(slash - name) : 0;
}

static bool base_there(const struct dir *d)
{
	struct file_info info;

	return fileio_stat(d->io, d->path, &info) == 0 && info.is_dir;
}

/* From the disk's errors to the store's; the disk's note (path and reason) stays unless there is a
 * better one. */
static int translate(const struct dir *d, int code, const char *name)
{
	switch (code) {
	case 0:
	case ERR_NOMEM:
	case ERR_CANCELED:
	case ERR_FBIG:
		return code;
	case ERR_NOENT:
	case ERR_NOTDIR:
	case ERR_ISDIR:
		if (!base_there(d))
			return err_note(ERR_UNAVAILABLE, "the folder %s is gone", d->path);
		return err_note(ERR_MISSING, "%s", name);
	case ERR_EXIST:
		return err_note(ERR_EXIST, "%s", name);
	case ERR_NOSPC:
		return ERR_FULL;
	case ERR_ACCES:
	case ERR_PERM:
	case ERR_ROFS:
		return ERR_DENIED;
	default:
		return ERR_UNAVAILABLE;
	}
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static bool folder_known(struct dir *d, const char *folder)
{
	bool known;

	lock_take(&d->lock);
	known = bsearch(&folder, d->known, d->known_count, sizeof(folder), compare_names) != NULL;
	lock_drop(&d->lock);
	return known;
}

/* Forgetting one folder, when somebody removed it, is rare: forget them all. */
static void forget_folders(struct dir *d)
{
	lock_take(&d->lock);
	for (size_t i = 0; i < d->known_count; i++)
		free(d->known[i]);
	d->known_count = 0;
	lock_drop(&d->lock);
}

static void remember_folder(struct dir *d, const char *folder)
{
	char *copy;
	size_t at;

	lock_take(&d->lock);
	copy = d->known_count < KNOWN_MAX ? strdup(folder) : NULL;
	if (copy) {
		for (at = d->known_count; at > 0 && strcmp(d->known[at - 1], copy) > 0; at--)
			d->known[at] = d->known[at - 1];
		d->known[at] = copy;
		d->known_count++;
	}
	lock_drop(&d->lock);
}

/* Make the folder that is the first @len bytes of @name, and sync the one it is in. */
static int make_folder(struct dir *d, const char *name, size_t len)
{
	char *folder = join(d->path, name, len);
	char *slash;
	int r;

	if (!folder)
		return ERR_NOMEM;
	r = fileio_mkdir(d->io, folder);
	if (r == 0 || r == ERR_EXIST) {
		slash = strrchr(folder, '/');
		*slash = '\0';
		r = fileio_sync_dir(d->io, folder);
	}
	free(folder);
	return r;
}

/* Invariant 1 for the folder of @name. */
static int prepare_folder(struct dir *d, const char *name)
{
	size_t len = folder_len(name);
	char folder[BLOB_NAME_MAX + 1];
	int r = 0;

	memcpy(folder, name, len);
	folder[len] = '\0';
	if (len == 0 || folder_known(d, folder))
		return 0;
	for (size_t i = 1; r == 0 && i <= len; i++)
		if (name[i] == '/')
			r = make_folder(d, name, i);
	if (r == 0)
		remember_folder(d, folder);
	return r;
}

/* The path of a file in ".tmp" that nobody else uses. */
static char *temp_path(const struct dir *d)
{
	uint8_t random[16];
	char digits[2 * sizeof(random) + 1];
	char *path = NULL;

	rng_fill(rng_system(), random, sizeof(random));
	hex_encode(digits, random, sizeof(random));
	if (asprintf(&path, "%s/" TEMP_FOLDER "/%s", d->path, digits) < 0)
		return NULL;
	return path;
}

static int write_temp(struct dir *d, const char *path, const void *data, size_t len)
{
	const int flags = FILE_WRITE | FILE_CREATE | FILE_EXCL;
	struct file *f = NULL;
	int r = file_open(d->io, path, flags, &f);

	if (r == ERR_NOENT) {
		char *folder = path_of(d, TEMP_FOLDER);

		r = folder ? fileio_mkdir(d->io, folder) : ERR_NOMEM;
		free(folder);
		if (r == 0 || r == ERR_EXIST)
			r = file_open(d->io, path, flags, &f);
	}
	if (r == 0 && len > 0)
		r = file_pwrite(f, data, len, 0);
	if (r == 0)
		r = file_sync(f);
	file_close(f);
	return r;
}

static int publish_once(struct dir *d, const char *temp, const char *path, const char *name,
                        bool only_new)
{
	int r = prepare_folder(d, name);

	if (r == 0)
		r = only_new ? fileio_link(d->io, temp, path) : fileio_rename(d->io, temp, path);
	return r;
}

/* Give the temporary file its name, for good. */
static int publish(struct dir *d, const char *temp, const char *name, bool only_new)
{
	char *folder = join(d->path, name, folder_len(name));
	char *path = path_of(d, name);
	int synced = 0;
	int r = ERR_NOMEM;

	if (!path || !folder)
		goto out;
	r = publish_once(d, temp, path, name, only_new);
	if (r == ERR_NOENT && base_there(d)) {
		forget_folders(d);
		r = publish_once(d, temp, path, name, only_new);
	}
	/* also when it was there: an earlier try of ours may have linked it and died before this */
	if (r == 0 || r == ERR_EXIST)
		synced = fileio_sync_dir(d->io, folder);
	if (synced != 0)
		r = synced;
	if (only_new && (r == ERR_PERM || r == ERR_NOTSUP))
		r = err_note(ERR_NOTSUP, "the disk of %s has no hard links", d->path);
out:
	free(folder);
	free(path);
	return r;
}

static int store(struct blob *b, const char *name, const void *data, size_t len, bool only_new)
{
	struct dir *d = dir_of(b);
	bool written = false;
	char *temp;
	int r = check_canceled(d);

	if (r)
		return r;
	temp = temp_path(d);
	if (!temp)
		return ERR_NOMEM;
	r = write_temp(d, temp, data, len);
	if (r == 0) {
		written = true;
		r = publish(d, temp, name, only_new);
	}
	if (r == ERR_NOTDIR || r == ERR_ISDIR)
		r = err_note(ERR_INVAL, "%s: an object and a folder would share a name", name);
	else if (r != ERR_NOTSUP)
		r = translate(d, r, name);
	/* a missing folder is the store's fault here, never "no such object" */
	if (r == ERR_MISSING)
		r = err_note(ERR_UNAVAILABLE, "%s: folders of the store were removed", name);
	/* renamed files are gone; every other one is a leftover */
	if (r != 0 || only_new || !written) {
		char note[256];

		snprintf(note, sizeof(note), "%s", err_note_text());
		fileio_remove(d->io, temp);
		err_note(r, "%s", note);
	}
	free(temp);
	return r;
}

static int dir_put(struct blob *b, const char *name, const void *data, size_t len)
{
	return store(b, name, data, len, false);
}

static int dir_put_new(struct blob *b, const char *name, const void *data, size_t len)
{
	return store(b, name, data, len, true);
}

static int read_range(struct file *f, uint64_t off, size_t len, struct buf *out)
{
	uint64_t size;
	uint8_t *at;
	size_t n;
	int r = file_size(f, &size);

	if (r != 0)
		return r;
	if (off >= size)
		off = size;
	if (size - off < len)
		len = (size_t)(size - off);
	if (len == 0)
		return 0;
	at = buf_extend(out, len);
	if (!at)
		return buf_error(out);
	r = file_pread(f, at, len, off, &n);
	if (r == 0)
		out->len -= len - n;
	return r;
}

static int dir_get(struct blob *b, const char *name, uint64_t off, size_t len, struct buf *out)
{
	struct dir *d = dir_of(b);
	struct file_info info;
	struct file *f = NULL;
	char *path;
	int r = check_canceled(d);

	if (r)
		return r;
	path = path_of(d, name);
	r = path ? fileio_stat(d->io, path, &info) : ERR_NOMEM;
	if (r == 0 && info.is_dir)
		r = ERR_ISDIR;
	if (r == 0)
		r = file_open(d->io, path, FILE_READ, &f);
	if (r == 0)
		r = read_range(f, off, len, out);
	file_close(f);
	free(path);
	return translate(d, r, name);
}

static int dir_remove(struct blob *b, const char *name)
{
	struct dir *d = dir_of(b);
	struct file_info info;
	char *folder = NULL;
	char *path = NULL;
	int r = check_canceled(d);

	if (r)
		return r;
	path = path_of(d, name);
	folder = join(d->path, name, folder_len(name));
	r = path && folder ? fileio_stat(d->io, path, &info) : ERR_NOMEM;
	if (r == 0 && info.is_dir)
		r = ERR_ISDIR;
	if (r == 0)
		r = fileio_remove(d->io, path);
	if (r == 0)
		r = fileio_sync_dir(d->io, folder);
	free(folder);
	free(path);
	r = translate(d, r, name);
	return r == ERR_MISSING ? 0 : r;
}

static int dir_list(struct blob *b, const char *prefix, const char *after, blob_list_fn fn,
                    void *ctx)
{
	struct dir *d = dir_of(b);
	int stop = 0;
	int r = check_canceled(d);

	if (r)
		return r;
	r = dirlist_walk(
	    &(struct dirlist){
	        .io = d->io,
	        .base = d->path,
	        .prefix = prefix,
	        .after = after,
	        .canceled = &d->canceled,
	        .fn = fn,
	        .ctx = ctx,
	    },
	    &stop);
	if (stop != 0)
		return stop;
	r = translate(d, r, prefix);
	return r == ERR_MISSING ? ERR_UNAVAILABLE : r;
}

static void dir_cancel(struct blob *b)
{
	atomic_store(&dir_of(b)->canceled, true);
}

static void dir_free(struct blob *b)
{
	struct dir *d = dir_of(b);

	forget_folders(d);
	lock_done(&d->lock);
	free(d->known);
	free(d->path);
	free(d);
}

static const struct blob_ops dir_ops = {
    .put = dir_put,
    .put_new = dir_put_new,
    .get = dir_get,
    .list = dir_list,
    .remove = dir_remove,
    .cancel = dir_cancel,
    .free = dir_free,
};

static int remove_leftover(void *ctx, const char *part)
{
	struct dir *d = ctx;
	struct file_info info;
	char *path = NULL;

	if (asprintf(&path, "%s/" TEMP_FOLDER "/%s", d->path, part) < 0)
		return ERR_NOMEM;
	if (fileio_stat(d->io, path, &info) == 0 && !info.is_dir &&
	    info.mtime_ns < clock_wall_ns(clock_system()) - LEFTOVER_NS)
		fileio_remove(d->io, path);
	free(path);
	return 0;
}

/* Only housekeeping: a store that may not be written is still one that can be read. */
static void remove_leftovers(struct dir *d)
{
	char *folder = path_of(d, TEMP_FOLDER);

	if (folder)
		fileio_list(d->io, folder, remove_leftover, d);
	free(folder);
	err_note_clear();
}

int dir_open(const struct fileio *io, const char *path, struct blob **ret)
{
	struct dir *d = calloc(1, sizeof(*d));
	struct file_info info;
	int r;

	if (!d)
		return ERR_NOMEM;
	d->base.ops = &dir_ops;
	d->io = io;
	lock_init(&d->lock, LOCK_BACKEND);
	atomic_init(&d->canceled, false);
	d->path = strdup(path);
	d->known = calloc(KNOWN_MAX, sizeof(*d->known));
	r = d->path && d->known ? fileio_stat(io, path, &info) : ERR_NOMEM;
	if (r == ERR_NOENT || (r == 0 && !info.is_dir))
		r = err_note(ERR_UNAVAILABLE, "%s: %s", path,
		             r ? "no such folder" : "not a folder");
	else
		r = translate(d, r, path);
	if (r != 0) {
		dir_free(&d->base);
		return r;
	}
	remove_leftovers(d);
	*ret = &d->base;
	return 0;
}
