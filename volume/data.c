/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading and writing files.
 *
 * A write that does not fill its first or last page reads that page, changes it in memory and seals
 * it anew, so a page is always sealed whole; the file's lock keeps two such writes apart. Only the
 * page at the end of a file is short: what a file is extended by later reads as zeros without
 * anybody writing them.
 */
#include "util/err.h"
#include "volume/page_io.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

struct lock *volume_file_lock(struct volume *v, uint64_t ino)
{
	return &v->file_locks[ino % VOLUME_FILE_LOCKS];
}

/* ---- reading ---- */

struct extent_list {
	struct index_extent row[VOLUME_READERS_BATCH];
	size_t count;
};

static int take_extent(void *ctx, const struct index_extent *row)
{
	struct extent_list *l = ctx;

	l->row[l->count++] = *row;
	return l->count == VOLUME_READERS_BATCH ? 1 : 0;
}

/* Fill @out (whole pages from @page) from one list; gaps are zeros. */
static int fill(struct volume *v, const struct extent_list *l, uint64_t page, uint64_t npages,
                uint8_t *out)
{
	uint64_t at = page;
	int r = 0;

	for (size_t i = 0; r == 0 && i < l->count; i++) {
		const struct index_extent *e = &l->row[i];
		uint64_t from = e->page > at ? e->page : at;
		uint64_t to =
		    e->page + e->npages < page + npages ? e->page + e->npages : page + npages;

		if (to <= from)
			continue;
		memset(out + (at - page) * PAGE_BYTES, 0, (from - at) * PAGE_BYTES);
		r = page_read(v, e, from, (uint32_t)(to - from), out + (from - page) * PAGE_BYTES);
		at = to;
	}
	if (r == 0 && at < page + npages)
		memset(out + (at - page) * PAGE_BYTES, 0, (page + npages - at) * PAGE_BYTES);
	return r;
}

/* Whole pages to @out; *ret_size is the file's size. A long list of extents is taken in pieces. */
static int read_pages(struct volume *v, uint64_t ino, int64_t at, uint64_t page, uint64_t npages,
                      uint8_t *out, uint64_t *ret_size)
{
	struct extent_list l;
	struct index_inode row;
	int r = 0;

	while (r == 0 && npages > 0) {
		uint64_t n = npages;

		l.count = 0;
		lock_take(&v->lock);
		r = index_inode_get(v->ix, ino, at, &row);
		if (r == 0)
			r = index_extent_list(v->ix, ino, at, page, npages, take_extent, &l);
		lock_drop(&v->lock);
		if (r < 0)
			return r;
		if (l.count == VOLUME_READERS_BATCH) {
			const struct index_extent *last = &l.row[l.count - 1];

			if (last->page + last->npages < page + npages)
				n = last->page + last->npages - page;
		}
		r = fill(v, &l, page, n, out);
		page += n;
		npages -= n;
		out += n * PAGE_BYTES;
		*ret_size = row.size;
	}
	return r;
}

static int file_row(struct volume *v, uint64_t ino, int64_t at, struct index_inode *ret)
{
	int r;

	lock_take(&v->lock);
	r = index_inode_get(v->ix, ino, at, ret);
	lock_drop(&v->lock);
	if (r == 0 && !S_ISREG(ret->mode))
		r = S_ISDIR(ret->mode) ? ERR_ISDIR : ERR_INVAL;
	return r;
}

/* The same for a file that will get @len bytes. Room is asked for before they are sealed: what is refused later has eaten it all the
 * same. */
static int file_row_to_write(struct volume *v, uint64_t ino, size_t len, struct index_inode *ret)
{
	int r = volume_room_take(v, len);

	if (r != 0)
		return r;
	lock_take(&v->lock);
	r = volume_writable(v);
	if (r == 0)
		r = index_inode_get(v->ix, ino, INDEX_NOW, ret);
	lock_drop(&v->lock);
	if (r == 0 && !S_ISREG(ret->mode))
		r = S_ISDIR(ret->mode) ? ERR_ISDIR : ERR_INVAL;
	return r;
}

