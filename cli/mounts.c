/* SPDX-License-Identifier: Apache-2.0 */
/* proc(5): fields are split by single spaces; a space, tab, newline or backslash in a path is a
 * backslash and three octal digits. */
#include "cli/mounts.h"

#include "util/err.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TYPE "fuse.amberfs"

static void unescape(char *s)
{
	char *to = s;

	for (; *s; s++) {
		if (s[0] == '\\' && s[1] >= '0' && s[1] <= '3' && s[2] >= '0' && s[2] <= '7' &&
		    s[3] >= '0' && s[3] <= '7') {
			*to++ = (char)((s[1] - '0') << 6 | (s[2] - '0') << 3 | (s[3] - '0'));
			s += 3;
		} else {
			*to++ = *s;
		}
	}
	*to = '\0';
}

/* Cut @line into what *ret needs, which then points into it; 0 when it is an amberfs mount. */
static int parse_line(char *line, struct mounts_entry *ret)
{
	char *save = NULL, *field, *device = NULL, *root = NULL, *mountpoint = NULL, *dash;
	int n = 0;

	dash = strstr(line, " - ");
	if (!dash || strncmp(dash + 3, TYPE " ", strlen(TYPE) + 1) != 0)
		return -1;
	*dash = '\0';
	for (field = strtok_r(line, " ", &save); field && n < 5; n++) {
		if (n == 2)
			device = strchr(field, ':');
		if (n == 3)
			root = field;
		if (n == 4)
			mountpoint = field;
		field = strtok_r(NULL, " ", &save);
	}
	if (!device || !root || !mountpoint)
		return -1;
	unescape(root);
	unescape(mountpoint);
	ret->device = (unsigned)strtoul(device + 1, NULL, 10);
	ret->root = root;
	ret->mountpoint = mountpoint;
	return 0;
}

static int append(struct mounts *m, const struct mounts_entry *e)
{
	struct mounts_entry *more = realloc(m->entries, (m->count + 1) * sizeof(m->entries[0]));

	if (!more)
		return ERR_NOMEM;
	m->entries = more;
	more[m->count].device = e->device;
	more[m->count].root = strdup(e->root);
	more[m->count].mountpoint = strdup(e->mountpoint);
	m->count++;
	return more[m->count - 1].root && more[m->count - 1].mountpoint ? 0 : ERR_NOMEM;
}

int mounts_read(struct mounts *ret)
{
	FILE *f = fopen("/proc/self/mountinfo", "re");
	struct mounts_entry entry;
	char *line = NULL;
	size_t size = 0;
	int err = 0;

	memset(ret, 0, sizeof(*ret));
	if (!f)
		return err_note(err_from_errno(errno), "/proc/self/mountinfo");
	while (err == 0 && getline(&line, &size, f) > 0)
		if (parse_line(line, &entry) == 0)
			err = append(ret, &entry);
	free(line);
	fclose(f);
	if (err)
		mounts_done(ret);
	return err;
}

void mounts_done(struct mounts *m)
{
	for (size_t i = 0; i < m->count; i++) {
		free(m->entries[i].root);
		free(m->entries[i].mountpoint);
	}
	free(m->entries);
	memset(m, 0, sizeof(*m));
}

int mounts_path_below(const char *path, const char *base)
{
	size_t len = strlen(base);

	if (strcmp(base, "/") == 0)
		return path[0] == '/';
	return strncmp(path, base, len) == 0 && (path[len] == '\0' || path[len] == '/');
}

const struct mounts_entry *mounts_of_path(const struct mounts *m, const char *path)
{
	const struct mounts_entry *best = NULL;

	for (size_t i = 0; i < m->count; i++)
		if (mounts_path_below(path, m->entries[i].mountpoint) &&
		    (!best || strlen(m->entries[i].mountpoint) >= strlen(best->mountpoint)))
			best = &m->entries[i];
	return best;
}
