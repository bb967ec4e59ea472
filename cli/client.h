/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The command's side of the control protocol: from a path to the mount it lies in, and from there a
 * request and its answers.
 */
#ifndef AMBERFS_CLI_CLIENT_H
#define AMBERFS_CLI_CLIENT_H

#include "cli/control.h"
#include "util/codec.h"

#include <stddef.h>
#include <stdint.h>

/* Where a path lies. All owned; ended by client_place_done(). */
struct client_place {
	char *mountpoint;
	char *control; /* path of the daemon's socket */
	char *inside;  /* the path in the volume, without a leading '/'; "" is the root */
};

/**
 * Find the mount of @path, which may no longer exist: then the nearest folder above it that does
 * tells. Links above the last part are followed. ERR_NOTVOLUME when it lies in no mounted volume,
 * ERR_STALE when the daemon died, ERR_USAGE for a path in .snapshots.
 */
int client_locate(const char *path, struct client_place *ret);

/** Find a VOLUME: any path in it, or its STORE when that is mounted; NULL is the current folder. */
int client_locate_volume(const char *volume, struct client_place *ret);

void client_place_done(struct client_place *p);

/** One item's fields; the reader is at the first one. Non-zero ends the request with that code. */
typedef int (*client_item_fn)(void *ctx, struct dec *d);
typedef void (*client_progress_fn)(void *ctx, const char *what, uint64_t done, uint64_t total);

struct client_request {
	enum control_command command;
	const char *const *args;
	size_t nargs;
	client_item_fn item;         /* or NULL */
	client_progress_fn progress; /* or NULL */
	void *ctx;
};

/** Ask the daemon behind @control and hand its answers on. Returns the daemon's verdict, with its
 * note. */
int client_ask(const char *control, const struct client_request *r);

/** Ask with up to three arguments, of which the first NULL ends the list. */
int client_ask_simple(const char *control, enum control_command command, const char *a,
                      const char *b, const char *c, client_item_fn item, void *ctx);

/** A descriptor that polls readable when the daemon has ended. The caller closes it. */
int client_daemon_pidfd(const char *control, int *ret_fd);

#endif
