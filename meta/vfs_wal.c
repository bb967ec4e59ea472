/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Frames of the log. The layout stands at the head of vfs.c.
 *
 * SQLite writes a frame in two calls, header (24 bytes) and page; the header's checksum words must
 * be sealed with the page, so a header waits in `pending` until its page comes, and both go to the
 * disk in one write. Two cases break this rhythm, both inside a transaction that was larger than
 * SQLite's cache, and both only for frames that this process wrote since the log began anew (below
 * `written`):
 *
 *   - a page is written into a frame again, without its header: the frame keeps its header,
 *     with a checksum of zero until commit;
 *   - at commit, headers alone are written again with the right checksums: the page in the frame is
 * sealed again with it, at once, as nothing need follow before the transaction counts as committed.
 *
 * In both the frame is opened first: otherwise a header that was changed on the disk would be
 * sealed as our own.
 *
 * Recovery reads whole frames and stops at the first whose checksum is wrong; a frame that cannot
 * be opened is read as zeros there, since a torn tail after a crash is no fault. Everywhere else it
 * is an error. `salts` are those of the log's current header: a frame of an earlier round of the
 * same file is not taken for one of this round.
 */
#include "meta/vfs_impl.h"

#include "util/err.h"

#include <stdlib.h>
#include <string.h>

#define HEADER_BYTES 32
#define HEADER_SALTS 16 /* where they begin in the log's header */
#define FRAME_HEADER_BYTES 24
#define FRAME_CLEAR_BYTES 16
#define FRAME_GEN_BYTES 8 /* behind the clear bytes, in place of the checksum */
#define FRAME_SALTS 8     /* where they begin in a frame's header */
#define FRAME_BYTES (FRAME_HEADER_BYTES + VFS_PAGE_BYTES)

struct vfs_wal {
	struct file *f;
	unsigned conns;               /* guarded by v->lock */
	unsigned refs;                /* conns and running syncs; guarded by v->lock */
	atomic_uint_fast64_t written; /* frames below were written since the header was */
	atomic_uint_fast64_t salts;   /* of the header */
	atomic_bool salts_known;
	atomic_uint_fast64_t
	    gen; /* of its frames: that of the sums when it was begun (vfs_sums.c) */
};

static void gen_encode(uint8_t *out, uint64_t gen)
{
	for (int i = 0; i < FRAME_GEN_BYTES; i++)
		out[i] = (uint8_t)(gen >> (8 * i));
}

static uint64_t gen_decode(const uint8_t *in)
{
	uint64_t gen = 0;

	for (int i = 0; i < FRAME_GEN_BYTES; i++)
		gen |= (uint64_t)in[i] << (8 * i);
	return gen;
}

/* ---- the shared handle ---- */

static struct vfs_wal *ref_open(struct vfs *v, unsigned conns)
{
	struct vfs_wal *wal;

	lock_take(&v->lock);
	wal = v->wal;
	if (wal) {
		wal->conns += conns;
		wal->refs++;
	}
	lock_drop(&v->lock);
	return wal;
}

int vfs_wal_open(struct vfs *v, const char *path, bool create, struct vfs_wal **ret)
{
	struct vfs_wal *wal = ref_open(v, 1);
	struct vfs_wal *fresh;
	int rc;

	if (wal) {
		*ret = wal;
		return 0;
	}
	fresh = calloc(1, sizeof(*fresh));
	if (!fresh)
		return ERR_NOMEM;
	rc = vfs_open_file(v, path, create, &fresh->f);
	if (rc != 0) {
		free(fresh);
		return rc;
	}
	lock_take(&v->lock);
	wal = v->wal ? v->wal : fresh;
	wal->conns++;
	wal->refs++;
	v->wal = wal;
	lock_drop(&v->lock);
	if (wal != fresh) { /* another thread was first */
		file_close(fresh->f);
		free(fresh);
	}
	*ret = wal;
	return 0;
}

