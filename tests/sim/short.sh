#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The simulator for a while: the seeds that once failed, then the first ones there are, in which everything must happen that it is
# there for.
set -eu
"$BUILD_DIR/tests/sim/sim" --replay-file "$SOURCE_DIR/tests/sim/seeds.txt"
"$BUILD_DIR/tests/sim/sim" --seed 1 --runs 30 --coverage
