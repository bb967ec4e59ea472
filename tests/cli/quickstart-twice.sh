#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# quickstart.sh as a newcomer runs it: without a terminal, in a fresh home, three times. The second run
# finds the mount, the third one (after an unmount) finds the volume and its content.
set -eu
cd "$(dirname "$0")/../.."
if [ ! -c /dev/fuse ]; then
	echo 'SKIP: no /dev/fuse'
	exit 77
fi
HOME=$(mktemp -d "${TMPDIR:-/tmp}/q.XXXXXX")
export HOME
unset XDG_STATE_HOME AMBERFS_STATE_DIR AMBERFS_QUICKSTART_DIR AMBERFS_PASSPHRASE_FILE
folder=$HOME/amberfs

fail() {
	echo "FAIL: $*"
	exit 1
}

clean_up() {
	fusermount3 -u "$folder/Amber" 2>/dev/null || :
}
trap clean_up EXIT

./quickstart.sh | tee "$HOME/first"
grep -qF "Mounted: $folder/Amber" "$HOME/first" || fail 'the first run does not mount'
for file in passphrase.txt recovery-code.txt; do
	[ "$(stat -c %a "$folder/$file")" = 600 ] || fail "$file can be read by others"
	[ -s "$folder/$file" ] || fail "$file is empty"
done
! grep -qF "$(cat "$folder/passphrase.txt")" "$HOME/first" || fail 'the passphrase was printed'
! grep -qE '([0-9A-Z]{4}-){3}' "$HOME/first" || fail 'the recovery code was printed'
echo 'kept in amber' >"$folder/Amber/file"

./quickstart.sh | tee "$HOME/second"
grep -qF "Mounted already: $folder/Amber" "$HOME/second" || fail 'the second run does not see the mount'

build/amberfs umount "$folder/Amber"
[ ! -e "$folder/Amber/file" ] || fail 'still mounted'
if grep -rqF 'kept in amber' "$folder/store" "$HOME/.local"; then
	fail 'plaintext on the disk'
fi
./quickstart.sh | tee "$HOME/third"
grep -qF "The volume is there already: $folder/store" "$HOME/third" || fail 'the third run makes a volume'
grep -qx 'kept in amber' "$folder/Amber/file" || fail 'the content is gone'
build/amberfs umount "$folder/Amber"
