/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where AWS's own tools keep credentials and the region: AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY
 * and AWS_SESSION_TOKEN, else the profile AWS_PROFILE ("default") of ~/.aws/credentials and
 * ~/.aws/config (AWS_SHARED_CREDENTIALS_FILE, AWS_CONFIG_FILE).
 */
#ifndef AMBERFS_BACKEND_CREDS_H
#define AMBERFS_BACKEND_CREDS_H

#include "util/fileio.h"

#define CREDS_FILE_MAX 65536
#define CREDS_VALUE_MAX 4096
#define CREDS_REGION_SIZE 64

struct creds {
	char *access_key; /* all three in secret memory */
	char *secret_key;
	char *session_token; /* NULL: none */
};

/** ERR_DENIED with a note on what to set when there are none. End *ret with creds_done(). */
int creds_load(const struct fileio *io, struct creds *ret);
void creds_done(struct creds *c);

/** The region by AWS_REGION, AWS_DEFAULT_REGION, the profile, else us-east-1. ERR_USAGE when it
 * cannot be one. */
int creds_region(const struct fileio *io, char out[CREDS_REGION_SIZE]);

#endif
