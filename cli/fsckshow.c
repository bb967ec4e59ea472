/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/fsckshow.h"

#include "cli/format.h"
#include "cli/json.h"
#include "cli/report.h"
#include "util/err.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *state_word(enum volume_fsck_state state)
{
	return state == VOLUME_FSCK_OK        ? "ok"
	       : state == VOLUME_FSCK_DAMAGED ? "damaged"
	                                      : "skipped";
}

/* ---- one result ---- */

static void print_lines(const char *lead, const char *const *lines, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		char *shown = format_name(lines[i]);

		printf("  %s%s\n", lead, shown ? shown : "?");
		free(shown);
	}
}

static void json_lines(struct json *j, const char *key, const char *const *lines, size_t n)
{
	json_key(j, key);
	json_array(j);
	for (size_t i = 0; i < n; i++)
		json_string(j, lines[i]);
	json_close(j);
}

static void result_json(const struct volume_fsck_result *r)
{
	struct json j;

	json_init(&j);
	json_object(&j);
	json_key_string(&j, "type", "check");
	json_key_string(&j, "check", r->check);
	json_key_string(&j, "state", state_word(r->state));
	json_key_u64(&j, "count", r->count);
	json_key_u64(&j, "damage_count", r->damages);
	json_lines(&j, "damages", r->lines, r->nlines);
	json_lines(&j, "remarks", r->remarks, r->nremarks);
	json_key_string(&j, "note", r->note);
	json_key(&j, "error");
	if (r->error)
		json_string(&j, err_text(r->error));
	else
		json_null(&j);
	json_close(&j);
	json_print(&j);
	json_done(&j);
}

static void result_human(const struct volume_fsck_result *r)
{
	if (r->state == VOLUME_FSCK_SKIPPED)
		printf("%-12s skipped: %s\n", r->check, r->error ? err_text(r->error) : r->note);
	else
		printf("%-12s %s: %" PRIu64 " %s%s%s\n", r->check, state_word(r->state), r->count,
		       r->note, r->error ? "; not all of them: " : "",
		       r->error ? err_text(r->error) : "");
	print_lines("", r->lines, r->nlines);
	if (r->damages > r->nlines)
		printf("  and %" PRIu64 " more\n", r->damages - r->nlines);
	print_lines("recorded: ", r->remarks, r->nremarks);
	fflush(stdout);
}

void fsckshow_result(struct fsckshow *s, const struct volume_fsck_result *r)
{
	size_t used = strlen(s->names);

	s->checks++;
	s->ok += r->state == VOLUME_FSCK_OK;
	s->skipped += r->state == VOLUME_FSCK_SKIPPED;
	s->damages += r->damages;
	if (r->error)
		s->outage = r->error;
	if (r->state == VOLUME_FSCK_DAMAGED) {
		s->damaged++;
		snprintf(s->names + used, sizeof(s->names) - used, "%s%s", used ? ", " : "",
		         r->check);
		s->index |= strcmp(r->check, "index") == 0 || strcmp(r->check, "comparison") == 0;
	}
	if (s->json)
		result_json(r);
	else
		result_human(r);
}

/* ---- the end ---- */

static void totals_json(const struct fsckshow *s)
{
	struct json j;

	json_init(&j);
	json_object(&j);
	json_key_string(&j, "type", "totals");
	json_key_u64(&j, "checks", s->checks);
	json_key_u64(&j, "ok", s->ok);
	json_key_u64(&j, "damaged", s->damaged);
	json_key_u64(&j, "skipped", s->skipped);
	json_key_u64(&j, "damages", s->damages);
	json_close(&j);
	json_print(&j);
	json_done(&j);
}

int fsckshow_end(const struct fsckshow *s, const char *what)
{
	const char *hint = "do not write to the store; put the objects back from a copy of it";

	if (s->json)
		totals_json(s);
	if (s->damaged) {
		err_note(ERR_CORRUPT, "%" PRIu64 " damages: %s", s->damages, s->names);
		if (s->index)
			hint = "unmount it and run `amberfs fsck --rebuild`";
		return report_error_hint(ERR_CORRUPT, hint, "%s is damaged", what);
	}
	if (s->outage) {
		err_note_clear();
		return report_error(s->outage, "%s was checked only in part", what);
	}
	if (!s->json)
		printf("No damage found.\n");
	return REPORT_DONE;
}

