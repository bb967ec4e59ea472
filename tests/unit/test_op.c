/* SPDX-License-Identifier: Apache-2.0 */
/* The encoding of operations: round trips of every type, and evil bytes. */
#include "tests/lib/test.h"
#include "util/buf.h"
#include "volume/op.h"
#include "volume/volume.h"

static struct op_range one_range = {7, 3};
static struct index_extent one_extent = {.ino = 9,
                                         .page = 5,
                                         .npages = 4,
                                         .first = 2,
                                         .tail = 100,
                                         .key = 9,
                                         .pack = 3,
                                         .off = 8224,
                                         .salt = {1, 2, 3}};
static struct op_step some_steps[] = {
    {.kind = OP_STEP_UNLINK, .at = {1, "gone", 4}},
    {.kind = OP_STEP_REVIVE, .ino = 12, .src = 9},
    {.kind = OP_STEP_LINK, .at = {1, "back", 4}, .ino = 12},
};

/* One of each type, with every field that it has. */
static size_t samples(struct op *out)
{
	size_t n = 0;

	out[n++] = (struct op){.type = OP_CREATE,
	                       .time_ns = -5,
	                       .create = {.at = {1, "name", 4},
	                                  .ino = 9,
	                                  .mode = 0100644,
	                                  .uid = 1000,
	                                  .gid = 1001,
	                                  .rdev = 77,
	                                  .target = "to",
	                                  .target_len = 2,
	                                  .master = 1,
	                                  .wrapped = {4, 5, 6},
	                                  .acl = "acl",
	                                  .acl_len = 3,
	                                  .default_acl = "dacl",
	                                  .default_acl_len = 4}};
	out[n++] = (struct op){.type = OP_LINK, .time_ns = 1, .link = {9, {1, "second", 6}}};
	out[n++] = (struct op){.type = OP_UNLINK, .time_ns = 2, .unlink.at = {1, "name", 4}};
	out[n++] = (struct op){.type = OP_RENAME,
	                       .time_ns = 3,
	                       .rename = {{1, "a", 1}, {2, "b", 1}, OP_RENAME_EXCHANGE}};
	out[n++] = (struct op){.type = OP_SETATTR,
	                       .time_ns = 4,
	                       .attr = {.ino = 9,
	                                .mask = OP_ATTR_ALL & ~(unsigned)OP_ATTR_SIZE,
	                                .attr = {.mode = 0600,
	                                         .uid = 1,
	                                         .gid = 2,
	                                         .atime_ns = -1,
	                                         .mtime_ns = 5,
	                                         .ctime_ns = 6}}};
	out[n++] = (struct op){.type = OP_WRITE,
	                       .time_ns = 5,
	                       .attr = {.ino = 9,
	                                .mask = OP_ATTR_SIZE | OP_ATTR_MTIME,
	                                .attr = {.size = 123456, .mtime_ns = 9},
	                                .clears = &one_range,
	                                .nclears = 1,
	                                .extents = &one_extent,
	                                .nextents = 1}};
	out[n++] = (struct op){.type = OP_XATTR_SET,
	                       .xattr = {.ino = 9,
	                                 .name = "user.x",
	                                 .name_len = 6,
	                                 .value = "v",
	                                 .value_len = 1,
	                                 .mask = OP_ATTR_MODE,
	                                 .mode = 0640}};
	out[n++] = (struct op){.type = OP_XATTR_REMOVE,
	                       .xattr = {.ino = 9, .name = "user.x", .name_len = 6}};
	out[n++] = (struct op){.type = OP_RECLAIM, .reclaim.ino = 9};
	out[n++] = (struct op){.type = OP_PACK, .pack = {.num = 3, .name = {8, 8}}};
	out[n++] = (struct op){.type = OP_PACK_END, .pack = {.num = 3, .size = 1 << 20}};
	out[n++] = (struct op){.type = OP_EPOCH, .time_ns = 99, .epoch.epoch = 12};
	out[n++] = (struct op){.type = OP_SNAPSHOT, .snapshot = {"before", 6, 12}};
	out[n++] =
	    (struct op){.type = OP_SNAPSHOT_REMOVE, .snapshot = {.name = "before", .len = 6}};
	out[n++] = (struct op){.type = OP_RESTORE, .time_ns = 100, .restore = {11, some_steps, 3}};
	out[n++] =
	    (struct op){.type = OP_FILEKEY, .filekey = {.id = 9, .master = 1, .wrapped = {7}}};
	return n;
}

