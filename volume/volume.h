/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A volume: the filesystem without FUSE. The one interface that fs/ and cli/ use.
 *
 * Every change becomes an operation (op.h) that volume_apply() puts into the index and into the
 * open batch of the log; reads are answered from the index and the packs. Inode numbers are never
 * used twice. The root is VOLUME_ROOT.
 *
 * `at` is an epoch, or VOLUME_NOW for the present; the past is read-only. Names are any bytes but
 * '/' and NUL, given with their length. All functions are thread safe unless they say otherwise.
 * Callbacks run with the volume's lock held: they copy what they need and call nothing of the
 * volume.
 *
 * Errors are those of util/err.h with their plain meaning (ERR_NOENT, ERR_EXIST, ERR_NOTEMPTY,
 * ...), and for every function: ERR_POISONED once the local disk failed in a way that only a new
 * mount can mend, ERR_ROFS on a read-only volume, ERR_UNAVAILABLE, ERR_MISSING, ERR_UNAUTHENTIC
 * when data must come from the store and does not. Permissions are not checked here: the kernel
 * does it (default_permissions).
 */
#ifndef AMBERFS_VOLUME_VOLUME_H
#define AMBERFS_VOLUME_VOLUME_H

#include "backend/blob.h"
#include "util/clock.h"
#include "util/fileio.h"
#include "util/rng.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define VOLUME_NOW INT64_MAX
#define VOLUME_ROOT 1
#define VOLUME_ID_BYTES 16
#define VOLUME_NAME_MAX 255
#define VOLUME_TARGET_MAX 4095
#define VOLUME_LINK_MAX 65000
#define VOLUME_XATTR_MAX 65536
#define VOLUME_SIZE_MAX ((uint64_t)INT64_MAX / 4096 * 4096) /* whole pages */
#define VOLUME_RECOVERY_BYTES 64

struct volume;
struct keyring;

/* ---- life ---- */

struct volume_trouble;

struct volume_params {
	const struct fileio *io;
	const struct clock *clock;
	struct rng *rng;
	struct blob *store;    /* borrowed until volume_close() */
	const char *state_dir; /* the folder of all volumes; this one's is a folder below it, named
	                          by its id */
	bool read_only; /* changes nothing, neither in the store nor in an existing state folder */
	bool takeover;  /* go ahead although another machine's mount was alive lately */
	bool threads;   /* start the background threads; without: volume_step() is called instead */
	/* ways out of trouble, see struct volume_trouble; not with read_only */
	bool rebuild;         /* make the index again from store, outlog/, packs/ and journal */
	bool accept_loss;     /* with rebuild: give up what a damaged journal or outlog/ held */
	bool accept_rollback; /* set the local state aside and begin anew from the store */
	struct volume_trouble *trouble; /* filled when opening meets trouble; or NULL */
	/* tuning; 0 means the default */
	unsigned commit_ms;         /* 1000: a change waits at most so long for the local disk */
	unsigned epoch_ms;          /* 5000: an epoch ends so long after its first change */
	uint64_t cache_limit_bytes; /* 10 GiB of local packs */
	uint64_t quota_bytes;       /* none: writing that would use more gives ERR_QUOTA */
	uint64_t journal_bytes;     /* 32 MiB ring */
	uint32_t pack_bytes;        /* 8 MiB */
	uint64_t
	    checkpoint_bytes; /* 1 MiB: a checkpoint is due after so much log (or a quarter of the last one) */
};

enum volume_trouble_kind {
	VOLUME_TROUBLE_NONE,
	VOLUME_TROUBLE_ROLLBACK, /* ERR_ROLLBACK: the store is older than what was seen */
	VOLUME_TROUBLE_FENCED,   /* ERR_FENCED: another writer went on, and changes wait here */
	VOLUME_TROUBLE_LOSS,     /* ERR_CORRUPT: the journal or outlog/ is damaged */
};

