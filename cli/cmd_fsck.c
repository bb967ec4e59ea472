/* SPDX-License-Identifier: Apache-2.0 */
/*
 * amberfs fsck [VOLUME]: check a volume, and the ways out of trouble that a person must decide on.
 *
 * A mounted volume is checked by its daemon, on a snapshot of the index, while it goes on. One that
 * is not mounted is opened here as a mount would (with its lock, its lease and its recovery), which
 * is what --rebuild and --accept-rollback need. Both open it once to see the trouble, tell what
 * going on costs, and open it again with the permission to.
 */
#include "backend/store.h"
#include "cli/answer.h"
#include "cli/client.h"
#include "cli/commands.h"
#include "cli/fsckshow.h"
#include "cli/interrupt.h"
#include "cli/json.h"
#include "cli/passphrase.h"
#include "cli/progress.h"
#include "cli/report.h"
#include "cli/statedir.h"
#include "util/clock.h"
#include "util/err.h"
#include "util/fileio.h"
#include "util/log.h"
#include "util/rng.h"
#include "util/secret.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ID_TYPED 8 /* digits of the volume's id that a person types */

static const struct option_def option_defs[] = {
    {"rebuild", 0, NULL, "make the index again from the store, the journal and what waits"},
    {"accept-rollback", 0, NULL, "go on from a store that went back, or on without this machine"},
    {"yes", 'y', NULL, "do not ask"},
    {"passphrase-file", 0, "FILE", "read the passphrase from FILE"},
    {"passphrase-command", 0, "CMD", "take the passphrase from the output of CMD"},
    {"recovery", 0, NULL, "open with the recovery code instead of the passphrase"},
    {"recovery-code-file", 0, "FILE", "read the recovery code from FILE"},
    {"state-dir", 0, "DIR", "the local state is below DIR"},
    {"takeover", 0, NULL, "go ahead although another machine had it mounted lately"},
    {"ca-file", 0, "FILE", "trust the certificates in FILE (PEM) instead of the system's"},
    {"insecure-http", 0, NULL, "allow http:// to this machine itself"},
    {"json", 0, NULL, "print JSON lines"},
    {0},
};

struct job {
	const struct options *o;
	char *url; /* as it may be shown */
	char *state_dir;
	struct blob *store;
	char *secret;
	size_t secret_len;
	enum volume_secret_type secret_type;
	char id[2 * VOLUME_ID_BYTES + 1];
	struct volume_trouble trouble;
	struct progress progress;
	struct fsckshow show;
};

/* ---- what goes on meanwhile ---- */

static void show_progress(void *ctx, const char *what, uint64_t done, uint64_t total)
{
	struct job *j = ctx;

	progress_update(&j->progress, what, done, total);
	/* opening cannot be stopped but by a store that gives up */
	if (interrupt_seen() && j->store)
		blob_cancel(j->store);
}

static int show_result(void *ctx, const struct volume_fsck_result *r)
{
	struct job *j = ctx;

	progress_end(&j->progress);
	fsckshow_result(&j->show, r);
	return 0;
}

/* ---- a mounted one ---- */

static int take_result(void *ctx, struct dec *d)
{
	struct volume_fsck_result r;
	const char **texts;
	int err = 0;

	answer_get_fsck(d, &r, &texts);
	if (dec_end(d))
		err = err_note(ERR_CORRUPT, "the daemon's answer");
	else
		show_result(ctx, &r);
	free(texts);
	return err;
}

static int check_mounted(struct job *j, const struct client_place *place)
{
	struct client_request r = {
	    .command = CONTROL_FSCK, .item = take_result, .progress = show_progress, .ctx = j};
	int err;

	if (options_has(j->o, "rebuild") || options_has(j->o, "accept-rollback")) {
		err_note(ERR_LOCKED, "it is mounted on %s", place->mountpoint);
		return report_error_hint(ERR_LOCKED, "run `amberfs umount` on it first",
		                         "%s can only be checked", place->mountpoint);
	}
	err = client_ask(place->control, &r);
	progress_end(&j->progress);
	return err ? report_error(err, "cannot check %s", place->mountpoint)
	           : fsckshow_end(&j->show, place->mountpoint);
}

