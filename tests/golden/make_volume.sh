#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# make_volume.sh NAME [checkpoint]: make NAME.tar, NAME.keys and NAME.list here, for test_golden.sh to hold later versions to.
#
# Made once for each version of the format, and never again: what is pinned is that bytes of the past stay readable. With
# `checkpoint` the volume has one, and the log before it is left out.
set -eu
name=$1 kind=${2:-log}
[ ! -e "$(dirname "$0")/$name.tar" ] || {
	echo "$name.tar is there already" >&2
	exit 2
}
. "$(dirname "$0")/common.sh"
printf 'golden p\303\244ssphrase' >"$work/pw"
chmod 600 "$work/pw"
export AMBERFS_PASSPHRASE_FILE=$work/pw

numbers() {
	seq "$1" "$2" | head -c "$3"
}

old_things() {
	mkdir -p folder/sub empty
	numbers 1 100000 20000 >folder/numbers
	ln folder/numbers linked
	ln -s folder/numbers symlink
	mkfifo fifo
	mknod char c 5 300
	mknod block b 259 70000
	printf 'x' >"$(printf 'odd \303\244 %%\001 name')"
	truncate -s 5000000 holes
	printf 'in the middle' | dd of=holes bs=1 seek=2500000 conv=notrunc status=none
	setfattr -n user.colour -v amber folder/numbers
	setfacl -m u:1234:rw folder/numbers
	setfacl -d -m g:99:rx folder
	printf 'heir' >folder/heir
	chown 1000:1001 linked
	chmod 4751 linked
	printf 'going' >going
	touch -d '2001-02-03 04:05:06.123456789Z' going
	touch -d '1969-12-31 23:59:58.5Z' empty
}

new_things() {
	numbers 7 100000 5000 | dd of=linked bs=1 seek=6000 conv=notrunc status=none
	cp --reflink=auto linked clone
	truncate -s 9999 linked
	fallocate -p -o 4096 -l 4096 clone
	rm going fifo
	mv folder/sub moved
	mv -T moved empty
	rename 1 char character
	rename 2 block folder/heir
	rename 2 block folder/heir
	setfattr -x user.colour folder/numbers
	chmod 600 folder/heir
	mkdir fresh
	printf 'fresh words' >fresh/file
}

last_things() {
	printf ' and more' >>fresh/file
	ln fresh/file fresh/again
	numbers 1 9 9 >folder/last
}

# rename FLAGS FROM TO: renameat2
rename() {
	python3 -c 'import ctypes, os, sys
libc = ctypes.CDLL(None, use_errno=True)
if libc.renameat2(-100, os.fsencode(sys.argv[2]), -100, os.fsencode(sys.argv[3]), int(sys.argv[1])):
    sys.exit(os.strerror(ctypes.get_errno()))' "$@"
}

# a log of more than a mebibyte, of which nothing remains
long_log() {
	python3 -c 'import os
a, b = "a" * 250, "b" * 250
open(a, "w").close()
for i in range(1500):
    os.rename(a, b)
    os.rename(b, a)
os.unlink(a)'
}

moment() {
	"$amberfs" snapshot create -C "$mnt" "$1" >/dev/null
}

code=$("$amberfs" init --json "$store" | python3 -c 'import json, sys; print(json.load(sys.stdin)["recovery_code"])')
"$amberfs" mount "$store" "$mnt"
(cd "$mnt" && old_things)
moment old
(cd "$mnt" && new_things)
moment new
moment removed
"$amberfs" snapshot delete -C "$mnt" removed >/dev/null
"$amberfs" restore -y --at old "$mnt/going" "$mnt/folder" >/dev/null
# the first is a copy now, with a key of its own from here on, since the old one is `linked`
printf 'written after' >>"$mnt/folder/numbers"
printf 'written after' >>"$mnt/folder/heir"
moment restored
if [ "$kind" = checkpoint ]; then
	(cd "$mnt" && long_log)
	"$amberfs" sync "$mnt"
	for _ in $(seq 1 100); do
		! ls "$store"/checkpoints/0* >/dev/null 2>&1 || break
		sleep 0.2
	done
	sleep 1
fi
(cd "$mnt" && last_things)
"$amberfs" umount "$mnt"
if [ "$kind" = checkpoint ]; then
	number=$(cd "$store/checkpoints" && ls -d 0* | tail -1)
	for object in "$store"/log/*; do
		[ "$(basename "$object")" \> "$number" ] || rm "$object"
	done
fi
reader verify
for at in now old new restored; do
	echo "== $at"
	if [ $at = now ]; then
		reader list
	else
		reader --at $at list
	fi
done >"$here/$name.list"
{
	echo "passphrase = $(cat "$work/pw")"
	echo "recovery code = $code"
} >"$here/$name.keys"
rm -rf "$store/.tmp"
tar -C "$store" --sort=name --owner=0 --group=0 --mtime=@0 --mode=a+rX,u+w -b 1 -cf "$here/$name.tar" .
ls -l "$here/$name.tar"
