/* SPDX-License-Identifier: Apache-2.0 */
/* How the results of a check look, for people and as JSON lines, and what they come to. */
#ifndef AMBERFS_CLI_FSCKSHOW_H
#define AMBERFS_CLI_FSCKSHOW_H

#include "volume/volume.h"

#include <stdbool.h>
#include <stddef.h>

struct fsckshow {
	bool json;
	unsigned checks, ok, damaged, skipped;
	uint64_t damages;
	int outage;      /* why something could not be looked at */
	char names[128]; /* of the checks that found damage: "index, packs" */
	bool index;      /* what --rebuild mends is among them */
};

/** Print one result and count it. */
void fsckshow_result(struct fsckshow *s, const struct volume_fsck_result *r);

/** Print the end. Returns the exit code, having said on stderr what to do when it is not 0. @what:
 * the volume. */
int fsckshow_end(const struct fsckshow *s, const char *what);

/** Say what the trouble is and what going on would cost; for people on stdout, or as one JSON
 * object. */
void fsckshow_trouble(const struct volume_trouble *t, bool json);

#endif
