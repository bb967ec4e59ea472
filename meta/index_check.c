/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The checker of the index's invariants. Each one is a query that counts the rows that break it.
 *
 * What every index keeps (index_check() and index_check_all()):
 *   1. every entry leads to an inode, and is in a folder;
 *   2. a file has as many entries as its link count says, a folder (but the root) one, or none
 * without a link;
 *   3. extents and xattrs belong to inodes, extents do not overlap, have their key and pack, and
 * are as many pages as the inode says;
 *   4. nothing was born after the open epoch; what is past died after its birth and by the open
 * epoch;
 *   5. of one key, the next version was born when or after the one before died;
 *   6. the state's totals are those of the rows.
 *
 * What a volume keeps besides (index_check_all() only: a test of the rows alone may break it):
 *   7. folders hang together: each is found from the root, on one way, and counts the folders in it;
 *   8. extents lie inside their file and their pack, also in the past, with a key and a pack that
 * are there, and do not overlap there either;
 *   9. numbers that will be given to new inodes and packs are above all that are in use;
 *  10. epochs are numbered without a gap up to the open one, and each ended later than the one
 * before; snapshots name closed ones;
 *  11. entries have good names, and are where their names say.
 */
#include "meta/index_impl.h"

#include "util/err.h"

#include <string.h>

#define IS_DIR(p) "(" p "mode&61440)=16384"
#define IS_REG(p) "(" p "mode&61440)=32768"
#define COUNT "SELECT count(*) FROM "

/* Invariants 4 and 5 for a table whose key is @key. */
#define PAST_CHECKS(table, key, on)                                                    \
	{COUNT table " WHERE born>amber_epoch() OR born<1", table ": birth", false},   \
	    {COUNT table "_past WHERE born>=died OR born<1 OR died>amber_epoch()",     \
	     table ": death", false},                                                  \
	    {COUNT "(SELECT born,lag(died) OVER (PARTITION BY " key                    \
	           " ORDER BY died) AS before FROM " table "_past) WHERE before>born", \
	     table ": two versions at once", false},                                   \
	{                                                                              \
		COUNT table "_past p JOIN " table " c ON " on " WHERE p.died>c.born",  \
		    table ": a past version of the present", false                     \
	}

/* A pack that is still being written has size 0. */
#define PACK_END_CHECK(table, what)                                              \
	{                                                                        \
		COUNT table " e JOIN pack p ON p.num=e.pack WHERE p.size>0 AND " \
		            "e.off+e.npages*4112-4096+e.tail>p.size",            \
		    what " beyond the end of its pack", true                     \
	}

