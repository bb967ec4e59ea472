/* SPDX-License-Identifier: Apache-2.0 */
/* Checking a volume: each kind of damage is made, found and named. */
#include "tests/unit/test_fsck.h"

static void all_is_well(void)
{
	static uint8_t data[300000];
	uint64_t folder, file;

	begin();
	fsck();
	TEST_CHECK(damages == 0);
	SAYS("comparison skipped");
	folder = make(VOLUME_ROOT, "folder", S_IFDIR | 0755);
	file = make_file(folder, "file", "text");
	sync_all();
	TEST_OK(volume_write(v, file, 4096, data, sizeof(data), 0));
	TEST_OK(volume_unlink(v, folder, "file", 4));
	volume_forget(v, file);
	make_file(folder, "other", "not stored yet");
	fsck();
	TEST_CHECK(damages == 0);
	SAYS("index ok");
	SAYS("comparison ok");
	SAYS("log ok");
	SAYS("packs ok");
	SAYS("checkpoints ok");
	sync_all();
	reopen();
	fsck();
	TEST_CHECK(damages == 0);
	end();
}

/* ---- the index ---- */

static struct index *ix;

static void edit(uint64_t ino, void (*change)(struct index_inode *row))
{
	struct index_inode row;

	TEST_OK(index_inode_get(ix, ino, INDEX_NOW, &row));
	change(&row);
	TEST_OK(index_inode_set(ix, &row));
}

static void more_links(struct index_inode *row)
{
	row->nlink += 3;
}

static void shorter(struct index_inode *row)
{
	row->size = 1;
}

static void more_pages(struct index_inode *row)
{
	row->pages++;
}

/* Each rule, one after the other in a volume of its own. */
static void broken_rules_are_found(void)
{
	static const char *const rules[] = {"a file's link count",
	                                    "a folder's number of folders",
	                                    "an extent beyond the end of its file",
	                                    "an inode's number of pages",
	                                    "an extent without its key or pack",
	                                    "a folder that is not below the root",
	                                    "an entry without its inode",
	                                    "an inode number that will be given again",
	                                    "a pack number that will be given again",
	                                    "the totals",
	                                    "the row of epochs",
	                                    "a snapshot without its epoch",
	                                    "an extent beyond the end of its pack",
	                                    "an epoch that ended before the one before it"};
	struct index_extent extent = {.page = 9, .npages = 1, .tail = 1, .pack = 77};
	struct index_pack pack;

	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
		uint64_t a, b, file;

		begin();
		a = make(VOLUME_ROOT, "a", S_IFDIR | 0755);
		b = make(a, "b", S_IFDIR | 0755);
		file = make_file(b, "file", "text");
		sync_all();
		make_file(b, "second", "epoch");
		sync_all();
		ix = v->ix;
		extent.ino = extent.key = file;
		switch (i) {
		case 0:
			edit(file, more_links);
			break;
		case 1:
			edit(a, more_links);
			break;
		case 2:
			edit(file, shorter);
			break;
		case 3:
			edit(file, more_pages);
			break;
		case 4:
			TEST_OK(index_extent_add(ix, &extent));
			break;
		case 5: { /* a ring of two */
			struct index_dentry ring = {
			    .parent = b, .name = "a", .name_len = 1, .ino = a};

			TEST_OK(index_dentry_remove(ix, VOLUME_ROOT, "a", 1));
			TEST_OK(index_dentry_add(ix, &ring));
			break;
		}
		case 6:
			TEST_OK(index_inode_remove(ix, file));
			break;
		case 7:
			index_state(ix)->next_ino = file;
			break;
		case 8:
			index_state(ix)->next_pack = 1;
			break;
		case 9:
			index_state(ix)->files++;
			break;
		case 10:
			TEST_OK(index_epoch_add(ix, 50, INT64_MAX));
			break;
		case 11:
			TEST_OK(index_snapshot_add(
			    ix, &(struct index_snapshot){.name = "x", .name_len = 1, .epoch = 99}));
			break;
		case 12:
			TEST_OK(index_pack_get(ix, 1, &pack));
			pack.size = 10;
			TEST_OK(index_pack_set(ix, &pack));
			break;
		default:
			TEST_OK(index_epoch_add(ix, 3, 5));
			index_state(ix)->epoch = 4;
			break;
		}
		fsck();
		SAYS("index damaged");
		SAYS(rules[i]);
		SAYS("comparison damaged");
		SAYS("log ok");
		/* and the way out */
		params.rebuild = true;
		reopen();
		fsck();
		TEST_CHECK(damages == 0);
		TEST_CHECK(is_there("a/b/file"));
		end();
	}
}

