# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# What fsx.sh and tree.sh share; sourced with the folder to test as $1 and the tester's name in `tester`.
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
dir=$(cd "$1" && pwd) || exit 2
scratch=$(mktemp -d) || exit 1
trap 'rm -rf "$scratch" "$dir/$tester".[0-9]*' EXIT
program=${BUILD_DIR:-}/tests/mount/$tester
if [ ! -x "$program" ]; then
	program=$scratch/$tester
	${CC:-cc} -std=gnu11 -D_GNU_SOURCE -O1 -I"$here/../.." "$here/$tester"*.c "$here/tester.c" -o "$program" || exit 1
fi
failed=0
mkdir "$scratch/compare"
# whether with_mount.sh made the mount, so that it may be killed and mounted again
mounted=
[ -z "${TEST_MOUNT:-}" ] || [ "$dir" != "$TEST_MOUNT" ] || mounted=yes

# verdict NAME COMMAND...: one line when it is well, all it says when not
verdict() {
	local name=$1
	shift
	if "$@" >"$scratch/out" 2>&1; then
		echo "ok $name$(sed -n "\$s/^/: /p" "$scratch/out")"
	else
		failed=1
		echo "FAIL $name"
		cut -c 1-1000 "$scratch/out"
	fi
}
