#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The simulator for a few seconds: the seeds that once failed, then the first ones there are.
set -eu
"$BUILD_DIR/tests/sim/sim" --replay-file "$SOURCE_DIR/tests/sim/seeds.txt"
"$BUILD_DIR/tests/sim/sim" --seed 1 --seconds 5
