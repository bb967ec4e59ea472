#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# limit.sh SECONDS COMMAND...: run one test so that it cannot harm the next one.
#
# The test gets a temporary folder of its own (TMPDIR, also its HOME), no input, its own process group and SECONDS of
# time. When it ends, its group is killed, what it left mounted below the folder is unmounted lazily, and
# the folder is removed. The exit status is the test's; 124 when its time was up.
set -u

limit=$1
shift
# a short name: the path of a Unix socket below it has 107 bytes at most
dir=$(mktemp -d "${TMPDIR:-/tmp}/amberfs.XXXXXX") || exit 99
chmod 711 "$dir" # a test may go on as another user
started=$EPOCHREALTIME

mounts() {
	# the mountpoint is the fifth field, with its blanks in octal
	awk -v dir="$dir/" 'index($5, dir) == 1 {print $5}' /proc/self/mountinfo | sort -r
}

clean_up() {
	# the group's id is that of the shell's child: job control gives each its own
	[ -z "${pid-}" ] || kill -KILL -- "-$pid" 2>/dev/null
	mounts | while IFS= read -r at; do
		at=$(printf '%b' "$at")
		echo "limit.sh: left mounted: $at"
		fusermount3 -uz "$at" 2>/dev/null || umount -l "$at"
	done
	if [ -n "$(mounts)" ]; then
		echo "limit.sh: cannot unmount everything below $dir" >&2
	else
		rm -rf --one-file-system "$dir"
	fi
}

pid=
trap 'clean_up; exit 130' INT TERM HUP
set -m
unset XDG_STATE_HOME XDG_CONFIG_HOME AMBERFS_STATE_DIR AMBERFS_PASSPHRASE_FILE AMBERFS_PASSPHRASE_COMMAND
HOME=$dir TMPDIR=$dir timeout --kill-after=10 "$limit" "$@" </dev/null &
pid=$!
wait "$pid"
status=$?
set +m
clean_up
[ "$status" != 137 ] || status=124
[ "$status" != 124 ] || echo "limit.sh: not done after $limit seconds"
awk -v a="$started" -v b="$EPOCHREALTIME" 'BEGIN {printf "limit.sh: took %.1f s\n", b - a}'
exit "$status"
