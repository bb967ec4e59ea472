/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/lib/test.h"

#include "cli/passphrase.h"
#include "util/secret.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static char file[] = "/tmp/amberfs-passphrase-XXXXXX";

static void write_file(const char *bytes, size_t len)
{
	int fd = open(file, O_WRONLY | O_TRUNC);

	TEST_CHECK(fd >= 0 && write(fd, bytes, len) == (ssize_t)len);
	close(fd);
}

static void expect(const struct passphrase_source *s, int want_err, const char *want)
{
	char *got = NULL;
	size_t len = 0;

	TEST_ERR(passphrase_get(s, &got, &len), want_err);
	TEST_CHECK(want ? got && len == strlen(want) && memcmp(got, want, len + 1) == 0 : !got);
	secret_free(got);
}

static void from_file(void)
{
	struct passphrase_source s = {.file = file, .word = "passphrase", .what = "a store"};

	write_file("secret", 6);
	expect(&s, 0, "secret");
	write_file("secret\n", 7);
	expect(&s, 0, "secret");
	write_file("secret\r\n", 8);
	expect(&s, 0, "secret");
	/* only one line end is cut; spaces are part of it */
	write_file(" two\nlines \n\n", 13);
	expect(&s, 0, " two\nlines \n");
	write_file("", 0);
	expect(&s, ERR_USAGE, NULL);
	write_file("\n", 1);
	expect(&s, ERR_USAGE, NULL);
	s.file = "/nonexistent/file";
	expect(&s, ERR_NOENT, NULL);
	s.file = "/";
	expect(&s, ERR_ISDIR, NULL);
}

static void length(void)
{
	struct passphrase_source s = {.file = file, .word = "passphrase", .what = "a store"};
	char *long_one = malloc(PASSPHRASE_MAX + 2);

	memset(long_one, 'x', PASSPHRASE_MAX + 2);
	write_file(long_one, PASSPHRASE_MAX + 1);
	expect(&s, ERR_USAGE, NULL);
	write_file(long_one, PASSPHRASE_MAX);
	long_one[PASSPHRASE_MAX] = '\0';
	expect(&s, 0, long_one);
	free(long_one);
}

static void from_command(void)
{
	struct passphrase_source s = {.word = "passphrase", .what = "a store"};

	s.command = "echo secret";
	expect(&s, 0, "secret");
	s.command = "echo secret; exit 3";
	expect(&s, ERR_USAGE, NULL);
	TEST_CHECK(strstr(err_note_text(), "status 3") != NULL);
	s.command = "true";
	expect(&s, ERR_USAGE, NULL);
	s.command = "yes";
	expect(&s, ERR_USAGE, NULL);
	TEST_CHECK(strstr(err_note_text(), "longer") != NULL);
}

static void from_environment(void)
{
	struct passphrase_source s = {.file = NULL};

	setenv("AMBERFS_PASSPHRASE_FILE", "/f", 1);
	setenv("AMBERFS_PASSPHRASE_COMMAND", "c", 1);
	passphrase_from_environment(&s);
	TEST_CHECK(s.file && strcmp(s.file, "/f") == 0 && !s.command);
	unsetenv("AMBERFS_PASSPHRASE_FILE");
	s.file = NULL;
	passphrase_from_environment(&s);
	TEST_CHECK(!s.file && s.command && strcmp(s.command, "c") == 0);
	/* an option goes first */
	s = (struct passphrase_source){.file = "/mine"};
	passphrase_from_environment(&s);
	TEST_CHECK(strcmp(s.file, "/mine") == 0 && !s.command);
}

int main(void)
{
	int fd = mkstemp(file);

	if (fd < 0 || secret_setup()) {
		printf("SKIP: no file in /tmp, or no locked memory\n");
		return 77;
	}
	close(fd);
	TEST_RUN(from_file);
	TEST_RUN(length);
	TEST_RUN(from_command);
	TEST_RUN(from_environment);
	unlink(file);
	return test_done();
}
