/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A line has the path, then all that can be seen of what is there, so that equal trees have equal lines. The model's lines
 * end with the id of the node, which is for comparing two lists by what was renamed; the line that a folder gives has none.
 */
#include "tests/mount/tree.h"

#include <dirent.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#define DIFFERENCES 6

struct entry {
	char *line;
	char *path;    /* the printable one */
	uint64_t same; /* equal for names of one node, within a list */
	bool links;
};

struct tree_list {
	struct entry *entries;
	size_t count, capacity;
};

/* What a line says, from either side. */
struct facts {
	mode_t mode;
	uid_t uid;
	gid_t gid;
	unsigned nlink;
	uint64_t size;
	struct timespec mtime;
	struct timespec ctime;
	char what[4 * TREE_NAME]; /* a link's target, or the sum of the content */
	char xattrs[TREE_XATTRS * 40];
};

static uint64_t sum_of(const uint8_t *data, size_t len)
{
	uint64_t sum = 0xcbf29ce484222325u;

	for (size_t i = 0; i < len; i++)
		sum = (sum ^ data[i]) * 0x100000001b3u;
	return sum;
}

static void add(struct tree_list *l, const char *path, const struct facts *f, uint64_t same,
                const char *end)
{
	struct entry *e;

	if (l->count == l->capacity) {
		l->capacity = l->capacity ? 2 * l->capacity : 256;
		l->entries = reallocarray(l->entries, l->capacity, sizeof(*l->entries));
		if (!l->entries)
			err(2, "no memory");
	}
	e = &l->entries[l->count++];
	e->same = same;
	e->links = !S_ISDIR(f->mode) && f->nlink > 1;
	e->path = strdup(tree_show(path));
	if (!e->path ||
	    asprintf(&e->line, "%s\t%o\t%u:%u\t%u\t%" PRIu64 "\t%jd.%09ld\t%jd.%09ld\t%s\t%s%s",
	             e->path, f->mode, f->uid, f->gid, f->nlink, f->size, (intmax_t)f->mtime.tv_sec,
	             f->mtime.tv_nsec, (intmax_t)f->ctime.tv_sec, f->ctime.tv_nsec, f->what,
	             f->xattrs, end) < 0)
		err(2, "no memory");
}

static int by_path(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;

	return strcmp(x->path, y->path);
}

/* Sort, and let the names of one node say the first of them. */
static void finish(struct tree_list *l)
{
	qsort(l->entries, l->count, sizeof(*l->entries), by_path);
	for (size_t i = 0; i < l->count; i++) {
		struct entry *e = &l->entries[i];
		size_t k = 0;
		char *line;

		if (!e->links)
			continue;
		while (l->entries[k].same != e->same || !l->entries[k].links)
			k++;
		if (asprintf(&line, "%s\t=%s", e->line, l->entries[k].path) < 0)
			err(2, "no memory");
		free(e->line);
		e->line = line;
	}
}

static struct tree_list *list_new(void)
{
	struct tree_list *l = calloc(1, sizeof(*l));

	if (!l)
		err(2, "no memory");
	return l;
}

/* ---- from the model ---- */

static void facts_of_node(const struct tree *t, int domain, int node, struct facts *f)
{
	const struct tree_node *n = &t->m->node[node];

	*f = (struct facts){.mode = n->mode,
	                    .uid = n->uid,
	                    .gid = n->gid,
	                    .nlink = tree_nlink(t, domain, node),
	                    .size = n->size,
	                    .mtime = n->mtime,
	                    .ctime = n->ctime};
	if (S_ISLNK(n->mode))
		snprintf(f->what, sizeof(f->what), "%s", tree_show(n->target));
	if (S_ISREG(n->mode))
		snprintf(f->what, sizeof(f->what), "%016" PRIx64, sum_of(n->data, n->size));
	for (int k = 0; k < TREE_XATTRS; k++) {
		uint8_t value[TREE_XATTR_MAX];
		size_t at = strlen(f->xattrs);

		if (n->xattr_len[k] < 0)
			continue;
		tree_fill(n->xattr_seed[k], value, (size_t)n->xattr_len[k]);
		snprintf(f->xattrs + at, sizeof(f->xattrs) - at, " %d=%016" PRIx64, k,
		         sum_of(value, (size_t)n->xattr_len[k]));
	}
}

