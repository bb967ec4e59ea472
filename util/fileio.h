/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Local files behind an interface, so that tests can fail any call, cut the power, and
 * keep everything in memory. All of volume/ and meta/ and the directory store go through it.
 *
 * Durability is what POSIX promises and no more: bytes written survive a power cut after
 * file_sync(); a name created, renamed or removed survives it after fileio_sync_dir() of its
 * folder. Paths are UTF-8 strings as the kernel takes them. Errors are private codes with a note
 * that names the path. Handles may be used by several threads at once.
 */
#ifndef AMBERFS_UTIL_FILEIO_H
#define AMBERFS_UTIL_FILEIO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum file_flags {
	FILE_READ = 0,
	FILE_WRITE = 1,  /* read and write */
	FILE_CREATE = 2, /* make it (0600) when missing */
	FILE_EXCL = 4,   /* with FILE_CREATE: ERR_EXIST when it is there */
	FILE_TRUNC = 8,
};

struct file_info {
	bool is_dir;
	uint64_t size_bytes;
	int64_t mtime_ns;
};

struct fileio;

/* An open file; implementations embed it. */
struct file {
	const struct fileio *io;
};

typedef int (*fileio_name_fn)(void *ctx, const char *name);

struct fileio {
	int (*open)(const struct fileio *io, const char *path, int flags, struct file **ret);
	void (*close)(struct file *f);
	int (*pread)(struct file *f, void *out, size_t len, uint64_t off, size_t *ret_n);
	int (*pwrite)(struct file *f, const void *data, size_t len, uint64_t off);
	int (*sync)(struct file *f);
	int (*truncate)(struct file *f, uint64_t size);
	int (*size)(struct file *f, uint64_t *ret);
	int (*stat)(const struct fileio *io, const char *path, struct file_info *ret);
	int (*rename)(const struct fileio *io, const char *from, const char *to);
	int (*link)(const struct fileio *io, const char *from, const char *to);
	int (*remove)(const struct fileio *io, const char *path);
	int (*mkdir)(const struct fileio *io, const char *path);
	int (*list)(const struct fileio *io, const char *path, fileio_name_fn fn, void *ctx);
	int (*sync_dir)(const struct fileio *io, const char *path);
	int (*free_bytes)(const struct fileio *io, const char *path, uint64_t *ret);
};

/** The kernel's files. Never freed. */
const struct fileio *fileio_system(void);

/** Open @path; the caller owns *ret and ends it with file_close(). ERR_NOENT, ERR_EXIST, ... */
int file_open(const struct fileio *io, const char *path, int flags, struct file **ret);

/** Close; NULL does nothing. What was not synced may be lost. */
void file_close(struct file *f);

/** Read up to @len bytes at @off; fewer only at the end of the file. */
int file_pread(struct file *f, void *out, size_t len, uint64_t off, size_t *ret_n);

/** Read exactly @len bytes, or ERR_CORRUPT when the file ends before. */
int file_pread_all(struct file *f, void *out, size_t len, uint64_t off);

/** Write all @len bytes at @off, or fail having written any part of them. */
int file_pwrite(struct file *f, const void *data, size_t len, uint64_t off);

/** fdatasync(2): the bytes and what is needed to find them. */
int file_sync(struct file *f);

int file_truncate(struct file *f, uint64_t size);
int file_size(struct file *f, uint64_t *ret);

/** What @path is, following links. ERR_NOENT when nothing is there. */
int fileio_stat(const struct fileio *io, const char *path, struct file_info *ret);

/** rename(2): atomic, replaces @to. */
int fileio_rename(const struct fileio *io, const char *from, const char *to);

/** link(2): ERR_EXIST when @to is there; the way to publish a file without replacing one. */
int fileio_link(const struct fileio *io, const char *from, const char *to);

/** unlink(2), or rmdir(2) of an empty folder. ERR_NOENT when it is not there. */
int fileio_remove(const struct fileio *io, const char *path);

/** Make a folder (0700). ERR_EXIST when something is there. */
int fileio_mkdir(const struct fileio *io, const char *path);

/** Make @path and the folders above it, durably; existing ones are fine. */
int fileio_mkdirs(const struct fileio *io, const char *path);

/** Call @fn for each name in folder @path ("." and ".." left out), in no order; stops when @fn
 * returns non-zero, with that. */
int fileio_list(const struct fileio *io, const char *path, fileio_name_fn fn, void *ctx);

/** Make names created, renamed and removed in @path durable. */
int fileio_sync_dir(const struct fileio *io, const char *path);

/** Bytes an ordinary user may still write on the disk that holds @path. */
int fileio_free_bytes(const struct fileio *io, const char *path, uint64_t *ret);

#endif
