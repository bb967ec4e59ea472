/* SPDX-License-Identifier: Apache-2.0 */
/* File descriptors of this thread or process. */
#ifndef AMBERFS_UTIL_FDS_H
#define AMBERFS_UTIL_FDS_H

/** Close all from @first on, one by one, as a debugger can follow (it keeps its own). ERR_IO when that cannot be done. */
int fds_close_from(int first);

#endif
