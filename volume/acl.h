/* SPDX-License-Identifier: Apache-2.0 */
/*
 * POSIX ACLs as far as a filesystem server must know them: inheriting a default ACL, and keeping
 * the mode bits and the access ACL in step (IEEE 1003.1e draft 17, acl(5)). The kernel enforces
 * them.
 *
 * The bytes are those of the extended attributes system.posix_acl_*: u32 version 2, then entries of
 * u16 tag, u16 permissions, u32 id, little endian.
 */
#ifndef AMBERFS_VOLUME_ACL_H
#define AMBERFS_VOLUME_ACL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ACL_XATTR_ACCESS "system.posix_acl_access"
#define ACL_XATTR_DEFAULT "system.posix_acl_default"

/** Whether the bytes are an ACL at all, with the entries that every ACL has. */
bool acl_valid(const void *data, size_t len);

/**
 * A new inode with @*mode below a folder with default ACL @acl (valid): change the bytes in place
 * to the inode's access ACL and @*mode to what it allows. *ret_needed: whether it says more than
 * the mode.
 */
void acl_inherit(void *acl, size_t len, uint32_t *mode, bool *ret_needed);

/** chmod: change the access ACL in place so that it says what @mode says. */
void acl_chmod(void *acl, size_t len, uint32_t mode);

/** The permission bits that a valid access ACL gives a mode; *ret_needed as above. */
uint32_t acl_mode(const void *acl, size_t len, bool *ret_needed);

#endif
