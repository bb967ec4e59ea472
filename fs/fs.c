/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The life of a mount.
 *
 * fs_mount() makes the session and mounts; fs_run() serves until the mount is gone or fs_stop() was
 * called; fs_free() unmounts and lets go of what the kernel still knew. Requests run in libfuse's
 * threads, one more thread stands beside them (aside.h), and a restore calls in from a thread of
 * its owner.
 *
 * What a restore changed, the kernel must forget: names (also the knowledge that there is none),
 * attributes, cached pages. Of a regular file it trusts its own size and times more than the
 * volume's, as long as it has the inode; a file that is not open loses the inode with its name, and
 * for one that is, a new generation makes the next lookup find a new inode. Its old descriptors
 * then give EIO, not a mixture of two versions. A file that the restore took away and the kernel
 * does not know is reclaimed at once.
 */
#include "fs/reply.h"

#include "util/fds.h"
#include "util/log.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define THREADS_DEFAULT 8
#define THREADS_WAITING_MAX 24
#define THREADS_MAX 64
#define REQUEST_BYTES (1u << 20)
#define BACKGROUND_MAX 64

/* ---- nodes ---- */

struct fs *fs_of(fuse_req_t req)
{
	return fuse_req_userdata(req);
}

int fs_node(struct fs *fs, fuse_ino_t node, struct fs_node *ret)
{
	struct fs_node n = {.node = node, .ino = view_ino(node), .view = view_of(node)};

	n.at = fs->at;
	n.snapshots = n.view == 0 && n.ino == VIEW_SNAPSHOTS;
	if (n.view != 0 && !view_epoch(fs->views, n.view, &n.at))
		return ERR_STALE;
	*ret = n;
	return 0;
}

int fs_node_write(struct fs *fs, fuse_ino_t node, struct fs_node *ret)
{
	int r = fs_node(fs, node, ret);

	if (r == 0 && (fs->read_only || ret->view != 0 || ret->snapshots))
		return ERR_ROFS;
	return r;
}

int fs_node_attr(struct fs *fs, const struct fs_node *node, struct volume_attr *ret)
{
	if (!node->snapshots)
		return volume_getattr(fs->volume, node->ino, node->at, ret);
	fs_snapshots_attr(fs, ret);
	return 0;
}

/* The time is always now: so the kernel never takes its list of snapshots for the latest. */
void fs_snapshots_attr(struct fs *fs, struct volume_attr *ret)
{
	int64_t now = volume_now_ns(fs->volume);

	*ret = (struct volume_attr){
	    .ino = VIEW_SNAPSHOTS,
	    .mode = S_IFDIR | 0755,
	    .uid = fs->uid,
	    .gid = fs->gid,
	    .nlink = 2,
	    .atime_ns = now,
	    .mtime_ns = now,
	    .ctime_ns = now,
	};
}

bool fs_is_snapshots(const struct fs_node *dir, const char *name)
{
	return dir->view == 0 && dir->ino == VOLUME_ROOT && strcmp(name, FS_SNAPSHOTS_NAME) == 0;
}

void fs_forget(struct fs *fs, uint64_t node, uint64_t count)
{
	if (!inode_unref(fs->inodes, node, count))
		return;
	if (view_of(node) != 0)
		view_unref(fs->views, view_of(node));
	else if (node != VIEW_SNAPSHOTS)
		volume_forget(fs->volume, node);
}

/* ---- restore ---- */

/* A folder keeps its inode: the kernel takes its attributes from us, and processes stand in it. */
static bool still_known(struct fs *fs, uint64_t ino)
{
	struct volume_attr attr;
	bool folder = volume_getattr(fs->volume, ino, VOLUME_NOW, &attr) == 0 &&
	              S_ISDIR(attr.mode) && attr.nlink > 0;

	return folder || inode_renew(fs->inodes, ino);
}

static void on_restore(void *ctx, uint64_t ino, const char *name, size_t name_len)
{
	struct fs *fs = ctx;
	char text[VOLUME_NAME_MAX + 1];

	/* errors mean that the kernel does not know the inode or name, and need no answer */
	if (name) {
		if (name_len > VOLUME_NAME_MAX)
			return;
		/* the library sends the byte after the name too */
		memcpy(text, name, name_len);
		text[name_len] = '\0';
		fuse_lowlevel_notify_inval_entry(fs->session, ino, text, name_len);
		return;
	}
	fs_capability_changed(fs, ino);
	if (ino != VOLUME_ROOT && !still_known(fs, ino))
		volume_forget(fs->volume, ino);
	fuse_lowlevel_notify_inval_inode(fs->session, ino, 0, 0);
}

/* ---- mounting ---- */

