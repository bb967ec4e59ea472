/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How the database is stored.
 *
 * SQLite is told to leave 48 bytes at the end of each 4096-byte page alone. Each page, the first
 * included, is sealed as a whole: its 4048 usable bytes and 8 more (a frame's checksum in the log,
 * zero in the main file) are the plaintext, and what is stored in its place has the same size:
 *
 *   main file, page n at (n - 1) * 4096:	ciphertext 4056 | salt 24 | tag 16
 *   log, 32 bytes at 0:			SQLite's log header, as it is (no content in it, its checksum
 * guards it)
 *   log, frame i at 32 + i * 4120:		page number, commit size, two log salts: 16 | generation of the sums (vfs_sums.c) 8 |
 * sealed page 4096
 *
 * AAD: "amberfs index page", kind (1 main file, 2 log), 8 bytes little endian of page number or
 * file offset; in the log also the 24 clear bytes of the frame's header. SQLite's frame checksums
 * are a function of the plaintext without a key, so they are never stored in the clear; being
 * sealed, and chained by SQLite, they make the log's frames a chain that only the key's owner can
 * make.
 *
 * Salts are 16 random bytes for each vfs_new() and a counter: never the same twice.
 *
 * Someone with the disk can see which pages change, and can make the database unreadable. They
 * cannot read, nor change, move or cut pages without an error (or, at the log's end, a state that
 * was committed before: recovery cannot tell a cut from a crash, and the volume's journal replays
 * what is missing). An older version of a
 * page, or of one of the files, is noticed by the sums (vfs_sums.c); all of them of one earlier moment together are a
 * state that was right then, for the journal to carry on.
 *
 * A page of the main file that is missing or zero is an error too, but for page 1 of an empty file:
 * SQLite takes what is beyond the end for zeros, which would be a silent change of content. It does
 * not read pages that it never wrote.
 *
 * No other files: no rollback journal (memory while the file is made, the log after), no temporary
 * files.
 */
#include "meta/vfs_impl.h"

#include "util/check.h"
#include "util/err.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char aad_domain[] = "amberfs index page";

int vfs_fail(struct vfs *v, int code, int rc)
{
	int none = 0;

	if (code != ERR_NOENT)
		atomic_compare_exchange_strong(&v->error, &none, code);
	if (code == ERR_NOSPC)
		return SQLITE_FULL;
	if (code == ERR_NOMEM)
		return SQLITE_IOERR_NOMEM;
	return rc;
}

int vfs_take_error(struct vfs *v)
{
	return atomic_exchange(&v->error, 0);
}

size_t vfs_aad(uint8_t *aad, enum vfs_kind kind, uint64_t place)
{
	size_t n = sizeof(aad_domain) - 1;

	memcpy(aad, aad_domain, n);
	aad[n++] = (uint8_t)kind;
	for (int i = 0; i < 8; i++)
		aad[n++] = (uint8_t)(place >> (8 * i));
	return n;
}

int vfs_seal(struct vfs *v, const void *aad, size_t aad_len, const uint8_t *plain, uint8_t *stored)
{
	uint8_t *salt = stored + VFS_SEALED_BYTES;
	uint64_t count = atomic_fetch_add(&v->salt_count, 1);

	memcpy(salt, v->salt_prefix, sizeof(v->salt_prefix));
	for (size_t i = 0; i < 8; i++)
		salt[sizeof(v->salt_prefix) + i] = (uint8_t)(count >> (8 * i));
	return v->cipher.seal(v->cipher.ctx, salt, aad, aad_len, plain, VFS_SEALED_BYTES, stored,
	                      salt + VFS_SALT_BYTES);
}

int vfs_unseal(struct vfs *v, const void *aad, size_t aad_len, const uint8_t *stored,
               uint8_t *plain)
{
	const uint8_t *salt = stored + VFS_SEALED_BYTES;

	return v->cipher.open(v->cipher.ctx, salt, aad, aad_len, stored, VFS_SEALED_BYTES,
	                      salt + VFS_SALT_BYTES, plain);
}

