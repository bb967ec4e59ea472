/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Extended attributes. ACLs are ordinary ones here: the kernel reads and enforces them, the volume
 * keeps the mode in step.
 *
 * A write drops security.capability (a program that was changed is not the program that was
 * trusted). The kernel leaves that to the file system, so every write would have to look; a small
 * table remembers files that have none. A place of it holds the number of one such file, and is
 * cleared around every change that might give the file one.
 */
#include "fs/reply.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>

#define ACL_ACCESS "system.posix_acl_access"
#define ACL_DEFAULT "system.posix_acl_default"
#define CAPABILITY "security.capability"
#define TRUSTED "trusted."
#define GROUPS_MAX 256

static _Atomic uint64_t *plain_place(struct fs *fs, uint64_t ino)
{
	return &fs->plain[ino % FS_PLAIN_FILES];
}

int fs_drop_capability(struct fs *fs, uint64_t ino)
{
	_Atomic uint64_t *place = plain_place(fs, ino);
	int r;

	if (atomic_load(place) == ino)
		return 0;
	r = volume_removexattr(fs->volume, ino, CAPABILITY);
	if (r != 0 && r != ERR_NODATA)
		return r;
	atomic_store(place, ino);
	return 0;
}

void fs_capability_changed(struct fs *fs, uint64_t ino)
{
	atomic_store(plain_place(fs, ino), 0);
}

/* xattr(7): names begin with one of these, and have something behind it; of system. there are only the ACLs. */
static int check_namespace(const char *name)
{
	static const char *const prefixes[] = {"user.", "trusted.", "security."};

	if (strcmp(name, ACL_ACCESS) == 0 || strcmp(name, ACL_DEFAULT) == 0)
		return 0;
	for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++)
		if (strncmp(name, prefixes[i], strlen(prefixes[i])) == 0)
			return name[strlen(prefixes[i])] ? 0 : ERR_INVAL;
	return ERR_NOTSUP;
}

static void op_getxattr(fuse_req_t req, fuse_ino_t ino, const char *name, size_t size)
{
	struct fs *fs = fs_of(req);
	char *value = NULL;
	struct fs_node node;
	size_t len = 0;
	int r = fs_node(fs, ino, &node);

	if (r == 0 && size > VOLUME_XATTR_MAX)
		size = VOLUME_XATTR_MAX;
	if (r == 0 && size > 0 && !(value = malloc(size)))
		r = ERR_NOMEM;
	if (r == 0 && strcmp(name, FS_CONTROL_XATTR) == 0) {
		len = strlen(fs->control_path);
		if (size > 0 && size < len)
			r = ERR_RANGE;
		else if (size > 0)
			memcpy(value, fs->control_path, len);
	} else if (r == 0 && (r = check_namespace(name)) == 0 && node.snapshots) {
		r = ERR_NODATA;
	} else if (r == 0) {
		r = volume_getxattr(fs->volume, node.ino, node.at, name, value, size, &len);
	}
	if (r != 0)
		reply_code(req, r);
	else if (size == 0)
		fuse_reply_xattr(req, len);
	else
		fuse_reply_buf(req, value, len);
	free(value);
}

/* Leave out the names that only root may see; returns the new length. */
static size_t hide_trusted(char *names, size_t len)
{
	size_t kept = 0;

	for (size_t at = 0; at < len;) {
		size_t n = strnlen(names + at, len - at) + 1;

		n = n > len - at ? len - at : n;
		if (strncmp(names + at, TRUSTED, strlen(TRUSTED)) != 0) {
			memmove(names + kept, names + at, n);
			kept += n;
		}
		at += n;
	}
	return kept;
}

