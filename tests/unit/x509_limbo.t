#!/usr/bin/python3
"""What x509-limbo (C2SP) and BetterTLS (Netflix) ask, made anew with our own generator: each line
has the identifier of the case there, the chain, and the answer that is right. Run as they would be:
x509check with its own defaults.

Where our answer is another one on purpose:

  refused here, accepted there (the safe side)
    pathlen::validation-ignores-pathlen-in-leaf, rfc5280::ca-as-leaf
        a CA's certificate is no server's: whoever holds its key could issue for any name, and its
        keyUsage allows no handshake (webpki::ca-as-leaf says the same)
    crl::crl-invalid-version, crl::crl-update-generalizedtime-2025, crl::crl-missing-next-update
        with CRLs given, a certificate of which no usable CRL speaks is refused
    rfc9881::*, smime::* with only emailProtection
        TLS 1.0 has neither ML-DSA nor mail
  accepted here, refused there
    rfc5280::nc::permitted-dns-match-noncritical
        its twin webpki::nc::permitted-dns-match-noncritical wants it accepted
    webpki::eku::ee-without-eku
        its twin rfc5280::eku::ee-without-eku wants it accepted
    webpki::cn::*
        the common name names no peer (RFC 9525 2): what it says is not looked at
    crl::crl-duplicate-revoked-serial
        a list that says the same twice says nothing wrong
    crl::idp-indirect-crl, crl::idp-fullname-non-uri-generalname,
    crl::idp-present-certificate-cdp-non-uri-generalname
        RFC 5280 5.2.5 allows it, and NIST's PKITS (4.14.22, 4.14.1) wants it accepted
"""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from certs import *

DIGITAL, SIGN = key_usage("digitalSignature", critical=False), key_usage("keyCertSign", critical=False)
SIGN_ALL = key_usage("keyCertSign", "cRLSign", critical=False)
SERVER = extended_key_usage("server")
BC = basic_constraints()
SAN = alt_names(dns("example.com"))
FOREVER = generalized("29690503000000Z")
EPOCH = utc("700101000001Z")
KEEP = object()


def ski_of(own_key):
    return hashlib.sha1(elements(read(own_key.spki)[1])[1][1][1:]).digest()


def parts(given, default):
    """The extensions by name, in order: KEEP for the usual one, None for none."""
    return [default[n] if given.get(n, KEEP) is KEEP else given[n]
            for n in default if given.get(n, KEEP) is not None]


def certificate(subject, label, issuer, default, given, more):
    extra = given.pop("extra", [])
    fields = {k: given.pop(k) for k in list(given)
              if k in ("start", "end", "serial", "issuer_name", "issuer_key", "version", "hash_",
                       "spki", "outer", "extensions_raw")}
    assert not set(given) - set(default), given
    fields = {"start": EPOCH, "end": FOREVER, **fields, **more}
    return make(subject, label if not isinstance(label, str) else key(label), issuer,
                parts(given, default) + extra, **fields)


def root(subject="CN=x509-limbo-root", label="root", **given):
    own = label if not isinstance(label, str) else key(label)
    return certificate(subject, label, None, {
        "bc": BC, "ku": SIGN_ALL, "san": SAN, "aki": b"",
        "ski": subject_key_id(ski_of(own))}, given, {})


def ca(issuer, subject="CN=x509-limbo-intermediate", label="intermediate", **given):
    own = label if not isinstance(label, str) else key(label)
    return certificate(subject, label, issuer, {
        "bc": BC, "ku": SIGN_ALL, "san": SAN,
        "aki": authority_key_id(ski_of(issuer.key)), "ski": subject_key_id(ski_of(own))}, given, {})


def leaf(issuer, subject="CN=example.com", label="leaf", **given):
    own = label if not isinstance(label, str) else key(label)
    return certificate(subject, label, issuer, {
        "ski": subject_key_id(ski_of(own)), "aki": authority_key_id(ski_of(issuer.key)),
        "bc": b"", "ku": DIGITAL, "eku": SERVER, "san": SAN}, given, {})


def good(case, trust, chain, *options, **more):
    accepts(case, trust, chain, *(options or ("--name", "example.com")), **more)


def bad(case, trust, chain, *options, **more):
    got = check(trust, chain, *(options or ("--name", "example.com")), **more)
    ok(got.startswith("reject:"), "rejected: " + case, got)


def name_is(text):
    return "--name", text


R = root()
I = ca(R)
L = leaf(R)
UNKNOWN = extension("1.3.6.1.4.1.55738.666.1", b"", True)
NO_USAGE = extension("2.5.29.15", tlv(3, b"\0"))
AIA = "1.3.6.1.5.5.7.1.1"
aia = seq(seq(oid("1.3.6.1.5.5.7.48.2"), dns("example.com")))

