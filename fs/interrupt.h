/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A request that may have to wait for the store, and whose program may not want to: the kernel then sends an interrupt, which lets the
 * wait end with EINTR. Without that a program that waits could not even be killed.
 */
#ifndef AMBERFS_FS_INTERRUPT_H
#define AMBERFS_FS_INTERRUPT_H

#include "fs/fs_impl.h"

struct interrupt {
	fuse_req_t req;
	atomic_bool asked;
};

/** This thread works for @req now, and waits no longer than its program wants. @i lives until the end. */
void interrupt_begin(struct interrupt *i, fuse_req_t req);

/** Before @req is answered. */
void interrupt_end(struct interrupt *i);

#endif
