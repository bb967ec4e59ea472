#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# banned.sh [ROOT]: calls that have a safer form. Comments and strings are left out of the search.
set -u
cd "${1:-$(dirname "$0")/../..}" || exit 99

failed=0
product=$(find util crypto backend meta volume fs cli -name '*.[ch]' | sort)
tests=$(find tests -name '*.[ch]' | sort)

# Print FILE:LINE:TEXT of the code in the named files.
code() {
	awk 'FNR == 1 {inside = 0}
	{
		line = $0
		gsub(/\\"/, "", line)
		gsub(/"[^"]*"/, "\"\"", line)
		if (inside) {
			if (!sub(/^.*\*\//, "", line))
				next
			inside = 0
		}
		gsub(/\/\*([^*]|\*[^\/])*\*\//, "", line)
		if (sub(/\/\*.*/, "", line))
			inside = 1
		sub(/\/\/.*/, "", line)
		if (line ~ /[^[:space:]]/)
			print FILENAME ":" FNR ":" line
	}' "$@"
}

report() {
	[ -z "$2" ] && return
	echo "$1:"
	echo "$2"
	failed=1
}

# shellcheck disable=SC2086 # the lists are split on purpose; names of sources have no blanks
product_code=$(code $product)
# shellcheck disable=SC2086
all_code=$(printf '%s\n' "$product_code"; code $tests)

calls() {
	printf '%s\n' "$1" | grep -E "(^|[^A-Za-z0-9_>.])($2)[[:space:]]*\("
}

report 'no bound' "$(calls "$all_code" 'strcpy|stpcpy|strcat|sprintf|vsprintf|gets|alloca')"
report 'hidden state' "$(calls "$all_code" 'strtok')"
report 'no errors reported' "$(calls "$all_code" 'atoi|atol|atoll|atof')"
report 'a shell' "$(calls "$product_code" 'system')"
report 'a shell' "$(calls "$(printf '%s\n' "$product_code" | grep -v '^cli/passphrase\.c:')" 'popen')"
report 'use CHECK() or return an error' "$(calls "$all_code" 'assert')"
report 'use util/rng.h' "$(calls "$all_code" 's?rand|s?random|[dlm]rand48|rand_r')"
report 'compare secrets with secret_equal()' "$(printf '%s\n' "$product_code" | grep -iE \
	-e '(^|[^a-z0-9_])memcmp *(\(.*[^a-z]|\()([a-z0-9]+_)*(key|kek|tag|mac|hmac|auth|secret)($|[^a-z0-9_])' \
	-e '(^|[^a-z0-9_])(mem|str|strn)cmp *\(.*(secret|passphrase|password)')"
report 'the compiler removes it: use secret_wipe(), explicit_bzero() or buf_wipe()' \
	"$(printf '%s\n' "$product_code" | awk -F: '
	{
		text = $0
		sub(/^[^:]*:[0-9]*:/, "", text)
		if (match(text, /memset\([^,]+,/)) {
			wiped = substr(text, RSTART + 7, RLENGTH - 8)
			file = $1
			at = $2
		}
		if ($1 == file && wiped != "" && $2 - at <= 3 && index(text, "free(" wiped ")"))
			print $0
	}')"

exit "$failed"
