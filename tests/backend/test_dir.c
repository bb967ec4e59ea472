/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a folder store owes beyond the common contract: the order of its calls to the disk, which is
 * what makes it durable; what a disk's errors become; what it leaves behind. The disk is the real
 * one with single calls replaced.
 */
#include "backend/dir.h"
#include "tests/lib/test.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static char work[64] = "/tmp/amberfs-test-dir.XXXXXX";
static char trace[4096]; /* one word a call that matters for durability */
static struct fileio disk;
static struct blob *store;
static struct buf out;

/* The calls of `disk` that fail, and with what. */
static struct {
	int pwrite;
	int sync;
	int link;
	int rename;
	int sync_dir;
	int pread;
} broken;

static void note(const char *word, const char *path)
{
	size_t at = strlen(trace);
	const char *tail = path;

	if (strncmp(path, work, strlen(work)) == 0)
		tail = path + strlen(work);
	if (strstr(tail, "/.tmp/"))
		tail = "/.tmp/X";
	snprintf(trace + at, sizeof(trace) - at, "%s%s%s ", word, *tail ? ":" : "", tail);
}

static int noted_pwrite(struct file *f, const void *data, size_t len, uint64_t off)
{
	note("write", "");
	return broken.pwrite ? broken.pwrite : fileio_system()->pwrite(f, data, len, off);
}

static int noted_pread(struct file *f, void *data, size_t len, uint64_t off, size_t *ret_n)
{
	return broken.pread ? broken.pread : fileio_system()->pread(f, data, len, off, ret_n);
}

static int noted_sync(struct file *f)
{
	note("sync", "");
	return broken.sync ? broken.sync : fileio_system()->sync(f);
}

static int noted_link(const struct fileio *io, const char *from, const char *to)
{
	note("link", to);
	return broken.link ? broken.link : fileio_system()->link(io, from, to);
}

static int noted_rename(const struct fileio *io, const char *from, const char *to)
{
	note("rename", to);
	return broken.rename ? broken.rename : fileio_system()->rename(io, from, to);
}

static int noted_mkdir(const struct fileio *io, const char *path)
{
	note("mkdir", path);
	return fileio_system()->mkdir(io, path);
}

static int noted_remove(const struct fileio *io, const char *path)
{
	note("remove", path);
	return fileio_system()->remove(io, path);
}

static int noted_sync_dir(const struct fileio *io, const char *path)
{
	note("syncdir", strcmp(path, work) == 0 ? "/" : path);
	return broken.sync_dir ? broken.sync_dir : fileio_system()->sync_dir(io, path);
}

static void expect_trace(const char *want)
{
	if (strcmp(trace, want) != 0)
		printf("  did  %s\n  want %s\n", trace, want);
	TEST_CHECK(strcmp(trace, want) == 0);
	trace[0] = '\0';
}

static void reopen(void)
{
	blob_free(store);
	store = NULL;
	TEST_MUST(dir_open(&disk, work, &store));
	memset(&broken, 0, sizeof(broken));
	buf_reset(&out);
	trace[0] = '\0';
}

static char *path_of(const char *name)
{
	static char path[256];

	snprintf(path, sizeof(path), "%s/%s", work, name);
	return path;
}

static int count_one(void *ctx, const struct blob_info *info)
{
	(void)info;
	(*(size_t *)ctx)++;
	return 0;
}

static int count_file(void *ctx, const char *name)
{
	(void)name;
	(*(size_t *)ctx)++;
	return 0;
}

static size_t temp_files(void)
{
	size_t count = 0;

	fileio_list(fileio_system(), path_of(".tmp"), count_file, &count);
	return count;
}

