/* SPDX-License-Identifier: Apache-2.0 */
#include "util/check.h"

#include <stdio.h>
#include <stdlib.h>

void check_failed(const char *expr, const char *file, int line)
{
	fprintf(stderr, "amberfs: internal error: %s:%d: %s: please report it\n", file, line, expr);
	abort();
}
