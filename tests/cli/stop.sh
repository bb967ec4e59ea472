#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# SIGTERM to the daemon is an orderly end: what programs wrote is kept, also in files that are still open, and it never
# hangs, however early it comes. Needs $AMBERFS.
set -u
[ "$(id -u)" -eq 0 ] && [ -w /dev/fuse ] || {
	echo 'SKIP: needs root and /dev/fuse'
	exit 77
}
dir=$(mktemp -d)
mnt=$dir/mnt
export AMBERFS_STATE_DIR=$dir/state AMBERFS_PASSPHRASE_FILE=$dir/pass
trap 'umount -l "$mnt" 2>/dev/null; [ -z "${daemon:-}" ] || kill -9 "$daemon" 2>/dev/null; rm -rf "$dir"' EXIT
mkdir "$mnt"
echo 'a passphrase' >"$dir/pass"
chmod 600 "$dir/pass"
failed=0

say() {
	echo "$*"
	case $1 in FAIL) failed=1 ;; esac
}

# Mount in the foreground, so that the daemon's pid is known.
start() {
	"$AMBERFS" mount "$dir/store" "$mnt" -f 2>"$dir/log" &
	daemon=$!
	for _ in $(seq 100); do
		mountpoint -q "$mnt" && return 0
		sleep 0.05
	done
	return 1
}

stop() {
	kill -TERM "$daemon"
	for _ in $(seq 200); do
		kill -0 "$daemon" 2>/dev/null || {
			wait "$daemon" 2>/dev/null
			return 0
		}
		sleep 0.05
	done
	return 1
}

"$AMBERFS" init "$dir/store" >/dev/null || exit 1

start || say FAIL 'the mount appears'
exec 9>"$mnt/open-file"
head -c 300000 /dev/zero >&9
if stop; then say ok 'SIGTERM ends the daemon'; else say FAIL 'SIGTERM ends the daemon'; fi
exec 9>&-
start || say FAIL 'the mount appears again'
size=$(stat -c %s "$mnt/open-file" 2>/dev/null)
if [ "$size" = 300000 ]; then
	say ok 'what was written to an open file is there'
else
	say FAIL "what was written to an open file is there: size ${size:-none}"
fi
stop || say FAIL 'the second end'

for i in $(seq 10); do
	start || {
		say FAIL "mount $i appears"
		break
	}
	stop || {
		say FAIL "end $i, right after the mount"
		break
	}
done
[ "$failed" -ne 0 ] || say ok 'ten ends right after the mount'
exit "$failed"
