/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A STORE is a path unless it has "://". Everything that can be wrong with it is found here, before
 * a request is made, and what is not understood (a parameter with a typing error) is refused: it
 * would be a store other than the one meant.
 */
#include "backend/store.h"

#include "backend/creds.h"
#include "backend/dir.h"
#include "backend/retry.h"
#include "backend/s3.h"
#include "backend/url.h"
#include "util/err.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Make the folder so that it survives a power cut. */
static int make_folder(const struct fileio *io, const char *path)
{
	char parent[PATH_MAX];
	char *slash;
	int r = fileio_mkdirs(io, path);

	if (r != 0)
		return r;
	snprintf(parent, sizeof(parent), "%s", path);
	slash = strrchr(parent, '/');
	if (!slash)
		return fileio_sync_dir(io, ".");
	slash[slash == parent] = '\0';
	return fileio_sync_dir(io, parent);
}

static int open_folder(const char *given, const struct store_options *options, struct blob **ret)
{
	const struct fileio *io = fileio_system();
	struct file_info info;
	char path[PATH_MAX];
	size_t len = strlen(given);
	int r;

	if (len >= sizeof(path))
		return err_note(ERR_USAGE, "the path of the store is too long");
	memcpy(path, given, len + 1);
	while (len > 1 && path[len - 1] == '/')
		path[--len] = '\0';
	r = fileio_stat(io, path, &info);
	if (r == ERR_NOENT && options->create) {
		r = make_folder(io, path);
		if (r == 0)
			r = fileio_stat(io, path, &info);
	}
	if (r == ERR_NOENT)
		return err_note(ERR_NOTVOLUME, "the folder %s does not exist", path);
	if (r == ERR_NOTDIR || (r == 0 && !info.is_dir))
		return err_note(ERR_NOTVOLUME, "%s is not a folder", path);
	if (r != 0)
		return r == ERR_ACCES || r == ERR_PERM ? ERR_DENIED : r;
	return dir_open(io, path, ret);
}

static int open_file_url(const struct url *u, const struct store_options *options,
                         struct blob **ret)
{
	if (u->host[0] != '\0' && strcmp(u->host, "localhost") != 0)
		return err_note(ERR_USAGE, "file:// with a host; write file:///PATH");
	if (u->path[0] != '/')
		return err_note(ERR_USAGE, "file:// without a path");
	if (u->param_count > 0)
		return err_note(ERR_USAGE, "a folder takes no parameters");
	return open_folder(u->path, options, ret);
}

static int check_s3_params(const struct url *u)
{
	for (size_t i = 0; i < u->param_count; i++) {
		const char *name = u->params[i].name;

		if (strcmp(name, "endpoint") != 0 && strcmp(name, "region") != 0 &&
		    strcmp(name, "retries") != 0)
			return err_note(ERR_USAGE,
			                "s3:// takes endpoint=, region= and retries= only");
	}
	return 0;
}

/* How often a request is made: once, and as many times again. */
static int read_retries(const char *text, unsigned *ret_tries)
{
	unsigned retries = 0;

	if (!text)
		return 0;
	if (text[0] == '\0' || strlen(text) > 2 || strspn(text, "0123456789") != strlen(text))
		return err_note(ERR_USAGE, "retries= is not a number from 0 to %d",
		                RETRY_TRIES_MAX - 1);
	for (const char *at = text; *at; at++)
		retries = retries * 10 + (unsigned)(*at - '0');
	if (retries >= RETRY_TRIES_MAX)
		return err_note(ERR_USAGE, "retries= is more than %d", RETRY_TRIES_MAX - 1);
	*ret_tries = retries + 1;
	return 0;
}

static int check_endpoint(const char *endpoint, bool insecure_http)
{
	struct url u = {.scheme = NULL};
	int r;

	if (!endpoint)
		return 0;
	r = url_parse(endpoint, &u);
	if (r != 0)
		return r;
	if (strcmp(u.scheme, "http") == 0) {
		if (!url_is_loopback(&u))
			r = err_note(ERR_USAGE,
			             "http:// is refused except to this machine; use https://");
		else if (!insecure_http)
			r = err_note(ERR_USAGE, "http:// needs --insecure-http");
	}
	url_done(&u);
	return r;
}

