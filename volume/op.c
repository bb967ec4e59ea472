/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The encoding of operations. Each type has a writer and a reader side by side, so that a change of
 * one without the other is seen.
 *
 * Numbers are varints, times i64, names and values blobs. Limits stand in the readers: what a
 * reader accepts is what the rest of the code may rely on.
 */
#include "volume/op.h"

#include "util/err.h"
#include "volume/volume.h"

#include <stdlib.h>
#include <string.h>

#define PACK_BYTES_MAX (1ull << 40)

static void put_name(struct buf *b, const struct op_name *n)
{
	enc_var(b, n->parent);
	enc_blob(b, n->name, n->len);
}

static void get_name(struct dec *d, struct op_name *n)
{
	n->parent = dec_var(d);
	n->name = (const char *)dec_blob(d, INDEX_NAME_MAX, &n->len);
}

static void put_create(struct buf *b, const struct op *op)
{
	put_name(b, &op->create.at);
	enc_var(b, op->create.ino);
	enc_var(b, op->create.mode);
	enc_var(b, op->create.uid);
	enc_var(b, op->create.gid);
	enc_var(b, op->create.rdev);
	enc_blob(b, op->create.target, op->create.target_len);
	enc_var(b, op->create.master);
	if (op->create.master)
		buf_add(b, op->create.wrapped, INDEX_WRAPPED_BYTES);
	enc_blob(b, op->create.acl, op->create.acl_len);
	enc_blob(b, op->create.default_acl, op->create.default_acl_len);
}

static void get_create(struct dec *d, struct op *op)
{
	const uint8_t *wrapped;

	get_name(d, &op->create.at);
	op->create.ino = dec_var(d);
	op->create.mode = (uint32_t)dec_var_max(d, UINT32_MAX);
	op->create.uid = (uint32_t)dec_var_max(d, UINT32_MAX);
	op->create.gid = (uint32_t)dec_var_max(d, UINT32_MAX);
	op->create.rdev = dec_var(d);
	op->create.target = dec_blob(d, VOLUME_TARGET_MAX, &op->create.target_len);
	op->create.master = (uint32_t)dec_var_max(d, UINT32_MAX);
	if (op->create.master) {
		wrapped = dec_bytes(d, INDEX_WRAPPED_BYTES);
		if (wrapped)
			memcpy(op->create.wrapped, wrapped, INDEX_WRAPPED_BYTES);
	}
	op->create.acl = dec_blob(d, VOLUME_XATTR_MAX, &op->create.acl_len);
	op->create.default_acl = dec_blob(d, VOLUME_XATTR_MAX, &op->create.default_acl_len);
}

static void put_attr(struct buf *b, unsigned mask, const struct index_inode *a)
{
	enc_var(b, mask);
	if (mask & OP_ATTR_MODE)
		enc_var(b, a->mode);
	if (mask & OP_ATTR_UID)
		enc_var(b, a->uid);
	if (mask & OP_ATTR_GID)
		enc_var(b, a->gid);
	if (mask & OP_ATTR_ATIME)
		enc_i64(b, a->atime_ns);
	if (mask & OP_ATTR_MTIME)
		enc_i64(b, a->mtime_ns);
	if (mask & OP_ATTR_CTIME)
		enc_i64(b, a->ctime_ns);
	if (mask & OP_ATTR_SIZE)
		enc_var(b, a->size);
}

static unsigned get_attr(struct dec *d, struct index_inode *a)
{
	unsigned mask = (unsigned)dec_var_max(d, OP_ATTR_ALL);

	if (mask & OP_ATTR_MODE)
		a->mode = (uint32_t)dec_var_max(d, UINT32_MAX);
	if (mask & OP_ATTR_UID)
		a->uid = (uint32_t)dec_var_max(d, UINT32_MAX);
	if (mask & OP_ATTR_GID)
		a->gid = (uint32_t)dec_var_max(d, UINT32_MAX);
	if (mask & OP_ATTR_ATIME)
		a->atime_ns = dec_i64(d);
	if (mask & OP_ATTR_MTIME)
		a->mtime_ns = dec_i64(d);
	if (mask & OP_ATTR_CTIME)
		a->ctime_ns = dec_i64(d);
	if (mask & OP_ATTR_SIZE)
		a->size = dec_var_max(d, VOLUME_SIZE_MAX);
	return mask;
}

static void put_setattr(struct buf *b, const struct op *op)
{
	enc_var(b, op->attr.ino);
	put_attr(b, op->attr.mask, &op->attr.attr);
}

