#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Programs that keep a record, outside the mount, of what the file system promised them.

writer.py live FOLDER RECORDS SEED [--cut]   each role verifies, then works until the mount dies. "verified" is printed when all have
                                             verified. An error of a mount that lives is exit 1, but with --cut is an end like another.
                                             SIGTERM ends it after what is under way
writer.py verify FOLDER RECORDS              what is in FOLDER agrees with the records, which then begin anew with what was found

A record has a line before a change ("i ...": may be there) and one after the fsync that covers it ("a ...": must be there).
The roles:
  pages    runs of pages of one file, in any order, fsync
  holes    the same with truncating, growing and punching
  clone    the same with copy_file_range, inside the file and from another one
  loose    as holes, and never an fsync: each page is one that it was, or zeros where it was cut
  append   a log; what is there is a beginning of what was to be written
  replace  write anew, fsync, rename over
  names    folders, links, renames, with an fsync of a folder; what is there is a state that was
  wal, full, extra   SQLite: synchronous=FULL in WAL and in rollback mode, and EXTRA in rollback mode
"""
import ctypes
import hashlib
import os
import random
import signal
import sqlite3
import stat
import sys
import time
import traceback

PAGE = 4096
PUNCH = 3  # FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE
libc = ctypes.CDLL(None, use_errno=True)


def noise(text, size):
    return hashlib.shake_128(text.encode()).digest(size)


class Record:
    def __init__(self, path):
        self.path = path
        self.fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)

    def add(self, *words):
        os.write(self.fd, (" ".join(map(str, words)) + "\n").encode())

    def lines(self):
        """The kind and the words of each line, numbers as such."""
        with open(self.path, encoding="ascii") as f:
            for line in f:
                kind, *words = line.split()
                yield kind, [int(w) if w.isdigit() else w for w in words]

    def restart(self, lines):
        os.ftruncate(self.fd, 0)
        os.write(self.fd, "".join(" ".join(map(str, line)) + "\n" for line in lines).encode())


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


def punch(fd, first, count):
    if libc.fallocate(fd, PUNCH, ctypes.c_long(first * PAGE), ctypes.c_long(count * PAGE)) != 0:
        raise OSError(ctypes.get_errno(), "fallocate")


class Pages:
    """A file of whole pages. Each says which page of which version it is; zeros are a hole. `tags` is what the program sees; `may`
    is for each page what it was since the last fsync that returned, and `sizes` the same for the size."""

    def __init__(self, folder, record, name, verbs, pages, synced):
        self.path, self.record, self.verbs, self.pages, self.synced = folder + "/" + name, record, verbs, pages, synced

    @staticmethod
    def page(number, version):
        if version == 0:
            return bytes(PAGE)
        return number.to_bytes(4, "big") + version.to_bytes(8, "big") + noise("%d:%d" % (number, version), PAGE - 12)

    def set(self, p, tag):
        self.tags[p] = tag
        self.may.setdefault(p, {self.sure[p]}).add(tag)

    def apply(self, verb, first, count, extra):
        if verb == "write":
            for p in range(first, first + count):
                self.set(p, (p, extra))
            self.size = max(self.size, first + count)
        elif verb == "copy":
            for i, tag in enumerate(self.tags[extra:extra + count]):
                self.set(first + i, tag)
            self.size = max(self.size, first + count)
        elif verb == "other":
            for i in range(count):
                self.set(first + i, (extra + i, 1))
            self.size = max(self.size, first + count)
        elif verb == "punch":
            for p in range(first, min(first + count, self.size)):
                self.set(p, (0, 0))
        else:
            for p in range(first, self.size):
                self.set(p, (0, 0))
            self.size = first
        self.sizes.append(self.size)

    def acknowledge(self):
        for p in self.may:
            self.sure[p] = self.tags[p]
        self.may = {}
        self.sizes = [self.size]

    def load(self):
        self.tags = [(0, 0)] * self.pages
        self.sure = list(self.tags)
        self.may, self.size, self.sizes, self.version = {}, 0, [0], 1
        for kind, words in self.record.lines():
            if kind == "i":
                self.apply(*words)
                if words[0] == "write":
                    self.version = max(self.version, words[3])
            elif kind == "p":
                p, number, version = words
                self.set(p, (number, version))
            elif kind == "s":
                self.size, self.version = words
            else:
                self.acknowledge()

    def choose(self, r):
        verb = r.choice(self.verbs)
        count = r.choice((1, 1, 2, 8, 40)) if r.randrange(20) else min(300, self.pages // 2)
        if verb == "size":
            return verb, r.randrange(self.pages), 0, 0
        first = r.randrange(self.pages - count)
        if verb == "write":
            self.version += 1
            return verb, first, count, self.version
        if verb == "copy":
            # inside what is there, and not onto itself
            count = min(count, self.size // 2)
            low, high = sorted((r.randrange(self.size - 2 * count + 1), r.randrange(self.size - 2 * count + 1)))
            return (verb, high + count, count, low) if r.randrange(2) else (verb, low, count, high + count)
        if verb == "other":
            return verb, first, min(count, 32), r.randrange(32)
        return verb, first, count, 0

    def do(self, fd, verb, first, count, extra):
        if verb == "write":
            os.pwrite(fd, b"".join(self.page(p, extra) for p in range(first, first + count)), first * PAGE)
        elif verb in ("copy", "other"):
            source = fd if verb == "copy" else self.other
            done = 0
            while done < count * PAGE:
                done += os.copy_file_range(source, fd, count * PAGE - done, extra * PAGE + done, first * PAGE + done)
        elif verb == "punch":
            punch(fd, first, count)
        else:
            os.ftruncate(fd, first * PAGE)

    def open_other(self):
        """Another file to copy from, which never changes."""
        self.other = os.open(self.path + ".other", os.O_RDWR | os.O_CREAT, 0o644)
        if os.fstat(self.other).st_size != 64 * PAGE:
            os.pwrite(self.other, b"".join(self.page(p, 1) for p in range(64)), 0)
            os.fsync(self.other)

    def write(self, r):
        fd = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o644)
        if "other" in self.verbs:
            self.open_other()
        while True:
            for _ in range(r.choice((1, 1, 1, 2, 5))):
                op = self.choose(r)
                if op[0] == "copy" and op[2] == 0:
                    continue
                self.record.add("i", *op)
                self.apply(*op)
                self.do(fd, *op)
            if self.synced:
                r.choice((os.fsync, os.fdatasync))(fd)
                self.record.add("a")
                self.acknowledge()
            else:
                time.sleep(0.002)

    def verify(self):
        self.load()
        data = read(self.path)
        size = len(data) // PAGE
        if len(data) % PAGE or not min(self.sizes) <= size <= max(self.sizes):
            sys.exit("%d bytes instead of %d to %d pages" % (len(data), min(self.sizes), max(self.sizes)))
        found = []
        for p in range(self.pages):
            got = data[p * PAGE:(p + 1) * PAGE].ljust(PAGE, b"\0")
            tag = int.from_bytes(got[:4], "big"), int.from_bytes(got[4:12], "big")
            may = self.may.get(p, {self.sure[p]})
            if tag not in may:
                sys.exit("page %d is %s instead of one of %s" % (p, tag, sorted(may)))
            if got != self.page(*tag):
                sys.exit("page %d of version %d is torn" % (p, tag[1]))
            if tag[1]:
                found.append(("p", p, *tag))
        self.record.restart([*found, ("s", size, self.version), ("a",)])
        self.load()


class Append:
    """A log that goes on in a new file after so many entries: what is there is always the beginning of what was to be written."""

    EACH = 2000

    def __init__(self, folder, record):
        self.path, self.record = folder + "/append.%d", record

    @staticmethod
    def entry(n):
        return b"%08d %s\n" % (n, noise("entry %d" % n, n * 37 % 700).hex().encode())

    def file_of(self, n):
        return self.path % (n // self.EACH)

    def load(self):
        self.sure = self.may = 0
        for kind, (n,) in self.record.lines():
            self.may = max(self.may, n)
            if kind == "a":
                self.sure = n

    def write(self, r):
        n, fd = self.sure, -1
        while True:
            for _ in range(r.choice((1, 1, 1, 4))):
                n += 1
                self.record.add("i", n)
                if fd < 0 or n % self.EACH == 0:
                    if fd >= 0:
                        os.fdatasync(fd)
                    fd = os.open(self.file_of(n), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
                    # what was begun before the kill is gone
                    os.ftruncate(fd, sum(len(self.entry(i)) for i in range(n // self.EACH * self.EACH, n) if i))
                os.write(fd, self.entry(n))
            os.fdatasync(fd)
            self.record.add("a", n)

    def verify(self):
        self.load()
        # whole files were verified when they were the last one
        first = max(0, self.sure // self.EACH - 1)
        whole = max(0, first * self.EACH - 1)
        for number in range(first, self.may // self.EACH + 1):
            data, at = read(self.path % number), 0
            for n in range(max(1, number * self.EACH), min(self.may, (number + 1) * self.EACH - 1) + 1):
                entry = self.entry(n)
                if data[at:at + len(entry)] != entry[:len(data) - at]:
                    sys.exit("entry %d is another" % n)
                at += len(entry)
                if at > len(data):
                    break
                if n == whole + 1:
                    whole = n
            if len(data) > at:
                sys.exit("%d bytes too many" % (len(data) - at))
        if whole < self.sure:
            sys.exit("%d entries instead of %d" % (whole, self.sure))
        self.record.restart([("a", whole)])
        self.load()


class Replace:
    """Some files, replaced as a whole: one sees the old or the new content, and nothing else."""

    NAMES = 4

    def __init__(self, folder, record):
        self.folder, self.record = folder, record

    @staticmethod
    def content(name, version):
        return b"%d\n" % version + noise("%d/%d" % (name, version), random.Random(version).choice((0, 10, 5000, 90000)))

    def load(self):
        self.may, self.version = [[0] for _ in range(self.NAMES)], 0
        for kind, words in self.record.lines():
            if kind == "i":
                self.may[words[0]].append(words[1])
                self.version = words[1]
            else:
                self.may = [versions[-1:] for versions in self.may]

    def write(self, r):
        version = self.version
        while True:
            version += 1
            name = r.randrange(self.NAMES)
            self.record.add("i", name, version)
            with open(self.folder + "/replace.new", "wb") as f:
                f.write(self.content(name, version))
                f.flush()
                os.fsync(f.fileno())
            os.rename(self.folder + "/replace.new", "%s/replace.%d" % (self.folder, name))
            # without this the name may still be the old one's
            if r.randrange(4):
                sync_folder(self.folder)
                self.record.add("a")

    def verify(self):
        self.load()
        found = []
        for name, may in enumerate(self.may):
            data = read("%s/replace.%d" % (self.folder, name))
            right = [v for v in may if data == (self.content(name, v) if v else b"")]
            if not right:
                sys.exit("replace.%d is none of %s: %r, %d bytes" % (name, may, data[:16], len(data)))
            found.append(("i", name, right[-1]))
        self.record.restart([*sorted(found, key=lambda line: line[2]), ("a",)])
        self.load()


class Names:
    """Folders and what is in them. The operations are done in order, so what is there is the state after some of them: not fewer than
    were durable. A file's number is in its mode, so that a name with the wrong file behind it is seen."""

    FOLDERS = ("a", "b", "c")
    VERBS = ("mkdir", "file", "file", "symlink", "link", "move", "move", "unlink", "rmdir")

    def __init__(self, folder, record):
        self.top, self.record = folder + "/names", record

    @staticmethod
    def apply(tree, verb, name, other):
        """False when it is not possible."""
        def inside(folder):
            return any(path.startswith(folder + "/") for path in tree)

        def room(path):
            return path not in tree and ("/" not in path or path[0] in tree)

        kind = tree.get(name, (None, 0))[0]
        if verb in ("mkdir", "file", "symlink"):
            if not room(name) or (verb == "mkdir") != ("/" not in name):
                return False
            tree[name] = (verb, other if verb != "mkdir" else 0)
        elif verb == "link":
            if kind != "file" or not room(other) or "/" not in other:
                return False
            tree[other] = tree[name]
        elif verb == "move":
            if kind is None or name == other or ("/" in name) != ("/" in other) or ("/" in other and other[0] not in tree):
                return False
            # over another name of the same file nothing happens, and a full folder is not replaced
            if tree.get(other) == tree[name] and kind != "mkdir" or kind == "mkdir" and inside(other):
                return False
            for path in [p for p in tree if p == name or p.startswith(name + "/")]:
                tree[other + path[len(name):]] = tree.pop(path)
        elif verb == "unlink":
            if kind in (None, "mkdir"):
                return False
            del tree[name]
        else:
            if kind != "mkdir" or inside(name):
                return False
            del tree[name]
        return True

    def do(self, verb, name, other):
        path = self.top + "/" + name
        if verb == "mkdir":
            os.mkdir(path, 0o755)
        elif verb == "file":
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, other % 512))
        elif verb == "symlink":
            os.symlink(str(other), path)
        elif verb == "link":
            os.link(path, self.top + "/" + other)
        elif verb == "move":
            os.rename(path, self.top + "/" + other)
        elif verb == "unlink":
            os.unlink(path)
        else:
            os.rmdir(path)

    @staticmethod
    def seen_of(tree):
        seen = {}
        for path, (kind, number) in tree.items():
            if kind == "file":
                seen[path] = "file", number % 512, sum(entry == (kind, number) for entry in tree.values())
            else:
                seen[path] = kind, number
        return seen

    def seen(self):
        seen = {}
        for folder, dirs, files in os.walk(self.top):
            for name in dirs + files:
                path = folder + "/" + name
                st = os.lstat(path)
                rel = os.path.relpath(path, self.top)
                if stat.S_ISDIR(st.st_mode):
                    seen[rel] = "mkdir", 0
                elif stat.S_ISLNK(st.st_mode):
                    seen[rel] = "symlink", int(os.readlink(path))
                else:
                    seen[rel] = "file", st.st_mode % 512, st.st_nlink
        return seen

    def load(self):
        """The states that may be, in order."""
        self.states, self.number = [{}], 0
        for kind, words in self.record.lines():
            if kind == "i":
                tree = dict(self.states[-1])
                self.apply(tree, *words)
                self.states.append(tree)
            elif kind == "s":
                self.states[-1][words[0]] = tuple(words[1:])
            else:
                self.states = self.states[-1:]
            if kind != "a":
                self.number = max([self.number] + [w for w in words if isinstance(w, int)])

    def choose(self, r, tree):
        def name():
            return r.choice(self.FOLDERS) + "/n%d" % r.randrange(6)

        while True:
            verb = r.choice(self.VERBS)
            one = name() if verb not in ("mkdir", "rmdir") and r.randrange(8) else r.choice(self.FOLDERS)
            if verb in ("link", "move"):
                other = name() if "/" in one else r.choice(self.FOLDERS)
            else:
                self.number += 1
                other = self.number
            if self.apply(tree, verb, one, other):
                return verb, one, other

    def write(self, r):
        os.umask(0)
        os.makedirs(self.top, exist_ok=True)
        tree = dict(self.states[-1])
        while True:
            for _ in range(r.choice((1, 1, 2, 4))):
                op = self.choose(r, tree)
                self.record.add("i", *op)
                self.do(*op)
            folder = os.path.dirname(op[1] if op[0] not in ("link", "move") else op[2])
            sync_folder(self.top + "/" + folder)
            self.record.add("a")

    def verify(self):
        self.load()
        seen = self.seen()
        for tree in reversed(self.states):
            if self.seen_of(tree) == seen:
                break
        else:
            sys.exit("none of %d states is %s, the last one is %s" % (len(self.states), seen, self.seen_of(self.states[-1])))
        number = self.number
        self.record.restart([*(("s", path, *tree[path]) for path in tree), ("a",)])
        self.load()
        self.number = number


