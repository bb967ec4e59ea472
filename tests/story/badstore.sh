#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# A store over HTTPS that fails in every way a store can, with the real daemon: badstore.py is told how. Whatever it does, work goes on
# from the local state, status tells the reason, and when the store heals everything gets stored, without being sent twice; what is read
# from the store is right or EIO, never something else.
. "$(dirname "$0")/common.bash"

# ---- the store ----

server_start() {
	local i
	mkdir -p "$work/server"
	"$story_here/../backend/servers/make-cert.sh" "$work/cert" || return 1
	python3 "$story_here/badstore.py" "$work/server" "$work/cert" 2>"$work/server/errors" &
	pids+=("$!")
	disown
	for ((i = 0; i < 100; i++)); do
		[ ! -s "$work/server/port" ] || break
		sleep 0.1
	done
	store="s3://bucket/volume?endpoint=https://127.0.0.1:$(cat "$work/server/port")&retries=0"
	store_options=(--ca-file "$work/cert/ca.pem")
	export AWS_ACCESS_KEY_ID=story AWS_SECRET_ACCESS_KEY=story AWS_REGION=us-east-1
}

# rules "PATTERN HOW [TIMES]"...; none: the store is well.
rules() {
	printf '%s\n' "$@" >"$work/server/rules.new"
	mv "$work/server/rules.new" "$work/server/rules"
}

heal() {
	rules
}

# ---- files ----

# write NAME KIB: durable when it returns; a copy is kept outside.
write() {
	head -c $(($2 << 10)) /dev/urandom >"$work/want/$1" || return 1
	timeout 60 dd if="$work/want/$1" of="$mnt/$1" bs=1M conv=fsync status=none
}

same_files() {
	diff -rq "$work/want" "$mnt"
}

prompt_work() {
	local start=$SECONDS
	write "$1" 700 && write "$1.more" 8 && mv "$mnt/$1.more" "$mnt/$1.less" && mv "$work/want/$1.more" "$work/want/$1.less" &&
		cmp "$mnt/$1" "$work/want/$1" || return 1
	[ $((SECONDS - start)) -le 20 ] || { echo "took $((SECONDS - start)) s"; return 1; }
}

# The answer to a request from before may still make a sync give up.
stored() {
	local i
	for ((i = 0; i < 5; i++)); do
		timeout 60 "$AMBERFS" sync --timeout 50 "$mnt" && break
		sleep 0.5
	done
	wait_status state clean 20 && [ "$(status_of pending_bytes)" = 0 ]
}

write_stored() {
	write "$1" "$2" && stored
}

# From what the store has, and no other state.
fresh_mount() {
	local pid
	for pid in $(daemon_pids "$mnt"); do
		kill -KILL "$pid" && wait_gone "$pid"
	done
	rm -rf "$AMBERFS_STATE_DIR"
	mkdir "$AMBERFS_STATE_DIR"
	volume_mount -o epoch=1
}

another_machine_sees_all() {
	local at=$work/mnt2 code=0
	mkdir -p "$at" "$work/state2"
	timeout 60 "$AMBERFS" mount "${store_options[@]}" -o ro --state-dir "$work/state2" "$store" "$at" || return 1
	diff -rq "$work/want" "$at" || code=1
	timeout 60 "$AMBERFS" umount "$at" || code=1
	rm -rf "$work/state2"
	return $code
}

# ---- storing ----

says() {
	wait_status state offline 60 || return 1
	[[ "$(status_of error)" =~ $1 ]] || { echo "status says: $(status_of error)"; return 1; }
}

# storing HOW WORDS PATTERN: WORDS is what status says; empty: nothing need be said.
storing() {
	rules "$3 $1"
	check "$1 for '$3': work goes on" prompt_work "$1.$((++number))"
	[ -z "$2" ] || check "$1 for '$3': status says why" says "$2"
	[ -n "$2" ] || sleep 2
	check "$1 for '$3': work still goes on" prompt_work "$1.$((++number))"
	heal
	check "$1 for '$3': all is stored when the store is well" stored
}

# ---- reading ----

