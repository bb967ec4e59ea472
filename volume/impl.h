/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The inside of a volume: what the files of volume/ share. Nobody else includes it.
 *
 * Who owns what
 *   lock          the index, the open batch, the epoch, `poison`
 *   commit_lock   the journal, the log buffer, the making of log objects; held across the commit's
 *                 fsync; taken before `lock`, never after it
 *   file_locks    one writer of a file at a time: reading a page, changing it and sealing it again
 *                 must not interleave
 *   upload_lock   the queue of log objects, what is known of the store
 * The order is that of util/lock.h: file_locks, commit_lock, lock, then the leaves.
 */
#ifndef AMBERFS_VOLUME_IMPL_H
#define AMBERFS_VOLUME_IMPL_H

#include "crypto/kdf.h"
#include "crypto/keyring.h"
#include "crypto/object.h"
#include "crypto/seal.h"
#include "meta/index.h"
#include "util/lock.h"
#include "volume/journal.h"
#include "volume/keys.h"
#include "volume/op.h"
#include "volume/pack.h"
#include "volume/volume.h"

#include <pthread.h>
#include <stdatomic.h>

#define VOLUME_PATH_MAX 4096
#define VOLUME_FILE_LOCKS 64
#define VOLUME_INLINE_MAX (64u * 1024) /* sealed bytes that a batch carries itself */
#define VOLUME_INLINE_RUNS 64
#define VOLUME_LOG_CUT_BYTES (4u << 20) /* a log object is cut when it is this long */
#define VOLUME_DISK_RESERVE (32u << 20)
#define VOLUME_UPLOADERS 4
#define VOLUME_READERS_BATCH 32

struct volume_outlog {
	uint64_t seq;
	uint64_t last_pack; /* every pack up to this number is stored first */
	uint64_t size;
	struct volume_outlog *next;
};

struct volume {
	struct volume_params params;
	char dir[VOLUME_PATH_MAX - 256];
	char id_hex[2 * VOLUME_ID_BYTES + 1];
	int state_lock_fd;
	struct keyring *keyring;
	struct object_keys *object_keys;
	struct seal_key *index_key;
	struct keys *keys;
	struct packs *packs;
	uint64_t writer_id;

	struct lock lock;
	struct index *ix;
	struct buf batch;       /* records applied since the last cut */
	struct buf inline_data; /* sealed bytes of the batch's small writes */
	struct journal_page_run inline_runs[VOLUME_INLINE_RUNS];
	size_t inline_count;
	bool batch_dirty; /* more in the batch than the book-keeping of packs */
	atomic_bool disk_low;   /* the local disk is nearly full */
	_Atomic int64_t room;   /* sealed bytes that may be written before the next look at the disk */
	bool index_marked; /* the index was found to be damaged, and is marked */
	bool inline_over; /* more data than a batch carries: the packs must be synced */
	bool replaying;
	uint64_t open_ticket;   /* of the open batch, see fsync.c */
	_Atomic uint64_t durable_ticket;
	bool mutating;          /* inside volume_apply(), past the checks */
	bool epoch_dirty;       /* the open epoch has changes that history must show */
	uint64_t orphans;       /* inodes without a name */
	uint64_t history_bytes; /* as of history_mono_ns */
	int64_t history_mono_ns;
	int poison; /* 0, or why nothing can be changed any more */
	char poison_note[256];

	struct lock commit_lock;
	struct journal *journal;
	struct buf cut; /* the batch being made durable */
	uint64_t cut_ticket;
	bool absorb_asked; /* the clock thread was woken for it */
	bool packs_ended; /* since the last commit: then uploaders are woken */
	struct buf cut_inline;
	struct buf log;          /* records of the log object that is being gathered */
	bool log_dirty;          /* ... and there is a change among them */
	uint64_t composed_batch; /* batches up to this one are in log objects in outlog/ */
	int64_t index_commit_mono_ns;
	_Atomic uint64_t log_bytes_since_checkpoint;
	uint64_t checkpoint_bytes;
	struct index *checkpoint_reader; /* open while a checkpoint waits or is written */
	uint64_t checkpoint_seq;
	int64_t last_commit_mono_ns;
	int64_t lease_mono_ns; /* when the lease was signed; 0: it is not ours */

	struct lock file_locks[VOLUME_FILE_LOCKS];

