/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The contract of a blob store: a flat set of immutable byte strings with names.
 *
 * A store sees sealed bytes and opaque names and nothing else. Every backend (dir, mem, s3) and
 * every filter around one (fault) keeps this contract, and one conformance test runs against all of
 * them.
 *
 * Names are 1 to 200 characters of [a-z0-9/._-], without an empty part or one that begins with a
 * dot; BLOB_MAX_BYTES is the largest object. No name may be a folder of another one ("a" beside
 * "a/b"): some stores refuse the second (ERR_INVAL). Writes are atomic: a reader sees the whole
 * object or none, and what a put acknowledged is durable and seen by every later get and list of
 * this client. All functions may be called by several threads at once; they block until the store
 * answered or the request ran out of tries, which is bounded (a few tens of seconds for `s3`, see
 * there).
 *
 * Errors, everywhere: ERR_UNAVAILABLE (no answer, 5xx, 429, time-out, after the retries; may have
 * taken effect), ERR_DENIED (credentials missing, wrong or not enough), ERR_TLS (certificate not
 * trusted; never retried), ERR_FULL, ERR_NOMEM, ERR_INVAL (a name outside the rules), ERR_FBIG (a
 * put above BLOB_MAX_BYTES), ERR_NOTVOLUME (the bucket does not exist), ERR_CORRUPT (the store's
 * own protocol is broken), ERR_CANCELED after blob_cancel(). Notes name the object, and the store's
 * own words where it has any.
 */
#ifndef AMBERFS_BACKEND_BLOB_H
#define AMBERFS_BACKEND_BLOB_H

#include "util/buf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BLOB_NAME_MAX 200
#define BLOB_MAX_BYTES (128u << 20)

struct blob_info {
	const char *name; /* valid during the callback */
	uint64_t size_bytes;
};

/** Return non-zero to stop the listing; blob_list() then returns that value. */
typedef int (*blob_list_fn)(void *ctx, const struct blob_info *info);

struct blob;

struct blob_ops {
	int (*put)(struct blob *b, const char *name, const void *data, size_t len);
	int (*put_new)(struct blob *b, const char *name, const void *data, size_t len);
	int (*get)(struct blob *b, const char *name, uint64_t off, size_t len, struct buf *out);
	int (*list)(struct blob *b, const char *prefix, const char *after, blob_list_fn fn,
	            void *ctx);
	int (*remove)(struct blob *b, const char *name);
	void (*cancel)(struct blob *b);
	void (*free)(struct blob *b);
};

/* Implementations embed this as their first member. */
struct blob {
	const struct blob_ops *ops;
};

/**
 * Store @len bytes under @name, replacing what was there. The data is borrowed during the call.
 * When it fails with ERR_UNAVAILABLE the object may hold the old or the new bytes, never a mixture.
 */
int blob_put(struct blob *b, const char *name, const void *data, size_t len);

/**
 * The same, but only when nothing has that name; of several that try at once exactly one succeeds.
 * ERR_EXIST when the name is taken, which may be by this very request, repeated after its reply was
 * lost: the caller compares the content when that matters.
 */
int blob_put_new(struct blob *b, const char *name, const void *data, size_t len);

/**
 * Append bytes [@off, @off + @len) of @name to @out, fewer where the object ends before; @len ==
 * SIZE_MAX means to the end. On error
 * @out is as it was. ERR_MISSING when there is no such object; ERR_FBIG when @out's ceiling is met;
 * reading at or past the end gives 0 bytes.
 */
int blob_get(struct blob *b, const char *name, uint64_t off, size_t len, struct buf *out);

/**
 * Call @fn for each object whose name begins with @prefix and is greater than @after (NULL: all),
 * in ascending byte order of names. The listing is complete as of some moment during the call, and
 * includes every object acknowledged before it. An empty result is not an error.
 */
int blob_list(struct blob *b, const char *prefix, const char *after, blob_list_fn fn, void *ctx);

/** Remove @name. Removing what is not there succeeds. */
int blob_remove(struct blob *b, const char *name);

/** End every request that is waiting or will come with ERR_CANCELED. May be called from any thread,
 * not from a signal handler. */
void blob_cancel(struct blob *b);

/** Close and free; filters free what they wrap. NULL does nothing. No request may be running. */
void blob_free(struct blob *b);

/** Whether @name keeps the rules above. */
bool blob_name_valid(const char *name);

#endif
