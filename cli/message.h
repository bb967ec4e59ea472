/* SPDX-License-Identifier: Apache-2.0 */
/* Messages of the control protocol over a stream socket: a u32 length, then the bytes. */
#ifndef AMBERFS_CLI_MESSAGE_H
#define AMBERFS_CLI_MESSAGE_H

#include "util/buf.h"

/**
 * Send the content of @b. ERR_CANCELED when the other side is gone, ERR_FBIG above
 * CONTROL_MESSAGE_MAX, and the buffer's own error when it has one.
 */
int message_send(int fd, const struct buf *b);

/** Receive one into @b, replacing its content. ERR_CANCELED when the other side is gone or
 * interrupt_seen(), ERR_CORRUPT. */
int message_receive(int fd, struct buf *b);

/** A Unix stream socket connected to, or (@listening) bound to, @path of any length. The caller
 * closes *ret_fd. */
int message_socket(const char *path, int listening, int *ret_fd);

#endif
