#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Run all mount tests in each folder given: run.sh DIR...
#
# DIR is a mounted volume, or a folder of any file system to compare with. $AMBERFS is the program (for snapshots.sh). $POSIX is the
# conformance program when it is built already; otherwise $CC builds it.
here=$(cd "$(dirname "$0")" && pwd)
[ $# -gt 0 ] || {
	echo "usage: run.sh DIR..." >&2
	exit 2
}
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
posix=${POSIX:-}
if [ -z "$posix" ]; then
	posix=$scratch/posix
	${CC:-cc} -std=gnu11 -D_GNU_SOURCE -O1 -I"$here/../.." "$here"/posix*.c -o "$posix" || exit 1
fi
verdict=0
for dir; do
	for test in "$posix" "$here/programs.sh" "$here/user.sh" "$here/snapshots.sh"; do
		echo "== $(basename "$test") $dir"
		timeout -k 10 900 "$test" "$dir"
		r=$?
		[ $r = 0 ] || [ $r = 77 ] || verdict=1
	done
done
exit $verdict
