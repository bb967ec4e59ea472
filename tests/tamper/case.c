/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An error is not the end of a case: the user tries again. What the second mount shows must be an error again, or the right
 * state; damage that was met must not have been taken for the truth meanwhile.
 *
 * And a right state is not the end either: a machine whose local files were damaged goes on to store what it has. If it
 * composed its log from half of the records, only the next machine would see it.
 */
#include "tests/tamper/case.h"

#include "tests/lib/test.h"
#include "tests/lib/testvol.h"

#include <string.h>

struct world {
	const struct case_setup *c;
	struct simclock clock;
	struct simrng rng;
	struct blob *store;
	struct simdisk *disk;
};

static void world_begin(struct world *w, const struct case_setup *c)
{
	*w = (struct world){.c = c, .store = image_to_store(c->store)};
	simclock_init(&w->clock, c->subject->wall_ns + SIMCLOCK_HOUR);
	w->clock.tick_ns = SIMCLOCK_MS;
	simrng_init(&w->rng, 77);
	w->disk = simdisk_new(&w->clock.base);
	if (c->disk)
		image_to_disk(c->disk, w->disk, c->subject->dir);
}

static void world_end(struct world *w)
{
	simdisk_free(w->disk);
	blob_free(w->store);
}

static int open_on(struct world *w, struct simdisk *disk, struct volume **ret)
{
	struct volume_params p = subject_params(disk, &w->clock, &w->rng, w->store);

	simclock_advance(&w->clock, 10 * SIMCLOCK_SECOND);
	return testvol_open(&p, ret);
}

static void error_answer(struct oracle_answer *ret, const char *when, int code)
{
	ret->verdict = verdict_of(code);
	snprintf(ret->why, sizeof(ret->why), "%s: %s (%s)", when, err_name(code), err_note_text());
}

/* Open once and read; @later: not for the first time. The volume stays open only when *ret is right or older. */
static struct volume *look(struct world *w, bool later, struct oracle_answer *ret)
{
	struct volume *v = NULL;
	int r = open_on(w, w->disk, &v);

	memset(ret, 0, sizeof(*ret));
	if (r != 0) {
		error_answer(ret, "open", r);
		return NULL;
	}
	oracle_judge(&w->c->subject->oracle, v, w->c->want, later, ret);
	if (ret->verdict == V_RIGHT || ret->verdict == V_OLDER)
		return v;
	volume_close(v);
	return NULL;
}

/* The same user, again. */
static struct volume *look_again(struct world *w, struct oracle_answer *ret)
{
	struct oracle_answer second;
	struct volume *v = look(w, true, &second);
	char why[sizeof(second.why)];

	if (second.verdict & V_NAMED)
		return NULL;
	snprintf(why, sizeof(why), "%.200s; then %.200s", ret->why, second.why);
	ret->moment = second.moment;
	ret->verdict = second.verdict == V_RIGHT ? V_REOPEN : second.verdict;
	memcpy(ret->why, why, sizeof(why));
	return v;
}

/* Another machine sees what this one shows. */
static void check_stored(struct world *w, size_t moment, struct oracle_answer *ret)
{
	struct simdisk *disk = simdisk_new(&w->clock.base);
	struct oracle_answer other = {0};
	struct volume *v = NULL;
	int r = open_on(w, disk, &v);

	if (r != 0)
		error_answer(&other, "another machine", r);
	else
		oracle_judge(&w->c->subject->oracle, v, moment, true, &other);
	volume_close(v);
	simdisk_free(disk);
	if (other.verdict == V_RIGHT)
		return;
	ret->verdict = other.verdict == V_OLDER ? V_WRONG : other.verdict;
	snprintf(ret->why, sizeof(ret->why), "stored, %.400s", other.why);
}

/* A volume that stopped says why in its status. */
static void sync_error(struct volume *v, int r, struct oracle_answer *ret)
{
	struct volume_status st;

	error_answer(ret, "sync", r);
	if (r == ERR_POISONED && volume_status(v, &st) == 0 && st.state == VOLUME_ERROR) {
		ret->verdict = verdict_of(st.error);
		snprintf(ret->why, sizeof(ret->why), "sync: %s (%s)", err_name(st.error),
		         st.error_note);
	}
}

static void go_on(struct world *w, struct volume *v, struct oracle_answer *ret)
{
	int r = volume_sync(v, 60000, NULL, NULL, NULL);

	if (r != 0)
		sync_error(v, r, ret);
	r = volume_close(v);
	if (r != 0 && ret->verdict & (V_RIGHT | V_OLDER | V_REOPEN))
		error_answer(ret, "close", r);
	if (ret->verdict & (V_RIGHT | V_OLDER | V_REOPEN))
		check_stored(w, ret->moment, ret);
}

/* A named error says what is damaged, or is no help. */
static void check_name(struct oracle_answer *ret)
{
	static const char *const names[] = {"keyring",      "no key slot fits", "lease",   "log/",
	                                    "checkpoints/", "packs/",           "journal", "index",
	                                    "outlog",       "is kept in"};

	if (!(ret->verdict & (V_NAMED | V_REOPEN)))
		return;
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (strstr(ret->why, names[i]))
			return;
	ret->verdict = V_WRONG;
	snprintf(ret->why + strlen(ret->why), sizeof(ret->why) - strlen(ret->why),
	         ": it does not say what is damaged");
}

void case_run(const struct case_setup *c, struct oracle_answer *ret)
{
	struct world w;
	struct volume *v;

	world_begin(&w, c);
	v = look(&w, false, ret);
	if (ret->verdict & V_NAMED)
		v = look_again(&w, ret);
	if (v && c->go_on)
		go_on(&w, v, ret);
	else
		volume_close(v);
	check_name(ret);
	world_end(&w);
}
