#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Rights of an ordinary user, checked by the kernel from the modes that the volume keeps: user.sh DIR. Needs root, and a mount
# that others may use (allow_other).
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
finish
