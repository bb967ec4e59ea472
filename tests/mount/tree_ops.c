/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The operations. Each is one system call whose result, success or error, follows from the model. After a success the nodes
 * that it concerned are looked at: attributes must be the model's, times must not have gone back and are noted, since a
 * time that nobody changes afterwards must stay to the nanosecond.
 */
#include "tests/mount/tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

const char *const tree_xattr[TREE_XATTRS] = {
    "user.a", "user.second", "user.with.a.longer.name.that.says.nothing.and.does.it.at.length"};

/* ---- choices ---- */

static int name_of_type(struct tree *t, int domain, mode_t type)
{
	for (int tries = 0; tries < 12; tries++) {
		int i = tree_some_name(t, domain);

		if (i >= 0 && (t->m->node[t->m->name[i].node].mode & S_IFMT) == type)
			return i;
	}
	return -1;
}

/* ---- what is seen ---- */

static bool before(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec != b->tv_sec ? a->tv_sec < b->tv_sec : a->tv_nsec < b->tv_nsec;
}

static bool equal(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

static void check_times(struct tree *t, const char *path, const struct tree_node *n,
                        const struct stat *st, bool changed)
{
	bool well = changed ? !before(&st->st_ctim, &n->ctime)
	                    : equal(&st->st_ctim, &n->ctime) && equal(&st->st_mtim, &n->mtime);

	if (!well)
		tree_fail(
		    t, "%s: mtime %jd.%09ld ctime %jd.%09ld, and before%s %jd.%09ld and %jd.%09ld",
		    tree_show(path), (intmax_t)st->st_mtim.tv_sec, st->st_mtim.tv_nsec,
		    (intmax_t)st->st_ctim.tv_sec, st->st_ctim.tv_nsec,
		    changed ? "" : ", with no change since,", (intmax_t)n->mtime.tv_sec,
		    n->mtime.tv_nsec, (intmax_t)n->ctime.tv_sec, n->ctime.tv_nsec);
}

void tree_look(struct tree *t, int domain, int node, bool changed)
{
	struct tree_node *n = &t->m->node[node];
	int name = tree_name_of(t, domain, node);
	char path[TREE_PATH];
	struct stat st;

	if (name < 0)
		return;
	tree_name_path(t, name, path);
	if (lstat(path, &st) != 0)
		tree_fail(t, "lstat of %s: %s", tree_show(path), strerror(errno));
	if (st.st_mode != n->mode || st.st_uid != n->uid || st.st_gid != n->gid ||
	    st.st_nlink != tree_nlink(t, domain, node) ||
	    (!S_ISDIR(n->mode) && st.st_size != n->size))
		tree_fail(t, "%s: mode %o owner %u:%u links %u size %jd instead of %o %u:%u %u %u",
		          tree_show(path), st.st_mode, st.st_uid, st.st_gid, (unsigned)st.st_nlink,
		          (intmax_t)st.st_size, n->mode, n->uid, n->gid,
		          tree_nlink(t, domain, node), n->size);
	check_times(t, path, n, &st, changed);
	n->mtime = st.st_mtim;
	n->ctime = st.st_ctim;
}

bool tree_came_true(struct tree *t, int r, int want)
{
	int got = r < 0 ? errno : 0;

	if (got != want)
		tree_fail(t, "gave '%s' instead of '%s'", strerror(got), strerror(want));
	return got == 0;
}

static int open_node(struct tree *t, int name, int flags)
{
	char path[TREE_PATH];
	int fd;

	tree_name_path(t, name, path);
	fd = open(path, flags | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		tree_fail(t, "open of %s: %s", tree_show(path), strerror(errno));
	return fd;
}

/* ---- content ---- */

static void op_write(struct tree *t, int domain)
{
	int name = name_of_type(t, domain, S_IFREG), fd;
	bool append = tree_one_in(t, 4);
	struct tree_node *n;
	uint32_t off, len;

	if (name < 0)
		return;
	n = &t->m->node[t->m->name[name].node];
	len = (uint32_t)(1 + tree_below(t, tree_one_in(t, 4) ? 12000 : 300));
	off = append ? n->size : (uint32_t)tree_below(t, TREE_DATA - 12000);
	if (off + len > TREE_DATA)
		return;
	tree_say(t, "write node %" PRIu64 " at %u +%u", n->id, off, len);
	fd = open_node(t, name, O_WRONLY | (append ? O_APPEND : 0));
	tree_fill(tree_random(t), n->data + off, len);
	if (pwrite(fd, n->data + off, len, off) != (ssize_t)len)
		tree_fail(t, "write: %s", strerror(errno));
	if (off + len > n->size)
		n->size = off + len;
	if (tree_one_in(t, 10) && fsync(fd) != 0)
		tree_fail(t, "fsync: %s", strerror(errno));
	if (close(fd) != 0)
		tree_fail(t, "close: %s", strerror(errno));
	tree_look(t, domain, t->m->name[name].node, true);
}

static void op_truncate(struct tree *t, int domain)
{
	int name = name_of_type(t, domain, S_IFREG);
	uint32_t size = (uint32_t)tree_below(t, TREE_DATA);
	char path[TREE_PATH];
	struct tree_node *n;

	if (name < 0)
		return;
	n = &t->m->node[t->m->name[name].node];
	tree_name_path(t, name, path);
	tree_say(t, "truncate node %" PRIu64 " from %u to %u", n->id, n->size, size);
	if (!tree_came_true(t, truncate(path, size), 0))
		return;
	if (size < n->size)
		memset(n->data + size, 0, n->size - size);
	n->size = size;
	tree_look(t, domain, t->m->name[name].node, true);
}

static void op_read(struct tree *t, int domain)
{
	static uint8_t data[TREE_DATA + 1];
	int name = name_of_type(t, domain, S_IFREG), fd;
	const struct tree_node *n;
	ssize_t got;

	if (name < 0)
		return;
	n = &t->m->node[t->m->name[name].node];
	tree_say(t, "read node %" PRIu64, n->id);
	fd = open_node(t, name, O_RDONLY);
	got = read(fd, data, sizeof(data));
	close(fd);
	if (got != (ssize_t)n->size)
		tree_fail(t, "read %zd bytes instead of %u", got, n->size);
	for (ssize_t i = 0; i < got; i++)
		if (data[i] != n->data[i])
			tree_fail(t, "byte %zd is %02x instead of %02x", i, data[i], n->data[i]);
}

/* A file without a name can still be used. */
static void op_unlinked(struct tree *t, int domain)
{
	int name = name_of_type(t, domain, S_IFREG), fd, node, parent;
	char path[TREE_PATH], text[8] = "";
	struct stat st;

	if (name < 0)
		return;
	node = t->m->name[name].node;
	parent = t->m->name[name].parent;
	if (t->m->node[node].links != 1)
		return;
	tree_name_path(t, name, path);
	tree_say(t, "use and unlink %s", tree_show(path));
	fd = open_node(t, name, O_RDWR);
	if (unlink(path) != 0 || pwrite(fd, "unlinked", 8, 5000) != 8 ||
	    pread(fd, text, 8, 5000) != 8 || fstat(fd, &st) != 0)
		tree_fail(t, "an unlinked file: %s", strerror(errno));
	if (memcmp(text, "unlinked", 8) != 0 || st.st_nlink != 0)
		tree_fail(t, "an unlinked file has %u links", (unsigned)st.st_nlink);
	if (close(fd) != 0)
		tree_fail(t, "close: %s", strerror(errno));
	tree_name_remove(t, name);
	tree_look(t, domain, parent, true);
}

/* ---- attributes ---- */

static void op_chmod(struct tree *t, int domain)
{
	int name = tree_some_name(t, domain);
	mode_t bits = (mode_t)tree_below(t, 01000) | 0600;
	char path[TREE_PATH];
	struct tree_node *n;

	if (name < 0)
		return;
	n = &t->m->node[t->m->name[name].node];
	if (S_ISLNK(n->mode))
		return;
	if (S_ISDIR(n->mode))
		bits |= 0700;
	tree_name_path(t, name, path);
	tree_say(t, "chmod %o %s", bits, tree_show(path));
	if (!tree_came_true(t, chmod(path, bits), 0))
		return;
	n->mode = (n->mode & S_IFMT) | bits;
	tree_look(t, domain, t->m->name[name].node, true);
}

static void op_chown(struct tree *t, int domain)
{
	int name = tree_some_name(t, domain);
	uid_t uid = 1000 + (uid_t)tree_below(t, 5);
	gid_t gid = 2000 + (gid_t)tree_below(t, 5);
	char path[TREE_PATH];
	struct tree_node *n;

	if (name < 0 || geteuid() != 0)
		return;
	n = &t->m->node[t->m->name[name].node];
	tree_name_path(t, name, path);
	tree_say(t, "chown %u:%u %s", uid, gid, tree_show(path));
	if (!tree_came_true(t, lchown(path, uid, gid), 0))
		return;
	n->uid = uid;
	n->gid = gid;
	tree_look(t, domain, t->m->name[name].node, true);
}

static void op_utimens(struct tree *t, int domain)
{
	int name = tree_some_name(t, domain);
	struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, {.tv_nsec = UTIME_NOW}};
	char path[TREE_PATH];
	struct tree_node *n;
	int node;

	if (name < 0)
		return;
	node = t->m->name[name].node;
	n = &t->m->node[node];
	if (!tree_one_in(t, 4)) {
		times[1].tv_sec = (time_t)tree_below(t, 11000000000u) - 2000000000;
		times[1].tv_nsec = (long)tree_below(t, 1000000000);
	}
	tree_name_path(t, name, path);
	tree_say(t, "utimens %jd.%09ld %s", (intmax_t)times[1].tv_sec, times[1].tv_nsec,
	         tree_show(path));
	if (!tree_came_true(t, utimensat(AT_FDCWD, path, times, AT_SYMLINK_NOFOLLOW), 0))
		return;
	tree_look(t, domain, node, true);
	if (times[1].tv_nsec != UTIME_NOW && !equal(&n->mtime, &times[1]))
		tree_fail(t, "mtime is %jd.%09ld", (intmax_t)n->mtime.tv_sec, n->mtime.tv_nsec);
}

static void op_xattr(struct tree *t, int domain)
{
	int name = tree_some_name(t, domain), k = (int)tree_below(t, TREE_XATTRS), flags, want = 0;
	uint8_t value[TREE_XATTR_MAX];
	size_t len = (size_t)tree_below(t, TREE_XATTR_MAX + 1);
	uint64_t seed = tree_random(t);
	char path[TREE_PATH];
	struct tree_node *n;
	bool removing = tree_one_in(t, 4);

	if (name < 0)
		return;
	n = &t->m->node[t->m->name[name].node];
	if (!S_ISREG(n->mode) && !S_ISDIR(n->mode))
		return;
	flags = (int)tree_below(t, 3); /* 0, XATTR_CREATE, XATTR_REPLACE */
	if (n->xattr_len[k] < 0 ? removing || flags == XATTR_REPLACE
	                        : !removing && flags == XATTR_CREATE)
		want = n->xattr_len[k] < 0 ? ENODATA : EEXIST;
	tree_name_path(t, name, path);
	tree_say(t, "%s %s %zu bytes flags %d %s", removing ? "removexattr" : "setxattr",
	         tree_xattr[k], len, flags, tree_show(path));
	tree_fill(seed, value, len);
	if (!tree_came_true(t,
	                    removing ? lremovexattr(path, tree_xattr[k])
	                             : lsetxattr(path, tree_xattr[k], value, len, flags),
	                    want))
		return;
	n->xattr_len[k] = removing ? -1 : (int)len;
	n->xattr_seed[k] = seed;
	tree_look(t, domain, t->m->name[name].node, true);
}

/* ---- looking ---- */

static void op_look(struct tree *t, int domain)
{
	int name = tree_some_name(t, domain);

	if (name < 0)
		return;
	tree_say(t, "look at node %" PRIu64, t->m->node[t->m->name[name].node].id);
	tree_look(t, domain, t->m->name[name].node, false);
}

static void op_readdir(struct tree *t, int domain)
{
	int dir = tree_some_dir(t, domain), name = tree_name_of(t, domain, dir);
	unsigned n = 0, want = tree_children(t, domain, dir, NULL);
	char path[TREE_PATH];
	struct dirent *e;
	DIR *d;

	tree_name_path(t, name, path);
	tree_say(t, "readdir %s", tree_show(path));
	d = opendir(path);
	if (!d)
		tree_fail(t, "opendir: %s", strerror(errno));
	while ((errno = 0, e = readdir(d))) {
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		if (tree_find(t, domain, dir, e->d_name) < 0)
			tree_fail(t, "lists %s, which is not there", tree_show(e->d_name));
		n++;
	}
	if (errno != 0 || n != want)
		tree_fail(t, "lists %u names instead of %u", n, want);
	closedir(d);
}

/* ---- which ---- */

static const struct {
	void (*fn)(struct tree *, int);
	unsigned weight;
} table[] = {
    {tree_op_make, 26}, {tree_op_remove, 14}, {tree_op_rename, 18}, {tree_op_link, 8},
    {op_write, 14},     {op_truncate, 4},     {op_read, 5},         {op_unlinked, 2},
    {op_chmod, 4},      {op_chown, 3},        {op_utimens, 5},      {op_xattr, 8},
    {op_look, 8},       {op_readdir, 4},
};

void tree_operation(struct tree *t)
{
	int domain = tree_one_in(t, 4) ? TREE_SHARED : t->domain;
	unsigned sum = 0;
	uint64_t at;
	size_t i = 0;

	for (size_t k = 0; k < sizeof(table) / sizeof(table[0]); k++)
		sum += table[k].weight;
	at = tree_below(t, sum);
	while (at >= table[i].weight)
		at -= table[i++].weight;
	if (domain == TREE_SHARED && flock(t->lock_fd, LOCK_EX) != 0)
		tree_fail(t, "lock: %s", strerror(errno));
	if ((table[i].fn == tree_op_make || table[i].fn == tree_op_link) &&
	    tree_count(t, domain) >= TREE_PER_DOMAIN)
		tree_op_remove(t, domain);
	else
		table[i].fn(t, domain);
	if (domain == TREE_SHARED && flock(t->lock_fd, LOCK_UN) != 0)
		tree_fail(t, "unlock: %s", strerror(errno));
}
