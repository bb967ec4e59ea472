/* SPDX-License-Identifier: Apache-2.0 */
/*
 * URLs (RFC 3986) as amberfs takes them: scheme, host, port, path and query parameters, with
 * percent decoding. Stricter than the RFC where leniency would hide a mistake: no user names, no
 * fragments, no control characters, no parameter twice. Notes on errors never repeat the URL, which
 * may hold what does not belong there.
 */
#ifndef AMBERFS_BACKEND_URL_H
#define AMBERFS_BACKEND_URL_H

#include "util/buf.h"

#include <stdbool.h>
#include <stddef.h>

#define URL_MAX 2048
#define URL_PARAMS_MAX 8

struct url_param {
	char *name;
	char *value;
};

struct url {
	char *scheme;  /* lower case */
	char *host;    /* without brackets; "" for none */
	unsigned port; /* 0: not given */
	char *path;    /* decoded, with its first slash; "" for none */
	struct url_param params[URL_PARAMS_MAX];
	size_t param_count;
};

/** Parse @text. ERR_USAGE with a note for what is not such a URL. End *ret with url_done(). */
int url_parse(const char *text, struct url *ret);

/** Free the strings. */
void url_done(struct url *u);

/** The value of the parameter @name, decoded, or NULL. */
const char *url_param(const struct url *u, const char *name);

/** Whether the host is this machine, by name or by address; never asks a name server. */
bool url_is_loopback(const struct url *u);

/** Append @text percent encoded as AWS's signature version 4 wants it: all but A-Z a-z 0-9 - . _ ~,
 * and slashes when @keep_slash. */
void url_encode(struct buf *out, const char *text, bool keep_slash);

/** Decode %XX in place. ERR_INVAL for a broken escape or a control character. */
int url_decode(char *text);

#endif
