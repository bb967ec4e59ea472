/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sun_path holds 107 bytes and a state folder may lie deeper; so the socket is reached through a
 * descriptor of its folder
 * (/proc/self/fd/N/name), which is always short.
 */
#include "cli/message.h"

#include "cli/control.h"
#include "cli/interrupt.h"
#include "util/codec.h"
#include "util/err.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define BACKLOG 16

static int send_all(int fd, const void *data, size_t len)
{
	const uint8_t *at = data;

	while (len > 0) {
		ssize_t n = send(fd, at, len, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR && !interrupt_seen())
			continue;
		if (n < 0)
			return err_note(ERR_CANCELED, "the other side is gone");
		at += n;
		len -= (size_t)n;
	}
	return 0;
}

static int receive_all(int fd, void *out, size_t len)
{
	uint8_t *at = out;

	while (len > 0) {
		ssize_t n = recv(fd, at, len, 0);

		if (n < 0 && errno == EINTR && !interrupt_seen())
			continue;
		if (n < 0 && interrupt_seen())
			return err_note(ERR_CANCELED, "by a signal");
		if (n <= 0)
			return err_note(ERR_CANCELED, "the other side is gone");
		at += n;
		len -= (size_t)n;
	}
	return 0;
}

int message_send(int fd, const struct buf *b)
{
	struct buf head;
	int err = buf_error(b);

	if (err)
		return err;
	if (b->len > CONTROL_MESSAGE_MAX)
		return err_note(ERR_FBIG, "the message");
	buf_init(&head, 4);
	enc_u32(&head, (uint32_t)b->len);
	err = buf_error(&head);
	if (err == 0)
		err = send_all(fd, head.data, head.len);
	if (err == 0)
		err = send_all(fd, b->data, b->len);
	buf_done(&head);
	return err;
}

int message_receive(int fd, struct buf *b)
{
	uint8_t head[4];
	struct dec d;
	uint8_t *at;
	size_t len;
	int err = receive_all(fd, head, sizeof(head));

	if (err)
		return err;
	dec_init(&d, head, sizeof(head));
	len = dec_u32(&d);
	if (len == 0 || len > CONTROL_MESSAGE_MAX)
		return err_note(ERR_CORRUPT, "a message of %zu bytes", len);
	buf_reset(b);
	at = buf_extend(b, len);
	if (!at)
		return buf_error(b);
	return receive_all(fd, at, len);
}

/* "/a/b/c" to a descriptor of "/a/b" and the short name of "c" in it. */
static int short_name(const char *path, int *ret_dir, struct sockaddr_un *ret)
{
	const char *slash = strrchr(path, '/');
	char dir[4096];
	int n, fd;

	if (!slash || (size_t)(slash - path) + 1 >= sizeof(dir))
		return err_note(ERR_INVAL, "the control socket's path");
	memcpy(dir, path, (size_t)(slash - path) + 1);
	dir[slash - path + 1] = '\0';
	fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return err_note(err_from_errno(errno), "%s", dir);
	memset(ret, 0, sizeof(*ret));
	ret->sun_family = AF_UNIX;
	n = snprintf(ret->sun_path, sizeof(ret->sun_path), "/proc/self/fd/%d/%s", fd, slash + 1);
	if (n < 0 || (size_t)n >= sizeof(ret->sun_path)) {
		close(fd);
		return err_note(ERR_NAMETOOLONG, "%s", path);
	}
	*ret_dir = fd;
	return 0;
}

int message_socket(const char *path, int listening, int *ret_fd)
{
	struct sockaddr_un addr;
	int dir = -1, fd = -1, err, failed;
	mode_t mask;

	err = short_name(path, &dir, &addr);
	if (err)
		return err;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0) {
		err = err_note(err_from_errno(errno), "a socket");
		goto out;
	}
	if (listening) {
		mask = umask(0177);
		failed = bind(fd, (struct sockaddr *)&addr, sizeof(addr)) || listen(fd, BACKLOG);
		umask(mask);
	} else {
		failed = connect(fd, (struct sockaddr *)&addr, sizeof(addr));
	}
	if (failed) {
		err = err_note(err_from_errno(errno), "control socket %s", path);
		goto out;
	}
	*ret_fd = fd;
	fd = -1;
out:
	if (fd >= 0)
		close(fd);
	close(dir);
	return err;
}
