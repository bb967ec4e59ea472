#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Volumes that earlier versions made: the program of today and reader.py still read in them what was there.
set -u
. "$(dirname "$0")/common.sh"

# What the list says of a moment.
wanted() {
	sed -n "/^== $1\$/,/^== /p" "$list" | grep -v '^== '
}

compare_reader() {
	local moment=$1 at=
	shift
	[ "$moment" = now ] || at="--at $moment"
	"$here/reader.py" "$store" "$@" $at list >"$work/got" || return 1
	wanted "$moment" | diff - "$work/got"
}

compare_mount() {
	local tree=$mnt
	[ "$1" = now ] || tree=$mnt/.snapshots/$1
	"$here/tree.py" "$tree" >"$work/got" || return 1
	wanted "$1" | diff - "$work/got"
}

changes_nothing() {
	tar -C "$store" --exclude=./.tmp -df "$tar" || return 1
	[ "$(find "$store" -type f | wc -l)" = "$(tar -tf "$tar" | grep -vc '/$')" ]
}

for tar in "$here"/volume-*.tar; do
	[ -e "$tar" ] || skip "no volumes"
	name=$(basename "$tar" .tar)
	list=$here/$name.list
	moments=$(sed -n 's/^== //p' "$list")
	rm -rf "$store" "$work/state"
	mkdir "$store" "$work/state"
	tar -C "$store" -xf "$tar" || exit 1
	(umask 077 && sed -n 's/^passphrase = //p' "$here/$name.keys" >"$work/pw" &&
		sed -n 's/^recovery code = //p' "$here/$name.keys" >"$work/code")

	for moment in $moments; do
		check "$name reader $moment" compare_reader "$moment" --passphrase-file "$work/pw"
	done
	check "$name reader with the recovery code" compare_reader now --recovery-code-file "$work/code"
	check "$name reader verify" reader verify

	check "$name mount read-only" "$amberfs" mount -o ro --recovery-code-file "$work/code" "$store" "$mnt"
	for moment in $moments; do
		check "$name mount read-only $moment" compare_mount "$moment"
	done
	check "$name umount" "$amberfs" umount "$mnt"
	check "$name is unchanged" changes_nothing

	check "$name mount" "$amberfs" mount --passphrase-file "$work/pw" "$store" "$mnt"
	for moment in $moments; do
		check "$name mount $moment" compare_mount "$moment"
	done
	check "$name takes a restore" "$amberfs" restore -y --at old "$mnt"
	check "$name takes a file" sh -c "echo today >'$mnt/today'"
	check "$name umount again" "$amberfs" umount "$mnt"
	check "$name reader verify again" reader verify
	check "$name reader restored" compare_reader old --passphrase-file "$work/pw"
done
verdict
