/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A row keeps the first case of each verdict, so that a failure can be looked at without a second run. A crash (a failed
 * CHECK, a bad pointer) ends the run and names the case from the signal handler.
 */
#include "tests/tamper/report.h"

#include "tests/lib/test.h"
#include "tests/tamper/expect.h"
#include "util/check.h"

#include <signal.h>
#include <unistd.h>

#define ROWS_MAX 512
#define CASE_BYTES 256

struct row {
	const char *kind, *machine, *how;
	unsigned seen;
	char first[V_WORDS][CASE_BYTES + sizeof(((struct oracle_answer *)0)->why) + 8];
};

static struct report_options options;
static struct row rows[ROWS_MAX], *row;
static size_t nrows, ncases;
static char running[CASE_BYTES];

static void on_crash(int sig)
{
	ssize_t n = write(STDOUT_FILENO, "FAIL crashed at ", 16);

	n += write(STDOUT_FILENO, running, strlen(running));
	n += write(STDOUT_FILENO, "\n", 1);
	(void)n;
	signal(sig, SIG_DFL);
	raise(sig);
}

void report_begin(const struct report_options *o)
{
	options = *o;
	signal(SIGABRT, on_crash);
	signal(SIGSEGV, on_crash);
	signal(SIGBUS, on_crash);
}

void report_case(const char *kind, const char *machine, const char *how, const char *what)
{
	snprintf(running, sizeof(running), "%s, %s, %s: %s", kind, machine, how, what);
	for (size_t i = 0; i < nrows; i++) {
		row = &rows[i];
		if (strcmp(row->kind, kind) == 0 && strcmp(row->machine, machine) == 0 &&
		    strcmp(row->how, how) == 0)
			return;
	}
	CHECK(nrows < ROWS_MAX);
	row = &rows[nrows++];
	*row = (struct row){.kind = kind, .machine = machine, .how = how};
}

void report_answer(const struct oracle_answer *a)
{
	for (int i = 0; i < V_WORDS; i++)
		if ((unsigned)a->verdict == 1u << i && !(row->seen & 1u << i))
			snprintf(row->first[i], sizeof(row->first[i]), "%s: %s", running, a->why);
	if (options.each)
		printf("%s: %s: %s\n", running, verdict_word(a->verdict), a->why);
	row->seen |= a->verdict;
	ncases++;
}

static void examples(const struct row *r, unsigned mask)
{
	for (int i = 0; i < V_WORDS; i++)
		if (r->seen & mask & 1u << i)
			printf("    %s: %s\n", verdict_word(1 << i), r->first[i]);
}

/* Whether the row is as the table says. */
static bool settle(const struct row *r)
{
	unsigned want = expect_of(r->kind, r->machine, r->how);
	unsigned more = r->seen & ~want;
	unsigned fewer = options.partial ? 0 : want & ~r->seen;
	char words[160];

	verdict_words(r->seen, words, sizeof(words));
	if (options.table)
		printf("| %s | %s | %s | %s |\n", r->kind, r->machine, r->how, words);
	if (more) {
		printf("FAIL %s, %s, %s: %s\n", r->kind, r->machine, r->how, words);
		examples(r, more);
	}
	if (fewer) {
		verdict_words(fewer, words, sizeof(words));
		printf("FAIL %s, %s, %s: %s does not come any more\n", r->kind, r->machine, r->how,
		       words);
	}
	return !more && !fewer;
}

size_t report_end(void)
{
	size_t failures = 0;

	for (size_t i = 0; i < nrows; i++)
		failures += !settle(&rows[i]);
	printf("%zu cases, %zu rows, %zu failures\n", ncases, nrows, failures);
	return failures;
}
