/* SPDX-License-Identifier: Apache-2.0 */
/* amberfs log [PATH] */
#include "cli/answer.h"
#include "cli/client.h"
#include "cli/commands.h"
#include "cli/report.h"
#include "cli/show.h"
#include "util/err.h"

#include <stdlib.h>

#define ENOUGH 1 /* ends the request; not an error, so above 0 */

static const struct option_def option_defs[] = {
    {"since", 0, "TIME", "leave out what is older"},
    {"until", 0, "TIME", "leave out what is newer"},
    {"limit", 'n', "N", "print the newest N changes only"},
    {"json", 0, NULL, "print JSON lines"},
    {0},
};

struct printing {
	bool json;
	long left; /* negative: no limit */
};

static int take_change(void *ctx, struct dec *d)
{
	struct printing *p = ctx;
	struct volume_change c;

	answer_get_change(d, &c);
	if (dec_end(d))
		return err_note(ERR_CORRUPT, "the daemon's answer");
	if (p->left == 0)
		return ENOUGH;
	show_change(&c, p->json, true);
	if (p->left > 0)
		p->left--;
	return 0;
}

static int run(const struct options *o)
{
	const char *since = options_value(o, "since"), *until = options_value(o, "until");
	const char *limit = options_value(o, "limit");
	struct printing p = {.json = options_has(o, "json"), .left = -1};
	struct client_place place;
	char *end;
	int code, err;

	if (limit) {
		p.left = strtol(limit, &end, 10);
		if (*end || end == limit || p.left < 0) {
			err_note(ERR_USAGE, "'%s' is not a number", limit);
			return report_error_hint(ERR_USAGE, "see `amberfs help log`", "log");
		}
	}
	code = show_locate(options_arg(o, 0), &place);
	if (code)
		return code;
	err = client_ask_simple(place.control, CONTROL_LOG, place.inside, since ? since : "",
	                        until ? until : "", take_change, &p);
	if (err && err != ENOUGH)
		code = report_error(err, "cannot show the history of %s",
		                    options_arg(o, 0) ? options_arg(o, 0) : place.mountpoint);
	client_place_done(&place);
	return code;
}

const struct command cmd_log = {
    .name = "log",
    .args = "[PATH]",
    .summary = "Show the versions of a file, or what changed in a folder, newest first",
    .details =
        "PATH may be gone by now. Without it: the current folder. Letters: A added, M changed,\n"
        "m only attributes changed, D removed, R renamed.\n",
    .options = option_defs,
    .max_args = 1,
    .run = run,
};
