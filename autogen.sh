#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Make ./configure from a fresh checkout.
set -eu
cd "$(dirname "$0")"
for tool in autoconf automake pkg-config; do
	command -v "$tool" >/dev/null || {
		echo "autogen.sh: $tool is missing: install the Debian package $tool" >&2
		exit 1
	}
done
exec autoreconf --force --install
