/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Consistent copies from a backup are the hard case: every byte in them was right once. A machine that remembers must
 * notice an older store; an older state folder must never overwrite what the store has had since; and where nobody
 * remembers (a fresh machine, or all rolled back together) the older state is all there is.
 */
#include "tests/tamper/whole.h"

#include "tests/tamper/case.h"
#include "tests/tamper/report.h"

#include <string.h>

struct mix {
	const char *machine, *how;
	int store, disk;  /* of which time; disk -1: none */
	const char *from; /* files whose names begin with this ... */
	int from_time;    /* ... are of that time instead, -1: removed, -2: of the other volume */
	bool is_stored;   /* right is what the store alone shows, not the machine */
	int want;         /* ... at that time */
};

static const struct mix mixes[] = {
    {"fresh", "the store is an old copy", SUBJECT_EARLY, -1, NULL, 0, true, SUBJECT_DEAD},
    {"dead", "the store is an old copy", SUBJECT_EARLY, SUBJECT_DEAD, NULL, 0, false, SUBJECT_DEAD},
    {"closed", "the store is an old copy", SUBJECT_EARLY, SUBJECT_STORED, NULL, 0, false,
     SUBJECT_STORED},
    {"after", "the store is an old copy", SUBJECT_DEAD, SUBJECT_AFTER, NULL, 0, false,
     SUBJECT_AFTER},
    {"early", "the state folder is an old copy", SUBJECT_DEAD, SUBJECT_EARLY, NULL, 0, true,
     SUBJECT_DEAD},
    {"closed", "the state folder is an old copy", SUBJECT_AFTER, SUBJECT_STORED, NULL, 0, true,
     SUBJECT_AFTER},
    {"midway", "the state folder is an old copy", SUBJECT_AFTER, SUBJECT_MIDWAY, NULL, 0, true,
     SUBJECT_AFTER},
    {"dead", "the state folder is an old copy", SUBJECT_AFTER, SUBJECT_DEAD, NULL, 0, true,
     SUBJECT_AFTER},
    {"early", "both are old copies", SUBJECT_EARLY, SUBJECT_EARLY, NULL, 0, false, SUBJECT_EARLY},
    {"midway", "both are old copies", SUBJECT_MIDWAY, SUBJECT_MIDWAY, NULL, 0, false,
     SUBJECT_MIDWAY},
    {"dead", "index.db and index.db-wal as they were before", SUBJECT_DEAD, SUBJECT_DEAD, "index",
     SUBJECT_EARLY, false, SUBJECT_DEAD},
    {"dead", "index.db and index.db-wal as they were before", SUBJECT_DEAD, SUBJECT_DEAD, "index",
     SUBJECT_STORED, false, SUBJECT_DEAD},
    {"dead", "index.db and index.db-wal as they were before", SUBJECT_DEAD, SUBJECT_DEAD, "index",
     SUBJECT_MIDWAY, false, SUBJECT_DEAD},
    {"dead", "index.db and index.db-wal of another volume", SUBJECT_DEAD, SUBJECT_DEAD, "index", -2,
     false, SUBJECT_DEAD},
    {"dead", "index.db and index.db-wal removed", SUBJECT_DEAD, SUBJECT_DEAD, "index", -1, false,
     SUBJECT_DEAD},
    {"dead", "all of outlog/ removed", SUBJECT_DEAD, SUBJECT_DEAD, "outlog/", -1, false,
     SUBJECT_DEAD},
    {"dead", "all of packs/ removed", SUBJECT_DEAD, SUBJECT_DEAD, "packs/", -1, false,
     SUBJECT_DEAD},
    {"dead", "all of cache/ removed", SUBJECT_DEAD, SUBJECT_DEAD, "cache/", -1, false,
     SUBJECT_DEAD},
    {"dead", "everything removed", SUBJECT_DEAD, SUBJECT_DEAD, "", -1, false, SUBJECT_DEAD},
    {"dead", "everything of another volume", SUBJECT_DEAD, SUBJECT_DEAD, "", -2, false,
     SUBJECT_DEAD},
};

/* Two kinds of files at once. */
struct pair {
	const char *how;
	const char *a, *b;
	int time; /* -1: removed */
};

static const struct pair pairs[] = {
    {"index and journal removed", "index", "journal", -1},
    {"index and journal as they were before", "index", "journal", SUBJECT_MIDWAY},
    {"index and outlog/ removed", "index", "outlog/", -1},
    {"journal and outlog/ removed", "journal", "outlog/", -1},
    {"index and writer removed", "index", "writer", -1},
};

/* Let the files of @im that begin with @prefix be those of @with (NULL: none). */
static void replace(struct image *im, const char *prefix, const struct image *with)
{
	size_t len = strlen(prefix);

	for (size_t i = im->n; i-- > 0;)
		if (strncmp(im->files[i].name, prefix, len) == 0)
			image_remove(im, im->files[i].name);
	for (size_t i = 0; with && i < with->n; i++)
		if (strncmp(with->files[i].name, prefix, len) == 0)
			image_set(im, with->files[i].name, with->files[i].data, with->files[i].len);
}

static void run(const struct subject *s, const struct image *store, const struct image *disk,
                size_t want, const char *machine, const char *how)
{
	struct case_setup c = {
	    .subject = s, .store = store, .disk = disk, .want = want, .go_on = disk != NULL};
	struct oracle_answer a;

	report_case("all", machine, how, "");
	case_run(&c, &a);
	report_answer(&a);
}

void whole_run(const struct subject *s, const struct subject *other)
{
	const size_t dead = s->moment[SUBJECT_DEAD];
	struct image disk;

	for (size_t i = 0; i < sizeof(mixes) / sizeof(*mixes); i++) {
		const struct mix *m = &mixes[i];
		const struct image *with = m->from_time >= 0    ? &s->disk[m->from_time]
		                           : m->from_time == -2 ? &other->disk[SUBJECT_DEAD]
		                                                : NULL;

		image_share(&disk, &s->disk[m->disk < 0 ? 0 : m->disk]);
		if (m->from)
			replace(&disk, m->from, with);
		run(s, &s->store[m->store], m->disk < 0 ? NULL : &disk,
		    m->is_stored ? s->stored[m->want] : s->moment[m->want], m->machine, m->how);
		image_done(&disk);
	}
	for (size_t i = 0; i < sizeof(pairs) / sizeof(*pairs); i++) {
		const struct image *with = pairs[i].time < 0 ? NULL : &s->disk[pairs[i].time];

		image_share(&disk, &s->disk[SUBJECT_DEAD]);
		replace(&disk, pairs[i].a, with);
		replace(&disk, pairs[i].b, with);
		run(s, &s->store[SUBJECT_DEAD], &disk, dead, "dead", pairs[i].how);
		image_done(&disk);
	}
}
