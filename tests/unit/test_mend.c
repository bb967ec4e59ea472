/* SPDX-License-Identifier: Apache-2.0 */
/* The ways out of trouble: a rebuild loses nothing, and what is given up is what was told, kept, and
 * remembered by the log. */
#include "tests/unit/test_fsck.h"

/* ---- rebuilding ---- */

static void rebuild_loses_nothing(void)
{
	begin();
	make_file(VOLUME_ROOT, "stored", "text");
	sync_all();
	make_file(VOLUME_ROOT, "waits", "in outlog");
	TEST_OK(volume_commit(v, COMMIT_CUT | COMMIT_EPOCH));
	make_file(VOLUME_ROOT, "fsynced", "in the journal");
	TEST_OK(volume_fsync(v));
	params.rebuild = true;
	/* also when it is cut off anywhere */
	for (uint64_t k = 1; k < 120; k += 3) {
		die();
		simdisk_freeze_after(disk, k);
		if (testvol_open(&params, &v) == 0)
			die();
		simdisk_kill(disk);
		params.rebuild = k % 2;
		TEST_MUST(testvol_open(&params, &v));
		params.rebuild = true;
		TEST_CHECK(is_there("stored") && is_there("waits") && is_there("fsynced"));
	}
	fsck();
	TEST_CHECK(damages == 0);
	end();
}

/* The index remembers what the store had: a rebuild does not make it forget. */
static void rebuild_notices_a_rollback(void)
{
	begin();
	make(VOLUME_ROOT, "one", S_IFREG | 0644);
	sync_all();
	make(VOLUME_ROOT, "two", S_IFREG | 0644);
	sync_all();
	TEST_OK(volume_close(v));
	TEST_OK(blob_remove(store, "log/0000000000000002"));
	params.rebuild = true;
	TEST_ERR(testvol_open(&params, &v), ERR_ROLLBACK);
	TEST_CHECK(trouble.kind == VOLUME_TROUBLE_ROLLBACK);
	params.rebuild = false;
	TEST_ERR(testvol_open(&params, &v), ERR_ROLLBACK);
	params.state_dir = "/fresh";
	TEST_MUST(testvol_open(&params, &v));
	end();
}

/* Flip a byte of the batch numbered @seq. */
static void flip_batch(uint64_t seq)
{
	uint8_t *ring;
	uint64_t len;

	read_file("/state/journal", &ring, &len); /* a link to the real one */
	for (uint64_t at = 0; at + 4096 <= len; at += 4096)
		if (memcmp(ring + at, "AMBJ", 4) == 0 && ring[at + 8] == seq) {
			ring[at + 100] ^= 1;
			write_file("/state/journal", ring + at, 4096, at);
		}
	free(ring);
}

static void link_journal(void)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/journal", volume_state_path(v));
	TEST_MUST(fileio_link(simdisk_io(disk), path, "/state/journal"));
}

struct hunt {
	const char *part;
	bool found;
};

static int hunt_name(void *ctx, const char *name)
{
	struct hunt *h = ctx;

	h->found |= strstr(name, h->part) != NULL;
	return 0;
}

/* Is there something in folder @dir whose name has @part? */
static bool has_file(const char *dir, const char *part)
{
	struct hunt h = {.part = part};

	TEST_OK(fileio_list(simdisk_io(disk), dir, hunt_name, &h));
	return h.found;
}

static void damaged_journal(void)
{
	uint64_t next;

	begin();
	make_file(VOLUME_ROOT, "stored", "text");
	sync_all();
	make_file(VOLUME_ROOT, "a", "kept");
	TEST_OK(volume_fsync(v));
	next = journal_next(v->journal);
	make_file(VOLUME_ROOT, "b", "damaged");
	TEST_OK(volume_fsync(v));
	make_file(VOLUME_ROOT, "c", "behind it");
	TEST_OK(volume_fsync(v));
	link_journal();
	die();
	flip_batch(next);
	TEST_ERR(testvol_open(&params, &v), ERR_CORRUPT);
	TEST_CHECK(strncmp(err_note_text(), "journal", 7) == 0);
	params.rebuild = true;
	TEST_ERR(testvol_open(&params, &v), ERR_CORRUPT);
	TEST_CHECK(trouble.kind == VOLUME_TROUBLE_LOSS);
	TEST_CHECK(trouble.first_batch == next && trouble.last_batch == next + 1);
	TEST_CHECK(trouble.store.log_seq > 0 && trouble.first_log == 0);
	TEST_CHECK(trouble.aside[0] == '\0');
	params.accept_loss = true;
	TEST_MUST(testvol_open(&params, &v));
	params.rebuild = params.accept_loss = false;
	TEST_CHECK(is_there("stored") && is_there("a") && !is_there("b") && !is_there("c"));
	TEST_CHECK(strstr(trouble.aside, "damaged-"));
	TEST_CHECK(has_file(volume_state_path(v), "journal.damaged-"));
	TEST_CHECK(has_file(volume_state_path(v), "index.damaged-"));
	sync_all();
	fsck();
	TEST_CHECK(damages == 0);
	SAYS("changes in a damaged journal were given up");
	reopen();
	TEST_CHECK(is_there("a"));
	end();
}