/* Not only the first one. */
static void all_damage_is_told(void)
{
	uint64_t file;

	begin();
	file = make_file(VOLUME_ROOT, "file", "text");
	sync_all();
	ix = v->ix;
	edit(file, more_links);
	edit(file, more_pages);
	index_state(ix)->bytes++;
	fsck();
	SAYS("a file's link count");
	SAYS("an inode's number of pages");
	SAYS("the totals");
	SAYS("inode 2 differs from the log");
	TEST_CHECK(damages >= 5);
	end();
}

static int count_snapshot(void *ctx, const char *name, int64_t epoch, int64_t created_ns)
{
	(void)name;
	(void)epoch;
	(void)created_ns;
	(*(unsigned *)ctx)++;
	return 0;
}

static unsigned snapshots(void)
{
	unsigned n = 0;

	TEST_OK(volume_snapshot_list(v, count_snapshot, &n));
	return n;
}

/* What pages from an older time can look like: a snapshot that was removed is back, and no rule is
 * broken. Only the log knows. */
static void older_rows_are_found(void)
{
	struct index_snapshot back = {.name = "snapshot", .name_len = 8};

	begin();
	make_file(VOLUME_ROOT, "file", "text");
	TEST_OK(volume_snapshot_create(v, "snapshot", &back.epoch));
	sync_all();
	TEST_OK(volume_snapshot_delete(v, "snapshot"));
	sync_all();
	fsck();
	TEST_CHECK(damages == 0);
	TEST_OK(index_snapshot_add(v->ix, &back));
	fsck();
	SAYS("index ok");
	SAYS("comparison damaged");
	SAYS("index: snapshot snapshot is not what the log says: it should not be there");
	TEST_CHECK(damages == 1 && snapshots() == 1);
	params.rebuild = true;
	reopen();
	fsck();
	TEST_CHECK(damages == 0 && snapshots() == 0);
	end();
}

/* ---- the store ---- */

static int first_name(void *ctx, const struct blob_info *info)
{
	snprintf(ctx, BLOB_NAME_MAX + 1, "%s", info->name);
	return 1;
}

static void log_is_checked(void)
{
	struct buf kept, other;

	begin();
	for (char name[] = "a"; name[0] <= 'f'; name[0]++) {
		make_file(VOLUME_ROOT, name, "text");
		sync_all();
	}
	buf_init(&kept, 1 << 20);
	buf_init(&other, 1 << 20);
	TEST_MUST(blob_get(store, "log/0000000000000003", 0, SIZE_MAX, &kept));
	TEST_MUST(blob_get(store, "log/0000000000000004", 0, SIZE_MAX, &other));
	TEST_OK(blob_remove(store, "log/0000000000000003"));
	fsck();
	SAYS("log damaged");
	SAYS("log/0000000000000003: missing");
	SAYS("comparison damaged");
	SAYS("index ok");
	flip_object("log/0000000000000004");
	fsck();
	SAYS("log/0000000000000004: data failed authentication");
	TEST_MUST(blob_put(store, "log/0000000000000003", other.data, other.len));
	fsck();
	SAYS("log/0000000000000003: data failed authentication");
	TEST_MUST(blob_put(store, "log/0000000000000003", kept.data, kept.len));
	TEST_MUST(blob_put(store, "log/0000000000000004", other.data, other.len));
	fsck();
	TEST_CHECK(damages == 0);
	/* the end of it */
	TEST_OK(blob_remove(store, "log/0000000000000006"));
	fsck();
	SAYS("log/0000000000000006: missing");
	buf_done(&kept);
	buf_done(&other);
	end();
}

