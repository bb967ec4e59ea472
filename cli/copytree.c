/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A walk by descriptors (openat and its kin, never following links), so nothing that changes
 * meanwhile can lead it elsewhere.
 *
 * Hard links: the first name of an inode is copied, its path in the target remembered, later names
 * become links to it. Only files with several names are remembered. A file's times are set last:
 * size and modification time together say that it is complete.
 */
#include "cli/copytree.h"

#include "cli/copyfile.h"
#include "cli/interrupt.h"
#include "util/err.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define BUCKETS 4096

struct link {
	struct link *next;
	ino_t ino;
	char path[]; /* in the target */
};

struct copytree {
	struct copytree_params p;
	int from;
	int to;
	char path[PATH_MAX]; /* of the entry at hand, from the roots */
	struct link *links[BUCKETS];
	struct copytree_totals *totals;
};

/* The place of one entry: its folders, its name in them, what it is. */
struct entry {
	int from;
	int to;
	const char *name;
	struct stat st;
};

int copytree_new(const struct copytree_params *p, struct copytree **ret)
{
	struct copytree *c = calloc(1, sizeof(*c));
	struct rlimit files;
	int err = 0;

	if (!c)
		return ERR_NOMEM;
	c->p = *p;
	c->to = -1;
	c->from = open(p->from, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (c->from < 0)
		err = err_note(err_from_errno(errno), "%s", p->from);
	else if ((c->to = open(p->to, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0)
		err = err_note(err_from_errno(errno), "%s", p->to);
	if (err) {
		copytree_free(c);
		return err;
	}
	/* three descriptors a level of folders */
	if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
		files.rlim_cur = files.rlim_max;
		setrlimit(RLIMIT_NOFILE, &files);
	}
	*ret = c;
	return 0;
}

void copytree_free(struct copytree *c)
{
	if (!c)
		return;
	for (size_t i = 0; i < BUCKETS; i++) {
		while (c->links[i]) {
			struct link *next = c->links[i]->next;

			free(c->links[i]);
			c->links[i] = next;
		}
	}
	if (c->from >= 0)
		close(c->from);
	if (c->to >= 0)
		close(c->to);
	free(c);
}

static bool ends_it(int err)
{
	return err == ERR_NOSPC || err == ERR_IO || err == ERR_ROFS || err == ERR_CANCELED ||
	       err == ERR_NOMEM;
}

/* Count a failure of this entry and go on, or end all. */
static int pass_over(struct copytree *c, int err)
{
	if (err == 0 || ends_it(err))
		return err;
	if (c->totals->failures++ == 0)
		snprintf(c->totals->first_failure, sizeof(c->totals->first_failure),
		         "%.180s: %.60s", c->path, err_text(err));
	return 0;
}

static int failed(const struct copytree *c)
{
	return err_note(err_from_errno(errno), "%s", c->path);
}

static size_t push(struct copytree *c, const char *name)
{
	size_t len = strlen(c->path);

	snprintf(c->path + len, sizeof(c->path) - len, "%s%s", len ? "/" : "", name);
	return len;
}

static int each_entry(struct copytree *c, int from, int to,
                      int (*fn)(struct copytree *c, const struct entry *e))
{
	int fd = openat(from, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), err = 0;
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *de;

	if (!d) {
		err = failed(c);
		if (fd >= 0)
			close(fd);
		return err;
	}
	while (err == 0 && (errno = 0, de = readdir(d))) {
		struct entry e = {.from = from, .to = to, .name = de->d_name};
		size_t len;

		if (strcmp(e.name, ".") == 0 || strcmp(e.name, "..") == 0)
			continue;
		len = push(c, e.name);
		if (interrupt_seen())
			err = err_note(ERR_CANCELED, "by a signal");
		else if (fstatat(from, e.name, &e.st, AT_SYMLINK_NOFOLLOW))
			err = pass_over(c, failed(c));
		else
			err = fn(c, &e);
		c->path[len] = '\0';
	}
	if (err == 0 && errno)
		err = failed(c);
	closedir(d);
	return err;
}

/* ---- counting ---- */

static int count_entry(struct copytree *c, const struct entry *e)
{
	int fd, err;

	c->totals->entries++;
	if (S_ISREG(e->st.st_mode))
		c->totals->bytes += (uint64_t)e->st.st_size;
	if (!S_ISDIR(e->st.st_mode))
		return 0;
	fd = openat(e->from, e->name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	/* what cannot be read is reported by the copy */
	if (fd < 0)
		return 0;
	err = each_entry(c, fd, -1, count_entry);
	close(fd);
	return ends_it(err) ? err : 0;
}

/* ---- copying ---- */

static int copy_entry(struct copytree *c, const struct entry *e);

static int copy_folder(struct copytree *c, const struct entry *e)
{
	int from = -1, to = -1, err = 0;

	if (mkdirat(e->to, e->name, 0700) && errno != EEXIST)
		return failed(c);
	from = openat(e->from, e->name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	to = openat(e->to, e->name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (from < 0 || to < 0)
		err = failed(c);
	/* one that an earlier try finished may be closed to its owner */
	if (err == 0 && fchmod(to, 0700))
		err = failed(c);
	if (err == 0)
		err = each_entry(c, from, to, copy_entry);
	if (err == 0)
		err = copyfile_attributes(from, to, &e->st);
	if (from >= 0)
		close(from);
	if (to >= 0)
		close(to);
	return err;
}

static struct link **bucket(struct copytree *c, ino_t ino)
{
	return &c->links[(ino * 0x9e3779b97f4a7c15ull) >> 52];
}

/* Make a link to the copy of an earlier name. *ret_done stays false when there is none. */
static int copy_as_link(struct copytree *c, const struct entry *e, bool *ret_done)
{
	const struct link *l = *bucket(c, e->st.st_ino);

	while (l && l->ino != e->st.st_ino)
		l = l->next;
	if (!l)
		return 0;
	unlinkat(e->to, e->name, 0);
	if (linkat(c->to, l->path, e->to, e->name, 0)) {
		/* a target that has no hard links, or has too many of this file already, gets a
		 * copy */
		return errno == EPERM || errno == EMLINK || errno == EXDEV ? 0 : failed(c);
	}
	*ret_done = true;
	return 0;
}

static int remember_link(struct copytree *c, const struct entry *e)
{
	size_t len = strlen(c->path) + 1;
	struct link *l = malloc(sizeof(*l) + len);

	if (!l)
		return ERR_NOMEM;
	memcpy(l->path, c->path, len);
	l->ino = e->st.st_ino;
	l->next = *bucket(c, l->ino);
	*bucket(c, l->ino) = l;
	return 0;
}

static void copied_bytes(void *ctx, uint64_t n)
{
	struct copytree *c = ctx;

	c->totals->bytes += n;
	if (c->p.progress)
		c->p.progress(c->p.ctx, c->totals->bytes);
}

static int copy_symlink(struct copytree *c, const struct entry *e)
{
	char target[PATH_MAX];
	struct timespec times[2] = {e->st.st_atim, e->st.st_mtim};
	ssize_t n = readlinkat(e->from, e->name, target, sizeof(target) - 1);

	if (n < 0)
		return failed(c);
	target[n] = '\0';
	unlinkat(e->to, e->name, 0);
	if (symlinkat(target, e->to, e->name))
		return failed(c);
	if (geteuid() == 0 &&
	    fchownat(e->to, e->name, e->st.st_uid, e->st.st_gid, AT_SYMLINK_NOFOLLOW))
		return failed(c);
	return utimensat(e->to, e->name, times, AT_SYMLINK_NOFOLLOW) ? failed(c) : 0;
}

static int copy_special(struct copytree *c, const struct entry *e)
{
	struct timespec times[2] = {e->st.st_atim, e->st.st_mtim};

	unlinkat(e->to, e->name, 0);
	if (mknodat(e->to, e->name, e->st.st_mode & (S_IFMT | 0600), e->st.st_rdev))
		return failed(c);
	if (geteuid() == 0 &&
	    fchownat(e->to, e->name, e->st.st_uid, e->st.st_gid, AT_SYMLINK_NOFOLLOW))
		return failed(c);
	if (fchmodat(e->to, e->name, e->st.st_mode & 07777, 0))
		return failed(c);
	return utimensat(e->to, e->name, times, AT_SYMLINK_NOFOLLOW) ? failed(c) : 0;
}

static int copy_content(struct copytree *c, const struct entry *e)
{
	if (S_ISREG(e->st.st_mode))
		return copyfile_regular(e->from, e->to, e->name, &e->st, copied_bytes, c);
	if (S_ISLNK(e->st.st_mode))
		return copy_symlink(c, e);
	return copy_special(c, e);
}

static int copy_entry(struct copytree *c, const struct entry *e)
{
	bool linked = false;
	int err = 0;

	c->totals->entries++;
	if (S_ISDIR(e->st.st_mode))
		return pass_over(c, copy_folder(c, e));
	if (e->st.st_nlink > 1)
		err = copy_as_link(c, e, &linked);
	if (err == 0 && linked && S_ISREG(e->st.st_mode))
		copied_bytes(c, (uint64_t)e->st.st_size);
	if (err == 0 && !linked)
		err = copy_content(c, e);
	if (err == 0 && !linked && e->st.st_nlink > 1)
		err = remember_link(c, e);
	return pass_over(c, err);
}

/* ---- from a path ---- */

/* Walk to the folder of @path, in the source and, where @to is given, in the target, which gets the
 * folders it lacks. */
static int walk_to(struct copytree *c, const char *path, int *from, int *to, const char **ret_name)
{
	char name[NAME_MAX + 1];
	size_t len;
	int next;

	for (; path[len = strcspn(path, "/")] == '/'; path += len + 1) {
		if (len > NAME_MAX)
			return err_note(ERR_NAMETOOLONG, "%s", path);
		memcpy(name, path, len);
		name[len] = '\0';
		push(c, name);
		next = openat(*from, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (next < 0)
			return failed(c);
		close(*from);
		*from = next;
		if (*to < 0)
			continue;
		if (mkdirat(*to, name, 0755) && errno != EEXIST)
			return failed(c);
		next = openat(*to, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (next < 0)
			return failed(c);
		close(*to);
		*to = next;
	}
	*ret_name = path;
	return 0;
}

static int at_path(struct copytree *c, const char *path, bool copy, struct copytree_totals *totals)
{
	int (*fn)(struct copytree * c, const struct entry *e) = copy ? copy_entry : count_entry;
	struct entry e = {.from = dup(c->from), .to = copy ? dup(c->to) : -1};
	int err;

	c->totals = totals;
	c->path[0] = '\0';
	if (!*path) {
		err = each_entry(c, e.from, e.to, fn);
		goto out;
	}
	err = walk_to(c, path, &e.from, &e.to, &e.name);
	if (err)
		goto out;
	push(c, e.name);
	if (fstatat(e.from, e.name, &e.st, AT_SYMLINK_NOFOLLOW))
		err = failed(c);
	else
		err = fn(c, &e);
out:
	if (e.from >= 0)
		close(e.from);
	if (e.to >= 0)
		close(e.to);
	return err;
}

int copytree_count(struct copytree *c, const char *path, struct copytree_totals *totals)
{
	return at_path(c, path, false, totals);
}

int copytree_copy(struct copytree *c, const char *path, struct copytree_totals *totals)
{
	return at_path(c, path, true, totals);
}

int copytree_sync(struct copytree *c)
{
	return syncfs(c->to) ? err_note(err_from_errno(errno), "%s", c->p.to) : 0;
}
