#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Random changes of a tree by several processes against a model: tree.sh DIR (see tree.c)
#
# On a mount that with_mount.sh made, with snapshots after each round, which are read again through .snapshots, compared with
# `amberfs diff`, and looked at once more after a remount and from the store alone. Before that on the filesystem of the
# temporary folder, which shows that the tester is right. In any other folder only that.
#
#   TREE_SEED     the first seed (1)
#   TREE_RUNS     how many seeds (1)
#   TREE_ROUNDS   rounds of each (6)
#   TREE_OPS      operations of each process in a round (300)
set -u
tester=tree
. "$(dirname "$0")/tester.bash"
seed=${TREE_SEED:-1} runs=${TREE_RUNS:-1} rounds=${TREE_ROUNDS:-6} ops=${TREE_OPS:-300}
lists=$scratch/lists
mkdir "$lists"

# random FOLDER N OPTIONS...: the seed N in a folder of its own
random() {
	local folder=$1/tree.$2 n=$2
	shift 2
	mkdir "$folder" || return 1
	"$program" --seed "$n" --rounds "$rounds" --ops "$ops" "$@" "$folder"
}

# Each snapshot of the seed $1, and the tree as it is.
all_same() {
	local i
	"$program" --same "$lists/now.$1" "$dir/tree.$1" || return 1
	for ((i = 1; i <= rounds; i++)); do
		"$program" --same "$lists/tree-$1-$i" "$dir/.snapshots/tree-$1-$i/tree.$1" || return 1
	done
	echo "$((rounds + 1)) trees compared"
}

# diff_of SEED FROM TO
diff_of() {
	"$AMBERFS" diff --json -C "$dir" "tree-$1-$2" "tree-$1-$3" >"$scratch/diff" &&
		python3 "$here/tree_diff.py" "$lists/tree-$1-$2" "$lists/tree-$1-$3" "tree.$1" <"$scratch/diff"
}

for ((n = seed; n < seed + runs; n++)); do
	verdict "tree, seed $n on $(stat -f -c %T "$scratch")" random "$scratch/compare" "$n"
	if [ -z "$mounted" ]; then
		verdict "tree, seed $n on $(stat -f -c %T "$dir")" random "$dir" "$n"
		continue
	fi
	verdict "tree, seed $n on the mount" random "$dir" "$n" --mount "$dir" --hook "$here/fsx_hook.sh" --lists "$lists"
	[ $failed = 0 ] || exit 1
	mv "$lists/now" "$lists/now.$n"
	for ((i = 1; i < rounds; i++)); do
		verdict "diff of snapshots $i and $((i + 1)), seed $n" diff_of "$n" $i $((i + 1))
	done
	verdict "diff of the first and the last, seed $n" diff_of "$n" 1 "$rounds"
	verdict "diff of the last and the first, seed $n" diff_of "$n" "$rounds" 1
done
for ((n = seed; n < seed + runs; n++)); do
	[ -n "$mounted" ] || break
	[ "$n" != "$seed" ] || verdict "a remount" "$here/fsx_hook.sh" remount
	verdict "the trees of seed $n after a remount" all_same "$n"
done
for ((n = seed; n < seed + runs; n++)); do
	[ -n "$mounted" ] || break
	[ "$n" != "$seed" ] || verdict "a mount from the store alone" "$here/fsx_hook.sh" fresh
	verdict "the trees of seed $n from the store" all_same "$n"
done
exit $failed
