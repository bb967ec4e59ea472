#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Everything a person can do wrong gets the right exit code and one helpful line.
set -u
. "$(dirname "$0")/lib.sh"

# usage
want 2 'unknown command' "$amberfs" frobnicate
want 2 'did you mean .amberfs status' "$amberfs" statsu
want 2 'unknown option' "$amberfs" status --frobnicate
want 2 'unknown option' "$amberfs" status -Z
want 2 'needs a value' "$amberfs" ls --at
want 2 'too few arguments' "$amberfs" mount
want 2 'too many arguments' "$amberfs" sync a b
want 2 'unknown command' "$amberfs" help frobnicate
want 2 'which moment' "$amberfs" ls
want 2 'which moment' "$amberfs" restore
want 2 'none of create' "$amberfs" snapshot rename
want 2 'not a number of seconds' "$amberfs" sync --timeout soon
want 0 '^amberfs [0-9]' "$amberfs" --version
want 0 '^Usage' "$amberfs" mount --help

# stores and passphrases
want 2 'mirrors' "$amberfs" init "$store" --mirror "$work/other" --passphrase-file "$work/pw"
want 2 '' "$amberfs" init "gopher://x/y" --passphrase-file "$work/pw"
want 2 '' "$amberfs" init "http://example.org/x" --passphrase-file "$work/pw"
want 2 '' "$amberfs" init "s3://bucket/p?endpoint=http://example.org:9000" --passphrase-file "$work/pw"
want 2 '' "$amberfs" init "s3://user:pw@bucket/p" --passphrase-file "$work/pw"
want 4 '' env -u AWS_ACCESS_KEY_ID -u AWS_SECRET_ACCESS_KEY -u AWS_PROFILE HOME="$work" AWS_SHARED_CREDENTIALS_FILE="$work/none" \
	"$amberfs" init "s3://bucket/p" --passphrase-file "$work/pw"
want 2 'no terminal' setsid "$amberfs" init "$store"
: >"$work/empty"
chmod 600 "$work/empty"
want 2 'empty' "$amberfs" init "$store" --passphrase-file "$work/empty"
want 7 'none' "$amberfs" init "$store" --passphrase-file "$work/none"
want 2 'status 3' "$amberfs" init "$store" --passphrase-command 'exit 3'
want 0 'Recovery code' "$amberfs" init "$store" --passphrase-command "cat $work/pw"
want 1 'there already' "$amberfs" init "$store" --passphrase-file "$work/pw"
mkdir "$work/full"
echo x >"$work/full/file"
want 1 'not empty' "$amberfs" init "$work/full" --passphrase-file "$work/pw"

# mounting
want 3 'wrong passphrase' "$amberfs" mount "$store" "$mnt" --passphrase-file "$work/wrong"
want 3 'wrong passphrase' "$amberfs" mount "$store" "$mnt" --recovery-code-file "$work/wrong"
want 2 'no terminal' setsid "$amberfs" mount "$store" "$mnt"
want 1 'not an amberfs volume' "$amberfs" mount "$work/nowhere" "$mnt" --passphrase-file "$work/pw"
mkdir "$work/novolume"
want 1 'not an amberfs volume' "$amberfs" mount "$work/novolume" "$mnt" --passphrase-file "$work/pw"
want 7 '' "$amberfs" mount "$store" "$work/missing" --passphrase-file "$work/pw"
want 1 'not a folder' "$amberfs" mount "$store" "$work/pw" --passphrase-file "$work/pw"
want 1 'not empty' "$amberfs" mount "$store" "$work/full" --passphrase-file "$work/pw"
want 2 'unknown mount option' "$amberfs" mount "$store" "$mnt" -o frobnicate --passphrase-file "$work/pw"
want 2 'needs a value' "$amberfs" mount "$store" "$mnt" -o at= --passphrase-file "$work/pw"
want 2 'takes no value' "$amberfs" mount "$store" "$mnt" -o ro=1 --passphrase-file "$work/pw"
want 2 'not a size' "$amberfs" mount "$store" "$mnt" -o cache=much --passphrase-file "$work/pw"
want 7 'CA file' "$amberfs" mount "$store" "$mnt" --ca-file "$work/none" --passphrase-file "$work/pw"
want 2 'hidden by the mount' "$amberfs" mount "$store" "$mnt" --state-dir "$mnt/state" --passphrase-file "$work/pw"
mkdir "$store/inside"
want 2 'inside the store' "$amberfs" mount "$store" "$store/inside" --passphrase-file "$work/pw"
rmdir "$store/inside"
want 1 '' "$amberfs" status "$work"
want 1 '' "$amberfs" umount "$work"

