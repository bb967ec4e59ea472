/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Storing what is local, in order: packs in parallel as they are sealed; a log object when every
 * pack that it, or one before it, names is stored. So the store always holds a consistent prefix of
 * history.
 *
 * A log object goes up with put-if-absent on its number. When the number is taken, the object there
 * is either ours (a reply was lost, or a crash came before we noted it: the bytes are the same,
 * since sealing is deterministic) or another writer's: then this volume is fenced, keeps what it
 * could not store, and stops.
 *
 * Trouble with the store backs off, 1 s to 60 s, and goes on by itself; nothing local is given up
 * for it.
 */
#include "volume/impl.h"

#include "util/err.h"
#include "util/log.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BACKOFF_FIRST_NS 1000000000ll
#define BACKOFF_MAX_NS 60000000000ll

int volume_outlog_add(struct volume *v, uint64_t seq, uint64_t last_pack, uint64_t size)
{
	struct volume_outlog *o = calloc(1, sizeof(*o));
	struct volume_outlog **at;

	if (!o)
		return ERR_NOMEM;
	o->seq = seq;
	o->last_pack = last_pack;
	o->size = size;
	lock_take(&v->upload_lock);
	/* in order; one that is made again after a crash may belong before what is there */
	at = v->outlog_tail && v->outlog_tail->seq < seq ? &v->outlog_tail->next : &v->outlog_head;
	while (*at && (*at)->seq < seq)
		at = &(*at)->next;
	if (*at && (*at)->seq == seq) {
		lock_drop(&v->upload_lock);
		free(o);
		return 0;
	}
	o->next = *at;
	*at = o;
	if (!o->next)
		v->outlog_tail = o;
	v->outlog_bytes += size;
	cond_wake_all(&v->upload_changed);
	lock_drop(&v->upload_lock);
	return 0;
}

static void pop_head(struct volume *v)
{
	struct volume_outlog *o = v->outlog_head;

	v->outlog_head = o->next;
	if (!v->outlog_head)
		v->outlog_tail = NULL;
	v->outlog_bytes -= o->size;
	free(o);
}

void volume_outlog_free(struct volume *v)
{
	while (v->outlog_head)
		pop_head(v);
}

/* What the store's answer means for the requests to come. */
static void note_answer(struct volume *v, int r)
{
	int64_t wait_ns = BACKOFF_FIRST_NS;

	lock_take(&v->upload_lock);
	if (v->store_error ==
	    ERR_FENCED) { /* for good: a pack that was under way changes nothing */
		lock_drop(&v->upload_lock);
		return;
	}
	if (r == 0) {
		if (v->store_error)
			log_info("upload", "store-answers-again");
		v->store_error = 0;
		v->retry_count = 0;
		v->retry_mono_ns = 0;
	} else {
		if (!v->store_error)
			log_warn("upload", "store-failed error=%s", err_name(r));
		v->store_error = r;
		snprintf(v->store_note, sizeof(v->store_note), "%s", err_note_text());
		for (unsigned i = 0; i < v->retry_count && wait_ns < BACKOFF_MAX_NS; i++)
			wait_ns *= 2;
		if (wait_ns > BACKOFF_MAX_NS)
			wait_ns = BACKOFF_MAX_NS;
		v->retry_count++;
		v->retry_mono_ns = clock_mono_ns(v->params.clock) + wait_ns;
	}
	cond_wake_all(&v->upload_changed);
	lock_drop(&v->upload_lock);
}

/*
 * A pack's name is random, so only this very pack can be there already (its reply was lost). Anything else under the name is
 * another writer's, and is not replaced.
 */
static int put_pack(struct volume *v, const char *name, const struct buf *data)
{
	struct buf there;
	int r = blob_put_new(v->params.store, name, data->data, data->len);

	if (r != ERR_EXIST)
		return r;
	buf_init(&there, BLOB_MAX_BYTES);
	r = blob_get(v->params.store, name, 0, SIZE_MAX, &there);
	if (r == 0 && (there.len != data->len || memcmp(there.data, data->data, data->len) != 0))
		r = err_note(ERR_CORRUPT, "%s in the store is not what was put there", name);
	buf_done(&there);
	return r;
}

static int store_pack(struct volume *v, const struct pack_info *info)
{
	char name[BLOB_NAME_MAX + 1];
	struct buf data;
	int r;

	volume_pack_name(info->name, name);
	buf_init(&data, BLOB_MAX_BYTES);
	r = packs_load(v->packs, info->num, &data);
	if (r != 0) {
		packs_not_stored(v->packs, info->num);
		lock_take(&v->lock);
		volume_poison(v, r);
		lock_drop(&v->lock);
		buf_done(&data);
		return r;
	}
	r = put_pack(v, name, &data);
	buf_done(&data);
	note_answer(v, r);
	if (r == 0) {
		r = packs_stored(v->packs, info->num);
		packs_evict(v->packs);
	} else {
		packs_not_stored(v->packs, info->num);
	}
	return r;
}

int volume_compare_stored(struct volume *v, uint64_t seq, const struct buf *sealed)
{
	char name[BLOB_NAME_MAX + 1];
	struct log_object o;
	struct buf there;
	int r;

	log_name(seq, name);
	buf_init(&there, BLOB_MAX_BYTES);
	r = blob_get(v->params.store, name, 0, SIZE_MAX, &there);
	if (r != 0 ||
	    (there.len == sealed->len && memcmp(there.data, sealed->data, sealed->len) == 0))
		goto out;
	/* only an object that is whole and authentic is another writer's: anything else is damage,
	 * or half a reply */
	r = log_open(v, seq, there.data, there.len, &o);
	log_close(&o);
	r = r == 0 ? err_note(ERR_FENCED, "%s was stored by another writer", name)
	           : err_note(r, "%s", name);
out:
	buf_done(&there);
	return r;
}

