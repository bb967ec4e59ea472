/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signature version 4 against the examples that Amazon publishes ("Signature Calculations for the
 * Authorization Header: Transferring Payload in a Single Chunk", Amazon S3 API reference), with the
 * keys of that page.
 */
#include "backend/sign.h"
#include "tests/lib/test.h"

#define EMPTY_HASH "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define HOST "examplebucket.s3.amazonaws.com"
#define DATE "20130524T000000Z"

static const struct sign_key key = {
    .access_key = "AKIAIOSFODNN7EXAMPLE",
    .secret_key = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
    .region = "us-east-1",
};

static void expect(const struct sign_request *request, const char *signed_headers,
                   const char *signature)
{
	char want[512];
	struct buf out;

	snprintf(want, sizeof(want),
	         "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/"
	         "aws4_request,SignedHeaders=%s,Signature=%s",
	         signed_headers, signature);
	buf_init(&out, 1024);
	TEST_OK(sign_authorization(&key, request, &out));
	buf_add(&out, "", 1);
	if (strcmp((const char *)out.data, want) != 0)
		printf("  got  %s\n  want %s\n", (const char *)out.data, want);
	TEST_CHECK(strcmp((const char *)out.data, want) == 0);
	buf_done(&out);
}

static void get_object(void)
{
	const struct sign_header headers[] = {
	    {"host", HOST},
	    {"range", "bytes=0-9"},
	    {"x-amz-content-sha256", EMPTY_HASH},
	    {"x-amz-date", DATE},
	};

	expect(&(struct sign_request){"GET", "/test.txt", "", DATE, EMPTY_HASH, headers, 4},
	       "host;range;x-amz-content-sha256;x-amz-date",
	       "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41");
}

static void put_object(void)
{
	char hash[SIGN_HASH_SIZE];
	const struct sign_header headers[] = {
	    {"date", "Fri, 24 May 2013 00:00:00 GMT"},
	    {"host", HOST},
	    {"x-amz-content-sha256", hash},
	    {"x-amz-date", DATE},
	    {"x-amz-storage-class", "REDUCED_REDUNDANCY"},
	};

	TEST_OK(sign_payload("Welcome to Amazon S3.", 21, hash));
	TEST_CHECK(
	    strcmp(hash, "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072") == 0);
	expect(&(struct sign_request){"PUT", "/test%24file.text", "", DATE, hash, headers, 5},
	       "date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class",
	       "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd");
}

static void get_lifecycle(void)
{
	const struct sign_header headers[] = {
	    {"host", HOST},
	    {"x-amz-content-sha256", EMPTY_HASH},
	    {"x-amz-date", DATE},
	};

	expect(&(struct sign_request){"GET", "/", "lifecycle=", DATE, EMPTY_HASH, headers, 3},
	       "host;x-amz-content-sha256;x-amz-date",
	       "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543");
}

static void list_objects(void)
{
	const struct sign_header headers[] = {
	    {"host", HOST},
	    {"x-amz-content-sha256", EMPTY_HASH},
	    {"x-amz-date", DATE},
	};

	expect(
	    &(struct sign_request){"GET", "/", "max-keys=2&prefix=J", DATE, EMPTY_HASH, headers, 3},
	    "host;x-amz-content-sha256;x-amz-date",
	    "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7");
}

static void payloads_and_dates(void)
{
	char hash[SIGN_HASH_SIZE];
	char date[SIGN_DATE_SIZE];

	TEST_OK(sign_payload(NULL, 0, hash));
	TEST_CHECK(strcmp(hash, EMPTY_HASH) == 0);
	sign_date(INT64_C(1369353600) * 1000000000, date);
	TEST_CHECK(strcmp(date, DATE) == 0);
	sign_date(INT64_C(1369353599) * 1000000000 + 999999999, date);
	TEST_CHECK(strcmp(date, "20130523T235959Z") == 0);
}

static void bounds(void)
{
	char secret[SIGN_SECRET_MAX + 2];
	char region[200];
	struct sign_key bad = key;
	const struct sign_request request = {"GET", "/", "", DATE, EMPTY_HASH, NULL, 0};
	struct buf out;

	buf_init(&out, 1024);
	memset(secret, 's', sizeof(secret));
	secret[sizeof(secret) - 1] = '\0';
	bad.secret_key = secret;
	TEST_ERR(sign_authorization(&bad, &request, &out), ERR_INVAL);
	secret[sizeof(secret) - 2] = '\0';
	TEST_OK(sign_authorization(&bad, &request, &out));
	bad = key;
	memset(region, 'r', sizeof(region));
	region[sizeof(region) - 1] = '\0';
	bad.region = region;
	TEST_ERR(sign_authorization(&bad, &request, &out), ERR_INVAL);
	buf_done(&out);
}

int main(void)
{
	TEST_RUN(get_object);
	TEST_RUN(put_object);
	TEST_RUN(get_lifecycle);
	TEST_RUN(list_objects);
	TEST_RUN(payloads_and_dates);
	TEST_RUN(bounds);
	return test_done();
}
