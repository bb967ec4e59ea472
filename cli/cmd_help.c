/* SPDX-License-Identifier: Apache-2.0 */
/* amberfs help [COMMAND] */
#include "cli/commands.h"
#include "cli/report.h"
#include "util/err.h"

static const struct option_def option_defs[] = {{0}};

static void print_overview(void)
{
	printf("amberfs: an encrypted filesystem that keeps its past, on a blob store\n\n"
	       "Usage: amberfs COMMAND [OPTIONS] [ARGUMENTS]\n\nCommands:\n");
	for (const struct command *const *c = commands; *c; c++)
		printf("  %-10s %s\n", (*c)->name, (*c)->summary);
	printf(
	    "\n"
	    "STORE is /a/folder, file:///a/folder or s3://bucket/prefix.\n"
	    "TIME is 2026-11-20T14:00:00+01:00, '2026-11-20 14:00', @seconds, 15:30, yesterday,\n"
	    "'2 hours ago', 2h, the name of a snapshot, or an epoch as e123.\n\n"
	    "`amberfs help COMMAND` tells more; `amberfs --version` the version.\n");
}

static int run(const struct options *o)
{
	const char *name = options_arg(o, 0);
	const struct command *c;

	if (!name) {
		print_overview();
		return REPORT_DONE;
	}
	c = commands_find(name);
	if (!c) {
		err_note(ERR_USAGE, "unknown command");
		return report_error(ERR_USAGE, "help: %s", name);
	}
	options_print_help(c, stdout);
	return REPORT_DONE;
}

const struct command cmd_help = {
    .name = "help",
    .args = "[COMMAND]",
    .summary = "Explain a command, or list them all",
    .options = option_defs,
    .max_args = 1,
    .run = run,
};
