/* SPDX-License-Identifier: Apache-2.0 */
/* Only links in /proc are read, never the mount itself, which may not answer. */
#include "cli/holders.h"

#include "cli/mounts.h"

#include <ctype.h>
#include <dirent.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static bool link_below(const char *link, const char *mountpoint)
{
	char target[PATH_MAX];
	ssize_t n = readlink(link, target, sizeof(target) - 1);

	if (n <= 0)
		return false;
	target[n] = '\0';
	return mounts_path_below(target, mountpoint);
}

static bool has_open_file(const char *pid, const char *mountpoint)
{
	char path[PATH_MAX];
	struct dirent *e;
	bool found = false;
	DIR *d;

	snprintf(path, sizeof(path), "/proc/%s/fd", pid);
	d = opendir(path);
	while (d && !found && (e = readdir(d))) {
		snprintf(path, sizeof(path), "/proc/%s/fd/%s", pid, e->d_name);
		found = link_below(path, mountpoint);
	}
	if (d)
		closedir(d);
	return found;
}

static bool holds(const char *pid, const char *mountpoint)
{
	static const char *const links[] = {"cwd", "root", "exe"};
	char path[PATH_MAX];

	for (size_t i = 0; i < sizeof(links) / sizeof(links[0]); i++) {
		snprintf(path, sizeof(path), "/proc/%s/%s", pid, links[i]);
		if (link_below(path, mountpoint))
			return true;
	}
	return has_open_file(pid, mountpoint);
}

static void append(const char *pid, int nth, char *out, size_t size)
{
	char path[64], name[64] = "?";
	size_t at = strlen(out);
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%.20s/comm", pid);
	f = fopen(path, "re");
	if (f) {
		if (fgets(name, sizeof(name), f))
			name[strcspn(name, "\n")] = '\0';
		fclose(f);
	}
	snprintf(out + at, size - at, "%s%s (%s)", nth ? ", " : "", name, pid);
}

int holders_list(const char *mountpoint, char *out, size_t size)
{
	DIR *d = opendir("/proc");
	struct dirent *e;
	int n = 0;

	out[0] = '\0';
	while (d && (e = readdir(d)))
		if (isdigit((unsigned char)e->d_name[0]) && holds(e->d_name, mountpoint))
			append(e->d_name, n++, out, size);
	if (d)
		closedir(d);
	return n;
}
