/* SPDX-License-Identifier: Apache-2.0 */
#include "volume/state.h"

#include "util/err.h"
#include "util/hex.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#define INDEX_MARK "index.bad"

void state_path(const struct volume *v, const char *name, char *out)
{
	snprintf(out, VOLUME_PATH_MAX, "%s/%s", v->dir, name);
}

/* The kernel drops the lock when the process ends, however it ends. Files that are not the kernel's
 * belong to one process anyway. */
static int take_lock(struct volume *v)
{
	char path[VOLUME_PATH_MAX];

	if (v->params.io != fileio_system())
		return 0;
	state_path(v, "lock", path);
	v->state_lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (v->state_lock_fd < 0)
		return err_note(err_from_errno(errno), "%s: %s", path, strerror(errno));
	if (flock(v->state_lock_fd, LOCK_EX | LOCK_NB) != 0)
		return err_note(ERR_LOCKED, "%s", v->dir);
	return 0;
}

static int read_writer(struct volume *v, const char *path)
{
	char hex[17] = "";
	uint8_t id[8];
	struct file *f = NULL;
	int r = file_open(v->params.io, path, FILE_READ, &f);

	if (r != 0)
		return r;
	r = file_pread_all(f, hex, 16, 0);
	file_close(f);
	if (r == 0)
		r = hex_decode(id, sizeof(id), hex) ? ERR_CORRUPT : 0;
	if (r == 0)
		memcpy(&v->writer_id, id, sizeof(id));
	return r;
}

/* A file cut short by a crash while it was made is made anew: nothing has used its id yet. */
static int make_writer(struct volume *v, const char *path)
{
	char hex[17];
	uint8_t id[8];
	struct file *f = NULL;
	int r;

	rng_fill(v->params.rng, id, sizeof(id));
	hex_encode(hex, id, sizeof(id));
	r = file_open(v->params.io, path, FILE_WRITE | FILE_CREATE | FILE_TRUNC, &f);
	if (r == 0)
		r = file_pwrite(f, hex, 16, 0);
	if (r == 0)
		r = file_sync(f);
	file_close(f);
	memcpy(&v->writer_id, id, sizeof(id));
	return r ? r : fileio_sync_dir(v->params.io, v->dir);
}

static int open_writer(struct volume *v)
{
	char path[VOLUME_PATH_MAX];
	int r;

	state_path(v, "writer", path);
	r = read_writer(v, path);
	return r == ERR_NOENT || r == ERR_CORRUPT ? make_writer(v, path) : r;
}

int state_open(struct volume *v)
{
	char outlog[VOLUME_PATH_MAX];
	char suffix[32] = "";
	int r;

	if (v->params.read_only) {
		uint64_t tag;

		rng_fill(v->params.rng, &tag, sizeof(tag));
		snprintf(suffix, sizeof(suffix), ".ro.%016llx", (unsigned long long)tag);
	}
	if ((size_t)snprintf(v->dir, sizeof(v->dir), "%s/%s%s", v->params.state_dir, v->id_hex,
	                     suffix) >= sizeof(v->dir))
		return err_note(ERR_NAMETOOLONG, "the state folder's path");
	r = fileio_mkdirs(v->params.io, v->dir);
	if (r == 0)
		r = fileio_sync_dir(v->params.io, v->params.state_dir);
	if (r == 0)
		r = take_lock(v);
	if (r == 0)
		r = open_writer(v);
	if (r == 0 && !v->params.read_only)
		r = state_index_back(v);
	if (r != 0)
		return r;
	state_path(v, "outlog", outlog);
	r = fileio_mkdir(v->params.io, outlog);
	if (r != 0 && r != ERR_EXIST)
		return r;
	/* also when it was there: who made it may not have lived to sync it */
	return fileio_sync_dir(v->params.io, v->dir);
}

struct removal {
	const struct fileio *io;
	const char *dir;
};

static int remove_tree(void *ctx, const char *name)
{
	const struct removal *in = ctx;
	char path[VOLUME_PATH_MAX];
	struct removal below = {in->io, path};
	struct file_info info;

	if ((size_t)snprintf(path, sizeof(path), "%s/%s", in->dir, name) >= sizeof(path))
		return ERR_NAMETOOLONG;
	if (fileio_stat(in->io, path, &info) == 0 && info.is_dir)
		fileio_list(in->io, path, remove_tree, &below);
	fileio_remove(in->io, path);
	return 0;
}

static void remove_folder(struct volume *v)
{
	struct removal in = {v->params.io, v->dir};

	fileio_list(v->params.io, v->dir, remove_tree, &in);
	fileio_remove(v->params.io, v->dir);
}

void state_close(struct volume *v)
{
	if (v->params.read_only && v->dir[0])
		remove_folder(v);
	if (v->state_lock_fd >= 0)
		close(v->state_lock_fd);
	v->state_lock_fd = -1;
}

/* ---- the index ---- */

static int remove_file(struct volume *v, const char *name)
{
	char path[VOLUME_PATH_MAX];
	int r;

	state_path(v, name, path);
	r = fileio_remove(v->params.io, path);
	return r == ERR_NOENT ? 0 : r;
}

