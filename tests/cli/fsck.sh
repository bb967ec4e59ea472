#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# amberfs fsck with the real program: on a mount and without one, each kind of damage with its exit code, and the ways out.
set -u
. "$(dirname "$0")/lib.sh"
export AMBERFS_PASSPHRASE_FILE="$work/pw"

# has WORDS: they are in what the last command printed.
has()
{
	if grep -q -- "$1" "$work/out" "$work/err"; then
		ok
	else
		fail "no '$1' in: $(cat "$work/out" "$work/err")"
	fi
}

has_not()
{
	if grep -q -- "$1" "$work/out" "$work/err"; then
		fail "'$1' in: $(cat "$work/out" "$work/err")"
	else
		ok
	fi
}

# The daemon dies at once.
murder()
{
	pid=$(sed -n 's/.* ready pid=//p' "$work"/state/"$id"/daemon.log | tail -n 1)
	kill -9 "$pid"
	sleep 0.3
	want 0 '' "$amberfs" umount "$mnt"
}

# Files with fsync.
put()
{
	for name in "$@"; do
		dd if=/dev/zero of="$mnt/$name" bs=1000 count=1 conv=fsync 2>/dev/null || fail "write $name"
	done
}

# flip FILE OFFSET: another byte.
flip()
{
	byte=$(od -An -tu1 -j "$2" -N 1 "$1" | tr -d ' ')
	# shellcheck disable=SC2059 # an octal escape is what is wanted
	printf "\\$(printf %03o $(((byte + 1) % 256)))" | dd of="$1" bs=1 seek="$2" conv=notrunc 2>/dev/null
}

want 2 'two ways out' "$amberfs" fsck --rebuild --accept-rollback "$store"
want 1 'not an amberfs volume' "$amberfs" fsck "$work/nowhere"
want 1 'name the store' "$amberfs" fsck
want 0 '' "$amberfs" init "$store"
want 3 'wrong passphrase' "$amberfs" fsck "$store" --passphrase-file "$work/wrong"
want 0 'No damage found' "$amberfs" fsck "$store"
has 'comparison *skipped: nothing is stored yet'

