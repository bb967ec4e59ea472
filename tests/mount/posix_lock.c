/* SPDX-License-Identifier: Apache-2.0 */
/* flock(2), fcntl(2) locks of processes and of open file descriptions, leases. */
#include "tests/mount/posix_case.h"

#include <signal.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <time.h>

static struct flock range(short type, off_t start, off_t len)
{
	return (struct flock){.l_type = type, .l_whence = SEEK_SET, .l_start = start, .l_len = len};
}

static int lock(int fd, short type, off_t start, off_t len)
{
	struct flock l = range(type, start, len);

	return fcntl(fd, F_SETLK, &l);
}

static int ofd_lock(int fd, short type, off_t start, off_t len)
{
	struct flock l = range(type, start, len);

	return fcntl(fd, F_OFD_SETLK, &l);
}

/* What a process of its own would see: 0, or why it may not lock. */
static int elsewhere(const char *name, short type, off_t start, off_t len)
{
	pid_t pid = fork();

	if (pid == 0) {
		int fd = open(name, O_RDWR);

		if (fd < 0)
			_exit(255);
		_exit(lock(fd, type, start, len) == 0 ? 0 : errno);
	}
	return posix_wait(pid);
}

/* ---- flock ---- */

static void flock_matrix(void)
{
	static const int ops[] = {LOCK_SH, LOCK_EX};

	for (int i = 0; i < 4; i++) {
		int a = posix_file("f", 0), b = open("f", O_RDONLY);
		bool fits = ops[i / 2] == LOCK_SH && ops[i % 2] == LOCK_SH;

		posix_about("%d then %d", ops[i / 2], ops[i % 2]);
		WANT(flock(a, ops[i / 2]) == 0);
		if (fits)
			WANT(flock(b, ops[i % 2] | LOCK_NB) == 0);
		else
			WANT_ERRNO(flock(b, ops[i % 2] | LOCK_NB), EWOULDBLOCK);
		WANT(flock(a, LOCK_UN) == 0 && flock(b, ops[i % 2] | LOCK_NB) == 0);
		close(a);
		close(b);
	}
}

static void flock_owner(void)
{
	int a = posix_file("f", 0), b = open("f", O_RDWR), c = dup(a);
	pid_t pid;

	WANT(flock(a, LOCK_EX) == 0 && flock(c, LOCK_EX | LOCK_NB) == 0);
	WANT(close(a) == 0);
	WANT_ERRNO(flock(b, LOCK_SH | LOCK_NB), EWOULDBLOCK);
	/* a child has the same description, and may unlock it */
	pid = fork();
	if (pid == 0)
		_exit(flock(c, LOCK_UN) == 0 ? 0 : 1);
	WANT(posix_wait(pid) == 0 && flock(b, LOCK_SH | LOCK_NB) == 0);
	WANT(flock(c, LOCK_SH | LOCK_NB) == 0);
	WANT_ERRNO(flock(c, LOCK_EX | LOCK_NB), EWOULDBLOCK);
	WANT(close(b) == 0 && flock(c, LOCK_EX | LOCK_NB) == 0);
	/* folders as well, and what is open for reading only */
	EXPECT(mkdir("d", 0755) == 0);
	WANT(flock(open("d", O_RDONLY), LOCK_EX) == 0);
	WANT_ERRNO(flock(open("d", O_RDONLY), LOCK_EX | LOCK_NB), EWOULDBLOCK);
	WANT_ERRNO(flock(c, 0), EINVAL);
	WANT_ERRNO(flock(-1, LOCK_EX), EBADF);
}

static void flock_waits(void)
{
	int a = posix_file("f", 0), done[2];
	char c;
	pid_t pid;

	EXPECT(pipe(done) == 0 && flock(a, LOCK_EX) == 0);
	pid = fork();
	if (pid == 0) {
		int b = open("f", O_RDWR);
		bool had = flock(b, LOCK_EX) == 0;

		_exit(had && write(done[1], "l", 1) == 1 ? 0 : 1);
	}
	EXPECT(fcntl(done[0], F_SETFL, O_NONBLOCK) == 0);
	usleep(20000);
	WANT(read(done[0], &c, 1) == -1 && errno == EAGAIN);
	WANT(flock(a, LOCK_UN) == 0 && posix_wait(pid) == 0);
	WANT(read(done[0], &c, 1) == 1);
}

/* ---- ranges ---- */

static void overlaps(void)
{
	/* the other has [100, 200) */
	static const struct {
		off_t start, len;
		bool free;
	} tries[] = {{0, 100, true},   {0, 101, false}, {99, 1, true},      {100, 1, false},
	             {150, 10, false}, {199, 1, false}, {200, 1, true},     {200, 0, true},
	             {0, 0, false},    {150, 0, false}, {1 << 30, 1, true}, {50, 500, false}};
	int fd = posix_file("f", 300);

	for (int held = 0; held < 2; held++) {
		EXPECT(lock(fd, held ? F_WRLCK : F_RDLCK, 100, 100) == 0);
		for (size_t i = 0; i < sizeof(tries) / sizeof(tries[0]); i++) {
			off_t start = tries[i].start, len = tries[i].len;

			posix_about("%ld+%ld against %s", (long)start, (long)len,
			            held ? "a write lock" : "a read lock");
			WANT(elsewhere("f", F_WRLCK, start, len) == (tries[i].free ? 0 : EAGAIN));
			WANT(elsewhere("f", F_RDLCK, start, len) ==
			     (tries[i].free || !held ? 0 : EAGAIN));
		}
	}
}

