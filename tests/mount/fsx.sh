#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Random operations on a file against a model: fsx.sh DIR (see fsx.c)
#
# On a mount that with_mount.sh made, with kills, remounts, a cache that holds almost nothing, and snapshots, which are
# compared again after a remount and from the store alone. Before that on the filesystem of the temporary folder, which
# shows that the tester is right. In any other folder only that.
#
#   FSX_SEED   the first seed (1)
#   FSX_RUNS   how many seeds (2)
#   FSX_OPS    operations of each (1200)
set -u
tester=fsx
. "$(dirname "$0")/tester.bash"
seed=${FSX_SEED:-1} runs=${FSX_RUNS:-2} ops=${FSX_OPS:-1200}

# random FOLDER N OPTIONS...: the seed N in a folder of its own
random() {
	local folder=$1/fsx.$2 n=$2
	shift 2
	mkdir "$folder" || return 1
	"$program" --seed "$n" --ops "$ops" "$@" "$folder"
}

for ((n = seed; n < seed + runs; n++)); do
	verdict "seed $n on $(stat -f -c %T "$scratch")" random "$scratch/compare" "$n"
	if [ -z "$mounted" ]; then
		verdict "seed $n on $(stat -f -c %T "$dir")" random "$dir" "$n"
		continue
	fi
	# every other seed has few kills, so that more happens between two
	every=$(((n - seed) % 2 ? 200 : 40))
	verdict "seed $n on the mount" random "$dir" "$n" --mount "$dir" --hook "$here/fsx_hook.sh" \
		--hook-every $every --record "$scratch/record.$n"
done
if [ -n "$mounted" ] && [ $failed = 0 ]; then
	verdict "remount" "$here/fsx_hook.sh" remount
	for ((n = seed; n < seed + runs; n++)); do
		verdict "seed $n after a remount" "$program" --past "$scratch/record.$n" "$dir"
	done
	verdict "a mount from the store alone" "$here/fsx_hook.sh" fresh
	for ((n = seed; n < seed + runs; n++)); do
		verdict "seed $n from the store" "$program" --past "$scratch/record.$n" "$dir"
	done
fi
exit $failed
