/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The part of the FUSE protocol that libfuse does not pass on: who clears setuid and setgid bits, and files without a name.
 *
 * Without FUSE_HANDLE_KILLPRIV_V2 the kernel asks for security.capability before every single
 * write(2) (one round trip each), and with its first version it never says whether the writer was
 * privileged. libfuse knows neither the capability nor the flag of a write, so both are read from,
 * and put into, the messages as they pass.
 */
#ifndef AMBERFS_FS_WIRE_H
#define AMBERFS_FS_WIRE_H

#include <stdbool.h>
#include <stdint.h>

struct fuse_session;

struct wire {
	uint64_t init_unique; /* of the INIT request, while it is not answered */
	uint32_t init_flags;  /* what the kernel offers */
	bool kill_priv;       /* agreed */
};

/** Put @w between @session, which is mounted, and the kernel. @w outlives the session. */
int wire_attach(struct wire *w, struct fuse_session *session);

/** Whether the create request that this thread received last is for a file without a name (O_TMPFILE, since Linux 6.2). */
bool wire_is_tmpfile(void);

/** Whether the write request that this thread received last is to drop setuid and setgid. */
bool wire_write_kills_priv(void);

#endif
