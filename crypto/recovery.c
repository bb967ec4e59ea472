/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The check is for typing errors only: one wrong code in a million passes it, and then fits no
 * slot. It is a hash and not a sum so that no digit of the secret can be told from it without all
 * the others.
 */
#include "crypto/recovery.h"

#include "crypto/kdf.h"
#include "util/err.h"
#include "util/secret.h"

#include <string.h>

#define CHECK_PREFIX "amberfs recovery code"
#define SYMBOLS 36
#define GROUP 4
#define BITS 5
#define TYPED_MAX 256 /* characters, with whatever stands between the groups */
/* 36 symbols are 180 bits: the secret, 20 bits of check, 4 bits that stay 0 */
#define PACKED_BYTES 23

static const char alphabet[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/* The secret, then its check. */
static int pack(const uint8_t *secret, uint8_t *packed)
{
	uint8_t input[sizeof(CHECK_PREFIX) - 1 + RECOVERY_SECRET_BYTES];
	uint8_t hash[SHA256_BYTES];
	int err;

	memcpy(input, CHECK_PREFIX, sizeof(CHECK_PREFIX) - 1);
	memcpy(input + sizeof(CHECK_PREFIX) - 1, secret, RECOVERY_SECRET_BYTES);
	err = kdf_sha256(input, sizeof(input), hash);
	if (!err) {
		memcpy(packed, secret, RECOVERY_SECRET_BYTES);
		packed[20] = hash[0];
		packed[21] = hash[1];
		packed[22] = hash[2] & 0xf0;
	}
	secret_wipe(input, sizeof(input));
	secret_wipe(hash, sizeof(hash));
	return err;
}

static unsigned int get_symbol(const uint8_t *packed, size_t i)
{
	unsigned int v = 0;

	for (size_t bit = i * BITS; bit < (i + 1) * BITS; bit++)
		v = v << 1 | (packed[bit / 8] >> (7 - bit % 8) & 1);
	return v;
}

static void put_symbol(uint8_t *packed, size_t i, unsigned int v)
{
	for (size_t b = 0; b < BITS; b++)
		if (v >> (BITS - 1 - b) & 1)
			packed[(i * BITS + b) / 8] |= (uint8_t)(0x80 >> ((i * BITS + b) % 8));
}

int recovery_encode(const uint8_t *secret, char *code)
{
	uint8_t packed[PACKED_BYTES];
	int err = pack(secret, packed);

	if (err)
		return err;
	for (size_t i = 0; i < SYMBOLS; i++) {
		if (i > 0 && i % GROUP == 0)
			*code++ = '-';
		*code++ = alphabet[get_symbol(packed, i)];
	}
	*code = '\0';
	secret_wipe(packed, sizeof(packed));
	return 0;
}

/* The value of a symbol, -1 for what may stand between groups, -2 for everything else. */
static int symbol_value(char c)
{
	const char *at;

	if (c >= 'a' && c <= 'z')
		c = (char)(c - 'a' + 'A');
	if (c == 'O')
		c = '0';
	if (c == 'I' || c == 'L')
		c = '1';
	if (c == '-' || c == ' ' || c == '\t' || c == '\r' || c == '\n')
		return -1;
	at = c ? strchr(alphabet, c) : NULL;
	return at ? (int)(at - alphabet) : -2;
}

static int read_symbols(const char *code, size_t len, uint8_t *packed)
{
	size_t n = 0;

	if (len > TYPED_MAX)
		return ERR_INVAL;
	for (size_t i = 0; i < len; i++) {
		int v = symbol_value(code[i]);

		if (v == -1)
			continue;
		if (v < 0 || n == SYMBOLS)
			return ERR_INVAL;
		put_symbol(packed, n++, (unsigned int)v);
	}
	return n == SYMBOLS ? 0 : ERR_INVAL;
}

int recovery_decode(const char *code, size_t len, uint8_t *secret)
{
	uint8_t typed[PACKED_BYTES] = {0};
	uint8_t right[PACKED_BYTES];
	int err = read_symbols(code, len, typed);

	if (!err)
		err = pack(typed, right);
	if (!err && !secret_equal(typed, right, sizeof(typed)))
		err = ERR_INVAL;
	if (!err)
		memcpy(secret, typed, RECOVERY_SECRET_BYTES);
	secret_wipe(typed, sizeof(typed));
	secret_wipe(right, sizeof(right));
	return err;
}
