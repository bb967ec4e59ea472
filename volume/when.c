/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Moments as people type them. One strict parser a form, tried in turn; what none of them takes
 * whole is not a time.
 */
#include "volume/impl.h"

#include "util/err.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SECOND_NS 1000000000ll
#define YEAR_MIN 1970
#define YEAR_MAX 2200

/* Exactly @n digits. */
static bool digits(const char **at, int n, int *ret)
{
	int v = 0;

	for (int i = 0; i < n; i++, (*at)++) {
		if (!isdigit((unsigned char)**at))
			return false;
		v = v * 10 + (**at - '0');
	}
	*ret = v;
	return true;
}

static bool literal(const char **at, char c)
{
	if (**at != c)
		return false;
	(*at)++;
	return true;
}

/* ".123" to nanoseconds; nothing there is 0. */
static bool fraction(const char **at, int64_t *ret)
{
	int64_t unit = SECOND_NS / 10;

	*ret = 0;
	if (**at != '.' && **at != ',')
		return true;
	(*at)++;
	if (!isdigit((unsigned char)**at))
		return false;
	for (; isdigit((unsigned char)**at); (*at)++, unit /= 10)
		*ret += (**at - '0') * unit;
	return true;
}

/* HH:MM[:SS[.fraction]] */
static bool clock_time(const char **at, struct tm *tm, int64_t *ret_ns)
{
	*ret_ns = 0;
	tm->tm_sec = 0;
	if (!digits(at, 2, &tm->tm_hour) || !literal(at, ':') || !digits(at, 2, &tm->tm_min))
		return false;
	if (**at == ':') {
		(*at)++;
		if (!digits(at, 2, &tm->tm_sec) || !fraction(at, ret_ns))
			return false;
	}
	return tm->tm_hour < 24 && tm->tm_min < 60 && tm->tm_sec < 61;
}

/* "Z", "+01:00", "+0100", "+01"; *ret_zone false when there is none. */
static bool zone(const char **at, bool *ret_zone, int *ret_offset_s)
{
	int sign, hours, minutes = 0;

	*ret_zone = false;
	*ret_offset_s = 0;
	if (**at == '\0')
		return true;
	*ret_zone = true;
	if (literal(at, 'Z') || literal(at, 'z'))
		return true;
	sign = **at == '+' ? 1 : **at == '-' ? -1 : 0;
	if (sign == 0)
		return false;
	(*at)++;
	if (!digits(at, 2, &hours))
		return false;
	if (**at == ':')
		(*at)++;
	if (**at != '\0' && !digits(at, 2, &minutes))
		return false;
	*ret_offset_s = sign * (hours * 3600 + minutes * 60);
	return hours < 24 && minutes < 60;
}

/* Local time to seconds, refusing days that do not exist (mktime would move them on). */
static bool local_seconds(struct tm tm, int64_t *ret)
{
	struct tm want = tm;
	time_t t;

	tm.tm_isdst = -1;
	t = mktime(&tm);
	if (t == (time_t)-1 || tm.tm_mday != want.tm_mday || tm.tm_mon != want.tm_mon)
		return false;
	*ret = t;
	return true;
}

static bool utc_seconds(struct tm tm, int64_t *ret)
{
	struct tm want = tm;
	time_t t = timegm(&tm);

	if (tm.tm_mday != want.tm_mday || tm.tm_mon != want.tm_mon)
		return false;
	*ret = t;
	return true;
}

static bool iso(const char *text, int64_t *ret)
{
	struct tm tm = {0};
	int64_t seconds, ns = 0;
	int year, month, offset = 0;
	bool has_zone = false;

	if (!digits(&text, 4, &year) || !literal(&text, '-') || !digits(&text, 2, &month) ||
	    !literal(&text, '-') || !digits(&text, 2, &tm.tm_mday))
		return false;
	if (year < YEAR_MIN || year > YEAR_MAX || month < 1 || month > 12 || tm.tm_mday < 1 ||
	    tm.tm_mday > 31)
		return false;
	tm.tm_year = year - 1900;
	tm.tm_mon = month - 1;
	if (*text != '\0') {
		if (*text != 'T' && *text != 't' && *text != ' ' && *text != '_')
			return false;
		text++;
		if (!clock_time(&text, &tm, &ns))
			return false;
		if (*text == ' ')
			text++;
		if (!zone(&text, &has_zone, &offset) || *text != '\0')
			return false;
	}
	if (!(has_zone ? utc_seconds(tm, &seconds) : local_seconds(tm, &seconds)))
		return false;
	*ret = (seconds - offset) * SECOND_NS + ns;
	return true;
}