static void packs_are_checked(void)
{
	char name[BLOB_NAME_MAX + 1], path[256];
	struct volume_status status;
	uint64_t folder, gone;
	struct buf b;

	begin();
	folder = make(VOLUME_ROOT, "folder", S_IFDIR | 0755);
	gone = make_file(folder, "gone", "was there once");
	make_file(folder, "file", "is there");
	sync_all();
	TEST_OK(volume_unlink(v, folder, "gone", 4));
	volume_forget(v, gone);
	sync_all();
	TEST_MUST(blob_list(store, "packs/", NULL, first_name, name) == 1 ? 0 : ERR_NOENT);
	buf_init(&b, BLOB_MAX_BYTES);
	TEST_MUST(blob_get(store, name, 0, SIZE_MAX, &b));
	TEST_OK(blob_put(store, "packs/00000000000000000000000000000000", "orphan", 6));
	fsck();
	TEST_CHECK(damages == 0);
	TEST_OK(blob_put(store, name, b.data, b.len - 1));
	fsck();
	SAYS("packs damaged");
	SAYS(name);
	SAYS("needed by 1 files now and 1 in the past: folder/file, folder/gone (at e");
	TEST_OK(blob_remove(store, name));
	fsck();
	SAYS(name);
	TEST_OK(blob_put(store, name, b.data, b.len));
	/* one that is here only */
	make_file(folder, "new", "not stored");
	TEST_OK(volume_fsync(v));
	fsck();
	TEST_CHECK(damages == 0);
	TEST_OK(volume_status(v, &status));
	TEST_CHECK(status.pending_packs == 1);
	snprintf(path, sizeof(path), "%s/packs/2", volume_state_path(v));
	TEST_OK(fileio_remove(simdisk_io(disk), path));
	fsck();
	SAYS("missing or of the wrong size on the local disk, needed by 1 files now and 0 in the "
	     "past: folder/new");
	buf_done(&b);
	end();
}

static void checkpoints_are_checked(void)
{
	char name[BLOB_NAME_MAX + 1] = "";

	begin();
	params.checkpoint_bytes = 1;
	reopen();
	for (int i = 0; i < 20; i++) {
		make_file(VOLUME_ROOT, (char[]){(char)('a' + i), '\0'}, "text");
		sync_all();
		TEST_OK(volume_step(v));
	}
	fsck();
	TEST_CHECK(damages == 0);
	TEST_CHECK(blob_list(store, "checkpoints/parts/", NULL, first_name, name) == 1);
	for (; blob_list(store, "checkpoints/parts/", NULL, first_name, name) == 1;)
		TEST_OK(blob_remove(store, name));
	fsck();
	SAYS("checkpoints damaged");
	SAYS("missing or cut short, needed by checkpoints/00000000000000");
	for (; blob_list(store, "checkpoints/0", NULL, first_name, name) == 1;)
		TEST_OK(blob_remove(store, name));
	fsck();
	TEST_CHECK(damages == 0); /* the log is whole */
	end();
}

static void store_that_is_away(void)
{
	struct fault_config down = {.down = true}, fair = {0};

	begin();
	make_file(VOLUME_ROOT, "file", "text");
	sync_all();
	make_file(VOLUME_ROOT, "other", "text");
	fault_configure(store, &down);
	ix = v->ix;
	index_state(ix)->files++;
	fsck();
	SAYS("index damaged");
	SAYS("comparison skipped UNAVAILABLE");
	SAYS("log ok UNAVAILABLE"); /* of outlog/ */
	SAYS("packs ok UNAVAILABLE");
	SAYS("checkpoints skipped UNAVAILABLE");
	fault_configure(store, &fair);
	index_state(ix)->files--;
	fsck();
	TEST_CHECK(damages == 0);
	end();
}

static void it_can_be_stopped(void)
{
	bool stop = true;
	struct volume_fsck_params p = {.compare = true, .result = take_result, .stop = &stop};

	begin();
	make_file(VOLUME_ROOT, "file", "text");
	sync_all();
	TEST_ERR(volume_fsck(v, &p), ERR_CANCELED);
	fsck();
	TEST_CHECK(damages == 0);
	params.read_only = true;
	reopen();
	fsck();
	TEST_CHECK(damages == 0);
	SAYS("index ok");
	end();
}

int main(void)
{
	TEST_MUST(secret_setup());
	TEST_RUN(all_is_well);
	TEST_RUN(broken_rules_are_found);
	TEST_RUN(all_damage_is_told);
	TEST_RUN(older_rows_are_found);
	TEST_RUN(log_is_checked);
	TEST_RUN(packs_are_checked);
	TEST_RUN(checkpoints_are_checked);
	TEST_RUN(store_that_is_away);
	TEST_RUN(it_can_be_stopped);
	return test_done();
}
