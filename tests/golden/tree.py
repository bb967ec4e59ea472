#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""List a folder in the form of `reader.py list`, so that the two can be compared.

    tree.py [--copy] [--no-xattrs] DIR

One line an entry, sorted by path, fields with tabs between them:

    path  type  mode  uid  gid  links  size  blocks  mtime  atime  ctime  content

and below it one line for each extended attribute. `content` is the SHA-256 of a file (or `= path` of the first name of the
same file), the target of a link, the number of a device. --copy leaves out what a copy cannot have: atime, ctime, blocks,
links and sizes of folders; --no-xattrs the attributes.
"""

import hashlib
import os
import stat
import sys

TYPES = {stat.S_IFSOCK: "socket", stat.S_IFLNK: "link", stat.S_IFREG: "file", stat.S_IFBLK: "block",
         stat.S_IFDIR: "folder", stat.S_IFCHR: "char", stat.S_IFIFO: "fifo"}


def show(name):
    return "".join(chr(c) if 32 <= c < 127 and c != 37 else f"%{c:02x}" for c in name)


def sha256(path):
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while piece := file.read(1 << 20):
            digest.update(piece)
    return digest.hexdigest()


def content(full, path, st, first):
    if stat.S_ISLNK(st.st_mode):
        return show(os.readlink(full))
    if stat.S_ISBLK(st.st_mode) or stat.S_ISCHR(st.st_mode):
        return str(st.st_rdev)
    if not stat.S_ISDIR(st.st_mode) and st.st_nlink > 1:
        if first.setdefault(st.st_ino, path) != path:
            return "= " + show(first[st.st_ino])
    return sha256(full) if stat.S_ISREG(st.st_mode) else "-"


def line(full, path, first, copy):
    st = os.lstat(full)
    folder = stat.S_ISDIR(st.st_mode)
    fields = [
        show(path) or "/", TYPES[stat.S_IFMT(st.st_mode)], f"{stat.S_IMODE(st.st_mode):04o}", st.st_uid, st.st_gid,
        "-" if copy and folder else st.st_nlink, "-" if copy and folder else st.st_size, "-" if copy else st.st_blocks,
        st.st_mtime_ns, "-" if copy else st.st_atime_ns, "-" if copy else st.st_ctime_ns,
        content(full, path, st, first),
    ]
    return "\t".join(map(str, fields))


def xattrs(full):
    names = sorted(os.fsencode(n) for n in os.listxattr(full, follow_symlinks=False))
    for name in names:
        yield f"\t{show(name)}\t{os.getxattr(full, name, follow_symlinks=False).hex()}"


def walk(root):
    """The paths of everything in the folder, itself first, in order of bytes."""
    stack = [b""]
    paths = []
    while stack:
        path = stack.pop()
        paths.append(path)
        full = os.path.join(root, path)
        if stat.S_ISDIR(os.lstat(full).st_mode):
            stack += [os.path.join(path, name) for name in os.listdir(full)]
    return sorted(paths)


def main():
    words = [w for w in sys.argv[1:] if not w.startswith("--")]
    if len(words) != 1:
        sys.exit(__doc__)
    root = os.fsencode(words[0])
    first = {}
    for path in walk(root):
        full = os.path.join(root, path) if path else root
        print(line(full, path, first, "--copy" in sys.argv))
        if "--no-xattrs" not in sys.argv:
            for text in xattrs(full):
                print(text)


if __name__ == "__main__":
    main()