# 0: right, 5: EIO where it is not right, 9: something else
read_file() {
	timeout 120 python3 - "$mnt/$1" "$work/want/$1" <<-'PY'
		import errno, sys
		want = open(sys.argv[2], "rb").read()
		at = worst = 0
		with open(sys.argv[1], "rb", buffering=0) as f:
		    while at < len(want):
		        try:
		            f.seek(at)
		            got = f.read(65536)
		        except OSError as e:
		            if e.errno != errno.EIO:
		                sys.exit("errno %d" % e.errno)
		            worst = 5
		            at = (at // 65536 + 1) * 65536
		            continue
		        if not got or got != want[at:at + len(got)]:
		            print("%d bytes at %d" % (len(got), at))
		            sys.exit(9)
		        at += len(got)
		sys.exit(worst)
	PY
}

# reading HOW CODE: of a file that no other one reads
reading() {
	local code=0
	rules "GET:packs/ $1"
	read_file "read.$1" || code=$?
	if [ $code = "$2" ]; then
		ok "reading, $1: $code"
	else
		fail "reading, $1: $code instead of $2"
	fi
	heal
	check "reading, $1: right when the store is well" read_file "read.$1"
}

# Who waits for the store holds up nobody else.
reading_while_it_hangs() {
	local pid code=0
	rules 'GET:packs/ hang'
	read_file read.hang &
	pid=$!
	sleep 1
	prompt_work beside && read_file beside || return 1
	[ -d "/proc/$pid" ] || { echo "the reader did not wait"; return 1; }
	wait $pid || code=$?
	[ $code = 5 ] || { echo "the reader got $code"; return 1; }
	heal
	read_file read.hang
}

# Not even who reads past the cache, where the kernel itself lets nobody go.
killed_while_it_hangs() {
	local pid start=$SECONDS
	rules 'GET:packs/ hang'
	dd if="$mnt/read.kill" of=/dev/null iflag=direct bs=64k status=none &
	pid=$!
	sleep 1
	[ -d "/proc/$pid" ] || { echo "the reader did not wait"; return 1; }
	kill -TERM $pid
	wait_gone $pid
	wait $pid
	heal
	[ $((SECONDS - start)) -le 8 ] || { echo "took $((SECONDS - start)) s to die"; return 1; }
	read_file read.kill
}

# ---- mounting ----

# mounting CODE PATTERN HOW: on a machine that knows nothing
mounting() {
	rules "$2 $3"
	rm -rf "$AMBERFS_STATE_DIR"
	mkdir "$AMBERFS_STATE_DIR"
	wants "$1" '' "mounting, $3 for '$2': exit $1" "$AMBERFS" mount "${store_options[@]}" "$store" "$mnt"
	heal
}

# A listing that is not of today shows a machine that knows nothing an older state. What it then writes is refused: nothing is hidden by it.
stale_listing() {
	rules 'LIST stale'
	volume_mount -o epoch=1 && write late-comer 300 && stored && volume_umount || return 1
	fresh_mount || return 1
	[ ! -e "$mnt/late-comer" ] || { echo "the listing was not stale"; return 1; }
	echo lost >"$mnt/late-comer"
	wants 6 'another writer' "a stale listing: it is told from another writer" "$AMBERFS" sync --timeout 30 "$mnt"
	heal
	fresh_mount && same_files
}

# ---- unmounting ----

# Waits with progress on a store that hangs, until Ctrl-C.
umount_is_patient() {
	local pid code=0 start
	# a job in the background would ignore SIGINT
	python3 - "$AMBERFS" umount "$mnt" >"$work/out" 2>"$work/err" <<-'PY' &
		import signal, subprocess, sys, time
		child = subprocess.Popen(sys.argv[1:], preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler))
		time.sleep(5)
		if child.poll() is not None:
		    sys.exit("it ended with %d" % child.returncode)
		child.send_signal(signal.SIGINT)
		start = time.monotonic()
		code = child.wait(60)
		print("after %.1f s: %d" % (time.monotonic() - start, code), file=sys.stderr)
		sys.exit(code if time.monotonic() - start < 5 else 99)
	PY
	pid=$!
	wait "$pid" || code=$?
	[ $code = 1 ] || { echo "exit $code"; cat "$work/err"; return 1; }
	grep -q '^[a-z]*: .* of ' "$work/err" || { echo "no progress"; cat "$work/err"; return 1; }
	grep -q '^amberfs: .* is not unmounted: .*nothing is lost, and it stays mounted' "$work/err" || { cat "$work/err"; return 1; }
	same_files
}

# The packs that were put and acknowledged, each line once for each time.
packs_put() {
	grep -E '^PUT:packs/[0-9a-f]+ [a-z]+ 200$' "$work/server/log" | cut -d ' ' -f 1
}

wait_packs() {
	local i
	for ((i = 0; i < 300; i++)); do
		[ "$(packs_put | wc -l)" -lt "$1" ] || [ "$(status_of pending_packs)" -gt "$2" ] || return 0
		sleep 0.1
	done
	echo "$(packs_put | wc -l) packs put, $(status_of pending_packs) wait"
	return 1
}

