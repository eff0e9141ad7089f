#!/usr/bin/python3
"""Certificates with every kind of key and signature, signed by openssl; and spoiled ones."""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from certs import *

NAME = ("--name", "host.example")


def chain(root_key, own_key, hash_="sha256", leaf_hash="sha256"):
    """A root of this key, an intermediate and a leaf of the other."""
    r = make("CN=Root", root_key, None, CA, hash_=hash_)
    i = make("CN=Intermediate", own_key, r, CA, hash_=hash_)
    l = make("CN=leaf", own_key, i, LEAF + [alt_names(dns("host.example"))], hash_=leaf_hash)
    return r, i, l


def spoiled(cert, at=-1):
    der = bytearray(cert.der)
    der[at] ^= 1
    return Certificate(bytes(der), cert.subject, cert.key)


def good_and_bad(what, root_key, own_key, *options, hash_="sha256", leaf_hash="sha256"):
    r, i, l = chain(root_key, own_key, hash_, leaf_hash)
    accepts(what, [r], [l, i], *NAME, *options)
    rejects(what + ", spoiled", "signature does not verify", [r], [spoiled(l), i], *options)


rsa = key("root")
p256, p384, p521 = ec_key("P-256"), ec_key("P-384"), ec_key("P-521")
for curve, k in (("P-256", p256), ("P-384", p384), ("P-521", p521)):
    for h in "sha224", "sha256", "sha384", "sha512":
        good_and_bad("ECDSA %s %s" % (curve, h), k, k, hash_=h, leaf_hash=h)
good_and_bad("RSA above ECDSA", rsa, p256)
r, i, l = chain(p256, p256, leaf_hash="sha1")
rejects("ECDSA with SHA-1", "signed with SHA-1", [r], [l, i])
accepts("ECDSA with SHA-1 by rule", [r], [l, i], "--allow-sha1")
r, i, l = chain(p256, p256)
accepts("P-256 is 128 bits", [r], [l, i], "--minimum-bits", "3072")
rejects("P-256 is not 192 bits", "short of the strength", [r], [l, i], "--minimum-bits", "7680")
r, i, l = chain(p384, p384)
accepts("P-384 is 192 bits", [r], [l, i], "--minimum-bits", "7680")
rejects("P-384 is not 256 bits", "short of the strength", [r], [l, i], "--minimum-bits", "15360")

r, i, l = chain(p256, p256)
for usage in "keyEncipherment", "keyAgreement":
    rejects("an EC key for %s only" % usage, "neither signing nor key exchange", [r],
            [make("CN=leaf", p256, r, [key_usage(usage)])])
raw = p256.spki[-65:]
for what, spki in (
        ("off the curve", p256.spki[:-1] + bytes([p256.spki[-1] ^ 1])),
        ("compressed", seq(seq(oid("1.2.840.10045.2.1"), oid("1.2.840.10045.3.1.7")),
                           bits(b"\2" + raw[1:33]))),
        ("at infinity", seq(seq(oid("1.2.840.10045.2.1"), oid("1.2.840.10045.3.1.7")),
                            bits(b"\0"))),
        ("of another curve", seq(seq(oid("1.2.840.10045.2.1"), oid("1.3.132.0.34")),
                                 bits(raw)))):
    rejects("a point " + what, "EC key is not usable", [r],
            [make("CN=leaf", p256, r, LEAF, spki=spki)])
explicit = ec_key("P-256", "-pkeyopt", "ec_param_enc:explicit")
rejects("explicit curve parameters in a leaf", "kind that is not supported", [r],
        [make("CN=leaf", explicit, r, LEAF)])
forged = make("CN=Root", explicit, None, CA)
rejects("explicit curve parameters in a root", "kind that is not supported", [forged],
        [make("CN=leaf", p256, forged, LEAF)])
rejects("P-192", "kind that is not supported", [r],
        [make("CN=leaf", ec_key("prime192v1"), r, LEAF)])
