/* SPDX-License-Identifier: Apache-2.0 */
/*
 * On disk a batch is
 *
 *   0  4   magic "AMBJ"
 *   4  4   ciphertext length n
 *   8  8   batch number, from 1
 *   16 8   number of the first batch of the same log object (0: made by an older version)
 *   24 16  tag of the batch before (zeros for the first of a ring)
 *   40 24  salt
 *   64 n   ciphertext of: u64 log object number; varint count of page runs, each varint pack,
 *          varint offset, blob bytes; then the operation records to the end
 *   .. 16  tag
 *
 * sealed by crypto/seal under KBKDF(log key, "amberfs journal", volume id), the 64 header bytes
 * being the additional data, and padded to a whole block. A batch does not wrap around the end of
 * the file: one that does not fit there begins at 0.
 *
 * Invariants
 *   J1 the batches in `live` are numbered first .. next-1, each authentic and chained to the one
 *      before it
 *   J2 no byte of a live batch is overwritten
 *   J3 batch n+1 is written only after batch n was synced (the caller's duty), so a damaged batch
 *      with an intact one after it was damaged after it had become durable: that is corruption,
 *      not a torn write
 *   J4 a batch names the first one of its log object, so whoever gathers the records of a log object knows
 *      whether the ring still has all of them: none of them is released before the object is made
 *
 * Where the ring begins is not stored: opening reads all of it and keeps the chain that ends in the
 * highest number.
 */
#include "volume/journal.h"

#include "crypto/kdf.h"
#include "crypto/seal.h"
#include "util/buf.h"
#include "util/check.h"
#include "util/codec.h"
#include "util/err.h"
#include "util/secret.h"

#include <stdlib.h>
#include <string.h>

#define HEADER_BYTES 64
#define MAGIC "AMBJ"
#define VOLUME_ID_LEN 16

struct batch_place {
	uint64_t seq;
	uint64_t off;
	uint64_t bytes; /* whole blocks */
	uint64_t log_seq, log_first;
	uint8_t prev[SEAL_TAG_BYTES];
	uint8_t tag[SEAL_TAG_BYTES];
};

struct journal {
	struct file *file;
	struct seal_key *key;
	struct rng *rng;
	uint64_t size;
	struct batch_place *live; /* live[0] is the oldest */
	size_t nlive, cap;
	uint64_t used; /* bytes of them: asked for at each commit */
	uint64_t next;
	uint64_t last_log_seq, last_log_first; /* of batch next - 1 */
	uint8_t last_tag[SEAL_TAG_BYTES];
	struct buf scratch;
};

static uint64_t round_up(uint64_t n)
{
	return (n + JOURNAL_BLOCK_BYTES - 1) / JOURNAL_BLOCK_BYTES * JOURNAL_BLOCK_BYTES;
}

static int live_add(struct journal *j, const struct batch_place *p)
{
	if (j->nlive == j->cap) {
		size_t cap = j->cap ? j->cap * 2 : 64;
		struct batch_place *live = realloc(j->live, cap * sizeof(*live));

		if (!live)
			return ERR_NOMEM;
		j->live = live;
		j->cap = cap;
	}
	j->live[j->nlive++] = *p;
	j->used += p->bytes;
	return 0;
}

static void drop_oldest(struct journal *j, size_t n)
{
	for (size_t i = 0; i < n; i++)
		j->used -= j->live[i].bytes;
	memmove(j->live, j->live + n, (j->nlive - n) * sizeof(*j->live));
	j->nlive -= n;
}

/* ---- opening ---- */

/* Is there an authentic batch at @off of the ring image? The plaintext goes to @out. */
static bool batch_at(struct journal *j, const uint8_t *ring, uint64_t off, uint8_t *out,
                     struct batch_place *ret)
{
	const uint8_t *at = ring + off;
	struct dec d;
	uint32_t len;

