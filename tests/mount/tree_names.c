/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The operations that change names. A rename may lead out of the shared domain or into it; the lock is held then.
 */
#include "tests/mount/tree.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define NOREPLACE 1u
#define EXCHANGE 2u

/* ---- making and removing ---- */

static void some_new_name(struct tree *t, char out[TREE_NAME])
{
	static const char odd[] = "\001\377 \"'\\\n\t*?\303\244\260";
	size_t len;

	switch (tree_below(t, 12)) {
	case 0:
		len = 200 + (size_t)tree_below(t, 56);
		memset(out, 'a' + (int)tree_below(t, 26), len);
		out[len] = '\0';
		break;
	case 1:
		len = 1 + (size_t)tree_below(t, 8);
		for (size_t i = 0; i < len; i++)
			out[i] = odd[tree_below(t, sizeof(odd) - 1)];
		out[len] = '\0';
		break;
	case 2:
	case 3:
		snprintf(out, TREE_NAME, "name-%" PRIu64, tree_below(t, 1000));
		break;
	default:
		snprintf(out, TREE_NAME, "%c", 'a' + (char)tree_below(t, 14));
	}
}

static int make_at(const char *path, mode_t mode, const char *target)
{
	int fd;

	switch (mode & S_IFMT) {
	case S_IFDIR:
		return mkdir(path, mode & 07777);
	case S_IFLNK:
		return symlink(target, path);
	case S_IFREG:
		fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode & 07777);
		return fd < 0 ? fd : close(fd);
	default:
		return mknod(path, mode, 0);
	}
}

void tree_op_make(struct tree *t, int domain)
{
	static const mode_t types[] = {S_IFREG, S_IFREG, S_IFREG, S_IFDIR,
	                               S_IFDIR, S_IFLNK, S_IFIFO, S_IFSOCK};
	mode_t type = types[tree_below(t, sizeof(types) / sizeof(types[0]))];
	int dir = tree_some_dir(t, domain), node;
	char name[TREE_NAME], path[TREE_PATH], target[TREE_NAME];
	mode_t mode = type | (mode_t)tree_below(t, 0200) | (type == S_IFDIR ? 0700 : 0600);

	if (type == S_IFLNK)
		mode = S_IFLNK | 0777;
	if (tree_depth(t, domain, dir) >= TREE_DEPTH)
		return;
	some_new_name(t, name);
	some_new_name(t, target);
	tree_path(t, domain, dir, name, path);
	tree_say(t, "make %o %s", mode, tree_show(path));
	if (!tree_came_true(t, make_at(path, mode, target),
	                    tree_find(t, domain, dir, name) >= 0 ? EEXIST : 0))
		return;
	node = tree_node_new(t, mode);
	t->m->node[node].uid = geteuid();
	t->m->node[node].gid = getegid();
	if (type == S_IFLNK) {
		snprintf(t->m->node[node].target, TREE_NAME, "%s", target);
		t->m->node[node].size = (uint32_t)strlen(target);
	}
	tree_name_new(t, domain, dir, name, node);
	tree_look(t, domain, node, true);
	tree_look(t, domain, dir, true);
}

void tree_op_remove(struct tree *t, int domain)
{
	int name = tree_some_name(t, domain);
	bool as_dir, is_dir, full;
	char path[TREE_PATH];
	int node, parent;

	if (name < 0)
		return;
	node = t->m->name[name].node;
	parent = t->m->name[name].parent;
	is_dir = tree_is_dir(t, node);
	as_dir = tree_one_in(t, 12) ? !is_dir : is_dir;
	full = is_dir && tree_children(t, domain, node, NULL) > 0;
	tree_name_path(t, name, path);
	tree_say(t, "%s %s", as_dir ? "rmdir" : "unlink", tree_show(path));
	if (!tree_came_true(t, as_dir ? rmdir(path) : unlink(path),
	                    as_dir ? (!is_dir ? ENOTDIR
	                              : full  ? ENOTEMPTY
	                                      : 0)
	                           : (is_dir ? EISDIR : 0)))
		return;
	tree_name_remove(t, name);
	tree_look(t, domain, node, true);
	tree_look(t, domain, parent, true);
}

void tree_op_link(struct tree *t, int domain)
{
	int from = tree_some_name(t, domain), dir = tree_some_dir(t, domain), node;
	char name[TREE_NAME], path[TREE_PATH], old[TREE_PATH];

	if (from < 0)
		return;
	node = t->m->name[from].node;
	some_new_name(t, name);
	tree_path(t, domain, dir, name, path);
	tree_name_path(t, from, old);
	tree_say(t, "link %s %s", tree_show(old), tree_show(path));
	if (!tree_came_true(t, linkat(AT_FDCWD, old, AT_FDCWD, path, 0),
	                    tree_find(t, domain, dir, name) >= 0 ? EEXIST
	                    : tree_is_dir(t, node)               ? EPERM
	                                                         : 0))
		return;
	tree_name_new(t, domain, dir, name, node);
	tree_look(t, domain, node, true);
	tree_look(t, domain, dir, true);
}

/* ---- rename ---- */

struct move {
	int from, from_domain;
	int to; /* a name, or -1 */
	int to_domain;
	int dir; /* of the new name */
	char name[TREE_NAME];
	unsigned flags;
};

