/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One pair of keys a kind: one seals, one makes the salt. The salt key never seals, so a salt says
 * nothing about the content to one who does not have it, except that equal content under an equal
 * name has equal salts.
 *
 * Two different plaintexts must never get one salt. The input of the HMAC can be taken apart in one
 * way only: a volume id of fixed size, a name up to its NUL, the rest.
 *
 * A reader takes the content's length from the authenticated plaintext and does not insist on how
 * it was padded, so the padding may change without a new version.
 */
#include "crypto/object.h"

#include "crypto/kdf.h"
#include "crypto/seal.h"
#include "util/check.h"
#include "util/codec.h"
#include "util/err.h"
#include "util/secret.h"

#include <stdlib.h>
#include <string.h>

#define MAGIC "AMBF"
#define MAGIC_BYTES 4
#define VERSION 1
#define VOLUME_ID_BYTES 16
#define NAME_MAX_BYTES 1024
#define LENGTH_BYTES 4
#define KIND_MAX OBJECT_LEASE
#define SALT_AT 8
#define KEY_LABEL "amberfs object"
#define SALT_LABEL "amberfs object salt"

struct object_keys {
	struct seal_key *seal[KIND_MAX + 1]; /* by kind; 0 is not one */
	uint8_t *salt;                       /* KIND_MAX + 1 keys in secret memory */
	uint8_t volume_id[VOLUME_ID_BYTES];
};

/* Header, volume id, name, NUL: the additional data is all but the NUL; what the salt is made of,
 * all but the header. */
struct binding {
	uint8_t bytes[OBJECT_HEADER_BYTES + VOLUME_ID_BYTES + NAME_MAX_BYTES + 1];
	size_t len; /* without the NUL */
};

static int derive_kind(struct object_keys *k, const uint8_t *log_key, uint8_t kind)
{
	uint8_t key[SEAL_KEY_BYTES];
	int err = kdf_derive(log_key, KEY_LABEL, &kind, 1, key);

	if (!err)
		err = seal_key_new(key, &k->seal[kind]);
	if (!err)
		err = kdf_derive(log_key, SALT_LABEL, &kind, 1,
		                 k->salt + (size_t)kind * SEAL_KEY_BYTES);
	secret_wipe(key, sizeof(key));
	return err;
}

int object_keys_new(const uint8_t *log_key, const uint8_t *volume_id, struct object_keys **ret)
{
	struct object_keys *k = calloc(1, sizeof(*k));
	int err = 0;

	if (!k)
		return ERR_NOMEM;
	memcpy(k->volume_id, volume_id, sizeof(k->volume_id));
	k->salt = secret_new((size_t)(KIND_MAX + 1) * SEAL_KEY_BYTES);
	if (!k->salt)
		err = err_note(ERR_NOMEM, "no secret memory left");
	for (uint8_t kind = 1; !err && kind <= KIND_MAX; kind++)
		err = derive_kind(k, log_key, kind);
	if (err) {
		object_keys_free(k);
		return err;
	}
	*ret = k;
	return 0;
}

void object_keys_free(struct object_keys *k)
{
	if (!k)
		return;
	for (int kind = 1; kind <= KIND_MAX; kind++)
		seal_key_free(k->seal[kind]);
	secret_free(k->salt);
	free(k);
}

static int bind(struct binding *b, const struct object_keys *k, const char *name)
{
	size_t len = strlen(name);

	if (len > NAME_MAX_BYTES)
		return err_note(ERR_NAMETOOLONG, "object name of %zu bytes", len);
	memcpy(b->bytes + OBJECT_HEADER_BYTES, k->volume_id, VOLUME_ID_BYTES);
	memcpy(b->bytes + OBJECT_HEADER_BYTES + VOLUME_ID_BYTES, name, len + 1);
	b->len = OBJECT_HEADER_BYTES + VOLUME_ID_BYTES + len;
	return 0;
}

static int make_header(struct binding *b, const struct object_keys *k, enum object_kind kind,
                       const uint8_t *plain, size_t len)
{
	uint8_t hash[SHA256_BYTES];
	int err = kdf_hmac(k->salt + (size_t)kind * SEAL_KEY_BYTES, b->bytes + OBJECT_HEADER_BYTES,
	                   b->len + 1 - OBJECT_HEADER_BYTES, plain, len, hash);

	if (err)
		return err;
	memcpy(b->bytes, MAGIC, MAGIC_BYTES);
	b->bytes[4] = VERSION & 0xff;
	b->bytes[5] = VERSION >> 8;
	b->bytes[6] = (uint8_t)kind;
	b->bytes[7] = 0;
	memcpy(b->bytes + SALT_AT, hash, SEAL_SALT_BYTES);
	return 0;
}

