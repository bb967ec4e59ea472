/* SPDX-License-Identifier: Apache-2.0 */
/* A pure function: the waiting itself is done where it can be canceled. */
#include "backend/retry.h"

int64_t retry_delay_ms(unsigned failures, int64_t retry_after_s, uint64_t random)
{
	int64_t wish_ms = RETRY_AFTER_MAX_MS;
	int64_t delay_ms = RETRY_FIRST_MS;

	for (unsigned i = 1; i < failures && delay_ms < RETRY_LONGEST_MS; i++)
		delay_ms *= 2;
	if (delay_ms > RETRY_LONGEST_MS)
		delay_ms = RETRY_LONGEST_MS;
	delay_ms = delay_ms / 2 + (int64_t)(random % (uint64_t)(delay_ms / 2 + 1));
	if (retry_after_s < RETRY_AFTER_MAX_MS / 1000)
		wish_ms = retry_after_s * 1000;
	return wish_ms > delay_ms ? wish_ms : delay_ms;
}
