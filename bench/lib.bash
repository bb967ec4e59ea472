# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# What the benchmarks share; sourced. A work folder on one disk, the contestants on it, and a clean end: what was mounted is
# unmounted, what was started is ended, the work folder is removed.
#
#   AMBERFS     the program
#   WORKLOAD    bench/workload of the build
#   BENCH_DIR   a folder on the disk to measure; default /var/tmp
#
# A contestant NAME has start_NAME FOLDER, which makes all it needs below FOLDER and prepares `top`, the place to work in, or returns 1
# with the reason in `why`; and, where it differs from the common way, stop_NAME and settle_NAME. Secrets here protect nothing.
# shellcheck disable=SC2034 # what is set here is read by those who source it
set -u
exec </dev/null

: "${AMBERFS:?names the program}" "${WORKLOAD:?names bench/workload of the build}"
BENCH_DIR=${BENCH_DIR:-/var/tmp}
all_contestants=(plain amberfs gocryptfs rclone passthrough)
work=
started=()
declare -A top=() about=()
why=

die() {
	echo "${0##*/}: $*" >&2
	exit 1
}

version_of() {
	"$@" 2>/dev/null | head -n 1 | tr -d '\t'
}

has() {
	command -v "$1" >/dev/null && return
	why="$1 is not installed"
	return 1
}

is_mounted() {
	awk -v at="$1" '$5 == at {found = 1} END {exit !found}' /proc/self/mountinfo
}

# pressure cpu|io: percent of the last minute in which someone waited for it
pressure() {
	sed -n 's/^some.* avg60=\([0-9]*\).*/\1/p' "/proc/pressure/$1" 2>/dev/null
}

# Where others want the processors too, a program that sleeps in fsync gets them back late, and one that another process wakes (as with FUSE)
# gets them soon: then ratios are wrong as well.
describe_machine() {
	local cpu
	machine="$(date +%F), $(nproc) processors, Linux $(uname -r), $disk"
	cpu=$(pressure cpu)
	[ "${cpu:-0}" -lt 20 ] || machine+="; BUSY with other work (waiting for processors $cpu %, for disks $(pressure io) %): not to be trusted"
}

# Everything below one folder, so that all of it is on one disk. In memory there is no flush to measure.
bench_begin() {
	command -v python3 >/dev/null || die 'needs python3'
	[ -c /dev/fuse ] || die 'no /dev/fuse'
	work=$(mktemp -d "$BENCH_DIR/amberfs-bench.XXXXXX") || exit 1
	work=$(realpath "$work")
	trap bench_end EXIT
	trap 'exit 130' INT TERM
	disk=$(findmnt -no FSTYPE -T "$work")
	[ "$disk" != tmpfs ] || die "$BENCH_DIR is in memory: name a folder on a disk (--dir)"
	describe_machine
}

bench_end() {
	local name
	for name in "${started[@]}"; do
		contestant_stop "$name"
	done
	rm -rf --one-file-system "$work"
}

# ---- contestants ----

start_plain() {
	top[plain]=$1
	about[plain]="a folder ($disk)"
}

settle_plain() {
	:
}

# amberfs_volume FOLDER: a new volume, its store and its state below FOLDER
amberfs_volume() {
	mkdir -p "$1/mnt" && mkdir -m 700 "$1/state" || return 1
	(umask 077 && echo 'correct horse battery staple' >"$1/passphrase")
	amberfs_at "$1" init "$1/store" >/dev/null
}

# amberfs_at FOLDER ARGUMENT...: run it on the volume of FOLDER
amberfs_at() {
	local at=$1
	shift
	AMBERFS_STATE_DIR=$at/state AMBERFS_PASSPHRASE_FILE=$at/passphrase "$AMBERFS" "$@"
}

start_amberfs() {
	why='could not be mounted'
	amberfs_volume "$1" && amberfs_at "$1" mount "$1/store" "$1/mnt" || return 1
	top[amberfs]=$1/mnt
	about[amberfs]=$(version_of "$AMBERFS" --version)
}

stop_amberfs() {
	amberfs_at "$1" umount --no-wait "$1/mnt" || unmount "$1/mnt"
}

# Its uploads are part of its own round as far as they fit, and do not slow what comes next.
settle_amberfs() {
	amberfs_at "$1" sync "$1/mnt" >/dev/null 2>&1
}

start_gocryptfs() {
	has gocryptfs || return 1
	why='could not be mounted'
	mkdir "$1/cipher" "$1/mnt"
	echo bench >"$1/passphrase"
	gocryptfs -init -q -scryptn 10 -passfile "$1/passphrase" "$1/cipher" >/dev/null &&
		gocryptfs -q -passfile "$1/passphrase" "$1/cipher" "$1/mnt" >/dev/null 2>&1 || return 1
	top[gocryptfs]=$1/mnt
	about[gocryptfs]=$(version_of gocryptfs --version)
}

start_rclone() {
	has rclone || return 1
	why='could not be mounted'
	mkdir "$1/cipher" "$1/mnt" "$1/cache"
	RCLONE_CONFIG=/dev/null RCLONE_CRYPT_REMOTE=$1/cipher \
		RCLONE_CRYPT_PASSWORD=$(echo bench | rclone obscure -) \
		rclone mount :crypt: "$1/mnt" --vfs-cache-mode writes --cache-dir "$1/cache" --daemon \
		>/dev/null 2>&1 || return 1
	top[rclone]=$1/mnt
	about[rclone]="$(version_of rclone version), crypt, vfs-cache-mode writes; its fsync flushes nothing"
}

# libfuse's example with its cache of writes: what FUSE costs alone. PASSTHROUGH names it where it was not built from Debian's libfuse3-dev.
start_passthrough() {
	local source=/usr/share/doc/libfuse3-dev/examples/passthrough_ll.c program=${PASSTHROUGH:-$1/passthrough_ll}
	if [ -z "${PASSTHROUGH:-}" ]; then
		why='no libfuse3-dev with its examples'
		[ -f "$source" ] || return 1
		# shellcheck disable=SC2046 # flags, split on purpose
		"${CC:-cc}" -w -O2 "$source" $(pkg-config --cflags --libs fuse3) -pthread -o "$program" \
			2>/dev/null || return 1
	fi
	why='could not be mounted'
	mkdir "$1/plain" "$1/mnt"
	"$program" -o "source=$1/plain,writeback" "$1/mnt" >/dev/null 2>&1 || return 1
	top[passthrough]=$1/mnt
	about[passthrough]="libfuse $(pkg-config --modversion fuse3), passthrough_ll, no encryption"
}

unmount() {
	local i
	is_mounted "$1" || return 0
	for ((i = 0; i < 100; i++)); do
		fusermount3 -u "$1" 2>/dev/null && return
		sleep 0.1
	done
	fusermount3 -uz "$1"
}

contestant_start() {
	local at=$work/$1
	mkdir "$at" || return 1
	started+=("$1")
	"start_$1" "$at"
}

contestant_stop() {
	if [ "$(type -t "stop_$1")" = function ]; then
		"stop_$1" "$work/$1"
	else
		unmount "$work/$1/mnt"
	fi
}

# What a contestant left for later is not taken from the next one's time.
contestant_settle() {
	if [ "$(type -t "settle_$1")" = function ]; then
		"settle_$1" "$work/$1"
	fi
	sync -f "$work"
}
