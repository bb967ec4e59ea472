/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A stack of element names as one path ("ListBucketResult/Contents/Key") decides what a text means.
 * Text gathers in `text` from the start of an element and is used at its end. The first thing that
 * is wrong stops the parser and is the result.
 */
#include "backend/xml.h"

#include "backend/url.h"
#include "util/buf.h"
#include "util/err.h"

#include <expat.h>
#include <stdlib.h>
#include <string.h>

#define PATH_MAX_BYTES 256

struct reader {
	XML_Parser parser;
	int result;
	char path[PATH_MAX_BYTES];
	size_t path_len;
	unsigned depth;
	struct buf text;
	void (*element)(struct reader *r, const char *path, char *text);
	/* ListBucketResult */
	struct xml_list *list;
	bool encoded;
	bool complete;
	bool has_size;
	struct xml_key key;
	/* Error */
	struct xml_error *error;
};

static void stop(struct reader *r, int code, const char *why)
{
	if (r->result == 0)
		r->result = err_note(code, "the store's XML %s", why);
	XML_StopParser(r->parser, XML_FALSE);
}

static void on_doctype(void *ctx, const char *name, const char *system, const char *public,
                       int has_subset)
{
	(void)name;
	(void)system;
	(void)public;
	(void)has_subset;
	stop(ctx, ERR_CORRUPT, "has a document type");
}

static void on_start(void *ctx, const char *name, const char **attributes)
{
	struct reader *r = ctx;
	size_t len = strlen(name);

	(void)attributes;
	if (r->depth == XML_DEPTH_MAX || len > PATH_MAX_BYTES - 2 - r->path_len) {
		stop(r, ERR_CORRUPT, "is nested too deeply");
		return;
	}
	if (r->depth++ > 0)
		r->path[r->path_len++] = '/';
	memcpy(r->path + r->path_len, name, len + 1);
	r->path_len += len;
	buf_reset(&r->text);
}

static void on_end(void *ctx, const char *name)
{
	struct reader *r = ctx;

	/* expat may finish the element at which it was stopped */
	if (r->result != 0)
		return;
	buf_add(&r->text, "", 1);
	if (buf_error(&r->text)) {
		stop(r, buf_error(&r->text) == ERR_NOMEM ? ERR_NOMEM : ERR_CORRUPT,
		     "has a text that is too long");
		return;
	}
	r->element(r, r->path, (char *)r->text.data);
	r->path_len -= strlen(name);
	if (--r->depth > 0)
		r->path_len--;
	r->path[r->path_len] = '\0';
	buf_reset(&r->text);
}

static void on_text(void *ctx, const char *text, int len)
{
	struct reader *r = ctx;

	buf_add(&r->text, text, (size_t)len);
	if (buf_error(&r->text))
		stop(r, buf_error(&r->text) == ERR_NOMEM ? ERR_NOMEM : ERR_CORRUPT,
		     "has a text that is too long");
}

static int read_body(struct reader *r, const void *data, size_t len)
{
	if (len > XML_BODY_MAX)
		return err_note(ERR_CORRUPT, "the store's XML is too long");
	r->parser = XML_ParserCreate(NULL);
	if (!r->parser)
		return ERR_NOMEM;
	buf_init(&r->text, XML_TEXT_MAX + 1);
	XML_SetUserData(r->parser, r);
	XML_SetElementHandler(r->parser, on_start, on_end);
	XML_SetCharacterDataHandler(r->parser, on_text);
	XML_SetStartDoctypeDeclHandler(r->parser, on_doctype);
	if (XML_Parse(r->parser, data, (int)len, 1) != XML_STATUS_OK && r->result == 0) {
		enum XML_Error why = XML_GetErrorCode(r->parser);

		r->result =
		    why == XML_ERROR_NO_MEMORY
		        ? ERR_NOMEM
		        : err_note(ERR_CORRUPT, "the store's XML: %s", XML_ErrorString(why));
	}
	XML_ParserFree(r->parser);
	buf_done(&r->text);
	return r->result;
}

/* At most 19 digits, so that it cannot overflow. */
static bool read_number(const char *text, uint64_t *ret)
{
	size_t len = strspn(text, "0123456789");
	uint64_t value = 0;

	if (len == 0 || len > 19 || text[len] != '\0')
		return false;
	for (; *text; text++)
		value = value * 10 + (uint64_t)(*text - '0');
	*ret = value;
	return true;
}

