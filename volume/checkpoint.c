/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Checkpoints: the whole index in the store, so that a fresh machine does not replay the log from
 * its beginning.
 *
 * `checkpoints/<log sequence>` is the manifest, made last; `checkpoints/parts/<random>` are the
 * rows, current and past, a few mebibytes each. It is the state right after log object <log
 * sequence>. Sealed as all objects; the manifest lists the parts with their SHA-256, so parts of
 * different checkpoints cannot be mixed.
 *
 * Manifest content: u16 version (1); u64 log sequence; 32 SHA-256 of that sealed log object; i64
 * epoch (the open one); u64 next inode, next pack, next snapshot; i64 end of the newest epoch; u64
 * files, folders, bytes; varint number of parts, each 16 bytes of name and 32 of hash.
 *
 * Part content: rows to the end: u8 table, then for inode, dentry, extent, xattr: varint born,
 * varint died (0: current); then the fields in the order of the functions below.
 */
#include "volume/impl.h"

#include "util/codec.h"
#include "util/err.h"
#include "util/hex.h"
#include "util/log.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHECKPOINT_VERSION 1
#define PART_BYTES (4u << 20)
#define PART_NAME_BYTES 16
#define PARTS_MAX 65536

static void manifest_name(uint64_t seq, char *out)
{
	snprintf(out, BLOB_NAME_MAX, "checkpoints/%016" PRIx64, seq);
}

static void part_name(const uint8_t *id, char *out)
{
	char hex[2 * PART_NAME_BYTES + 1];

	hex_encode(hex, id, PART_NAME_BYTES);
	snprintf(out, BLOB_NAME_MAX, "checkpoints/parts/%s", hex);
}

/* ---- rows ---- */

static void put_inode(struct buf *b, const struct index_inode *r)
{
	enc_var(b, r->ino);
	enc_var(b, r->mode);
	enc_var(b, r->uid);
	enc_var(b, r->gid);
	enc_var(b, r->nlink);
	enc_var(b, r->rdev);
	enc_var(b, r->size);
	enc_var(b, r->pages);
	enc_i64(b, r->atime_ns);
	enc_i64(b, r->mtime_ns);
	enc_i64(b, r->ctime_ns);
	enc_i64(b, r->btime_ns);
	enc_blob(b, r->target, r->target_len);
}

static void get_inode(struct dec *d, struct index_inode *r)
{
	r->ino = dec_var(d);
	r->mode = (uint32_t)dec_var_max(d, UINT32_MAX);
	r->uid = (uint32_t)dec_var_max(d, UINT32_MAX);
	r->gid = (uint32_t)dec_var_max(d, UINT32_MAX);
	r->nlink = (uint32_t)dec_var_max(d, UINT32_MAX);
	r->rdev = dec_var(d);
	r->size = dec_var_max(d, VOLUME_SIZE_MAX);
	r->pages = dec_var_max(d, VOLUME_SIZE_MAX);
	r->atime_ns = dec_i64(d);
	r->mtime_ns = dec_i64(d);
	r->ctime_ns = dec_i64(d);
	r->btime_ns = dec_i64(d);
	r->target = dec_blob(d, VOLUME_TARGET_MAX, &r->target_len);
	if (r->target_len == 0)
		r->target = NULL;
}

static void put_extent(struct buf *b, const struct index_extent *r)
{
	enc_var(b, r->ino);
	enc_var(b, r->page);
	enc_var(b, r->npages);
	enc_var(b, r->first);
	enc_var(b, r->tail);
	enc_var(b, r->key);
	enc_var(b, r->pack);
	enc_var(b, r->off);
	buf_add(b, r->salt, INDEX_SALT_BYTES);
}

