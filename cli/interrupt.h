/* SPDX-License-Identifier: Apache-2.0 */
/* Ctrl-C (and SIGTERM) as a flag, for work that ends itself cleanly. */
#ifndef AMBERFS_CLI_INTERRUPT_H
#define AMBERFS_CLI_INTERRUPT_H

#include <stdbool.h>

/** From now on SIGINT and SIGTERM set the flag and end system calls with EINTR; a second one kills.
 */
void interrupt_catch(void);

/** Whether one came. */
bool interrupt_seen(void);

/** The flag itself, for work that looks at it by itself; it is never cleared. */
const volatile bool *interrupt_flag(void);

#endif
