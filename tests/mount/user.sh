#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Rights of an ordinary user, checked by the kernel from the modes that the volume keeps: user.sh DIR. Needs root, and a mount
# that others may use (allow_other). In the end a new user mounts a volume of his own with fusermount3, and the conformance
# program runs there: all of it that needs no root. $POSIX is that program; otherwise that of the build of $AMBERFS, or $CC builds it.
here=$(cd "$(dirname "$0")" && pwd)
. "$(dirname "$0")/common.sh"

USER_ID=23456
OTHER_ID=23457

as() {
	local id=$1
	shift
	setpriv --reuid="$id" --regid="$id" --clear-groups "$@"
}

user() {
	as $USER_ID "$@"
}

private_file() {
	echo secret >f
	chmod 600 f
	refused "Permission denied" user cat f
	chmod 604 f
	same "$(user cat f)" secret
	refused "Permission denied" user sh -c 'echo x >f'
	refused "Operation not permitted" user chmod 777 f
	refused "Operation not permitted" user chown $USER_ID f
}

own_folder() {
	mkdir d
	chown $USER_ID:$USER_ID d
	user sh -c 'cd d && echo mine >f && mkdir e && ln -s f l && mv f g && chmod 600 g'
	same "$(stat -c '%u %g %a' d/g)" "$USER_ID $USER_ID 600"
	refused "Permission denied" as $OTHER_ID cat d/g
	refused "Permission denied" as $OTHER_ID sh -c 'echo >d/new'
	refused "Permission denied" as $OTHER_ID rm -f d/g
	refused "Operation not permitted" user chown $OTHER_ID d/g
	user rm -r d/g d/e d/l
}

no_search() {
	mkdir -p d/e
	echo x >d/e/f
	chmod 700 d
	refused "Permission denied" user cat d/e/f
	refused "Permission denied" user ls d
	chmod 711 d
	refused "Permission denied" user ls d
	same "$(user cat d/e/f)" x
}

sticky() {
	mkdir d
	chmod 1777 d
	user touch d/f
	refused "Operation not permitted" as $OTHER_ID rm -f d/f
	refused "Operation not permitted" as $OTHER_ID mv d/f d/g
	user rm d/f
}

groups() {
	echo x >f
	chgrp 34567 f
	chmod 640 f
	refused "Permission denied" user cat f
	same "$(setpriv --reuid=$USER_ID --regid=$USER_ID --groups=34567 cat f)" x
}

acl() {
	need setfacl getfacl
	echo x >f
	chmod 600 f
	setfacl -m u:$USER_ID:rw f || skip "no ACLs here"
	user sh -c 'echo y >>f'
	refused "Permission denied" as $OTHER_ID cat f
	setfacl -m m::r f
	refused "Permission denied" user sh -c 'echo z >>f'
	setfacl -b f
	refused "Permission denied" user cat f
	mkdir d
	setfacl -d -m u:$USER_ID:rwx d
	mkdir d/e
	touch d/e/f
	getfacl -n d/e/f 2>/dev/null | grep -q "^user:$USER_ID:" || die "a default ACL was not inherited"
}

trusted() {
	need getfattr setfattr
	echo x >f
	setfattr -n trusted.t -v v f
	setfattr -n user.u -v v f
	getfattr -m - f | grep -q trusted.t || die "root does not see trusted.t"
	! user getfattr -m - f | grep -q trusted.t || die "a user sees trusted.t"
	refused "Operation not permitted" user setfattr -n trusted.x -v v f
	refused "Permission denied" user setfattr -n user.x -v v f
}

setgid_bits() {
	mkdir d
	chmod 2777 d
	chgrp 34567 d
	user touch d/f
	same "$(stat -c %g d/f)" 34567 "the group"
	user chmod 2755 d/f
	same "$(stat -c %a d/f)" 755 "a setgid bit of a group one is not in"
}

