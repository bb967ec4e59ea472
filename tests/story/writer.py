#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A program that keeps a record, outside the mount, of what the file system promised it.

writer.py write ROLE FOLDER RECORD SEED     work until the mount dies (exit 0); an error of a mount that lives is exit 1
writer.py verify ROLE FOLDER RECORD         what is in FOLDER agrees with RECORD, which then begins anew with what was found

A record has a line before a change ("i ...": may be there) and one after the fsync that covers it ("a ...": must be there).
Roles: pages (writes in place), append, replace (write anew, fsync, rename over), and three of sqlite: wal and full
with synchronous=FULL in WAL and in rollback mode, extra with synchronous=EXTRA in rollback mode.
"""
import hashlib
import os
import random
import sqlite3
import sys
import time

PAGE = 4096
PAGES = 2048
NAMES = 4


def noise(text, size):
    return hashlib.shake_128(text.encode()).digest(size)


class Record:
    def __init__(self, path):
        self.path = path
        self.fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)

    def add(self, kind, *words):
        os.write(self.fd, (" ".join([kind, *map(str, words)]) + "\n").encode())

    def lines(self):
        with open(self.path, encoding="ascii") as f:
            for line in f:
                kind, *words = line.split()
                yield kind, [int(w) for w in words]

    def restart(self, lines):
        os.ftruncate(self.fd, 0)
        for line in lines:
            self.add(*line)


def sync_folder(folder):
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    os.fsync(fd)
    os.close(fd)


def read(path):
    try:
        with open(path, "rb") as f:
            return f.read()
    except FileNotFoundError:
        return b""


class Pages:
    """One file, runs of pages overwritten in any order; each page says which version it is."""

    def __init__(self, folder, record):
        self.path, self.record = folder + "/pages", record

    @staticmethod
    def page(number, version):
        return version.to_bytes(8, "big") + noise("%d:%d" % (number, version), PAGE - 8)

    def known(self):
        sure, maybe, version = {}, {}, 0
        for kind, words in self.record.lines():
            if kind == "i":
                first, count, version = words
                for p in range(first, first + count):
                    maybe.setdefault(p, []).append(version)
            else:
                sure.update((p, v[-1]) for p, v in maybe.items())
                maybe = {}
        return sure, maybe, version

    def write(self, r):
        version = self.known()[2]
        fd = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o644)
        while True:
            for _ in range(r.choice((1, 1, 1, 2, 5))):
                version += 1
                count = r.choice((1, 1, 2, 8, 40, 300))
                first = r.randrange(PAGES - count)
                self.record.add("i", first, count, version)
                os.pwrite(fd, b"".join(self.page(p, version) for p in range(first, first + count)), first * PAGE)
            r.choice((os.fsync, os.fdatasync))(fd)
            self.record.add("a")

    def verify(self):
        sure, maybe, _ = self.known()
        data = read(self.path)
        found = []
        for p in range(PAGES):
            got = data[p * PAGE:(p + 1) * PAGE].ljust(PAGE, b"\0")
            version = int.from_bytes(got[:8], "big")
            may = {sure.get(p, 0)} | set(maybe.get(p, []))
            if version not in may:
                sys.exit("page %d has version %d instead of one of %s" % (p, version, sorted(may)))
            if got != (self.page(p, version) if version else bytes(PAGE)):
                sys.exit("page %d of version %d is torn" % (p, version))
            if version:
                found.append(("i", p, 1, version))
        # in the order of the versions: the last line has the newest
        self.record.restart(sorted(found, key=lambda line: line[3]) + [("a",)])


class Append:
    """One file that only grows: what is there is always the beginning of what was to be written."""

    def __init__(self, folder, record):
        self.path, self.record = folder + "/append", record

    @staticmethod
    def entry(n):
        return b"%08d %s\n" % (n, noise("entry %d" % n, n * 37 % 700).hex().encode())

    def known(self):
        numbers = {"i": 0, "a": 0}
        for kind, words in self.record.lines():
            numbers[kind] = words[0]
        return numbers["a"], max(numbers.values())

    def write(self, r):
        n = self.known()[0]
        fd = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        os.ftruncate(fd, sum(len(self.entry(i)) for i in range(1, n + 1)))
        while True:
            for _ in range(r.choice((1, 1, 1, 4))):
                n += 1
                self.record.add("i", n)
                os.write(fd, self.entry(n))
            os.fdatasync(fd)
            self.record.add("a", n)

    def verify(self):
        sure, maybe = self.known()
        data = read(self.path)
        whole = at = 0
        for n in range(1, maybe + 1):
            entry = self.entry(n)
            if data[at:at + len(entry)] != entry[:len(data) - at]:
                sys.exit("entry %d is another" % n)
            at += len(entry)
            if at > len(data):
                break
            whole = n
        if whole < sure:
            sys.exit("%d entries instead of %d" % (whole, sure))
        if len(data) > at:
            sys.exit("%d bytes too many" % (len(data) - at))
        self.record.restart([("a", whole)])


class Replace:
    """Some files, replaced as a whole: one sees the old or the new content, and nothing else."""

    def __init__(self, folder, record):
        self.folder, self.record = folder, record

    @staticmethod
    def content(name, version):
        return b"%d\n" % version + noise("%d/%d" % (name, version), random.Random(version).choice((0, 10, 5000, 90000)))

    def known(self):
        sure, maybe = {}, {}
        for kind, (name, version) in self.record.lines():
            (sure if kind == "a" else maybe)[name] = version
        return sure, maybe

    def write(self, r):
        version = max(self.known()[0].values(), default=0)
        while True:
            version += 1
            name = r.randrange(NAMES)
            self.record.add("i", name, version)
            with open(self.folder + "/replace.new", "wb") as f:
                f.write(self.content(name, version))
                f.flush()
                os.fsync(f.fileno())
            os.rename(self.folder + "/replace.new", "%s/replace.%d" % (self.folder, name))
            # without this the name may still be the old one's
            sync_folder(self.folder)
            self.record.add("a", name, version)

    def verify(self):
        sure, maybe = self.known()
        found = []
        for name in range(NAMES):
            data = read("%s/replace.%d" % (self.folder, name))
            may = {sure.get(name, 0), maybe.get(name, sure.get(name, 0))}
            right = [v for v in may if data == (self.content(name, v) if v else b"")]
            if not right:
                sys.exit("replace.%d is none of %s: %r, %d bytes" % (name, sorted(may), data[:16], len(data)))
            if right[0]:
                found.append(("a", name, right[0]))
        self.record.restart(found)


class Database:
    """Transactions of several rows; after each the table is whole, and what was committed is there."""

    def __init__(self, folder, record, mode, level):
        self.path, self.record, self.mode, self.level = folder + "/" + mode + level + ".db", record, mode, level

    def known(self):
        numbers = {"i": 0, "a": 0}
        for kind, words in self.record.lines():
            numbers[kind] = words[0]
        # In rollback mode a commit is the unlink of the journal, and only EXTRA waits for that to be durable;
        # the next transaction's fsync covers it.
        late = 1 if (self.mode, self.level) == ("delete", "full") else 0
        return max(0, numbers["a"] - late), max(numbers.values())

    def connect(self):
        db = sqlite3.connect(self.path, timeout=20, isolation_level=None)
        db.execute("pragma journal_mode=" + self.mode)
        db.execute("pragma synchronous=" + self.level)
        db.execute("pragma wal_autocheckpoint=40")
        db.execute("create table if not exists t (n integer, i integer, v blob, primary key (n, i))")
        return db

    def write(self, r):
        db = self.connect()
        n = db.execute("select coalesce(max(n), 0) from t").fetchone()[0]
        while True:
            n += 1
            self.record.add("i", n)
            db.execute("begin immediate")
            for i in range(n % 3 + 1):
                db.execute("insert into t values (?, ?, ?)", (n, i, noise("%d.%d" % (n, i), n * 101 % 9000)))
            db.execute("delete from t where n < ?", (n - 500,))
            db.execute("commit")
            self.record.add("a", n)

    def verify(self):
        sure, maybe = self.known()
        db = self.connect()
        words = db.execute("pragma integrity_check").fetchone()[0]
        if words != "ok":
            sys.exit("integrity_check: " + words)
        last = db.execute("select coalesce(max(n), 0) from t").fetchone()[0]
        if not sure <= last <= maybe:
            sys.exit("%d transactions instead of %d to %d" % (last, sure, maybe))
        rows = db.execute("select n, i, v from t order by n, i").fetchall()
        want = [(n, i) for n in range(max(1, last - 500), last + 1) for i in range(n % 3 + 1)]
        if [row[:2] for row in rows] != want:
            sys.exit("other rows")
        for n, i, v in rows:
            if v != noise("%d.%d" % (n, i), n * 101 % 9000):
                sys.exit("row %d.%d is another" % (n, i))
        db.close()
        # what was found may be a commit whose unlink was late again
        self.record.restart([("a", last)])


def main():
    verb, role, folder = sys.argv[1:4]
    record = Record(sys.argv[4])
    program = {
        "pages": lambda: Pages(folder, record),
        "append": lambda: Append(folder, record),
        "replace": lambda: Replace(folder, record),
        "wal": lambda: Database(folder, record, "wal", "full"),
        "full": lambda: Database(folder, record, "delete", "full"),
        "extra": lambda: Database(folder, record, "delete", "extra"),
    }[role]()
    if verb == "verify":
        program.verify()
        return
    try:
        program.write(random.Random(sys.argv[5]))
    except (OSError, sqlite3.Error) as e:
        time.sleep(0.5)
        try:
            os.listdir(folder)
        except OSError:
            return
        sys.exit("the mount lives and says: %r" % e)


main()