static char *copy_text(struct reader *r, const char *text)
{
	char *copy = strdup(text);

	if (!copy)
		stop(r, ERR_NOMEM, "does not fit into memory");
	return copy;
}

static void end_of_key(struct reader *r)
{
	struct xml_list *list = r->list;

	if (!r->key.key || !r->has_size) {
		stop(r, ERR_CORRUPT, "lists an object without a key or size");
		return;
	}
	if (!list->keys)
		list->keys = calloc(XML_KEYS_MAX, sizeof(*list->keys));
	if (!list->keys || list->count == XML_KEYS_MAX) {
		stop(r, list->keys ? ERR_CORRUPT : ERR_NOMEM,
		     "lists more keys than were asked for");
		return;
	}
	list->keys[list->count++] = r->key;
	r->key.key = NULL;
	r->has_size = false;
}

static void list_element(struct reader *r, const char *path, char *text)
{
	static const char root[] = "ListBucketResult";

	if (strncmp(path, root, strlen(root)) != 0) {
		stop(r, ERR_CORRUPT, "is not a listing");
		return;
	}
	path += strlen(root);
	if (path[0] == '\0') {
		r->complete = true;
	} else if (strcmp(path, "/Contents/Key") == 0) {
		free(r->key.key);
		r->key.key = copy_text(r, text);
	} else if (strcmp(path, "/Contents/Size") == 0) {
		r->has_size = read_number(text, &r->key.size_bytes);
	} else if (strcmp(path, "/Contents") == 0) {
		end_of_key(r);
	} else if (strcmp(path, "/EncodingType") == 0) {
		r->encoded = strcmp(text, "url") == 0;
	} else if (strcmp(path, "/IsTruncated") == 0) {
		r->list->truncated = strcmp(text, "true") == 0;
	} else if (strcmp(path, "/NextContinuationToken") == 0) {
		free(r->list->token);
		r->list->token = copy_text(r, text);
	}
}

/* Keys with characters that no object of ours has are left out. */
static void decode_keys(struct xml_list *list)
{
	size_t kept = 0;

	for (size_t i = 0; i < list->count; i++) {
		if (url_decode(list->keys[i].key) == 0)
			list->keys[kept++] = list->keys[i];
		else
			free(list->keys[i].key);
	}
	list->count = kept;
}

int xml_read_list(const void *data, size_t len, struct xml_list *ret)
{
	struct xml_list list = {.keys = NULL};
	struct reader r = {.element = list_element, .list = &list};
	int result = read_body(&r, data, len);

	free(r.key.key);
	if (result == 0 && !r.complete)
		result = err_note(ERR_CORRUPT, "the store's XML is not a listing");
	if (result == 0 && list.truncated && !list.token)
		result = err_note(ERR_CORRUPT, "the store's XML breaks off without a token");
	if (result != 0) {
		xml_list_done(&list);
		return result;
	}
	if (r.encoded)
		decode_keys(&list);
	*ret = list;
	return 0;
}

void xml_list_done(struct xml_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		free(list->keys[i].key);
	free(list->keys);
	free(list->token);
	*list = (struct xml_list){.keys = NULL};
}

/* As much of @text as fits, fit for a terminal. */
static void copy_printable(char *out, size_t size, const char *text)
{
	size_t i;

	for (i = 0; i + 1 < size && text[i]; i++)
		out[i] = text[i] >= ' ' && text[i] <= '~' ? text[i] : '?';
	out[i] = '\0';
}

static void error_element(struct reader *r, const char *path, char *text)
{
	if (strcmp(path, "Error/Code") == 0)
		copy_printable(r->error->code, sizeof(r->error->code), text);
	else if (strcmp(path, "Error/Message") == 0)
		copy_printable(r->error->message, sizeof(r->error->message), text);
}

void xml_read_error(const void *data, size_t len, struct xml_error *ret)
{
	struct reader r = {.element = error_element, .error = ret};

	*ret = (struct xml_error){.code = ""};
	/* a body that was cut off says what it said until there */
	if (len > 0)
		read_body(&r, data, len);
}
