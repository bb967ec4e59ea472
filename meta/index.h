/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The index: the current state of the volume and its past, in SQLite tables, every page of the file
 * sealed (vfs.h).
 *
 * It is a cache of the log: volume/ decides what happens, this module keeps rows. Current rows are
 * in inode, dentry, extent, xattr; the versions before them in the *_past tables as [born, died) in
 * epochs: the row that epoch e sees is the one with born <= e and (still current or e < died). A
 * row that is changed or removed moves its old version to the past by itself (triggers), when that
 * version was born in an earlier epoch; what was born in the current epoch is replaced without a
 * trace.
 *
 * Writing happens inside one long transaction that index_commit() ends and begins anew; nothing
 * before it survives a crash. All index_* calls of one struct index need outside locking (one
 * thread at a time); index_reader_open() gives another, read-only struct index on the same file,
 * for one other thread, that sees what was committed when its transaction began.
 *
 * Row structs are plain values; their pointers (names, values) are borrowed: in arguments for the
 * call, in results for the callback or until the next call on this index. `at` is an epoch, or
 * INDEX_NOW for the current tables.
 *
 * Errors: ERR_NOENT where a row is asked for and is not there; ERR_UNAUTHENTIC or ERR_CORRUPT when
 * the file was damaged; ERR_IO, ERR_NOSPC of the disk; ERR_NOMEM. After any error of a writing call
 * the transaction is in an unknown state: the caller gives up the index (index_close() discards
 * what was not committed).
 */
#ifndef AMBERFS_META_INDEX_H
#define AMBERFS_META_INDEX_H

#include "meta/vfs.h"
#include "util/fileio.h"
#include "util/rng.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define INDEX_NOW INT64_MAX
#define INDEX_ROOT_INO 1
#define INDEX_NAME_MAX 255
#define INDEX_PACK_NAME_BYTES 16
#define INDEX_SALT_BYTES 24
#define INDEX_WRAPPED_BYTES 40

struct index;

struct index_params {
	const struct fileio *io;
	struct rng *rng;
	struct vfs_cipher cipher;
	const char *path; /* the database file; "-wal" is added for the other */
	bool create;      /* make it when it is not there; without: ERR_NOENT */
};

/* Where the volume stands; one row, written by index_commit(). Opaque to this module except
 * `epoch`. */
struct index_state {
	int64_t epoch;           /* the open epoch; new rows are born in it */
	int64_t epoch_opened_ns; /* wall time of its first change, 0 while it has none */
	uint64_t next_ino;
	uint64_t next_pack;
	uint64_t next_snapshot;
	uint64_t journal_seq;  /* batches up to this one are in the tables */
	uint64_t log_seq;      /* log objects up to this one are in the tables */
	uint8_t log_hash[32];  /* SHA-256 of the sealed log object log_seq; zeros for 0 */
	int64_t last_epoch_ns; /* when the newest closed epoch ended */
	uint64_t files;        /* inodes other than folders, with a link */
	uint64_t folders;
	uint64_t bytes; /* sum of the sizes of regular files */
	uint64_t pages; /* that they hold */
};

struct index_inode {
	uint64_t ino;
	uint32_t mode; /* type and permissions as in struct stat */
	uint32_t uid;
	uint32_t gid;
	uint32_t nlink;
	uint64_t rdev;
	uint64_t size;
	uint64_t pages; /* pages of data that extents hold: st_blocks = pages * 8 */
	int64_t atime_ns;
	int64_t mtime_ns;
	int64_t ctime_ns;
	int64_t btime_ns;
	const void *target; /* a symbolic link's, else NULL */
	size_t target_len;
	int64_t born; /* results only: the epoch of the last change of the inode, its xattrs or its
	                 data */
};

struct index_dentry {
	uint64_t parent;
	const char *name; /* any bytes but '/' and NUL, not NUL-terminated in arguments */
	size_t name_len;
	uint64_t ino;
	uint32_t mode;   /* results of index_dentry_list() only: of the inode */
	uint64_t cookie; /* results, and index_import(): where to go on after this entry; > 2;
	                    stable while the entry lives */
	int64_t born;    /* results only */
};

/* A run of sealed pages: file pages [page, page + npages) are pages [first, first + npages) of the
 * run named by salt. */
