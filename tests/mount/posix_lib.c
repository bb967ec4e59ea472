/* SPDX-License-Identifier: Apache-2.0 */
/* What the cases share: files of all types, users, times. */
#include "tests/mount/posix_case.h"

#include <dirent.h>
#include <grp.h>
#include <stdarg.h>
#include <sys/socket.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>

/* Setting the scene is no check of its own. */
#define NEED(expr)                                                     \
	do {                                                           \
		if (!(expr)) {                                         \
			posix_check(false, __FILE__, __LINE__, #expr); \
			posix_fail();                                  \
		}                                                      \
	} while (0)

const char *const posix_kind_name[POSIX_KINDS] = {
    "file", "folder", "fifo", "socket", "link", "block device", "character device"};

/* ---- files ---- */

int posix_kinds(void)
{
	return geteuid() == 0 ? POSIX_KINDS : POSIX_BLK;
}

int posix_bind(const char *path)
{
	struct sockaddr_un sun = {.sun_family = AF_UNIX};
	int fd, r, saved;

	if (strlen(path) >= sizeof(sun.sun_path))
		posix_skip("the path is too long for a socket");
	snprintf(sun.sun_path, sizeof(sun.sun_path), "%s", path);
	fd = socket(AF_UNIX, SOCK_STREAM, 0);
	NEED(fd >= 0);
	r = bind(fd, (struct sockaddr *)&sun, sizeof(sun));
	saved = errno;
	close(fd);
	errno = saved;
	return r;
}

void posix_make(const char *name, int kind)
{
	mode_t mask = umask(0);
	int r = -1;

	switch (kind) {
	case POSIX_REG:
		r = mknod(name, S_IFREG | 0644, 0);
		break;
	case POSIX_DIR:
		r = mkdir(name, 0755);
		break;
	case POSIX_FIFO:
		r = mkfifo(name, 0644);
		break;
	case POSIX_SOCK:
		r = posix_bind(name);
		r = r == 0 ? chmod(name, 0644) : r;
		break;
	case POSIX_LNK:
		r = symlink("nowhere", name);
		break;
	case POSIX_BLK:
		r = mknod(name, S_IFBLK | 0644, makedev(1, 2));
		break;
	case POSIX_CHR:
		r = mknod(name, S_IFCHR | 0644, makedev(1, 3));
		break;
	}
	umask(mask);
	NEED(r == 0);
}

bool posix_is(const struct stat *st, int kind)
{
	static const mode_t types[POSIX_KINDS] = {S_IFREG, S_IFDIR, S_IFIFO, S_IFSOCK,
	                                          S_IFLNK, S_IFBLK, S_IFCHR};

	return (st->st_mode & S_IFMT) == types[kind];
}

void posix_remove(const char *name)
{
	NEED(remove(name) == 0);
}

void posix_write_file(const char *name, const char *text)
{
	int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC, 0644);

	NEED(fd >= 0);
	NEED(write(fd, text, strlen(text)) == (ssize_t)strlen(text));
	NEED(close(fd) == 0);
}

bool posix_file_is(const char *name, const char *text)
{
	char data[4096];
	int fd = open(name, O_RDONLY);
	ssize_t n;

	NEED(fd >= 0);
	n = read(fd, data, sizeof(data));
	close(fd);
	return n == (ssize_t)strlen(text) && memcmp(data, text, (size_t)n) == 0;
}

int posix_file(const char *name, off_t size)
{
	int fd = open(name, O_RDWR | O_CREAT | O_TRUNC, 0644);

	NEED(fd >= 0);
	NEED(size == 0 || ftruncate(fd, size) == 0);
	return fd;
}

void posix_put(int fd, off_t off, size_t len, int c)
{
	char *data = malloc(len);

	NEED(data);
	memset(data, c, len);
	NEED(pwrite(fd, data, len, off) == (ssize_t)len);
	free(data);
}

