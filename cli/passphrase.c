/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bytes go by read(2) straight into secret memory: stdio would leave a copy in its buffer. The
 * terminal is /dev/tty, so a passphrase can be asked also when stdin is a pipe. While echo is off,
 * signals that would end or stop the process are caught, so the terminal never stays silent.
 */
#include "cli/passphrase.h"

#include "cli/report.h"
#include "util/err.h"
#include "util/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

static volatile sig_atomic_t gave_up;

void passphrase_from_environment(struct passphrase_source *ret)
{
	const char *file = getenv("AMBERFS_PASSPHRASE_FILE");
	const char *command = getenv("AMBERFS_PASSPHRASE_COMMAND");

	if (ret->file || ret->command)
		return;
	if (file && *file)
		ret->file = file;
	else if (command && *command)
		ret->command = command;
}

/* Read to the end (or, from a terminal, one line). One byte more than allowed is read to notice it.
 */
static int read_secret(int fd, bool line, char *out, size_t *ret_len)
{
	size_t len = 0;

	for (;;) {
		ssize_t n = read(fd, out + len, PASSPHRASE_MAX + 1 - len);

		if (n < 0 && errno == EINTR && !gave_up)
			continue;
		if (n < 0)
			return gave_up ? ERR_CANCELED : err_from_errno(errno);
		len += (size_t)n;
		if (n == 0 || len > PASSPHRASE_MAX || (line && out[len - 1] == '\n'))
			break;
	}
	*ret_len = len;
	return 0;
}

static int check_secret(const struct passphrase_source *s, char *secret, size_t *len)
{
	if (*len > PASSPHRASE_MAX)
		return err_note(ERR_USAGE, "the %s is longer than %d bytes", s->word,
		                PASSPHRASE_MAX);
	if (*len > 0 && secret[*len - 1] == '\n')
		(*len)--;
	if (*len > 0 && secret[*len - 1] == '\r')
		(*len)--;
	secret[*len] = '\0';
	if (*len == 0)
		return err_note(ERR_USAGE, "the %s is empty", s->word);
	return 0;
}

static int from_file(const struct passphrase_source *s, char *out, size_t *ret_len)
{
	int fd = open(s->file, O_RDONLY | O_CLOEXEC);
	struct stat st;
	int err;

	if (fd < 0)
		return err_note(err_from_errno(errno), "%s file %s", s->word, s->file);
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && (st.st_mode & (S_IRGRP | S_IROTH)))
		report_warning("others can read the %s file %s: chmod 600 it", s->word, s->file);
	err = read_secret(fd, false, out, ret_len);
	if (err)
		err_note(err, "%s file %s", s->word, s->file);
	close(fd);
	return err;
}

static pid_t start_command(const char *command, int out_fd)
{
	pid_t pid = fork();

	if (pid == 0) {
		dup2(out_fd, STDOUT_FILENO);
		execl("/bin/sh", "sh", "-c", command, (char *)NULL);
		_exit(127);
	}
	return pid;
}

static int from_command(const struct passphrase_source *s, char *out, size_t *ret_len)
{
	int fds[2], status = 0, err;
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC))
		return err_note(err_from_errno(errno), "a pipe for the %s command", s->word);
	pid = start_command(s->command, fds[1]);
	close(fds[1]);
	if (pid < 0) {
		close(fds[0]);
		return err_note(ERR_NOMEM, "cannot start the %s command", s->word);
	}
	err = read_secret(fds[0], false, out, ret_len);
	close(fds[0]);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (err)
		return err_note(err, "the %s command's output", s->word);
	/* too much output ends the command by SIGPIPE; that it is too much is the better message */
	if (*ret_len <= PASSPHRASE_MAX && (!WIFEXITED(status) || WEXITSTATUS(status) != 0))
		return err_note(ERR_USAGE, "the %s command failed with status %d", s->word,
		                WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
	return 0;
}

static void on_signal(int sig)
{
	(void)sig;
	gave_up = 1;
}

static const int caught[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP};
#define CAUGHT (sizeof(caught) / sizeof(caught[0]))

/* Ask once; the answer without echo. */
static int ask(int tty, const char *question, const struct passphrase_source *s, char *out,
               size_t *ret_len)
{
	struct sigaction sa, before[CAUGHT];
	struct termios normal, silent;
	int err;

	if (tcgetattr(tty, &normal))
		return err_note(err_from_errno(errno), "the terminal");
	memset(&sa, 0, sizeof(sa));
	sa.sa_handler = on_signal;
	for (size_t i = 0; i < CAUGHT; i++)
		sigaction(caught[i], &sa, &before[i]);
	silent = normal;
	silent.c_lflag &= ~(tcflag_t)(ECHO | ECHOE | ECHOK | ECHONL);
	silent.c_lflag |= ICANON | ISIG;
	tcsetattr(tty, TCSAFLUSH, &silent);
	dprintf(tty, "%s %s for %s: ", question, s->word, s->what);
	err = gave_up ? ERR_CANCELED : read_secret(tty, true, out, ret_len);
	tcsetattr(tty, TCSAFLUSH, &normal);
	dprintf(tty, "\n");
	for (size_t i = 0; i < CAUGHT; i++)
		sigaction(caught[i], &before[i], NULL);
	if (err)
		return err_note(err, "no %s was given", s->word);
	return 0;
}

static int from_terminal(const struct passphrase_source *s, char *out, size_t *ret_len)
{
	int tty = open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC);
	char *again = NULL;
	size_t again_len = 0;
	int err;

	if (tty < 0)
		return err_note(ERR_USAGE, "no terminal to ask for the %s; name a file with it",
		                s->word);
	err = ask(tty, s->twice ? "New" : "The volume's", s, out, ret_len);
	if (err == 0)
		err = check_secret(s, out, ret_len);
	if (err || !s->twice)
		goto out;
	again = secret_new(PASSPHRASE_MAX + 2);
	if (!again) {
		err = err_note(ERR_NOMEM, "memory for secrets");
		goto out;
	}
	err = ask(tty, "Once more: the", s, again, &again_len);
	if (err)
		goto out;
	if (again_len > 0 && again_len <= PASSPHRASE_MAX)
		check_secret(s, again, &again_len);
	if (again_len != *ret_len || !secret_equal(out, again, again_len))
		err = err_note(ERR_USAGE, "the two %ss differ", s->word);
out:
	secret_free(again);
	close(tty);
	return err;
}

int passphrase_get(const struct passphrase_source *s, char **ret, size_t *ret_len)
{
	char *secret = secret_new(PASSPHRASE_MAX + 2);
	size_t len = 0;
	int err;

	if (!secret)
		return err_note(ERR_NOMEM, "memory for secrets");
	if (s->file)
		err = from_file(s, secret, &len);
	else if (s->command)
		err = from_command(s, secret, &len);
	else
		err = from_terminal(s, secret, &len);
	/* a terminal's answer was checked already and has no line end any more */
	if (err == 0 && (s->file || s->command))
		err = check_secret(s, secret, &len);
	if (err) {
		secret_free(secret);
		return err;
	}
	*ret = secret;
	*ret_len = len;
	return 0;
}
