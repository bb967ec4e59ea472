/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of a command: its arguments, its options and their words. Parsing and help are made
 * from the same table, so they cannot disagree; the manual pages and the completion are checked
 * against the help.
 */
#ifndef AMBERFS_CLI_OPTIONS_H
#define AMBERFS_CLI_OPTIONS_H

#include <stdbool.h>
#include <stdio.h>

#define OPTIONS_VALUES_MAX 64
#define OPTIONS_DEFS_MAX 32
#define OPTIONS_ANY_ARGS 100000

struct option_def {
	const char *name;  /* long, without the dashes; NULL ends a table */
	char letter;       /* or 0 */
	const char *value; /* what follows it, in capitals; NULL for a flag */
	const char *help;
};

struct options;

struct command {
	const char *name;
	const char *args;    /* "STORE MOUNTPOINT" */
	const char *summary; /* one line */
	const char *details; /* lines for the help, each with its newline, or NULL */
	const struct option_def *options;
	int min_args;
	int max_args;
	int (*run)(const struct options *o); /* returns the exit code */
	void (*more_help)(FILE *out);        /* what the help ends with, or NULL */
};

/* One parsed command line. Everything points into argv. */
struct options {
	const struct command *command;
	bool help;
	int nargs;
	char **args;
	int nvalues;
	struct {
		const struct option_def *def;
		const char *value;
	} values[OPTIONS_VALUES_MAX];
};

/**
 * Parse @argv, whose first element is the command's name and is left out. Options may stand
 * anywhere; "--" ends them. --help and -h are known to every command and leave the arguments
 * unchecked. ERR_USAGE with a note. May reorder @argv.
 */
int options_parse(const struct command *c, int argc, char **argv, struct options *ret);

/** Whether flag or option @name was given. A name that is not in the table is a program's error. */
bool options_has(const struct options *o, const char *name);

/** The last value of option @name, or NULL. */
const char *options_value(const struct options *o, const char *name);

/** The @i-th value of a repeated option, from 0, or NULL. */
const char *options_nth(const struct options *o, const char *name, int i);

/** Argument @i, or NULL when there are fewer. */
const char *options_arg(const struct options *o, int i);

/** Print usage, details and options. */
void options_print_help(const struct command *c, FILE *out);

#endif
