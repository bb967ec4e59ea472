#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Programs write and the daemon is killed at random moments: while they work, while it recovers, uploads, restores, takes a snapshot or
# ends. After the next mount all is there that an fsync promised, and in the end in the store alone. What each program checks is at the
# head of writer.py.
#
#   KILLS   how often (100)
#   SEED    the choices of the programs and the pauses; the moments are real time, so a run is not repeated exactly
. "$(dirname "$0")/common.bash"

kills=${KILLS:-100}
seed=${SEED:-1}
killed=0
snapshots=()
declare -A counts=()

# between $1 and $2 milliseconds
pause() {
	local ms=$(($1 + RANDOM % ($2 - $1)))
	sleep "$((ms / 1000)).$(printf %03d $((ms % 1000)))"
}

# ---- the programs ----

programs_stop() {
	kill -TERM "$programs" || return 1
	programs_end
}

# ---- kills ----

# The daemon, which may have ended by itself.
kill_now() {
	local pid found=1
	for pid in $(daemon_pids "$mnt"); do
		kill -KILL "$pid" 2>/dev/null && wait_gone "$pid" && found=0
	done
	[ $found != 0 ] || killed=$((killed + 1)) counts[$1]=$((${counts[$1]:-0} + 1))
	return 0
}

while_working() {
	pause 150 900
	kill_now working
}

# before the words of a restart are all said, too
while_beginning() {
	pause 1 100
	kill_now beginning
}

# asked COMMAND...: amberfs is asked for something and the daemon killed before or after it answers; in answer is the exit code.
asked() {
	local pid kind=$1 longest=$2
	shift 2
	timeout 30 "$AMBERFS" "$@" >"$work/asked" 2>&1 &
	pid=$!
	pause 1 "$longest"
	kill_now "$kind"
	answer=0
	wait "$pid" || answer=$?
}

while_storing() {
	pause 100 600
	asked storing 500 sync "$mnt"
}

# The tree has two states. One restore brings the other one.
while_restoring() {
	local to=one
	[ "$tree" = two ] || to=two
	pause 50 300
	asked restoring 60 restore --at "$to" --yes "$mnt/tree"
	[ $answer != 0 ] || tree=$to
}

# A snapshot holds what was written before, fsynced or not.
while_snapshotting() {
	local name=taken$1
	pause 50 300
	echo "$name" >"$mnt/witness"
	asked snapshotting 80 snapshot create -C "$mnt" "$name"
	[ $answer != 0 ] || snapshots+=("$name")
}

while_ending() {
	pause 100 400
	programs_stop || return 1
	asked ending 120 umount "$mnt"
	! is_mounted "$mnt" || [ $answer != 0 ] || { echo "still mounted"; return 1; }
}

while_recovering() {
	local pid
	volume_mount -o epoch=1 >/dev/null 2>&1 &
	pid=$!
	# the passphrase takes most of the first half
	pause 200 900
	kill_now recovering
	wait "$pid"
	return 0
}

# ---- what must be there ----

tree_is() {
	python3 "$story_here/manifest.py" "$mnt/tree" >"$work/tree" && cmp -s "$work/tree" "$work/tree.$1"
}

# The state that was acknowledged, or the other one when the answer never came.
tree_check() {
	tree_is "$tree" && return 0
	if [ "$1" = restoring ] && [ "$answer" != 0 ]; then
		[ "$tree" = one ] && tree=two || tree=one
		tree_is "$tree" && return 0
	fi
	echo "the tree is not as it was"
	diff "$work/tree" "$work/tree.$tree"
	return 1
}

snapshots_check() {
	local name
	"$AMBERFS" snapshot list -C "$mnt" >"$work/snapshots" || return 1
	for name in "${snapshots[@]: -3}"; do
		grep -qw "$name" "$work/snapshots" || { echo "snapshot $name is gone"; return 1; }
		[ "$("$AMBERFS" cat --at "$name" "$mnt/witness")" = "$name" ] || { echo "snapshot $name has another state"; return 1; }
	done
}

# What the round $1 did is checked, and what the programs remember.
mount_and_check() {
	volume_mount -o epoch=1 && programs_start "$seed.$2" || return 1
	case $1 in
	restoring) tree_check "$1" ;;
	snapshotting) snapshots_check ;;
	esac
}

plan=(working storing restoring snapshotting ending working storing restoring snapshotting beginning)

round() {
	local kind=${plan[$1 % ${#plan[@]}]}
	"while_$kind" "$1" || return 1
	[ "$kind" = ending ] || programs_end || return 1
	[ $(($1 % 3)) != 0 ] || while_recovering || return 1
	[ $(($1 % 6)) != 0 ] || while_recovering || return 1
	mount_and_check "$kind" "$1"
}

# Two states of one tree, and a snapshot of each.
tree_make() {
	local i
	mkdir -p "$mnt/tree/deep" || return 1
	for ((i = 0; i < 60; i++)); do
		echo "one $i" >"$mnt/tree/$i"
	done
	"$AMBERFS" snapshot create -C "$mnt" one >/dev/null && tree_manifest one || return 1
	rm "$mnt"/tree/1?
	mv "$mnt/tree/deep" "$mnt/tree/deeper"
	for ((i = 20; i < 60; i++)); do
		echo "and then two $i" >"$mnt/tree/$i"
		mv "$mnt/tree/$i" "$mnt/tree/deeper/$((i % 50))"
	done
	"$AMBERFS" snapshot create -C "$mnt" two >/dev/null && tree_manifest two && tree=two
}

tree_manifest() {
	python3 "$story_here/manifest.py" "$mnt/tree" >"$work/tree.$1"
}

story_begin
unset STORY_STORE
store=$work/store
store_options=()
echo "SEED=$seed KILLS=$kills"
RANDOM=$((seed % 32768))
mkfifo "$work/told"
story_init
must "mount" volume_mount -o epoch=1
must "a tree with two states" tree_make
must "the programs begin" programs_start "$seed.0"
for ((n = 1; killed < kills; n++)); do
	must "round $n (${plan[n % ${#plan[@]}]}), $((killed + 1)) of $kills" round $n
	[ "$n" -le $((3 * kills)) ] || die "too few are killed"
done
for kind in "${!counts[@]}"; do
	echo "killed while $kind: ${counts[$kind]}"
done
check "the programs end" programs_stop
must "sync" "$AMBERFS" sync --timeout 60 "$mnt"
python3 "$story_here/manifest.py" "$mnt" >"$work/manifest" || die "no manifest"
kill_daemon
rm -rf "$AMBERFS_STATE_DIR"
mkdir "$AMBERFS_STATE_DIR"
must "mount from the store alone" volume_mount
python3 "$story_here/manifest.py" "$mnt" >"$work/manifest.store"
check "the store has all" diff "$work/manifest" "$work/manifest.store"
check "and it is what was promised" python3 "$story_here/writer.py" verify "$mnt" "$work/record"
check "the tree is as it was" tree_check ''
check "the snapshots are there" snapshots_check
check "umount" volume_umount
check "no errors in the daemon's logs" no_errors_in_logs
story_verdict
