#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""An independent reader of amberfs volumes, written from docs/FORMAT.md alone.

    reader.py STORE --passphrase-file F | --recovery-code-file F  [--at EPOCH|SNAPSHOT|TIME]  COMMAND

    list [--copy] [--no-xattrs]   every entry, in the form of tree.py
    extract DIR                   write everything into DIR, an empty folder
    verify                        open every object and every sealed page, also of the past
    epochs                        the closed epochs, the snapshots and the events

STORE is a directory store. TIME is e12 (an epoch), a snapshot's name, @seconds or ISO 8601; without --at it is the newest state.
Exit status: 0, or 1 with what is wrong. It needs the `cryptography` package. It is meant to be read, not to be fast.
Numbers in the comments are sections of docs/FORMAT.md.
"""

import argparse
import collections
import datetime
import functools
import hashlib
import hmac
import os
import pathlib
import stat
import struct
import sys

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import algorithms
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.cmac import CMAC
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt
from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap

PAGE = 4096
SEALED_PAGE = PAGE + 16
ROOT = 1
PAGES_MAX = 2**51 - 1


class Bad(Exception):
    """The store is not as docs/FORMAT.md says."""


def need(condition, what):
    if not condition:
        raise Bad(what)


# ---- 1. conventions ----


class Fields:
    def __init__(self, data, what):
        self.data, self.at, self.what = data, 0, what

    def left(self):
        return len(self.data) - self.at

    def bytes(self, n):
        need(n <= self.left(), f"{self.what}: cut short")
        self.at += n
        return self.data[self.at - n:self.at]

    def number(self, form):
        return struct.unpack("<" + form, self.bytes(struct.calcsize("<" + form)))[0]

    def var(self, most=2**64 - 1):
        value = 0
        for i in range(10):
            byte = self.number("B")
            value |= (byte & 0x7F) << 7 * i
            if byte < 0x80:
                need(byte or i == 0, f"{self.what}: a varint that is not the shortest")
                need(value <= most, f"{self.what}: {value} is too much")
                return value
        raise Bad(f"{self.what}: a varint that does not end")

    def blob(self, most):
        return self.bytes(self.var(most))

    def end(self):
        need(self.left() == 0, f"{self.what}: bytes left over")


# ---- 3. cryptography ----


def kbkdf(key, label, context):
    out = b""
    for i in (1, 2):
        mac = CMAC(algorithms.AES(key))
        mac.update(struct.pack(">I", i) + label + b"\0" + context + struct.pack(">I", 256))
        out += mac.finalize()
    return out


@functools.lru_cache(maxsize=256)
def one_time(key, salt):
    return AESGCM(kbkdf(key, b"amberfs seal", salt))


def open_page(key, salt, aad, page, sealed, what):
    try:
        return one_time(key, salt).decrypt(bytes(4) + struct.pack(">Q", page), sealed, aad)
    except InvalidTag:
        raise Bad(f"{what}: not authentic") from None


def sha256(data):
    return hashlib.sha256(data).digest()


# ---- 4. the keyring ----

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def recovery_secret(code):
    bits, n = 0, 0
    for c in code.decode("ascii", "replace").upper():
        if c in "- \t\r\n":
            continue
        c = {"O": "0", "I": "1", "L": "1"}.get(c, c)
        need(c in ALPHABET, "not a recovery code")
        bits, n = bits << 5 | ALPHABET.index(c), n + 1
    need(n == 36, "a recovery code has 36 symbols")
    secret = (bits >> 20).to_bytes(20, "big")
    check = int.from_bytes(sha256(b"amberfs recovery code" + secret)[:3], "big") >> 4
    need(bits & 0xFFFFF == check, "a letter of the recovery code is wrong")
    return secret


class Keyring:
    def __init__(self, data, generation, slot_type, secret):
        f = Fields(data, "keyring")
        need(len(data) <= 64 * 1024, "keyring: too long")
        need(f.bytes(8) == b"AMBERKEY", "keyring: is none")
        need(f.number("H") == 1, "keyring: a version that this reader does not know")
        self.volume_id = f.bytes(16)
        need(f.number("Q") == generation, "keyring: not of this generation")
        count = f.number("B")
        need(count <= 32, "keyring: too many slots")
        slots = [(f.number("B"), f.number("B"), f.number("I"), f.number("I"), f.bytes(16), f.bytes(40))
                 for _ in range(count)]
        salt = f.bytes(24)
        length = f.number("I")
        aad = data[:f.at]
        need(f.left() == length + 16, "keyring: wrong length")
        key = self.unlock(slots, slot_type, secret)
        self.read_body(Fields(open_page(key, salt, aad, 0, f.bytes(length + 16), "keyring"), "keyring body"))

    @staticmethod
    def unlock(slots, slot_type, secret):
        for kind, log2_n, r, p, salt, wrapped in slots:
            if kind not in (1, 2):
                continue
            need(1 <= r <= 64 and 1 <= p <= 16 and 1 <= log2_n <= 23 and log2_n < 16 * r and
                 128 * r << log2_n <= 2**30, "keyring: a slot asks for too much work")
            if kind != slot_type:
                continue
            slot_key = Scrypt(salt=salt, length=32, n=1 << log2_n, r=r, p=p).derive(secret)
            try:
                return aes_key_unwrap(slot_key, wrapped)
            except InvalidUnwrap:
                pass
        raise Bad("the secret fits no key slot")

    def read_body(self, f):
        count = f.number("I")
        need(1 <= count <= 256, "keyring: number of master keys")
        self.masters, states = {}, {}
        for _ in range(count):
            number, state = f.number("I"), f.number("B")
            f.number("q")
            need(number not in self.masters and state in (1, 2), "keyring: master keys")
            self.masters[number], states[number] = f.bytes(32), state
        current = f.number("I")
        need([n for n in states if states[n] == 1] == [current], "keyring: the current master key")
        self.log_key = f.bytes(32)
        f.bytes(32)  # the index key
        need(f.blob(64 * 1024) == b"", "keyring: extensions that this reader does not know")
        f.end()

    def unwrap(self, master, wrapped):
        need(master in self.masters, f"no master key {master}")
        try:
            return aes_key_unwrap(self.masters[master], wrapped)
        except InvalidUnwrap:
            raise Bad("a file key is not authentic") from None


# ---- 6. sealed objects ----

LOG, MANIFEST, PART = 1, 2, 3


def padme(length):
    if length < 2:
        return length
    e = length.bit_length() - 1
    low = e - e.bit_length()
    return (length + (1 << low) - 1) >> low << low


def open_object(ring, kind, name, data, strict=False):
    f = Fields(data, name)
    need(len(data) >= 52 and f.bytes(4) == b"AMBF", f"{name}: not an object")
    need(f.number("H") == 1, f"{name}: a version that this reader does not know")
    need(f.number("B") == kind and f.number("B") == 0, f"{name}: of another kind")
    salt = f.bytes(24)
    context = bytes([kind])
    aad = data[:32] + ring.volume_id + name.encode()
    plain = open_page(kbkdf(ring.log_key, b"amberfs object", context), salt, aad, 0, f.bytes(f.left()), name)
    inner = Fields(plain, name)
    content = inner.bytes(inner.number("I"))
    need(len(content) <= 64 << 20, f"{name}: too long")
    if strict:  # what only writers must keep
        need(len(plain) == padme(4 + len(content)) and not any(inner.bytes(inner.left())), f"{name}: padding")
        salt_key = kbkdf(ring.log_key, b"amberfs object salt", context)
        hashed = ring.volume_id + name.encode() + b"\0" + plain
        need(hmac.new(salt_key, hashed, "sha256").digest()[:24] == salt, f"{name}: salt")
    return content


# ---- 5. rows with a past ----


class Table:
    """Rows in groups (the names of a folder, the extents of an inode), with the versions that epochs see."""

    def __init__(self, state):
        self.state = state
        self.now = collections.defaultdict(dict)   # group -> key -> (value, born)
        self.past = collections.defaultdict(list)  # group -> (key, value, born, died)

    def get(self, group, key):
        row = self.now[group].get(key)
        return row[0] if row else None

    def retire(self, group, key):
        value, born = self.now[group].pop(key)
        if born < self.state.epoch:
            self.past[group].append((key, value, born, self.state.epoch))

    def set(self, group, key, value):
        row = self.now[group].get(key)
        if row and row[0] == value:
            return
        if row:
            self.retire(group, key)
        self.now[group][key] = (value, self.state.epoch)

    def remove(self, group, key):
        self.retire(group, key)

    def load(self, group, key, value, born, died):
        if died == 0:
            need(key not in self.now[group], "checkpoint: a row twice")
            self.now[group][key] = (value, born)
        else:
            self.past[group].append((key, value, born, died))

    def at(self, group, epoch):
        """key -> value, as the epoch (None: now) sees the group."""
        if epoch is None:
            return {key: value for key, (value, born) in self.now[group].items()}
        seen = {key: value for key, (value, born) in self.now[group].items() if born <= epoch}
        for key, value, born, died in self.past[group]:
            if born <= epoch < died:
                need(key not in seen, "two versions of a row live in one epoch")
                seen[key] = value
        return seen


Inode = collections.namedtuple("Inode", "mode uid gid nlink rdev size pages atime mtime ctime btime target")
Extent = collections.namedtuple("Extent", "page npages first tail key pack off salt")


# ---- 8. the state and its operations ----


class State:
    def __init__(self):
        self.epoch = 1
        self.last_end = 0
        self.log_seq = 0
        self.log_hash = bytes(32)
        self.inodes = Table(self)   # (ino, None)
        self.entries = Table(self)  # (parent, name) -> ino
        self.extents = Table(self)  # (ino, page)
        self.xattrs = Table(self)   # (ino, name) -> value
        self.filekeys = {}          # id -> (master, wrapped)
        self.packs = {}             # num -> (name, size)
        self.ends = {}              # epoch -> when it ended
        self.snapshots = {}         # name -> epoch
        self.events = []            # (time, kind, place known, place accepted, text), since the checkpoint
        self.next_ino = 2

    # -- inodes and entries --

    def inode(self, ino, epoch=None):
        row = self.inodes.at(ino, epoch).get(None)
        need(row, f"no inode {ino}")
        return row

    def change(self, ino, **fields):
        self.inodes.set(ino, None, self.inode(ino)._replace(**fields))

    def entry(self, at):
        ino = self.entries.get(*at)
        need(ino, f"no entry {at}")
        return ino

    def add_entry(self, at, ino):
        need(self.entries.get(*at) is None, f"the entry {at} is there")
        self.entries.set(*at, ino)

    def touch(self, folder, t, links=0):
        row = self.inode(folder)
        need(stat.S_ISDIR(row.mode), f"inode {folder} is no folder")
        self.change(folder, mtime=t, ctime=t, nlink=row.nlink + links)

    def is_folder(self, ino):
        return stat.S_ISDIR(self.inode(ino).mode)

    def lose_link(self, ino, t):
        row = self.inode(ino)
        if stat.S_ISDIR(row.mode):
            need(not self.entries.at(ino, None), f"folder {ino} is not empty")
        self.change(ino, nlink=0 if stat.S_ISDIR(row.mode) else row.nlink - 1, ctime=t)

    def set_mode(self, ino, mode):
        self.change(ino, mode=stat.S_IFMT(self.inode(ino).mode) | mode & 0o7777)

    # -- operations --

    def create(self, t, at, ino, mode, uid, gid, rdev, target, key, acls):
        folder = stat.S_ISDIR(mode)
        need(ino == ROOT and folder if at[0] == 0 else ino >= self.next_ino, f"inode number {ino}")
        need(self.inodes.get(ino, None) is None, f"inode {ino} is there")
        size = len(target) if stat.S_ISLNK(mode) else 0
        unnamed = at[0] != 0 and not at[1]
        need(not unnamed or stat.S_ISREG(mode), f"inode {ino} without a name")
        self.inodes.set(ino, None, Inode(mode, uid, gid, 2 if folder else 0 if unnamed else 1, rdev, size, 0, t, t, t, t, target))
        if key:
            self.filekeys[ino] = key
        for name, acl in zip((b"system.posix_acl_access", b"system.posix_acl_default"), acls):
            if acl:
                self.xattrs.set(ino, name, acl)
        self.next_ino = max(self.next_ino, ino + 1)
        if at[0] and not unnamed:
            self.add_entry(at, ino)
            self.touch(at[0], t, 1 if folder else 0)

    def link(self, t, ino, at):
        row = self.inode(ino)
        need(not stat.S_ISDIR(row.mode), f"a link to inode {ino}")
        self.change(ino, nlink=row.nlink + 1, ctime=t)
        self.add_entry(at, ino)
        self.touch(at[0], t)

    def unlink(self, t, at):
        ino = self.entry(at)
        folder = self.is_folder(ino)
        self.lose_link(ino, t)
        self.entries.remove(*at)
        self.touch(at[0], t, -1 if folder else 0)

    def rename(self, t, old, new, flags):
        moved = self.entry(old)
        there = self.entries.get(*new)
        if moved == there:
            need(flags != 1, "rename to a name that is taken")
            return
        gain = 1 if self.is_folder(moved) else 0
        lose = 1 if there and self.is_folder(there) else 0
        if flags == 2:
            need(there, f"no entry {new}")
            self.entries.set(*old, there)
            self.entries.set(*new, moved)
            self.change(there, ctime=t)
            links = {old[0]: lose - gain}
        else:
            need(not there or flags == 0, "rename to a name that is taken")
            if there:
                self.lose_link(there, t)
            self.entries.set(*new, moved)
            self.entries.remove(*old)
            links = {old[0]: -gain}
        self.change(moved, ctime=t)
        links[new[0]] = links.get(new[0], 0) + gain - lose
        for folder, by in links.items():
            self.touch(folder, t, by)

    def setattr(self, t, ino, fields):
        mode = fields.pop("mode", None)
        self.change(ino, **({"ctime": t} | fields))
        if mode is not None:
            self.set_mode(ino, mode)

    def clear(self, ino, page, npages):
        end = min(page + npages, PAGES_MAX)
        for start, x in sorted(self.extents.at(ino, None).items()):
            x_end = start + x.npages
            if start >= end or x_end <= page:
                continue
            if start < page:
                self.extents.set(ino, start, x._replace(npages=page - start, tail=PAGE))
            else:
                self.extents.remove(ino, start)
            if x_end > end:
                k = end - start
                self.extents.set(ino, end, x._replace(
                    page=end, npages=x.npages - k, first=x.first + k, off=x.off + k * SEALED_PAGE))

    def count_pages(self, ino):
        return sum(x.npages for x in self.extents.at(ino, None).values())

    def write(self, ino, fields, ranges, extents):
        need(stat.S_ISREG(self.inode(ino).mode), f"inode {ino} is no file")
        for page, npages in ranges:
            self.clear(ino, page, npages)
        for x in extents:
            self.clear(ino, x.page, x.npages)
            self.extents.set(ino, x.page, x)
        mode = fields.pop("mode", None)
        self.change(ino, pages=self.count_pages(ino), **fields)
        if mode is not None:
            self.set_mode(ino, mode)

    def xattr(self, t, ino, name, value, mode):
        if value is None:
            need(self.xattrs.get(ino, name) is not None, f"inode {ino} has no such xattr")
            self.xattrs.remove(ino, name)
        else:
            self.xattrs.set(ino, name, value)
        if mode is not None:
            self.set_mode(ino, mode)
        self.change(ino, ctime=t)

    def reclaim(self, ino):
        need(self.inode(ino).nlink == 0, f"inode {ino} has links")
        for table in (self.extents, self.xattrs, self.inodes):
            for key in list(table.now[ino]):
                table.remove(ino, key)

    def filekey(self, ino, master, wrapped):
        need(stat.S_ISREG(self.inode(ino).mode) and ino not in self.filekeys, f"a file key for inode {ino}")
        self.filekeys[ino] = (master, wrapped)

    def pack(self, num, name):
        need(num not in self.packs, f"pack {num} is there")
        self.packs[num] = (name, 0)

    def pack_end(self, num, size):
        need(num in self.packs, f"no pack {num}")
        self.packs[num] = (self.packs[num][0], size)

    def end_epoch(self, t, number):
        need(number == self.epoch and t > self.last_end, f"epoch {number}")
        self.ends[number] = self.last_end = t
        self.epoch += 1

    # -- 8.16 restore --

    def count_entry(self, parent, ino, by):
        folder = self.is_folder(ino)
        self.change(ino, nlink=(self.inode(ino).nlink + by * (2 if folder else 1)) % 2**32)
        if folder:
            self.change(parent, nlink=(self.inode(parent).nlink + by) % 2**32)

    def step_unlink(self, at):
        ino = self.entry(at)
        self.entries.remove(*at)
        self.count_entry(at[0], ino, -1)

    def step_link(self, at, ino):
        there = self.entries.get(*at)
        self.entries.set(*at, ino)
        if there:
            self.count_entry(at[0], there, -1)
        self.count_entry(at[0], ino, 1)

    def step_revive(self, ino, src, epoch):
        want = self.inode(src, epoch)
        now = self.inodes.get(ino, None)
        self.inodes.set(ino, None, want._replace(nlink=now.nlink if now else 0))
        for table in (self.xattrs, self.extents):
            rows = table.at(src, epoch)
            for key in list(table.now[ino]):
                if key not in rows:
                    table.remove(ino, key)
            for key, value in rows.items():
                table.set(ino, key, value)
        self.next_ino = max(self.next_ino, ino + 1)


# ---- 7. and 8. records ----

ATTRIBUTES = ((1, "mode"), (2, "uid"), (4, "gid"), (8, "atime"), (16, "mtime"), (32, "ctime"), (64, "size"))


def get_name(f):
    return f.var(), f.blob(255)


def get_attributes(f, most):
    mask = f.var(most)
    fields = {}
    for bit, name in ATTRIBUTES:
        if mask & bit:
            fields[name] = f.number("q") if name.endswith("time") else f.var(2**63 - 1 if bit == 64 else 2**32 - 1)
    return fields


def get_write(f):
    ino = f.var()
    fields = get_attributes(f, 127)
    ranges = [(f.var(), f.var()) for _ in range(f.var(16384))]
    extents = []
    for _ in range(f.var(16384)):
        page, npages, first, tail, key, pack, off = (
            f.var(), f.var(2**32 - 1), f.var(2**32 - 1), f.var(PAGE), f.var(), f.var(), f.var(2**40))
        need(npages and tail and page + npages <= PAGES_MAX and first + npages < 2**32, "an extent that cannot be")
        extents.append(Extent(page, npages, first, tail, key or ino, pack, off, f.bytes(24)))
    return ino, fields, ranges, extents


def get_create(f):
    at, ino = get_name(f), f.var()
    mode, uid, gid = f.var(2**32 - 1), f.var(2**32 - 1), f.var(2**32 - 1)
    rdev, target, master = f.var(), f.blob(4095), f.var(2**32 - 1)
    key = (master, f.bytes(40)) if master else None
    return at, ino, mode, uid, gid, rdev, target, key, (f.blob(65536), f.blob(65536))


def get_xattr(f, with_value):
    ino, name = f.var(), f.blob(255)
    value = f.blob(65536) if with_value else None
    return ino, name, value, f.var(2**32 - 1) if f.var(1) else None


def get_place(f):
    return f.var(), f.var(2**63 - 2), f.number("q")


def get_event(f):
    return f.number("B"), get_place(f), get_place(f), f.blob(1024)


def apply_restore(state, f):
    epoch = f.var()
    need(epoch < state.epoch, "a restore to an epoch that is not closed")
    for _ in range(f.var(4000000)):
        kind = f.number("B")
        need(1 <= kind <= 3, f"a step of kind {kind}")
        if kind == 1:
            state.step_unlink(get_name(f))
        elif kind == 2:
            state.step_link(get_name(f), f.var())
        else:
            state.step_revive(f.var(), f.var(), epoch)


def apply_record(state, data, what):
    f = Fields(data, what)
    kind, t = f.number("B"), f.number("q")
    if kind == 1:
        state.create(t, *get_create(f))
    elif kind == 2:
        state.link(t, f.var(), get_name(f))
    elif kind == 3:
        state.unlink(t, get_name(f))
    elif kind == 4:
        state.rename(t, get_name(f), get_name(f), f.var(2))
    elif kind == 5:
        state.setattr(t, f.var(), get_attributes(f, 63))
    elif kind == 6:
        state.write(*get_write(f))
    elif kind in (7, 8):
        state.xattr(t, *get_xattr(f, kind == 7))
    elif kind == 9:
        state.reclaim(f.var())
    elif kind == 10:
        state.pack(f.var(), f.bytes(16))
    elif kind == 11:
        state.pack_end(f.var(), f.var(2**40))
    elif kind == 12:
        state.end_epoch(t, f.var())
    elif kind == 13:
        name = f.blob(255)
        need(name and name not in state.snapshots, "a snapshot twice")
        state.snapshots[name] = f.var()
    elif kind == 14:
        need(state.snapshots.pop(f.blob(255), None) is not None, "no such snapshot")
    elif kind == 15:
        apply_restore(state, f)
    elif kind == 16:
        state.filekey(f.var(), f.var(2**32 - 1), f.bytes(40))
    elif kind == 17:
        state.events.append((t, *get_event(f)))
    else:
        raise Bad(f"{what}: a record of type {kind}, which this reader does not know")
    f.end()
    return kind, t


def read_log_header(f, seq):
    need(f.number("H") == 1, f"{f.what}: a version that this reader does not know")
    codec, flags = f.number("B"), f.number("B")
    need(codec == 0 and flags <= 1, f"{f.what}: a codec or flag that this reader does not know")
    need(f.number("Q") == seq, f"{f.what}: not of this number")
    f.number("Q")  # writer
    return f.bytes(32), f.number("q"), flags


def apply_log(state, ring, seq, sealed, strict):
    name = f"log/{seq:016x}"
    f = Fields(open_object(ring, LOG, name, sealed, strict), name)
    before, time, flags = read_log_header(f, seq)
    need(seq == state.log_seq + 1 and before == state.log_hash, f"{name} does not continue the log")
    last = None
    while f.left():
        last = apply_record(state, f.bytes(f.number("I")), name)
    need(not strict or last == (12 if flags else last[0], time) and flags == (last[0] == 12), f"{name}: header")
    state.log_seq, state.log_hash = seq, sha256(sealed)


# ---- 9. checkpoints ----


def load_row(state, f):
    table = f.number("B")
    born, died = (f.var(2**63 - 2), f.var(2**63 - 2)) if table <= 4 else (0, 0)
    need(table > 4 or born >= 1 and (died == 0 or born < died), f"{f.what}: a life that cannot be")
    if table == 1:
        ino, numbers, times = f.var(), [f.var() for _ in range(7)], [f.number("q") for _ in range(4)]
        state.inodes.load(ino, None, Inode(*numbers, *times, f.blob(4095)), born, died)
    elif table == 2:
        parent, name, ino = f.var(), f.blob(255), f.var()
        f.var()  # cookie
        state.entries.load(parent, name, ino, born, died)
    elif table == 3:
        ino, x = f.var(), Extent(*(f.var() for _ in range(7)), f.bytes(24))
        state.extents.load(ino, x.page, x, born, died)
    elif table == 4:
        state.xattrs.load(f.var(), f.blob(255), f.blob(65536), born, died)
    elif table == 5:
        number = f.var()
        state.filekeys[number] = f.var(2**32 - 1), f.bytes(40)
    elif table == 6:
        number = f.var()
        state.packs[number] = f.bytes(16), f.var()
    elif table == 7:
        number = f.var()
        state.ends[number] = f.number("q")
    elif table == 8:
        name = f.blob(255)
        state.snapshots[name] = f.var()
        f.number("q")
    else:
        raise Bad(f"{f.what}: a row of table {table}, which this reader does not know")


def load_checkpoint(store, ring, seq):
    state = State()
    name = f"checkpoints/{seq:016x}"
    f = Fields(open_object(ring, MANIFEST, name, store.get(name)), name)
    need(f.number("H") == 1, f"{name}: a version that this reader does not know")
    need(f.number("Q") == seq, f"{name}: not of this number")
    state.log_seq, state.log_hash = seq, f.bytes(32)
    state.epoch = f.number("q")
    state.next_ino = f.number("Q")
    f.bytes(16)
    state.last_end = f.number("q")
    totals = [f.number("Q") for _ in range(3)]
    for _ in range(f.var(65536)):
        part, digest = "checkpoints/parts/" + f.bytes(16).hex(), f.bytes(32)
        sealed = store.get(part)
        need(sha256(sealed) == digest, f"{part}: not the one of the manifest")
        rows = Fields(open_object(ring, PART, part, sealed), part)
        while rows.left():
            load_row(state, rows)
    f.end()
    return state, totals


# ---- 2. the store ----


class Store:
    def __init__(self, path):
        self.path = pathlib.Path(path)
        self.files = {}

    def get(self, name):
        try:
            return (self.path / name).read_bytes()
        except FileNotFoundError:
            raise Bad(f"{name} is missing") from None

    def numbers(self, folder):
        try:
            names = os.listdir(self.path / folder)
        except FileNotFoundError:
            return []
        return sorted(int(n, 16) for n in names if len(n) == 16 and not set(n) - set("0123456789abcdef"))

    def pack(self, name):
        if name not in self.files:
            if len(self.files) >= 64:
                self.files.popitem()[1].close()
            try:
                self.files[name] = open(self.path / name, "rb")
            except FileNotFoundError:
                raise Bad(f"{name} is missing") from None
        return self.files[name]


class Volume:
    def __init__(self, store, slot_type, secret, from_start=False):
        self.store = store
        generations = store.numbers("keyring")
        need(generations, "the store has no keyring")
        name = f"keyring/{generations[-1]:016x}"
        self.ring = Keyring(store.get(name), generations[-1], slot_type, secret)
        checkpoints = store.numbers("checkpoints")
        if checkpoints and not from_start:
            self.state = load_checkpoint(store, self.ring, checkpoints[-1])[0]
        else:
            self.state = State()
        log = [n for n in store.numbers("log") if n > self.state.log_seq]
        for i, seq in enumerate(log):
            need(seq == self.state.log_seq + 1, f"log/{self.state.log_seq + 1:016x} is missing")
            apply_log(self.state, self.ring, seq, store.get(f"log/{seq:016x}"), from_start)
        self.keys = {}

    # -- 10. file data --

    def file_key(self, number):
        if number not in self.keys:
            need(number in self.state.filekeys, f"no file key {number}")
            self.keys[number] = self.ring.unwrap(*self.state.filekeys[number])
        return self.keys[number]

    def page(self, x, i):
        """Page i of the extent, as it was sealed."""
        need(x.pack in self.state.packs, f"no pack {x.pack}")
        name = "packs/" + self.state.packs[x.pack][0].hex()
        length = (x.tail if i == x.npages - 1 else PAGE) + 16
        file = self.store.pack(name)
        file.seek(x.off + i * SEALED_PAGE)
        sealed = file.read(length)
        need(len(sealed) == length, f"{name}: too short")
        aad = self.ring.volume_id + struct.pack("<QI", x.key, 1)
        return open_page(self.file_key(x.key), x.salt, aad, x.first + i, sealed, name)

    def pieces(self, ino, size, epoch):
        """(offset, bytes) of what is no hole, in order."""
        for start, x in sorted(self.state.extents.at(ino, epoch).items()):
            for i in range(x.npages):
                offset = (start + i) * PAGE
                if offset >= size:
                    break
                yield offset, self.page(x, i).ljust(PAGE, b"\0")[:size - offset]

    def file_sha256(self, ino, size, epoch):
        digest, done, zeros = hashlib.sha256(), 0, bytes(1 << 20)
        for offset, data in list(self.pieces(ino, size, epoch)) + [(size, b"")]:
            while done < offset:
                step = min(len(zeros), offset - done)
                digest.update(zeros[:step])
                done += step
            digest.update(data)
            done += len(data)
        return digest.hexdigest()

    # -- 5. moments --

    def when(self, text):
        state = self.state
        if text is None:
            return None
        if os.fsencode(text) in state.snapshots:
            epoch = state.snapshots[os.fsencode(text)]
        elif text[0] == "e" and text[1:].isdigit():
            epoch = int(text[1:])
        else:
            t = parse_time(text)
            epoch = max((e for e, end in state.ends.items() if end <= t), default=0)
        need(epoch in state.ends, f"there is no state at {text}")
        return epoch

    def walk(self, epoch):
        """(path, ino, inode) of every entry, the root first, in order of bytes."""
        found, stack = [], [(b"", ROOT)]
        while stack:
            path, ino = stack.pop()
            row = self.state.inode(ino, epoch)
            found.append((path, ino, row))
            if stat.S_ISDIR(row.mode):
                for name, below in self.state.entries.at(ino, epoch).items():
                    stack.append((path + b"/" + name if path else name, below))
        return sorted(found)


def parse_time(text):
    if text[0] == "@":
        seconds, _, fraction = text[1:].partition(".")
        return int(seconds) * 10**9 + int(fraction.ljust(9, "0")[:9])
    moment = datetime.datetime.fromisoformat(text).astimezone(datetime.timezone.utc)
    since = moment - datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)
    return (since // datetime.timedelta(microseconds=1)) * 1000


# ---- list ----

TYPES = {stat.S_IFSOCK: "socket", stat.S_IFLNK: "link", stat.S_IFREG: "file", stat.S_IFBLK: "block",
         stat.S_IFDIR: "folder", stat.S_IFCHR: "char", stat.S_IFIFO: "fifo"}


def show(name):
    return "".join(chr(c) if 32 <= c < 127 and c != 37 else f"%{c:02x}" for c in name)


def content(volume, path, ino, row, epoch, first):
    if stat.S_ISLNK(row.mode):
        return show(row.target)
    if stat.S_ISBLK(row.mode) or stat.S_ISCHR(row.mode):
        return str(row.rdev)
    if not stat.S_ISDIR(row.mode) and row.nlink > 1:
        if first.setdefault(ino, path) != path:
            return "= " + show(first[ino])
    return volume.file_sha256(ino, row.size, epoch) if stat.S_ISREG(row.mode) else "-"


def do_list(volume, epoch, copy, xattrs):
    first = {}
    for path, ino, row in volume.walk(epoch):
        folder = copy and stat.S_ISDIR(row.mode)
        print(show(path) or "/", TYPES[stat.S_IFMT(row.mode)], f"{stat.S_IMODE(row.mode):04o}", row.uid, row.gid,
              "-" if folder else row.nlink, "-" if folder else row.size, "-" if copy else row.pages * 8, row.mtime,
              "-" if copy else row.atime, "-" if copy else row.ctime,
              content(volume, path, ino, row, epoch, first), sep="\t")
        for name, value in sorted(volume.state.xattrs.at(ino, epoch).items()) if xattrs else ():
            print("", show(name), value.hex(), sep="\t")


# ---- extract ----


def make_node(volume, full, ino, row, epoch):
    if stat.S_ISLNK(row.mode):
        os.symlink(row.target, full)
    elif stat.S_ISREG(row.mode):
        with open(full, "xb") as file:
            for offset, data in volume.pieces(ino, row.size, epoch):
                file.seek(offset)
                file.write(data)
            file.truncate(row.size)
    else:
        os.mknod(full, row.mode, row.rdev)


def dress(volume, full, ino, row, epoch):
    if os.geteuid() == 0:
        os.chown(full, row.uid, row.gid, follow_symlinks=False)
    if not stat.S_ISLNK(row.mode):
        os.chmod(full, stat.S_IMODE(row.mode))
    for name, value in sorted(volume.state.xattrs.at(ino, epoch).items()):
        try:
            os.setxattr(full, name, value, follow_symlinks=False)
        except OSError as error:
            print(f"reader.py: {show(full)}: {show(name)}: {error.strerror}", file=sys.stderr)
    os.utime(full, ns=(row.atime, row.mtime), follow_symlinks=False)


def do_extract(volume, epoch, target):
    target = os.fsencode(target)
    need(not os.listdir(target), "the folder is not empty")
    made, folders = {}, []
    for path, ino, row in volume.walk(epoch):
        full = os.path.join(target, path) if path else target
        if stat.S_ISDIR(row.mode):
            folders.append((full, ino, row))
            if path:
                os.mkdir(full)
        elif ino in made:
            os.link(made[ino], full, follow_symlinks=False)
        else:
            make_node(volume, full, ino, row, epoch)
            dress(volume, full, ino, row, epoch)
            made[ino] = full
    for full, ino, row in reversed(folders):
        dress(volume, full, ino, row, epoch)


# ---- verify ----


def check_state(state, epoch):
    links, below = collections.Counter(), collections.Counter()
    for parent in {*state.entries.now, *state.entries.past}:
        for ino in state.entries.at(parent, epoch).values():
            links[ino] += 1
            below[parent] += stat.S_ISDIR(state.inode(ino, epoch).mode)
    for ino in {*state.inodes.now, *state.inodes.past}:
        row = state.inodes.at(ino, epoch).get(None)
        if not row:
            continue
        end = pages = 0
        for start, x in sorted(state.extents.at(ino, epoch).items()):
            need(start == x.page >= end, f"inode {ino}: extents overlap")
            end, pages = start + x.npages, pages + x.npages
        need(pages == row.pages, f"inode {ino}: {row.pages} pages, {pages} in its extents")
        want = links[ino]
        if stat.S_ISDIR(row.mode):
            need(links[ino] <= 1, f"folder {ino} has {links[ino]} entries")
            want = 2 + below[ino] if links[ino] or ino == ROOT else row.nlink
        need(row.nlink == want, f"inode {ino}: {row.nlink} links instead of {want} (epoch {epoch})")


def every_extent(state):
    for group in state.extents.now.values():
        yield from (x for x, born in group.values())
    for versions in state.extents.past.values():
        yield from (x for key, x, born, died in versions)


def rows_of(state):
    """Everything, in a form that can be compared: what each epoch sees, not how it is kept."""
    tables = state.inodes, state.entries, state.extents, state.xattrs
    seen = [{(group, key): value for group in {*table.now, *table.past}
             for key, value in table.at(group, epoch).items()}
            for table in tables for epoch in [*state.ends, None]]
    return seen, state.filekeys, state.packs, state.ends, state.snapshots, state.epoch, state.log_hash


def do_verify(volume, slot_type, secret):
    state, store = volume.state, volume.store
    for epoch in [*state.ends, None]:
        check_state(state, epoch)
    done = set()
    for x in every_extent(state):
        for i in range(x.npages):
            place = x.pack, x.off + i * SEALED_PAGE
            if place not in done:
                volume.page(x, i)
                done.add(place)
    for name, size in state.packs.values():
        have = os.stat(store.path / "packs" / name.hex()).st_size if size else 0
        need(have == size and padme(size) == size, f"pack {name.hex()} has {have} bytes instead of {size}")
    log = store.numbers("log")
    if log and log[0] == 1:
        again = Volume(store, slot_type, secret, from_start=True)
        need(rows_of(again.state) == rows_of(state), "the newest checkpoint and the log from the start differ")
    for seq in store.numbers("checkpoints"):
        at, totals = load_checkpoint(store, volume.ring, seq)
        rows = [row for ino in at.inodes.now for row in at.inodes.at(ino, None).values() if row.nlink]
        files = [row for row in rows if not stat.S_ISDIR(row.mode)]
        sizes = sum(row.size for row in files if stat.S_ISREG(row.mode))
        need(totals == [len(files), len(rows) - len(files), sizes], f"checkpoint {seq}: totals")
    print(f"{len(log)} log objects, {len(state.packs)} packs, {len(state.ends)} epochs, {len(done)} pages: all good")


def secret_from(path):
    secret = pathlib.Path(path).read_bytes()
    secret = secret[:-1] if secret.endswith(b"\n") else secret
    return secret[:-1] if secret.endswith(b"\r") else secret


def main():
    parser = argparse.ArgumentParser(description="Read an amberfs volume from a directory store.")
    parser.add_argument("store")
    how = parser.add_mutually_exclusive_group(required=True)
    how.add_argument("--passphrase-file")
    how.add_argument("--recovery-code-file")
    parser.add_argument("--at")
    parser.add_argument("--copy", action="store_true")
    parser.add_argument("--no-xattrs", action="store_true")
    parser.add_argument("command", choices=["list", "extract", "verify", "epochs"])
    parser.add_argument("dir", nargs="?")
    args = parser.parse_args()
    if args.passphrase_file:
        slot_type, secret = 1, secret_from(args.passphrase_file)
    else:
        slot_type, secret = 2, recovery_secret(pathlib.Path(args.recovery_code_file).read_bytes())
    volume = Volume(Store(args.store), slot_type, secret)
    epoch = volume.when(args.at)
    if args.command == "list":
        do_list(volume, epoch, args.copy, not args.no_xattrs)
    elif args.command == "extract":
        if not args.dir:
            parser.error("extract needs a folder")
        do_extract(volume, epoch, args.dir)
    elif args.command == "verify":
        do_verify(volume, slot_type, secret)
    else:
        for number, end in sorted(volume.state.ends.items()):
            print(f"e{number}", f"@{end // 10**9}.{end % 10**9:09d}", sep="\t")
        for name, number in sorted(volume.state.snapshots.items()):
            print(f"e{number}", show(name), sep="\t")
        for t, kind, known, accepted, text in volume.state.events:
            print(f"event {kind}", f"@{t // 10**9}.{t % 10**9:09d}", f"log {known[0]} -> {accepted[0]}", show(text), sep="\t")


if __name__ == "__main__":
    try:
        main()
    except Bad as bad:
        sys.exit(f"reader.py: {bad}")