# a mounted volume
want 0 '' "$amberfs" mount "$store" "$mnt" --passphrase-file "$work/pw" -o epoch=1,nosuid,noauto,x-test
mountpoint -q "$mnt" || {
	fail "it is not mounted"
	verdict
}
mkdir "$work/mnt2"
want 6 '' "$amberfs" mount "$store" "$work/mnt2" --passphrase-file "$work/pw"
want 1 '' "$amberfs" mount "$store" "$mnt" --passphrase-file "$work/pw"
echo one >"$mnt/file"
mkdir "$mnt/folder"
want 0 '' "$amberfs" snapshot create first -C "$mnt"
want 1 'exists' "$amberfs" snapshot create first -C "$mnt"
want 2 '' "$amberfs" snapshot create yesterday -C "$mnt"
want 2 '' "$amberfs" snapshot create a/b -C "$mnt"
want 7 '' "$amberfs" snapshot delete nothing -C "$mnt"
want 2 'not a time' "$amberfs" ls --at 'the day it rained' "$mnt"
want 7 'no history' "$amberfs" ls --at 2001-01-01 "$mnt"
want 7 '' "$amberfs" ls --at e99999 "$mnt"
want 7 '' "$amberfs" cat --at first "$mnt/never"
want 1 'folder' "$amberfs" cat --at first "$mnt/folder"
want 7 '' "$amberfs" log "$mnt/never"
want 7 '' "$amberfs" restore --at first "$mnt/never"
want 2 'not a time' "$amberfs" diff 'the day it rained' "$mnt/"
want 2 'view of the past' "$amberfs" log "$mnt/.snapshots/first/file"
want 1 'not in a mounted volume' "$amberfs" log /etc/passwd
want 1 'not in a mounted volume' "$amberfs" restore --at first "$mnt/file" /etc/passwd
i=0
while [ $i -lt 30 ]; do
	echo $i >"$mnt/folder/$i"
	i=$((i + 1))
done
want 2 'add --yes' "$amberfs" restore --at first "$mnt"
want 1 'not empty' "$amberfs" restore --at first --to "$work/full" "$mnt/file"
want 2 'dry-run' "$amberfs" restore --at first --dry-run --to "$work/x" "$mnt/file"
sleep 60 <"$mnt/file" &
holder=$!
want 1 "sleep ($holder)" "$amberfs" umount "$mnt"
kill $holder
wait $holder 2>/dev/null

# the store goes away under it
want 0 '' "$amberfs" sync "$mnt"
mv "$store" "$store.away"
head -c 100000 /dev/urandom >"$mnt/later"
want 4 '' "$amberfs" sync "$mnt" --timeout 2
want 4 'no-wait' timeout 60 "$amberfs" umount "$mnt"
check "it is still mounted" mountpoint "$mnt"
want 0 '' "$amberfs" umount --no-wait "$mnt"
want 1 'not an amberfs volume' "$amberfs" mount "$store" "$mnt" --passphrase-file "$work/pw"
mv "$store.away" "$store"
want 0 '' "$amberfs" mount "$store" "$mnt" --passphrase-file "$work/pw"
check "what was not stored is there" test -s "$mnt/later"

# its daemon dies
pid=$(sed -n 's/.* ready pid=//p' "$work"/state/*/daemon.log | tail -n 1)
kill -9 "$pid"
sleep 0.5
want 1 'daemon' "$amberfs" status "$mnt"
want 0 '' "$amberfs" umount "$mnt"
want 0 '' "$amberfs" mount "$store" "$mnt" --passphrase-file "$work/pw"
check "what was stored is there" test -s "$mnt/later"
want 0 '' "$amberfs" umount "$mnt"
verdict
