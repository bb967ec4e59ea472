/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files that apply operations share. Inside volume/ only; `lock` held. Each
 * apply_<operation>() checks everything, sets v->mutating, and changes the index (apply.c says the
 * rules).
 */
#ifndef AMBERFS_VOLUME_APPLY_H
#define AMBERFS_VOLUME_APPLY_H

#include "volume/impl.h"

/* apply_names.c */
int apply_create(struct volume *v, const struct op *op);
int apply_link(struct volume *v, const struct op *op);
int apply_unlink(struct volume *v, const struct op *op);
int apply_rename(struct volume *v, const struct op *op);

/* apply_restore.c */
int apply_restore(struct volume *v, const struct op *op);

/** index_inode_set() for a row that index_inode_get() gave: its symbolic link's target is fetched
 * again, since results live only until the next call. */
int apply_set_inode(struct volume *v, struct index_inode *row);

/** The entry now; ERR_NOENT. */
int apply_find_entry(struct volume *v, const struct op_name *n, struct index_dentry *ret);

/** A new entry, and another inode for an existing one. */
int apply_add_entry(struct volume *v, const struct op_name *n, uint64_t ino);
int apply_point_entry(struct volume *v, const struct op_name *n, uint64_t ino);

#endif
