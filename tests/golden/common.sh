# SPDX-License-Identifier: Apache-2.0
# What the scripts here share; sourced. A folder of their own with a passphrase, a mountpoint and a state folder, checks that
# count, and a clean end on every way out. $AMBERFS is the program, unless a build is named by $BUILD_DIR.

here=$(cd "$(dirname "$0")" && pwd)
amberfs=${AMBERFS:-${BUILD_DIR:-.}/amberfs}
fails=0
checks=0

# In CI everything must run.
skip() {
	echo "SKIP: $*"
	[ "${CI:-}" != true ] || exit 1
	exit 77
}

[ -x "$amberfs" ] || skip "no program: AMBERFS names it"
amberfs=$(realpath "$amberfs")
[ "$(id -u)" -eq 0 ] || skip "needs root, for devices and owners"
[ -c /dev/fuse ] || skip "no /dev/fuse"
command -v fusermount3 >/dev/null || skip "needs fusermount3"
python3 -c 'import cryptography' 2>/dev/null || skip "needs python3 with the cryptography package"

work=$(mktemp -d "${TMPDIR:-/tmp}/golden.XXXXXX")
store=$work/store
mnt=$work/mnt
mkdir "$mnt" "$work/state"
export AMBERFS_STATE_DIR=$work/state
unset AMBERFS_PASSPHRASE_COMMAND

is_mounted() {
	awk -v at="$mnt" '$5 == at {found = 1} END {exit !found}' /proc/self/mountinfo
}

cleanup() {
	status=$?
	trap - EXIT INT TERM HUP
	cd /
	is_mounted && umount -l "$mnt"
	# a daemon that was just unmounted still writes to its state folder
	for _ in 1 2 3 4 5 6 7 8 9 10; do
		rm -rf --one-file-system "$work" 2>/dev/null && break
		sleep 0.3
	done
	exit "$status"
}
trap cleanup EXIT
trap 'exit 1' INT TERM HUP

# check NAME COMMAND...: it succeeds.
check() {
	local name=$1
	shift
	checks=$((checks + 1))
	if "$@" >"$work/log" 2>&1 </dev/null; then
		echo "ok $name"
	else
		fails=$((fails + 1))
		echo "FAIL $name: $(head -c 1500 "$work/log")"
	fi
}

reader() {
	"$here/reader.py" "$store" --passphrase-file "$work/pw" "$@"
}

verdict() {
	echo "$checks checks, $fails failures"
	[ "$fails" -eq 0 ]
	exit
}
