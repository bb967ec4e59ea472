#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# From a fresh checkout on Debian 12 to a mounted, encrypted folder: build, make a volume in a folder
# under your home, mount it. Run it again whenever you like: it does only what is still to do.
#
#   AMBERFS_QUICKSTART_DIR   where to put everything; default ~/amberfs:
#       store/        the encrypted volume
#       Amber/        the mounted folder
#   Without a terminal a passphrase is made up and kept in passphrase.txt there, and the recovery code
#   in recovery-code.txt, both readable by you only.
set -eu
cd "$(dirname "$0")"

home=$(realpath -m "${AMBERFS_QUICKSTART_DIR:-$HOME/amberfs}")
store=$home/store
mountpoint=$home/Amber
passphrase_file=$home/passphrase.txt
recovery_file=$home/recovery-code.txt
amberfs=$PWD/build/amberfs

die() {
	echo "quickstart.sh: $*" >&2
	exit 1
}

need_packages() {
	local missing=() name
	for name in build-essential autoconf automake pkg-config fuse3 libfuse3-dev libssl-dev \
		libcurl4-openssl-dev libsqlite3-dev libxxhash-dev libexpat1-dev; do
		dpkg-query -W -f '${db:Status-Status}\n' "$name" 2>/dev/null | grep -qx installed ||
			missing+=("$name")
	done
	[ "${#missing[@]}" -gt 0 ] || return 0
	echo "Installing ${missing[*]}"
	local root=()
	if [ "$(id -u)" -ne 0 ]; then
		command -v sudo >/dev/null ||
			die "not root and no sudo: install these yourself: ${missing[*]}"
		root=(sudo)
	fi
	"${root[@]}" apt-get -qq update
	"${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq install -y -o DPkg::Lock::Timeout=120 \
		--no-install-recommends "${missing[@]}" >/dev/null
}

build() {
	[ ! -e config.status ] ||
		die "this folder is configured for a build in place: run 'make distclean' first"
	[ -x "$amberfs" ] || echo 'Building amberfs (a minute)'
	mkdir -p build
	[ -x configure ] || ./autogen.sh >build/quickstart.log 2>&1 ||
		die "autogen.sh failed: see build/quickstart.log"
	(
		cd build
		[ -f Makefile ] || ../configure -q
		make -s -j"$(nproc)"
	) >>build/quickstart.log 2>&1 || die 'the build failed: see build/quickstart.log'
}

is_mounted() {
	# the mountpoint is the fifth field, with its blanks in octal
	awk '{print $5}' /proc/self/mountinfo | while IFS= read -r at; do printf '%b\n' "$at"; done |
		grep -qxF "$mountpoint"
}

need_packages
build
is_mounted || (umask 077 && mkdir -p "$home" "$mountpoint")

if is_mounted && ls "$mountpoint" >/dev/null 2>&1; then
	echo "Mounted already: $mountpoint"
else
	secret=()
	if [ ! -t 0 ] && [ ! -f "$passphrase_file" ] && [ ! -d "$store/keyring" ]; then
		(umask 077 && od -An -N16 -tx1 /dev/urandom | tr -d ' \n' >"$passphrase_file")
		echo "No terminal to ask on: made up a passphrase, it is in $passphrase_file"
	fi
	[ ! -f "$passphrase_file" ] || secret=(--passphrase-file "$passphrase_file")
	if [ -d "$store/keyring" ]; then
		echo "The volume is there already: $store"
	elif [ -t 0 ]; then
		"$amberfs" init "${secret[@]}" "$store"
	else
		(umask 077 && "$amberfs" init "${secret[@]}" "$store" >"$recovery_file") ||
			die "could not make a volume in $store"
		echo "The recovery code is in $recovery_file: print it, then delete it"
	fi
	"$amberfs" mount "${secret[@]}" "$store" "$mountpoint"
	echo "Mounted: $mountpoint"
fi

cat <<END

What you put there is encrypted in $store, and everything it ever was stays with it.
Three things to try:

  echo hello > $mountpoint/hello.txt
  $amberfs status $mountpoint
  $amberfs umount $mountpoint
END
