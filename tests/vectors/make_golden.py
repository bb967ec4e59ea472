#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Golden vectors of the sealed formats, computed from their description alone.

The formats are described in crypto/seal.h, crypto/object.h, crypto/slot.h, crypto/recovery.h and crypto/keyring.c.
Nothing here looks at the C code: that both agree shows that the description is enough to write another reader.

    make_golden.py            write golden_*.txt beside this file
    make_golden.py --check    compare them instead, exit 1 when one differs

Needs the `cryptography` package.
"""

import hashlib
import hmac
import pathlib
import struct
import sys

from cryptography.hazmat.primitives.ciphers import algorithms
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.kbkdf import KBKDFCMAC, CounterLocation, Mode
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt
from cryptography.hazmat.primitives.keywrap import aes_key_wrap

PAGE = 4096


def pattern(length, seed):
    """Bytes that look different everywhere but need no generator to be told apart by eye."""
    out = b""
    counter = 0
    while len(out) < length:
        out += hashlib.sha256(f"{seed} {counter}".encode()).digest()
        counter += 1
    return out[:length]


def kbkdf(key, label, context):
    return KBKDFCMAC(
        algorithm=algorithms.AES, mode=Mode.CounterMode, length=32, rlen=4, llen=4,
        location=CounterLocation.BeforeFixed, label=label.encode(), context=context, fixed=None,
    ).derive(key)


def nonce(page):
    return bytes(4) + struct.pack(">Q", page)


def seal_pages(key, salt, aad, first, plain):
    gcm = AESGCM(kbkdf(key, "amberfs seal", salt))
    return b"".join(
        gcm.encrypt(nonce(first + i), plain[i * PAGE:(i + 1) * PAGE], aad)
        for i in range((len(plain) + PAGE - 1) // PAGE)
    )


def seal_message(key, salt, aad, plain):
    return AESGCM(kbkdf(key, "amberfs seal", salt)).encrypt(nonce(0), plain, aad)


def padme(length):
    if length < 2:
        return length
    exponent = length.bit_length() - 1
    low = exponent - exponent.bit_length()
    return (length + (1 << low) - 1) >> low << low


def object_seal(log_key, volume_id, kind, name, content):
    plain = struct.pack("<I", len(content)) + content
    plain += bytes(padme(len(plain)) - len(plain))
    context = bytes([kind])
    salt_key = kbkdf(log_key, "amberfs object salt", context)
    salt = hmac.new(salt_key, volume_id + name.encode() + b"\0" + plain, "sha256").digest()[:24]
    header = b"AMBF" + struct.pack("<HBB", 1, kind, 0) + salt
    key = kbkdf(log_key, "amberfs object", context)
    return header + seal_message(key, salt, header + volume_id + name.encode(), plain)


def recovery_code(secret):
    check = hashlib.sha256(b"amberfs recovery code" + secret).digest()
    bits = int.from_bytes(secret, "big") << 20 | int.from_bytes(check[:3], "big") >> 4
    symbols = "".join(
        "0123456789ABCDEFGHJKMNPQRSTVWXYZ"[bits >> 5 * i & 31] for i in reversed(range(36)))
    return "-".join(symbols[i:i + 4] for i in range(0, 36, 4))


def slot(kind, log2_n, r, p, salt, secret, keyring_key):
    kek = Scrypt(salt=salt, length=32, n=1 << log2_n, r=r, p=p).derive(secret)
    return struct.pack("<BBII", kind, log2_n, r, p) + salt + aes_key_wrap(kek, keyring_key)


def keyring(volume_id, generation, slots, keyring_key, salt, masters, current, log_key, index_key):
    body = struct.pack("<I", len(masters))
    for number, state, created_ns, key in masters:
        body += struct.pack("<IBq", number, state, created_ns) + key
    body += struct.pack("<I", current) + log_key + index_key + b"\0"
    header = b"AMBERKEY" + struct.pack("<H", 1) + volume_id + struct.pack("<QB", generation, len(slots))
    header += b"".join(slots) + salt + struct.pack("<I", len(body))
    return header + seal_message(keyring_key, salt, header, body)


def text(title, records):
    out = f"# {title}\n# Made by make_golden.py. Bytes are in hexadecimal.\n"
    for record in records:
        out += "\n"
        for name, value in record.items():
            value = value.hex() if isinstance(value, bytes) else str(value)
            out += f"{name} = {value}".rstrip() + "\n"
    return out


def golden_seal():
    records = []
    for i, (first, length, aad_len) in enumerate([(0, 1, 0), (5, PAGE + 77, 40), (2**40 + 1, PAGE, 13)]):
        key, salt = pattern(32, f"seal key {i}"), pattern(24, f"seal salt {i}")
        aad, plain = pattern(aad_len, f"seal aad {i}"), pattern(length, f"seal plain {i}")
        records.append({
            "key": key, "salt": salt, "aad": aad, "first": first, "plain": plain,
            "sealed": seal_pages(key, salt, aad, first, plain),
        })
    return text("Runs of sealed pages (crypto/seal.h)", records)


def golden_object():
    records = []
    cases = [(1, "log/0000000000000001", 0), (1, "log/0000000000000002", 300),
             (2, "checkpoints/7", 1000), (3, "checkpoints/7.0", 5000), (4, "lease", 33)]
    log_key, volume_id = pattern(32, "log key"), pattern(16, "volume id")
    for kind, name, length in cases:
        content = pattern(length, name)
        records.append({
            "log_key": log_key, "volume_id": volume_id, "kind": kind, "name": name, "content": content,
            "sealed": object_seal(log_key, volume_id, kind, name, content),
        })
    return text("Sealed objects (crypto/object.h)", records)


def golden_keyring():
    volume_id, keyring_key = pattern(16, "keyring volume id"), pattern(32, "keyring key")
    log_key, index_key = pattern(32, "keyring log key"), pattern(32, "keyring index key")
    retired, current = pattern(32, "master 1"), pattern(32, "master 7")
    secret = pattern(20, "recovery secret")
    passphrase = "correct horse \u00e9 battery"
    slots = [
        slot(1, 4, 1, 1, pattern(16, "slot salt 0"), passphrase.encode(), keyring_key),
        # one of a type that is not known: any bytes
        struct.pack("<BBII", 200, 255, 2**32 - 1, 0) + pattern(56, "unknown slot"),
        slot(2, 5, 8, 2, pattern(16, "slot salt 2"), secret, keyring_key),
    ]
    stored = keyring(volume_id, 41, slots, keyring_key, pattern(24, "keyring salt"),
                     [(1, 2, -5, retired), (7, 1, 1700000000123456789, current)], 7, log_key, index_key)
    file_key = pattern(32, "file key")
    return text("A keyring with a passphrase, an unknown and a recovery slot (crypto/keyring.c)", [{
        "passphrase": passphrase, "code": recovery_code(secret), "recovery_secret": secret,
        "volume_id": volume_id, "generation": 41, "log_key": log_key, "index_key": index_key,
        "current": 7, "retired": 1, "file_key": file_key,
        "wrapped_current": aes_key_wrap(current, file_key),
        "wrapped_retired": aes_key_wrap(retired, file_key),
        "keyring": stored,
    }])


def main():
    here = pathlib.Path(__file__).resolve().parent
    bad = 0
    for name, make in [("seal", golden_seal), ("object", golden_object), ("keyring", golden_keyring)]:
        path = here / f"golden_{name}.txt"
        if "--check" not in sys.argv[1:]:
            path.write_text(make(), encoding="utf-8")
        elif path.read_text(encoding="utf-8") != make():
            print(f"{path.name} differs from the description", file=sys.stderr)
            bad = 1
    return bad


sys.exit(main())
