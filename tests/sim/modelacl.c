/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/modelacl.h"

#include "util/check.h"

#include <string.h>
#include <sys/stat.h>

struct acl {
	struct modelacl_entry e[MODELACL_ENTRIES_MAX];
	size_t n;
};

bool modelacl_is(const char *name)
{
	return strcmp(name, MODELACL_ACCESS) == 0 || strcmp(name, MODELACL_DEFAULT) == 0;
}

static const char *interned(const char *name)
{
	return model_intern(name, strlen(name));
}

bool modelacl_has(const struct model_node *n, const char *name)
{
	return model_xattr_get(n, interned(name)) != NULL;
}

static uint32_t little(const uint8_t *at, size_t bytes)
{
	uint32_t n = 0;

	while (bytes-- > 0)
		n = n << 8 | at[bytes];
	return n;
}

static bool parse(const void *value, size_t len, struct acl *ret)
{
	const uint8_t *at = value;

	memset(ret, 0, sizeof(*ret));
	if (len < 4 || (len - 4) % 8 != 0 || (len - 4) / 8 > MODELACL_ENTRIES_MAX ||
	    little(at, 4) != 2)
		return false;
	for (at += 4; ret->n < (len - 4) / 8; at += 8) {
		struct modelacl_entry *e = &ret->e[ret->n++];

		e->tag = little(at, 2);
		e->perm = little(at + 2, 2);
		e->id = little(at + 4, 4);
	}
	return true;
}

static struct modelacl_entry *find(struct acl *acl, unsigned tag)
{
	for (size_t i = 0; i < acl->n; i++)
		if (acl->e[i].tag == tag)
			return &acl->e[i];
	return NULL;
}

static size_t count(const struct acl *acl, unsigned tags)
{
	size_t n = 0;

	for (size_t i = 0; i < acl->n; i++)
		n += (acl->e[i].tag & tags) == acl->e[i].tag;
	return n;
}

bool modelacl_valid(const void *value, size_t len)
{
	static const unsigned single[] = {MODELACL_OWNER, MODELACL_GROUP, MODELACL_OTHER};
	struct acl acl;
	size_t named;

	if (!parse(value, len, &acl))
		return false;
	for (size_t i = 0; i < 3; i++)
		if (count(&acl, single[i]) != 1)
			return false;
	named = count(&acl, MODELACL_USER) + count(&acl, MODELACL_NAMED_GROUP);
	for (size_t i = 0; i < acl.n; i++)
		if (acl.e[i].perm > 7)
			return false;
	return count(&acl, MODELACL_MASK) <= 1 && (named == 0 || count(&acl, MODELACL_MASK) == 1) &&
	       acl.n == 3 + named + count(&acl, MODELACL_MASK);
}

size_t modelacl_bytes(const struct modelacl_entry *entries, size_t n, uint8_t *out)
{
	memset(out, 0, 4 + 8 * n);
	out[0] = 2;
	for (size_t i = 0; i < n; i++) {
		uint8_t *at = out + 4 + 8 * i;

		at[0] = (uint8_t)entries[i].tag;
		at[1] = (uint8_t)(entries[i].tag >> 8);
		at[2] = (uint8_t)entries[i].perm;
		at[3] = (uint8_t)(entries[i].perm >> 8);
		for (int b = 0; b < 4; b++)
			at[4 + b] = (uint8_t)(entries[i].id >> 8 * b);
	}
	return 4 + 8 * n;
}

static void set(struct model_node *n, const char *name, const struct acl *acl)
{
	uint8_t bytes[4 + 8 * MODELACL_ENTRIES_MAX];
	size_t len = modelacl_bytes(acl->e, acl->n, bytes);

	model_xattr_set(n, interned(name), bytes, len);
}

static bool get(const struct model_node *n, const char *name, struct acl *ret)
{
	const struct model_value *v = model_xattr_get(n, interned(name));

	return v && parse(v->data, v->len, ret);
}

/* What the group's bits of a mode are: the mask's, where there is one. */
static struct modelacl_entry *group_class(struct acl *acl)
{
	struct modelacl_entry *mask = find(acl, MODELACL_MASK);

	return mask ? mask : find(acl, MODELACL_GROUP);
}

static uint32_t mode_of(struct acl *acl)
{
	return find(acl, MODELACL_OWNER)->perm << 6 | group_class(acl)->perm << 3 |
	       find(acl, MODELACL_OTHER)->perm;
}

void modelacl_changed(struct model_node *n, const char *name)
{
	struct acl acl;

	if (strcmp(name, MODELACL_ACCESS) != 0 || !get(n, name, &acl))
		return;
	n->mode = (n->mode & ~(uint32_t)0777) | mode_of(&acl);
	/* it says no more than the mode */
	if (acl.n == 3)
		model_xattr_set(n, interned(name), NULL, 0);
}

void modelacl_chmod(struct model_node *n, uint32_t mode)
{
	struct acl acl;

	n->mode = mode;
	if (!get(n, MODELACL_ACCESS, &acl))
		return;
	find(&acl, MODELACL_OWNER)->perm = mode >> 6 & 7;
	group_class(&acl)->perm = mode >> 3 & 7;
	find(&acl, MODELACL_OTHER)->perm = mode & 7;
	set(n, MODELACL_ACCESS, &acl);
}

void modelacl_inherit(struct model_node *n, const struct model_node *folder)
{
	struct acl acl;

	if (!get(folder, MODELACL_DEFAULT, &acl))
		return;
	if (model_is_dir(n))
		set(n, MODELACL_DEFAULT, &acl);
	find(&acl, MODELACL_OWNER)->perm &= n->mode >> 6 & 7;
	group_class(&acl)->perm &= n->mode >> 3 & 7;
	find(&acl, MODELACL_OTHER)->perm &= n->mode & 7;
	n->mode = (n->mode & ~(uint32_t)0777) | mode_of(&acl);
	if (acl.n > 3)
		set(n, MODELACL_ACCESS, &acl);
}
