#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Damage of everything stored, a part of the cases.
set -eu
exec "$BUILD_DIR/tests/tamper/tamper" --short