static void get_extent(struct dec *d, struct index_extent *r)
{
	const uint8_t *salt;

	r->ino = dec_var(d);
	r->page = dec_var_max(d, VOLUME_SIZE_MAX);
	r->npages = (uint32_t)dec_var_max(d, UINT32_MAX);
	r->first = (uint32_t)dec_var_max(d, UINT32_MAX);
	r->tail = (uint32_t)dec_var_max(d, SEAL_PAGE_BYTES);
	r->key = dec_var(d);
	r->pack = dec_var(d);
	r->off = dec_var_max(d, INT64_MAX);
	salt = dec_bytes(d, INDEX_SALT_BYTES);
	if (salt)
		memcpy(r->salt, salt, INDEX_SALT_BYTES);
}

static void put_row(struct buf *b, const struct index_row *r)
{
	enc_u8(b, (uint8_t)r->table);
	if (r->table <= INDEX_TABLE_XATTR) {
		enc_var(b, (uint64_t)r->born);
		enc_var(b, r->died == INDEX_NOW ? 0 : (uint64_t)r->died);
	}
	switch (r->table) {
	case INDEX_TABLE_INODE:
		put_inode(b, &r->inode);
		break;
	case INDEX_TABLE_DENTRY:
		enc_var(b, r->dentry.parent);
		enc_blob(b, r->dentry.name, r->dentry.name_len);
		enc_var(b, r->dentry.ino);
		enc_var(b, r->dentry.cookie);
		break;
	case INDEX_TABLE_EXTENT:
		put_extent(b, &r->extent);
		break;
	case INDEX_TABLE_XATTR:
		enc_var(b, r->xattr.ino);
		enc_blob(b, r->xattr.name, r->xattr.name_len);
		enc_blob(b, r->xattr.value, r->xattr.value_len);
		break;
	case INDEX_TABLE_FILEKEY:
		enc_var(b, r->filekey.id);
		enc_var(b, r->filekey.master);
		buf_add(b, r->filekey.wrapped, INDEX_WRAPPED_BYTES);
		break;
	case INDEX_TABLE_PACK:
		enc_var(b, r->pack.num);
		buf_add(b, r->pack.name, INDEX_PACK_NAME_BYTES);
		enc_var(b, r->pack.size);
		break;
	case INDEX_TABLE_EPOCH:
		enc_var(b, (uint64_t)r->epoch.epoch);
		enc_i64(b, r->epoch.closed_ns);
		break;
	case INDEX_TABLE_SNAPSHOT:
		enc_blob(b, r->snapshot.name, r->snapshot.name_len);
		enc_var(b, (uint64_t)r->snapshot.epoch);
		enc_i64(b, r->snapshot.created_ns);
		break;
	}
}

static void get_filekey(struct dec *d, struct index_filekey *r)
{
	const uint8_t *wrapped;

	r->id = dec_var(d);
	r->master = (uint32_t)dec_var_max(d, UINT32_MAX);
	wrapped = dec_bytes(d, INDEX_WRAPPED_BYTES);
	if (wrapped)
		memcpy(r->wrapped, wrapped, INDEX_WRAPPED_BYTES);
}

static void get_pack(struct dec *d, struct index_pack *r)
{
	const uint8_t *name;

	r->num = dec_var(d);
	name = dec_bytes(d, INDEX_PACK_NAME_BYTES);
	if (name)
		memcpy(r->name, name, INDEX_PACK_NAME_BYTES);
	r->size = dec_var_max(d, INT64_MAX);
}

