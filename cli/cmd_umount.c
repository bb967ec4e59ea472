/* SPDX-License-Identifier: Apache-2.0 */
/*
 * amberfs umount MOUNTPOINT: store what is pending, unmount, and wait for the daemon to end, so
 * that the volume can be mounted again at once.
 *
 * Waiting for a store that does not answer would never end, so the sync is asked for in slices;
 * after one that did not finish the state tells whether the store is slow (go on) or gone (say so,
 * leave the mount as it is).
 */
#include "cli/client.h"
#include "cli/commands.h"
#include "cli/format.h"
#include "cli/holders.h"
#include "cli/interrupt.h"
#include "cli/mounts.h"
#include "cli/progress.h"
#include "cli/report.h"
#include "cli/resolve.h"
#include "cli/answer.h"
#include "util/err.h"

#include <errno.h>
#include <poll.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#define SLICE_MS "10000"

static const struct option_def option_defs[] = {
    {"no-wait", 0, NULL, "do not store what is pending first; the next mount does"},
    {"json", 0, NULL, "print the progress as JSON lines"},
    {0},
};

struct pending {
	enum volume_state state;
	bool read_only;
	uint64_t bytes;
	char state_path[1024];
};

static int take_status(void *ctx, struct dec *d)
{
	struct pending *p = ctx;
	struct answer_status w;

	answer_get_status(d, &w);
	if (dec_end(d))
		return err_note(ERR_CORRUPT, "the daemon's answer");
	p->state = w.s.state;
	p->read_only = w.read_only;
	p->bytes = w.s.pending_bytes;
	snprintf(p->state_path, sizeof(p->state_path), "%s", w.state_path);
	return 0;
}

static int ask_pending(const char *control, struct pending *ret)
{
	return client_ask_simple(control, CONTROL_STATUS, NULL, NULL, NULL, take_status, ret);
}

static void show_progress(void *ctx, const char *what, uint64_t done, uint64_t total)
{
	progress_update(ctx, what, done, total);
}

static int sync_slices(const char *control, struct pending *p, struct progress *progress)
{
	const char *const args[] = {SLICE_MS};
	struct client_request r = {.command = CONTROL_SYNC,
	                           .args = args,
	                           .nargs = 1,
	                           .progress = show_progress,
	                           .ctx = progress};
	int err, sync_err;

	do {
		sync_err = client_ask(control, &r);
		if (sync_err == 0 || interrupt_seen())
			return sync_err;
		err = ask_pending(control, p);
		if (err)
			return err;
	} while (sync_err == ERR_UNAVAILABLE && p->state != VOLUME_OFFLINE);
	/* the second request must not hide what the first one said */
	err_note_clear();
	return sync_err;
}

static int store_first(const char *mountpoint, const char *control, bool json)
{
	struct pending p = {.bytes = 0};
	struct progress progress;
	char size[FORMAT_SIZE_BYTES], what[2400];
	int err = ask_pending(control, &p);

	if (err == 0 && p.read_only)
		return 0;
	if (err == 0) {
		progress_init(&progress, json);
		interrupt_catch();
		err = sync_slices(control, &p, &progress);
		progress_end(&progress);
	}
	if (err == 0)
		return 0;
	if (interrupt_seen()) {
		err_note(ERR_CANCELED, "nothing is lost, and it stays mounted");
		return report_error_hint(ERR_CANCELED, "run it again, or use --no-wait",
		                         "%s is not unmounted", mountpoint);
	}
	format_size(size, p.bytes);
	snprintf(what, sizeof(what), "%s is not unmounted: %s are not stored yet and wait in %s",
	         mountpoint, size, p.state_path);
	return report_error_hint(
	    err,
	    "try again when the store answers, or use --no-wait to unmount now "
	    "and let the next mount store them",
	    "%s", what);
}

