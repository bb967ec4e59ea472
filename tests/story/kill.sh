#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Programs write, the daemon is killed at random moments (also while it recovers), and all that an fsync promised is there after the next
# mount, and in the end in the store alone. KILLS says how often (20), SEED repeats a run's moments and choices.
. "$(dirname "$0")/common.bash"

kills=${KILLS:-20}
seed=${SEED:-$(date +%s)}
roles=(pages append replace wal full extra)

# between $1 and $2 milliseconds
pause() {
	local ms=$(($1 + RANDOM % ($2 - $1)))
	sleep "$((ms / 1000)).$(printf %03d $((ms % 1000)))"
}

writers_start() {
	local role
	writers=()
	for role in "${roles[@]}"; do
		timeout 60 python3 "$story_here/writer.py" write "$role" "$mnt" "$work/record.$role" "$seed.$1.$role" \
			>"$work/writer.$role" 2>&1 &
		writers+=($!)
	done
	pids+=("${writers[@]}")
}

# They end by themselves, because the mount died under them.
writers_end() {
	local i bad=0
	for i in "${!writers[@]}"; do
		wait "${writers[i]}" || { bad=1; echo "${roles[i]}: exit $?: $(tail -n 2 "$work/writer.${roles[i]}")"; }
	done
	pids=()
	return $bad
}

verify() {
	local role i bad=0 verifiers=()
	for role in "${roles[@]}"; do
		timeout 60 python3 "$story_here/writer.py" verify "$role" "$mnt" "$work/record.$role" >"$work/verify.$role" 2>&1 &
		verifiers+=($!)
	done
	for i in "${!roles[@]}"; do
		wait "${verifiers[i]}" || { bad=1; echo "${roles[i]}: $(tail -n 2 "$work/verify.${roles[i]}")"; }
	done
	return $bad
}

# One that is killed on its way.
mount_and_kill() {
	local pid mounting
	volume_mount -o epoch=1 >/dev/null 2>&1 &
	mounting=$!
	pause 600 2500
	pid=$(daemon_pid "$mnt")
	[ -z "$pid" ] || { kill -KILL "$pid" && wait_gone "$pid"; }
	wait "$mounting"
	return 0
}

round() {
	writers_start "$1"
	case $(($1 % 4)) in
	1) pause 50 400 ;;
	*) pause 300 1600 ;;
	esac
	if [ $(($1 % 5)) = 0 ]; then
		timeout 20 "$AMBERFS" sync "$mnt" >/dev/null 2>&1 &
		pause 10 300
	fi
	kill_daemon || return 1
	writers_end || return 1
	[ $(($1 % 3)) != 0 ] || mount_and_kill
	volume_mount -o epoch=1 || return 1
	verify
}

story_begin
unset STORY_STORE
store=$work/store
store_options=()
echo "SEED=$seed KILLS=$kills"
RANDOM=$((seed % 32768))
story_init
must "mount" volume_mount -o epoch=1
for ((n = 1; n <= kills; n++)); do
	must "kill $n of $kills" round $n
done
wc -c "$work"/record.* | tail -n 1
must "sync" "$AMBERFS" sync --timeout 60 "$mnt"
python3 "$story_here/manifest.py" "$mnt" >"$work/manifest" || die "no manifest"
kill_daemon
rm -rf "$AMBERFS_STATE_DIR"
mkdir "$AMBERFS_STATE_DIR"
must "mount from the store alone" volume_mount
python3 "$story_here/manifest.py" "$mnt" >"$work/manifest.store"
check "the store has all" diff "$work/manifest" "$work/manifest.store"
check "and it is what was promised" verify
check "umount" volume_umount
check "no errors in the daemon's logs" no_errors_in_logs
story_verdict
