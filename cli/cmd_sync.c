/* SPDX-License-Identifier: Apache-2.0 */
/* amberfs sync [VOLUME] */
#include "cli/client.h"
#include "cli/commands.h"
#include "cli/format.h"
#include "cli/interrupt.h"
#include "cli/json.h"
#include "cli/progress.h"
#include "cli/report.h"
#include "cli/show.h"
#include "util/err.h"

#include <inttypes.h>

static const struct option_def option_defs[] = {
    {"timeout", 't', "SECONDS", "give up after so long"},
    {"json", 0, NULL, "print progress and outcome as JSON lines"},
    {0},
};

static void show_progress(void *ctx, const char *what, uint64_t done, uint64_t total)
{
	progress_update(ctx, what, done, total);
}

static void print_done(const char *mountpoint)
{
	struct json j;

	json_init(&j);
	json_object(&j);
	json_key_string(&j, "type", "done");
	json_key_string(&j, "mountpoint", mountpoint);
	json_key_bool(&j, "stored", true);
	json_close(&j);
	json_print(&j);
	json_done(&j);
}

static int sync_volume(const char *control, int64_t timeout_ms, bool json)
{
	struct progress progress;
	char timeout[24];
	const char *const args[] = {timeout};
	struct client_request r = {.command = CONTROL_SYNC,
	                           .args = args,
	                           .nargs = 1,
	                           .progress = show_progress,
	                           .ctx = &progress};
	int err;

	snprintf(timeout, sizeof(timeout), "%" PRId64, timeout_ms);
	progress_init(&progress, json);
	interrupt_catch();
	err = client_ask(control, &r);
	progress_end(&progress);
	return err;
}

static int run(const struct options *o)
{
	const char *timeout = options_value(o, "timeout");
	struct client_place place;
	int64_t timeout_ms = -1;
	int code, err = timeout ? format_parse_ms(timeout, &timeout_ms) : 0;

	if (err)
		return report_error_hint(err, "see `amberfs help sync`", "sync");
	code = show_locate_volume(options_arg(o, 0), &place);
	if (code)
		return code;
	err = sync_volume(place.control, timeout_ms, options_has(o, "json"));
	if (err)
		code = report_error(err, "%s is not fully stored", place.mountpoint);
	else if (options_has(o, "json"))
		print_done(place.mountpoint);
	client_place_done(&place);
	return code;
}

const struct command cmd_sync = {
    .name = "sync",
    .args = "[VOLUME]",
    .summary = "Wait until everything written so far is stored",
    .details =
        "VOLUME is a path in a mounted volume, or the store of one; without it, the volume of the\n"
        "current folder. Ctrl-C stops the waiting only.\n",
    .options = option_defs,
    .max_args = 1,
    .run = run,
};