/* A range that does not begin or end at pages goes through a buffer of whole ones. */
static int read_bounced(struct volume *v, uint64_t ino, int64_t at, uint64_t off, size_t len,
                        uint8_t *out)
{
	uint64_t page = off / PAGE_BYTES;
	uint64_t npages = (off + len + PAGE_BYTES - 1) / PAGE_BYTES - page;
	uint8_t *pages = malloc(npages * PAGE_BYTES);
	uint64_t size;
	int r;

	if (!pages)
		return ERR_NOMEM;
	r = read_pages(v, ino, at, page, npages, pages, &size);
	if (r == 0)
		memcpy(out, pages + (off - page * PAGE_BYTES), len);
	explicit_bzero(pages, npages * PAGE_BYTES);
	free(pages);
	return r;
}

int volume_read(struct volume *v, uint64_t ino, int64_t at, uint64_t off, size_t len, void *out,
                size_t *ret_n)
{
	struct index_inode row;
	size_t whole;
	uint64_t size;
	int r = file_row(v, ino, at, &row);

	if (r != 0)
		return r;
	if (off >= row.size || len == 0) {
		*ret_n = 0;
		return 0;
	}
	if (len > row.size - off)
		len = (size_t)(row.size - off);
	whole = off % PAGE_BYTES == 0 ? len / PAGE_BYTES * PAGE_BYTES : 0;
	if (whole)
		r = read_pages(v, ino, at, off / PAGE_BYTES, whole / PAGE_BYTES, out, &size);
	if (r == 0 && whole < len)
		r = read_bounced(v, ino, at, off + whole, len - whole, (uint8_t *)out + whole);
	if (r == 0)
		*ret_n = len;
	return r;
}

/* ---- writing ---- */

struct write_job {
	struct volume *v;
	uint64_t ino;
	unsigned flags;
	struct key_ref *key;
	uint64_t size; /* of the file before */
	uint32_t mode;
};

static void stamp(struct volume *v, struct op *op, unsigned flags, uint32_t mode)
{
	op->time_ns = volume_now_ns(v);
	if (!(flags & VOLUME_WRITE_CACHED)) {
		op->attr.mask |= OP_ATTR_MTIME | OP_ATTR_CTIME;
		op->attr.attr.mtime_ns = op->time_ns;
		op->attr.attr.ctime_ns = op->time_ns;
	}
	if (flags & VOLUME_WRITE_KILL_PRIV && mode & (S_ISUID | S_ISGID)) {
		op->attr.mask |= OP_ATTR_MODE;
		op->attr.attr.mode = mode & ~(uint32_t)(S_ISUID | (mode & S_IXGRP ? S_ISGID : 0));
	}
}

/* One run of whole pages (the last may be short), as one operation. @end: where the written bytes
 * end. */
static int write_run(struct write_job *job, uint64_t page, const uint8_t *plain, size_t len,
                     uint64_t end)
{
	struct volume *v = job->v;
	struct op op = {.type = OP_WRITE, .attr = {.ino = job->ino, .nextents = 1}};
	struct index_inode row;
	struct page_run run;
	int r = page_run_put(v, job->key, job->ino, page, plain, len, &run);

	if (r != 0)
		return r;
	op.attr.extents = &run.extent;
	lock_take(&v->lock);
	r = index_inode_get(v->ix, job->ino, INDEX_NOW, &row);
	if (r == 0)
		r = page_run_log(v, &run);
	if (r == 0) {
		stamp(v, &op, job->flags, row.mode);
		if (end > row.size) {
			op.attr.mask |= OP_ATTR_SIZE;
			op.attr.attr.size = end;
		}
		r = volume_apply(v, &op);
	}
	lock_drop(&v->lock);
	page_run_done(v, &run);
	return r;
}