struct tree_list *tree_list_model(const struct tree *t)
{
	struct tree_list *l = list_new();

	for (int i = 0; i < TREE_NAMES; i++) {
		const struct tree_name *n = &t->m->name[i];
		char path[TREE_PATH], end[40];
		struct facts f;

		if (atomic_load(&n->use) != TREE_LIVE)
			continue;
		tree_name_path(t, i, path);
		facts_of_node(t, n->domain, n->node, &f);
		snprintf(end, sizeof(end), "\tid=%" PRIu64, t->m->node[n->node].id);
		add(l, path + strlen(t->dir) + 1, &f, (uint64_t)n->node, end);
	}
	finish(l);
	return l;
}

/* ---- from a folder ---- */

static bool read_content(const char *path, struct facts *f)
{
	static uint8_t data[TREE_DATA + 1];
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	ssize_t n;

	if (fd < 0)
		return false;
	n = read(fd, data, sizeof(data));
	close(fd);
	if (n >= 0)
		snprintf(f->what, sizeof(f->what), "%016" PRIx64, sum_of(data, (size_t)n));
	return n >= 0;
}

static bool read_xattrs(const char *path, struct facts *f)
{
	char names[4096];
	ssize_t n = llistxattr(path, names, sizeof(names));

	if (n < 0)
		return false;
	for (int k = 0; k < TREE_XATTRS; k++) {
		uint8_t value[TREE_XATTR_MAX];
		size_t at = strlen(f->xattrs);
		ssize_t len = lgetxattr(path, tree_xattr[k], value, sizeof(value));

		if (len < 0 && errno != ENODATA && errno != EPERM)
			return false;
		if (len >= 0)
			snprintf(f->xattrs + at, sizeof(f->xattrs) - at, " %d=%016" PRIx64, k,
			         sum_of(value, (size_t)len));
	}
	/* and no others */
	for (char *p = names; p < names + n; p += strlen(p) + 1) {
		bool ours = false;

		for (int k = 0; k < TREE_XATTRS; k++)
			ours = ours || strcmp(p, tree_xattr[k]) == 0;
		if (!ours && strncmp(p, "security.", 9) != 0)
			snprintf(f->what, sizeof(f->what), "has %.200s", p);
	}
	return true;
}

static bool facts_of_path(const char *path, struct facts *f, uint64_t *ret_ino)
{
	char target[TREE_NAME];
	struct stat st;
	ssize_t n;

	if (lstat(path, &st) != 0)
		return false;
	*ret_ino = st.st_ino;
	*f = (struct facts){.mode = st.st_mode,
	                    .uid = st.st_uid,
	                    .gid = st.st_gid,
	                    .nlink = (unsigned)st.st_nlink,
	                    .size = S_ISDIR(st.st_mode) ? 0 : (uint64_t)st.st_size,
	                    .mtime = st.st_mtim,
	                    .ctime = st.st_ctim};
	if (S_ISREG(st.st_mode) && !read_content(path, f))
		return false;
	if (S_ISLNK(st.st_mode)) {
		n = readlink(path, target, sizeof(target) - 1);
		if (n < 0)
			return false;
		target[n] = '\0';
		snprintf(f->what, sizeof(f->what), "%s", tree_show(target));
	}
	return read_xattrs(path, f);
}

