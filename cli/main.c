/* SPDX-License-Identifier: Apache-2.0 */
/*
 * amberfs: from argv to a command of the table, and from its outcome to the exit code.
 *
 * mount(8) runs `amberfs STORE MOUNTPOINT -o OPTIONS` for the type fuse.amberfs; a first argument
 * that can only be a store is therefore taken as `mount`.
 */
#include "cli/commands.h"
#include "cli/report.h"
#include "cli/version.h"
#include "util/err.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define NEAR 2 /* slips in a name that is still recognised */
#define NAME_MAX_LEN 24

const struct command *const commands[] = {
    &cmd_init, &cmd_mount, &cmd_umount, &cmd_status,  &cmd_sync, &cmd_snapshot, &cmd_log,
    &cmd_diff, &cmd_ls,    &cmd_cat,    &cmd_restore, &cmd_fsck, &cmd_help,     NULL,
};

const struct command *commands_find(const char *name)
{
	for (const struct command *const *c = commands; *c; c++)
		if (strcmp((*c)->name, name) == 0)
			return *c;
	return NULL;
}

/* Insertions, deletions and replacements from @a to @b (Levenshtein), row by row. */
static size_t distance(const char *a, const char *b)
{
	size_t row[NAME_MAX_LEN + 1], n = strlen(b);

	for (size_t j = 0; j <= n; j++)
		row[j] = j;
	for (size_t i = 1; *a; a++, i++) {
		size_t diagonal = row[0];

		row[0] = i;
		for (size_t j = 1; j <= n; j++) {
			size_t best = diagonal + (*a != b[j - 1]);

			if (row[j] + 1 < best)
				best = row[j] + 1;
			if (row[j - 1] + 1 < best)
				best = row[j - 1] + 1;
			diagonal = row[j];
			row[j] = best;
		}
	}
	return row[n];
}

const struct command *commands_near(const char *name)
{
	const struct command *near = NULL;
	size_t best = NEAR + 1, d;

	if (strlen(name) > NAME_MAX_LEN)
		return NULL;
	for (const struct command *const *c = commands; *c; c++) {
		d = distance(name, (*c)->name);
		/* of a short name nothing is left after two slips */
		if (d < best && d < strlen((*c)->name) - 1) {
			best = d;
			near = *c;
		}
	}
	return near;
}

static int unknown_command(const char *name)
{
	const struct command *near = commands_near(name);
	char hint[80] = "see `amberfs help`";

	if (near)
		snprintf(hint, sizeof(hint), "did you mean `amberfs %s`?", near->name);
	err_note(ERR_USAGE, "unknown command");
	return report_error_hint(ERR_USAGE, hint, "%s", name);
}

static int run(const struct command *c, int argc, char **argv)
{
	struct options o;
	char hint[80];
	int err = options_parse(c, argc, argv, &o);

	if (err) {
		snprintf(hint, sizeof(hint), "see `amberfs help %s`", c->name);
		return report_error_hint(err, hint, "%s", c->name);
	}
	if (o.help) {
		options_print_help(c, stdout);
		return REPORT_DONE;
	}
	err_note_clear();
	return c->run(&o);
}

static int is_store(const char *word)
{
	return word[0] == '/' || strstr(word, "://") != NULL;
}

static int dispatch(int argc, char **argv)
{
	const char *word = argc > 1 ? argv[1] : "help";
	const struct command *c;

	if (strcmp(word, "--version") == 0 || strcmp(word, "-V") == 0) {
		printf("amberfs %s\n", AMBERFS_VERSION);
		return REPORT_DONE;
	}
	if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0)
		word = "help";
	if (is_store(word))
		return run(&cmd_mount, argc, argv);
	c = commands_find(word);
	if (!c)
		return unknown_command(word);
	return run(c, argc > 1 ? argc - 1 : argc, argc > 1 ? argv + 1 : argv);
}

int main(int argc, char **argv)
{
	int code;

	tzset();
	code = dispatch(argc, argv);
	/* output that did not arrive is not done: a full disk, a closed pipe */
	if ((fflush(stdout) || ferror(stdout)) && code == REPORT_DONE) {
		err_note(ERR_IO, "%s", strerror(errno));
		code = report_error(ERR_IO, "cannot write the output");
	}
	return code;
}