int vfs_sync_folder(struct vfs *v, const char *path)
{
	const char *slash = strrchr(path, '/');
	size_t len = slash ? (size_t)(slash - path) : 0;
	char *dir;
	int rc;

	dir = slash && len == 0 ? strdup("/") : slash ? strndup(path, len) : strdup(".");
	if (!dir)
		return ERR_NOMEM;
	rc = fileio_sync_dir(v->io, dir);
	free(dir);
	return rc;
}

int vfs_open_file(struct vfs *v, const char *path, bool create, struct file **ret)
{
	struct file *f = NULL;
	int rc;

	rc = file_open(v->io, path, FILE_WRITE, &f);
	if (rc == ERR_NOENT && create) {
		rc = file_open(v->io, path, FILE_WRITE | FILE_CREATE, &f);
		if (rc == 0)
			rc = vfs_sync_folder(v, path);
	}
	if (rc != 0) {
		file_close(f);
		return rc;
	}
	*ret = f;
	return 0;
}

/* ---- pages of the main file ---- */

static bool all_zero(const uint8_t *data, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (data[i])
			return false;
	return true;
}

/* Read a page as SQLite wrote it; *ret_end when the file is empty. */
static int read_page(struct vfs_file *f, uint64_t page, uint8_t *out, bool *ret_end)
{
	uint8_t stored[VFS_PAGE_BYTES];
	uint8_t aad[64];
	size_t aad_len, n;
	int rc;

	rc = file_pread(f->f, stored, sizeof(stored), (page - 1) * VFS_PAGE_BYTES, &n);
	if (rc != 0)
		return rc;
	*ret_end = n == 0 && page == 1;
	if (*ret_end)
		return 0;
	if (n < sizeof(stored) || all_zero(stored, sizeof(stored)))
		return err_note(ERR_UNAUTHENTIC, "index: page %llu is missing",
		                (unsigned long long)page);
	if (!vfs_sums_right(f->v, page, stored + sizeof(stored) - VFS_TAG_BYTES))
		return err_note(ERR_UNAUTHENTIC, "index: page %llu is not the newest",
		                (unsigned long long)page);
	aad_len = vfs_aad(aad, VFS_KIND_DB, page);
	rc = vfs_unseal(f->v, aad, aad_len, stored, out);
	if (rc == ERR_UNAUTHENTIC)
		return err_note(rc, "index: page %llu", (unsigned long long)page);
	memset(out + VFS_USABLE_BYTES, 0, VFS_RESERVED_BYTES);
	return rc;
}

/*
 * SQLite reads whole pages, and bits of page 1 (the file's header) before it knows their size.
 * Those bits are hints: it reads page 1 as a whole before it believes them, and that from the log
 * if the log has it. So a page 1 that was torn in the middle of a checkpoint must not be an error
 * yet.
 */
static int db_read(struct vfs_file *f, uint8_t *out, int n, uint64_t off)
{
	while (n > 0) {
		uint8_t buf[VFS_PAGE_BYTES];
		size_t in = off % VFS_PAGE_BYTES;
		int take = VFS_PAGE_BYTES - (int)in < n ? VFS_PAGE_BYTES - (int)in : n;
		bool whole = take == VFS_PAGE_BYTES;
		bool end = false;
		int rc;

		rc = read_page(f, off / VFS_PAGE_BYTES + 1, whole ? out : buf, &end);
		if ((rc == 0 && end) || (rc == ERR_UNAUTHENTIC && !whole && off < VFS_PAGE_BYTES)) {
			memset(out, 0, (size_t)n);
			return SQLITE_IOERR_SHORT_READ;
		}
		if (rc != 0)
			return vfs_fail(f->v, rc,
			                rc == ERR_UNAUTHENTIC ? SQLITE_IOERR_DATA
			                                      : SQLITE_IOERR_READ);
		if (!whole)
			memcpy(out, buf + in, (size_t)take);
		out += take;
		off += (uint64_t)take;
		n -= take;
	}
	return SQLITE_OK;
}