struct index_extent {
	uint64_t ino;
	uint64_t page;
	uint32_t npages;
	uint32_t first;
	uint32_t tail; /* plaintext bytes of the last page, 1 to 4096 */
	uint64_t key;  /* filekey.id */
	uint64_t pack; /* pack.num */
	uint64_t off;  /* byte in the pack where page `first` begins */
	uint8_t salt[INDEX_SALT_BYTES];
	int64_t born; /* results only */
};

struct index_filekey {
	uint64_t id; /* the inode it was born with */
	uint32_t master;
	uint8_t wrapped[INDEX_WRAPPED_BYTES];
};

struct index_pack {
	uint64_t num;
	uint8_t name[INDEX_PACK_NAME_BYTES];
	uint64_t size; /* stored bytes; 0 while it is being written */
};

struct index_snapshot {
	const char *name;
	size_t name_len;
	int64_t epoch;
	int64_t created_ns;
};

/* Callbacks return 0 to go on; anything else ends the walk and is returned. They may call reading
 * index functions. */
typedef int (*index_inode_fn)(void *ctx, const struct index_inode *row);
typedef int (*index_dentry_fn)(void *ctx, const struct index_dentry *row,
                               const struct index_inode *inode);
typedef int (*index_extent_fn)(void *ctx, const struct index_extent *row);
typedef int (*index_xattr_fn)(void *ctx, const char *name, size_t name_len, const void *value,
                              size_t value_len);
typedef int (*index_pack_fn)(void *ctx, const struct index_pack *row);
typedef int (*index_snapshot_fn)(void *ctx, const struct index_snapshot *row);
typedef int (*index_epoch_fn)(void *ctx, int64_t epoch, int64_t closed_ns);
typedef int (*index_ino_fn)(void *ctx, uint64_t ino);

/* ---- life ---- */

/** Open or create. A new index has an empty state (epoch 1, next_ino 2, ...), and no root. Begins
 * the long transaction. The caller owns *ret. */
int index_open(const struct index_params *params, struct index **ret);

/** A read-only view for one other thread. It must be closed before @writer. */
int index_reader_open(struct index *writer, struct index **ret);

/** A reader: take a fresh snapshot of what is committed. Long-lived ones keep the write-ahead log
 * from shrinking. */
int index_reader_refresh(struct index *reader);

/** Close; the writer discards what was not committed. NULL does nothing. */
void index_close(struct index *ix);

/** The state in memory; the writer's owner changes it freely between calls, index_commit() stores
 * it. */
struct index_state *index_state(struct index *ix);

/** End the transaction with the state, begin the next. Survives a killed process; a power cut only
 * after index_sync(). */
int index_commit(struct index *ix);

/** Make what was committed durable. May run in another thread while the writer goes on; holds no
 * lock. */
int index_sync(struct index *ix);

/** Bytes in the write-ahead log that are not in the main file. */
uint64_t index_wal_bytes(struct index *ix);

/**
 * Move committed pages from the write-ahead log to the main file, with the syncs that it needs;
 * commits first. The caller holds its lock on the writer.
 */
int index_checkpoint(struct index *ix);

/** The damage that was met since it was opened, by the writer or a reader: ERR_UNAUTHENTIC, ERR_CORRUPT, or 0. From any
 * thread. */
int index_damage_met(const struct index *ix);

/** Check the file and the cross-table invariants (quick: the file only): ERR_CORRUPT with a note.
 * Slow: reads all. */
int index_check(struct index *ix, bool quick);

/** A rule that @count rows break (1 when they cannot be counted). */
typedef int (*index_damage_fn)(void *ctx, const char *rule, uint64_t count);
typedef void (*index_progress_fn)(void *ctx, unsigned done, unsigned total);

/**
 * All of index_check(), and what only a whole volume keeps: folders hang together below the root,
 * extents lie inside files and packs, numbers still to be given are above those in use, epochs
 * ascend. Every rule that is broken is told, also after a first one; *ret_rules is how many there
 * are. ERR_CANCELED when *@stop (may be NULL) becomes true; damage is no error.
 */
int index_check_all(struct index *ix, const volatile bool *stop, index_progress_fn progress,
                    index_damage_fn fn, void *ctx, unsigned *ret_rules);

/* ---- inodes ---- */

