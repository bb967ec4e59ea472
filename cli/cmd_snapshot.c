/* SPDX-License-Identifier: Apache-2.0 */
/* amberfs snapshot create|list|delete */
#include "cli/answer.h"
#include "cli/client.h"
#include "cli/commands.h"
#include "cli/format.h"
#include "cli/json.h"
#include "cli/report.h"
#include "cli/show.h"
#include "util/err.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const struct option_def option_defs[] = {
    {"volume", 'C', "VOLUME", "the volume, instead of that of the current folder"},
    {"json", 0, NULL, "print JSON lines"},
    {0},
};

static int take_created(void *ctx, struct dec *d)
{
	*(int64_t *)ctx = dec_i64(d);
	return dec_end(d);
}

static void print_snapshot(const char *name, int64_t epoch, int64_t created_ns, bool json)
{
	char time[FORMAT_TIME_BYTES];
	char *shown;
	struct json j;

	if (!json) {
		format_time(time, created_ns);
		shown = format_name(name);
		printf("%s  e%-6" PRId64 " %s\n", time, epoch, shown ? shown : "?");
		free(shown);
		return;
	}
	json_init(&j);
	json_object(&j);
	json_key_string(&j, "type", "snapshot");
	json_key_string(&j, "name", name);
	json_key_i64(&j, "epoch", epoch);
	json_key_time(&j, "created", created_ns);
	json_close(&j);
	json_print(&j);
	json_done(&j);
}

static int take_listed(void *ctx, struct dec *d)
{
	const char *name = answer_get_text(d);
	int64_t epoch = dec_i64(d), created_ns = dec_i64(d);

	if (dec_end(d))
		return err_note(ERR_CORRUPT, "the daemon's answer");
	print_snapshot(name, epoch, created_ns, *(bool *)ctx);
	return 0;
}

static int create(const struct client_place *place, const char *name, bool json)
{
	char made_up[40];
	time_t now = time(NULL);
	struct tm tm;
	int64_t epoch = 0;
	int err;

	if (!name) {
		strftime(made_up, sizeof(made_up), "snapshot-%Y%m%d-%H%M%S",
		         localtime_r(&now, &tm));
		name = made_up;
	}
	err = client_ask_simple(place->control, CONTROL_SNAPSHOT_CREATE, name, NULL, NULL,
	                        take_created, &epoch);
	if (err == ERR_INVAL)
		return report_error_hint(ERR_USAGE,
		                         "a name has no '/', does not begin with '.' or '@', "
		                         "and is not a time",
		                         "cannot make snapshot %s", name);
	if (err)
		return report_error(err, "cannot make snapshot %s", name);
	print_snapshot(name, epoch, (int64_t)now * 1000000000, json);
	return REPORT_DONE;
}

static int list(const struct client_place *place, bool json)
{
	int err = client_ask_simple(place->control, CONTROL_SNAPSHOT_LIST, NULL, NULL, NULL,
	                            take_listed, &json);

	return err ? report_error(err, "cannot list the snapshots of %s", place->mountpoint)
	           : REPORT_DONE;
}

static int delete (const struct client_place *place, const char *name)
{
	int err = client_ask_simple(place->control, CONTROL_SNAPSHOT_DELETE, name, NULL, NULL, NULL,
	                            NULL);

	return err ? report_error(err, "cannot delete snapshot %s", name) : REPORT_DONE;
}

static int run(const struct options *o)
{
	const char *verb = options_arg(o, 0), *name = options_arg(o, 1);
	bool json = options_has(o, "json");
	struct client_place place;
	int code, err = 0;

	if (strcmp(verb, "create") && strcmp(verb, "list") && strcmp(verb, "delete"))
		err = err_note(ERR_USAGE, "'%s' is none of create, list, delete", verb);
	else if (strcmp(verb, "list") == 0 && name)
		err = err_note(ERR_USAGE, "list takes no name");
	else if (strcmp(verb, "delete") == 0 && !name)
		err = err_note(ERR_USAGE, "which snapshot?");
	if (err)
		return report_error_hint(err, "see `amberfs help snapshot`", "snapshot");
	code = show_locate_volume(options_value(o, "volume"), &place);
	if (code)
		return code;
	code = strcmp(verb, "create") == 0   ? create(&place, name, json)
	       : strcmp(verb, "delete") == 0 ? delete (&place, name)
	                                     : list(&place, json);
	client_place_done(&place);
	return code;
}

const struct command cmd_snapshot = {
    .name = "snapshot",
    .args = "create|list|delete [NAME]",
    .summary = "Name the present state and keep it until it is deleted",
    .details = "`create` first writes out what programs wrote; without NAME it makes one up from "
               "the time.\n"
               "A snapshot's name can be used wherever a TIME can.\n",
    .options = option_defs,
    .min_args = 1,
    .max_args = 2,
    .run = run,
};
