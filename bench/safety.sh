#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# What durable writes cost: amberfs beside a plain folder on the same disk, and beside other encrypted filesystems, in one run.
#
#   safety.sh [--rounds N] [--seconds S] [--dir DIR] [--json FILE] [--workloads "A B"] [--contestants "A B"]
#
# Machines are noisy, so the contestants take turns: each workload runs S seconds on each of them, N times over, beginning with
# another one each time. A figure is the median of its rounds; a ratio is the median of the rounds' ratios, each to the plain folder in the
# same round. Only ratios of one run are worth comparing. Nothing here passes or fails.
#
# Workloads are those of workload.c; "-4" runs four threads, each with its own file. See lib.bash for AMBERFS, WORKLOAD and BENCH_DIR.
. "$(dirname "$0")/lib.bash"

rounds=7
seconds=3
json=
workloads=(append4k append4k-4 append100 overwrite4k replace sqlite-delete sqlite-wal)
contestants=("${all_contestants[@]}")

usage() {
	sed -n 's/^#   \(safety.sh .*\)/usage: \1/p' "$0" >&2
	exit 2
}

while [ $# -gt 0 ]; do
	[ $# -ge 2 ] || usage
	case $1 in
	--rounds) rounds=$2 ;;
	--seconds) seconds=$2 ;;
	--dir) BENCH_DIR=$2 ;;
	--json) json=$2 ;;
	--workloads) read -ra workloads <<<"$2" ;;
	--contestants) read -ra contestants <<<"$2" ;;
	*) usage ;;
	esac
	shift 2
done
[ "${contestants[0]}" = plain ] || contestants=(plain "${contestants[@]}")

# one WORKLOAD CONTESTANT ROUND: a line of results
one() {
	local threads=1 name=$1 line
	case $1 in
	*-4) threads=4 name=${1%-4} ;;
	esac
	if line=$("$WORKLOAD" "$name" -s "$seconds" -t "$threads" "${top[$2]}" 2>>"$work/errors"); then
		echo "round $1 $2 $3 $line" >>"$work/results"
	else
		echo "$2: $1: $(tail -n 1 "$work/errors")" >&2
	fi
	contestant_settle "$2"
}

bench_begin
running=()
for name in "${contestants[@]}"; do
	if contestant_start "$name"; then
		running+=("$name")
		echo "about $name ${about[$name]}" >>"$work/results"
	else
		echo "left out: $name: $why"
	fi
done
echo "run $rounds rounds of $seconds s, $machine" >>"$work/results"

for name in "${workloads[@]}"; do
	for ((round = 0; round < rounds; round++)); do
		for ((i = 0; i < ${#running[@]}; i++)); do
			one "$name" "${running[(i + round) % ${#running[@]}]}" "$round"
		done
	done
done
python3 "$(dirname "$0")/report.py" safety "$work/results" ${json:+"$json"}
