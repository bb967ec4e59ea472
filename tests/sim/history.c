/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Moments share all that did not change between them, so keeping thousands is cheap; what makes a
 * search fast is that tree hashes are kept in the states and node hashes in the nodes.
 */
#include "tests/sim/history.h"

#include "tests/sim/tree.h"
#include "util/check.h"

#include <stdlib.h>
#include <string.h>

/* ---- snapshots ---- */

struct history_snaps *history_snaps_new(void)
{
	struct history_snaps *s = calloc(1, sizeof(*s));

	CHECK(s);
	s->refs = 1;
	return s;
}

struct history_snaps *history_snaps_ref(struct history_snaps *s)
{
	s->refs++;
	return s;
}

void history_snaps_unref(struct history_snaps *s)
{
	if (!s || --s->refs > 0)
		return;
	free(s->snaps);
	free(s);
}

int64_t history_snaps_get(const struct history_snaps *s, const char *name)
{
	for (size_t i = 0; i < s->n; i++)
		if (s->snaps[i].name == name)
			return s->snaps[i].epoch;
	return 0;
}

void history_snaps_set(struct history_snaps **s, const char *name, int64_t epoch)
{
	struct history_snaps *old = *s;
	struct history_snaps *copy = history_snaps_new();
	size_t at = 0;

	copy->snaps = calloc(old->n + 1, sizeof(*copy->snaps));
	CHECK(copy->snaps);
	for (size_t i = 0; i < old->n; i++)
		if (old->snaps[i].name != name)
			copy->snaps[copy->n++] = old->snaps[i];
	if (epoch) {
		while (at < copy->n &&
		       (copy->snaps[at].epoch < epoch ||
		        (copy->snaps[at].epoch == epoch && strcmp(copy->snaps[at].name, name) < 0)))
			at++;
		memmove(&copy->snaps[at + 1], &copy->snaps[at],
		        (copy->n - at) * sizeof(*copy->snaps));
		copy->snaps[at].name = name;
		copy->snaps[at].epoch = epoch;
		copy->n++;
	}
	history_snaps_unref(old);
	*s = copy;
}

bool history_snaps_same(const struct history_snaps *a, const struct history_snaps *b)
{
	if (a->n != b->n)
		return false;
	for (size_t i = 0; i < a->n; i++)
		if (a->snaps[i].name != b->snaps[i].name || a->snaps[i].epoch != b->snaps[i].epoch)
			return false;
	return true;
}

/* ---- moments ---- */

static void moment_done(struct history_moment *m)
{
	model_state_unref(m->state);
	history_snaps_unref(m->snaps);
}

void history_done(struct history *h)
{
	for (size_t i = 0; i < h->nmoments; i++)
		moment_done(&h->moments[i]);
	for (size_t i = 0; i < h->nepochs; i++)
		model_state_unref(h->epochs[i].state);
	free(h->moments);
	free(h->epochs);
	memset(h, 0, sizeof(*h));
}

void history_copy(struct history *to, const struct history *from)
{
	*to = *from;
	to->moments_room = from->nmoments + 64;
	to->epochs_room = from->nepochs + 64;
	to->moments = malloc(to->moments_room * sizeof(*to->moments));
	to->epochs = malloc(to->epochs_room * sizeof(*to->epochs));
	CHECK(to->moments && to->epochs);
	for (size_t i = 0; i < from->nmoments; i++) {
		to->moments[i] = from->moments[i];
		model_state_ref(to->moments[i].state);
		history_snaps_ref(to->moments[i].snaps);
	}
	for (size_t i = 0; i < from->nepochs; i++) {
		to->epochs[i] = from->epochs[i];
		model_state_ref(to->epochs[i].state);
	}
}

void history_add(struct history *h, struct model_state *state, struct history_snaps *snaps,
                 int64_t epoch)
{
	struct history_moment *m;

	if (h->nmoments == h->moments_room) {
		h->moments_room = h->moments_room ? h->moments_room * 2 : 64;
		h->moments = realloc(h->moments, h->moments_room * sizeof(*h->moments));
		CHECK(h->moments);
	}
	m = &h->moments[h->nmoments++];
	m->state = model_state_ref(state);
	m->snaps = history_snaps_ref(snaps);
	m->epoch = epoch;
}

