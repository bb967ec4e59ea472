/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From what a crash, another machine or nothing left behind to the newest state. Inside volume/
 * only.
 */
#ifndef AMBERFS_VOLUME_RECOVER_H
#define AMBERFS_VOLUME_RECOVER_H

#include "volume/impl.h"

/**
 * Bring the index (open, @fresh when it was just made) to the newest state that the store, outlog/
 * and the journal hold, and rebuild what is kept beside it. Called once while opening, before any
 * thread. ERR_CORRUPT with the note "index" when the index does not fit the journal: the caller
 * builds it anew.
 */
int recover_state(struct volume *v, bool fresh, volume_progress_fn progress, void *ctx);

#endif