static void splits(void)
{
	int fd = posix_file("f", 100);
	struct flock l;

	WANT(lock(fd, F_WRLCK, 0, 10) == 0 && lock(fd, F_UNLCK, 3, 3) == 0);
	WANT(elsewhere("f", F_WRLCK, 3, 3) == 0 && elsewhere("f", F_WRLCK, 2, 1) == EAGAIN);
	WANT(elsewhere("f", F_WRLCK, 6, 1) == EAGAIN);
	WANT(lock(fd, F_WRLCK, 3, 3) == 0 && elsewhere("f", F_WRLCK, 4, 1) == EAGAIN);
	WANT(lock(fd, F_RDLCK, 4, 2) == 0 && elsewhere("f", F_RDLCK, 4, 2) == 0);
	WANT(elsewhere("f", F_RDLCK, 3, 1) == EAGAIN);
	/* negative lengths and other beginnings */
	WANT(lock(fd, F_UNLCK, 0, 0) == 0);
	l = (struct flock){.l_type = F_WRLCK, .l_whence = SEEK_END, .l_start = -10, .l_len = 5};
	WANT(fcntl(fd, F_SETLK, &l) == 0);
	WANT(elsewhere("f", F_WRLCK, 90, 1) == EAGAIN && elsewhere("f", F_WRLCK, 95, 5) == 0);
	l = range(F_WRLCK, 50, -10);
	WANT(fcntl(fd, F_SETLK, &l) == 0 && elsewhere("f", F_WRLCK, 40, 1) == EAGAIN);
	WANT(elsewhere("f", F_WRLCK, 50, 1) == 0);
	l = range(F_WRLCK, 5, -10);
	WANT_ERRNO(fcntl(fd, F_SETLK, &l), EINVAL);
}

static void asks(void)
{
	int fd = posix_file("f", 100), ready[2], go[2];
	struct flock l = range(F_WRLCK, 0, 0);
	char c;
	pid_t pid;

	WANT(fcntl(fd, F_GETLK, &l) == 0 && l.l_type == F_UNLCK);
	EXPECT(pipe(ready) == 0 && pipe(go) == 0);
	pid = fork();
	if (pid == 0) {
		if (lock(fd, F_WRLCK, 10, 20) != 0 || write(ready[1], "r", 1) != 1)
			_exit(1);
		_exit(read(go[0], &c, 1) == 1 ? 0 : 1);
	}
	EXPECT(read(ready[0], &c, 1) == 1);
	l = range(F_RDLCK, 0, 0);
	WANT(fcntl(fd, F_GETLK, &l) == 0);
	WANT(l.l_type == F_WRLCK && l.l_start == 10 && l.l_len == 20 && l.l_pid == pid);
	l = range(F_RDLCK, 30, 0);
	WANT(fcntl(fd, F_GETLK, &l) == 0 && l.l_type == F_UNLCK);
	EXPECT(write(go[1], "g", 1) == 1);
	WANT(posix_wait(pid) == 0);
	/* the end of the process is the end of its locks */
	WANT(lock(fd, F_WRLCK, 0, 0) == 0);
}

static void released(void)
{
	int a = posix_file("f", 100), b;

	/* by closing any descriptor of the file */
	WANT(lock(a, F_WRLCK, 0, 10) == 0);
	b = open("f", O_RDONLY);
	WANT(elsewhere("f", F_WRLCK, 0, 1) == EAGAIN);
	close(b);
	WANT(elsewhere("f", F_WRLCK, 0, 1) == 0);
	/* and are not inherited: a process does not conflict with itself */
	WANT(lock(a, F_WRLCK, 0, 10) == 0 && lock(open("f", O_RDWR), F_WRLCK, 0, 10) == 0);
}

static void errors(void)
{
	int fd = posix_file("f", 10), ro = open("f", O_RDONLY), wo = open("f", O_WRONLY);

	WANT_ERRNO(lock(ro, F_WRLCK, 0, 1), EBADF);
	WANT_ERRNO(lock(wo, F_RDLCK, 0, 1), EBADF);
	WANT(lock(ro, F_RDLCK, 0, 1) == 0 && lock(wo, F_WRLCK, 0, 1) == 0);
	WANT_ERRNO(lock(fd, F_WRLCK, -1, 1), EINVAL);
	WANT_ERRNO(lock(fd, 99, 0, 1), EINVAL);
	WANT_ERRNO(lock(-1, F_WRLCK, 0, 1), EBADF);
}

static void on_alarm(int number)
{
	(void)number;
}

