/* SPDX-License-Identifier: Apache-2.0 */
/* A blob store in memory: the reference that the others are compared with, and the store of the
 * simulator. */
#ifndef AMBERFS_BACKEND_MEM_H
#define AMBERFS_BACKEND_MEM_H

#include "backend/blob.h"

/** An empty store, or NULL when out of memory. */
struct blob *mem_new(void);

/** A second handle on the same objects, as another machine has; each is freed on its own. */
struct blob *mem_share(struct blob *mem);

#endif
