/* SPDX-License-Identifier: Apache-2.0 */
/* A slot: 48 bits of the inode number, 8 bits of writes since the last fsync, 8 bits of how often in a row there was exactly one. */
#include "fs/eager.h"

#define ROW_SURE 3 /* so often in a row makes a habit */
#define COUNT_MAX 255

static uint64_t pack(uint64_t ino, unsigned writes, unsigned row)
{
	return ino << 16 | writes << 8 | row;
}

static _Atomic uint64_t *slot_of(struct eager *e, uint64_t ino, unsigned *writes, unsigned *row)
{
	_Atomic uint64_t *slot = &e->slots[ino % EAGER_SLOTS];
	uint64_t now = atomic_load_explicit(slot, memory_order_relaxed);
	bool same = now >> 16 == (ino & UINT64_MAX >> 16);

	*writes = same ? now >> 8 & COUNT_MAX : 0;
	*row = same ? now & COUNT_MAX : 0;
	return slot;
}

bool eager_written(struct eager *e, uint64_t ino)
{
	unsigned writes, row;
	_Atomic uint64_t *slot = slot_of(e, ino, &writes, &row);

	if (writes < COUNT_MAX)
		writes++;
	atomic_store_explicit(slot, pack(ino, writes, row), memory_order_relaxed);
	return writes == 1 && row >= ROW_SURE;
}

void eager_synced(struct eager *e, uint64_t ino)
{
	unsigned writes, row;
	_Atomic uint64_t *slot = slot_of(e, ino, &writes, &row);

	if (writes != 1)
		row = 0;
	else if (row < COUNT_MAX)
		row++;
	atomic_store_explicit(slot, pack(ino, 0, row), memory_order_relaxed);
}
