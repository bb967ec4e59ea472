#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# layers.sh [ROOT]: no folder includes what is above or beside it, and each foreign library is included
# in its one place (docs/ARCHITECTURE.md draws the picture).
set -u
cd "${1:-$(dirname "$0")/../..}" || exit 99

failed=0

# edges FOLDER ALLOWED: the project's headers that files of FOLDER may include
edges() {
	local bad
	bad=$(grep -rnE --include='*.[ch]' '^[[:space:]]*#[[:space:]]*include[[:space:]]*"' "$1" |
		grep -vE "\"($2)\"")
	[ -z "$bad" ] && return
	echo "$1/ may include only ($2):"
	echo "$bad"
	failed=1
}

# only PATTERN PLACES: system headers that match PATTERN are included in files that match PLACES only
only() {
	local bad
	bad=$(grep -rnE --include='*.[ch]' "^[[:space:]]*#[[:space:]]*include[[:space:]]*[<\"]($1)" \
		util crypto backend meta volume fs cli | grep -vE "^($2):")
	[ -z "$bad" ] && return
	echo "<$1> belongs in $2 only:"
	echo "$bad"
	failed=1
}

edges util 'util/[a-z0-9_]+\.h'
edges crypto '(crypto|util)/[a-z0-9_]+\.h'
edges backend '(backend|util)/[a-z0-9_]+\.h'
edges meta '(meta|util)/[a-z0-9_]+\.h'
edges volume '(volume|crypto|backend|meta|util)/[a-z0-9_]+\.h'
edges fs '(fs|volume|util)/[a-z0-9_]+\.h'
edges cli '(cli|fs|volume|util)/[a-z0-9_]+\.h|backend/store\.h'

only 'fuse' 'fs/[^:]*'
only 'curl/' 'backend/http\.c'
only 'sqlite3' 'meta/[^:]*'
only 'openssl/' 'crypto/[^:]*|backend/sign\.c|util/secret\.c'
only 'expat' 'backend/[^:]*'

exit "$failed"
