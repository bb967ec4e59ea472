#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# The story with the program that has the sanitizers in it, and fewer files. What they say, leaks of an orderly end too, is a failure.
[ -n "${AMBERFS_ASAN:-}" ] || { echo "SKIP: AMBERFS_ASAN does not name a program"; exit 77; }
AMBERFS=$AMBERFS_ASAN STORY_FILES=${STORY_FILES:-1000} exec "$(dirname "$0")/story.sh"