# ---- rfc5280 ----
good("rfc5280: the usual one", [R], [L])
bad("rfc5280::ee-empty-issuer", [R], [leaf(R, issuer_name=seq())])
empty = root(b"\x30\x00", issuer_name=name("CN=x509-limbo-root"))
bad("rfc5280::ca-empty-subject", [empty], [leaf(empty)])
bad("rfc5280::unknown-critical-extension-ee", [R], [leaf(R, extra=[UNKNOWN])])
odd = root(extra=[UNKNOWN])
bad("rfc5280::unknown-critical-extension-root", [odd], [leaf(odd)])
odd = ca(R, extra=[UNKNOWN])
bad("rfc5280::unknown-critical-extension-intermediate", [R], [leaf(odd), odd])
bad("rfc5280::chain-untrusted-root", [root("CN=unrelated", "other")], [leaf(I), R, I])
for case, given in (("intermediate-ca-without-ca-bit", {"bc": basic_constraints(False)}),
                    ("intermediate-ca-missing-basic-constraints", {"bc": None}),
                    ("ica-ku-keycertsign", {"bc": basic_constraints(length=0), "ku": NO_USAGE}),
                    ("ica-ku-keycertsign, other bits",
                     {"bc": basic_constraints(length=0), "ku": key_usage("cRLSign")}),
                    ("pc::ica-noncritical-pc",
                     {"extra": [extension("2.5.29.36", seq(tlv(0x80, b"\3")))]}),
                    ("aki::intermediate-missing-aki", {"aki": None}),
                    ("ski::intermediate-missing-ski", {"ski": None})):
    odd = ca(R, **given)
    bad("rfc5280::" + case, [R], [leaf(odd), odd])
for case, given in (("root-missing-basic-constraints", {"bc": None}),
                    ("root-non-critical-basic-constraints", {"bc": basic_constraints(critical=False)}),
                    ("root-inconsistent-ca-extensions", {"ku": NO_USAGE}),
                    ("ski::critical-ski", {"ski": subject_key_id(ski_of(key("root")), True)}),
                    ("ski::root-missing-ski", {"ski": None}),
                    ("aki::critical-aki", {"aki": authority_key_id(ski_of(key("root")), True)}),
                    ("aki::self-signed-root-missing-aki", None)):
    if given is None:
        good("rfc5280::" + case, [R], [L])
        continue
    odd = root(**given)
    bad("rfc5280::" + case, [odd], [leaf(odd)])
bad("rfc5280::leaf-ku-keycertsign", [R],
    [leaf(R, bc=basic_constraints(False), ku=key_usage("digitalSignature", "keyCertSign"))])
good("rfc5280::ee-aia", [R], [leaf(R, extra=[extension(AIA, aia)])])
bad("rfc5280::ee-critical-aia-invalid", [R], [leaf(R, extra=[extension(AIA, aia, True)])])
bad("rfc5280::duplicate-extensions", [R], [leaf(R, extra=[SAN])])
good("rfc5280::no-keyusage", [R], [leaf(R, ku=None)])
good("rfc5280::no-basicconstraints", [R], [leaf(R, bc=None)])
mixed = root(outer=seq(oid("1.2.840.113549.1.1.12"), NULL))
bad("rfc5280::mismatching-signature-algorithm", [mixed], [leaf(mixed)])
bad("rfc5280::ca-as-leaf-wrong-san", [R], [ca(R, san=alt_names(dns("ca.example.com")))],
    *name_is("some-other-ca.example.com"))
good("rfc5280::root-and-intermediate-swapped", [I], [leaf(I), R])
bad("rfc5280::aki::leaf-missing-aki", [R], [leaf(R, aki=None)])
crossed = ca(root("CN=Other", "other"), aki=None)
bad("rfc5280::aki::cross-signed-root-missing-aki", [crossed], [leaf(crossed)])
bad("rfc5280::san::malformed", [R], [leaf(R, san=extension("2.5.29.17", b"example.com"))])
bad("rfc5280::san::noncritical-with-empty-subject", [R], [leaf(R, "")])
bad("rfc5280::serial::too-long", [R], [leaf(R, serial=integer(1 << 170))])
bad("rfc5280::serial::zero", [R], [leaf(R, serial=integer(0))])
bad("rfc5280::serial::negative", [R], [leaf(R, serial=integer(-77))])
bad("rfc5280::eku::ee-wrong-eku", [R], [leaf(R, eku=extended_key_usage("client"))])
good("rfc5280::eku::ee-without-eku", [R], [leaf(R, eku=None)])
old = root(start=utc("160101000000Z"), end=utc("200101000000Z"))
in_2022 = {"time": 1640995200}
mid = ca(old)
bad("rfc5280::validity::expired-root", [old], [leaf(mid), mid], **in_2022)
mid = ca(R, end=utc("200101000000Z"))
bad("rfc5280::validity::expired-intermediate", [R], [leaf(mid), mid], **in_2022)
bad("rfc5280::validity::expired-leaf", [R], [leaf(I, end=utc("210101000000Z")), I], **in_2022)
first, last = utc("240301000001Z"), utc("240401000000Z")
brief = root(start=first, end=last)
mid = ca(brief, start=first, end=last)
chain = [leaf(mid, start=first, end=last), mid]
good("rfc5280::validity::notbefore-exact", [brief], chain, time=1709251201)
bad("rfc5280::validity::notbefore-fractional", [brief], chain, time="1709251200.999")
good("rfc5280::validity::notafter-exact", [brief], chain, time=1711929600)
good("rfc5280::validity::notafter-fractional", [brief], chain, time="1711929600.005")
bad("rfc5280::validity, a second later", [brief], chain, time=1711929601)

