# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# What test.sh is made of: steps with a time limit, one line a result, one total.
#
#   step NAME SECONDS COMMAND...        run one test (see limit.sh); exit 0 passes, 77 skips, else fails
#   need mount|server step ...          the same; with CI=true a skip counts as a failure
#   check_build NAME SECONDS DIR        `make check` in DIR, one result for each of its tests
#   packages NAME...                    install the Debian packages that are missing
#   totals                              print the last line, exit

run_root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
run_logs=$run_root/build/logs
run_passed=0
run_failed=0
run_skipped=0
run_needed=
run_end=$((SECONDS + ${TEST_BUDGET_SECONDS:-3300}))

mkdir -p "$run_logs"
trap 'exit 130' INT TERM HUP

# result NAME STATUS SECONDS LOG
result() {
	local word=FAIL reason=

	case $2 in
	0) word=PASS ;;
	77)
		reason=": $(grep -ao 'SKIP.*' "$4" | tail -n 1)"
		[ -n "$run_needed" ] && [ "${CI-}" = true ] || word=SKIP
		;;
	esac
	printf '%s %s (%s s)%s\n' "$word" "$1" "$3" "$reason"
	case $word in
	PASS) run_passed=$((run_passed + 1)) ;;
	SKIP) run_skipped=$((run_skipped + 1)) ;;
	FAIL)
		run_failed=$((run_failed + 1))
		tail -n 60 "$4" | sed 's/^/    | /'
		;;
	esac
}

# The last line that limit.sh wrote: how long the test took.
took() {
	local seconds
	seconds=$(sed -n 's/^limit\.sh: took \([0-9.]*\) s$/\1/p' "$1" | tail -n 1)
	echo "${seconds:-0.0}"
}

step() {
	local name=$1 limit=$2 left=$((run_end - SECONDS)) log status
	shift 2
	log=$run_logs/$(tr -c 'A-Za-z0-9\n' _ <<<"$name").log
	if [ "$left" -le 0 ]; then
		echo 'the time for all tests is used up' >"$log"
		result "$name" 1 0.0 "$log"
		return
	fi
	[ "$limit" -le "$left" ] || limit=$left
	"$run_root/tests/lib/limit.sh" "$limit" "$@" >"$log" 2>&1
	status=$?
	result "$name" "$status" "$(took "$log")" "$log"
}

need() {
	run_needed=$1
	shift
	"$@"
	run_needed=
}

check_build() {
	local name=$1 limit=$2 dir=$3 log=$run_logs/check_$1.log before=$run_failed trs test status
	[ "$limit" -le $((run_end - SECONDS)) ] || limit=$((run_end - SECONDS))
	[ "$limit" -gt 0 ] || limit=1
	find "$dir/tests" -name '*.trs' -delete
	"$run_root/tests/lib/limit.sh" "$limit" make -C "$dir" -k -j2 check >"$log" 2>&1
	status=$?
	while IFS= read -r trs; do
		test=${trs#"$dir/"}
		case $(sed -n 's/^:test-result: //p' "$trs") in
		PASS) result "$name: ${test%.trs}" 0 "$(took "${trs%.trs}.log")" "${trs%.trs}.log" ;;
		SKIP) result "$name: ${test%.trs}" 77 "$(took "${trs%.trs}.log")" "${trs%.trs}.log" ;;
		*) result "$name: ${test%.trs}" 1 "$(took "${trs%.trs}.log")" "${trs%.trs}.log" ;;
		esac
	done < <(find "$dir/tests" -name '*.trs' | sort)
	# what failed without a test that says so: it did not build, or there was not time for all
	[ "$run_failed" -gt "$before" ] || result "$name: make check" "$status" "$(took "$log")" "$log"
}

as_root() {
	if [ "$(id -u)" -eq 0 ]; then
		"$@"
	else
		sudo -n "$@"
	fi
}

packages() {
	local missing=() name try policy=/usr/sbin/policy-rc.d made='' status=1
	for name in "$@"; do
		dpkg-query -W -f '${db:Status-Status}\n' "$name" 2>/dev/null | grep -qx installed ||
			missing+=("$name")
	done
	[ "${#missing[@]}" -gt 0 ] || return 0
	echo "installing: ${missing[*]}"
	# 101: no service is started because its package is installed
	if [ ! -e "$policy" ]; then
		printf '#!/bin/sh\nexit 101\n' | as_root tee "$policy" >/dev/null &&
			as_root chmod 755 "$policy"
		made=yes
		trap 'as_root rm -f "$policy"; exit 130' INT TERM HUP
	fi
	for try in 1 2 3; do
		if as_root apt-get -qq update &&
			as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq install -y -o DPkg::Lock::Timeout=120 \
				--no-install-recommends "${missing[@]}"; then
			status=0
			break
		fi
		sleep $((try * 5))
	done >"$run_logs/packages.log" 2>&1
	[ -z "$made" ] || as_root rm -f "$policy"
	trap 'exit 130' INT TERM HUP
	[ "$status" -eq 0 ] || tail -n 20 "$run_logs/packages.log"
	return "$status"
}

totals() {
	echo "$run_passed passed, $run_failed failed, $run_skipped skipped"
	[ "$run_failed" -eq 0 ]
	exit
}
