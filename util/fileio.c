/* SPDX-License-Identifier: Apache-2.0 */
#include "util/fileio.h"

#include "util/err.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

struct system_file {
	struct file base;
	int fd;
	char name[64]; /* the end of the path, for messages */
};

static int fail(const char *path)
{
	int errnum = errno;

	return err_note(err_from_errno(errnum), "%s: %s", path, strerror(errnum));
}

static int fd_of(struct file *f)
{
	return ((struct system_file *)f)->fd;
}

static int fail_file(struct file *f)
{
	return fail(((struct system_file *)f)->name);
}

static int system_open(const struct fileio *io, const char *path, int flags, struct file **ret)
{
	const char *tail = strlen(path) > 63 ? path + strlen(path) - 63 : path;
	struct system_file *f = calloc(1, sizeof(*f));
	int oflags = O_CLOEXEC | (flags & FILE_WRITE ? O_RDWR : O_RDONLY);

	if (!f)
		return ERR_NOMEM;
	oflags |= flags & FILE_CREATE ? O_CREAT : 0;
	oflags |= flags & FILE_EXCL ? O_EXCL : 0;
	oflags |= flags & FILE_TRUNC ? O_TRUNC : 0;
	f->base.io = io;
	snprintf(f->name, sizeof(f->name), "%s", tail);
	f->fd = open(path, oflags, 0600);
	if (f->fd < 0) {
		free(f);
		return fail(path);
	}
	*ret = &f->base;
	return 0;
}

static void system_close(struct file *f)
{
	close(fd_of(f));
	free(f);
}

static int system_pread(struct file *f, void *out, size_t len, uint64_t off, size_t *ret_n)
{
	size_t done = 0;

	while (done < len) {
		ssize_t n = pread(fd_of(f), (char *)out + done, len - done, (off_t)(off + done));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return fail_file(f);
		if (n == 0)
			break;
		done += (size_t)n;
	}
	*ret_n = done;
	return 0;
}

static int system_pwrite(struct file *f, const void *data, size_t len, uint64_t off)
{
	size_t done = 0;

	while (done < len) {
		ssize_t n =
		    pwrite(fd_of(f), (const char *)data + done, len - done, (off_t)(off + done));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return fail_file(f);
		done += (size_t)n;
	}
	return 0;
}

static int system_sync(struct file *f)
{
	return fdatasync(fd_of(f)) == 0 ? 0 : fail_file(f);
}

static int system_truncate(struct file *f, uint64_t size)
{
	return ftruncate(fd_of(f), (off_t)size) == 0 ? 0 : fail_file(f);
}

static int system_size(struct file *f, uint64_t *ret)
{
	struct stat st;

	if (fstat(fd_of(f), &st) != 0)
		return fail_file(f);
	*ret = (uint64_t)st.st_size;
	return 0;
}

static int system_stat(const struct fileio *io, const char *path, struct file_info *ret)
{
	struct stat st;

	(void)io;
	if (stat(path, &st) != 0)
		return fail(path);
	ret->is_dir = S_ISDIR(st.st_mode);
	ret->size_bytes = (uint64_t)st.st_size;
	ret->mtime_ns = (int64_t)st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec;
	return 0;
}

static int system_rename(const struct fileio *io, const char *from, const char *to)
{
	(void)io;
	return rename(from, to) == 0 ? 0 : fail(to);
}

static int system_link(const struct fileio *io, const char *from, const char *to)
{
	(void)io;
	return link(from, to) == 0 ? 0 : fail(to);
}

static int system_remove(const struct fileio *io, const char *path)
{
	(void)io;
	return remove(path) == 0 ? 0 : fail(path);
}

static int system_mkdir(const struct fileio *io, const char *path)
{
	(void)io;
	return mkdir(path, 0700) == 0 ? 0 : fail(path);
}

static int system_list(const struct fileio *io, const char *path, fileio_name_fn fn, void *ctx)
{
	DIR *dir = opendir(path);
	struct dirent *e;
	int r = 0;

	(void)io;
	if (!dir)
		return fail(path);
	errno = 0;
	while (r == 0 && (e = readdir(dir)) != NULL) {
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
			r = fn(ctx, e->d_name);
		if (r == 0)
			errno = 0;
	}
	if (r == 0 && errno != 0)
		r = fail(path);
	closedir(dir);
	return r;
}

