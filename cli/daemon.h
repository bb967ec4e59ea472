/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Serving a volume in the background or in the foreground. Either way the caller's process asks for
 * the secret, shows the progress and learns how it went.
 */
#ifndef AMBERFS_CLI_DAEMON_H
#define AMBERFS_CLI_DAEMON_H

#include "cli/passphrase.h"
#include "cli/serve.h"

/** Start a daemon; returns 0 when its mount answers, or the code, with its note, of why it does
 * not. */
int daemon_background(const struct serve_params *p, const struct passphrase_source *source);

/** Serve in this process; returns when it is over. */
int daemon_foreground(const struct serve_params *p, const struct passphrase_source *source);

#endif
