/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Waiting for the local disk.
 *
 * The open batch has a number, its ticket; what is applied becomes durable with the batch that is open at that moment, or did already.
 * So whoever wants its changes durable takes the ticket and waits until `durable_ticket` has reached it.
 *
 * Group commit: the first to come commits, and until it is done the others only leave their tickets in a list. It then answers all
 * that its batch served, and commits again when some are left: these share the next flush. Nobody but the one who commits blocks a
 * thread, and nobody waits for a flush that began after its own would have ended.
 */
#include "volume/impl.h"

#include "util/err.h"

#include <stdlib.h>

struct volume_waiter {
	uint64_t ticket;
	volume_synced_fn fn;
	void *ctx;
	struct volume_waiter *next;
};

/* What must become durable: 0 when there is nothing. */
static int take_ticket(struct volume *v, uint64_t *ret)
{
	int r;

	lock_take(&v->lock);
	r = v->poison ? volume_writable(v) : 0;
	*ret = v->batch.len > 0 ? v->open_ticket : v->open_ticket - 1;
	lock_drop(&v->lock);
	return r;
}

int volume_fsync(struct volume *v)
{
	uint64_t ticket;
	int r = take_ticket(v, &ticket);

	if (r != 0 || v->params.read_only || atomic_load(&v->durable_ticket) >= ticket)
		return r;
	return volume_commit_ticket(v, ticket);
}

/* Take those who have what they waited for, or all when that failed (@r). With sync_lock. */
static struct volume_waiter *take_served(struct volume *v, int r)
{
	uint64_t durable = atomic_load(&v->durable_ticket);
	struct volume_waiter **at = &v->waiters, *served = NULL;

	while (*at) {
		struct volume_waiter *w = *at;

		if (r == 0 && w->ticket > durable) {
			at = &w->next;
			continue;
		}
		*at = w->next;
		w->next = served;
		served = w;
	}
	return served;
}

static void answer(struct volume_waiter *served, int r)
{
	while (served) {
		struct volume_waiter *next = served->next;

		served->fn(served->ctx, r);
		free(served);
		served = next;
	}
}

/* Commit until nobody is left who waits. */
static void lead(struct volume *v)
{
	for (;;) {
		struct volume_waiter *served;
		uint64_t ticket = 0;
		int r;

		lock_take(&v->sync_lock);
		v->leading = v->waiters != NULL;
		if (v->leading)
			ticket = v->waiters->ticket;
		lock_drop(&v->sync_lock);
		if (!ticket)
			return;
		r = volume_commit_ticket(v, ticket);
		lock_take(&v->sync_lock);
		served = take_served(v, r);
		lock_drop(&v->sync_lock);
		answer(served, r);
	}
}

void volume_fsync_then(struct volume *v, volume_synced_fn fn, void *ctx)
{
	struct volume_waiter *w;
	uint64_t ticket;
	bool leads;
	int r = take_ticket(v, &ticket);

	if (r != 0 || v->params.read_only || atomic_load(&v->durable_ticket) >= ticket) {
		fn(ctx, r);
		return;
	}
	w = malloc(sizeof(*w));
	if (!w) {
		fn(ctx, volume_commit_ticket(v, ticket));
		return;
	}
	lock_take(&v->sync_lock);
	*w = (struct volume_waiter){ticket, fn, ctx, v->waiters};
	v->waiters = w;
	leads = !v->leading;
	v->leading = true;
	lock_drop(&v->sync_lock);
	if (leads)
		lead(v);
}