static void get_setattr(struct dec *d, struct op *op)
{
	op->attr.ino = dec_var(d);
	op->attr.mask = get_attr(d, &op->attr.attr);
	if (op->attr.mask & OP_ATTR_SIZE)
		d->failed = true;
}

/* the key is written as 0 when it is the file's own, which it nearly always is */
static void put_extent(struct buf *b, uint64_t ino, const struct index_extent *e)
{
	enc_var(b, e->page);
	enc_var(b, e->npages);
	enc_var(b, e->first);
	enc_var(b, e->tail);
	enc_var(b, e->key == ino ? 0 : e->key);
	enc_var(b, e->pack);
	enc_var(b, e->off);
	buf_add(b, e->salt, INDEX_SALT_BYTES);
}

static void get_extent(struct dec *d, uint64_t ino, struct index_extent *e)
{
	const uint64_t pages_max = VOLUME_SIZE_MAX / 4096;
	const uint8_t *salt;

	memset(e, 0, sizeof(*e));
	e->ino = ino;
	e->page = dec_var_max(d, pages_max - 1);
	e->npages = (uint32_t)dec_var_max(d, UINT32_MAX);
	e->first = (uint32_t)dec_var_max(d, UINT32_MAX);
	e->tail = (uint32_t)dec_var_max(d, 4096);
	e->key = dec_var(d);
	if (e->key == 0)
		e->key = ino;
	e->pack = dec_var(d);
	e->off = dec_var_max(d, PACK_BYTES_MAX);
	salt = dec_bytes(d, INDEX_SALT_BYTES);
	if (salt)
		memcpy(e->salt, salt, INDEX_SALT_BYTES);
	if (e->npages == 0 || e->tail == 0 || e->npages > pages_max - e->page ||
	    e->first > UINT32_MAX - e->npages)
		d->failed = true;
}

static void put_write(struct buf *b, const struct op *op)
{
	put_setattr(b, op);
	enc_var(b, op->attr.nclears);
	for (size_t i = 0; i < op->attr.nclears; i++) {
		enc_var(b, op->attr.clears[i].page);
		enc_var(b, op->attr.clears[i].npages);
	}
	enc_var(b, op->attr.nextents);
	for (size_t i = 0; i < op->attr.nextents; i++)
		put_extent(b, op->attr.ino, &op->attr.extents[i]);
}

static int get_write(struct dec *d, struct op *op)
{
	op->attr.ino = dec_var(d);
	op->attr.mask = get_attr(d, &op->attr.attr);
	op->attr.nclears = (size_t)dec_var_max(d, OP_EXTENTS_MAX);
	if (op->attr.nclears) {
		op->attr.clears = calloc(op->attr.nclears, sizeof(*op->attr.clears));
		if (!op->attr.clears)
			return ERR_NOMEM;
	}
	for (size_t i = 0; i < op->attr.nclears; i++) {
		op->attr.clears[i].page = dec_var(d);
		op->attr.clears[i].npages = dec_var(d);
	}
	op->attr.nextents = (size_t)dec_var_max(d, OP_EXTENTS_MAX);
	if (op->attr.nextents) {
		op->attr.extents = calloc(op->attr.nextents, sizeof(*op->attr.extents));
		if (!op->attr.extents)
			return ERR_NOMEM;
	}
	for (size_t i = 0; i < op->attr.nextents && !d->failed; i++)
		get_extent(d, op->attr.ino, &op->attr.extents[i]);
	return 0;
}

static void put_xattr(struct buf *b, const struct op *op)
{
	enc_var(b, op->xattr.ino);
	enc_blob(b, op->xattr.name, op->xattr.name_len);
	if (op->type == OP_XATTR_SET)
		enc_blob(b, op->xattr.value, op->xattr.value_len);
	enc_var(b, op->xattr.mask);
	if (op->xattr.mask & OP_ATTR_MODE)
		enc_var(b, op->xattr.mode);
}

static void get_xattr(struct dec *d, struct op *op)
{
	op->xattr.ino = dec_var(d);
	op->xattr.name = (const char *)dec_blob(d, INDEX_NAME_MAX, &op->xattr.name_len);
	if (op->type == OP_XATTR_SET)
		op->xattr.value = dec_blob(d, VOLUME_XATTR_MAX, &op->xattr.value_len);
	op->xattr.mask = (unsigned)dec_var_max(d, OP_ATTR_MODE);
	if (op->xattr.mask & OP_ATTR_MODE)
		op->xattr.mode = (uint32_t)dec_var_max(d, UINT32_MAX);
}

