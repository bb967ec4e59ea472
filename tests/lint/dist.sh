#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# dist.sh BUILD_DIR: the archive that `make distcheck` left there holds every file that git knows.
set -u
root=$(cd "$(dirname "$0")/../.." && pwd)
cd "$root" || exit 99

archive=$(find "$1" -maxdepth 1 -name 'amberfs-*.tar.xz')
if [ ! -f "$archive" ]; then
	echo "no archive, or several, in $1"
	exit 1
fi
if ! git rev-parse --git-dir >/dev/null 2>&1; then
	echo 'SKIP: not a git checkout'
	exit 77
fi
missing=$(comm -13 <(tar -tf "$archive" | sed 's,^[^/]*/,,' | sort) <(git ls-files | sort))
[ -z "$missing" ] && exit 0
echo "not in $archive (EXTRA_DIST in Makefile.am or a Makemodule.am):"
echo "$missing"
exit 1
