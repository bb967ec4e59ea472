#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A volume with everything that amberfs can do, read again by reader.py, which knows the format only: now, and as it was.
set -u
. "$(dirname "$0")/common.sh"
for program in setfattr setfacl fallocate; do
	command -v $program >/dev/null || skip "needs $program"
done
(umask 077 && echo 'correct horse battery staple' >"$work/pw")
export AMBERFS_PASSPHRASE_FILE=$work/pw

mounted() {
	"$amberfs" mount -o epoch=1 "$store" "$mnt"
}

snapshot() {
	"$amberfs" snapshot create -C "$mnt" "$1" >/dev/null
}

# rename FLAGS FROM TO: renameat2
rename() {
	python3 -c 'import ctypes, os, sys
libc = ctypes.CDLL(None, use_errno=True)
if libc.renameat2(-100, os.fsencode(sys.argv[2]), -100, os.fsencode(sys.argv[3]), int(sys.argv[1])):
    sys.exit(os.strerror(ctypes.get_errno()))' "$@"
}

first_things() {
	mkdir -p d/sub/deep e/empty "odd %name	$(printf '\377\001')"
	echo 'first words' >d/file
	ln d/file e/outside
	ln d/file d/inside
	ln -s ../e/outside d/link
	ln d/link d/link2
	mkfifo d/fifo
	mknod d/null c 1 3
	mknod d/disk b 259 70000
	python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind("d/socket")'
	head -c 9000000 /dev/urandom >big
	head -c 4096 /dev/urandom >page
	head -c 4097 /dev/urandom >page-and-one
	: >none
	truncate -s 100M holes
	echo middle | dd of=holes bs=1 seek=60000000 conv=notrunc status=none
	setfattr -n user.colour -v amber d/file
	setfattr -n user.empty d
	setfattr -n trusted.big -v "0x$(head -c 4000 /dev/urandom | od -An -tx1 | tr -d ' \n')" big
	setfattr -h -n trusted.of-link -v x d/link
	setfacl -m u:1234:rwx,g:99:r big
	setfacl -d -m u:1234:rx e
	mkdir e/heir
	echo inherits >e/heir/file
	chown 1000:1001 page
	chmod 6755 page-and-one
	chmod 1777 e
	touch -d '1960-02-03 04:05:06.789' none
	touch -h -d '2100-01-01' d/link
}

second_things() {
	echo 'second words, and more of them' >d/file
	printf 'XX' | dd of=big bs=1 seek=4095 conv=notrunc status=none
	head -c 3000000 /dev/urandom | dd of=big bs=1M seek=2 conv=notrunc status=none
	fallocate -p -o 5000000 -l 1000001 big
	fallocate -l 20000 page
	cp --reflink=auto --sparse=auto big clone
	python3 -c 'import os
a, b = os.open("big", os.O_RDONLY), os.open("part", os.O_RDWR | os.O_CREAT)
os.copy_file_range(a, b, 40960, 8192, 4096)
os.copy_file_range(a, b, 10001, 77, 60000)'
	touch part
	truncate -s 7777777 big
	truncate -s 100 page-and-one
	truncate -s 9000 page-and-one
	chmod 640 clone
	setfattr -x user.colour d/file
	setfattr -n user.other -v thing d/file
	setfacl -m u:1234:r clone
	chmod 607 e/heir/file
	rename 1 page page-moved
	rename 2 d/sub e/empty
	rename 0 none d/inside
	mv d/link e/link
	mkdir over gone
	mv over gone
	mkdir over
	mv -T gone/over over
	rm d/fifo
	rmdir gone
	exec 9>unlinked-open
	head -c 50000 /dev/urandom >&9
	rm unlinked-open
	exec 9>&-
}

third_things() {
	rm -r e/heir d/disk holes
	echo third >d/file
	echo new >e/new
	mkdir -p f/g/h
	head -c 300000 /dev/urandom >f/g/h/x
	mv e/empty f/moved
	echo again >>big
}

