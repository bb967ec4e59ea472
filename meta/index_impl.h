/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the index share: the struct, prepared statements, decoding of rows. Inside
 * meta/ only. */
#ifndef AMBERFS_META_INDEX_IMPL_H
#define AMBERFS_META_INDEX_IMPL_H

#include "meta/index.h"
#include "meta/schema.h"

#include <sqlite3.h>
#include <stdatomic.h>

#define INDEX_TARGET_MAX 4096
#define INDEX_VALUE_MAX 65536
#define INDEX_PAGE_MAX (INT64_MAX / 4096) /* of a file */
#define INDEX_TOUCHED 64

/* One for each SQL text that is run again and again. */
enum index_stmt {
	STMT_BEGIN,
	STMT_COMMIT,
	STMT_STATE_GET,
	STMT_STATE_SET,
	STMT_INODE_GET,
	STMT_INODE_GET_PAST,
	STMT_INODE_OLD,
	STMT_INODE_ADD,
	STMT_INODE_SET,
	STMT_INODE_SET_BORN,
	STMT_INODE_TOUCH,
	STMT_INODE_REMOVE,
	STMT_INODE_ORPHANS,
	STMT_INODE_VERSIONS,
	STMT_DENTRY_GET,
	STMT_DENTRY_GET_PAST,
	STMT_DENTRY_SLOTS,
	STMT_DENTRY_ADD,
	STMT_DENTRY_SET,
	STMT_DENTRY_REMOVE,
	STMT_DENTRY_LIST,
	STMT_DENTRY_LIST_PAST,
	STMT_DENTRY_OF,
	STMT_DENTRY_OF_PAST,
	STMT_DENTRY_ANY,
	STMT_EXTENT_LIST,
	STMT_EXTENT_LIST_PAST,
	STMT_EXTENT_BEFORE,
	STMT_EXTENT_SUM,
	STMT_EXTENT_BATCH,
	STMT_EXTENT_TRIM,
	STMT_EXTENT_ADD,
	STMT_EXTENT_REMOVE,
	STMT_EXTENT_REMOVE_RANGE,
	STMT_XATTR_GET,
	STMT_XATTR_GET_PAST,
	STMT_XATTR_SET,
	STMT_XATTR_REMOVE,
	STMT_XATTR_REMOVE_ALL,
	STMT_XATTR_LIST,
	STMT_XATTR_LIST_PAST,
	STMT_REVIVE_XATTR_REMOVE,
	STMT_REVIVE_XATTR_SET,
	STMT_CHANGED_INODES,
	STMT_CHANGED_DENTRIES,
	STMT_FILEKEY_GET,
	STMT_FILEKEY_SET,
	STMT_PACK_GET,
	STMT_PACK_SET,
	STMT_PACK_LIST,
	STMT_EPOCH_ADD,
	STMT_EPOCH_AT,
	STMT_EPOCH_TIME,
	STMT_EPOCH_LIST,
	STMT_SNAPSHOT_GET,
	STMT_SNAPSHOT_ADD,
	STMT_SNAPSHOT_REMOVE,
	STMT_SNAPSHOT_LIST,
	STMT_LIVE_PAGES,
	STMT_IMPORT_INODE,
	STMT_IMPORT_INODE_PAST,
	STMT_IMPORT_DENTRY,
	STMT_IMPORT_DENTRY_PAST,
	STMT_IMPORT_EXTENT,
	STMT_IMPORT_EXTENT_PAST,
	STMT_IMPORT_XATTR,
	STMT_IMPORT_XATTR_PAST,
	STMT_COUNT,
};

struct index {
	struct vfs *vfs; /* owned by the writer */
	char *path;
	sqlite3 *db;
	bool reader;
	bool
	    began; /* the writer's transaction was begun, and is open but for moments in index_commit() */
	atomic_int damage; /* the first ERR_UNAUTHENTIC or ERR_CORRUPT of this and its readers */
	atomic_int *damage_of; /* the writer's */
	struct index_state state;
	struct index_state stored; /* what the table holds */
	uint64_t wal_frames;       /* committed, not in the main file */
	bool moved_all; /* all that was committed is in the main file, and the sums say so */
	sqlite3_stmt *stmts[STMT_COUNT];
	uint8_t *result; /* bytes that results point to, until the next call */
	size_t result_cap;
	struct { /* inodes known to have been born in `epoch`, hashed by ino */
		uint64_t ino;
		int64_t epoch;
	} touched[INDEX_TOUCHED];
};

