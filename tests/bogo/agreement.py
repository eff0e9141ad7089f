"""Key agreement and handshake signatures, in plain arithmetic: P-256 and X25519 (RFC 4492, RFC
8422), finite fields (RFC 7919's ffdhe2048 and a small one), RSA with MD5 and SHA-1, ECDSA with
SHA-1."""

import hashlib
import secrets

import certs
from wire import Wrong, u16, vector

P256, X25519 = 23, 29


# ---- P-256 ----


class Curve:
    p = 2 ** 256 - 2 ** 224 + 2 ** 192 + 2 ** 96 - 1
    n = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551
    b = 0x5ac635d8aa3a93e7b3ebbd55769886bc651d06b0cc53b0f63bce3c3e27d2604b
    g = (0x6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296,
         0x4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5)

    @classmethod
    def add(cls, a, b):
        if a is None or b is None:
            return a or b
        if a[0] == b[0]:
            if (a[1] + b[1]) % cls.p == 0:
                return None
            slope = (3 * a[0] * a[0] - 3) * pow(2 * a[1], -1, cls.p)
        else:
            slope = (b[1] - a[1]) * pow(b[0] - a[0], -1, cls.p)
        x = (slope * slope - a[0] - b[0]) % cls.p
        return x, (slope * (a[0] - x) - a[1]) % cls.p

    @classmethod
    def times(cls, k, point):
        out = None
        while k:
            if k & 1:
                out = cls.add(out, point)
            point, k = cls.add(point, point), k >> 1
        return out

    @classmethod
    def encode(cls, point):
        return b"\4" + point[0].to_bytes(32, "big") + point[1].to_bytes(32, "big")

    @classmethod
    def decode(cls, data):
        x, y = int.from_bytes(data[1:33], "big"), int.from_bytes(data[33:], "big")
        if len(data) != 65 or data[0] != 4 or (y * y - x * x * x + 3 * x - cls.b) % cls.p != 0:
            raise Wrong("no point of P-256")
        return x, y


# ---- X25519 (RFC 7748 section 5) ----


def x25519(scalar, u):
    p = 2 ** 255 - 19
    k = int.from_bytes(scalar, "little") & (2 ** 254 - 8) | 2 ** 254
    x1 = int.from_bytes(u, "little") & (2 ** 255 - 1)
    x2, z2, x3, z3 = 1, 0, x1, 1
    for bit in reversed(range(255)):
        swap = k >> bit & 1
        if swap:
            x2, z2, x3, z3 = x3, z3, x2, z2
        a, b, c, d = x2 + z2, x2 - z2, x3 + z3, x3 - z3
        aa, bb, da, cb = a * a % p, b * b % p, d * a % p, c * b % p
        e = aa - bb
        x3, z3 = (da + cb) ** 2 % p, x1 * (da - cb) ** 2 % p
        x2, z2 = aa * bb % p, e * (aa + 121665 * e) % p
        if swap:
            x2, z2, x3, z3 = x3, z3, x2, z2
    return (x2 * pow(z2, -1, p) % p if z2 else 0).to_bytes(32, "little")


# ---- finite fields ----

FFDHE2048 = int("ffffffffffffffffadf85458a2bb4a9aafdc5620273d3cf1d8b9c583ce2d3695a9e13641146433fb"
                "cc939dce249b3ef97d2fe363630c75d8f681b202aec4617ad3df1ed5d5fd65612433f51f5f066ed0"
                "856365553ded1af3b557135e7f57c935984f0c70e0e68b77e2a689daf3efe8721df158a136ade735"
                "30acca4f483a797abc0ab182b324fb61d108a94bb2c8e3fbb96adab760d7f4681d4f42a3de394df4"
                "ae56ede76372bb190b07a7c8ee0a6d709e02fce1cdf7e2ecc03404cd28342f619172fe9ce98583ff"
                "8e4f1232eef28183c3fe3b1b4c6fad733bb5fcbc2ec22005c58ef1837d1683b2c6f34a26c1b2effa"
                "886b423861285c97ffffffffffffffff", 16)
# RFC 2409 6.2, the second Oakley group: 1024 bits
OAKLEY2 = int("ffffffffffffffffc90fdaa22168c234c4c6628b80dc1cd129024e088a67cc74020bbea63b139b22"
              "514a08798e3404ddef9519b3cd3a431b302b0a6df25f14374fe1356d6d51c245e485b576625e7ec6"
              "f44c42e9a637ed6b0bff5cb6f406b7edee386bfb5a899fa5ae9f24117c4b1fe649286651ece65381"
              "ffffffffffffffff", 16)


