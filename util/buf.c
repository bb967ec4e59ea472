/* SPDX-License-Identifier: Apache-2.0 */
#include "util/buf.h"

#include "util/err.h"

#include <stdlib.h>
#include <string.h>

void buf_init(struct buf *b, size_t max)
{
	*b = (struct buf){.max = max};
}

void buf_done(struct buf *b)
{
	free(b->data);
	buf_init(b, b->max);
}

void buf_wipe(struct buf *b)
{
	if (b->data)
		explicit_bzero(b->data, b->cap);
	buf_done(b);
}

void buf_reset(struct buf *b)
{
	b->len = 0;
	b->error = 0;
}

static int grow(struct buf *b, size_t need)
{
	size_t cap = b->cap ? b->cap : 256;
	uint8_t *data;

	while (cap < need)
		cap = cap > b->max / 2 ? b->max : cap * 2;
	if (cap > b->max)
		cap = b->max;
	/* not realloc(): what it leaves behind could not be wiped */
	data = malloc(cap);
	if (!data)
		return ERR_NOMEM;
	if (b->len)
		memcpy(data, b->data, b->len);
	if (b->data)
		explicit_bzero(b->data, b->len);
	free(b->data);
	b->data = data;
	b->cap = cap;
	return 0;
}

uint8_t *buf_extend(struct buf *b, size_t len)
{
	uint8_t *at;

	if (b->error)
		return NULL;
	if (len > b->max - b->len) {
		b->error = ERR_FBIG;
		return NULL;
	}
	if (len > b->cap - b->len) {
		b->error = grow(b, b->len + len);
		if (b->error)
			return NULL;
	}
	at = b->data + b->len;
	b->len += len;
	return at;
}

void buf_add(struct buf *b, const void *data, size_t len)
{
	uint8_t *at;

	if (len == 0)
		return;
	at = buf_extend(b, len);
	if (at)
		memcpy(at, data, len);
}

int buf_error(const struct buf *b)
{
	return b->error;
}
