/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pages are never changed in place: a new content is a new blob, so that the old one can be kept for the crash. Equal
 * contents are kept once, which bounds the list where one page is cut again and again.
 */
#include "tests/mount/fsx_model.h"

#include <err.h>
#include <stdlib.h>
#include <string.h>

struct blob {
	uint8_t bytes[MODEL_PAGE];
};

static const uint8_t zeros[MODEL_PAGE];

static const uint8_t *bytes_of(const struct blob *b)
{
	return b ? b->bytes : zeros;
}

bool is_zero(const uint8_t *bytes, size_t len)
{
	for (; len > MODEL_PAGE; bytes += MODEL_PAGE, len -= MODEL_PAGE)
		if (memcmp(bytes, zeros, MODEL_PAGE) != 0)
			return false;
	return memcmp(bytes, zeros, len) == 0;
}

/* NULL when the bytes are zeros. */
static struct blob *blob_new(const uint8_t *bytes)
{
	struct blob *b;

	if (is_zero(bytes, MODEL_PAGE))
		return NULL;
	b = malloc(sizeof(*b));
	if (!b)
		err(2, "no memory");
	memcpy(b->bytes, bytes, MODEL_PAGE);
	return b;
}

/* The first page that is not before @number. */
static size_t position(const struct model *m, uint64_t number)
{
	size_t low = 0, high = m->count;

	while (low < high) {
		size_t mid = (low + high) / 2;

		if (m->pages[mid].number < number)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static const uint8_t *page_bytes(const struct model *m, uint64_t number)
{
	size_t i = position(m, number);

	return bytes_of(i < m->count && m->pages[i].number == number ? m->pages[i].now : NULL);
}

/* The page, made when there is none. The pointer is good until the next call. */
static struct model_page *page_at(struct model *m, uint64_t number)
{
	size_t i = position(m, number);

	if (i < m->count && m->pages[i].number == number)
		return &m->pages[i];
	if (m->count == m->capacity) {
		m->capacity = m->capacity ? 2 * m->capacity : 256;
		m->pages = reallocarray(m->pages, m->capacity, sizeof(*m->pages));
		if (!m->pages)
			err(2, "no memory");
	}
	memmove(m->pages + i + 1, m->pages + i, (m->count - i) * sizeof(*m->pages));
	m->pages[i] = (struct model_page){.number = number};
	m->count++;
	return &m->pages[i];
}

/* Takes the blob. */
static void page_keep(struct model_page *p, struct blob *b)
{
	for (size_t i = 0; i < p->npast; i++)
		if (p->past[i] == b || memcmp(bytes_of(p->past[i]), bytes_of(b), MODEL_PAGE) == 0) {
			free(b);
			return;
		}
	p->past = reallocarray(p->past, p->npast + 1, sizeof(*p->past));
	if (!p->past)
		err(2, "no memory");
	p->past[p->npast++] = b;
}

/* Takes the blob. */
static void page_set(struct model_page *p, struct blob *b)
{
	page_keep(p, p->now);
	p->now = b;
}

static struct blob *blob_zeroed(const struct blob *b, size_t from, size_t to)
{
	uint8_t bytes[MODEL_PAGE];

	memcpy(bytes, bytes_of(b), MODEL_PAGE);
	memset(bytes + from, 0, to - from);
	return blob_new(bytes);
}

static void page_zero(struct model_page *p, size_t from, size_t to)
{
	size_t n = p->npast;

	for (size_t i = 0; i < n; i++)
		page_keep(p, blob_zeroed(p->past[i], from, to));
	page_set(p, blob_zeroed(p->now, from, to));
}

static void page_forget_past(struct model_page *p)
{
	for (size_t i = 0; i < p->npast; i++)
		free(p->past[i]);
	free(p->past);
	p->past = NULL;
	p->npast = 0;
}

void model_done(struct model *m)
{
	for (size_t i = 0; i < m->count; i++) {
		page_forget_past(&m->pages[i]);
		free(m->pages[i].now);
	}
	free(m->pages);
	*m = (struct model){0};
}

void model_read(const struct model *m, uint64_t off, void *out, size_t len)
{
	uint8_t *to = out;

	while (len > 0) {
		size_t in = (size_t)(off % MODEL_PAGE);
		size_t n = len < MODEL_PAGE - in ? len : MODEL_PAGE - in;

		memcpy(to, page_bytes(m, off / MODEL_PAGE) + in, n);
		off += n;
		to += n;
		len -= n;
	}
}

bool model_is_zero(const struct model *m, uint64_t from, uint64_t to)
{
	for (size_t i = position(m, from / MODEL_PAGE); i < m->count; i++) {
		uint64_t start = m->pages[i].number * MODEL_PAGE;
		size_t a = start < from ? (size_t)(from - start) : 0;
		size_t b = to - start < MODEL_PAGE ? (size_t)(to - start) : MODEL_PAGE;

		if (start >= to)
			break;
		if (a < b && !is_zero(bytes_of(m->pages[i].now) + a, b - a))
			return false;
	}
	return true;
}

static void set_size(struct model *m, uint64_t size)
{
	m->size = size;
	if (size < m->size_low)
		m->size_low = size;
	if (size > m->size_high)
		m->size_high = size;
}

void model_write(struct model *m, uint64_t off, const void *data, size_t len)
{
	const uint8_t *from = data;
	uint64_t end = off + len;

	while (len > 0) {
		size_t in = (size_t)(off % MODEL_PAGE);
		size_t n = len < MODEL_PAGE - in ? len : MODEL_PAGE - in;
		struct model_page *p = page_at(m, off / MODEL_PAGE);
		uint8_t bytes[MODEL_PAGE];

		memcpy(bytes, bytes_of(p->now), MODEL_PAGE);
		memcpy(bytes + in, from, n);
		page_set(p, blob_new(bytes));
		off += n;
		from += n;
		len -= n;
	}
	if (end > m->size)
		set_size(m, end);
}

void model_zero(struct model *m, uint64_t from, uint64_t to)
{
	for (size_t i = position(m, from / MODEL_PAGE); i < m->count; i++) {
		uint64_t start = m->pages[i].number * MODEL_PAGE;

		if (start >= to)
			break;
		page_zero(&m->pages[i], start < from ? (size_t)(from - start) : 0,
		          to - start < MODEL_PAGE ? (size_t)(to - start) : MODEL_PAGE);
	}
}

void model_resize(struct model *m, uint64_t size)
{
	if (size < m->size)
		model_zero(m, size, UINT64_MAX);
	set_size(m, size);
}

/* Pages that are zeros and always were need no place. */
static void drop_empty(struct model *m)
{
	size_t to = 0;

	for (size_t i = 0; i < m->count; i++) {
		if (m->pages[i].now || m->pages[i].npast)
			m->pages[to++] = m->pages[i];
		else
			page_forget_past(&m->pages[i]);
	}
	m->count = to;
}

void model_durable(struct model *m)
{
	for (size_t i = 0; i < m->count; i++)
		page_forget_past(&m->pages[i]);
	drop_empty(m);
	m->size_low = m->size_high = m->size;
}

void model_durable_range(struct model *m, uint64_t from, uint64_t to)
{
	for (size_t i = position(m, from / MODEL_PAGE);
	     i < m->count && m->pages[i].number * MODEL_PAGE < to; i++)
		page_forget_past(&m->pages[i]);
	drop_empty(m);
	if (m->size_low < to)
		m->size_low = to;
}

size_t model_most_past(const struct model *m)
{
	size_t most = 0;

	for (size_t i = 0; i < m->count; i++)
		if (m->pages[i].npast > most)
			most = m->pages[i].npast;
	return most;
}

bool model_found_page(struct model *m, uint64_t number, const uint8_t *bytes, uint64_t size)
{
	size_t i = position(m, number);
	struct model_page *p = i < m->count && m->pages[i].number == number ? &m->pages[i] : NULL;
	uint64_t rest = size - number * MODEL_PAGE;
	size_t len = rest < MODEL_PAGE ? (size_t)rest : MODEL_PAGE;
	bool known;

	if (!p)
		return is_zero(bytes, len);
	known = memcmp(bytes_of(p->now), bytes, len) == 0;
	for (size_t k = 0; !known && k < p->npast; k++)
		known = memcmp(bytes_of(p->past[k]), bytes, len) == 0;
	if (known) {
		page_forget_past(p);
		free(p->now);
		p->now = blob_new(bytes);
	}
	return known;
}

bool model_found_size(struct model *m, uint64_t size)
{
	if (size < m->size_low || size > m->size_high)
		return false;
	model_zero(m, size, UINT64_MAX);
	m->size = size;
	model_durable(m);
	return true;
}

/* ---- sums ---- */

static uint64_t mix(uint64_t sum, uint64_t word)
{
	sum = (sum ^ word) * 0x9e3779b97f4a7c15u;
	return sum ^ sum >> 29;
}

uint64_t hash_begin(uint64_t size)
{
	return mix(1, size);
}

uint64_t hash_page(uint64_t sum, uint64_t number, const uint8_t *bytes)
{
	uint64_t word;

	sum = mix(sum, number);
	for (size_t i = 0; i < MODEL_PAGE; i += sizeof(word)) {
		memcpy(&word, bytes + i, sizeof(word));
		sum = mix(sum, word);
	}
	return sum;
}

uint64_t model_hash(const struct model *m)
{
	uint64_t sum = hash_begin(m->size);

	for (size_t i = 0; i < m->count; i++)
		if (m->pages[i].now)
			sum = hash_page(sum, m->pages[i].number, m->pages[i].now->bytes);
	return sum;
}
