/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Published vectors for the algorithms as libcrypto gives them to us, and golden vectors for what
 * is built of them, which make_golden.py computed from the description of the formats. A golden
 * file that has to change means that volumes written before can no longer be read.
 */
#include "tests/lib/test.h"
#include "tests/vectors/records.h"

#include "crypto/algo.h"
#include "crypto/kbkdf.h"
#include "crypto/kdf.h"
#include "crypto/keyring.h"
#include "crypto/keywrap.h"
#include "crypto/object.h"
#include "crypto/recovery.h"
#include "crypto/seal.h"
#include "crypto/slot.h"
#include "util/secret.h"

#define FOLDER "tests/vectors/"

/* Run @check for every record of @path, of which there are @want. */
static void each(const char *path, int want, void (*check)(struct records *r))
{
	struct records r;
	int n = 0;

	records_open(&r, path);
	while (records_next(&r)) {
		check(&r);
		n++;
	}
	records_close(&r);
	TEST_CHECK(n == want);
}

static void check_gcm(struct records *r)
{
	size_t len;
	size_t aad_len;
	const uint8_t *plain = record_bytes(r, "plain", &len);
	const uint8_t *aad = record_bytes(r, "aad", &aad_len);
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	const struct algo *algo = NULL;
	uint8_t out[64];
	uint8_t none[1];
	uint8_t tag[16];
	int n;

	TEST_MUST(algo_get(&algo));
	TEST_CHECK(EVP_EncryptInit_ex2(ctx, algo->gcm, record_bytes(r, "key", NULL),
	                               record_bytes(r, "iv", NULL), NULL));
	TEST_CHECK(aad_len == 0 || EVP_EncryptUpdate(ctx, NULL, &n, aad, (int)aad_len));
	TEST_CHECK(len == 0 || EVP_EncryptUpdate(ctx, out, &n, plain, (int)len));
	TEST_CHECK(EVP_EncryptFinal_ex(ctx, none, &n));
	TEST_CHECK(EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, sizeof(tag), tag));
	TEST_MEM(out, record_bytes(r, "cipher", NULL), len);
	TEST_MEM(tag, record_bytes(r, "tag", NULL), sizeof(tag));
	EVP_CIPHER_CTX_free(ctx);
}

static void check_keywrap(struct records *r)
{
	const uint8_t *kek = record_bytes(r, "kek", NULL);
	const uint8_t *key = record_bytes(r, "key", NULL);
	const uint8_t *wrapped = record_bytes(r, "wrapped", NULL);
	uint8_t out[KEYWRAP_WRAPPED_BYTES];

	TEST_OK(keywrap_wrap(kek, key, out));
	TEST_MEM(out, wrapped, KEYWRAP_WRAPPED_BYTES);
	TEST_OK(keywrap_unwrap(kek, wrapped, out));
	TEST_MEM(out, key, KEYWRAP_KEY_BYTES);
}

static void check_scrypt(struct records *r)
{
	const char *passphrase = record_text(r, "passphrase");
	const char *salt = record_text(r, "salt");
	const struct keyring_cost cost = {
	    .log2_n = (uint8_t)record_number(r, "log2_n"),
	    .r = (uint32_t)record_number(r, "r"),
	    .p = (uint32_t)record_number(r, "p"),
	};
	uint8_t out[32];

	TEST_OK(slot_scrypt(passphrase, strlen(passphrase), salt, strlen(salt), &cost, out));
	TEST_MEM(out, record_bytes(r, "out", NULL), sizeof(out));
}

static void check_cmac(struct records *r)
{
	EVP_MAC_CTX *ctx = NULL;
	size_t len;
	const uint8_t *message = record_bytes(r, "message", &len);
	uint8_t mac[16];
	size_t mac_len = 0;

	TEST_MUST(kbkdf_prepare(record_bytes(r, "key", NULL), &ctx));
	TEST_CHECK(len == 0 || EVP_MAC_update(ctx, message, len));
	TEST_CHECK(EVP_MAC_final(ctx, mac, &mac_len, sizeof(mac)));
	TEST_CHECK(mac_len == sizeof(mac));
	TEST_MEM(mac, record_bytes(r, "mac", NULL), sizeof(mac));
	EVP_MAC_CTX_free(ctx);
}

/* kdf_hmac() takes 32 bytes: a shorter key with zeros is the same key, and so is the hash of one
 * longer than a block. */
static void check_hmac(struct records *r)
{
	size_t key_len;
	size_t len;
	const uint8_t *given = record_bytes(r, "key", &key_len);
	const uint8_t *message = record_bytes(r, "message", &len);
	uint8_t key[32] = {0};
	uint8_t mac[SHA256_BYTES];

	TEST_CHECK(key_len <= sizeof(key) || key_len > 64);
	if (key_len <= sizeof(key))
		memcpy(key, given, key_len);
	else
		TEST_OK(kdf_sha256(given, key_len, key));
	for (size_t cut = 0; cut <= len; cut += 7) {
		TEST_OK(kdf_hmac(key, message, cut, message + cut, len - cut, mac));
		TEST_MEM(mac, record_bytes(r, "mac", NULL), sizeof(mac));
	}
}

static void check_sha256(struct records *r)
{
	size_t len;
	const uint8_t *message = record_bytes(r, "message", &len);
	uint8_t hash[SHA256_BYTES];

	TEST_OK(kdf_sha256(message, len, hash));
	TEST_MEM(hash, record_bytes(r, "hash", NULL), sizeof(hash));
}

