#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Some calls of each scenario and sweep, evenly spread; ./test.sh runs many more.
set -eu
"$BUILD_DIR/tests/torture/torture" --points "${TORTURE_POINTS:-6}"
