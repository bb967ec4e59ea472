#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The past, seen and brought back through the mounted folder: snapshots.sh DIR. Uses the program $AMBERFS; what is above the
# test's own folder is left alone.
. "$(dirname "$0")/common.sh"

here=${work#"$root"/}
tag=$$

snapshot() {
	(cd "$root" && "$AMBERFS" snapshot create "$1" >/dev/null)
}

make_past() {
	mkdir -p d/sub
	echo "then" >d/file
	echo "to go" >d/gone
	ln d/file d/hard
	ln -s file d/link
	head -c 200000 /dev/zero | tr '\0' t >d/big
	chmod 640 d/file
	touch -d 2005-05-05 d/gone
	snapshot "$1"
	echo "now, and longer than it was" >d/file
	rm d/gone
	mv d/big d/moved
	echo more >>d/moved
	echo "new" >d/new
	rmdir d/sub
	past=$root/.snapshots/$1/$here/case
}

reading() {
	make_past "t1-$tag"
	same "$(cat "$past/d/file")" then
	same "$(cat d/file)" "now, and longer than it was"
	same "$(cat "$past/d/hard")" then
	same "$(readlink "$past/d/link")" file
	same "$(cat "$past/d/gone")" "to go"
	same "$(stat -c %y "$past/d/gone" | cut -c1-10)" 2005-05-05
	same "$(stat -c '%a %h' "$past/d/file")" "640 2"
	same "$(tr -d t <"$past/d/big" | wc -c)" 0
	same "$(wc -c <"$past/d/big")" 200000
	same "$(ls "$past/d" | tr '\n' ' ')" "big file gone hard link sub "
	[ ! -e "$past/d/new" ]
}

hidden_but_there() {
	make_past "t2-$tag"
	! ls -A "$root" | grep -qx '\.snapshots' || die ".snapshots is listed"
	[ -d "$root/.snapshots" ]
	ls "$root/.snapshots" | grep -qx "t2-$tag" || die "the snapshot is not listed"
	[ -d "$root/.snapshots/now" ]
	refused "No such file" ls "$root/.snapshots/no such time"
	(cd "$root" && "$AMBERFS" snapshot delete "t2-$tag" >/dev/null)
	! ls "$root/.snapshots" | grep -qx "t2-$tag" || die "a deleted snapshot is still listed"
	refused "No such file" ls "$root/.snapshots/t2-$tag"
}

unchangeable() {
	make_past "t3-$tag"
	local ro="Read-only file system"
	refused "$ro" touch "$past/d/file"
	refused "$ro" touch "$past/d/other"
	refused "$ro" mkdir "$past/d/other"
	refused "$ro" rm -f "$past/d/file"
	refused "$ro" rmdir "$past/d/sub"
	refused "$ro" mv "$past/d/file" "$past/d/other"
	refused "$ro" chmod 777 "$past/d/file"
	refused "$ro" ln -s x "$past/d/other"
	refused "$ro" sh -c "echo x >'$past/d/file'"
	refused "$ro" sh -c "echo x >>'$past/d/file'"
	refused "$ro" truncate -s 0 "$past/d/file"
	refused "$ro" mkdir "$root/.snapshots/mine"
	! command -v setfattr >/dev/null || refused "$ro" setfattr -n user.a -v b "$past/d/file"
	refused "File exists" mkdir "$root/.snapshots"
	refused "not permitted" rmdir "$root/.snapshots"
	refused "not permitted" mv "$root/.snapshots" "$root/elsewhere-$tag"
	refused "cross-device" ln "$past/d/file" linked
	same "$(cat "$past/d/file")" then
}

walking() {
	make_past "t4-$tag"
	cd "$past/d"
	same "$(cat ../d/file)" then
	cd ..
	same "$(cat d/file)" then
	cd "$root/.snapshots/t4-$tag"
	same "$(stat -c %i ..)" "$(stat -c %i "$root/.snapshots")"
	cd ../..
	same "$(stat -c %i .)" "$(stat -c %i "$root")"
	same "$(find "$past" -type f | wc -l)" 4
}

copying_back() {
	make_past "t5-$tag"
	cp -a "$past/d/file" d/file
	same "$(cat d/file)" then
	cp -a "$past/d/gone" d/
	same "$(stat -c %y d/gone | cut -c1-10)" 2005-05-05
	cp "$past/d/big" d/big
	cmp d/big "$past/d/big"
	! diff -rq "$past/d" d >/dev/null || die "diff sees no difference"
}

restore_in_place() {
	make_past "t6-$tag"
	# let the kernel know everything, also what is not there
	cat d/file d/moved d/new d/hard >/dev/null
	ls -lR d >/dev/null
	[ ! -e d/gone ] && [ ! -e d/big ]
	"$AMBERFS" restore --at "t6-$tag" --yes "$PWD/d" >/dev/null
	same "$(cat d/file)" then
	same "$(cat d/hard)" then
	same "$(stat -c '%s %a %h' d/file)" "5 640 2"
	same "$(cat d/gone)" "to go"
	same "$(wc -c <d/big)" 200000
	same "$(tr -d t <d/big | wc -c)" 0
	[ ! -e d/moved ] && [ ! -e d/new ] && [ -d d/sub ]
	same "$(ls d | tr '\n' ' ')" "big file gone hard link sub "
	same "$(cd d && find . | sort | tr '\n' ' ')" "$(cd "$past/d" && find . | sort | tr '\n' ' ')"
	# and it is a live folder
	echo again >>d/file
	same "$(cat d/hard)" "$(printf 'then\nagain')"
}

restore_while_used() {
	make_past "t7-$tag"
	exec 7<d/file
	(
		cd d
		"$AMBERFS" restore --at "t7-$tag" --yes "$PWD" >/dev/null
		same "$(cat file)" then
	)
	same "$(cat d/file)" then
	# the open descriptor may give the old bytes, the new ones or an error, but no mixture
	local said
	if said=$(cat <&7 2>/dev/null); then
		case $said in
		then | "now, and longer than it was") ;;
		*) die "an open file reads as '$said'" ;;
		esac
	fi
	exec 7<&-
}

if [ -z "${AMBERFS:-}" ] || [ ! -d "$root/.snapshots" ]; then
	echo "skip snapshots.sh: needs \$AMBERFS and a mount of it"
	exit 77
fi
run "a snapshot reads as it was" reading
run ".snapshots is not listed, and lists snapshots" hidden_but_there
run "the past cannot be changed" unchangeable
run "walking in and out of the past" walking
run "copying old versions back" copying_back
run "a restored folder shows the restored state" restore_in_place
run "restoring what is in use" restore_while_used
for n in 1 3 4 5 6 7; do
	(cd "$root" && "$AMBERFS" snapshot delete "t$n-$tag" >/dev/null 2>&1)
done
finish