static int db_write(struct vfs_file *f, const uint8_t *data, int n, uint64_t off)
{
	uint8_t plain[VFS_SEALED_BYTES];
	uint8_t stored[VFS_PAGE_BYTES];
	uint8_t aad[64];
	size_t aad_len;
	int rc;

	if (n != VFS_PAGE_BYTES || off % VFS_PAGE_BYTES != 0)
		return vfs_fail(f->v, ERR_INVAL, SQLITE_IOERR_WRITE);
	memcpy(plain, data, VFS_USABLE_BYTES);
	memset(plain + VFS_USABLE_BYTES, 0, sizeof(plain) - VFS_USABLE_BYTES);
	aad_len = vfs_aad(aad, VFS_KIND_DB, off / VFS_PAGE_BYTES + 1);
	rc = vfs_seal(f->v, aad, aad_len, plain, stored);
	if (rc == 0)
		rc = file_pwrite(f->f, stored, sizeof(stored), off);
	if (rc == 0)
		rc = vfs_sums_set(f->v, off / VFS_PAGE_BYTES + 1,
		                  stored + sizeof(stored) - VFS_TAG_BYTES);
	return rc == 0 ? SQLITE_OK : vfs_fail(f->v, rc, SQLITE_IOERR_WRITE);
}

/* ---- what SQLite calls for an open file ---- */

static struct vfs_file *file_of(sqlite3_file *file)
{
	return (struct vfs_file *)file;
}

static int io_close(sqlite3_file *file)
{
	struct vfs_file *f = file_of(file);

	if (f->kind == VFS_KIND_WAL) {
		vfs_wal_close(f->v, f->wal);
	} else {
		vfs_shm_unmap(&f->v->shm, &f->user);
		vfs_shm_db_unlock(&f->v->shm, &f->user, SQLITE_LOCK_NONE);
		file_close(f->f);
	}
	return SQLITE_OK;
}

static int io_read(sqlite3_file *file, void *out, int n, sqlite3_int64 off)
{
	struct vfs_file *f = file_of(file);

	if (f->kind == VFS_KIND_WAL)
		return vfs_wal_read(f, out, n, (uint64_t)off);
	return db_read(f, out, n, (uint64_t)off);
}

static int io_write(sqlite3_file *file, const void *data, int n, sqlite3_int64 off)
{
	struct vfs_file *f = file_of(file);

	if (f->kind == VFS_KIND_WAL)
		return vfs_wal_write(f, data, n, (uint64_t)off);
	return db_write(f, data, n, (uint64_t)off);
}

static int io_truncate(sqlite3_file *file, sqlite3_int64 size)
{
	struct vfs_file *f = file_of(file);
	int rc;

	if (f->kind == VFS_KIND_WAL)
		return vfs_wal_truncate(f, (uint64_t)size);
	rc = file_truncate(f->f, (uint64_t)size);
	if (rc == 0)
		vfs_sums_cut(f->v, (uint64_t)size / VFS_PAGE_BYTES);
	return rc == 0 ? SQLITE_OK : vfs_fail(f->v, rc, SQLITE_IOERR_TRUNCATE);
}

static int io_sync(sqlite3_file *file, int flags)
{
	struct vfs_file *f = file_of(file);
	int rc;

	(void)flags;
	if (f->kind == VFS_KIND_WAL)
		return vfs_wal_sync(f);
	rc = file_sync(f->f);
	return rc == 0 ? SQLITE_OK : vfs_fail(f->v, rc, SQLITE_IOERR_FSYNC);
}

static int io_file_size(sqlite3_file *file, sqlite3_int64 *ret)
{
	struct vfs_file *f = file_of(file);
	uint64_t size = 0;
	int rc;

	if (f->kind == VFS_KIND_WAL)
		rc = vfs_wal_size(f, &size);
	else
		rc = file_size(f->f, &size);
	if (rc != 0 || size > INT64_MAX)
		return vfs_fail(f->v, rc ? rc : ERR_IO, SQLITE_IOERR_FSTAT);
	*ret = (sqlite3_int64)size;
	return SQLITE_OK;
}

