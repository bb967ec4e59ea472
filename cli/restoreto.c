/* SPDX-License-Identifier: Apache-2.0 */
/*
 * DIR must be empty or be one that a stopped restore of the same volume and epoch left: that one
 * has MARKER in it, which names both and is removed when the copy is complete. Anything else is
 * refused, for the copy replaces what is in its way.
 */
#include "cli/restoreto.h"

#include "cli/answer.h"
#include "cli/client.h"
#include "cli/copytree.h"
#include "cli/format.h"
#include "cli/interrupt.h"
#include "cli/json.h"
#include "cli/progress.h"
#include "cli/report.h"
#include "util/err.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MARKER ".amberfs-restore"

struct moment {
	int64_t epoch;
	int64_t time_ns;
	char volume[64];
};

static int take_when(void *ctx, struct dec *d)
{
	struct moment *m = ctx;

	m->epoch = dec_i64(d);
	m->time_ns = dec_i64(d);
	return dec_end(d) ? err_note(ERR_CORRUPT, "the daemon's answer") : 0;
}

static int take_status(void *ctx, struct dec *d)
{
	struct answer_status w;

	answer_get_status(d, &w);
	if (dec_end(d))
		return err_note(ERR_CORRUPT, "the daemon's answer");
	snprintf(((struct moment *)ctx)->volume, sizeof(((struct moment *)ctx)->volume), "%s",
	         w.volume);
	return 0;
}

static int is_empty(const char *dir, bool *ret)
{
	DIR *d = opendir(dir);
	struct dirent *e;

	if (!d)
		return err_note(err_from_errno(errno), "%s", dir);
	*ret = true;
	while ((e = readdir(d)))
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
			*ret = false;
	closedir(d);
	return 0;
}

/* A folder with something in it may be used only when its marker says @want. */
static int check_marker(const char *dir, const char *path, const char *want)
{
	char got[128] = "";
	int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	char *epoch;

	if (fd < 0)
		return err_note(ERR_NOTEMPTY, "%s is not empty", dir);
	if (read(fd, got, sizeof(got) - 1) < 0)
		got[0] = '\0';
	close(fd);
	if (strcmp(got, want) == 0)
		return 0;
	got[strcspn(got, "\n")] = '\0';
	epoch = strchr(got, ' ');
	return err_note(ERR_NOTEMPTY,
	                "%s holds a stopped restore of another moment; go on with --at%s", dir,
	                epoch ? epoch : " it");
}

static int write_marker(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600), err = 0;

	if (fd < 0)
		return err_note(err_from_errno(errno), "%s", path);
	if (write(fd, text, strlen(text)) != (ssize_t)strlen(text))
		err = err_note(err_from_errno(errno), "%s", path);
	close(fd);
	return err;
}

static int claim(const char *dir, const char *marker, const struct moment *m)
{
	char text[128];
	bool empty = false;
	int err;

	if (mkdir(dir, 0777) && errno != EEXIST)
		return err_note(err_from_errno(errno), "%s", dir);
	snprintf(text, sizeof(text), "%s e%" PRId64 "\n", m->volume, m->epoch);
	err = is_empty(dir, &empty);
	if (err)
		return err;
	return empty ? write_marker(marker, text) : check_marker(dir, marker, text);
}

struct copying {
	struct progress progress;
	uint64_t total;
};

static void show_progress(void *ctx, uint64_t done)
{
	struct copying *c = ctx;

	progress_update(&c->progress, "restore", done, c->total);
}

static int copy_all(const struct restoreto_what *w, struct copytree *tree, struct copying *c,
                    struct copytree_totals *ret)
{
	struct copytree_totals counted = {.entries = 0};
	static const char *const everything[] = {""};
	const char *const *paths = w->npaths ? (const char *const *)w->paths : everything;
	size_t n = w->npaths ? w->npaths : 1;
	int err = 0;

	for (size_t i = 0; err == 0 && i < n; i++)
		err = copytree_count(tree, paths[i], &counted);
	c->total = counted.bytes;
	for (size_t i = 0; err == 0 && i < n; i++)
		err = copytree_copy(tree, paths[i], ret);
	if (err == 0)
		err = copytree_sync(tree);
	return err;
}

static int copy(const struct restoreto_what *w, const struct moment *m, const char *dir, bool json,
                struct copytree_totals *ret)
{
	struct copying c = {.total = 0};
	struct copytree_params p = {.to = dir, .progress = show_progress, .ctx = &c};
	struct copytree *tree = NULL;
	char *from = NULL;
	int err;

	if (asprintf(&from, "%s/.snapshots/e%" PRId64, w->mountpoint, m->epoch) < 0)
		return ERR_NOMEM;
	p.from = from;
	progress_init(&c.progress, json);
	interrupt_catch();
	err = copytree_new(&p, &tree);
	if (err == 0)
		err = copy_all(w, tree, &c, ret);
	progress_end(&c.progress);
	copytree_free(tree);
	free(from);
	return err;
}

static void print_outcome(const struct restoreto_what *w, const struct moment *m, const char *dir,
                          const struct copytree_totals *t, bool json)
{
	char time[FORMAT_TIME_BYTES], size[FORMAT_SIZE_BYTES];
	struct json j;

	if (!json) {
		format_time(time, m->time_ns);
		format_size(size, t->bytes);
		printf("Copied %s as of %s (e%" PRId64 ") to %s: %" PRIu64 " entries, %s.\n",
		       w->label, time, m->epoch, dir, t->entries, size);
		return;
	}
	json_init(&j);
	json_object(&j);
	json_key_string(&j, "type", "totals");
	json_key_u64(&j, "entries", t->entries);
	json_key_u64(&j, "bytes", t->bytes);
	json_key_u64(&j, "failures", t->failures);
	json_key_i64(&j, "epoch", m->epoch);
	json_key_time(&j, "time", m->time_ns);
	json_key_string(&j, "to", dir);
	json_close(&j);
	json_print(&j);
	json_done(&j);
}

int restoreto_run(const struct restoreto_what *w, const char *at, const char *dir, bool json)
{
	struct copytree_totals totals = {.entries = 0};
	struct moment m = {.epoch = 0};
	char *marker = NULL;
	int err;

	if (asprintf(&marker, "%s/" MARKER, dir) < 0)
		return report_no_memory();
	err = client_ask_simple(w->control, CONTROL_WHEN, at, NULL, NULL, take_when, &m);
	if (err == 0)
		err = client_ask_simple(w->control, CONTROL_STATUS, NULL, NULL, NULL, take_status,
		                        &m);
	if (err == 0)
		err = claim(dir, marker, &m);
	if (err == 0)
		err = copy(w, &m, dir, json, &totals);
	if (err == 0 && totals.failures) {
		err = err_note(ERR_ACCES, "%" PRIu64 " entries, the first: %s", totals.failures,
		               totals.first_failure);
		err = report_error_hint(
		    err, "run it again, perhaps as root; it goes on where it stopped",
		    "%s is only partly restored to %s", w->label, dir);
	} else if (err) {
		err = report_error_hint(
		    err,
		    err == ERR_CANCELED || err == ERR_NOSPC
		        ? "run the same command again; it goes on where it stopped"
		        : report_hint(err),
		    "cannot restore %s to %s", w->label, dir);
	} else {
		unlink(marker);
		print_outcome(w, &m, dir, &totals, json);
	}
	free(marker);
	return err;
}
