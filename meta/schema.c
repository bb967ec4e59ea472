/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Four tables have a past. Each current row has `born`, the epoch in which it became what it is; a
 * row of the past has `died` too, the epoch in which it ceased to be. Triggers move old versions,
 * so that no statement can forget to: when a row of an earlier epoch is updated or deleted, its old
 * version goes to the past with died = the open epoch. A row born in the open epoch leaves no
 * trace.
 *
 * So of one key at most one version dies in an epoch (the next ones were born in it), which is what
 * makes (key, died) the key of the past, and the intervals [born, died) of one key are disjoint.
 *
 * The open epoch is amber_epoch(), a function that each connection registers (a one-row table
 * instead cost 0.4 us for each changed row).
 *
 * No column says NOT NULL: SQLite 3.40 takes such a column of a WITHOUT ROWID table for NULL in its
 * integrity check when it is not. The decoders check every value.
 *
 * Numbers are 64-bit signed; times are nanoseconds; dentry.cookie is explained in index_dentry.c.
 */
#include "meta/schema.h"

#define INODE_TABLE                                                                          \
	"mode INTEGER,uid INTEGER,gid INTEGER,nlink INTEGER,rdev INTEGER,size INTEGER,"      \
	"pages INTEGER,atime INTEGER,mtime INTEGER,ctime INTEGER,btime INTEGER,target BLOB," \
	"born INTEGER"
#define DENTRY_TABLE "parent INTEGER,cookie INTEGER,name BLOB,ino INTEGER,born INTEGER"
#define EXTENT_TABLE                                                                      \
	"ino INTEGER,page INTEGER,npages INTEGER,first INTEGER,tail INTEGER,key INTEGER," \
	"pack INTEGER,off INTEGER,salt BLOB,born INTEGER"
#define XATTR_TABLE "ino INTEGER,name BLOB,value BLOB,born INTEGER"

/* The two triggers of @table, whose columns are those of the macro @cols. */
#define TRIGGER(table, event, cols)                                    \
	"CREATE TRIGGER " table "_" event " AFTER " event " ON " table \
	" WHEN OLD.born<amber_epoch() BEGIN INSERT INTO " table        \
	"_past(" cols("") ",died) "                                    \
	                  "VALUES(" cols("OLD.") ",amber_epoch()); END;"
#define TRIGGERS(table, cols) TRIGGER(table, "UPDATE", cols) TRIGGER(table, "DELETE", cols)

const char schema_sql[] =
    "CREATE TABLE inode(ino INTEGER PRIMARY KEY," INODE_TABLE ");"
    "CREATE INDEX inode_born ON inode(born);"
    "CREATE INDEX inode_orphan ON inode(ino) WHERE nlink=0;"
    "CREATE TABLE inode_past(ino INTEGER," INODE_TABLE ",died INTEGER,"
    "PRIMARY KEY(ino,died)) WITHOUT ROWID;"
    "CREATE INDEX inode_past_born ON inode_past(born);"
    "CREATE INDEX inode_past_died ON inode_past(died);"

    "CREATE TABLE dentry(" DENTRY_TABLE ",PRIMARY KEY(parent,cookie)) WITHOUT ROWID;"
    "CREATE INDEX dentry_ino ON dentry(ino);"
    "CREATE INDEX dentry_born ON dentry(born);"
    "CREATE TABLE dentry_past(" DENTRY_TABLE ",died INTEGER,"
    "PRIMARY KEY(parent,cookie,died)) WITHOUT ROWID;"
    "CREATE INDEX dentry_past_ino ON dentry_past(ino);"
    "CREATE INDEX dentry_past_born ON dentry_past(born);"
    "CREATE INDEX dentry_past_died ON dentry_past(died);"

    "CREATE TABLE extent(" EXTENT_TABLE ",PRIMARY KEY(ino,page)) WITHOUT ROWID;"
    "CREATE TABLE extent_past(" EXTENT_TABLE ",died INTEGER,"
    "PRIMARY KEY(ino,page,died)) WITHOUT ROWID;"

    "CREATE TABLE xattr(" XATTR_TABLE ",PRIMARY KEY(ino,name)) WITHOUT ROWID;"
    "CREATE TABLE xattr_past(" XATTR_TABLE ",died INTEGER,"
    "PRIMARY KEY(ino,name,died)) WITHOUT ROWID;"

    "CREATE TABLE filekey(id INTEGER PRIMARY KEY,master INTEGER,wrapped BLOB);"
    "CREATE TABLE pack(num INTEGER PRIMARY KEY,name BLOB,size INTEGER);"
    "CREATE TABLE epoch(epoch INTEGER PRIMARY KEY,closed INTEGER);"
    "CREATE TABLE snapshot(name BLOB PRIMARY KEY,epoch INTEGER,created INTEGER) WITHOUT ROWID;"
    "CREATE INDEX snapshot_epoch ON snapshot(epoch);"
    "CREATE TABLE state(id INTEGER PRIMARY KEY,epoch INTEGER,epoch_opened INTEGER,"
    "next_ino INTEGER,next_pack INTEGER,next_snapshot INTEGER,journal_seq INTEGER,"
    "log_seq INTEGER,log_hash BLOB,last_epoch INTEGER,files INTEGER,folders INTEGER,"
    "bytes INTEGER,pages INTEGER);"

    TRIGGERS("inode", SCHEMA_INODE) TRIGGERS("dentry", SCHEMA_DENTRY)
        TRIGGERS("extent", SCHEMA_EXTENT) TRIGGERS("xattr", SCHEMA_XATTR);
