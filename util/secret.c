/* SPDX-License-Identifier: Apache-2.0 */
#include "util/secret.h"

#include "util/check.h"
#include "util/err.h"

#include <openssl/crypto.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#define HEAP_BYTES (1024 * 1024)
#define HEAP_MIN_ALLOC 32

static pid_t heap_pid;

int secret_setup(void)
{
	struct rlimit none = {0, 0};

	setrlimit(RLIMIT_CORE, &none);
	prctl(PR_SET_DUMPABLE, 0);
	if (CRYPTO_secure_malloc_initialized() && heap_pid == getpid())
		return 0;
	/* a child has its parent's heap, but not its lock: it makes one of its own */
	if (CRYPTO_secure_malloc_initialized() && !CRYPTO_secure_malloc_done())
		return err_note(ERR_NOMEM, "secrets are in use already");
	/* 1: locked; 2: made, but mlock() was refused (RLIMIT_MEMLOCK) */
	if (CRYPTO_secure_malloc_init(HEAP_BYTES, HEAP_MIN_ALLOC) != 1)
		return err_note(ERR_NOMEM, "cannot lock 1 MiB of memory for keys (see ulimit -l)");
	heap_pid = getpid();
	return 0;
}

void *secret_new(size_t len)
{
	CHECK(CRYPTO_secure_malloc_initialized());
	return OPENSSL_secure_zalloc(len);
}

void secret_free(void *s)
{
	if (s)
		OPENSSL_secure_clear_free(s, CRYPTO_secure_actual_size(s));
}

void secret_wipe(void *s, size_t len)
{
	OPENSSL_cleanse(s, len);
}

bool secret_equal(const void *a, const void *b, size_t len)
{
	return CRYPTO_memcmp(a, b, len) == 0;
}