# ---- name constraints ----


def constraints(permitted=(), excluded=(), critical=True):
    def list_of(tag, names):
        return tlv(tag, *[seq(n) for n in names]) if names else b""
    return extension("2.5.29.30", seq(list_of(0xa0, permitted), list_of(0xa1, excluded)), critical)


NET, NET6 = b"\xc0\0\2\0\xff\xff\xff\0", bytes(15) + b"\1" + b"\xff" * 16
FOO, NOT_FOO = directory("CN=foo"), directory("CN=not-foo")
other_name = tlv(0xa0, oid("1.3.6.1.4.1.55738.666.3"), tlv(0xa0, NULL))
CLIENT = {"eku": extended_key_usage("client")}
AS_CLIENT = ("--purpose", "client")


def nc(right, case, names, permitted=(), excluded=(), options=None, where="root", subject=None,
       **given):
    limits = constraints(permitted, excluded)
    san = alt_names(*names)
    if where == "root":
        above = root(extra=[limits])
        end = leaf(above, subject or "CN=example.com", san=san, **given)
        chain = [end]
        trust = [above]
    else:
        above = ca(R, extra=[limits], san=None)
        chain = [leaf(above, subject or "CN=example.com", san=san, **given), above]
        trust = [R]
    (good if right else bad)("rfc5280::nc::" + case, trust, chain,
                             *(options if options is not None else ()))


nc(False, "permitted-dns-mismatch", [dns("not-example.com")], [dns("example.com")])
nc(False, "excluded-dns-match", [dns("example.com")], [], [dns("example.com")], where="ica")
nc(True, "permitted-dns-match", [dns("example.com")], [dns("example.com")])
nc(True, "permitted-dns-match-more", [dns("foo.bar.example.com")], [dns("example.com")],
   options=name_is("foo.bar.example.com"))
nc(False, "excluded-dns-match-second", [dns("example.com"), dns("not-allowed.example.com")], [],
   [dns("not-allowed.example.com")])
nc(False, "permitted-ip-mismatch", [ip(b"\xc0\0\3\1")], [ip(NET)], options=("--ip", "192.0.3.1"))
nc(False, "excluded-ipv4-match", [ip(b"\xc0\0\2\1")], [], [ip(NET)], options=("--ip", "192.0.2.1"))
nc(False, "excluded-ipv6-match", [ip(bytes(15) + b"\1")], [], [ip(NET6)], options=("--ip", "::1"))
nc(True, "permitted-ipv4-match", [ip(b"\xc0\0\2\1")], [ip(NET)], options=("--ip", "192.0.2.1"))
nc(True, "permitted-ipv6-match", [ip(bytes(15) + b"\1")], [ip(NET6)], options=("--ip", "::1"))
nc(False, "permitted-dn-mismatch", [NOT_FOO], [FOO], subject="CN=not-foo", options=("--purpose", "server"))
nc(False, "excluded-dn-match", [FOO], [], [FOO], subject="CN=foo", options=("--purpose", "server"))
nc(True, "permitted-dn-match", [FOO], [FOO], subject="CN=foo", options=("--purpose", "server"))
nc(False, "permitted-dn-match-subject-san-mismatch", [FOO], [FOO], subject="CN=not-foo",
   options=("--purpose", "server"))
nc(False, "excluded-dn-match-sub-mismatch", [NOT_FOO], [], [FOO], subject="CN=foo",
   options=("--purpose", "server"))
nc(False, "excluded-match-permitted-and-excluded", [dns("example.com")], [dns("example.com")],
   [dns("example.com")])
nc(True, "permitted-different-constraint-type", [dns("example.com")], [ip(NET)])
nc(True, "excluded-different-constraint-type", [dns("example.com")], [], [ip(NET)])
nc(False, "invalid-dnsname-wildcard", [dns("foo.example.com")], [dns("*.example.com")],
   options=name_is("foo.example.com"))