/* ---- statements (index_stmt.c) ---- */

/** Turn a failed SQLite code into one of ours, with a note. */
int index_stmt_error(struct index *ix, int rc);

/** The prepared statement @id for @sql (always the same for one id), ready to be bound; a second
 * one while a callback runs inside the first. */
int index_stmt_get(struct index *ix, enum index_stmt id, const char *sql, sqlite3_stmt **ret);

/** 1: a row, 0: no more, else an error. */
int index_stmt_step(struct index *ix, sqlite3_stmt *st);

/** Make the statement ready for its next use and return @rc. */
int index_stmt_end(struct index *ix, enum index_stmt id, sqlite3_stmt *st, int rc);

/** Step a statement that gives no row, and end it. */
int index_stmt_run(struct index *ix, enum index_stmt id, sqlite3_stmt *st);

/** Drop all of them. */
void index_stmt_free(struct index *ix);

/** Run a script without parameters. */
int index_stmt_exec(struct index *ix, const char *sql);

/** Copy @len bytes to where results live. */
int index_stmt_keep(struct index *ix, const void *data, size_t len, const void **ret);

static inline void index_bind_u64(sqlite3_stmt *st, int n, uint64_t v)
{
	sqlite3_bind_int64(st, n, (sqlite3_int64)v);
}

static inline void index_bind_i64(sqlite3_stmt *st, int n, int64_t v)
{
	sqlite3_bind_int64(st, n, v);
}

/* Bytes that stay until the statement has ended; never NULL. */
static inline void index_bind_blob(sqlite3_stmt *st, int n, const void *data, size_t len)
{
	sqlite3_bind_blob64(st, n, len ? data : "", len, SQLITE_STATIC);
}

/* ---- rows: columns one after the other, with a sticky verdict ---- */

struct index_cols {
	sqlite3_stmt *st;
	int at;
	bool bad;
};

uint64_t index_cols_u64(struct index_cols *c, uint64_t min, uint64_t max);
int64_t index_cols_i64(struct index_cols *c);
const void *index_cols_blob(struct index_cols *c, size_t min, size_t max, size_t *ret_len);
/** 0, or ERR_CORRUPT with a note when a value was out of its range. */
int index_cols_end(const struct index_cols *c);

/** Decode the columns SCHEMA_..., from @c->at on. Pointers into the row. */
void index_cols_inode(struct index_cols *c, struct index_inode *ret);
void index_cols_dentry(struct index_cols *c, struct index_dentry *ret);
void index_cols_extent(struct index_cols *c, struct index_extent *ret);

/** ERR_INVAL for a row that cannot be. */
int index_inode_valid(const struct index_inode *row);
int index_dentry_valid(const struct index_dentry *row);
int index_extent_valid(const struct index_extent *row);

/** Bind the columns SCHEMA_..., from the first parameter on. */
void index_inode_bind(sqlite3_stmt *st, const struct index_inode *row, int64_t born);
void index_dentry_bind(sqlite3_stmt *st, const struct index_dentry *row, uint64_t cookie,
                       int64_t born);
void index_extent_bind(sqlite3_stmt *st, const struct index_extent *row, int64_t born);

/* ---- between the files ---- */

/** Note that the inode's xattrs or data change: its row is born anew in this epoch, if it is older.
 */
int index_inode_touch(struct index *ix, uint64_t ino);

/** The first of the 256 cookies of a name. */
uint64_t index_dentry_hash(const char *name, size_t len);

/** Remove the xattrs or extents of @ino without touching the inode. */
int index_xattr_remove_all(struct index *ix, uint64_t ino);
int index_extent_remove_range(struct index *ix, uint64_t ino, uint64_t page, uint64_t end);

#endif