/* fusermount3 may unmount what this user mounted; its own words are not ours to show. */
static int run_fusermount(const char *mountpoint, bool lazy)
{
	char *argv[] = {(char[]){"fusermount3"}, lazy ? (char[]){"-uz"} : (char[]){"-u"},
	                (char[]){"--"}, strdup(mountpoint), NULL};
	posix_spawn_file_actions_t actions;
	pid_t pid;
	int status = -1;

	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
	if (posix_spawnp(&pid, argv[0], &actions, NULL, argv, environ) == 0)
		while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
			;
	posix_spawn_file_actions_destroy(&actions);
	free(argv[3]);
	return status == 0 ? 0 : -1;
}

static int unmount(const char *mountpoint, bool lazy)
{
	char names[1024];

	if (umount2(mountpoint, UMOUNT_NOFOLLOW | (lazy ? MNT_DETACH : 0)) == 0)
		return 0;
	if (errno == EPERM && run_fusermount(mountpoint, lazy) == 0)
		return 0;
	if (holders_list(mountpoint, names, sizeof(names)) > 0)
		return err_note(ERR_BUSY, "by %s", names);
	if (errno == EPERM)
		return err_note(ERR_PERM, "fusermount3 refused");
	return err_note(errno == EBUSY ? ERR_BUSY : err_from_errno(errno), "%s",
	                errno == EBUSY
	                    ? "by a process that cannot be seen, or another mount below it"
	                    : strerror(errno));
}

static int wait_for_end(int pidfd)
{
	struct pollfd p = {.fd = pidfd, .events = POLLIN};

	while (poll(&p, 1, -1) < 0)
		if (errno != EINTR || interrupt_seen())
			return err_note(ERR_CANCELED,
			                "it is unmounted; its daemon is still ending");
	return 0;
}

/* A mount whose daemon died: nothing to ask, nothing to wait for. */
static int unmount_dead(const char *mountpoint)
{
	int err = unmount(mountpoint, true);

	return err ? report_error(err, "cannot unmount %s", mountpoint) : REPORT_DONE;
}

static int unmount_live(const struct client_place *place, const struct options *o)
{
	int pidfd = -1, code, err;

	if (!options_has(o, "no-wait")) {
		code = store_first(place->mountpoint, place->control, options_has(o, "json"));
		if (code)
			return code;
	}
	err = client_daemon_pidfd(place->control, &pidfd);
	if (err == 0)
		err = unmount(place->mountpoint, false);
	if (err == 0)
		err = wait_for_end(pidfd);
	if (pidfd >= 0)
		close(pidfd);
	return err ? report_error(err, "cannot unmount %s", place->mountpoint) : REPORT_DONE;
}

/* Whether @path is the top of an amberfs mount. */
static int check_top(const char *path)
{
	struct mounts mounts;
	const struct mounts_entry *m;
	int err = mounts_read(&mounts);

	if (err)
		return err;
	m = mounts_of_path(&mounts, path);
	if (!m || strcmp(m->mountpoint, path) != 0)
		err = err_note(ERR_NOTVOLUME, "no volume is mounted there");
	mounts_done(&mounts);
	return err;
}

static int run(const struct options *o)
{
	const char *arg = options_arg(o, 0);
	struct client_place place = {.mountpoint = NULL};
	struct resolve_path r = {.path = NULL};
	int code, err = resolve_path(arg, true, &r);

	if (err == 0)
		err = check_top(r.path);
	if (err == 0)
		err = client_locate(r.path, &place);
	if (err == 0)
		code = unmount_live(&place, o);
	else if (err == ERR_STALE)
		code = unmount_dead(r.path);
	else
		code = report_error_hint(err, "see `amberfs status` for what is mounted",
		                         "cannot unmount %s", arg);
	client_place_done(&place);
	resolve_path_done(&r);
	return code;
}

const struct command cmd_umount = {
    .name = "umount",
    .args = "MOUNTPOINT",
    .summary = "Store what is pending, then unmount",
    .details =
        "Ctrl-C stops the waiting; nothing is lost and the mount stays. Plain umount(8) and\n"
        "fusermount3 -u are safe too: what is not stored yet is stored by the next mount.\n",
    .options = option_defs,
    .min_args = 1,
    .max_args = 1,
    .run = run,
};