/* Where a volume stands; 0: not known. */
struct volume_place {
	uint64_t log_seq; /* the newest log object */
	int64_t epoch;    /* the newest one that ended */
	int64_t time_ns;  /* when the newest thing in it happened */
};

#define VOLUME_PATH_BYTES 4096

/*
 * Why opening failed, where a person can decide to go on without what is missing. It is filled also
 * when the way out was taken.
 *
 * ROLLBACK and FENCED: with `accept_rollback` the state folder is renamed (to `aside`, never
 * removed), a new one is made from the store, and the log remembers it (an OP_EVENT).
 *
 * LOSS, only told with `rebuild`: with `accept_loss` the damaged files are renamed, and the volume
 * opens with the newest state before them; the log remembers that too.
 */
struct volume_trouble {
	enum volume_trouble_kind kind;
	struct volume_place known; /* to this machine */
	struct volume_place store; /* LOSS: what can be kept */
	uint64_t unstored_logs;    /* log objects here that are not in the store */
	uint64_t unstored_bytes;   /* in packs here that are not in the store */
	uint64_t first_batch, last_batch; /* LOSS: of the journal; 0: none */
	uint64_t first_log, last_log;     /* LOSS: log objects of outlog/; 0: none */
	char aside[VOLUME_PATH_BYTES];    /* where things were put, "" as long as nothing was done */
};

/** The part of opening that takes long calls this now and then: what ("log", "checkpoint"), how
 * much of how much. */
typedef void (*volume_progress_fn)(void *ctx, const char *what, uint64_t done, uint64_t total);

enum volume_secret_type {
	VOLUME_SECRET_PASSPHRASE = 1,
	VOLUME_SECRET_RECOVERY = 2,
};

/**
 * Make a new volume in an empty store: its keyring, with a passphrase slot and a recovery slot,
 * whose code is written to @code (VOLUME_RECOVERY_BYTES, secret memory). ERR_VOLUMEEXISTS when
 * there is one; nothing is ever replaced.
 */
int volume_init(struct blob *store, const struct clock *clock, struct rng *rng,
                const void *passphrase, size_t len, char *code, uint8_t *ret_id);

/** Fetch the keyring, still locked. ERR_NOTVOLUME when the store has none. The caller owns *ret
 * until it gives it to volume_open(). */
int volume_keyring_fetch(struct blob *store, struct keyring **ret);

/** ERR_WRONGKEY when the secret fits no slot. */
int volume_keyring_unlock(struct keyring *k, enum volume_secret_type type, const void *secret,
                          size_t len);

void volume_keyring_free(struct keyring *k);

/** The volume's id as 32 hexadecimal digits and a NUL; also of a locked keyring. */
void volume_keyring_id(const struct keyring *k, char *out);

/**
 * Open: from local state when there is any, else from the store alone; recovers what a crash left.
 * Takes @k (open) in every case, also on error. ERR_LOCKED when another process has the state
 * folder, ERR_FENCED when another machine has the volume, ERR_ROLLBACK when the store is older than
 * what this machine saw, ERR_MISSING, ERR_CORRUPT, ERR_UNAUTHENTIC with the object's name in the
 * note.
 */
int volume_open(const struct volume_params *params, struct keyring *k, volume_progress_fn progress,
                void *ctx, struct volume **ret);

/** Stop the threads, commit what was written (also when it is not stored yet), close. NULL does
 * nothing. Returns the commit's error. */
int volume_close(struct volume *v);

/** 32 hexadecimal digits. Valid until volume_close(). */
const char *volume_id(const struct volume *v);

/** The folder of this volume's local state. Valid until volume_close(). */
const char *volume_state_path(const struct volume *v);

/** Without threads: do what is due now (commit, end an epoch, upload, checkpoint), at most one unit
 * of each. */
int volume_step(struct volume *v);

/* ---- looking ---- */

struct volume_attr {
	uint64_t ino;
	uint32_t mode;
	uint32_t uid;
	uint32_t gid;
	uint32_t nlink;
	uint64_t rdev;
	uint64_t size;
	uint64_t blocks; /* of 512 bytes */
	int64_t atime_ns;
	int64_t mtime_ns;
	int64_t ctime_ns;
	int64_t btime_ns;
};

