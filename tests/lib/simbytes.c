/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Both images are tables of shared pages, copied when written. Invariants:
 *
 *  1. live == durable with every change of the log applied in order. A change that a failed sync has
 *     dropped leaves the log once something newer is durable in its sector.
 *  2. A page beyond the size of its image is NULL, and bytes beyond the size in the last page are
 * zero.
 *  3. A page with more than one reference is never written.
 *
 * A sync without dropped changes lets the durable table share the live pages that the log touched,
 * so it costs the pages changed and copies nothing. The log keeps the data of each change, because
 * a power cut may keep an older write of a sector and lose the newer one. A log that grows large is
 * written back, as a kernel does without being asked.
 */
#include "tests/lib/simbytes.h"

#include "util/check.h"

#include <stdlib.h>
#include <string.h>

#define LOG_BYTES_MAX ((size_t)8 << 20)
#define LOG_CHANGES_MAX 4096

struct simbytes_page {
	unsigned refs;
	uint8_t data[SIMBYTES_PAGE];
};

struct simbytes_change {
	enum { CHANGE_WRITE, CHANGE_TRUNCATE } type;
	bool dropped; /* by a failed sync */
	uint64_t off; /* or the new size */
	size_t len;
	uint8_t *data; /* NULL: zeros */
};

static void page_unref(struct simbytes_page *p)
{
	if (p && --p->refs == 0)
		free(p);
}

static size_t pages_of(uint64_t size)
{
	return (size_t)((size + SIMBYTES_PAGE - 1) / SIMBYTES_PAGE);
}

static bool all_zero(const uint8_t *data, size_t len)
{
	return len == 0 || (data[0] == 0 && memcmp(data, data + 1, len - 1) == 0);
}

static void image_reserve(struct simbytes_image *im, size_t npages)
{
	size_t room = im->npages ? im->npages : 4;

	if (npages <= im->npages)
		return;
	while (room < npages)
		room *= 2;
	im->pages = realloc(im->pages, room * sizeof(*im->pages));
	CHECK(im->pages);
	memset(im->pages + im->npages, 0, (room - im->npages) * sizeof(*im->pages));
	im->npages = room;
}

/* The page, to be written: made, or copied when it is shared. */
static struct simbytes_page *image_page(struct simbytes_image *im, size_t i)
{
	struct simbytes_page *old = im->pages[i];
	struct simbytes_page *p;

	if (old && old->refs == 1)
		return old;
	p = old ? malloc(sizeof(*p)) : calloc(1, sizeof(*p));
	CHECK(p);
	if (old)
		memcpy(p->data, old->data, sizeof(p->data));
	p->refs = 1;
	page_unref(old);
	im->pages[i] = p;
	return p;
}

/* @data NULL: zeros. */
static void image_write(struct simbytes_image *im, const uint8_t *data, size_t len, uint64_t off)
{
	if (len == 0)
		return;
	image_reserve(im, pages_of(off + len));
	if (off + len > im->size)
		im->size = off + len;
	while (len > 0) {
		size_t i = (size_t)(off / SIMBYTES_PAGE);
		size_t at = (size_t)(off % SIMBYTES_PAGE);
		size_t n = SIMBYTES_PAGE - at < len ? SIMBYTES_PAGE - at : len;

		if (data)
			memcpy(image_page(im, i)->data + at, data, n);
		else if (im->pages[i])
			memset(image_page(im, i)->data + at, 0, n);
		data = data ? data + n : NULL;
		off += n;
		len -= n;
	}
}

static void image_truncate(struct simbytes_image *im, uint64_t size)
{
	size_t keep = pages_of(size);

	for (size_t i = keep; size < im->size && i < im->npages; i++) {
		page_unref(im->pages[i]);
		im->pages[i] = NULL;
	}
	if (size < im->size && size % SIMBYTES_PAGE && im->pages[keep - 1]) {
		size_t at = (size_t)(size % SIMBYTES_PAGE);

		memset(image_page(im, keep - 1)->data + at, 0, SIMBYTES_PAGE - at);
	}
	im->size = size;
}

static void image_done(struct simbytes_image *im)
{
	for (size_t i = 0; i < im->npages; i++)
		page_unref(im->pages[i]);
	free(im->pages);
	memset(im, 0, sizeof(*im));
}

static void image_share_page(struct simbytes_image *to, const struct simbytes_image *from, size_t i)
{
	struct simbytes_page *p = i < from->npages ? from->pages[i] : NULL;

	if (p == to->pages[i])
		return;
	if (p)
		p->refs++;
	page_unref(to->pages[i]);
	to->pages[i] = p;
}

static void image_share(struct simbytes_image *to, const struct simbytes_image *from)
{
	image_reserve(to, from->npages);
	for (size_t i = 0; i < to->npages; i++)
		image_share_page(to, from, i);
	to->size = from->size;
}

static void log_clear(struct simbytes *b)
{
	for (size_t i = 0; i < b->nlog; i++)
		free(b->log[i].data);
	b->nlog = 0;
	b->log_bytes = 0;
}

