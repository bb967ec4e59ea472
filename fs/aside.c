/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The thread sleeps on an eventfd, which a signal handler may write to, and each time does all
 * there is.
 *
 * Stopping is done between two seeks and never during one: a seek waits for write requests, which
 * somebody must still be there to serve. After the flag is set, a request thread sees it only when
 * its next request is done, so the thread then asks for the file system's totals (a request that
 * the kernel never answers itself).
 */
#include "fs/fs_impl.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define READ_AHEAD_KB "1024"

struct seek_item {
	struct aside_seek seek;
	struct seek_item *next;
};

struct aside {
	struct fs *fs;
	int event_fd;
	pthread_t thread;
	bool has_thread;
	_Atomic bool stop_session;
	_Atomic bool end;
	struct lock lock;
	struct seek_item *first;
	struct seek_item **last;
};

struct aside *aside_new(struct fs *fs)
{
	struct aside *a = calloc(1, sizeof(*a));

	if (!a)
		return NULL;
	a->fs = fs;
	a->last = &a->first;
	a->event_fd = eventfd(0, EFD_CLOEXEC);
	if (a->event_fd < 0) {
		free(a);
		return NULL;
	}
	lock_init(&a->lock, LOCK_FS_TABLE);
	return a;
}

void aside_free(struct aside *a)
{
	if (!a)
		return;
	close(a->event_fd);
	lock_done(&a->lock);
	free(a);
}

/* Async-signal-safe; fails only when the counter is full, and then the thread is awake anyway. */
static void wake(struct aside *a)
{
	uint64_t one = 1;
	int saved = errno;

	if (write(a->event_fd, &one, sizeof(one)) < 0)
		errno = saved;
}

static struct seek_item *next_seek(struct aside *a)
{
	struct seek_item *item;

	lock_take(&a->lock);
	item = a->first;
	if (item) {
		a->first = item->next;
		if (!a->first)
			a->last = &a->first;
	}
	lock_drop(&a->lock);
	return item;
}

static void end_session(struct fs *fs)
{
	struct statvfs st;

	/* what programs wrote and did not sync yet: the kernel would drop it */
	if (!fs->read_only)
		fs_flush_kernel(fs);
	fuse_session_exit(fs->session);
	/* whether it succeeds does not matter: it passed through a request thread, or there is no
	 * mount */
	if (statvfs(fs->mountpoint, &st) != 0)
		return;
}

/*
 * The kernel reads ahead 128 KiB unless told otherwise, and only root can tell it; requests can
 * carry 1 MiB. Without it reading is only slower.
 */
static void raise_read_ahead(const struct fs *fs)
{
	char path[64];
	struct stat st;
	int fd;

	if (geteuid() != 0 || stat(fs->mountpoint, &st) != 0)
		return;
	snprintf(path, sizeof(path), "/sys/class/bdi/%u:%u/read_ahead_kb", major(st.st_dev),
	         minor(st.st_dev));
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	if (write(fd, READ_AHEAD_KB, strlen(READ_AHEAD_KB)) < 0)
		errno = 0;
	close(fd);
}

static void *run(void *arg)
{
	struct aside *a = arg;
	struct seek_item *item;
	bool stopped = false;
	uint64_t events;

	raise_read_ahead(a->fs);
	while (!atomic_load(&a->end)) {
		while ((item = next_seek(a))) {
			fs_data_seek(a->fs, &item->seek);
			free(item);
		}
		if (atomic_load(&a->stop_session) && !stopped) {
			end_session(a->fs);
			stopped = true;
		}
		if (read(a->event_fd, &events, sizeof(events)) < 0 && errno != EINTR)
			break;
	}
	return NULL;
}

int aside_start(struct aside *a)
{
	int r = pthread_create(&a->thread, NULL, run, a);

	a->has_thread = r == 0;
	return r == 0 ? 0 : err_note(err_from_errno(r), "thread: %s", strerror(r));
}

void aside_join(struct aside *a)
{
	struct seek_item *item;

	if (!a->has_thread)
		return;
	atomic_store(&a->end, true);
	wake(a);
	pthread_join(a->thread, NULL);
	a->has_thread = false;
	/* the mount is gone, and the programs that asked have their error; only libfuse's memory is
	 * left to free */
	while ((item = next_seek(a))) {
		fuse_reply_err(item->seek.req, ENODEV);
		free(item);
	}
}

int aside_seek(struct aside *a, const struct aside_seek *seek)
{
	struct seek_item *item = malloc(sizeof(*item));

	if (!item)
		return ERR_NOMEM;
	item->seek = *seek;
	item->next = NULL;
	lock_take(&a->lock);
	*a->last = item;
	a->last = &item->next;
	lock_drop(&a->lock);
	wake(a);
	return 0;
}

void aside_stop_session(struct aside *a)
{
	atomic_store(&a->stop_session, true);
	wake(a);
}
