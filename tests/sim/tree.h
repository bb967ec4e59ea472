/* SPDX-License-Identifier: Apache-2.0 */
/* Comparing whole states by what a user sees: paths, content, attributes and which paths are the
 * same file. Inode numbers do not count, nor what has no name. */
#ifndef AMBERFS_TESTS_SIM_TREE_H
#define AMBERFS_TESTS_SIM_TREE_H

#include "tests/sim/model.h"

#define TREE_WHY_BYTES 1024

/** A hash over all but inode numbers and ctimes; kept in the state. */
uint64_t tree_hash(const struct model_state *s);

enum tree_compare {
	TREE_EXACT = 0,
	TREE_ANY_CTIME = 1,
	TREE_ANY_MTIME = 2,
	TREE_ANY_NLINK = 4,
	TREE_ANY_ATIME = 8,
};

/** Whether two nodes are the same, but for numbers; names of a folder are not looked at. If not,
 * @why (TREE_WHY_BYTES) says how. */
bool tree_node_same(const struct model_node *want, const struct model_node *got, unsigned flags,
                    char *why);

/** Whether two trees are the same; @why names the first path that differs. */
bool tree_same(const struct model_state *want, const struct model_state *got, unsigned flags,
               char *why);

struct tree_path {
	const char *path; /* interned; without a leading '/'; "" is the root */
	const struct model_node *node;
};

struct tree_list {
	struct tree_path *paths; /* in byte order of the path */
	size_t n;
};

/** Every path of the tree; borrows the nodes of @s. */
void tree_list_make(const struct model_state *s, struct tree_list *ret);
void tree_list_free(struct tree_list *l);

/** NULL when the path is not in it; @path is interned. */
const struct model_node *tree_list_find(const struct tree_list *l, const char *path);

/** Whether @path is @top or below it ("" is above all). */
bool tree_below(const char *path, const char *top);

/** The path of the folder that holds @path, interned; NULL for the root. */
const char *tree_parent(const char *path);

/** Every path with its inode to standard output, for whoever looks for the reason of a failure. */
void tree_print(const char *title, const struct model_state *s);

/** Write "/path: what" to @why; false, so that a check can end with it. */
bool tree_say(char *why, const char *path, const char *what);

/** For messages: names are any bytes. Valid until the eighth next call. */
const char *tree_printable(const char *name);

#endif
