#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# selftest.sh: each lint is shown one violation of each kind that it knows, in a copy of the sources, and
# must name the file. A lint that finds nothing would otherwise look like clean code.
set -u
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
copy=$(mktemp -d) || exit 99
trap 'rm -rf "$copy"' EXIT

(cd "$root" && find util crypto backend meta volume fs cli man tests -type f \
	\( -name '*.[ch]' -o -name '*.sh' -o -name '*.py' -o -name '*.am' \) -print0 |
	tar -c --null -T - -f -) | tar -x -C "$copy"
cp "$root/configure.ac" "$root/Makefile.am" "$root"/*.sh "$copy"
for folder in util crypto backend meta volume fs cli man tests; do
	mkdir -p "$copy/$folder"
done

failed=0
count=0

# breaks LINT FILE TEXT: the lint fails on TEXT (as printf takes it) in FILE, and names it
breaks() {
	local out status
	count=$((count + 1))
	printf '%b' "$3" >"$copy/$2"
	out=$("$here/$1.sh" "$copy" 2>&1)
	status=$?
	if [ "$status" -ne 1 ] || ! grep -qF "$2" <<<"$out"; then
		echo "$1.sh does not find this in $2 (status $status):"
		head -n 5 "$copy/$2"
		failed=1
	fi
	rm -f "${copy:?}/$2"
}

# passes LINT FILE TEXT: the lint says nothing about FILE
passes() {
	local out
	count=$((count + 1))
	printf '%b' "$3" >"$copy/$2"
	out=$("$here/$1.sh" "$copy" 2>&1)
	if grep -qF "$2" <<<"$out"; then
		echo "$1.sh finds fault with this in $2:"
		head -n 5 "$copy/$2"
		failed=1
	fi
	rm -f "${copy:?}/$2"
}

spdx='/* SPDX-License-Identifier: Apache-2.0 */\n'

while read -r file include; do
	breaks layers "$file" "$spdx#include $include\n"
done <<'END'
util/planted.c "crypto/seal.h"
util/planted.h "volume/volume.h"
crypto/planted.c "backend/blob.h"
backend/planted.c "crypto/seal.h"
backend/planted.c "meta/index.h"
meta/planted.c "crypto/kdf.h"
volume/planted.c "fs/fs.h"
fs/planted.c "crypto/keyring.h"
fs/planted.c "backend/store.h"
cli/planted.c "backend/blob.h"
cli/planted.c "meta/index.h"
volume/planted.c <fuse_lowlevel.h>
backend/planted.c <curl/curl.h>
volume/planted.c <sqlite3.h>
meta/planted.c <openssl/evp.h>
backend/planted.c <openssl/hmac.h>
util/planted.c <openssl/crypto.h>
crypto/planted.c <expat.h>
util/planted.c "planted.h"
END
passes layers cli/planted.c "$spdx#include \"backend/store.h\"\n"

while read -r line; do
	breaks banned util/planted.c "${spdx}void f(void)\n{\n\t$line\n}\n"
done <<'END'
strcpy(a, b);
strcat(a, b);
sprintf(a, "%d", b);
vsprintf(a, b, c);
gets(a);
p = strtok(a, b);
n = atoi(a);
n = atol (a);
system("ls");
f = popen(a, "r");
assert(a);
n = rand();
srand(1);
p = alloca(n);
if (memcmp(key, other, 32) == 0)
if (memcmp(a->file_key, other, 32) == 0)
if (!memcmp(got, tag, 16))
if (strcmp(passphrase, again) == 0)
memset(p, 0, n); free(p);
memset(s->key, 0, n);\n\tfree(s->key);
END
passes banned util/planted.c \
	"${spdx}int f(void)\n{\n\treturn memcmp(a->keyed, b, 3) + sim_rand(1); /* not system() */\n}\n"
passes banned cli/passphrase.c "${spdx}void f(void)\n{\n\tpopen(a, \"r\");\n}\n"

guard='#ifndef AMBERFS_UTIL_PLANTED_H\n#define AMBERFS_UTIL_PLANTED_H\n'
breaks headers util/planted.h "$spdx${guard}uint8_t x(void);\n#endif\n"
breaks headers util/planted.h "${spdx}int x(void);\n"
passes headers util/planted.h "$spdx${guard}int x(void);\n#endif\n"

breaks spdx util/planted.c 'int x;\n'
breaks spdx tests/planted.sh '#!/bin/sh\necho\n'
passes spdx tests/planted.sh '#!/bin/sh\n# SPDX-License-Identifier: Apache-2.0\n'

breaks sizes util/planted.c "$(seq 801)\n"

# put together here, or this file would be found itself
for word in "TO""DO" "FIX""ME" "X""XX"; do
	breaks words util/planted.c "/* $word: later */\n"
done
passes words util/planted.c 'mkstemp("/tmp/aXXXXXX");\n'

echo "$count texts planted"
exit "$failed"
