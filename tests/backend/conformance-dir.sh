#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The contract of backend/blob.h, asked of a folder as a blob store.
exec "$BUILD_DIR/tests/backend/conformance" dir "$TMPDIR/store"