/* Bytes [off, off + len), of at most a run's pages, one end or both inside a page. */
static int write_merged(struct write_job *job, uint64_t off, const uint8_t *data, size_t len)
{
	uint64_t page = off / PAGE_BYTES;
	size_t head = (size_t)(off - page * PAGE_BYTES);
	uint64_t npages = (head + len + PAGE_BYTES - 1) / PAGE_BYTES;
	uint64_t after = off + len > job->size ? off + len : job->size;
	size_t span = npages * PAGE_BYTES;
	uint8_t *pages = malloc(span);
	uint64_t size;
	int r = pages ? 0 : ERR_NOMEM;

	if (r == 0 && head)
		r = read_pages(job->v, job->ino, VOLUME_NOW, page, 1, pages, &size);
	if (r == 0 && (head + len) % PAGE_BYTES != 0 && !(head && npages == 1))
		r = read_pages(job->v, job->ino, VOLUME_NOW, page + npages - 1, 1,
		               pages + span - PAGE_BYTES, &size);
	if (r == 0) {
		memcpy(pages + head, data, len);
		if (after < page * PAGE_BYTES + span)
			span = (size_t)(after - page * PAGE_BYTES);
		r = write_run(job, page, pages, span, off + len);
	}
	if (pages)
		explicit_bzero(pages, npages * PAGE_BYTES);
	free(pages);
	return r;
}

/* Runs that begin at a page and end at one, or at the end of the file, are sealed from where they
 * are. */
static int write_all(struct write_job *job, uint64_t off, const uint8_t *data, size_t len)
{
	int r = 0;

	while (r == 0 && len > 0) {
		size_t head = (size_t)(off % PAGE_BYTES);
		size_t n = len < PAGE_RUN_BYTES - head ? len : PAGE_RUN_BYTES - head;

		if (head == 0 && (n % PAGE_BYTES == 0 || off + n >= job->size))
			r = write_run(job, off / PAGE_BYTES, data, n, off + n);
		else
			r = write_merged(job, off, data, n);
		off += n;
		data += n;
		len -= n;
		if (r == 0 && off > job->size)
			job->size = off;
	}
	return r;
}

int volume_write(struct volume *v, uint64_t ino, uint64_t off, const void *data, size_t len,
                 unsigned flags)
{
	struct write_job job = {.v = v, .ino = ino, .flags = flags};
	struct index_inode row;
	int r;

	lock_take(volume_file_lock(v, ino));
	r = file_row_to_write(v, ino, len, &row);
	if (r == 0 && flags & VOLUME_WRITE_APPEND)
		off = row.size;
	if (r == 0 && (off > VOLUME_SIZE_MAX || len > VOLUME_SIZE_MAX - off))
		r = ERR_FBIG;
	if (r == 0)
		r = page_own_key(v, ino, &job.key);
	if (r == 0) {
		job.size = row.size;
		r = write_all(&job, off, data, len);
	}
	keys_put(v->keys, job.key);
	lock_drop(volume_file_lock(v, ino));
	volume_relieve(v);
	return r;
}

/* ---- making files shorter, longer and sparse ---- */

struct space_op {
	struct op op;
	struct op_range range;
	struct page_run runs[2];
	struct index_extent extents[2];
};

/* Page @page gets zeros in [from, to), if it holds data there; the run is added to the operation.
 */
static int zero_in_page(struct volume *v, struct space_op *s, uint64_t ino, uint64_t page,
                        size_t from, size_t to, uint64_t size)
{
	struct key_ref *key = NULL;
	struct extent_list l = {.count = 0};
	uint8_t bytes[PAGE_BYTES];
	size_t len = PAGE_BYTES;
	int r;

	lock_take(&v->lock);
	r = index_extent_list(v->ix, ino, INDEX_NOW, page, 1, take_extent, &l);
	lock_drop(&v->lock);
	if (r < 0 || l.count == 0)
		return r < 0 ? r : 0;
	r = fill(v, &l, page, 1, bytes);
	if (r == 0)
		r = page_own_key(v, ino, &key);
	if (r == 0) {
		memset(bytes + from, 0, to - from);
		if (size - page * PAGE_BYTES < PAGE_BYTES)
			len = (size_t)(size - page * PAGE_BYTES);
		r = page_run_put(v, key, ino, page, bytes, len, &s->runs[s->op.attr.nextents]);
		if (r == 0)
			s->op.attr.nextents++;
	}
	keys_put(v->keys, key);
	explicit_bzero(bytes, sizeof(bytes));
	return r;
}

