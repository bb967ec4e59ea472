/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kernel tells the guard of the death of the daemon's main thread (PR_SET_PDEATHSIG), which comes also when another thread of it
 * cannot die. The connection is ended by its number, which is the mount's device; that the mount is still the one that it was
 * is looked up in mountinfo, which never waits for the mount itself.
 */
#include "cli/guard.h"

#include "cli/mounts.h"
#include "util/fds.h"
#include "util/log.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define NAME "amberfs-guard"

/* The device of what is mounted at @mountpoint, -1 when nothing of ours is. */
static long device_of(const char *mountpoint)
{
	const struct mounts_entry *e;
	struct mounts m;
	long device = -1;

	if (mounts_read(&m) != 0)
		return -1;
	e = mounts_of_path(&m, mountpoint);
	if (e && strcmp(e->mountpoint, mountpoint) == 0)
		device = (long)e->device;
	mounts_done(&m);
	return device;
}

/* By way of a file, since the place may be foreign to whatever watches this program's memory. */
static void overwrite(unsigned long start, size_t len)
{
	char *text = calloc(1, len);
	int fd = open("/proc/self/mem", O_WRONLY | O_CLOEXEC);

	if (text && fd >= 0) {
		memcpy(text, NAME, sizeof(NAME));
		if (pwrite(fd, text, len, (off_t)start) < 0)
			log_debug("guard", "not-renamed error=%d", errno);
	}
	free(text);
	if (fd >= 0)
		close(fd);
}

/* This process is not the daemon, and is not to be taken for it. */
static void rename_process(void)
{
	unsigned long start = 0, end = 0;
	FILE *f = fopen("/proc/self/stat", "re");
	char *line = NULL;
	size_t room = 0;

	prctl(PR_SET_NAME, NAME);
	if (f && getline(&line, &room, f) > 0) {
		const char *at = strrchr(line, ')');

		/* proc(5): arg_start and arg_end are the 48th and 49th field; the third follows the bracket */
		for (int field = 2; at && field < 48; field++)
			at = strchr(at + 1, ' ');
		if (at && sscanf(at, "%lu %lu", &start, &end) == 2 && end > start + sizeof(NAME))
			overwrite(start, end - start);
	}
	free(line);
	if (f)
		fclose(f);
}

static void end_connection(const char *mountpoint, long device)
{
	char path[64];
	int fd;

	if (device < 0 || device_of(mountpoint) != device)
		return;
	snprintf(path, sizeof(path), "/sys/fs/fuse/connections/%ld/abort", device);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, "1", 1) != 1)
		/* does the same, and no more as long as the mount is in use */
		umount2(mountpoint, MNT_FORCE | UMOUNT_NOFOLLOW);
	if (fd >= 0)
		close(fd);
}

/* Its main thread at least: a signal alone may come from anybody. */
static bool is_dead(pid_t daemon)
{
	char path[64], state = 0;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)daemon);
	/* the signal comes a moment before it shows */
	for (int tries = 0; tries < 40; tries++) {
		FILE *f = fopen(path, "re");

		if (!f)
			return true;
		if (fscanf(f, "%*d (%*[^)]) %c", &state) != 1)
			state = 0;
		fclose(f);
		if (state == 'Z' || state == 'X')
			return true;
		usleep(50000);
	}
	return false;
}

static void stand_by(int fd, pid_t daemon) __attribute__((noreturn));

static void stand_by(int fd, pid_t daemon)
{
	char mountpoint[PATH_MAX];
	sigset_t all;
	ssize_t n;
	long device;
	int sig;

	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (getppid() != daemon || dup2(fd, STDIN_FILENO) < 0)
		_exit(0);
	fds_close_from(STDIN_FILENO + 1);
	rename_process();
	n = read(STDIN_FILENO, mountpoint, sizeof(mountpoint) - 1);
	if (n <= 0)
		_exit(0);
	mountpoint[n] = '\0';
	device = device_of(mountpoint);
	do
		sigwait(&all, &sig);
	while (sig != SIGTERM || !is_dead(daemon));
	end_connection(mountpoint, device);
	_exit(0);
}

void guard_start(struct guard *ret)
{
	pid_t daemon = getpid();
	int fds[2];

	*ret = (struct guard){.fd = -1};
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) != 0)
		return;
	ret->pid = fork();
	if (ret->pid == 0)
		stand_by(fds[1], daemon);
	close(fds[1]);
	if (ret->pid > 0) {
		ret->fd = fds[0];
		return;
	}
	ret->pid = 0;
	close(fds[0]);
	log_warn("mount", "no-guard error=%d", errno);
}

void guard_arm(struct guard *g, const char *mountpoint)
{
	if (g->pid && send(g->fd, mountpoint, strlen(mountpoint), MSG_NOSIGNAL) < 0)
		log_warn("mount", "guard-not-armed error=%d", errno);
}

void guard_stop(struct guard *g)
{
	if (!g->pid)
		return;
	kill(g->pid, SIGKILL);
	while (waitpid(g->pid, NULL, 0) < 0 && errno == EINTR)
		;
	close(g->fd);
	*g = (struct guard){.fd = -1};
}