static int io_lock(sqlite3_file *file, int level)
{
	return vfs_shm_db_lock(&file_of(file)->v->shm, &file_of(file)->user, level);
}

static int io_unlock(sqlite3_file *file, int level)
{
	vfs_shm_db_unlock(&file_of(file)->v->shm, &file_of(file)->user, level);
	return SQLITE_OK;
}

static int io_check_reserved(sqlite3_file *file, int *ret)
{
	*ret = vfs_shm_db_reserved(&file_of(file)->v->shm);
	return SQLITE_OK;
}

static int io_control(sqlite3_file *file, int op, void *arg)
{
	(void)file;
	(void)op;
	(void)arg;
	return SQLITE_NOTFOUND;
}

static int io_sector_size(sqlite3_file *file)
{
	(void)file;
	return VFS_PAGE_BYTES;
}

static int io_characteristics(sqlite3_file *file)
{
	(void)file;
	return SQLITE_IOCAP_POWERSAFE_OVERWRITE;
}

static int io_shm_map(sqlite3_file *file, int n, int bytes, int extend, void volatile **ret)
{
	return vfs_shm_map(&file_of(file)->v->shm, &file_of(file)->user, n, bytes, extend != 0,
	                   ret);
}

static int io_shm_lock(sqlite3_file *file, int first, int count, int flags)
{
	return vfs_shm_lock(&file_of(file)->v->shm, &file_of(file)->user, first, count, flags);
}

static void io_shm_barrier(sqlite3_file *file)
{
	vfs_shm_barrier(&file_of(file)->v->shm);
}

static int io_shm_unmap(sqlite3_file *file, int delete_it)
{
	(void)delete_it;
	vfs_shm_unmap(&file_of(file)->v->shm, &file_of(file)->user);
	return SQLITE_OK;
}

static const sqlite3_io_methods io_methods = {
    .iVersion = 2,
    .xClose = io_close,
    .xRead = io_read,
    .xWrite = io_write,
    .xTruncate = io_truncate,
    .xSync = io_sync,
    .xFileSize = io_file_size,
    .xLock = io_lock,
    .xUnlock = io_unlock,
    .xCheckReservedLock = io_check_reserved,
    .xFileControl = io_control,
    .xSectorSize = io_sector_size,
    .xDeviceCharacteristics = io_characteristics,
    .xShmMap = io_shm_map,
    .xShmLock = io_shm_lock,
    .xShmBarrier = io_shm_barrier,
    .xShmUnmap = io_shm_unmap,
};

/* ---- what SQLite calls for names ---- */

static bool is_wal_name(const char *path)
{
	size_t len = strlen(path);

	return len > 4 && strcmp(path + len - 4, "-wal") == 0;
}

static int name_open(sqlite3_vfs *base, const char *path, sqlite3_file *file, int flags,
                     int *ret_flags)
{
	struct vfs *v = base->pAppData;
	struct vfs_file *f = file_of(file);
	bool create = (flags & SQLITE_OPEN_CREATE) != 0;
	int rc;

	memset(f, 0, sizeof(*f));
	f->v = v;
	if (path && (flags & SQLITE_OPEN_MAIN_DB)) {
		f->kind = VFS_KIND_DB;
		rc = vfs_open_file(v, path, create, &f->f);
	} else if (path && (flags & SQLITE_OPEN_WAL)) {
		f->kind = VFS_KIND_WAL;
		rc = vfs_wal_open(v, path, create, &f->wal);
	} else {
		rc = ERR_NOTSUP;
	}
	if (rc != 0)
		return vfs_fail(v, rc, SQLITE_CANTOPEN);
	f->base.pMethods = &io_methods;
	if (ret_flags)
		*ret_flags = flags;
	return SQLITE_OK;
}

