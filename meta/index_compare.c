/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of two indexes side by side: which comes first, and whether they say the same. */
#include "meta/index_impl.h"

#include "util/err.h"

#include <string.h>

static int order_u64(uint64_t a, uint64_t b)
{
	return a < b ? -1 : a > b;
}

/* As SQLite orders blobs. */
static int order_bytes(const void *a, size_t a_len, const void *b, size_t b_len)
{
	size_t len = a_len < b_len ? a_len : b_len;
	int c = len ? memcmp(a, b, len) : 0;

	return c ? c : order_u64(a_len, b_len);
}

static int order_keys(const struct index_row *a, const struct index_row *b)
{
	int c = 0;

	switch (a->table) {
	case INDEX_TABLE_INODE:
		return order_u64(a->inode.ino, b->inode.ino);
	case INDEX_TABLE_DENTRY:
		c = order_u64(a->dentry.parent, b->dentry.parent);
		return c ? c : order_u64(a->dentry.cookie, b->dentry.cookie);
	case INDEX_TABLE_EXTENT:
		c = order_u64(a->extent.ino, b->extent.ino);
		return c ? c : order_u64(a->extent.page, b->extent.page);
	case INDEX_TABLE_XATTR:
		c = order_u64(a->xattr.ino, b->xattr.ino);
		return c ? c
		         : order_bytes(a->xattr.name, a->xattr.name_len, b->xattr.name,
		                       b->xattr.name_len);
	case INDEX_TABLE_FILEKEY:
		return order_u64(a->filekey.id, b->filekey.id);
	case INDEX_TABLE_PACK:
		return order_u64(a->pack.num, b->pack.num);
	case INDEX_TABLE_EPOCH:
		return order_u64((uint64_t)a->epoch.epoch, (uint64_t)b->epoch.epoch);
	case INDEX_TABLE_SNAPSHOT:
		return order_bytes(a->snapshot.name, a->snapshot.name_len, b->snapshot.name,
		                   b->snapshot.name_len);
	}
	return c;
}

static bool is_past(const struct index_row *row)
{
	return row->table <= INDEX_TABLE_XATTR && row->died != INDEX_NOW;
}

int index_row_order(const struct index_row *a, const struct index_row *b)
{
	int c = order_u64((uint64_t)a->table, (uint64_t)b->table);

	if (c == 0)
		c = order_u64(is_past(a), is_past(b));
	if (c == 0)
		c = order_keys(a, b);
	return c ? c : order_u64((uint64_t)a->died, (uint64_t)b->died);
}

static bool same_inode(const struct index_inode *a, const struct index_inode *b)
{
	return a->mode == b->mode && a->uid == b->uid && a->gid == b->gid && a->nlink == b->nlink &&
	       a->rdev == b->rdev && a->size == b->size && a->pages == b->pages &&
	       a->atime_ns == b->atime_ns && a->mtime_ns == b->mtime_ns &&
	       a->ctime_ns == b->ctime_ns && a->btime_ns == b->btime_ns &&
	       order_bytes(a->target, a->target_len, b->target, b->target_len) == 0;
}

static bool same_extent(const struct index_extent *a, const struct index_extent *b)
{
	return a->npages == b->npages && a->first == b->first && a->tail == b->tail &&
	       a->key == b->key && a->pack == b->pack && a->off == b->off &&
	       memcmp(a->salt, b->salt, INDEX_SALT_BYTES) == 0;
}

bool index_row_same(const struct index_row *a, const struct index_row *b)
{
	if (a->born != b->born)
		return false;
	switch (a->table) {
	case INDEX_TABLE_INODE:
		return same_inode(&a->inode, &b->inode);
	case INDEX_TABLE_DENTRY:
		return a->dentry.ino == b->dentry.ino &&
		       order_bytes(a->dentry.name, a->dentry.name_len, b->dentry.name,
		                   b->dentry.name_len) == 0;
	case INDEX_TABLE_EXTENT:
		return same_extent(&a->extent, &b->extent);
	case INDEX_TABLE_XATTR:
		return order_bytes(a->xattr.value, a->xattr.value_len, b->xattr.value,
		                   b->xattr.value_len) == 0;
	case INDEX_TABLE_FILEKEY:
		return a->filekey.master == b->filekey.master &&
		       memcmp(a->filekey.wrapped, b->filekey.wrapped, INDEX_WRAPPED_BYTES) == 0;
	case INDEX_TABLE_PACK:
		return a->pack.size == b->pack.size &&
		       memcmp(a->pack.name, b->pack.name, INDEX_PACK_NAME_BYTES) == 0;
	case INDEX_TABLE_EPOCH:
		return a->epoch.closed_ns == b->epoch.closed_ns;
	case INDEX_TABLE_SNAPSHOT:
		return a->snapshot.epoch == b->snapshot.epoch &&
		       a->snapshot.created_ns == b->snapshot.created_ns;
	}
	return false;
}

int index_pack_uses(struct index *ix, index_pack_use_fn fn, void *ctx)
{
	/* a sealed page is 16 bytes longer than what is in it; no order, which would want memory for
	 * all of them */
	static const char sql[] = "SELECT pack,off+npages*4112-4096+tail FROM extent UNION ALL "
	                          "SELECT pack,off+npages*4112-4096+tail FROM extent_past";
	sqlite3_stmt *st = NULL;
	int rc;

	rc = sqlite3_prepare_v2(ix->db, sql, -1, &st, NULL);
	if (rc != SQLITE_OK)
		return index_stmt_error(ix, rc);
	while ((rc = index_stmt_step(ix, st)) == 1) {
		rc = fn(ctx, (uint64_t)sqlite3_column_int64(st, 0),
		        (uint64_t)sqlite3_column_int64(st, 1));
		if (rc != 0)
			break;
	}
	sqlite3_finalize(st);
	return rc;
}
