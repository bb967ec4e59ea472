#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The documents agree with the tree and the program: files and links that they name exist, commands, options and mount
# options are in the help, targets of make in the Makefile, tests named in brackets are in their file, and each row
# "| `NAME` | number | `file` |" gives the constant's value. AMBERFS names the program.
set -u
amberfs=$(realpath "${AMBERFS:?the path of the program}")
cd "$(dirname "$0")/../.." || exit 99
docs=(README.md HACKING.md SECURITY.md NEWS docs/*.md)
work=$(mktemp -d) || exit 99
trap 'rm -rf "$work"' EXIT
fails=0

fail()
{
	echo "FAIL $*"
	fails=$((fails + 1))
}

# ---- files ----

# Words that begin with one of the project's folders, and links; what a build makes is looked up as its source.
paths()
{
	# a word with <...> stands for many
	sed -E 's/[^ `|]*<[^ `|]*//g' "$1" |
		grep -oE '(^|[^A-Za-z0-9_./<-])(backend|bench|cli|completions|crypto|docs|fs|man|meta|tests|util|volume)/[A-Za-z0-9_./-]*[A-Za-z0-9_]' |
		grep -oE '[a-z]+/.*' | grep -v '\.log$'
	grep -oE '\]\([^)#:]+' "$1" | sed "s,^](,$(dirname "$1")/,"
	grep -oE '\./(quickstart|test|autogen)\.sh' "$1"
}

check_paths()
{
	local path
	paths "$1" | sort -u | while IFS= read -r path; do
		[ -e "$path" ] || [ -e "$path.c" ] || echo "$1 names $path, which does not exist"
	done
}

# `tests/x.c` (one_case), also "(one_case; ...": the name is a function of that file.
check_cases()
{
	grep -oE '`tests/[A-Za-z0-9_/]+\.c`(,| \()[ (]*[a-z0-9]+_[a-z0-9_]+' "$1" |
		sed -E 's/^`([^`]*)`.*[^a-z0-9_]([a-z0-9_]+)$/\1 \2/' |
		while read -r file name; do
			grep -qw "$name" "$file" || echo "$1: $file has no $name"
		done
}

# ---- commands ----

commands=$("$amberfs" help | sed -n '/^Commands:/,/^$/s/^  \([a-z]*\) .*/\1/p')
[ -n "$commands" ] || fail 'no commands in the help'
for command in $commands; do
	"$amberfs" help "$command" >"$work/help-$command"
done
"$amberfs" help mount | sed -n '/^Mount options/,$p' | grep -oE '^  [a-z_]+|[a-z]+,' | tr -d ' ,' >"$work/mount-options"
printf '%s\n' dev suid atime >>"$work/mount-options"

# `amberfs COMMAND ...` in code: in backquotes, or a line of a block.
invocations()
{
	grep -oE '`amberfs [^`]*`' "$1" | tr -d '`'
	awk '/^```/ {on = !on; sh = /^```sh/; next} on ? sh : /^    /' "$1" | grep -oE '(^|[ ($])amberfs [a-z-].*' | sed 's/^[ ($]//'
}

check_invocation()
{
	local doc=$1 line=$2 command option
	command=$(awk '{print $2}' <<<"$line")
	case $command in
	COMMAND | --version) return ;;
	esac
	if [ ! -f "$work/help-$command" ]; then
		echo "$doc: no such command: $line"
		return
	fi
	# up to where another command begins
	line=${line%%|*}
	line=${line%%;*}
	for option in $(grep -oE '(^| )(--[a-z-]+|-[A-Za-z]( |$))' <<<"$line"); do
		grep -qE -- "(^|[ ,])$option( |,|\$)" "$work/help-$command" ||
			echo "$doc: $command has no option $option: $line"
	done
}

check_commands()
{
	local line option
	invocations "$1" | sort -u | while IFS= read -r line; do
		check_invocation "$1" "$line"
	done
	# options named on their own must be of some command, or of another program that is named here
	grep -oE '`--[a-z-]+' "$1" | tr -d '`' | sort -u | while IFS= read -r option; do
		case $option in
		--enable-* | --reflink | --version | --seed | --seconds | --ops | --verbose) continue ;;
		esac
		grep -qhE -- "(^|[ ,])$option( |\$)" "$work"/help-* || echo "$1: no command has $option"
	done
	grep -oE '`-o [a-z_]+' "$1" | sed 's/^`-o //' | sort -u | while IFS= read -r option; do
		grep -qx "$option" "$work/mount-options" || echo "$1: no mount option $option"
	done
}

# ---- targets of make ----

makefile=$(dirname "$amberfs")/Makefile

check_targets()
{
	local target
	[ -f "$makefile" ] || return 0
	grep -oE '(`|^    |&& )make ([-A-Za-z0-9]+ )?[a-z]+' "$1" | grep -oE '[a-z]+$' | sort -u | while IFS= read -r target; do
		[ "$target" = make ] || grep -qE "^$target:" "$makefile" || echo "$1: no target $target for make"
	done
}

# ---- numbers ----

# The value of constant $1 of file $2: a #define, or "NAME = value" of an enum.
constant()
{
	local text
	text=$(sed -nE "s,^#define $1[[:space:]]+([^/]*).*,\1,p; s,^[[:space:]]+$1 = ([0-9]+)\,.*,\1,p" "$2" | head -n 1)
	# numbers lose their suffixes; nothing but arithmetic is left, or it is no number
	text=$(sed -E 's/([0-9])(ull|ll|u|l|U|L)+/\1/gI' <<<"$text" | tr -d ' ()')
	text=${text//<</ << }
	text=${text//\*/ * }
	[[ $text =~ ^[0-9\ \<\*]+$ ]] || return 1
	echo $((text))
}

check_numbers()
{
	grep -oE '^\| `[A-Z0-9_]+` \| [0-9]+ \| `[a-z_/.]+` \|' "$1" | tr -d '|`' |
		while read -r name number file; do
			value=$(constant "$name" "$file") || value='not there'
			[ "$value" = "$number" ] || echo "$1: $name is $value in $file, not $number"
		done
}

for doc in "${docs[@]}"; do
	{
		check_paths "$doc"
		check_cases "$doc"
		check_commands "$doc"
		check_targets "$doc"
		check_numbers "$doc"
	} >"$work/found"
	while IFS= read -r line; do
		fail "$line"
	done <"$work/found"
done

# the checks themselves see something
rows=$(grep -cE '^\| `[A-Z0-9_]+` \| [0-9]+ \| `' docs/ARCHITECTURE.md)
[ "$rows" -ge 40 ] || fail "docs/ARCHITECTURE.md: only $rows rows of numbers"
[ "$(invocations README.md | wc -l)" -ge 10 ] || fail 'README.md: hardly a command'

[ "$fails" -eq 0 ] && echo "ok   ${#docs[@]} documents, $rows numbers"
[ "$fails" -eq 0 ]