static void waits(void)
{
	int fd = posix_file("f", 100), ready[2];
	struct sigaction action = {.sa_handler = on_alarm};
	struct flock l = range(F_WRLCK, 50, 10);
	char c;
	pid_t pid;

	EXPECT(pipe(ready) == 0 && lock(fd, F_WRLCK, 0, 10) == 0);
	pid = fork();
	if (pid == 0) {
		struct flock first = range(F_WRLCK, 0, 10);

		if (lock(fd, F_WRLCK, 50, 10) != 0 || write(ready[1], "r", 1) != 1)
			_exit(1);
		/* held by the parent until it gets the signal below */
		_exit(fcntl(fd, F_SETLKW, &first) == 0 ? 0 : 1);
	}
	EXPECT(read(ready[0], &c, 1) == 1);
	usleep(50000);
	/* each would wait for the other */
	errno = 0;
	sigaction(SIGALRM, &action, NULL);
	alarm(10);
	WANT(fcntl(fd, F_SETLKW, &l) == -1 && errno == EDEADLK);
	WANT(lock(fd, F_UNLCK, 0, 0) == 0 && posix_wait(pid) == 0);
}

static void interrupted(void)
{
	int fd = posix_file("f", 100);
	struct sigaction action = {.sa_handler = on_alarm};
	pid_t pid;

	EXPECT(lock(fd, F_WRLCK, 0, 10) == 0);
	pid = fork();
	if (pid == 0) {
		struct flock l = range(F_WRLCK, 0, 10);
		struct timespec soon = {.tv_nsec = 30000000};
		struct itimerspec when = {.it_value = soon};
		timer_t timer;

		sigaction(SIGALRM, &action, NULL);
		if (timer_create(CLOCK_MONOTONIC, NULL, &timer) != 0 ||
		    timer_settime(timer, 0, &when, NULL) != 0)
			_exit(2);
		_exit(fcntl(fd, F_SETLKW, &l) == -1 && errno == EINTR ? 0 : 1);
	}
	WANT(posix_wait(pid) == 0);
}

static void descriptions(void)
{
	int a = posix_file("f", 100), b = open("f", O_RDWR), c;

	WANT(ofd_lock(a, F_WRLCK, 0, 10) == 0);
	WANT_ERRNO(ofd_lock(b, F_WRLCK, 5, 10), EAGAIN);
	WANT_ERRNO(ofd_lock(b, F_RDLCK, 5, 10), EAGAIN);
	WANT(ofd_lock(b, F_WRLCK, 10, 10) == 0);
	/* against locks of processes, also one's own */
	WANT_ERRNO(lock(a, F_WRLCK, 0, 1), EAGAIN);
	WANT(elsewhere("f", F_WRLCK, 0, 1) == EAGAIN);
	/* closing another descriptor does not release them, closing the last of the description does */
	c = dup(a);
	close(open("f", O_RDONLY));
	close(a);
	WANT_ERRNO(ofd_lock(b, F_WRLCK, 0, 1), EAGAIN);
	close(c);
	WANT(ofd_lock(b, F_WRLCK, 0, 10) == 0);
}

static void leases(void)
{
	int fd = posix_file("f", 10), ro;

	/* how a holder is told that somebody waits */
	signal(SIGIO, SIG_IGN);
	close(fd);
	ro = open("f", O_RDONLY);
	if (fcntl(ro, F_SETLEASE, F_RDLCK) != 0 && errno == EINVAL)
		posix_skip("no leases here");
	WANT(fcntl(ro, F_GETLEASE) == F_RDLCK);
	WANT_ERRNO(open("f", O_WRONLY | O_NONBLOCK), EWOULDBLOCK);
	WANT(fcntl(ro, F_SETLEASE, F_UNLCK) == 0);
	fd = open("f", O_WRONLY | O_NONBLOCK);
	WANT(fd >= 0);
	WANT_ERRNO(fcntl(ro, F_SETLEASE, F_RDLCK), EAGAIN);
}

const struct posix_case posix_lock_cases[] = {
    {"flock(2)", "shared locks are shared, exclusive ones exclude: EWOULDBLOCK", flock_matrix, 0},
    {"flock(2)", "belongs to the open description, with its duplicates and children", flock_owner,
     0},
    {"flock(2)", "waits until the lock is free", flock_waits, 0},
    {"fcntl(2)", "F_SETLK: EAGAIN where ranges overlap and one is for writing", overlaps, 0},
    {"fcntl(2)", "F_SETLK: locks are split, joined and converted; SEEK_END, negative lengths",
     splits, 0},
    {"fcntl(2)", "F_GETLK: tells type, range and process of a lock in the way", asks, 0},
    {"fcntl(2)", "closing any descriptor releases the locks of the process", released, 0},
    {"fcntl(2)", "EBADF: not open for that; EINVAL", errors, 0},
    {"fcntl(2)", "F_SETLKW: waits; EDEADLK when that would be for ever", waits, 0},
    {"fcntl(2)", "F_SETLKW: EINTR by a signal", interrupted, 0},
    {"fcntl(2)", "F_OFD_SETLK: belongs to the open description", descriptions, 0},
    {"fcntl(2)", "F_SETLEASE: a lease for reading keeps writers waiting", leases, 0},
    POSIX_END,
};