static void op_listxattr(fuse_req_t req, fuse_ino_t ino, size_t size)
{
	struct fs *fs = fs_of(req);
	char *names = malloc(VOLUME_XATTR_MAX);
	struct fs_node node;
	size_t len = 0;
	int r = fs_node(fs, ino, &node);

	if (r == 0 && !names)
		r = ERR_NOMEM;
	if (r == 0 && !node.snapshots)
		r = volume_listxattr(fs->volume, node.ino, node.at, names, VOLUME_XATTR_MAX, &len);
	if (r == 0 && fuse_req_ctx(req)->uid != 0)
		len = hide_trusted(names, len);
	if (r == 0 && size > 0 && size < len)
		r = ERR_RANGE;
	if (r != 0)
		reply_code(req, r);
	else if (size == 0)
		fuse_reply_xattr(req, len);
	else
		fuse_reply_buf(req, names, len);
	free(names);
}

static bool in_group(fuse_req_t req, gid_t gid)
{
	gid_t groups[GROUPS_MAX];
	int n;

	if (fuse_req_ctx(req)->gid == gid)
		return true;
	n = fuse_req_getgroups(req, GROUPS_MAX, groups);
	for (int i = 0; i < n && i < GROUPS_MAX; i++)
		if (groups[i] == gid)
			return true;
	return false;
}

/* An ACL set by someone outside the file's group drops setgid, as chmod(2) would. libfuse does not
 * pass on the kernel's word for it. */
static int drop_setgid(fuse_req_t req, const struct fs_node *node)
{
	struct fs *fs = fs_of(req);
	struct volume_attr attr, after;
	int r;

	if (fuse_req_ctx(req)->uid == 0)
		return 0;
	r = volume_getattr(fs->volume, node->ino, VOLUME_NOW, &attr);
	if (r != 0 || !(attr.mode & S_ISGID) || in_group(req, attr.gid))
		return r;
	attr.mode &= ~(uint32_t)S_ISGID;
	return volume_setattr(fs->volume, node->ino, VOLUME_SET_MODE, &attr, &after);
}

/* A change of an extended attribute: the reserved one cannot be changed. */
static int begin_change(struct fs *fs, fuse_ino_t ino, const char *name, struct fs_node *ret)
{
	int r = fs_node_write(fs, ino, ret);

	if (r == 0 && strcmp(name, FS_CONTROL_XATTR) == 0)
		r = ERR_PERM;
	return r;
}

static void op_setxattr(fuse_req_t req, fuse_ino_t ino, const char *name, const char *value,
                        size_t size, int flags)
{
	struct fs *fs = fs_of(req);
	struct fs_node node;
	unsigned how = 0;
	int r = begin_change(fs, ino, name, &node);

	if (r == 0)
		r = check_namespace(name);
	if (flags & XATTR_CREATE)
		how |= VOLUME_XATTR_CREATE;
	if (flags & XATTR_REPLACE)
		how |= VOLUME_XATTR_REPLACE;
	if (r == 0) {
		bool capability = strcmp(name, CAPABILITY) == 0;

		if (capability)
			fs_capability_changed(fs, node.ino);
		r = volume_setxattr(fs->volume, node.ino, name, value, size, how);
		/* again: a write may have looked in between */
		if (capability)
			fs_capability_changed(fs, node.ino);
	}
	if (r == 0 && strcmp(name, ACL_ACCESS) == 0)
		r = drop_setgid(req, &node);
	reply_code(req, r);
}

static void op_removexattr(fuse_req_t req, fuse_ino_t ino, const char *name)
{
	struct fs *fs = fs_of(req);
	struct fs_node node;
	int r = begin_change(fs, ino, name, &node);

	if (r == 0)
		r = check_namespace(name);
	if (r == 0)
		r = volume_removexattr(fs->volume, node.ino, name);
	reply_code(req, r);
}

void fs_xattr_ops(struct fuse_lowlevel_ops *ops)
{
	ops->getxattr = op_getxattr;
	ops->listxattr = op_listxattr;
	ops->setxattr = op_setxattr;
	ops->removexattr = op_removexattr;
}