/* ---- one that is not ---- */

static int take_mountpoint(void *ctx, struct dec *d)
{
	struct client_place *place = ctx;
	struct answer_status a;

	answer_get_status(d, &a);
	if (dec_end(d))
		return err_note(ERR_CORRUPT, "the daemon's answer");
	place->mountpoint = strdup(a.mountpoint);
	return place->mountpoint ? 0 : ERR_NOMEM;
}

/* Does a daemon answer in the state folder? Other mounts are not asked: one of them may hang. */
static bool find_daemon(struct job *j, struct client_place *ret)
{
	char *folder = NULL;
	struct dirent *e;
	bool found = false;
	DIR *dir;

	memset(ret, 0, sizeof(*ret));
	if (asprintf(&folder, "%s/%s", j->state_dir, j->id) < 0)
		return false;
	dir = opendir(folder);
	while (dir && !found && (e = readdir(dir))) {
		if (strncmp(e->d_name, "control-", 8) != 0 ||
		    asprintf(&ret->control, "%s/%s", folder, e->d_name) < 0)
			continue;
		found = client_ask_simple(ret->control, CONTROL_STATUS, NULL, NULL, NULL,
		                          take_mountpoint, ret) == 0;
		if (!found)
			client_place_done(ret);
	}
	if (dir)
		closedir(dir);
	free(folder);
	return found;
}

static int get_secret(struct job *j)
{
	const struct options *o = j->o;
	struct passphrase_source s = {.what = j->url,
	                              .word = "recovery code",
	                              .file = options_value(o, "recovery-code-file")};

	j->secret_type = VOLUME_SECRET_RECOVERY;
	if (!s.file && !options_has(o, "recovery")) {
		j->secret_type = VOLUME_SECRET_PASSPHRASE;
		s.word = "passphrase";
		s.file = options_value(o, "passphrase-file");
		s.command = options_value(o, "passphrase-command");
		passphrase_from_environment(&s);
	}
	return passphrase_get(&s, &j->secret, &j->secret_len);
}

struct permission {
	bool rebuild;
	bool loss;
	bool rollback;
};

static int open_volume(struct job *j, struct permission may, struct volume **ret)
{
	struct volume_params p = {.io = fileio_system(),
	                          .clock = clock_system(),
	                          .rng = rng_system(),
	                          .store = j->store,
	                          .state_dir = j->state_dir,
	                          .takeover = options_has(j->o, "takeover"),
	                          .rebuild = may.rebuild,
	                          .accept_loss = may.loss,
	                          .accept_rollback = may.rollback,
	                          .trouble = &j->trouble};
	struct keyring *k = NULL;
	int err = volume_keyring_fetch(j->store, &k);

	if (err == 0 && !j->secret)
		err = get_secret(j);
	if (err == 0)
		err = volume_keyring_unlock(k, j->secret_type, j->secret, j->secret_len);
	if (err) {
		volume_keyring_free(k);
		return err;
	}
	memset(&j->trouble, 0, sizeof(j->trouble));
	err = volume_open(&p, k, show_progress, j, ret);
	progress_end(&j->progress);
	return err;
}

/* The person agrees by typing @word, or did so by --yes. 0, or the exit code after having said why
 * not. */
static int confirm(struct job *j, const char *question, const char *word)
{
	char line[64] = "";

	if (options_has(j->o, "yes"))
		return 0;
	if (!isatty(STDIN_FILENO)) {
		err_note(ERR_USAGE, "there is no terminal to ask");
		return report_error_hint(ERR_USAGE, "add --yes once you have read what it costs",
		                         "%s is left as it is", j->url);
	}
	fprintf(stderr, "%s: ", question);
	if (fgets(line, sizeof(line), stdin))
		line[strcspn(line, "\r\n")] = '\0';
	if (strcmp(line, word) == 0)
		return 0;
	err_note(ERR_CANCELED, "by your answer");
	return report_error_hint(ERR_CANCELED, "nothing was changed", "%s is left as it is",
	                         j->url);
}