	if (memcmp(at, MAGIC, 4) != 0)
		return false;
	dec_init(&d, at + 4, HEADER_BYTES - 4);
	len = dec_u32(&d);
	ret->seq = dec_u64(&d);
	ret->log_first = dec_u64(&d);
	if (len > j->size - off || HEADER_BYTES + SEAL_TAG_BYTES > j->size - off - len ||
	    ret->seq == 0)
		return false;
	if (open_message(j->key, at + 40, at, HEADER_BYTES, at + HEADER_BYTES, len,
	                 at + HEADER_BYTES + len, out) != 0)
		return false;
	ret->off = off;
	ret->bytes = round_up(HEADER_BYTES + (uint64_t)len + SEAL_TAG_BYTES);
	memcpy(ret->prev, at + 24, SEAL_TAG_BYTES);
	memcpy(ret->tag, at + HEADER_BYTES + len, SEAL_TAG_BYTES);
	dec_init(&d, out, len);
	ret->log_seq = dec_u64(&d);
	return true;
}

static int by_seq(const void *a, const void *b)
{
	const struct batch_place *x = a, *y = b;

	return x->seq < y->seq ? -1 : x->seq > y->seq;
}

/*
 * Keep the chain that ends in the highest number. What lies before a gap in the numbers was
 * released and partly overwritten, unless it joins on: then (J3) a durable batch is damaged. Which
 * of the two it is, the caller knows: it asks for the numbers it needs.
 */
static void keep_chain(struct journal *j)
{
	size_t start;

	if (j->nlive == 0)
		return;
	qsort(j->live, j->nlive, sizeof(*j->live), by_seq);
	start = j->nlive - 1;
	while (start > 0 && j->live[start - 1].seq + 1 == j->live[start].seq &&
	       secret_equal(j->live[start - 1].tag, j->live[start].prev, SEAL_TAG_BYTES))
		start--;
	drop_oldest(j, start);
	j->next = j->live[j->nlive - 1].seq + 1;
	j->last_log_seq = j->live[j->nlive - 1].log_seq;
	j->last_log_first = j->live[j->nlive - 1].log_first;
	memcpy(j->last_tag, j->live[j->nlive - 1].tag, SEAL_TAG_BYTES);
}

static int scan(struct journal *j)
{
	uint8_t *ring = malloc(j->size);
	uint8_t *plain = malloc(j->size);
	uint64_t off = 0;
	int r = ERR_NOMEM;

	if (!ring || !plain)
		goto out;
	r = file_pread_all(j->file, ring, j->size, 0);
	while (r == 0 && off < j->size) {
		struct batch_place p = {.bytes = JOURNAL_BLOCK_BYTES};

		if (batch_at(j, ring, off, plain, &p))
			r = live_add(j, &p);
		off += p.bytes;
	}
	if (r == 0)
		keep_chain(j);
out:
	if (plain)
		explicit_bzero(plain, j->size);
	free(plain);
	free(ring);
	return r;
}

/* Written with zeros once, so that later writes change no metadata. */
static int make_ring(struct journal *j)
{
	const size_t piece = 256 * 1024;
	uint8_t *zeros = calloc(1, piece);
	int r = zeros ? 0 : ERR_NOMEM;

	for (uint64_t off = 0; r == 0 && off < j->size; off += piece)
		r = file_pwrite(j->file, zeros,
		                j->size - off < piece ? (size_t)(j->size - off) : piece, off);
	free(zeros);
	return r ? r : file_sync(j->file);
}

/*
 * J3 for the newest batch: after a failed sync and a restart of the program alone, the kernel may
 * show bytes that the disk does not have, and think them clean. Written again, they are synced
 * again.
 */
static int settle_newest(struct journal *j)
{
	const struct batch_place *p = j->nlive ? &j->live[j->nlive - 1] : NULL;
	uint8_t *bytes = p ? malloc(p->bytes) : NULL;
	int r = 0;

	if (!p)
		return 0;
	if (!bytes)
		return ERR_NOMEM;
	r = file_pread_all(j->file, bytes, p->bytes, p->off);
	if (r == 0)
		r = file_pwrite(j->file, bytes, p->bytes, p->off);
	if (r == 0)
		r = file_sync(j->file);
	free(bytes);
	return r;
}

static int open_ring(struct journal *j, const struct fileio *io, const char *path,
                     uint64_t size_bytes)
{
	uint64_t have = 0;
	int r = file_open(io, path, FILE_WRITE | FILE_CREATE, &j->file);

	if (r == 0)
		r = file_size(j->file, &have);
	if (r != 0)
		return r;
	/* a ring that was cut short while it was made holds nothing yet */
	if (have < JOURNAL_MIN_BYTES || have > JOURNAL_MAX_BYTES) {
		j->size = size_bytes;
		r = file_truncate(j->file, 0);
		return r ? r : make_ring(j);
	}
	j->size = have / JOURNAL_BLOCK_BYTES * JOURNAL_BLOCK_BYTES;
	r = scan(j);
	if (r == 0 && j->nlive == 0 && have < size_bytes) { /* cut short while it was made */
		j->size = size_bytes;
		return make_ring(j);
	}
	return r ? r : settle_newest(j);
}

