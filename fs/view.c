/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An array of views by number. A view without references is free and is given to the next epoch. A
 * free view cannot be asked for by accident: every request names a node that the kernel knows, and
 * that node holds a reference. Finding an epoch walks the views used so far; people look at a
 * handful.
 */
#include "fs/view.h"

#include "util/check.h"
#include "util/err.h"
#include "util/lock.h"

#include <stdlib.h>

struct view {
	int64_t epoch;
	uint64_t refs;
};

struct view_table {
	struct lock lock;
	unsigned top; /* views above were never used */
	struct view views[VIEW_MAX + 1];
};

struct view_table *view_table_new(void)
{
	struct view_table *t = calloc(1, sizeof(*t));

	if (t)
		lock_init(&t->lock, LOCK_FS_TABLE);
	return t;
}

void view_table_free(struct view_table *t)
{
	if (!t)
		return;
	lock_done(&t->lock);
	free(t);
}

int view_hold(struct view_table *t, int64_t epoch, unsigned *ret_view)
{
	unsigned free_view = 0, found = 0;

	lock_take(&t->lock);
	for (unsigned i = 1; i <= t->top && !found; i++) {
		if (t->views[i].refs == 0)
			free_view = free_view ? free_view : i;
		else if (t->views[i].epoch == epoch)
			found = i;
	}
	if (!found && free_view)
		found = free_view;
	else if (!found && t->top < VIEW_MAX)
		found = ++t->top;
	if (found) {
		t->views[found].epoch = epoch;
		t->views[found].refs++;
		*ret_view = found;
	}
	lock_drop(&t->lock);
	return found ? 0 : err_note(ERR_BUSY, "too many views of the past are open");
}

void view_ref(struct view_table *t, unsigned view)
{
	if (view == 0)
		return;
	lock_take(&t->lock);
	CHECK(t->views[view].refs > 0);
	t->views[view].refs++;
	lock_drop(&t->lock);
}

void view_unref(struct view_table *t, unsigned view)
{
	if (view == 0)
		return;
	lock_take(&t->lock);
	CHECK(t->views[view].refs > 0);
	t->views[view].refs--;
	lock_drop(&t->lock);
}

bool view_epoch(struct view_table *t, unsigned view, int64_t *ret_epoch)
{
	bool there;

	lock_take(&t->lock);
	there = t->views[view].refs > 0;
	if (there)
		*ret_epoch = t->views[view].epoch;
	lock_drop(&t->lock);
	return there;
}

uint64_t view_shown_ino(int64_t epoch, uint64_t ino)
{
	/* bit 62, 21 bits of the epoch, 41 bits of the inode number */
	return UINT64_C(1) << 62 | ((uint64_t)epoch & 0x1fffff) << 41 | (ino & 0x1ffffffffff);
}
