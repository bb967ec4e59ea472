/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The runner: seeds in, a verdict out. `sim [--seed N] [--runs N] [--ops N] [--seconds S]
 * [--profile P] [--coverage] [--verbose] [--replay-file FILE]`
 *
 * A run is exact: the same seed, number of operations and profile do the same things on every
 * machine. A profile is a table of what is done how often, and how unkind the disk is; an old one is
 * kept as it was, for the sake of the seeds that were found with it. Failing prints the seed, the
 * operation and the command that shows it again, and exits 1. So does --coverage when something that
 * the simulator is there for did not happen in any of the runs.
 */
#include "tests/sim/cover.h"
#include "tests/sim/sim.h"

#include "util/log.h"
#include "util/secret.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define OPS_DEFAULT 2000
#define PROFILES 2

struct options {
	uint64_t seed;
	uint64_t runs;
	uint64_t ops;
	uint64_t seconds; /* 0: not limited */
	uint64_t profile;
	bool coverage;
	bool verbose;
	const char *replay;
};

/* For the signal handler: where the run is. */
static struct sim *running;

static void print_replay(const struct sim *s)
{
	printf("replay: tests/sim/sim --profile %u --seed %" PRIu64 " --ops %" PRIu64
	       " --verbose\n",
	       s->profile, s->seed, s->ops);
	fflush(stdout);
}

void sim_fail(const struct sim *s, const char *fmt, ...)
{
	va_list ap;

	printf("FAIL seed=%" PRIu64 " op=%" PRIu64 ": ", s->seed, s->op);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	printf("\n");
	print_replay(s);
	_exit(1);
}

void sim_say(const struct sim *s, const char *fmt, ...)
{
	va_list ap;

	if (!s->verbose)
		return;
	printf("%6" PRIu64 "  ", s->op);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	printf("\n");
	fflush(stdout);
}

/* A crash of the program itself: say which seed it was, then die of it. */
static void on_signal(int sig)
{
	if (running) {
		printf("FAIL seed=%" PRIu64 " op=%" PRIu64 ": signal %d\n", running->seed,
		       running->op, sig);
		print_replay(running);
	}
	signal(sig, SIG_DFL);
	raise(sig);
}

/* Who acts now: each of two machines for a while. */
static struct sim *choose(struct sim *s)
{
	if (s->peer && s->peer->v && (!s->v || simrng_chance(&s->rng, 80)))
		return s->peer;
	return s;
}

/* The user sees the error and mounts again, or pulls the plug. */
static void leave_fenced(struct sim *s)
{
	if (s->disk_fault || simrng_chance(&s->rng, 500))
		world_crash(s, simrng_chance(&s->rng, 500) ? SIM_POWER : SIM_KILL);
	else
		world_reopen(s);
}

static void act(struct sim *s)
{
	bool dead = s->disk_trouble || (simdisk_frozen(s->disk) && simrng_chance(&s->rng, 300));

	if (dead)
		world_crash(s, simrng_chance(&s->rng, 500) ? SIM_POWER : SIM_KILL);
	else if (s->fenced && simrng_chance(&s->rng, 100))
		leave_fenced(s);
	else
		ops_random(s);
}

static void run(const struct options *o, uint64_t seed, uint64_t ops, unsigned profile)
{
	struct sim s = {.seed = seed, .ops = ops, .verbose = o->verbose, .profile = profile};
	struct sim peer = s;
	struct sim *at = &s;

	if (profile > 1) {
		peer.machine = 1;
		peer.peer = &s;
		s.peer = &peer;
	}
	running = &s;
	world_start(&s);
	for (s.op = 1; s.op <= ops; s.op++) {
		peer.op = s.op;
		at = choose(at);
		act(at);
	}
	world_end(&s);
	running = NULL;
	if (o->verbose)
		printf("seed %" PRIu64 ": %" PRIu64 " ops, %" PRIu64 " crashes, %" PRIu64
		       " restores, %" PRIu64 " whole trees compared\n",
		       seed, ops, s.crashes + peer.crashes, s.restores + peer.restores,
		       s.verified + peer.verified);
}

