/* SPDX-License-Identifier: Apache-2.0 */
/*
 * statx(2) with a birth time. The kernel asks for it by a request of its own since Linux 6.6 (for other attributes it goes on with
 * GETATTR); libfuse does not know it, so it is answered here, from the message itself. The layout is that of linux/fuse.h 7.39, which
 * older systems do not have.
 */
#include "fs/statx.h"

#include "fs/reply.h"

#include <linux/fuse.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>

/* linux/fuse.h has it since 6.6 */
#define OPCODE_STATX 52

struct statx_time {
	int64_t sec;
	uint32_t nsec;
	int32_t reserved;
};

struct statx_out {
	uint64_t valid_sec;
	uint32_t valid_nsec;
	uint32_t flags;
	uint64_t spare[2];
	/* struct fuse_statx */
	uint32_t mask;
	uint32_t blksize;
	uint64_t attributes;
	uint32_t nlink;
	uint32_t uid;
	uint32_t gid;
	uint16_t mode;
	uint16_t spare0;
	uint64_t ino;
	uint64_t size;
	uint64_t blocks;
	uint64_t attributes_mask;
	struct statx_time atime;
	struct statx_time btime;
	struct statx_time ctime;
	struct statx_time mtime;
	uint32_t rdev_major;
	uint32_t rdev_minor;
	uint32_t dev_major;
	uint32_t dev_minor;
	uint64_t spare2[14];
};

_Static_assert(sizeof(struct statx_out) == 32 + 256, "as the kernel has it");

static struct statx_time time_of(const struct timespec *ts)
{
	return (struct statx_time){.sec = ts->tv_sec, .nsec = (uint32_t)ts->tv_nsec};
}

static void fill(const struct fs_node *node, const struct volume_attr *attr, struct statx_out *ret)
{
	struct timespec birth;
	struct stat st;

	reply_stat(node, attr, &st);
	birth = reply_time(attr->btime_ns);
	*ret = (struct statx_out){
	    .valid_sec = node->snapshots ? 0 : (uint64_t)REPLY_TIMEOUT_S,
	    .mask = STATX_BASIC_STATS | STATX_BTIME,
	    .blksize = (uint32_t)st.st_blksize,
	    .nlink = (uint32_t)st.st_nlink,
	    .uid = st.st_uid,
	    .gid = st.st_gid,
	    .mode = (uint16_t)st.st_mode,
	    .ino = st.st_ino,
	    .size = (uint64_t)st.st_size,
	    .blocks = (uint64_t)st.st_blocks,
	    .atime = time_of(&st.st_atim),
	    .btime = time_of(&birth),
	    .ctime = time_of(&st.st_ctim),
	    .mtime = time_of(&st.st_mtim),
	    .rdev_major = major(st.st_rdev),
	    .rdev_minor = minor(st.st_rdev),
	};
}

bool statx_answer(struct fs *fs, int fd, const void *msg, size_t len)
{
	struct fuse_in_header in;
	struct fuse_out_header head = {.len = sizeof(head)};
	struct statx_out out;
	struct iovec iov[2] = {{&head, sizeof(head)}, {&out, sizeof(out)}};
	struct volume_attr attr;
	struct fs_node node;
	ssize_t n;
	int r;

	if (len < sizeof(in))
		return false;
	memcpy(&in, msg, sizeof(in));
	if (in.opcode != OPCODE_STATX)
		return false;
	head.unique = in.unique;
	r = fs_node(fs, in.nodeid, &node);
	if (r == 0)
		r = fs_node_attr(fs, &node, &attr);
	if (r == 0) {
		fill(&node, &attr, &out);
		head.len += sizeof(out);
	} else {
		head.error = -err_errno(r);
	}
	n = writev(fd, iov, r == 0 ? 2 : 1);
	(void)n; /* an error means that the program was killed meanwhile */
	return true;
}
