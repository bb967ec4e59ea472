/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/lib/test.h"

#include "cli/mounts.h"
#include "cli/resolve.h"

#include <sys/stat.h>
#include <unistd.h>

static char top[] = "/tmp/amberfs-resolve-XXXXXX";

static void expect(const char *path, bool follow, const char *want, const char *want_existing)
{
	struct resolve_path r;
	char full[4096];

	TEST_MUST(resolve_path(path, follow, &r));
	snprintf(full, sizeof(full), "%s%s", top, want);
	if (strcmp(r.path, full) != 0)
		printf("  %s: got %s, want %s\n", path, r.path, full);
	TEST_CHECK(strcmp(r.path, full) == 0);
	snprintf(full, sizeof(full), "%s%s", top, want_existing);
	TEST_CHECK(strcmp(r.existing, full) == 0);
	resolve_path_done(&r);
}

static void existing(void)
{
	expect(".", false, "", "");
	expect("a/b", false, "/a/b", "/a/b");
	expect("a//./b/", false, "/a/b", "/a/b");
	expect("a/../a/b/..", false, "/a", "/a");
}

static void missing(void)
{
	expect("gone", false, "/gone", "");
	expect("a/gone/x/y", false, "/a/gone/x/y", "/a");
	expect("a/gone/../b", false, "/a/b", "/a/b");
	expect("a/gone/x/../../../gone2", false, "/gone2", "");
	expect("file/below", false, "/file/below", "/file");
}

static void links(void)
{
	expect("link", false, "/link", "/link");
	expect("link", true, "/a", "/a");
	expect("link/b", false, "/a/b", "/a/b");
	expect("link/../file", false, "/file", "/file");
	expect("dangling", false, "/dangling", "/dangling");
	expect("dangling/x", false, "/dangling/x", "");
}

static void root(void)
{
	struct resolve_path r;

	TEST_MUST(resolve_path("/../..", false, &r));
	TEST_CHECK(strcmp(r.path, "/") == 0 && strcmp(r.existing, "/") == 0);
	resolve_path_done(&r);
}

static void below(void)
{
	TEST_CHECK(mounts_path_below("/a/b", "/a"));
	TEST_CHECK(mounts_path_below("/a", "/a"));
	TEST_CHECK(mounts_path_below("/a", "/"));
	TEST_CHECK(!mounts_path_below("/ab", "/a"));
	TEST_CHECK(!mounts_path_below("/", "/a"));
}

int main(void)
{
	char command[128];

	if (!mkdtemp(top) || chdir(top) || mkdir("a", 0700) || mkdir("a/b", 0700) ||
	    symlink("a", "link") || symlink("nowhere", "dangling") ||
	    mknod("file", S_IFREG | 0600, 0)) {
		printf("SKIP: cannot make files in /tmp\n");
		return 77;
	}
	TEST_RUN(existing);
	TEST_RUN(missing);
	TEST_RUN(links);
	TEST_RUN(root);
	TEST_RUN(below);
	snprintf(command, sizeof(command), "rm -rf '%s'", top);
	if (chdir("/") || system(command))
		printf("  %s stays behind\n", top);
	return test_done();
}