def number(n):
    return n.to_bytes((n.bit_length() + 7) // 8, "big")


class FiniteField:
    """A server's. group: p; its public value, and the group, may be replaced by a test."""

    def __init__(self, p=FFDHE2048, g=2, public=None):
        self.p, self.g, self.x = p, g, secrets.randbits(256) | 1
        self.public = pow(g, self.x, p) if public is None else public

    def parameters(self):
        return b"".join(vector(2, number(n)) for n in (self.p, self.g, self.public))

    @classmethod
    def read(cls, r):
        p, g, y = (int.from_bytes(r.vector(2), "big") for _ in range(3))
        own = cls(p, g)
        own.peer = y
        return own

    def client_message(self):
        return vector(2, number(self.public))

    def take(self, r):
        self.peer = int.from_bytes(r.vector(2), "big")

    def secret(self):
        return number(pow(self.peer, self.x, self.p))


class Elliptic:
    """public and curve may be replaced by a test; type is ECCurveType (RFC 4492 5.4)."""

    def __init__(self, curve=P256, public=None, kind=3):
        self.curve, self.kind = curve, kind
        self.k = secrets.token_bytes(32) if curve == X25519 else secrets.randbelow(Curve.n - 1) + 1
        self.public = public if public is not None else self._public()

    def _public(self):
        if self.curve == X25519:
            return x25519(self.k, b"\x09" + bytes(31))
        return Curve.encode(Curve.times(self.k, Curve.g))

    def parameters(self):
        return bytes([self.kind]) + u16(self.curve) + vector(1, self.public)

    @classmethod
    def read(cls, r):
        kind, curve = r.number(1), r.number(2)
        if kind != 3 or curve not in (P256, X25519):
            raise Wrong("curve %d of type %d" % (curve, kind))
        own = cls(curve)
        own.peer = r.vector(1)
        return own

    def client_message(self):
        return vector(1, self.public)

    def take(self, r):
        self.peer = r.vector(1)

    def secret(self):
        if self.curve == X25519:
            return x25519(self.k, self.peer)
        return Curve.times(self.k, Curve.decode(self.peer))[0].to_bytes(32, "big")


# ---- signatures ----


def digests(data):
    return hashlib.md5(data).digest(), hashlib.sha1(data).digest()


class RsaSigner:
    def __init__(self, key):
        self.key, self.size = key, (key.n.bit_length() + 7) // 8

    def _block(self, data):
        digest = b"".join(digests(data))
        return b"\0\1" + b"\xff" * (self.size - 3 - len(digest)) + b"\0" + digest

    def sign(self, data):
        m = int.from_bytes(self._block(data), "big")
        return pow(m, self.key.d, self.key.n).to_bytes(self.size, "big")

    def verify(self, data, signature):
        m = pow(int.from_bytes(signature, "big"), self.key.e, self.key.n)
        if len(signature) != self.size or m.to_bytes(self.size, "big") != self._block(data):
            raise Wrong("the signature is not right")


class EcdsaSigner:
    """key: a certs.OtherKey on P-256."""

    def __init__(self, pem):
        inside = certs.elements(certs.read(pem_der(pem))[1])  # version, algorithm, key
        self.d = int.from_bytes(certs.elements(certs.read(inside[2][1])[1])[1][1], "big")
        self.q = Curve.times(self.d, Curve.g)

    def sign(self, data):
        z, k = int.from_bytes(digests(data)[1], "big"), secrets.randbelow(Curve.n - 1) + 1
        r = Curve.times(k, Curve.g)[0] % Curve.n
        s = pow(k, -1, Curve.n) * (z + r * self.d) % Curve.n
        return certs.seq(certs.integer(r), certs.integer(s))

    def verify(self, data, signature):
        z = int.from_bytes(digests(data)[1], "big")
        (_, r), (_, s) = certs.elements(certs.read(signature)[1])
        r, s = int.from_bytes(r, "big"), int.from_bytes(s, "big")
        w = pow(s, -1, Curve.n)
        point = Curve.add(Curve.times(z * w % Curve.n, Curve.g),
                          Curve.times(r * w % Curve.n, self.q))
        if point is None or point[0] % Curve.n != r:
            raise Wrong("the signature is not right")


def pem_der(text):
    import base64
    return base64.b64decode("".join(line for line in text.splitlines() if "-----" not in line))
