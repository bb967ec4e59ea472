#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# A store that lies. One volume is made, with two checkpoints, log objects before and after them, and several packs; then copies of its
# store are changed, one thing each, and a machine that knows nothing but the passphrase mounts them. It must get the right bytes or be
# told which object is wrong; never wrong bytes. Then the same for a machine that knows what it stored: it must notice an older store.
. "$(dirname "$0")/common.bash"

files=${STORY_FILES:-5500}

# A log of more than a mebibyte, so that a checkpoint is made.
many_names() {
	python3 - "$mnt/$1" "$files" <<-'PY'
		import os, sys
		top, count = sys.argv[1], int(sys.argv[2])
		os.mkdir(top)
		for i in range(count):
		    os.close(os.open("%s/%d.%s" % (top, i, "n" * 200), os.O_CREAT | os.O_WRONLY, 0o644))
	PY
}

checkpoints() {
	find "$store/checkpoints" -maxdepth 1 -type f 2>/dev/null | sort
}

wait_checkpoint() {
	local end=$((SECONDS + 60))
	until [ "$(checkpoints | wc -l)" -gt "$1" ]; do
		[ $SECONDS -lt $end ] || return 1
		sleep 0.3
	done
}

# some files and an epoch of their own, so a log object and a pack
few_files() {
	local i
	mkdir "$mnt/$1" || return 1
	for i in 1 2 3 4 5; do
		head -c $((i * 70000)) /dev/urandom >"$mnt/$1/$i"
	done
	setfattr -n user.a -v "$1" "$mnt/$1/1"
	timeout 60 "$AMBERFS" sync --timeout 50 "$mnt"
}

# Another one with the same passphrase: its keyring and its lease are good ones, elsewhere.
make_other_volume() {
	"$AMBERFS" init "$work/other" >/dev/null && timeout 60 "$AMBERFS" mount "$work/other" "$mnt" || return 1
	cp "$work/other/lease" "$work/other-lease" || return 1
	timeout 60 "$AMBERFS" umount "$mnt"
}

make_volume() {
	volume_init && volume_mount -o epoch=1 || return 1
	few_files a1 && few_files a2 && many_names names1 && wait_checkpoint 0 || return 1
	few_files b1 && few_files b2 && many_names names2 && wait_checkpoint 1 || return 1
	few_files c1 && few_files c2 && cp -a "$store" "$work/older" || return 1
	cp -a "$AMBERFS_STATE_DIR" "$work/older-state" || return 1
	few_files d1 && rm -rf "$mnt/a1" && few_files d2 || return 1
	python3 "$story_here/manifest.py" "$mnt" >"$work/right.manifest" || return 1
	# it is there only while the volume is mounted, and after a crash
	cp "$store/lease" "$work/lease" || return 1
	timeout 60 "$AMBERFS" umount "$mnt" || return 1
	cp -a "$AMBERFS_STATE_DIR" "$work/knowing" && cp -a "$store" "$work/good"
}

# ---- one change ----