typedef int (*volume_dirent_fn)(void *ctx, const char *name, size_t len, uint64_t cookie,
                                const struct volume_attr *attr);

int volume_lookup(struct volume *v, uint64_t parent, const char *name, size_t len, int64_t at,
                  struct volume_attr *ret);
int volume_getattr(struct volume *v, uint64_t ino, int64_t at, struct volume_attr *ret);

/** Entries (without "." and "..") whose cookie is above @after (0: from the start); cookies are
 * above 2 and stable. @fn ends the walk by a non-zero value, which is then not an error. */
int volume_readdir(struct volume *v, uint64_t ino, int64_t at, uint64_t after, volume_dirent_fn fn,
                   void *ctx);

/** The folder that holds folder @ino; the root is its own. */
int volume_parent(struct volume *v, uint64_t ino, int64_t at, uint64_t *ret);

/** A symbolic link's target and a NUL to @out, which has room for VOLUME_TARGET_MAX + 1. */
int volume_readlink(struct volume *v, uint64_t ino, int64_t at, char *out);

/** Walk a path of names from the root ("" or "/" is the root itself; symbolic links are not
 * followed). */
int volume_resolve(struct volume *v, const char *path, int64_t at, struct volume_attr *ret);

/* ---- changing names ---- */

struct volume_new {
	uint32_t mode; /* type and permissions */
	uint32_t uid;
	uint32_t gid;
	uint64_t rdev;
	const char *target; /* for a symbolic link, else NULL */
	size_t target_len;
};

/** Make a file, folder, symbolic link, fifo, socket or device. The folder's default ACL, where it
 * has one, is inherited. */
int volume_create(struct volume *v, uint64_t parent, const char *name, size_t len,
                  const struct volume_new *what, struct volume_attr *ret);

/** A regular file without a name (O_TMPFILE), with what the default ACL of @parent gives. It stays until volume_forget(), or gets a
 * name by volume_link(). */
int volume_create_unnamed(struct volume *v, uint64_t parent, const struct volume_new *what,
                          struct volume_attr *ret);

/** Also a file without a name gets one. ERR_PERM for folders, ERR_MLINK at VOLUME_LINK_MAX. */
int volume_link(struct volume *v, uint64_t ino, uint64_t parent, const char *name, size_t len,
                struct volume_attr *ret);

/** Remove a name. A file without names stays until volume_forget(). */
int volume_unlink(struct volume *v, uint64_t parent, const char *name, size_t len);
int volume_rmdir(struct volume *v, uint64_t parent, const char *name, size_t len);

enum volume_rename_flags {
	VOLUME_RENAME_NOREPLACE = 1, /* as RENAME_NOREPLACE */
	VOLUME_RENAME_EXCHANGE = 2,  /* as RENAME_EXCHANGE */
};

int volume_rename(struct volume *v, uint64_t parent, const char *name, size_t len,
                  uint64_t new_parent, const char *new_name, size_t new_len, unsigned flags);

/** The kernel has no more references to @ino: reclaim it if it has no name. Cheap when it has one.
 * Never fails: what could not be done now is done at the next mount. */
void volume_forget(struct volume *v, uint64_t ino);

/* ---- attributes ---- */

enum volume_attr_mask {
	VOLUME_SET_MODE = 1,
	VOLUME_SET_UID = 2,
	VOLUME_SET_GID = 4,
	VOLUME_SET_SIZE = 8, /* truncate or extend; new mtime and ctime unless given too */
	VOLUME_SET_ATIME = 16,
	VOLUME_SET_MTIME = 32,
	VOLUME_SET_CTIME = 64, /* given by the kernel; else ctime becomes the present */
	VOLUME_KILL_PRIV =
	    128, /* drop setuid, and setgid where group execution is allowed, with the change */
};