static void unref(struct vfs *v, struct vfs_wal *wal, unsigned conns)
{
	bool last;

	lock_take(&v->lock);
	wal->conns -= conns;
	if (wal->conns == 0 && v->wal == wal)
		v->wal = NULL;
	last = --wal->refs == 0;
	lock_drop(&v->lock);
	if (last) {
		file_close(wal->f);
		free(wal);
	}
}

void vfs_wal_close(struct vfs *v, struct vfs_wal *wal)
{
	unref(v, wal, 1);
}

int vfs_wal_sync_shared(struct vfs *v)
{
	struct vfs_wal *wal = ref_open(v, 0);
	int rc;

	if (!wal)
		return 0;
	rc = file_sync(wal->f);
	unref(v, wal, 0);
	return rc;
}

uint64_t vfs_wal_gen(struct vfs *v)
{
	struct vfs_wal *wal = ref_open(v, 0);
	uint64_t gen;

	if (!wal)
		return 0;
	gen = atomic_load(&wal->gen);
	unref(v, wal, 0);
	return gen;
}

int vfs_wal_tag(struct vfs *v, uint64_t frame, uint64_t *ret_gen, uint8_t *ret_tag)
{
	struct vfs_wal *wal = ref_open(v, 0);
	uint8_t gen[FRAME_GEN_BYTES];
	uint64_t at = HEADER_BYTES + (frame - 1) * FRAME_BYTES;
	int rc;

	if (!wal)
		return ERR_UNAUTHENTIC;
	rc = file_pread_all(wal->f, gen, sizeof(gen), at + FRAME_CLEAR_BYTES);
	if (rc == 0)
		rc = file_pread_all(wal->f, ret_tag, VFS_TAG_BYTES,
		                    at + FRAME_BYTES - VFS_TAG_BYTES);
	unref(v, wal, 0);
	if (rc == 0)
		*ret_gen = gen_decode(gen);
	return rc == ERR_CORRUPT ? ERR_UNAUTHENTIC : rc;
}

/* ---- frames ---- */

static void header_salts(struct vfs_wal *wal, const uint8_t *header)
{
	uint64_t salts;

	memcpy(&salts, header + HEADER_SALTS, sizeof(salts));
	atomic_store(&wal->salts, salts);
	atomic_store(&wal->salts_known, true);
}

static bool frame_is_current(struct vfs_wal *wal, const uint8_t *frame)
{
	uint64_t salts;

	memcpy(&salts, frame + FRAME_SALTS, sizeof(salts));
	return atomic_load(&wal->salts_known) && salts == atomic_load(&wal->salts);
}

static size_t frame_aad(uint8_t *aad, uint64_t off, const uint8_t *frame)
{
	size_t n = vfs_aad(aad, VFS_KIND_WAL, off);

	memcpy(aad + n, frame, FRAME_HEADER_BYTES);
	return n + FRAME_HEADER_BYTES;
}

/* Read and open the frame at @off to FRAME_BYTES at @out, as SQLite wrote it. */
static int frame_read(struct vfs_file *f, uint64_t off, uint8_t *out)
{
	uint8_t stored[FRAME_BYTES];
	uint8_t plain[VFS_SEALED_BYTES];
	uint8_t aad[64];
	size_t aad_len, n;
	int rc;

	rc = file_pread(f->wal->f, stored, sizeof(stored), off, &n);
	if (rc != 0)
		return rc;
	if (n < sizeof(stored) || !frame_is_current(f->wal, stored) ||
	    !vfs_sums_log_fits(f->v, gen_decode(stored + FRAME_CLEAR_BYTES)))
		return ERR_UNAUTHENTIC;
	aad_len = frame_aad(aad, off, stored);
	rc = vfs_unseal(f->v, aad, aad_len, stored + FRAME_HEADER_BYTES, plain);
	if (rc != 0)
		return rc;
	if (off >=
	    atomic_load(&f->wal->written)) /* of a former process: the log goes on as it is */
		atomic_store(&f->wal->gen, gen_decode(stored + FRAME_CLEAR_BYTES));
	memcpy(out, stored, FRAME_CLEAR_BYTES);
	memcpy(out + FRAME_CLEAR_BYTES, plain + VFS_USABLE_BYTES, 8);
	memcpy(out + FRAME_HEADER_BYTES, plain, VFS_USABLE_BYTES);
	memset(out + FRAME_HEADER_BYTES + VFS_USABLE_BYTES, 0, VFS_RESERVED_BYTES);
	return 0;
}

