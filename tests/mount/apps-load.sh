#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Load generators that check what they read back, inside a mounted folder: apps-load.sh DIR
#
# A group of stress-ng's stressors that fails is run one by one: what fails on the filesystem of the temporary folder too is
# left out, and a line says so.
#
#   LOAD_SECONDS   of each group of stressors (2), and of dbench (3 times that)
. "$(dirname "$0")/common.sh"

seconds=${LOAD_SECONDS:-2}

# Those of the class filesystem that use files, and some of others. Not fanotify, getdent and io, which go over all filesystems
# of the machine.
stressors=(access chattr chdir chmod chown copy-file dentry dir dirdeep dirmany dnotify fallocate fcntl fiemap file-ioctl
	filename flock fpunch fsize fstat handle hdd inode-flags inotify iomix lease link locka lockf lockofd mknod open rename
	symlink sync-file touch utime verity xattr
	aio msync readahead revio seek sendfile)
group_size=6

# The words for one stressor: small files, so that the time goes into calls.
words_of() {
	echo "--$1 1"
	case $1 in
	copy-file) echo '--copy-file-bytes 128M' ;;
	dentry) echo '--dentries 500' ;;
	fallocate) echo '--fallocate-bytes 16M' ;;
	filename) echo '--filename-opts posix' ;;
	hdd) echo '--hdd-bytes 16M' ;;
	iomix) echo '--iomix-bytes 16M' ;;
	readahead) echo '--readahead-bytes 16M' ;;
	revio) echo '--revio-bytes 16M' ;;
	seek) echo '--seek-size 16M' ;;
	sendfile) echo '--sendfile-size 1M' ;;
	sync-file) echo '--sync-file-bytes 8M' ;;
	esac
}

# stress FOLDER NAMES...
stress() {
	local folder=$1 words=() name
	shift
	for name; do
		# shellcheck disable=SC2207 # words without blanks
		words+=($(words_of "$name"))
	done
	mkdir -p "$folder"
	timeout -k 5 $((seconds + 60)) stress-ng --verify --temp-path "$folder" --timeout "$seconds" "${words[@]}"
}

stress_groups() {
	need stress-ng
	local i name group
	for ((i = 0; i < ${#stressors[@]}; i += group_size)); do
		group=("${stressors[@]:i:group_size}")
		stress here "${group[@]}" && continue
		for name in "${group[@]}"; do
			if ! stress "$outside/compare" "$name" >"$outside/stress" 2>&1; then
				echo "left out, fails elsewhere too: $name" >>"$outside/left_out"
			elif ! stress here "$name"; then
				die "stress-ng --$name"
			fi
		done
	done
}

# fio_job NAME OPTIONS...: what was written is read and compared, block by block with a header that says which it is.
fio_job() {
	local name=$1
	shift
	fio --name="$name" --directory=. --size=24M --verify_fatal=1 --randseed=1 --exitall_on_error=1 --minimal "$@" ||
		die "fio $name"
	rm -f "$name".*
}

fio_jobs() {
	need fio
	fio_job random --ioengine=psync --rw=randwrite --bs=4k --verify=crc32c --verify_backlog=512
	fio_job odd --ioengine=sync --rw=randwrite --bsrange=512-64k --bs_unaligned=1 --verify=xxhash
	fio_job mixed --ioengine=psync --rw=randrw --bsrange=4k-128k --blockalign=4k --verify=md5 --fsync=32
	fio_job map --ioengine=mmap --rw=randwrite --bs=4k --verify=crc32c
	fio_job direct --ioengine=libaio --direct=1 --iodepth=8 --rw=randwrite --bs=16k --verify=sha1
	fio_job pattern --ioengine=psync --direct=1 --rw=write --bs=256k --verify=pattern --verify_pattern=0xdeadface
	fio_job two --ioengine=psync --numjobs=2 --rw=randwrite --bs=8k --verify=crc64 --end_fsync=1
	fio_job sparse --ioengine=psync --rw=randwrite --bs=4k --filesize=8g --io_size=8m --verify=crc32c
}

dbench_runs() {
	need dbench
	[ -f /usr/share/dbench/client.txt ] || skip "needs dbench's load file"
	dbench -c /usr/share/dbench/client.txt -D . -t $((3 * seconds)) 4 >"$outside/dbench"
	! grep -iE 'error|fail' "$outside/dbench" || die "dbench has errors"
	grep -q '^Throughput' "$outside/dbench"
}

CASE_SECONDS=$((90 + 40 * seconds)) run "stress-ng --verify" stress_groups
[ ! -f "$outside/left_out" ] || cat "$outside/left_out"
CASE_SECONDS=60 run "fio with verify: sync, mmap, O_DIRECT, patterns" fio_jobs
CASE_SECONDS=$((30 + 4 * seconds)) run "dbench" dbench_runs
finish
