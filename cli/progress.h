/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How far long work is: a bar with rate and time left on a terminal, a plain line now and then
 * otherwise, JSON lines on stdout when asked. The bar and the plain lines go to stderr, so stdout
 * stays what the command promised. One thread.
 */
#ifndef AMBERFS_CLI_PROGRESS_H
#define AMBERFS_CLI_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

struct progress {
	bool json;
	bool terminal;
	bool drawn; /* a bar stands on the terminal */
	int64_t start_ns;
	int64_t last_ns; /* 0: nothing was shown yet */
	uint64_t start_done;
};

void progress_init(struct progress *p, bool json);

/** Show that @done of @total bytes are through; @total 0 when it is not known. Cheap enough for
 * every call. */
void progress_update(struct progress *p, const char *what, uint64_t done, uint64_t total);

/** Take the bar away. */
void progress_end(struct progress *p);

#endif
