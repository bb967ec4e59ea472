/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two tables under one lock: the eight slots that guard the write-ahead log, and the levels of the
 * database file.
 *
 * Invariants:
 *   1. a slot in `exclusive` has shared[] == 0, and exactly one user has its bit;
 *   2. shared[n] is the number of users that have bit n in `shared`;
 *   3. db_pending set means that no new user gets SHARED;
 *   4. a user at EXCLUSIVE is the only one at SHARED or above.
 */
#include "meta/vfs_shm.h"

#include "util/check.h"

#include <stdlib.h>
#include <string.h>

/* 4096 frames of the log for each region, so 64 GiB of log in all: far above what checkpoints
 * leave. */
#define REGION_MAX 4096
#define LOG_FRAMES_AT 16

void vfs_shm_init(struct vfs_shm *s)
{
	*s = (struct vfs_shm){0};
	lock_init(&s->lock, LOCK_META);
}

static void free_regions(struct vfs_shm *s)
{
	for (int i = 0; i < s->region_count; i++)
		free(s->regions[i]);
	free(s->regions);
	s->regions = NULL;
	s->region_count = 0;
}

void vfs_shm_done(struct vfs_shm *s)
{
	CHECK(s->users == 0 && s->db_shared == 0);
	free_regions(s);
	lock_done(&s->lock);
}

static int add_region(struct vfs_shm *s, size_t bytes)
{
	void **grown;
	void *region;

	grown = realloc(s->regions, ((size_t)s->region_count + 1) * sizeof(*grown));
	if (!grown)
		return SQLITE_NOMEM;
	s->regions = grown;
	region = calloc(1, bytes);
	if (!region)
		return SQLITE_NOMEM;
	s->regions[s->region_count++] = region;
	return SQLITE_OK;
}

int vfs_shm_map(struct vfs_shm *s, struct vfs_shm_user *u, int n, int region_bytes, bool extend,
                void volatile **ret)
{
	int rc = SQLITE_OK;

	if (n < 0 || n >= REGION_MAX || region_bytes <= 0)
		return SQLITE_FULL;
	lock_take(&s->lock);
	if (!u->mapped) {
		u->mapped = true;
		s->users++;
	}
	while (extend && rc == SQLITE_OK && s->region_count <= n)
		rc = add_region(s, (size_t)region_bytes);
	*ret = n < s->region_count ? s->regions[n] : NULL;
	lock_drop(&s->lock);
	return rc;
}

/* The shared memory begins with the header of the index of the log, and mxFrame is its fifth word (SQLite's walformat.html). */
uint64_t vfs_shm_log_frames(struct vfs_shm *s)
{
	uint32_t frames = 0;

	lock_take(&s->lock);
	if (s->region_count > 0)
		memcpy(&frames, (const uint8_t *)s->regions[0] + LOG_FRAMES_AT, sizeof(frames));
	lock_drop(&s->lock);
	return frames;
}

static void drop_slots(struct vfs_shm *s, struct vfs_shm_user *u, uint8_t mask)
{
	for (int i = 0; i < SQLITE_SHM_NLOCK; i++)
		if (u->shared & mask & (1u << i))
			s->shared[i]--;
	s->exclusive &= (uint8_t) ~(u->exclusive & mask);
	u->shared &= (uint8_t)~mask;
	u->exclusive &= (uint8_t)~mask;
}

static int take_exclusive(struct vfs_shm *s, struct vfs_shm_user *u, uint8_t mask)
{
	if (s->exclusive & mask & (uint8_t)~u->exclusive)
		return SQLITE_BUSY;
	for (int i = 0; i < SQLITE_SHM_NLOCK; i++)
		if ((mask & (1u << i)) && s->shared[i] > 0)
			return SQLITE_BUSY;
	s->exclusive |= mask;
	u->exclusive |= mask;
	return SQLITE_OK;
}

static int take_shared(struct vfs_shm *s, struct vfs_shm_user *u, uint8_t mask)
{
	if (s->exclusive & mask)
		return SQLITE_BUSY;
	for (int i = 0; i < SQLITE_SHM_NLOCK; i++)
		if ((mask & (1u << i)) && !(u->shared & (1u << i)))
			s->shared[i]++;
	u->shared |= mask;
	return SQLITE_OK;
}

int vfs_shm_lock(struct vfs_shm *s, struct vfs_shm_user *u, int first, int count, int flags)
{
	uint8_t mask;
	int rc = SQLITE_OK;

	CHECK(first >= 0 && count >= 1 && first + count <= SQLITE_SHM_NLOCK);
	mask = (uint8_t)(((1u << count) - 1) << first);
	lock_take(&s->lock);
	if (flags & SQLITE_SHM_UNLOCK)
		drop_slots(s, u, mask);
	else if (flags & SQLITE_SHM_EXCLUSIVE)
		rc = take_exclusive(s, u, mask);
	else
		rc = take_shared(s, u, mask);
	lock_drop(&s->lock);
	return rc;
}

void vfs_shm_barrier(struct vfs_shm *s)
{
	__sync_synchronize();
	lock_take(&s->lock);
	lock_drop(&s->lock);
}

void vfs_shm_unmap(struct vfs_shm *s, struct vfs_shm_user *u)
{
	lock_take(&s->lock);
	drop_slots(s, u, 0xff);
	if (u->mapped) {
		u->mapped = false;
		if (--s->users == 0)
			free_regions(s);
	}
	lock_drop(&s->lock);
}

static int raise_level(struct vfs_shm *s, struct vfs_shm_user *u, int level)
{
	if (u->level == SQLITE_LOCK_NONE) {
		if (s->db_pending)
			return SQLITE_BUSY;
		s->db_shared++;
		u->level = SQLITE_LOCK_SHARED;
	}
	if (level == SQLITE_LOCK_SHARED)
		return SQLITE_OK;
	if ((s->db_reserved && s->db_reserved != u) || (s->db_pending && s->db_pending != u))
		return SQLITE_BUSY;
	s->db_reserved = u;
	if (level == SQLITE_LOCK_RESERVED) {
		u->level = SQLITE_LOCK_RESERVED;
		return SQLITE_OK;
	}
	s->db_pending = u;
	u->level = SQLITE_LOCK_PENDING;
	if (s->db_shared > 1)
		return SQLITE_BUSY;
	u->level = SQLITE_LOCK_EXCLUSIVE;
	return SQLITE_OK;
}

int vfs_shm_db_lock(struct vfs_shm *s, struct vfs_shm_user *u, int level)
{
	int rc = SQLITE_OK;

	lock_take(&s->lock);
	if (u->level < level)
		rc = raise_level(s, u, level);
	lock_drop(&s->lock);
	return rc;
}

void vfs_shm_db_unlock(struct vfs_shm *s, struct vfs_shm_user *u, int level)
{
	lock_take(&s->lock);
	if (u->level > level) {
		if (s->db_reserved == u)
			s->db_reserved = NULL;
		if (s->db_pending == u)
			s->db_pending = NULL;
		if (level == SQLITE_LOCK_NONE)
			s->db_shared--;
		u->level = level;
	}
	lock_drop(&s->lock);
}

bool vfs_shm_db_reserved(struct vfs_shm *s)
{
	bool held;

	lock_take(&s->lock);
	held = s->db_reserved != NULL;
	lock_drop(&s->lock);
	return held;
}
