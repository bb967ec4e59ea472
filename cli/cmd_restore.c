/* SPDX-License-Identifier: Apache-2.0 */
/*
 * amberfs restore --at TIME [PATH]...: in place, by the daemon, as one operation; or with --to as a
 * copy elsewhere (restoreto.c).
 *
 * In place it first asks for a dry run: a restore of more than CONFIRM_ABOVE entries is confirmed
 * by a person or by --yes. The epoch that the dry run told is what is then restored, so that "2
 * hours ago" does not move while somebody thinks.
 */
#include "cli/answer.h"
#include "cli/client.h"
#include "cli/commands.h"
#include "cli/format.h"
#include "cli/json.h"
#include "cli/report.h"
#include "cli/restoreto.h"
#include "cli/show.h"
#include "util/err.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CONFIRM_ABOVE 10

static const struct option_def option_defs[] = {
    {"at", 0, "TIME", "the moment to go back to"},
    {"to", 0, "DIR", "write a copy into DIR instead of changing the volume"},
    {"dry-run", 'n', NULL, "only show what would change"},
    {"yes", 'y', NULL, "do not ask, however much changes"},
    {"volume", 'C', "VOLUME", "the volume, when no PATH is named"},
    {"json", 0, NULL, "print JSON lines"},
    {0},
};

struct answer {
	bool print;
	bool json;
	struct volume_restore_totals totals;
	int64_t epoch;
	int64_t time_ns;
	int64_t undo;
};

static int take_item(void *ctx, struct dec *d)
{
	struct answer *a = ctx;
	struct volume_change c;

	if (dec_u8(d) == CONTROL_RESTORE_CHANGE) {
		answer_get_change(d, &c);
		if (dec_end(d))
			return err_note(ERR_CORRUPT, "the daemon's answer");
		if (a->print)
			show_change(&c, a->json, false);
		return 0;
	}
	a->totals.added = dec_var(d);
	a->totals.changed = dec_var(d);
	a->totals.removed = dec_var(d);
	a->totals.renamed = dec_var(d);
	a->totals.bytes = dec_var(d);
	a->epoch = dec_i64(d);
	a->time_ns = dec_i64(d);
	a->undo = dec_i64(d);
	return dec_end(d) ? err_note(ERR_CORRUPT, "the daemon's answer") : 0;
}

/* @args: TIME, mode, paths. */
static int ask(const struct restoreto_what *w, const char *at, bool dry_run, struct answer *a)
{
	const char **args = calloc(w->npaths + 2, sizeof(*args));
	struct client_request r = {.command = CONTROL_RESTORE,
	                           .args = args,
	                           .nargs = w->npaths + 2,
	                           .item = take_item,
	                           .ctx = a};
	int err;

	if (!args)
		return ERR_NOMEM;
	args[0] = at;
	args[1] = dry_run ? "dry" : "";
	for (size_t i = 0; i < w->npaths; i++)
		args[i + 2] = w->paths[i];
	err = client_ask(w->control, &r);
	free(args);
	return err;
}

static uint64_t changes_of(const struct answer *a)
{
	return a->totals.added + a->totals.changed + a->totals.removed + a->totals.renamed;
}

static void describe(const struct answer *a, char *out, size_t size)
{
	snprintf(out, size,
	         "%" PRIu64 " added, %" PRIu64 " changed, %" PRIu64 " removed, %" PRIu64 " renamed",
	         a->totals.added, a->totals.changed, a->totals.removed, a->totals.renamed);
}

static void print_totals(const struct answer *a, bool dry_run)
{
	struct json j;

	json_init(&j);
	json_object(&j);
	json_key_string(&j, "type", "totals");
	json_key_bool(&j, "dry_run", dry_run);
	json_key_u64(&j, "added", a->totals.added);
	json_key_u64(&j, "changed", a->totals.changed);
	json_key_u64(&j, "removed", a->totals.removed);
	json_key_u64(&j, "renamed", a->totals.renamed);
	json_key_u64(&j, "bytes", a->totals.bytes);
	json_key_i64(&j, "epoch", a->epoch);
	json_key_time(&j, "time", a->time_ns);
	if (!dry_run)
		json_key_i64(&j, "undo_epoch", a->undo);
	json_close(&j);
	json_print(&j);
	json_done(&j);
}

static void print_outcome(const struct restoreto_what *w, const struct answer *a, bool json,
                          bool dry_run)
{
	char time[FORMAT_TIME_BYTES], counts[128];

	if (json) {
		print_totals(a, dry_run);
		return;
	}
	format_time(time, a->time_ns);
	describe(a, counts, sizeof(counts));
	if (dry_run) {
		printf("Would restore %s to %s (e%" PRId64 "): %s.\n", w->label, time, a->epoch,
		       counts);
		return;
	}
	printf("Restored %s to %s (e%" PRId64 "): %s.\n", w->label, time, a->epoch, counts);
	if (changes_of(a) > 0)
		printf("To undo it: the same command with --at e%" PRId64 "\n", a->undo);
}

