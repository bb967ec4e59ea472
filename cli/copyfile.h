/* SPDX-License-Identifier: Apache-2.0 */
/* One ordinary file, and the attributes of a file or folder, from one open folder to another. */
#ifndef AMBERFS_CLI_COPYFILE_H
#define AMBERFS_CLI_COPYFILE_H

#include <stdint.h>
#include <sys/stat.h>

typedef void (*copyfile_bytes_fn)(void *ctx, uint64_t n);

/**
 * Copy @name from folder @from to folder @to, holes as holes. Nothing is done when the target is
 * complete already. @bytes is told what is through, in all the file's size. ERR_CANCELED when
 * interrupt_seen().
 */
int copyfile_regular(int from, int to, const char *name, const struct stat *st,
                     copyfile_bytes_fn bytes, void *ctx);

/**
 * Give @to the owner (when root), mode, extended attributes and times of @from, in this order: a
 * change of owner takes privileges away, an ACL changes the mode. Attributes the target's file
 * system does not take are left out.
 */
int copyfile_attributes(int from, int to, const struct stat *st);

#endif
