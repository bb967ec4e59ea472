/* SPDX-License-Identifier: Apache-2.0 */
#include "volume/lease.h"

#include "util/codec.h"
#include "util/err.h"
#include "util/hex.h"
#include "util/log.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LEASE_NAME "lease"
#define LEASE_VERSION 1
#define LEASE_MAX_BYTES 4096
#define ID_BYTES 16
#define SECOND_NS 1000000000ll

struct lease {
	uint8_t machine[ID_BYTES];
	uint8_t boot[ID_BYTES];
	uint32_t pid;
	uint64_t started;
	uint64_t writer;
	int64_t time_ns;
};

/* ---- who we are ---- */

static bool read_text(const char *path, char *out, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, out, size - 1);

	if (fd >= 0)
		close(fd);
	out[n > 0 ? n : 0] = '\0';
	return n > 0;
}

/* 32 hexadecimal digits, with or without dashes; zeros when there are none. */
static void read_id(const char *path, uint8_t *out)
{
	char text[64], hex[2 * ID_BYTES + 1] = "";
	size_t n = 0;

	memset(out, 0, ID_BYTES);
	if (!read_text(path, text, sizeof(text)))
		return;
	for (const char *at = text; *at && n < 2 * ID_BYTES; at++)
		if (*at != '-' && *at != '\n')
			hex[n++] = *at;
	hex[n] = '\0';
	if (n != 2 * ID_BYTES || hex_decode(out, ID_BYTES, hex) != 0)
		memset(out, 0, ID_BYTES);
}

/* Field 22 of /proc/<pid>/stat (proc(5)); the name in field 2 may hold anything, so it is counted
 * from its last parenthesis. */
static uint64_t process_started(uint32_t pid)
{
	char path[64], text[1024];
	const char *at;

	snprintf(path, sizeof(path), "/proc/%" PRIu32 "/stat", pid);
	if (!read_text(path, text, sizeof(text)))
		return 0;
	at = strrchr(text, ')');
	if (at &&
	    (at[1] != ' ' || at[2] == 'Z' || at[2] == 'X')) /* dead, and only not yet buried */
		return 0;
	for (int field = 2; at && field < 22; field++) {
		at = strchr(at, ' ');
		at = at ? at + 1 : NULL;
	}
	return at ? strtoull(at, NULL, 10) : 0;
}

/* Files that are not the kernel's belong to a test: every one of its machines is this one, and its
 * former processes are dead. */
static void describe(struct volume *v, struct lease *ret)
{
	memset(ret, 0, sizeof(*ret));
	ret->writer = v->writer_id;
	ret->time_ns = volume_wall_ns(v);
	if (v->params.io != fileio_system())
		return;
	read_id("/etc/machine-id", ret->machine);
	read_id("/proc/sys/kernel/random/boot_id", ret->boot);
	ret->pid = (uint32_t)getpid();
	ret->started = process_started(ret->pid);
}

/* ---- the object ---- */

static int put_lease(struct volume *v)
{
	struct lease l;
	struct buf content, sealed;
	int r;

	describe(v, &l);
	buf_init(&content, LEASE_MAX_BYTES);
	buf_init(&sealed, LEASE_MAX_BYTES);
	enc_u16(&content, LEASE_VERSION);
	buf_add(&content, l.machine, ID_BYTES);
	buf_add(&content, l.boot, ID_BYTES);
	enc_u32(&content, l.pid);
	enc_u64(&content, l.started);
	enc_u64(&content, l.writer);
	enc_i64(&content, l.time_ns);
	r = buf_error(&content);
	if (r == 0)
		r = object_seal(v->object_keys, OBJECT_LEASE, LEASE_NAME, content.data, content.len,
		                &sealed);
	if (r == 0)
		r = blob_put(v->params.store, LEASE_NAME, sealed.data, sealed.len);
	buf_done(&content);
	buf_done(&sealed);
	return r;
}

