"""The lowest part of a TLS 1.0 peer: vectors, secrets, protected records (RFC 2246 4, 5, 6; RFC
7366). Only block ciphers come from OpenSSL's libcrypto."""

import ctypes
import ctypes.util
import hmac
import struct

# cipher: libcrypto's name, bytes of key, of a block
AES128, AES256, TDES = (b"AES-128-CBC", 16, 16), (b"AES-256-CBC", 32, 16), (b"DES-EDE3-CBC", 24, 8)
MAC_SIZE = 20

_crypto = ctypes.CDLL(ctypes.util.find_library("crypto"))
_crypto.EVP_get_cipherbyname.restype = ctypes.c_void_p
_crypto.EVP_CIPHER_CTX_new.restype = ctypes.c_void_p


class Wrong(Exception):
    """What came is not what a peer may send."""


def vector(width, content):
    return len(content).to_bytes(width, "big") + content


def u16(*numbers):
    return struct.pack(">%dH" % len(numbers), *numbers)


class Reader:
    def __init__(self, data):
        self.data = data

    def take(self, n):
        if n > len(self.data):
            raise Wrong("a message ends too early")
        out, self.data = self.data[:n], self.data[n:]
        return out

    def number(self, n):
        return int.from_bytes(self.take(n), "big")

    def vector(self, width):
        return self.take(self.number(width))

    def end(self):
        if self.data:
            raise Wrong("%d bytes after the end of a message" % len(self.data))


def extensions_of(data):
    reader, out = Reader(data), {}
    while reader.data:
        kind = reader.number(2)
        if kind in out:
            raise Wrong("extension %d twice" % kind)
        out[kind] = reader.vector(2)
    return out


# ---- secrets (RFC 2246 section 5) ----


def p_hash(name, secret, seed, n):
    out, a = b"", seed
    while len(out) < n:
        a = hmac.new(secret, a, name).digest()
        out += hmac.new(secret, a + seed, name).digest()
    return out[:n]


def prf(secret, label, seed, n):
    half = (len(secret) + 1) // 2
    a = p_hash("md5", secret[:half], label + seed, n)
    b = p_hash("sha1", secret[len(secret) - half:], label + seed, n)
    return bytes(x ^ y for x, y in zip(a, b))


# ---- records ----


class Cipher:
    def __init__(self, name, key, iv, encrypt):
        self._context = ctypes.c_void_p(_crypto.EVP_CIPHER_CTX_new())
        cipher = ctypes.c_void_p(_crypto.EVP_get_cipherbyname(name))
        if not _crypto.EVP_CipherInit_ex(self._context, cipher, None, key, iv, int(encrypt)):
            raise RuntimeError("libcrypto has no " + name.decode())
        _crypto.EVP_CIPHER_CTX_set_padding(self._context, 0)

    def __call__(self, data):
        out, n = ctypes.create_string_buffer(len(data) + 32), ctypes.c_int()
        _crypto.EVP_CipherUpdate(self._context, out, ctypes.byref(n), data, len(data))
        if n.value != len(data):
            raise Wrong("%d bytes are no whole blocks" % len(data))
        return out.raw[:n.value]

    def __del__(self):
        _crypto.EVP_CIPHER_CTX_free(self._context)


class Half:
    """One direction, protected (RFC 2246 6.2.3.2; with etm, RFC 7366)."""

    def __init__(self, cipher, mac_key, key, iv, encrypt, etm):
        name, _, self.block = cipher
        self.cipher, self.mac_key, self.etm = Cipher(name, key, iv, encrypt), mac_key, etm
        self.sequence = 0

    def mac(self, kind, content):
        header = struct.pack(">QBHH", self.sequence, kind, 0x0301, len(content))
        self.sequence += 1
        return hmac.new(self.mac_key, header + content, "sha1").digest()

    def pad(self, n, extra=0):
        size = self.block - n % self.block + extra * self.block
        return bytes([size - 1]) * size

    def seal(self, kind, content, damage=None, extra_padding=0):
        """damage: "mac", "padding" or "last byte"."""
        mac = b"" if self.etm else self.mac(kind, content)
        if damage == "mac":
            mac = mac[:-1] + bytes([mac[-1] ^ 1])
        padding = self.pad(len(content) + len(mac), extra_padding)
        if damage == "padding":
            padding = bytes([padding[0] ^ 1]) + padding[1:]
        sealed = self.cipher(content + mac + padding)
        if self.etm:
            sealed += self.mac(kind, sealed)
        if damage == "last byte":
            sealed = sealed[:-1] + bytes([sealed[-1] ^ 1])
        return sealed

    def open(self, kind, sealed):
        if self.etm:
            sealed, mac = sealed[:-MAC_SIZE], sealed[-MAC_SIZE:]
            if self.mac(kind, sealed) != mac:
                raise Wrong("bad MAC over a ciphertext")
            return self._unpadded(self.cipher(sealed))
        plain = self._unpadded(self.cipher(sealed))
        content, mac = plain[:-MAC_SIZE], plain[-MAC_SIZE:]
        if self.mac(kind, content) != mac:
            raise Wrong("bad MAC")
        return content

    @staticmethod
    def _unpadded(plain):
        size = plain[-1] + 1 if plain else 0
        if not plain or plain[-size:] != bytes([size - 1]) * size:
            raise Wrong("bad padding")
        return plain[:-size]