nc(False, "invalid-dnsname-leading-period", [dns("foo.example.com")], [dns(".example.com")],
   options=name_is("foo.example.com"))
nc(False, "invalid-ipv4-address", [ip(b"\x7f\0\0\1")], [ip(b"\x7f\0\0\1")], options=("--ip", "127.0.0.1"))
nc(False, "invalid-ipv6-address", [ip(bytes(15) + b"\1")], [ip(bytes(15) + b"\1")],
   options=("--ip", "::1"))
nc(False, "invalid-email-address", [email("example@example.com")],
   [email("invalid@invalid@example.com")], options=AS_CLIENT, **CLIENT)
for critical in False, True:
    bad("rfc5280::nc::not-allowed-in-ee", [R],
        [leaf(R, extra=[constraints([dns("example.com")], critical=critical)])])
nc(False, "nc-permits-invalid-dns-san", [dns(".example.com"), dns("foo.example.com")],
   [dns("example.com")], options=name_is("foo.example.com"), where="ica")
nc(False, "nc-permits-invalid-ip-san", [ip(NET), ip(b"\xc0\0\2\1")], [ip(NET)],
   options=("--ip", "192.0.2.1"), where="ica")
nc(False, "nc-permits-invalid-email-san", [email("good@example.com"), email("a@b@example.com")],
   [email("example.com")], options=AS_CLIENT, where="ica", **CLIENT)
nc(True, "nc-permits-email-exact", [email("foo@example.com")], [email("foo@example.com")],
   options=AS_CLIENT, where="ica", **CLIENT)
nc(True, "nc-permits-email-domain", [email("foo@example.com")], [email("example.com")],
   options=AS_CLIENT, where="ica", **CLIENT)
nc(False, "nc-forbids-othername", [dns("example.com"), other_name], [dns("example.com")],
   [other_name], where="ica")
nc(True, "nc-forbids-othername-noop", [dns("example.com")], [dns("example.com")], [other_name],
   where="ica")
one = constraints([dns("permitted.example.com")], [dns("forbidden.example.com")])
forbidden = alt_names(dns("forbidden.example.com"))
permitted = alt_names(dns("permitted.example.com"))
above = ca(R, extra=[one])
below = ca(above, "CN=below", "below", san=forbidden)
bad("rfc5280::nc::intermediate-with-san-rejected-by-intermediate-nc", [R],
    [leaf(below, san=permitted), below, above], *name_is("permitted.example.com"))
top = root(extra=[one])
above = ca(top)
below = ca(above, "CN=below", "below", san=forbidden)
bad("rfc5280::nc::intermediate-with-san-rejected-by-root-nc", [top],
    [leaf(below, san=permitted), below, above], *name_is("permitted.example.com"))
foo, bar = dns("foo.example.com"), dns("bar.example.com")
for case, upper, lower in (("narrows", [foo, bar], [bar]), ("widens", [bar], [foo, bar])):
    above = ca(R, extra=[constraints(upper)], san=None)
    below = ca(above, "CN=below", "below", extra=[constraints(lower)], san=None)
    bad("rfc5280::nc::restrictive-permits-in-intermediates-" + case, [R],
        [leaf(below, san=alt_names(foo)), below, above], *name_is("foo.example.com"))
same = name("CN=not-example.com")
apart = alt_names(dns("not-example.com"))
top = root(same, san=apart, extra=[constraints([dns("example.com")])])
self_issued = ca(top, same, san=apart)
good("rfc5280::nc::permitted-self-issued", [top], [leaf(self_issued), self_issued])
top = root(extra=[constraints([dns("example.com")])])
mid = ca(top, same, san=apart)
bad("rfc5280::nc::excluded-self-issued-leaf", [top], [leaf(mid, same, san=apart), mid],
    *name_is("not-example.com"))
trusted, discarded = root(san=None), root(label="other", san=None)
a = ca(trusted, "CN=A", "below", extra=[one], san=None)
b1 = ca(discarded, "CN=an-intermediate", san=forbidden)
b2 = ca(a, "CN=an-intermediate", san=None)
good("rfc5280::nc::nc-forbids-alternate-chain-ica", [trusted],
     [leaf(b1, "CN=x", san=permitted), a, b1, b2], *name_is("permitted.example.com"))
free = ca(discarded, "CN=an-intermediate", san=alt_names(dns("unconstrained-ica.example.com")))
a = ca(trusted, "CN=A", "below", extra=[constraints((), [dns("forbidden.example.com")])], san=None)
b1 = ca(a, "CN=an-intermediate", san=forbidden)
good("rfc5280::nc::nc-forbids-same-chain-ica", [trusted, discarded],
     [leaf(b1, "CN=x", san=alt_names(dns("u.example.com"))), a, b1, free],
     *name_is("u.example.com"))