static int get_row(struct dec *d, struct index_row *r)
{
	memset(r, 0, sizeof(*r));
	r->table = (enum index_table)dec_u8(d);
	if (r->table <= INDEX_TABLE_XATTR) {
		r->born = (int64_t)dec_var_max(d, INT64_MAX - 1);
		r->died = (int64_t)dec_var_max(d, INT64_MAX - 1);
		if (r->died == 0)
			r->died = INDEX_NOW;
	}
	switch (r->table) {
	case INDEX_TABLE_INODE:
		get_inode(d, &r->inode);
		break;
	case INDEX_TABLE_DENTRY:
		r->dentry.parent = dec_var(d);
		r->dentry.name = (const char *)dec_blob(d, INDEX_NAME_MAX, &r->dentry.name_len);
		r->dentry.ino = dec_var(d);
		r->dentry.cookie = dec_var(d);
		break;
	case INDEX_TABLE_EXTENT:
		get_extent(d, &r->extent);
		break;
	case INDEX_TABLE_XATTR:
		r->xattr.ino = dec_var(d);
		r->xattr.name = (const char *)dec_blob(d, INDEX_NAME_MAX, &r->xattr.name_len);
		r->xattr.value = dec_blob(d, VOLUME_XATTR_MAX, &r->xattr.value_len);
		break;
	case INDEX_TABLE_FILEKEY:
		get_filekey(d, &r->filekey);
		break;
	case INDEX_TABLE_PACK:
		get_pack(d, &r->pack);
		break;
	case INDEX_TABLE_EPOCH:
		r->epoch.epoch = (int64_t)dec_var_max(d, INT64_MAX - 1);
		r->epoch.closed_ns = dec_i64(d);
		break;
	case INDEX_TABLE_SNAPSHOT:
		r->snapshot.name = (const char *)dec_blob(d, INDEX_NAME_MAX, &r->snapshot.name_len);
		r->snapshot.epoch = (int64_t)dec_var_max(d, INT64_MAX - 1);
		r->snapshot.created_ns = dec_i64(d);
		break;
	default:
		return ERR_VERSION;
	}
	return d->failed ? ERR_CORRUPT : 0;
}

/* ---- writing ---- */

struct writer {
	struct volume *v;
	struct buf rows;
	struct buf parts; /* names and hashes for the manifest */
	uint64_t nparts;
	uint64_t bytes;
};

static int put_object(struct volume *v, enum object_kind kind, const char *name,
                      const struct buf *content, uint8_t *ret_hash, uint64_t *bytes)
{
	struct buf sealed;
	int r;

	buf_init(&sealed, BLOB_MAX_BYTES);
	r = object_seal(v->object_keys, kind, name, content->data, content->len, &sealed);
	if (r == 0)
		r = kdf_sha256(sealed.data, sealed.len, ret_hash);
	if (r == 0)
		r = blob_put(v->params.store, name, sealed.data, sealed.len);
	*bytes += sealed.len;
	buf_done(&sealed);
	return r;
}

static int put_part(struct writer *w)
{
	uint8_t id[PART_NAME_BYTES], hash[SHA256_BYTES];
	char name[BLOB_NAME_MAX + 1];
	int r;

	if (w->rows.len == 0)
		return buf_error(&w->rows);
	rng_fill(w->v->params.rng, id, sizeof(id));
	part_name(id, name);
	r = put_object(w->v, OBJECT_CHECKPOINT_PART, name, &w->rows, hash, &w->bytes);
	if (r != 0)
		return r;
	buf_reset(&w->rows);
	buf_add(&w->parts, id, sizeof(id));
	buf_add(&w->parts, hash, sizeof(hash));
	w->nparts++;
	return buf_error(&w->parts);
}

static int write_row(void *ctx, const struct index_row *row)
{
	struct writer *w = ctx;

	put_row(&w->rows, row);
	if (buf_error(&w->rows))
		return buf_error(&w->rows);
	return w->rows.len >= PART_BYTES ? put_part(w) : 0;
}

