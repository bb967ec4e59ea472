/* SPDX-License-Identifier: Apache-2.0 */
/*
 * amberfs diff T1 [T2] [PATH]. With two arguments the second is a PATH when it looks like one or
 * names something that exists, else a TIME.
 */
#include "cli/answer.h"
#include "cli/client.h"
#include "cli/commands.h"
#include "cli/report.h"
#include "cli/show.h"
#include "util/err.h"

#include <string.h>
#include <sys/stat.h>

static const struct option_def option_defs[] = {
    {"volume", 'C', "VOLUME", "the volume, instead of that of the current folder"},
    {"json", 0, NULL, "print JSON lines"},
    {0},
};

static int take_change(void *ctx, struct dec *d)
{
	struct volume_change c;

	answer_get_change(d, &c);
	if (dec_end(d))
		return err_note(ERR_CORRUPT, "the daemon's answer");
	show_change(&c, *(bool *)ctx, false);
	return 0;
}

static bool is_path(const char *word)
{
	struct stat st;

	return strchr(word, '/') || strcmp(word, ".") == 0 || strcmp(word, "..") == 0 ||
	       lstat(word, &st) == 0;
}

static int run(const struct options *o)
{
	const char *from = options_arg(o, 0), *to = options_arg(o, 1), *path = options_arg(o, 2);
	bool json = options_has(o, "json");
	struct client_place place;
	int code, err;

	if (to && !path && is_path(to)) {
		path = to;
		to = NULL;
	}
	code = path ? show_locate(path, &place)
	            : show_locate_volume(options_value(o, "volume"), &place);
	if (code)
		return code;
	/* without PATH all of the volume is compared, wherever in it the person stands */
	err = client_ask_simple(place.control, CONTROL_DIFF, from, to ? to : "",
	                        path ? place.inside : "", take_change, &json);
	if (err)
		code =
		    report_error(err, "cannot compare %s with %s", from, to ? to : "the present");
	client_place_done(&place);
	return code;
}

const struct command cmd_diff = {
    .name = "diff",
    .args = "T1 [T2] [PATH]",
    .summary = "Show what was added, changed, removed and renamed between two times",
    .details =
        "Without T2 the present is compared. With two arguments the second is a PATH when it has a "
        "'/' or\n"
        "names something that exists (write ./name to be sure), else a TIME. Letters: A added,\n"
        "M changed, m only attributes changed, D removed, R renamed.\n",
    .options = option_defs,
    .min_args = 1,
    .max_args = 3,
    .run = run,
};
