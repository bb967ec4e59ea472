/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A filter that makes the store behind it misbehave, repeatably from a seed: failure before the
 * request takes effect, a reply lost after it did, delay, truncated bodies, listings that are old.
 * It breaks the contract only where a real store breaks it too.
 */
#ifndef AMBERFS_BACKEND_FAULT_H
#define AMBERFS_BACKEND_FAULT_H

#include "backend/blob.h"

/* Chances in 1/1000 for each request. */
struct fault_config {
	uint64_t seed;
	unsigned fail;       /* ERR_UNAVAILABLE, nothing happened */
	unsigned lost_reply; /* it happened, then ERR_UNAVAILABLE */
	unsigned truncate;   /* get: fewer bytes than asked for, as success */
	unsigned corrupt;    /* get: one bit flipped, as success */
	unsigned stale_list; /* list: without the objects put since the last listing */
	unsigned delay;      /* sleep delay_ms first */
	unsigned delay_ms;
	bool down; /* every request: ERR_UNAVAILABLE */
};

/** Wrap @inner, which the filter then owns. NULL when out of memory. */
struct blob *fault_new(struct blob *inner, const struct fault_config *config);

/** Change the weather. The seed's sequence goes on; config->seed is ignored. */
void fault_configure(struct blob *fault, const struct fault_config *config);

#endif
