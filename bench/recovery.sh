#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# How long until a mount is usable again: after kill -9 with a full journal, beside a clean mount, and when the index has to be built
# anew.
#
#   recovery.sh [--rounds N] [--files "N N"] [--fill PERCENT] [--dir DIR] [--json FILE]
#
# Usable means: `amberfs mount` has returned, and an append with its fsync has returned on the mount. A volume with each number of files
# in --files is made, stored and unmounted; then each case runs N times:
#
#   clean         mounted after a clean unmount
#   append4k      killed after so many appends of 4 KiB, each with fsync, that they fill PERCENT of the ring
#   append100     the same with 100 bytes: more and smaller batches
#   creates       killed after 4 s of making files that nobody synced: few batches, many changes
#   away          as append100, and the store is not there meanwhile: it is back at the mount
#   index-lost    the index removed after a clean unmount, built from the store's checkpoint and log, and the journal
#   state-lost    the whole state folder removed: another machine
#
# The journal is freed behind the commits as soon as a quarter of the ring is in use, and every ten seconds (volume/absorb.c), so what waits
# is about a quarter at most: --fill is 23. A fill that takes longer than ten seconds is said to be so.
. "$(dirname "$0")/lib.bash"

rounds=3
files=(0 100000)
fill=23
json=
daemon=

usage() {
	sed -n 's/^#   \(recovery.sh .*\)/usage: \1/p' "$0" >&2
	exit 2
}

while [ $# -gt 0 ]; do
	[ $# -ge 2 ] || usage
	case $1 in
	--rounds) rounds=$2 ;;
	--files) read -ra files <<<"$2" ;;
	--fill) fill=$2 ;;
	--dir) BENCH_DIR=$2 ;;
	--json) json=$2 ;;
	*) usage ;;
	esac
	shift 2
done

now_ms() {
	echo "$((${EPOCHREALTIME/./} / 1000))"
}

# The daemon as our own child, so that we know whom to kill.
mount_child() {
	local i
	AMBERFS_STATE_DIR=$volume/state AMBERFS_PASSPHRASE_FILE=$volume/passphrase \
		"$AMBERFS" mount -f "$volume/store" "$volume/mnt" >"$volume/daemon.out" 2>&1 &
	daemon=$!
	for ((i = 0; i < 6000; i++)); do
		is_mounted "$volume/mnt" && stat "$volume/mnt" >/dev/null 2>&1 && return
		kill -0 "$daemon" 2>/dev/null || break
		sleep 0.01
	done
	die "no mount: $(tail -n 1 "$volume/daemon.out")"
}

kill_child() {
	kill -KILL "$daemon"
	wait "$daemon" 2>/dev/null
	daemon=
}

# Someone may be looking at the mount (a desktop, a scanner): try for a while.
unmount_volume() {
	local i
	for ((i = 0; i < 20; i++)); do
		amberfs_at "$volume" umount "$volume/mnt" >/dev/null 2>"$volume/umount.err" && return
		sleep 0.5
	done
	die "the unmount failed: $(tail -n 1 "$volume/umount.err")"
}

stop_volume() {
	[ -z "$daemon" ] || kill_child
	unmount "$1/mnt"
}

# timed CASE FILES FILL_MS: mount, use, and note how long it took
timed() {
	local from to
	from=$(now_ms)
	amberfs_at "$volume" mount "$volume/store" "$volume/mnt" 2>"$volume/mount.err" ||
		die "$1: no mount: $(tail -n 1 "$volume/mount.err")"
	"$WORKLOAD" append100 -n 1 "$volume/mnt" >/dev/null || die "$1: the mount cannot be used"
	to=$(now_ms)
	echo "$1 $2 $((to - from)) $3" >>"$work/results"
	echo "$2 files, $1: $((to - from)) ms" >&2
}

# fill_journal CASE: what is lost with the daemon; *filled_ms is how long it took
fill_journal() {
	local blocks from
	blocks=$(($(stat -c %s "$volume"/state/*/journal) * fill / 100 / 4096))
	from=$(now_ms)
	case $1 in
	append4k) "$WORKLOAD" append4k -n "$((blocks / 2))" "$volume/mnt" >/dev/null ;;
	append100 | away) "$WORKLOAD" append100 -n "$blocks" "$volume/mnt" >/dev/null ;;
	creates)
		mkdir "$volume/mnt/new$round"
		"$WORKLOAD" files -s 4 "$volume/mnt/new$round" >/dev/null
		;;
	esac || die "$1: the journal could not be filled"
	filled_ms=$(($(now_ms) - from))
	[ "$filled_ms" -lt 10000 ] || echo "$1: filling took $filled_ms ms: the journal was emptied meanwhile" >&2
}

killed() {
	mount_child
	[ "$1" != away ] || mv "$volume/store" "$volume/store.away"
	fill_journal "$1"
	kill_child
	[ "$1" != away ] || mv "$volume/store.away" "$volume/store"
	timed "$1" "$2" "$filled_ms"
	unmount_volume
}

bench_begin
echo "run $rounds rounds, $machine" >"$work/results"
for n in "${files[@]}"; do
	name=volume$n
	volume=$work/$name
	eval "stop_$name() { stop_volume \"\$1\"; }"
	mkdir "$volume"
	started+=("$name")
	amberfs_volume "$volume" || die 'no volume'
	amberfs_at "$volume" mount "$volume/store" "$volume/mnt" || die 'no mount'
	[ "$n" -eq 0 ] || "$WORKLOAD" files -n "$n" "$volume/mnt" >/dev/null || die 'no files'
	unmount_volume
	for ((round = 0; round < rounds; round++)); do
		timed clean "$n" 0
		unmount_volume
		for case in append4k append100 creates away; do
			killed "$case" "$n"
		done
		rm -f "$volume"/state/*/index.db*
		timed index-lost "$n" 0
		unmount_volume
		rm -rf "$volume/state"
		mkdir -m 700 "$volume/state"
		timed state-lost "$n" 0
		unmount_volume
	done
done

python3 "$(dirname "$0")/report.py" recovery "$work/results" ${json:+"$json"}
