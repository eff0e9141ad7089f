#!/usr/bin/python3
"""Certificates that are wrong in one place of their encoding or profile, each beside the right one:
nothing that RFC 5280 or X.690 forbids gets past the parser."""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from certs import *

R = root()
SAN = alt_names(dns("host.example"))
SHA256 = seq(oid("1.2.840.113549.1.1.11"), NULL)


def bad(what, words, **more):
    """A leaf of R made with these overrides is refused while it is parsed."""
    more.setdefault("extensions", LEAF + [SAN])
    rejects(what, words, [R], [make(more.pop("subject", "CN=leaf"), key(), R, **more)])


def good(what, **more):
    more.setdefault("extensions", LEAF + [SAN])
    accepts(what, [R], [make(more.pop("subject", "CN=leaf"), key(), R, **more)])


def raw(what, words, der):
    rejects(what, words, [R], [Certificate(der, b"", key())])


L = make("CN=leaf", key(), R, LEAF + [SAN])
accepts("the right one", [R], [L])

# ---- the outer shape ----
shape = "not one DER sequence of three parts"
_, inside, _ = read(L.der)
(_, tbs), (_, algorithm), (_, signature) = elements(inside)
raw("empty", shape, b"")
raw("bytes after the certificate", shape, L.der + b"\0")
raw("cut short", shape, L.der[:-1])
raw("an indefinite length", shape, b"\x30\x80" + inside + b"\0\0")
raw("a length with a leading zero", shape, b"\x30\x83\0" + L.der[2:])
raw("a long form that short would do", "signature",
    seq(tlv(0x30, tbs), tlv(0x30, algorithm), b"\x03\x81\x01\x00"))
raw("a fourth part", "bit string of whole octets", seq(inside, NULL))
raw("unused bits in the signature", "bit string of whole octets",
    seq(tlv(0x30, tbs), tlv(0x30, algorithm), bits(b"\xfe" * 256, 1)))
raw("two signature algorithms", "two signature algorithms differ",
    seq(tlv(0x30, tbs), seq(oid("1.2.840.113549.1.1.12"), NULL), tlv(3, signature)))
raw("the same, with and without NULL", "two signature algorithms differ",
    seq(tlv(0x30, tbs), seq(oid("1.2.840.113549.1.1.11")), tlv(3, signature)))

# ---- version, serial, names, dates, key ----
version = "version is not one of"
bad("version 1 written out", version, version_raw=tlv(0xa0, integer(0)))
bad("version 4", version, version_raw=tlv(0xa0, integer(3)))
bad("a negative version", version, version_raw=tlv(0xa0, integer(-1)))
bad("extensions in version 1", "only version 3 may have extensions", version_raw=b"")
bad("extensions in version 2", "only version 3 may have extensions", version=2)
good("unique identifiers", unique_ids=tlv(0x81, b"\0\1") + tlv(0x82, b"\0\1"))
bad("unique identifiers in version 1", "unique identifier", extensions=[], version=1,
    unique_ids=tlv(0x81, b"\0\1"))
bad("unique identifiers in the wrong order", "end of the certificate",
    unique_ids=tlv(0x82, b"\0\1") + tlv(0x81, b"\0\1"))
bad("a negative serial number", "serial number is negative", serial=integer(-1))
bad("a serial number of 21 octets", "longer than 20 octets", serial=integer(1 << 160))
good("a serial number of 160 bits", serial=integer((1 << 160) - 1))
bad("the serial number 0", "serial number is 0", serial=integer(0))
zero = root(serial=integer(0))
accepts("the serial number 0 in a root", [zero], [leaf(zero)])
bad("a serial number that is not minimal", "serial number is malformed", serial=b"\2\2\0\1")
bad("an empty serial number", "serial number is malformed", serial=b"\2\0")
bad("an empty issuer", "issuer's name is empty", issuer_name=seq())
bad("NUL in the subject", "NUL", subject=seq(rdn("CN", "host.example\0.evil")))
bad("NUL in the issuer", "NUL", issuer_name=seq(rdn("CN", "Test Root\0")))
bad("broken UTF-8 in the subject", "UTF-8", subject=seq(rdn("CN", b"\xc0\x80")))
bad("a name of three kilobytes", "longer than 2048", subject="CN=" + 3000 * "x")
bad("an empty RDN", "attribute is malformed", subject=seq(tlv(0x31)))
bad("no subject, names not critical", "subjectAltName is not critical", subject=seq())
good("no subject, names critical", subject=seq(),
     extensions=LEAF + [alt_names(dns("host.example"), critical=True)])