soft = root(extra=[constraints([dns("example.com")], critical=False)])
good("webpki::nc::permitted-dns-match-noncritical", [soft], [leaf(soft)])
for what, content in (("both-null", seq()), ("both-empty-sequences", seq(tlv(0xa0), tlv(0xa1)))):
    odd = ca(R, extra=[extension("2.5.29.30", content, True)])
    bad("webpki::nc::intermediate-permitted-excluded-subtrees-" + what, [R], [leaf(odd), odd])

# ---- webpki ----
for case, entry_, asked, right in (
        ("exact-dns-san", dns("example.com"), "example.com", True),
        ("mismatch-domain-san", dns("example.com"), "example2.com", False),
        ("mismatch-subdomain-san", dns("abc.example.com"), "def.example.com", False),
        ("mismatch-subdomain-apex-san", dns("example.com"), "abc.example.com", False),
        ("mismatch-apex-subdomain-san", dns("abc.example.com"), "example.com", False),
        ("public-suffix-wildcard-san", dns("*.com"), "example.com", False),
        ("leftmost-wildcard-san", dns("*.example.com"), "foo.example.com", True),
        ("wildcard-embedded-leftmost-san", dns("ba*.example.com"), "baz.example.com", False),
        ("wildcard-not-in-leftmost-san", dns("foo.*.example.com"), "foo.bar.example.com", False),
        ("wildcard-match-across-labels-san", dns("*.example.com"), "foo.bar.example.com", False),
        ("wildcard twice", dns("*.*.example.com"), "foo.bar.example.com", False),
        ("wildcard alone", dns("*"), "example", False),
        ("wildcard-embedded-ulabel-san", dns("xn--*-1b3c148a.example.com"),
         "xn--bliss-1b3c148a.example.com", False),
        ("unicode-emoji-san", dns("\U0001f61c.example.com"), "xn--628h.example.com", False),
        ("underscore", dns("a_b.example.com"), "a_b.example.com", True),
        ("a trailing dot in the certificate", dns("example.com."), "example.com", True),
        ("an address as DNS name", dns("127.0.0.1"), "127.0.0.1", False),
        ("exact-localhost-ip-san", ip(b"\x7f\0\0\1"), "127.0.0.1", True)):
    (good if right else bad)("webpki::san::" + case, [R], [leaf(R, san=alt_names(entry_))],
                             *name_is(asked))
bad("webpki::san::no-san", [R], [leaf(R, san=None)])
bad("webpki::san::san-critical-with-nonempty-subject", [R],
    [leaf(R, "CN=something-else", san=alt_names(dns("example.com"), critical=True))])
good("webpki::san: critical, no subject", [R],
     [leaf(R, "", san=alt_names(dns("example.com"), critical=True))])
bad("webpki::malformed-aia", [R], [leaf(R, extra=[extension(AIA, b"malformed")])])
bad("webpki::v1-cert", [R], [leaf(R, version=1, extensions_raw=b"")])
bad("webpki::ee-basicconstraints-ca", [R], [leaf(R, bc=BC)])
bad("webpki::ku::ee-rsa-without-any-usages", [R], [leaf(R, ku=NO_USAGE)])
bad("webpki::ca-as-leaf", [R], [ca(R, san=alt_names(dns("ca.example.com")))],
    *name_is("ca.example.com"))
PURPOSES.update({"precertificate": "1.3.6.1.4.1.11129.2.4.4", "code": "1.3.6.1.5.5.7.3.3",
                 "timestamp": "1.3.6.1.5.5.7.3.8"})
for case, eku, right in (
        ("ee-anyeku", extended_key_usage("server", "any"), False),
        ("ee-critical-eku", extended_key_usage("server", critical=True), False),
        ("ee-clientauth-only", extended_key_usage("client"), False),
        ("ee-precertificate-only", extended_key_usage("precertificate"), False),
        ("ee-precertificate-with-serverauth", extended_key_usage("server", "precertificate"), False),
        ("ee-serverauth-with-additional", extended_key_usage("server", "client"), True),
        ("ee-codesigning-with-serverauth", extended_key_usage("server", "code"), False),
        ("ee-emailprotection-with-serverauth", extended_key_usage("server", "email"), False),
        ("ee-timestamping-with-serverauth", extended_key_usage("server", "timestamp"), False),
        ("ee-ocspsigning-with-serverauth", extended_key_usage("server", "ocsp"), False)):
    (good if right else bad)("webpki::eku::" + case, [R], [leaf(R, eku=eku)])