static void order_of_calls(void)
{
	reopen();
	TEST_OK(blob_put_new(store, "a/b/one", "1", 1));
	expect_trace("mkdir:/.tmp write sync mkdir:/a syncdir:/ mkdir:/a/b syncdir:/a "
	             "link:/a/b/one syncdir:/a/b remove:/.tmp/X ");
	TEST_OK(blob_put(store, "a/b/one", "2", 1));
	expect_trace("write sync rename:/a/b/one syncdir:/a/b ");
	TEST_OK(blob_put(store, "top", "", 0));
	expect_trace("sync rename:/top syncdir:/ ");
	TEST_ERR(blob_put_new(store, "a/b/one", "3", 1), ERR_EXIST);
	expect_trace("write sync link:/a/b/one syncdir:/a/b remove:/.tmp/X ");
	/* a folder that another handle made is not known to be durable */
	reopen();
	TEST_OK(blob_put(store, "a/b/two", "", 0));
	expect_trace("sync mkdir:/a syncdir:/ mkdir:/a/b syncdir:/a rename:/a/b/two syncdir:/a/b ");
	TEST_OK(blob_remove(store, "a/b/two"));
	expect_trace("remove:/a/b/two syncdir:/a/b ");
}

static void folder_taken_away(void)
{
	reopen();
	TEST_OK(blob_put(store, "gone/x", "1", 1));
	TEST_OK(blob_remove(store, "gone/x"));
	TEST_MUST(rmdir(path_of("gone")));
	TEST_OK(blob_put(store, "gone/x", "1", 1));
	TEST_OK(blob_get(store, "gone/x", 0, 1, &out));
	TEST_MUST(unlink(path_of("gone/x")));
	TEST_MUST(rmdir(path_of("gone")));
	TEST_OK(blob_put_new(store, "gone/x", "1", 1));
}

static void base_taken_away(void)
{
	char moved[128];
	size_t count = 0;

	reopen();
	snprintf(moved, sizeof(moved), "%s-moved", work);
	TEST_OK(blob_put(store, "a/x", "1", 1));
	TEST_MUST(rename(work, moved));
	TEST_ERR(blob_get(store, "a/x", 0, 1, &out), ERR_UNAVAILABLE);
	TEST_ERR(blob_put(store, "a/x", "1", 1), ERR_UNAVAILABLE);
	TEST_ERR(blob_put_new(store, "a/y", "1", 1), ERR_UNAVAILABLE);
	TEST_ERR(blob_put(store, "z", "1", 1), ERR_UNAVAILABLE);
	TEST_ERR(blob_list(store, "", NULL, count_one, &count), ERR_UNAVAILABLE);
	TEST_ERR(blob_remove(store, "a/x"), ERR_UNAVAILABLE);
	TEST_CHECK(strstr(err_note_text(), "is gone"));
	TEST_CHECK(access(work, F_OK) != 0);
	TEST_MUST(rename(moved, work));
	TEST_OK(blob_get(store, "a/x", 0, 1, &out));
}

static void disk_errors(void)
{
	static const struct {
		int disk;
		int store;
	} cases[] = {
	    {ERR_NOSPC, ERR_FULL},  {ERR_IO, ERR_UNAVAILABLE},    {ERR_ACCES, ERR_DENIED},
	    {ERR_ROFS, ERR_DENIED}, {ERR_STALE, ERR_UNAVAILABLE}, {ERR_NOMEM, ERR_NOMEM},
	};

	reopen();
	TEST_OK(blob_put(store, "e/old", "old", 3));
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int *const calls[] = {&broken.pwrite, &broken.sync, &broken.sync_dir};

		for (size_t j = 0; j < 3; j++) {
			*calls[j] = cases[i].disk;
			TEST_ERR(blob_put(store, "e/new", "new", 3), cases[i].store);
			TEST_ERR(blob_put_new(store, "e/only", "new", 3), cases[i].store);
			*calls[j] = 0;
			TEST_OK(blob_remove(store, "e/only"));
		}
		broken.rename = broken.link = cases[i].disk;
		TEST_ERR(blob_put(store, "e/old", "new", 3), cases[i].store);
		TEST_ERR(blob_put_new(store, "e/only", "new", 3), cases[i].store);
		broken.rename = broken.link = 0;
		broken.pread = cases[i].disk;
		TEST_ERR(blob_get(store, "e/old", 0, 3, &out), cases[i].store);
		broken.pread = 0;
		TEST_CHECK(out.len == 0);
	}
	TEST_OK(blob_get(store, "e/old", 0, 3, &out));
	TEST_MEM(out.data, "old", 3);
	TEST_CHECK(temp_files() == 0);
	broken.link = ERR_PERM;
	TEST_ERR(blob_put_new(store, "e/only", "new", 3), ERR_NOTSUP);
}

