/* SPDX-License-Identifier: Apache-2.0 */
/* What commit.c and absorb.c share. Nobody else includes it. All with the commit lock held. */
#ifndef AMBERFS_VOLUME_COMMIT_H
#define AMBERFS_VOLUME_COMMIT_H

#include "volume/impl.h"

/** One commit, with @flags of volume_commit(). */
int commit_once(struct volume *v, unsigned flags);

/** With `lock` too: what is still in the open batch to the journal, durably. */
int commit_rest(struct volume *v);

/** End the log object. A full disk only delays it: its records are safe in the journal while that has room. */
int commit_compose(struct volume *v);

/** A full disk that was met where something is lost by it is not the kind that waiting mends: @r with ERR_NOSPC as ERR_IO. */
int commit_lost(int r);

/** What the caller is told when a commit with @flags ended with @r; the volume is poisoned where it must be. */
int commit_result(struct volume *v, int r, unsigned flags);

/** After a commit: free a part of the ring, when that cannot wait. */
int absorb_after_commit(struct volume *v);

#endif
