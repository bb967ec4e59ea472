/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The chain of the log, from the oldest object there is to the one that the index stands at: each
 * authentic, with the number of its name, the hash of the one before, and records that can be read.
 * One object at a time is in memory. And the newest checkpoint, without which a log that does not
 * begin at 1 cannot be read.
 */
#include "volume/fsck.h"

#include "util/codec.h"
#include "util/err.h"
#include "util/hex.h"
#include "volume/recover.h"
#include "volume/state.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define MANIFEST_VERSION 1
#define MANIFEST_FIXED_BYTES (2 + 8 + SHA256_BYTES + 8 * 8)
#define PART_NAME_BYTES 16
#define PARTS_MAX 65536

/* ---- checkpoints ---- */

static int take_manifest(void *ctx, const struct blob_info *info)
{
	uint64_t n;

	if (numbers_hex(info->name + strlen("checkpoints/"), &n) && n > *(uint64_t *)ctx)
		*(uint64_t *)ctx = n;
	return 0;
}

int fsck_newest_checkpoint(struct fsck *f, uint64_t *ret)
{
	*ret = 0;
	return blob_list(f->v->params.store, "checkpoints/0", NULL, take_manifest, ret);
}

struct parts {
	uint8_t (*id)[PART_NAME_BYTES]; /* ascending, as the store lists them */
	uint64_t count, found;
};

static int by_id(const void *a, const void *b)
{
	return memcmp(a, b, PART_NAME_BYTES);
}

static int take_part(void *ctx, const struct blob_info *info)
{
	struct parts *parts = ctx;
	uint8_t id[PART_NAME_BYTES];
	uint8_t(*at)[PART_NAME_BYTES];

	if (hex_decode(id, sizeof(id), info->name + strlen("checkpoints/parts/")) != 0)
		return 0;
	at = bsearch(id, parts->id, parts->count, PART_NAME_BYTES, by_id);
	if (at && info->size_bytes > OBJECT_OVERHEAD_BYTES) {
		memmove(at, at + 1,
		        (size_t)(&parts->id[parts->count] - (at + 1)) * PART_NAME_BYTES);
		parts->count--;
		parts->found++;
	}
	return 0;
}

static int check_parts(struct fsck *f, const char *name, const struct buf *manifest)
{
	struct parts parts = {0};
	uint64_t nparts = 0;
	struct dec d;
	int r = 0;

	dec_init(&d, manifest->data, manifest->len);
	if (dec_u16(&d) != MANIFEST_VERSION)
		return fsck_damage(f, "%s: %s", name, err_text(ERR_VERSION));
	dec_bytes(&d, MANIFEST_FIXED_BYTES - 2);
	nparts = dec_var_max(&d, PARTS_MAX);
	if (d.failed || dec_left(&d) != nparts * (PART_NAME_BYTES + SHA256_BYTES))
		return fsck_damage(f, "%s: %s", name, err_text(ERR_CORRUPT));
	parts.id = calloc(nparts + 1, PART_NAME_BYTES);
	if (!parts.id)
		return ERR_NOMEM;
	for (; parts.count < nparts; parts.count++) {
		memcpy(parts.id[parts.count], dec_bytes(&d, PART_NAME_BYTES), PART_NAME_BYTES);
		dec_bytes(&d, SHA256_BYTES);
	}
	qsort(parts.id, parts.count, PART_NAME_BYTES, by_id);
	r = blob_list(f->v->params.store, "checkpoints/parts/", NULL, take_part, &parts);
	f->count += parts.found;
	for (uint64_t i = 0; r == 0 && i < parts.count; i++) {
		char hex[2 * PART_NAME_BYTES + 1];

		hex_encode(hex, parts.id[i], PART_NAME_BYTES);
		r = fsck_damage(f, "checkpoints/parts/%s: missing or cut short, needed by %s", hex,
		                name);
	}
	free(parts.id);
	return r;
}