static int system_sync_dir(const struct fileio *io, const char *path)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int r;

	(void)io;
	if (fd < 0)
		return fail(path);
	r = fsync(fd) == 0 ? 0 : fail(path);
	close(fd);
	return r;
}

static int system_free_bytes(const struct fileio *io, const char *path, uint64_t *ret)
{
	struct statvfs st;

	(void)io;
	if (statvfs(path, &st) != 0)
		return fail(path);
	*ret = (uint64_t)st.f_bavail * st.f_frsize;
	return 0;
}

const struct fileio *fileio_system(void)
{
	static const struct fileio system = {
	    .open = system_open,
	    .close = system_close,
	    .pread = system_pread,
	    .pwrite = system_pwrite,
	    .sync = system_sync,
	    .truncate = system_truncate,
	    .size = system_size,
	    .stat = system_stat,
	    .rename = system_rename,
	    .link = system_link,
	    .remove = system_remove,
	    .mkdir = system_mkdir,
	    .list = system_list,
	    .sync_dir = system_sync_dir,
	    .free_bytes = system_free_bytes,
	};

	return &system;
}

int file_open(const struct fileio *io, const char *path, int flags, struct file **ret)
{
	return io->open(io, path, flags, ret);
}

void file_close(struct file *f)
{
	if (f)
		f->io->close(f);
}

int file_pread(struct file *f, void *out, size_t len, uint64_t off, size_t *ret_n)
{
	return f->io->pread(f, out, len, off, ret_n);
}

int file_pread_all(struct file *f, void *out, size_t len, uint64_t off)
{
	size_t n;
	int r = file_pread(f, out, len, off, &n);

	if (r == 0 && n != len)
		return ERR_CORRUPT;
	return r;
}

int file_pwrite(struct file *f, const void *data, size_t len, uint64_t off)
{
	return f->io->pwrite(f, data, len, off);
}

int file_sync(struct file *f)
{
	return f->io->sync(f);
}

int file_truncate(struct file *f, uint64_t size)
{
	return f->io->truncate(f, size);
}

int file_size(struct file *f, uint64_t *ret)
{
	return f->io->size(f, ret);
}

int fileio_stat(const struct fileio *io, const char *path, struct file_info *ret)
{
	return io->stat(io, path, ret);
}

int fileio_rename(const struct fileio *io, const char *from, const char *to)
{
	return io->rename(io, from, to);
}

int fileio_link(const struct fileio *io, const char *from, const char *to)
{
	return io->link(io, from, to);
}

int fileio_remove(const struct fileio *io, const char *path)
{
	return io->remove(io, path);
}

int fileio_mkdir(const struct fileio *io, const char *path)
{
	return io->mkdir(io, path);
}

static int sync_parent(const struct fileio *io, const char *path)
{
	char parent[PATH_MAX];
	const char *slash = strrchr(path, '/');

	if (!slash)
		return fileio_sync_dir(io, ".");
	if (slash == path)
		return fileio_sync_dir(io, "/");
	memcpy(parent, path, (size_t)(slash - path));
	parent[slash - path] = '\0';
	return fileio_sync_dir(io, parent);
}

int fileio_mkdirs(const struct fileio *io, const char *path)
{
	char part[PATH_MAX];
	size_t len = strlen(path);

	if (len == 0 || len >= sizeof(part))
		return ERR_NAMETOOLONG;
	memcpy(part, path, len + 1);
	for (size_t i = 1; i <= len; i++) {
		int r;

		if (part[i] != '/' && part[i] != '\0')
			continue;
		part[i] = '\0';
		r = fileio_mkdir(io, part);
		if (r == 0) {
			r = sync_parent(io, part);
		} else if (r == ERR_EXIST) {
			/* who made it may not have lived to sync its name; a folder that may not be
			 * read was not made by us */
			r = sync_parent(io, part);
			r = r == ERR_IO ? r : 0;
		}
		if (r != 0)
			return r;
		part[i] = i < len ? '/' : '\0';
	}
	return 0;
}

int fileio_list(const struct fileio *io, const char *path, fileio_name_fn fn, void *ctx)
{
	return io->list(io, path, fn, ctx);
}

int fileio_sync_dir(const struct fileio *io, const char *path)
{
	return io->sync_dir(io, path);
}

int fileio_free_bytes(const struct fileio *io, const char *path, uint64_t *ret)
{
	return io->free_bytes(io, path, ret);
}