static int put_manifest(struct writer *w, const struct index_state *s)
{
	char name[BLOB_NAME_MAX + 1];
	uint8_t hash[SHA256_BYTES];
	struct buf m;
	int r;

	buf_init(&m, OBJECT_CONTENT_MAX);
	enc_u16(&m, CHECKPOINT_VERSION);
	enc_u64(&m, s->log_seq);
	buf_add(&m, s->log_hash, SHA256_BYTES);
	enc_i64(&m, s->epoch);
	enc_u64(&m, s->next_ino);
	enc_u64(&m, s->next_pack);
	enc_u64(&m, s->next_snapshot);
	enc_i64(&m, s->last_epoch_ns);
	enc_u64(&m, s->files);
	enc_u64(&m, s->folders);
	enc_u64(&m, s->bytes);
	enc_var(&m, w->nparts);
	buf_add(&m, w->parts.data, w->parts.len);
	manifest_name(s->log_seq, name);
	r = buf_error(&m);
	if (r == 0)
		r = put_object(w->v, OBJECT_CHECKPOINT, name, &m, hash, &w->bytes);
	buf_wipe(&m);
	return r;
}

int volume_checkpoint_write(struct volume *v, struct index *reader)
{
	struct writer w = {.v = v};
	int r;

	buf_init(&w.rows, OBJECT_CONTENT_MAX);
	buf_init(&w.parts, PARTS_MAX * (PART_NAME_BYTES + SHA256_BYTES));
	r = index_export(reader, write_row, &w);
	if (r == 0)
		r = put_part(&w);
	if (r == 0)
		r = put_manifest(&w, index_state(reader));
	if (r == 0)
		v->checkpoint_bytes = w.bytes;
	else
		log_warn("checkpoint", "not-written error=%s", err_name(r));
	buf_wipe(&w.rows);
	buf_done(&w.parts);
	return r;
}

/* ---- loading ---- */

static int take_newest(void *ctx, const struct blob_info *info)
{
	char name[BLOB_NAME_MAX + 1];
	const char *hex = info->name + strlen("checkpoints/");
	char *end;
	uint64_t seq = strtoull(hex, &end, 16);

	if (*end != '\0' || strlen(hex) != 16)
		return 0; /* a part */
	manifest_name(seq, name);
	if (strcmp(name, info->name) == 0 && seq > *(uint64_t *)ctx)
		*(uint64_t *)ctx = seq;
	return 0;
}

static int get_object(struct volume *v, enum object_kind kind, const char *name,
                      const uint8_t *want_hash, struct buf *out)
{
	uint8_t hash[SHA256_BYTES];
	struct buf sealed;
	int r;

	buf_init(&sealed, BLOB_MAX_BYTES);
	r = blob_get(v->params.store, name, 0, SIZE_MAX, &sealed);
	v->checkpoint_bytes += sealed.len;
	if (r == 0 && want_hash) {
		r = kdf_sha256(sealed.data, sealed.len, hash);
		if (r == 0 && memcmp(hash, want_hash, SHA256_BYTES) != 0)
			r = ERR_UNAUTHENTIC;
	}
	if (r == 0)
		r = object_open(v->object_keys, kind, name, sealed.data, sealed.len, out);
	if (r == ERR_UNAUTHENTIC || r == ERR_CORRUPT || r == ERR_VERSION || r == ERR_MISSING ||
	    r == ERR_FBIG)
		r = err_note(r, "%s", name);
	buf_done(&sealed);
	return r;
}

static int load_part(struct volume *v, const uint8_t *id, const uint8_t *hash)
{
	char name[BLOB_NAME_MAX + 1];
	struct buf rows;
	struct dec d;
	int r;

	part_name(id, name);
	buf_init(&rows, OBJECT_CONTENT_MAX);
	r = get_object(v, OBJECT_CHECKPOINT_PART, name, hash, &rows);
	dec_init(&d, rows.data, rows.len);
	while (r == 0 && dec_left(&d) > 0) {
		struct index_row row;

		r = get_row(&d, &row);
		/* it was made inside an epoch that had changes already */
		if (r == 0 && row.table <= INDEX_TABLE_XATTR &&
		    (row.born == index_state(v->ix)->epoch ||
		     row.died == index_state(v->ix)->epoch))
			index_state(v->ix)->epoch_opened_ns = volume_wall_ns(v);
		if (r == 0)
			r = index_import(v->ix, &row);
		if (r == ERR_CORRUPT || r == ERR_VERSION)
			r = err_note(r, "%s", name);
	}
	buf_wipe(&rows);
	return r;
}

