/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A growing byte buffer with a ceiling and a sticky failure: after one append that did
 * not fit, every later one does nothing, and buf_error() says why. So a writer checks once,
 * at the end. Not thread safe.
 */
#ifndef AMBERFS_UTIL_BUF_H
#define AMBERFS_UTIL_BUF_H

#include <stddef.h>
#include <stdint.h>

struct buf {
	uint8_t *data;
	size_t len;
	size_t cap;
	size_t max; /* never grows beyond this many bytes */
	int error;  /* 0 or the first error */
};

/** An empty buffer that holds at most @max bytes; allocates nothing yet. */
void buf_init(struct buf *b, size_t max);

/** Free the bytes. The buffer is empty again, with the same ceiling. */
void buf_done(struct buf *b);

/** Wipe the bytes, then free them: for plaintext that should not linger. */
void buf_wipe(struct buf *b);

/** Forget the content and the error, keep the memory. */
void buf_reset(struct buf *b);

/** Append @len bytes. */
void buf_add(struct buf *b, const void *data, size_t len);

/**
 * Append room for @len bytes and return where they go (uninitialised), or NULL after
 * setting the error. The pointer is valid until the next append.
 */
uint8_t *buf_extend(struct buf *b, size_t len);

/** 0, ERR_NOMEM, or ERR_FBIG when the ceiling was met. */
int buf_error(const struct buf *b);

#endif
