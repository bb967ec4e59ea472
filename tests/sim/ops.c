/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Choosing what to do. Names come from a small set, so that they meet again; most choices look at
 * the model, so that most operations succeed, and some do not look, so that the errors are met too.
 * A tree that has grown large is made smaller rather than larger.
 */
#include "tests/sim/cover.h"
#include "tests/sim/sim.h"

#include "util/check.h"

#include <string.h>

#define NODES_MANY 60

int64_t ops_now(struct sim *s)
{
	return volume_now_ns(s->v);
}

const char *ops_name(struct sim *s)
{
	static const char *const odd[] = {
	    " ", "-", ".x", "\xff\xfe", "\xe3\x81\x82", "a b\n", "...", "e1",
	};
	char text[VOLUME_NAME_MAX + 2];
	uint64_t pick = simrng_below(&s->rng, 1000);

	if (pick < 900) {
		text[0] = (char)('a' + simrng_below(&s->rng, 12));
		return model_intern(text, 1);
	}
	if (pick < 980) {
		const char *name = odd[simrng_below(&s->rng, sizeof(odd) / sizeof(odd[0]))];

		return model_intern(name, strlen(name));
	}
	memset(text, 'l', sizeof(text));
	return model_intern(text, pick < 995 ? VOLUME_NAME_MAX : VOLUME_NAME_MAX + 1);
}

static bool is_any(const struct model_node *n)
{
	return n != NULL;
}

static bool is_named_folder(const struct model_node *n)
{
	return model_is_dir(n) && n->nlink > 0;
}

uint64_t ops_inode(struct sim *s, bool (*is)(const struct model_node *n))
{
	uint64_t found = 0;
	uint64_t n = 0;

	for (size_t i = 0; i < s->now->nnodes; i++)
		if (is(s->now->nodes[i]) && simrng_below(&s->rng, ++n) == 0)
			found = s->now->nodes[i]->ino;
	return found;
}

uint64_t ops_folder(struct sim *s)
{
	return ops_inode(s, simrng_chance(&s->rng, 970) ? is_named_folder : is_any);
}

bool ops_entry(struct sim *s, uint64_t *ret_parent, const char **ret_name)
{
	uint64_t n = 0;

	for (size_t i = 0; i < s->now->nnodes; i++) {
		const struct model_node *dir = s->now->nodes[i];

		for (size_t k = 0; model_is_dir(dir) && k < dir->nnames; k++)
			if (simrng_below(&s->rng, ++n) == 0) {
				*ret_parent = dir->ino;
				*ret_name = dir->names[k].name;
			}
	}
	return n > 0;
}

const char *ops_path(struct sim *s, const struct model_state *then)
{
	const char *path;
	struct tree_list l;

	tree_list_make(then && simrng_chance(&s->rng, 500) ? then : s->now, &l);
	path = l.paths[simrng_below(&s->rng, l.n)].path;
	tree_list_free(&l);
	return path;
}

const struct history_epoch *ops_epoch(struct sim *s)
{
	size_t n = s->history.nepochs;
	size_t young = n < 8 ? n : 8;

	if (n == 0)
		return NULL;
	if (simrng_chance(&s->rng, 500))
		return &s->history.epochs[n - 1 - simrng_below(&s->rng, young)];
	return &s->history.epochs[simrng_below(&s->rng, n)];
}

static unsigned weight_of(const struct sim *s, const struct ops_action *a)
{
	bool removes = strcmp(a->name, "unlink") == 0 || strcmp(a->name, "rmdir") == 0;
	unsigned weight = a->weight[s->profile - 1];

	return removes && s->now->nnodes > NODES_MANY ? weight * 8 : weight;
}

void ops_random(struct sim *s)
{
	static const struct ops_action *const tables[] = {ops_names_actions, ops_data_actions,
	                                                  ops_attr_actions,  ops_past_actions,
	                                                  ops_world_actions, ops_rival_actions};
	const size_t n = sizeof(tables) / sizeof(tables[0]);
	uint64_t total = 0;
	uint64_t pick;

	for (size_t t = 0; t < n; t++)
		for (const struct ops_action *a = tables[t]; a->name; a++)
			total += weight_of(s, a);
	pick = simrng_below(&s->rng, total);
	for (size_t t = 0; t < n; t++)
		for (const struct ops_action *a = tables[t]; a->name; a++) {
			unsigned w = weight_of(s, a);

			if (pick < w) {
				cover_action(a->name);
				a->run(s);
				return;
			}
			pick -= w;
		}
	CHECK(false);
}
