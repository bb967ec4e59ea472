/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Scope: the entries at the given paths and all below them. The plan walks the past tree inside the
 * scope along the map of changes; where a folder is the same inode then and now, only the names
 * that changed or lead to a change are looked at.
 *
 * An inode keeps its number when nothing outside the scope links to it now, or when it did not
 * change. Otherwise (a file that has another name outside, a folder that was moved out) the scope
 * gets a copy under a new number, so that nothing outside the scope is touched. `copies` remembers
 * which, so hard links inside the scope stay hard links.
 *
 * A folder that is new in the scope goes with everything in it, unless the past has it at another
 * place in the scope.
 */
#include "volume/restore_plan.h"

#include "util/err.h"
#include "volume/entries.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* ---- building steps ---- */

/* Names go into one buffer; `name` holds the offset until the plan is complete. */
static int add_step(struct restore_plan *p, enum op_step_kind kind, uint64_t parent,
                    const char *name, size_t len, uint64_t ino, uint64_t src)
{
	struct op_step *s;

	if (p->nsteps == OP_STEPS_MAX)
		return ERR_FBIG;
	if (p->nsteps == p->cap) {
		size_t cap = p->cap ? p->cap * 2 : 256;
		struct op_step *to = realloc(p->steps, cap * sizeof(*to));

		if (!to)
			return ERR_NOMEM;
		p->steps = to;
		p->cap = cap;
	}
	s = &p->steps[p->nsteps++];
	*s = (struct op_step){
	    .kind = kind, .at = {parent, (const char *)p->names.len, len}, .ino = ino, .src = src};
	buf_add(&p->names, name, len);
	return buf_error(&p->names);
}

static void place_names(struct restore_plan *p)
{
	for (size_t i = 0; i < p->nsteps; i++)
		p->steps[i].at.name = (const char *)p->names.data + (size_t)p->steps[i].at.name;
}

/* ---- what is in the scope ---- */

static bool is_root_entry(const struct restore_plan *p, uint64_t parent, const char *name,
                          size_t len, int64_t at)
{
	for (size_t i = 0; i < p->nroots; i++) {
		const struct scope_root *root = &p->roots[i];

		if ((at == p->at ? root->parent_past : root->parent_now) == parent &&
		    strlen(root->name) == len && memcmp(root->name, name, len) == 0)
			return true;
	}
	return false;
}

/* The one entry that folder @ino has at @at, in @l; false when it has none. */
static int only_entry(struct restore_plan *p, uint64_t ino, int64_t at, struct entries *l,
                      bool *ret)
{
	int r;

	entries_done(l);
	r = entries_of(p->v, ino, at, l);
	*ret = r == 0 && l->count > 0;
	return r;
}

/* Is the entry (@parent, @name) of state @at at or below one of the paths? Folders have one entry, so the way up is one. */
static int entry_in_scope(struct restore_plan *p, uint64_t parent, const char *name, size_t len,
                          int64_t at, bool *ret)
{
	struct entries above;
	bool more = true;
	int r = 0;

	*ret = p->nroots == 0 || is_root_entry(p, parent, name, len, at);
	entries_init(&above);
	while (r == 0 && more && !*ret && parent != VOLUME_ROOT) {
		r = only_entry(p, parent, at, &above, &more);
		if (!more)
			break;
		parent = above.entry[0].parent;
		*ret = is_root_entry(p, parent, entries_name(&above, 0), above.entry[0].len, at);
	}
	entries_done(&above);
	return r;
}

/* Does anything outside the scope link to @ino now? */
static int linked_outside(struct restore_plan *p, uint64_t ino, bool *ret)
{
	struct entries l;
	int r;

	*ret = false;
	if (p->nroots == 0)
		return 0;
	entries_init(&l);
	r = entries_of(p->v, ino, INDEX_NOW, &l);
	for (size_t i = 0; r == 0 && !*ret && i < l.count; i++) {
		bool inside;

		r = entry_in_scope(p, l.entry[i].parent, entries_name(&l, i), l.entry[i].len,
		                   INDEX_NOW, &inside);
		*ret = !inside;
	}
	entries_done(&l);
	return r;
}

