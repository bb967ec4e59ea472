/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What each call of volume.h means, in the model. Every function changes *s and returns 0, or
 * returns the error that the volume must give, with *s as it was.
 * @now is the time that the operation stamps. Names are interned.
 */
#ifndef AMBERFS_TESTS_SIM_MODELOPS_H
#define AMBERFS_TESTS_SIM_MODELOPS_H

#include "tests/sim/model.h"

/** An empty root folder as volume_init() leaves it; its attributes are the caller's to fill in. */
void modelops_root(struct model_state **s);

/** What create would return; @ino is the number that the volume gave. */
int modelops_create_check(const struct model_state *s, uint64_t parent, const char *name);
int modelops_create(struct model_state **s, uint64_t parent, const char *name,
                    const struct volume_new *what, uint64_t ino, int64_t now);

/** A file without a name. */
int modelops_create_unnamed(struct model_state **s, uint64_t parent, const struct volume_new *what,
                            uint64_t ino, int64_t now);

int modelops_link(struct model_state **s, uint64_t ino, uint64_t parent, const char *name,
                  int64_t now);
int modelops_unlink(struct model_state **s, uint64_t parent, const char *name, int64_t now);
int modelops_rmdir(struct model_state **s, uint64_t parent, const char *name, int64_t now);
int modelops_rename(struct model_state **s, uint64_t from_dir, const char *from, uint64_t to_dir,
                    const char *to, unsigned flags, int64_t now);

/** Forget @ino if it has no name. */
void modelops_forget(struct model_state **s, uint64_t ino);

int modelops_setattr(struct model_state **s, uint64_t ino, unsigned mask,
                     const struct volume_attr *attr, int64_t now);
int modelops_setxattr(struct model_state **s, uint64_t ino, const char *name, const void *value,
                      size_t len, unsigned flags, int64_t now);
int modelops_removexattr(struct model_state **s, uint64_t ino, const char *name, int64_t now);

int modelops_write(struct model_state **s, uint64_t ino, uint64_t off, const void *data, size_t len,
                   unsigned flags, int64_t now);
int modelops_punch(struct model_state **s, uint64_t ino, uint64_t off, uint64_t len, int64_t now);

/** @n bytes, as many as the volume said it did; modelops_copy_room() is how many there are. */
int modelops_copy(struct model_state **s, uint64_t src, uint64_t src_off, uint64_t dst,
                  uint64_t dst_off, uint64_t n, int64_t now);
uint64_t modelops_copy_room(const struct model_state *s, uint64_t src, uint64_t src_off,
                            uint64_t len);

#endif