static const struct check {
	const char *sql;
	const char *what;
	bool whole; /* of a whole volume */
} checks[] = {
    {COUNT "dentry d LEFT JOIN inode i ON i.ino=d.ino WHERE i.ino IS NULL",
     "an entry without its inode", false},
    {COUNT "dentry d LEFT JOIN inode i ON i.ino=d.parent WHERE i.ino IS NULL OR "
           "NOT " IS_DIR("i."),
     "an entry that is in no folder", false},
    {COUNT "inode i WHERE NOT " IS_DIR("i.") " AND i.nlink<>"
                                             "(SELECT count(*) FROM dentry d WHERE d.ino=i.ino)",
     "a file's link count", false},
    {COUNT "inode i WHERE " IS_DIR("i.") " AND i.ino<>1 AND (i.nlink>0)<>"
                                         "(SELECT count(*) FROM dentry d WHERE d.ino=i.ino)",
     "a folder's link count", false},
    {COUNT "extent e LEFT JOIN inode i ON i.ino=e.ino WHERE i.ino IS NULL",
     "an extent without its inode", false},
    {COUNT "xattr x LEFT JOIN inode i ON i.ino=x.ino WHERE i.ino IS NULL",
     "an attribute without its inode", false},
    {COUNT "(SELECT page,lag(page+npages) OVER (PARTITION BY ino ORDER BY page) "
           "AS before FROM extent) WHERE before>page",
     "extents that overlap", false},
    {COUNT "extent e LEFT JOIN filekey k ON k.id=e.key LEFT JOIN pack p ON p.num=e.pack "
           "WHERE k.id IS NULL OR p.num IS NULL",
     "an extent without its key or pack", false},
    {COUNT "inode i WHERE i.pages<>"
           "(SELECT coalesce(sum(npages),0) FROM extent e WHERE e.ino=i.ino)",
     "an inode's number of pages", false},
    PAST_CHECKS("inode", "ino", "c.ino=p.ino"),
    PAST_CHECKS("dentry", "parent,cookie", "c.parent=p.parent AND c.cookie=p.cookie"),
    PAST_CHECKS("extent", "ino,page", "c.ino=p.ino AND c.page=p.page"),
    PAST_CHECKS("xattr", "ino,name", "c.ino=p.ino AND c.name=p.name"),

    {"SELECT 1-count(*) FROM inode WHERE ino=1 AND " IS_DIR(""), "the root folder", true},
    {COUNT "dentry WHERE ino=1", "an entry that leads to the root", true},
    /* what a ring of folders holds is not found from the root */
    {"WITH RECURSIVE reach(ino) AS (SELECT 1 UNION SELECT d.ino FROM reach r "
     "JOIN dentry d ON d.parent=r.ino JOIN inode i ON i.ino=d.ino WHERE " IS_DIR(
         "i.") ") " COUNT "inode WHERE nlink>0 AND " IS_DIR("") " AND ino NOT IN reach",
     "a folder that is not below the root", true},
    {COUNT "inode f WHERE " IS_DIR(
         "f.") " AND f.nlink<>CASE WHEN f.ino=1 OR EXISTS(SELECT 1 FROM dentry WHERE ino=f.ino) "
               "THEN 2+(SELECT count(*) FROM dentry d JOIN inode i ON i.ino=d.ino "
               "WHERE d.parent=f.ino AND " IS_DIR("i.") ") ELSE 0 END",
     "a folder's number of folders", true},
    {COUNT "extent e JOIN inode i ON i.ino=e.ino WHERE NOT " IS_REG(
         "i.") " OR (e.page+e.npages-1)*4096+e.tail>i.size",
     "an extent beyond the end of its file", true},
    PACK_END_CHECK("extent", "an extent"),
    PACK_END_CHECK("extent_past", "a past extent"),
    {COUNT "extent_past e LEFT JOIN filekey k ON k.id=e.key LEFT JOIN pack p ON p.num=e.pack "
           "WHERE k.id IS NULL OR p.num IS NULL",
     "a past extent without its key or pack", true},
    {COUNT "extent_past a JOIN extent_past b ON b.ino=a.ino AND b.page>a.page AND "
           "b.page<a.page+a.npages WHERE a.born<b.died AND b.born<a.died",
     "past extents that overlap", true},
    {COUNT "dentry_past d WHERE NOT EXISTS(SELECT 1 FROM inode i WHERE i.ino=d.ino) AND "
           "NOT EXISTS(SELECT 1 FROM inode_past p WHERE p.ino=d.ino)",
     "a past entry without its inode", true},
    {COUNT "extent_past e WHERE NOT EXISTS(SELECT 1 FROM inode i WHERE i.ino=e.ino) AND "
           "NOT EXISTS(SELECT 1 FROM inode_past p WHERE p.ino=e.ino)",
     "a past extent without its inode", true},
    {COUNT "xattr_past x WHERE NOT EXISTS(SELECT 1 FROM inode i WHERE i.ino=x.ino) AND "
           "NOT EXISTS(SELECT 1 FROM inode_past p WHERE p.ino=x.ino)",
     "a past attribute without its inode", true},
    {"SELECT (SELECT count(*) FROM inode WHERE ino>=s.next_ino)+"
     "(SELECT count(*) FROM inode_past WHERE ino>=s.next_ino)+"
     "(SELECT count(*) FROM filekey WHERE id>=s.next_ino) FROM state s",
     "an inode number that will be given again", true},
    {"SELECT count(*) FROM pack p JOIN state s WHERE p.num>=s.next_pack",
     "a pack number that will be given again", true},
    {COUNT "(SELECT closed,lag(closed) OVER (ORDER BY epoch) AS before FROM epoch) "
           "WHERE before>=closed",
     "an epoch that ended before the one before it", true},
    {"SELECT count(e.epoch)>0 AND (max(e.epoch)<>s.epoch-1 OR "
     "count(*)<>max(e.epoch)-min(e.epoch)+1 OR max(closed)<>s.last_epoch) "
     "FROM state s LEFT JOIN epoch e",
     "the row of epochs", true},
    {COUNT "snapshot n LEFT JOIN epoch e ON e.epoch=n.epoch WHERE e.epoch IS NULL",
     "a snapshot without its epoch", true},
};

