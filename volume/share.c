/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sharing data between files, and finding holes: what can be answered from extents alone.
 *
 * A copy refers to the same sealed pages under the same file key; nothing is read or sealed. Pages
 * must line up and the range must end at a page or where both files end, else bytes are copied.
 */
#include "volume/page_io.h"

#include "util/err.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define SHARE_EXTENTS_MAX 4096

struct share {
	struct index_extent *extents;
	size_t count;
	uint64_t from, to; /* source pages */
	uint64_t dst, dst_page;
};

/* Clip to the range and move to the destination. */
static int share_one(void *ctx, const struct index_extent *row)
{
	struct share *s = ctx;
	struct index_extent *e = &s->extents[s->count];
	uint64_t skip = row->page < s->from ? s->from - row->page : 0;
	uint64_t end = row->page + row->npages;

	*e = *row;
	if (end > s->to) {
		e->npages -= (uint32_t)(end - s->to);
		e->tail = PAGE_BYTES;
	}
	e->npages -= (uint32_t)skip;
	e->first += (uint32_t)skip;
	e->off += skip * SEALED_PAGE_BYTES;
	e->page = row->page + skip - s->from + s->dst_page;
	e->ino = s->dst;
	return ++s->count == SHARE_EXTENTS_MAX ? 1 : 0;
}

/* *ret_n: bytes shared; fewer than @len when the source is in too many pieces for one operation. */
static int share_pages(struct volume *v, struct share *s, uint64_t src, uint64_t dst_off,
                       uint64_t len, uint64_t *ret_n)
{
	struct op op = {.type = OP_WRITE, .time_ns = volume_now_ns(v), .attr = {.ino = s->dst}};
	struct op_range clear = {s->dst_page, s->to - s->from};
	struct index_inode row;
	int r = index_extent_list(v->ix, src, INDEX_NOW, s->from, s->to - s->from, share_one, s);

	if (r < 0)
		return r;
	if (s->count == SHARE_EXTENTS_MAX) {
		const struct index_extent *last = &s->extents[s->count - 1];

		clear.npages = last->page + last->npages - s->dst_page;
		if (clear.npages * PAGE_BYTES < len)
			len = clear.npages * PAGE_BYTES;
	}
	r = index_inode_get(v->ix, s->dst, INDEX_NOW, &row);
	if (r != 0)
		return r;
	op.attr.mask = OP_ATTR_MTIME | OP_ATTR_CTIME;
	op.attr.attr.mtime_ns = op.time_ns;
	op.attr.attr.ctime_ns = op.time_ns;
	if (dst_off + len > row.size) {
		op.attr.mask |= OP_ATTR_SIZE;
		op.attr.attr.size = dst_off + len;
	}
	op.attr.clears = &clear;
	op.attr.nclears = 1;
	op.attr.extents = s->extents;
	op.attr.nextents = s->count;
	r = volume_apply(v, &op);
	if (r == 0)
		*ret_n = len;
	return r;
}

static int copy_bytes(struct volume *v, uint64_t src, uint64_t src_off, uint64_t dst,
                      uint64_t dst_off, uint64_t len, uint64_t *ret_n)
{
	size_t n = len < PAGE_RUN_BYTES ? (size_t)len : PAGE_RUN_BYTES;
	uint8_t *bytes = malloc(n);
	size_t got = 0;
	int r = bytes ? volume_read(v, src, VOLUME_NOW, src_off, n, bytes, &got) : ERR_NOMEM;

	if (r == 0 && got > 0)
		r = volume_write(v, dst, dst_off, bytes, got, 0);
	if (bytes)
		explicit_bzero(bytes, n);
	free(bytes);
	if (r == 0)
		*ret_n = got;
	return r;
}

/* How the range can be copied; *len is clipped to what there is. With the destination's file lock.
 */