# None of $work/packs was sent again, whatever the answer.
not_sent_again() {
	local name
	tail -n +$((log_lines + 1)) "$work/server/log" | grep '^PUT:packs/' >"$work/sent"
	while read -r name; do
		! grep -q "$name" "$work/sent" || { echo "$name was sent again"; return 1; }
	done <"$work/packs"
	[ -s "$work/packs" ] && [ -s "$work/sent" ]
}

# Two packs go up, and the others not.
half_an_upload() {
	local before
	before=$(packs_put | wc -l)
	rules "PUT:packs/ ok 2" "PUT:packs/ hang"
	write "half.$((++number))" 40000 && wait_packs $((before + 2)) 5
	packs_put >"$work/packs"
	log_lines=$(wc -l <"$work/server/log")
}

story_begin diff openssl
mkdir "$work/want"
number=0
must "the server" server_start
story_init
must "mount" volume_mount -o epoch=1

storing 500 'HTTP 500' 'PUT:packs/'
storing 503 'HTTP 503' 'PUT'
storing 429 'HTTP 429' 'PUT'
storing 403 'denied.*|HTTP 403 AccessDenied' 'PUT'
storing 404 '404|NoSuchKey' 'PUT:log/'
storing 307 'HTTP 307' '.*'
storing deaf '.' 'PUT'
storing lost '' 'PUT'
storing late '' '.*'
check "another machine sees all" another_machine_sees_all
check "nothing was lost here" same_files

# umount
must "something to store" write waits 3000
rules 'PUT hang'
must "and more, while the store hangs" write waits.more 9000
check "umount waits with progress until Ctrl-C" umount_is_patient
rules 'PUT 503'
check "status says offline" says 'HTTP 503'
wants 4 'not unmounted.*not stored yet.*--no-wait' "umount says what to do" "$AMBERFS" umount "$mnt"
rules 'PUT 403'
wants 4 'not unmounted.*--no-wait' "also when it is denied" "$AMBERFS" umount "$mnt"
heal
must "all is stored" stored

# uploads that are resumed
must "half an upload" half_an_upload
kill_daemon
heal
must "mount after kill -9 in the middle of it" volume_mount -o epoch=1
must "the rest is stored" stored
check "and only the rest was sent" not_sent_again
must "half an upload" half_an_upload
rules 'PUT 503'
check "status says offline" says 'HTTP 503'
check "umount --no-wait" timeout 60 "$AMBERFS" umount --no-wait "$mnt"
heal
must "the next mount" volume_mount -o epoch=1
must "stores the rest" stored
check "and only the rest was sent" not_sent_again
check "all is there" same_files

# reading: each way on a file and packs of its own
for how in 404 403 500 429 307 deaf cut short wrong old huge late; do
	must "a file in the store" write_stored "read.$how" 400
done
# one request's worth: each waits as long as a line may be silent
must "a file in the store" write_stored read.hang 50
must "a file in the store" write_stored read.kill 50
must "a fresh machine" fresh_mount
for how in 404 403 500 429 307 deaf cut short wrong old huge; do
	reading $how 5
done
reading late 0
check "reading, hang: others go on, EIO in the end, right when the store is well" reading_while_it_hangs
check "a reader that waits can be killed" killed_while_it_hangs
check "all is right" same_files
check "umount" volume_umount

# mounting
mounting 4 LIST 500
mounting 4 LIST 403
mounting 5 LIST badxml
mounting 5 LIST huge
mounting 1 LIST none
mounting 4 'GET:keyring/' deaf
mounting 5 'GET:keyring/' wrong
mounting 5 'GET:keyring/' short
mounting 4 'GET:log/' 503
mounting 4 'GET:log/' cut
mounting 5 'GET:log/' wrong
mounting 5 'GET:log/' short
mounting 5 'GET:log/' old
mounting 5 'GET:log/' 404
mounting 4 'PUT:lease' 403
must "and at last" fresh_mount
check "all is there" same_files
check "umount" volume_umount
rules 'LIST:log/ none'
check "a machine that knows the volume needs no listing" volume_mount
check "all is there" same_files
check "umount" volume_umount
heal
check "a stale listing: what was stored is there when it is not" stale_listing
check "another machine sees all" another_machine_sees_all
check "umount" volume_umount
check "no errors of the server" test ! -s "$work/server/errors"
story_verdict
