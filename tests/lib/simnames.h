/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The names of the simulated disk: a tree of folders and files, and the changes of it that a power
 * cut can still undo. Part of simdisk; not thread safe; aborts when out of memory.
 *
 * Nodes are counted: an entry, a change that is not durable and a handle hold one reference each,
 * so a removed file lives until nobody can see it or bring it back.
 */
#ifndef AMBERFS_TESTS_LIB_SIMNAMES_H
#define AMBERFS_TESTS_LIB_SIMNAMES_H

#include "tests/lib/simbytes.h"

#include <stdbool.h>

#define SIMNAMES_BYTES 256

struct simnames_node {
	unsigned refs;
	bool is_dir;
	bool needed; /* marks of a folder, while a sync or a power cut goes through the changes */
	bool broken;
	int64_t mtime_ns;
	struct simbytes bytes;
	struct simnames_entry *entries;
	size_t nentries;
	size_t entries_room;
};

struct simnames_entry {
	char *name;
	struct simnames_node *node;
};

struct simnames {
	struct simnames_node *root;
	struct simnames_change *pending; /* oldest first */
	size_t npending;
	size_t pending_room;
	bool orderly; /* changes of all folders become durable in the order they were made */
};

void simnames_init(struct simnames *t);
void simnames_done(struct simnames *t);

/** A node without a name; the caller owns the reference. */
struct simnames_node *simnames_node_new(bool is_dir, int64_t mtime_ns);
struct simnames_node *simnames_node_ref(struct simnames_node *n);
void simnames_node_unref(struct simnames_node *n);

/** NULL when @dir has no such name. Valid until @dir changes. */
struct simnames_entry *simnames_entry(const struct simnames_node *dir, const char *name);

/** Whether @n is @top or below it. */
bool simnames_below(const struct simnames_node *n, const struct simnames_node *top);

/** The folder that holds the last name of @path, and that name (SIMNAMES_BYTES; empty for the
 * root). ERR_NOENT, ERR_NOTDIR, ERR_NAMETOOLONG. */
int simnames_walk(const struct simnames *t, const char *path, struct simnames_node **ret_dir,
                  char *name);

/** What @path is, borrowed. ERR_NOENT when there is nothing, and the errors of simnames_walk(). */
int simnames_find(const struct simnames *t, const char *path, struct simnames_node **ret);

/** The same, with the place of the name; *ret is NULL when nothing is there. ERR_BUSY for the root.
 */
int simnames_find_entry(const struct simnames *t, const char *path, struct simnames_node **ret_dir,
                        char *name, struct simnames_node **ret);

/** Let @name in @dir mean @node (NULL: nothing), not durable yet. */
void simnames_set(struct simnames *t, struct simnames_node *dir, const char *name,
                  struct simnames_node *node);

/** Move @node from one name to another, as one change. */
void simnames_move(struct simnames *t, struct simnames_node *from_dir, const char *from,
                   struct simnames_node *to_dir, const char *to, struct simnames_node *node);

/** Every change of @dir is durable, and what those need; on an orderly disk all before them. */
void simnames_sync(struct simnames *t, struct simnames_node *dir);

/** Power cut: of each folder a random number of the newest changes never happened (on an orderly
 * disk: of all), and the rest is durable. */
void simnames_cut(struct simnames *t, struct simrng *rng);

#endif