static void put_restore(struct buf *b, const struct op *op)
{
	enc_var(b, (uint64_t)op->restore.at);
	enc_var(b, op->restore.nsteps);
	for (size_t i = 0; i < op->restore.nsteps; i++) {
		const struct op_step *s = &op->restore.steps[i];

		enc_u8(b, (uint8_t)s->kind);
		if (s->kind != OP_STEP_REVIVE)
			put_name(b, &s->at);
		if (s->kind != OP_STEP_UNLINK)
			enc_var(b, s->ino);
		if (s->kind == OP_STEP_REVIVE)
			enc_var(b, s->src);
	}
}

static int get_restore(struct dec *d, struct op *op)
{
	op->restore.at = (int64_t)dec_var_max(d, INT64_MAX - 1);
	op->restore.nsteps = (size_t)dec_var_max(d, OP_STEPS_MAX);
	/* a step takes three bytes at least: a lying count cannot make us allocate much */
	if (op->restore.nsteps > dec_left(d) / 3) {
		d->failed = true;
		op->restore.nsteps = 0;
	}
	if (op->restore.nsteps) {
		op->restore.steps = calloc(op->restore.nsteps, sizeof(*op->restore.steps));
		if (!op->restore.steps)
			return ERR_NOMEM;
	}
	for (size_t i = 0; i < op->restore.nsteps && !d->failed; i++) {
		struct op_step *s = &op->restore.steps[i];

		s->kind = (enum op_step_kind)dec_u8(d);
		if (s->kind < OP_STEP_UNLINK || s->kind > OP_STEP_REVIVE)
			d->failed = true;
		if (s->kind != OP_STEP_REVIVE)
			get_name(d, &s->at);
		if (s->kind != OP_STEP_UNLINK)
			s->ino = dec_var(d);
		if (s->kind == OP_STEP_REVIVE)
			s->src = dec_var(d);
	}
	return 0;
}

static void put_place(struct buf *b, const struct op_place *p)
{
	enc_var(b, p->log_seq);
	enc_var(b, (uint64_t)p->epoch);
	enc_i64(b, p->time_ns);
}

static void get_place(struct dec *d, struct op_place *p)
{
	p->log_seq = dec_var(d);
	p->epoch = (int64_t)dec_var_max(d, INT64_MAX - 1);
	p->time_ns = dec_i64(d);
}

static void put_event(struct buf *b, const struct op *op)
{
	enc_u8(b, (uint8_t)op->event.kind);
	put_place(b, &op->event.known);
	put_place(b, &op->event.accepted);
	enc_blob(b, op->event.text, op->event.text_len);
}

static void get_event(struct dec *d, struct op *op)
{
	op->event.kind = dec_u8(d);
	get_place(d, &op->event.known);
	get_place(d, &op->event.accepted);
	op->event.text = (const char *)dec_blob(d, OP_EVENT_TEXT_MAX, &op->event.text_len);
}

static void put_fields(struct buf *b, const struct op *op)
{
	switch (op->type) {
	case OP_CREATE:
		put_create(b, op);
		break;
	case OP_LINK:
		enc_var(b, op->link.ino);
		put_name(b, &op->link.at);
		break;
	case OP_UNLINK:
		put_name(b, &op->unlink.at);
		break;
	case OP_RENAME:
		put_name(b, &op->rename.from);
		put_name(b, &op->rename.to);
		enc_var(b, op->rename.flags);
		break;
	case OP_SETATTR:
		put_setattr(b, op);
		break;
	case OP_WRITE:
		put_write(b, op);
		break;
	case OP_XATTR_SET:
	case OP_XATTR_REMOVE:
		put_xattr(b, op);
		break;
	case OP_RECLAIM:
		enc_var(b, op->reclaim.ino);
		break;
	case OP_PACK:
		enc_var(b, op->pack.num);
		buf_add(b, op->pack.name, INDEX_PACK_NAME_BYTES);
		break;
	case OP_PACK_END:
		enc_var(b, op->pack.num);
		enc_var(b, op->pack.size);
		break;
	case OP_EPOCH:
		enc_var(b, (uint64_t)op->epoch.epoch);
		break;
	case OP_SNAPSHOT:
		enc_blob(b, op->snapshot.name, op->snapshot.len);
		enc_var(b, (uint64_t)op->snapshot.epoch);
		break;
	case OP_SNAPSHOT_REMOVE:
		enc_blob(b, op->snapshot.name, op->snapshot.len);
		break;
	case OP_RESTORE:
		put_restore(b, op);
		break;
	case OP_FILEKEY:
		enc_var(b, op->filekey.id);
		enc_var(b, op->filekey.master);
		buf_add(b, op->filekey.wrapped, INDEX_WRAPPED_BYTES);
		break;
	case OP_EVENT:
		put_event(b, op);
		break;
	}
}