static void op_init(void *userdata, struct fuse_conn_info *conn)
{
	const unsigned on = FUSE_CAP_EXPORT_SUPPORT | FUSE_CAP_DONT_MASK | FUSE_CAP_POSIX_ACL |
	                    FUSE_CAP_CACHE_SYMLINKS | FUSE_CAP_PARALLEL_DIROPS |
	                    FUSE_CAP_READDIRPLUS | FUSE_CAP_AUTO_INVAL_DATA;
	/* O_TRUNC comes as SETATTR; setuid bits as wire.h says; locks stay in the kernel; nobody can interrupt
	 * a direct read that was made asynchronous */
	const unsigned off = FUSE_CAP_ATOMIC_O_TRUNC | FUSE_CAP_READDIRPLUS_AUTO |
	                     FUSE_CAP_HANDLE_KILLPRIV | FUSE_CAP_SPLICE_READ |
	                     FUSE_CAP_SPLICE_WRITE | FUSE_CAP_SPLICE_MOVE | FUSE_CAP_POSIX_LOCKS |
	                     FUSE_CAP_FLOCK_LOCKS | FUSE_CAP_ASYNC_DIO;
	struct fs *fs = userdata;

	conn->want |= conn->capable & on;
	if (!fs->read_only)
		conn->want |= conn->capable & FUSE_CAP_WRITEBACK_CACHE;
	conn->want &= ~off;
	conn->max_write = REQUEST_BYTES;
	conn->max_readahead = REQUEST_BYTES;
	conn->max_background = BACKGROUND_MAX;
	conn->congestion_threshold = BACKGROUND_MAX * 3 / 4;
	conn->time_gran = 1;
}

static void log_fuse(enum fuse_log_level level, const char *fmt, va_list ap)
{
	char line[256];
	size_t len;

	vsnprintf(line, sizeof(line), fmt, ap);
	len = strlen(line);
	while (len > 0 && line[len - 1] == '\n')
		line[--len] = '\0';
	if (level <= FUSE_LOG_ERR)
		log_error("fs", "libfuse note=\"%s\"", line);
	else
		log_debug("fs", "libfuse note=\"%s\"", line);
}

static char *options_of(const struct fs *fs, const struct fs_params *params)
{
	char *text = NULL;

	if (asprintf(&text, "fsname=amberfs#%.8s,subtype=amberfs,default_permissions%s%s%s%s",
	             volume_id(fs->volume), params->allow_other ? ",allow_other" : "",
	             fs->read_only ? ",ro" : "", params->extra_options ? "," : "",
	             params->extra_options ? params->extra_options : "") < 0)
		return NULL;
	return text;
}

static int start_session(struct fs *fs, const struct fs_params *params)
{
	struct fuse_args args = FUSE_ARGS_INIT(0, NULL);
	struct fuse_lowlevel_ops ops = {.init = op_init};
	char *options = options_of(fs, params);
	int r = ERR_NOMEM;

	fs_names_ops(&ops);
	fs_readdir_ops(&ops);
	fs_attr_ops(&ops);
	fs_xattr_ops(&ops);
	fs_data_ops(&ops);
	fuse_set_log_func(log_fuse);
	if (!options || fuse_opt_add_arg(&args, "amberfs") != 0 ||
	    fuse_opt_add_arg(&args, "-o") != 0 || fuse_opt_add_arg(&args, options) != 0)
		goto out;
	fs->session = fuse_session_new(&args, &ops, sizeof(ops), fs);
	if (!fs->session) {
		r = err_note(ERR_USAGE, "mount options: %s", options);
		goto out;
	}
	if (fuse_session_mount(fs->session, fs->mountpoint) != 0) {
		r = err_note(ERR_ACCES, "%s: mounting failed", fs->mountpoint);
		goto out;
	}
	r = wire_attach(&fs->wire, fs->session);
out:
	fuse_opt_free_args(&args);
	free(options);
	return r;
}

int fs_mount(const struct fs_params *params, struct fs **ret)
{
	struct fs *fs = calloc(1, sizeof(*fs));
	int r = ERR_NOMEM;

	if (!fs)
		return ERR_NOMEM;
	fs->volume = params->volume;
	fs->at = params->at;
	fs->read_only = params->read_only || params->at != VOLUME_NOW;
	fs->quota_bytes = params->quota_bytes;
	fs->threads = params->threads ? params->threads : THREADS_DEFAULT;
	if (fs->threads > THREADS_MAX)
		fs->threads = THREADS_MAX;
	fs->uid = geteuid();
	fs->gid = getegid();
	for (size_t i = 0; i < FS_SIZE_LOCKS; i++)
		pthread_rwlock_init(&fs->size_locks[i], NULL);
	fs->has_buffer_key = pthread_key_create(&fs->buffer_key, free) == 0;
	fs->control_path = strdup(params->control_path ? params->control_path : "");
	fs->inodes = inode_table_new();
	fs->views = view_table_new();
	fs->aside = aside_new(fs);
	if (!fs->has_buffer_key || !fs->control_path || !fs->inodes || !fs->views || !fs->aside)
		goto out;
	fs->mountpoint = realpath(params->mountpoint, NULL);
	if (!fs->mountpoint) {
		r = err_note(err_from_errno(errno), "%s", params->mountpoint);
		goto out;
	}
	r = start_session(fs, params);
	if (r != 0)
		goto out;
	volume_on_restore(fs->volume, on_restore, fs);
	*ret = fs;
	fs = NULL;
out:
	fs_free(fs);
	return r;
}