for case, given in (
        ("eku::root-has-eku", {"extra": [SERVER]}),
        ("aki::root-with-aki-missing-keyidentifier", {"aki": extension("2.5.29.35", seq())}),
        ("aki::root-with-aki-authoritycertissuer",
         {"aki": extension("2.5.29.35", seq(tlv(0x80, ski_of(key("root"))),
                                            tlv(0xa1, directory("CN=myCN"))))}),
        ("aki::root-with-aki-authoritycertserialnumber",
         {"aki": extension("2.5.29.35", seq(tlv(0x80, ski_of(key("root"))), tlv(0x82, b"\4\xd2")))}),
        ("aki::root-with-aki-all-fields",
         {"aki": extension("2.5.29.35", seq(tlv(0x80, ski_of(key("root"))),
                                            tlv(0xa1, directory("CN=myCN")),
                                            tlv(0x82, b"\4\xd2")))}),
        ("aki::root-with-aki-ski-mismatch", {"aki": authority_key_id(ski_of(key("other")))})):
    odd = root(**given)
    bad("webpki::" + case, [odd], [leaf(odd)])
with_aki = root(aki=authority_key_id(ski_of(key("root"))))
good("webpki::aki: a root with its own", [with_aki], [leaf(with_aki)])
bad("webpki::forbidden-p192-spki-leaf", [R], [leaf(R, label=ec_key("prime192v1"))])
dsa = dsa_key(3072)
bad("webpki::forbidden-dsa-spki-leaf", [R], [leaf(R, label=dsa)])
odd = root(label=dsa)
bad("webpki::forbidden-signature-algorithm-in-root", [odd], [leaf(odd)])
for bits_, case in ((1024, "forbidden-weak-rsa-key"), (2052, "forbidden-rsa-key-not-divisable-by-8")):
    weak = key("weak", bits_)
    bad("webpki::%s-in-leaf" % case, [R], [leaf(R, label=weak)])
    odd = root(label=weak)
    bad("webpki::%s-in-root" % case, [odd], [leaf(odd)])
malformed = seq(seq(oid("1.2.840.113549.1.1.1"), NULL), bits(b""))
odd = ca(root(label="other"), spki=malformed)
bad("invalid::invalid-issuer-key", [R], [leaf(odd), odd])

# ---- path length ----
for n in 0, 1, 2:
    i = ca(R, bc=basic_constraints(length=n))
    good("pathlen::ee-with-intermediate-pathlen-%d" % n, [R], [leaf(i), i])


def stairs(*lengths, same=False):
    """A chain with a CA for each path length, from the root down."""
    out, above = [], R
    for k, n in enumerate(lengths):
        subject = "CN=step0" if same and k == 1 else "CN=step%d" % k
        above = ca(above, subject, "step%d" % k, bc=basic_constraints(length=n))
        out.insert(0, above)
    return [leaf(above)] + out


bad("pathlen::intermediate-violates-pathlen-0", [R], stairs(0, 0))
good("pathlen::intermediate-pathlen-may-increase", [R], stairs(1, 2))
bad("pathlen::intermediate-pathlen-too-long", [R], stairs(1, 0, 0))
good("pathlen::self-issued-certs-pathlen", [R], stairs(1, 1, 0, same=True))

# ---- pathological, CVEs ----
second = root("CN=x509-limbo-root-2", "other")
expired = ca(second, "CN=x509-limbo-root", "root", end=utc("881125000000Z"))
good("pathological::multiple-chains-expired-intermediate", [R, second], [L, expired])
for case, one_, two in (("distinct-cas", "CN=ca1", "CN=ca2"), ("same-logical-ca", "CN=ca", "CN=ca")):
    c1, c2 = [ca(Certificate(b"", name(up), key(up_key)), down, down_key)
              for up, up_key, down, down_key in ((two, "c2", one_, "c1"), (one_, "c1", two, "c2"))]
    bad("pathological::intermediate-cycle-" + case, [R], [leaf(c1), c1, c2])
many = [dns("t%d.test" % i) for i in range(513)]
heavy = root(extra=[constraints(many + [dns("test")], [dns("x%d.test" % i) for i in range(513)])])
bad("pathological::nc-dos-1", [heavy], [leaf(heavy, "", san=alt_names(*many, critical=True))],
    *name_is("t0.test"))
heavy = root(extra=[constraints([directory("CN=t%d" % i) for i in range(513)])])
bad("pathological::nc-dos-2", [heavy],
    [leaf(heavy, "CN=t0", san=alt_names(*[directory("CN=u%d" % i) for i in range(513)]))],
    "--purpose", "server")