/* Objects that wait to be stored are damaged, and the journal has them no more. */
static void damaged_outlog(void)
{
	struct volume_attr attr;
	char path[256];

	begin();
	make_file(VOLUME_ROOT, "stored", "text");
	sync_all();
	for (char name[] = "a"; name[0] <= 'c'; name[0]++) {
		make_file(VOLUME_ROOT, name, "waits");
		simclock_advance(&clock_, SIMCLOCK_SECOND);
		TEST_OK(volume_commit(v, COMMIT_CUT | COMMIT_EPOCH));
	}
	TEST_OK(volume_absorb(v));
	snprintf(path, sizeof(path), "%s/outlog/0000000000000003", volume_state_path(v));
	write_file(path, "damage", 6, 100);
	fsck();
	SAYS("log damaged");
	SAYS("log/0000000000000003 (outlog/, not stored yet)");
	SAYS("index ok");
	snprintf(path, sizeof(path), "%s/journal", volume_state_path(v));
	die();
	/* without the journal's old batches, from which it could be made again */
	TEST_OK(fileio_remove(simdisk_io(disk), path));
	params.rebuild = true;
	TEST_ERR(testvol_open(&params, &v), ERR_CORRUPT);
	TEST_CHECK(trouble.kind == VOLUME_TROUBLE_LOSS);
	TEST_CHECK(trouble.first_log == 3 && trouble.last_log == 4);
	/* the index was not touched by that */
	params.rebuild = false;
	TEST_MUST(testvol_open(&params, &v));
	TEST_CHECK(is_there("b") && is_there("c"));
	die();
	params.rebuild = params.accept_loss = true;
	TEST_MUST(testvol_open(&params, &v));
	params.rebuild = params.accept_loss = false;
	TEST_CHECK(is_there("stored") && is_there("a") && !is_there("b") && !is_there("c"));
	TEST_CHECK(has_file(volume_state_path(v), "outlog.damaged-"));
	sync_all();
	fsck();
	TEST_CHECK(damages == 0);
	TEST_OK(volume_resolve(v, "stored", VOLUME_NOW, &attr));
	end();
}

/* ---- the store went back, or on ---- */

static void rollback_is_accepted(void)
{
	struct volume_attr attr;
	char text[16] = "";
	size_t n;

	begin();
	make_file(VOLUME_ROOT, "one", "text");
	sync_all();
	make_file(VOLUME_ROOT, "two", "lost with the store");
	sync_all();
	make_file(VOLUME_ROOT, "three", "never stored");
	/* without a rollback the permission does nothing */
	params.accept_rollback = true;
	reopen();
	TEST_CHECK(trouble.kind == VOLUME_TROUBLE_NONE && is_there("three"));
	params.accept_rollback = false;
	TEST_OK(volume_close(v));
	TEST_OK(blob_remove(store, "log/0000000000000002"));
	TEST_ERR(testvol_open(&params, &v), ERR_ROLLBACK);
	TEST_CHECK(trouble.kind == VOLUME_TROUBLE_ROLLBACK && trouble.aside[0] == '\0');
	TEST_CHECK(trouble.known.log_seq == 3 && trouble.known.epoch == 3);
	TEST_CHECK(trouble.store.log_seq == 1 && trouble.store.epoch == 1);
	TEST_CHECK(trouble.unstored_logs == 1 && trouble.unstored_bytes > 0);
	TEST_CHECK(trouble.known.time_ns > trouble.store.time_ns);
	params.accept_rollback = true;
	TEST_MUST(testvol_open(&params, &v));
	params.accept_rollback = false;
	TEST_CHECK(is_there("one") && !is_there("two") && !is_there("three"));
	TEST_CHECK(has_file("/state", ".aside-"));
	TEST_CHECK(has_file(trouble.aside, "outlog") && has_file(trouble.aside, "journal"));
	/* it works on, and the log remembers, also on other machines */
	make_file(VOLUME_ROOT, "after", "text");
	sync_all();
	TEST_OK(volume_close(v));
	params.state_dir = "/other";
	TEST_MUST(testvol_open(&params, &v));
	fsck();
	TEST_CHECK(damages == 0);
	SAYS("a store that had gone back was accepted: known were log object 3 and epoch e3, "
	     "accepted 1 and e1");
	TEST_OK(volume_resolve(v, "after", VOLUME_NOW, &attr));
	TEST_OK(volume_read(v, attr.ino, VOLUME_NOW, 0, sizeof(text), text, &n));
	TEST_CHECK(n == 4 && memcmp(text, "text", 4) == 0);
	end();
}

