/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Encoding and decoding of every stored byte: field by field, little endian.
 *
 * enc_* append to a buf. dec_* read from a range with a sticky error: a read past the
 * end, a value above its limit or a varint that is not minimal sets the error, and every later
 * read gives zero. dec_end() gives the verdict, so a parser checks once.
 *
 * A varint is unsigned LEB128 (DWARF 5, 7.6) in its shortest form, at most 10 bytes. A blob is a
 * varint length and that many bytes.
 */
#ifndef AMBERFS_UTIL_CODEC_H
#define AMBERFS_UTIL_CODEC_H

#include "util/buf.h"

#include <stdbool.h>

void enc_u8(struct buf *b, uint8_t v);
void enc_u16(struct buf *b, uint16_t v);
void enc_u32(struct buf *b, uint32_t v);
void enc_u64(struct buf *b, uint64_t v);
void enc_i64(struct buf *b, int64_t v); /* two's complement, 8 bytes */
void enc_var(struct buf *b, uint64_t v);
void enc_blob(struct buf *b, const void *data, size_t len);

struct dec {
	const uint8_t *at;
	const uint8_t *end;
	bool failed;
};

/** Read from @len bytes at @data, which must outlive the reader and all it returns. */
void dec_init(struct dec *d, const void *data, size_t len);

uint8_t dec_u8(struct dec *d);
uint16_t dec_u16(struct dec *d);
uint32_t dec_u32(struct dec *d);
uint64_t dec_u64(struct dec *d);
int64_t dec_i64(struct dec *d);
uint64_t dec_var(struct dec *d);

/** A varint that is at most @max. */
uint64_t dec_var_max(struct dec *d, uint64_t max);

/** Exactly @len bytes; points into the input, or at NULL after a failure. */
const uint8_t *dec_bytes(struct dec *d, size_t len);

/** A blob of at most @max bytes; points into the input. *ret_len is 0 after a failure. */
const uint8_t *dec_blob(struct dec *d, size_t max, size_t *ret_len);

/** Bytes not read yet. */
size_t dec_left(const struct dec *d);

/** 0, or ERR_CORRUPT when something did not fit or bytes are left over. */
int dec_end(const struct dec *d);

#endif