static int name_delete(sqlite3_vfs *base, const char *path, int sync_it)
{
	struct vfs *v = base->pAppData;
	int rc = fileio_remove(v->io, path);

	if (rc == ERR_NOENT)
		return SQLITE_IOERR_DELETE_NOENT;
	if (rc == 0 && sync_it)
		rc = vfs_sync_folder(v, path);
	return rc == 0 ? SQLITE_OK : vfs_fail(v, rc, SQLITE_IOERR_DELETE);
}

/* Only a log with content counts: a rollback journal is never ours, whoever may have put it there.
 */
static int name_access(sqlite3_vfs *base, const char *path, int flags, int *ret)
{
	struct vfs *v = base->pAppData;
	struct file_info info = {0};
	int rc;

	(void)flags;
	*ret = 0;
	if (!is_wal_name(path))
		return SQLITE_OK;
	rc = fileio_stat(v->io, path, &info);
	if (rc != 0 && rc != ERR_NOENT)
		return vfs_fail(v, rc, SQLITE_IOERR_ACCESS);
	*ret = rc == 0 && !info.is_dir && info.size_bytes > 0;
	return SQLITE_OK;
}

static int name_full(sqlite3_vfs *base, const char *path, int room, char *out)
{
	(void)base;
	if (strlen(path) >= (size_t)room)
		return SQLITE_CANTOPEN;
	memcpy(out, path, strlen(path) + 1);
	return SQLITE_OK;
}

static int base_randomness(sqlite3_vfs *base, int n, char *out)
{
	struct vfs *v = base->pAppData;

	rng_fill(v->rng, out, (size_t)n);
	return n;
}

static int base_sleep(sqlite3_vfs *base, int us)
{
	struct vfs *v = base->pAppData;

	return v->os->xSleep(v->os, us);
}

static int base_time(sqlite3_vfs *base, double *ret)
{
	struct vfs *v = base->pAppData;

	return v->os->xCurrentTime(v->os, ret);
}

static int base_last_error(sqlite3_vfs *base, int n, char *out)
{
	(void)base;
	(void)n;
	(void)out;
	return 0;
}

int vfs_new(const struct fileio *io, struct rng *rng, const struct vfs_cipher *cipher,
            struct vfs **ret)
{
	static atomic_uint number;
	struct vfs *v;

	v = calloc(1, sizeof(*v));
	if (!v)
		return ERR_NOMEM;
	v->io = io;
	v->rng = rng;
	v->cipher = *cipher;
	rng_fill(rng, v->salt_prefix, sizeof(v->salt_prefix));
	snprintf(v->name, sizeof(v->name), "amberfs-%u", atomic_fetch_add(&number, 1));
	v->base = (sqlite3_vfs){
	    .iVersion = 1,
	    .szOsFile = sizeof(struct vfs_file),
	    .mxPathname = 4096,
	    .zName = v->name,
	    .pAppData = v,
	    .xOpen = name_open,
	    .xDelete = name_delete,
	    .xAccess = name_access,
	    .xFullPathname = name_full,
	    .xRandomness = base_randomness,
	    .xSleep = base_sleep,
	    .xCurrentTime = base_time,
	    .xGetLastError = base_last_error,
	};
	if (sqlite3_initialize() != SQLITE_OK || !(v->os = sqlite3_vfs_find(NULL)) ||
	    sqlite3_vfs_register(&v->base, 0) != SQLITE_OK) {
		free(v);
		return ERR_NOMEM;
	}
	lock_init(&v->lock, LOCK_META);
	vfs_shm_init(&v->shm);
	*ret = v;
	return 0;
}

void vfs_free(struct vfs *v)
{
	if (!v)
		return;
	CHECK(v->wal == NULL);
	sqlite3_vfs_unregister(&v->base);
	vfs_shm_done(&v->shm);
	vfs_sums_done(v);
	lock_done(&v->lock);
	free(v);
}

const char *vfs_name(const struct vfs *v)
{
	return v->name;
}

int vfs_sync_wal(struct vfs *v)
{
	return vfs_wal_sync_shared(v);
}
