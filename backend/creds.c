/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A file is read whole into secret memory, because any line of it may be a secret, and is taken
 * apart in place; only the values asked for are copied out, again into secret memory.
 */
#include "backend/creds.h"

#include "util/err.h"
#include "util/secret.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *environment(const char *name)
{
	const char *value = getenv(name);

	return value && value[0] ? value : NULL;
}

static int copy_secret(const char *text, char **ret)
{
	size_t len = strnlen(text, CREDS_VALUE_MAX + 1);
	char *copy;

	if (len > CREDS_VALUE_MAX)
		return err_note(ERR_DENIED, "AWS credentials: a value is too long");
	for (size_t i = 0; i < len; i++)
		if (text[i] <= ' ' || text[i] > '~')
			return err_note(ERR_DENIED,
			                "AWS credentials: a value with characters none has");
	copy = secret_new(len + 1);
	if (!copy)
		return ERR_NOMEM;
	memcpy(copy, text, len + 1);
	*ret = copy;
	return 0;
}

/* The file's text in secret memory; *ret stays NULL when there is no such file. */
static int read_file(const struct fileio *io, const char *path, char **ret)
{
	struct file *f = NULL;
	char *text = NULL;
	uint64_t size;
	int r = file_open(io, path, FILE_READ, &f);

	if (r == ERR_NOENT || r == ERR_NOTDIR)
		return 0;
	if (r == 0)
		r = file_size(f, &size);
	if (r == 0 && size > CREDS_FILE_MAX)
		r = err_note(ERR_DENIED, "%s: too long for a file of credentials", path);
	if (r == 0) {
		text = secret_new((size_t)size + 1);
		r = text ? file_pread_all(f, text, (size_t)size, 0) : ERR_NOMEM;
	}
	file_close(f);
	if (r != 0) {
		secret_free(text);
		return r == ERR_NOMEM ? r : err_note(ERR_DENIED, "%s cannot be read", path);
	}
	*ret = text;
	return 0;
}

/* Read the file that @variable names, or ~/.aws/@name. */
static int read_aws_file(const struct fileio *io, const char *variable, const char *name,
                         char **ret)
{
	const char *path = environment(variable);
	const char *home = environment("HOME");
	char *made = NULL;
	int r;

	if (!path && !home)
		return 0;
	if (!path) {
		if (asprintf(&made, "%s/.aws/%s", home, name) < 0)
			return ERR_NOMEM;
		path = made;
	}
	r = read_file(io, path, ret);
	free(made);
	return r;
}

static char *trim(char *text)
{
	size_t len;

	text += strspn(text, " \t\r");
	len = strlen(text);
	while (len > 0 && strchr(" \t\r", text[len - 1]))
		len--;
	text[len] = '\0';
	return text;
}

/* Whether the line "[...]" begins @profile; ~/.aws/config writes "[profile name]". */
static bool is_section(char *line, const char *profile)
{
	char *end = strchr(line, ']');
	char *name;

	if (!end)
		return false;
	*end = '\0';
	name = trim(line + 1);
	if (strncmp(name, "profile", 7) == 0 && (name[7] == ' ' || name[7] == '\t'))
		name = trim(name + 8);
	return strcmp(name, profile) == 0;
}

struct wanted {
	const char *name;
	const char *value; /* points into the text; NULL: not there */
};

/* Find the values of @profile. Takes @text apart. */
static void find_values(char *text, const char *profile, struct wanted *wanted, size_t count)
{
	bool inside = false;
	char *rest = text;
	char *line;

	while ((line = strsep(&rest, "\n")) != NULL) {
		/* an indented line belongs to a nested value */
		bool nested = line[0] == ' ' || line[0] == '\t';
		char *value;

		line = trim(line);
		if (line[0] == '[') {
			inside = is_section(line, profile);
			continue;
		}
		value = strchr(line, '=');
		if (!inside || nested || !value || line[0] == '#' || line[0] == ';')
			continue;
		*value++ = '\0';
		line = trim(line);
		for (size_t i = 0; i < count; i++)
			if (strcmp(line, wanted[i].name) == 0)
				wanted[i].value = trim(value);
	}
}

static const char *profile_name(void)
{
	const char *profile = environment("AWS_PROFILE");

	return profile ? profile : "default";
}

static int fill(const char *access_key, const char *secret_key, const char *token, struct creds *c)
{
	int r = copy_secret(access_key, &c->access_key);

	if (r == 0)
		r = copy_secret(secret_key, &c->secret_key);
	if (r == 0 && token && token[0])
		r = copy_secret(token, &c->session_token);
	return r;
}

static int from_file(const struct fileio *io, struct creds *c)
{
	struct wanted w[] = {
	    {.name = "aws_access_key_id"},
	    {.name = "aws_secret_access_key"},
	    {.name = "aws_session_token"},
	};
	char *text = NULL;
	int r = read_aws_file(io, "AWS_SHARED_CREDENTIALS_FILE", "credentials", &text);

	if (r == 0 && text)
		find_values(text, profile_name(), w, 3);
	if (r == 0 && w[0].value && w[1].value)
		r = fill(w[0].value, w[1].value, w[2].value, c);
	else if (r == 0)
		r = err_note(ERR_DENIED,
		             "no credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or "
		             "the profile \"%s\" in ~/.aws/credentials",
		             profile_name());
	secret_free(text);
	return r;
}

int creds_load(const struct fileio *io, struct creds *ret)
{
	const char *access_key = environment("AWS_ACCESS_KEY_ID");
	const char *secret_key = environment("AWS_SECRET_ACCESS_KEY");
	struct creds c = {.access_key = NULL};
	int r;

	if (access_key && secret_key)
		r = fill(access_key, secret_key, environment("AWS_SESSION_TOKEN"), &c);
	else if (access_key || secret_key)
		r = err_note(ERR_DENIED, "%s is not set",
		             access_key ? "AWS_SECRET_ACCESS_KEY" : "AWS_ACCESS_KEY_ID");
	else
		r = from_file(io, &c);
	if (r != 0) {
		creds_done(&c);
		return r;
	}
	*ret = c;
	return 0;
}

void creds_done(struct creds *c)
{
	secret_free(c->access_key);
	secret_free(c->secret_key);
	secret_free(c->session_token);
	*c = (struct creds){.access_key = NULL};
}

int creds_region(const struct fileio *io, char out[CREDS_REGION_SIZE])
{
	struct wanted w = {.name = "region", .value = environment("AWS_REGION")};
	char *text = NULL;
	size_t len;
	int r = 0;

	if (!w.value)
		w.value = environment("AWS_DEFAULT_REGION");
	if (!w.value)
		r = read_aws_file(io, "AWS_CONFIG_FILE", "config", &text);
	if (r == 0 && text)
		find_values(text, profile_name(), &w, 1);
	if (r == 0) {
		const char *region = w.value && w.value[0] ? w.value : "us-east-1";

		len = strspn(region, "abcdefghijklmnopqrstuvwxyz0123456789-");
		if (len >= CREDS_REGION_SIZE || region[len] != '\0')
			r = err_note(ERR_USAGE,
			             "the region of AWS_REGION or ~/.aws/config is none");
		else
			memcpy(out, region, len + 1);
	}
	secret_free(text);
	return r;
}
