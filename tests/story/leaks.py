#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""leaks.py MARKERS DIR...: does any file below the folders hold one of the marker strings (lines of MARKERS)?

Looked for as they are, as UTF-16, in hexadecimal, and in base64 at each of its three alignments; also in the names of the files.
A form of less than FORM_MIN bytes is left out: four bytes are found by chance in one of forty files of a hundred megabytes of noise.
"""
import base64
import os
import sys

FORM_MIN = 7


def forms(marker):
    yield marker
    yield marker.decode().encode("utf-16-le")
    yield marker.hex().encode()
    yield marker.hex().upper().encode()
    for shift in range(3):
        text = base64.b64encode(b"\0" * shift + marker)
        # what depends on the neighbours is left out
        yield text[4 if shift else 0:-4]


def main():
    markers = [m for m in open(sys.argv[1], "rb").read().splitlines() if m]
    needles = [(m, f) for m in markers for f in forms(m) if len(f) >= FORM_MIN]
    files = found = 0
    for top in sys.argv[2:]:
        for folder, _, names in os.walk(os.fsencode(top)):
            for name in names:
                path = os.path.join(folder, name)
                if not os.path.isfile(path):
                    continue
                files += 1
                with open(path, "rb") as f:
                    data = name + b"\0" + f.read()
                for marker, form in needles:
                    if form in data:
                        found += 1
                        print("%s holds %s" % (path.decode(errors="replace"), marker.decode()))
    if files == 0:
        sys.exit("no files to look at")
    sys.exit(1 if found else 0)


main()
