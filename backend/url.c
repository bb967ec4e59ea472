/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One pass over a copy of the text: each delimiter is found and overwritten, from left to right,
 * and only then each piece is decoded, so that an escaped delimiter never acts as one.
 */
#include "backend/url.h"

#include "util/err.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static int bad(const char *why)
{
	return err_note(ERR_USAGE, "the URL %s", why);
}

static int digit_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

int url_decode(char *text)
{
	const char *in = text;
	char *out = text;

	while (*in) {
		unsigned char c = (unsigned char)*in++;

		if (c == '%') {
			int high = digit_value(in[0]);
			int low = high < 0 ? -1 : digit_value(in[1]);

			if (low < 0)
				return ERR_INVAL;
			c = (unsigned char)(high << 4 | low);
			in += 2;
		}
		if (c < 0x20 || c == 0x7f)
			return ERR_INVAL;
		*out++ = (char)c;
	}
	*out = '\0';
	return 0;
}

void url_encode(struct buf *out, const char *text, bool keep_slash)
{
	static const char digits[] = "0123456789ABCDEF";
	static const char plain[] =
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";

	for (; *text; text++) {
		unsigned char c = (unsigned char)*text;
		char escape[3] = {'%', digits[c >> 4], digits[c & 15]};

		if (strchr(plain, c) || (keep_slash && c == '/'))
			buf_add(out, text, 1);
		else
			buf_add(out, escape, sizeof(escape));
	}
}

static int take_scheme(char **text, struct url *u)
{
	char *at = strstr(*text, "://");
	size_t len = at ? (size_t)(at - *text) : 0;

	if (len == 0 || len > 16)
		return bad("has no scheme");
	for (size_t i = 0; i < len; i++) {
		char c = (*text)[i];

		if (c >= 'A' && c <= 'Z')
			(*text)[i] = (char)(c + 32);
		else if (!(c >= 'a' && c <= 'z') && !(i > 0 && c >= '0' && c <= '9'))
			return bad("has no scheme");
	}
	u->scheme = strndup(*text, len);
	*text = at + 3;
	return u->scheme ? 0 : ERR_NOMEM;
}

static int take_port(const char *text, struct url *u)
{
	unsigned port = 0;

	if (*text == '\0')
		return bad("has an empty port");
	for (; *text; text++) {
		if (*text < '0' || *text > '9')
			return bad("has a port that is not a number");
		port = port * 10 + (unsigned)(*text - '0');
		if (port > 65535)
			return bad("has a port that is too large");
	}
	if (port == 0)
		return bad("has port 0");
	u->port = port;
	return 0;
}

/* @text is all between "://" and the path or query. */
static int take_authority(char *text, struct url *u)
{
	static const char host_chars[] =
	    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._";
	static const char ip6_chars[] = "0123456789abcdefABCDEF:.";
	const char *allowed = host_chars;
	char *host = text;
	char *port = NULL;
	int r = 0;

	if (strchr(text, '@'))
		return bad("holds a user name or password; credentials never go into a URL");
	if (*text == '[') {
		char *end = strchr(text, ']');

		if (!end || (end[1] != '\0' && end[1] != ':') || end == text + 1)
			return bad("has a broken address in brackets");
		host = text + 1;
		*end = '\0';
		port = end[1] == ':' ? end + 2 : NULL;
		allowed = ip6_chars;
	} else {
		port = strchr(text, ':');
		if (port)
			*port++ = '\0';
	}
	if (host[strspn(host, allowed)] != '\0')
		return bad("has a host with characters that no host has");
	if (port && host[0] == '\0')
		return bad("has a port without a host");
	if (port)
		r = take_port(port, u);
	if (r == 0) {
		u->host = strdup(host);
		r = u->host ? 0 : ERR_NOMEM;
	}
	return r;
}

static int take_param(char *text, struct url *u)
{
	struct url_param *p = &u->params[u->param_count];
	char *value = strchr(text, '=');

	if (!value || value == text)
		return bad("has a parameter that is not NAME=VALUE");
	*value++ = '\0';
	if (url_decode(text) != 0 || url_decode(value) != 0)
		return bad("has a broken % escape or a control character");
	if (u->param_count == URL_PARAMS_MAX)
		return bad("has too many parameters");
	if (url_param(u, text))
		return bad("has a parameter twice");
	p->name = strdup(text);
	p->value = strdup(value);
	u->param_count++;
	return p->name && p->value ? 0 : ERR_NOMEM;
}

static int take_query(char *query, struct url *u)
{
	int r = 0;

	while (r == 0 && query) {
		char *end = strchr(query, '&');

		if (end)
			*end++ = '\0';
		r = take_param(query, u);
		query = end;
	}
	return r;
}

static int parse(char *text, struct url *u)
{
	char *query;
	char *path;
	size_t authority_len;
	int r = take_scheme(&text, u);

	if (r)
		return r;
	if (strchr(text, '#'))
		return bad("has a fragment (#)");
	query = strchr(text, '?');
	if (query)
		*query++ = '\0';
	authority_len = strcspn(text, "/");
	path = strdup(text + authority_len);
	if (!path)
		return ERR_NOMEM;
	u->path = path;
	text[authority_len] = '\0';
	if (url_decode(path) != 0)
		return bad("has a broken % escape or a control character");
	r = take_authority(text, u);
	return r ? r : take_query(query, u);
}

int url_parse(const char *text, struct url *ret)
{
	struct url u = {.scheme = NULL};
	char *copy;
	int r;

	if (strnlen(text, URL_MAX + 1) > URL_MAX)
		return bad("is too long");
	copy = strdup(text);
	if (!copy)
		return ERR_NOMEM;
	r = parse(copy, &u);
	free(copy);
	if (r != 0) {
		url_done(&u);
		return r;
	}
	*ret = u;
	return 0;
}

void url_done(struct url *u)
{
	free(u->scheme);
	free(u->host);
	free(u->path);
	for (size_t i = 0; i < u->param_count; i++) {
		free(u->params[i].name);
		free(u->params[i].value);
	}
	*u = (struct url){.scheme = NULL};
}

const char *url_param(const struct url *u, const char *name)
{
	for (size_t i = 0; i < u->param_count; i++)
		if (strcmp(u->params[i].name, name) == 0)
			return u->params[i].value;
	return NULL;
}

bool url_is_loopback(const struct url *u)
{
	struct in6_addr ip6;
	struct in_addr ip4;

	if (strcasecmp(u->host, "localhost") == 0)
		return true;
	if (inet_pton(AF_INET, u->host, &ip4) == 1)
		return ntohl(ip4.s_addr) >> 24 == 127;
	return inet_pton(AF_INET6, u->host, &ip6) == 1 && IN6_IS_ADDR_LOOPBACK(&ip6);
}
