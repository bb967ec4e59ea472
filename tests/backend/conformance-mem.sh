#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The contract of backend/blob.h, asked of the blob store in memory.
exec "$BUILD_DIR/tests/backend/conformance" mem
