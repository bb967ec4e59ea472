/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Work that is over within PLAIN_AFTER shows nothing on a log, and a bar is redrawn five times a
 * second: a progress display must not cost more than what it shows.
 */
#include "cli/progress.h"

#include "cli/format.h"
#include "cli/json.h"
#include "util/clock.h"

#include <stdio.h>
#include <string.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define NS_PER_S 1000000000ll
#define BAR_EVERY_NS (NS_PER_S / 5)
#define PLAIN_EVERY_NS (10 * NS_PER_S)
#define PLAIN_AFTER_NS (3 * NS_PER_S)
#define JSON_EVERY_NS NS_PER_S
#define BAR_CELLS 24

void progress_init(struct progress *p, bool json)
{
	const char *term = getenv("TERM");

	memset(p, 0, sizeof(*p));
	p->json = json;
	p->terminal = !json && isatty(STDERR_FILENO) && !(term && strcmp(term, "dumb") == 0);
	p->start_ns = clock_mono_ns(clock_system());
}

static void print_json(const char *what, uint64_t done, uint64_t total)
{
	struct json j;

	json_init(&j);
	json_object(&j);
	json_key_string(&j, "type", "progress");
	json_key_string(&j, "what", what);
	json_key_u64(&j, "done", done);
	json_key_u64(&j, "total", total);
	json_close(&j);
	json_print(&j);
	json_done(&j);
}

/* "12 MiB of 40 MiB, 3.1 MiB/s, 9 s left" */
static void describe(const struct progress *p, int64_t now_ns, uint64_t done, uint64_t total,
                     char *out, size_t size)
{
	char d[FORMAT_SIZE_BYTES], t[FORMAT_SIZE_BYTES], r[FORMAT_SIZE_BYTES],
	    left[FORMAT_DURATION_BYTES];
	double seconds = (double)(now_ns - p->start_ns) / (double)NS_PER_S;
	double rate =
	    done > p->start_done && seconds > 0.5 ? (double)(done - p->start_done) / seconds : 0;

	format_size(d, done);
	format_size(t, total);
	format_size(r, (uint64_t)rate);
	if (rate < 1) {
		snprintf(out, size, "%s of %s", d, t);
	} else {
		format_duration(left, (uint64_t)((double)(total - done) / rate + 0.5));
		snprintf(out, size, "%s of %s, %s/s, %s left", d, t, r, left);
	}
}

static int columns(void)
{
	struct winsize ws;

	return ioctl(STDERR_FILENO, TIOCGWINSZ, &ws) == 0 && ws.ws_col > 0 ? ws.ws_col : 80;
}

static void draw_bar(const char *what, uint64_t done, uint64_t total, const char *text)
{
	char bar[BAR_CELLS + 1], line[256];
	int filled = total ? (int)((double)done / (double)total * BAR_CELLS) : 0;
	int percent = total ? (int)((double)done / (double)total * 100) : 0;

	memset(bar, '.', BAR_CELLS);
	memset(bar, '#', (size_t)filled);
	bar[BAR_CELLS] = '\0';
	snprintf(line, sizeof(line), "%s [%s] %3d %%  %s", what, bar, percent, text);
	fprintf(stderr, "\r%.*s\033[K", columns() - 1, line);
}

void progress_update(struct progress *p, const char *what, uint64_t done, uint64_t total)
{
	int64_t now_ns = clock_mono_ns(clock_system());
	int64_t every_ns = p->json ? JSON_EVERY_NS : p->terminal ? BAR_EVERY_NS : PLAIN_EVERY_NS;
	char text[160];

	if (done > total)
		total = done;
	if (p->last_ns == 0)
		p->start_done = done;
	else if (now_ns - p->last_ns < every_ns)
		return;
	if (p->json) {
		print_json(what, done, total);
	} else if (p->terminal) {
		describe(p, now_ns, done, total, text, sizeof(text));
		draw_bar(what, done, total, text);
		p->drawn = true;
	} else if (now_ns - p->start_ns >= PLAIN_AFTER_NS) {
		describe(p, now_ns, done, total, text, sizeof(text));
		fprintf(stderr, "%s: %s\n", what, text);
	} else {
		/* too early for a line; the first one still counts from the start */
		if (p->last_ns == 0)
			p->last_ns = now_ns - PLAIN_EVERY_NS + PLAIN_AFTER_NS;
		return;
	}
	p->last_ns = now_ns;
}

void progress_end(struct progress *p)
{
	if (p->drawn)
		fprintf(stderr, "\r\033[K");
	p->drawn = false;
}
