/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where the mount is known to differ, and why. docs/POSIX.md says the same to users. A case that
 * stands here must fail: when it passes, its line goes. Of what an older kernel cannot do, the case
 * may fail there, and must pass from the version on that is named.
 */
#include "tests/mount/posix_case.h"

#include <sys/utsname.h>

static const struct {
	const char *call, *begin; /* of the sentence */
	const char *why;
	int major, minor; /* 0: whatever the kernel */
} known[] = {
    {"fallocate(2)", "COLLAPSE_RANGE", "amberfs answers EOPNOTSUPP", 0, 0},
    {"fallocate(2)", "INSERT_RANGE", "amberfs answers EOPNOTSUPP", 0, 0},
    {"renameat2(2)", "RENAME_WHITEOUT", "for the upper layer of overlayfs alone: EINVAL", 0, 0},
    {"inode(7)", "atime", "reading does not change a volume: as with the mount option noatime", 0,
     0},
    {"access(2)", "EROFS",
     "the kernel asks the mode alone where not the whole mount is read-only; open(2) says EROFS", 0,
     0},
    {"open(2)", "O_TMPFILE", "FUSE has it from Linux 6.2 on", 6, 2},
    {"statx(2)", "STATX_BTIME", "FUSE has it from Linux 6.6 on", 6, 6},
};

static bool kernel_before(int major, int minor)
{
	struct utsname name;
	int a = 0, b = 0;

	if (uname(&name) != 0 || sscanf(name.release, "%d.%d", &a, &b) != 2)
		return false;
	return a < major || (a == major && b < minor);
}

const char *posix_known(const char *call, const char *sentence, bool *ret_may_pass)
{
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		if (strcmp(call, known[i].call) != 0 ||
		    strncmp(sentence, known[i].begin, strlen(known[i].begin)) != 0)
			continue;
		if (known[i].major != 0 && !kernel_before(known[i].major, known[i].minor))
			return NULL;
		*ret_may_pass = known[i].major != 0;
		return known[i].why;
	}
	return NULL;
}
