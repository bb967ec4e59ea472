/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One thread accepts and watches, up to CONNECTIONS threads serve one request each.
 *
 * The accepting thread owns the table: it alone fills a slot, joins its thread and closes its
 * descriptor. A serving thread owns nothing but the request; it says that it is done by `done` and
 * a wake-up, and learns that its peer went away, or that the daemon ends, by `stop`. So there is no
 * lock, and a descriptor is never closed under a thread that uses it.
 */
#include "cli/server.h"

#include "cli/control.h"
#include "cli/message.h"
#include "util/err.h"
#include "util/fileio.h"
#include "util/log.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#define CONNECTIONS 8
#define REQUEST_TIMEOUT_S 10
#define PREFIX "control-"

struct connection {
	struct server *server;
	bool used;
	bool gone; /* the peer hung up: do not poll it again */
	int fd;
	pthread_t thread;
	volatile bool stop;
	atomic_bool done;
};

struct server {
	char *path;
	int listen_fd;
	int wake_fd;
	bool running;
	atomic_bool ending;
	pthread_t thread;
	const struct requests *requests;
	struct connection connections[CONNECTIONS];
};

static void wake(struct server *s)
{
	uint64_t one = 1;

	if (write(s->wake_fd, &one, sizeof(one)) < 0)
		log_error("control", "wake error=%d", errno);
}

static void *serve_connection(void *arg)
{
	struct connection *c = arg;
	struct buf message;
	int err;

	buf_init(&message, CONTROL_MESSAGE_MAX);
	err = message_receive(c->fd, &message);
	if (err == 0)
		requests_serve(c->server->requests, c->fd, &c->stop, &message);
	buf_done(&message);
	atomic_store(&c->done, true);
	wake(c->server);
	return NULL;
}

static bool peer_allowed(int fd)
{
	struct ucred cred;
	socklen_t len = sizeof(cred);

	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) == 0 &&
	       (cred.uid == 0 || cred.uid == geteuid());
}

static struct connection *free_slot(struct server *s)
{
	for (size_t i = 0; i < CONNECTIONS; i++)
		if (!s->connections[i].used)
			return &s->connections[i];
	return NULL;
}

static void accept_one(struct server *s)
{
	struct timeval patience = {.tv_sec = REQUEST_TIMEOUT_S};
	struct connection *c;
	int fd = accept4(s->listen_fd, NULL, NULL, SOCK_CLOEXEC);

	if (fd < 0)
		return;
	/* a peer that connects and says nothing may not hold its slot */
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	c = free_slot(s);
	if (!peer_allowed(fd)) {
		requests_end(fd, err_note(ERR_PERM, "the mount belongs to another user"));
	} else if (!c) {
		requests_end(fd, err_note(ERR_BUSY, "%d requests are running", CONNECTIONS));
	} else {
		c->server = s;
		c->fd = fd;
		c->gone = false;
		c->stop = false;
		atomic_store(&c->done, false);
		c->used = pthread_create(&c->thread, NULL, serve_connection, c) == 0;
		if (c->used)
			return;
		requests_end(fd, err_note(ERR_NOMEM, "a thread"));
	}
	close(fd);
}

static void reap(struct server *s)
{
	for (size_t i = 0; i < CONNECTIONS; i++) {
		struct connection *c = &s->connections[i];

		if (!c->used || !atomic_load(&c->done))
			continue;
		pthread_join(c->thread, NULL);
		close(c->fd);
		c->used = false;
	}
}

static void end_all(struct server *s)
{
	for (size_t i = 0; i < CONNECTIONS; i++) {
		struct connection *c = &s->connections[i];

		if (!c->used)
			continue;
		c->stop = true;
		shutdown(c->fd, SHUT_RDWR);
		pthread_join(c->thread, NULL);
		close(c->fd);
		c->used = false;
	}
}

/* Sleep until there is something to do; hang-ups are noted at once. */
static void watch(struct server *s, bool *ret_accept)
{
	struct pollfd p[2 + CONNECTIONS];
	uint64_t count;

	p[0] = (struct pollfd){.fd = s->wake_fd, .events = POLLIN};
	p[1] = (struct pollfd){.fd = s->listen_fd, .events = POLLIN};
	for (size_t i = 0; i < CONNECTIONS; i++) {
		const struct connection *c = &s->connections[i];

		p[2 + i] =
		    (struct pollfd){.fd = c->used && !c->gone ? c->fd : -1, .events = POLLRDHUP};
	}
	*ret_accept = false;
	if (poll(p, 2 + CONNECTIONS, -1) < 0)
		return;
	if (p[0].revents && read(s->wake_fd, &count, sizeof(count)) < 0)
		return;
	for (size_t i = 0; i < CONNECTIONS; i++)
		if (p[2 + i].revents & (POLLRDHUP | POLLHUP | POLLERR))
			s->connections[i].stop = s->connections[i].gone = true;
	*ret_accept = p[1].revents != 0;
}

static void *serve(void *arg)
{
	struct server *s = arg;
	bool incoming;

	while (!atomic_load(&s->ending)) {
		watch(s, &incoming);
		reap(s);
		if (incoming && !atomic_load(&s->ending))
			accept_one(s);
	}
	end_all(s);
	return NULL;
}

/* Remove a socket that nobody listens on any more. */
static int remove_stale(void *ctx, const char *name)
{
	const char *dir = ctx;
	char *path = NULL;
	int fd = -1;

	if (strncmp(name, PREFIX, strlen(PREFIX)) != 0 || asprintf(&path, "%s/%s", dir, name) < 0)
		return 0;
	if (message_socket(path, 0, &fd))
		unlink(path);
	else
		close(fd);
	free(path);
	return 0;
}

int server_new(const char *dir, struct server **ret)
{
	struct server *s = calloc(1, sizeof(*s));
	int err;

	if (!s)
		return ERR_NOMEM;
	s->listen_fd = -1;
	s->wake_fd = eventfd(0, EFD_CLOEXEC);
	if (s->wake_fd < 0 || asprintf(&s->path, "%s/" PREFIX "%d", dir, (int)getpid()) < 0) {
		s->path = NULL;
		err = ERR_NOMEM;
		goto out;
	}
	err = fileio_mkdirs(fileio_system(), dir);
	if (err)
		goto out;
	fileio_list(fileio_system(), dir, remove_stale, (void *)(uintptr_t)dir);
	unlink(s->path);
	err = message_socket(s->path, 1, &s->listen_fd);
out:
	if (err) {
		server_free(s);
		return err;
	}
	*ret = s;
	return 0;
}

const char *server_path(const struct server *s)
{
	return s->path;
}

int server_start(struct server *s, const struct requests *r)
{
	sigset_t all, before;
	int failed;

	s->requests = r;
	/* signals are for the main thread; the threads made later inherit this mask */
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &before);
	failed = pthread_create(&s->thread, NULL, serve, s);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (failed)
		return err_note(ERR_NOMEM, "a thread");
	s->running = true;
	return 0;
}

void server_free(struct server *s)
{
	if (!s)
		return;
	if (s->running) {
		atomic_store(&s->ending, true);
		wake(s);
		pthread_join(s->thread, NULL);
	}
	if (s->listen_fd >= 0) {
		close(s->listen_fd);
		unlink(s->path);
	}
	if (s->wake_fd >= 0)
		close(s->wake_fd);
	free(s->path);
	free(s);
}
