#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A whole life with amberfs, as a person would have it: make, mount, work, look back, go back, leave, come again.
set -u
. "$(dirname "$0")/lib.sh"
command -v python3 >/dev/null || skip "needs python3 to read JSON"

# json FILTER COMMAND...: a Python expression over `lines`, the parsed JSON lines of the command.
json()
{
	filter=$1
	shift
	"$@" </dev/null 2>"$work/err" | python3 -c "
import sys, json
lines = [json.loads(l) for l in sys.stdin.buffer.read().decode().splitlines()]
print($filter)" 2>&1
}

same "init --json" "$(json '(len(lines[0]["volume"]), len(lines[0]["recovery_code"]) > 30, lines[0]["store"] == "'"$store"'")' \
	"$amberfs" init "$store" --json --passphrase-file "$work/pw")" "(32, True, True)"
want 0 '' "$amberfs" mount "$store" "$mnt" --passphrase-file "$work/pw" -o epoch=1

# files of all kinds
cd "$mnt" || exit 1
mkdir -p docs/deep
echo 'first words' >docs/report
head -c 3000000 /dev/urandom >data
cp data "$work/data.first"
ln docs/report docs/same
ln -s report docs/link
truncate -s 10M sparse
printf end >>sparse
odd=$(printf 'odd\nname \377')
echo x >"docs/$odd"
chmod 750 docs
touch -d '2020-02-02 02:02:02' docs/report
setfattr -n user.colour -v amber docs/report 2>/dev/null
want 0 'before' "$amberfs" snapshot create before
same "snapshot list --json" "$(json '[l["name"] for l in lines]' "$amberfs" snapshot list --json)" "['before']"

# status
check "status --json is JSON" sh -c "'$amberfs' status --json | python3 -m json.tool"
same "status keys" "$(json '[k for k in "volume store mountpoint state pending_bytes pending_packs files bytes cache_bytes cache_limit_bytes last_local_commit last_stored_commit epoch stored_epoch history_from history_bytes snapshots version".split() if k not in lines[0]]' "$amberfs" status --json)" "[]"
same "status tells where" "$(json '(lines[0]["mountpoint"], lines[0]["store"][0]["url"], lines[0]["snapshots"])' "$amberfs" status --json "$store")" \
	"('$mnt', '$store', 1)"
want 0 'State' "$amberfs" status
want 0 '' "$amberfs" sync
same "after sync all is stored" "$(json 'lines[0]["pending_bytes"]' "$amberfs" status --json)" "0"

# changes
sleep 1.2
echo 'second words' >docs/report
rm data
mv docs/link docs/moved
echo new >docs/new
want 0 '' "$amberfs" snapshot create after
want 0 'docs/report' "$amberfs" log docs/report
want 0 ' D .* data' "$amberfs" log data
same "log --json" "$(json 'lines[0]["kind"]' "$amberfs" log --json -n 1 data)" "removed"
same "diff" "$(json 'sorted((l["kind"], l["path"]) for l in lines if l["file_type"] != "folder")' "$amberfs" diff before after --json)" \
	"[('added', 'docs/new'), ('changed', 'docs/report'), ('changed', 'docs/same'), ('removed', 'data'), ('renamed', 'docs/moved')]"
want 0 '^R  docs/link -> docs/moved' "$amberfs" diff before
want 0 'report' "$amberfs" ls --at before docs
same "ls keeps odd names" "$(json '[l["name"] for l in lines if "odd" in l["name"]]' "$amberfs" ls --json --at before docs)" \
	"['odd\\nname \\udcff']"
same "cat" "$("$amberfs" cat --at before docs/report)" "first words"
"$amberfs" cat --at before data >"$work/data.cat"
check "cat of a removed file" cmp "$work/data.cat" "$work/data.first"
same ".snapshots" "$(cat .snapshots/before/docs/report)" "first words"

