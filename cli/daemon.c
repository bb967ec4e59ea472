/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The child does everything that touches the store or a key: neither libcurl's threads nor locked
 * memory survive a fork(2). The two talk over a socket pair:
 *
 *   child to parent: 'S' (give me the secret), 'P' text done total (progress), 'R' (ready), 'E'
 * code note (failed) parent to child: u32 length and the secret, read into and written from secret
 * memory only
 *
 * The parent that goes away before 'R' takes the child with it. After 'R' the child has no
 * terminal, no stdio, and stands in /.
 */
#include "cli/daemon.h"

#include "cli/control.h"
#include "cli/interrupt.h"
#include "cli/message.h"
#include "cli/progress.h"
#include "cli/answer.h"
#include "util/err.h"
#include "util/log.h"
#include "util/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum tag {
	TAG_SECRET = 'S',
	TAG_PROGRESS = 'P',
	TAG_READY = 'R',
	TAG_FAILED = 'E',
};

static void send_tag(int fd, struct buf *b)
{
	message_send(fd, b);
	buf_done(b);
}

static void begin_tag(struct buf *b, enum tag tag)
{
	buf_init(b, CONTROL_MESSAGE_MAX);
	enc_u8(b, (uint8_t)tag);
}

/* ---- the child ---- */

static int read_all(int fd, void *out, size_t len)
{
	for (size_t at = 0; at < len;) {
		ssize_t n = read(fd, (char *)out + at, len - at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return err_note(ERR_CANCELED, "nobody gave the passphrase");
		at += (size_t)n;
	}
	return 0;
}

static int child_secret(void *ctx, char **ret, size_t *ret_len)
{
	int fd = *(int *)ctx;
	uint32_t len = 0;
	char *secret;
	struct buf b;
	int err;

	begin_tag(&b, TAG_SECRET);
	send_tag(fd, &b);
	err = read_all(fd, &len, sizeof(len));
	if (err)
		return err;
	if (len == 0 || len > PASSPHRASE_MAX)
		return err_note(ERR_CORRUPT, "the passphrase's length");
	secret = secret_new(PASSPHRASE_MAX + 1);
	if (!secret)
		return err_note(ERR_NOMEM, "memory for secrets");
	err = read_all(fd, secret, len);
	if (err) {
		secret_free(secret);
		return err;
	}
	*ret = secret;
	*ret_len = len;
	return 0;
}

static void child_progress(void *ctx, const char *what, uint64_t done, uint64_t total)
{
	struct buf b;

	begin_tag(&b, TAG_PROGRESS);
	answer_put_text(&b, what);
	enc_var(&b, done);
	enc_var(&b, total);
	send_tag(*(int *)ctx, &b);
}

static void child_ready(void *ctx)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC), fd = *(int *)ctx;
	struct buf b;

	if (null >= 0) {
		dup2(null, STDIN_FILENO);
		dup2(null, STDOUT_FILENO);
		dup2(null, STDERR_FILENO);
		close(null);
	}
	begin_tag(&b, TAG_READY);
	send_tag(fd, &b);
	shutdown(fd, SHUT_RDWR);
}

static void child_main(const struct serve_params *p, int fd) __attribute__((noreturn));

static void child_main(const struct serve_params *p, int fd)
{
	struct serve_host host = {
	    .secret = child_secret, .progress = child_progress, .ready = child_ready, .ctx = &fd};
	struct buf b;
	bool ready = false;
	int err;

	setsid();
	if (chdir("/"))
		log_warn("mount", "chdir error=%d", errno);
	log_set_level(LOG_INFO);
	/* until there is a log file: stderr is the person's, and gets one line only */
	log_to_file("/dev/null");
	err = secret_setup();
	if (err == 0)
		err = serve(p, &host, &ready);
	if (!ready) {
		if (err == 0)
			err = err_note(ERR_CANCELED, "the mount ended before it was usable");
		begin_tag(&b, TAG_FAILED);
		enc_u32(&b, (uint32_t)err);
		answer_put_text(&b, err_note_text());
		send_tag(fd, &b);
	}
	exit(err ? EXIT_FAILURE : EXIT_SUCCESS);
}

