/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A folder as a blob store: one file an object, in sub-folders as its name has slashes. Each put
 * writes a temporary file, syncs it, links or renames it to its name and syncs the folder, so it is
 * atomic and durable.
 */
#ifndef AMBERFS_BACKEND_DIR_H
#define AMBERFS_BACKEND_DIR_H

#include "backend/blob.h"
#include "util/fileio.h"

/** Open folder @path through @io (borrowed). The caller owns *ret. */
int dir_open(const struct fileio *io, const char *path, struct blob **ret);

#endif