/* ---- trouble ---- */

static void place_json(struct json *j, const char *key, const struct volume_place *p)
{
	json_key(j, key);
	json_object(j);
	json_key_u64(j, "log_object", p->log_seq);
	json_key_i64(j, "epoch", p->epoch);
	json_key_time(j, "time", p->time_ns);
	json_close(j);
}

static void trouble_json(const struct volume_trouble *t)
{
	struct json j;

	json_init(&j);
	json_object(&j);
	json_key_string(&j, "type", "trouble");
	json_key_string(&j, "kind",
	                t->kind == VOLUME_TROUBLE_ROLLBACK ? "rollback"
	                : t->kind == VOLUME_TROUBLE_FENCED ? "fenced"
	                                                   : "loss");
	if (t->kind != VOLUME_TROUBLE_LOSS)
		place_json(&j, "known", &t->known);
	place_json(&j, t->kind == VOLUME_TROUBLE_LOSS ? "kept" : "store", &t->store);
	json_key_u64(&j, "unstored_log_objects", t->unstored_logs);
	json_key_u64(&j, "unstored_bytes", t->unstored_bytes);
	if (t->kind == VOLUME_TROUBLE_LOSS) {
		json_key_u64(&j, "first_batch", t->first_batch);
		json_key_u64(&j, "last_batch", t->last_batch);
		json_key_u64(&j, "first_log_object", t->first_log);
		json_key_u64(&j, "last_log_object", t->last_log);
	}
	json_close(&j);
	json_print(&j);
	json_done(&j);
}

static void print_place(const char *label, const struct volume_place *p)
{
	char time[FORMAT_TIME_BYTES] = "at an unknown time";

	if (p->time_ns)
		format_time(time, p->time_ns);
	printf("  %-22s log object %" PRIu64 ", epoch e%" PRId64 ", %s\n", label, p->log_seq,
	       p->epoch, time);
}

static void print_loss(const struct volume_trouble *t)
{
	char time[FORMAT_TIME_BYTES] = "the volume was made";

	if (t->store.time_ns)
		format_time(time, t->store.time_ns);
	printf("Local changes are damaged and are in no other place.\n");
	print_place("Can be kept:", &t->store);
	if (t->first_log)
		printf("  %-22s log objects %" PRIu64 " to %" PRIu64 " of outlog/\n",
		       "Would be given up:", t->first_log, t->last_log);
	if (t->first_batch)
		printf("  %-22s batches %" PRIu64 " to %" PRIu64
		       " of the journal, as far as the log has them in no object\n",
		       "Would be given up:", t->first_batch, t->last_batch);
	printf("That is changes made after %s which the store does not have.\n", time);
	printf("The damaged files are kept in the state folder under other names.\n");
}

static void print_other(const struct volume_trouble *t)
{
	char size[FORMAT_SIZE_BYTES];

	format_size(size, t->unstored_bytes);
	printf("%s\n",
	       t->kind == VOLUME_TROUBLE_ROLLBACK
	           ? "The store is not what this machine saw in it before."
	           : "The store went on without this machine, which has changes of its own.");
	print_place("This machine knows:", &t->known);
	print_place("The store has:", &t->store);
	printf("  %-22s %" PRIu64 " log objects, %s in packs\n",
	       "Not stored from here:", t->unstored_logs, size);
	printf("Going on from the store leaves out what only this machine knows: everything after "
	       "what the\nstore has, and what is not stored from here. The state folder is kept "
	       "under another name.\n");
}

void fsckshow_trouble(const struct volume_trouble *t, bool json)
{
	if (json)
		trouble_json(t);
	else if (t->kind == VOLUME_TROUBLE_LOSS)
		print_loss(t);
	else
		print_other(t);
	fflush(stdout);
}
