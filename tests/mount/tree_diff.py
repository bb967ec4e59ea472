#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""tree_diff.py LIST1 LIST2 FOLDER: does `amberfs diff --json` (on stdin) lead from one list of tree.c to the other?

FOLDER is where the tree lies in the volume. The changes are applied to the first list: what is renamed takes along what is
below it, what is not named stays as it is. The paths must then be those of the second list, and every line that is not the
same must be named.
"""
import json
import re
import sys
from urllib.parse import unquote_to_bytes


def read_list(name):
    """path -> (id, what a diff is about)

    Links and change times follow from other changes, a folder's time from what is in it.
    """
    entries = {}
    with open(name, encoding='ascii') as lines:
        for line in lines:
            path, mode, owner, _, size, mtime, _, what, xattrs, number = (
                re.sub(r'\t=[^\t]*$', '', line.rstrip('\n')).split('\t'))
            if mode.startswith('4'):
                mtime = ''
            entries[unquote_to_bytes(path)] = (number, (mode, owner, size, mtime, what, xattrs))
    return entries


class Diff:
    def __init__(self, folder):
        self.added, self.removed, self.changed, self.renamed = set(), set(), set(), {}
        self.start = folder.encode() + b'/'
        for line in sys.stdin:
            change = json.loads(line)
            path = self.inside(change['path'])
            if path is None:
                continue
            if change['kind'] == 'renamed':
                self.renamed[self.inside(change['old_path'])] = path
            else:
                getattr(self, change['kind']).add(path)

    def inside(self, path):
        path = path.encode('utf-8', 'surrogateescape')
        return path[len(self.start):] if path.startswith(self.start) else None

    def moved(self, path):
        """Where a path of the first list is now; None: nowhere."""
        if path in self.renamed:
            return self.renamed[path]
        if path in self.removed:
            return None
        parent, slash, name = path.rpartition(b'/')
        if not slash:
            return path
        parent = self.moved(parent)
        return None if parent is None else parent + b'/' + name


def main():
    first, second = read_list(sys.argv[1]), read_list(sys.argv[2])
    diff = Diff(sys.argv[3])
    wrong = []
    found = {}
    for path, entry in first.items():
        now = diff.moved(path)
        if now is None:
            continue
        if now in found:
            wrong.append(f'{now} comes from {path} and from {found[now][0]}')
        found[now] = (path, entry)
    named = diff.added | diff.changed | set(diff.renamed.values())
    for path in sorted(set(found) | named | set(second)):
        old = found.get(path)
        if path not in second:
            wrong.append(f'{path} should not be there' + (f', from {old[0]}' if old else ''))
        elif old is None and path not in named:
            wrong.append(f'{path} is not named')
        elif old is None:
            pass
        elif path in diff.added:
            wrong.append(f'{path} is added, but was there: {old[0]}')
        elif path in diff.renamed.values():
            if old[1][0] != second[path][0]:
                wrong.append(f'{path} is another one than {old[0]}')
        elif path in diff.changed:
            if old[1][1] == second[path][1]:
                wrong.append(f'{path} is not changed')
        elif old[1][1] != second[path][1]:
            wrong.append(f'{path} is changed: {old[1][1]} to {second[path][1]}')
    for line in wrong[:8]:
        print(line)
    print(f'{len(diff.added)} added, {len(diff.changed)} changed, {len(diff.removed)} removed, '
          f'{len(diff.renamed)} renamed, {len(wrong)} wrong')
    sys.exit(1 if wrong else 0)


main()
