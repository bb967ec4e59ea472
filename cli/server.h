/* SPDX-License-Identifier: Apache-2.0 */
/* The daemon's control socket: who may connect, how many at once, and the threads that serve them.
 */
#ifndef AMBERFS_CLI_SERVER_H
#define AMBERFS_CLI_SERVER_H

#include "cli/requests.h"

struct server;

/**
 * Listen on a new socket in folder @dir (made when missing), serve nothing yet. Sockets that
 * daemons left behind there are removed. The caller ends *ret with server_free().
 */
int server_new(const char *dir, struct server **ret);

/** The socket's path; valid until server_free(). */
const char *server_path(const struct server *s);

/** Begin to serve; @r is borrowed until server_free(). */
int server_start(struct server *s, const struct requests *r);

/** Give up running requests, wait for their threads, remove the socket. NULL does nothing. */
void server_free(struct server *s);

#endif
