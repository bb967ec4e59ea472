/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Each page of the main file is sealed by itself, so an older version of it opens as well. What tells the newest one is
 * its tag, and the tags of all pages are kept here: 16 bytes a page, in memory, and in a sealed file that is replaced as
 * a whole after each checkpoint (index_checkpoint()).
 *
 * Pages are written to the main file only by a checkpoint, and the log keeps them until the next transaction after it
 * begins the log anew. So between the first page of a checkpoint and the storing of the sums, a crash leaves a main file
 * that is newer than its sums, and a log that has all pages that differ: none of them is read from the main file.
 *
 * The log must be one that goes with this main file:
 *
 *   begun after the sums were stored     its frames have the generation `gen`
 *   or there when they were stored       `log_gen`: then it must still have the frames that were moved, for a shorter one
 *                                        would put older pages over newer ones (vfs_sums_check_log())
 *   or none, or none that can be read    the main file alone is a state that was committed
 *
 * Any other log's frames do not open. What is left to whoever has the disk is to put all three files back to one moment:
 * a state that was right then, which the volume's journal carries on or refuses.
 */
#include "meta/vfs_impl.h"

#include "util/buf.h"
#include "util/check.h"
#include "util/codec.h"
#include "util/err.h"
#include "util/secret.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAGIC "AMBISUM1"
#define MAGIC_BYTES 8
#define HEADER_BYTES (MAGIC_BYTES + VFS_SALT_BYTES)
#define FIXED_BYTES (8 + 8 + 8 + VFS_TAG_BYTES)
#define SUMS_MAX ((size_t)1 << 30)

static uint64_t new_gen(struct vfs *v)
{
	uint64_t gen = 0;

	while (gen == 0)
		rng_fill(v->rng, &gen, sizeof(gen));
	return gen;
}

/* ---- in memory ---- */

static int grow(struct vfs_sums *s, size_t npages)
{
	size_t cap = s->cap ? s->cap : 64;
	uint8_t(*tags)[VFS_TAG_BYTES];

	while (cap < npages)
		cap *= 2;
	if (cap > SUMS_MAX / VFS_TAG_BYTES)
		return ERR_NOMEM;
	tags = realloc(s->tags, cap * sizeof(*tags));
	if (!tags)
		return ERR_NOMEM;
	s->tags = tags;
	s->cap = cap;
	return 0;
}

int vfs_sums_set(struct vfs *v, uint64_t page, const uint8_t *tag)
{
	struct vfs_sums *s = &v->sums;
	int rc = 0;

	if (!s->path)
		return 0;
	lock_take(&v->lock);
	if (page > s->cap)
		rc = page <= SUMS_MAX / VFS_TAG_BYTES ? grow(s, page) : ERR_NOMEM;
	if (rc == 0) {
		if (page > s->npages) {
			memset(s->tags[s->npages], 0, (page - s->npages) * sizeof(*s->tags));
			s->npages = page;
		}
		memcpy(s->tags[page - 1], tag, VFS_TAG_BYTES);
		s->dirty = true;
	}
	lock_drop(&v->lock);
	return rc;
}

void vfs_sums_cut(struct vfs *v, uint64_t npages)
{
	lock_take(&v->lock);
	if (npages < v->sums.npages) {
		v->sums.npages = npages;
		v->sums.dirty = true;
	}
	lock_drop(&v->lock);
}

bool vfs_sums_right(struct vfs *v, uint64_t page, const uint8_t *tag)
{
	const struct vfs_sums *s = &v->sums;
	bool right;

	lock_take(&v->lock);
	right =
	    !s->path || (page <= s->npages && secret_equal(s->tags[page - 1], tag, VFS_TAG_BYTES));
	lock_drop(&v->lock);
	return right;
}

bool vfs_sums_log_fits(struct vfs *v, uint64_t gen)
{
	bool fits;

	lock_take(&v->lock);
	fits = gen == v->sums.gen || gen == v->sums.log_gen;
	lock_drop(&v->lock);
	return fits;
}

void vfs_sums_done(struct vfs *v)
{
	free(v->sums.path);
	free(v->sums.tags);
	v->sums = (struct vfs_sums){0};
}

/* ---- the file ---- */

static size_t sums_aad(uint8_t *aad, const uint8_t *header)
{
	size_t n = vfs_aad(aad, VFS_KIND_SUMS, 0);

	memcpy(aad + n, header, MAGIC_BYTES);
	return n + MAGIC_BYTES;
}

static int decode(struct vfs_sums *s, const uint8_t *plain, size_t len)
{
	const uint8_t *tag, *tags;
	struct dec d;
	size_t npages;
	int rc;

	dec_init(&d, plain, len);
	s->gen = dec_u64(&d);
	s->log_gen = dec_u64(&d);
	s->log_frames = dec_u64(&d);
	tag = dec_bytes(&d, VFS_TAG_BYTES);
	npages = dec_left(&d) / VFS_TAG_BYTES;
	tags = dec_bytes(&d, npages * VFS_TAG_BYTES);
	rc = dec_end(&d);
	if (rc == 0 && npages > 0)
		rc = grow(s, npages);
	if (rc != 0)
		return rc;
	memcpy(s->log_tag, tag, VFS_TAG_BYTES);
	if (npages > 0)
		memcpy(s->tags, tags, npages * VFS_TAG_BYTES);
	s->npages = npages;
	return 0;
}

