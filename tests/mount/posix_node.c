/* SPDX-License-Identifier: Apache-2.0 */
/* mknod(2), mkfifo(3), sockets: making them, and that they work. */
#include "tests/mount/posix_case.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/sysmacros.h>
#include <sys/un.h>

static void mknod_mode(void)
{
	static const mode_t modes[] = {0, 0111, 0222, 0444, 0644, 0700, 0751, 0777};
	static const mode_t masks[] = {0, 022, 077, 0345, 0777};
	static const mode_t types[] = {S_IFREG, S_IFIFO, S_IFSOCK, S_IFBLK, S_IFCHR};
	size_t count = geteuid() == 0 ? 5 : 3;

	for (size_t t = 0; t < count; t++) {
		for (size_t i = 0; i < 8 * 5; i++) {
			mode_t mode = modes[i / 5], mask = masks[i % 5];
			struct stat st;

			posix_about("type %o, mode %o, umask %o", types[t], mode, mask);
			umask(mask);
			WANT(mknod("n", types[t] | mode, makedev(1, 3)) == 0);
			st = posix_lstat("n");
			WANT(st.st_mode == (types[t] | (mode & ~mask)));
			WANT(st.st_nlink == 1 && st.st_size == 0 && st.st_uid == geteuid());
			WANT(unlink("n") == 0);
		}
	}
}

static void mkfifo_mode(void)
{
	for (mode_t mode = 0; mode <= 0777; mode += 3) {
		posix_about("mode %o", mode);
		WANT(mkfifo("p", mode) == 0);
		WANT(posix_lstat("p").st_mode == (S_IFIFO | (mode & ~022u)));
		WANT(unlink("p") == 0);
	}
}

static void folder_times(void)
{
	for (int k = 0; k < posix_kinds(); k++) {
		struct stat parent = posix_stat("."), st;

		posix_about("%s", posix_kind_name[k]);
		posix_tick();
		posix_make("o", k);
		st = posix_lstat("o");
		WANT(posix_later(posix_stat(".").st_mtim, parent.st_mtim));
		WANT(posix_later(posix_stat(".").st_ctim, parent.st_ctim));
		WANT(posix_later(st.st_ctim, parent.st_ctim));
		WANT(posix_later(st.st_mtim, parent.st_ctim));
		WANT(posix_later(st.st_atim, parent.st_ctim));
		posix_remove("o");
	}
}

static void device_numbers(void)
{
	static const unsigned numbers[][2] = {{0, 0},     {1, 3},    {8, 0},       {255, 255},
	                                      {256, 256}, {4095, 0}, {0, 0xfffff}, {4095, 0xfffff}};

	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		dev_t dev = makedev(numbers[i][0], numbers[i][1]);

		posix_about("device %u:%u", numbers[i][0], numbers[i][1]);
		/* 0:0 of a character device is what overlayfs calls a whiteout */
		WANT(mknod("c", S_IFCHR | 0600, dev) == 0 && mknod("b", S_IFBLK | 0600, dev) == 0);
		WANT(S_ISCHR(posix_lstat("c").st_mode) && posix_lstat("c").st_rdev == dev);
		WANT(S_ISBLK(posix_lstat("b").st_mode) && posix_lstat("b").st_rdev == dev);
		WANT(unlink("b") == 0 && unlink("c") == 0);
	}
}

static void not_root(void)
{
	EXPECT(mkdir("d", 0777) == 0 && chmod("d", 0777) == 0);
	posix_as(POSIX_A, POSIX_A, 0, NULL);
	WANT_ERRNO(mknod("d/b", S_IFBLK | 0644, makedev(1, 3)), EPERM);
	WANT_ERRNO(mknod("d/c", S_IFCHR | 0644, makedev(1, 3)), EPERM);
	WANT(mknod("d/p", S_IFIFO | 0644, 0) == 0 && mknod("d/s", S_IFSOCK | 0644, 0) == 0);
	WANT(mknod("d/f", S_IFREG | 0644, 0) == 0 && mknod("d/g", 0644, 0) == 0);
	WANT(S_ISREG(posix_lstat("d/g").st_mode) && posix_lstat("d/p").st_uid == POSIX_A);
}

static void wrong_types(void)
{
	WANT_ERRNO(mknod("d", S_IFDIR | 0755, 0), EPERM);
	WANT_ERRNO(mknod("l", S_IFLNK | 0755, 0), EINVAL);
	WANT_ERRNO(mknod("x", 0110000 | 0755, 0), EINVAL);
	WANT_ERRNO(mknod("new/", S_IFREG | 0755, 0), ENOENT);
	WANT(posix_count(".") == 0);
}