for what, when in (("no seconds", utc("4001010000Z")), ("no Z", utc("400101000000")),
                   ("an offset", utc("400101000000+0100")), ("30 February", utc("400230000000Z")),
                   ("fractions", generalized("20500101000000.5Z")),
                   ("month 13", utc("401301000000Z")), ("a string", tlv(12, b"400101000000Z"))):
    bad("a date with " + what, "validity dates are malformed", end=when)
n, e = integer(key().n), integer(key().e)
rsa = key().algorithm
bad("unused bits in the key", "public key is malformed", spki=seq(rsa, bits(seq(n, e)[:-1] + b"\0", 1)))
bad("RSA parameters other than NULL", "parameters other than NULL",
    spki=seq(seq(oid("1.2.840.113549.1.1.1")), bits(seq(n, e))))
bad("a negative modulus", "RSA key is malformed", spki=seq(rsa, bits(seq(integer(-5), e))))
bad("bytes after the key", "RSA key is malformed", spki=seq(rsa, bits(seq(n, e) + NULL)))
bad("a third number", "RSA key is malformed", spki=seq(rsa, bits(seq(n, e, e))))

# ---- extensions in general ----
bad("no extensions in the list", "list of extensions is empty", extensions_raw=tlv(0xa3, seq()))
bad("bytes after the extensions", "end of the certificate",
    extensions_raw=tlv(0xa3, seq(SAN)) + NULL)
bad("an extension twice", "there twice", extensions=LEAF + [SAN, SAN])
bad("an unknown extension twice", "there twice",
    extensions=LEAF + [extension("1.2.3.4", b""), extension("1.2.3.4", b"")])
bad("41 extensions", "more than 40", extensions=[extension("1.2.3.%d" % i, b"") for i in range(41)])
good("40 extensions", extensions=[extension("1.2.3.%d" % i, b"") for i in range(40)])
bad("critical as 01", "an extension is malformed",
    extensions=LEAF + [seq(oid("1.2.3.4"), b"\1\1\1", octets(b""))])
good("critical as FALSE, written out",
     extensions=LEAF + [SAN, seq(oid("1.2.3.4"), b"\1\1\0", octets(b""))])
bad("bytes after a value", "bytes after its end",
    extensions=LEAF + [extension("2.5.29.17", seq(dns("host.example")) + NULL)])
bad("an empty OID", "an extension is malformed", extensions=[seq(tlv(6), octets(b""))])

