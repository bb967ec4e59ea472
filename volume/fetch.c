/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sealed bytes from where they are: the local pack, or else the store, in whole chunks that are
 * kept locally. A reader that goes forward through a pack gets several chunks a request.
 */
#include "volume/impl.h"

#include "util/err.h"
#include "util/hex.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define READ_AHEAD_CHUNKS 4

static int pack_row(struct volume *v, uint64_t num, struct index_pack *ret)
{
	int r;

	lock_take(&v->lock);
	r = index_pack_get(v->ix, num, ret);
	lock_drop(&v->lock);
	return r == ERR_NOENT ? err_note(ERR_CORRUPT, "pack %" PRIu64 " is not in the index", num)
	                      : r;
}

void volume_pack_name(const uint8_t *name, char *out)
{
	char hex[2 * PACK_NAME_BYTES + 1];

	hex_encode(hex, name, PACK_NAME_BYTES);
	snprintf(out, BLOB_NAME_MAX, "packs/%s", hex);
}

int volume_pack_note(struct volume *v, int code, uint64_t num)
{
	char name[BLOB_NAME_MAX + 1];
	struct index_pack row;

	if (pack_row(v, num, &row) != 0)
		return code;
	volume_pack_name(row.name, name);
	return err_note(code, "%s", name);
}

/* A chunk-aligned piece that covers the range, from the store. */
static int get_piece(struct volume *v, uint64_t num, uint64_t off, size_t len, struct buf *out,
                     uint64_t *ret_start)
{
	uint64_t start = off / PACK_CHUNK_BYTES * PACK_CHUNK_BYTES;
	uint64_t end = (off + len + PACK_CHUNK_BYTES - 1) / PACK_CHUNK_BYTES * PACK_CHUNK_BYTES;
	char name[BLOB_NAME_MAX + 1];
	struct index_pack row;
	int r = pack_row(v, num, &row);

	if (r != 0)
		return r;
	if (packs_has_chunk(v->packs, num, start))
		end += READ_AHEAD_CHUNKS * PACK_CHUNK_BYTES;
	volume_pack_name(row.name, name);
	r = blob_get(v->params.store, name, start, (size_t)(end - start), out);
	if (r != 0)
		return r;
	if (start + out->len < off + len)
		return err_note(ERR_CORRUPT, "%s is too short", name);
	packs_keep(v->packs, num, start, out->data, out->len, row.size);
	*ret_start = start;
	return 0;
}

int volume_fetch(struct volume *v, uint64_t pack, uint64_t off, size_t len, uint8_t *out,
                 bool fresh)
{
	struct buf piece;
	uint64_t start = 0;
	int r = fresh && !packs_is_only_copy(v->packs, pack)
	            ? ERR_NOENT
	            : packs_read(v->packs, pack, off, len, out);

	if (r == 0)
		return 0;
	if (r != ERR_NOENT && r != ERR_CORRUPT && r != ERR_IO)
		return r;
	if (packs_is_only_copy(v->packs, pack))
		return r == ERR_IO ? r
		                   : err_note(r == ERR_NOENT ? ERR_IO : r,
		                              "packs/%" PRIu64 " of the state folder", pack);
	if (r != ERR_NOENT)
		packs_drop(v->packs, pack);
	buf_init(&piece, (size_t)len + (READ_AHEAD_CHUNKS + 3) * PACK_CHUNK_BYTES);
	r = get_piece(v, pack, off, len, &piece, &start);
	if (r == 0)
		memcpy(out, piece.data + (off - start), len);
	buf_done(&piece);
	return r;
}
