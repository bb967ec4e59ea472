/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The local journal: a preallocated, already-written ring of sealed batches, so that making a batch
 * durable costs one flush of the disk and no metadata of the file system below.
 *
 * A batch holds the operations since the one before, and for a small fsync the sealed pages
 * themselves. Batches are numbered without gaps, chained by the tag of the one before, and begin at
 * multiples of 4096 bytes. A batch is appended only after the one before is durable, so at most the
 * last one can be torn by a crash.
 *
 * One thread at a time (the volume's commit lock).
 */
#ifndef AMBERFS_VOLUME_JOURNAL_H
#define AMBERFS_VOLUME_JOURNAL_H

#include "util/fileio.h"
#include "util/rng.h"

#include <stddef.h>
#include <stdint.h>

#define JOURNAL_BLOCK_BYTES 4096
#define JOURNAL_MIN_BYTES (64u * JOURNAL_BLOCK_BYTES)
#define JOURNAL_MAX_BYTES (1u << 30)

struct journal;

/* Sealed bytes of a pack that the batch carries along. */
struct journal_page_run {
	uint64_t pack;
	uint64_t off;
	const uint8_t *data;
	size_t len;
};

struct journal_batch {
	uint64_t seq;
	uint64_t log_seq; /* the log object that its operations will be in */
	uint64_t log_first; /* results: the first batch of that log object; 0 in one of an older version */
	const struct journal_page_run *runs;
	size_t nruns;
	const uint8_t *ops; /* records (op.h) */
	size_t ops_len;
};

typedef int (*journal_batch_fn)(void *ctx, const struct journal_batch *batch);

/**
 * Open the ring @path, or make it with @size_bytes (a multiple of the block; ignored for an
 * existing one). @log_key (32 bytes) and @volume_id are borrowed for the call. Reads and
 * authenticates what is there. ERR_CORRUPT when a batch in the middle is damaged.
 */
int journal_open(const struct fileio *io, const char *path, const uint8_t *log_key,
                 const uint8_t *volume_id, struct rng *rng, uint64_t size_bytes,
                 struct journal **ret);
void journal_close(struct journal *j);

/** Call @fn for each batch in the ring with a number of @from or more, in order. Pointers live
 * during the callback. */
int journal_replay(struct journal *j, uint64_t from, journal_batch_fn fn, void *ctx);

/** The oldest batch still in the ring and the number the next one gets; equal when the ring is
 * empty. */
uint64_t journal_first(const struct journal *j);
uint64_t journal_next(const struct journal *j);

/** An empty ring (only): the next batch gets number @seq. */
void journal_start_at(struct journal *j, uint64_t seq);

/** Write a batch (batch->seq is set here) after the last. Not durable before journal_sync().
 * ERR_RANGE when there is no room until batches are released. */
int journal_append(struct journal *j, struct journal_batch *batch);

int journal_sync(struct journal *j);

/** Batches up to @seq are needed no more. */
void journal_release(struct journal *j, uint64_t seq);

/** Bytes in use, and of the ring. */
uint64_t journal_used(const struct journal *j);
uint64_t journal_size(const struct journal *j);

#endif
