/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What happened, over all runs of the program: every kind of operation with success, and every
 * situation that the simulator is there for. `sim --coverage` fails when one of them never came.
 */
#ifndef AMBERFS_TESTS_SIM_COVER_H
#define AMBERFS_TESTS_SIM_COVER_H

#include <stdbool.h>

#define COVER_LIST(X)                                                         \
	X(CREATE, "create: file")                                             \
	X(MKDIR, "create: folder")                                            \
	X(SYMLINK, "create: symbolic link")                                   \
	X(FIFO, "create: fifo")                                               \
	X(SOCKET, "create: socket")                                           \
	X(CHR, "create: character device")                                    \
	X(BLK, "create: block device")                                        \
	X(INHERIT, "create: access ACL inherited")                            \
	X(INHERIT_MODE, "create: inherited ACL that is only a mode")          \
	X(INHERIT_DEFAULT, "create: default ACL inherited by a folder")       \
	X(UNNAMED, "create: file without a name")                             \
	X(LINK_UNNAMED, "link: of a file without a name")                     \
	X(LINK, "link")                                                       \
	X(UNLINK, "unlink")                                                   \
	X(UNLINK_LAST, "unlink: the last name")                               \
	X(RMDIR, "rmdir")                                                     \
	X(RENAME, "rename: to a free name")                                   \
	X(RENAME_OVER, "rename: over a file")                                 \
	X(RENAME_OVER_DIR, "rename: over a folder")                           \
	X(RENAME_DIR, "rename: a folder to another folder")                   \
	X(RENAME_NOREPLACE, "rename: NOREPLACE")                              \
	X(RENAME_EXCHANGE, "rename: EXCHANGE")                                \
	X(RENAME_EXCHANGE_MIXED, "rename: EXCHANGE of a folder and a file")   \
	X(RENAME_SAME, "rename: onto itself")                                 \
	X(FORGET, "forget: an inode without a name")                          \
	X(LOOKUP, "lookup")                                                   \
	X(WRITE, "write")                                                     \
	X(WRITE_CACHED, "write: of the kernel's cache")                       \
	X(WRITE_APPEND, "write: append")                                      \
	X(WRITE_KILL_PRIV, "write: kills setuid or setgid")                   \
	X(TRUNCATE_SHORTER, "truncate: shorter")                              \
	X(TRUNCATE_LONGER, "truncate: longer")                                \
	X(TRUNCATE_KILL_PRIV, "truncate: kills setuid or setgid")             \
	X(SET_MODE, "setattr: mode")                                          \
	X(SET_UID, "setattr: owner")                                          \
	X(SET_GID, "setattr: group")                                          \
	X(SET_ATIME, "setattr: atime")                                        \
	X(SET_MTIME, "setattr: mtime")                                        \
	X(SET_CTIME, "setattr: ctime")                                        \
	X(SET_KILL_PRIV, "setattr: kills setuid or setgid")                   \
	X(SET_MODE_ACL, "setattr: mode of an inode with an access ACL")       \
	X(PUNCH, "punch")                                                     \
	X(COPY, "copy: between files")                                        \
	X(COPY_WITHIN, "copy: within a file")                                 \
	X(XATTR_SET, "setxattr: any")                                         \
	X(XATTR_CREATE, "setxattr: CREATE")                                   \
	X(XATTR_REPLACE, "setxattr: REPLACE")                                 \
	X(XATTR_REMOVE, "removexattr")                                        \
	X(ACL_ACCESS, "setxattr: access ACL")                                 \
	X(ACL_DEFAULT, "setxattr: default ACL")                               \
	X(ACL_INVALID, "setxattr: a damaged ACL, refused")                    \
	X(ACL_REMOVE, "removexattr: an ACL")                                  \
	X(READ, "read")                                                       \
	X(FSYNC, "fsync")                                                     \
	X(FSYNC_THEN, "fsync without waiting")                                \
	X(FSCK, "fsck")                                                       \
	X(FSCK_COMPARE, "fsck: the index compared with the log")              \
	X(EPOCH_END, "epoch end")                                             \
	X(SNAPSHOT, "snapshot")                                               \
	X(SNAPSHOT_DELETE, "snapshot delete")                                 \
	X(RESTORE_ALL, "restore: the whole volume")                           \
	X(RESTORE_ONE, "restore: one path")                                   \
	X(RESTORE_SEVERAL, "restore: several paths")                          \
	X(RESTORE_DRY, "restore: dry run")                                    \
	X(VERIFY, "the whole volume compared")                                \
	X(VERIFY_EPOCH, "a past epoch compared")                              \
	X(DIFF, "diff")                                                       \
	X(WHEN, "when")                                                       \
	X(WHEN_BACK, "when: after the clock went back")                       \
	X(LOG, "log")                                                         \
	X(STEP, "step")                                                       \
	X(SYNC, "sync")                                                       \
	X(SYNC_NOT, "sync: the store does not answer")                        \
	X(JUMP_FORWARD, "the clock jumps forward")                            \
	X(JUMP_BACK, "the clock jumps back")                                  \
	X(JUMP_YEARS, "the clock jumps by years")                             \
	X(EPOCH_BACK, "an epoch ends before the one before it, by the clock") \
	X(DISK_FAULT, "a call of the disk failed")                            \
	X(REOPEN, "closed and opened")                                        \
	X(KILL, "recovered from a kill")                                      \
	X(POWER, "recovered from a power cut")                                \
	X(LOST, "recovered from the store alone")                             \
	X(OUTAGE, "upload cut in its middle by kill and store, and resumed")  \
	X(JOIN, "a second machine opened the volume")                         \
	X(JOIN_LIVE, "... while the first one had it open")                   \
	X(LEASE_REFUSED, "... refused by a lease")                            \
	X(LEASE_STALE, "... when the lease had become old")                   \
	X(LEASE_TAKEOVER, "... by taking it over")                            \
	X(LEAVE, "a machine went away")                                       \
	X(RETURN, "a machine came back after another one had gone on")        \
	X(CAUGHT_UP, "... with nothing to lose, and caught up")               \
	X(FENCED_LIVE, "a machine was fenced while it ran")                   \
	X(FENCED_POISONED, "... and changed nothing any more")                \
	X(FENCED_OPEN, "a machine was fenced when it came back")              \
	X(FENCED_KEPT, "what a fenced machine had was all on its disk")       \
	X(FENCED_ASIDE, "... and was set aside, and the machine went on from the store")

enum cover {
#define COVER_ENUM(name, text) COVER_##name,
	COVER_LIST(COVER_ENUM)
#undef COVER_ENUM
	    COVER_N
};

void cover(enum cover what);
void cover_if(bool happened, enum cover what);

/** How often a random action was chosen; @name is kept. */
void cover_action(const char *name);

/** Both tables to standard output. */
void cover_print(void);

/** Say what never happened; false when there is something. */
bool cover_complete(void);

#endif
