/* SPDX-License-Identifier: Apache-2.0 */
#include "util/lock.h"

#include "util/check.h"

#include <time.h>

#ifdef LOCK_DEBUG
#define HELD_MAX 16
static _Thread_local enum lock_rank held[HELD_MAX];
static _Thread_local int held_count;

static void order_take(const struct lock *l)
{
	CHECK(held_count < HELD_MAX);
	CHECK(held_count == 0 || held[held_count - 1] < l->rank);
	held[held_count++] = l->rank;
}

/* locks may be dropped in any order */
static void order_drop(const struct lock *l)
{
	for (int i = held_count - 1; i >= 0; i--) {
		if (held[i] != l->rank)
			continue;
		for (; i < held_count - 1; i++)
			held[i] = held[i + 1];
		held_count--;
		return;
	}
	CHECK(!"dropped a lock that is not held");
}
#else
static void order_take(const struct lock *l)
{
	(void)l;
}

static void order_drop(const struct lock *l)
{
	(void)l;
}
#endif

void lock_init(struct lock *l, enum lock_rank rank)
{
	CHECK(pthread_mutex_init(&l->mutex, NULL) == 0);
	l->rank = rank;
}

void lock_done(struct lock *l)
{
	CHECK(pthread_mutex_destroy(&l->mutex) == 0);
}

void lock_take(struct lock *l)
{
	order_take(l);
	CHECK(pthread_mutex_lock(&l->mutex) == 0);
}

void lock_drop(struct lock *l)
{
	CHECK(pthread_mutex_unlock(&l->mutex) == 0);
	order_drop(l);
}

void cond_init(struct cond *c)
{
	pthread_condattr_t attr;

	CHECK(pthread_condattr_init(&attr) == 0);
	CHECK(pthread_condattr_setclock(&attr, CLOCK_MONOTONIC) == 0);
	CHECK(pthread_cond_init(&c->cond, &attr) == 0);
	pthread_condattr_destroy(&attr);
}

void cond_done(struct cond *c)
{
	CHECK(pthread_cond_destroy(&c->cond) == 0);
}

void cond_wait(struct cond *c, struct lock *l)
{
	CHECK(pthread_cond_wait(&c->cond, &l->mutex) == 0);
}

void cond_wait_ms(struct cond *c, struct lock *l, int64_t timeout_ms)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	ts.tv_sec += timeout_ms / 1000;
	ts.tv_nsec += (timeout_ms % 1000) * 1000000;
	if (ts.tv_nsec >= 1000000000) {
		ts.tv_sec++;
		ts.tv_nsec -= 1000000000;
	}
	pthread_cond_timedwait(&c->cond, &l->mutex, &ts);
}

void cond_wake_all(struct cond *c)
{
	CHECK(pthread_cond_broadcast(&c->cond) == 0);
}