static int rename_file(struct volume *v, const char *from, const char *to)
{
	char a[VOLUME_PATH_MAX], b[VOLUME_PATH_MAX];
	int r;

	state_path(v, from, a);
	state_path(v, to, b);
	r = fileio_rename(v->params.io, a, b);
	if (r == 0)
		r = fileio_sync_dir(v->params.io, v->dir);
	return r == ERR_NOENT ? 0 : r;
}

static int is_there(struct volume *v, const char *name, bool *ret)
{
	char path[VOLUME_PATH_MAX];
	struct file_info info;
	int r;

	state_path(v, name, path);
	r = fileio_stat(v->params.io, path, &info);
	*ret = r == 0;
	return r == ERR_NOENT ? 0 : r;
}

int state_drop_index(struct volume *v)
{
	int r = remove_file(v, "index.db");

	if (r == 0)
		r = remove_file(v, "index.db-wal");
	if (r == 0)
		r = remove_file(v, "index.db-sum");
	if (r == 0)
		r = fileio_sync_dir(v->params.io, v->dir);
	/* the mark last: whoever is cut off before begins again */
	return r ? r : remove_file(v, INDEX_MARK);
}

int state_mark_index(struct volume *v)
{
	char path[VOLUME_PATH_MAX];
	struct file *f = NULL;
	int r;

	state_path(v, INDEX_MARK, path);
	r = file_open(v->params.io, path, FILE_WRITE | FILE_CREATE, &f);
	file_close(f);
	return r ? r : fileio_sync_dir(v->params.io, v->dir);
}

int state_drop_marked_index(struct volume *v)
{
	bool marked;
	int r = is_there(v, INDEX_MARK, &marked);

	return r == 0 && marked ? state_drop_index(v) : r;
}

/*
 * Three files cannot be renamed at once, and one without the others would be a wrong index. Log and
 * sums go first and come back last, so whenever index.old-wal or index.old-sum is there, it belongs
 * to the main file that is at index.old, or at index.db when there is none.
 */
int state_index_aside(struct volume *v)
{
	bool there;
	int r = is_there(v, "index.db", &there);

	if (r == 0 && !there) /* a log alone is none */
		return state_drop_index(v);
	if (r == 0)
		r = rename_file(v, "index.db-wal", "index.old-wal");
	if (r == 0)
		r = rename_file(v, "index.db-sum", "index.old-sum");
	return r ? r : rename_file(v, "index.db", "index.old");
}

int state_index_forget(struct volume *v)
{
	/* by one step from "to be put back" to "to be removed" */
	int r = rename_file(v, "index.old", "index.gone");

	if (r == 0)
		r = remove_file(v, "index.old-wal");
	if (r == 0)
		r = remove_file(v, "index.old-sum");
	if (r == 0)
		r = fileio_sync_dir(v->params.io, v->dir);
	return r ? r : remove_file(v, "index.gone");
}

int state_index_back(struct volume *v)
{
	bool gone, old;
	int r = is_there(v, "index.gone", &gone);

	if (r == 0)
		r = is_there(v, "index.old", &old);
	if (r != 0)
		return r;
	if (gone)
		return state_index_forget(v);
	if (old) {
		r = state_drop_index(v);
		if (r == 0)
			r = rename_file(v, "index.old", "index.db");
	}
	if (r == 0)
		r = rename_file(v, "index.old-sum", "index.db-sum");
	return r ? r : rename_file(v, "index.old-wal", "index.db-wal");
}

/* ---- what is kept ---- */

void state_stamp(const struct volume *v, char *out)
{
	time_t s = (time_t)(volume_wall_ns(v) / 1000000000);
	struct tm tm = {0};

	gmtime_r(&s, &tm);
	strftime(out, 16, "%Y%m%dT%H%M%S", &tm);
}

int state_keep_damaged(struct volume *v, const char *name, const char *as, const char *stamp)
{
	char to[128];

	snprintf(to, sizeof(to), "%s.damaged-%s", as, stamp);
	return rename_file(v, name, to);
}

int state_take_back(struct volume *v, const char *path)
{
	int r;

	if (v->state_lock_fd >= 0)
		close(v->state_lock_fd);
	v->state_lock_fd = -1;
	remove_folder(v);
	r = fileio_rename(v->params.io, path, v->dir);
	if (r == 0)
		r = fileio_sync_dir(v->params.io, v->params.state_dir);
	return r;
}

int state_set_aside(struct volume *v, char *ret_path)
{
	int fd = v->state_lock_fd; /* of the old folder; held until the new one is ours */
	char stamp[16];
	struct file_info info;
	int r;

	state_stamp(v, stamp);
	snprintf(ret_path, VOLUME_PATH_MAX, "%s.aside-%s", v->dir, stamp);
	for (int i = 2; fileio_stat(v->params.io, ret_path, &info) == 0; i++)
		snprintf(ret_path, VOLUME_PATH_MAX, "%s.aside-%s-%d", v->dir, stamp, i);
	r = fileio_rename(v->params.io, v->dir, ret_path);
	if (r == 0)
		r = fileio_sync_dir(v->params.io, v->params.state_dir);
	if (r != 0)
		return r;
	v->state_lock_fd = -1;
	r = state_open(v);
	if (r != 0 && r != ERR_LOCKED && state_take_back(v, ret_path) == 0) {
		v->state_lock_fd = fd;
		ret_path[0] = '\0';
		return r;
	}
	if (fd >= 0)
		close(fd);
	return r;
}