static int check_region(const char *region)
{
	size_t len = strspn(region, "abcdefghijklmnopqrstuvwxyz0123456789-");

	if (len == 0 || len >= CREDS_REGION_SIZE || region[len] != '\0')
		return err_note(ERR_USAGE, "region= is not the name of a region");
	return 0;
}

/* The path of an s3:// URL without the slashes around it. */
static char *prefix_of(const char *path)
{
	size_t len;

	if (path[0] == '/')
		path++;
	len = strlen(path);
	if (len > 1 && path[len - 1] == '/')
		len--;
	return strndup(path, len);
}

static int open_s3(const struct url *u, const struct store_options *options, struct blob **ret)
{
	struct s3_config config = {
	    .endpoint = url_param(u, "endpoint"),
	    .region = url_param(u, "region"),
	    .bucket = u->host,
	    .ca_file = options->ca_file,
	};
	char region[CREDS_REGION_SIZE];
	struct creds creds = {.access_key = NULL};
	char *prefix = NULL;
	int r;

	if (u->host[0] == '\0')
		return err_note(ERR_USAGE, "s3:// without a bucket; write s3://BUCKET/PREFIX");
	if (u->port != 0)
		return err_note(ERR_USAGE, "s3:// with a port; that belongs into endpoint=");
	r = check_s3_params(u);
	if (r == 0)
		r = read_retries(url_param(u, "retries"), &config.tries);
	if (r == 0)
		r = check_endpoint(config.endpoint, options->insecure_http);
	if (r == 0)
		r = config.region ? check_region(config.region)
		                  : creds_region(fileio_system(), region);
	if (r == 0)
		r = creds_load(fileio_system(), &creds);
	if (r != 0)
		goto out;
	if (!config.region)
		config.region = region;
	prefix = prefix_of(u->path);
	if (!prefix) {
		r = ERR_NOMEM;
		goto out;
	}
	config.prefix = prefix;
	config.access_key = creds.access_key;
	config.secret_key = creds.secret_key;
	config.session_token = creds.session_token;
	r = s3_open(&config, ret);
out:
	free(prefix);
	creds_done(&creds);
	return r;
}

int store_open(const char *url, const struct store_options *options, struct blob **ret)
{
	struct url u = {.scheme = NULL};
	int r;

	if (url[0] == '\0')
		return err_note(ERR_USAGE, "an empty STORE");
	if (!strstr(url, "://")) {
		if (strncmp(url, "s3:", 3) == 0 || strncmp(url, "file:", 5) == 0)
			return err_note(ERR_USAGE, "a URL needs two slashes after its colon");
		return open_folder(url, options, ret);
	}
	r = url_parse(url, &u);
	if (r != 0)
		return r;
	if (strcmp(u.scheme, "file") == 0)
		r = open_file_url(&u, options, ret);
	else if (strcmp(u.scheme, "s3") == 0)
		r = open_s3(&u, options, ret);
	else
		r = err_note(ERR_USAGE, "%s:// is not a kind of store; there are file:// and s3://",
		             u.scheme);
	url_done(&u);
	return r;
}

static char *absolute(const char *path)
{
	char *full = realpath(path, NULL);
	char *here = NULL;

	if (full || path[0] == '/')
		return full ? full : strdup(path);
	here = getcwd(NULL, 0);
	if (!here || asprintf(&full, "%s/%s", here, path) < 0)
		full = NULL;
	free(here);
	return full;
}

char *store_display(const char *url)
{
	struct url u = {.scheme = NULL};
	char *text;
	int r;

	if (!strstr(url, "://"))
		return absolute(url);
	r = url_parse(url, &u);
	/* what is no URL may hold anything, also a password */
	if (r != 0)
		return r == ERR_NOMEM ? NULL : strdup("(not a store)");
	text = strcmp(u.scheme, "file") == 0 ? absolute(u.path) : strdup(url);
	url_done(&u);
	return text;
}