static struct simbytes_change *log_add(struct simbytes *b)
{
	if (b->log_bytes > LOG_BYTES_MAX || b->nlog >= LOG_CHANGES_MAX)
		simbytes_sync(b);
	if (b->nlog == b->log_room) {
		b->log_room = b->log_room ? b->log_room * 2 : 8;
		b->log = realloc(b->log, b->log_room * sizeof(*b->log));
		CHECK(b->log);
	}
	memset(&b->log[b->nlog], 0, sizeof(*b->log));
	return &b->log[b->nlog++];
}

void simbytes_init(struct simbytes *b)
{
	memset(b, 0, sizeof(*b));
}

void simbytes_done(struct simbytes *b)
{
	image_done(&b->live);
	image_done(&b->durable);
	log_clear(b);
	free(b->log);
	b->log = NULL;
	b->log_room = 0;
}

size_t simbytes_read(const struct simbytes *b, void *out, size_t len, uint64_t off)
{
	uint8_t *to = out;
	size_t done = 0;

	if (off >= b->live.size)
		return 0;
	if (len > b->live.size - off)
		len = (size_t)(b->live.size - off);
	while (done < len) {
		size_t i = (size_t)((off + done) / SIMBYTES_PAGE);
		size_t at = (size_t)((off + done) % SIMBYTES_PAGE);
		size_t n = SIMBYTES_PAGE - at < len - done ? SIMBYTES_PAGE - at : len - done;

		if (i < b->live.npages && b->live.pages[i])
			memcpy(to + done, b->live.pages[i]->data + at, n);
		else
			memset(to + done, 0, n);
		done += n;
	}
	return len;
}

void simbytes_write(struct simbytes *b, const void *data, size_t len, uint64_t off)
{
	struct simbytes_change *c;
	bool zeros = all_zero(data, len);

	CHECK(off <= SIMBYTES_MAX && len <= SIMBYTES_MAX - off);
	if (len == 0)
		return;
	c = log_add(b);
	c->type = CHANGE_WRITE;
	c->off = off;
	c->len = len;
	if (!zeros) {
		c->data = malloc(len);
		CHECK(c->data);
		memcpy(c->data, data, len);
		b->log_bytes += len;
	}
	image_write(&b->live, c->data, len, off);
}

void simbytes_truncate(struct simbytes *b, uint64_t size)
{
	struct simbytes_change *c;

	CHECK(size <= SIMBYTES_MAX);
	c = log_add(b);
	c->type = CHANGE_TRUNCATE;
	c->off = size;
	image_truncate(&b->live, size);
}

uint64_t simbytes_pages_needed(const struct simbytes *b, size_t len, uint64_t off)
{
	uint64_t n = 0;

	for (size_t i = (size_t)(off / SIMBYTES_PAGE); i < pages_of(off + len); i++)
		n += i >= b->live.npages || !b->live.pages[i];
	return n;
}

static void apply(struct simbytes_image *im, const struct simbytes_change *c)
{
	if (c->type == CHANGE_TRUNCATE)
		image_truncate(im, c->off);
	else
		image_write(im, c->data, c->len, c->off);
}

/* Is the dropped change @d history once @c is durable? A sector is written as a whole, with all that
 * is in it by now. */
static bool replaces(const struct simbytes_change *c, const struct simbytes_change *d)
{
	if (d->type == CHANGE_TRUNCATE)
		return true;
	if (c->type == CHANGE_TRUNCATE)
		return c->off <= d->off;
	return c->off / SIMBYTES_SECTOR <= d->off / SIMBYTES_SECTOR &&
	       d->off / SIMBYTES_SECTOR <= (c->off + c->len - 1) / SIMBYTES_SECTOR;
}

static void make_durable(struct simbytes *b, const struct simbytes_change *c)
{
	uint64_t from = c->off / SIMBYTES_SECTOR * SIMBYTES_SECTOR;
	uint64_t end = (c->off + c->len + SIMBYTES_SECTOR - 1) / SIMBYTES_SECTOR * SIMBYTES_SECTOR;
	uint8_t sector[SIMBYTES_SECTOR];

	apply(&b->durable, c);
	for (; c->type == CHANGE_WRITE && from < end; from += SIMBYTES_SECTOR) {
		size_t n = simbytes_read(b, sector, sizeof(sector), from);

		image_write(&b->durable, sector, n, from);
	}
}

/*
 * Some changes were dropped. They stay in the log, as far as nothing newer was written over them:
 * whoever lost them may have lost them later than it said.
 */