# mounted
want 0 '' "$amberfs" mount "$store" "$mnt"
id=$(basename "$work"/state/*)
mkdir "$mnt/folder"
head -c 300000 /dev/urandom >"$mnt/folder/file"
want 0 'No damage found' "$amberfs" fsck "$mnt/folder"
for check in index log packs checkpoints; do
	has "^$check *ok"
done
has_not comparison
(cd "$mnt" && want 0 'No damage found' "$amberfs" fsck && verdict) >"$work/inside" || fail "in the mount: $(cat "$work/inside")"
want 0 '' "$amberfs" fsck "$store" --json
has '"check":"index","state":"ok","count":[0-9]*,"damage_count":0,"damages":\[\]'
has '"type":"totals","checks":4,"ok":4,"damaged":0,"skipped":0,"damages":0'
want 6 'umount' "$amberfs" fsck --rebuild "$mnt"
want 6 'umount' "$amberfs" fsck --accept-rollback "$store"
want 6 'has it mounted' "$amberfs" fsck "$store" --state-dir "$work/state2"
want 0 '' "$amberfs" sync "$mnt"
head -c 1000 /dev/urandom >"$mnt/waits"
mv "$store" "$store.away"
want 4 'only in part' "$amberfs" fsck "$mnt"
has '^index *ok'
mv "$store.away" "$store"
want 0 '' "$amberfs" umount "$mnt"

# not mounted
want 0 'No damage found' "$amberfs" fsck "$store"
has '^comparison *ok'
want 0 '' "$amberfs" fsck "$store" --json
has '"check":"comparison","state":"ok"'
has '"type":"totals","checks":5,"ok":5'
flip "$work/state/$id/index.db" 5000
want 0 'No damage found' "$amberfs" fsck "$store"
want 0 'nothing is lost' "$amberfs" fsck "$store" --rebuild
has 'No damage found'
want 0 'no rollback' "$amberfs" fsck "$store" --accept-rollback

# the store is damaged
pack=$(find "$store/packs" -type f -size +100k -printf '%f\n' | head -n 1)
mv "$store/packs/$pack" "$work/pack"
want 5 "packs/$pack" "$amberfs" fsck "$store"
has 'folder/file'
has '^packs *damaged'
has '^log *ok'
want 5 '"state":"damaged"' "$amberfs" fsck "$store" --json
mv "$work/pack" "$store/packs/$pack"
mv "$store/log/0000000000000001" "$work/object"
want 5 'log/0000000000000001: missing' "$amberfs" fsck "$store"
mv "$work/object" "$store/log/0000000000000001"
cp "$store/log/0000000000000001" "$work/object"
flip "$store/log/0000000000000001" 100
want 5 'log/0000000000000001: data failed authentication' "$amberfs" fsck "$store"
want 5 '' "$amberfs" fsck "$store" --rebuild
cp "$work/object" "$store/log/0000000000000001"
want 0 'No damage found' "$amberfs" fsck "$store"

# the journal is damaged in its middle
want 0 '' "$amberfs" mount "$store" "$mnt" -o epoch=600
put kept damaged behind
murder
ring=$work/state/$id/journal
newest=$(grep -abo AMBJ "$ring" | cut -d: -f1 | while read -r at; do
	[ $((at % 4096)) -eq 0 ] && echo "$(od -An -tu8 -j $((at + 8)) -N 8 "$ring" | tr -d ' ') $at"
done | sort -n | tail -n 2 | head -n 1 | cut -d' ' -f2)
flip "$ring" $((newest + 200))
want 5 'fsck --rebuild' "$amberfs" mount "$store" "$mnt"
want 5 'fsck --rebuild' "$amberfs" fsck "$store"
want 2 'add --yes' "$amberfs" fsck "$store" --rebuild
has 'batches'
want 0 'without what was damaged' "$amberfs" fsck "$store" --rebuild --yes
has 'damaged-'
has 'No damage found'
check "the journal is kept" ls "$work/state/$id"/journal.damaged-*
want 0 '' "$amberfs" mount "$store" "$mnt"
check "what was before the damage is there" test -f "$mnt/kept"
check "what was after it is not" test ! -e "$mnt/behind"
want 0 'changes in a damaged journal' "$amberfs" fsck "$mnt"

# the store goes back
want 0 '' "$amberfs" sync "$mnt"
cp -a "$store" "$work/older"
put newer
want 0 '' "$amberfs" umount "$mnt"
mv "$store" "$work/newer"
cp -a "$work/older" "$store"
want 5 'fsck --accept-rollback' "$amberfs" mount "$store" "$mnt"
want 5 'fsck --accept-rollback' "$amberfs" fsck "$store"
want 5 'fsck --accept-rollback' "$amberfs" fsck "$store" --rebuild
want 2 'add --yes' "$amberfs" fsck "$store" --accept-rollback
has 'This machine knows'
want 0 'goes on from what the store has' "$amberfs" fsck "$store" --accept-rollback --yes
check "the former state is kept" ls "$work/state/$id".aside-*/index.db
want 0 '' "$amberfs" mount "$store" "$mnt"
check "what the store had is there" test -f "$mnt/kept"
check "what it lost is not" test ! -e "$mnt/newer"
put again
want 0 'a store that had gone back was accepted' "$amberfs" fsck "$mnt"
want 0 '' "$amberfs" umount "$mnt"
want 0 'No damage found' "$amberfs" fsck "$store"

# another machine goes on
want 0 '' "$amberfs" mount "$store" "$mnt"
mv "$store" "$store.away"
put mine
want 0 '' "$amberfs" umount --no-wait "$mnt"
mv "$store.away" "$store"
want 0 '' "$amberfs" mount "$store" "$mnt" --state-dir "$work/state2"
put theirs
want 0 '' "$amberfs" umount "$mnt"
want 6 'fsck --accept-rollback' "$amberfs" mount "$store" "$mnt"
want 0 '"type":"trouble","kind":"fenced"' "$amberfs" fsck "$store" --accept-rollback --yes --json
has '"type":"done"'
want 0 '' "$amberfs" mount "$store" "$mnt"
check "what the other one stored is there" test -f "$mnt/theirs"
check "what this one had is not" test ! -e "$mnt/mine"
want 0 '' "$amberfs" umount "$mnt"
same "two states were set aside" 2 "$(find "$work/state" -maxdepth 1 -name "$id.aside-*" | wc -l)"
verdict