uint64_t history_newest(const struct history *h)
{
	CHECK(h->nmoments > 0);
	return h->first + h->nmoments - 1;
}

const struct history_moment *history_moment(const struct history *h, uint64_t number)
{
	CHECK(number >= h->first && number <= history_newest(h));
	return &h->moments[number - h->first];
}

static void drop_below_floors(struct history *h)
{
	uint64_t floor = h->local_floor < h->stored_floor ? h->local_floor : h->stored_floor;
	size_t n = (size_t)(floor - h->first);

	/* Moving the array for each moment would make a run quadratic. */
	if (floor <= h->first || (n < 64 && n * 2 < h->nmoments))
		return;
	for (size_t i = 0; i < n; i++)
		moment_done(&h->moments[i]);
	h->nmoments -= n;
	memmove(h->moments, h->moments + n, h->nmoments * sizeof(*h->moments));
	h->first = floor;
}

void history_durable(struct history *h, uint64_t moment)
{
	if (moment > h->local_floor)
		h->local_floor = moment;
	drop_below_floors(h);
}

void history_stored(struct history *h, uint64_t moment)
{
	if (moment > h->stored_floor)
		h->stored_floor = moment;
	history_durable(h, moment);
}

/* ---- epochs ---- */

void history_close_epoch(struct history *h, int64_t epoch, int64_t closed_ns,
                         struct model_state *state)
{
	struct history_epoch *e;

	CHECK(h->nepochs == 0 || h->epochs[h->nepochs - 1].epoch < epoch);
	if (h->nepochs == h->epochs_room) {
		h->epochs_room = h->epochs_room ? h->epochs_room * 2 : 64;
		h->epochs = realloc(h->epochs, h->epochs_room * sizeof(*h->epochs));
		CHECK(h->epochs);
	}
	e = &h->epochs[h->nepochs++];
	e->epoch = epoch;
	e->closed_ns = closed_ns;
	e->state = model_state_ref(state);
	e->moment = history_newest(h);
}

const struct history_epoch *history_epoch(const struct history *h, int64_t epoch)
{
	size_t low = 0;
	size_t high = h->nepochs;

	while (low < high) {
		size_t mid = (low + high) / 2;

		if (h->epochs[mid].epoch < epoch)
			low = mid + 1;
		else
			high = mid;
	}
	return low < h->nepochs && h->epochs[low].epoch == epoch ? &h->epochs[low] : NULL;
}

void history_drop_epoch(struct history *h, int64_t epoch)
{
	const struct history_epoch *e = history_epoch(h, epoch);
	size_t i;

	CHECK(e);
	i = (size_t)(e - h->epochs);
	model_state_unref(e->state);
	h->nepochs--;
	memmove(&h->epochs[i], &h->epochs[i + 1], (h->nepochs - i) * sizeof(*h->epochs));
}

const struct history_epoch *history_epoch_at(const struct history *h, int64_t time_ns)
{
	for (size_t i = h->nepochs; i-- > 0;)
		if (h->epochs[i].closed_ns <= time_ns)
			return &h->epochs[i];
	return NULL;
}

/* ---- after a crash ---- */

bool history_match(const struct history *h, uint64_t floor, const struct model_state *got,
                   const struct history_snaps *snaps, int64_t epoch, uint64_t *ret)
{
	uint64_t hash = tree_hash(got);
	bool found = false;

	for (uint64_t i = history_newest(h) + 1; i-- > floor && i >= h->first;) {
		const struct history_moment *m = history_moment(h, i);

		if (m->epoch > epoch || (found && m->epoch != epoch))
			continue;
		if (tree_hash(m->state) != hash || !history_snaps_same(m->snaps, snaps))
			continue;
		*ret = i;
		found = true;
		if (m->epoch == epoch)
			break;
	}
	return found;
}

void history_rewind(struct history *h, uint64_t moment)
{
	CHECK(moment >= h->first);
	while (history_newest(h) > moment)
		moment_done(&h->moments[--h->nmoments]);
	while (h->nepochs > 0 && h->epochs[h->nepochs - 1].moment > moment)
		model_state_unref(h->epochs[--h->nepochs].state);
	if (h->local_floor > moment)
		h->local_floor = moment;
	if (h->stored_floor > moment)
		h->stored_floor = moment;
}
