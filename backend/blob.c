/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The front of every store. What all of them must do alike is done here, once: names are checked
 * before an implementation sees them (so none needs its own defence against "../"), sizes are
 * bounded, and a get that failed leaves the caller's buffer as it was, whatever the implementation
 * had appended.
 */
#include "backend/blob.h"

#include "util/err.h"

#include <string.h>

static bool name_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '/' || c == '.' ||
	       c == '_' || c == '-';
}

bool blob_name_valid(const char *name)
{
	size_t len = strnlen(name, BLOB_NAME_MAX + 1);
	bool part_begins = true;

	if (len == 0 || len > BLOB_NAME_MAX || name[len - 1] == '/')
		return false;
	for (size_t i = 0; i < len; i++) {
		if (!name_char(name[i]))
			return false;
		if (part_begins && (name[i] == '/' || name[i] == '.'))
			return false;
		part_begins = name[i] == '/';
	}
	return true;
}

/* What a listing may begin with: any beginning of a name, also an empty one. */
static bool fragment_valid(const char *text)
{
	size_t len = strnlen(text, BLOB_NAME_MAX + 1);

	if (len > BLOB_NAME_MAX)
		return false;
	for (size_t i = 0; i < len; i++)
		if (!name_char(text[i]))
			return false;
	return true;
}

static int check_put(const char *name, size_t len)
{
	if (!blob_name_valid(name))
		return err_note(ERR_INVAL, "not a name for an object");
	if (len > BLOB_MAX_BYTES)
		return err_note(ERR_FBIG, "%s: larger than an object can be", name);
	return 0;
}

int blob_put(struct blob *b, const char *name, const void *data, size_t len)
{
	int r = check_put(name, len);

	return r ? r : b->ops->put(b, name, data, len);
}

int blob_put_new(struct blob *b, const char *name, const void *data, size_t len)
{
	int r = check_put(name, len);

	return r ? r : b->ops->put_new(b, name, data, len);
}

int blob_get(struct blob *b, const char *name, uint64_t off, size_t len, struct buf *out)
{
	size_t before = out->len;
	int r;

	if (!blob_name_valid(name))
		return err_note(ERR_INVAL, "not a name for an object");
	if (buf_error(out))
		return buf_error(out);
	r = b->ops->get(b, name, off, len, out);
	if (r != 0) {
		out->len = before;
		out->error = 0;
	}
	return r;
}

int blob_list(struct blob *b, const char *prefix, const char *after, blob_list_fn fn, void *ctx)
{
	if (!fragment_valid(prefix) || (after && !fragment_valid(after)))
		return err_note(ERR_INVAL, "not the beginning of an object's name");
	return b->ops->list(b, prefix, after, fn, ctx);
}

int blob_remove(struct blob *b, const char *name)
{
	if (!blob_name_valid(name))
		return err_note(ERR_INVAL, "not a name for an object");
	return b->ops->remove(b, name);
}

void blob_cancel(struct blob *b)
{
	b->ops->cancel(b);
}

void blob_free(struct blob *b)
{
	if (b)
		b->ops->free(b);
}