/* ---- the parent ---- */

static int parent_give_secret(int fd, const struct passphrase_source *source)
{
	char *secret = NULL;
	uint32_t len32;
	size_t len = 0;
	int err = secret_setup();

	if (err == 0)
		err = passphrase_get(source, &secret, &len);
	if (err)
		return err;
	len32 = (uint32_t)len;
	if (send(fd, &len32, sizeof(len32), MSG_NOSIGNAL) != (ssize_t)sizeof(len32) ||
	    send(fd, secret, len, MSG_NOSIGNAL) != (ssize_t)len)
		err = err_note(ERR_CANCELED, "the daemon is gone");
	secret_free(secret);
	return err;
}

/* Why the child is gone without a word. */
static int parent_child_died(pid_t pid)
{
	int status = 0;

	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (WIFSIGNALED(status))
		return err_note(ERR_IO, "the daemon was ended by signal %d; see daemon.log",
		                WTERMSIG(status));
	return err_note(ERR_IO, "the daemon ended without a word; see daemon.log");
}

static int parent_listen(int fd, pid_t pid, const struct passphrase_source *source,
                         struct progress *progress)
{
	struct buf b;
	struct dec d;
	uint64_t done, total;
	const char *what;
	int err;

	buf_init(&b, CONTROL_MESSAGE_MAX);
	for (;;) {
		err = message_receive(fd, &b);
		if (err && !interrupt_seen())
			err = parent_child_died(pid);
		if (err)
			break;
		dec_init(&d, b.data, b.len);
		switch (dec_u8(&d)) {
		case TAG_SECRET:
			err = parent_give_secret(fd, source);
			break;
		case TAG_PROGRESS:
			what = answer_get_text(&d);
			done = dec_var(&d);
			total = dec_var(&d);
			progress_update(progress, what, done, total);
			continue;
		case TAG_READY:
			goto out;
		default:
			err = (int)dec_u32(&d);
			err_note(err, "%s", answer_get_text(&d));
		}
		if (err)
			break;
	}
out:
	buf_done(&b);
	return err;
}

int daemon_background(const struct serve_params *p, const struct passphrase_source *source)
{
	struct progress progress;
	int fds[2], err;
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds))
		return err_note(err_from_errno(errno), "a socket pair");
	fflush(NULL);
	pid = fork();
	if (pid == 0) {
		close(fds[0]);
		child_main(p, fds[1]);
	}
	close(fds[1]);
	if (pid < 0) {
		close(fds[0]);
		return err_note(err_from_errno(errno), "cannot start the daemon");
	}
	/* a person who gives up must not leave a daemon behind that mounts after all */
	interrupt_catch();
	progress_init(&progress, false);
	err = parent_listen(fds[0], pid, source, &progress);
	progress_end(&progress);
	close(fds[0]);
	if (err) {
		/* it may wait for the secret, or for a store that does not answer */
		kill(pid, SIGTERM);
		while (waitpid(pid, NULL, 0) < 0 && errno == EINTR && !interrupt_seen())
			;
	}
	return err;
}

/* ---- one process ---- */

struct foreground {
	const struct passphrase_source *source;
	struct progress progress;
};

static int foreground_secret(void *ctx, char **ret, size_t *ret_len)
{
	return passphrase_get(((struct foreground *)ctx)->source, ret, ret_len);
}

static void foreground_progress(void *ctx, const char *what, uint64_t done, uint64_t total)
{
	progress_update(&((struct foreground *)ctx)->progress, what, done, total);
}

static void foreground_ready(void *ctx)
{
	progress_end(&((struct foreground *)ctx)->progress);
}

int daemon_foreground(const struct serve_params *p, const struct passphrase_source *source)
{
	struct foreground f = {.source = source};
	struct serve_host host = {.secret = foreground_secret,
	                          .progress = foreground_progress,
	                          .ready = foreground_ready,
	                          .ctx = &f};
	bool ready;
	int err;

	progress_init(&f.progress, false);
	log_set_level(LOG_INFO);
	err = secret_setup();
	return err ? err : serve(p, &host, &ready);
}
