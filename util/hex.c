/* SPDX-License-Identifier: Apache-2.0 */
#include "util/hex.h"

#include "util/err.h"

#include <string.h>

static const char digits[] = "0123456789abcdef";

void hex_encode(char *out, const uint8_t *data, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		out[2 * i] = digits[data[i] >> 4];
		out[2 * i + 1] = digits[data[i] & 15];
	}
	out[2 * len] = '\0';
}

static int digit_value(char c)
{
	const char *at = c ? strchr(digits, c) : NULL;

	return at ? (int)(at - digits) : -1;
}

int hex_decode(uint8_t *out, size_t len, const char *text)
{
	for (size_t i = 0; i < len; i++) {
		int hi = digit_value(text[2 * i]);
		int lo = hi < 0 ? -1 : digit_value(text[2 * i + 1]);

		if (lo < 0)
			return ERR_INVAL;
		out[i] = (uint8_t)(hi << 4 | lo);
	}
	return text[2 * len] == '\0' ? 0 : ERR_INVAL;
}
