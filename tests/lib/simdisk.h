/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A local disk in memory behind `struct fileio`, whose power can be cut and whose calls can be made
 * to fail, repeatably.
 *
 * It promises what util/fileio.h promises and nothing more. At a power cut every write and
 * truncation that was not synced is kept, lost, or torn into sectors of 512 bytes of which any may
 * have arrived, each on its own: a later write may be there and an earlier one not, and the length
 * of a file may have arrived without its bytes. Changes of names survive independent of what is in
 * the files, in each folder in the order they were made there, at least up to the last one that
 * fileio_sync_dir() of this folder covered, and independent of other folders. Files are sparse: what
 * was never written costs nothing. Not thread safe.
 */
#ifndef AMBERFS_TESTS_LIB_SIMDISK_H
#define AMBERFS_TESTS_LIB_SIMDISK_H

#include "tests/lib/simclock.h"
#include "util/fileio.h"

#include <stdbool.h>
#include <stdint.h>

struct simdisk;

/** An empty disk with a root folder; modification times come from @clock (NULL: all are 0), which
 * is borrowed. Aborts when out of memory, as all of this does. */
struct simdisk *simdisk_new(const struct clock *clock);

/** Free the disk; handles that are still open must be closed before. NULL does nothing. */
void simdisk_free(struct simdisk *d);

/** The disk's interface; lives as long as the disk. */
const struct fileio *simdisk_io(struct simdisk *d);

/** From now on be as kind as a journaling filesystem: names of all folders survive in one order,
 * and no length without its bytes. */
void simdisk_set_orderly(struct simdisk *d, bool orderly);

/**
 * The power fails and comes back: what was not synced is up to @rng. Handles opened before give
 * ERR_IO from now on (and still want file_close()). Ends a freeze and all faults that were asked
 * for.
 */
void simdisk_power_cut(struct simdisk *d, struct simrng *rng);

/** The process dies and the kernel lives: all that was written stays, though still unsynced.
 * Handles and faults as above. */
void simdisk_kill(struct simdisk *d);

/** Every call fails with ERR_IO until the next simdisk_power_cut() or simdisk_kill(): what a
 * program does when its disk is gone must not reach the disk. */
void simdisk_freeze(struct simdisk *d);
bool simdisk_frozen(const struct simdisk *d);

/** Calls that may fail made so far (all but close, free_bytes). */
uint64_t simdisk_calls(const struct simdisk *d);

/** Calls so far that change something or make it durable. */
uint64_t simdisk_writes(const struct simdisk *d);

/** Let the @n-th fallible call from now (1: the next) fail with @code, once. A failed write has
 * written a part; a failed sync has dropped what it should have written, as Linux does. 0: none. */
void simdisk_fail_nth(struct simdisk *d, uint64_t n, int code);

/** Freeze after @n more changing calls (1: after the next one). 0: never. */
void simdisk_freeze_after(struct simdisk *d, uint64_t n);

/** Let writes that need new room fail with ERR_NOSPC once @bytes more are used. UINT64_MAX: no
 * limit. */
void simdisk_set_room(struct simdisk *d, uint64_t bytes);

/** Whether a fault asked for by simdisk_fail_nth() has happened since it was asked for. */
bool simdisk_fault_hit(const struct simdisk *d);

#endif