static void fifo_works(void)
{
	struct pollfd poll_fd = {.events = POLLIN};
	char data[8];
	int r, w;

	EXPECT(mkfifo("p", 0600) == 0);
	r = open("p", O_RDONLY | O_NONBLOCK);
	w = open("p", O_WRONLY | O_NONBLOCK);
	EXPECT(r >= 0 && w >= 0);
	WANT_ERRNO(read(r, data, 8), EAGAIN);
	WANT(write(w, "through", 7) == 7);
	poll_fd.fd = r;
	WANT(poll(&poll_fd, 1, 0) == 1 && poll_fd.revents & POLLIN);
	WANT(read(r, data, 8) == 7 && memcmp(data, "through", 7) == 0);
	WANT_ERRNO(lseek(r, 0, SEEK_SET), ESPIPE);
	WANT(posix_stat("p").st_size == 0);
	/* it is the name that counts */
	EXPECT(rename("p", "q") == 0 && link("q", "s") == 0);
	close(w);
	WANT(read(r, data, 8) == 0);
	w = open("s", O_WRONLY | O_NONBLOCK);
	WANT(write(w, "again", 5) == 5 && read(r, data, 8) == 5);
	close(r);
	WANT_ERRNO(write(w, "x", 1), EPIPE);
}

static void fifo_blocks(void)
{
	char data[8];
	pid_t pid;
	int r;

	EXPECT(mkfifo("p", 0600) == 0);
	pid = fork();
	if (pid == 0) {
		int w = open("p", O_WRONLY);

		_exit(w >= 0 && write(w, "child", 5) == 5 ? 0 : 1);
	}
	r = open("p", O_RDONLY);
	WANT(r >= 0 && read(r, data, 8) == 5 && memcmp(data, "child", 5) == 0);
	WANT(posix_wait(pid) == 0);
	WANT(read(r, data, 8) == 0);
}

static int connect_to(const char *name)
{
	struct sockaddr_un sun = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM, 0), r, saved;

	snprintf(sun.sun_path, sizeof(sun.sun_path), "%s", name);
	r = connect(fd, (struct sockaddr *)&sun, sizeof(sun));
	saved = errno;
	if (r != 0)
		close(fd);
	errno = saved;
	return r == 0 ? fd : -1;
}

static int listen_at(const char *name)
{
	struct sockaddr_un sun = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	snprintf(sun.sun_path, sizeof(sun.sun_path), "%s", name);
	EXPECT(bind(fd, (struct sockaddr *)&sun, sizeof(sun)) == 0 && listen(fd, 4) == 0);
	return fd;
}

static void socket_works(void)
{
	char data[8];
	int server = listen_at("s"), a, b;

	WANT(S_ISSOCK(posix_lstat("s").st_mode) && posix_mode("s") == 0755);
	a = connect_to("s");
	b = accept(server, NULL, NULL);
	EXPECT(a >= 0 && b >= 0);
	WANT(write(a, "hello", 5) == 5 && read(b, data, 8) == 5);
	EXPECT(rename("s", "t") == 0);
	WANT_ERRNO(connect_to("s"), ENOENT);
	WANT(connect_to("t") >= 0);
	WANT_ERRNO(posix_bind("t"), EADDRINUSE);
	close(server);
	WANT_ERRNO(connect_to("t"), ECONNREFUSED);
	posix_write_file("f", "x");
	WANT_ERRNO(connect_to("f"), ECONNREFUSED);
	EXPECT(unlink("t") == 0);
	WANT_ERRNO(connect_to("t"), ENOENT);
}

static void socket_rights(void)
{
	int server = listen_at("s");

	EXPECT(chmod("s", 0755) == 0);
	posix_as(POSIX_A, POSIX_A, 0, NULL);
	WANT_ERRNO(connect_to("s"), EACCES);
	posix_as_root();
	EXPECT(chmod("s", 0772) == 0);
	posix_as(POSIX_A, POSIX_A, 0, NULL);
	WANT(connect_to("s") >= 0);
	posix_as_root();
	close(server);
}

const struct posix_case posix_node_cases[] = {
    {"mknod(2)", "the mode is mode & ~umask, for every type", mknod_mode, 0},
    {"mkfifo(3)", "the mode is mode & ~umask, for a third of all modes", mkfifo_mode, 0},
    {"mknod(2)", "the new file has all times now, and the folder mtime and ctime", folder_times, 0},
    {"mknod(2)", "devices of all numbers are kept", device_numbers, POSIX_ROOT},
    {"mknod(2)", "EPERM: a device without privilege", not_root, POSIX_ROOT},
    {"mknod(2)", "EPERM for folders, EINVAL for links and what is no type", wrong_types, 0},
    {"fifo(7)", "bytes go through in order, by whatever name", fifo_works, 0},
    {"fifo(7)", "open(2) waits for the other end", fifo_blocks, 0},
    {"unix(7)", "a socket's name can be connected to, ENOENT and ECONNREFUSED after", socket_works,
     0},
    {"unix(7)", "EACCES: connecting needs write permission", socket_rights, POSIX_ROOT},
    POSIX_END,
};
