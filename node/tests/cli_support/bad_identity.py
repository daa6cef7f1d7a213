"""Writes an identity file whose RSA numbers belong together, but make a bad identity.

usage: bad_identity.py even|small-factor|square|prime|short JULIAN_DAY FILE

Only the standard library; `openssl prime` finds the primes.
"""

import base64
import math
import subprocess
import sys


def prime(bits):
    command = ["openssl", "prime", "-generate", "-bits", str(bits)]
    return int(subprocess.run(command, capture_output=True, check=True, text=True).stdout)


def factors(kind):
    """p and q, with a product of 2048 bits, unless that is what is bad."""
    if kind == "even":
        return 2, prime(2047)
    if kind == "small-factor":
        return 3, prime(2047)
    if kind == "square":
        p = prime(1024)
        return p, p
    if kind == "prime":
        return prime(2048), 1
    if kind == "short":
        return prime(512), prime(512)
    raise SystemExit(__doc__)


def tagged(tag, body):
    if len(body) < 128:
        return bytes([tag, len(body)]) + body
    length = len(body).to_bytes((len(body).bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(length)]) + length + body


def integer(number):
    return tagged(2, number.to_bytes(number.bit_length() // 8 + 1, "big"))


def pkcs8(n, e, d, p, q):
    inverse = pow(q, -1, p) if math.gcd(p, q) == 1 and p > 1 else 0
    numbers = [0, n, e, d, p, q, d % max(p - 1, 1), d % max(q - 1, 1), inverse]
    key = tagged(0x30, b"".join(map(integer, numbers)))
    rsa = bytes.fromhex("300d06092a864886f70d0101010500")
    return tagged(0x30, integer(0) + rsa + tagged(4, key))


def main():
    kind, day, path = sys.argv[1:]
    p, q = factors(kind)
    totient = (p - 1) * max(q - 1, 1) if kind != "square" else p * (p - 1)
    e = int(day) << 96 | 1
    while math.gcd(e, totient) != 1:
        e += 2
    der = pkcs8(p * q, e, pow(e, -1, totient), p, q)
    text = base64.encodebytes(der).decode().replace("\n", "")
    lines = [text[i : i + 64] for i in range(0, len(text), 64)]
    with open(path, "w") as file:
        file.write("-----BEGIN PRIVATE KEY-----\n" + "\n".join(lines) + "\n-----END PRIVATE KEY-----\n")


main()
