/* SPDX-License-Identifier: Apache-2.0 */
/* amberfs cat --at TIME PATH */
#include "cli/client.h"
#include "cli/commands.h"
#include "cli/report.h"
#include "cli/show.h"
#include "util/err.h"

#include <errno.h>
#include <string.h>

static const struct option_def option_defs[] = {
    {"at", 0, "TIME", "the moment to look at"},
    {0},
};

static int take_data(void *ctx, struct dec *d)
{
	size_t len;
	const uint8_t *data = dec_blob(d, CONTROL_MESSAGE_MAX, &len);

	(void)ctx;
	if (dec_end(d))
		return err_note(ERR_CORRUPT, "the daemon's answer");
	if (fwrite(data, 1, len, stdout) != len)
		return err_note(errno == ENOSPC ? ERR_NOSPC : ERR_IO, "writing the output: %s",
		                strerror(errno));
	return 0;
}

static int run(const struct options *o)
{
	const char *at = options_value(o, "at"), *path = options_arg(o, 0);
	struct client_place place;
	int code, err;

	if (!at) {
		err_note(ERR_USAGE, "which moment? --at is missing");
		return report_error_hint(ERR_USAGE, "see `amberfs help cat`", "cat");
	}
	code = show_locate(path, &place);
	if (code)
		return code;
	err =
	    client_ask_simple(place.control, CONTROL_CAT, at, place.inside, NULL, take_data, NULL);
	if (err)
		code = report_error(err, "cannot read %s at %s", path, at);
	client_place_done(&place);
	return code;
}

const struct command cmd_cat = {
    .name = "cat",
    .args = "PATH",
    .summary = "Print a file as it was",
    .details = "PATH may be gone by now.\n",
    .options = option_defs,
    .min_args = 1,
    .max_args = 1,
    .run = run,
};
