/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An XDG_STATE_HOME that is not absolute is to be ignored (XDG Base Directory Specification 0.8).
 * The home comes from $HOME, and where that is not set, as for a mount at boot, from the password
 * file.
 */
#include "cli/statedir.h"

#include "util/err.h"

#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/types.h>
#include <unistd.h>

static const char *env(const char *name)
{
	const char *v = getenv(name);

	return v && *v ? v : NULL;
}

static const char *home(void)
{
	const char *h = env("HOME");
	struct passwd *pw;

	if (h && h[0] == '/')
		return h;
	pw = getpwuid(geteuid());
	return pw && pw->pw_dir && pw->pw_dir[0] == '/' ? pw->pw_dir : NULL;
}

static int absolute(const char *path, char **ret)
{
	char *cwd = NULL;
	int n;

	if (path[0] == '/') {
		n = asprintf(ret, "%s", path);
	} else {
		cwd = getcwd(NULL, 0);
		if (!cwd)
			return err_note(err_from_errno(errno), "the current folder");
		n = asprintf(ret, "%s/%s", cwd, path);
		free(cwd);
	}
	return n < 0 ? ERR_NOMEM : 0;
}

int statedir_path(const char *option, char **ret)
{
	const char *dir;
	int n;

	if (option && *option)
		return absolute(option, ret);
	if ((dir = env("AMBERFS_STATE_DIR")))
		return absolute(dir, ret);
	if ((dir = env("XDG_STATE_HOME")) && dir[0] == '/')
		n = asprintf(ret, "%s/amberfs", dir);
	else if ((dir = home()))
		n = asprintf(ret, "%s/.local/state/amberfs", dir);
	else
		return err_note(ERR_USAGE, "no home folder for the local state; use --state-dir");
	return n < 0 ? ERR_NOMEM : 0;
}
