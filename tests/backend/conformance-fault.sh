#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The contract of backend/blob.h, asked of the filter that makes stores fail, at rest.
exec "$BUILD_DIR/tests/backend/conformance" fault