static bool unix_seconds(const char *text, int64_t *ret)
{
	int64_t seconds, ns;
	char *end;

	if (*text++ != '@' || !isdigit((unsigned char)*text))
		return false;
	seconds = strtoll(text, &end, 10);
	text = end;
	if (seconds > INT64_MAX / SECOND_NS - 1 || !fraction(&text, &ns) || *text != '\0')
		return false;
	*ret = seconds * SECOND_NS + ns;
	return true;
}

/* The last time the clock on the wall showed it. */
static bool time_of_day(const char *text, int64_t now_ns, int64_t *ret)
{
	time_t now = (time_t)(now_ns / SECOND_NS);
	int64_t seconds = 0, ns;
	struct tm tm;

	if (!localtime_r(&now, &tm) || !clock_time(&text, &tm, &ns) || *text != '\0')
		return false;
	if (!local_seconds(tm, &seconds))
		return false;
	if (seconds * SECOND_NS + ns > now_ns) {
		tm.tm_mday--;
		tm.tm_isdst = -1;
		seconds = mktime(&tm);
	}
	*ret = seconds * SECOND_NS + ns;
	return true;
}

static bool named_day(const char *text, int64_t now_ns, int64_t *ret)
{
	time_t now = (time_t)(now_ns / SECOND_NS);
	struct tm tm;

	if (strcmp(text, "now") == 0) {
		*ret = now_ns;
		return true;
	}
	if (!localtime_r(&now, &tm))
		return false;
	if (strcmp(text, "yesterday") == 0) {
		/* the same time of day, a day ago */
		tm.tm_mday--;
	} else if (strcmp(text, "today") == 0) {
		tm.tm_hour = tm.tm_min = tm.tm_sec = 0;
	} else {
		return false;
	}
	tm.tm_isdst = -1;
	*ret = (int64_t)mktime(&tm) * SECOND_NS;
	return true;
}

static int64_t unit_seconds(const char *word, size_t len)
{
	static const struct {
		const char *word;
		int64_t seconds;
	} units[] = {{"s", 1},        {"sec", 1},       {"secs", 1},      {"second", 1},
	             {"seconds", 1},  {"m", 60},        {"min", 60},      {"mins", 60},
	             {"minute", 60},  {"minutes", 60},  {"h", 3600},      {"hour", 3600},
	             {"hours", 3600}, {"d", 86400},     {"day", 86400},   {"days", 86400},
	             {"w", 604800},   {"week", 604800}, {"weeks", 604800}};

	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
		if (strlen(units[i].word) == len && memcmp(units[i].word, word, len) == 0)
			return units[i].seconds;
	return 0;
}

/* "2h", "2 hours ago", "90m", "1 day" */
static bool ago(const char *text, int64_t now_ns, int64_t *ret)
{
	int64_t n, unit;
	size_t len;
	char *end;

	if (!isdigit((unsigned char)*text))
		return false;
	n = strtoll(text, &end, 10);
	text = end + strspn(end, " -_");
	len = strspn(text, "abcdefghijklmnopqrstuvwxyz");
	unit = unit_seconds(text, len);
	text += len;
	text += strspn(text, " -_");
	if (unit == 0 || (*text != '\0' && strcmp(text, "ago") != 0) ||
	    n > now_ns / SECOND_NS / unit)
		return false;
	*ret = now_ns - n * unit * SECOND_NS;
	return true;
}

int volume_time_parse(const char *text, int64_t now_ns, int64_t *ret_ns)
{
	if (iso(text, ret_ns) || unix_seconds(text, ret_ns) || time_of_day(text, now_ns, ret_ns) ||
	    named_day(text, now_ns, ret_ns) || ago(text, now_ns, ret_ns))
		return 0;
	return err_note(ERR_BADTIME, "\"%.100s\"", text);
}

/* ---- from moments to epochs ---- */

static bool epoch_number(const char *text, int64_t *ret)
{
	char *end;

	if (text[0] != 'e' || !isdigit((unsigned char)text[1]))
		return false;
	*ret = strtoll(text + 1, &end, 10);
	return *end == '\0' && *ret > 0;
}

static void show_time(int64_t ns, char *out, size_t size)
{
	time_t t = (time_t)(ns / SECOND_NS);
	struct tm tm;

	if (!localtime_r(&t, &tm) || strftime(out, size, "%Y-%m-%dT%H:%M:%S%z", &tm) == 0)
		snprintf(out, size, "@%lld", (long long)(ns / SECOND_NS));
}

static int take_first(void *ctx, int64_t epoch, int64_t closed_ns)
{
	(void)epoch;
	*(int64_t *)ctx = closed_ns;
	return 1;
}

int64_t volume_first_epoch_ns(struct volume *v)
{
	int64_t first = 0;

	index_epoch_list(v->ix, 0, take_first, &first);
	return first;
}

static int too_early(struct volume *v)
{
	int64_t first = volume_first_epoch_ns(v);
	char when[64];

	if (first == 0)
		return err_note(ERR_NOHISTORY, "nothing was ever written");
	show_time(first, when, sizeof(when));
	return err_note(ERR_NOHISTORY, "history begins at %s", when);
}

