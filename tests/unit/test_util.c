/* SPDX-License-Identifier: Apache-2.0 */
/* Every function of util/, the evil inputs included. */
#include "tests/lib/test.h"
#include "util/buf.h"
#include "util/check.h"
#include "util/clock.h"
#include "util/codec.h"
#include "util/fileio.h"
#include "util/hex.h"
#include "util/lock.h"
#include "util/log.h"
#include "util/rng.h"
#include "util/secret.h"

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* An allocation that cannot be met gives NULL under AddressSanitizer too. */
const char *__asan_default_options(void);

const char *__asan_default_options(void)
{
	return "allocator_may_return_null=1";
}

static char folder[PATH_MAX / 2];

static const char *in_folder(const char *name)
{
	static char path[4][PATH_MAX];
	static int turn;
	char *at = path[turn++ % 4];

	snprintf(at, sizeof(path[0]), "%s/%s", folder, name);
	return at;
}

/* ---- err, check, log ---- */

static void err_table_is_sound(void)
{
	static const int codes[] = {
#define CODE(name, value, errnum, retry, text) -(value),
	    ERR_LIST(CODE)
#undef CODE
	};
	size_t n = sizeof(codes) / sizeof(codes[0]);

	for (size_t i = 0; i < n; i++) {
		TEST_CHECK(codes[i] < 0);
		TEST_CHECK(err_errno(codes[i]) > 0);
		TEST_CHECK(err_text(codes[i])[0] != '\0');
		TEST_CHECK(strcmp(err_name(codes[i]), "UNKNOWN") != 0);
		for (size_t j = 0; j < i; j++) {
			TEST_CHECK(codes[i] != codes[j]);
			TEST_CHECK(strcmp(err_name(codes[i]), err_name(codes[j])) != 0);
		}
	}
	TEST_CHECK(strcmp(err_name(ERR_NOENT), "NOENT") == 0);
	TEST_CHECK(err_errno(ERR_MISSING) == EIO);
	TEST_CHECK(err_errno(0) == 0);
	TEST_CHECK(strcmp(err_text(0), "success") == 0);
	TEST_CHECK(strcmp(err_name(0), "OK") == 0);
	TEST_CHECK(err_errno(-9999) == EIO);
	TEST_CHECK(strcmp(err_name(-9999), "UNKNOWN") == 0);
	TEST_CHECK(strcmp(err_text(-9999), "unknown error") == 0);
}

static void err_retry_is_for_weather_only(void)
{
	TEST_CHECK(err_retry(ERR_UNAVAILABLE));
	TEST_CHECK(err_retry(ERR_FULL));
	TEST_CHECK(!err_retry(ERR_UNAUTHENTIC));
	TEST_CHECK(!err_retry(ERR_DENIED));
	TEST_CHECK(!err_retry(ERR_TLS));
	TEST_CHECK(!err_retry(0));
	TEST_CHECK(!err_retry(-9999));
}

static void err_from_errno_finds_the_local_code(void)
{
	TEST_ERR(err_from_errno(0), 0);
	TEST_ERR(err_from_errno(ENOENT), ERR_NOENT);
	TEST_ERR(err_from_errno(ENOSPC), ERR_NOSPC);
	TEST_ERR(err_from_errno(EDQUOT), ERR_NOSPC);
	TEST_ERR(err_from_errno(EACCES), ERR_ACCES);
	TEST_ERR(err_from_errno(EINTR), ERR_CANCELED);
	TEST_ERR(err_from_errno(EROFS), ERR_ROFS);
	TEST_ERR(err_from_errno(EBUSY), ERR_BUSY);
	TEST_ERR(err_from_errno(EIO), ERR_IO);
	TEST_ERR(err_from_errno(EXDEV), ERR_IO);
}

static void *note_of_other_thread(void *arg)
{
	(void)arg;
	return strdup(err_note_text());
}

