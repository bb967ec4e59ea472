/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names: looking them up, making, linking, renaming and removing them.
 *
 * The kernel checks permissions, sticky folders, loops and busy mounts before it asks. What it
 * leaves to the file system: the umask (it does not apply where the folder has a default ACL), the
 * group of a new entry in a setgid folder, and the reserved name `.snapshots` in the root, which is
 * always there and cannot be changed.
 */
#include "fs/reply.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#define ACL_DEFAULT "system.posix_acl_default"

/* linux/fs.h has them, and so has stdio.h, depending on the C library */
#define FLAG_NOREPLACE 1u
#define FLAG_EXCHANGE 2u

static int check_name(const char *name)
{
	return strlen(name) > VOLUME_NAME_MAX ? ERR_NAMETOOLONG : 0;
}

/* ---- looking ---- */

/* A name in `.snapshots`: the root as it was then. Nothing is kept about names that are no time. */
static void lookup_when(fuse_req_t req, const char *name)
{
	struct fs *fs = fs_of(req);
	struct fuse_entry_param e;
	struct fs_node root = {0};
	struct volume_attr attr;
	int64_t epoch;
	int r;

	r = volume_when(fs->volume, name, &epoch, NULL);
	if (r != 0) {
		reply_code(req, r == ERR_BADTIME || r == ERR_NOHISTORY ? ERR_NOENT : r);
		return;
	}
	r = view_hold(fs->views, epoch, &root.view);
	if (r != 0) {
		reply_code(req, r);
		return;
	}
	root.at = epoch;
	r = volume_getattr(fs->volume, VOLUME_ROOT, epoch, &attr);
	if (r == 0)
		r = reply_entry_take(fs, &root, &attr, &e);
	if (r == 0) {
		e.entry_timeout = 0;
		if (fuse_reply_entry(req, &e) != 0)
			reply_entry_undo(fs, &e);
	} else {
		reply_code(req, r);
	}
	view_unref(fs->views, root.view);
}

/* "..", which only file handles (NFS) ask for. */
static void lookup_parent(fuse_req_t req, const struct fs_node *node)
{
	struct fs *fs = fs_of(req);
	struct fs_node dir = *node;
	struct volume_attr attr;
	uint64_t ino = VOLUME_ROOT;
	int r = 0;

	if (node->snapshots || (node->view != 0 && node->ino == VOLUME_ROOT)) {
		dir = (struct fs_node){.view = 0, .at = fs->at};
		dir.ino = node->snapshots ? VOLUME_ROOT : VIEW_SNAPSHOTS;
		dir.snapshots = !node->snapshots;
	} else {
		r = volume_parent(fs->volume, node->ino, node->at, &ino);
		dir.ino = ino;
	}
	if (r == 0)
		r = fs_node_attr(fs, &dir, &attr);
	if (r == 0)
		reply_entry(req, &dir, &attr, NULL);
	else
		reply_code(req, r);
}

static void op_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct fs *fs = fs_of(req);
	struct volume_attr attr;
	struct fs_node dir;
	int r = fs_node(fs, parent, &dir);

	if (r == 0)
		r = check_name(name);
	if (r != 0) {
		reply_code(req, r);
		return;
	}
	if (strcmp(name, "..") == 0) {
		lookup_parent(req, &dir);
		return;
	}
	if (strcmp(name, ".") == 0) {
		r = fs_node_attr(fs, &dir, &attr);
		/* a file handle outlived its file */
		r = r == ERR_NOENT ? ERR_STALE : r;
	} else if (dir.snapshots) {
		lookup_when(req, name);
		return;
	} else if (fs_is_snapshots(&dir, name)) {
		fs_snapshots_attr(fs, &attr);
	} else {
		r = volume_lookup(fs->volume, dir.ino, name, strlen(name), dir.at, &attr);
	}
	if (r == 0)
		reply_entry(req, &dir, &attr, NULL);
	else if (r == ERR_NOENT)
		reply_no_entry(req);
	else
		reply_code(req, r);
}

static void op_forget(fuse_req_t req, fuse_ino_t node, uint64_t count)
{
	fs_forget(fs_of(req), node, count);
	fuse_reply_none(req);
}

static void op_forget_multi(fuse_req_t req, size_t count, struct fuse_forget_data *forgets)
{
	for (size_t i = 0; i < count; i++)
		fs_forget(fs_of(req), forgets[i].ino, forgets[i].nlookup);
	fuse_reply_none(req);
}