/* When the store cannot be opened either, the state folder is back as it was. */
static void refused_acceptance_changes_nothing(void)
{
	begin();
	make_file(VOLUME_ROOT, "one", "text");
	sync_all();
	make_file(VOLUME_ROOT, "two", "text");
	sync_all();
	TEST_OK(volume_close(v));
	TEST_OK(blob_remove(store, "log/0000000000000002"));
	flip_object("log/0000000000000001");
	params.accept_rollback = true;
	TEST_ERR(testvol_open(&params, &v), ERR_UNAUTHENTIC);
	TEST_CHECK(!has_file("/state", ".aside-"));
	params.accept_rollback = false;
	TEST_ERR(testvol_open(&params, &v), ERR_ROLLBACK);
	flip_object("log/0000000000000001");
	params.state_dir = "/fresh";
	TEST_MUST(testvol_open(&params, &v));
	end();
}

static void fenced_state_is_set_aside(void)
{
	begin();
	make_file(VOLUME_ROOT, "both", "text");
	sync_all();
	make_file(VOLUME_ROOT, "mine", "never stored");
	TEST_OK(volume_close(v));
	params.state_dir = "/other";
	TEST_MUST(testvol_open(&params, &v));
	make_file(VOLUME_ROOT, "theirs", "stored");
	sync_all();
	TEST_OK(volume_close(v));
	params.state_dir = "/state";
	TEST_ERR(testvol_open(&params, &v), ERR_FENCED);
	TEST_CHECK(trouble.kind == VOLUME_TROUBLE_FENCED && trouble.unstored_logs == 1);
	params.accept_rollback = true;
	TEST_MUST(testvol_open(&params, &v));
	params.accept_rollback = false;
	TEST_CHECK(is_there("both") && is_there("theirs") && !is_there("mine"));
	TEST_CHECK(has_file("/state", ".aside-"));
	sync_all();
	reopen();
	fsck();
	TEST_CHECK(damages == 0);
	SAYS("what another writer stored was accepted");
	end();
}

/* An object that was changed is no older state. */
static void damage_is_no_rollback(void)
{
	begin();
	make_file(VOLUME_ROOT, "one", "text");
	sync_all();
	TEST_OK(volume_close(v));
	flip_object("log/0000000000000001");
	params.accept_rollback = true;
	TEST_ERR(testvol_open(&params, &v), ERR_UNAUTHENTIC);
	TEST_CHECK(trouble.kind == VOLUME_TROUBLE_NONE && !has_file("/state", ".aside-"));
	flip_object("log/0000000000000001");
	TEST_MUST(testvol_open(&params, &v));
	end();
}

static void event_is_a_record(void)
{
	struct op op = {
	    .type = OP_EVENT, .time_ns = 5, .event = {200, {1, 2, 3}, {4, 5, 6}, "text", 4}};
	struct op back;
	struct buf b;
	struct dec d;

	buf_init(&b, 4096);
	op_encode(&b, &op);
	TEST_OK(buf_error(&b));
	dec_init(&d, b.data, b.len);
	TEST_OK(op_decode(&d, &back));
	TEST_CHECK(back.event.kind == 200 && back.event.known.epoch == 2 &&
	           back.event.accepted.time_ns == 6 && back.event.text_len == 4);
	op_done(&back);
	/* what older code makes of it */
	b.data[4] = OP_EVENT + 1;
	dec_init(&d, b.data, b.len);
	TEST_ERR(op_decode(&d, &back), ERR_VERSION);
	buf_done(&b);
}

int main(void)
{
	TEST_MUST(secret_setup());
	TEST_RUN(rebuild_loses_nothing);
	TEST_RUN(rebuild_notices_a_rollback);
	TEST_RUN(damaged_journal);
	TEST_RUN(damaged_outlog);
	TEST_RUN(rollback_is_accepted);
	TEST_RUN(refused_acceptance_changes_nothing);
	TEST_RUN(fenced_state_is_set_aside);
	TEST_RUN(damage_is_no_rollback);
	TEST_RUN(event_is_a_record);
	return test_done();
}