class Database:
    """Transactions of several rows; after each the table is whole, and what was committed is there."""

    KEPT = 200

    def __init__(self, folder, record, mode, level):
        self.folder, self.record, self.mode, self.level = folder, record, mode, level
        self.path = folder + "/" + mode + level + ".db"

    def load(self):
        self.sure = self.may = 0
        for kind, (n,) in self.record.lines():
            self.may = max(self.may, n)
            if kind == "a":
                self.sure = n
        # In rollback mode a commit is the unlink of the journal, and only EXTRA waits for that to be durable;
        # the next transaction's fsync covers it.
        if (self.mode, self.level) == ("delete", "full"):
            self.sure = max(0, self.sure - 1)

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
            db.execute("delete from t where n < ?", (n - self.KEPT,))
            db.execute("commit")
            # SQLite takes no offence when it cannot open the folder to sync it: a commit counts when the mount was still there after it
            os.statvfs(self.folder)
            self.record.add("a", n)

    def verify(self):
        self.load()
        db = self.connect()
        words = db.execute("pragma integrity_check").fetchone()[0]
        if words != "ok":
            sys.exit("integrity_check: " + words)
        last = db.execute("select coalesce(max(n), 0) from t").fetchone()[0]
        if not self.sure <= last <= self.may:
            sys.exit("%d transactions instead of %d to %d" % (last, self.sure, self.may))
        rows = db.execute("select n, i, v from t order by n, i").fetchall()
        want = [(n, i) for n in range(max(1, last - self.KEPT), last + 1) for i in range(n % 3 + 1)]
        if [row[:2] for row in rows] != want:
            sys.exit("other rows")
        for n, i, v in rows:
            if v != noise("%d.%d" % (n, i), n * 101 % 9000):
                sys.exit("row %d.%d is another" % (n, i))
        db.close()
        # what was found may be a commit whose unlink was late again
        self.record.restart([("a", last)])
        self.load()


