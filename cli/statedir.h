/* SPDX-License-Identifier: Apache-2.0 */
/* Where the local state of volumes lives. */
#ifndef AMBERFS_CLI_STATEDIR_H
#define AMBERFS_CLI_STATEDIR_H

/**
 * The folder: @option when given, else $AMBERFS_STATE_DIR, else $XDG_STATE_HOME/amberfs, else
 * ~/.local/state/amberfs; absolute, not made yet. Heap string the caller frees. ERR_USAGE when
 * nothing tells.
 */
int statedir_path(const char *option, char **ret);

#endif
