#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# The story: a tree comes in, lives, the daemon is killed and the computer lost; from the store and one secret all comes back, now and
# then, and the store has learned nothing. See common.bash for what it listens to.
. "$(dirname "$0")/common.bash"

files=${STORY_FILES:-5000}
big_mib=$((files >= 2000 ? 40 : 4))

# What no file outside the mount may hold.
planted=(MarkerInAName7f3a MarkerInAContent9b1c MarkerInAnAttribute55e0 MarkerInATarget71dd MarkerInAFolder20aa MarkerInAPast64e7)

# ---- the tree, made outside ----

make_repository() {
	mkdir -p "$1/src" && cd "$1" || return 1
	seq -f 'src/%g' 0 $((files / 200)) | xargs mkdir -p
	python3 - $((files * 2 / 5)) <<-'PY'
		import random, sys
		r = random.Random(7)
		words = ["int", "return", "struct", "static", "const", "while", "MarkerInAContent9b1c", "{", "}", ";"]
		for i in range(int(sys.argv[1])):
		    with open("src/%d/file%d.c" % (i // 200, i), "w") as f:
		        f.write(" ".join(r.choice(words) for _ in range(r.randrange(1, 2000))) + "\n")
	PY
	git init -q . && git add -A && git -c user.name=story -c user.email=story@localhost commit -qm all
}

make_twin() {
	mkdir -p "$work/twin/include" && cd "$work/twin" || return 1
	(cd /usr/include && find . -type f -o -type l | sort | head -n $((files * 3 / 5)) | tar -c --no-recursion -T -) |
		tar -x -C include || return 1
	make_repository "$work/twin/repository" || return 1
	cd "$work/twin" || return 1
	mkdir -p "MarkerInAFolder20aa/a/b" going
	head -c $((big_mib << 20)) /dev/urandom >big
	echo "MarkerInAContent9b1c" >MarkerInAName7f3a
	ln -s /nowhere/MarkerInATarget71dd link-away
	ln -s MarkerInAName7f3a link-here
	ln MarkerInAName7f3a "MarkerInAFolder20aa/a/hard"
	ln MarkerInAName7f3a "MarkerInAFolder20aa/a/b/hard too"
	mkfifo fifo
	local i
	for ((i = 0; i < 40; i++)); do
		echo "MarkerInAPast64e7 $i" >going/$i
	done
	truncate -s 3M holes && echo end >>holes
	: >empty
	printf 'odd\n' >"$(printf 'odd\nname\tof \377 bytes')"
	chmod 4711 empty && chmod 1777 going && chmod 0 holes
	find include -type f | sort | awk 'NR % 17 == 0' | tr '\n' '\0' | xargs -0r chmod 640
	find include -type f | sort | awk 'NR % 19 == 0' | tr '\n' '\0' | xargs -0r touch -d '1999-12-31 23:59:59.123456789Z'
	touch -h -d '2001-01-01 01:01:01.000000001Z' link-away
	touch -d '1950-05-05 05:05:05.5Z' going
	chown 1234:4321 MarkerInAName7f3a && chown -h 99:98 link-away
}

# ---- what happens to it; done to the twin as well ----

# every STEP-th regular file below include, from FIRST on
nth() {
	find include -type f | sort | awk -v step="$1" -v first="$2" 'NR % step == first' | tr '\n' '\0'
}

change() {
	set -e
	cd "$1"
	nth 10 1 | xargs -0r -n 1 sh -c 'echo "overwritten $(basename "$1")" >"$1"' sh
	nth 10 2 | xargs -0r -n 1 sh -c 'printf changed | dd of="$1" bs=1 seek=3 conv=notrunc status=none' sh
	nth 10 3 | xargs -0r -n 1 sh -c 'echo appended >>"$1"' sh
	nth 10 4 | xargs -0r -n 1 sh -c 'mv "$1" "$1.renamed"' sh
	nth 10 5 | xargs -0r rm
	nth 10 6 | xargs -0r chmod 604
	nth 10 7 | xargs -0r chown 5:6
	nth 20 8 | xargs -0r truncate -s 5
	nth 20 9 | xargs -0r -n 1 sh -c 'ln "$1" "$1.hard"' sh
	nth 20 10 | xargs -0r -n 1 sh -c 'ln -s "$(basename "$1")" "$1.link"' sh
	rm -rf going repository/src/0
	mv repository/src repository/moved
	mv MarkerInAFolder20aa "renamed folder"
	cat MarkerInAName7f3a >>big
	seq 1 100000 >>big
	printf 'in the middle' | dd of=big bs=1 seek=1000003 conv=notrunc status=none
	ln -sfn elsewhere link-here
	mkdir -p new/tree/of/folders
	cp -p include/*.h new/tree/ 2>/dev/null || true
	echo new >new/tree/of/folders/file
	mv -T new/tree/of "new/of MarkerInAName7f3a"
	printf x | dd of=holes bs=1 seek=2000000 conv=notrunc status=none
	chmod 711 new
	touch -d '2010-10-10 10:10:10.987654321Z' new/tree
}

xattrs() {
	python3 - "$1" <<-'PY'
		import os, sys
		top = sys.argv[1]
		os.setxattr(top + "/big", "user.story", b"MarkerInAnAttribute55e0")
		os.setxattr(top + "/big", "user.MarkerInAName7f3a", bytes(range(256)) * 8)
		os.setxattr(top + "/include", "user.folder", b"")
	PY
}

# ---- looking ----

manifest() {
	python3 "$story_here/manifest.py" "$@"
}

# same WANT DIR [--portable]: the tree is the one of the manifest; .git changes by being looked at, so git looks later.
same() {
	manifest "$2" ${3:+"$3"} >"$work/now.manifest" && diff "$1" "$work/now.manifest" | head -n 6
	return "${PIPESTATUS[0]}"
}

close_epoch() {
	sync -f "$mnt" && wait_status state 'clean|uploading' 60
}

git_is_fine() {
	git -c safe.directory='*' -C "$1" fsck --no-progress --strict || return 1
	[ -z "$(git -c safe.directory='*' -C "$1" status --porcelain)" ] && [ -n "$(git -c safe.directory='*' -C "$1" log --oneline)" ]
}

nothing_known_leaks() {
	local headers=(stdio.h '#include <' '#ifndef' 'story@localhost' 'a passphrase of the story' 'file17.c')
	printf '%s\n' "${planted[@]}" "${headers[@]}" >"$work/markers"
	# the recovery code itself, and without its dashes
	tr -d '\n' <"$work/recovery" >>"$work/markers" && echo >>"$work/markers"
	rm -rf "$work/downloaded"
	store_download "$work/downloaded" || return 1
	python3 "$story_here/leaks.py" "$work/markers" "$work/downloaded" "$AMBERFS_STATE_DIR"
}

the_scan_sees() {
	mkdir -p "$work/scan" && printf 'MarkerInAName7f3a\n' >"$work/scan-markers"
	echo "xxTWFya2VySW5BTmFtZTdmM2E=" >"$work/scan/file"
	! python3 "$story_here/leaks.py" "$work/scan-markers" "$work/scan" >/dev/null
}

lose_the_computer() {
	kill_daemon
	no_errors_in_logs || return 1
	rm -rf "$AMBERFS_STATE_DIR"
	mkdir "$AMBERFS_STATE_DIR"
}

restored_and_undone() {
	local at=$1 undo
	"$AMBERFS" restore --at "$at" --yes "$mnt" >"$work/restore.out" || return 1
	same "$work/first.manifest" "$mnt" || return 1
	undo=$(grep -oE 'e[0-9]+$' "$work/restore.out" | tail -n 1)
	[ -n "$undo" ] || return 1
	"$AMBERFS" restore --at "$undo" --yes "$mnt" || return 1
	same "$work/changed.manifest" "$mnt"
}

from_the_store() {
	local how=$1 before
	check "$how: the changed tree" same "$work/changed.manifest" "$mnt"
	check "$how: the first tree in .snapshots" same "$work/first.manifest" "$mnt/.snapshots/$first"
	check "$how: the changed tree in .snapshots" same "$work/changed.manifest" "$mnt/.snapshots/$changed"
	before=$(date +@%s.%N)
	check "$how: restore and undo" restored_and_undone "$first"
	check "$how: restore to a moment undoes too" restored_by_time "$before"
	check "$how: nothing known in store and state" nothing_known_leaks
}

restored_by_time() {
	"$AMBERFS" restore --at "$first" --yes "$mnt" >/dev/null || return 1
	same "$work/first.manifest" "$mnt" || return 1
	"$AMBERFS" restore --at "$1" --yes "$mnt" >/dev/null || return 1
	same "$work/changed.manifest" "$mnt"
}

# ---- the story ----

story_begin tar git awk setfattr
store_start
check "the search for leaks finds one" the_scan_sees
must "a tree outside" make_twin
story_init
must "mount" volume_mount
must "copy it in" cp -a "$work/twin/." "$mnt/"
must "check out a repository" git clone -q "$work/twin/repository" "$mnt/clone"
cp -a "$mnt/clone" "$work/twin/clone"
must "the epoch ends" close_epoch
sleep 0.1
first=$(date +@%s.%N)
echo "$(find "$mnt" | wc -l) names"
manifest "$mnt" >"$work/first.manifest"
manifest "$work/twin" --portable >"$work/twin.manifest"
check "the copy is the original" same "$work/twin.manifest" "$mnt" --portable
check "git is content" git_is_fine "$mnt/clone"

# .git may have been written to by looking
must "the epoch of looking ends" close_epoch
sleep 0.1
first=$(date +@%s.%N)
manifest "$mnt" >"$work/first.manifest"

(change "$work/twin") || die "changing the twin"
must "attributes" xattrs "$mnt"
(change "$mnt") >"$work/check.out" 2>&1 || die "changing: $(tail -n 3 "$work/check.out")"
ok "changing hundreds"
manifest "$work/twin" --portable >"$work/twin.manifest"
check "the changed tree is the changed twin" same "$work/twin.manifest" "$mnt" --portable
must "sync" "$AMBERFS" sync --timeout 240 "$mnt"
check "status is clean" wait_status state clean 30
check "nothing waits" test "$(status_of pending_bytes)" = 0
sleep 0.1
changed=$(date +@%s.%N)
manifest "$mnt" >"$work/changed.manifest"
check "first and changed trees differ" test "$(diff "$work/first.manifest" "$work/changed.manifest" | grep -c '^>')" -gt $((files / 20))
check "an attribute reads back" test "$(getfattr --absolute-names --only-values -n user.story "$mnt/big")" = MarkerInAnAttribute55e0
check "nothing known in store and state" nothing_known_leaks

must "the computer is lost" lose_the_computer
must "mount with the passphrase, over the dead mount" volume_mount
from_the_store passphrase
must "sync again" "$AMBERFS" sync --timeout 240 "$mnt"

must "the computer is lost again" lose_the_computer
unset AMBERFS_PASSPHRASE_FILE
must "mount with the recovery code" volume_mount --recovery-code-file "$work/recovery"
from_the_store "recovery code"
check "git is still content" git_is_fine "$mnt/clone"
check "umount" volume_umount
check "no errors in the daemon's logs" no_errors_in_logs
story_verdict