static void op_readlink(fuse_req_t req, fuse_ino_t ino)
{
	struct fs *fs = fs_of(req);
	char target[VOLUME_TARGET_MAX + 1];
	struct fs_node node;
	int r = fs_node(fs, ino, &node);

	if (r == 0 && node.snapshots)
		r = ERR_INVAL;
	if (r == 0)
		r = volume_readlink(fs->volume, node.ino, node.at, target);
	if (r == 0)
		fuse_reply_readlink(req, target);
	else
		reply_code(req, r);
}

/* ---- making ---- */

/* A folder in which a name is to be made: it must be live, and the name must be free to use. */
static int begin_make(struct fs *fs, fuse_ino_t parent, const char *name, struct fs_node *ret)
{
	int r = fs_node_write(fs, parent, ret);

	if (r == 0)
		r = check_name(name);
	if (r == 0 && fs_is_snapshots(ret, name))
		r = ERR_EXIST;
	return r;
}

/* Owner, group and permissions of something new in folder @dir. */
static int new_rights(fuse_req_t req, const struct fs_node *dir, mode_t mode,
                      struct volume_new *what)
{
	const struct fuse_ctx *ctx = fuse_req_ctx(req);
	struct fs *fs = fs_of(req);
	struct volume_attr parent;
	size_t len;
	int r;

	r = volume_getattr(fs->volume, dir->ino, VOLUME_NOW, &parent);
	if (r != 0)
		return r;
	what->uid = ctx->uid;
	what->gid = ctx->gid;
	if (parent.mode & S_ISGID) {
		what->gid = parent.gid;
		if (S_ISDIR(mode))
			mode |= S_ISGID;
	}
	if (!S_ISLNK(mode) && (mode & ctx->umask)) {
		r = volume_getxattr(fs->volume, dir->ino, VOLUME_NOW, ACL_DEFAULT, NULL, 0, &len);
		if (r == ERR_NODATA)
			mode &= ~ctx->umask;
		else if (r != 0)
			return r;
	}
	what->mode = mode;
	return 0;
}

static int make(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode,
                struct volume_new *what, struct fs_node *ret_dir, struct volume_attr *ret)
{
	struct fs *fs = fs_of(req);
	int r = begin_make(fs, parent, name, ret_dir);

	if (r == 0)
		r = new_rights(req, ret_dir, mode, what);
	if (r == 0)
		r = volume_create(fs->volume, ret_dir->ino, name, strlen(name), what, ret);
	return r;
}

/* O_TMPFILE */
static int make_unnamed(fuse_req_t req, fuse_ino_t parent, mode_t mode, struct volume_new *what,
                        struct fs_node *ret_dir, struct volume_attr *ret)
{
	struct fs *fs = fs_of(req);
	int r = fs_node_write(fs, parent, ret_dir);

	if (r == 0)
		r = new_rights(req, ret_dir, mode, what);
	if (r == 0)
		r = volume_create_unnamed(fs->volume, ret_dir->ino, what, ret);
	return r;
}

static void make_and_reply(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode,
                           struct volume_new *what)
{
	struct volume_attr attr;
	struct fs_node dir;
	int r = make(req, parent, name, mode, what, &dir, &attr);

	if (r == 0)
		reply_entry(req, &dir, &attr, NULL);
	else
		reply_code(req, r);
}

static void op_mknod(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode, dev_t rdev)
{
	struct volume_new what = {.rdev = rdev};

	make_and_reply(req, parent, name, mode & S_IFMT ? mode : mode | S_IFREG, &what);
}

static void op_mkdir(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode)
{
	struct volume_new what = {0};

	make_and_reply(req, parent, name, S_IFDIR | (mode & ~(mode_t)S_IFMT), &what);
}

static void op_symlink(fuse_req_t req, const char *target, fuse_ino_t parent, const char *name)
{
	struct volume_new what = {.target = target, .target_len = strlen(target)};

	if (what.target_len > VOLUME_TARGET_MAX)
		reply_code(req, ERR_NAMETOOLONG);
	else
		make_and_reply(req, parent, name, S_IFLNK | 0777, &what);
}

static void op_create(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode,
                      struct fuse_file_info *fi)
{
	struct volume_new what = {0};
	struct volume_attr attr;
	struct fs_node dir;
	int r;