	struct lock upload_lock;
	struct cond upload_changed;
	struct volume_outlog *outlog_head, *outlog_tail;
	uint64_t outlog_bytes;
	uint64_t stored_seq;
	int64_t stored_epoch;
	uint64_t recovered_seq;  /* with this log object ... */
	int64_t recovered_epoch; /* ... this epoch is stored, and all before it */
	int64_t stored_commit_ns;
	int64_t local_commit_ns;
	bool log_storing;
	int store_error; /* 0 while the store answers */
	char store_note[256];
	int64_t retry_mono_ns; /* not before */
	unsigned retry_count;

	struct lock sync_lock; /* the next two */
	struct volume_waiter *waiters;
	bool leading; /* somebody commits, and answers who waits */

	struct lock watch_lock;
	volume_invalidate_fn on_restore;
	void *on_restore_ctx;

	struct volume_trouble trouble; /* while opening */

	bool stopping; /* with upload_lock */
	pthread_t threads[VOLUME_UPLOADERS + 2];
	unsigned nthreads;
};

/* ---- open.c ---- */

/** Open index, packs and journal, and recover. After an error volume_close_state() ends what is
 * open. */
int volume_open_state(struct volume *v, volume_progress_fn progress, void *ctx);

/** Back to before volume_open_state(). */
void volume_close_state(struct volume *v);

/** The index alone; *ret_fresh: it was made now. */
int volume_open_index(struct volume *v, bool *ret_fresh);

/** A second, read-only volume made from the store alone, with the keys of @v, which outlives it. It
 * has a state folder of its own, which volume_close_beside() removes. */
int volume_open_beside(struct volume *v, volume_progress_fn progress, void *ctx,
                       struct volume **ret);
void volume_close_beside(struct volume *beside);

/* ---- apply.c ---- */

/**
 * The one way to change a volume: check @op against the index, change the index, add the record to
 * the open batch. With `lock` held. An error before anything was changed leaves all as it was; one
 * after it poisons the volume.
 */
int volume_apply(struct volume *v, const struct op *op);

/** 0, ERR_ROFS or the poison: whether a change may begin. With `lock` held. */
int volume_writable(struct volume *v);

/** Stop all changes: @code with this thread's note is what the user will see. With `lock` held. */
void volume_poison(struct volume *v, int code);

/* ---- commit.c ---- */

enum commit_flags {
	COMMIT_CUT = 1,   /* end the log object too, when it has changes */
	COMMIT_EPOCH = 2, /* and the epoch */
	COMMIT_STORE = 4, /* say so (ERR_NOSPC) when the log object cannot be made now */
};

/** Make everything applied before the call durable. Takes the locks. */
int volume_commit(struct volume *v, unsigned flags);

/** The same, unless @ticket (fsync.c) is durable already. */
int volume_commit_ticket(struct volume *v, uint64_t ticket);

/** Bring the index file up to date durably and free the journal behind it. Takes the locks. */
int volume_absorb(struct volume *v);

/** End the open epoch, if it has anything to show. `lock` held. */
int volume_end_epoch_locked(struct volume *v);

/** The same when the journal has filled so far that it is time. Holds no lock while the disk works, but for one short batch. */
int volume_absorb_early(struct volume *v);

/** Pad and seal packs that are full, so that they can be stored. Takes the locks. */
int volume_end_packs(struct volume *v);

/** End epoch and log object, and open a reader on exactly that state; *ret_seq is the log object.
 * Takes the locks. */
int volume_commit_boundary(struct volume *v, struct index **ret_reader, uint64_t *ret_seq);

/** When the open batch has grown long: commit it. Called without locks by whoever has just changed
 * something. */
void volume_relieve(struct volume *v);

/** Make the next log object in outlog/ from the records gathered in v->log. Commit lock held. */
int volume_compose(struct volume *v);

void volume_outlog_path(const struct volume *v, uint64_t seq, char *out);

/* ---- room.c ---- */

/** See how much room the local disk has. Takes no lock. */
void volume_room_look(struct volume *v);

/** May @len bytes of new data be kept? ERR_NOSPC when less than the reserve would be left; near the cache limit it waits for the store first (ERR_CANCELED: util/cancel.h). Only a file lock may be held. */
int volume_room_take(struct volume *v, size_t len);

/** May @op (an OP_WRITE) be applied? ERR_QUOTA when the volume would hold more than its quota and more than now. `lock` held. */
int volume_room_quota(struct volume *v, const struct op *op);

/* ---- log.c ---- */

struct log_header {
	uint64_t seq;
	uint64_t writer_id;
	uint8_t prev_hash[SHA256_BYTES];
	int64_t time_ns;
	bool ends_epoch;
};

void log_name(uint64_t seq, char *out);
int log_encode(const struct log_header *h, const void *records, size_t len, struct buf *out);

