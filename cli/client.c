/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Finding the daemon: every inode of a mount answers getxattr(FS_CONTROL_XATTR) with the socket's
 * path, so the nearest existing part of a path is enough. Where the mount begins is read from
 * mountinfo, which also knows bind mounts of folders inside the volume.
 */
#include "cli/client.h"

#include "backend/store.h"
#include "cli/message.h"
#include "cli/mounts.h"
#include "cli/resolve.h"
#include "cli/answer.h"
#include "fs/fs.h"
#include "util/err.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/xattr.h>
#include <unistd.h>

void client_place_done(struct client_place *p)
{
	free(p->mountpoint);
	free(p->control);
	free(p->inside);
	memset(p, 0, sizeof(*p));
}

static int read_control(const char *path, char **ret)
{
	char value[PATH_MAX];
	ssize_t n = lgetxattr(path, FS_CONTROL_XATTR, value, sizeof(value) - 1);

	if (n < 0 && errno == ENOTCONN)
		return err_note(ERR_STALE, "the mount at %s has lost its daemon", path);
	if (n < 0 && (errno == EACCES || errno == EIO))
		return err_note(err_from_errno(errno), "%s", path);
	if (n <= 0)
		return ERR_NOTVOLUME;
	value[n] = '\0';
	*ret = strdup(value);
	return *ret ? 0 : ERR_NOMEM;
}

/* The part of @path below the mount, put under what the mount shows, without '/' at either end. */
static char *inside_of(const struct mounts_entry *m, const char *path)
{
	const char *rest = strcmp(m->mountpoint, "/") ? path + strlen(m->mountpoint) : path;
	const char *root = m->root + strspn(m->root, "/");
	char *out = NULL;

	rest += strspn(rest, "/");
	if (asprintf(&out, "%s%s%s", root, *root && *rest ? "/" : "", rest) < 0)
		return NULL;
	return out;
}

static int locate_in_mounts(const char *path, const char *existing, struct client_place *ret)
{
	const struct mounts_entry *m;
	struct mounts mounts;
	int err = mounts_read(&mounts);

	if (err)
		return err;
	m = mounts_of_path(&mounts, existing);
	if (!m) {
		err = err_note(ERR_NOTVOLUME, "%s is not in a mounted volume", path);
		goto out;
	}
	ret->mountpoint = strdup(m->mountpoint);
	ret->inside = inside_of(m, path);
	if (!ret->mountpoint || !ret->inside)
		err = ERR_NOMEM;
out:
	mounts_done(&mounts);
	return err;
}

static int locate_resolved(const struct resolve_path *r, struct client_place *ret)
{
	int err = read_control(r->existing, &ret->control);

	if (err == ERR_NOTVOLUME)
		err_note(err, "%s is not in a mounted volume", r->path);
	if (err == 0)
		err = locate_in_mounts(r->path, r->existing, ret);
	if (err == 0 && mounts_path_below(ret->inside, ".snapshots"))
		err = err_note(ERR_USAGE, "%s is a view of the past; name the path in the present",
		               r->path);
	if (err)
		client_place_done(ret);
	return err;
}

int client_locate(const char *path, struct client_place *ret)
{
	struct resolve_path r;
	int err;

	memset(ret, 0, sizeof(*ret));
	err = resolve_path(path, false, &r);
	if (err)
		return err;
	err = locate_resolved(&r, ret);
	resolve_path_done(&r);
	if (err != ERR_NOTVOLUME)
		return err;
	/* a link outside that leads into a volume */
	if (resolve_path(path, true, &r))
		return err;
	err = locate_resolved(&r, ret);
	resolve_path_done(&r);
	return err;
}

static int take_store(void *ctx, struct dec *d)
{
	struct answer_status w;

	answer_get_status(d, &w);
	if (dec_end(d))
		return ERR_CORRUPT;
	*(char **)ctx = strdup(w.store);
	return 0;
}

/* Is the mount at @mountpoint one of the store that is shown as @url? */
static int mount_has_store(const char *mountpoint, const char *url, struct client_place *ret)
{
	char *store = NULL;
	int found = 0;

	if (client_locate(mountpoint, ret))
		return 0;
	if (client_ask_simple(ret->control, CONTROL_STATUS, NULL, NULL, NULL, take_store, &store) ==
	    0)
		found = store && strcmp(store, url) == 0;
	free(store);
	if (!found)
		client_place_done(ret);
	return found;
}