static void sync_around_dropped(struct simbytes *b)
{
	size_t *newer = calloc(b->nlog, sizeof(*newer));
	size_t nnewer = 0, kept = 0;

	CHECK(newer);
	for (size_t i = 0; i < b->nlog; i++)
		if (!b->log[i].dropped) {
			newer[nnewer++] = i;
			make_durable(b, &b->log[i]);
		}
	if (nnewer > 0)
		image_truncate(&b->durable, b->live.size);
	for (size_t i = 0; i < b->nlog; i++) {
		struct simbytes_change c = b->log[i];
		bool gone = !c.dropped;

		for (size_t k = 0; k < nnewer && !gone; k++)
			gone = newer[k] > i && replaces(&b->log[newer[k]], &c);
		if (gone)
			free(c.data);
		else
			b->log[kept++] = c;
	}
	b->nlog = kept;
	free(newer);
}

void simbytes_sync(struct simbytes *b)
{
	bool dropped = false;
	bool truncated = false;

	for (size_t i = 0; i < b->nlog; i++) {
		dropped = dropped || b->log[i].dropped;
		truncated = truncated || b->log[i].type == CHANGE_TRUNCATE;
	}
	if (dropped) {
		sync_around_dropped(b);
		return;
	}
	if (truncated)
		image_share(&b->durable, &b->live);
	image_reserve(&b->durable, b->live.npages);
	for (size_t i = 0; i < b->nlog && !truncated; i++) {
		const struct simbytes_change *c = &b->log[i];

		for (size_t p = (size_t)(c->off / SIMBYTES_PAGE); p < pages_of(c->off + c->len);
		     p++)
			image_share_page(&b->durable, &b->live, p);
	}
	b->durable.size = b->live.size;
	log_clear(b);
}

static void log_append(struct simbytes *b, const struct simbytes_change *from, uint64_t off,
                       size_t len)
{
	struct simbytes_change *c;

	if (b->nlog == b->log_room) {
		b->log_room = b->log_room ? b->log_room * 2 : 8;
		b->log = realloc(b->log, b->log_room * sizeof(*b->log));
		CHECK(b->log);
	}
	c = &b->log[b->nlog++];
	*c = *from;
	c->dropped = true;
	if (from->type == CHANGE_TRUNCATE)
		return;
	c->off = off;
	c->len = len;
	if (from->data) {
		c->data = malloc(len);
		CHECK(c->data);
		memcpy(c->data, from->data + (off - from->off), len);
	}
}

/* The dropped changes sector by sector: each is on its own from now on. */
void simbytes_sync_failed(struct simbytes *b)
{
	struct simbytes_change *old = b->log;
	size_t n = b->nlog;

	b->log = NULL;
	b->nlog = b->log_room = 0;
	for (size_t i = 0; i < n; i++) {
		uint64_t end = old[i].off + old[i].len;

		if (old[i].type == CHANGE_TRUNCATE)
			log_append(b, &old[i], 0, 0);
		for (uint64_t at = old[i].off; old[i].type == CHANGE_WRITE && at < end;) {
			uint64_t next = (at / SIMBYTES_SECTOR + 1) * SIMBYTES_SECTOR;

			next = next < end ? next : end;
			log_append(b, &old[i], at, (size_t)(next - at));
			at = next;
		}
		free(old[i].data);
	}
	free(old);
}

/* Some of the sectors arrived: the first ones, the last ones, or any. */
static void apply_torn(struct simbytes_image *im, const struct simbytes_change *c,
                       struct simrng *rng)
{
	uint64_t first = c->off / SIMBYTES_SECTOR;
	uint64_t end = (c->off + c->len + SIMBYTES_SECTOR - 1) / SIMBYTES_SECTOR;
	unsigned how = (unsigned)simrng_below(rng, 3);
	uint64_t split = first + simrng_below(rng, end - first + 1);

	for (uint64_t s = first; s < end; s++) {
		uint64_t from = s * SIMBYTES_SECTOR > c->off ? s * SIMBYTES_SECTOR : c->off;
		uint64_t to = (s + 1) * SIMBYTES_SECTOR;
		bool kept = how == 0 ? s < split : how == 1 ? s >= split : simrng_chance(rng, 500);

		if (to > c->off + c->len)
			to = c->off + c->len;
		if (kept)
			image_write(im, c->data ? c->data + (from - c->off) : NULL,
			            (size_t)(to - from), from);
	}
}

/* The length of a file is metadata: it may arrive without the bytes. */
static void apply_size(struct simbytes_image *im, const struct simbytes_change *c)
{
	if (c->off + c->len > im->size)
		image_truncate(im, c->off + c->len);
}

void simbytes_cut(struct simbytes *b, struct simrng *rng, unsigned keep, bool orderly)
{
	for (size_t i = 0; i < b->nlog; i++) {
		const struct simbytes_change *c = &b->log[i];

		if (simrng_chance(rng, keep)) {
			apply(&b->durable, c);
			continue;
		}
		if (c->type != CHANGE_WRITE)
			continue;
		if (simrng_chance(rng, 400))
			apply_torn(&b->durable, c, rng);
		if (!orderly && simrng_chance(rng, 200))
			apply_size(&b->durable, c);
	}
	log_clear(b);
	image_share(&b->live, &b->durable);
}