static int load_manifest(struct volume *v, const char *name, uint64_t seq, const struct buf *m,
                         volume_progress_fn progress, void *ctx)
{
	struct index_state *s = index_state(v->ix);
	const uint8_t *hash, *part;
	uint64_t nparts;
	struct dec d;
	int r = 0;

	dec_init(&d, m->data, m->len);
	if (dec_u16(&d) != CHECKPOINT_VERSION)
		return err_note(d.failed ? ERR_CORRUPT : ERR_VERSION, "%s", name);
	s->log_seq = dec_u64(&d);
	hash = dec_bytes(&d, SHA256_BYTES);
	s->epoch = dec_i64(&d);
	s->next_ino = dec_u64(&d);
	s->next_pack = dec_u64(&d);
	s->next_snapshot = dec_u64(&d);
	s->last_epoch_ns = dec_i64(&d);
	s->files = dec_u64(&d);
	s->folders = dec_u64(&d);
	s->bytes = dec_u64(&d);
	nparts = dec_var_max(&d, PARTS_MAX);
	if (d.failed || s->log_seq != seq || s->epoch < 1)
		return err_note(ERR_CORRUPT, "%s", name);
	memcpy(s->log_hash, hash, SHA256_BYTES);
	for (uint64_t i = 0; r == 0 && i < nparts; i++) {
		part = dec_bytes(&d, PART_NAME_BYTES + SHA256_BYTES);
		if (!part)
			return err_note(ERR_CORRUPT, "%s", name);
		r = load_part(v, part, part + PART_NAME_BYTES);
		if (progress)
			progress(ctx, "checkpoint", i + 1, nparts);
	}
	if (r == 0)
		r = dec_end(&d) ? err_note(ERR_CORRUPT, "%s", name) : 0;
	return r ? r : index_live_pages(v->ix, &s->pages);
}

static int add_size(void *ctx, const struct blob_info *info)
{
	*(uint64_t *)ctx += info->size_bytes;
	return 0;
}

/* Without it a volume that is mounted often and changed little would never get a checkpoint. */
int volume_checkpoint_measure(struct volume *v)
{
	char name[BLOB_NAME_MAX + 1];
	uint64_t seq = 0, log_bytes = 0;
	struct buf m;
	int r = blob_list(v->params.store, "checkpoints/0", NULL, take_newest, &seq);

	if (r == 0) {
		log_name(seq, name);
		r = blob_list(v->params.store, "log/", name, add_size, &log_bytes);
	}
	if (r != 0)
		return r;
	v->log_bytes_since_checkpoint += log_bytes;
	if (seq == 0)
		return 0;
	manifest_name(seq, name);
	buf_init(&m, OBJECT_CONTENT_MAX);
	if (get_object(v, OBJECT_CHECKPOINT, name, NULL, &m) == 0)
		v->checkpoint_bytes = m.len / (PART_NAME_BYTES + SHA256_BYTES) * PART_BYTES;
	buf_wipe(&m);
	return 0;
}

int volume_checkpoint_load(struct volume *v, volume_progress_fn progress, void *ctx,
                           bool *ret_found)
{
	char name[BLOB_NAME_MAX + 1];
	uint64_t seq = 0;
	struct buf m;
	int r = blob_list(v->params.store, "checkpoints/0", NULL, take_newest, &seq);

	*ret_found = false;
	if (r != 0 || seq == 0)
		return r;
	manifest_name(seq, name);
	buf_init(&m, OBJECT_CONTENT_MAX);
	r = get_object(v, OBJECT_CHECKPOINT, name, NULL, &m);
	if (r == 0)
		r = load_manifest(v, name, seq, &m, progress, ctx);
	buf_wipe(&m);
	*ret_found = r == 0;
	return r;
}
