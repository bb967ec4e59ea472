#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# The story with its daemons under valgrind, and few files. An error, or memory that is lost for certain, is a failure.
command -v valgrind >/dev/null || { echo "SKIP: valgrind is not installed"; [ "${CI:-}" != true ] || exit 1; exit 77; }
STORY_VALGRIND=yes STORY_FILES=${STORY_FILES:-40} exec "$(dirname "$0")/story.sh"
