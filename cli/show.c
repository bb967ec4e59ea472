/* SPDX-License-Identifier: Apache-2.0 */
/* Paths are shown from the volume's root, without a '/' in front, folders with one behind. */
#include "cli/show.h"

#include "cli/format.h"
#include "cli/json.h"
#include "cli/report.h"
#include "util/err.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

const char *show_type(uint32_t mode)
{
	return S_ISREG(mode) ? "file" : S_ISDIR(mode) ? "folder" : S_ISLNK(mode) ? "link" : "other";
}

static const struct volume_attr *attr_of(const struct volume_change *c)
{
	return c->after.ino ? &c->after : &c->before;
}

static const char *kind_word(const struct volume_change *c)
{
	switch (c->kind) {
	case VOLUME_ADDED:
		return "added";
	case VOLUME_REMOVED:
		return "removed";
	case VOLUME_RENAMED:
		return "renamed";
	default:
		return "changed";
	}
}

static void change_json(const struct volume_change *c, bool timed)
{
	struct json j;

	json_init(&j);
	json_object(&j);
	json_key_string(&j, "type", "change");
	if (timed) {
		json_key_time(&j, "time", c->time_ns);
		json_key_i64(&j, "epoch", c->epoch);
	}
	json_key_string(&j, "kind", kind_word(c));
	json_key_string(&j, "path", c->path);
	if (c->old_path)
		json_key_string(&j, "old_path", c->old_path);
	json_key_string(&j, "file_type", show_type(attr_of(c)->mode));
	if (c->kind == VOLUME_CHANGED || c->kind == VOLUME_RENAMED)
		json_key_bool(&j, "content", c->content);
	if (c->before.ino)
		json_key_u64(&j, "size_before", c->before.size);
	if (c->after.ino)
		json_key_u64(&j, "size", c->after.size);
	json_close(&j);
	json_print(&j);
	json_done(&j);
}

static void print_path(const char *path, bool folder)
{
	char *shown = format_name(path);

	printf("%s%s", shown ? shown : "?", folder || !*path ? "/" : "");
	free(shown);
}

void show_change(const struct volume_change *c, bool json, bool timed)
{
	const struct volume_attr *a = attr_of(c);
	char letter = c->kind == VOLUME_CHANGED && !c->content ? 'm' : (char)c->kind;
	char time[FORMAT_TIME_BYTES], size[FORMAT_SIZE_BYTES] = "";

	if (json) {
		change_json(c, timed);
		return;
	}
	if (timed) {
		format_time(time, c->time_ns);
		if (S_ISREG(a->mode))
			format_size(size, a->size);
		printf("%s  e%-6" PRId64 " %c %10s  ", time, c->epoch, letter, size);
	} else {
		printf("%c  ", letter);
	}
	if (c->old_path) {
		print_path(c->old_path, S_ISDIR(a->mode));
		printf(" -> ");
	}
	print_path(c->path, S_ISDIR(a->mode));
	printf("\n");
}

static void entry_json(const char *name, const struct volume_attr *a, const char *target)
{
	struct json j;
	char mode[8];

	snprintf(mode, sizeof(mode), "%04o", a->mode & 07777);
	json_init(&j);
	json_object(&j);
	json_key_string(&j, "type", "entry");
	json_key_string(&j, "name", name);
	json_key_string(&j, "file_type", show_type(a->mode));
	json_key_string(&j, "mode", mode);
	json_key_u64(&j, "uid", a->uid);
	json_key_u64(&j, "gid", a->gid);
	json_key_u64(&j, "links", a->nlink);
	json_key_u64(&j, "size", a->size);
	json_key_time(&j, "mtime", a->mtime_ns);
	if (*target)
		json_key_string(&j, "target", target);
	json_close(&j);
	json_print(&j);
	json_done(&j);
}

void show_entry(const char *name, const struct volume_attr *a, const char *target, bool json)
{
	char mode[FORMAT_MODE_BYTES], time[FORMAT_TIME_BYTES];

	if (json) {
		entry_json(name, a, target);
		return;
	}
	format_mode(mode, a->mode);
	format_time(time, a->mtime_ns);
	printf("%s %5u %5u %12" PRIu64 " %s ", mode, a->uid, a->gid, a->size, time);
	print_path(name, S_ISDIR(a->mode));
	if (*target) {
		printf(" -> ");
		print_path(target, false);
	}
	printf("\n");
}

static int locate_failed(int err, const char *what)
{
	if (err == ERR_NOTVOLUME)
		return report_error_hint(
		    err, "name a path in a mounted volume; `amberfs status` lists them",
		    "cannot find the volume of %s", what);
	return report_error(err, "cannot find the volume of %s", what);
}

int show_locate(const char *path, struct client_place *ret)
{
	int err = client_locate(path ? path : ".", ret);

	return err ? locate_failed(err, path ? path : "the current folder") : 0;
}

int show_locate_volume(const char *volume, struct client_place *ret)
{
	int err = client_locate_volume(volume, ret);

	return err ? locate_failed(err, volume ? volume : "the current folder") : 0;
}
