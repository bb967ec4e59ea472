/* SPDX-License-Identifier: Apache-2.0 */
#include "util/cancel.h"

#include <stddef.h>

static _Thread_local const atomic_bool *watched;

void cancel_watch(const atomic_bool *asked)
{
	watched = asked;
}

bool cancel_is_watched(void)
{
	return watched != NULL;
}

bool cancel_is_asked(void)
{
	return watched && atomic_load(watched);
}
