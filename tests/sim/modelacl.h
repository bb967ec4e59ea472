/* SPDX-License-Identifier: Apache-2.0 */
/*
 * POSIX ACLs in the model (acl(5), and the kernel's layout of the two attributes): who sets one
 * sets the mode with it, chmod changes the access ACL, and what is made in a folder inherits its
 * default ACL.
 */
#ifndef AMBERFS_TESTS_SIM_MODELACL_H
#define AMBERFS_TESTS_SIM_MODELACL_H

#include "tests/sim/model.h"

#define MODELACL_ACCESS "system.posix_acl_access"
#define MODELACL_DEFAULT "system.posix_acl_default"
#define MODELACL_ENTRIES_MAX 16

struct modelacl_entry {
	unsigned tag; /* enum modelacl_tag */
	unsigned perm;
	uint32_t id;
};

enum modelacl_tag {
	MODELACL_OWNER = 1,
	MODELACL_USER = 2,
	MODELACL_GROUP = 4,
	MODELACL_NAMED_GROUP = 8,
	MODELACL_MASK = 16,
	MODELACL_OTHER = 32,
};

/** Is it the name of one of the two? */
bool modelacl_is(const char *name);
bool modelacl_has(const struct model_node *n, const char *name);
bool modelacl_valid(const void *value, size_t len);

/** @n entries as the bytes of an attribute; returns their length. @out: 4 + 8 * @n bytes. */
size_t modelacl_bytes(const struct modelacl_entry *entries, size_t n, uint8_t *out);

/** Attribute @name of @n was set: the mode follows an access ACL. */
void modelacl_changed(struct model_node *n, const char *name);

/** The access ACL follows the mode. */
void modelacl_chmod(struct model_node *n, uint32_t mode);

/** The new node @n in @folder. */
void modelacl_inherit(struct model_node *n, const struct model_node *folder);

#endif