static int space_apply(struct volume *v, struct space_op *s)
{
	int r = 0;

	lock_take(&v->lock);
	for (size_t i = 0; r == 0 && i < s->op.attr.nextents; i++) {
		s->extents[i] = s->runs[i].extent;
		r = page_run_log(v, &s->runs[i]);
	}
	s->op.attr.extents = s->extents;
	if (r == 0)
		r = volume_apply(v, &s->op);
	lock_drop(&v->lock);
	return r;
}

static void space_done(struct volume *v, struct space_op *s)
{
	for (size_t i = 0; i < s->op.attr.nextents; i++)
		page_run_done(v, &s->runs[i]);
}

int volume_truncate(struct volume *v, uint64_t ino, uint64_t size, unsigned flags)
{
	struct space_op s = {.op = {.type = OP_WRITE, .attr = {.ino = ino, .mask = OP_ATTR_SIZE}}};
	struct index_inode row;
	int r;

	if (size > VOLUME_SIZE_MAX)
		return ERR_FBIG;
	lock_take(volume_file_lock(v, ino));
	r = file_row(v, ino, VOLUME_NOW, &row);
	s.op.attr.attr.size = size;
	if (r == 0 && size < row.size) {
		s.range.page = (size + PAGE_BYTES - 1) / PAGE_BYTES;
		s.range.npages = UINT64_MAX;
		s.op.attr.clears = &s.range;
		s.op.attr.nclears = 1;
		if (size % PAGE_BYTES)
			r = zero_in_page(v, &s, ino, size / PAGE_BYTES, size % PAGE_BYTES,
			                 PAGE_BYTES, size);
	}
	if (r == 0) {
		stamp(v, &s.op, flags, row.mode);
		r = space_apply(v, &s);
	}
	space_done(v, &s);
	lock_drop(volume_file_lock(v, ino));
	return r;
}

int volume_punch(struct volume *v, uint64_t ino, uint64_t off, uint64_t len)
{
	struct space_op s = {.op = {.type = OP_WRITE, .attr.ino = ino}};
	struct index_inode row;
	uint64_t end, first, last;
	uint8_t page[PAGE_BYTES];
	uint64_t size;
	int r;

	lock_take(volume_file_lock(v, ino));
	r = file_row(v, ino, VOLUME_NOW, &row);
	end = len > VOLUME_SIZE_MAX - off ? VOLUME_SIZE_MAX : off + len;
	if (r == 0 &&
	    end > row.size) /* behind the end there is nothing but what pads the last page */
		end = (row.size + PAGE_BYTES - 1) / PAGE_BYTES * PAGE_BYTES;
	if (r != 0 || off >= end)
		goto out;
	first = off / PAGE_BYTES;
	last = end / PAGE_BYTES; /* the page that `end` is in, or begins */
	if (first == last) {
		r = zero_in_page(v, &s, ino, first, off % PAGE_BYTES, end % PAGE_BYTES, row.size);
	} else {
		/* what is far away is fetched before the first page is reserved: a commit waits for
		 * reservations, and must not wait for the store */
		if (off % PAGE_BYTES && end % PAGE_BYTES)
			r = read_pages(v, ino, VOLUME_NOW, last, 1, page, &size);
		if (r == 0 && off % PAGE_BYTES)
			r = zero_in_page(v, &s, ino, first++, off % PAGE_BYTES, PAGE_BYTES,
			                 row.size);
		if (r == 0 && end % PAGE_BYTES)
			r = zero_in_page(v, &s, ino, last, 0, end % PAGE_BYTES, row.size);
		s.range = (struct op_range){first, last - first};
		s.op.attr.clears = &s.range;
		s.op.attr.nclears = last > first ? 1 : 0;
	}
	if (r == 0) {
		stamp(v, &s.op, 0, row.mode);
		r = space_apply(v, &s);
	}
	explicit_bzero(page, sizeof(page));
	space_done(v, &s);
out:
	lock_drop(volume_file_lock(v, ino));
	volume_relieve(v);
	return r;
}
