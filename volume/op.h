/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Operations: the records that the log of a volume is made of, and their encoding.
 *
 * An operation says everything that its effect depends on (numbers, times, keys, where data lies),
 * so applying the same operations in the same order always gives the same state. docs/FORMAT.md
 * describes each for readers.
 *
 *   record = u32 length of what follows, u8 type, i64 time, fields of the type
 *
 * A type that this version does not know is ERR_VERSION: skipping it would give a wrong state.
 */
#ifndef AMBERFS_VOLUME_OP_H
#define AMBERFS_VOLUME_OP_H

#include "meta/index.h"
#include "util/buf.h"
#include "util/codec.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define OP_EXTENTS_MAX 16384
#define OP_STEPS_MAX 4000000
#define OP_RECORD_MAX (48u << 20)

enum op_type {
	OP_CREATE = 1,
	OP_LINK = 2,
	OP_UNLINK = 3,
	OP_RENAME = 4,
	OP_SETATTR = 5,
	OP_WRITE = 6,
	OP_XATTR_SET = 7,
	OP_XATTR_REMOVE = 8,
	OP_RECLAIM = 9,
	OP_PACK = 10,
	OP_PACK_END = 11,
	OP_EPOCH = 12,
	OP_SNAPSHOT = 13,
	OP_SNAPSHOT_REMOVE = 14,
	OP_RESTORE = 15,
	OP_FILEKEY = 16,
	OP_EVENT = 17,
};

#define OP_EVENT_TEXT_MAX 1024

/* What the log is to remember, without an effect on the tree. A reader takes kinds that it does not
 * know as they are. */
enum op_event_kind {
	OP_EVENT_ROLLBACK = 1, /* a store that had gone back was accepted */
	OP_EVENT_FENCED = 2,   /* what another writer stored was accepted, own changes set aside */
	OP_EVENT_LOSS = 3,     /* local changes were given up because their journal was damaged */
};

/* Where a volume stood: its newest log object, the newest epoch that ended and when; 0: not known.
 */
struct op_place {
	uint64_t log_seq;
	int64_t epoch;
	int64_t time_ns;
};

struct op_name {
	uint64_t parent;
	const char *name;
	size_t len;
};

enum op_rename_flags {
	OP_RENAME_NOREPLACE = 1,
	OP_RENAME_EXCHANGE = 2,
};

enum op_attr_mask {
	OP_ATTR_MODE = 1,
	OP_ATTR_UID = 2,
	OP_ATTR_GID = 4,
	OP_ATTR_ATIME = 8,
	OP_ATTR_MTIME = 16,
	OP_ATTR_CTIME = 32,
	OP_ATTR_SIZE = 64, /* OP_WRITE only */
};
#define OP_ATTR_ALL 127u

struct op_range {
	uint64_t page;
	uint64_t npages;
};

enum op_step_kind {
	OP_STEP_UNLINK = 1, /* remove entry (parent, name), if it is there */
	OP_STEP_LINK = 2,   /* let (parent, name) point to ino, whatever it was before */
	OP_STEP_REVIVE = 3, /* make ino what src was at the operation's epoch */
};

struct op_step {
	enum op_step_kind kind;
	struct op_name at;
	uint64_t ino;
	uint64_t src;
};

struct op {
	enum op_type type;
	int64_t time_ns; /* when it happened; the ctime it leaves behind */
	union {
		struct {
			struct op_name at; /* parent 0, no name: the root */
			uint64_t ino;
			uint32_t mode, uid, gid;
			uint64_t rdev;
			const void *target;
			size_t target_len;
			uint32_t master; /* regular files: the wrapped file key */
			uint8_t wrapped[INDEX_WRAPPED_BYTES];
			const void *acl; /* inherited system.posix_acl_access, or NULL */
			size_t acl_len;
			const void *default_acl; /* folders: inherited system.posix_acl_default */
			size_t default_acl_len;
		} create;
		struct {
			uint64_t ino;
			struct op_name at;
		} link;
		struct {
			struct op_name at;
		} unlink;
		struct {
			struct op_name from, to;
			unsigned flags;
		} rename;
		struct {
			uint64_t ino;
			unsigned mask; /* OP_ATTR_*: which of attr's fields are set */
			struct index_inode attr;
			/* OP_WRITE: first all ranges become holes, then each extent takes its place
			 */
			struct op_range *clears;
			size_t nclears;
			struct index_extent *extents;
			size_t nextents;
		} attr; /* OP_SETATTR and OP_WRITE */
		struct {
			uint64_t ino;
			const char *name;
			size_t name_len;
			const void *value;
			size_t value_len;
			unsigned mask; /* OP_ATTR_MODE: an access ACL changed the mode */
			uint32_t mode;
		} xattr;
		struct {
			uint64_t ino;
		} reclaim;
		struct index_filekey filekey; /* a key for an inode that has none of its own */
		struct index_pack pack;       /* OP_PACK: num, name; OP_PACK_END: num, size */
		struct {
			int64_t epoch;
		} epoch; /* time_ns: when it ended */
		struct {
			const char *name;
			size_t len;
			int64_t epoch;
		} snapshot;
		struct {
			int64_t at;
			struct op_step *steps;
			size_t nsteps;
		} restore;
		struct {
			unsigned kind; /* enum op_event_kind */
			struct op_place known;
			struct op_place accepted;
			const char *text; /* for people */
			size_t text_len;
		} event;
	};
};

/** Append the record of @op. The buffer's sticky error tells of trouble. */
void op_encode(struct buf *out, const struct op *op);

/**
 * Read one record into *ret, whose pointers go into the input or to arrays of its own that
 * op_done() frees. ERR_CORRUPT, ERR_VERSION, ERR_NOMEM.
 */
int op_decode(struct dec *d, struct op *ret);

/** Free what op_decode() allocated. */
void op_done(struct op *op);

#endif
