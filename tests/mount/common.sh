# SPDX-License-Identifier: Apache-2.0
# What the mount tests share; sourced with the folder to test as $1.
#
# A case is a shell function: `run NAME function` runs it in an empty folder of its own, in a shell that stops at the first command
# that fails, with a time-out, and prints `ok NAME`, `skip NAME why` or `FAIL NAME why`. `finish` ends the script with the verdict.

CASE_SECONDS=${CASE_SECONDS:-120}
failed=0
root=$(cd "$1" && pwd) || exit 2
# some programs find their own way to HOME or a terminal; tests are not about those
export HOME=/nonexistent LC_ALL=C GIT_CONFIG_NOSYSTEM=1 GIT_CONFIG_GLOBAL=/dev/null GIT_TERMINAL_PROMPT=0
outside=$(mktemp -d)
work=$(mktemp -d "$root/$(basename "$0" .sh).XXXXXX") || exit 1
chmod 755 "$outside" "$work"
trap 'cd /; rm -rf "$outside" "$work"' EXIT

# Inside a case: end it with the reason.
die() {
	echo "$*" >&2
	exit 1
}

skip() {
	echo "$*" >&2
	exit 77
}

need() {
	local program
	for program; do
		command -v "$program" >/dev/null || skip "needs $program"
	done
}

# Inside a case: the command must fail, and say the words given first.
refused() {
	local words=$1 said
	shift
	if said=$("$@" 2>&1); then
		die "'$*' was not refused"
	fi
	case $said in
	*"$words"*) ;;
	*) die "'$*' was refused with '$said' instead of '$words'" ;;
	esac
}

same() {
	[ "$1" = "$2" ] || die "${3:-value} is '$1' instead of '$2'"
}

# Inside a case: the child $1 ends, and by SIGKILL.
killed() {
	local code=0
	wait "$1" || code=$?
	same "$code" 137 "exit of the killed process"
}

run() {
	local name=$1 fn=$2 r watch pid
	rm -rf "$work/case"
	mkdir "$work/case" || exit 1
	(
		set -eEu -o pipefail
		trap 'echo "line $LINENO: $BASH_COMMAND" >&2' ERR
		cd "$work/case"
		$fn
	) >"$outside/log" 2>&1 &
	pid=$!
	(sleep "$CASE_SECONDS" && echo "time-out" >>"$outside/log" && kill -TERM $pid) >/dev/null 2>&1 &
	watch=$!
	wait $pid
	r=$?
	kill $watch 2>/dev/null
	wait $watch 2>/dev/null
	case $r in
	0) echo "ok $name" ;;
	77) echo "skip $name: $(tail -n 1 "$outside/log")" ;;
	*)
		failed=1
		echo "FAIL $name: $(tail -n 2 "$outside/log" | tr '\n' ' ')"
		;;
	esac
	rm -rf "$work/case" || failed=1
}

finish() {
	exit $failed
}
