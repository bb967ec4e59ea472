/* SPDX-License-Identifier: Apache-2.0 */
/* Make a path absolute although its last parts may not exist any more. */
#ifndef AMBERFS_CLI_RESOLVE_H
#define AMBERFS_CLI_RESOLVE_H

#include <stdbool.h>

struct resolve_path {
	char *path;     /* absolute, without links (but perhaps the last part), "." and ".." */
	char *existing; /* its longest part that exists */
};

/**
 * Resolve @path against the current folder. @follow: also a link that is the last part. The caller
 * ends *ret with resolve_path_done(). ERR_NOENT (the current folder is gone), ERR_ACCES,
 * ERR_NAMETOOLONG.
 */
int resolve_path(const char *path, bool follow, struct resolve_path *ret);
void resolve_path_done(struct resolve_path *r);

#endif
