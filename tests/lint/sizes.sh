#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# sizes.sh [ROOT]: a file beyond 500 lines is named, one beyond 800 fails: it is usually two things.
set -u
cd "${1:-$(dirname "$0")/../..}" || exit 99

failed=0
while read -r lines file; do
	if [ "$lines" -gt 800 ]; then
		echo "$file: $lines lines: too long"
		failed=1
	elif [ "$lines" -gt 500 ]; then
		echo "$file: $lines lines"
	fi
done < <(find util crypto backend meta volume fs cli tests -name '*.[ch]' -exec wc -l {} \;)
exit "$failed"