int volume_outlog_read(struct volume *v, uint64_t seq, struct buf *out)
{
	char path[VOLUME_PATH_MAX];
	struct file *f = NULL;
	uint64_t size;
	uint8_t *to;
	int r;

	volume_outlog_path(v, seq, path);
	r = file_open(v->params.io, path, FILE_READ, &f);
	if (r == 0)
		r = file_size(f, &size);
	if (r == 0) {
		to = size > 0 && size <= BLOB_MAX_BYTES ? buf_extend(out, (size_t)size) : NULL;
		r = to ? file_pread_all(f, to, (size_t)size, 0)
		       : err_note(ERR_CORRUPT, "outlog/%016" PRIx64 " of the state folder", seq);
	}
	file_close(f);
	return r;
}

static void log_stored(struct volume *v, uint64_t seq, int64_t time_ns, int64_t epoch)
{
	char path[VOLUME_PATH_MAX];
	int r;

	volume_outlog_path(v, seq, path);
	r = fileio_remove(v->params.io, path);
	if (r != 0 && r != ERR_NOENT) {
		/* it stays first in the queue: without those after it, it would be a gap at the next mount */
		lock_take(&v->lock);
		volume_poison(v, r);
		lock_drop(&v->lock);
		return;
	}
	lock_take(&v->upload_lock);
	v->stored_seq = seq;
	v->stored_commit_ns = time_ns;
	/* what waited since the last mount may end no epoch itself */
	if (seq >= v->recovered_seq && v->recovered_epoch > v->stored_epoch)
		v->stored_epoch = v->recovered_epoch;
	if (epoch > v->stored_epoch)
		v->stored_epoch = epoch;
	pop_head(v);
	cond_wake_all(&v->upload_changed);
	lock_drop(&v->upload_lock);
}

/*
 * Is it what was made here? What the local disk has changed must not take the number in the store. And when was it made, and
 * which epoch ended in it (0: none)? For `status`.
 */
static int inspect(struct volume *v, uint64_t seq, const struct buf *sealed, int64_t *time_ns,
                   int64_t *epoch)
{
	struct log_object o;
	int r = log_open(v, seq, sealed->data, sealed->len, &o);

	*time_ns = o.header.time_ns;
	*epoch = log_last_epoch(&o);
	log_close(&o);
	return r ? err_note(r, "outlog/%016" PRIx64 " of the state folder", seq) : 0;
}

static int store_log(struct volume *v, uint64_t seq)
{
	char name[BLOB_NAME_MAX + 1];
	int64_t time_ns, epoch;
	struct buf sealed;
	int r;

	log_name(seq, name);
	buf_init(&sealed, BLOB_MAX_BYTES);
	r = volume_outlog_read(v, seq, &sealed);
	if (r == 0)
		r = inspect(v, seq, &sealed, &time_ns, &epoch);
	if (r != 0) {
		lock_take(&v->lock);
		volume_poison(v, r);
		lock_drop(&v->lock);
	} else {
		r = blob_put_new(v->params.store, name, sealed.data, sealed.len);
		if (r == ERR_EXIST)
			r = volume_compare_stored(v, seq, &sealed);
		note_answer(v, r);
		if (r == ERR_FENCED) {
			lock_take(&v->lock);
			volume_poison(v, r);
			lock_drop(&v->lock);
		}
	}
	if (r == 0)
		log_stored(v, seq, time_ns, epoch);
	buf_done(&sealed);
	lock_take(&v->upload_lock);
	v->log_storing = false;
	lock_drop(&v->upload_lock);
	return r;
}

/* The next log object, taken, when its packs are stored. */
static bool take_log(struct volume *v, uint64_t *ret_seq)
{
	struct volume_outlog *o;
	bool taken = false;

	lock_take(&v->upload_lock);
	o = v->outlog_head;
	if (o && !v->log_storing) {
		uint64_t last_pack = o->last_pack;

		*ret_seq = o->seq;
		v->log_storing = true;
		lock_drop(&v->upload_lock);
		taken = !packs_unstored_below(v->packs, last_pack);
		lock_take(&v->upload_lock);
		v->log_storing = taken;
	}
	lock_drop(&v->upload_lock);
	return taken;
}

static bool may_ask(struct volume *v)
{
	bool may;

	lock_take(&v->upload_lock);
	may = v->store_error != ERR_FENCED && clock_mono_ns(v->params.clock) >= v->retry_mono_ns;
	lock_drop(&v->upload_lock);
	return may;
}

int volume_upload_step(struct volume *v, bool *ret_did)
{
	struct pack_info info;
	uint64_t seq;
	int r;

	*ret_did = false;
	if (v->params.read_only || !may_ask(v))
		return 0;
	if (take_log(v, &seq)) {
		*ret_did = true;
		return store_log(v, seq);
	}
	r = packs_take_unstored(v->packs, atomic_load(&v->durable_ticket), &info);
	if (r != 0)
		return r == ERR_NOENT ? 0 : r;
	*ret_did = true;
	return store_pack(v, &info);
}