static int plan_copy(struct volume *v, uint64_t src, uint64_t src_off, uint64_t dst,
                     uint64_t dst_off, uint64_t *len, bool *ret_share)
{
	struct volume_attr a, b;
	int r = volume_getattr(v, src, VOLUME_NOW, &a);

	if (r == 0)
		r = volume_getattr(v, dst, VOLUME_NOW, &b);
	if (r != 0)
		return r;
	if (!S_ISREG(a.mode) || !S_ISREG(b.mode))
		return ERR_INVAL;
	if (src_off >= a.size)
		*len = 0;
	else if (*len > a.size - src_off)
		*len = a.size - src_off;
	if (dst_off > VOLUME_SIZE_MAX || *len > VOLUME_SIZE_MAX - dst_off)
		return ERR_FBIG;
	if (src == dst && src_off < dst_off + *len && dst_off < src_off + *len)
		return ERR_INVAL;
	*ret_share = src_off % PAGE_BYTES == 0 && dst_off % PAGE_BYTES == 0;
	/* a part of a page in the middle of the destination: whole pages first */
	if (*ret_share && *len % PAGE_BYTES && dst_off + *len < b.size) {
		if (*len > PAGE_BYTES)
			*len -= *len % PAGE_BYTES;
		else
			*ret_share = false;
	}
	/* the last page would bring along what lies behind the range */
	if (*len % PAGE_BYTES && src_off + *len < a.size)
		*ret_share = false;
	return 0;
}

/* plan_copy() looked at the source before the lock was taken: has it grown or shrunk since? */
static bool still_fits(struct volume *v, uint64_t src, uint64_t src_off, uint64_t len)
{
	struct index_inode row;

	if (index_inode_get(v->ix, src, INDEX_NOW, &row) != 0)
		return false;
	return src_off + len <= row.size && (len % PAGE_BYTES == 0 || src_off + len == row.size);
}

int volume_copy(struct volume *v, uint64_t src, uint64_t src_off, uint64_t dst, uint64_t dst_off,
                uint64_t len, uint64_t *ret_n)
{
	struct share s = {.dst = dst};
	bool share = false;
	int r;

	*ret_n = 0;
	lock_take(volume_file_lock(v, dst));
	r = plan_copy(v, src, src_off, dst, dst_off, &len, &share);
	if (r == 0 && share && len > 0) {
		s.from = src_off / PAGE_BYTES;
		s.to = (src_off + len + PAGE_BYTES - 1) / PAGE_BYTES;
		s.dst_page = dst_off / PAGE_BYTES;
		s.extents = calloc(SHARE_EXTENTS_MAX, sizeof(*s.extents));
		r = s.extents ? 0 : ERR_NOMEM;
		lock_take(&v->lock);
		if (r == 0)
			share = still_fits(v, src, src_off, len);
		if (r == 0 && share)
			r = share_pages(v, &s, src, dst_off, len, ret_n);
		lock_drop(&v->lock);
		free(s.extents);
	}
	lock_drop(volume_file_lock(v, dst));
	if (r == 0 && !share && len > 0)
		return copy_bytes(v, src, src_off, dst, dst_off, len, ret_n);
	volume_relieve(v);
	return r;
}

struct seek {
	uint64_t page; /* where to look from; for holes it moves on over data */
	bool hole;
	bool found;
};

static int seek_one(void *ctx, const struct index_extent *row)
{
	struct seek *s = ctx;

	if (!s->hole) {
		if (row->page > s->page)
			s->page = row->page;
		s->found = true;
		return 1;
	}
	if (row->page > s->page)
		return 1;
	s->page = row->page + row->npages;
	return 0;
}

int volume_seek(struct volume *v, uint64_t ino, int64_t at, uint64_t off, bool hole, uint64_t *ret)
{
	struct seek s = {.page = off / PAGE_BYTES, .hole = hole};
	struct index_inode row;
	uint64_t pos;
	int r;

	lock_take(&v->lock);
	r = index_inode_get(v->ix, ino, at, &row);
	if (r == 0 && off >= row.size)
		r = ERR_NODATA;
	if (r == 0)
		r = index_extent_list(v->ix, ino, at, s.page, UINT64_MAX - s.page, seek_one, &s);
	lock_drop(&v->lock);
	if (r < 0)
		return r;
	if (!hole && !s.found)
		return ERR_NODATA;
	pos = s.page * PAGE_BYTES;
	if (pos < off)
		pos = off;
	if (pos >= row.size) {
		if (!hole)
			return ERR_NODATA;
		pos = row.size;
	}
	*ret = pos;
	return 0;
}
