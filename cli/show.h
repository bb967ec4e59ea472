/* SPDX-License-Identifier: Apache-2.0 */
/* How changes and entries look, for people and as JSON lines; shared by log, diff, ls and restore.
 */
#ifndef AMBERFS_CLI_SHOW_H
#define AMBERFS_CLI_SHOW_H

#include "cli/client.h"
#include "volume/volume.h"

#include <stdbool.h>

/**
 * Print one change. Letters: A added, M changed, m only its attributes changed, D removed, R
 * renamed. @timed adds when and in which epoch.
 */
void show_change(const struct volume_change *c, bool json, bool timed);

/** Print one entry of a folder. */
void show_entry(const char *name, const struct volume_attr *a, const char *target, bool json);

/** "file", "folder", "link" or "other". */
const char *show_type(uint32_t mode);

/**
 * Find the place of @path (NULL: the current folder), printing what is wrong. Returns 0 or the exit
 * code.
 */
int show_locate(const char *path, struct client_place *ret);

/** The same for a VOLUME. */
int show_locate_volume(const char *volume, struct client_place *ret);

#endif
