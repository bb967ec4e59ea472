/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/copyfile.h"

#include "cli/interrupt.h"
#include "util/err.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>
#include <unistd.h>

#define CHUNK_BYTES (1u << 20)
#define XATTR_LIST_MAX 65536
#define XATTR_VALUE_MAX 65536

static int copy_range(int in, int out, off_t at, off_t end, char *chunk, copyfile_bytes_fn bytes,
                      void *ctx)
{
	while (at < end) {
		size_t want = end - at > CHUNK_BYTES ? CHUNK_BYTES : (size_t)(end - at);
		ssize_t n = pread(in, chunk, want, at), m;

		if (interrupt_seen())
			return err_note(ERR_CANCELED, "by a signal");
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_from_errno(errno);
		if (n == 0)
			return 0;
		for (ssize_t done = 0; done < n; done += m) {
			m = pwrite(out, chunk + done, (size_t)(n - done), at + done);
			if (m < 0 && errno == EINTR)
				m = 0;
			if (m < 0)
				return err_from_errno(errno);
		}
		at += n;
		bytes(ctx, (uint64_t)n);
	}
	return 0;
}

static int copy_data(int in, int out, off_t size, copyfile_bytes_fn bytes, void *ctx)
{
	char *chunk = malloc(CHUNK_BYTES);
	off_t at = 0, data, hole;
	int err = chunk ? 0 : ERR_NOMEM;

	while (err == 0 && at < size) {
		data = lseek(in, at, SEEK_DATA);
		if (data < 0 && errno == ENXIO)
			data = size;
		hole = data < 0 ? -1 : data < size ? lseek(in, data, SEEK_HOLE) : size;
		/* a file system without holes: all is data */
		if (data < 0 || hole < 0) {
			data = at;
			hole = size;
		}
		bytes(ctx, (uint64_t)(data - at));
		err = copy_range(in, out, data, hole < size ? hole : size, chunk, bytes, ctx);
		at = hole;
	}
	free(chunk);
	if (err == 0 && ftruncate(out, size))
		err = err_from_errno(errno);
	return err;
}

static int copy_one_xattr(int from, int to, const char *name, char *value)
{
	ssize_t n = fgetxattr(from, name, value, XATTR_VALUE_MAX);

	if (n < 0)
		return errno == ENODATA || errno == ENOTSUP ? 0 : err_from_errno(errno);
	if (fsetxattr(to, name, value, (size_t)n, 0) == 0 || errno == ENOTSUP || errno == EPERM)
		return 0;
	return err_from_errno(errno);
}

static int copy_xattrs(int from, int to)
{
	char *names = malloc(XATTR_LIST_MAX), *value = malloc(XATTR_VALUE_MAX);
	ssize_t n = names && value ? flistxattr(from, names, XATTR_LIST_MAX) : 0;
	int err = names && value ? 0 : ERR_NOMEM;

	if (n < 0 && errno != ENOTSUP)
		err = err_from_errno(errno);
	for (ssize_t at = 0; err == 0 && at < n; at += (ssize_t)strlen(names + at) + 1)
		err = copy_one_xattr(from, to, names + at, value);
	free(names);
	free(value);
	return err;
}

int copyfile_attributes(int from, int to, const struct stat *st)
{
	struct timespec times[2] = {st->st_atim, st->st_mtim};
	int err;

	if (geteuid() == 0 && fchown(to, st->st_uid, st->st_gid))
		return err_from_errno(errno);
	if (fchmod(to, st->st_mode & 07777))
		return err_from_errno(errno);
	err = copy_xattrs(from, to);
	if (err == 0 && futimens(to, times))
		err = err_from_errno(errno);
	return err;
}

static int is_complete(int to, const char *name, const struct stat *st)
{
	struct stat there;

	return fstatat(to, name, &there, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(there.st_mode) &&
	       there.st_size == st->st_size && there.st_mtim.tv_sec == st->st_mtim.tv_sec &&
	       there.st_mtim.tv_nsec == st->st_mtim.tv_nsec;
}

int copyfile_regular(int from, int to, const char *name, const struct stat *st,
                     copyfile_bytes_fn bytes, void *ctx)
{
	int in = -1, out = -1, err;

	if (is_complete(to, name, st)) {
		bytes(ctx, (uint64_t)st->st_size);
		return 0;
	}
	in = openat(from, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (in < 0)
		return err_note(err_from_errno(errno), "%s", name);
	/* never write through another name of an older copy */
	unlinkat(to, name, 0);
	out = openat(to, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	err = out < 0 ? err_from_errno(errno) : 0;
	if (err == 0)
		err = copy_data(in, out, st->st_size, bytes, ctx);
	if (err == 0)
		err = copyfile_attributes(in, out, st);
	if (out >= 0 && close(out) && err == 0)
		err = err_from_errno(errno);
	close(in);
	return err ? err_note(err, "%s", name) : 0;
}