tops = {n: root("CN=Root " + n, "top" + n) for n in "ABC"}
web = [ca(tops[a], "CN=Root " + b, "top" + b) for a in "ABC" for b in "ABC" if a != b]
subs = [ca(tops[n], "CN=Intermediate %s1" % n, "sub" + n) for n in "ABC"]
good("cve::cve-2024-0567", [tops["A"]],
     [leaf(subs[0], "", san=alt_names(dns("example.com"), critical=True)), *subs, *web])
above = ca(R, extra=[constraints([dns("example.com")], [bar])], san=None)
wild = leaf(above, san=alt_names(dns("*.example.com")))
bad("cve::cve-2025-61727", [R], [wild, above], *name_is("bar.example.com"))
above = ca(R, extra=[constraints([foo])], san=None)
bad("cve::cve-2025-61727-nc-permits-variant", [R],
    [leaf(above, san=alt_names(dns("*.example.com"))), above], *name_is("foo.example.com"))

# ---- CRLs ----
AKI = authority_key_id(ski_of(key("root")))
for case, right, lists in (
        ("revoked-certificate-with-crl", False, [crl(R, entry(L))]),
        ("crlnumber-missing", False, [Crl(crl(R, extensions=[AKI, crl_number(1)]).der.replace(
            oid("2.5.29.20"), oid("2.5.29.99")))]),
        ("certificate-not-on-crl", True, [crl(R, entry(77), entry(78))]),
        ("crlnumber-critical", False, [crl(R, entry(77), extensions=[
            extension("2.5.29.20", integer(5), True)])]),
        ("crl-invalid-signature", False, [crl(R, entry(77), issuer_key=key("other"),
                                              extensions=[AKI])]),
        ("crl-empty", True, [crl(R)]),
        ("crl-very-large", True, [crl(R, *[entry(10 ** 9 + i) for i in range(10000)])]),
        ("crl-unknown-critical-extension", False, [crl(R, entry(77), extensions=[UNKNOWN])]),
        ("crl-unknown-noncritical-extension", True,
         [crl(R, entry(77), extensions=[extension("1.3.6.1.4.1.55738.666.1", b"")])]),
        ("entry-unknown-critical-extension", False, [crl(R, entry(L, UNKNOWN))]),
        ("entry-unknown-noncritical-extension", False,
         [crl(R, entry(L, extension("1.3.6.1.4.1.55738.666.1", b"")))]),
        ("this-update-in-future", False, [crl(R, start=utc("250102000000Z"))]),
        ("next-update-in-past", False, [crl(R, end=utc("241231000000Z"))]),
        ("revocation-date-in-future", False, [crl(R, entry(L, when=utc("250102000000Z")))]),
        ("revocation-date-before-not-before", False,
         [crl(R, entry(L, when=utc("600101000000Z")))]),
        ("certificate-serial-on-crl-different-issuer", True,
         [crl(R), crl(root("CN=Root 2", "other"), entry(L))])):
    (good if right else bad)("crl::" + case, [R], [L], crls=lists)
mute = root(ku=SIGN)
bad("crl::issuer-missing-crlsign", [mute], [leaf(mute)], crls=[crl(mute, entry(77))])
mute = root(ku=None)
good("crl::issuer-no-keyusage-extension", [mute], [leaf(mute)], crls=[crl(mute, entry(77))])
here, there = point_name(uri("http://example.com/a.crl")), point_name(uri("http://example.com/b.crl"))
pointed = leaf(R, extra=[crl_points(crl_point(here))])
bad("crl::idp-cdp-scope-mismatch", [R], [pointed], crls=[crl(R, extensions=[scope(there)])])
good("crl::idp-cdp-scope-match", [R], [pointed], crls=[crl(R, extensions=[scope(here)])])
bad("crl::idp-only-contains-user-certs-ca-target", [R], [leaf(I), I],
    crls=[crl(R, extensions=[scope(users=True)]), crl(I)])
bad("crl::idp-only-contains-ca-certs-ee-target", [R], [L], crls=[crl(R, extensions=[scope(cas=True)])])
bad("crl::idp-present-certificate-missing-cdp", [R], [L], crls=[crl(R, extensions=[scope(here)])])
bad("crl::idp-only-contains-attribute-certs", [R], [L],
    crls=[crl(R, entry(77), extensions=[scope(attributes=True)])])
bad("crl::idp-name-relative-to-crl-issuer", [R], [L], crls=[crl(R, extensions=[
    scope(tlv(0xa0, tlv(0xa1, read(rdn("CN", "partition"))[1])))])])
bad("crl::idp-only-some-reasons-no-complete-crl", [R], [pointed],
    crls=[crl(R, extensions=[scope(here, reasons=REASONS[1:2])])])
bad("crl::idp-uri-not-byte-identical", [R],
    [leaf(R, extra=[crl_points(crl_point(point_name(uri("http://example.com/%61.crl"))))])],
    crls=[crl(R, extensions=[scope(here)])])

