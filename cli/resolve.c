/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Part by part from the left, as the kernel walks. Up to the first part that is missing, what was
 * walked is real (links replaced), so ".." is simply the part before; beyond it there are no links
 * that could matter.
 */
#include "cli/resolve.h"

#include "util/err.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct walk {
	char at[PATH_MAX]; /* "" is the root */
	size_t existing;   /* length of the part that exists */
	bool missing;
};

static void up(struct walk *w)
{
	char *slash = strrchr(w->at, '/');

	if (slash)
		*slash = '\0';
	if (strlen(w->at) <= w->existing) {
		w->existing = strlen(w->at);
		w->missing = false;
	}
}

static int down(struct walk *w, const char *name, size_t len, bool follow)
{
	char real[PATH_MAX];
	size_t at = strlen(w->at);
	struct stat st;

	if (len > NAME_MAX || at + 1 + len >= sizeof(w->at))
		return err_note(ERR_NAMETOOLONG, "%.*s", (int)len, name);
	w->at[at] = '/';
	memcpy(w->at + at + 1, name, len);
	w->at[at + 1 + len] = '\0';
	if (w->missing)
		return 0;
	if (lstat(w->at, &st)) {
		/* a mount without its daemon is there, and whoever asks it learns what is wrong */
		if (errno != ENOENT && errno != ENOTDIR && errno != ENOTCONN)
			return err_note(err_from_errno(errno), "%s", w->at);
		if (errno == ENOTCONN)
			w->existing = strlen(w->at);
		w->missing = true;
		return 0;
	}
	if (S_ISLNK(st.st_mode) && follow) {
		if (!realpath(w->at, real)) {
			w->missing = true;
			return 0;
		}
		if (strcmp(real, "/") == 0)
			real[0] = '\0';
		memcpy(w->at, real, strlen(real) + 1);
	}
	w->existing = strlen(w->at);
	return 0;
}

static int walk_path(struct walk *w, const char *path, bool follow)
{
	int err = 0;

	while (err == 0 && *(path += strspn(path, "/"))) {
		size_t len = strcspn(path, "/");
		bool last = path[len + strspn(path + len, "/")] == '\0';

		if (len == 2 && memcmp(path, "..", 2) == 0)
			up(w);
		else if (len != 1 || *path != '.')
			err = down(w, path, len, follow || !last);
		path += len;
	}
	return err;
}

int resolve_path(const char *path, bool follow, struct resolve_path *ret)
{
	struct walk w = {.at = ""};
	char cwd[PATH_MAX];
	int err = 0;

	if (path[0] != '/') {
		if (!getcwd(cwd, sizeof(cwd)) || cwd[0] != '/')
			return err_note(ERR_NOENT, "the current folder is gone");
		err = walk_path(&w, cwd, true);
	}
	if (err == 0)
		err = walk_path(&w, path, follow);
	if (err)
		return err;
	ret->path = strdup(w.at[0] ? w.at : "/");
	ret->existing = w.existing ? strndup(w.at, w.existing) : strdup("/");
	if (!ret->path || !ret->existing) {
		resolve_path_done(ret);
		return ERR_NOMEM;
	}
	return 0;
}

void resolve_path_done(struct resolve_path *r)
{
	free(r->path);
	free(r->existing);
	memset(r, 0, sizeof(*r));
}
