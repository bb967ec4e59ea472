/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A process that stands by while a mount is served, and ends the kernel's connection when the daemon was killed.
 *
 * Usually that happens by itself: the daemon's device is closed with it. But a thread that waits in the kernel for its own mount
 * (telling it what a restore changed, say) cannot die before it is answered, and keeps the device open: without help all who
 * use the mount would hang for ever.
 */
#ifndef AMBERFS_CLI_GUARD_H
#define AMBERFS_CLI_GUARD_H

#include <sys/types.h>

struct guard {
	pid_t pid; /* 0: none */
	int fd;
};

/** Start it, before there is any secret or thread in this process. Without one (no memory for a process) all goes on as it does. */
void guard_start(struct guard *ret);

/** What it is to end: the mount at @mountpoint, which is there now. */
void guard_arm(struct guard *g, const char *mountpoint);

/** The mount has ended, or will in an orderly way. */
void guard_stop(struct guard *g);

#endif
