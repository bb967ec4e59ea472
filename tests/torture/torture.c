/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The runner: `torture [--sweep cut|kill|eio|enospc|room|store] [--scenario NAME] [--stride N]
 * [--points N] [--from K] [--to K] [--verbose] [--list]`
 *
 * Each sweep disturbs each scenario at each of its calls, one at a time: every one, or every N-th
 * (--stride), or at most N spread evenly (--points). Nothing is left to chance: the same call means
 * the same trial on every machine. A failure prints what it was and the command that shows it
 * again, and the exit status is 1.
 */
#include "tests/torture/sweep.h"

#include "util/log.h"
#include "util/secret.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
	const char *name;
	void (*run)(struct sweep *sw);
} sweeps[] = {
    {"cut", sweep_disk_cut},       {"kill", sweep_disk_kill}, {"eio", sweep_disk_eio},
    {"enospc", sweep_disk_enospc}, {"room", sweep_disk_room}, {"store", sweep_store},
};

#define SWEEPS (sizeof(sweeps) / sizeof(sweeps[0]))

static void usage(void)
{
	fprintf(stderr, "usage: torture [--sweep NAME] [--scenario NAME] [--stride N] "
	                "[--points N] [--from K] [--to K] [--verbose] [--list]\n");
	exit(2);
}

static uint64_t number(const char *text)
{
	char *end;
	uint64_t n = strtoull(text, &end, 10);

	if (*text < '0' || *text > '9' || *end != '\0')
		usage();
	return n;
}

static void list(void)
{
	const struct scenario *s;

	for (size_t i = 0; (s = scenario_get(i)) != NULL; i++)
		printf("%s: %zu steps\n", s->name, s->nsteps);
	exit(0);
}

static void parse(int argc, char **argv, struct options *o)
{
	static const struct option longs[] = {
	    {"sweep", required_argument, NULL, 's'},
	    {"scenario", required_argument, NULL, 'c'},
	    {"stride", required_argument, NULL, 'n'},
	    {"points", required_argument, NULL, 'p'},
	    {"from", required_argument, NULL, 'f'},
	    {"to", required_argument, NULL, 't'},
	    {"verbose", no_argument, NULL, 'v'},
	    {"list", no_argument, NULL, 'l'},
	    {NULL, 0, NULL, 0},
	};
	int c;

	while ((c = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		if (c == 's')
			o->sweep = optarg;
		else if (c == 'c')
			o->scenario = optarg;
		else if (c == 'n')
			o->stride = number(optarg);
		else if (c == 'p')
			o->points = number(optarg);
		else if (c == 'f')
			o->from = number(optarg);
		else if (c == 't')
			o->to = number(optarg);
		else if (c == 'v')
			o->verbose = true;
		else if (c == 'l')
			list();
		else
			usage();
	}
	if (optind != argc)
		usage();
}

/* The number of failures; *ran counts the trials. */
static uint64_t torture(const struct options *o, const struct scenario *s, uint64_t *ran)
{
	uint64_t failures = 0;
	struct sweep sw;

	if (!sweep_reference(&sw, o, s))
		return 1;
	for (size_t i = 0; i < SWEEPS; i++) {
		if (o->sweep && strcmp(o->sweep, sweeps[i].name) != 0)
			continue;
		sw.name = NULL;
		sweeps[i].run(&sw);
		if (!sw.name)
			continue; /* not for this scenario */
		printf("%s %s %s: %" PRIu64 " of %" PRIu64 " calls, %" PRIu64 " failures\n",
		       sw.failures ? "FAIL" : "ok  ", sweeps[i].name, s->name, sw.trials,
		       sw.trials + sw.skipped, sw.failures);
		fflush(stdout);
		failures += sw.failures;
		*ran += sw.trials;
	}
	sweep_done(&sw);
	return failures;
}

int main(int argc, char **argv)
{
	struct options o = {0};
	uint64_t failures = 0, ran = 0;
	const struct scenario *s;

	parse(argc, argv, &o);
	if (secret_setup() != 0) {
		fprintf(stderr, "torture: no memory for secrets\n");
		return 1;
	}
	log_set_level(LOG_ERROR);
	if (!o.verbose && log_to_file("/dev/null") != 0)
		return 1;
	for (size_t i = 0; (s = scenario_get(i)) != NULL; i++)
		if (!o.scenario || strcmp(o.scenario, s->name) == 0)
			failures += torture(&o, s, &ran);
	if (ran == 0 && failures == 0) {
		fprintf(stderr, "torture: no such sweep, scenario or call\n");
		return 2;
	}
	printf("%" PRIu64 " calls disturbed, %" PRIu64 " failures\n", ran, failures);
	return failures ? 1 : 0;
}
