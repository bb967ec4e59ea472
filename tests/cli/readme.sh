#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What README.md and docs/TIME-TRAVEL.md tell people to type works: their blocks marked ```sh run are run in order, each
# document in a home of its own, with a real mount. The first command that fails ends it. AMBERFS names the program.
set -u
amberfs=$(realpath "${AMBERFS:?the path of the program}")
top=$(cd "$(dirname "$0")/../.." && pwd)

if [ ! -c /dev/fuse ]; then
	echo 'SKIP: no /dev/fuse'
	exit 77
fi
if [ "$(id -u)" -ne 0 ] && { [ ! -w /dev/fuse ] || ! command -v fusermount3 >/dev/null; }; then
	echo 'SKIP: may not mount'
	exit 77
fi

# a short name: the path of the control socket has 107 bytes at most
work=$(mktemp -d "${TMPDIR:-/tmp}/r.XXXXXX") || exit 99

mounts()
{
	awk -v dir="$work/" 'index($5, dir) == 1 {print $5}' /proc/self/mountinfo | sort -r
}

clean_up()
{
	local at
	cd /
	for at in $(mounts); do
		fusermount3 -uz "$at" 2>/dev/null || umount -l "$at"
	done
	# a daemon that was just unmounted still writes to its state folder
	for _ in 1 2 3 4 5 6 7 8 9 10; do
		[ -z "$(mounts)" ] && rm -rf --one-file-system "$work" 2>/dev/null && break
		sleep 0.3
	done
}
trap clean_up EXIT
trap 'exit 130' INT TERM HUP

mkdir "$work/bin"
ln -s "$amberfs" "$work/bin/amberfs"
(umask 077 && echo 'correct horse battery staple' >"$work/passphrase")
export PATH=$work/bin:$PATH AMBERFS_PASSPHRASE_FILE=$work/passphrase
unset AMBERFS_STATE_DIR AMBERFS_PASSPHRASE_COMMAND XDG_STATE_HOME

# Commands of the marked blocks, each line at the line number it has in the document.
commands()
{
	awk '/^```/ {on = !on && $0 == "```sh run"; print ""; next} {print on ? $0 : ""}' "$1"
}

failed=0
n=0
for doc in README.md docs/TIME-TRAVEL.md; do
	n=$((n + 1))
	export HOME=$work/h$n
	mkdir "$HOME"
	commands "$top/$doc" >"$work/script"
	count=$(grep -c . "$work/script")
	if [ "$count" -eq 0 ]; then
		echo "FAIL $doc: no commands in it"
		failed=1
		continue
	fi
	{
		# shellcheck disable=SC2016 # for the shell that runs it
		printf '%s' 'set -eu -o pipefail; trap '\''echo "FAILED at line $LINENO: $BASH_COMMAND"'\'' ERR; cd; '
		cat "$work/script"
	} >"$work/run"
	if bash "$work/run" >"$work/out" 2>&1 </dev/null && [ -z "$(mounts)" ]; then
		echo "ok   $doc: $count lines"
	else
		echo "FAIL $doc:"
		tail -n 40 "$work/out"
		find "$HOME/.local/state" -name daemon.log -exec tail -n 20 {} + 2>/dev/null
		[ -z "$(mounts)" ] || echo "left mounted: $(mounts)"
		failed=1
	fi
done
exit "$failed"
