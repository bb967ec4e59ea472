#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# with_mount.sh COMMAND...: make a volume in a folder store, mount it, run COMMAND... MOUNTPOINT, unmount.
#
# Fails when the command fails, when the unmount does, or when the daemon logged an error. For the
# command the environment has AMBERFS, AMBERFS_STATE_DIR, AMBERFS_PASSPHRASE_FILE, TEST_STORE and
# TEST_MOUNT. MOUNT_OPTIONS (optional) goes to `mount -o`.
set -eu

if [ ! -c /dev/fuse ]; then
	echo 'SKIP: no /dev/fuse'
	exit 77
fi
# a test may go on as an ordinary user; some machines keep the device for root
if [ "$(id -u)" -eq 0 ] && [ "$(stat -c %a /dev/fuse)" != 666 ]; then
	chmod 666 /dev/fuse
fi

: "${AMBERFS:?names the program under test}"
export AMBERFS
dir=$(mktemp -d "${TMPDIR:-/tmp}/m.XXXXXX")
chmod 711 "$dir"
export AMBERFS_STATE_DIR=$dir/state AMBERFS_PASSPHRASE_FILE=$dir/passphrase
export TEST_STORE=$dir/store TEST_MOUNT=$dir/mnt
mkdir -m 700 "$AMBERFS_STATE_DIR"
mkdir "$TEST_MOUNT"
# the daemon has no stderr for the sanitizers' words
export ASAN_OPTIONS=log_path=$AMBERFS_STATE_DIR/asan.log
export UBSAN_OPTIONS=print_stacktrace=1:log_path=$AMBERFS_STATE_DIR/ubsan.log
(umask 077 && echo 'correct horse battery staple' >"$AMBERFS_PASSPHRASE_FILE")

is_mounted() {
	awk -v at="$TEST_MOUNT" '$5 == at {found = 1} END {exit !found}' /proc/self/mountinfo
}

errors_in_logs() {
	find "$AMBERFS_STATE_DIR" -name '*.log*' -exec cat {} + |
		grep -aE '^[0-9TZ:-]+ error |ERROR: (Address|Leak)Sanitizer|runtime error:'
}

"$AMBERFS" init "$TEST_STORE" >/dev/null
"$AMBERFS" mount ${MOUNT_OPTIONS:+-o "$MOUNT_OPTIONS"} "$TEST_STORE" "$TEST_MOUNT"

status=0
"$@" "$TEST_MOUNT" || status=$?
if ! is_mounted; then
	echo 'with_mount.sh: the mount went away'
	[ "$status" -ne 0 ] || status=1
elif ! "$AMBERFS" umount "$TEST_MOUNT"; then
	echo 'with_mount.sh: the unmount failed'
	[ "$status" -ne 0 ] || status=1
fi
if errors_in_logs; then
	echo 'with_mount.sh: errors in the log'
	[ "$status" -ne 0 ] || status=1
fi
exit "$status"
