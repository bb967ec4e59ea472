/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From what a crash, another machine or nothing left behind to the newest state. Inside volume/
 * only.
 */
#ifndef AMBERFS_VOLUME_RECOVER_H
#define AMBERFS_VOLUME_RECOVER_H

#include "volume/impl.h"
#include "volume/numbers.h"

/**
 * Bring the index (open, @fresh when it was just made) to the newest state that the store, outlog/
 * and the journal hold, and rebuild what is kept beside it. Called once while opening, before any
 * thread. ERR_CORRUPT with the note "index" when the index does not fit the journal: the caller
 * builds it anew.
 */
int recover_state(struct volume *v, bool fresh, volume_progress_fn progress, void *ctx);

/** Put the index aside, build it again from store, outlog/, packs/ and journal, and forget the old
 * one; when that fails, the old one is back as it was, and v->trouble is filled. First, with
 * v->params.rebuild, the old one is asked what the store must have. */
int recover_rebuild(struct volume *v, volume_progress_fn progress, void *ctx);

/** Fill v->trouble for @r, which volume_open_state() gave; leaves the note as it is. */
void recover_tell_trouble(struct volume *v, int r);

/** After recover_rebuild() told of VOLUME_TROUBLE_LOSS: rename what is damaged, open the rest. */
int recover_accept_loss(struct volume *v, volume_progress_fn progress, void *ctx);

/** After volume_open_state() gave ERR_ROLLBACK or ERR_FENCED: rename the state folder, begin anew
 * from the store. */
int recover_accept_store(struct volume *v, volume_progress_fn progress, void *ctx);

/* ---- between the files of recovery ---- */

/** The numbers in outlog/, ascending. */
int recover_list_outlog(struct volume *v, struct numbers *ret);

/** Ask the store for the newest object that the index (open, not fresh) knows to be stored: ERR_ROLLBACK. */
int recover_check_memory(struct volume *v, const struct numbers *outlog);

/** Apply the sealed log object @seq, which is the next one. */
int recover_replay_sealed(struct volume *v, uint64_t seq, const struct buf *sealed);

/** Apply the log objects after the index's that the store has. ERR_MISSING with the name of one that is left out. */
int recover_catch_up(struct volume *v, volume_progress_fn progress, void *ctx);

/** Is log object @stored, the newest known to be stored, there, with the bytes it had (whose hash is @known_hash; NULL: it is not known)? ERR_ROLLBACK; another error when what is there is no log object at all. */
int recover_check_rollback(struct volume *v, uint64_t stored, const uint8_t *known_hash);

/** 0 when the store has log object @seq, ERR_MISSING when not. */
int recover_is_stored(struct volume *v, uint64_t seq);

/** The hash of the log object before @seq, as @seq in outlog/ says it. False when that cannot be read. */
bool recover_hash_before(struct volume *v, uint64_t seq, uint8_t *ret);

/** Log objects in the store numbered @from and above. */
int recover_list_store(struct volume *v, uint64_t from, struct numbers *ret);

/** Is log object @seq in the store the one that waits in outlog/? One that is not there any more was removed when it was stored. ERR_FENCED. */
int recover_compare_own(struct volume *v, uint64_t seq);

/** What the store has beyond what is known to be stored: our own, or another writer's, which is taken over or ERR_FENCED. */
int recover_check_others(struct volume *v, volume_progress_fn progress, void *ctx);

/** Tell the table of packs what the index knows of them, and drop the local ones that it does not know. */
int recover_know_packs(struct volume *v);

/** After it: when no log object waits, all packs that ended are in the store (P3), whatever became of the note of that. */
int recover_know_stored_packs(struct volume *v);

/** Replay the journal; the last, open log object is gathered in v->log. */
int recover_journal(struct volume *v, bool fresh);

/** Do these records hold more than the book-keeping of packs? */
bool recover_has_change(const uint8_t *records, size_t len);

#endif
