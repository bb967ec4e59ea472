/* SPDX-License-Identifier: Apache-2.0 */
/*
 * getopt_long(3) with tables built from ours: value FIRST + i stands for definition i, also for its
 * letter. getopt's own messages are off, as they are not in our form.
 */
#include "cli/options.h"

#include "util/check.h"
#include "util/err.h"

#include <getopt.h>
#include <string.h>

#define FIRST 256

static const struct option_def help_def = {"help", 'h', NULL, "show this help"};

static int count_defs(const struct command *c)
{
	int n = 0;

	while (c->options && c->options[n].name)
		n++;
	CHECK(n < OPTIONS_DEFS_MAX);
	return n;
}

/* Definition @i of @n; the help flag comes after the table's own. */
static const struct option_def *def_at(const struct command *c, int n, int i)
{
	return i < n ? &c->options[i] : &help_def;
}

static void build_tables(const struct command *c, int n, char *letters, struct option *longs)
{
	size_t at = 0;

	letters[at++] = ':';
	for (int i = 0; i <= n; i++) {
		const struct option_def *d = def_at(c, n, i);

		longs[i].name = d->name;
		longs[i].has_arg = d->value ? required_argument : no_argument;
		longs[i].flag = NULL;
		longs[i].val = FIRST + i;
		if (d->letter) {
			letters[at++] = d->letter;
			if (d->value)
				letters[at++] = ':';
		}
	}
	letters[at] = '\0';
	memset(&longs[n + 1], 0, sizeof(longs[0]));
}

static int index_of(const struct command *c, int n, int got)
{
	if (got >= FIRST)
		return got - FIRST;
	for (int i = 0; i <= n; i++)
		if (def_at(c, n, i)->letter == got)
			return i;
	return -1;
}

static int bad_option(int got, char **argv)
{
	char letter[3] = {'-', (char)optopt, '\0'};
	const char *shown = optopt > 0 && optopt < FIRST ? letter : argv[optind - 1];

	if (got == ':')
		return err_note(ERR_USAGE, "option %s needs a value", shown);
	return err_note(ERR_USAGE, "unknown option %s", shown);
}

static int check_args(const struct command *c, const struct options *o)
{
	if (o->nargs < c->min_args)
		return err_note(ERR_USAGE, "too few arguments; usage: amberfs %s %s", c->name,
		                c->args);
	if (o->nargs > c->max_args)
		return err_note(ERR_USAGE, "too many arguments, from '%s' on",
		                o->args[c->max_args]);
	return 0;
}

int options_parse(const struct command *c, int argc, char **argv, struct options *ret)
{
	int n = count_defs(c), got;
	char letters[2 * OPTIONS_DEFS_MAX + 2];
	struct option longs[OPTIONS_DEFS_MAX + 1];

	memset(ret, 0, sizeof(*ret));
	ret->command = c;
	build_tables(c, n, letters, longs);
	opterr = 0;
	optind = 0;
	while ((got = getopt_long(argc, argv, letters, longs, NULL)) != -1) {
		int i = got == '?' || got == ':' ? -1 : index_of(c, n, got);

		if (i < 0)
			return bad_option(got, argv);
		if (i == n) {
			ret->help = true;
			continue;
		}
		if (ret->nvalues == OPTIONS_VALUES_MAX)
			return err_note(ERR_USAGE, "too many options");
		ret->values[ret->nvalues].def = &c->options[i];
		ret->values[ret->nvalues].value = optarg;
		ret->nvalues++;
	}
	ret->args = argv + optind;
	ret->nargs = argc - optind;
	return ret->help ? 0 : check_args(c, ret);
}

static const struct option_def *find_def(const struct options *o, const char *name)
{
	const struct option_def *d = o->command->options;

	while (d && d->name && strcmp(d->name, name) != 0)
		d++;
	CHECK(d && d->name);
	return d;
}

bool options_has(const struct options *o, const char *name)
{
	const struct option_def *d = find_def(o, name);

	for (int i = 0; i < o->nvalues; i++)
		if (o->values[i].def == d)
			return true;
	return false;
}

const char *options_nth(const struct options *o, const char *name, int nth)
{
	const struct option_def *d = find_def(o, name);

	for (int i = 0; i < o->nvalues; i++)
		if (o->values[i].def == d && nth-- == 0)
			return o->values[i].value;
	return NULL;
}

const char *options_value(const struct options *o, const char *name)
{
	const struct option_def *d = find_def(o, name);

	for (int i = o->nvalues - 1; i >= 0; i--)
		if (o->values[i].def == d)
			return o->values[i].value;
	return NULL;
}

const char *options_arg(const struct options *o, int i)
{
	return i < o->nargs ? o->args[i] : NULL;
}

void options_print_help(const struct command *c, FILE *out)
{
	int n = count_defs(c);

	fprintf(out, "Usage: amberfs %s%s%s%s\n\n%s.\n", c->name, n ? " [OPTIONS]" : "",
	        *c->args ? " " : "", c->args, c->summary);
	if (c->details)
		fprintf(out, "\n%s", c->details);
	fprintf(out, "\nOptions:\n");
	for (int i = 0; i <= n; i++) {
		const struct option_def *d = def_at(c, n, i);
		char left[64], letter[8] = "    ";

		if (d->letter)
			snprintf(letter, sizeof(letter), "-%c, ", d->letter);
		snprintf(left, sizeof(left), "%s--%s%s%s", letter, d->name, d->value ? " " : "",
		         d->value ? d->value : "");
		fprintf(out, "  %-32s %s\n", left, d->help);
	}
	if (c->more_help)
		c->more_help(out);
}