# Inside the mount, in the past or now, against the reader.
compare() {
	"$here/tree.py" "$1" >"$work/want" || return 1
	reader ${2:+--at "$2"} list >"$work/got" || return 1
	diff "$work/want" "$work/got"
}

compare_copy() {
	local xattrs=
	rm -rf "$work/copy"
	mkdir "$work/copy"
	reader --at "$2" extract "$work/copy" 2>"$work/notes" || return 1
	[ ! -s "$work/notes" ] || xattrs=--no-xattrs # the disk here does not have them
	"$here/tree.py" --copy $xattrs "$1" >"$work/want"
	"$here/tree.py" --copy $xattrs "$work/copy" >"$work/got"
	diff "$work/want" "$work/got" || return 1
	[ "$(du -k "$work/copy" | tail -1 | cut -f1)" -lt 100000 ] || echo "holes were filled"
}

# Everything that the reader can be asked of what is stored now.
compare_all() {
	local when=$1 name
	"$amberfs" sync "$mnt" || return 1
	check "$when: the newest state" compare "$mnt"
	for name in $2; do
		check "$when: at $name" compare "$mnt/.snapshots/$name" "$name"
	done
	check "$when: verify" reader verify
}

step() {
	(set -eu && cd "$mnt" && "$1") || {
		echo "FAIL $1 on the mount"
		exit 1
	}
}

code=$("$amberfs" init --json "$store" | python3 -c 'import json, sys; print(json.load(sys.stdin)["recovery_code"])') ||
	exit 1
mounted || exit 1
step first_things
snapshot one
step second_things
snapshot two
step third_things
snapshot three
snapshot removed
"$amberfs" snapshot delete -C "$mnt" removed >/dev/null
compare_all 'log alone' 'one two three'
check 'a copy of one' compare_copy "$mnt/.snapshots/one" one
check 'a copy of two' compare_copy "$mnt/.snapshots/two" two

# a folder with a file that has a name outside, a single file, then all of it, then back
check 'restore a folder' "$amberfs" restore -y --at one "$mnt/d"
check 'restore a file' "$amberfs" restore -y --at two "$mnt/clone"
snapshot four
check 'restore all' "$amberfs" restore -y --at one "$mnt"
snapshot five
check 'and undo it' "$amberfs" restore -y --at four "$mnt"
snapshot six
compare_all 'restored' 'one two three four five six'

# more than a mebibyte of log, so that a checkpoint comes
mkdir "$mnt/many"
long=$(printf '%0230d' 0)
(cd "$mnt/many" && seq -f "$long-%g" 1 4500 | xargs touch)
for _ in $(seq 1 150); do
	ls "$store"/checkpoints/0* >/dev/null 2>&1 && break
	sleep 0.2
done
check 'a checkpoint was made' ls "$store"/checkpoints/
echo after >"$mnt/after-the-checkpoint"
check 'restore from before the checkpoint' "$amberfs" restore -y --at two "$mnt/page-moved" "$mnt/big"
snapshot seven
compare_all 'checkpoint' 'one four seven'
# the restored folder's file is a new one, since the old one had another name outside
check 'restore a folder again' "$amberfs" restore -y --at two "$mnt/d"
check 'what restore made can be written' sh -c "echo more >>'$mnt/d/file' && sync '$mnt/d/file'"
compare_all 'written' 'seven'
check 'a time' reader --at "@$(date +%s)" list
check 'umount' "$amberfs" umount "$mnt"

printf '%s\n' "$code" | tr 'A-Z-' 'a-z ' >"$work/code"
check 'the recovery code, as people type it' "$here/reader.py" "$store" --recovery-code-file "$work/code" epochs
echo wrong >"$work/wrong"
refuses() {
	! "$@" >"$work/out" 2>&1
}
check 'a wrong passphrase is refused' refuses "$here/reader.py" "$store" --passphrase-file "$work/wrong" epochs
last=$(find "$store/log" -type f | sort | tail -1)
printf x | dd of="$last" bs=1 seek=100 conv=notrunc status=none
check 'a changed object is refused' refuses reader list
rm "$(find "$store/log" -type f | sort | tail -2 | head -1)"
check 'a gap is refused' refuses reader list
verdict