int journal_open(const struct fileio *io, const char *path, const uint8_t *log_key,
                 const uint8_t *volume_id, struct rng *rng, uint64_t size_bytes,
                 struct journal **ret)
{
	uint8_t key[SEAL_KEY_BYTES];
	struct journal *j = calloc(1, sizeof(*j));
	int r;

	CHECK(size_bytes >= JOURNAL_MIN_BYTES && size_bytes % JOURNAL_BLOCK_BYTES == 0);
	if (!j)
		return ERR_NOMEM;
	buf_init(&j->scratch, JOURNAL_MAX_BYTES);
	j->rng = rng;
	j->next = 1;
	r = kdf_derive(log_key, "amberfs journal", volume_id, VOLUME_ID_LEN, key);
	if (r == 0)
		r = seal_key_new(key, &j->key);
	explicit_bzero(key, sizeof(key));
	if (r == 0)
		r = open_ring(j, io, path, size_bytes);
	if (r != 0) {
		journal_close(j);
		return r;
	}
	*ret = j;
	return 0;
}

void journal_close(struct journal *j)
{
	if (!j)
		return;
	file_close(j->file);
	seal_key_free(j->key);
	buf_wipe(&j->scratch);
	free(j->live);
	free(j);
}

/* ---- reading ---- */

static int decode_batch(struct journal_batch *batch, struct journal_page_run **runs,
                        const uint8_t *plain, size_t len)
{
	struct dec d;

	dec_init(&d, plain, len);
	batch->log_seq = dec_u64(&d);
	batch->nruns = (size_t)dec_var_max(&d, len);
	*runs = calloc(batch->nruns + 1, sizeof(**runs));
	if (!*runs)
		return ERR_NOMEM;
	for (size_t i = 0; i < batch->nruns && !d.failed; i++) {
		(*runs)[i].pack = dec_var(&d);
		(*runs)[i].off = dec_var(&d);
		(*runs)[i].data = dec_blob(&d, len, &(*runs)[i].len);
	}
	batch->runs = *runs;
	batch->ops_len = dec_left(&d);
	batch->ops = dec_bytes(&d, batch->ops_len);
	return dec_end(&d);
}

static int replay_one(struct journal *j, const struct batch_place *p, journal_batch_fn fn,
                      void *ctx)
{
	struct journal_batch batch = {.seq = p->seq, .log_first = p->log_first};
	struct journal_page_run *runs = NULL;
	uint8_t *data = malloc(p->bytes);
	uint8_t *plain = malloc(p->bytes);
	struct dec d;
	int r = ERR_NOMEM;

	if (!data || !plain)
		goto out;
	r = file_pread_all(j->file, data, p->bytes, p->off);
	if (r != 0)
		goto out;
	dec_init(&d, data + 4, 4);
	r = ERR_CORRUPT;
	if (p->bytes <= j->size) {
		uint32_t len = dec_u32(&d);

		if (HEADER_BYTES + (uint64_t)len + SEAL_TAG_BYTES <= p->bytes)
			r = open_message(j->key, data + 40, data, HEADER_BYTES, data + HEADER_BYTES,
			                 len, data + HEADER_BYTES + len, plain);
		if (r == 0)
			r = decode_batch(&batch, &runs, plain, len);
	}
	if (r != 0)
		r = err_note(r, "journal: batch %llu", (unsigned long long)p->seq);
	else
		r = fn(ctx, &batch);
out:
	if (plain)
		explicit_bzero(plain, p->bytes);
	free(runs);
	free(plain);
	free(data);
	return r;
}

int journal_replay(struct journal *j, uint64_t from, journal_batch_fn fn, void *ctx)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < j->nlive; i++)
		if (j->live[i].seq >= from)
			r = replay_one(j, &j->live[i], fn, ctx);
	return r;
}

uint64_t journal_first(const struct journal *j)
{
	return j->nlive ? j->live[0].seq : j->next;
}