/* 0 when it may go on, else the exit code after having said why not. */
static int confirm(const struct restoreto_what *w, const struct answer *a)
{
	char time[FORMAT_TIME_BYTES], counts[128], line[16] = "";

	describe(a, counts, sizeof(counts));
	if (!isatty(STDIN_FILENO)) {
		err_note(ERR_USAGE, "it changes much (%s) and there is no terminal to ask", counts);
		return report_error_hint(ERR_USAGE, "add --yes, or look first with --dry-run",
		                         "%s is not restored", w->label);
	}
	format_time(time, a->time_ns);
	fprintf(stderr, "Restore %s to %s (e%" PRId64 "): %s. Go on? [y/N] ", w->label, time,
	        a->epoch, counts);
	if (fgets(line, sizeof(line), stdin) && (line[0] == 'y' || line[0] == 'Y'))
		return 0;
	err_note(ERR_CANCELED, "by your answer");
	return report_error_hint(ERR_CANCELED, "nothing was changed", "%s is not restored",
	                         w->label);
}

static int restore_in_place(const struct restoreto_what *w, const struct options *o)
{
	const char *at = options_value(o, "at");
	struct answer a = {.json = options_has(o, "json")};
	char epoch[24];
	bool dry_run = options_has(o, "dry-run");
	int code, err;

	if (dry_run || !options_has(o, "yes")) {
		a.print = dry_run;
		err = ask(w, at, true, &a);
		if (err)
			return report_error(err, "cannot restore %s to %s", w->label, at);
		if (dry_run) {
			print_outcome(w, &a, a.json, true);
			return REPORT_DONE;
		}
		code = changes_of(&a) > CONFIRM_ABOVE ? confirm(w, &a) : 0;
		if (code)
			return code;
		snprintf(epoch, sizeof(epoch), "e%" PRId64, a.epoch);
		at = epoch;
	}
	a.print = a.json;
	err = ask(w, at, false, &a);
	if (err)
		return report_error(err, "cannot restore %s to %s", w->label, at);
	print_outcome(w, &a, a.json, false);
	return REPORT_DONE;
}

/* Find all paths; they must be of one volume. Fills @w, whose texts are then owned. */
static int locate_all(const struct options *o, struct restoreto_what *w)
{
	struct client_place place;
	int code = 0;

	w->paths = calloc((size_t)o->nargs + 1, sizeof(*w->paths));
	if (!w->paths)
		return report_no_memory();
	for (int i = 0; code == 0 && i < (o->nargs ? o->nargs : 1); i++) {
		code = o->nargs ? show_locate(options_arg(o, i), &place)
		                : show_locate_volume(options_value(o, "volume"), &place);
		if (code)
			break;
		if (!w->control) {
			w->control = strdup(place.control);
			w->mountpoint = strdup(place.mountpoint);
		}
		if (w->control && strcmp(w->control, place.control) != 0) {
			err_note(ERR_USAGE, "the paths are of different volumes");
			code = report_error_hint(ERR_USAGE, "restore one volume at a time", "%s",
			                         options_arg(o, i));
		}
		/* the whole volume is the daemon's business when no path is sent */
		if (o->nargs && (w->paths[w->npaths] = strdup(place.inside)))
			w->npaths++;
		client_place_done(&place);
	}
	w->label = o->nargs == 1   ? options_arg(o, 0)
	           : o->nargs == 0 ? w->mountpoint
	                           : "these paths";
	return code;
}

static void what_done(struct restoreto_what *w)
{
	for (size_t i = 0; i < w->npaths; i++)
		free(w->paths[i]);
	free(w->paths);
	free(w->control);
	free(w->mountpoint);
}

static int run(const struct options *o)
{
	const char *at = options_value(o, "at"), *to = options_value(o, "to");
	struct restoreto_what w = {.npaths = 0};
	int code, err = 0;

	if (!at)
		err = err_note(ERR_USAGE, "which moment? --at is missing");
	else if (to && options_has(o, "dry-run"))
		err =
		    err_note(ERR_USAGE, "--to changes nothing in the volume; leave --dry-run out");
	else if (o->nargs && options_has(o, "volume"))
		err = err_note(ERR_USAGE, "a PATH names its volume; leave --volume out");
	if (err)
		return report_error_hint(err, "see `amberfs help restore`", "restore");
	code = locate_all(o, &w);
	if (code == 0)
		code = to ? restoreto_run(&w, at, to, options_has(o, "json"))
		          : restore_in_place(&w, o);
	what_done(&w);
	return code;
}

const struct command cmd_restore = {
    .name = "restore",
    .args = "[PATH]...",
    .summary = "Put paths, or the whole volume, back as they were",
    .details = "In place, at once, and undoable by another restore. Without a PATH, or with the "
               "mountpoint as\n"
               "PATH, the whole volume goes back. What did not exist then disappears (and stays in "
               "the past).\n"
               "With --to, copies are written into DIR, below it as they are in the volume; a "
               "stopped copy goes\n"
               "on when the same command is run again.\n",
    .options = option_defs,
    .max_args = OPTIONS_ANY_ARGS,
    .run = run,
};
