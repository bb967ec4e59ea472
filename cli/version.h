/* SPDX-License-Identifier: Apache-2.0 */
/* The program's version; the build gives the one of configure.ac. */
#ifndef AMBERFS_CLI_VERSION_H
#define AMBERFS_CLI_VERSION_H

#ifndef AMBERFS_VERSION
#define AMBERFS_VERSION "0.1.0"
#endif

#endif