static int get_lease(struct volume *v, struct lease *ret)
{
	const uint8_t *machine, *boot;
	struct buf sealed, content;
	struct dec d;
	int r;

	buf_init(&sealed, LEASE_MAX_BYTES);
	buf_init(&content, LEASE_MAX_BYTES);
	r = blob_get(v->params.store, LEASE_NAME, 0, SIZE_MAX, &sealed);
	if (r == ERR_FBIG)
		r = ERR_CORRUPT;
	if (r == 0)
		r = object_open(v->object_keys, OBJECT_LEASE, LEASE_NAME, sealed.data, sealed.len,
		                &content);
	if (r == 0) {
		dec_init(&d, content.data, content.len);
		if (dec_u16(&d) != LEASE_VERSION)
			r = ERR_VERSION;
		machine = dec_bytes(&d, ID_BYTES);
		boot = dec_bytes(&d, ID_BYTES);
		ret->pid = dec_u32(&d);
		ret->started = dec_u64(&d);
		ret->writer = dec_u64(&d);
		ret->time_ns = dec_i64(&d);
		if (r == 0)
			r = dec_end(&d);
		if (r == 0) {
			memcpy(ret->machine, machine, ID_BYTES);
			memcpy(ret->boot, boot, ID_BYTES);
		}
	}
	buf_done(&sealed);
	buf_done(&content);
	return r == ERR_UNAUTHENTIC || r == ERR_CORRUPT || r == ERR_VERSION
	           ? err_note(r, LEASE_NAME)
	           : r;
}

/* ---- the rules ---- */

static bool process_alive(const struct lease *l)
{
	if (l->pid == 0 || l->pid == (uint32_t)getpid())
		return false;
	if (kill((pid_t)l->pid, 0) != 0 && errno != EPERM)
		return false;
	return process_started(l->pid) == l->started && l->started != 0;
}

/* Machines without an id (containers) are told apart by when they were started. */
static bool same_machine(const struct lease *a, const struct lease *b)
{
	static const uint8_t none[ID_BYTES];

	if (memcmp(a->machine, b->machine, ID_BYTES) != 0)
		return false;
	return memcmp(a->machine, none, ID_BYTES) != 0 || memcmp(a->boot, b->boot, ID_BYTES) == 0;
}

static int check(struct volume *v, const struct lease *l)
{
	int64_t age_ns = volume_wall_ns(v) - l->time_ns;
	struct lease own;

	describe(v, &own);
	if (same_machine(&own, l)) {
		if (memcmp(own.boot, l->boot, ID_BYTES) == 0 && process_alive(l))
			return err_note(ERR_LOCKED, "process %" PRIu32 " has it mounted", l->pid);
		return 0;
	}
	/* a clock that is ahead of ours still says "lately", as long as it is not absurd */
	if (age_ns > LEASE_FRESH_S * SECOND_NS || age_ns < -3600 * SECOND_NS || v->params.takeover)
		return 0;
	return err_note(ERR_FENCED, "another machine had it mounted %lld seconds ago",
	                (long long)(age_ns > 0 ? age_ns / SECOND_NS : 0));
}

int lease_take(struct volume *v)
{
	struct lease l = {0};
	int r = get_lease(v, &l);

	if (r == 0)
		r = check(v, &l);
	else if (r == ERR_MISSING)
		r = 0;
	if (r == 0)
		r = put_lease(v);
	if (r == 0)
		v->lease_mono_ns = clock_mono_ns(v->params.clock);
	return r;
}

void lease_step(struct volume *v)
{
	int64_t now = clock_mono_ns(v->params.clock);
	bool answers;
	int r;

	lock_take(&v->upload_lock);
	answers = v->store_error == 0 && now - v->lease_mono_ns >= LEASE_RENEW_S * SECOND_NS;
	lock_drop(&v->upload_lock);
	if (!answers)
		return;
	v->lease_mono_ns = now;
	r = put_lease(v);
	if (r != 0)
		log_warn("lease", "not-renewed error=%s", err_name(r));
}

void lease_drop(struct volume *v)
{
	bool answers;

	lock_take(&v->upload_lock);
	answers = v->store_error == 0 && v->lease_mono_ns != 0;
	v->lease_mono_ns = INT64_MAX; /* lease_step() signs no more */
	lock_drop(&v->upload_lock);
	if (answers)
		blob_remove(v->params.store, LEASE_NAME);
}
