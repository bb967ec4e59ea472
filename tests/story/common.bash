# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# What the stories share; sourced. A work folder, stores (a folder, or Ceph over HTTPS with its own CA), mounts and their
# daemons, and a clean end: what was mounted is unmounted, what was started is killed, the work folder is removed.
#
#   AMBERFS          the program under test
#   STORY_STORE      "dir:PATH" for a folder as the store; default is the real server
#   STORY_FILES      about how many files
#   STORY_KEEP       not empty: keep the work folder of a failed run
#   STORY_VALGRIND   not empty: the daemons run in the foreground under valgrind
set -u
exec </dev/null

story_here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
: "${AMBERFS:?names the program under test}"
work=
mnt=
s3_dir=
s3_port=
failed=0
pids=()
valgrind=()
foreground=

# With CI=true what is missing is a failure.
skip() {
	echo "SKIP: $*"
	[ "${CI:-}" != true ] || exit 1
	exit 77
}

ok() {
	echo "ok $*"
}

fail() {
	failed=1
	echo "FAIL $*"
}

# Something that the rest builds on went wrong.
die() {
	fail "$@"
	exit 1
}

# check NAME COMMAND...: one line of result; what it says is shown when it fails.
check() {
	local name=$1
	shift
	if "$@" >"$work/check.out" 2>&1; then
		ok "$name"
	else
		fail "$name: $(head -c 1500 "$work/check.out" | head -n 12)"
	fi
}

must() {
	check "$@"
	[ "$failed" = 0 ] || exit 1
}

# Progress is not an error.
drop_progress() {
	sed -i '/^amberfs: /!{/^[a-z]*: .* of /d}' "$work/err"
}

# wants CODE WORDS NAME COMMAND...: it ends with CODE, and says WORDS in the one line on stderr that begins with "amberfs: ".
wants() {
	local code=$1 words=$2 name=$3 got=0
	shift 3
	timeout 120 "$@" >"$work/out" 2>"$work/err" || got=$?
	drop_progress
	if [ "$got" -ne "$code" ]; then
		fail "$name: exit $got instead of $code: $(cat "$work/err")"
	elif [ "$code" -ne 0 ] && [ "$(wc -l <"$work/err")" -ne 1 ]; then
		fail "$name: stderr is not one line: $(cat "$work/err")"
	elif [ "$code" -ne 0 ] && ! grep -q '^amberfs: ' "$work/err"; then
		fail "$name: not the words of amberfs: $(cat "$work/err")"
	elif ! grep -qE -- "$words" "$work/err" "$work/out"; then
		fail "$name: no '$words' in: $(cat "$work/err")"
	else
		ok "$name"
	fi
}

is_mounted() {
	awk -v at="$1" '$5 == at {found = 1} END {exit !found}' /proc/self/mountinfo
}

# The processes that serve the mountpoint $1, or begin to: those with `mount` and the mountpoint among their words. One a line.
daemon_pids() {
	local dir words name verb place word
	for dir in /proc/[0-9]*; do
		# a process may be gone by now
		{ mapfile -d '' words <"$dir/cmdline"; } 2>/dev/null || continue
		verb='' place=''
		for word in "${words[@]}"; do
			[ "$word" != mount ] || verb=1
			[ "$word" != "$1" ] || place=1
		done
		[ -n "$verb$place" ] && [ "$verb" = "$place" ] || continue
		# a timeout(1) around it has the same words
		{ read -r name <"$dir/comm"; } 2>/dev/null || continue
		[ "$name" = timeout ] || echo "${dir#/proc/}"
	done
}

daemon_pid() {
	daemon_pids "$1" | head -n 1
}

# Until the process $1 is gone; one that nobody reaps is as good as gone.
wait_gone() {
	local i
	for ((i = 0; i < 300; i++)); do
		[ -d "/proc/$1" ] && ! grep -q '^State:.*Z' "/proc/$1/status" 2>/dev/null || return 0
		sleep 0.1
	done
	return 1
}

kill_daemon() {
	local pid
	pid=$(daemon_pid "$mnt")
	[ -n "$pid" ] || die "no daemon to kill"
	kill -KILL "$pid"
	wait_gone "$pid"
}

story_end() {
	local code=$? at pid
	trap '' INT TERM
	cd /
	if [ -n "$work" ]; then
		for at in "$work"/mnt*; do
			pid=$(daemon_pid "$at")
			[ -z "$pid" ] || kill -KILL "$pid"
			is_mounted "$at" || continue
			# it may be one that answers nobody any more: this ends its connection
			umount -c -f "$at" 2>/dev/null
			! is_mounted "$at" || fusermount3 -uz "$at" 2>/dev/null || umount -l "$at"
		done
		for pid in "${pids[@]}"; do
			{ kill -KILL "$pid" && wait "$pid"; } 2>/dev/null
		done
		[ -z "$s3_dir" ] || "$story_here/../backend/servers/ceph-rgw.sh" stop "$s3_dir"
		if [ "$code" -ne 0 ] && [ "$code" -ne 77 ] && [ -n "${STORY_KEEP:-}" ]; then
			echo "kept: $work"
		else
			rm -rf --one-file-system "$work"
		fi
	fi
	exit "$code"
}