static int get_fields(struct dec *d, struct op *op)
{
	const uint8_t *bytes;

	switch (op->type) {
	case OP_CREATE:
		get_create(d, op);
		break;
	case OP_LINK:
		op->link.ino = dec_var(d);
		get_name(d, &op->link.at);
		break;
	case OP_UNLINK:
		get_name(d, &op->unlink.at);
		break;
	case OP_RENAME:
		get_name(d, &op->rename.from);
		get_name(d, &op->rename.to);
		op->rename.flags = (unsigned)dec_var_max(d, OP_RENAME_EXCHANGE);
		break;
	case OP_SETATTR:
		get_setattr(d, op);
		break;
	case OP_WRITE:
		return get_write(d, op);
	case OP_XATTR_SET:
	case OP_XATTR_REMOVE:
		get_xattr(d, op);
		break;
	case OP_RECLAIM:
		op->reclaim.ino = dec_var(d);
		break;
	case OP_PACK:
		op->pack.num = dec_var(d);
		bytes = dec_bytes(d, INDEX_PACK_NAME_BYTES);
		if (bytes)
			memcpy(op->pack.name, bytes, INDEX_PACK_NAME_BYTES);
		break;
	case OP_PACK_END:
		op->pack.num = dec_var(d);
		op->pack.size = dec_var_max(d, PACK_BYTES_MAX);
		break;
	case OP_EPOCH:
		op->epoch.epoch = (int64_t)dec_var_max(d, INT64_MAX - 1);
		break;
	case OP_SNAPSHOT:
		op->snapshot.name = (const char *)dec_blob(d, INDEX_NAME_MAX, &op->snapshot.len);
		op->snapshot.epoch = (int64_t)dec_var_max(d, INT64_MAX - 1);
		break;
	case OP_SNAPSHOT_REMOVE:
		op->snapshot.name = (const char *)dec_blob(d, INDEX_NAME_MAX, &op->snapshot.len);
		break;
	case OP_RESTORE:
		return get_restore(d, op);
	case OP_FILEKEY:
		op->filekey.id = dec_var(d);
		op->filekey.master = (uint32_t)dec_var_max(d, UINT32_MAX);
		bytes = dec_bytes(d, INDEX_WRAPPED_BYTES);
		if (bytes)
			memcpy(op->filekey.wrapped, bytes, INDEX_WRAPPED_BYTES);
		break;
	case OP_EVENT:
		get_event(d, op);
		break;
	default:
		return ERR_VERSION;
	}
	return 0;
}

void op_encode(struct buf *out, const struct op *op)
{
	size_t start = out->len;
	size_t len;

	enc_u32(out, 0);
	enc_u8(out, (uint8_t)op->type);
	enc_i64(out, op->time_ns);
	put_fields(out, op);
	if (buf_error(out))
		return;
	len = out->len - start - 4;
	for (int i = 0; i < 4; i++)
		out->data[start + (size_t)i] = (uint8_t)(len >> (8 * i));
}

int op_decode(struct dec *d, struct op *ret)
{
	struct dec body;
	const uint8_t *data;
	size_t len;
	int r;

	memset(ret, 0, sizeof(*ret));
	len = dec_u32(d);
	data = len <= OP_RECORD_MAX ? dec_bytes(d, len) : NULL;
	if (!data || len == 0)
		return ERR_CORRUPT;
	dec_init(&body, data, len);
	ret->type = (enum op_type)dec_u8(&body);
	ret->time_ns = dec_i64(&body);
	r = get_fields(&body, ret);
	if (r == 0)
		r = dec_end(&body);
	if (r != 0)
		op_done(ret);
	return r;
}

void op_done(struct op *op)
{
	if (op->type == OP_WRITE) {
		free(op->attr.clears);
		free(op->attr.extents);
	} else if (op->type == OP_RESTORE) {
		free(op->restore.steps);
	}
	memset(op, 0, sizeof(*op));
}
