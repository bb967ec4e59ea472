#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""All that can be seen of a tree, one line a name, sorted.

manifest.py DIR [--portable]       print it
manifest.py --same-or-eio A B      B may say EIO where A has a content, and differs in nothing else; prints how many

Type, mode, owner, group, size, mtime, link count, the first name of the same file, xattrs, target, SHA-256. The portable one leaves
out what file systems do each in their own way, or what the clock decides: times, xattrs, link counts of folders.
"""
import errno
import hashlib
import os
import stat
import sys


def digest(path):
    h = hashlib.sha256()
    try:
        with open(path, "rb", buffering=0) as f:
            while True:
                block = f.read(1 << 20)
                if not block:
                    return h.hexdigest()
                h.update(block)
    except OSError as e:
        return "!" + errno.errorcode.get(e.errno, str(e.errno))


def xattrs(path):
    names = sorted(os.listxattr(path, follow_symlinks=False))
    pairs = ((n, os.getxattr(path, n, follow_symlinks=False)) for n in names)
    return ",".join(n.encode("utf-8", "surrogateescape").hex() + "=" + v.hex() for n, v in pairs)


def paths(top):
    yield b"."
    for folder, dirs, files in os.walk(top, onerror=stop):
        here = os.path.relpath(folder, top)
        for name in dirs + files:
            yield os.path.normpath(os.path.join(here, name))


def stop(e):
    raise e


def line(top, rel, first, portable):
    path = os.path.join(top, rel)
    st = os.lstat(path)
    kind = stat.S_IFMT(st.st_mode)
    folder = kind == stat.S_IFDIR
    group = rel
    if not folder and st.st_nlink > 1:
        group = first.setdefault(st.st_ino, rel)
    return "\t".join([
        rel.hex() if b"\t" in rel or b"\n" in rel else rel.decode("utf-8", "backslashreplace"),
        "%o" % st.st_mode,
        str(st.st_uid),
        str(st.st_gid),
        "-" if folder else str(st.st_size),
        "-" if portable else str(st.st_mtime_ns),
        "-" if portable and folder else str(st.st_nlink),
        "-" if group == rel else "as " + group.decode("utf-8", "backslashreplace"),
        "-" if portable else xattrs(path),
        os.readlink(path).hex() if kind == stat.S_IFLNK else "-",
        digest(path) if kind == stat.S_IFREG else "-",
    ])


def same_or_eio(a, b):
    left = open(a, encoding="utf-8").read().splitlines()
    right = open(b, encoding="utf-8").read().splitlines()
    if len(left) != len(right):
        sys.exit("%d names instead of %d" % (len(right), len(left)))
    unreadable = 0
    for l, r in zip(left, right):
        if l == r:
            continue
        if l.rsplit("\t", 1)[0] != r.rsplit("\t", 1)[0] or not r.endswith("\t!EIO"):
            sys.exit("differs:\n%s\n%s" % (l, r))
        unreadable += 1
    print(unreadable)


def main():
    sys.stdout.reconfigure(encoding="utf-8", errors="backslashreplace")
    if sys.argv[1] == "--same-or-eio":
        same_or_eio(sys.argv[2], sys.argv[3])
        return
    top = os.fsencode(sys.argv[1])
    first = {}
    for rel in sorted(paths(top)):
        print(line(top, rel, first, "--portable" in sys.argv))


main()
