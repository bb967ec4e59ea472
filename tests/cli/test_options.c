/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/lib/test.h"

#include "cli/mountopts.h"
#include "cli/options.h"

#include <stdarg.h>

static const struct option_def defs[] = {
    {"at", 0, "TIME", "a moment"},
    {"options", 'o', "OPTS", "many"},
    {"json", 'j', NULL, "a flag"},
    {0},
};

static const struct command command = {
    .name = "test",
    .args = "A [B]",
    .summary = "Try",
    .options = defs,
    .min_args = 1,
    .max_args = 2,
};

/* The parsed line points into it. */
static char *line[16];

static int parse(struct options *o, ...)
{
	va_list ap;
	int n = 0;

	va_start(ap, o);
	while ((line[n] = va_arg(ap, char *)))
		n++;
	va_end(ap);
	return options_parse(&command, n, line, o);
}

#define PARSE(o, ...) parse(o, __VA_ARGS__, NULL)

static char name[] = "test", a[] = "a", b[] = "b", c[] = "c", at[] = "--at", at_x[] = "--at=x",
            json[] = "--json", j[] = "-j", o1[] = "-o", o2[] = "-oz", dashes[] = "--",
            unknown[] = "--nothing", letter[] = "-jq", help[] = "--help", valued[] = "--json=1";

static void values_and_flags(void)
{
	struct options o;

	TEST_OK(PARSE(&o, name, at_x, a, json, o1, b, o2));
	TEST_CHECK(options_has(&o, "json") && options_has(&o, "at"));
	TEST_CHECK(strcmp(options_value(&o, "at"), "x") == 0);
	TEST_CHECK(strcmp(options_nth(&o, "options", 0), "b") == 0);
	TEST_CHECK(strcmp(options_value(&o, "options"), "z") == 0);
	TEST_CHECK(options_nth(&o, "options", 2) == NULL);
	TEST_CHECK(o.nargs == 1 && strcmp(options_arg(&o, 0), "a") == 0);
	TEST_CHECK(options_arg(&o, 1) == NULL);
	TEST_OK(PARSE(&o, name, a));
	TEST_CHECK(!options_has(&o, "json") && options_value(&o, "at") == NULL);
}

static void dashes_end_options(void)
{
	struct options o;

	TEST_OK(PARSE(&o, name, j, dashes, json, at));
	TEST_CHECK(o.nargs == 2 && options_has(&o, "json"));
	TEST_CHECK(strcmp(options_arg(&o, 0), "--json") == 0);
}

static void expect_note(int err, const char *words)
{
	TEST_CHECK(err == ERR_USAGE && strstr(err_note_text(), words) != NULL);
}

static void mistakes(void)
{
	struct options o;

	expect_note(PARSE(&o, name), "too few");
	expect_note(PARSE(&o, name, a, b, c), "'c'");
	expect_note(PARSE(&o, name, unknown, a), "--nothing");
	expect_note(PARSE(&o, name, letter, a), "-q");
	expect_note(PARSE(&o, name, a, at), "--at needs");
	expect_note(PARSE(&o, name, a, o1), "-o needs");
	expect_note(PARSE(&o, name, a, valued), "--json=1");
}

static void help_needs_no_arguments(void)
{
	struct options o;

	TEST_OK(PARSE(&o, name, help));
	TEST_CHECK(o.help);
}

static void mount_options(void)
{
	struct mountopts m = {.read_only = false};

	TEST_OK(mountopts_parse("rw,suid,nodev,ro,at=2 hours ago,x-systemd.automount,,_netdev,"
	                        "passphrase_command=a\\,b\\\\c,cache=1G",
	                        &m));
	TEST_CHECK(m.read_only && !m.allow_other);
	TEST_CHECK(m.at && strcmp(m.at, "2 hours ago") == 0);
	TEST_CHECK(m.passphrase_command && strcmp(m.passphrase_command, "a,b\\c") == 0);
	TEST_CHECK(m.extra && strcmp(m.extra, "suid,nodev") == 0);
	TEST_OK(mountopts_parse("rw,at=e3,allow_other", &m));
	TEST_CHECK(!m.read_only && m.allow_other && strcmp(m.at, "e3") == 0);
	expect_note(mountopts_parse("frob", &m), "frob");
	expect_note(mountopts_parse("frob=1", &m), "frob");
	expect_note(mountopts_parse("at", &m), "needs a value");
	expect_note(mountopts_parse("at=", &m), "needs a value");
	expect_note(mountopts_parse("ro=1", &m), "no value");
	expect_note(mountopts_parse("nosuid=1", &m), "no value");
	mountopts_done(&m);
}

int main(void)
{
	TEST_RUN(values_and_flags);
	TEST_RUN(dashes_end_options);
	TEST_RUN(mistakes);
	TEST_RUN(help_needs_no_arguments);
	TEST_RUN(mount_options);
	return test_done();
}