static void check_golden_seal(struct records *r)
{
	size_t len;
	size_t aad_len;
	size_t sealed_len;
	size_t opened_len = 0;
	const uint8_t *plain = record_bytes(r, "plain", &len);
	const uint8_t *aad = record_bytes(r, "aad", &aad_len);
	const uint8_t *sealed = record_bytes(r, "sealed", &sealed_len);
	const uint8_t *salt = record_bytes(r, "salt", NULL);
	uint64_t first = record_number(r, "first");
	struct seal_key *key = NULL;
	uint8_t *out = malloc(sealed_len);

	TEST_MUST(seal_key_new(record_bytes(r, "key", NULL), &key));
	TEST_CHECK(sealed_pages_len(len) == sealed_len);
	TEST_OK(seal_pages(key, salt, aad, aad_len, first, plain, len, out));
	TEST_MEM(out, sealed, sealed_len);
	TEST_OK(open_pages(key, salt, aad, aad_len, first, sealed, sealed_len, out, &opened_len));
	TEST_CHECK(opened_len == len);
	TEST_MEM(out, plain, len);
	seal_key_free(key);
	free(out);
}

static void check_golden_object(struct records *r)
{
	size_t len;
	size_t sealed_len;
	const uint8_t *content = record_bytes(r, "content", &len);
	const uint8_t *sealed = record_bytes(r, "sealed", &sealed_len);
	const char *name = record_text(r, "name");
	enum object_kind kind = (enum object_kind)record_number(r, "kind");
	struct object_keys *keys = NULL;
	struct buf out;

	buf_init(&out, 1 << 20);
	TEST_MUST(object_keys_new(record_bytes(r, "log_key", NULL),
	                          record_bytes(r, "volume_id", NULL), &keys));
	TEST_OK(object_seal(keys, kind, name, content, len, &out));
	TEST_CHECK(out.len == sealed_len);
	TEST_MEM(out.data, sealed, sealed_len);
	buf_reset(&out);
	TEST_OK(object_open(keys, kind, name, sealed, sealed_len, &out));
	TEST_CHECK(out.len == len);
	TEST_CHECK(len == 0 || memcmp(out.data, content, len) == 0);
	object_keys_free(keys);
	buf_done(&out);
}

static void check_opened(struct records *r, const struct keyring *k)
{
	const uint8_t *file_key = record_bytes(r, "file_key", NULL);
	const uint8_t *wrapped = record_bytes(r, "wrapped_current", NULL);
	uint32_t current = (uint32_t)record_number(r, "current");
	uint32_t retired = (uint32_t)record_number(r, "retired");
	uint8_t out[KEYRING_WRAPPED_BYTES];

	TEST_MEM(keyring_log_key(k), record_bytes(r, "log_key", NULL), KEYRING_KEY_BYTES);
	TEST_MEM(keyring_index_key(k), record_bytes(r, "index_key", NULL), KEYRING_KEY_BYTES);
	TEST_CHECK(keyring_current_master(k) == current);
	TEST_OK(keyring_wrap(k, file_key, out));
	TEST_MEM(out, wrapped, KEYRING_WRAPPED_BYTES);
	TEST_OK(keyring_unwrap(k, current, wrapped, out));
	TEST_MEM(out, file_key, KEYRING_KEY_BYTES);
	TEST_OK(keyring_unwrap(k, retired, record_bytes(r, "wrapped_retired", NULL), out));
	TEST_MEM(out, file_key, KEYRING_KEY_BYTES);
}

static void check_golden_keyring(struct records *r)
{
	size_t len;
	const uint8_t *stored = record_bytes(r, "keyring", &len);
	const char *secret[2] = {record_text(r, "passphrase"), record_text(r, "code")};
	const enum keyring_slot_type type[2] = {KEYRING_SLOT_PASSPHRASE, KEYRING_SLOT_RECOVERY};
	char code[RECOVERY_CODE_BYTES];

	TEST_OK(recovery_encode(record_bytes(r, "recovery_secret", NULL), code));
	TEST_CHECK(strcmp(code, secret[1]) == 0);
	for (int i = 0; i < 2; i++) {
		struct keyring *k = NULL;

		TEST_MUST(keyring_parse(stored, len, &k));
		TEST_CHECK(keyring_generation(k) == record_number(r, "generation"));
		TEST_MEM(keyring_volume_id(k), record_bytes(r, "volume_id", NULL),
		         KEYRING_VOLUME_ID_BYTES);
		TEST_MUST(keyring_unlock(k, type[i], secret[i], strlen(secret[i])));
		check_opened(r, k);
		keyring_free(k);
	}
}

static void gcm(void)
{
	each(FOLDER "gcm.txt", 4, check_gcm);
}

static void keywrap(void)
{
	each(FOLDER "keywrap.txt", 1, check_keywrap);
}

static void scrypt(void)
{
	each(FOLDER "scrypt.txt", 3, check_scrypt);
}

static void cmac(void)
{
	each(FOLDER "cmac.txt", 4, check_cmac);
}

static void hmac(void)
{
	each(FOLDER "hmac.txt", 6, check_hmac);
}

static void sha256(void)
{
	each(FOLDER "sha256.txt", 3, check_sha256);
}

static void golden_seal(void)
{
	each(FOLDER "golden_seal.txt", 3, check_golden_seal);
}

static void golden_object(void)
{
	each(FOLDER "golden_object.txt", 5, check_golden_object);
}

static void golden_keyring(void)
{
	each(FOLDER "golden_keyring.txt", 1, check_golden_keyring);
}

int main(void)
{
	TEST_MUST(secret_setup());
	TEST_RUN(gcm);
	TEST_RUN(keywrap);
	TEST_RUN(scrypt);
	TEST_RUN(cmac);
	TEST_RUN(hmac);
	TEST_RUN(sha256);
	TEST_RUN(golden_seal);
	TEST_RUN(golden_object);
	TEST_RUN(golden_keyring);
	return test_done();
}
