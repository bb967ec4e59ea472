/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The value of `mount -o`: amberfs's own options and those that mount(8) and /etc/fstab bring
 * along. A comma in a value is written "\,".
 */
#ifndef AMBERFS_CLI_MOUNTOPTS_H
#define AMBERFS_CLI_MOUNTOPTS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct mountopts {
	bool read_only;
	bool allow_other;
	bool takeover;
	bool insecure_http;
	char *at;
	char *passphrase_file;
	char *passphrase_command;
	char *recovery_code_file;
	char *state_dir;
	char *ca_file;
	char *cache;
	char *quota;
	char *epoch;
	char *extra; /* for libfuse, "a,b", or NULL */
};

/** Add the options in @text to @ret, which starts zeroed. ERR_USAGE for an unknown one or a missing
 * value. */
int mountopts_parse(const char *text, struct mountopts *ret);
void mountopts_done(struct mountopts *m);

/** Print the options of amberfs's own, one a line. */
void mountopts_print_help(FILE *out);

#endif