/* Lines of "SEED [OPS [PROFILE]]"; '#' begins a comment. Seeds without a profile are of the first. */
static uint64_t run_file(const struct options *o)
{
	FILE *f = fopen(o->replay, "r");
	char line[256];
	uint64_t n = 0;

	if (!f) {
		fprintf(stderr, "sim: %s: %s\n", o->replay, strerror(errno));
		exit(2);
	}
	while (fgets(line, sizeof(line), f)) {
		uint64_t seed, ops = o->ops;
		unsigned profile = 1;

		if (line[0] == '#' ||
		    sscanf(line, "%" SCNu64 " %" SCNu64 " %u", &seed, &ops, &profile) < 1)
			continue;
		if (profile < 1 || profile > PROFILES) {
			fprintf(stderr, "sim: %s: no profile %u\n", o->replay, profile);
			exit(2);
		}
		run(o, seed, ops, profile);
		n += ops;
	}
	fclose(f);
	return n;
}

static uint64_t number(const char *text)
{
	char *end;
	uint64_t n = text ? strtoull(text, &end, 10) : 0;

	if (!text || end == text || *end != '\0') {
		fprintf(stderr, "sim: not a number: %s\n", text ? text : "(nothing)");
		exit(2);
	}
	return n;
}

static void parse(int argc, char **argv, struct options *o)
{
	for (int i = 1; i < argc; i++) {
		const char *value = i + 1 < argc ? argv[i + 1] : NULL;

		if (strcmp(argv[i], "--verbose") == 0) {
			o->verbose = true;
			continue;
		}
		if (strcmp(argv[i], "--coverage") == 0) {
			o->coverage = true;
			continue;
		}
		if (strcmp(argv[i], "--seed") == 0) {
			o->seed = number(value);
		} else if (strcmp(argv[i], "--runs") == 0) {
			o->runs = number(value);
		} else if (strcmp(argv[i], "--ops") == 0) {
			o->ops = number(value);
		} else if (strcmp(argv[i], "--seconds") == 0) {
			o->seconds = number(value);
		} else if (strcmp(argv[i], "--profile") == 0) {
			o->profile = number(value);
		} else if (strcmp(argv[i], "--replay-file") == 0 && value) {
			o->replay = value;
		} else {
			fprintf(stderr, "usage: sim [--seed N] [--runs N] [--ops N] [--seconds S] "
			                "[--profile P] [--coverage] [--verbose] "
			                "[--replay-file FILE]\n");
			exit(2);
		}
		i++;
	}
	if (o->profile < 1 || o->profile > PROFILES) {
		fprintf(stderr, "sim: there are profiles 1 to %d\n", PROFILES);
		exit(2);
	}
}

int main(int argc, char **argv)
{
	struct options o = {.seed = 1, .runs = 1, .ops = OPS_DEFAULT, .profile = PROFILES};
	time_t start = time(NULL);
	uint64_t done = 0;
	uint64_t seed;

	parse(argc, argv, &o);
	/* Broken disks and stores are the point here: what the program would log about them is
	 * noise. */
	log_set_level(o.verbose ? LOG_DEBUG : LOG_ERROR);
	if (!o.verbose)
		log_to_file("/dev/null");
	if (secret_setup() != 0) {
		fprintf(stderr, "sim: no memory for secrets\n");
		return 2;
	}
	signal(SIGABRT, on_signal);
	signal(SIGSEGV, on_signal);
	signal(SIGFPE, on_signal);
	if (o.replay) {
		done = run_file(&o);
	} else {
		for (seed = o.seed; o.seconds ? (uint64_t)(time(NULL) - start) < o.seconds
		                              : seed < o.seed + o.runs;
		     seed++) {
			run(&o, seed, o.ops, (unsigned)o.profile);
			done += o.ops;
		}
	}
	if (o.verbose || o.coverage)
		cover_print();
	if (o.coverage && !cover_complete())
		return 1;
	printf("ok: %" PRIu64 " operations in %ld seconds\n", done, (long)(time(NULL) - start));
	return 0;
}
