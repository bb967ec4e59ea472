/* SPDX-License-Identifier: Apache-2.0 */
/* Lower-case hexadecimal, both ways. */
#ifndef AMBERFS_UTIL_HEX_H
#define AMBERFS_UTIL_HEX_H

#include <stddef.h>
#include <stdint.h>

/** Write 2 * @len digits and a NUL to @out. */
void hex_encode(char *out, const uint8_t *data, size_t len);

/** Read exactly 2 * @len lower-case digits and the end of the string, or return ERR_INVAL. */
int hex_decode(uint8_t *out, size_t len, const char *text);

#endif