static void leftovers(void)
{
	const struct timespec old[2] = {{.tv_sec = 1000}, {.tv_sec = 1000}};
	int fd = creat(path_of(".tmp/old"), 0600);

	TEST_MUST(futimens(fd, old));
	close(fd);
	close(creat(path_of(".tmp/recent"), 0600));
	reopen();
	TEST_CHECK(access(path_of(".tmp/old"), F_OK) != 0);
	TEST_CHECK(access(path_of(".tmp/recent"), F_OK) == 0);
	TEST_MUST(unlink(path_of(".tmp/recent")));
}

static void strangers(void)
{
	size_t before = 0;
	size_t count = 0;

	reopen();
	TEST_OK(blob_list(store, "", NULL, count_one, &before));
	close(creat(path_of("Upper"), 0600));
	close(creat(path_of("a b"), 0600));
	close(creat(path_of(".hidden"), 0600));
	TEST_MUST(mkdir(path_of("lost+found"), 0700));
	TEST_MUST(mkdir(path_of("empty"), 0700));
	TEST_MUST(symlink("nowhere", path_of("dangling")));
	TEST_MUST(symlink(".", path_of("loop")));
	TEST_OK(blob_list(store, "a", NULL, count_one, &count));
	TEST_CHECK(count > 0);
	TEST_MUST(unlink(path_of("loop")));
	count = 0;
	TEST_OK(blob_list(store, "", NULL, count_one, &count));
	TEST_CHECK(count == before);
	/* folders are no objects */
	TEST_ERR(blob_get(store, "empty", 0, 1, &out), ERR_MISSING);
	TEST_OK(blob_remove(store, "empty"));
	TEST_CHECK(access(path_of("empty"), F_OK) == 0);
	TEST_ERR(blob_put(store, "empty", "x", 1), ERR_INVAL);
	TEST_OK(blob_put(store, "file", "x", 1));
	TEST_ERR(blob_put(store, "file/below", "x", 1), ERR_INVAL);
	TEST_ERR(blob_put_new(store, "file/below", "x", 1), ERR_INVAL);
	TEST_ERR(blob_get(store, "file/below", 0, 1, &out), ERR_MISSING);
	TEST_OK(blob_remove(store, "file/below"));
	TEST_CHECK(temp_files() == 0);
}

static void cannot_open(void)
{
	struct blob *b = NULL;

	close(creat(path_of("plain"), 0600));
	TEST_ERR(dir_open(&disk, path_of("plain"), &b), ERR_UNAVAILABLE);
	TEST_ERR(dir_open(&disk, path_of("none"), &b), ERR_UNAVAILABLE);
}

int main(void)
{
	char command[128];

	if (!mkdtemp(work))
		return 1;
	disk = *fileio_system();
	disk.pwrite = noted_pwrite;
	disk.pread = noted_pread;
	disk.sync = noted_sync;
	disk.link = noted_link;
	disk.rename = noted_rename;
	disk.mkdir = noted_mkdir;
	disk.remove = noted_remove;
	disk.sync_dir = noted_sync_dir;
	buf_init(&out, 1000);
	TEST_RUN(order_of_calls);
	TEST_RUN(folder_taken_away);
	TEST_RUN(base_taken_away);
	TEST_RUN(disk_errors);
	TEST_RUN(leftovers);
	TEST_RUN(strangers);
	TEST_RUN(cannot_open);
	blob_free(store);
	buf_done(&out);
	snprintf(command, sizeof(command), "rm -rf '%s'", work);
	return system(command) == 0 ? test_done() : 1;
}
