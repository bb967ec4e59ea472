/* SPDX-License-Identifier: Apache-2.0 */
/* truncate(2) and ftruncate(2). */
#include "tests/mount/posix_case.h"

#define MODEL_BYTES 140000

static const off_t sizes[] = {0, 1, 511, 4095, 4096, 4097, 8192, 65535, 65536, 65537, 131072};

#define SIZES (sizeof(sizes) / sizeof(sizes[0]))

/* From each size to each other, then back to the larger: what was cut off must not come back. */
static void size_matrix(int sync, bool by_name)
{
	for (size_t a = 0; a < SIZES; a++) {
		int fd = posix_file("f", 0);

		for (size_t b = 0; b < SIZES; b++) {
			off_t from = sizes[a], to = sizes[b], less = from < to ? from : to;

			posix_about("from %ld to %ld", (long)from, (long)to);
			EXPECT(ftruncate(fd, 0) == 0);
			if (from > 0)
				posix_put(fd, 0, (size_t)from, 'x');
			if (sync)
				EXPECT(fdatasync(fd) == 0);
			WANT((by_name ? truncate("f", to) : ftruncate(fd, to)) == 0);
			WANT(posix_size(fd) == to);
			WANT(posix_all(fd, 0, (size_t)less, 'x'));
			WANT(posix_all(fd, less, (size_t)(to - less), 0));
			WANT(ftruncate(fd, MODEL_BYTES) == 0);
			WANT(posix_all(fd, less, (size_t)(MODEL_BYTES - less), 0));
		}
		close(fd);
	}
}

static void cached(void)
{
	size_matrix(0, false);
}

static void named(void)
{
	size_matrix(0, true);
}

static void written_out(void)
{
	size_matrix(1, false);
}

static void after_reopen(void)
{
	for (size_t b = 0; b < SIZES; b++) {
		int fd = posix_file("f", 0);

		posix_about("to %ld", (long)sizes[b]);
		posix_put(fd, 0, 100000, 'x');
		close(fd);
		EXPECT(truncate("f", sizes[b]) == 0 && truncate("f", MODEL_BYTES) == 0);
		fd = open("f", O_RDONLY);
		off_t less = sizes[b] < 100000 ? sizes[b] : 100000;
		WANT(posix_all(fd, 0, (size_t)less, 'x'));
		WANT(posix_all(fd, less, (size_t)(MODEL_BYTES - less), 0));
		close(fd);
	}
}

static void last_page(void)
{
	int fd = posix_file("f", 0);

	posix_put(fd, 0, 10000, 'x');
	EXPECT(fsync(fd) == 0 && ftruncate(fd, 4100) == 0);
	posix_put(fd, 4200, 10, 'y');
	WANT(posix_all(fd, 4100, 100, 0) && posix_all(fd, 4200, 10, 'y'));
	EXPECT(ftruncate(fd, 4101) == 0);
	posix_put(fd, 9000, 1, 'z');
	WANT(posix_all(fd, 4096, 4, 'x') && posix_all(fd, 4100, 4900, 0));
}

static void far(void)
{
	int fd = posix_file("f", 0);

	WANT(ftruncate(fd, INT64_C(5) << 30) == 0 && posix_size(fd) == INT64_C(5) << 30);
	WANT(posix_all(fd, (INT64_C(5) << 30) - 4096, 4096, 0));
	WANT(truncate("f", 12345) == 0 && posix_size(fd) == 12345);
	WANT(posix_stat("f").st_blocks < 64);
}

static void by_type(void)
{
	for (int k = 0; k < posix_kinds(); k++) {
		posix_about("%s", posix_kind_name[k]);
		if (k == POSIX_REG)
			continue;
		posix_make("o", k);
		WANT_ERRNO(truncate("o", 0), k == POSIX_DIR   ? EISDIR
		                             : k == POSIX_LNK ? ENOENT
		                                              : EINVAL);
		posix_remove("o");
	}
}

static void errors(void)
{
	int fd = posix_file("f", 10), ro = open("f", O_RDONLY), fds[2];

	WANT_ERRNO(truncate("f", -1), EINVAL);
	WANT_ERRNO(truncate("f", INT64_MIN), EINVAL);
	WANT_ERRNO(ftruncate(fd, -1), EINVAL);
	WANT_ERRNO(ftruncate(ro, 1), EINVAL);
	WANT_ERRNO(ftruncate(-1, 1), EBADF);
	EXPECT(pipe(fds) == 0);
	WANT_ERRNO(ftruncate(fds[1], 0), EINVAL);
	WANT(posix_size(fd) == 10);
}

static void permission(void)
{
	EXPECT(mkdir("d", 0777) == 0 && chmod("d", 0777) == 0);
	posix_write_file("d/f", "data");
	for (unsigned who = 0; who < 3; who++) {
		EXPECT(chown("d/f", who == 0 ? POSIX_A : POSIX_B, who == 1 ? POSIX_A : POSIX_B) ==
		       0);
		for (unsigned bits = 0; bits < 8; bits++) {
			unsigned shift = 3 * (2 - who);

			posix_about("bits %o, class %u", bits, who);
			EXPECT(chmod("d/f", (0777 & ~(7u << shift)) | bits << shift) == 0);
			posix_as(POSIX_A, POSIX_A, 0, NULL);
			if (bits & 2)
				WANT(truncate("d/f", 4) == 0);
			else
				WANT_ERRNO(truncate("d/f", 4), EACCES);
			posix_as_root();
		}
	}
	WANT(posix_file_is("d/f", "data"));
}

static void opened_before(void)
{
	int fd = posix_file("f", 100);

	EXPECT(chmod("f", 0) == 0);
	WANT(ftruncate(fd, 50) == 0 && posix_size(fd) == 50);
}

static void keeps_offset(void)
{
	char c;
	int fd = posix_file("f", 100);

	EXPECT(lseek(fd, 80, SEEK_SET) == 80);
	WANT(ftruncate(fd, 10) == 0 && lseek(fd, 0, SEEK_CUR) == 80);
	WANT(read(fd, &c, 1) == 0);
	WANT(write(fd, "x", 1) == 1 && posix_size(fd) == 81 && posix_all(fd, 10, 70, 0));
}

const struct posix_case posix_truncate_cases[] = {
    {"ftruncate(2)", "from every size to every other: kept, cut off and extended by zeros", cached,
     0},
    {"truncate(2)", "from every size to every other: kept, cut off and extended by zeros", named,
     0},
    {"ftruncate(2)", "the same of data that was written out", written_out, 0},
    {"truncate(2)", "the same of a file that is closed", after_reopen, 0},
    {"truncate(2)", "the page with the end in it reads as zeros where it was cut", last_page, 0},
    {"truncate(2)", "to 5 GiB and back allocates nothing", far, 0},
    {"truncate(2)", "EISDIR for folders, EINVAL for what is not a regular file", by_type, 0},
    {"truncate(2)", "EINVAL: negative lengths; EINVAL: not open for writing", errors, 0},
    {"truncate(2)", "EACCES: the file is not writable by the user", permission, POSIX_ROOT},
    {"ftruncate(2)", "counts the rights of the open, not those of now", opened_before, 0},
    {"ftruncate(2)", "the file offset is not changed", keeps_offset, 0},
    POSIX_END,
};
