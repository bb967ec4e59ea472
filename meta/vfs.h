/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A SQLite VFS that keeps a database in files of which every page is sealed, over the injectable
 * file interface.
 *
 * What is stored, where the nonce and the tag live, and what an attacker with the disk can and
 * cannot do stands at the head of vfs.c and in docs/FORMAT.md. meta/ cannot include crypto/ (the
 * layers), so sealing comes in as two functions.
 */
#ifndef AMBERFS_META_VFS_H
#define AMBERFS_META_VFS_H

#include "util/fileio.h"
#include "util/rng.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define VFS_SALT_BYTES 24
#define VFS_TAG_BYTES 16

/* How a page is sealed: authenticated encryption with a 192-bit salt that is fresh for each call.
 * Thread safe. */
struct vfs_cipher {
	void *ctx;
	int (*seal)(void *ctx, const uint8_t *salt, const void *aad, size_t aad_len,
	            const uint8_t *plain, size_t len, uint8_t *out, uint8_t *tag);
	int (*open)(void *ctx, const uint8_t *salt, const void *aad, size_t aad_len,
	            const uint8_t *sealed, size_t len, const uint8_t *tag, uint8_t *out);
};

struct vfs;

/** Register a VFS of its own with SQLite for one database. @io, @rng and @cipher->ctx are borrowed
 * until vfs_free(). */
int vfs_new(const struct fileio *io, struct rng *rng, const struct vfs_cipher *cipher,
            struct vfs **ret);

/** Unregister and free; every connection has been closed. */
void vfs_free(struct vfs *v);

/** The name to give to sqlite3_open_v2(). Valid until vfs_free(). */
const char *vfs_name(const struct vfs *v);

/**
 * Keep the tags of the pages of database @path in @path-sum, and believe no others; before the first connection. @fresh: the
 * database is not there yet. ERR_UNAUTHENTIC when the file is damaged or not there.
 */
int vfs_sums_open(struct vfs *v, const char *path, bool fresh);

/** After a checkpoint, with no transaction since: store them. @frames of the log are in the main file. */
int vfs_sums_store(struct vfs *v, uint64_t frames);

/** After the log was read for the first time: ERR_UNAUTHENTIC when it lacks what was moved to the main file. */
int vfs_sums_check_log(struct vfs *v);

/** Sync the write-ahead log, so that all that was committed survives a power cut. Needs no
 * connection's lock. */
int vfs_sync_wal(struct vfs *v);

/** The first error other than "not found" that a file operation met since the last call (0: none):
 * SQLite's own codes are too coarse. */
int vfs_take_error(struct vfs *v);

#endif