/* A log object that was opened; its records lie in the content. */
struct log_object {
	struct log_header header;
	const uint8_t *records;
	size_t records_len;
	struct buf content;
};

/** Authenticate and take apart the sealed log object @seq, without a look at what is in its header. *ret is ended with log_close() in
 * every case. */
int log_open(struct volume *v, uint64_t seq, const void *sealed, size_t len, struct log_object *ret);
void log_close(struct log_object *o);

/** The last epoch that ends in it; 0 when none does. */
int64_t log_last_epoch(const struct log_object *o);

/** Open the sealed log object @seq, check number and chain against the index, apply its records.
 * Lock held; v->replaying set by the caller. */
int log_replay(struct volume *v, uint64_t seq, const void *sealed, size_t len);

/* ---- upload.c ---- */

/** Do one piece of upload: a pack, or the next log object. *ret_did: whether there was something to
 * do. Blocks for the store's answer, without a lock. */
int volume_upload_step(struct volume *v, bool *ret_did);
/** Log object @seq waits in outlog/. ERR_NOMEM: nothing may be stored any more, or the store would get a gap. */
int volume_outlog_add(struct volume *v, uint64_t seq, uint64_t last_pack, uint64_t size);
void volume_outlog_free(struct volume *v);

/** Append the sealed object @seq that waits in outlog/ to @out. */
int volume_outlog_read(struct volume *v, uint64_t seq, struct buf *out);

/** Is log object @seq in the store the one in @sealed? 0, ERR_FENCED when it is another writer's,
 * or the trouble with it. */
int volume_compare_stored(struct volume *v, uint64_t seq, const struct buf *sealed);

/* ---- checkpoint.c ---- */

/** Write the state that @reader sees, which is the state right after a log object, to the store.
 * Takes no lock but the upload one. */
int volume_checkpoint_write(struct volume *v, struct index *reader);
/** With an index that is there already: how much log the store has since the newest checkpoint, and about how large that is. */
int volume_checkpoint_measure(struct volume *v);

/** Load the newest one into an empty index. */
int volume_checkpoint_load(struct volume *v, volume_progress_fn progress, void *ctx,
                           bool *ret_found);

/* ---- fetch.c ---- */

/** Sealed bytes of a pack, from the local disk or from the store. No locks held. @fresh: not from
 * the local copy, which is rotten. */
int volume_fetch(struct volume *v, uint64_t pack, uint64_t off, size_t len, uint8_t *out,
                 bool fresh);

/** The name of a pack in the store, BLOB_NAME_MAX + 1 bytes at @out. */
void volume_pack_name(const uint8_t *name, char *out);

/** Return @code with the pack's name in the store as the note. Takes `lock`. */
int volume_pack_note(struct volume *v, int code, uint64_t num);

/* ---- data.c ---- */

/** Change the size; @flags as volume_write(). Takes the locks. */
int volume_truncate(struct volume *v, uint64_t ino, uint64_t size, unsigned flags);

/* ---- threads.c ---- */

/** When the index was found to be damaged: mark it, so that the next mount builds it again. */
void volume_watch_index(struct volume *v);

/** What is due by the clock on this machine: commit, end the epoch, close packs. */
int volume_tick(struct volume *v);

/** Begin a checkpoint when one is due, write it when its log object is stored. *ret_did as
 * volume_upload_step(). */
int volume_checkpoint_step(struct volume *v, bool *ret_did);

int volume_threads_start(struct volume *v);
void volume_threads_stop(struct volume *v);

/* ---- when.c ---- */

/** When the oldest epoch ended; 0 when there is none. `lock` held. */
int64_t volume_first_epoch_ns(struct volume *v);

/* ---- diff.c ---- */

/** The inode at @path, 0 when there is none. `lock` held. */
int volume_find(struct volume *v, const char *path, int64_t at, uint64_t *ret);

/* ---- history.c ---- */

/** Build the path of @ino at @at. Heap string; lock held. ERR_NOENT when it has none. */
int volume_path_of(struct volume *v, uint64_t ino, int64_t at, char **ret);

/* ---- names.c ---- */

/** volume_parent() with `lock` held. */
int volume_parent_locked(struct volume *v, uint64_t ino, int64_t at, uint64_t *ret);

/** A fresh random file key, wrapped by the current master key. */
int volume_new_file_key(struct volume *v, uint8_t *wrapped, uint32_t *ret_master);

/* helpers used everywhere */

void volume_attr_from(const struct index_inode *row, struct volume_attr *ret);
int64_t volume_wall_ns(const struct volume *v);
struct lock *volume_file_lock(struct volume *v, uint64_t ino);

#endif