int fsck_checkpoints(struct fsck *f)
{
	struct buf sealed, manifest;
	char name[BLOB_NAME_MAX + 1];
	uint64_t seq;
	int r = fsck_newest_checkpoint(f, &seq);

	if (r == 0 && seq == 0)
		return fsck_result(f, "checkpoints", false, 0, "parts; there is no checkpoint yet");
	snprintf(name, sizeof(name), "checkpoints/%016" PRIx64, seq);
	buf_init(&sealed, BLOB_MAX_BYTES);
	buf_init(&manifest, OBJECT_CONTENT_MAX);
	fsck_progress(f, "checkpoints", 0, 1);
	if (r == 0)
		r = blob_get(f->v->params.store, name, 0, SIZE_MAX, &sealed);
	if (r == 0)
		r = object_open(f->v->object_keys, OBJECT_CHECKPOINT, name, sealed.data, sealed.len,
		                &manifest);
	if (r == ERR_UNAUTHENTIC || r == ERR_CORRUPT || r == ERR_VERSION || r == ERR_MISSING)
		r = fsck_damage(f, "%s: %s", name, err_text(r));
	else if (r == 0)
		r = check_parts(f, name, &manifest);
	buf_done(&sealed);
	buf_wipe(&manifest);
	if (r != 0 && !fsck_is_outage(r))
		return r;
	return fsck_result(f, "checkpoints", r != 0, r, "parts of the newest one");
}

/* ---- the log ---- */

struct chain {
	struct fsck *f;
	struct numbers numbers; /* ascending; of the store and of outlog/ */
	struct numbers store;   /* of the store alone */
	uint64_t bytes, done;   /* of the store's, for the progress */
	int outage;             /* why the store was not looked at */
	bool hash_known;
	uint8_t hash[SHA256_BYTES]; /* of the object before */
};

static int take_log(void *ctx, const struct blob_info *info)
{
	struct chain *c = ctx;
	uint64_t n;
	int r;

	if (!numbers_hex(info->name + strlen("log/"), &n))
		return fsck_remark(c->f, "%s: not the name of a log object", info->name);
	c->bytes += info->size_bytes;
	r = numbers_add(&c->store, n);
	return r ? r : numbers_add(&c->numbers, n);
}

/* outlog/ first: what leaves it meanwhile is in the store before. */
static int list_chain(struct chain *c)
{
	struct volume *v = c->f->v;
	int r = recover_list_outlog(v, &c->numbers);

	if (r != 0)
		return r;
	r = blob_list(v->params.store, "log/", NULL, take_log, c);
	if (fsck_is_outage(r)) {
		c->outage = r;
		r = 0;
	}
	numbers_sort(&c->store);
	numbers_sort(&c->numbers);
	return r;
}

static int missing(struct chain *c, uint64_t from, uint64_t to)
{
	c->hash_known = false;
	c->f->ndamages += to - from;
	if (from == to)
		return fsck_damage(c->f, "log/%016" PRIx64 ": missing", from);
	return fsck_damage(c->f, "log/%016" PRIx64 " to log/%016" PRIx64 ": missing", from, to);
}

static int get_object(struct chain *c, uint64_t seq, const char *name, struct buf *out)
{
	struct volume *v = c->f->v;
	int r = ERR_NOENT;

	if (!numbers_has(&c->store, seq))
		r = volume_outlog_read(v, seq, out);
	if (r != ERR_NOENT)
		return r;
	buf_reset(out);
	r = c->outage ? c->outage : blob_get(v->params.store, name, 0, SIZE_MAX, out);
	c->done += out->len;
	return r;
}

static int tell_event(struct fsck *f, const struct op *op)
{
	time_t s = (time_t)(op->time_ns / 1000000000);
	struct tm tm = {0};
	char when[32];

	gmtime_r(&s, &tm);
	strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%SZ", &tm);
	return fsck_remark(f,
	                   "%s: %.*s: known were log object %" PRIu64 " and epoch e%" PRId64
	                   ", accepted %" PRIu64 " and e%" PRId64,
	                   when, (int)op->event.text_len, op->event.text, op->event.known.log_seq,
	                   op->event.known.epoch, op->event.accepted.log_seq,
	                   op->event.accepted.epoch);
}

static int check_records(struct chain *c, const char *name, const uint8_t *records, size_t len)
{
	struct dec d;
	int r = 0;

	dec_init(&d, records, len);
	while (r == 0 && dec_left(&d) > 0) {
		struct op op;

		r = op_decode(&d, &op);
		if (r == ERR_CORRUPT || r == ERR_VERSION)
			return fsck_damage(c->f, "%s: a record in it: %s", name, err_text(r));
		if (r == 0 && op.type == OP_EVENT)
			r = tell_event(c->f, &op);
		if (r == 0)
			op_done(&op);
	}
	return r;
}