#define SAMPLES_MAX 32

/* What was decoded encodes to the same bytes. */
static void round_trips(void)
{
	struct op ops[SAMPLES_MAX];
	size_t n = samples(ops);

	TEST_CHECK(n == OP_FILEKEY);
	for (size_t i = 0; i < n; i++) {
		struct buf first, again;
		struct op back;
		struct dec d;

		buf_init(&first, 1 << 20);
		buf_init(&again, 1 << 20);
		op_encode(&first, &ops[i]);
		TEST_OK(buf_error(&first));
		dec_init(&d, first.data, first.len);
		TEST_OK(op_decode(&d, &back));
		TEST_OK(dec_end(&d));
		TEST_CHECK(back.type == ops[i].type && back.time_ns == ops[i].time_ns);
		op_encode(&again, &back);
		TEST_CHECK(first.len == again.len &&
		           memcmp(first.data, again.data, first.len) == 0);
		op_done(&back);
		buf_done(&first);
		buf_done(&again);
	}
}

static void cut_and_flipped(void)
{
	struct op ops[SAMPLES_MAX];
	size_t n = samples(ops);

	for (size_t i = 0; i < n; i++) {
		struct buf b;
		struct op back;
		struct dec d;

		buf_init(&b, 1 << 20);
		op_encode(&b, &ops[i]);
		for (size_t len = 0; len < b.len; len++) {
			dec_init(&d, b.data, len);
			TEST_CHECK(op_decode(&d, &back) != 0);
		}
		/* whatever a flipped bit makes of it, it is an answer and not a crash */
		for (size_t bit = 0; bit < b.len * 8; bit++) {
			b.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
			dec_init(&d, b.data, b.len);
			if (op_decode(&d, &back) == 0)
				op_done(&back);
			b.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
		}
		buf_done(&b);
	}
}

static void refuses_unknown_type(void)
{
	const uint8_t record[] = {9, 0, 0, 0, 200, 0, 0, 0, 0, 0, 0, 0, 0};
	struct op back;
	struct dec d;

	dec_init(&d, record, sizeof(record));
	TEST_ERR(op_decode(&d, &back), ERR_VERSION);
}

static void refuses_lying_counts(void)
{
	struct op op = {.type = OP_RESTORE, .restore = {1, some_steps, 3}};
	struct op back;
	struct buf b;
	struct dec d;

	buf_init(&b, 1 << 20);
	op_encode(&b, &op);
	b.data[4 + 1 + 8 + 1] = 0x7f; /* the number of steps */
	dec_init(&d, b.data, b.len);
	TEST_ERR(op_decode(&d, &back), ERR_CORRUPT);
	buf_done(&b);
}

static void refuses_impossible_extents(void)
{
	struct index_extent bad[] = {one_extent, one_extent, one_extent};

	bad[0].npages = 0;
	bad[1].tail = 0;
	bad[2].page = VOLUME_SIZE_MAX / 4096;
	for (size_t i = 0; i < 3; i++) {
		struct op op = {.type = OP_WRITE,
		                .attr = {.ino = 9, .extents = &bad[i], .nextents = 1}};
		struct op back;
		struct buf b;
		struct dec d;

		buf_init(&b, 1 << 20);
		op_encode(&b, &op);
		dec_init(&d, b.data, b.len);
		TEST_ERR(op_decode(&d, &back), ERR_CORRUPT);
		buf_done(&b);
	}
}

int main(void)
{
	TEST_RUN(round_trips);
	TEST_RUN(cut_and_flipped);
	TEST_RUN(refuses_unknown_type);
	TEST_RUN(refuses_lying_counts);
	TEST_RUN(refuses_impossible_extents);
	return test_done();
}
