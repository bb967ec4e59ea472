/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Order matters: the store's keyring is fetched before the secret is asked for, so that a wrong
 * address costs nobody a passphrase; the control server is listening before the mount appears,
 * since whoever sees the mount may ask it; and at the end the server stops before the volume
 * closes, since it uses it.
 *
 * After unmounting nothing waits for the store: what is not stored yet is in the state folder, and
 * the next mount stores it.
 */
#include "cli/guard.h"
#include "cli/serve.h"

#include "cli/server.h"
#include "fs/fs.h"
#include "util/clock.h"
#include "util/err.h"
#include "util/fileio.h"
#include "util/log.h"
#include "util/rng.h"
#include "util/secret.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>
#include <unistd.h>

/* For the signal handler, which has no argument. */
static struct fs *_Atomic running_fs;
static volatile sig_atomic_t end_asked;

struct session {
	const struct serve_params *p;
	const struct serve_host *host;
	struct blob *store;
	struct keyring *keyring;
	struct volume *volume;
	struct server *server;
	struct requests requests;
	struct fs *fs;
	pthread_t greeter;
	bool greeting; /* the thread exists */
	atomic_bool ready;
};

static void on_signal(int sig)
{
	struct fs *fs = atomic_load(&running_fs);

	(void)sig;
	end_asked = 1;
	if (fs)
		fs_stop(fs);
}

static void catch_signals(void)
{
	static const int signals[] = {SIGTERM, SIGINT, SIGHUP};
	struct sigaction sa;

	memset(&sa, 0, sizeof(sa));
	sa.sa_handler = on_signal;
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		sigaction(signals[i], &sa, NULL);
	sa.sa_handler = SIG_IGN;
	sigaction(SIGPIPE, &sa, NULL);
}

static int unlock(struct session *s)
{
	size_t len = 0;
	char *secret = NULL;
	int err;

	err = store_open(s->p->store, &s->p->store_options, &s->store);
	if (err == 0)
		err = volume_keyring_fetch(s->store, &s->keyring);
	if (err == 0)
		err = s->host->secret(s->host->ctx, &secret, &len);
	if (err == 0)
		err = volume_keyring_unlock(s->keyring, s->p->secret_type, secret, len);
	secret_free(secret);
	return err;
}

static void open_log(const char *folder)
{
	char *path;

	if (asprintf(&path, "%s/daemon.log", folder) < 0)
		return;
	if (log_to_file(path))
		log_to_file("/dev/null");
	free(path);
}

/* Opening may take long and tell much; where the state folder is there already, it is told to the
 * log in it. */
static void open_log_early(struct session *s)
{
	char id[2 * VOLUME_ID_BYTES + 1];
	char *folder;

	if (!s->p->log_to_file)
		return;
	volume_keyring_id(s->keyring, id);
	if (asprintf(&folder, "%s/%s", s->p->state_dir, id) < 0)
		return;
	if (access(folder, W_OK | X_OK) == 0)
		open_log(folder);
	free(folder);
}

static int open_volume(struct session *s)
{
	struct volume_params v = {
	    .io = fileio_system(),
	    .clock = clock_system(),
	    .rng = rng_system(),
	    .store = s->store,
	    .state_dir = s->p->state_dir,
	    .read_only = s->p->read_only || s->p->at,
	    .takeover = s->p->takeover,
	    .threads = true,
	    .epoch_ms = s->p->epoch_ms,
	    .cache_limit_bytes = s->p->cache_limit_bytes,
	    .quota_bytes = s->p->quota_bytes,
	};
	struct keyring *k = s->keyring;
	int err;

	open_log_early(s);
	s->keyring = NULL;
	err = volume_open(&v, k, s->host->progress, s->host->ctx, &s->volume);
	if (err)
		return err;
	if (s->p->log_to_file)
		open_log(volume_state_path(s->volume));
	log_info("mount", "opened volume=%s read_only=%d", volume_id(s->volume), v.read_only);
	return 0;
}

static int mount_volume(struct session *s)
{
	struct fs_params f = {
	    .volume = s->volume,
	    .mountpoint = s->p->mountpoint,
	    .read_only = s->p->read_only || s->p->at,
	    .at = VOLUME_NOW,
	    .allow_other = s->p->allow_other,
	    .quota_bytes = s->p->quota_bytes,
	    .extra_options = s->p->extra_options,
	};
	int err = 0;

	if (s->p->at)
		err = volume_when(s->volume, s->p->at, &f.at, NULL);
	if (err == 0)
		err = server_new(volume_state_path(s->volume), &s->server);
	if (err)
		return err;
	f.control_path = server_path(s->server);
	err = fs_mount(&f, &s->fs);
	if (err)
		return err;
	s->requests = (struct requests){.volume = s->volume,
	                                .fs = s->fs,
	                                .store = s->p->store,
	                                .mountpoint = s->p->mountpoint,
	                                .read_only = f.read_only,
	                                .at = f.at};
	return server_start(s->server, &s->requests);
}

/* The first request is ours: once it is answered, everybody's will be. */
static void *greet(void *arg)
{
	struct session *s = arg;
	char value[4096];

	if (getxattr(s->p->mountpoint, FS_CONTROL_XATTR, value, sizeof(value)) < 0)
		return NULL;
	atomic_store(&s->ready, true);
	log_info("mount", "ready pid=%d", (int)getpid());
	s->host->ready(s->host->ctx);
	return NULL;
}

static int run(struct session *s)
{
	int err;

	s->greeting = pthread_create(&s->greeter, NULL, greet, s) == 0;
	if (!s->greeting)
		return err_note(ERR_NOMEM, "a thread");
	atomic_store(&running_fs, s->fs);
	/* a signal between the mount and the line above found nothing to stop */
	if (end_asked)
		fs_stop(s->fs);
	err = fs_run(s->fs);
	atomic_store(&running_fs, NULL);
	return err;
}

int serve(const struct serve_params *p, const struct serve_host *host, bool *ret_ready)
{
	struct session s = {.p = p, .host = host};
	struct guard guard;
	char note[256] = "";
	int err, close_err;
	bool ran = false;

	guard_start(&guard);
	err = unlock(&s);
	if (err == 0)
		err = open_volume(&s);
	if (err == 0) {
		catch_signals();
		err = mount_volume(&s);
	}
	if (err == 0) {
		ran = true;
		guard_arm(&guard, p->mountpoint);
		err = run(&s);
	}
	guard_stop(&guard);
	snprintf(note, sizeof(note), "%s", err_note_text());
	server_free(s.server);
	fs_free(s.fs);
	/* only now: unmounting is what lets a greeter that got no answer go */
	if (s.greeting)
		pthread_join(s.greeter, NULL);
	close_err = volume_close(s.volume);
	volume_keyring_free(s.keyring);
	blob_free(s.store);
	if (err == 0 && close_err)
		err = close_err;
	else if (err)
		err_note(err, "%s", note);
	if (ran)
		log_info("mount", "ended error=%s", err_name(err));
	*ret_ready = atomic_load(&s.ready);
	return err;
}
