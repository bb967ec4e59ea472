/* SPDX-License-Identifier: Apache-2.0 */
/* The commands, each in its own cmd_<name>.c; main.c has the table of them. */
#ifndef AMBERFS_CLI_COMMANDS_H
#define AMBERFS_CLI_COMMANDS_H

#include "cli/options.h"

extern const struct command cmd_init;
extern const struct command cmd_mount;
extern const struct command cmd_umount;
extern const struct command cmd_status;
extern const struct command cmd_sync;
extern const struct command cmd_snapshot;
extern const struct command cmd_log;
extern const struct command cmd_diff;
extern const struct command cmd_ls;
extern const struct command cmd_cat;
extern const struct command cmd_restore;
extern const struct command cmd_fsck;
extern const struct command cmd_help;

/** All of them in the order of the help, ended by NULL. */
extern const struct command *const commands[];

/** The command called @name, or NULL. */
const struct command *commands_find(const char *name);

/** A command whose name is nearly @name, or NULL. */
const struct command *commands_near(const char *name);

#endif