/* Does the past have folder @ino inside the scope? Then its present content is looked at from there. */
static int in_past_scope(struct restore_plan *p, uint64_t ino, bool *ret)
{
	struct entries l;
	bool any;
	int r;

	*ret = false;
	entries_init(&l);
	r = only_entry(p, ino, p->at, &l, &any);
	if (r == 0 && any)
		r = entry_in_scope(p, l.entry[0].parent, entries_name(&l, 0), l.entry[0].len, p->at,
		                   ret);
	entries_done(&l);
	return r;
}

/* ---- which inode stands for a past one ---- */

static int find_copy(const struct restore_plan *p, uint64_t old, uint64_t *ret)
{
	if (!inoset_has(&p->copied, old))
		return ERR_NOENT;
	for (size_t i = 0; i < p->ncopies; i++) {
		if (p->copies[i].old == old) {
			*ret = p->copies[i].new;
			return 0;
		}
	}
	return ERR_NOENT;
}

static int make_copy(struct restore_plan *p, uint64_t old, uint64_t *ret)
{
	if (p->ncopies == p->copies_cap) {
		size_t cap = p->copies_cap ? p->copies_cap * 2 : 16;
		struct copy *to = realloc(p->copies, cap * sizeof(*to));

		if (!to)
			return ERR_NOMEM;
		p->copies = to;
		p->copies_cap = cap;
	}
	*ret = p->next_ino++;
	p->copies[p->ncopies++] = (struct copy){old, *ret};
	return inoset_add(&p->copied, old) < 0 ? ERR_NOMEM : 0;
}

static int revive_once(struct restore_plan *p, uint64_t ino, uint64_t src)
{
	int r = inoset_add(&p->revived, ino);

	return r <= 0 ? r : add_step(p, OP_STEP_REVIVE, 0, "", 0, ino, src);
}

/* The inode that will stand for @old, with the steps that make it what it was. */
static int stand_in(struct restore_plan *p, uint64_t old, uint64_t *ret, bool *ret_copied)
{
	struct index_inode row;
	bool outside, folder, changed = inoset_has(&p->c.inodes, old);
	int r = find_copy(p, old, ret);

	*ret_copied = true;
	if (r == 0)
		return 0;
	*ret_copied = false;
	*ret = old;
	r = index_inode_get(p->v->ix, old, p->at, &row);
	if (r != 0)
		return r;
	folder = S_ISDIR(row.mode);
	r = linked_outside(p, old, &outside);
	if (r != 0)
		return r;
	if (outside && (changed || folder)) {
		*ret_copied = true;
		r = make_copy(p, old, ret);
		return r ? r : revive_once(p, *ret, old);
	}
	return changed ? revive_once(p, old, old) : 0;
}

/* ---- the walk ---- */

static int restore_entry(struct restore_plan *p, uint64_t folder, const char *name, size_t len,
                         uint64_t now, uint64_t past);

static int remove_below(struct restore_plan *p, uint64_t ino);

/* An entry of @ino goes. */
static int lose(struct restore_plan *p, uint64_t ino)
{
	return inoset_add(&p->lost, ino) < 0 ? ERR_NOMEM : remove_below(p, ino);
}

/* A folder that goes: its entries go too, unless it lives on elsewhere in the scope. */
static int remove_below(struct restore_plan *p, uint64_t ino)
{
	struct entries l;
	struct index_inode row;
	bool past;
	int r = index_inode_get(p->v->ix, ino, INDEX_NOW, &row);

	if (r != 0 || !S_ISDIR(row.mode))
		return r;
	r = in_past_scope(p, ino, &past);
	if (r != 0 || past)
		return r;
	entries_init(&l);
	r = entries_in(p->v, ino, INDEX_NOW, &l);
	for (size_t i = 0; r == 0 && i < l.count; i++) {
		r = add_step(p, OP_STEP_UNLINK, ino, entries_name(&l, i), l.entry[i].len, 0, 0);
		if (r == 0)
			r = lose(p, l.entry[i].ino);
	}
	entries_done(&l);
	return r;
}

