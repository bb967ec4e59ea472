/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The handler is one-shot (SA_RESETHAND): should the clean way out hang, the second Ctrl-C has its
 * ordinary effect. Nothing is lost by that either, since no command holds the only copy of
 * anything.
 */
#include "cli/interrupt.h"

#include <signal.h>
#include <string.h>

static volatile bool seen; /* one byte: set in one step, also by a handler */

static void on_signal(int sig)
{
	(void)sig;
	seen = true;
}

void interrupt_catch(void)
{
	struct sigaction sa;

	memset(&sa, 0, sizeof(sa));
	sa.sa_handler = on_signal;
	sa.sa_flags = (int)SA_RESETHAND;
	sigaction(SIGINT, &sa, NULL);
	sigaction(SIGTERM, &sa, NULL);
}

bool interrupt_seen(void)
{
	return seen;
}

const volatile bool *interrupt_flag(void)
{
	return &seen;
}