# back, and forth again
want 0 'Would restore' "$amberfs" restore --at before --dry-run
same "a dry run changes nothing" "$(cat docs/report)" "second words"
undo=$(json 'lines[-1]["undo_epoch"]' "$amberfs" restore --at before docs/report --yes --json)
same "one file is back" "$(cat docs/report; ls docs/new)" "$(printf 'first words\ndocs/new')"
want 0 '' "$amberfs" restore --at "e$undo" docs/report
same "undone" "$(cat docs/report)" "second words"
want 0 'To undo' "$amberfs" restore --at before --yes
same "the volume is back" "$(cat docs/report; readlink docs/link; ls docs/new 2>&1 | grep -c 'No such')" "$(printf 'first words\nreport\n1')"
check "a removed file is back" cmp data "$work/data.first"
same "nothing differs" "$("$amberfs" diff before)" ""

# a copy
want 0 'Copied' "$amberfs" restore --at before --to "$work/copy"
check "the copy is the same" diff -r --no-dereference "$mnt/docs" "$work/copy/docs"
check "data too" cmp "$work/copy/data" "$work/data.first"
same "mode, time, links" "$(stat -c '%h %Y' "$work/copy/docs/report") $(stat -c %a "$work/copy/docs")" \
	"2 $(date -d '2020-02-02 02:02:02' +%s) 750"
check "holes stay holes" test "$(stat -c %b "$work/copy/sparse")" -lt 1000
check "no marker is left" test ! -e "$work/copy/.amberfs-restore"
want 1 'not empty' "$amberfs" restore --at before --to "$work/copy"
want 0 'Copied' "$amberfs" restore --at before --to "$work/some" docs/report
check "paths keep their place" test -f "$work/some/docs/report"

# a copy that was stopped goes on, for the same moment only
id=$(json 'lines[0]["volume"]' "$amberfs" status --json)
epoch=$(json '[l["epoch"] for l in lines if l["name"] == "before"][0]' "$amberfs" snapshot list --json)
echo "$id e$epoch" >"$work/copy/.amberfs-restore"
truncate -s 1000 "$work/copy/data"
rm -r "$work/copy/docs/deep"
want 1 "go on with --at e$epoch" "$amberfs" restore --at after --to "$work/copy"
want 0 'Copied' "$amberfs" restore --at before --to "$work/copy"
check "the rest is there" cmp "$work/copy/data" "$work/data.first"
check "folders too" test -d "$work/copy/docs/deep"
check "the marker is gone" test ! -e "$work/copy/.amberfs-restore"

# more than the daemon serves at once
for i in 1 2 3 4 5 6 7 8 9 10 11 12; do
	"$amberfs" log --json >"$work/log.$i" 2>"$work/log.err.$i" </dev/null &
done
wait
same "requests at the same time do not mix" "$(cat "$work"/log.[0-9]* | python3 -c 'import sys, json; [json.loads(l) for l in sys.stdin.buffer]; print("whole")')" whole

# the past as a mount, beside the present
mkdir "$work/mnt3"
want 0 '' "$amberfs" mount "$store" "$work/mnt3" --passphrase-file "$work/pw" -o at=after --state-dir "$work/state2"
same "-o at" "$(cat "$work/mnt3/docs/report")" "second words"
check "it is read-only" sh -c "! touch '$work/mnt3/x'"
want 0 '' "$amberfs" umount "$work/mnt3"

# leave and come again, also as mount(8) would have it
cd / || exit 1
want 0 '' "$amberfs" umount "$mnt"
check "it is gone" sh -c "! mountpoint -q '$mnt'"
want 0 '' "$amberfs" "$store" "$mnt" -o "rw,suid,dev,passphrase_file=$work/pw"
check "all is there" cmp "$mnt/data" "$work/data.first"
want 0 '' umount "$mnt"
sleep 1
rm -rf "$work/state"
want 0 '' "$amberfs" mount "$store" "$mnt" --passphrase-command "cat $work/pw"
check "from the store alone" cmp "$mnt/data" "$work/data.first"
same "and the past" "$("$amberfs" cat --at after "$mnt/docs/report")" "second words"
want 0 '' "$amberfs" snapshot delete after -C "$mnt"
want 0 '' "$amberfs" umount "$mnt"
verdict