/* Every entry that folder @past had, below the new folder @into. */
static int fill_copy(struct restore_plan *p, uint64_t into, uint64_t past)
{
	struct entries l;
	int r;

	entries_init(&l);
	r = entries_in(p->v, past, p->at, &l);
	for (size_t i = 0; r == 0 && i < l.count; i++)
		r = restore_entry(p, into, entries_name(&l, i), l.entry[i].len, 0, l.entry[i].ino);
	entries_done(&l);
	return r;
}

/* The same folder then and now: what changed in it or below. */
static int restore_folder(struct restore_plan *p, uint64_t ino)
{
	int r = 0;

	for (size_t i = changes_first(&p->c, ino);
	     r == 0 && i < p->c.count && p->c.name[i]->parent == ino; i++) {
		const struct change_name *n = p->c.name[i];
		uint64_t now, past;

		r = changes_entry(p->v, ino, n->name, n->len, INDEX_NOW, &now);
		if (r == 0)
			r = changes_entry(p->v, ino, n->name, n->len, p->at, &past);
		if (r == 0)
			r = restore_entry(p, ino, n->name, n->len, now, past);
	}
	return r;
}

/* Let (@folder, @name) point to what it pointed to then. */
static int restore_entry(struct restore_plan *p, uint64_t folder, const char *name, size_t len,
                         uint64_t now, uint64_t past)
{
	struct index_inode row;
	uint64_t ino = 0;
	bool copied = false;
	int r = 0;

	if (past)
		r = stand_in(p, past, &ino, &copied);
	if (r == 0 && now && !past)
		r = add_step(p, OP_STEP_UNLINK, folder, name, len, 0, 0);
	else if (r == 0 && past && now != ino)
		r = add_step(p, OP_STEP_LINK, folder, name, len, ino, 0);
	if (r == 0 && now && now != ino)
		r = lose(p, now);
	if (r != 0 || !past)
		return r;
	r = index_inode_get(p->v->ix, past, p->at, &row);
	if (r != 0 || !S_ISDIR(row.mode))
		return r;
	return copied ? fill_copy(p, ino, past) : restore_folder(p, past);
}

/*
 * A folder above a path of the scope, which is not where it was. When it lives on elsewhere it
 * stays what it is there (even if that place is in the scope, and goes), and a copy takes its
 * place.
 */
static int stand_in_above(struct restore_plan *p, uint64_t old, uint64_t *ret)
{
	struct index_inode row;
	bool copied;
	int r = index_inode_get(p->v->ix, old, INDEX_NOW, &row);

	if (r == 0 && row.nlink > 0 && find_copy(p, old, ret) != 0) {
		r = make_copy(p, old, ret);
		return r ? r : revive_once(p, *ret, old);
	}
	if (r != 0 && r != ERR_NOENT)
		return r;
	return stand_in(p, old, ret, &copied);
}

/* The folder that @path is in, made again (with nothing else in it) where it is not there any more.
 */
static int parent_of_root(struct restore_plan *p, const char *path, uint64_t *ret,
                          const char **ret_name)
{
	uint64_t now = VOLUME_ROOT, past = VOLUME_ROOT;
	int r = 0;

	for (;;) {
		struct index_inode row;
		uint64_t next_now, next_past;
		size_t len;

		path += strspn(path, "/");
		len = strcspn(path, "/");
		if (path[len + strspn(path + len, "/")] == '\0') {
			*ret = now;
			*ret_name = path;
			return 0;
		}
		r = changes_entry(p->v, now, path, len, INDEX_NOW, &next_now);
		if (r == 0)
			r = changes_entry(p->v, past, path, len, p->at, &next_past);
		if (r != 0)
			return r;
		if (next_now) {
			r = index_inode_get(p->v->ix, next_now, INDEX_NOW, &row);
			if (r == 0 && !S_ISDIR(row.mode))
				return err_note(ERR_NOTDIR, "%.*s is not a folder now", (int)len,
				                path);
		} else if (next_past) {
			r = stand_in_above(p, next_past, &next_now);
			if (r == 0)
				r = add_step(p, OP_STEP_LINK, now, path, len, next_now, 0);
		} else {
			r = err_note(ERR_NOENT, "%s", path);
		}
		if (r != 0)
			return r;
		now = next_now;
		past = next_past;
		path += len;
	}
}