ROLES = {
    "pages": lambda folder, record: Pages(folder, record, "pages", ("write",), 2048, True),
    "holes": lambda folder, record: Pages(folder, record, "holes", ("write", "write", "size", "punch"), 512, True),
    "clone": lambda folder, record: Pages(folder, record, "clone", ("write", "copy", "copy", "other"), 512, True),
    "loose": lambda folder, record: Pages(folder, record, "loose", ("write", "write", "write", "size", "punch"), 512, False),
    "append": Append,
    "replace": Replace,
    "names": Names,
    "wal": lambda folder, record: Database(folder, record, "wal", "full"),
    "full": lambda folder, record: Database(folder, record, "delete", "full"),
    "extra": lambda folder, record: Database(folder, record, "delete", "extra"),
}


def is_dead(folder):
    """A mount whose daemon was killed says so at once, or when its last request was given up."""
    for _ in range(100):
        try:
            os.listdir(folder)
        except OSError:
            return True
        time.sleep(0.05)
    return False


class Stopped(Exception):
    pass


def stop(*_):
    raise Stopped


def work(program, folder, seed, cut):
    signal.signal(signal.SIGTERM, stop)
    try:
        program.write(random.Random(seed))
    except Stopped:
        pass
    except (OSError, sqlite3.Error) as e:
        if not cut and not is_dead(folder):
            sys.exit("the mount lives and says: %r" % e)