for what, pair in (("zero", seq(integer(0), integer(0))), ("negative", seq(integer(-1), integer(1))),
                   ("one number", seq(integer(1))),
                   ("three numbers", seq(integer(1), integer(1), integer(1))),
                   ("not minimal", seq(b"\2\2\0\1", integer(1))), ("empty", b"")):
    rejects("an ECDSA signature: " + what, "signature does not verify", [r],
            [make("CN=leaf", p256, r, LEAF, signature=bits(pair))])
rejects("RSA's algorithm over an EC key", "signature does not verify", [r],
        [make("CN=leaf", p256, r, LEAF, issuer_key=rsa)])

ed = ed25519_key()
r = make("CN=Root", ed, None, CA, hash_=None)
i = make("CN=Intermediate", ed, r, CA, hash_=None)
l = make("CN=leaf", p256, i, LEAF + [alt_names(dns("host.example"))], hash_=None)
accepts("Ed25519 above", [r], [l, i], *NAME)
rejects("Ed25519, spoiled", "signature does not verify", [r], [spoiled(l), i])
rejects("Ed25519 in the leaf", "TLS 1.0 has no way", [r],
        [make("CN=leaf", ed, r, LEAF, hash_=None)])

rejects("a DSA key by the strict profile", "is a DSA key", [r],
        [make("CN=leaf", dsa_key(), r, LEAF, hash_=None)])
ALWAYS += ["--profile", "basic"]
dsa = dsa_key()
good_and_bad("DSA", dsa, dsa)
r, i, l = chain(dsa, dsa, leaf_hash="sha1")
rejects("DSA with SHA-1", "signed with SHA-1", [r], [l, i])
accepts("DSA with SHA-1 by rule", [r], [l, i], "--allow-sha1")
rejects("DSA of 2048 bits below a floor of 3072", "short of the strength", [r], [i],
        "--minimum-bits", "3072")
algorithm, public = elements(read(dsa.spki)[1])
bare = seq(seq(oid("1.2.840.10040.4.1")), tlv(3, public[1]))
heir = make("CN=Heir", dsa, r, CA, spki=bare)
l = make("CN=leaf", p256, heir, LEAF)
accepts("DSA parameters of the issuer", [r], [l, heir])
rejects("the same, spoiled", "signature does not verify", [r], [spoiled(l), heir])
rejects("a root without DSA parameters", "signature does not verify",
        [make("CN=Root", dsa, None, CA, spki=bare)], [make("CN=leaf", p256, r, LEAF)])
stranger = dsa_key()
foreign = make("CN=Root", stranger, None, CA)
rejects("DSA parameters of another issuer", "signature does not verify", [foreign],
        [l, make("CN=Heir", dsa, foreign, CA, spki=bare)])

pss = pss_key()
good_and_bad("PSS", pss, pss)
for h in "sha384", "sha512":
    good_and_bad("PSS " + h, pss, p256, hash_=h, leaf_hash=h)
own = pss_key("RSA-PSS")
r, i, l = chain(own, own)
accepts("an RSA-PSS key above", [r], [make("CN=leaf", p256, i, LEAF), i])
rejects("an RSA-PSS key in the leaf", "TLS 1.0 has no way", [r], [l, i])
r, i, l = chain(pss, pss)
for what, algorithm in (("another salt length", pss_algorithm("sha256", salt=20)),
                        ("another hash", pss_algorithm("sha384")),
                        ("another mask hash", pss_algorithm("sha256", "sha384"))):
    other = pss_key()
    other.signature_algorithm = lambda h, a=algorithm: a
    o = make("CN=Root", other, None, CA)
    rejects("PSS with " + what, "signature does not verify", [o],
            [make("CN=leaf", p256, o, LEAF)])
other.signature_algorithm = lambda h: pss_algorithm("sha256", trailer=tlv(0xa3, integer(2)))
rejects("PSS with another trailer", "algorithm that is not supported", [o],
        [make("CN=leaf", p256, o, LEAF)])
done()
