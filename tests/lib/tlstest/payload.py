"""What the tests move: bytes that are random, that hold the secret marker every 4 KiB, and that
differ block by block, so that a lost, doubled or swapped block changes the digest."""

import hashlib
import os
import secrets

# Passed on to test programs that run in processes of their own.
MARKER = os.environ.setdefault("TLSTEST_MARKER", "secret-" + secrets.token_hex(16)).encode()
MIB = int(os.environ.get("TLSTEST_MIB", "100"))

_BLOCK = 4096


def payload(size):
    """size bytes."""
    noise = os.urandom(1 << 20)
    blocks = []
    for number in range((size + _BLOCK - 1) // _BLOCK):
        head = MARKER + number.to_bytes(8, "big")
        start = (number * 977) % (len(noise) - _BLOCK)
        blocks.append(head + noise[start:start + _BLOCK - len(head)])
    return b"".join(blocks)[:size]


def digest(data):
    return hashlib.sha256(data).hexdigest()


def file_digest(path):
    with open(path, "rb") as f:
        return hashlib.file_digest(f, "sha256").hexdigest()