int volume_setattr(struct volume *v, uint64_t ino, unsigned mask, const struct volume_attr *attr,
                   struct volume_attr *ret);

/** The time now as volume operations stamp it. */
int64_t volume_now_ns(struct volume *v);

enum volume_xattr_flags {
	VOLUME_XATTR_CREATE = 1,
	VOLUME_XATTR_REPLACE = 2,
};

/** The value to @out (@size bytes; ERR_RANGE when too few; @size 0 asks for the length).
 * ERR_NODATA. */
int volume_getxattr(struct volume *v, uint64_t ino, int64_t at, const char *name, void *out,
                    size_t size, size_t *ret_len);
/** Setting system.posix_acl_access changes the mode's bits with it, as acl(5) says. */
int volume_setxattr(struct volume *v, uint64_t ino, const char *name, const void *value, size_t len,
                    unsigned flags);
int volume_removexattr(struct volume *v, uint64_t ino, const char *name);
/** Names with their NULs, one after the other, as listxattr(2). */
int volume_listxattr(struct volume *v, uint64_t ino, int64_t at, char *out, size_t size,
                     size_t *ret_len);

/* ---- data ---- */

/** Read up to @len bytes at @off; fewer only at the end of the file. Holes read as zeros. Every
 * byte was verified. */
int volume_read(struct volume *v, uint64_t ino, int64_t at, uint64_t off, size_t len, void *out,
                size_t *ret_n);

enum volume_write_flags {
	VOLUME_WRITE_CACHED =
	    1, /* the kernel's cache writes back: it owns the times and sends them itself */
	VOLUME_WRITE_KILL_PRIV = 2,
	VOLUME_WRITE_APPEND = 4, /* at the end of the file, whatever @off says */
};

/** Seal and keep @len bytes at @off. Durable after volume_fsync(). ERR_FBIG beyond VOLUME_SIZE_MAX,
 * ERR_NOSPC when the local disk or the cache limit is full. */
int volume_write(struct volume *v, uint64_t ino, uint64_t off, const void *data, size_t len,
                 unsigned flags);

/** fallocate(2): make [@off, @off + @len) a hole; the size stays. */
int volume_punch(struct volume *v, uint64_t ino, uint64_t off, uint64_t len);

/** Let @dst share the data of @src without copying it, as copy_file_range(2). Where pages do not
 * line up it copies. *ret_n is how much was done, at least one byte unless at the end. */
int volume_copy(struct volume *v, uint64_t src, uint64_t src_off, uint64_t dst, uint64_t dst_off,
                uint64_t len, uint64_t *ret_n);

/** lseek(2) SEEK_DATA or SEEK_HOLE (page granularity). ERR_NODATA stands for ENXIO. */
int volume_seek(struct volume *v, uint64_t ino, int64_t at, uint64_t off, bool hole, uint64_t *ret);

/** Returns when everything applied before the call is on the local disk, for good. */
int volume_fsync(struct volume *v);

/** Called once with volume_fsync()'s result, from any thread, without a lock. */
typedef void (*volume_synced_fn)(void *ctx, int result);

/**
 * The same without waiting for others: @fn is called before this returns, or later by whoever else is committing.
 */
void volume_fsync_then(struct volume *v, volume_synced_fn fn, void *ctx);

/* ---- state ---- */

enum volume_state {
	VOLUME_CLEAN, /* everything is stored */
	VOLUME_DIRTY, /* changes wait for their epoch to end */
	VOLUME_UPLOADING,
	VOLUME_OFFLINE, /* the store does not answer; work goes on locally */
	VOLUME_READONLY,
	VOLUME_ERROR, /* poisoned or fenced: `error` says which */
};

