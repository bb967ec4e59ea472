#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# A real server goes away: while working, while unmounting, before mounting. Between the daemon and the server is a proxy that is stopped
# (a dead line) or killed (connections refused). What a store can answer that is wrong, and uploads that are resumed: badstore.sh.
. "$(dirname "$0")/common.bash"

proxy_pid=

proxy_start() {
	local i
	python3 "$story_here/proxy.py" $proxy_port "$s3_port" 2>>"$work/proxy.log" &
	proxy_pid=$!
	pids+=("$proxy_pid")
	for ((i = 0; i < 100; i++)); do
		(exec 9<>"/dev/tcp/127.0.0.1/$proxy_port") 2>/dev/null && return 0
		sleep 0.1
	done
	return 1
}

proxy_kill() {
	kill -KILL "$proxy_pid"
	wait "$proxy_pid" 2>/dev/null
	return 0
}

# write NAME KIB: durable when it returns; a copy is kept outside.
write() {
	head -c $(($2 << 10)) /dev/urandom >"$work/want/$1" || return 1
	timeout 60 dd if="$work/want/$1" of="$mnt/$1" bs=1M conv=fsync status=none
}

same_files() {
	diff -rq "$work/want" "$mnt"
}

fast_writes() {
	local start=$SECONDS
	write "$1" 512 && write "$1.more" 64 && same_files || return 1
	[ $((SECONDS - start)) -le 15 ] || { echo "took $((SECONDS - start)) s"; return 1; }
}

story_begin diff
store_start
case $store in
s3:*) ;;
*) skip "needs the server" ;;
esac
proxy_port=$((s3_port == 19999 ? 10000 : s3_port + 1))
store="s3://story/volume?endpoint=https://127.0.0.1:$proxy_port&retries=0"
mkdir "$work/want"
must "the line is up" proxy_start
story_init
must "mount" volume_mount -o epoch=1
must "a first file" write first 2000
must "sync" "$AMBERFS" sync --timeout 60 "$mnt"

# refused
proxy_kill
check "work goes on while the store refuses" fast_writes refused
check "status says offline" wait_status state offline 60
wants 4 'reached' "sync says that the store is away" "$AMBERFS" sync --timeout 3 "$mnt"
check "something waits" test "$(status_of pending_bytes)" -gt 500000
must "the line is back" proxy_start
check "it catches up by itself" wait_status state clean 100
check "nothing waits" test "$(status_of pending_bytes)" = 0
check "all is right" same_files

# a dead line
kill -STOP "$proxy_pid"
check "work goes on on a dead line" fast_writes dead
check "status says so in time" wait_status state offline 150
kill -CONT "$proxy_pid"
must "sync when the line lives again" "$AMBERFS" sync --timeout 120 "$mnt"
check "status is clean again" wait_status state clean 30

# away at umount
proxy_kill
must "a file that is not stored" write unstored 1000
wants 4 "not unmounted.*not stored.*--no-wait" "umount says what to do" "$AMBERFS" umount "$mnt"
check "it is still mounted" same_files
check "umount --no-wait" timeout 60 "$AMBERFS" umount --no-wait "$mnt"
check "it is unmounted" test -z "$(ls -A "$mnt")"

# down at mount
wants 4 'reached' "mount says that the store is away" timeout 100 "$AMBERFS" mount "${store_options[@]}" "$store" "$mnt"
proxy_start
kill -STOP "$proxy_pid"
kill -KILL "$proxy_pid"
wait "$proxy_pid" 2>/dev/null
must "the line is back" proxy_start
must "the next mount" volume_mount -o epoch=1
check "nothing was lost" same_files
must "and stores the rest" "$AMBERFS" sync --timeout 60 "$mnt"

kill_daemon
rm -rf "$AMBERFS_STATE_DIR"
mkdir "$AMBERFS_STATE_DIR"
must "mount from the store alone" volume_mount
check "the store has all" same_files
check "umount" volume_umount
story_verdict
