# SPDX-License-Identifier: Apache-2.0
# What the tests of the commands share: a work folder with a store, a passphrase and a state folder, checks that count, and a clean end.
# AMBERFS names the program.
amberfs=${AMBERFS:?the path of the program}
work=$(mktemp -d)
store=$work/store
mnt=$work/mnt
fails=0
checks=0
export AMBERFS_STATE_DIR="$work/state"
unset AMBERFS_PASSPHRASE_FILE AMBERFS_PASSPHRASE_COMMAND

skip()
{
	echo "SKIP: $*"
	exit 77
}

[ "$(id -u)" -eq 0 ] || skip "needs root"
[ -c /dev/fuse ] || skip "needs /dev/fuse"

finish()
{
	code=$?
	cd /
	for m in "$work"/mnt*; do
		mountpoint -q "$m" 2>/dev/null && umount -l "$m"
	done
	# a daemon that was just unmounted still writes to its state folder
	for i in 1 2 3 4 5 6 7 8 9 10; do
		rm -rf "$work" 2>/dev/null && break
		sleep 0.3
	done
	exit "$code"
}
trap finish EXIT
trap 'exit 1' INT TERM

mkdir "$mnt" "$work/state"
(umask 077; echo 'correct horse' >"$work/pw"; echo 'wrong' >"$work/wrong")

ok()
{
	checks=$((checks + 1))
}

fail()
{
	checks=$((checks + 1))
	fails=$((fails + 1))
	echo "FAIL $*"
}

# want CODE WORDS COMMAND...: it ends with CODE; when it fails, stderr is one line (but for progress), "amberfs: what: why: what to do"; WORDS are
# in what it printed.
want()
{
	want_code=$1 want_words=$2
	shift 2
	"$@" >"$work/out" 2>"$work/err" </dev/null
	got=$?
	sed -i '/^[a-z]*: [0-9.]* [KMG]*i*B of /d' "$work/err"
	if [ "$got" -ne "$want_code" ]; then
		fail "$*: exit code $got, not $want_code: $(cat "$work/err")"
	elif [ "$want_code" -ne 0 ] && [ "$(wc -l <"$work/err")" -ne 1 ]; then
		fail "$*: stderr is not one line: $(cat "$work/err")"
	elif [ "$want_code" -ne 0 ] && ! grep -q '^amberfs: .*: .*: ' "$work/err"; then
		fail "$*: not 'what: why: what to do': $(cat "$work/err")"
	elif [ -n "$want_words" ] && ! grep -q -- "$want_words" "$work/err" "$work/out"; then
		fail "$*: no '$want_words' in: $(cat "$work/err" "$work/out")"
	else
		ok
	fi
}

# check WORDS COMMAND...: it succeeds.
check()
{
	what=$1
	shift
	if "$@" >"$work/check" 2>&1 </dev/null; then
		ok
	else
		fail "$what: $(head -c 600 "$work/check")"
	fi
}

same()
{
	if [ "$2" = "$3" ]; then
		ok
	else
		fail "$1: '$2' is not '$3'"
	fi
}

verdict()
{
	echo "$checks checks, $fails failures"
	[ $fails -eq 0 ]
	exit
}