story_begin() {
	[ "$(id -u)" = 0 ] || skip "needs root"
	[ -c /dev/fuse ] || skip "needs /dev/fuse"
	local tool
	for tool in python3 fusermount3 "$@"; do
		command -v "$tool" >/dev/null || skip "$tool is not installed"
	done
	work=$(mktemp -d "${TMPDIR:-/tmp}/story.XXXXXX") || exit 1
	trap story_end EXIT
	trap 'exit 1' INT TERM HUP
	mnt=$work/mnt
	mkdir "$mnt" "$work/state" "$work/sanitizer"
	export HOME=$work AMBERFS_STATE_DIR=$work/state LC_ALL=C
	unset "${!AWS_@}" AMBERFS_PASSPHRASE_COMMAND XDG_STATE_HOME
	export AMBERFS_PASSPHRASE_FILE=$work/passphrase
	(umask 077 && echo 'a passphrase of the story' >"$AMBERFS_PASSPHRASE_FILE")
	# a daemon has no stderr for the sanitizers' words
	export ASAN_OPTIONS="log_path=$work/sanitizer/asan:${ASAN_OPTIONS:-}"
	export UBSAN_OPTIONS="print_stacktrace=1:log_path=$work/sanitizer/ubsan:${UBSAN_OPTIONS:-}"
	# -q: a log with words in it is a finding; fuse-compatible: the daemon looks at its own mount
	[ -z "${STORY_VALGRIND:-}" ] || valgrind=(valgrind -q --sim-hints=fuse-compatible --error-exitcode=99 --leak-check=full
		--show-leak-kinds=definite --errors-for-leak-kinds=definite --num-callers=25 --log-file="$work/sanitizer/valgrind.%p")
	export GIT_CONFIG_NOSYSTEM=1 GIT_CONFIG_GLOBAL=/dev/null GIT_TERMINAL_PROMPT=0
}

story_verdict() {
	check "nothing in the sanitizers' logs" no_words_in_sanitizer_logs
	[ "$failed" = 0 ] && echo "all is well"
	exit "$failed"
}

no_words_in_sanitizer_logs() {
	# "--PID--": valgrind about itself, as a system call that it does not know
	! find "$work/sanitizer" -type f -exec head -qn 60 {} + | grep -vE '^--[0-9]+-- |^$'
}

# ---- stores ----

# Start the server and make the bucket; sets store, store_options and what s3_curl needs.
s3_start() {
	local tool try
	for tool in ceph ceph-mon ceph-osd radosgw radosgw-admin curl openssl uuidgen; do
		command -v $tool >/dev/null || skip "$tool is not installed"
	done
	s3_dir=$work/ceph
	for try in 1 2 3; do
		rm -rf "$s3_dir"
		s3_port=$((10000 + RANDOM % 10000))
		"$story_here/../backend/servers/ceph-rgw.sh" start "$s3_dir" $s3_port && break
		[ $try != 3 ] || die "the server does not start"
	done
	set -a
	# shellcheck source=/dev/null
	. "$s3_dir/env"
	set +a
	(umask 077 && printf 'user = "%s:%s"\n' "$AWS_ACCESS_KEY_ID" "$AWS_SECRET_ACCESS_KEY" >"$work/curlrc")
	s3_curl --retry 5 -X PUT "https://127.0.0.1:$s3_port/story" || die "no bucket"
	store="s3://story/volume?endpoint=https://127.0.0.1:$s3_port"
	store_options=(--ca-file "$s3_dir/ca.pem")
}

s3_curl() {
	curl -sS --fail --config "$work/curlrc" --noproxy '*' --max-time 120 --cacert "$s3_dir/ca.pem" \
		--aws-sigv4 aws:amz:us-east-1:s3 -H 'x-amz-content-sha256: UNSIGNED-PAYLOAD' "$@"
}

# All keys of the bucket, one a line.
s3_list() {
	local after='' keys
	while :; do
		keys=$(s3_curl "https://127.0.0.1:$s3_port/story?list-type=2&max-keys=1000&start-after=$after" |
			grep -o '<Key>[^<]*' | cut -c6-)
		[ -n "$keys" ] || break
		printf '%s\n' "$keys"
		after=$(tail -n 1 <<<"$keys")
	done
}

