/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a passphrase or a recovery code comes from: a file, a command's output, or the terminal, in
 * this order. It is only ever in secret memory, so secret_setup() must have been called. A line end
 * at its end is cut; an empty one is refused.
 */
#ifndef AMBERFS_CLI_PASSPHRASE_H
#define AMBERFS_CLI_PASSPHRASE_H

#include <stdbool.h>
#include <stddef.h>

#define PASSPHRASE_MAX 4096

struct passphrase_source {
	const char *file;    /* or NULL */
	const char *command; /* for /bin/sh, or NULL */
	const char *word;    /* "passphrase", "recovery code" */
	const char *what;    /* shown in the question: the store */
	bool twice;          /* a terminal asks again, to catch a slip */
};

/** Fill @ret->file and @ret->command from the environment (AMBERFS_PASSPHRASE_FILE, _COMMAND) where
 * both are NULL. */
void passphrase_from_environment(struct passphrase_source *ret);

/**
 * Get it. *ret is secret memory the caller ends with secret_free(), NUL-terminated. ERR_USAGE (none
 * given and no terminal, empty, too long), ERR_NOENT and the like for the file, ERR_CANCELED when
 * the person gave up.
 */
int passphrase_get(const struct passphrase_source *s, char **ret, size_t *ret_len);

#endif