static int when_locked(struct volume *v, const char *text, int64_t *ret_epoch, int64_t *ret_ns)
{
	struct index_snapshot snapshot;
	int64_t ns;
	int r;

	if (strlen(text) <= INDEX_NAME_MAX && text[0] != '\0' &&
	    index_snapshot_get(v->ix, text, strlen(text), &snapshot) == 0) {
		*ret_epoch = snapshot.epoch;
		return index_epoch_time(v->ix, *ret_epoch, ret_ns);
	}
	if (epoch_number(text, ret_epoch)) {
		r = index_epoch_time(v->ix, *ret_epoch, ret_ns);
		return r == ERR_NOHISTORY || r == ERR_NOENT
		           ? err_note(ERR_NOHISTORY, "there is no epoch %s", text)
		           : r;
	}
	r = volume_time_parse(text, volume_wall_ns(v), &ns);
	if (r != 0)
		return r;
	r = index_epoch_at(v->ix, ns, ret_epoch, ret_ns);
	return r == ERR_NOHISTORY ? too_early(v) : r;
}

int volume_when(struct volume *v, const char *text, int64_t *ret_epoch, int64_t *ret_time_ns)
{
	int64_t epoch, ns;
	int r;

	lock_take(&v->lock);
	r = when_locked(v, text, &epoch, &ns);
	lock_drop(&v->lock);
	if (r != 0)
		return r;
	*ret_epoch = epoch;
	if (ret_time_ns)
		*ret_time_ns = ns;
	return 0;
}

/* ---- snapshots ---- */

static int check_snapshot_name(struct volume *v, const char *name)
{
	int64_t ns;
	size_t len = strlen(name);

	if (len == 0 || len > VOLUME_NAME_MAX || strchr(name, '/') || name[0] == '.' ||
	    name[0] == '@')
		return err_note(ERR_INVAL, "a snapshot's name has 1 to 255 bytes, no '/', and does "
		                           "not begin with '.' or '@'");
	if (epoch_number(name, &ns) || volume_time_parse(name, volume_wall_ns(v), &ns) == 0)
		return err_note(ERR_INVAL, "\"%.100s\" is a time: a snapshot needs another name",
		                name);
	err_note_clear();
	return 0;
}

int volume_snapshot_create(struct volume *v, const char *name, int64_t *ret_epoch)
{
	struct op op = {.type = OP_SNAPSHOT, .snapshot = {.name = name, .len = strlen(name)}};
	struct index_snapshot there;
	int64_t epoch;
	int r = check_snapshot_name(v, name);

	if (r != 0)
		return r;
	lock_take(&v->lock);
	r = volume_writable(v);
	if (r == 0 && index_snapshot_get(v->ix, name, strlen(name), &there) == 0)
		r = err_note(ERR_EXIST, "snapshot %.100s", name);
	lock_drop(&v->lock);
	if (r == 0)
		r = volume_epoch_end(v, &epoch);
	if (r != 0)
		return r;
	op.snapshot.epoch = epoch;
	op.time_ns = volume_wall_ns(v);
	lock_take(&v->lock);
	r = volume_apply(v, &op);
	lock_drop(&v->lock);
	if (r == 0)
		r = volume_commit(v, 0);
	if (r == 0)
		*ret_epoch = epoch;
	return r;
}

int volume_snapshot_delete(struct volume *v, const char *name)
{
	struct op op = {.type = OP_SNAPSHOT_REMOVE,
	                .time_ns = volume_wall_ns(v),
	                .snapshot = {.name = name, .len = strlen(name)}};
	int r;

	lock_take(&v->lock);
	r = volume_apply(v, &op);
	lock_drop(&v->lock);
	if (r == ERR_NOENT || r == ERR_NOHISTORY)
		return err_note(ERR_NOHISTORY, "there is no snapshot %.100s", name);
	return r ? r : volume_commit(v, 0);
}

struct snapshot_list {
	volume_snapshot_fn fn;
	void *ctx;
};

static int list_snapshot(void *ctx, const struct index_snapshot *row)
{
	struct snapshot_list *l = ctx;
	char name[VOLUME_NAME_MAX + 1];

	if (row->name_len > VOLUME_NAME_MAX)
		return ERR_CORRUPT;
	memcpy(name, row->name, row->name_len);
	name[row->name_len] = '\0';
	return l->fn(l->ctx, name, row->epoch, row->created_ns);
}

int volume_snapshot_list(struct volume *v, volume_snapshot_fn fn, void *ctx)
{
	struct snapshot_list l = {fn, ctx};
	int r;

	lock_take(&v->lock);
	r = index_snapshot_list(v->ix, list_snapshot, &l);
	lock_drop(&v->lock);
	return r;
}
