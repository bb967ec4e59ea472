/* SPDX-License-Identifier: Apache-2.0 */
/* Who keeps a mount busy. */
#ifndef AMBERFS_CLI_HOLDERS_H
#define AMBERFS_CLI_HOLDERS_H

#include <stddef.h>

/**
 * Write "bash (123), vim (456)" to @out: processes whose working or root folder, program or open
 * files are in @mountpoint, as far as /proc shows them to this user. Returns how many there are.
 */
int holders_list(const char *mountpoint, char *out, size_t size);

#endif
