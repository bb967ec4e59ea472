#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""disk.py IMAGE FILE SEED: a disk whose power can be cut. FILE becomes a file as large as IMAGE, fit for a loop device.

A FUSE filesystem of one file, by the kernel's protocol itself. What is written stays in memory, and goes into IMAGE when the file is
flushed (fsync), which is what a loop device makes of a flush. SIGUSR1 cuts the power: of what was not flushed some sectors are kept and
others not, whatever their order; from then on everything is EIO. "ready" is printed when FILE can be used; it ends when FILE is
unmounted.
"""
import ctypes
import errno
import os
import random
import select
import signal
import stat
import struct
import sys

SECTOR = 512
MAX_WRITE = 1 << 20

# fuse(4): operations, and the flags of INIT and OPEN
FORGET, GETATTR, SETATTR, OPEN, READ, WRITE, STATFS, RELEASE, FSYNC, FLUSH, INIT = 2, 3, 4, 14, 15, 16, 17, 18, 20, 25, 26
INTERRUPT, DESTROY, BATCH_FORGET = 36, 38, 42
BIG_WRITES, MAX_PAGES = 1 << 5, 1 << 22
DIRECT_IO = 1

HEADER = struct.Struct("=IIQQIIIHH")
READ_WRITE = struct.Struct("=QQIIQII")


class Disk:
    def __init__(self, image, seed):
        self.fd = os.open(image, os.O_RDWR)
        self.size = os.fstat(self.fd).st_size
        self.random = random.Random(seed)
        self.fresh = {}
        self.dead = False

    def read(self, off, size):
        size = max(0, min(size, self.size - off))
        data = bytearray(os.pread(self.fd, size, off))
        if self.fresh:
            for at in range(0, size, SECTOR):
                sector = self.fresh.get((off + at) // SECTOR)
                if sector:
                    data[at:at + SECTOR] = sector[:size - at]
        return bytes(data)

    def write(self, off, data):
        first = off // SECTOR
        for at in range(0, len(data), SECTOR):
            self.fresh[first + at // SECTOR] = data[at:at + SECTOR]

    def put(self, sectors):
        """Into the image, neighbours together."""
        run, last = [], None
        for number in sorted(sectors):
            if run and number != last + 1:
                os.pwrite(self.fd, b"".join(run), (last + 1 - len(run)) * SECTOR)
                run = []
            run.append(self.fresh[number])
            last = number
        if run:
            os.pwrite(self.fd, b"".join(run), (last + 1 - len(run)) * SECTOR)

    def flush(self):
        self.put(self.fresh)
        self.fresh = {}

    def cut(self):
        share = self.random.choice((0, 0.1, 0.5, 0.9, 1))
        grain = self.random.choice((1, 8, 8, 64))
        lucky = {}
        kept = [n for n in sorted(self.fresh) if lucky.setdefault(n // grain, self.random.random() < share)]
        print("cut: %d of %d sectors kept" % (len(kept), len(self.fresh)), file=sys.stderr, flush=True)
        self.put(kept)
        self.fresh = {}
        self.dead = True


def attributes(disk):
    return struct.pack("=QIIQQQQQQIIIIIIIIII", 3600, 0, 0, 1, disk.size, disk.size // 512, 0, 0, 0, 0, 0, 0,
                       stat.S_IFREG | 0o600, 1, 0, 0, 0, 4096, 0)


def answer(disk, op, body):
    """The bytes of a reply, or an errno."""
    if op == INIT:
        return struct.pack("=IIIIHHIIHHI28x", 7, 31, 131072, BIG_WRITES | MAX_PAGES, 16, 12, MAX_WRITE, 1, MAX_WRITE // 4096, 0, 0)
    if op in (GETATTR, SETATTR):
        return attributes(disk)
    if op == OPEN:
        return struct.pack("=QII", 1, DIRECT_IO, 0)
    if op == STATFS:
        return bytes(80)
    if op in (FLUSH, RELEASE, DESTROY):
        return b""
    if op not in (READ, WRITE, FSYNC):
        return errno.ENOSYS
    if disk.dead:
        return errno.EIO
    if op == FSYNC:
        disk.flush()
        return b""
    _, off, size, *_ = READ_WRITE.unpack_from(body)
    if op == READ:
        return disk.read(off, size)
    if off % SECTOR or size % SECTOR or off + size > disk.size:
        return errno.EINVAL
    disk.write(off, body[READ_WRITE.size:READ_WRITE.size + size])
    return struct.pack("=II", size, 0)


def serve(disk, fuse, cuts):
    poll = select.poll()
    poll.register(fuse, select.POLLIN)
    poll.register(cuts, select.POLLIN)
    while True:
        poll.poll()
        # between two requests, so that one that is answered was done
        try:
            if os.read(cuts, 1):
                disk.cut()
        except BlockingIOError:
            pass
        try:
            request = os.read(fuse, MAX_WRITE + 4096)
        except BlockingIOError:
            continue
        except OSError as e:
            if e.errno == errno.ENODEV:
                return
            if e.errno in (errno.EINTR, errno.ENOENT):
                continue
            raise
        _, op, unique, *_ = HEADER.unpack_from(request)
        if op in (FORGET, INTERRUPT, BATCH_FORGET):
            continue
        got = answer(disk, op, request[HEADER.size:])
        error, data = (-got, b"") if isinstance(got, int) else (0, got)
        try:
            os.write(fuse, struct.pack("=IiQ", 16 + len(data), error, unique) + data)
        except OSError as e:
            # whoever asked does not wait any more
            if e.errno != errno.ENOENT:
                raise


def mount(path):
    fuse = os.open("/dev/fuse", os.O_RDWR | os.O_NONBLOCK)
    options = "fd=%d,rootmode=100600,user_id=0,group_id=0" % fuse
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mount(b"disk", os.fsencode(path), b"fuse.disk", ctypes.c_ulong(0), options.encode()) != 0:
        sys.exit("cannot mount %s: %s" % (path, os.strerror(ctypes.get_errno())))
    return fuse


def main():
    image, path, seed = sys.argv[1:]
    disk = Disk(image, seed)
    cuts, told = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    signal.signal(signal.SIGUSR1, lambda *_: None)
    signal.set_wakeup_fd(told)
    fuse = mount(path)
    print("ready", flush=True)
    serve(disk, fuse, cuts)


main()