static int frame_write(struct vfs_file *f, uint64_t off, const uint8_t *header, const uint8_t *page)
{
	uint8_t stored[FRAME_BYTES] = {0};
	uint8_t plain[VFS_SEALED_BYTES];
	uint8_t aad[64];
	size_t aad_len;
	int rc;

	memcpy(stored, header, FRAME_CLEAR_BYTES);
	gen_encode(stored + FRAME_CLEAR_BYTES, atomic_load(&f->wal->gen));
	memcpy(plain, page, VFS_USABLE_BYTES);
	memcpy(plain + VFS_USABLE_BYTES, header + FRAME_CLEAR_BYTES, 8);
	aad_len = frame_aad(aad, off, stored);
	rc = vfs_seal(f->v, aad, aad_len, plain, stored + FRAME_HEADER_BYTES);
	if (rc == 0)
		rc = file_pwrite(f->wal->f, stored, sizeof(stored), off);
	if (rc == 0 && atomic_load(&f->wal->written) < off + FRAME_BYTES)
		atomic_store(&f->wal->written, off + FRAME_BYTES);
	return rc;
}

/* ---- reading ---- */

static int read_header(struct vfs_file *f, uint8_t *out, int n, uint64_t off)
{
	size_t got;
	int rc;

	rc = file_pread(f->wal->f, out, (size_t)n, off, &got);
	if (rc != 0)
		return vfs_fail(f->v, rc, SQLITE_IOERR_READ);
	if (got < (size_t)n) {
		memset(out + got, 0, (size_t)n - got);
		return SQLITE_IOERR_SHORT_READ;
	}
	if (off == 0 && n == HEADER_BYTES)
		header_salts(f->wal, out);
	return SQLITE_OK;
}

/* One frame, or a part of one. */
static int read_in_frame(struct vfs_file *f, uint8_t *out, int n, uint64_t off, size_t in)
{
	uint8_t frame[FRAME_BYTES];
	bool recovery = n == FRAME_BYTES && off >= atomic_load(&f->wal->written);
	int rc;

	rc = frame_read(f, off, frame);
	if (rc == ERR_UNAUTHENTIC && recovery) {
		memset(out, 0, (size_t)n);
		return SQLITE_OK;
	}
	if (rc == ERR_UNAUTHENTIC)
		err_note(rc, "index: log frame at %llu", (unsigned long long)off);
	if (rc != 0)
		return vfs_fail(f->v, rc,
		                rc == ERR_UNAUTHENTIC ? SQLITE_IOERR_DATA : SQLITE_IOERR_READ);
	memcpy(out, frame + in, (size_t)n);
	return SQLITE_OK;
}

int vfs_wal_read(struct vfs_file *f, uint8_t *out, int n, uint64_t off)
{
	int rc = SQLITE_OK;

	while (n > 0 && rc == SQLITE_OK) {
		uint64_t in = off < HEADER_BYTES ? off : (off - HEADER_BYTES) % FRAME_BYTES;
		uint64_t left = (off < HEADER_BYTES ? HEADER_BYTES : FRAME_BYTES) - in;
		int take = left < (uint64_t)n ? (int)left : n;

		if (off < HEADER_BYTES)
			rc = read_header(f, out, take, off);
		else
			rc = read_in_frame(f, out, take, off - in, in);
		out += take;
		off += (uint64_t)take;
		n -= take;
	}
	if (rc == SQLITE_IOERR_SHORT_READ)
		memset(out, 0, (size_t)n);
	return rc;
}

/* ---- writing ---- */

static int write_header(struct vfs_file *f, const uint8_t *data)
{
	int rc = file_pwrite(f->wal->f, data, HEADER_BYTES, 0);

	if (rc != 0)
		return rc;
	header_salts(f->wal, data);
	lock_take(&f->v->lock);
	atomic_store(&f->wal->gen, f->v->sums.gen);
	lock_drop(&f->v->lock);
	atomic_store(&f->wal->written, HEADER_BYTES);
	return 0;
}

