/* SPDX-License-Identifier: Apache-2.0 */
/* `restore --to DIR`: a copy of the past, read through the mount's .snapshots. */
#ifndef AMBERFS_CLI_RESTORETO_H
#define AMBERFS_CLI_RESTORETO_H

#include <stdbool.h>
#include <stddef.h>

/* What is to be restored. */
struct restoreto_what {
	char *control;
	char *mountpoint;
	char **paths; /* inside the volume; none: all of it */
	size_t npaths;
	const char *label; /* how to call it; borrowed */
};

/** Copy @w as it was at @at into @dir. Prints what happened and returns the exit code. */
int restoreto_run(const struct restoreto_what *w, const char *at, const char *dir, bool json);

#endif
