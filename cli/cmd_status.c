/* SPDX-License-Identifier: Apache-2.0 */
/*
 * amberfs status: what is safe, and where. The JSON keys are a contract; keys may be added, none
 * changed.
 */
#include "cli/answer.h"
#include "cli/client.h"
#include "cli/commands.h"
#include "cli/format.h"
#include "cli/interrupt.h"
#include "cli/json.h"
#include "cli/mounts.h"
#include "cli/report.h"
#include "cli/show.h"
#include "cli/version.h"
#include "util/err.h"

#include <inttypes.h>
#include <unistd.h>

#define WATCH_SECONDS 2

static const struct option_def option_defs[] = {
    {"json", 0, NULL, "print one JSON object a volume"},
    {"watch", 'w', NULL, "print it again every two seconds, until Ctrl-C"},
    {0},
};

static const char *state_word(enum volume_state state)
{
	static const char *const words[] = {
	    [VOLUME_CLEAN] = "clean",         [VOLUME_DIRTY] = "dirty",
	    [VOLUME_UPLOADING] = "uploading", [VOLUME_OFFLINE] = "offline",
	    [VOLUME_READONLY] = "readonly",   [VOLUME_ERROR] = "error",
	};

	return (size_t)state < sizeof(words) / sizeof(words[0]) ? words[state] : "error";
}

static const char *state_sentence(enum volume_state state)
{
	switch (state) {
	case VOLUME_CLEAN:
		return "everything is stored";
	case VOLUME_DIRTY:
		return "changes wait for a few seconds before they are stored";
	case VOLUME_UPLOADING:
		return "changes are on their way to the store";
	case VOLUME_OFFLINE:
		return "the store does not answer; changes are kept on this machine";
	case VOLUME_READONLY:
		return "mounted read-only";
	default:
		return "writing has stopped";
	}
}

static void print_json(const struct answer_status *w)
{
	const struct volume_status *s = &w->s;
	struct json j;

	json_init(&j);
	json_object(&j);
	json_key_string(&j, "volume", w->volume);
	json_key(&j, "store");
	json_array(&j);
	json_object(&j);
	json_key_string(&j, "url", w->store);
	json_key_string(&j, "state", s->state == VOLUME_OFFLINE ? "offline" : "ok");
	json_key_u64(&j, "behind_bytes", s->pending_bytes);
	json_close(&j);
	json_close(&j);
	json_key_string(&j, "mountpoint", w->mountpoint);
	json_key_string(&j, "state", state_word(s->state));
	json_key(&j, "error");
	if (s->error)
		json_string(&j, s->error_note[0] ? s->error_note : err_text(s->error));
	else
		json_null(&j);
	json_key_u64(&j, "pending_bytes", s->pending_bytes);
	json_key_u64(&j, "pending_packs", s->pending_packs);
	json_key_u64(&j, "files", s->files);
	json_key_u64(&j, "folders", s->folders);
	json_key_u64(&j, "bytes", s->bytes);
	json_key_u64(&j, "cache_bytes", s->cache_bytes);
	json_key_u64(&j, "cache_limit_bytes", s->cache_limit_bytes);
	json_key_time(&j, "last_local_commit", s->last_local_commit_ns);
	json_key_time(&j, "last_stored_commit", s->last_stored_commit_ns);
	json_key_i64(&j, "epoch", s->epoch);
	json_key_i64(&j, "stored_epoch", s->stored_epoch);
	json_key_time(&j, "history_from", s->history_from_ns);
	json_key_u64(&j, "history_bytes", s->history_bytes);
	json_key_u64(&j, "snapshots", s->snapshots);
	json_key_bool(&j, "read_only", w->read_only);
	json_key(&j, "at_epoch");
	if (w->at == VOLUME_NOW)
		json_null(&j);
	else
		json_i64(&j, w->at);
	json_key_string(&j, "state_path", w->state_path);
	json_key_string(&j, "version", AMBERFS_VERSION);
	json_close(&j);
	json_print(&j);
	json_done(&j);
}

static void time_line(const char *label, int64_t ns)
{
	char text[FORMAT_TIME_BYTES] = "not yet";

	if (ns)
		format_time(text, ns);
	printf("  %-12s %s\n", label, text);
}

