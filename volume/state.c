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
#include <unistd.h>

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

void state_close(struct volume *v)
{
	struct removal in = {v->params.io, v->dir};

	if (v->params.read_only && v->dir[0]) {
		fileio_list(v->params.io, v->dir, remove_tree, &in);
		fileio_remove(v->params.io, v->dir);
	}
	if (v->state_lock_fd >= 0)
		close(v->state_lock_fd);
	v->state_lock_fd = -1;
}

int state_drop_index(struct volume *v)
{
	static const char *const names[] = {"index.db", "index.db-wal"};
	char path[VOLUME_PATH_MAX];
	int r;

	for (size_t i = 0; i < 2; i++) {
		state_path(v, names[i], path);
		r = fileio_remove(v->params.io, path);
		if (r != 0 && r != ERR_NOENT)
			return r;
	}
	return fileio_sync_dir(v->params.io, v->dir);
}
