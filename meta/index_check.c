/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The checker of the index's invariants. Each one is a query for rows that break it; the first row
 * found is the verdict.
 *
 *   1. every entry leads to an inode, and is in a folder;
 *   2. a file has as many entries as its link count says, a folder (but the root) one, or none
 * without a link;
 *   3. extents and xattrs belong to inodes, extents do not overlap, have their key and pack, and
 * are as many pages as the inode says;
 *   4. nothing was born after the open epoch; what is past died after its birth and by the open
 * epoch;
 *   5. of one key, the next version was born when or after the one before died;
 *   6. the state's totals are those of the rows.
 */
#include "meta/index_impl.h"

#include "util/err.h"

#define IS_DIR(p) "(" p "mode&61440)=16384"
#define IS_REG(p) "(" p "mode&61440)=32768"

/* Invariants 4 and 5 for a table whose key is @key. */
#define PAST_CHECKS(table, key, on)                                                              \
	{"SELECT 1 FROM " table " WHERE born>amber_epoch() OR born<1", table ": birth"},         \
	    {"SELECT 1 FROM " table "_past WHERE born>=died OR born<1 OR died>amber_epoch()",    \
	     table ": death"},                                                                   \
	    {"SELECT 1 FROM (SELECT born,lag(died) OVER (PARTITION BY " key                      \
	     " ORDER BY died) AS before FROM " table "_past) WHERE before>born",                 \
	     table ": two versions at once"},                                                    \
	{                                                                                        \
		"SELECT 1 FROM " table "_past p JOIN " table " c ON " on " WHERE p.died>c.born", \
		    table ": a past version of the present"                                      \
	}

static const struct check {
	const char *sql;
	const char *what;
} checks[] = {
    {"SELECT 1 FROM dentry d LEFT JOIN inode i ON i.ino=d.ino WHERE i.ino IS NULL",
     "an entry without its inode"},
    {"SELECT 1 FROM dentry d LEFT JOIN inode i ON i.ino=d.parent WHERE i.ino IS NULL OR "
     "NOT " IS_DIR("i."),
     "an entry that is in no folder"},
    {"SELECT 1 FROM inode i WHERE NOT " IS_DIR(
         "i.") " AND i.nlink<>"
               "(SELECT count(*) FROM dentry d WHERE d.ino=i.ino)",
     "a file's link count"},
    {"SELECT 1 FROM inode i WHERE " IS_DIR(
         "i.") " AND i.ino<>1 AND (i.nlink>0)<>"
               "(SELECT count(*) FROM dentry d WHERE d.ino=i.ino)",
     "a folder's link count"},
    {"SELECT 1 FROM extent e LEFT JOIN inode i ON i.ino=e.ino WHERE i.ino IS NULL",
     "an extent without its inode"},
    {"SELECT 1 FROM xattr x LEFT JOIN inode i ON i.ino=x.ino WHERE i.ino IS NULL",
     "an attribute without its inode"},
    {"SELECT 1 FROM (SELECT page,lag(page+npages) OVER (PARTITION BY ino ORDER BY page) "
     "AS before FROM extent) WHERE before>page",
     "extents that overlap"},
    {"SELECT 1 FROM extent e LEFT JOIN filekey k ON k.id=e.key LEFT JOIN pack p ON p.num=e.pack "
     "WHERE k.id IS NULL OR p.num IS NULL",
     "an extent without its key or pack"},
    {"SELECT 1 FROM inode i WHERE i.pages<>"
     "(SELECT coalesce(sum(npages),0) FROM extent e WHERE e.ino=i.ino)",
     "an inode's number of pages"},
    PAST_CHECKS("inode", "ino", "c.ino=p.ino"),
    PAST_CHECKS("dentry", "parent,cookie", "c.parent=p.parent AND c.cookie=p.cookie"),
    PAST_CHECKS("extent", "ino,page", "c.ino=p.ino AND c.page=p.page"),
    PAST_CHECKS("xattr", "ino,name", "c.ino=p.ino AND c.name=p.name"),
};

/* Whether the query gives a row, and its columns as totals when they are wanted. */
static int query(struct index *ix, const char *sql, bool *ret_found, struct index_state *totals)
{
	sqlite3_stmt *st = NULL;
	int rc;

	rc = sqlite3_prepare_v2(ix->db, sql, -1, &st, NULL);
	if (rc != SQLITE_OK)
		return index_stmt_error(ix, rc);
	rc = index_stmt_step(ix, st);
	*ret_found = rc == 1;
	if (rc == 1 && totals) {
		totals->files = (uint64_t)sqlite3_column_int64(st, 0);
		totals->folders = (uint64_t)sqlite3_column_int64(st, 1);
		totals->bytes = (uint64_t)sqlite3_column_int64(st, 2);
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

static int check_totals(struct index *ix)
{
	struct index_state sum = {0};
	bool found = false;
	int rc;

	rc = query(ix,
	           "SELECT coalesce(sum(NOT " IS_DIR("") "),0),coalesce(sum(" IS_DIR(
	               "") "),0),"
	                   "coalesce(sum(CASE WHEN " IS_REG("") " THEN size END),0) "
	                                                        "FROM inode WHERE nlink>0",
	           &found, &sum);
	if (rc != 0)
		return rc;
	if (sum.files != ix->state.files || sum.folders != ix->state.folders ||
	    sum.bytes != ix->state.bytes)
		return err_note(ERR_CORRUPT, "index: the totals");
	return 0;
}

int index_check(struct index *ix, bool quick)
{
	int rc;

	rc = check_file(ix, quick);
	if (rc != 0 || quick)
		return rc;
	for (size_t i = 0; i < sizeof(checks) / sizeof(checks[0]); i++) {
		bool found = false;

		rc = query(ix, checks[i].sql, &found, NULL);
		if (rc == 0 && found)
			rc = err_note(ERR_CORRUPT, "index: %s", checks[i].what);
		if (rc != 0)
			return rc;
	}
	return check_totals(ix);
}
