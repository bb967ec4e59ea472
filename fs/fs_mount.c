/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The mountpoint: may it be used, and what is the rest of a daemon that died there.
 *
 * Such a rest answers every access with ENOTCONN, also the one that mounting would begin with, so
 * it goes first: root detaches it, an ordinary user has fusermount3 do it, which may because the
 * mount is the user's.
 */
#include "fs/fs.h"
#include "util/err.h"
#include "util/log.h"

#include <dirent.h>
#include <errno.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

static int detach_dead(const char *path)
{
	char option[] = "-uzq", end[] = "--", name[] = "fusermount3";
	char *path_copy;
	pid_t pid;
	int status, r;

	if (geteuid() == 0) {
		if (umount2(path, MNT_DETACH | UMOUNT_NOFOLLOW) == 0)
			return 0;
		return err_note(err_from_errno(errno), "%s: unmounting a dead mount", path);
	}
	path_copy = strdup(path);
	if (!path_copy)
		return ERR_NOMEM;
	char *argv[] = {name, option, end, path_copy, NULL};
	r = posix_spawnp(&pid, name, NULL, NULL, argv, environ);
	free(path_copy);
	if (r != 0)
		return err_note(err_from_errno(r), "fusermount3: %s", strerror(r));
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return err_note(ERR_BUSY, "%s: a dead mount", path);
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		return err_note(ERR_BUSY, "%s: a dead mount that fusermount3 -uz cannot remove",
		                path);
	return 0;
}

/* Undo the octal escapes of /proc/self/mountinfo, in place. */
static void unescape(char *s)
{
	char *out = s;

	while (*s) {
		if (s[0] == '\\' && s[1] >= '0' && s[1] <= '3' && s[2] >= '0' && s[2] <= '7' &&
		    s[3] >= '0' && s[3] <= '7') {
			*out++ = (char)((s[1] - '0') << 6 | (s[2] - '0') << 3 | (s[3] - '0'));
			s += 4;
		} else {
			*out++ = *s++;
		}
	}
	*out = '\0';
}

/* Whether something is mounted exactly on @path (absolute, resolved). Without /proc: no. */
static bool is_mounted(const char *path)
{
	FILE *f = fopen("/proc/self/mountinfo", "re");
	char *line = NULL, *where;
	bool found = false;
	size_t cap = 0;

	/* the fifth field is the mountpoint */
	while (f && !found && getline(&line, &cap, f) >= 0) {
		char *rest = line;

		for (int i = 0; i < 4; i++)
			strsep(&rest, " ");
		where = strsep(&rest, " ");
		if (where) {
			unescape(where);
			found = strcmp(where, path) == 0;
		}
	}
	free(line);
	if (f)
		fclose(f);
	return found;
}

static int check_empty(const char *path)
{
	DIR *d = opendir(path);
	struct dirent *e;
	int r = 0;

	if (!d)
		return err_note(err_from_errno(errno), "%s", path);
	while (r == 0 && (e = readdir(d)))
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
			r = err_note(ERR_NOTEMPTY, "%s: files there would be hidden", path);
	closedir(d);
	return r;
}

int fs_check_mountpoint(const char *path)
{
	struct statvfs totals;
	struct stat st;
	char *real;
	int r = 0;

	/* asks the daemon itself: attributes may still be answered from the kernel's cache */
	if (statvfs(path, &totals) != 0 && (errno == ENOTCONN || errno == ECONNABORTED)) {
		log_info("fs", "dead-mount removed=1");
		r = detach_dead(path);
		if (r != 0)
			return r;
	}
	if (stat(path, &st) != 0)
		return err_note(err_from_errno(errno), "%s", path);
	if (!S_ISDIR(st.st_mode))
		return err_note(ERR_NOTDIR, "%s", path);
	real = realpath(path, NULL);
	if (!real)
		return err_note(err_from_errno(errno), "%s", path);
	if (is_mounted(real))
		r = err_note(ERR_BUSY, "%s: something is mounted there", path);
	else if (geteuid() != 0 && access(path, W_OK | X_OK) != 0)
		r = err_note(err_from_errno(errno), "%s: a mountpoint must be writable", path);
	else
		r = check_empty(path);
	free(real);
	return r;
}