struct volume_status {
	enum volume_state state;
	int error; /* why, for VOLUME_ERROR and VOLUME_OFFLINE */
	char error_note[256];
	uint64_t pending_bytes; /* sealed bytes that are not in the store */
	uint64_t pending_packs;
	uint64_t files;
	uint64_t folders;
	uint64_t bytes;
	uint64_t cache_bytes;
	uint64_t cache_limit_bytes;
	int64_t last_local_commit_ns; /* 0: none yet */
	int64_t last_stored_commit_ns;
	int64_t epoch;           /* the open one */
	int64_t stored_epoch;    /* the newest closed one that is in the store */
	int64_t history_from_ns; /* oldest moment that can be restored; 0: none yet */
	uint64_t history_bytes;  /* data that only the past refers to */
	uint64_t snapshots;
};

int volume_status(struct volume *v, struct volume_status *ret);

struct volume_totals {
	uint64_t files;
	uint64_t folders;
	uint64_t bytes;      /* sum of the sizes of regular files */
	uint64_t used_bytes; /* what they hold: without holes, in whole pages; what a quota counts */
};

/** What is in it now; costs nothing, unlike volume_status(), which reads the list of packs at most once in five seconds. */
void volume_totals(struct volume *v, struct volume_totals *ret);

/**
 * Returns when all that was written before the call is in the store: ends the epoch and waits.
 * @progress sees pending bytes (what = "sync"); it runs without a lock.
 * @timeout_ms < 0 waits for ever, but for errors that waiting cannot mend (ERR_FENCED, ERR_DENIED,
 * ERR_TLS, ERR_POISONED). ERR_UNAVAILABLE at the end of the time, or ERR_CANCELED when *@stop
 * becomes true.
 */
int volume_sync(struct volume *v, int64_t timeout_ms, const volatile bool *stop,
                volume_progress_fn progress, void *ctx);

/** End the open epoch, when it has changes, and make it durable locally. *ret_epoch is the newest
 * closed one. ERR_NOHISTORY when there is none yet. */
int volume_epoch_end(struct volume *v, int64_t *ret_epoch);

/* ---- the past ---- */

/**
 * From a TIME as people type it to the epoch whose state it means (the newest that ended at or
 * before it): ISO 8601 with or without zone ("2026-11-20T14:00:00+01:00", "2026-11-20 14:00",
 * "2026-11-20"),
 * "@seconds[.fraction]", "15:30[:20]" (the last time the clock showed it), "now", "today",
 * "yesterday", "2 hours ago", "2h", "3d", "1w", "90m", "45s", a snapshot's name, an epoch "e1234".
 * Local zone unless given. ERR_BADTIME, or ERR_NOHISTORY with a note that tells the window.
 * *ret_time_ns (may be NULL) is when that epoch ended.
 */
int volume_when(struct volume *v, const char *text, int64_t *ret_epoch, int64_t *ret_time_ns);

/** Only the parsing: *ret_ns from @text at @now_ns. ERR_BADTIME. Snapshot names and epochs are not
 * times. */
int volume_time_parse(const char *text, int64_t now_ns, int64_t *ret_ns);

typedef int (*volume_snapshot_fn)(void *ctx, const char *name, int64_t epoch, int64_t created_ns);

/** Name the present state; ends the epoch. Names: 1 to 255 bytes, no '/', not a TIME, no leading
 * '.' or '@'. ERR_EXIST, ERR_INVAL. */
int volume_snapshot_create(struct volume *v, const char *name, int64_t *ret_epoch);
int volume_snapshot_delete(struct volume *v,
                           const char *name); /* ERR_NOHISTORY when there is none */
int volume_snapshot_list(struct volume *v, volume_snapshot_fn fn, void *ctx);

enum volume_change_kind {
	VOLUME_ADDED = 'A',
	VOLUME_CHANGED = 'M', /* content, attributes or target */
	VOLUME_REMOVED = 'D',
	VOLUME_RENAMED = 'R', /* the same inode under another path */
};

struct volume_change {
	enum volume_change_kind kind;
	const char *path; /* from the root, without a leading '/'; the new one when renamed; "" is
	                     the root */
	const char *old_path;      /* renamed: where it was, else NULL */
	struct volume_attr before; /* ino 0 when added */
	struct volume_attr after;  /* ino 0 when removed */
	bool content;              /* changed: data or target differs, else only attributes */
	int64_t epoch;             /* log: when */
	int64_t time_ns;
};

