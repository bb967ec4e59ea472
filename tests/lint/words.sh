#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# words.sh [ROOT]: nothing in the sources is left for later.
set -u
cd "${1:-$(dirname "$0")/../..}" || exit 99

# the brackets keep this file from finding itself
bad=$(grep -rnIwE --include='*.[ch]' --include='*.sh' --include='*.py' --include='*.am' \
	--include='*.ac' '[T]ODO|[F]IXME|[X]XX' \
	util crypto backend meta volume fs cli man tests ./*.sh configure.ac Makefile.am)
[ -z "$bad" ] && exit 0
echo "$bad"
exit 1
