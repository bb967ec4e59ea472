/* SPDX-License-Identifier: Apache-2.0 */
/* What may come of each kind of damage to each kind of object and file. */
#ifndef AMBERFS_TESTS_TAMPER_EXPECT_H
#define AMBERFS_TESTS_TAMPER_EXPECT_H

#include "tests/tamper/damage.h"
#include "tests/tamper/oracle.h"

/** The verdicts that are expected of @how done to @kind as @machine sees it: exactly these come, all of them. 0 when the
 * table has no row. */
unsigned expect_of(const char *kind, const char *machine, const char *how);

#endif
