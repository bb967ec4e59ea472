/* SPDX-License-Identifier: Apache-2.0 */
#include "util/codec.h"

#include "util/err.h"

#include <string.h>

#define VARINT_MAX_BYTES 10

static void enc_le(struct buf *b, uint64_t v, size_t len)
{
	uint8_t *at = buf_extend(b, len);

	for (size_t i = 0; at && i < len; i++)
		at[i] = (uint8_t)(v >> (8 * i));
}

void enc_u8(struct buf *b, uint8_t v)
{
	enc_le(b, v, 1);
}

void enc_u16(struct buf *b, uint16_t v)
{
	enc_le(b, v, 2);
}

void enc_u32(struct buf *b, uint32_t v)
{
	enc_le(b, v, 4);
}

void enc_u64(struct buf *b, uint64_t v)
{
	enc_le(b, v, 8);
}

void enc_i64(struct buf *b, int64_t v)
{
	enc_le(b, (uint64_t)v, 8);
}

void enc_var(struct buf *b, uint64_t v)
{
	uint8_t bytes[VARINT_MAX_BYTES];
	size_t n = 0;

	do {
		bytes[n] = (uint8_t)(v & 0x7f);
		v >>= 7;
		if (v)
			bytes[n] |= 0x80;
		n++;
	} while (v);
	buf_add(b, bytes, n);
}

void enc_blob(struct buf *b, const void *data, size_t len)
{
	enc_var(b, len);
	buf_add(b, data, len);
}

void dec_init(struct dec *d, const void *data, size_t len)
{
	d->at = data;
	d->end = len ? d->at + len : d->at;
	d->failed = false;
}

size_t dec_left(const struct dec *d)
{
	return d->failed ? 0 : (size_t)(d->end - d->at);
}

const uint8_t *dec_bytes(struct dec *d, size_t len)
{
	const uint8_t *at = d->at;

	if (d->failed || len > (size_t)(d->end - d->at)) {
		d->failed = true;
		return NULL;
	}
	d->at += len;
	return at;
}

static uint64_t dec_le(struct dec *d, size_t len)
{
	const uint8_t *at = dec_bytes(d, len);
	uint64_t v = 0;

	for (size_t i = 0; at && i < len; i++)
		v |= (uint64_t)at[i] << (8 * i);
	return v;
}

uint8_t dec_u8(struct dec *d)
{
	return (uint8_t)dec_le(d, 1);
}

uint16_t dec_u16(struct dec *d)
{
	return (uint16_t)dec_le(d, 2);
}

uint32_t dec_u32(struct dec *d)
{
	return (uint32_t)dec_le(d, 4);
}

uint64_t dec_u64(struct dec *d)
{
	return dec_le(d, 8);
}

int64_t dec_i64(struct dec *d)
{
	return (int64_t)dec_le(d, 8);
}

uint64_t dec_var(struct dec *d)
{
	uint64_t v = 0;

	for (int i = 0; i < VARINT_MAX_BYTES; i++) {
		uint8_t byte = dec_u8(d);

		if (d->failed)
			return 0;
		/* the tenth byte has room for one bit; a last byte of 0 is not the shortest form */
		if ((i == VARINT_MAX_BYTES - 1 && byte > 1) || (i > 0 && byte == 0))
			break;
		v |= (uint64_t)(byte & 0x7f) << (7 * i);
		if (!(byte & 0x80))
			return v;
	}
	d->failed = true;
	return 0;
}

uint64_t dec_var_max(struct dec *d, uint64_t max)
{
	uint64_t v = dec_var(d);

	if (v > max) {
		d->failed = true;
		return 0;
	}
	return v;
}

const uint8_t *dec_blob(struct dec *d, size_t max, size_t *ret_len)
{
	size_t len = (size_t)dec_var_max(d, max);
	const uint8_t *at = dec_bytes(d, len);

	*ret_len = at ? len : 0;
	return at;
}

int dec_end(const struct dec *d)
{
	return d->failed || d->at != d->end ? ERR_CORRUPT : 0;
}
