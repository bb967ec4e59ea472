/* SPDX-License-Identifier: Apache-2.0 */
/* Applying OP_RESTORE: a list of small steps, which together are one operation. */
#include "volume/apply.h"

#include "util/err.h"

#include <sys/stat.h>

/* The entry loses or gains its inode; folders count their folders, and themselves twice while they
 * have a name. */
static int count_link(struct volume *v, uint64_t parent, uint64_t ino, int by)
{
	struct index_inode row, folder;
	int r = index_inode_get(v->ix, ino, INDEX_NOW, &row);

	if (r != 0)
		return r;
	if (!S_ISDIR(row.mode)) {
		row.nlink = (uint32_t)((int64_t)row.nlink + by);
		return apply_set_inode(v, &row);
	}
	row.nlink = (uint32_t)((int64_t)row.nlink + 2 * by);
	r = index_inode_set(v->ix, &row);
	if (r == 0)
		r = index_inode_get(v->ix, parent, INDEX_NOW, &folder);
	if (r != 0)
		return r;
	folder.nlink = (uint32_t)((int64_t)folder.nlink + by);
	return index_inode_set(v->ix, &folder);
}

static int step_unlink(struct volume *v, const struct op_name *at)
{
	struct index_dentry entry;
	int r = apply_find_entry(v, at, &entry);

	if (r == ERR_NOENT) /* gone already: the folder was named twice */
		return 0;
	if (r == 0)
		r = index_dentry_remove(v->ix, at->parent, at->name, at->len);
	return r ? r : count_link(v, at->parent, entry.ino, -1);
}

static int step_link(struct volume *v, const struct op_step *s)
{
	struct index_dentry entry;
	int r = apply_find_entry(v, &s->at, &entry);

	if (r == 0) {
		r = apply_point_entry(v, &s->at, s->ino);
		if (r == 0)
			r = count_link(v, s->at.parent, entry.ino, -1);
	} else if (r == ERR_NOENT) {
		r = apply_add_entry(v, &s->at, s->ino);
	}
	return r ? r : count_link(v, s->at.parent, s->ino, 1);
}

static int add_orphan(void *ctx, uint64_t ino)
{
	(void)ino;
	(*(uint64_t *)ctx)++;
	return 0;
}

int apply_restore(struct volume *v, const struct op *op)
{
	struct index_state *s = index_state(v->ix);
	int r = 0;

	if (op->restore.at >= s->epoch)
		return ERR_INVAL;
	v->mutating = true;
	for (size_t i = 0; r == 0 && i < op->restore.nsteps; i++) {
		const struct op_step *step = &op->restore.steps[i];

		if (step->kind == OP_STEP_UNLINK)
			r = step_unlink(v, &step->at);
		else if (step->kind == OP_STEP_LINK)
			r = step_link(v, step);
		else
			r = index_revive(v->ix, step->ino, step->src, op->restore.at);
		if (step->kind == OP_STEP_REVIVE && step->ino >= s->next_ino)
			s->next_ino = step->ino + 1;
	}
	v->orphans = 0;
	return r ? r : index_orphans(v->ix, add_orphan, &v->orphans);
}