static void print_human(const struct answer_status *w)
{
	const struct volume_status *s = &w->s;
	char a[FORMAT_SIZE_BYTES], b[FORMAT_SIZE_BYTES];

	printf("%s\n", w->mountpoint);
	printf("  %-12s %s: %s\n", "State", state_word(s->state), state_sentence(s->state));
	if (s->error)
		printf("  %-12s %s%s%s\n", "Reason", err_text(s->error),
		       s->error_note[0] ? ": " : "", s->error_note);
	if (w->at != VOLUME_NOW)
		printf("  %-12s the past, epoch e%" PRId64 "\n", "Shows", w->at);
	printf("  %-12s %s\n", "Volume", w->volume);
	printf("  %-12s %s\n", "Store", w->store);
	format_size(a, s->pending_bytes);
	printf("  %-12s %s in %" PRIu64 " packs not stored yet\n", "Waiting", a, s->pending_packs);
	time_line("Saved here", s->last_local_commit_ns);
	time_line("Stored", s->last_stored_commit_ns);
	format_size(a, s->bytes);
	printf("  %-12s %s in %" PRIu64 " files and %" PRIu64 " folders\n", "Content", a, s->files,
	       s->folders);
	format_size(a, s->cache_bytes);
	format_size(b, s->cache_limit_bytes);
	printf("  %-12s %s of %s\n", "Cache", a, b);
	time_line("Past from", s->history_from_ns);
	format_size(a, s->history_bytes);
	printf("  %-12s %s, %" PRIu64 " snapshots\n", "Past holds", a, s->snapshots);
}

static int take_status(void *ctx, struct dec *d)
{
	struct answer_status w;

	answer_get_status(d, &w);
	if (dec_end(d))
		return err_note(ERR_CORRUPT, "the daemon's answer");
	if (*(bool *)ctx)
		print_json(&w);
	else
		print_human(&w);
	return 0;
}

static int show_one(const struct client_place *place, bool json)
{
	int err =
	    client_ask_simple(place->control, CONTROL_STATUS, NULL, NULL, NULL, take_status, &json);

	return err ? report_error(err, "cannot ask the mount at %s", place->mountpoint)
	           : REPORT_DONE;
}

/* Every mount of this machine that this user may ask. */
static int show_all(bool json)
{
	struct mounts mounts;
	struct client_place place;
	int code = REPORT_DONE, one, err = mounts_read(&mounts);

	if (err)
		return report_error(err, "cannot list the mounts");
	if (mounts.count == 0) {
		err_note(ERR_NOTVOLUME, "no volume is mounted");
		code = report_error_hint(ERR_USAGE, "mount one with `amberfs mount`", "status");
		code = REPORT_NOT_FOUND;
	}
	for (size_t i = 0; i < mounts.count; i++) {
		if (i > 0 && !json)
			printf("\n");
		one = show_locate(mounts.entries[i].mountpoint, &place);
		if (one == 0) {
			one = show_one(&place, json);
			client_place_done(&place);
		}
		if (one)
			code = one;
	}
	mounts_done(&mounts);
	return code;
}

static int show(const struct options *o)
{
	const char *volume = options_arg(o, 0);
	struct client_place place;
	bool json = options_has(o, "json");
	int code;

	if (!volume && client_locate(".", &place))
		return show_all(json);
	code = volume ? show_locate_volume(volume, &place) : 0;
	if (code)
		return code;
	code = show_one(&place, json);
	client_place_done(&place);
	return code;
}

static int run(const struct options *o)
{
	bool watch = options_has(o, "watch"),
	     clear = isatty(STDOUT_FILENO) && !options_has(o, "json");
	int code;

	if (!watch)
		return show(o);
	interrupt_catch();
	do {
		if (clear)
			printf("\033[H\033[2J");
		code = show(o);
		if (!clear && !options_has(o, "json"))
			printf("\n");
		fflush(stdout);
		if (!interrupt_seen())
			sleep(WATCH_SECONDS);
	} while (code == 0 && !interrupt_seen());
	return interrupt_seen() ? REPORT_DONE : code;
}

const struct command cmd_status = {
    .name = "status",
    .args = "[VOLUME]",
    .summary = "Show what is stored, what waits, and how far back the past goes",
    .details =
        "VOLUME is a path in a mounted volume, or the store of one. Without it: the volume of the\n"
        "current folder, else all that are mounted.\n",
    .options = option_defs,
    .max_args = 1,
    .run = run,
};
