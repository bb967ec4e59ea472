#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# headers.sh [ROOT]: each header compiles alone, so none relies on what was included before it.
set -u
cd "${1:-$(dirname "$0")/../..}" || exit 99

failed=0
# shellcheck disable=SC2046 # flags are split on purpose
flags=$(pkg-config --cflags fuse3 sqlite3 libcurl libcrypto libxxhash expat) || exit 99
for header in $(find util crypto backend meta volume fs cli tests -name '*.h' | sort); do
	# shellcheck disable=SC2086
	if ! printf '#include "%s"\n' "$header" | ${CC:-cc} -std=gnu11 -D_GNU_SOURCE -Wall -Wextra \
		-Wshadow -Wstrict-prototypes -Wundef -Werror -I. $flags -fsyntax-only -x c -; then
		echo "$header: does not compile alone"
		failed=1
	fi
	if ! grep -qE '^#ifndef AMBERFS_[A-Z0-9_]+_H$' "$header"; then
		echo "$header: no include guard AMBERFS_..._H"
		failed=1
	fi
done
exit "$failed"
