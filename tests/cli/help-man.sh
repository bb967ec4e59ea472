#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Help, manual pages and completion agree: every option in one is in the others. AMBERFS names the program.
set -u
amberfs=${AMBERFS:?the path of the program}
top=$(cd "$(dirname "$0")/../.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
fails=0

fail()
{
	echo "FAIL $*"
	fails=$((fails + 1))
}

# Options as "--name" or "-x", one a line, from the part of the help that begins with "Options:".
help_options()
{
	"$amberfs" help "$1" | sed -n '/^Options:/,/^Mount options/p' | grep '^  .*--' |
		sed 's/--\([a-z-]*\).*/--\1/; s/,//' | tr -s ' ' '\n' | grep '^-' | sort -u
}

help_mount_options()
{
	"$amberfs" help mount | sed -n '/^Mount options/,$p' |
		sed -n 's/^  \([a-z_]*\)\(=[A-Z]*\)\{0,1\}  .*/\1/p' | sort -u
}

# The same from a page: the tags (.TP) that begin with \fB.
man_tags()
{
	sed -n '/^\.SH OPTIONS/,/^\.SH [^O]/p' "$1" | sed -n 's/\\-/-/g; /^\\fB/p' | sed 's/\\f[BIR]//g'
}

commands=$("$amberfs" help | sed -n '/^Commands:/,/^$/s/^  \([a-z]*\) .*/\1/p')
[ -n "$commands" ] || fail "no commands in the help"

for command in $commands; do
	page=$top/man/amberfs-$command.1
	if ! [ -f "$page" ]; then
		fail "$command has no manual page"
		continue
	fi
	help_options "$command" >"$work/help"
	man_tags "$page" | sed 's/=.*//' | tr ', ' '\n\n' | grep '^-' | sort -u >"$work/man"
	diff "$work/help" "$work/man" >"$work/diff" ||
		fail "help and $page differ: $(grep '^[<>]' "$work/diff" | tr '\n' ' ')"
	sed -n "s/^	$command) echo \"\(.*\)\" ;;/\1/p" "$top/completions/amberfs.bash" |
		tr ' ' '\n' | sort -u >"$work/completion"
	grep '^--' "$work/help" | diff - "$work/completion" >"$work/diff" ||
		fail "help and completion of $command differ: $(grep '^[<>]' "$work/diff" | tr '\n' ' ')"
	grep -q "amberfs.-$command (1)" "$top/man/amberfs.1" || fail "amberfs.1 does not name $command"
	"$amberfs" "$command" --help >"$work/long" && "$amberfs" help "$command" | diff - "$work/long" >/dev/null ||
		fail "$command --help is not the help"
done

help_mount_options >"$work/help"
man_tags "$top/man/amberfs-mount.1" | grep -v '^-' | sed 's/=.*//' | sort -u >"$work/man"
diff "$work/help" "$work/man" >"$work/diff" ||
	fail "mount options of help and page differ: $(grep '^[<>]' "$work/diff" | tr '\n' ' ')"

listed=$(sed -n 's/.*local commands="\(.*\)"/\1/p' "$top/completions/amberfs.bash" | tr ' ' '\n' | sort | tr '\n' ' ')
[ "$listed" = "$(echo "$commands" | sort | tr '\n' ' ')" ] || fail "the completion lists other commands: $listed"

for page in "$top"/man/amberfs-*.1; do
	name=${page##*/amberfs-}
	echo "$commands" | grep -qx "${name%.1}" || fail "$page is about no command"
done

[ $fails -eq 0 ] && echo "ok   help, manual pages and completion agree"
[ $fails -eq 0 ]