umask_applies() {
	mkdir d
	chmod 777 d
	user sh -c 'umask 077; touch d/f; mkdir d/e'
	same "$(stat -c %a d/f) $(stat -c %a d/e)" "600 700"
}

# ---- a user's own mount ----

NEW_USER=amberfs-$$

# Copies of the programs where every user may reach them, and a home. The user goes with the case.
make_user() {
	local posix=${POSIX:-$(dirname "$AMBERFS")/tests/mount/posix}
	need fusermount3 useradd userdel
	if [ ! -x "$posix" ]; then
		posix=$outside/posix.built
		${CC:-cc} -std=gnu11 -D_GNU_SOURCE -O1 -I"$here/../.." "$here"/posix*.c -o "$posix"
	fi
	rm -rf "${outside:?}/bin" "${outside:?}/home"
	mkdir "$outside/bin" "$outside/home"
	cp "$AMBERFS" "$outside/bin/amberfs"
	cp "$posix" "$outside/bin/posix"
	cp "$here/with_mount.sh" "$outside/bin/with_mount.sh"
	chmod 755 "$outside"/bin/*
	useradd --system --no-create-home --home-dir "$outside/home" "$NEW_USER"
	trap 'userdel "$NEW_USER"' EXIT
	chown "$NEW_USER:" "$outside/home"
}

# with_mount.sh as that user
with_own_mount() {
	setpriv --reuid="$NEW_USER" --regid="$NEW_USER" --init-groups env -u MOUNT_OPTIONS \
		HOME="$outside/home" TMPDIR="$outside/home" AMBERFS="$outside/bin/amberfs" \
		"$outside/bin/with_mount.sh" "$@"
}

# Its lines are shown when they are no plain "ok": the case has the program's verdict.
own_conformance() {
	local r=0
	make_user
	cd "$outside/home" || exit 1
	with_own_mount "$outside/bin/posix" -r "$outside/home" >"$outside/posix.log" 2>&1 || r=$?
	grep -av -e '^ok ' -e '\[needs root\]' "$outside/posix.log" >&3 || :
	[ "$r" = 0 ] || die "the conformance program failed with $r"
}

closed_to_others() {
	local at=
	make_user
	cd "$outside/home" || exit 1
	# shellcheck disable=SC2016 # the user's shell puts them in
	with_own_mount sh -c 'grep " $1 " /proc/self/mountinfo >info; echo mine >"$1/f"; echo "$1" >at
		while [ ! -e stop ]; do sleep 0.1; done; [ "$(cat "$1/f")" = mine ]' sh &
	for _ in $(seq 100); do
		[ ! -s at ] || break
		sleep 0.1
	done
	at=$(cat at)
	# root neither, and others neither
	refused "Permission denied" ls "$at"
	refused "Permission denied" user cat "$at/f"
	grep -q nosuid info || die "not nosuid: $(cat info)"
	grep -q nodev info || die "not nodev: $(cat info)"
	touch stop
	wait $!
}

[ "$(id -u)" = 0 ] || {
	echo "skip user.sh: needs root"
	exit 77
}
command -v setpriv >/dev/null || {
	echo "skip user.sh: needs setpriv"
	exit 77
}
setpriv --reuid=$USER_ID --regid=$USER_ID --clear-groups ls "$work" >/dev/null 2>&1 || {
	echo "skip user.sh: other users may not use this mount (allow_other)"
	exit 77
}
run "a file without rights for others" private_file
run "a user's own folder" own_folder
run "folders without search or read rights" no_search
run "a sticky folder" sticky
run "supplementary groups" groups
run "access control lists" acl
run "trusted attributes are root's" trusted
run "setgid" setgid_bits
run "the umask" umask_applies
if [ -n "${AMBERFS:-}" ]; then
	# shellcheck disable=SC2034 # it is for run
	CASE_SECONDS=300
	exec 3>&1
	run "a user's own mount is closed to others, nosuid and nodev" closed_to_others
	run "the conformance program on a user's own mount" own_conformance
fi
finish
