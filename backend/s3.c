/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The operations of a blob store in terms of single requests.
 *
 * get asks for no more than the caller's buffer can take plus one byte: so a body that is too long
 * is noticed without being fetched. A listing goes page by page and believes nothing about the
 * order: each key must be greater than the one before, which also ends a server that sends the same
 * page for ever.
 */
#include "backend/s3.h"

#include "backend/s3wire.h"
#include "backend/url.h"
#include "backend/xml.h"
#include "util/err.h"

#include <stdlib.h>
#include <string.h>

#define EMPTY_PAGES_MAX 100
#define QUERY_MAX 16384

struct s3 {
	struct blob base;
	struct s3wire *wire;
};

static struct s3wire *wire_of(struct blob *b)
{
	return ((struct s3 *)b)->wire;
}

static int s3_put(struct blob *b, const char *name, const void *data, size_t len)
{
	return s3wire_do(wire_of(b), &(struct s3wire_request){
	                                 .method = "PUT",
	                                 .name = name,
	                                 .body = data,
	                                 .body_len = len,
	                             });
}

static int s3_put_new(struct blob *b, const char *name, const void *data, size_t len)
{
	return s3wire_do(wire_of(b), &(struct s3wire_request){
	                                 .method = "PUT",
	                                 .name = name,
	                                 .body = data,
	                                 .body_len = len,
	                                 .only_new = true,
	                             });
}

static int s3_get(struct blob *b, const char *name, uint64_t off, size_t len, struct buf *out)
{
	size_t room = out->max - out->len;
	struct s3wire_request q = {.method = "GET", .name = name, .out = out};
	int r;

	/* no object reaches beyond, and the sum of both stays far from overflow */
	if (off > BLOB_MAX_BYTES)
		off = BLOB_MAX_BYTES;
	q.ranged = off != 0 || len < BLOB_MAX_BYTES;
	q.range_off = off;
	q.out_max = len < BLOB_MAX_BYTES ? len : BLOB_MAX_BYTES;
	if (q.out_max > room)
		q.out_max = (uint64_t)room + 1;
	/* a range cannot be empty, yet whether the object is there has to be asked */
	if (len == 0) {
		q.out = NULL;
		q.out_max = 1;
	}
	r = s3wire_do(wire_of(b), &q);
	if (r == ERR_FBIG && q.ranged && q.out_max <= room)
		return err_note(ERR_UNAVAILABLE, "%s: the store sent more than was asked for",
		                name);
	if (r == ERR_FBIG)
		return err_note(ERR_FBIG, "%s: larger than expected", name);
	return r;
}

static int s3_remove(struct blob *b, const char *name)
{
	int r = s3wire_do(wire_of(b), &(struct s3wire_request){.method = "DELETE", .name = name});

	return r == ERR_MISSING ? 0 : r;
}

struct listing {
	struct s3wire *wire;
	const char *prefix;
	const char *after;
	blob_list_fn fn;
	void *ctx;
	char *token; /* where the next page begins; NULL: at the start */
	char *last;  /* the greatest key that was seen */
	unsigned empty_pages;
};

static void add_param(struct buf *b, const char *name, const char *first, const char *second)
{
	buf_add(b, b->len > 0 ? "&" : "", b->len > 0 ? 1 : 0);
	buf_add(b, name, strlen(name));
	buf_add(b, "=", 1);
	url_encode(b, first, false);
	url_encode(b, second, false);
}

/* Sorted by name, as the signature wants it. */
static int make_query(const struct listing *l, struct buf *out)
{
	const char *key_prefix = s3wire_key_prefix(l->wire);

	if (l->token)
		add_param(out, "continuation-token", l->token, "");
	add_param(out, "encoding-type", "url", "");
	add_param(out, "list-type", "2", "");
	add_param(out, "max-keys", "1000", "");
	add_param(out, "prefix", key_prefix, l->prefix);
	if (l->after && !l->token)
		add_param(out, "start-after", key_prefix, l->after);
	buf_add(out, "", 1);
	return buf_error(out);
}

static int read_page(struct listing *l, struct xml_list *ret)
{
	struct buf query;
	struct buf body;
	int r;

	buf_init(&query, QUERY_MAX);
	buf_init(&body, XML_BODY_MAX);
	r = make_query(l, &query);
	if (r == 0)
		r = s3wire_do(l->wire, &(struct s3wire_request){
		                           .method = "GET",
		                           .query = (const char *)query.data,
		                           .out = &body,
		                           .out_max = XML_BODY_MAX,
		                       });
	if (r == ERR_FBIG)
		r = err_note(ERR_CORRUPT, "a page of the listing is too long");
	if (r == 0)
		r = xml_read_list(body.data, body.len, ret);
	buf_done(&body);
	buf_done(&query);
	return r;
}

static bool starts_with(const char *text, const char *start)
{
	return strncmp(text, start, strlen(start)) == 0;
}

/* Takes the strings of @page that it needs later. */
static int visit_page(struct listing *l, struct xml_list *page)
{
	const char *key_prefix = s3wire_key_prefix(l->wire);
	size_t skip = strlen(key_prefix);

	for (size_t i = 0; i < page->count; i++) {
		struct blob_info info = {.size_bytes = page->keys[i].size_bytes};
		int r;

		if (l->last && strcmp(page->keys[i].key, l->last) <= 0)
			return err_note(ERR_CORRUPT, "the store's listing is not in order");
		free(l->last);
		l->last = page->keys[i].key;
		page->keys[i].key = NULL;
		if (!starts_with(l->last, key_prefix))
			continue;
		info.name = l->last + skip;
		/* what others keep in the bucket is none of ours */
		if (!blob_name_valid(info.name) || !starts_with(info.name, l->prefix))
			continue;
		if (l->after && strcmp(info.name, l->after) <= 0)
			continue;
		r = l->fn(l->ctx, &info);
		if (r != 0)
			return r;
	}
	return 0;
}

static int s3_list(struct blob *b, const char *prefix, const char *after, blob_list_fn fn,
                   void *ctx)
{
	struct listing l = {
	    .wire = wire_of(b), .prefix = prefix, .after = after, .fn = fn, .ctx = ctx};
	bool more = true;
	int r = 0;

	while (r == 0 && more) {
		struct xml_list page = {.keys = NULL};

		r = read_page(&l, &page);
		if (r != 0)
			break;
		l.empty_pages = page.count ? 0 : l.empty_pages + 1;
		more = page.truncated;
		free(l.token);
		l.token = page.token;
		page.token = NULL;
		r = visit_page(&l, &page);
		xml_list_done(&page);
		if (r == 0 && l.empty_pages > EMPTY_PAGES_MAX)
			r = err_note(ERR_CORRUPT, "the store's listing does not end");
	}
	free(l.token);
	free(l.last);
	return r;
}

static void s3_cancel(struct blob *b)
{
	s3wire_cancel(wire_of(b));
}

static void s3_free(struct blob *b)
{
	s3wire_free(wire_of(b));
	free(b);
}

static const struct blob_ops s3_ops = {
    .put = s3_put,
    .put_new = s3_put_new,
    .get = s3_get,
    .list = s3_list,
    .remove = s3_remove,
    .cancel = s3_cancel,
    .free = s3_free,
};

int s3_open(const struct s3_config *config, struct blob **ret)
{
	struct s3 *s = calloc(1, sizeof(*s));
	int r;

	if (!s)
		return ERR_NOMEM;
	s->base.ops = &s3_ops;
	r = s3wire_open(config, &s->wire);
	if (r != 0) {
		free(s);
		return r;
	}
	*ret = &s->base;
	return 0;
}
