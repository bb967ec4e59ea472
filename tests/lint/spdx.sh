#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# spdx.sh [ROOT]: every source and script begins with the licence's line (after #!).
set -u
cd "${1:-$(dirname "$0")/../..}" || exit 99

bad=$(find . \( -path ./build -o -path ./build-aux -o -path ./autom4te.cache -o -path './amberfs-[0-9]*' \
	-o -path ./.git \) -prune -o \
	-type f \( -name '*.[ch]' -o -name '*.sh' -o -name '*.py' \) -print | sort |
	while IFS= read -r file; do
		head -n 2 "$file" | sed '1{/^#!/d}' | head -n 1 |
			grep -qE '^(/\*|#) SPDX-License-Identifier: Apache-2\.0( \*/)?$' || echo "$file"
	done)
[ -z "$bad" ] && exit 0
echo 'the first line is not "SPDX-License-Identifier: Apache-2.0":'
echo "$bad"
exit 1
