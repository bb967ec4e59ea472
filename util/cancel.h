/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Giving up a long wait. A thread that works for a program says where that program's wish to be interrupted will show; whatever may
 * wait for long, below, asks now and then and ends with ERR_CANCELED.
 *
 * Both are of the calling thread, so nothing has to be handed through the layers between.
 */
#ifndef AMBERFS_UTIL_CANCEL_H
#define AMBERFS_UTIL_CANCEL_H

#include <stdatomic.h>
#include <stdbool.h>

#define CANCEL_POLL_MS 100 /* how often whoever waits should ask */

/** From now on this thread gives up when *@asked is true, which is borrowed; NULL: never. */
void cancel_watch(const atomic_bool *asked);

/** Whether this thread watches anything: if not, a wait needs no interruptions. */
bool cancel_is_watched(void);

/** Whether it is to give up. */
bool cancel_is_asked(void);

#endif
