/* SPDX-License-Identifier: Apache-2.0 */
/*
 * amberfs mount STORE MOUNTPOINT. Options on the command line go before the same ones in -o, so one
 * line of fstab can be tried with a difference.
 */
#include "backend/store.h"
#include "cli/commands.h"
#include "cli/daemon.h"
#include "cli/format.h"
#include "cli/mountopts.h"
#include "cli/mounts.h"
#include "cli/report.h"
#include "cli/statedir.h"
#include "fs/fs.h"
#include "util/err.h"
#include "util/secret.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const struct option_def option_defs[] = {
    {"options", 'o', "OPTS", "mount options, see below"},
    {"foreground", 'f', NULL, "stay in the foreground, with the log on stderr"},
    {"passphrase-file", 0, "FILE", "read the passphrase from FILE"},
    {"passphrase-command", 0, "CMD", "take the passphrase from the output of CMD"},
    {"recovery", 0, NULL, "open with the recovery code instead of the passphrase"},
    {"recovery-code-file", 0, "FILE", "read the recovery code from FILE"},
    {"state-dir", 0, "DIR", "keep the local state below DIR"},
    {"takeover", 0, NULL, "go ahead although another machine had it mounted lately"},
    {"ca-file", 0, "FILE", "trust the certificates in FILE (PEM) instead of the system's"},
    {"insecure-http", 0, NULL, "allow http:// to this machine itself"},
    {0},
};

/* All that is owned for one mount. */
struct job {
	struct mountopts m;
	struct serve_params p;
	struct passphrase_source source;
	char *store;
	char *mountpoint;
	char *state_dir;
	char *ca_file;
};

static void job_done(struct job *j)
{
	mountopts_done(&j->m);
	free(j->store);
	free(j->mountpoint);
	free(j->state_dir);
	free(j->ca_file);
}

static const char *either(const char *a, const char *b)
{
	return a ? a : b;
}

static int parse_mount_options(struct job *j, const struct options *o)
{
	const char *text;
	int64_t epoch_ms = 0;
	int err = 0;

	for (int i = 0; err == 0 && (text = options_nth(o, "options", i)); i++)
		err = mountopts_parse(text, &j->m);
	if (err == 0 && j->m.cache)
		err = format_parse_size(j->m.cache, &j->p.cache_limit_bytes);
	if (err == 0 && j->m.quota)
		err = format_parse_size(j->m.quota, &j->p.quota_bytes);
	if (err == 0 && j->m.epoch)
		err = format_parse_ms(j->m.epoch, &epoch_ms);
	if (err)
		return err;
	if (j->m.epoch && (epoch_ms < 1 || epoch_ms > INT32_MAX))
		return err_note(ERR_USAGE, "mount option epoch=%s is out of range", j->m.epoch);
	j->p.epoch_ms = (unsigned)epoch_ms;
	return 0;
}

static void choose_secret(struct job *j, const struct options *o)
{
	struct passphrase_source *s = &j->source;

	s->what = j->store;
	s->file = either(options_value(o, "recovery-code-file"), j->m.recovery_code_file);
	if (s->file || options_has(o, "recovery")) {
		s->word = "recovery code";
		j->p.secret_type = VOLUME_SECRET_RECOVERY;
		return;
	}
	s->word = "passphrase";
	j->p.secret_type = VOLUME_SECRET_PASSPHRASE;
	/* the command line before -o, -o before the environment */
	s->file = options_value(o, "passphrase-file");
	s->command = options_value(o, "passphrase-command");
	if (s->file || s->command)
		return;
	s->file = j->m.passphrase_file;
	s->command = j->m.passphrase_command;
	passphrase_from_environment(s);
}

/* A mount over its own ciphertext or state would wait for itself. */
static int check_nesting(const struct job *j)
{
	const char *folder = j->store;

	if (strncmp(folder, "file://", 7) == 0)
		folder += 7;
	if (folder[0] == '/' && mounts_path_below(folder, j->mountpoint))
		return err_note(ERR_USAGE, "the store %s would be hidden by the mount", folder);
	if (folder[0] == '/' && mounts_path_below(j->mountpoint, folder))
		return err_note(ERR_USAGE, "the mountpoint is inside the store %s", folder);
	if (mounts_path_below(j->state_dir, j->mountpoint))
		return err_note(ERR_USAGE, "the state folder %s would be hidden by the mount",
		                j->state_dir);
	return 0;
}

/* Is the address, as it was typed, one that can be opened at all? Talks to nobody. */
static int check_store(const struct job *j, const char *url)
{
	struct blob *store = NULL;
	int err = secret_setup(); /* the store's credentials are secrets too */

	if (err == 0)
		err = store_open(url, &j->p.store_options, &store);
	blob_free(store);
	return err;
}

static int absolute_file(const char *path, char **ret)
{
	if (!path)
		return 0;
	*ret = realpath(path, NULL);
	return *ret ? 0 : err_note(err_from_errno(errno), "CA file %s", path);
}

static int prepare(struct job *j, const struct options *o)
{
	const char *mountpoint = options_arg(o, 1);
	int err;

	j->store = store_display(options_arg(o, 0));
	err = j->store ? parse_mount_options(j, o) : ERR_NOMEM;
	if (err)
		return err;
	err = absolute_file(either(options_value(o, "ca-file"), j->m.ca_file), &j->ca_file);
	if (err)
		return err;
	j->p.store = j->store;
	j->p.store_options.ca_file = j->ca_file;
	j->p.store_options.insecure_http = options_has(o, "insecure-http") || j->m.insecure_http;
	j->p.read_only = j->m.read_only;
	j->p.at = j->m.at;
	j->p.allow_other = j->m.allow_other;
	j->p.takeover = options_has(o, "takeover") || j->m.takeover;
	j->p.extra_options = j->m.extra;
	err = check_store(j, options_arg(o, 0));
	if (err == 0)
		err = fs_check_mountpoint(mountpoint);
	if (err)
		return err;
	j->mountpoint = realpath(mountpoint, NULL);
	if (!j->mountpoint)
		return err_note(err_from_errno(errno), "%s", mountpoint);
	j->p.mountpoint = j->mountpoint;
	err = statedir_path(either(options_value(o, "state-dir"), j->m.state_dir), &j->state_dir);
	j->p.state_dir = j->state_dir;
	return err ? err : check_nesting(j);
}

static int run(const struct options *o)
{
	struct job j = {.store = NULL};
	int err = prepare(&j, o);

	if (err == 0) {
		choose_secret(&j, o);
		j.p.log_to_file = !options_has(o, "foreground");
		err = j.p.log_to_file ? daemon_background(&j.p, &j.source)
		                      : daemon_foreground(&j.p, &j.source);
	}
	if (err)
		err = report_error_hint(
		    err, err == ERR_USAGE ? "see `amberfs help mount`" : report_hint(err),
		    "cannot mount %s on %s", j.store ? j.store : options_arg(o, 0),
		    options_arg(o, 1));
	job_done(&j);
	return err;
}

const struct command cmd_mount = {
    .name = "mount",
    .args = "STORE MOUNTPOINT",
    .summary = "Mount a volume",
    .details = "Returns when the mount is usable. The passphrase is asked on the terminal unless "
               "an option or\n"
               "AMBERFS_PASSPHRASE_FILE or AMBERFS_PASSPHRASE_COMMAND says where it is. `amberfs "
               "umount`,\n"
               "umount(8) and fusermount3 -u end it. The past is in MOUNTPOINT/.snapshots/TIME.\n",
    .options = option_defs,
    .min_args = 2,
    .max_args = 2,
    .run = run,
    .more_help = mountopts_print_help,
};