uint64_t journal_next(const struct journal *j)
{
	return j->next;
}

void journal_start_at(struct journal *j, uint64_t seq)
{
	CHECK(j->nlive == 0);
	j->next = seq;
}

/* ---- writing ---- */

/* J2: the place for @bytes after the newest batch, or false. */
static bool find_room(const struct journal *j, uint64_t bytes, uint64_t *ret)
{
	uint64_t head, tail;

	if (j->nlive == 0) {
		*ret = 0;
		return bytes <= j->size;
	}
	tail = j->live[0].off;
	head = j->live[j->nlive - 1].off + j->live[j->nlive - 1].bytes;
	if (head > tail) {
		if (bytes <= j->size - head) {
			*ret = head;
			return true;
		}
		*ret = 0;
		return bytes <= tail;
	}
	*ret = head;
	return bytes <= tail - head;
}

static void encode_batch(struct buf *b, const struct journal_batch *batch, uint64_t log_first,
                         const uint8_t *prev)
{
	buf_reset(b);
	buf_add(b, MAGIC, 4);
	enc_u32(b, 0);
	enc_u64(b, batch->seq);
	enc_u64(b, log_first);
	buf_add(b, prev, SEAL_TAG_BYTES);
	buf_extend(b, SEAL_SALT_BYTES);
	enc_u64(b, batch->log_seq);
	enc_var(b, batch->nruns);
	for (size_t i = 0; i < batch->nruns; i++) {
		enc_var(b, batch->runs[i].pack);
		enc_var(b, batch->runs[i].off);
		enc_blob(b, batch->runs[i].data, batch->runs[i].len);
	}
	buf_add(b, batch->ops, batch->ops_len);
}

int journal_append(struct journal *j, struct journal_batch *batch)
{
	struct batch_place p = {.seq = j->next, .log_seq = batch->log_seq};
	struct buf *b = &j->scratch;
	size_t len, pad;
	uint8_t *tag, *zeros;
	int r;

	batch->seq = j->next;
	p.log_first = batch->log_seq == j->last_log_seq ? j->last_log_first : j->next;
	encode_batch(b, batch, p.log_first, j->last_tag);
	if (buf_error(b))
		return buf_error(b);
	len = b->len - HEADER_BYTES;
	p.bytes = round_up(b->len + SEAL_TAG_BYTES);
	pad = (size_t)p.bytes - b->len - SEAL_TAG_BYTES;
	if (len > UINT32_MAX || !find_room(j, p.bytes, &p.off))
		return ERR_RANGE;
	tag = buf_extend(b, SEAL_TAG_BYTES);
	zeros = buf_extend(b, pad);
	if (!tag || !zeros)
		return buf_error(b);
	tag = b->data + HEADER_BYTES + len; /* the second append may have moved it */
	memset(zeros, 0, pad);
	for (int i = 0; i < 4; i++)
		b->data[4 + i] = (uint8_t)(len >> (8 * i));
	rng_fill(j->rng, b->data + 40, SEAL_SALT_BYTES);
	r = seal_message(j->key, b->data + 40, b->data, HEADER_BYTES, b->data + HEADER_BYTES, len,
	                 b->data + HEADER_BYTES, tag);
	if (r == 0)
		r = file_pwrite(j->file, b->data, b->len, p.off);
	memcpy(p.prev, j->last_tag, SEAL_TAG_BYTES);
	memcpy(p.tag, tag, SEAL_TAG_BYTES);
	if (r == 0)
		r = live_add(j, &p);
	if (r != 0)
		return r;
	memcpy(j->last_tag, p.tag, SEAL_TAG_BYTES);
	j->last_log_seq = p.log_seq;
	j->last_log_first = p.log_first;
	j->next++;
	return 0;
}

int journal_sync(struct journal *j)
{
	return file_sync(j->file);
}

void journal_release(struct journal *j, uint64_t seq)
{
	size_t n = 0;

	while (n < j->nlive && j->live[n].seq <= seq)
		n++;
	/* the newest stays: it tells where the ring goes on and what the next batch is chained to
	 */
	if (n == j->nlive && n > 0)
		n--;
	if (n == 0)
		return;
	drop_oldest(j, n);
}

uint64_t journal_used(const struct journal *j)
{
	return j->used;
}

uint64_t journal_size(const struct journal *j)
{
	return j->size;
}
