/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The life of a mounted volume, from the store's address to the last unmount, in one call of one
 * process. How it speaks to the person who mounts (in the foreground directly, in the background
 * through a pipe) is the host's business.
 */
#ifndef AMBERFS_CLI_SERVE_H
#define AMBERFS_CLI_SERVE_H

#include "backend/store.h"
#include "volume/volume.h"

#include <stdbool.h>

struct serve_params {
	const char *store;      /* as store_display() gives it */
	const char *mountpoint; /* absolute, without links */
	const char *state_dir;  /* absolute */
	struct store_options store_options;
	bool read_only;
	const char *at; /* TIME or NULL */
	bool allow_other;
	bool takeover;
	bool log_to_file; /* to daemon.log in the state folder */
	const char *extra_options;
	uint64_t cache_limit_bytes;
	uint64_t quota_bytes;
	unsigned epoch_ms;
	enum volume_secret_type secret_type;
};

struct serve_host {
	/** The passphrase or recovery code, in secret memory which the caller frees. Asked for once
	 * the store has shown a keyring. */
	int (*secret)(void *ctx, char **ret, size_t *ret_len);
	void (*progress)(void *ctx, const char *what, uint64_t done, uint64_t total);
	/** The mount answers. Called once, from a thread of its own. */
	void (*ready)(void *ctx);
	void *ctx;
};

/**
 * Serve until unmounted or told to end by SIGTERM, SIGINT or SIGHUP. Returns 0, or a code with a
 * note; *ret_ready tells whether it failed before or after the mount answered. secret_setup() must
 * have been called.
 */
int serve(const struct serve_params *p, const struct serve_host *host, bool *ret_ready);

#endif
