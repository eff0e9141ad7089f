"""The lowest part of a TLS 1.0 peer: vectors, secrets, protected records (RFC 2246 4, 5, 6; RFC
7366). Only block ciphers come from OpenSSL's libcrypto."""

import ctypes
import ctypes.util
import hashlib
import hmac
import struct

# libcrypto's name of the cipher, bytes of key, of a block (0: a stream), name of the MAC's hash
AES128, AES256 = (b"AES-128-CBC", 16, 16, "sha1"), (b"AES-256-CBC", 32, 16, "sha1")
TDES = (b"DES-EDE3-CBC", 24, 8, "sha1")
CAMELLIA128 = (b"CAMELLIA-128-CBC", 16, 16, "sha1")
CAMELLIA256 = (b"CAMELLIA-256-CBC", 32, 16, "sha1")
RC4_SHA, RC4_MD5 = (b"RC4", 16, 0, "sha1"), (b"RC4", 16, 0, "md5")
NULL_SHA, NULL_MD5 = (b"NULL", 0, 0, "sha1"), (b"NULL", 0, 0, "md5")

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


def mac_size(name):
    return hashlib.new(name).digest_size


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


class Rc4:
    def __init__(self, key):
        self._s, j = list(range(256)), 0
        for i in range(256):
            j = (j + self._s[i] + key[i % len(key)]) % 256
            self._s[i], self._s[j] = self._s[j], self._s[i]
        self._i = self._j = 0

    def __call__(self, data):
        s, out = self._s, bytearray()
        for byte in data:
            self._i = (self._i + 1) % 256
            self._j = (self._j + s[self._i]) % 256
            s[self._i], s[self._j] = s[self._j], s[self._i]
            out.append(byte ^ s[(s[self._i] + s[self._j]) % 256])
        return bytes(out)


def make_cipher(name, key, iv, encrypt):
    if name == b"NULL":
        return bytes
    return Rc4(key) if name == b"RC4" else Cipher(name, key, iv, encrypt)


class Half:
    """One direction, protected (RFC 2246 6.2.3.2; with etm, RFC 7366)."""

    def __init__(self, cipher, mac_key, key, iv, encrypt, etm):
        name, _, self.block, self.hash = cipher
        self.cipher, self.mac_key = make_cipher(name, key, iv, encrypt), mac_key
        self.etm = etm and self.block > 0
        self.sequence = 0

    def mac(self, kind, content):
        header = struct.pack(">QBHH", self.sequence, kind, 0x0301, len(content))
        self.sequence += 1
        return hmac.new(self.mac_key, header + content, self.hash).digest()

    def pad(self, n, extra=0):
        if self.block == 0:
            return b""
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
        size = mac_size(self.hash)
        if self.etm:
            sealed, mac = sealed[:-size], sealed[-size:]
            if self.mac(kind, sealed) != mac:
                raise Wrong("bad MAC over a ciphertext")
            return self._unpadded(self.cipher(sealed))
        plain = self.cipher(sealed)
        plain = self._unpadded(plain) if self.block else plain
        content, mac = plain[:-size], plain[-size:]
        if self.mac(kind, content) != mac:
            raise Wrong("bad MAC")
        return content

    @staticmethod
    def _unpadded(plain):
        size = plain[-1] + 1 if plain else 0
        if not plain or plain[-size:] != bytes([size - 1]) * size:
            raise Wrong("bad padding")
        return plain[:-size]
