/* SPDX-License-Identifier: Apache-2.0 */
/* Packs on their way into the store. A pack is taken by one uploader at a time; its file moves to
 * cache/ only after the store has acknowledged it (K2 in pack.c), and it is stored only after its end is durable in the journal: else a
 * crash would end it once more, with other bytes under the same name, or find that its file was evicted before it had ended. */
#include "volume/pack_impl.h"

#include "util/check.h"
#include "util/err.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

int packs_take_unstored(struct packs *p, uint64_t durable_ticket, struct pack_info *ret)
{
	int r = ERR_NOENT;

	lock_take(&p->lock);
	for (size_t i = 0; i < p->count; i++) {
		struct pack *pack = p->all[i];

		if (pack->state != PACK_SEALED || pack->storing ||
		    pack->end_ticket > durable_ticket)
			continue;
		pack->storing = true;
		ret->num = pack->num;
		ret->size = pack->size;
		memcpy(ret->name, pack->name, PACK_NAME_BYTES);
		r = 0;
		break;
	}
	lock_drop(&p->lock);
	return r;
}

int packs_load(struct packs *p, uint64_t num, struct buf *out)
{
	struct pack *pack;
	uint8_t *to;
	int r;

	lock_take(&p->lock);
	pack = packs_find(p, num);
	lock_drop(&p->lock);
	CHECK(pack && pack->storing);
	to = buf_extend(out, (size_t)pack->size);
	if (!to)
		return buf_error(out);
	r = packs_use(p, pack, false);
	if (r != 0)
		return r;
	r = file_pread_all(pack->file, to, (size_t)pack->size, 0);
	if (r == ERR_CORRUPT)
		r = err_note(ERR_CORRUPT, "packs/%" PRIu64 " of the state folder is cut short",
		             num);
	packs_unuse(p, pack);
	return r;
}

int packs_stored(struct packs *p, uint64_t num)
{
	char from[PACK_PATH_MAX], to[PACK_PATH_MAX];
	struct pack *pack;
	int r;

	lock_take(&p->lock);
	pack = packs_find(p, num);
	CHECK(pack && pack->storing);
	packs_path(p, pack, from);
	lock_drop(&p->lock);
	snprintf(to, sizeof(to), "%s/cache/%" PRIu64, p->dir, num);
	r = fileio_rename(p->params.io, from, to);
	lock_take(&p->lock);
	pack->storing = false;
	if (r == 0) {
		pack->state = PACK_STORED;
		p->unstored_bytes -= pack->here_bytes;
		p->unstored_packs--;
	}
	cond_wake_all(&p->changed);
	lock_drop(&p->lock);
	return r;
}

int packs_know_stored(struct packs *p, uint64_t num, uint64_t size)
{
	struct pack *pack;
	bool whole = false;
	int r = 0;

	lock_take(&p->lock);
	pack = packs_find(p, num);
	if (pack && pack->state < PACK_STORED && pack->users == 0) {
		whole = pack->state == PACK_SEALED && pack->here_bytes == size;
		if (whole)
			pack->storing = true;
		else
			r = packs_remove_local(p, pack);
	}
	lock_drop(&p->lock);
	return whole ? packs_stored(p, num) : r;
}

void packs_not_stored(struct packs *p, uint64_t num)
{
	struct pack *pack;

	lock_take(&p->lock);
	pack = packs_find(p, num);
	CHECK(pack && pack->storing);
	pack->storing = false;
	lock_drop(&p->lock);
}

uint64_t packs_first_open(struct packs *p)
{
	uint64_t num = 0;

	lock_take(&p->lock);
	for (size_t i = 0; i < p->count && !num; i++)
		if (p->all[i]->state < PACK_SEALED && p->all[i]->size > 0)
			num = p->all[i]->num;
	lock_drop(&p->lock);
	return num;
}

bool packs_unstored_below(struct packs *p, uint64_t num)
{
	bool found = false;

	lock_take(&p->lock);
	for (size_t i = 0; i < p->count && p->all[i]->num <= num && !found; i++)
		found = p->all[i]->state < PACK_STORED;
	lock_drop(&p->lock);
	return found;
}

uint64_t packs_unstored_bytes(const struct packs *p)
{
	return p->unstored_bytes;
}

void packs_count(struct packs *p, struct packs_totals *ret)
{
	lock_take(&p->lock);
	ret->local_bytes = p->local_bytes;
	ret->unstored_bytes = p->unstored_bytes;
	ret->unstored_packs = p->unstored_packs - (p->open && p->open->size == 0 ? 1 : 0);
	lock_drop(&p->lock);
}