/* Close, and report the first thing that went wrong. */
static int end_volume(struct job *j, struct volume *v, int code)
{
	int err = volume_close(v);

	return err && code == 0 ? report_error(err, "cannot close %s", j->url) : code;
}

static int check(struct job *j, struct volume *v, bool compare)
{
	struct volume_fsck_params p = {.compare = compare,
	                               .stop = interrupt_flag(),
	                               .progress = show_progress,
	                               .result = show_result,
	                               .ctx = j};
	int err = volume_fsck(v, &p);
	int code;

	progress_end(&j->progress);
	code = err ? report_error(err, "cannot check %s", j->url) : fsckshow_end(&j->show, j->url);
	return end_volume(j, v, code);
}

static int failed(struct job *j, int err, const char *what)
{
	if (err == ERR_LOCKED)
		return report_error_hint(
		    err, "unmount it first, or name the mountpoint to check it there",
		    "cannot %s %s", what, j->url);
	return report_error(err, "cannot %s %s", what, j->url);
}

static int check_unmounted(struct job *j)
{
	struct volume *v = NULL;
	int err = open_volume(j, (struct permission){0}, &v);

	return err ? failed(j, err, "check") : check(j, v, true);
}

static void print_done(struct job *j, const char *what)
{
	struct json json;

	if (!j->show.json) {
		printf("%s\n", what);
		if (j->trouble.aside[0])
			printf("What was set aside is kept: %s\n", j->trouble.aside);
		return;
	}
	json_init(&json);
	json_object(&json);
	json_key_string(&json, "type", "done");
	json_key_string(&json, "what", what);
	json_key(&json, "aside");
	if (j->trouble.aside[0])
		json_string(&json, j->trouble.aside);
	else
		json_null(&json);
	json_close(&json);
	json_print(&json);
	json_done(&json);
}

static int rebuild(struct job *j)
{
	struct volume *v = NULL;
	int code, err = open_volume(j, (struct permission){.rebuild = true}, &v);

	if (err && j->trouble.kind == VOLUME_TROUBLE_LOSS) {
		fsckshow_trouble(&j->trouble, j->show.json);
		code = confirm(j, "Type `lose` to give these changes up", "lose");
		if (code)
			return code;
		err = open_volume(j, (struct permission){.rebuild = true, .loss = true}, &v);
	}
	if (err)
		return failed(j, err, "rebuild the index of");
	print_done(j, j->trouble.aside[0] ? "The index is made again, without what was damaged."
	                                  : "The index is made again; nothing is lost.");
	return check(j, v, false);
}

static int accept_rollback(struct job *j)
{
	struct volume *v = NULL;
	char typed[ID_TYPED + 1], question[128];
	int code, err = open_volume(j, (struct permission){0}, &v);

	if (err == 0) {
		print_done(j, "There is no rollback: the store has all that this machine knows of "
		              "it. Nothing was changed.");
		return end_volume(j, v, REPORT_DONE);
	}
	if (j->trouble.kind != VOLUME_TROUBLE_ROLLBACK && j->trouble.kind != VOLUME_TROUBLE_FENCED)
		return failed(j, err, "open");
	fsckshow_trouble(&j->trouble, j->show.json);
	snprintf(typed, sizeof(typed), "%.*s", ID_TYPED, j->id);
	snprintf(question, sizeof(question),
	         "Type the first %d digits of the volume's id (%s) to go on", ID_TYPED, j->id);
	code = confirm(j, question, typed);
	if (code)
		return code;
	err = open_volume(j, (struct permission){.rollback = true}, &v);
	if (err)
		return failed(j, err, "go on with");
	/* at once, so that the record of it is in the store */
	err = volume_sync(v, -1, interrupt_flag(), show_progress, j);
	progress_end(&j->progress);
	print_done(j, "The volume goes on from what the store has.");
	code = err ? report_error(err, "the record of it in %s is not stored yet", j->url) : 0;
	return end_volume(j, v, code);
}

/* What opening meets on its way goes to the log of the mounts, where there is one: stderr is for one
 * line. */
static void open_log(const struct job *j)
{
	char *path = NULL;

	if (asprintf(&path, "%s/%s/daemon.log", j->state_dir, j->id) < 0)
		return;
	if (access(path, W_OK) != 0 || log_to_file(path) != 0)
		log_to_file("/dev/null");
	free(path);
}

