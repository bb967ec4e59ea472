/* SPDX-License-Identifier: Apache-2.0 */
/* amberfs ls --at TIME [PATH] */
#include "cli/answer.h"
#include "cli/client.h"
#include "cli/commands.h"
#include "cli/report.h"
#include "cli/show.h"
#include "util/err.h"

static const struct option_def option_defs[] = {
    {"at", 0, "TIME", "the moment to look at"},
    {"json", 0, NULL, "print JSON lines"},
    {0},
};

static int take_entry(void *ctx, struct dec *d)
{
	const char *name = answer_get_text(d), *target;
	struct volume_attr attr;

	answer_get_attr(d, &attr);
	target = answer_get_text(d);
	if (dec_end(d))
		return err_note(ERR_CORRUPT, "the daemon's answer");
	show_entry(name, &attr, target, *(bool *)ctx);
	return 0;
}

static int run(const struct options *o)
{
	const char *at = options_value(o, "at"), *path = options_arg(o, 0);
	bool json = options_has(o, "json");
	struct client_place place;
	int code, err;

	if (!at) {
		err_note(ERR_USAGE, "which moment? --at is missing");
		return report_error_hint(ERR_USAGE, "see `amberfs help ls`", "ls");
	}
	code = show_locate(path, &place);
	if (code)
		return code;
	err =
	    client_ask_simple(place.control, CONTROL_LS, at, place.inside, NULL, take_entry, &json);
	if (err)
		code = report_error(err, "cannot list %s at %s", path ? path : "the current folder",
		                    at);
	client_place_done(&place);
	return code;
}

const struct command cmd_ls = {
    .name = "ls",
    .args = "[PATH]",
    .summary = "List a folder as it was",
    .details = "PATH may be gone by now. Without it: the current folder.\n",
    .options = option_defs,
    .max_args = 1,
    .run = run,
};
