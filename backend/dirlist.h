/* SPDX-License-Identifier: Apache-2.0 */
/* The listing of a folder store (backend/dir): all objects below a folder in the byte order of
 * their names. */
#ifndef AMBERFS_BACKEND_DIRLIST_H
#define AMBERFS_BACKEND_DIRLIST_H

#include "backend/blob.h"
#include "util/fileio.h"

#include <stdatomic.h>

struct dirlist {
	const struct fileio *io;
	const char *base;
	const char *prefix;
	const char *after; /* or NULL */
	atomic_bool *canceled;
	blob_list_fn fn;
	void *ctx;
};

/** Call @list->fn as blob_list() says. What it stopped with goes to *ret_stop, which must be 0;
 * errors are the disk's. */
int dirlist_walk(const struct dirlist *list, int *ret_stop);

#endif