#define CHECKS (sizeof(checks) / sizeof(checks[0]))

/* The number that the query gives, and its columns as totals when they are wanted. */
static int query(struct index *ix, const char *sql, uint64_t *ret, struct index_state *totals)
{
	sqlite3_stmt *st = NULL;
	int rc;

	rc = sqlite3_prepare_v2(ix->db, sql, -1, &st, NULL);
	if (rc != SQLITE_OK)
		return index_stmt_error(ix, rc);
	rc = index_stmt_step(ix, st);
	*ret = rc == 1 ? (uint64_t)sqlite3_column_int64(st, 0) : 0;
	if (rc == 1 && totals) {
		totals->files = (uint64_t)sqlite3_column_int64(st, 0);
		totals->folders = (uint64_t)sqlite3_column_int64(st, 1);
		totals->bytes = (uint64_t)sqlite3_column_int64(st, 2);
		totals->pages = (uint64_t)sqlite3_column_int64(st, 3);
	}
	sqlite3_finalize(st);
	return rc < 0 ? rc : 0;
}

/* SQLite's own check; its report is one row "ok" when all is well. */
static int check_file(struct index *ix, bool quick)
{
	sqlite3_stmt *st = NULL;
	int rc;

	rc = sqlite3_prepare_v2(
	    ix->db, quick ? "PRAGMA quick_check(1)" : "PRAGMA integrity_check(1)", -1, &st, NULL);
	if (rc != SQLITE_OK)
		return index_stmt_error(ix, rc);
	rc = index_stmt_step(ix, st);
	if (rc == 1) {
		const char *text = (const char *)sqlite3_column_text(st, 0);

		rc = text && sqlite3_stricmp(text, "ok") == 0
		         ? 0
		         : err_note(ERR_CORRUPT, "index: %s", text ? text : "damaged");
	}
	sqlite3_finalize(st);
	if (rc == ERR_CORRUPT) { /* the report hides what the file layer met */
		int cause = vfs_take_error(ix->vfs);

		rc = cause ? cause : rc;
	}
	return rc;
}

static int check_totals(struct index *ix, uint64_t *ret)
{
	struct index_state sum = {0};
	int rc;

	rc = query(ix,
	           "SELECT coalesce(sum(NOT " IS_DIR("") "),0),coalesce(sum(" IS_DIR(
	               "") "),0),"
	                   "coalesce(sum(CASE WHEN " IS_REG(
	                       "") " THEN size END),0),coalesce(sum(pages),0) "
	                           "FROM inode WHERE nlink>0",
	           ret, &sum);
	*ret = sum.files != ix->state.files || sum.folders != ix->state.folders ||
	       sum.bytes != ix->state.bytes || sum.pages != ix->state.pages;
	return rc;
}

