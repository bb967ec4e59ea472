/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A store that misbehaves at one request, counted, in one way, once or from then on: what a sweep
 * over every request needs and the random weather of backend/fault.h does not give. It also
 * remembers what was replaced, so that it can give old bytes. Not thread safe.
 */
#ifndef AMBERFS_TESTS_TORTURE_STOREFAULT_H
#define AMBERFS_TESTS_TORTURE_STOREFAULT_H

#include "backend/blob.h"
#include "tests/lib/simdisk.h"

enum storefault_request {
	STOREFAULT_PUT,
	STOREFAULT_GET,
	STOREFAULT_LIST,
	STOREFAULT_REMOVE,
};

enum storefault_kind {
	STOREFAULT_NONE,
	STOREFAULT_FAIL,     /* ERR_UNAVAILABLE, nothing happened */
	STOREFAULT_DENIED,   /* ERR_DENIED, nothing happened */
	STOREFAULT_LOST,     /* it happened, then ERR_UNAVAILABLE */
	STOREFAULT_LATE,     /* it succeeds, after a long time */
	STOREFAULT_TRUNCATE, /* get: half of the bytes, as success */
	STOREFAULT_FLIP,     /* get: one bit flipped, as success */
	STOREFAULT_OLD,      /* get: the bytes before the last replacement */
	STOREFAULT_MISSING,  /* get: ERR_MISSING */
	STOREFAULT_STALE,    /* list: without the newest objects */
	STOREFAULT_EMPTY,    /* list: nothing */
	STOREFAULT_KINDS,
};

/** Wrap @inner, which it then owns. @clock (borrowed) is what LATE lets go on: the time since
 * start, not the wall clock, so that what is written later has the same times as without it.
 * Aborts when out of memory. */
struct blob *storefault_new(struct blob *inner, struct simclock *clock);

/** Let every request fail while @disk (borrowed; NULL: none) is frozen: the machine is dead then, and
 * what its program still does reaches nobody. */
void storefault_follow(struct blob *b, const struct simdisk *disk);

/** Requests so far. */
uint64_t storefault_requests(const struct blob *b);

/** What request number @n (from 1) was; it must have been. */
enum storefault_request storefault_request_was(const struct blob *b, uint64_t n);

/** Let the @nth request from now (1: the next) meet @kind, and with @lasting every later one too
 * that the kind fits. STOREFAULT_NONE: the store tells the truth again. */
void storefault_plan(struct blob *b, enum storefault_kind kind, uint64_t nth, bool lasting);

/** Whether a fault has happened since it was planned. */
bool storefault_hit(const struct blob *b);

/** Does @kind fit requests of this type? */
bool storefault_fits(enum storefault_kind kind, enum storefault_request request);

const char *storefault_kind_name(enum storefault_kind kind);
const char *storefault_request_name(enum storefault_request request);

#endif