static int move_result(struct tree *t, const struct move *m)
{
	int node = t->m->name[m->from].node;
	int other = m->to >= 0 ? t->m->name[m->to].node : -1;
	bool is_dir = tree_is_dir(t, node);

	if (m->flags & NOREPLACE && other >= 0)
		return EEXIST;
	if (m->flags & EXCHANGE && other < 0)
		return ENOENT;
	if (is_dir && m->from_domain == m->to_domain &&
	    tree_is_above(t, m->to_domain, node, m->dir))
		return EINVAL;
	if (other >= 0 && m->from_domain == m->to_domain &&
	    tree_is_above(t, m->from_domain, other, t->m->name[m->from].parent))
		return m->flags & EXCHANGE ? EINVAL : ENOTEMPTY;
	if (other == node || other < 0 || m->flags & EXCHANGE)
		return 0;
	if (is_dir != tree_is_dir(t, other))
		return is_dir ? ENOTDIR : EISDIR;
	return is_dir && tree_children(t, m->to_domain, other, NULL) > 0 ? ENOTEMPTY : 0;
}

/* Both names stay, and lead to each other's node. What moves to another domain takes along what is below. */
static void exchange(struct tree *t, const struct move *m)
{
	struct tree_name *a = &t->m->name[m->from], *b = &t->m->name[m->to];
	struct tree_name old = {.parent = a->parent};
	int node = a->node;

	memcpy(old.name, a->name, TREE_NAME);
	/* the slots change places instead, so that children stay with their folders */
	tree_set_domain(t, m->from, -2);
	tree_set_domain(t, m->to, m->from_domain);
	tree_set_domain(t, m->from, m->to_domain);
	a->parent = b->parent;
	memcpy(a->name, b->name, TREE_NAME);
	b->parent = old.parent;
	memcpy(b->name, old.name, TREE_NAME);
	tree_look(t, m->to_domain, node, true);
	tree_look(t, m->from_domain, b->node, true);
}

static void replace(struct tree *t, const struct move *m)
{
	int node = t->m->name[m->from].node;
	int other = m->to >= 0 ? t->m->name[m->to].node : -1;

	if (m->to >= 0)
		tree_name_remove(t, m->to);
	tree_set_domain(t, m->from, m->to_domain);
	t->m->name[m->from].parent = m->dir;
	memcpy(t->m->name[m->from].name, m->name, TREE_NAME);
	tree_look(t, m->to_domain, node, true);
	if (other >= 0 && tree_name_of(t, m->to_domain, other) >= 0)
		tree_look(t, m->to_domain, other, true);
}

/* Depths stay bounded, and no link may come to lead out of a domain. */
static bool move_allowed(struct tree *t, const struct move *m)
{
	int node = t->m->name[m->from].node;
	unsigned height = tree_height(t, m->from_domain, node);

	if (tree_depth(t, m->to_domain, m->dir) + 1 + height > TREE_DEPTH)
		return false;
	if (m->flags & EXCHANGE && m->to >= 0 &&
	    tree_depth(t, m->from_domain, node) +
	            tree_height(t, m->to_domain, t->m->name[m->to].node) >
	        TREE_DEPTH)
		return false;
	if (m->from_domain == m->to_domain)
		return true;
	return tree_is_alone(t, m->from) &&
	       (m->to < 0 || !(m->flags & EXCHANGE) || tree_is_alone(t, m->to));
}

void tree_op_rename(struct tree *t, int domain)
{
	struct move m = {.from_domain = domain, .to_domain = domain};
	char old[TREE_PATH], new[TREE_PATH];
	int node, parent, chosen;

	/* with the lock held, out of the shared folder or into it */
	if (domain == TREE_SHARED && tree_one_in(t, 2))
		*(tree_one_in(t, 2) ? &m.from_domain : &m.to_domain) = t->domain;
	m.from = tree_some_name(t, m.from_domain);
	if (m.from < 0)
		return;
	chosen = tree_one_in(t, 2) ? tree_some_name(t, m.to_domain) : -1;
	if (chosen >= 0) {
		m.dir = t->m->name[chosen].parent;
		memcpy(m.name, t->m->name[chosen].name, TREE_NAME);
	} else {
		m.dir = tree_some_dir(t, m.to_domain);
		some_new_name(t, m.name);
	}
	m.to = tree_find(t, m.to_domain, m.dir, m.name);
	m.flags = (unsigned)tree_below(t, 5);
	m.flags = m.flags > EXCHANGE ? 0 : m.flags;
	if (!move_allowed(t, &m))
		return;
	node = t->m->name[m.from].node;
	parent = t->m->name[m.from].parent;
	tree_name_path(t, m.from, old);
	tree_path(t, m.to_domain, m.dir, m.name, new);
	tree_say(t, "rename %s to %s flags %u", tree_show(old), tree_show(new), m.flags);
	if (!tree_came_true(t, (int)syscall(SYS_renameat2, AT_FDCWD, old, AT_FDCWD, new, m.flags),
	                    move_result(t, &m)))
		return;
	if (m.to >= 0 && t->m->name[m.to].node == node)
		return; /* two names of one file: nothing happens */
	if (m.flags & EXCHANGE)
		exchange(t, &m);
	else
		replace(t, &m);
	tree_look(t, m.from_domain, parent, true);
	tree_look(t, m.to_domain, m.dir, true);
}
