/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The fields of control messages, written by the daemon and read by commands. Readers use dec's
 * sticky error; texts point into the message and are never NULL.
 */
#ifndef AMBERFS_CLI_ANSWER_H
#define AMBERFS_CLI_ANSWER_H

#include "util/buf.h"
#include "util/codec.h"
#include "volume/volume.h"

void answer_put_text(struct buf *b, const char *s);
const char *answer_get_text(struct dec *d);

void answer_put_attr(struct buf *b, const struct volume_attr *a);
void answer_get_attr(struct dec *d, struct volume_attr *ret);

void answer_put_change(struct buf *b, const struct volume_change *c);
void answer_get_change(struct dec *d, struct volume_change *ret);

/** @ret's lines and remarks point into *ret_texts, which the caller frees; NULL after a failure. */
void answer_put_fsck(struct buf *b, const struct volume_fsck_result *r);
void answer_get_fsck(struct dec *d, struct volume_fsck_result *ret, const char ***ret_texts);

struct answer_status {
	const char *volume;
	const char *store; /* as it may be shown */
	const char *mountpoint;
	const char *state_path;
	bool read_only;
	int64_t at; /* the epoch that is shown, or VOLUME_NOW */
	struct volume_status s;
};

void answer_put_status(struct buf *b, const struct answer_status *w);
void answer_get_status(struct dec *d, struct answer_status *ret);

#endif