/** Runs without the volume's lock; may not change the volume. */
typedef int (*volume_change_fn)(void *ctx, const struct volume_change *change);

/**
 * What differs between epochs @from and @to (VOLUME_NOW allowed) at or below @path ("" for all), in
 * order of path. Costs the changes, not the files. Hard links: each path on its own.
 */
int volume_diff(struct volume *v, int64_t from, int64_t to, const char *path, volume_change_fn fn,
                void *ctx);

/** A file's versions, or what happened at or below a folder, newest first, between two moments (0
 * and INT64_MAX for no bound). @path as it is now, or as it last was. */
int volume_log(struct volume *v, const char *path, int64_t since_ns, int64_t until_ns,
               volume_change_fn fn, void *ctx);

struct volume_restore_totals {
	uint64_t added;
	uint64_t changed;
	uint64_t removed;
	uint64_t renamed;
	uint64_t bytes; /* size of files added and changed, as they will be */
};

/**
 * Put @paths (the whole volume when there is none, or one is "") back as they were at epoch @at:
 * one operation, atomic, no data moved. @fn (may be NULL) sees every change that is or, with
 * @dry_run, would be made. A path that did not exist then is removed; one that exists neither then
 * nor now: ERR_NOENT. *ret_undo (may be NULL) is the epoch to restore to undo this.
 */
int volume_restore(struct volume *v, int64_t at, const char *const *paths, size_t npaths,
                   bool dry_run, volume_change_fn fn, void *ctx, struct volume_restore_totals *ret,
                   int64_t *ret_undo);

/** Told after a restore, without a lock: every inode whose attributes or data changed (name NULL),
 * and every entry (ino is the folder) that may have. */
typedef void (*volume_invalidate_fn)(void *ctx, uint64_t ino, const char *name, size_t name_len);
void volume_on_restore(struct volume *v, volume_invalidate_fn fn, void *ctx);

/* ---- checking ---- */

enum volume_fsck_state {
	VOLUME_FSCK_OK,
	VOLUME_FSCK_DAMAGED,
	VOLUME_FSCK_SKIPPED,
};

#define VOLUME_FSCK_LINES_MAX 200
#define VOLUME_FSCK_LINE_BYTES 4096

/* The outcome of one check. Texts live during the callback; names of files in them are raw bytes.
 */
struct volume_fsck_result {
	const char *check; /* "index", "log", "comparison", "packs", "checkpoints" */
	enum volume_fsck_state state;
	int error;        /* why it could not be made, or not wholly: ERR_UNAVAILABLE and the like */
	uint64_t count;   /* how many things were looked at */
	uint64_t damages; /* how many are wrong; the first VOLUME_FSCK_LINES_MAX have a line */
	const char *note; /* what was looked at, a clause */
	const char *const *lines;
	size_t nlines;
	const char *const *remarks; /* what is no damage but worth to know: events of the log */
	size_t nremarks;
};

typedef int (*volume_fsck_fn)(void *ctx, const struct volume_fsck_result *result);

struct volume_fsck_params {
	bool compare; /* build a second index from the store and compare; only while nothing changes */
	const volatile bool *stop;   /* or NULL */
	volume_progress_fn progress; /* or NULL; what is the check */
	volume_fsck_fn result;
	void *ctx; /* of both */
};

/**
 * Check the index, the chain of the log, with @compare the index against the log, that every pack
 * that is needed is there in its size, and the newest checkpoint. Reads no file data. Damage is not
 * an error but told to p->result, as is a store that does not answer (the local part is still
 * checked). Works on a snapshot of the index and holds no lock for long, so a mount can go on.
 * Ends the epoch. ERR_CANCELED when *stop became true; a non-zero value of p->result ends it.
 */
int volume_fsck(struct volume *v, const struct volume_fsck_params *p);

#endif