/* ---- running ---- */

int fs_run(struct fs *fs)
{
	struct fuse_loop_config *config = fuse_loop_cfg_create();
	int r;

	if (!config)
		return ERR_NOMEM;
	/* a descriptor for each thread, where this user may open the device (a mount by fusermount3
	 * works without) */
	fuse_loop_cfg_set_clone_fd(config, access("/dev/fuse", R_OK | W_OK) == 0);
	/* more are made while these all wait, for the store as a rule: what is here is served, and an
	 * interrupt is read, all the same */
	fuse_loop_cfg_set_max_threads(config, fs->threads + THREADS_WAITING_MAX);
	fuse_loop_cfg_set_idle_threads(config, fs->threads);
	r = aside_start(fs->aside);
	if (r == 0) {
		r = fuse_session_loop_mt(fs->session, config);
		/* ended by a signal number, or by the end of the mount: both are how it should end
		 */
		r = r < 0 ? err_note(err_from_errno(-r), "serving: %s", strerror(-r)) : 0;
		/* nobody serves any more: whoever waits for an answer (the thread beside, a syncfs()
		 * of a control request) must get an error, or it would be waited for for ever */
		fuse_session_unmount(fs->session);
		aside_join(fs->aside);
	}
	fuse_loop_cfg_destroy(config);
	return r;
}

void fs_stop(struct fs *fs)
{
	aside_stop_session(fs->aside);
}

#define SYNCFS_TRIES 5

struct flush {
	const char *mountpoint;
	int errnum;
};

/*
 * syncfs() waits for requests that this very process serves, and nothing ends that wait but their answers or the end of the
 * connection. Were the daemon killed now, a thread in there would keep the device open, and with it the connection, the mount and
 * all who use it, for ever. So it is done by a thread with files of its own, which has not the device among them.
 */
static void *flush(void *ctx)
{
	struct flush *f = ctx;
	int fd;

	f->errnum = unshare(CLONE_FILES) != 0 ? errno : fds_close_from(0) != 0 ? EIO : 0;
	if (f->errnum)
		return NULL;
	fd = open(f->mountpoint, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		f->errnum = errno;
	/* it also tells once of an earlier write that a signal ended, for which nobody waits any more */
	for (int tries = 0; fd >= 0 && tries < SYNCFS_TRIES; tries++) {
		f->errnum = syncfs(fd) == 0 ? 0 : errno;
		if (f->errnum != EINTR)
			break;
	}
	if (fd >= 0)
		close(fd);
	return NULL;
}

int fs_flush_kernel(struct fs *fs)
{
	struct flush f = {.mountpoint = fs->mountpoint};
	sigset_t all, before;
	pthread_t thread;
	int errnum;

	/* a signal's handler needs the files that the thread has not */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	errnum = pthread_create(&thread, NULL, flush, &f);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (errnum)
		return err_note(ERR_NOMEM, "no more threads");
	pthread_join(thread, NULL);
	return f.errnum ? err_note(err_from_errno(f.errnum), "%s: syncfs", fs->mountpoint) : 0;
}

static void forget_last(void *ctx, uint64_t node)
{
	struct fs *fs = ctx;

	if (view_of(node) == 0 && node != VIEW_SNAPSHOTS)
		volume_forget(fs->volume, node);
}

void fs_free(struct fs *fs)
{
	if (!fs)
		return;
	volume_on_restore(fs->volume, NULL, NULL);
	if (fs->session) {
		fuse_session_unmount(fs->session);
		fuse_session_destroy(fs->session);
	}
	/* unmounting ends all lookups; the kernel does not send the rest one by one */
	if (fs->inodes)
		inode_each(fs->inodes, forget_last, fs);
	aside_free(fs->aside);
	view_table_free(fs->views);
	inode_table_free(fs->inodes);
	for (size_t i = 0; i < FS_SIZE_LOCKS; i++)
		pthread_rwlock_destroy(&fs->size_locks[i]);
	if (fs->has_buffer_key)
		pthread_key_delete(fs->buffer_key);
	free(fs->control_path);
	free(fs->mountpoint);
	free(fs);
}
