/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libfuse reads and writes its device through two functions that a program may give
 * (fuse_session_custom_io()). These do the plain system call and look at three messages: INIT, whose
 * answer gets FUSE_HANDLE_KILLPRIV_V2 when the kernel offered it; WRITE, whose flags are kept for the
 * handler; and TMPFILE, which has the form of CREATE and is handed on as one, marked for the handler.
 * STATX is answered at once (statx.h). A libfuse worker receives and handles a request in one thread, so a thread-local variable is the
 * right place.
 *
 * INIT is the first message and nothing else is under way until it is answered, so the fields need
 * no lock.
 */
#include "fs/fs_impl.h"
#include "fs/statx.h"

#include <linux/fuse.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

/* version, readahead and flags: what every INIT has */
#define INIT_IN_BASIC_BYTES 16

/* linux/fuse.h has it since 6.2 */
#define OPCODE_TMPFILE 51

static _Thread_local uint32_t last_write_flags;
static _Thread_local bool last_is_tmpfile;

static void see_request(struct wire *w, uint8_t *msg, size_t len)
{
	struct fuse_in_header head;

	if (len < sizeof(head))
		return;
	memcpy(&head, msg, sizeof(head));
	last_is_tmpfile = head.opcode == OPCODE_TMPFILE;
	if (last_is_tmpfile) {
		head.opcode = FUSE_CREATE;
		memcpy(msg, &head, sizeof(head));
	} else if (head.opcode == FUSE_WRITE && len >= sizeof(head) + sizeof(struct fuse_write_in)) {
		struct fuse_write_in in;

		memcpy(&in, msg + sizeof(head), sizeof(in));
		last_write_flags = in.write_flags;
	} else if (head.opcode == FUSE_INIT && len >= sizeof(head) + INIT_IN_BASIC_BYTES) {
		struct fuse_init_in in = {0};

		memcpy(&in, msg + sizeof(head), INIT_IN_BASIC_BYTES);
		w->init_unique = head.unique;
		w->init_flags = in.flags;
	}
}

static ssize_t wire_read(int fd, void *buf, size_t len, void *userdata)
{
	struct fs *fs = userdata;
	ssize_t n;

	do
		n = read(fd, buf, len);
	while (n > 0 && statx_answer(fs, fd, buf, (size_t)n));
	if (n > 0)
		see_request(&fs->wire, buf, (size_t)n);
	return n;
}

/* Add the capability to the answer of INIT; all other answers pass as they are. */
static ssize_t answer_init(struct wire *w, int fd, const struct iovec *iov, int count)
{
	struct iovec copy[2];
	struct fuse_out_header head;
	struct fuse_init_out out;

	if (count != 2 || iov[0].iov_len != sizeof(head) || iov[1].iov_len > sizeof(out) ||
	    iov[1].iov_len < FUSE_COMPAT_22_INIT_OUT_SIZE)
		return writev(fd, iov, count);
	memcpy(&head, iov[0].iov_base, sizeof(head));
	if (head.unique != w->init_unique || head.error != 0)
		return writev(fd, iov, count);
	w->init_unique = 0;
	memcpy(&out, iov[1].iov_base, iov[1].iov_len);
	if (w->init_flags & FUSE_HANDLE_KILLPRIV_V2) {
		out.flags |= FUSE_HANDLE_KILLPRIV_V2;
		w->kill_priv = true;
	}
	copy[0] = iov[0];
	copy[1] = (struct iovec){.iov_base = &out, .iov_len = iov[1].iov_len};
	return writev(fd, copy, count);
}

static ssize_t wire_writev(int fd, struct iovec *iov, int count, void *userdata)
{
	struct fs *fs = userdata;

	if (fs->wire.init_unique != 0)
		return answer_init(&fs->wire, fd, iov, count);
	return writev(fd, iov, count);
}

int wire_attach(struct wire *w, struct fuse_session *session)
{
	static const struct fuse_custom_io io = {.read = wire_read, .writev = wire_writev};
	int r;

	memset(w, 0, sizeof(*w));
	r = fuse_session_custom_io(session, &io, fuse_session_fd(session));
	return r == 0 ? 0 : err_note(ERR_NOMEM, "libfuse: %s", strerror(-r));
}

bool wire_is_tmpfile(void)
{
	return last_is_tmpfile;
}

bool wire_write_kills_priv(void)
{
	return last_write_flags & FUSE_WRITE_KILL_SUIDGID;
}
