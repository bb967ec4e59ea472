#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# fsx_hook.sh remount|evict|kill|fresh|snapshot NAME: what fsx.sh and tree.sh do to the mount that with_mount.sh made.
#
#   remount    unmount and mount
#   evict      the same, and the local copies of what is stored go
#   kill       kill -9 of the daemon, then mount
#   fresh      unmount, forget the state folder, mount from the store alone
#   snapshot   make a snapshot
#
# MOUNT_OPTIONS goes to `mount -o`, as with_mount.sh does.
set -eu

# Looking for the daemon takes long enough for it to commit what it must have committed before.
pid_file=$TEST_MOUNT.pid

mount_again() {
	"$AMBERFS" mount ${MOUNT_OPTIONS:+-o "$MOUNT_OPTIONS"} "$TEST_STORE" "$TEST_MOUNT"
	daemons >"$pid_file"
}

unmount() {
	"$AMBERFS" umount "$TEST_MOUNT" >/dev/null
}

# The processes that have `mount` and the mountpoint among their words, and run the program.
daemons() {
	local dir words word verb place exe
	exe=$(readlink -f "$AMBERFS")
	for dir in /proc/[0-9]*; do
		[ "$(readlink "$dir/exe" 2>/dev/null)" = "$exe" ] || continue
		# a process may be gone by now
		{ mapfile -d '' words <"$dir/cmdline"; } 2>/dev/null || continue
		verb='' place=''
		for word in "${words[@]}"; do
			[ "$word" != mount ] || verb=1
			[ "$word" != "$TEST_MOUNT" ] || place=1
		done
		[ -z "$verb$place" ] || [ "$verb" != "$place" ] || echo "${dir#/proc/}"
	done
}

kill_daemon() {
	local pid i
	[ -s "$pid_file" ] || daemons >"$pid_file"
	pid=$(<"$pid_file")
	[ -n "$pid" ] || {
		echo 'fsx_hook.sh: no daemon to kill'
		exit 1
	}
	kill -KILL "$pid"
	for ((i = 0; i < 300; i++)); do
		[ -d "/proc/$pid" ] && ! grep -q '^State:.*Z' "/proc/$pid/status" 2>/dev/null || return 0
		sleep 0.05
	done
	echo 'fsx_hook.sh: the daemon does not die'
	exit 1
}

# with_mount.sh looks for errors in all logs below the state folder
keep_logs() {
	local log
	find "$AMBERFS_STATE_DIR" -mindepth 2 -name '*.log*' | while IFS= read -r log; do
		cp "$log" "$(mktemp "$AMBERFS_STATE_DIR/kept.log.XXXXXX")"
	done
}

case $1 in
remount)
	unmount
	mount_again
	;;
evict)
	unmount
	find "$AMBERFS_STATE_DIR" -path '*/cache/*' -type f -delete
	mount_again
	;;
kill)
	kill_daemon
	mount_again
	;;
fresh)
	unmount
	keep_logs
	find "$AMBERFS_STATE_DIR" -mindepth 1 -maxdepth 1 -type d -exec rm -rf {} +
	mount_again
	;;
snapshot)
	"$AMBERFS" snapshot create -C "$TEST_MOUNT" "$2" >/dev/null
	;;
*)
	echo "fsx_hook.sh: what is '$1'?"
	exit 2
	;;
esac