static int check_content(struct chain *c, uint64_t seq, const char *name,
                         const struct log_object *o)
{
	const struct log_header *h = &o->header;
	int r = 0;

	if (h->seq != seq)
		r = fsck_damage(c->f, "%s: says that it is number %" PRIu64, name, h->seq);
	if (r == 0 && c->hash_known && memcmp(h->prev_hash, c->hash, SHA256_BYTES) != 0)
		r = fsck_damage(c->f, "%s: does not continue the one before it", name);
	return r ? r : check_records(c, name, o->records, o->records_len);
}

static int check_object(struct chain *c, uint64_t seq)
{
	const struct index_state *at = &c->f->at;
	bool stored = numbers_has(&c->store, seq);
	struct log_object o = {0};
	struct buf sealed;
	char name[BLOB_NAME_MAX + 1], shown[BLOB_NAME_MAX + 32];
	int r;

	log_name(seq, name);
	snprintf(shown, sizeof(shown), "%s%s", name, stored ? "" : " (outlog/, not stored yet)");
	buf_init(&sealed, BLOB_MAX_BYTES);
	r = get_object(c, seq, name, &sealed);
	if (r == ERR_MISSING || (c->outage && r == c->outage)) {
		/* left outlog/ and the store does not answer: not known to be damage */
		r = r == ERR_MISSING ? missing(c, seq, seq) : 0;
		c->hash_known = false;
		goto out;
	}
	if (r == 0)
		r = log_open(c->f->v, seq, sealed.data, sealed.len, &o);
	if (r == ERR_UNAUTHENTIC || r == ERR_CORRUPT || r == ERR_VERSION || r == ERR_FBIG) {
		r = fsck_damage(c->f, "%s: %s", shown, err_text(r));
		c->hash_known = false;
		goto out;
	}
	if (r == 0)
		r = check_content(c, seq, shown, &o);
	if (r == 0)
		r = kdf_sha256(sealed.data, sealed.len, c->hash);
	c->hash_known = r == 0;
	if (r == 0 && seq == at->log_seq && memcmp(c->hash, at->log_hash, SHA256_BYTES) != 0)
		r = fsck_damage(c->f, "%s: is not the one that the index stands at", shown);
out:
	c->f->count++;
	buf_done(&sealed);
	log_close(&o);
	return r;
}

/* A log that does not begin at 1 begins at the latest behind a checkpoint. */
static int check_begin(struct chain *c)
{
	uint64_t checkpoint = 0, first = c->numbers.count ? c->numbers.n[0] : c->f->at.log_seq + 1;
	int r;

	if (c->outage || first == 1)
		return 0;
	r = fsck_newest_checkpoint(c->f, &checkpoint);
	if (fsck_is_outage(r))
		return 0;
	if (r == 0 && first > checkpoint + 1)
		r = missing(c, checkpoint + 1, first - 1);
	return r;
}

static int walk(struct chain *c)
{
	uint64_t before = c->numbers.count ? c->numbers.n[0] - 1 : c->f->at.log_seq;
	int r = check_begin(c);

	c->hash_known = before == 0; /* of nothing: zeros */
	for (size_t i = 0; r == 0 && i < c->numbers.count; i++) {
		uint64_t seq = c->numbers.n[i];

		if (seq == before) /* in both places */
			continue;
		if (seq != before + 1)
			r = missing(c, before + 1, seq - 1);
		if (r == 0)
			r = check_object(c, seq);
		if (fsck_is_outage(r)) {
			c->outage = r;
			return 0;
		}
		if (r == 0)
			r = fsck_stopped(c->f);
		before = seq;
		fsck_progress(c->f, "log", c->done, c->bytes);
	}
	if (r == 0 && !c->outage && before < c->f->at.log_seq)
		r = missing(c, before + 1, c->f->at.log_seq);
	return r;
}

int fsck_log(struct fsck *f)
{
	struct chain c = {.f = f};
	int r = list_chain(&c);

	if (r == 0)
		r = walk(&c);
	numbers_done(&c.numbers);
	numbers_done(&c.store);
	return r ? r
	         : fsck_result(f, "log", c.outage && f->count == 0, c.outage,
	                       "objects that continue one another");
}