int index_check(struct index *ix, bool quick)
{
	uint64_t count = 0;
	int rc;

	rc = check_file(ix, quick);
	if (rc != 0 || quick)
		return rc;
	for (size_t i = 0; i < CHECKS; i++) {
		if (checks[i].whole)
			continue;
		rc = query(ix, checks[i].sql, &count, NULL);
		if (rc == 0 && count > 0)
			rc = err_note(ERR_CORRUPT, "index: %s", checks[i].what);
		if (rc != 0)
			return rc;
	}
	rc = check_totals(ix, &count);
	return rc == 0 && count > 0 ? err_note(ERR_CORRUPT, "index: the totals") : rc;
}

/* ---- a whole volume ---- */

static bool good_name(const char *name, size_t len)
{
	if (len == 0 || len > INDEX_NAME_MAX || memchr(name, '/', len) || memchr(name, '\0', len))
		return false;
	return !(name[0] == '.' && (len == 1 || (len == 2 && name[1] == '.')));
}

/* Invariant 11, which is beyond SQL. */
static int check_names(struct index *ix, const volatile bool *stop, uint64_t *ret)
{
	sqlite3_stmt *st = NULL;
	int rc;

	*ret = 0;
	rc = sqlite3_prepare_v2(
	    ix->db, "SELECT cookie,name FROM dentry UNION ALL SELECT cookie,name FROM dentry_past",
	    -1, &st, NULL);
	if (rc != SQLITE_OK)
		return index_stmt_error(ix, rc);
	while ((rc = index_stmt_step(ix, st)) == 1 && !(stop && *stop)) {
		uint64_t cookie = (uint64_t)sqlite3_column_int64(st, 0);
		const char *name = sqlite3_column_blob(st, 1);
		size_t len = (size_t)sqlite3_column_bytes(st, 1);

		if (!name || !good_name(name, len) ||
		    (cookie & ~(uint64_t)255) != index_dentry_hash(name, len))
			(*ret)++;
	}
	sqlite3_finalize(st);
	return rc < 0 ? rc : 0;
}

static int stop_query(void *stop)
{
	return *(const volatile bool *)stop;
}

/* A rule that cannot be looked at because the file is damaged counts as one that is broken. */
static int tell(int rc, const char *what, uint64_t count, index_damage_fn fn, void *ctx)
{
	if (rc == ERR_CORRUPT || rc == ERR_UNAUTHENTIC)
		return fn(ctx, what, 1);
	return rc == 0 && count > 0 ? fn(ctx, what, count) : rc;
}

static int check_rules(struct index *ix, const volatile bool *stop, index_progress_fn progress,
                       index_damage_fn fn, void *ctx)
{
	const unsigned total = CHECKS + 3;
	uint64_t count = 0;
	int rc;

	rc = check_file(ix, false);
	rc = tell(rc, "the file", 0, fn, ctx);
	for (unsigned i = 0; rc == 0 && i < CHECKS && !(stop && *stop); i++) {
		progress(ctx, i + 1, total);
		count = 0;
		rc = query(ix, checks[i].sql, &count, NULL);
		rc = tell(rc, checks[i].what, count, fn, ctx);
	}
	if (rc == 0 && !(stop && *stop)) {
		progress(ctx, total - 2, total);
		rc = check_totals(ix, &count);
		rc = tell(rc, "the totals", count, fn, ctx);
	}
	if (rc == 0 && !(stop && *stop)) {
		progress(ctx, total - 1, total);
		rc = check_names(ix, stop, &count);
		rc = tell(rc, "an entry's name or place", count, fn, ctx);
	}
	return rc;
}

int index_check_all(struct index *ix, const volatile bool *stop, index_progress_fn progress,
                    index_damage_fn fn, void *ctx, unsigned *ret_rules)
{
	int rc;

	if (stop)
		sqlite3_progress_handler(ix->db, 10000, stop_query, (void *)(uintptr_t)stop);
	rc = check_rules(ix, stop, progress, fn, ctx);
	sqlite3_progress_handler(ix->db, 0, NULL, NULL);
	if (stop && *stop)
		return err_note(ERR_CANCELED, "by your wish");
	*ret_rules = CHECKS + 3;
	return rc;
}