# ---- each extension ----
for what, words, item in (
        ("basicConstraints that is no sequence", "basicConstraints is malformed",
         extension("2.5.29.19", NULL)),
        ("cA as 01", "basicConstraints is malformed", extension("2.5.29.19", seq(b"\1\1\1"))),
        ("a path length without cA", "path length without cA",
         basic_constraints(False, length=1)),
        ("a negative path length", "basicConstraints is malformed",
         extension("2.5.29.19", seq(TRUE, integer(-1)))),
        ("keyUsage without a bit", "keyUsage is malformed or empty",
         extension("2.5.29.15", tlv(3, b"\0"))),
        ("keyUsage with bits set that are unused", "keyUsage is malformed",
         extension("2.5.29.15", tlv(3, b"\7\xff"))),
        ("keyCertSign without cA", "basicConstraints does not", key_usage("keyCertSign")),
        ("extendedKeyUsage without a purpose", "extendedKeyUsage is malformed or empty",
         extended_key_usage()),
        ("extendedKeyUsage with a string", "extendedKeyUsage is malformed",
         extension("2.5.29.37", seq(octets(b"x")))),
        ("no alternative names in the list", "alternative names are malformed", alt_names()),
        ("alternative names as plain text", "alternative names are malformed",
         extension("2.5.29.17", b"host.example")),
        ("NUL in a DNS name", "NUL or non-ASCII", alt_names(dns("host.example\0.evil"))),
        ("a DNS name in UTF-8", "NUL or non-ASCII", alt_names(dns("b\u00fccher.example"))),
        ("an IP address of five octets", "neither 4 nor 16", alt_names(ip(b"\1\2\3\4\5"))),
        ("an IP network as a name", "neither 4 nor 16", alt_names(ip(b"\1\2\3\4\xff\0\0\0"))),
        ("a general name of form 9", "no known form", alt_names(tlv(0x89, b"x"))),
        ("a directory name that is none", "directory name is malformed", alt_names(tlv(0xa4))),
        ("NUL in a directory name", "NUL", alt_names(tlv(0xa4, seq(rdn("CN", "a\0"))))),
        ("subjectKeyIdentifier critical", "subjectKeyIdentifier is critical",
         subject_key_id(b"x", True)),
        ("an empty subjectKeyIdentifier", "subjectKeyIdentifier is malformed",
         subject_key_id(b"")),
        ("authorityKeyIdentifier critical", "authorityKeyIdentifier is critical",
         authority_key_id(b"x", True)),
        ("an issuer without a serial number", "authorityKeyIdentifier is malformed",
         extension("2.5.29.35", seq(tlv(0xa1, directory("CN=x"))))),
        ("authorityInfoAccess critical", "authorityInfoAccess is critical",
         extension("1.3.6.1.5.5.7.1.1", seq(seq(oid("1.3.6.1.5.5.7.48.2"), uri("http://x/"))),
                   True)),
        ("authorityInfoAccess as plain text", "authorityInfoAccess is malformed",
         extension("1.3.6.1.5.5.7.1.1", b"malformed")),
        ("nameConstraints without cA", "nameConstraints without cA",
         extension("2.5.29.30", seq(tlv(0xa0, seq(dns("example")))), True)),
        ("nameConstraints without any", "nameConstraints is empty", extension("2.5.29.30", seq())),
        ("no policies in the list", "certificatePolicies is empty", extension("2.5.29.32", seq())),
        ("a policy twice", "a policy is there twice",
         extension("2.5.29.32", seq(seq(oid("1.2.3")), seq(oid("1.2.3"))))),
        ("mapping from anyPolicy", "maps anyPolicy",
         extension("2.5.29.33", seq(seq(oid("2.5.29.32.0"), oid("1.2.3"))))),
        ("mapping to anyPolicy", "maps anyPolicy",
         extension("2.5.29.33", seq(seq(oid("1.2.3"), oid("2.5.29.32.0"))))),
        ("policyConstraints without any", "policyConstraints is malformed or empty",
         extension("2.5.29.36", seq(), True)),
        ("a negative skip", "policyConstraints is malformed",
         extension("2.5.29.36", seq(tlv(0x80, b"\xff")), True)),
        ("inhibitAnyPolicy not critical", "inhibitAnyPolicy is not critical",
         extension("2.5.29.54", integer(0))),
        ("no CRL points in the list", "cRLDistributionPoints is empty",
         extension("2.5.29.31", seq())),
        ("a CRL point without a name", "cRLDistributionPoints is malformed",
         extension("2.5.29.31", seq(seq())))):
    number = read(item)[1][:5]
    bad(what, words, extensions=[x for x in LEAF + [SAN] if read(x)[1][:5] != number] + [item])

# ---- constraints in a CA ----
for what, base in (("a leading dot in a DNS constraint", dns(".example")),
                   ("a wildcard in a DNS constraint", dns("*.example")),
                   ("an address instead of a network", ip(b"\x7f\0\0\1")),
                   ("a mask with a hole", ip(b"\x7f\0\0\1\xff\0\xff\0")),
                   ("two @ in a mailbox", email("a@b@example")),
                   ("a URI as a constraint", uri("https://host.example/"))):
    for tag in 0xa0, 0xa1:
        c = ca(R, extensions=CA + [extension("2.5.29.30", seq(tlv(tag, seq(base))), True)])
        rejects(what, "a name constraint is no", [R], [leaf(c), c])
c = ca(R, extensions=CA + [extension("2.5.29.30",
                                     seq(tlv(0xa0, seq(dns("example"), tlv(0x80, b"\1")))), True)])
rejects("a constraint with a minimum", "has a minimum or maximum", [R], [leaf(c), c])

# ---- one bad certificate in a bundle does not spoil the others ----
got = check([Certificate(b"\x30\0", b"", key()), R], [L])
ok(got.startswith("accept") and "left out" in got, "a bundle with a malformed certificate", got)
done()