static int plan_path(struct restore_plan *p, const char *path)
{
	const char *name = NULL;
	uint64_t parent = 0, now, past;
	int r = volume_find(p->v, path, INDEX_NOW, &now);

	if (r == 0)
		r = volume_find(p->v, path, p->at, &past);
	if (r != 0)
		return r;
	if (!now && !past)
		return err_note(ERR_NOENT, "%s: neither there now nor then", path);
	if (!past && path[strspn(path, "/")] == '\0')
		return err_note(ERR_NOHISTORY, "the volume did not exist then");
	r = parent_of_root(p, path, &parent, &name);
	if (r != 0)
		return r;
	return restore_entry(p, parent, name, strcspn(name, "/"), now, past);
}

static int plan_all(struct restore_plan *p)
{
	struct index_inode root;
	uint64_t ino;
	bool copied;
	int r = index_inode_get(p->v->ix, VOLUME_ROOT, p->at, &root);

	if (r != 0)
		return err_note(ERR_NOHISTORY, "the volume did not exist then");
	r = stand_in(p, VOLUME_ROOT, &ino, &copied);
	return r ? r : restore_folder(p, VOLUME_ROOT);
}

bool restore_names_root(const char *const *paths, size_t npaths)
{
	for (size_t i = 0; i < npaths; i++)
		if (paths[i][strspn(paths[i], "/")] == '\0')
			return true;
	return npaths == 0;
}

static int add_root(struct restore_plan *p, const char *path)
{
	struct scope_root *root = &p->roots[p->nroots];
	char *folder = strdup(path + strspn(path, "/"));
	char *name;
	int r;

	if (!folder)
		return ERR_NOMEM;
	for (size_t len = strlen(folder); len > 0 && folder[len - 1] == '/'; len--)
		folder[len - 1] = '\0';
	name = strrchr(folder, '/');
	if (name)
		*name++ = '\0';
	root->name = strdup(name ? name : folder);
	p->nroots++;
	r = root->name ? 0 : ERR_NOMEM;
	if (r == 0)
		r = volume_find(p->v, name ? folder : "", INDEX_NOW, &root->parent_now);
	if (r == 0)
		r = volume_find(p->v, name ? folder : "", p->at, &root->parent_past);
	free(folder);
	return r;
}

static int add_roots(struct restore_plan *p, const char *const *paths, size_t npaths)
{
	int r = 0;

	p->roots = calloc(npaths, sizeof(*p->roots));
	if (!p->roots)
		return ERR_NOMEM;
	for (size_t i = 0; r == 0 && i < npaths; i++)
		r = add_root(p, paths[i]);
	return r;
}

int restore_plan_make(struct restore_plan *p, const char *const *paths, size_t npaths)
{
	int r = changes_load(p->v, VOLUME_NOW, p->at, &p->c);

	if (r == 0 && restore_names_root(paths, npaths))
		r = plan_all(p);
	else if (r == 0)
		r = add_roots(p, paths, npaths);
	for (size_t i = 0; r == 0 && i < npaths && p->nroots > 0; i++)
		r = plan_path(p, paths[i] + strspn(paths[i], "/"));
	if (r == 0)
		place_names(p);
	return r;
}

void restore_plan_done(struct restore_plan *p)
{
	changes_done(&p->c);
	for (size_t i = 0; i < p->nroots; i++)
		free(p->roots[i].name);
	free(p->roots);
	free(p->steps);
	buf_done(&p->names);
	free(p->copies);
	inoset_done(&p->revived);
	inoset_done(&p->lost);
	inoset_done(&p->copied);
}