damage() {
	python3 - "$@" <<-'PY'
		import os, sys
		how, path = sys.argv[1], sys.argv[2]
		data = bytearray(open(path, "rb").read())
		os.unlink(path)
		if how.startswith("flip"):
		    data[len(data) * int(how[4:]) // 100 if how != "flip100" else -1] ^= 0x10
		elif how == "cut":
		    del data[len(data) // 2:]
		elif how == "cut1":
		    del data[-1:]
		elif how == "longer":
		    data += b"\0"
		elif how == "empty":
		    del data[:]
		elif how == "swap":
		    other = bytes(open(sys.argv[3], "rb").read())
		    os.unlink(sys.argv[3])
		    open(sys.argv[3], "wb").write(data)
		    data = other
		if how != "remove":
		    open(path, "wb").write(data)
	PY
}

fresh_store() {
	rm -rf "$store" "$AMBERFS_STATE_DIR"
	mkdir "$AMBERFS_STATE_DIR"
	cp -al "$work/good" "$store"
}

leave() {
	local pid
	pid=$(daemon_pid "$mnt")
	is_mounted "$mnt" && timeout 60 "$AMBERFS" umount --no-wait "$mnt"
	[ -z "$pid" ] || wait_gone "$pid"
}

# The mount that may fail: its exit code in code, one line on stderr that names the object.
try_mount() {
	code=0
	timeout 60 "$AMBERFS" mount -o epoch=1 "$store" "$mnt" >"$work/out" 2>"$work/err" || code=$?
	drop_progress
	[ $code = 0 ] || { [ "$(wc -l <"$work/err")" = 1 ] && grep -q '^amberfs: ' "$work/err"; } || code=bad
}

read_all() {
	timeout 120 python3 "$story_here/manifest.py" "$mnt" >"$work/now.manifest" 2>"$work/manifest.err" || return 1
	unreadable=$(python3 "$story_here/manifest.py" --same-or-eio "$work/right.manifest" "$work/now.manifest" 2>&1)
}

# expect WANT NAME OBJECT: WANT is refused (exit 5 and the object's name), right (all is right), eio (the mount is usable, some
# files are EIO and the log names the object) or harmless (right or eio or refused).
expect() {
	local want=$1 name=$2 object=$3 got
	try_mount
	unreadable=
	case $code in
	0)
		if ! read_all; then
			got="unreadable: $(tail -n 1 "$work/manifest.err")"
		elif [ "$unreadable" = 0 ]; then
			got=right
		elif [[ $unreadable =~ ^[0-9]+$ ]]; then
			got="eio"
			grep -rqsF "$object" "$AMBERFS_STATE_DIR"/*/daemon.log || got="eio without a name in the log"
		else
			got="WRONG: $unreadable"
		fi
		;;
	5)
		got=refused
		grep -qF "$object" "$work/err" || got="refused without a name: $(cat "$work/err")"
		;;
	*) got="exit $code: $(cat "$work/err")" ;;
	esac
	leave
	if [ "$got" = "$want" ] || { [ "$want" = harmless ] && [[ $got =~ ^(right|eio|refused)$ ]]; }; then
		ok "$name: $got"
	else
		fail "$name: $got instead of $want"
	fi
}

# object WANT FILE OTHER NAME HOW...: each way of damage on a copy of its own.
object() {
	local want=$1 file=$2 other=$3 name=$4 how
	shift 4
	for how; do
		fresh_store
		damage "$how" "$store/$file" "$store/$other"
		expect "$want" "$name $how" "$file"
	done
}

# ---- the evil ----

story_begin setfattr
unset STORY_STORE
store=$work/store
store_options=()
must "a volume with two checkpoints" make_volume
must "another volume" make_other_volume
cd "$work/good" || exit 1
mapfile -t logs < <(find log -type f | sort)
# of the last two folders: all that is in them is still there to be read
mapfile -t packs < <(comm -23 <(find packs -type f -size +300k | sort) <(cd "$work/older" && find packs -type f | sort))
mapfile -t manifests < <(find checkpoints -maxdepth 1 -type f | sort)
mapfile -t parts < <(find checkpoints/parts -type f | sort)
keyring=$(find keyring -type f)
newest=${manifests[-1]}
# the first log object after the newest checkpoint
after=log/$(printf %016x $((16#${newest##*/} + 1)))
[ ${#packs[@]} = 2 ] || die "${#packs[@]} packs instead of two"
echo "${#logs[@]} log objects, ${#packs[@]} packs, ${#manifests[@]} checkpoints, ${#parts[@]} parts"
cd /
# the parts of the newest checkpoint are those written last
part=$(cd "$work/good" && find checkpoints/parts -type f -printf '%T@ %p\n' | sort -n | tail -n 1 | cut -d ' ' -f 2)
other_part=${parts[0]}
[ "$other_part" != "$part" ] || other_part=${parts[1]}

fresh_store
expect right "nothing changed" ''
object refused "$keyring" '' keyring flip0 flip50 flip99 flip100 cut cut1 longer empty
fresh_store
damage remove "$store/$keyring"
wants 1 keyring "keyring remove" "$AMBERFS" mount "$store" "$mnt"
fresh_store
rm "$store/$keyring"
cp "$work/other/$(cd "$work/other" && find keyring -type f)" "$store/$keyring"
expect refused "keyring of another volume" "$newest"
object refused "$after" "${logs[-1]}" "log" flip0 flip5 flip50 flip100 cut cut1 longer empty remove swap
object right "${logs[1]}" '' "log before the checkpoint" flip50 remove
object refused "$newest" "${manifests[0]}" "checkpoint manifest" flip0 flip50 flip100 cut cut1 longer empty swap
object right "$newest" '' "checkpoint manifest" remove
object refused "$part" "$other_part" "checkpoint part" flip0 flip50 flip100 cut cut1 longer empty remove swap
for how in flip0 flip50 flip100 cut cut1 longer empty remove; do
	fresh_store
	cp "$work/lease" "$store/lease"
	damage $how "$store/lease"
	want=refused
	[ $how != remove ] || want=right
	expect $want "lease $how" lease
done
fresh_store
cp "$work/lease" "$store/lease"
expect right "lease of a crash" ''
fresh_store
cp "$work/other-lease" "$store/lease"
expect refused "lease of another volume" lease
object eio "${packs[0]}" "${packs[1]}" "pack" flip5 flip50 cut empty remove
object harmless "${packs[0]}" '' "pack" flip100 cut1 longer
fresh_store
damage swap "$store/${packs[0]}" "$store/${packs[1]}"
expect eio "pack swap" "${packs[0]%/*}"
fresh_store
rm "$store/$newest" && damage flip50 "$store/${logs[-2]}"
expect refused "a checkpoint withheld and a log object changed" "${logs[-2]}"
fresh_store
damage remove "$store/${logs[-3]}"
expect refused "a log object in the middle removed" "${logs[-3]}"

# ---- what a machine that saw more notices ----

# knows NAME WORDS: with the state folder that saw the newest store.
knows() {
	rm -rf "$AMBERFS_STATE_DIR"
	cp -a "$work/knowing" "$AMBERFS_STATE_DIR"
	wants 5 "$2" "$1" "$AMBERFS" mount "$store" "$mnt"
	leave
}

fresh_store
rm -rf "$AMBERFS_STATE_DIR"
cp -a "$work/knowing" "$AMBERFS_STATE_DIR"
expect right "the machine that knows the store" ''
fresh_store
rm -rf "$store"
cp -a "$work/older" "$store"
knows "the whole store is older" 'older than what was seen'
fresh_store
damage remove "$store/${logs[-1]}"
knows "the newest log object is gone" "${logs[-1]}"
fresh_store
damage flip50 "$store/${logs[-1]}"
knows "the newest log object is another" "${logs[-1]}"
fresh_store
rm -f "$store"/log/*
knows "all log objects are gone" 'log/'
fresh_store
rm -rf "$store"/log "$store"/checkpoints "$store"/packs
knows "only the keyring is left" 'log/'
# and a machine whose memory is older simply goes on
fresh_store
rm -rf "$AMBERFS_STATE_DIR"
cp -a "$work/older-state" "$AMBERFS_STATE_DIR"
expect right "an older machine catches up" ''
check "no assertion failed" bash -c "! grep -rE 'CHECK|[Aa]ssert' '$AMBERFS_STATE_DIR'/*/daemon.log"
story_verdict
