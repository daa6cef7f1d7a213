#!/usr/bin/env python3
"""Recomputes what an identity claims, from its PEM, without any of the program's code.

    check_identity.py FILE GRID_ID_HEX DIMS SIDE

FILE is an unencrypted PKCS#8 file. Prints JSON: id, minted, julian_day, bits, cell, e, n.
Only the Python standard library is used.
"""

import base64
import datetime
import hashlib
import json
import sys


def read_tlv(data, at):
    """One DER element: its tag, its content, and where the next one begins."""
    tag, length, at = data[at], data[at + 1], at + 2
    if length & 0x80:
        count = length & 0x7F
        length = int.from_bytes(data[at : at + count], "big")
        at += count
    if at + length > len(data):
        raise ValueError("cut short")
    return tag, data[at : at + length], at + length


def elements(data, tag):
    """The elements inside the one element that `data` is."""
    found, content, end = read_tlv(data, 0)
    if found != tag or end != len(data):
        raise ValueError(f"expected one element with tag {tag:#x}")
    parts, at = [], 0
    while at < len(content):
        part_tag, part, after = read_tlv(content, at)
        parts.append((part_tag, part))
        at = after
    return parts


def public_key(pem):
    """Exponent and modulus from a PKCS#8 PEM (RFC 5208, RFC 8017 appendix A.1.2)."""
    lines = pem.strip().splitlines()
    if lines[0] != "-----BEGIN PRIVATE KEY-----" or lines[-1] != "-----END PRIVATE KEY-----":
        raise ValueError("no unencrypted PKCS#8 PEM")
    der = base64.b64decode("".join(lines[1:-1]), validate=True)
    version, algorithm, key = elements(der, 0x30)[:3]
    if version != (2, b"\0") or bytes.fromhex("2a864886f70d010101") not in algorithm[1] or key[0] != 4:
        raise ValueError("no RSA key")
    numbers = [int.from_bytes(number, "big") for _, number in elements(key[1], 0x30)]
    _, n, e, d, p, q = numbers[:6]
    if p * q != n or (e * d - 1) % (p - 1) or (e * d - 1) % (q - 1):
        raise ValueError("the parts of the key contradict each other")
    return e, n


def salt(grid_id, axis, identity, modulus_bytes):
    stream, counter = b"", 0
    while len(stream) < modulus_bytes + 16:
        block = b"rook salt v2" + grid_id + axis.to_bytes(4, "big") + identity + counter.to_bytes(4, "big")
        stream += hashlib.sha256(block).digest()
        counter += 1
    return int.from_bytes(stream[: modulus_bytes + 16], "big")


def describe(pem, grid_id, dims, side):
    e, n = public_key(pem)
    modulus_bytes = (n.bit_length() + 7) // 8
    e_bytes, n_bytes = e.to_bytes(16, "big"), n.to_bytes(modulus_bytes, "big")
    digest = int.from_bytes(hashlib.sha1(e_bytes + n_bytes).digest(), "big")
    julian_day = int.from_bytes(e_bytes[:4], "big")
    identity = hashlib.sha256(b"rook node v1" + e_bytes + n_bytes).digest()
    # Day 1 of Python's calendar, 0001-01-01, has the Julian Day Number 1721426.
    minted = datetime.date.fromordinal(julian_day - 1721425).isoformat()
    return {
        "id": identity.hex(),
        "minted": minted,
        "julian_day": julian_day,
        "bits": 160 - digest.bit_length(),
        "cell": [pow(salt(grid_id, axis, identity, modulus_bytes), e, n) % side for axis in range(dims)],
        "e": e_bytes.hex(),
        "n": n_bytes.hex(),
    }


if __name__ == "__main__":
    if len(sys.argv) != 5:
        sys.exit(__doc__)
    with open(sys.argv[1], encoding="ascii") as file:
        print(json.dumps(describe(file.read(), bytes.fromhex(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]))))