static int load(struct vfs *v)
{
	uint8_t aad[64], *stored = NULL;
	struct file *f = NULL;
	uint64_t size = 0;
	size_t aad_len, len;
	int rc = file_open(v->io, v->sums.path, FILE_READ, &f);

	if (rc == ERR_NOENT)
		return err_note(ERR_UNAUTHENTIC, "index: its sums are missing");
	if (rc == 0)
		rc = file_size(f, &size);
	if (rc == 0 && (size < HEADER_BYTES + FIXED_BYTES + VFS_TAG_BYTES || size > SUMS_MAX))
		rc = ERR_UNAUTHENTIC;
	if (rc == 0 && !(stored = malloc(size)))
		rc = ERR_NOMEM;
	if (rc == 0)
		rc = file_pread_all(f, stored, size, 0);
	if (rc == 0) {
		len = size - HEADER_BYTES - VFS_TAG_BYTES;
		aad_len = sums_aad(aad, stored);
		rc = v->cipher.open(v->cipher.ctx, stored + MAGIC_BYTES, aad, aad_len,
		                    stored + HEADER_BYTES, len, stored + HEADER_BYTES + len,
		                    stored + HEADER_BYTES);
		if (rc == 0)
			rc = decode(&v->sums, stored + HEADER_BYTES, len);
	}
	file_close(f);
	free(stored);
	return rc == ERR_UNAUTHENTIC || rc == ERR_CORRUPT
	           ? err_note(ERR_UNAUTHENTIC, "index: its sums")
	           : rc;
}

int vfs_sums_open(struct vfs *v, const char *path, bool fresh)
{
	if (asprintf(&v->sums.path, "%s-sum", path) < 0) {
		v->sums.path = NULL;
		return ERR_NOMEM;
	}
	v->sums.gen = new_gen(v);
	v->sums.dirty = true;
	if (fresh)
		return 0;
	v->sums.dirty = false;
	return load(v);
}

static int encode(struct vfs *v, const struct vfs_sums *s, struct buf *b)
{
	uint8_t aad[64], *tag;
	size_t aad_len, len;
	int rc;

	buf_add(b, MAGIC, MAGIC_BYTES);
	buf_extend(b, VFS_SALT_BYTES);
	enc_u64(b, s->gen);
	enc_u64(b, s->log_gen);
	enc_u64(b, s->log_frames);
	buf_add(b, s->log_tag, VFS_TAG_BYTES);
	buf_add(b, s->tags, s->npages * VFS_TAG_BYTES);
	len = b->len - HEADER_BYTES;
	tag = buf_extend(b, VFS_TAG_BYTES);
	if (buf_error(b))
		return buf_error(b);
	rng_fill(v->rng, b->data + MAGIC_BYTES, VFS_SALT_BYTES);
	aad_len = sums_aad(aad, b->data);
	rc = v->cipher.seal(v->cipher.ctx, b->data + MAGIC_BYTES, aad, aad_len,
	                    b->data + HEADER_BYTES, len, b->data + HEADER_BYTES, tag);
	return rc;
}

/* Replaced as a whole, durably. */
static int replace(struct vfs *v, const struct buf *b)
{
	struct file *f = NULL;
	char *path = NULL;
	int rc;

	if (asprintf(&path, "%s.new", v->sums.path) < 0)
		return ERR_NOMEM;
	rc = file_open(v->io, path, FILE_WRITE | FILE_CREATE | FILE_TRUNC, &f);
	if (rc == 0)
		rc = file_pwrite(f, b->data, b->len, 0);
	if (rc == 0)
		rc = file_sync(f);
	file_close(f);
	if (rc == 0)
		rc = fileio_rename(v->io, path, v->sums.path);
	if (rc == 0)
		rc = vfs_sync_folder(v, v->sums.path);
	free(path);
	return rc;
}

int vfs_sums_store(struct vfs *v, uint64_t frames)
{
	struct vfs_sums next = v->sums;
	struct buf b;
	int rc = 0;

	if (!v->sums.path || !v->sums.dirty)
		return 0;
	next.gen = new_gen(v);
	next.log_frames = frames;
	memset(next.log_tag, 0, sizeof(next.log_tag));
	buf_init(&b, SUMS_MAX);
	if (frames > 0)
		rc = vfs_wal_tag(v, frames, &next.log_gen, next.log_tag);
	else
		next.log_gen = vfs_wal_gen(v);
	if (rc == 0)
		rc = encode(v, &next, &b);
	if (rc == 0)
		rc = replace(v, &b);
	buf_done(&b);
	if (rc != 0)
		return rc;
	lock_take(&v->lock);
	v->sums.gen = next.gen;
	v->sums.log_gen = next.log_gen;
	v->sums.log_frames = next.log_frames;
	memcpy(v->sums.log_tag, next.log_tag, VFS_TAG_BYTES);
	v->sums.dirty = false;
	lock_drop(&v->lock);
	return 0;
}

int vfs_sums_check_log(struct vfs *v)
{
	const struct vfs_sums *s = &v->sums;
	uint64_t frames = vfs_shm_log_frames(&v->shm);
	uint64_t gen = vfs_wal_gen(v);
	uint8_t tag[VFS_TAG_BYTES];
	int rc = 0;

	if (!s->path || frames == 0 || s->log_frames == 0 || gen != s->log_gen)
		return 0;
	if (frames >= s->log_frames)
		rc = vfs_wal_tag(v, s->log_frames, &gen, tag);
	if (rc == 0 && (frames < s->log_frames || !secret_equal(tag, s->log_tag, sizeof(tag))))
		rc = ERR_UNAUTHENTIC;
	return rc == ERR_UNAUTHENTIC ? err_note(rc, "index: its log is not the newest") : rc;
}