int client_locate_volume(const char *volume, struct client_place *ret)
{
	struct mounts mounts;
	char *url = NULL;
	int err = ERR_NOTVOLUME, found = 0;

	if (!volume)
		return client_locate(".", ret);
	memset(ret, 0, sizeof(*ret));
	if (!strstr(volume, "://"))
		err = client_locate(volume, ret);
	if (err != ERR_NOTVOLUME)
		return err;
	url = store_display(volume);
	if (!url || mounts_read(&mounts)) {
		free(url);
		return ERR_NOMEM;
	}
	for (size_t i = 0; i < mounts.count && !found; i++)
		found = mount_has_store(mounts.entries[i].mountpoint, url, ret);
	mounts_done(&mounts);
	if (!found)
		err = err_note(ERR_NOTVOLUME, "%s is not mounted here", url);
	free(url);
	return found ? 0 : err;
}

static int send_request(int fd, const struct client_request *r)
{
	struct buf b;
	int err;

	buf_init(&b, CONTROL_MESSAGE_MAX);
	enc_u8(&b, CONTROL_VERSION);
	enc_u8(&b, (uint8_t)r->command);
	for (size_t i = 0; i < r->nargs; i++)
		answer_put_text(&b, r->args[i]);
	err = r->nargs > CONTROL_ARGS_MAX ? ERR_FBIG : message_send(fd, &b);
	buf_done(&b);
	return err;
}

static int take_end(struct dec *d)
{
	int code = (int)dec_u32(d);
	const char *note = answer_get_text(d);

	if (dec_end(d))
		return err_note(ERR_CORRUPT, "the daemon's answer");
	if (code)
		err_note(code, "%s", note);
	return code;
}

/* Handle one answer. *ret_over becomes true with the end. */
static int take_answer(const struct client_request *r, const struct buf *b, bool *ret_over)
{
	struct dec d;
	const char *what;
	uint64_t done, total;

	dec_init(&d, b->data, b->len);
	switch (dec_u8(&d)) {
	case CONTROL_ITEM:
		return r->item ? r->item(r->ctx, &d) : 0;
	case CONTROL_PROGRESS:
		what = answer_get_text(&d);
		done = dec_var(&d);
		total = dec_var(&d);
		if (dec_end(&d) == 0 && r->progress)
			r->progress(r->ctx, what, done, total);
		return 0;
	case CONTROL_END:
		*ret_over = true;
		return take_end(&d);
	default:
		return err_note(ERR_CORRUPT, "the daemon's answer");
	}
}

static int connect_daemon(const char *control, int *ret_fd)
{
	int err = message_socket(control, 0, ret_fd);

	if (err == ERR_NOENT)
		return err_note(ERR_STALE, "its daemon does not answer");
	return err;
}

int client_ask(const char *control, const struct client_request *r)
{
	struct buf b;
	bool over = false;
	int fd = -1, err = connect_daemon(control, &fd);

	if (err)
		return err;
	buf_init(&b, CONTROL_MESSAGE_MAX);
	err = send_request(fd, r);
	while (err == 0 && !over) {
		err = message_receive(fd, &b);
		if (err == 0)
			err = take_answer(r, &b, &over);
	}
	buf_done(&b);
	close(fd);
	return err;
}

int client_ask_simple(const char *control, enum control_command command, const char *a,
                      const char *b, const char *c, client_item_fn item, void *ctx)
{
	const char *args[] = {a, b, c};
	struct client_request r = {.command = command, .args = args, .item = item, .ctx = ctx};

	while (r.nargs < 3 && args[r.nargs])
		r.nargs++;
	return client_ask(control, &r);
}

int client_daemon_pidfd(const char *control, int *ret_fd)
{
	struct ucred cred;
	socklen_t len = sizeof(cred);
	int fd = -1, pidfd = -1, err = connect_daemon(control, &fd);

	if (err)
		return err;
	/* while the connection stands, the process id is the daemon's and nobody else's */
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) == 0 && cred.pid > 0)
		pidfd = pidfd_open(cred.pid, 0);
	if (pidfd < 0)
		err = err_note(err_from_errno(errno), "the daemon's process");
	close(fd);
	if (err == 0)
		*ret_fd = pidfd;
	return err;
}
