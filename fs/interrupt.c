/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/interrupt.h"

#include "util/cancel.h"

/* From the thread that read the interrupt, while libfuse keeps the request. */
static void on_interrupt(fuse_req_t req, void *ctx)
{
	struct interrupt *i = ctx;

	(void)req;
	atomic_store(&i->asked, true);
}

void interrupt_begin(struct interrupt *i, fuse_req_t req)
{
	i->req = req;
	atomic_init(&i->asked, false);
	cancel_watch(&i->asked);
	fuse_req_interrupt_func(req, on_interrupt, i);
}

void interrupt_end(struct interrupt *i)
{
	fuse_req_interrupt_func(i->req, NULL, NULL);
	cancel_watch(NULL);
}