bool posix_all(int fd, off_t off, size_t len, int c)
{
	unsigned char *data = malloc(len + 1);
	bool same = true;

	NEED(data);
	same = pread(fd, data, len, off) == (ssize_t)len;
	for (size_t i = 0; same && i < len; i++)
		same = data[i] == c;
	free(data);
	return same;
}

off_t posix_size(int fd)
{
	return posix_fstat(fd).st_size;
}

struct stat posix_stat(const char *name)
{
	struct stat st = {0};

	NEED(stat(name, &st) == 0);
	return st;
}

struct stat posix_lstat(const char *name)
{
	struct stat st = {0};

	NEED(lstat(name, &st) == 0);
	return st;
}

struct stat posix_fstat(int fd)
{
	struct stat st = {0};

	NEED(fstat(fd, &st) == 0);
	return st;
}

unsigned posix_mode(const char *name)
{
	return posix_lstat(name).st_mode & 07777;
}

bool posix_none(const char *name)
{
	struct stat st;

	return lstat(name, &st) != 0 && errno == ENOENT;
}

int posix_count(const char *name)
{
	DIR *d = opendir(name);
	struct dirent *e;
	int n = 0;

	NEED(d);
	while ((e = readdir(d)))
		n += strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0;
	closedir(d);
	return n;
}

#define TEXT_BYTES 8192

static char *next_text(void)
{
	static char buffers[8][TEXT_BYTES];
	static unsigned next;

	return buffers[next++ % 8];
}

const char *posix_text(const char *fmt, ...)
{
	char *out = next_text();
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(out, TEXT_BYTES, fmt, ap);
	va_end(ap);
	return out;
}

const char *posix_name(size_t len, char c)
{
	char *out = next_text();

	NEED(len < TEXT_BYTES);
	memset(out, c, len);
	out[len] = '\0';
	return out;
}

const char *posix_elsewhere(void)
{
	static const char *const folders[] = {"/dev/shm/", "/tmp/", "/var/tmp/"};
	dev_t here = posix_stat(".").st_dev;
	struct stat st;

	for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++)
		if (stat(folders[i], &st) == 0 && st.st_dev != here &&
		    access(folders[i], W_OK | X_OK) == 0)
			return folders[i];
	return NULL;
}

/* ---- times ---- */

bool posix_later(struct timespec a, struct timespec b)
{
	return a.tv_sec > b.tv_sec || (a.tv_sec == b.tv_sec && a.tv_nsec > b.tv_nsec);
}

bool posix_same_time(struct timespec a, struct timespec b)
{
	return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

/* Most file systems take their times from the clock's last tick. */
void posix_tick(void)
{
	struct timespec now, tick, pause = {.tv_nsec = 500000};

	clock_gettime(CLOCK_REALTIME, &now);
	do {
		nanosleep(&pause, NULL);
		clock_gettime(CLOCK_REALTIME_COARSE, &tick);
	} while (!posix_later(tick, now));
}

/* ---- users ---- */

void posix_as(uid_t uid, gid_t gid, int n, const gid_t *groups)
{
	posix_as_root();
	if (uid == 0)
		return;
	NEED(setgroups((size_t)n, groups) == 0);
	NEED(setresgid((gid_t)-1, gid, (gid_t)-1) == 0);
	NEED(setresuid((uid_t)-1, uid, (uid_t)-1) == 0);
}

void posix_as_root(void)
{
	NEED(setresuid((uid_t)-1, 0, (uid_t)-1) == 0);
	NEED(setresgid((gid_t)-1, 0, (gid_t)-1) == 0);
	NEED(setgroups(0, NULL) == 0);
}

int posix_wait(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) < 0)
		NEED(errno == EINTR);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

void posix_as_user(uid_t uid, gid_t gid, void (*fn)(void))
{
	pid_t pid = fork();

	NEED(pid >= 0);
	if (pid == 0) {
		if (setgroups(0, NULL) != 0 || setresgid(gid, gid, gid) != 0 ||
		    setresuid(uid, uid, uid) != 0)
			_exit(1);
		fn();
		posix_done();
	}
	NEED(posix_wait(pid) == 0);
}