static void err_note_is_per_thread_and_bounded(void)
{
	char longer[1000];
	void *other = NULL;
	pthread_t thread;

	memset(longer, 'x', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';
	TEST_ERR(err_note(ERR_CORRUPT, "log/%d", 7), ERR_CORRUPT);
	TEST_CHECK(strcmp(err_note_text(), "log/7") == 0);
	TEST_CHECK(pthread_create(&thread, NULL, note_of_other_thread, NULL) == 0);
	TEST_CHECK(pthread_join(thread, &other) == 0);
	TEST_CHECK(other && strcmp(other, "") == 0);
	free(other);
	err_note(ERR_IO, "%s", longer);
	TEST_CHECK(strlen(err_note_text()) == 255);
	err_note_clear();
	TEST_CHECK(strcmp(err_note_text(), "") == 0);
}

/* Run @fn in a child whose stderr is closed; the signal that ended it, or 0. */
static int signal_of(void (*fn)(void))
{
	int status = 0;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		struct rlimit none = {0, 0};

		setrlimit(RLIMIT_CORE, &none);
		signal(SIGABRT, SIG_DFL);
		close(STDERR_FILENO);
		fn();
		_exit(0);
	}
	TEST_CHECK(pid > 0 && waitpid(pid, &status, 0) == pid);
	return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

static void check_that_holds(void)
{
	CHECK(1 + 1 == 2);
}

static void check_that_fails(void)
{
	CHECK(1 + 1 == 3);
}

static void check_stops_the_program(void)
{
	TEST_CHECK(signal_of(check_that_holds) == 0);
	TEST_CHECK(signal_of(check_that_fails) == SIGABRT);
}

static void log_writes_whole_lines(void)
{
	const char *path = in_folder("log");
	char longer[2000], text[4096];
	struct stat st;
	size_t n = 0;
	FILE *f;

	memset(longer, 'y', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';
	TEST_ERR(log_to_file(in_folder("none/log")), ERR_NOENT);
	TEST_OK(log_to_file(path));
	log_set_level(LOG_INFO);
	log_info("unit", "hello n=%d", 1);
	log_debug("unit", "not shown");
	log_error("unit", "%s", longer);
	log_set_level(LOG_WARN);
	log_info("unit", "not shown either");
	f = fopen(path, "r");
	TEST_CHECK(f != NULL);
	if (f) {
		n = fread(text, 1, sizeof(text) - 1, f);
		fclose(f);
	}
	text[n] = '\0';
	TEST_CHECK(strstr(text, " info unit hello n=1\n") != NULL);
	TEST_CHECK(strstr(text, "shown") == NULL);
	TEST_CHECK(strstr(text, " error unit yyyy") != NULL);
	TEST_CHECK(n > 0 && n < 700 && text[n - 1] == '\n');
	TEST_CHECK(stat(path, &st) == 0 && (st.st_mode & 0777) == 0600);
}

/* ---- buf ---- */

static void buf_grows_to_its_ceiling(void)
{
	struct buf b;

	buf_init(&b, 1000);
	for (int i = 0; i < 1000; i++) {
		uint8_t byte = (uint8_t)i;

		buf_add(&b, &byte, 1);
	}
	TEST_OK(buf_error(&b));
	TEST_CHECK(b.len == 1000 && b.cap <= 1000);
	for (size_t i = 0; i < b.len; i++)
		TEST_CHECK(b.data[i] == (uint8_t)i);
	buf_add(&b, "x", 1);
	TEST_ERR(buf_error(&b), ERR_FBIG);
	TEST_CHECK(b.len == 1000);
	buf_done(&b);
	TEST_CHECK(b.data == NULL && b.len == 0 && b.max == 1000);
	TEST_OK(buf_error(&b));
}

static void buf_failure_sticks_until_reset(void)
{
	struct buf b;

	buf_init(&b, 4);
	buf_add(&b, "12345", 5);
	TEST_ERR(buf_error(&b), ERR_FBIG);
	buf_add(&b, "1", 1);
	TEST_CHECK(b.len == 0);
	TEST_CHECK(buf_extend(&b, 1) == NULL);
	buf_reset(&b);
	buf_add(&b, "1234", 4);
	TEST_OK(buf_error(&b));
	TEST_CHECK(b.len == 4);
	buf_add(&b, NULL, 0);
	TEST_OK(buf_error(&b));
	TEST_CHECK(buf_extend(&b, SIZE_MAX) == NULL);
	TEST_ERR(buf_error(&b), ERR_FBIG);
	buf_wipe(&b);
	TEST_CHECK(b.data == NULL && b.cap == 0);
	buf_wipe(&b);
}

static void buf_extend_gives_room(void)
{
	struct buf b;
	uint8_t *at;

	buf_init(&b, SIZE_MAX);
	at = buf_extend(&b, 300);
	TEST_CHECK(at != NULL);
	if (at)
		memset(at, 7, 300);
	buf_add(&b, "z", 1);
	TEST_CHECK(b.len == 301 && b.data[299] == 7 && b.data[300] == 'z');
	/* more than there is memory for: an error, not a crash */
	TEST_CHECK(buf_extend(&b, PTRDIFF_MAX) == NULL);
	TEST_ERR(buf_error(&b), ERR_NOMEM);
	buf_done(&b);
}

/* ---- codec ---- */

static const uint64_t varints[] = {
    0, 1, 127, 128, 16383, 16384, UINT32_MAX, 1ull << 32, (1ull << 56) - 1, 1ull << 63, UINT64_MAX,
};

#define VARINTS (sizeof(varints) / sizeof(varints[0]))

static void codec_round_trip(void)
{
	struct buf b;
	struct dec d;
	size_t len = 0;
	const uint8_t *at;

	buf_init(&b, 4096);
	enc_u8(&b, 0xfe);
	enc_u16(&b, 0x1234);
	enc_u32(&b, 0x12345678);
	enc_u64(&b, 0x123456789abcdef0);
	enc_i64(&b, INT64_MIN);
	enc_i64(&b, -1);
	for (size_t i = 0; i < VARINTS; i++)
		enc_var(&b, varints[i]);
	enc_blob(&b, "amber", 5);
	enc_blob(&b, NULL, 0);
	TEST_OK(buf_error(&b));
	TEST_MEM(b.data + 1, "\x34\x12", 2);
	TEST_MEM(b.data + 3, "\x78\x56\x34\x12", 4);

	dec_init(&d, b.data, b.len);
	TEST_CHECK(dec_left(&d) == b.len);
	TEST_CHECK(dec_u8(&d) == 0xfe);
	TEST_CHECK(dec_u16(&d) == 0x1234);
	TEST_CHECK(dec_u32(&d) == 0x12345678);
	TEST_CHECK(dec_u64(&d) == 0x123456789abcdef0);
	TEST_CHECK(dec_i64(&d) == INT64_MIN);
	TEST_CHECK(dec_i64(&d) == -1);
	for (size_t i = 0; i < VARINTS; i++)
		TEST_CHECK(dec_var(&d) == varints[i]);
	at = dec_blob(&d, 5, &len);
	TEST_CHECK(at && len == 5 && memcmp(at, "amber", 5) == 0);
	TEST_CHECK(dec_end(&d) == ERR_CORRUPT); /* one byte is left */
	at = dec_blob(&d, 0, &len);
	TEST_CHECK(at && len == 0);
	TEST_CHECK(dec_left(&d) == 0);
	TEST_OK(dec_end(&d));
	buf_done(&b);
}

/* Cut at every length: a failure, then zeros, and nothing is read beyond the end. */
static void codec_cut_inputs_fail(void)
{
	struct buf b;

	buf_init(&b, 64);
	enc_u32(&b, 0xffffffff);
	enc_var(&b, UINT64_MAX);
	enc_blob(&b, "12345678", 8);
	for (size_t cut = 0; cut < b.len; cut++) {
		uint8_t *copy = malloc(cut ? cut : 1); /* its own block, for ASan */
		struct dec d;
		size_t len = 99;

		if (!copy)
			break;
		memcpy(copy, b.data, cut);
		dec_init(&d, copy, cut);
		dec_u32(&d);
		dec_var(&d);
		TEST_CHECK(dec_blob(&d, 8, &len) == NULL && len == 0);
		TEST_CHECK(dec_left(&d) == 0);
		TEST_CHECK(dec_u64(&d) == 0 && dec_var(&d) == 0 && dec_bytes(&d, 0) == NULL);
		TEST_ERR(dec_end(&d), ERR_CORRUPT);
		free(copy);
	}
	buf_done(&b);
}

static bool var_refused(const char *bytes, size_t len)
{
	struct dec d;

	dec_init(&d, bytes, len);
	return dec_var(&d) == 0 && d.failed && dec_end(&d) == ERR_CORRUPT;
}

static void codec_evil_varints_fail(void)
{
	struct dec d;
	size_t len = 99;

	TEST_CHECK(var_refused("", 0));
	TEST_CHECK(var_refused("\x80", 1));
	TEST_CHECK(var_refused("\x80\x00", 2));     /* 0, not in its shortest form */
	TEST_CHECK(var_refused("\xff\x80\x00", 3)); /* the same for 127 */
	TEST_CHECK(var_refused("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", 10)); /* 2^64 and more */
	TEST_CHECK(var_refused("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x81\x00", 11));
	TEST_CHECK(var_refused("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", 12));

	/* lengths: above the limit, above what is there, near 2^64 */
	dec_init(&d,
	         "\x05"
	         "12345",
	         6);
	TEST_CHECK(dec_blob(&d, 4, &len) == NULL && len == 0 && d.failed);
	dec_init(&d,
	         "\x06"
	         "12345",
	         6);
	TEST_CHECK(dec_blob(&d, 100, &len) == NULL && len == 0 && d.failed);
	dec_init(&d, "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01x", 11);
	TEST_CHECK(dec_blob(&d, SIZE_MAX, &len) == NULL && len == 0 && d.failed);
	dec_init(&d, "\x08", 1);
	TEST_CHECK(dec_var_max(&d, 8) == 8);
	TEST_OK(dec_end(&d));
	dec_init(&d, "\x09", 1);
	TEST_CHECK(dec_var_max(&d, 8) == 0 && d.failed);
	dec_init(&d, NULL, 0);
	TEST_OK(dec_end(&d));
	TEST_CHECK(dec_u8(&d) == 0 && d.failed);
}

static void codec_ceiling_reaches_the_encoder(void)
{
	struct buf b;

	buf_init(&b, 3);
	enc_u16(&b, 1);
	enc_u16(&b, 2);
	enc_u8(&b, 3);
	TEST_ERR(buf_error(&b), ERR_FBIG);
	TEST_CHECK(b.len == 2);
	buf_done(&b);
}

/* ---- hex, clock, rng, secret ---- */

static void hex_both_ways(void)
{
	uint8_t bytes[4] = {0x00, 0x9f, 0xa0, 0xff}, back[4];
	char text[9];

	hex_encode(text, bytes, 4);
	TEST_CHECK(strcmp(text, "009fa0ff") == 0);
	TEST_OK(hex_decode(back, 4, text));
	TEST_MEM(back, bytes, 4);
	hex_encode(text, bytes, 0);
	TEST_CHECK(strcmp(text, "") == 0);
	TEST_OK(hex_decode(back, 0, ""));
	TEST_ERR(hex_decode(back, 4, "009fa0f"), ERR_INVAL);
	TEST_ERR(hex_decode(back, 4, "009fa0ff0"), ERR_INVAL);
	TEST_ERR(hex_decode(back, 4, "009FA0FF"), ERR_INVAL);
	TEST_ERR(hex_decode(back, 4, "009fa0fg"), ERR_INVAL);
	TEST_ERR(hex_decode(back, 4, " 09fa0ff"), ERR_INVAL);
	TEST_ERR(hex_decode(back, 4, ""), ERR_INVAL);
}

static void clocks_run(void)
{
	const struct clock *c = clock_system();
	int64_t mono = clock_mono_ns(c);

	TEST_CHECK(clock_wall_ns(c) > (int64_t)1700000000 * 1000000000);
	TEST_CHECK(clock_mono_ns(c) >= mono);
}

static void rng_fills_all(void)
{
	uint8_t a[600] = {0}, b[600] = {0};
	int zeros = 0;

	rng_fill(rng_system(), a, sizeof(a));
	rng_fill(rng_system(), b, sizeof(b));
	rng_fill(rng_system(), b, 0);
	TEST_CHECK(memcmp(a, b, sizeof(a)) != 0);
	for (size_t i = 0; i < sizeof(a); i++)
		zeros += a[i] == 0;
	TEST_CHECK(zeros < 60);
}

static void secret_memory(void)
{
	struct rlimit core = {1, 1};
	uint8_t text[4] = {1, 2, 3, 4};
	char *s;

	TEST_OK(secret_setup());
	TEST_OK(secret_setup());
	TEST_CHECK(getrlimit(RLIMIT_CORE, &core) == 0 && core.rlim_cur == 0);
	TEST_CHECK(prctl(PR_GET_DUMPABLE) == 0);
	s = secret_new(64);
	TEST_CHECK(s != NULL);
	for (int i = 0; s && i < 64; i++)
		TEST_CHECK(s[i] == 0);
	if (s)
		memset(s, 'k', 64);
	secret_free(s);
	secret_free(NULL);
	/* the heap has an end, and says so */
	TEST_CHECK(secret_new(64u << 20) == NULL);
	TEST_CHECK(secret_equal("abcd", "abcd", 4));
	TEST_CHECK(!secret_equal("abcd", "abce", 4));
	TEST_CHECK(secret_equal("abcd", "abce", 3));
	TEST_CHECK(secret_equal("a", "b", 0));
	secret_wipe(text, 3);
	TEST_MEM(text, "\0\0\0\4", 4);
}

/* ---- fileio ---- */

static void file_reads_what_was_written(void)
{
	const struct fileio *io = fileio_system();
	const char *path = in_folder("file");
	struct file *f = NULL, *none = NULL;
	struct file_info info;
	char text[16];
	uint64_t size = 99;
	size_t n = 99;

	TEST_ERR(file_open(io, path, FILE_READ, &none), ERR_NOENT);
	TEST_CHECK(none == NULL && strstr(err_note_text(), "/file") != NULL);
	TEST_MUST(file_open(io, path, FILE_WRITE | FILE_CREATE | FILE_EXCL, &f));
	TEST_OK(file_pwrite(f, "amber", 5, 3));
	TEST_OK(file_pwrite(f, "", 0, 100));
	TEST_OK(file_sync(f));
	TEST_OK(file_size(f, &size));
	TEST_CHECK(size == 8);
	TEST_OK(file_pread(f, text, sizeof(text), 0, &n));
	TEST_CHECK(n == 8 && memcmp(text, "\0\0\0amber", 8) == 0);
	TEST_OK(file_pread(f, text, sizeof(text), 8, &n));
	TEST_CHECK(n == 0);
	TEST_OK(file_pread_all(f, text, 5, 3));
	TEST_MEM(text, "amber", 5);
	TEST_ERR(file_pread_all(f, text, 6, 3), ERR_CORRUPT);
	TEST_OK(file_truncate(f, 4));
	TEST_OK(file_size(f, &size));
	TEST_CHECK(size == 4);
	/* an offset beyond what the kernel knows is an error, not a wrapped one */
	TEST_CHECK(file_pread(f, text, 1, UINT64_MAX, &n) < 0);
	TEST_CHECK(file_pwrite(f, "x", 1, UINT64_MAX) < 0);
	file_close(f);
	file_close(NULL);

	TEST_ERR(file_open(io, path, FILE_WRITE | FILE_CREATE | FILE_EXCL, &none), ERR_EXIST);
	TEST_MUST(file_open(io, path, FILE_READ, &f));
	TEST_CHECK(file_pwrite(f, "x", 1, 0) < 0);
	file_close(f);
	TEST_MUST(file_open(io, path, FILE_WRITE | FILE_TRUNC, &f));
	file_close(f);
	TEST_OK(fileio_stat(io, path, &info));
	TEST_CHECK(info.size_bytes == 0 && !info.is_dir && info.mtime_ns > 0);
	TEST_OK(fileio_remove(io, path));
	TEST_ERR(fileio_remove(io, path), ERR_NOENT);
	TEST_ERR(fileio_stat(io, path, &info), ERR_NOENT);
}

static int count_names(void *ctx, const char *name)
{
	int *count = ctx;

	TEST_CHECK(strcmp(name, ".") != 0 && strcmp(name, "..") != 0);
	++*count;
	return 0;
}

static int stop_at_once(void *ctx, const char *name)
{
	(void)name;
	++*(int *)ctx;
	return 42;
}

static void make_file(const char *path)
{
	struct file *f = NULL;

	TEST_MUST(file_open(fileio_system(), path, FILE_WRITE | FILE_CREATE, &f));
	file_close(f);
}

static void fileio_names(void)
{
	const struct fileio *io = fileio_system();
	struct file_info info;
	uint64_t free_bytes = 0;
	char longer[PATH_MAX + 10];
	int count = 0;

	TEST_OK(fileio_mkdirs(io, in_folder("a/b/c")));
	TEST_OK(fileio_mkdirs(io, in_folder("a/b/c")));
	TEST_OK(fileio_stat(io, in_folder("a/b"), &info));
	TEST_CHECK(info.is_dir);
	TEST_ERR(fileio_mkdir(io, in_folder("a")), ERR_EXIST);
	TEST_ERR(fileio_mkdir(io, in_folder("no/b")), ERR_NOENT);
	TEST_ERR(fileio_mkdirs(io, ""), ERR_NAMETOOLONG);
	memset(longer, 'l', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';
	TEST_ERR(fileio_mkdirs(io, longer), ERR_NAMETOOLONG);

	make_file(in_folder("a/1"));
	make_file(in_folder("a/2"));
	TEST_ERR(fileio_mkdirs(io, in_folder("a/1/x")), ERR_NOTDIR);
	TEST_ERR(fileio_link(io, in_folder("a/1"), in_folder("a/2")), ERR_EXIST);
	TEST_OK(fileio_link(io, in_folder("a/1"), in_folder("a/3")));
	TEST_OK(fileio_rename(io, in_folder("a/2"), in_folder("a/1")));
	TEST_ERR(fileio_rename(io, in_folder("a/2"), in_folder("a/1")), ERR_NOENT);
	TEST_OK(fileio_sync_dir(io, in_folder("a")));
	TEST_ERR(fileio_sync_dir(io, in_folder("none")), ERR_NOENT);

	TEST_OK(fileio_list(io, in_folder("a"), count_names, &count));
	TEST_CHECK(count == 3); /* 1, 3, b */
	count = 0;
	TEST_CHECK(fileio_list(io, in_folder("a"), stop_at_once, &count) == 42);
	TEST_CHECK(count == 1);
	TEST_ERR(fileio_list(io, in_folder("none"), count_names, &count), ERR_NOENT);
	TEST_ERR(fileio_list(io, in_folder("a/1"), count_names, &count), ERR_NOTDIR);

	TEST_OK(fileio_free_bytes(io, folder, &free_bytes));
	TEST_CHECK(free_bytes > 0);
	TEST_ERR(fileio_remove(io, in_folder("a")), ERR_NOTEMPTY);
	TEST_OK(fileio_remove(io, in_folder("a/1")));
	TEST_OK(fileio_remove(io, in_folder("a/3")));
	TEST_OK(fileio_remove(io, in_folder("a/b/c")));
	TEST_OK(fileio_remove(io, in_folder("a/b")));
	TEST_OK(fileio_remove(io, in_folder("a")));
}

/* ---- lock ---- */

struct bell {
	struct lock lock;
	struct cond cond;
	bool rung;
};

static void *ring(void *arg)
{
	struct bell *bell = arg;

	lock_take(&bell->lock);
	bell->rung = true;
	cond_wake_all(&bell->cond);
	lock_drop(&bell->lock);
	return NULL;
}

static void cond_wakes_and_times_out(void)
{
	struct bell bell = {.rung = false};
	pthread_t thread;
	int64_t start;

	lock_init(&bell.lock, LOCK_VOLUME);
	cond_init(&bell.cond);
	lock_take(&bell.lock);
	start = clock_mono_ns(clock_system());
	cond_wait_ms(&bell.cond, &bell.lock, 30);
	TEST_CHECK(clock_mono_ns(clock_system()) - start >= 25000000);
	cond_wait_ms(&bell.cond, &bell.lock, 0);
	TEST_CHECK(pthread_create(&thread, NULL, ring, &bell) == 0);
	while (!bell.rung)
		cond_wait(&bell.cond, &bell.lock);
	lock_drop(&bell.lock);
	TEST_CHECK(pthread_join(thread, NULL) == 0);
	cond_done(&bell.cond);
	lock_done(&bell.lock);
}

static void take_two(enum lock_rank first, enum lock_rank second)
{
	struct lock a, b;

	lock_init(&a, first);
	lock_init(&b, second);
	lock_take(&a);
	lock_take(&b);
	/* not in the order they were taken: allowed */
	lock_drop(&a);
	lock_drop(&b);
	lock_done(&a);
	lock_done(&b);
}

static void take_upwards(void)
{
	take_two(LOCK_VOLUME, LOCK_PACK);
	take_two(LOCK_FS_TABLE, LOCK_LOG);
}

static void take_downwards(void)
{
	take_two(LOCK_PACK, LOCK_VOLUME);
}

static void take_equal(void)
{
	take_two(LOCK_VOLUME, LOCK_VOLUME);
}

static void lock_order_is_checked(void)
{
	TEST_CHECK(signal_of(take_upwards) == 0);
#ifdef LOCK_DEBUG
	TEST_CHECK(signal_of(take_downwards) == SIGABRT);
	TEST_CHECK(signal_of(take_equal) == SIGABRT);
#else
	TEST_CHECK(signal_of(take_downwards) == 0);
	TEST_CHECK(signal_of(take_equal) == 0);
#endif
}

int main(void)
{
	const char *tmp = getenv("TMPDIR");

	snprintf(folder, sizeof(folder), "%s/test_util.XXXXXX", tmp ? tmp : "/tmp");
	if (!mkdtemp(folder)) {
		perror(folder);
		return 1;
	}
	TEST_RUN(err_table_is_sound);
	TEST_RUN(err_retry_is_for_weather_only);
	TEST_RUN(err_from_errno_finds_the_local_code);
	TEST_RUN(err_note_is_per_thread_and_bounded);
	TEST_RUN(check_stops_the_program);
	TEST_RUN(log_writes_whole_lines);
	TEST_RUN(buf_grows_to_its_ceiling);
	TEST_RUN(buf_failure_sticks_until_reset);
	TEST_RUN(buf_extend_gives_room);
	TEST_RUN(codec_round_trip);
	TEST_RUN(codec_cut_inputs_fail);
	TEST_RUN(codec_evil_varints_fail);
	TEST_RUN(codec_ceiling_reaches_the_encoder);
	TEST_RUN(hex_both_ways);
	TEST_RUN(clocks_run);
	TEST_RUN(rng_fills_all);
	TEST_RUN(secret_memory);
	TEST_RUN(file_reads_what_was_written);
	TEST_RUN(fileio_names);
	TEST_RUN(cond_wakes_and_times_out);
	TEST_RUN(lock_order_is_checked);
	fileio_remove(fileio_system(), in_folder("log"));
	fileio_remove(fileio_system(), folder);
	return test_done();
}