def play(role, verb, folder, records, seed, cut, told):
    """One role, in a process of its own."""
    program = ROLES[role](folder, Record(records + "." + role))
    program.verify()
    os.write(told, b"v")
    os.close(told)
    if verb == "live":
        work(program, folder, seed + "." + role, cut)


def start(role, verb, folder, records, seed, cut, hears, told):
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        os.close(hears)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        play(role, verb, folder, records, seed, cut, told)
        code = 0
    except SystemExit as e:
        print("%s: %s" % (role, e), file=sys.stderr)
    except BaseException:
        print("%s: %s" % (role, traceback.format_exc()), file=sys.stderr)
    finally:
        sys.stderr.flush()
        os._exit(code)


def main():
    cut = "--cut" in sys.argv
    verb, folder, records, *rest = [w for w in sys.argv[1:] if w != "--cut"]
    hears, told = os.pipe()
    children = [start(role, verb, folder, records, rest[0] if rest else "", cut, hears, told) for role in ROLES]

    def end(*_):
        for pid in children:
            os.kill(pid, signal.SIGTERM)

    signal.signal(signal.SIGTERM, end)
    os.close(told)
    verified = 0
    while True:
        got = len(os.read(hears, 64))
        verified += got
        if not got:
            break
    print("verified" if verified == len(ROLES) else "not verified", flush=True)
    codes = [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in children]
    sys.exit(any(codes))


main()