static bool add_folder(struct tree_list *l, const char *root, const char *below)
{
	char path[TREE_PATH];
	struct dirent *e;
	bool ok = true;
	DIR *d;

	snprintf(path, sizeof(path), "%s%s%s", root, *below ? "/" : "", below);
	d = opendir(path);
	if (!d)
		return false;
	while (ok && (errno = 0, e = readdir(d))) {
		char inside[TREE_PATH];
		struct facts f;
		uint64_t ino;

		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0 ||
		    (!*below && strcmp(e->d_name, "lock") == 0))
			continue;
		if (snprintf(path, sizeof(path), "%s%s%s/%s", root, *below ? "/" : "", below,
		             e->d_name) >= (int)sizeof(path) ||
		    snprintf(inside, sizeof(inside), "%s%s%s", below, *below ? "/" : "",
		             e->d_name) >= (int)sizeof(inside)) {
			errno = ENAMETOOLONG;
			ok = false;
			break;
		}
		ok = facts_of_path(path, &f, &ino);
		if (ok) {
			add(l, inside, &f, ino, "");
			ok = !S_ISDIR(f.mode) || add_folder(l, root, inside);
		}
	}
	if (ok && errno != 0)
		ok = false;
	closedir(d);
	return ok;
}

struct tree_list *tree_list_folder(const char *dir)
{
	struct tree_list *l = list_new();

	if (!add_folder(l, dir, "")) {
		int saved = errno;

		tree_list_free(l);
		errno = saved;
		return NULL;
	}
	finish(l);
	return l;
}

/* ---- on paper ---- */

void tree_list_write(const struct tree_list *l, const char *file)
{
	FILE *f = fopen(file, "we");

	if (!f)
		err(2, "%s", file);
	for (size_t i = 0; i < l->count; i++)
		fprintf(f, "%s\n", l->entries[i].line);
	if (fclose(f) != 0)
		err(2, "%s", file);
}

struct tree_list *tree_list_read(const char *file)
{
	struct tree_list *l = list_new();
	FILE *f = fopen(file, "re");
	char *line = NULL;
	size_t size = 0;
	ssize_t n;

	if (!f)
		err(2, "%s", file);
	while ((n = getline(&line, &size, f)) > 0) {
		struct facts none = {0};

		line[n - 1] = '\0';
		add(l, "", &none, 0, "");
		free(l->entries[l->count - 1].line);
		l->entries[l->count - 1].line = strdup(line);
	}
	free(line);
	fclose(f);
	return l;
}

/* The line without the id. */
static void without_id(const char *line, char *out, size_t size)
{
	const char *id = strstr(line, "\tid=");
	const char *rest = id ? strchr(id + 1, '\t') : NULL;

	snprintf(out, size, "%.*s%s", id ? (int)(id - line) : (int)strlen(line), line,
	         rest ? rest : "");
}

bool tree_list_equal(const struct tree_list *want, const struct tree_list *got)
{
	size_t i = 0, k = 0;
	int differences = 0;

	while ((i < want->count || k < got->count) && differences < DIFFERENCES) {
		char a[5 * TREE_PATH] = "", b[5 * TREE_PATH] = "";
		int order;

		if (i < want->count)
			without_id(want->entries[i].line, a, sizeof(a));
		if (k < got->count)
			without_id(got->entries[k].line, b, sizeof(b));
		if (strcmp(a, b) == 0) {
			i++;
			k++;
			continue;
		}
		a[strcspn(a, "\t")] = '\0';
		b[strcspn(b, "\t")] = '\0';
		order = !*a ? 1 : !*b ? -1 : strcmp(a, b);
		printf("  expected %s\n  found    %s\n",
		       order <= 0 ? want->entries[i].line : "nothing",
		       order >= 0 ? got->entries[k].line : "nothing");
		differences++;
		i += order <= 0 ? 1 : 0;
		k += order >= 0 ? 1 : 0;
	}
	return differences == 0;
}

void tree_list_free(struct tree_list *l)
{
	if (!l)
		return;
	for (size_t i = 0; i < l->count; i++) {
		free(l->entries[i].line);
		free(l->entries[i].path);
	}
	free(l->entries);
	free(l);
}
