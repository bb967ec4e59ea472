/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Room on the local disk. New data is taken only while VOLUME_DISK_RESERVE stays free: that is for the journal, the log and the
 * index, so that what was accepted can be made durable, and what makes room (removing, shortening) always works.
 *
 * When it gets near, packs that are stored are let go of, the oldest first.
 *
 * Asking the kernel costs a system call, so a look grants an allowance, and writers take from it without a lock. What other
 * programs take meanwhile is seen at the next look: when the allowance is used up, and at each tick of the clock thread.
 */
#include "volume/impl.h"

#include "util/cancel.h"
#include "util/err.h"
#include "volume/page_io.h"

#define ALLOWANCE_MAX (64ll << 20)
#define STORE_WAIT_NS 30000000000ll

/* What is free beyond the reserve. */
static int64_t look(struct volume *v)
{
	uint64_t bytes;

	if (fileio_free_bytes(v->params.io, v->dir, &bytes) != 0)
		bytes = UINT64_MAX / 2; /* writing will tell */
	return bytes > VOLUME_DISK_RESERVE ? (int64_t)(bytes - VOLUME_DISK_RESERVE) : 0;
}

void volume_room_look(struct volume *v)
{
	int64_t left = look(v);

	/* what the store has need not be here */
	if (left < ALLOWANCE_MAX && packs_make_room(v->packs, (uint64_t)(ALLOWANCE_MAX - left)))
		left = look(v);
	atomic_store(&v->room, left < ALLOWANCE_MAX ? left : ALLOWANCE_MAX);
	atomic_store(&v->disk_low, left == 0);
}

/*
 * Data that is not stored may fill the cache up to its limit (packs_reserve() says ENOSPC then). A writer that is near it waits
 * while the store takes some, as long as it answers and there is progress.
 */
static int wait_for_store(struct volume *v, size_t len)
{
	uint64_t near_limit = v->params.cache_limit_bytes / 8 * 7;
	uint64_t least = UINT64_MAX;
	int64_t end_ns = 0;
	bool on = true;

	while (on) {
		uint64_t unstored = packs_unstored_bytes(v->packs);

		if (unstored + len <= near_limit)
			return 0;
		if (unstored < least) {
			least = unstored;
			end_ns = clock_mono_ns(v->params.clock) + STORE_WAIT_NS;
		}
		if (cancel_is_asked())
			return ERR_CANCELED;
		lock_take(&v->upload_lock);
		on = v->nthreads > 0 && !v->stopping && v->store_error == 0 &&
		     clock_mono_ns(v->params.clock) < end_ns;
		if (on)
			cond_wait_ms(&v->upload_changed, &v->upload_lock, CANCEL_POLL_MS);
		lock_drop(&v->upload_lock);
	}
	return 0;
}

int volume_room_take(struct volume *v, size_t len)
{
	int64_t need = (int64_t)len;

	if (atomic_load(&v->disk_low) || atomic_fetch_sub(&v->room, need) < need) {
		volume_room_look(v);
		if (atomic_fetch_sub(&v->room, need) < need)
			return err_note(ERR_NOSPC, "the disk of the state folder is full");
	}
	return wait_for_store(v, len);
}

static int add_overlap(void *ctx, const struct index_extent *row)
{
	*(uint64_t *)ctx += row->npages;
	return 0;
}

/* The pages that an extent would replace are found only when it matters: near the limit. An extent that reaches into the range counts
 * whole, in favour of the writer. */
int volume_room_quota(struct volume *v, const struct op *op)
{
	uint64_t limit = v->params.quota_bytes / PAGE_BYTES;
	uint64_t used = index_state(v->ix)->pages, more = 0, gone = 0;
	int r = 0;

	for (size_t i = 0; i < op->attr.nextents; i++)
		more += op->attr.extents[i].npages;
	if (more == 0 || used + more <= limit)
		return 0;
	for (size_t i = 0; r >= 0 && i < op->attr.nextents; i++) {
		const struct index_extent *e = &op->attr.extents[i];

		r = index_extent_list(v->ix, op->attr.ino, INDEX_NOW, e->page, e->npages,
		                      add_overlap, &gone);
	}
	if (r < 0)
		return r;
	return more > gone && used + more - gone > limit
	           ? err_note(ERR_QUOTA, "the quota of the mount is used up")
	           : 0;
}
