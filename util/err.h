/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Private error codes, one per cause.
 *
 * A function that can fail returns 0 or a negative `enum err`. The code says what
 * went wrong; err_note() adds, for the thread, which thing it went wrong with (an
 * object's name, a file). The code is turned into an errno in one place (fs/), and
 * into an exit code in one place (cli/).
 */
#ifndef AMBERFS_UTIL_ERR_H
#define AMBERFS_UTIL_ERR_H

#include <stdbool.h>

/* X(name, value, errno, may be retried, text) */
#define ERR_LIST(X)                                                                      \
	X(NOMEM, 1, ENOMEM, false, "out of memory")                                      \
	X(IO, 2, EIO, false, "the local disk failed")                                    \
	X(NOSPC, 3, ENOSPC, false, "no space left")                                      \
	X(INVAL, 4, EINVAL, false, "invalid argument")                                   \
	X(NOENT, 5, ENOENT, false, "no such file or folder")                             \
	X(EXIST, 6, EEXIST, false, "exists already")                                     \
	X(NOTDIR, 7, ENOTDIR, false, "not a folder")                                     \
	X(ISDIR, 8, EISDIR, false, "is a folder")                                        \
	X(NOTEMPTY, 9, ENOTEMPTY, false, "folder not empty")                             \
	X(NAMETOOLONG, 10, ENAMETOOLONG, false, "name too long")                         \
	X(MLINK, 11, EMLINK, false, "too many links")                                    \
	X(FBIG, 12, EFBIG, false, "file too large")                                      \
	X(PERM, 13, EPERM, false, "not permitted")                                       \
	X(ACCES, 14, EACCES, false, "permission denied")                                 \
	X(ROFS, 15, EROFS, false, "read-only")                                           \
	X(BUSY, 16, EBUSY, false, "in use")                                              \
	X(NODATA, 17, ENODATA, false, "no such attribute")                               \
	X(RANGE, 18, ERANGE, false, "buffer too small")                                  \
	X(NOTSUP, 19, EOPNOTSUPP, false, "not supported")                                \
	X(STALE, 20, ESTALE, false, "stale handle")                                      \
	X(CANCELED, 21, EINTR, false, "interrupted")                                     \
	X(LOCKED, 22, EBUSY, false, "in use by another process")                         \
	X(QUOTA, 23, EDQUOT, false, "the volume's quota is used up")                     \
	/* the store */                                                                  \
	X(MISSING, 30, EIO, false, "an object is missing from the store")                \
	X(CORRUPT, 31, EIO, false, "malformed data")                                     \
	X(UNAUTHENTIC, 32, EIO, false, "data failed authentication")                     \
	X(ROLLBACK, 33, EIO, false, "the store is older than what was seen before")      \
	X(UNAVAILABLE, 34, EIO, true, "the store cannot be reached")                     \
	X(DENIED, 35, EIO, false, "the store refused the credentials")                   \
	X(FULL, 36, ENOSPC, true, "the store is full")                                   \
	X(FENCED, 37, EIO, false, "another writer has the volume")                       \
	X(TLS, 38, EIO, false, "the store's certificate is not trusted")                 \
	X(VERSION, 39, EIO, false, "made by a newer version of amberfs")                 \
	/* keys and volumes */                                                           \
	X(WRONGKEY, 50, EACCES, false, "wrong passphrase or key")                        \
	X(NOTVOLUME, 51, EIO, false, "not an amberfs volume")                            \
	X(VOLUMEEXISTS, 52, EEXIST, false, "a volume is there already")                  \
	X(BADTIME, 53, EINVAL, false, "not a time")                                      \
	X(NOHISTORY, 54, ENOENT, false, "no history for that time")                      \
	X(POISONED, 55, EIO, false, "the volume stopped after an error; mount it again") \
	X(USAGE, 56, EINVAL, false, "wrong usage")

enum err {
	ERR_OK = 0,
#define ERR_ENUM(name, value, errnum, retry, text) ERR_##name = -(value),
	ERR_LIST(ERR_ENUM)
#undef ERR_ENUM
};

/** The constant English text of @code ("success" for 0). Never NULL. */
const char *err_text(int code);

/** The enumerator's name without its prefix, for logs ("NOENT"). Never NULL. */
const char *err_name(int code);

/** The positive errno a program sees for @code; 0 for 0, EIO for an unknown code. */
int err_errno(int code);

/** Whether the same request may succeed later without a change by the user. */
bool err_retry(int code);

/** The code for a positive errno of a local system call; ERR_IO for one without a match. */
int err_from_errno(int errnum);

/**
 * Remember for this thread what @code is about, in the words the user will read
 * ("packs/3f..: wrong size"), replacing the note before. Returns @code, so that
 * `return err_note(ERR_CORRUPT, "log/%s", n)` reads well. Truncates at 255 bytes.
 */
int err_note(int code, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/** The last note of this thread, "" when there is none. Valid until the next err_note(). */
const char *err_note_text(void);

/** Forget this thread's note. */
void err_note_clear(void);

#endif
