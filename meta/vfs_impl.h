/* SPDX-License-Identifier: Apache-2.0 */
/* What vfs.c and vfs_wal.c share. Inside meta/ only. */
#ifndef AMBERFS_META_VFS_IMPL_H
#define AMBERFS_META_VFS_IMPL_H

#include "meta/vfs.h"
#include "meta/vfs_shm.h"
#include "meta/vfs_sums.h"
#include "meta/vfs_wal.h"
#include "util/lock.h"

#include <sqlite3.h>
#include <stdatomic.h>

#define VFS_PAGE_BYTES 4096
/* salt, tag, and the checksum of a frame of the log; SQLite leaves so many bytes at the end of each
 * page alone */
#define VFS_RESERVED_BYTES (VFS_SALT_BYTES + VFS_TAG_BYTES + 8)
#define VFS_USABLE_BYTES (VFS_PAGE_BYTES - VFS_RESERVED_BYTES)
/* what is sealed of a page: the usable bytes, then the checksum */
#define VFS_SEALED_BYTES (VFS_USABLE_BYTES + 8)

enum vfs_kind {
	VFS_KIND_DB = 1,
	VFS_KIND_WAL = 2,
	VFS_KIND_SUMS = 3,
};

struct vfs {
	sqlite3_vfs base; /* what SQLite knows; pAppData leads back here */
	sqlite3_vfs *os;  /* for clock and sleep */
	char name[40];
	const struct fileio *io;
	struct rng *rng;
	struct vfs_cipher cipher;
	uint8_t salt_prefix[VFS_SALT_BYTES - 8];
	atomic_uint_fast64_t salt_count;
	atomic_int error;
	struct vfs_shm shm;
	struct lock lock; /* guards wal and sums */
	struct vfs_sums sums;
	struct vfs_wal *wal; /* the open log, shared by the connections, or NULL */
};

/* What SQLite calls a sqlite3_file. */
struct vfs_file {
	sqlite3_file base;
	struct vfs *v;
	enum vfs_kind kind;
	struct file *f;      /* VFS_KIND_DB */
	struct vfs_wal *wal; /* VFS_KIND_WAL */
	struct vfs_shm_user user;
	struct vfs_wal_pending pending;
};

/** Remember the first error for vfs_take_error(), and give the SQLite code for it, @rc unless the
 * disk is full. */
int vfs_fail(struct vfs *v, int code, int rc);

/** Seal VFS_SEALED_BYTES at @plain to VFS_PAGE_BYTES at @stored, under a salt of its own. */
int vfs_seal(struct vfs *v, const void *aad, size_t aad_len, const uint8_t *plain, uint8_t *stored);

/** The reverse. ERR_UNAUTHENTIC without a note. */
int vfs_unseal(struct vfs *v, const void *aad, size_t aad_len, const uint8_t *stored,
               uint8_t *plain);

/** The AAD's start that all pages have in common; returns its length. Room for 64 bytes. */
size_t vfs_aad(uint8_t *aad, enum vfs_kind kind, uint64_t place);

/** Make the names in the folder of @path durable. */
int vfs_sync_folder(struct vfs *v, const char *path);

/** Open @path, and make its name durable when it was not there before. */
int vfs_open_file(struct vfs *v, const char *path, bool create, struct file **ret);

#endif
