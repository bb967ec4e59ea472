/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the parts of the tree tester share: the model of a tree in memory that all its processes see.
 *
 * The tree has a domain for each worker and one that all share. A worker changes names of its own domain freely, and those
 * of the shared one with the lock held (flock on a file of the filesystem under test); so each name, and the node that it
 * leads to, belongs to one process at a time, and the model needs no other locks. A node is never in two domains: links are
 * made inside one, and only what has no other links is moved from one to another.
 */
#ifndef AMBERFS_TESTS_MOUNT_TREE_H
#define AMBERFS_TESTS_MOUNT_TREE_H

#include "tests/mount/tester.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

#define TREE_WORKERS 4
#define TREE_DOMAINS (TREE_WORKERS + 1)
#define TREE_SHARED TREE_WORKERS
#define TREE_NODES 2048
#define TREE_NAMES 4096
#define TREE_PER_DOMAIN 160 /* names; with more, none is added */
#define TREE_DEPTH 7
#define TREE_DATA 32768 /* the longest file */
#define TREE_XATTRS 3
#define TREE_XATTR_MAX 300
#define TREE_PATH 4096
#define TREE_NAME 256

enum tree_use {
	TREE_FREE,
	TREE_TAKEN, /* being filled in */
	TREE_LIVE,
};

struct tree_node {
	atomic_int use;
	uint64_t id; /* never used again */
	mode_t mode; /* with the type */
	uid_t uid;
	gid_t gid;
	unsigned links; /* names */
	uint32_t size;
	struct timespec mtime;
	struct timespec ctime;
	char target[TREE_NAME];
	int xattr_len[TREE_XATTRS]; /* -1: none */
	uint64_t xattr_seed[TREE_XATTRS];
	uint8_t data[TREE_DATA];
};

struct tree_name {
	atomic_int use;
	int domain;
	int parent; /* a node; -1 for the folder of a domain */
	int node;
	char name[TREE_NAME];
};

struct tree_model {
	_Atomic uint64_t next_id;
	struct tree_node node[TREE_NODES];
	struct tree_name name[TREE_NAMES];
	int top[TREE_DOMAINS]; /* names */
};

struct tree {
	struct tree_model *m;
	const char *dir;
	uint64_t rng;
	int domain; /* of the worker */
	int lock_fd;
	uint64_t op;
};

extern const char *const tree_xattr[TREE_XATTRS];

static inline uint64_t tree_random(struct tree *t)
{
	return tester_random(&t->rng);
}

static inline uint64_t tree_below(struct tree *t, uint64_t n)
{
	return tester_below(&t->rng, n);
}

static inline bool tree_one_in(struct tree *t, unsigned n)
{
	return tester_one_in(&t->rng, n);
}

__attribute__((format(printf, 2, 3))) void tree_say(struct tree *t, const char *format, ...);
__attribute__((format(printf, 2, 3), noreturn)) void tree_fail(struct tree *t, const char *format,
                                                               ...);

/* Printable, for a path with any bytes; good until the eighth call after it. */
const char *tree_show(const char *path);

/* ---- tree_model.c ---- */

int tree_node_new(struct tree *t, mode_t mode);
int tree_name_new(struct tree *t, int domain, int parent, const char *name, int node);
/* The node goes with its last name. */
void tree_name_remove(struct tree *t, int name);
/* The name in a folder, or -1. */
int tree_find(const struct tree *t, int domain, int parent, const char *name);
/* Any live name of the node in the domain, or -1. */
int tree_name_of(const struct tree *t, int domain, int node);
/* Some name of the domain that is not its top; -1 when there is none. */
int tree_some_name(struct tree *t, int domain);
/* Some folder's node, the top included. */
int tree_some_dir(struct tree *t, int domain);
unsigned tree_count(const struct tree *t, int domain);
unsigned tree_children(const struct tree *t, int domain, int node, unsigned *ret_dirs);
bool tree_is_dir(const struct tree *t, int node);
/* The path of an entry of a folder. */
void tree_path(const struct tree *t, int domain, int parent, const char *name, char out[TREE_PATH]);
void tree_name_path(const struct tree *t, int name, char out[TREE_PATH]);
unsigned tree_depth(const struct tree *t, int domain, int node);
unsigned tree_height(const struct tree *t, int domain, int node);
/* Is @node the folder @of, or above it? */
bool tree_is_above(const struct tree *t, int domain, int node, int of);
/* May it change its domain: no link leads out of it. */
bool tree_is_alone(const struct tree *t, int name);
void tree_set_domain(struct tree *t, int name, int domain);
unsigned tree_nlink(const struct tree *t, int domain, int node);
void tree_fill(uint64_t seed, uint8_t *out, size_t len);

/* ---- tree_ops.c ---- */
/* One operation at random. */
void tree_operation(struct tree *t);
/* Compare a node with what is there; new times are noted when it @changed. */
void tree_look(struct tree *t, int domain, int node, bool changed);
/* The result of a call: 0 or an errno. True when it succeeded, as it should. */
bool tree_came_true(struct tree *t, int r, int want);

/* ---- tree_names.c ---- */
void tree_op_make(struct tree *t, int domain);
void tree_op_remove(struct tree *t, int domain);
void tree_op_link(struct tree *t, int domain);
void tree_op_rename(struct tree *t, int domain);

/* ---- tree_list.c: a tree as sorted lines, from the model or from a folder ---- */
struct tree_list;
struct tree_list *tree_list_model(const struct tree *t);
struct tree_list *tree_list_folder(const char *dir); /* NULL, with errno, when it cannot be read */
/* What tree_list_write() wrote. */
struct tree_list *tree_list_read(const char *file);
void tree_list_write(const struct tree_list *l, const char *file);
/* True when equal; else the first differences are printed. */
bool tree_list_equal(const struct tree_list *want, const struct tree_list *got);
void tree_list_free(struct tree_list *l);

#endif