/*
 * A header: its page may follow, or it replaces the one of a frame that is there. Which of them
 * cannot be told when the frame is there already with the same clear bytes, so then both is done.
 *
 * While SQLite has checksums to write again it leaves out the salts as well; the frame is of this
 * round all the same.
 */
static int write_frame_header(struct vfs_file *f, const uint8_t *data, uint64_t off)
{
	static const uint8_t none[8];
	uint64_t salts = atomic_load(&f->wal->salts);
	uint8_t *header = f->pending.header;
	uint8_t frame[FRAME_BYTES];
	size_t n;
	int rc;

	f->pending.set = true;
	f->pending.off = off;
	memcpy(header, data, FRAME_HEADER_BYTES);
	if (memcmp(header + FRAME_SALTS, none, sizeof(none)) == 0)
		memcpy(header + FRAME_SALTS, &salts, sizeof(salts));
	if (off >= atomic_load(&f->wal->written))
		return 0;
	rc = file_pread(f->wal->f, frame, FRAME_CLEAR_BYTES, off, &n);
	if (rc != 0 || n < FRAME_CLEAR_BYTES || memcmp(frame, header, FRAME_CLEAR_BYTES) != 0)
		return rc;
	rc = frame_read(f, off, frame);
	if (rc != 0)
		return rc;
	return frame_write(f, off, header, frame + FRAME_HEADER_BYTES);
}

static int write_frame_page(struct vfs_file *f, const uint8_t *data, uint64_t off)
{
	uint8_t frame[FRAME_BYTES];
	int rc;

	for (int i = VFS_USABLE_BYTES; i < VFS_PAGE_BYTES; i++)
		if (data[i]) /* would not come back, and break the checksum */
			return err_note(ERR_INVAL, "index: reserved bytes in use");
	if (f->pending.set && f->pending.off == off)
		return frame_write(f, off, f->pending.header, data);
	rc = frame_read(f, off, frame);
	if (rc != 0)
		return rc;
	memset(frame + FRAME_CLEAR_BYTES, 0, 8);
	return frame_write(f, off, frame, data);
}

int vfs_wal_write(struct vfs_file *f, const uint8_t *data, int n, uint64_t off)
{
	uint64_t in = off < HEADER_BYTES ? off : (off - HEADER_BYTES) % FRAME_BYTES;
	int rc = ERR_INVAL;

	if (off == 0 && n == HEADER_BYTES) {
		f->pending.set = false;
		rc = write_header(f, data);
	} else if (off >= HEADER_BYTES && in == 0 && n == FRAME_HEADER_BYTES) {
		rc = write_frame_header(f, data, off);
	} else if (off >= HEADER_BYTES && in == FRAME_HEADER_BYTES && n == VFS_PAGE_BYTES) {
		rc = write_frame_page(f, data, off - in);
		f->pending.set = false;
	}
	if (rc == ERR_UNAUTHENTIC)
		err_note(rc, "index: log frame at %llu", (unsigned long long)(off - in));
	return rc == 0 ? SQLITE_OK : vfs_fail(f->v, rc, SQLITE_IOERR_WRITE);
}

int vfs_wal_truncate(struct vfs_file *f, uint64_t size)
{
	int rc = file_truncate(f->wal->f, size);

	if (rc != 0)
		return vfs_fail(f->v, rc, SQLITE_IOERR_TRUNCATE);
	if (atomic_load(&f->wal->written) > size)
		atomic_store(&f->wal->written, size);
	return SQLITE_OK;
}

int vfs_wal_size(struct vfs_file *f, uint64_t *ret)
{
	return file_size(f->wal->f, ret);
}

int vfs_wal_sync(struct vfs_file *f)
{
	int rc = file_sync(f->wal->f);

	return rc == 0 ? SQLITE_OK : vfs_fail(f->v, rc, SQLITE_IOERR_FSYNC);
}