	mode = S_IFREG | (mode & ~(mode_t)S_IFMT);
	r = wire_is_tmpfile() ? make_unnamed(req, parent, mode, &what, &dir, &attr)
	                      : make(req, parent, name, mode, &what, &dir, &attr);
	/*
	 * The kernel asks for this only when it saw that there is no such name. If there is one
	 * now, ESTALE has it look again, and then open what it finds, with all its checks.
	 */
	if (r == ERR_EXIST && !(fi->flags & O_EXCL))
		r = ERR_STALE;
	if (r != 0) {
		reply_code(req, r);
		return;
	}
	fi->keep_cache = 1;
	reply_entry(req, &dir, &attr, fi);
}

static void op_link(fuse_req_t req, fuse_ino_t ino, fuse_ino_t parent, const char *name)
{
	struct fs *fs = fs_of(req);
	struct volume_attr attr;
	struct fs_node node, dir;
	int r = begin_make(fs, parent, name, &dir);

	if (r == 0)
		r = fs_node(fs, ino, &node);
	if (r == 0 && (node.snapshots || node.view != dir.view)) {
		/* the past is another device as far as links are concerned */
		fuse_reply_err(req, EXDEV);
		return;
	}
	if (r == 0)
		r = volume_link(fs->volume, node.ino, dir.ino, name, strlen(name), &attr);
	if (r == 0)
		reply_entry(req, &dir, &attr, NULL);
	else
		reply_code(req, r);
}

/* ---- removing ---- */

static void remove_name(fuse_req_t req, fuse_ino_t parent, const char *name,
                        int (*fn)(struct volume *, uint64_t, const char *, size_t))
{
	struct fs *fs = fs_of(req);
	struct fs_node dir;
	int r = fs_node_write(fs, parent, &dir);

	if (r == 0 && fs_is_snapshots(&dir, name))
		r = ERR_PERM;
	if (r == 0)
		r = check_name(name);
	if (r == 0)
		r = fn(fs->volume, dir.ino, name, strlen(name));
	reply_code(req, r);
}

static void op_unlink(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	remove_name(req, parent, name, volume_unlink);
}

static void op_rmdir(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	remove_name(req, parent, name, volume_rmdir);
}

/* The kernel keeps the lists of folders: in that of one that moved, ".." is another folder now. */
static void forget_list(struct fs *fs, uint64_t parent, const char *name)
{
	struct volume_attr attr;

	if (volume_lookup(fs->volume, parent, name, strlen(name), VOLUME_NOW, &attr) == 0 &&
	    S_ISDIR(attr.mode))
		fuse_lowlevel_notify_inval_inode(fs->session, attr.ino, 0, 0);
}

static void op_rename(fuse_req_t req, fuse_ino_t parent, const char *name, fuse_ino_t new_parent,
                      const char *new_name, unsigned flags)
{
	struct fs *fs = fs_of(req);
	struct fs_node from, to;
	unsigned how = 0;
	int r;

	if (flags & FLAG_NOREPLACE)
		how |= VOLUME_RENAME_NOREPLACE;
	if (flags & FLAG_EXCHANGE)
		how |= VOLUME_RENAME_EXCHANGE;
	r = fs_node_write(fs, parent, &from);
	if (r == 0)
		r = fs_node_write(fs, new_parent, &to);
	if (r == 0 && ((flags & ~(FLAG_NOREPLACE | FLAG_EXCHANGE)) || how == 3))
		r = ERR_INVAL;
	if (r == 0 && (fs_is_snapshots(&from, name) || fs_is_snapshots(&to, new_name)))
		r = ERR_PERM;
	if (r == 0)
		r = check_name(name);
	if (r == 0)
		r = check_name(new_name);
	if (r == 0)
		r = volume_rename(fs->volume, from.ino, name, strlen(name), to.ino, new_name,
		                  strlen(new_name), how);
	if (r == 0 && from.ino != to.ino) {
		forget_list(fs, to.ino, new_name);
		if (how & VOLUME_RENAME_EXCHANGE)
			forget_list(fs, from.ino, name);
	}
	reply_code(req, r);
}

void fs_names_ops(struct fuse_lowlevel_ops *ops)
{
	ops->lookup = op_lookup;
	ops->forget = op_forget;
	ops->forget_multi = op_forget_multi;
	ops->readlink = op_readlink;
	ops->mknod = op_mknod;
	ops->mkdir = op_mkdir;
	ops->symlink = op_symlink;
	ops->create = op_create;
	ops->link = op_link;
	ops->unlink = op_unlink;
	ops->rmdir = op_rmdir;
	ops->rename = op_rename;
}
