"""Certificates to order, good or broken in one exact way: DER written here, keys by openssl(1).

A Certificate knows its DER and the key inside; make() signs with the issuer's key. Whatever a
test wants broken it passes as bytes, so that nothing else is."""

import base64
import hashlib
import itertools
import os
import subprocess
import tempfile

_directory = tempfile.TemporaryDirectory(prefix="certs.")
_numbers = itertools.count(1)


def write(file_name, content):
    path = os.path.join(_directory.name, file_name)
    with open(path, "wb") as f:
        f.write(content if isinstance(content, bytes) else content.encode())
    return path


# ---- DER ----


def tlv(tag, *parts):
    content = b"".join(parts)
    n = len(content)
    if n < 128:
        return bytes([tag, n]) + content
    size = (n.bit_length() + 7) // 8
    return bytes([tag, 0x80 | size]) + n.to_bytes(size, "big") + content


def seq(*parts):
    return tlv(0x30, *parts)


def integer(n):
    return tlv(2, n.to_bytes(n.bit_length() // 8 + 1, "big", signed=True))


def oid(text):
    arcs = [int(a) for a in text.split(".")]
    out = b""
    for arc in [arcs[0] * 40 + arcs[1]] + arcs[2:]:
        septets = [arc & 127]
        while arc > 127:
            arc >>= 7
            septets.append(arc & 127 | 128)
        out += bytes(reversed(septets))
    return tlv(6, out)


def bits(content, unused=0):
    return tlv(3, bytes([unused]), content)


def octets(content):
    return tlv(4, content)


def utc(text):
    return tlv(0x17, text.encode())


def generalized(text):
    return tlv(0x18, text.encode())


TRUE = b"\x01\x01\xff"
NULL = b"\x05\x00"


def read(data, at=0):
    """(tag, content, end) of the element at `at`."""
    tag, n, start = data[at], data[at + 1], at + 2
    if n & 0x80:
        size = n & 0x7f
        n, start = int.from_bytes(data[start:start + size], "big"), start + size
    return tag, data[start:start + n], start + n


def elements(content):
    at, out = 0, []
    while at < len(content):
        tag, inside, end = read(content, at)
        out.append((tag, inside))
        at = end
    return out


# ---- names ----

ATTRIBUTES = {"CN": "2.5.4.3", "C": "2.5.4.6", "O": "2.5.4.10", "OU": "2.5.4.11",
              "E": "1.2.840.113549.1.9.1"}


def rdn(kind, value, tag=0x0c):
    if isinstance(value, str):
        value = value.encode()
    return tlv(0x31, seq(oid(ATTRIBUTES[kind]), tlv(tag, value)))


def name(text):
    """ "O=Org,CN=host" """
    return seq(*[rdn(*part.split("=", 1)) for part in text.split(",") if part])


# ---- extensions ----


def extension(number, value, critical=False):
    return seq(oid(number), TRUE if critical else b"", octets(value))


def basic_constraints(ca=True, length=None, critical=True):
    return extension("2.5.29.19", seq(TRUE if ca else b"",
                                      integer(length) if length is not None else b""), critical)


USAGES = ["digitalSignature", "nonRepudiation", "keyEncipherment", "dataEncipherment",
          "keyAgreement", "keyCertSign", "cRLSign", "encipherOnly", "decipherOnly"]


def named_bits(names, order):
    value = 0
    for n in names:
        value |= 1 << (15 - order.index(n))
    raw = value.to_bytes(2, "big").rstrip(b"\0")
    unused = (raw[-1] & -raw[-1]).bit_length() - 1 if raw else 0
    return bytes([unused]) + raw


def key_usage(*names, critical=True):
    return extension("2.5.29.15", tlv(3, named_bits(names, USAGES)), critical)


PURPOSES = {"server": "1.3.6.1.5.5.7.3.1", "client": "1.3.6.1.5.5.7.3.2", "any": "2.5.29.37.0",
            "ocsp": "1.3.6.1.5.5.7.3.9", "email": "1.3.6.1.5.5.7.3.4"}


def extended_key_usage(*purposes, critical=False):
    return extension("2.5.29.37", seq(*[oid(PURPOSES[p]) for p in purposes]), critical)


def dns(text):
    return tlv(0x82, text if isinstance(text, bytes) else text.encode())


def email(text):
    return tlv(0x81, text.encode())


def uri(text):
    return tlv(0x86, text.encode())


def ip(content):
    return tlv(0x87, content)


def directory(text):
    return tlv(0xa4, name(text))


def alt_names(*names, critical=False):
    return extension("2.5.29.17", seq(*names), critical)


def subject_key_id(value, critical=False):
    return extension("2.5.29.14", octets(value), critical)


def authority_key_id(value, critical=False):
    return extension("2.5.29.35", seq(tlv(0x80, value)), critical)


# ---- keys ----


class RsaKey:
    def __init__(self, bits_):
        der = subprocess.run(["openssl", "genrsa", "-traditional", str(bits_)], check=True,
                             stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout
        self.pem = der.decode()
        der = base64.b64decode(b"".join(der.split(b"\n")[1:-2]))
        numbers = [int.from_bytes(c, "big") for _, c in elements(read(der)[1])]
        self.n, self.e, self.d, self.p, self.q, self.dp, self.dq, self.qinv = numbers[1:9]
        self.algorithm = seq(oid("1.2.840.113549.1.1.1"), NULL)
        self.spki = seq(self.algorithm, bits(seq(integer(self.n), integer(self.e))))

    HASHES = {"md5": ("1.2.840.113549.2.5", 4), "sha1": ("1.3.14.3.2.26", 5),
              "sha224": ("2.16.840.1.101.3.4.2.4", 14), "sha256": ("2.16.840.1.101.3.4.2.1", 11),
              "sha384": ("2.16.840.1.101.3.4.2.2", 12), "sha512": ("2.16.840.1.101.3.4.2.3", 13)}

    def signature_algorithm(self, hash_):
        return seq(oid("1.2.840.113549.1.1.%d" % self.HASHES[hash_][1]), NULL)

    def sign(self, data, hash_):
        """RSASSA-PKCS1-v1_5."""
        info = seq(seq(oid(self.HASHES[hash_][0]), NULL),
                   octets(hashlib.new(hash_, data).digest()))
        size = (self.n.bit_length() + 7) // 8
        m = int.from_bytes(b"\0\1" + b"\xff" * (size - 3 - len(info)) + b"\0" + info, "big")
        a, b = pow(m, self.dp, self.p), pow(m, self.dq, self.q)
        return (b + (a - b) * self.qinv % self.p * self.q).to_bytes(size, "big")


class OtherKey:
    """A key that openssl(1) makes and signs with: arguments as `openssl genpkey` takes them.
    algorithm(hash) is the AlgorithmIdentifier of its signatures, options those of the signing."""

    def __init__(self, genpkey, algorithm, options=(), files=()):
        self.signature_algorithm, self._options = algorithm, list(options)
        self._path = write("key%d.pem" % next(_numbers), "")
        for before in files:
            self._run(before)
        self._run(["genpkey", *genpkey, "-out", self._path])
        self.spki = self._run(["pkey", "-in", self._path, "-pubout", "-outform", "DER"])

    @staticmethod
    def _run(args, data=None):
        return subprocess.run(["openssl"] + list(args), input=data, check=True,
                              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout

    def sign(self, data, hash_):
        if hash_ is None:
            path = os.path.join(_directory.name, "to-sign")
            with open(path, "wb") as f:
                f.write(data)
            return self._run(["pkeyutl", "-sign", "-rawin", "-inkey", self._path, "-in", path])
        return self._run(["dgst", "-" + hash_, "-sign", self._path, *self._options], data)


ECDSA = {"sha1": "1.2.840.10045.4.1", "sha224": "1.2.840.10045.4.3.1",
         "sha256": "1.2.840.10045.4.3.2", "sha384": "1.2.840.10045.4.3.3",
         "sha512": "1.2.840.10045.4.3.4"}


def ec_key(curve, *more):
    return OtherKey(["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:" + curve, *more],
                    lambda h: seq(oid(ECDSA[h])))


def ed25519_key():
    return OtherKey(["-algorithm", "ed25519"], lambda h: seq(oid("1.3.101.112")))


def dsa_key(bits_=2048):
    path = write("dsa%d.pem" % next(_numbers), "")
    return OtherKey(["-paramfile", path],
                    lambda h: seq(oid({"sha1": "1.2.840.10040.4.3",
                                       "sha224": "2.16.840.1.101.3.4.3.1",
                                       "sha256": "2.16.840.1.101.3.4.3.2"}[h])),
                    files=[["genpkey", "-genparam", "-algorithm", "DSA", "-pkeyopt",
                            "dsa_paramgen_bits:%d" % bits_, "-out", path]])


def pss_algorithm(hash_, mgf=None, salt=32, trailer=b""):
    def h(name):
        return seq(oid(RsaKey.HASHES[name][0]), NULL)
    return seq(oid("1.2.840.113549.1.1.10"), seq(
        tlv(0xa0, h(hash_)), tlv(0xa1, seq(oid("1.2.840.113549.1.1.8"), h(mgf or hash_))),
        tlv(0xa2, integer(salt)), trailer))


def pss_key(algorithm="RSA", salt=32):
    """Signs with PSS; algorithm RSA-PSS also says so in the key."""
    return OtherKey(["-algorithm", algorithm, "-pkeyopt", "rsa_keygen_bits:2048"],
                    lambda h: pss_algorithm(h, salt=salt),
                    ["-sigopt", "rsa_padding_mode:pss", "-sigopt", "rsa_pss_saltlen:%d" % salt])


_keys = {}


def key(label="leaf", bits_=2048):
    """The RSA key of this label; made when it is first asked for."""
    if (label, bits_) not in _keys:
        _keys[label, bits_] = RsaKey(bits_)
    return _keys[label, bits_]


# ---- certificates ----

LEAF = [key_usage("digitalSignature", "keyEncipherment"), extended_key_usage("server", "client")]
CA = [basic_constraints(), key_usage("keyCertSign", "cRLSign")]
START, END = utc("200101000000Z"), utc("400101000000Z")


class Certificate:
    def __init__(self, der, subject, own_key):
        self.der, self.subject, self.key = der, subject, own_key

    def pem(self):
        return pem("CERTIFICATE", self.der)


def pem(label, der):
    text = base64.b64encode(der).decode()
    lines = [text[i:i + 64] for i in range(0, len(text), 64)]
    return "\n".join(["-----BEGIN %s-----" % label] + lines + ["-----END %s-----" % label, ""])


_serial = [0]


def signed(tbs_parts, issuer_key, hash_, outer=None, signature=None):
    """SIGNED{...} of RFC 5280 4.1.1: tbs_parts is a function from the algorithm to the TBS."""
    algorithm = issuer_key.signature_algorithm(hash_)
    tbs = tbs_parts(algorithm)
    if signature is None:
        signature = bits(issuer_key.sign(tbs, hash_))
    return seq(tbs, outer or algorithm, signature)


def make(subject, own_key, issuer=None, extensions=(), serial=None, issuer_name=None,
         version=3, start=START, end=END, hash_="sha256", issuer_key=None, outer=None,
         signature=None, spki=None, extensions_raw=None, unique_ids=b"", version_raw=None):
    """issuer: a Certificate, or None for self-signed. The rest overrides what would be there."""
    _serial[0] += 1
    subject = subject if isinstance(subject, bytes) else name(subject)
    issuer_name = issuer_name or (issuer.subject if issuer else subject)
    issuer_key = issuer_key or (issuer.key if issuer else own_key)
    serial = integer(0x1000 + _serial[0]) if serial is None else serial
    if version_raw is None:
        version_raw = tlv(0xa0, integer(version - 1)) if version > 1 else b""
    if extensions_raw is None:
        extensions_raw = tlv(0xa3, seq(*extensions)) if extensions else b""

    def tbs(algorithm):
        return seq(version_raw, serial, algorithm, issuer_name, seq(start, end), subject,
                   spki or own_key.spki, unique_ids, extensions_raw)
    return Certificate(signed(tbs, issuer_key, hash_, outer, signature), subject, own_key)


def root(text="CN=Test Root", label="root", extensions=CA, **more):
    return make(text, key(label), None, extensions, **more)


def ca(issuer, text="CN=Test Intermediate", label="intermediate", extensions=CA, **more):
    return make(text, key(label), issuer, extensions, **more)


def leaf(issuer, names=(dns("host.example"),), extensions=LEAF, text="CN=leaf", label="leaf",
         **more):
    extensions = list(extensions) + ([alt_names(*names)] if names else [])
    return make(text, key(label), issuer, extensions, **more)


# ---- revocation ----

REASONS = ["unused", "keyCompromise", "cACompromise", "affiliationChanged", "superseded",
           "cessationOfOperation", "certificateHold", "privilegeWithdrawn", "aACompromise"]


def point_name(*names):
    return tlv(0xa0, tlv(0xa0, *names))


def crl_points(*points, critical=False):
    return extension("2.5.29.31", seq(*points), critical)


def crl_point(name_=b"", reasons=None, crl_issuer=None):
    return seq(name_, tlv(0x81, named_bits(reasons, REASONS)) if reasons else b"",
               tlv(0xa2, directory(crl_issuer)) if crl_issuer else b"")


def scope(name_=b"", users=False, cas=False, reasons=None, indirect=False, attributes=False):
    """issuingDistributionPoint"""
    def flag(number, on):
        return tlv(0x80 | number, b"\xff") if on else b""
    return extension("2.5.29.28", seq(
        name_, flag(1, users), flag(2, cas),
        tlv(0x83, named_bits(reasons, REASONS)) if reasons else b"", flag(4, indirect),
        flag(5, attributes)), True)


def crl_number(n):
    return extension("2.5.29.20", integer(n))


def delta_base(n):
    return extension("2.5.29.27", integer(n), True)


def entry(serial, *extensions, when=START):
    """serial: a number, or a Certificate."""
    if isinstance(serial, Certificate):
        serial = serial_of(serial)
    return seq(serial if isinstance(serial, bytes) else integer(serial), when,
               seq(*extensions) if extensions else b"")


def reason(number):
    return extension("2.5.29.21", tlv(10, bytes([number])))


def certificate_issuer(text):
    return extension("2.5.29.29", seq(directory(text)), True)


def serial_of(cert):
    fields = elements(read(read(cert.der)[1])[1])
    return tlv(2, next(content for tag, content in fields if tag == 2))


class Crl:
    def __init__(self, der):
        self.der = der

    def pem(self):
        return pem("X509 CRL", self.der)


def crl(issuer, *entries, extensions=(), start=START, end=END, hash_="sha256", issuer_key=None,
        issuer_name=None, outer=None):
    if not any(oid("2.5.29.20") in e for e in extensions):
        extensions = [*extensions, crl_number(1)]

    def tbs(algorithm):
        return seq(integer(1), algorithm, issuer_name or issuer.subject, start, end,
                   seq(*entries) if entries else b"",
                   tlv(0xa0, seq(*extensions)) if extensions else b"")
    return Crl(signed(tbs, issuer_key or issuer.key, hash_, outer))


GOOD = tlv(0x80)
UNKNOWN = tlv(0x82)
OCSP_START, OCSP_END = generalized("20240101000000Z"), generalized("20260101000000Z")


def revoked(when=OCSP_START):
    return tlv(0xa1, when)


def public_bits(cert):
    return elements(read(cert.key.spki)[1])[1][1][1:]


def certificate_id(cert, issuer, hash_="sha1", serial=None):
    def digest(data):
        return octets(hashlib.new(hash_, data).digest())
    return seq(seq(oid(RsaKey.HASHES[hash_][0]), NULL), digest(issuer.subject),
               digest(public_bits(issuer)), serial or serial_of(cert))


def ocsp_answer(id_, status=GOOD, start=OCSP_START, end=OCSP_END, extensions=b""):
    return seq(id_, status, start, tlv(0xa0, end) if end else b"", extensions)


def ocsp(answers, signer, by_key=False, certificates=(), hash_="sha256", status=0, key_=None,
         extensions=b"", responder=None):
    """A DER OCSPResponse."""
    if responder is None:
        responder = (tlv(0xa2, octets(hashlib.sha1(public_bits(signer)).digest())) if by_key
                     else tlv(0xa1, signer.subject))
    key_ = key_ or signer.key
    tbs = seq(responder, OCSP_START, seq(*answers), extensions)
    basic = seq(tbs, key_.signature_algorithm(hash_), bits(key_.sign(tbs, hash_)),
                tlv(0xa0, seq(*[c.der for c in certificates])) if certificates else b"")
    return seq(tlv(10, bytes([status])),
               tlv(0xa0, seq(oid("1.3.6.1.5.5.7.48.1.1"), octets(basic))) if status == 0 else b"")


# ---- running x509check: the one built with the sanitizers, or $X509CHECK ----

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
TIME = 1735689600  # 2025-01-01
ALWAYS = []  # options of every run


def check(trust, chain, *options, time=TIME, crls=(), program=None):
    """What x509check says of certificates (or PEM text), in one line."""
    command = [program or os.environ.get("X509CHECK") or os.path.join(ROOT, "build", "tests", "x509check"),
               "--time", str(time),
               "--trust", write("trust.pem", "".join(map(as_pem, trust))),
               "--chain", write("chain.pem", "".join(map(as_pem, chain)))]
    if crls:
        command += ["--crl", write("crl.pem", "".join(map(as_pem, crls)))]
    done = subprocess.run(command + ALWAYS + list(options), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          env=dict(os.environ, ASAN_OPTIONS="detect_leaks=0:exitcode=99"))
    out = done.stdout.decode().strip()
    if (done.returncode, out.split(":")[0]) not in ((0, "accept"), (1, "reject")):
        return "exit %d: %s %s" % (done.returncode, out, done.stderr.decode())
    return out + done.stderr.decode()


def as_pem(thing):
    return thing if isinstance(thing, str) else thing.pem()


# ---- TAP ----

_count, _failed = 0, 0


def ok(good, what, detail=""):
    global _count, _failed
    _count += 1
    print("%s %d - %s" % ("ok" if good else "not ok", _count, what.replace("#", "")), flush=True)
    if not good:
        _failed += 1
        print("# " + detail.replace("\n", "\n# "), flush=True)


def skip_all(why):
    print("1..0 # SKIP " + why)
    raise SystemExit(0)


def accepts(what, *args, **more):
    got = check(*args, **more)
    ok(got == "accept", "accepted: " + what, got)


def rejects(what, words, *args, **more):
    """words: part of what x509check must say."""
    got = check(*args, **more)
    ok(got.startswith("reject:") and words in got, "rejected: " + what,
       "wanted: ..%s..\ngot: %s" % (words, got))


def done():
    print("1..%d" % _count)
    raise SystemExit(1 if _failed else 0)
