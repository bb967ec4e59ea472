/* SPDX-License-Identifier: Apache-2.0 */
#include "util/fds.h"

#include "util/err.h"

#include <dirent.h>
#include <stdlib.h>
#include <unistd.h>

int fds_close_from(int first)
{
	DIR *d = opendir("/proc/thread-self/fd");
	struct dirent *e;

	if (!d)
		return close_range((unsigned)first, ~0u, 0) == 0 ? 0 : ERR_IO;
	while ((e = readdir(d)) != NULL) {
		char *end;
		long fd = strtol(e->d_name, &end, 10);

		if (end != e->d_name && *end == '\0' && fd >= first && fd != dirfd(d))
			close((int)fd);
	}
	closedir(d);
	return 0;
}