# ---- BetterTLS: the graph of RFC 4158 2.4, seen from each of its trust anchors ----
edges = [("F", "H"), ("F", "G"), ("G", "F"), ("H", "I"), ("I", "H"), ("G", "I"), ("W", "F"), ("W", "G"),
         ("J", "K"), ("L", "N"), ("L", "M"), ("X", "J"), ("X", "L"), ("B", "E"), ("B", "D"), ("A", "B"),
         ("C", "B"), ("A", "C"), ("C", "A"), ("Y", "A"), ("Y", "C"), ("R", "S"), ("O", "R"), ("O", "Q"),
         ("P", "S"), ("Z", "O"), ("Z", "P"), ("W", "1"), ("1", "W"), ("X", "1"), ("1", "X"), ("Y", "1"),
         ("1", "Y"), ("Z", "1"), ("1", "Z")]
nodes = {n: root("CN=Node " + n, "node" + n) for n in {n for e in edges for n in e}}
graph = [ca(nodes[up], "CN=Node " + down, "node" + down, san=None) for up, down in edges]
end = leaf(ca(nodes["L"], "CN=Node N", "nodeN", san=None))
for anchor in "WXYZ":
    good("bettertls::pathbuilding: the bridge from " + anchor, [nodes[anchor]], [end] + graph)
bad("bettertls::pathbuilding: the bridge from where no edge leads", [nodes["J"]], [end] + graph)
cut = [c for c, e in zip(graph, edges) if e != ("1", "X")]
for anchor, right in (("W", False), ("X", True), ("Y", False)):
    (good if right else bad)("bettertls::pathbuilding: the bridge broken, from " + anchor,
                             [nodes[anchor]], [end] + cut)
LOCAL, BAD = dns("localhost"), dns("bad.example.com")
good_ip, bad_ip = ip(b"\x7f\0\0\1"), ip(b"\1\1\1\1")
trees = {1: (dns("localhost"), ip(b"\x7f\0\0\0\xff\xff\xff\0")),
         2: (dns("example.com"), ip(b"\1\1\1\0\xff\xff\xff\0"))}
wrong = []
for asked in "dns", "ip":
    for san in ((dns("test.localhost"),), (good_ip,), (BAD,), (dns("test.localhost"), bad_ip)):
        for permit in 0, 1, 2:
            for exclude in 0, 1, 2:
                lists = [[trees[n][0], trees[n][1]] if n else [] for n in (permit, exclude)]
                limits = [constraints(*lists)] if permit or exclude else []
                i = ca(R, extra=limits, san=None)
                names_ok = all((n in (good_ip, dns("test.localhost"))) == (permit == 1) or not permit
                               for n in san) and all(
                    (n in (good_ip, dns("test.localhost"))) != (exclude == 1) or not exclude
                    for n in san)
                asked_ok = (dns("test.localhost") if asked == "dns" else good_ip) in san
                got = check([R], [leaf(i, "CN=test.localhost", san=alt_names(*san)), i, R], "--name",
                            "test.localhost" if asked == "dns" else "127.0.0.1")
                if (got == "accept") != (names_ok and asked_ok):
                    wrong.append("%s %r %d %d: %s" % (asked, san, permit, exclude, got))
ok(not wrong, "bettertls::nameconstraints: 72 of every sort", "\n".join(wrong))

# ---- how files may be given ----
der = write("leaf.der", L.der)
accepts("DER: a chain", [R], [], "--chain", der, *name_is("example.com"))
both = write("both.der", leaf(I).der + I.der)
got = check([], [], "--trust", write("root.der", R.der), "--chain", both, *name_is("example.com"))
ok(got == "accept", "DER: two certificates in one file, and the root", got)
got = check([], [leaf(I)], "--trust", write("r.pem", R.pem()), "--chain", write("i.pem", I.pem()))
ok(got == "accept", "several files of each kind", got)
got = check([R], [L], "--crl", write("one.crl", crl(I).der), "--crl", write("two.crl", crl(R).der))
ok(got == "accept", "several CRLs in DER", got)
bad("nothing in the chain's file", [R], [], "--purpose", "server")
bad("text in the chain's file", [R], ["hello\n"], "--purpose", "server")
bad("a broken block in the chain's file", [R],
    ["-----BEGIN CERTIFICATE-----\n!!!!\n-----END CERTIFICATE-----\n"], "--purpose", "server")
bad("bytes after the DER of a leaf", [R], [], "--chain", write("x.der", L.der + b"\0"))
got = check([R], [L], "--trust", "/nonexistent")
ok(got.startswith("exit 2"), "a file that is not there is wrong usage", got)
got = check([R], [L], "--wrong", "x")
ok(got.startswith("exit 2"), "an unknown option is wrong usage", got)
done()
