/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Log objects: `log/<sequence>` in the store, each the operations of one epoch or a part of one.
 *
 * Content of the sealed object (crypto/object.h), kind OBJECT_LOG:
 *
 *   u16  format version (1)
 *   u8   codec of the records (0: as they are)
 *   u8   flags: 1 the last record ends an epoch
 *   u64  sequence number
 *   u64  writer id: random, one for each state folder
 *   32   SHA-256 of the sealed object before this one, zeros for the first
 *   i64  time of the last record
 *   ...  records (op.h) to the end
 */
#include "volume/impl.h"

#include "util/codec.h"
#include "util/err.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define LOG_VERSION 1
#define LOG_ENDS_EPOCH 1

void log_name(uint64_t seq, char *out)
{
	snprintf(out, BLOB_NAME_MAX, "log/%016" PRIx64, seq);
}

int log_encode(const struct log_header *h, const void *records, size_t len, struct buf *out)
{
	enc_u16(out, LOG_VERSION);
	enc_u8(out, 0);
	enc_u8(out, h->ends_epoch ? LOG_ENDS_EPOCH : 0);
	enc_u64(out, h->seq);
	enc_u64(out, h->writer_id);
	buf_add(out, h->prev_hash, SHA256_BYTES);
	enc_i64(out, h->time_ns);
	buf_add(out, records, len);
	return buf_error(out);
}

static int decode(struct log_object *o)
{
	struct log_header *ret = &o->header;
	const uint8_t *hash;
	struct dec d;
	unsigned codec, flags;

	dec_init(&d, o->content.data, o->content.len);
	if (dec_u16(&d) != LOG_VERSION)
		return d.failed ? ERR_CORRUPT : ERR_VERSION;
	codec = dec_u8(&d);
	flags = dec_u8(&d);
	ret->seq = dec_u64(&d);
	ret->writer_id = dec_u64(&d);
	hash = dec_bytes(&d, SHA256_BYTES);
	ret->time_ns = dec_i64(&d);
	if (d.failed)
		return ERR_CORRUPT;
	if (codec != 0 || (flags & ~(unsigned)LOG_ENDS_EPOCH) != 0)
		return ERR_VERSION;
	memcpy(ret->prev_hash, hash, SHA256_BYTES);
	ret->ends_epoch = flags & LOG_ENDS_EPOCH;
	o->records_len = dec_left(&d);
	o->records = dec_bytes(&d, o->records_len);
	return 0;
}

int log_open(struct volume *v, uint64_t seq, const void *sealed, size_t len, struct log_object *ret)
{
	char name[BLOB_NAME_MAX + 1];
	int r;

	memset(ret, 0, sizeof(*ret));
	buf_init(&ret->content, OBJECT_CONTENT_MAX);
	log_name(seq, name);
	r = object_open(v->object_keys, OBJECT_LOG, name, sealed, len, &ret->content);
	return r ? r : decode(ret);
}

void log_close(struct log_object *o)
{
	buf_wipe(&o->content);
}

int64_t log_last_epoch(const struct log_object *o)
{
	int64_t epoch = 0;
	struct dec d;

	dec_init(&d, o->records, o->records_len);
	while (dec_left(&d) > 0) {
		struct op op;

		if (op_decode(&d, &op) != 0)
			break;
		if (op.type == OP_EPOCH)
			epoch = op.epoch.epoch;
		op_done(&op);
	}
	return epoch;
}

static int replay_records(struct volume *v, const uint8_t *records, size_t len)
{
	struct dec d;
	int r = 0;

	dec_init(&d, records, len);
	while (r == 0 && dec_left(&d) > 0) {
		struct op op;

		r = op_decode(&d, &op);
		if (r != 0)
			return r;
		r = volume_apply(v, &op);
		op_done(&op);
	}
	return r;
}

int log_replay(struct volume *v, uint64_t seq, const void *sealed, size_t len)
{
	struct index_state *s = index_state(v->ix);
	char name[BLOB_NAME_MAX + 1];
	struct log_object o;
	int r = log_open(v, seq, sealed, len, &o);

	log_name(seq, name);
	if (r == 0 && (o.header.seq != seq || seq != s->log_seq + 1 ||
	               memcmp(o.header.prev_hash, s->log_hash, SHA256_BYTES) != 0))
		r = err_note(ERR_UNAUTHENTIC, "%s does not continue the log", name);
	else if (r != 0)
		r = err_note(r, "%s", name);
	if (r == 0) {
		r = replay_records(v, o.records, o.records_len);
		/* authentic, and yet it does not fit: one of the two sides has a fault */
		if (r != 0 && r != ERR_NOMEM && r != ERR_NOSPC && r != ERR_IO && r != ERR_VERSION)
			r = err_note(ERR_CORRUPT, "%s does not fit the state before it (%s)", name,
			             err_name(r));
	}
	if (r == 0) {
		s->log_seq = seq;
		r = kdf_sha256(sealed, len, s->log_hash);
	}
	log_close(&o);
	return r;
}