int index_inode_get(struct index *ix, uint64_t ino, int64_t at, struct index_inode *ret);
/** Insert a row that is not there. */
int index_inode_add(struct index *ix, const struct index_inode *row);
/** Replace the row of row->ino, which exists, and keep the old version when it is older than this
 * epoch. Keeps the totals of the state. */
int index_inode_set(struct index *ix, const struct index_inode *row);
/** Remove the row, with its xattrs and extents. */
int index_inode_remove(struct index *ix, uint64_t ino);
/** Inodes without a link (left behind by a crash while they were open), ascending. */
int index_orphans(struct index *ix, index_ino_fn fn, void *ctx);

/* ---- dentries ---- */

int index_dentry_get(struct index *ix, uint64_t parent, const char *name, size_t len, int64_t at,
                     struct index_dentry *ret);
/** Insert; ERR_EXIST when the name is taken. ERR_NOSPC when too many names of one folder have the
 * same hash (never by chance). */
int index_dentry_add(struct index *ix, const struct index_dentry *row);
/** Let an existing name point to another inode. */
int index_dentry_set(struct index *ix, const struct index_dentry *row);
int index_dentry_remove(struct index *ix, uint64_t parent, const char *name, size_t len);
/** Entries of @parent with a cookie above @after (0: all), in cookie order, each with its inode
 * (one joined query). */
int index_dentry_list(struct index *ix, uint64_t parent, int64_t at, uint64_t after,
                      index_dentry_fn fn, void *ctx);
/** Entries that point to @ino; `inode` in the callback is NULL. */
int index_dentry_of(struct index *ix, uint64_t ino, int64_t at, index_dentry_fn fn, void *ctx);
/** Whether @parent has an entry now. */
int index_dentry_any(struct index *ix, uint64_t parent, bool *ret);

/* ---- data ---- */

/** Extents that touch pages [page, page + npages), ascending; not clipped to it. npages may be
 * UINT64_MAX. */
int index_extent_list(struct index *ix, uint64_t ino, int64_t at, uint64_t page, uint64_t npages,
                      index_extent_fn fn, void *ctx);
/**
 * Take pages [page, page + npages) out of the file: extents inside go, those that reach in are
 * trimmed (a right-hand rest keeps its place in the run: page, first and off move on; a left-hand
 * rest has tail 4096). *ret_pages is how many pages held data.
 */
int index_extent_clear(struct index *ix, uint64_t ino, uint64_t page, uint64_t npages,
                       uint64_t *ret_pages);
/** Add an extent where none is. */
int index_extent_add(struct index *ix, const struct index_extent *row);

int index_xattr_get(struct index *ix, uint64_t ino, int64_t at, const char *name, size_t name_len,
                    const void **ret, size_t *ret_len);
int index_xattr_set(struct index *ix, uint64_t ino, const char *name, size_t name_len,
                    const void *value, size_t len);
/** ERR_NODATA when it is not there (so does _get). */
int index_xattr_remove(struct index *ix, uint64_t ino, const char *name, size_t name_len);
int index_xattr_list(struct index *ix, uint64_t ino, int64_t at, index_xattr_fn fn, void *ctx);

/**
 * Make inode @dst what @src was at epoch @at: the row (but for ino and nlink), xattrs and extents.
 * @dst may be @src, may exist or not; when new, nlink is 0. Rows that are the same already are left
 * as they are, so that a restore costs what it changes. ERR_NOHISTORY when @src did not exist then.
 */
int index_revive(struct index *ix, uint64_t dst, uint64_t src, int64_t at);

/* ---- the rest; none of these has a past ---- */

int index_filekey_get(struct index *ix, uint64_t id, struct index_filekey *ret);
int index_filekey_set(struct index *ix, const struct index_filekey *row);
int index_pack_get(struct index *ix, uint64_t num, struct index_pack *ret);
int index_pack_set(struct index *ix, const struct index_pack *row);
int index_pack_list(struct index *ix, index_pack_fn fn, void *ctx); /* by num */

int index_epoch_add(struct index *ix, int64_t epoch, int64_t closed_ns);
/** The newest closed epoch that ended at or before @time_ns. ERR_NOHISTORY when there is none. */
int index_epoch_at(struct index *ix, int64_t time_ns, int64_t *ret_epoch, int64_t *ret_closed_ns);
int index_epoch_time(struct index *ix, int64_t epoch, int64_t *ret_closed_ns);
int index_epoch_list(struct index *ix, int64_t from, index_epoch_fn fn, void *ctx);

