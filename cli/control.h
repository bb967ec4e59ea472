/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a command talks to the daemon of a mount: a Unix socket (0600) in the volume's state folder,
 * one request a connection.
 *
 * A message is a u32 length (little endian, at most CONTROL_MESSAGE_MAX) and that many bytes in
 * util/codec. The client sends one request: u8 protocol version, u8 command, then blobs: the
 * arguments. The daemon answers with any number of items (u8 CONTROL_ITEM, fields of the command),
 * progress (u8 CONTROL_PROGRESS, blob what, var done, var total), and one end (u8 CONTROL_END, u32
 * code as two's complement, blob note). The daemon accepts only peers with its own uid or root
 * (SO_PEERCRED). A client that goes away cancels its request.
 *
 * An argument and every text in an item is a blob that ends with its one NUL. A TIME is text as
 * people type it, parsed by the daemon; a path is inside the volume, without a leading '/', "" the
 * root. Attributes and changes are laid out in cli/answer.c.
 */
#ifndef AMBERFS_CLI_CONTROL_H
#define AMBERFS_CLI_CONTROL_H

#define CONTROL_VERSION 1
#define CONTROL_MESSAGE_MAX (1u << 20)
#define CONTROL_ARGS_MAX 4096
#define CONTROL_TEXT_MAX 65536
#define CONTROL_CHUNK_BYTES (256u << 10) /* file data in one item */

enum control_kind {
	CONTROL_ITEM = 1,
	CONTROL_PROGRESS = 2,
	CONTROL_END = 3,
};

enum control_command {
	/* no argument; one item: struct answer_status */
	CONTROL_STATUS = 1,
	/* milliseconds in decimal, negative for no bound; progress "sync"; no item */
	CONTROL_SYNC = 2,
	/* name; one item: i64 epoch */
	CONTROL_SNAPSHOT_CREATE = 3,
	/* no argument; items: text name, i64 epoch, i64 created */
	CONTROL_SNAPSHOT_LIST = 4,
	/* name; no item */
	CONTROL_SNAPSHOT_DELETE = 5,
	/* path, since TIME or "", until TIME or ""; items: changes, newest first */
	CONTROL_LOG = 6,
	/* at TIME, path; items: text name, attributes, text target ("" but for a symbolic link) */
	CONTROL_LS = 7,
	/* at TIME, path; items: blob of file data, in order */
	CONTROL_CAT = 8,
	/* from TIME, to TIME or "" for the present, path; items: changes */
	CONTROL_DIFF = 9,
	/*
	 * at TIME, "dry" or "", paths (none: the whole volume); items: u8 CONTROL_RESTORE_CHANGE
	 * and a change, at last u8 CONTROL_RESTORE_TOTALS, var added, changed, removed, renamed,
	 * bytes, i64 epoch that was restored, i64 its time, i64 epoch that undoes it
	 */
	CONTROL_RESTORE = 10,
	/* TIME; one item: i64 epoch, i64 when it ended */
	CONTROL_WHEN = 11,
	/* no argument; progress; items: the result of one check each, as in cli/answer.c */
	CONTROL_FSCK = 12,
};

enum control_restore_item {
	CONTROL_RESTORE_CHANGE = 1,
	CONTROL_RESTORE_TOTALS = 2,
};

#endif
