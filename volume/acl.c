/* SPDX-License-Identifier: Apache-2.0 */
#include "volume/acl.h"

#define HEADER_BYTES 4
#define ENTRY_BYTES 8
#define VERSION 2

enum acl_tag {
	TAG_USER_OBJ = 0x01,
	TAG_USER = 0x02,
	TAG_GROUP_OBJ = 0x04,
	TAG_GROUP = 0x08,
	TAG_MASK = 0x10,
	TAG_OTHER = 0x20,
};

static size_t entry_count(size_t len)
{
	return (len - HEADER_BYTES) / ENTRY_BYTES;
}

static unsigned tag_of(const uint8_t *acl, size_t i)
{
	const uint8_t *e = acl + HEADER_BYTES + i * ENTRY_BYTES;

	return (unsigned)(e[0] | e[1] << 8);
}

static uint8_t *perm_at(uint8_t *acl, size_t i)
{
	return acl + HEADER_BYTES + i * ENTRY_BYTES + 2;
}

bool acl_valid(const void *data, size_t len)
{
	const uint8_t *acl = data;
	unsigned seen = 0;

	if (len < HEADER_BYTES || (len - HEADER_BYTES) % ENTRY_BYTES != 0)
		return false;
	if (acl[0] != VERSION || acl[1] || acl[2] || acl[3])
		return false;
	for (size_t i = 0; i < entry_count(len); i++) {
		unsigned tag = tag_of(acl, i);
		const uint8_t *perm = acl + HEADER_BYTES + i * ENTRY_BYTES + 2;

		if (perm[0] > 7 || perm[1] != 0)
			return false;
		if (tag != TAG_USER && tag != TAG_GROUP) {
			if ((tag & (TAG_USER_OBJ | TAG_GROUP_OBJ | TAG_MASK | TAG_OTHER)) != tag ||
			    (seen & tag))
				return false;
		}
		seen |= tag;
	}
	if ((seen & (TAG_USER_OBJ | TAG_GROUP_OBJ | TAG_OTHER)) !=
	    (TAG_USER_OBJ | TAG_GROUP_OBJ | TAG_OTHER))
		return false;
	return (seen & TAG_MASK) || !(seen & (TAG_USER | TAG_GROUP));
}

/* Which entry the group bits of a mode stand for: the mask, where there is one. */
static unsigned group_tag(const uint8_t *acl, size_t len)
{
	for (size_t i = 0; i < entry_count(len); i++)
		if (tag_of(acl, i) == TAG_MASK)
			return TAG_MASK;
	return TAG_GROUP_OBJ;
}

static int shift_of(unsigned tag, unsigned group)
{
	return tag == TAG_USER_OBJ ? 6 : tag == group ? 3 : tag == TAG_OTHER ? 0 : -1;
}

void acl_inherit(void *data, size_t len, uint32_t *mode, bool *ret_needed)
{
	uint8_t *acl = data;
	unsigned group = group_tag(acl, len);
	uint32_t bits = 0;

	for (size_t i = 0; i < entry_count(len); i++) {
		int shift = shift_of(tag_of(acl, i), group);

		if (shift < 0)
			continue;
		*perm_at(acl, i) &= (uint8_t)(*mode >> shift & 7);
		bits |= (uint32_t)*perm_at(acl, i) << shift;
	}
	*mode = (*mode & ~0777u) | bits;
	*ret_needed = entry_count(len) > 3;
}

void acl_chmod(void *data, size_t len, uint32_t mode)
{
	uint8_t *acl = data;
	unsigned group = group_tag(acl, len);

	for (size_t i = 0; i < entry_count(len); i++) {
		int shift = shift_of(tag_of(acl, i), group);

		if (shift >= 0)
			*perm_at(acl, i) = (uint8_t)(mode >> shift & 7);
	}
}

uint32_t acl_mode(const void *data, size_t len, bool *ret_needed)
{
	const uint8_t *acl = data;
	unsigned group = group_tag(acl, len);
	uint32_t bits = 0;

	for (size_t i = 0; i < entry_count(len); i++) {
		int shift = shift_of(tag_of(acl, i), group);

		if (shift >= 0)
			bits |= (uint32_t)acl[HEADER_BYTES + i * ENTRY_BYTES + 2] << shift;
	}
	*ret_needed = entry_count(len) > 3;
	return bits;
}
