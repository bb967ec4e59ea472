/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What volume_diff() and volume_restore() must say and do, worked out from model states.
 *
 * A diff is checked, not compared: every change it names must be true, and every difference must be
 * named. It is free in whether a moved folder's content is named too, in whether an entry that
 * means another file now is a change or a removal and an addition, and in whether it names an inode
 * of which only atime, ctime or link count changed, or of a folder the mtime. What was removed from
 * a folder that moved as well is named by its old path or by the one it would have now.
 */
#ifndef AMBERFS_TESTS_SIM_PAST_H
#define AMBERFS_TESTS_SIM_PAST_H

#include "tests/sim/tree.h"

struct past_change {
	enum volume_change_kind kind;
	const char *path; /* interned */
	const char *old_path;
	uint64_t before_ino;
	uint64_t after_ino;
	bool content;
};

struct past_changes {
	struct past_change *changes;
	size_t n;
	size_t room;
};

/** A volume_change_fn; @ctx is a struct past_changes. */
int past_collect(void *ctx, const struct volume_change *change);
void past_changes_free(struct past_changes *c);

/** To standard output, for whoever looks for the reason of a failure. */
void past_changes_print(const struct past_changes *c);

/** Whether these changes at or below @top lead from @from to @to. */
bool past_diff_check(const struct model_state *from, const struct model_state *to, const char *top,
                     const struct past_changes *got, char *why);

/** Whether @got is what restoring @paths (interned) to @then makes of @now. */
bool past_restore_check(const struct model_state *now, const struct model_state *then,
                        const char *const *paths, size_t npaths, const struct model_state *got,
                        char *why);

#endif