static int run_unmounted(struct job *j)
{
	open_log(j);
	if (options_has(j->o, "rebuild"))
		return rebuild(j);
	return options_has(j->o, "accept-rollback") ? accept_rollback(j) : check_unmounted(j);
}

/* ---- which of the two ---- */

static int open_store(struct job *j)
{
	struct store_options so = {.ca_file = options_value(j->o, "ca-file"),
	                           .insecure_http = options_has(j->o, "insecure-http")};
	struct keyring *k = NULL;
	int err = statedir_path(options_value(j->o, "state-dir"), &j->state_dir);

	if (err == 0)
		err = secret_setup(); /* the store's credentials are secrets too */
	if (err == 0)
		err = store_open(options_arg(j->o, 0), &so, &j->store);
	if (err == 0)
		err = volume_keyring_fetch(j->store, &k);
	if (err == 0)
		volume_keyring_id(k, j->id);
	volume_keyring_free(k);
	return err;
}

static int run_store(struct job *j)
{
	struct client_place place;
	const char *hint;
	char note[256];
	int code, err = open_store(j);
	bool mounted;

	if (err == ERR_UNAVAILABLE || err == ERR_DENIED || err == ERR_TLS) {
		/* its mount knows more, if there is one */
		snprintf(note, sizeof(note), "%s", err_note_text());
		mounted = client_locate_volume(options_arg(j->o, 0), &place) == 0;
		err_note(err, "%s", note);
	} else {
		mounted = err == 0 && find_daemon(j, &place);
	}
	if (mounted) {
		code = check_mounted(j, &place);
		client_place_done(&place);
		return code;
	}
	if (err == 0)
		return run_unmounted(j);
	hint = report_hint(err);
	if (err == ERR_USAGE)
		hint = "see `amberfs help fsck`";
	else if (err == ERR_UNAVAILABLE)
		hint =
		    "try again when it answers: without the keys that it holds nothing local can "
		    "be opened either";
	return report_error_hint(err, hint, "cannot check %s", j->url);
}

static int run_job(struct job *j)
{
	const char *volume = options_arg(j->o, 0);
	struct client_place place;
	int code, err = ERR_NOTVOLUME;

	if (options_has(j->o, "rebuild") && options_has(j->o, "accept-rollback")) {
		err = err_note(ERR_USAGE, "--rebuild and --accept-rollback are two ways out");
		return report_error_hint(err, "choose one", "fsck");
	}
	interrupt_catch();
	progress_init(&j->progress, j->show.json);
	if (!volume || !strstr(volume, "://"))
		err = client_locate(volume ? volume : ".", &place);
	if (err == 0) {
		code = check_mounted(j, &place);
		client_place_done(&place);
		return code;
	}
	if (!volume || err != ERR_NOTVOLUME)
		return report_error_hint(err,
		                         err == ERR_NOTVOLUME ? "name the store, or a path in a "
		                                                "mounted volume"
		                                              : report_hint(err),
		                         "cannot find the volume of %s",
		                         volume ? volume : "the current folder");
	j->url = store_display(volume);
	return j->url ? run_store(j) : report_no_memory();
}

static int run(const struct options *o)
{
	struct job j = {.o = o, .show = {.json = options_has(o, "json")}};
	int code = run_job(&j);

	secret_free(j.secret);
	blob_free(j.store);
	free(j.state_dir);
	free(j.url);
	return code;
}

const struct command cmd_fsck = {
    .name = "fsck",
    .args = "[VOLUME]",
    .summary = "Check a volume, and find the way out when it is damaged",
    .details =
        "VOLUME is the STORE of a volume, or a path in one that is mounted; without it, the volume "
        "of the\n"
        "current folder. A mounted one is checked while it goes on; whether its index is what the "
        "log says\n"
        "is only checked when it is not mounted. --rebuild and --accept-rollback want it "
        "unmounted; what\n"
        "they give up is told first, asked about, and kept in the state folder. File data is not "
        "read.\n",
    .options = option_defs,
    .max_args = 1,
    .run = run,
};
