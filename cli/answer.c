/* SPDX-License-Identifier: Apache-2.0 */
/* Put and get stand side by side, in the same order. Signed numbers are i64, the rest varints. */
#include "cli/answer.h"

#include "cli/control.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void answer_put_text(struct buf *b, const char *s)
{
	enc_blob(b, s, strlen(s) + 1);
}

const char *answer_get_text(struct dec *d)
{
	size_t len;
	const uint8_t *s = dec_blob(d, CONTROL_TEXT_MAX, &len);

	if (!s || len == 0 || memchr(s, '\0', len) != s + len - 1) {
		d->failed = true;
		return "";
	}
	return (const char *)s;
}

void answer_put_attr(struct buf *b, const struct volume_attr *a)
{
	enc_var(b, a->ino);
	enc_var(b, a->mode);
	enc_var(b, a->uid);
	enc_var(b, a->gid);
	enc_var(b, a->nlink);
	enc_var(b, a->rdev);
	enc_var(b, a->size);
	enc_var(b, a->blocks);
	enc_i64(b, a->atime_ns);
	enc_i64(b, a->mtime_ns);
	enc_i64(b, a->ctime_ns);
	enc_i64(b, a->btime_ns);
}

void answer_get_attr(struct dec *d, struct volume_attr *ret)
{
	ret->ino = dec_var(d);
	ret->mode = (uint32_t)dec_var_max(d, UINT32_MAX);
	ret->uid = (uint32_t)dec_var_max(d, UINT32_MAX);
	ret->gid = (uint32_t)dec_var_max(d, UINT32_MAX);
	ret->nlink = (uint32_t)dec_var_max(d, UINT32_MAX);
	ret->rdev = dec_var(d);
	ret->size = dec_var(d);
	ret->blocks = dec_var(d);
	ret->atime_ns = dec_i64(d);
	ret->mtime_ns = dec_i64(d);
	ret->ctime_ns = dec_i64(d);
	ret->btime_ns = dec_i64(d);
}

void answer_put_change(struct buf *b, const struct volume_change *c)
{
	enc_u8(b, (uint8_t)c->kind);
	answer_put_text(b, c->path);
	enc_u8(b, c->old_path != NULL);
	if (c->old_path)
		answer_put_text(b, c->old_path);
	answer_put_attr(b, &c->before);
	answer_put_attr(b, &c->after);
	enc_u8(b, c->content);
	enc_i64(b, c->epoch);
	enc_i64(b, c->time_ns);
}

void answer_get_change(struct dec *d, struct volume_change *ret)
{
	memset(ret, 0, sizeof(*ret));
	ret->kind = (enum volume_change_kind)dec_u8(d);
	ret->path = answer_get_text(d);
	if (dec_u8(d))
		ret->old_path = answer_get_text(d);
	answer_get_attr(d, &ret->before);
	answer_get_attr(d, &ret->after);
	ret->content = dec_u8(d) != 0;
	ret->epoch = dec_i64(d);
	ret->time_ns = dec_i64(d);
}

void answer_put_status(struct buf *b, const struct answer_status *w)
{
	const struct volume_status *s = &w->s;

	answer_put_text(b, w->volume);
	answer_put_text(b, w->store);
	answer_put_text(b, w->mountpoint);
	answer_put_text(b, w->state_path);
	enc_u8(b, w->read_only);
	enc_i64(b, w->at);
	enc_u8(b, (uint8_t)s->state);
	enc_u32(b, (uint32_t)s->error);
	answer_put_text(b, s->error_note);
	enc_var(b, s->pending_bytes);
	enc_var(b, s->pending_packs);
	enc_var(b, s->files);
	enc_var(b, s->folders);
	enc_var(b, s->bytes);
	enc_var(b, s->cache_bytes);
	enc_var(b, s->cache_limit_bytes);
	enc_i64(b, s->last_local_commit_ns);
	enc_i64(b, s->last_stored_commit_ns);
	enc_i64(b, s->epoch);
	enc_i64(b, s->stored_epoch);
	enc_i64(b, s->history_from_ns);
	enc_var(b, s->history_bytes);
	enc_var(b, s->snapshots);
}

void answer_get_status(struct dec *d, struct answer_status *ret)
{
	struct volume_status *s = &ret->s;

	memset(ret, 0, sizeof(*ret));
	ret->volume = answer_get_text(d);
	ret->store = answer_get_text(d);
	ret->mountpoint = answer_get_text(d);
	ret->state_path = answer_get_text(d);
	ret->read_only = dec_u8(d) != 0;
	ret->at = dec_i64(d);
	s->state = (enum volume_state)dec_u8(d);
	s->error = (int)dec_u32(d);
	snprintf(s->error_note, sizeof(s->error_note), "%s", answer_get_text(d));
	s->pending_bytes = dec_var(d);
	s->pending_packs = dec_var(d);
	s->files = dec_var(d);
	s->folders = dec_var(d);
	s->bytes = dec_var(d);
	s->cache_bytes = dec_var(d);
	s->cache_limit_bytes = dec_var(d);
	s->last_local_commit_ns = dec_i64(d);
	s->last_stored_commit_ns = dec_i64(d);
	s->epoch = dec_i64(d);
	s->stored_epoch = dec_i64(d);
	s->history_from_ns = dec_i64(d);
	s->history_bytes = dec_var(d);
	s->snapshots = dec_var(d);
}

static void put_texts(struct buf *b, const char *const *texts, size_t n)
{
	enc_var(b, n);
	for (size_t i = 0; i < n; i++)
		answer_put_text(b, texts[i]);
}

void answer_put_fsck(struct buf *b, const struct volume_fsck_result *r)
{
	answer_put_text(b, r->check);
	enc_u8(b, (uint8_t)r->state);
	enc_u32(b, (uint32_t)r->error);
	enc_var(b, r->count);
	enc_var(b, r->damages);
	answer_put_text(b, r->note);
	put_texts(b, r->lines, r->nlines);
	put_texts(b, r->remarks, r->nremarks);
}

void answer_get_fsck(struct dec *d, struct volume_fsck_result *ret, const char ***ret_texts)
{
	const char **texts = calloc(2 * VOLUME_FSCK_LINES_MAX, sizeof(*texts));

	memset(ret, 0, sizeof(*ret));
	*ret_texts = texts;
	ret->check = answer_get_text(d);
	ret->state = (enum volume_fsck_state)dec_u8(d);
	ret->error = (int)dec_u32(d);
	ret->count = dec_var(d);
	ret->damages = dec_var(d);
	ret->note = answer_get_text(d);
	ret->nlines = (size_t)dec_var_max(d, VOLUME_FSCK_LINES_MAX);
	for (size_t i = 0; texts && i < ret->nlines; i++)
		texts[i] = answer_get_text(d);
	ret->nremarks = (size_t)dec_var_max(d, VOLUME_FSCK_LINES_MAX);
	for (size_t i = 0; texts && i < ret->nremarks; i++)
		texts[VOLUME_FSCK_LINES_MAX + i] = answer_get_text(d);
	if (texts) {
		ret->lines = texts;
		ret->remarks = texts + VOLUME_FSCK_LINES_MAX;
	} else {
		d->failed = true;
	}
}
