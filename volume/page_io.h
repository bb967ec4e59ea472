/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Between files and packs: sealing pages into a pack and opening them again. Inside volume/ only.
 */
#ifndef AMBERFS_VOLUME_PAGE_IO_H
#define AMBERFS_VOLUME_PAGE_IO_H

#include "volume/impl.h"

#define PAGE_BYTES SEAL_PAGE_BYTES
#define PAGE_RUN_MAX 256 /* pages sealed as one extent at most */
#define PAGE_RUN_BYTES (PAGE_RUN_MAX * PAGE_BYTES)
#define PAGE_SEALED_RUN_BYTES (PAGE_RUN_MAX * SEALED_PAGE_BYTES)

/** A buffer of PAGE_SEALED_RUN_BYTES from a small pool; NULL when out of memory. */
uint8_t *page_buffer_take(void);
void page_buffer_give(uint8_t *buffer);

/** The key of extents with key @id, ready; ends with keys_put(). Takes `lock` when it is not
 * cached. */
int page_key(struct volume *v, uint64_t id, struct key_ref **ret);

/**
 * The key that new pages of file @ino are sealed under. A copy that a restore made has none of its
 * own until it is first written: then it gets one, by an operation.
 */
int page_own_key(struct volume *v, uint64_t ino, struct key_ref **ret);

/* Sealed pages on their way into the log. */
struct page_run {
	struct index_extent extent;
	struct pack *pack;
	uint8_t *sealed;
	size_t sealed_len;
};

/**
 * Seal @len bytes (at most PAGE_RUN_BYTES; only the last page may be short) as file pages from
 * @page of @ino, and put them into the open pack. No locks held but the file's. On success
 * page_run_done() must follow, after the operation was applied or not.
 */
int page_run_put(struct volume *v, struct key_ref *key, uint64_t ino, uint64_t page,
                 const uint8_t *plain, size_t len, struct page_run *ret);

/** With `lock`: log what must come before an operation that names the run, and remember its bytes
 * for the batch. */
int page_run_log(struct volume *v, const struct page_run *run);

void page_run_done(struct volume *v, struct page_run *run);

/**
 * Plaintext of @npages pages from file page @page of the extent @e to @out (npages * PAGE_BYTES;
 * what lies behind a short last page is zeroed). No locks held.
 */
int page_read(struct volume *v, const struct index_extent *e, uint64_t page, uint32_t npages,
              uint8_t *out);

#endif