uint64_t object_padme(uint64_t len)
{
	unsigned int exponent;
	unsigned int exponent_bits;
	uint64_t mask;

	if (len < 2)
		return len;
	exponent = 63 - (unsigned int)__builtin_clzll(len);
	exponent_bits = 32 - (unsigned int)__builtin_clz(exponent);
	mask = ((uint64_t)1 << (exponent - exponent_bits)) - 1;
	return len > UINT64_MAX - mask ? UINT64_MAX : (len + mask) & ~mask;
}

int object_seal(const struct object_keys *k, enum object_kind kind, const char *name,
                const void *content, size_t len, struct buf *out)
{
	size_t start = out->len;
	struct binding b;
	size_t padded;
	uint8_t *at;
	uint8_t *plain;
	int err;

	CHECK(kind >= 1 && kind <= KIND_MAX);
	if (len > OBJECT_CONTENT_MAX)
		return err_note(ERR_FBIG, "%s", name);
	err = bind(&b, k, name);
	if (err)
		return err;
	padded = (size_t)object_padme(LENGTH_BYTES + len);
	at = buf_extend(out, OBJECT_HEADER_BYTES + padded + SEAL_TAG_BYTES);
	if (!at)
		return buf_error(out);
	/* the plaintext is laid where its ciphertext will be */
	plain = at + OBJECT_HEADER_BYTES;
	for (int i = 0; i < LENGTH_BYTES; i++)
		plain[i] = (uint8_t)(len >> (8 * i));
	if (len > 0)
		memcpy(plain + LENGTH_BYTES, content, len);
	memset(plain + LENGTH_BYTES + len, 0, padded - LENGTH_BYTES - len);
	err = make_header(&b, k, kind, plain, padded);
	if (!err)
		err = seal_message(k->seal[kind], b.bytes + SALT_AT, b.bytes, b.len, plain, padded,
		                   plain, plain + padded);
	if (err) {
		secret_wipe(at, OBJECT_HEADER_BYTES + padded + SEAL_TAG_BYTES);
		out->len = start;
		return err;
	}
	memcpy(at, b.bytes, OBJECT_HEADER_BYTES);
	return 0;
}

/* The parts of @data that can be judged without a key. */
static int check_header(const uint8_t *data, size_t len, enum object_kind kind)
{
	struct dec d;
	uint16_t version;

	if (len < OBJECT_OVERHEAD_BYTES || memcmp(data, MAGIC, MAGIC_BYTES) != 0)
		return ERR_CORRUPT;
	dec_init(&d, data + MAGIC_BYTES, OBJECT_HEADER_BYTES - MAGIC_BYTES);
	version = dec_u16(&d);
	if (version != VERSION)
		return ERR_VERSION;
	if (dec_u8(&d) != kind || dec_u8(&d) != 0)
		return ERR_CORRUPT;
	/* the most a writer makes of OBJECT_CONTENT_MAX */
	if (len >
	    OBJECT_HEADER_BYTES + object_padme(LENGTH_BYTES + OBJECT_CONTENT_MAX) + SEAL_TAG_BYTES)
		return ERR_CORRUPT;
	return 0;
}

static int add_content(const uint8_t *plain, size_t padded, struct buf *out)
{
	struct dec d;
	uint32_t len;

	dec_init(&d, plain, padded);
	len = dec_u32(&d);
	if (len > dec_left(&d) || len > OBJECT_CONTENT_MAX)
		return ERR_CORRUPT;
	buf_add(out, dec_bytes(&d, len), len);
	return buf_error(out);
}

int object_open(const struct object_keys *k, enum object_kind kind, const char *name,
                const void *data, size_t len, struct buf *out)
{
	const uint8_t *sealed = data;
	uint8_t *plain = NULL;
	size_t padded = 0;
	struct binding b;
	int err;

	CHECK(kind >= 1 && kind <= KIND_MAX);
	err = check_header(sealed, len, kind);
	if (err)
		return err_note(err, "%s", name);
	err = bind(&b, k, name);
	if (err)
		return err;
	memcpy(b.bytes, sealed, OBJECT_HEADER_BYTES);
	padded = len - OBJECT_HEADER_BYTES - SEAL_TAG_BYTES;
	sealed += OBJECT_HEADER_BYTES;
	plain = malloc(padded);
	if (!plain)
		return err_note(ERR_NOMEM, "%s", name);
	err = open_message(k->seal[kind], b.bytes + SALT_AT, b.bytes, b.len, sealed, padded,
	                   sealed + padded, plain);
	if (!err)
		err = add_content(plain, padded, out);
	if (err)
		err_note(err, "%s", name);
	secret_wipe(plain, padded);
	free(plain);
	return err;
}