int index_snapshot_get(struct index *ix, const char *name, size_t len, struct index_snapshot *ret);
/** ERR_EXIST when the name is taken. */
int index_snapshot_add(struct index *ix, const struct index_snapshot *row);
int index_snapshot_remove(struct index *ix, const char *name, size_t len);
int index_snapshot_list(struct index *ix, index_snapshot_fn fn,
                        void *ctx); /* by epoch, then name */

/** Pages of data that current inodes with a link hold, as the state's total should be. Reads every inode. */
int index_live_pages(struct index *ix, uint64_t *ret);

/* ---- what changed ---- */

/**
 * Inodes whose row, xattrs or data differ, or may differ, between epoch @from and epoch @to
 * (INDEX_NOW allowed; from <= to): every one with a version born or died in (from, to], once,
 * ascending. Folders are in it when an entry of theirs changed, by their mtime. Costs the number of
 * changes, not the number of files.
 */
int index_changed_inodes(struct index *ix, int64_t from, int64_t to, index_ino_fn fn, void *ctx);

/** Dentries, current or past, with a birth or death in (from, to], in order of (parent, name); each
 * (parent, name) once, ino and inode not set. */
int index_changed_dentries(struct index *ix, int64_t from, int64_t to, index_dentry_fn fn,
                           void *ctx);

/** Epochs at which @ino's row changed (births of its versions, current and past), descending. */
int index_inode_versions(struct index *ix, uint64_t ino, index_epoch_fn fn,
                         void *ctx); /* closed_ns: 0 */

/* ---- whole tables, for checkpoints ---- */

enum index_table {
	INDEX_TABLE_INODE = 1,
	INDEX_TABLE_DENTRY,
	INDEX_TABLE_EXTENT,
	INDEX_TABLE_XATTR,
	INDEX_TABLE_FILEKEY,
	INDEX_TABLE_PACK,
	INDEX_TABLE_EPOCH,
	INDEX_TABLE_SNAPSHOT,
};

/* One row of any table. died is INDEX_NOW for a current row; born and died are 0 for tables without
 * a past. */
struct index_row {
	enum index_table table;
	int64_t born;
	int64_t died;
	union {
		struct index_inode inode;
		struct index_dentry dentry;
		struct index_extent extent;
		struct {
			uint64_t ino;
			const char *name;
			size_t name_len;
			const void *value;
			size_t value_len;
		} xattr;
		struct index_filekey filekey;
		struct index_pack pack;
		struct {
			int64_t epoch;
			int64_t closed_ns;
		} epoch;
		struct index_snapshot snapshot;
	};
};

typedef int (*index_row_fn)(void *ctx, const struct index_row *row);

/** Every row of every table, in the order of enum index_table; of each table what is current in key
 * order, then its past in key order (a reader is best). */
int index_export(struct index *ix, index_row_fn fn, void *ctx);

/** The same rows one by one, for walking two indexes side by side. The index is not written to
 * meanwhile. */
struct index_cursor;
int index_cursor_open(struct index *ix, struct index_cursor **ret);
/** 1 with the next row, valid until the next call; 0 at the end; or an error. */
int index_cursor_next(struct index_cursor *c, const struct index_row **ret);
void index_cursor_close(struct index_cursor *c);

/** The order of the export: below, at or above 0. Rows of one place compare equal. */
int index_row_order(const struct index_row *a, const struct index_row *b);
/** Whether rows of one place say the same. */
bool index_row_same(const struct index_row *a, const struct index_row *b);

/** The pack of every extent, present or past, in no order; @reach is the end of the bytes that it
 * needs there. */
typedef int (*index_pack_use_fn)(void *ctx, uint64_t num, uint64_t reach);
int index_pack_uses(struct index *ix, index_pack_use_fn fn, void *ctx);

/** Insert a row as it is, past rows into the past. Totals of the state are not touched. Rows come
 * from a checkpoint: ERR_CORRUPT for one that cannot be. */
int index_import(struct index *ix, const struct index_row *row);

#endif
