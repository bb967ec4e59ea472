/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A plain filesystem in memory, the one that the volume is compared with. It knows nothing of
 * epochs, logs and packs.
 *
 * A state is a whole filesystem as a value: counted, and copied where it is changed while others
 * hold it (state, then node, then page), so the simulator can keep the state after every single
 * operation. Nodes are known by the volume's inode numbers; whoever compares two states by content
 * uses tree.h, which does not look at numbers. Names, targets and names of xattrs are interned
 * strings: equal means the same pointer. Not thread safe; aborts when out of memory.
 */
#ifndef AMBERFS_TESTS_SIM_MODEL_H
#define AMBERFS_TESTS_SIM_MODEL_H

#include "volume/volume.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MODEL_PAGE 4096
#define MODEL_DATA_MAX ((uint64_t)4 << 20) /* data lies below this offset; sizes may be larger */

struct model_page {
	unsigned refs;
	uint64_t hash; /* 0: not known */
	uint8_t data[MODEL_PAGE];
};

struct model_value {
	unsigned refs;
	size_t len;
	uint8_t data[];
};

struct model_name {
	const char *name;
	uint64_t ino;
};

struct model_xattr {
	const char *name;
	struct model_value *value;
};

struct model_node {
	unsigned refs;
	uint64_t hash; /* of this node alone; 0: not known */
	uint64_t ino;
	uint32_t mode;
	uint32_t uid;
	uint32_t gid;
	uint32_t nlink; /* 0: without a name, kept because it is open */
	uint64_t rdev;
	uint64_t size; /* 0 for all but regular files */
	int64_t atime_ns;
	int64_t mtime_ns;
	int64_t ctime_ns;
	int64_t btime_ns;
	const char *target;
	struct model_name *names; /* of a folder, in byte order */
	size_t nnames;
	struct model_xattr *xattrs; /* in byte order */
	size_t nxattrs;
	struct model_page **pages; /* NULL: a hole */
	size_t npages;
};

struct model_state {
	unsigned refs;
	uint64_t hash;             /* tree_hash()'s; 0: not known */
	struct model_node **nodes; /* ascending ino */
	size_t nnodes;
	size_t room;
};

/** The one pointer for these bytes (no NUL among them), for the life of the program. */
const char *model_intern(const char *bytes, size_t len);

/* ---- states ---- */

/** An empty filesystem: nothing, not even a root. */
struct model_state *model_state_new(void);
struct model_state *model_state_ref(struct model_state *s);
void model_state_unref(struct model_state *s);

/** NULL when there is none. */
const struct model_node *model_node(const struct model_state *s, uint64_t ino);

/** The node, to be changed; *s becomes a copy when others hold it. The node must exist. Valid until
 * the next change of *s. */
struct model_node *model_change(struct model_state **s, uint64_t ino);

/** Add an empty node. */
struct model_node *model_add(struct model_state **s, uint64_t ino);
void model_drop(struct model_state **s, uint64_t ino);

/** Add a node of another state as it is. */
void model_share(struct model_state **s, const struct model_node *n);

/* ---- parts of a node, which the caller got from model_change() or model_add() ---- */

/** 0 when the folder has no such name. */
uint64_t model_name_get(const struct model_node *dir, const char *name);
/** Let @name mean @ino; 0 removes it. */
void model_name_set(struct model_node *dir, const char *name, uint64_t ino);

const struct model_value *model_xattr_get(const struct model_node *n, const char *name);
/** @data NULL removes it. */
void model_xattr_set(struct model_node *n, const char *name, const void *data, size_t len);

/** Read bytes that may lie beyond the size or in holes: those are zeros. */
void model_data_read(const struct model_node *n, uint64_t off, size_t len, void *out);
/** Write; the size grows with it. @off + @len is at most MODEL_DATA_MAX. */
void model_data_write(struct model_node *n, uint64_t off, const void *data, size_t len);
/** Zeros instead of data; the size stays. */
void model_data_punch(struct model_node *n, uint64_t off, uint64_t len);
void model_data_resize(struct model_node *n, uint64_t size);

/** The hash of everything in the node but its number, its names' numbers and its ctime. */
uint64_t model_node_hash(const struct model_node *n);

static inline bool model_is_dir(const struct model_node *n)
{
	return (n->mode & 0170000) == 0040000;
}

static inline bool model_is_file(const struct model_node *n)
{
	return (n->mode & 0170000) == 0100000;
}

static inline bool model_is_symlink(const struct model_node *n)
{
	return (n->mode & 0170000) == 0120000;
}

#endif