# Copy all that is in the store to the folder $1.
store_download() {
	local key
	mkdir -p "$1"
	case $store in
	s3:*)
		s3_list >"$work/keys" || return 1
		[ -s "$work/keys" ] || return 1
		while IFS= read -r key; do
			printf 'url = "https://127.0.0.1:%s/story/%s"\noutput = "%s/%s"\n' "$s3_port" "$key" "$1" "${key//\//_}"
		done <"$work/keys" >"$work/downloads"
		s3_curl --max-time 300 --parallel --parallel-max 8 --config "$work/downloads" || return 1
		[ "$(find "$1" -type f | wc -l)" = "$(wc -l <"$work/keys")" ]
		;;
	*) cp -a "$store/." "$1/" ;;
	esac
}

# As STORY_STORE says.
store_start() {
	store_options=()
	case ${STORY_STORE:-s3} in
	dir:*)
		store=${STORY_STORE#dir:}
		[ ! -e "$store/keyring" ] || die "$store was used before"
		;;
	dir) store=$work/store ;;
	*) s3_start ;;
	esac
}

# ---- volumes ----

story_init() {
	must "init" volume_init
}

volume_init() {
	(umask 077 && "$AMBERFS" init --json ${store_options[@]+"${store_options[@]}"} "$store" >"$work/init.json") || return 1
	(umask 077 && python3 -c 'import json, sys; print(json.load(sys.stdin)["recovery_code"])' \
		<"$work/init.json" >"$work/recovery")
}

# volume_mount OPTIONS...: until it is usable; under valgrind in the foreground.
volume_mount() {
	local pid i
	if [ ${#valgrind[@]} = 0 ]; then
		timeout 240 "$AMBERFS" mount ${store_options[@]+"${store_options[@]}"} "$@" "$store" "$mnt"
		return
	fi
	"${valgrind[@]}" "$AMBERFS" mount -f ${store_options[@]+"${store_options[@]}"} "$@" "$store" "$mnt" 2>>"$work/foreground.log" &
	pid=$!
	foreground=$pid
	pids+=("$pid")
	for ((i = 0; i < 1200; i++)); do
		# a dead mount is still there while the new one begins
		if is_mounted "$mnt" && "$AMBERFS" status "$mnt" >/dev/null 2>&1; then
			return 0
		fi
		[ -d "/proc/$pid" ] || break
		sleep 0.1
	done
	tail -n 5 "$work/foreground.log"
	return 1
}

volume_umount() {
	timeout 120 "$AMBERFS" umount "$mnt" || return 1
	[ -n "$foreground" ] || return 0
	wait "$foreground" || { echo "the daemon ended with $?"; return 1; }
}

# status_of KEY: a value of `status --json`.
status_of() {
	"$AMBERFS" status --json "$mnt" | python3 -c 'import json, sys; print(json.load(sys.stdin)[sys.argv[1]])' "$1"
}

# wait_status KEY VALUES SECONDS: until the key has one of the values (an extended pattern).
wait_status() {
	local end=$((SECONDS + $3)) now
	while :; do
		now=$(status_of "$1")
		[[ $now =~ ^($2)$ ]] && return 0
		[ $SECONDS -lt $end ] || break
		sleep 0.2
	done
	echo "$1 is $now instead of $2"
	return 1
}

# ---- programs (writer.py) on a mount that will die ----

# programs_start PART OPTIONS...: after they have verified what a life before left.
programs_start() {
	local line=
	python3 "$story_here/writer.py" live "$mnt" "$work/record" "$@" >"$work/told" 2>"$work/programs" &
	programs=$!
	pids=("$programs")
	read -r -t 60 line <"$work/told"
	[ "$line" = verified ] || { daemon_words; tail -n 4 "$work/programs"; return 1; }
}

# They end by themselves, because the mount died under them.
programs_end() {
	local code=0
	# a mount whose daemon is dead and that does not say so
	wait_gone "$programs" || { echo "the mount hangs"; umount -c -f "$mnt"; return 1; }
	wait "$programs" || code=$?
	pids=()
	[ $code = 0 ] || { echo "exit $code"; cat "$work/programs"; return 1; }
}

# What the daemon of the mount has to say about a failure.
daemon_words() {
	timeout 10 "$AMBERFS" status --json "$mnt" 2>&1 | head -c 600
	tail -qn 6 "$AMBERFS_STATE_DIR"/*/daemon.log 2>/dev/null
}

no_errors_in_logs() {
	local logs
	logs=$(find "$work" -xdev -maxdepth 4 \( -name daemon.log -o -name foreground.log \))
	# shellcheck disable=SC2086
	! grep -aE '^[0-9TZ:.-]+ error |CHECK|[Aa]ssert' $logs /dev/null
}
