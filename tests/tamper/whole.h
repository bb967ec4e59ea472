/* SPDX-License-Identifier: Apache-2.0 */
/* Cases where more than one thing is another: whole stores and state folders of another time, files of different times
 * together, and folders without some of their files. */
#ifndef AMBERFS_TESTS_TAMPER_WHOLE_H
#define AMBERFS_TESTS_TAMPER_WHOLE_H

#include "tests/tamper/subject.h"

/** Run them all. */
void whole_run(const struct subject *s, const struct subject *other);

#endif
