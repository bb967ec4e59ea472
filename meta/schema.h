/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tables of the index, as SQL. Inside meta/ only.
 *
 * The column lists are macros of a prefix ("", "d.", "OLD."), always in this order, so that tables,
 * triggers, queries and decoders cannot disagree.
 */
#ifndef AMBERFS_META_SCHEMA_H
#define AMBERFS_META_SCHEMA_H

#define SCHEMA_VERSION 2
#define SCHEMA_APPLICATION_ID 0x616d6266 /* "ambf" */

/* clang-format off */
#define SCHEMA_INODE(p)                                                                            \
	p "ino," p "mode," p "uid," p "gid," p "nlink," p "rdev," p "size," p "pages,"             \
	p "atime," p "mtime," p "ctime," p "btime," p "target," p "born"
#define SCHEMA_INODE_COLS 14
#define SCHEMA_DENTRY(p) p "parent," p "cookie," p "name," p "ino," p "born"
#define SCHEMA_DENTRY_COLS 5
#define SCHEMA_EXTENT(p)                                                                           \
	p "ino," p "page," p "npages," p "first," p "tail," p "key," p "pack," p "off,"            \
	p "salt," p "born"
#define SCHEMA_EXTENT_COLS 10
#define SCHEMA_XATTR(p) p "ino," p "name," p "value," p "born"
#define SCHEMA_XATTR_COLS 4
#define SCHEMA_STATE                                                                               \
	"epoch,epoch_opened,next_ino,next_pack,next_snapshot,journal_seq,log_seq,log_hash,"        \
	"last_epoch,files,folders,bytes,pages"
/* clang-format on */

/** All that a new database needs, one script. */
extern const char schema_sql[];

#endif
