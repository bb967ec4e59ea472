#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Build amberfs twice (as it ships, and with sanitizers) and run every test there is, on a bare Debian 12
# machine as root or with sudo. One line a test, one line of totals; exit 1 when anything failed.
# docs/TESTING.md says what each part is for. Logs stay in build/logs.
set -u
cd "$(dirname "$0")" || exit 1
. tests/lib/run.sh

if [ -e config.status ]; then
	echo "test.sh: this folder is configured for a build in place: run 'make distclean' first" >&2
	exit 1
fi

packages build-essential autoconf automake pkg-config xz-utils ca-certificates \
	libfuse3-dev fuse3 libssl-dev libcurl4-openssl-dev libsqlite3-dev libxxhash-dev libexpat1-dev \
	python3 python3-cryptography radosgw ceph-mon ceph-osd ceph-common attr acl rsync git sqlite3 \
	valgrind openssl curl xxd procps uuid-runtime mandoc e2fsprogs mount \
	stress-ng fio dbench postgresql zip unzip python3-venv ||
	exit 1

plain=$PWD/build/test
asan=$PWD/build/asan
export BUILD_DIR=$plain SOURCE_DIR=$PWD AMBERFS=$plain/amberfs AMBERFS_ASAN=$asan/amberfs

# ---- builds ----
step autogen 120 ./autogen.sh
step 'build plain' 600 tests/lib/build.sh build/test --enable-werror
# warnings are not errors here: instrumented code makes gcc warn of sizes that cannot be
step 'build asan' 900 tests/lib/build.sh build/asan --enable-sanitizers=address,undefined \
	CFLAGS='-O1 -g'
[ "$run_failed" -eq 0 ] || totals

# ---- without a mount or a server ----
check_build plain 900 "$plain"
TORTURE_POINTS=3 check_build asan 1200 "$asan"

# ---- every call fails once, everything stored is damaged ----
step torture 600 "$plain/tests/torture/torture" --points "${TORTURE_POINTS:-70}"
step tamper 600 "$plain/tests/tamper/tamper"

# ---- a real server, real mounts ----
need server step 'backend/run_s3' 600 tests/backend/run_s3.sh "$plain/tests/backend/conformance"
need mount step mount/posix 600 env MOUNT_OPTIONS=allow_other tests/mount/with_mount.sh "$plain/tests/mount/posix"
need mount step 'mount/posix asan' 900 env MOUNT_OPTIONS=allow_other AMBERFS="$asan/amberfs" \
	tests/mount/with_mount.sh "$asan/tests/mount/posix"
need mount step mount/programs 600 tests/mount/with_mount.sh tests/mount/programs.sh
need mount step mount/snapshots 300 tests/mount/with_mount.sh tests/mount/snapshots.sh
need mount step mount/user 300 env MOUNT_OPTIONS=allow_other \
	tests/mount/with_mount.sh tests/mount/user.sh
need mount step mount/fsx 300 env MOUNT_OPTIONS=cache=48M tests/mount/with_mount.sh tests/mount/fsx.sh
need mount step 'mount/fsx asan' 300 env MOUNT_OPTIONS=cache=48M AMBERFS="$asan/amberfs" FSX_RUNS=1 FSX_OPS=500 \
	tests/mount/with_mount.sh tests/mount/fsx.sh
need mount step mount/tree 300 tests/mount/with_mount.sh tests/mount/tree.sh
for script in apps apps-load apps-postgres; do
	need mount step "mount/$script" 300 env MOUNT_OPTIONS=allow_other tests/mount/with_mount.sh "tests/mount/$script.sh"
done
shopt -s nullglob
for script in tests/cli/*.sh tests/golden/test_*.sh; do
	case $script in
	tests/cli/lib.sh | tests/cli/help-man.sh | tests/cli/quickstart-twice.sh) ;; # above in `make check`, and below
	*) need mount step "${script#tests/}" 300 "$script" ;;
	esac
done
# whole lives of a volume; AMBERFS_ASAN is for one of them
for script in tests/story/*.sh; do
	case $script in
	tests/story/power.sh) step "${script#tests/}" 480 "$script" ;; # not every kernel has the devices
	*) need server step "${script#tests/}" 480 "$script" ;;
	esac
done

# ---- the simulator: the same seeds each time, so that a failure is the change's; SIM_SEED and SIM_RUNS for more ----
step 'sim' 400 "$plain/tests/sim/sim" --seed "${SIM_SEED:-1}" --runs "${SIM_RUNS:-150}" --ops 2000
step 'sim asan' 400 "$asan/tests/sim/sim" --seed "${SIM_SEED:-1001}" --runs 20 --ops 1500

# ---- the shipped archive and the first five minutes ----
step distcheck 900 make -C "$plain" -j2 distcheck
step 'dist is complete' 60 tests/lint/dist.sh "$plain"
need mount step quickstart 600 tests/cli/quickstart-twice.sh

totals
