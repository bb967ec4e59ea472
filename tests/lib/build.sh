#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# build.sh DIR CONFIGURE-OPTIONS...: configure and build out of tree in DIR, a folder two levels down; the
# programs of `make check` too.
set -eu
dir=$1
shift
mkdir -p "$dir"
cd "$dir"
../../configure -q "$@"
make -j2
make -j2 check TESTS=
