#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# The power fails. The state folder is in an ext4 on a disk that is cut at random moments: what was written and not flushed is gone or
# there by chance. After each cut the filesystem is mounted again, then the volume, and all is there that an fsync promised (writer.py).
# Two kinds of disk, each behind a loop device: disk.py, everywhere; and dm-flakey where the kernel has it, which from the cut on fails
# every write, so that what ext4 had not written is gone.
#
#   CUTS    how often (30), on each of the disks
#   SEED    the choices of the programs, of the pauses and of disk.py; the moments are real time
. "$(dirname "$0")/common.bash"

cuts=${CUTS:-30}
seed=${SEED:-1}
loop=
flakey=
disk_pid=
part=$seed

pause() {
	local ms=$(($1 + RANDOM % ($2 - $1)))
	sleep "$((ms / 1000)).$(printf %03d $((ms % 1000)))"
}

# ---- disks: up makes $device, cut cuts it, down takes it away ----

own_up() {
	local line=
	touch "$work/disk"
	python3 "$story_here/disk.py" "$work/image" "$work/disk" "$part" >"$work/disk.told" 2>>"$work/disk.log" &
	disk_pid=$!
	read -r -t 20 line <"$work/disk.told"
	[ "$line" = ready ] && loop=$(losetup -f --show "$work/disk") && device=$loop
}

own_cut() {
	kill -USR1 "$disk_pid"
}

own_down() {
	local i
	for ((i = 0; i < 50; i++)); do
		umount "$work/disk" 2>/dev/null && break
		sleep 0.1
	done
	wait "$disk_pid" || return 1
	disk_pid=
}

flakey_table() {
	echo "0 $(blockdev --getsz "$loop") flakey $loop 0 $1"
}

flakey_up() {
	flakey=amberfs-story-$$
	loop=$(losetup -f --show "$work/image") && dmsetup create $flakey --table "$(flakey_table '180 0')" &&
		dmsetup mknodes $flakey && device=/dev/mapper/$flakey
}

# --nolockfs: nothing is written any more because of this
flakey_cut() {
	dmsetup suspend --nolockfs $flakey && dmsetup load $flakey --table "$(flakey_table '0 180 1 error_writes')" &&
		dmsetup resume $flakey
}

flakey_down() {
	dmsetup remove --retry $flakey && flakey=
}

device_up() {
	"${kind}_up" && mount -o noatime "$device" "$AMBERFS_STATE_DIR"
}

device_down() {
	local i
	for ((i = 0; i < 50; i++)); do
		umount "$AMBERFS_STATE_DIR" 2>/dev/null && break
		sleep 0.1
	done
	! is_mounted "$AMBERFS_STATE_DIR" || { echo "the state folder is busy"; return 1; }
	[ "$kind" != flakey ] || flakey_down || return 1
	losetup -d "$loop" && loop= || return 1
	[ "$kind" != own ] || own_down
}

# Whatever is left of them.
power_end() {
	local code=$? at pid
	trap '' INT TERM
	if [ -n "$work" ]; then
		for pid in $(daemon_pids "$mnt"); do
			kill -KILL "$pid" && wait_gone "$pid"
		done
		! is_mounted "$mnt" || umount -c -f "$mnt" 2>/dev/null || umount -l "$mnt"
		! is_mounted "$AMBERFS_STATE_DIR" || umount -l "$AMBERFS_STATE_DIR"
		[ -z "$flakey" ] || dmsetup remove --force --retry "$flakey"
		[ -z "$loop" ] || losetup -d "$loop"
		! is_mounted "$work/disk" || umount -l "$work/disk"
		[ -z "$disk_pid" ] || { kill -KILL "$disk_pid" && wait "$disk_pid"; } 2>/dev/null
	fi
	(exit "$code")
	story_end
}

# ---- a round ----

kill_all() {
	local pid
	for pid in $(daemon_pids "$mnt"); do
		kill -KILL "$pid" && wait_gone "$pid"
	done
	return 0
}

# Power comes and goes while the volume is recovered.
cut_while_recovering() {
	local mounting
	device_up || return 1
	volume_mount -o epoch=1,cache=64M >/dev/null 2>&1 &
	mounting=$!
	pause 250 900
	"${kind}_cut" && kill_all && wait "$mounting"
	! is_mounted "$mnt" || umount -l "$mnt"
	device_down
}

round() {
	part=$seed.$kind.$1
	device_up && volume_mount -o epoch=1,cache=64M && programs_start "$part" --cut || return 1
	pause 100 1200
	"${kind}_cut" || return 1
	pause 1 100
	kill_all && programs_end && umount -l "$mnt" && device_down || return 1
	[ $(($1 % 4)) != 0 ] || cut_while_recovering
}

disk_of() {
	kind=$1
	for ((n = 1; n <= cuts; n++)); do
		must "$kind: cut $n of $cuts" round $n
	done
}

story_begin losetup mkfs.ext4 mount blockdev
trap power_end EXIT
unset STORY_STORE
store=$work/store
store_options=()
truncate -s 400M "$work/image"
mkfs.ext4 -q "$work/image" || die "no filesystem"
mkfifo "$work/told" "$work/disk.told"
kind=own
modprobe loop 2>/dev/null
loop=$(losetup -f --show "$work/image") || skip "no loop devices"
losetup -d "$loop"
loop=
echo "SEED=$seed CUTS=$cuts"
RANDOM=$((seed % 32768))
must "a disk" device_up
story_init
check "the disk goes" device_down
disk_of own
modprobe dm-flakey 2>/dev/null
if dmsetup targets 2>/dev/null | grep -q ^flakey; then
	disk_of flakey
else
	echo "without dm-flakey: the kernel has none"
fi
grep -c ^cut: "$work/disk.log"
kind=own
must "the disk comes back" device_up
must "mount" volume_mount
check "all is what was promised" python3 "$story_here/writer.py" verify "$mnt" "$work/record"
python3 "$story_here/manifest.py" "$mnt" >"$work/manifest" || die "no manifest"
must "sync" "$AMBERFS" sync --timeout 60 "$mnt"
check "umount" volume_umount
check "the disk goes" device_down
must "mount from the store alone" volume_mount
python3 "$story_here/manifest.py" "$mnt" >"$work/manifest.store"
check "the store has all" diff "$work/manifest" "$work/manifest.store"
check "umount" volume_umount
story_verdict
