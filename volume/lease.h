/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Showing in the store that a mount lives, so that a second machine does not begin by mistake.
 * Inside volume/ only.
 *
 * The lease is a courtesy, not a lock: what keeps two writers apart is put-if-absent on the log's
 * numbers (upload.c). A mount of this machine whose process is dead is taken over at once; one of
 * another machine counts as alive for LEASE_FRESH_S after its last sign.
 *
 * Object `lease`, kind OBJECT_LEASE: u16 version (1); 16 machine id; 16 boot id; u32 process id;
 * u64 start time of the process in clock ticks since boot; u64 writer id; i64 time of this sign.
 */
#ifndef AMBERFS_VOLUME_LEASE_H
#define AMBERFS_VOLUME_LEASE_H

#include "volume/impl.h"

#define LEASE_FRESH_S 120
#define LEASE_RENEW_S 40

/** Check that nobody else is alive, and sign. ERR_FENCED (another machine) or ERR_LOCKED (a process of this one) with a note that says who;
 * ERR_UNAUTHENTIC, ERR_CORRUPT. */
int lease_take(struct volume *v);

/** Sign again when it is time. Trouble with the store is left to the uploader. */
void lease_step(struct volume *v);

/** Take the sign away, when the store answers. */
void lease_drop(struct volume *v);

#endif
