/* SPDX-License-Identifier: Apache-2.0 */
/* A set of numbers (inodes, mostly): open addressing, grows by doubling. 0 cannot be in it. Not
 * thread safe. */
#ifndef AMBERFS_VOLUME_INOSET_H
#define AMBERFS_VOLUME_INOSET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct inoset {
	uint64_t *slots;
	size_t cap, count;
};

/** Add @n (not 0). Returns 1 when it is new, 0 when it was there, ERR_NOMEM. */
int inoset_add(struct inoset *s, uint64_t n);
bool inoset_has(const struct inoset *s, uint64_t n);
void inoset_done(struct inoset *s);

#endif
