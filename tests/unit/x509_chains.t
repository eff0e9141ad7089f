#!/usr/bin/python3
"""Chains made for each rule of the path search, one good and one bad: see tests/lib/certs.py."""

import os
import random
import resource
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from certs import *

NAME = ("--name", "host.example")
R = root()
I = ca(R)
L = leaf(I)
direct = leaf(R)

# ---- shapes ----
accepts("root and leaf", [R], [direct], *NAME)
accepts("root, intermediate and leaf", [R], [L, I], *NAME)
accepts("the root sent too", [R], [L, I, R], *NAME)
accepts("out of order", [R], [L, R, I], *NAME)
accepts("a stranger's certificates in between", [R],
        [L, leaf(R, text="CN=other"), ca(R, "CN=Other CA", "other"), I], *NAME)
accepts("the trust file holds others too", [root("CN=Other Root", "other"), R], [L, I], *NAME)
rejects("no intermediate", "its issuer is neither", [R], [L], *NAME)
rejects("no root", "self-signed and not in the trust file", [root("CN=Other Root", "other")],
        [L, I, R], *NAME)
rejects("no root sent either", "its issuer is neither", [root("CN=Other Root", "other")], [L, I])
rejects("empty trust file", "its issuer is neither", [], [L, I])
rejects("empty chain", "sent no certificate", [R], [])
rejects("a root of the same name and another key", "signature does not verify",
        [root(label="other")], [direct])
accepts("both roots of that name", [root(label="other"), R], [direct])
accepts("an intermediate as the anchor", [I], [L])
accepts("an intermediate as the anchor, sent too", [I], [L, I])
own = make("CN=own", key("leaf"), None, LEAF + [alt_names(dns("host.example"))])
accepts("self-signed server certificate that is the anchor", [own], [own], *NAME)
rejects("the same for another name", "it is for host.example, not for elsewhere.example", [own],
        [own], "--name", "elsewhere.example")
rejects("self-signed server certificate that is no anchor", "self-signed", [R], [own], *NAME)
imitation = make("CN=own", key("leaf"), None, LEAF + [alt_names(dns("host.example"))])
rejects("another certificate of an anchor's name and key", "is no CA", [own], [imitation], *NAME)
accepts("a leaf that the trust file holds, its issuer unknown", [L], [L], *NAME)
accepts("openssl's self-signed CA as a server",
        *[[make("CN=ca", key("leaf"), None, [basic_constraints(), alt_names(dns("host.example"))])]
          ] * 2, *NAME)

# ---- several ways up ----
other = root("CN=Other Root", "other")
crossed = ca(other)
accepts("cross-signed, first root", [R], [L, crossed, I])
accepts("cross-signed, other root", [other], [L, I, crossed])
rejects("cross-signed, neither", "its issuer is neither", [root("CN=Third", "third")],
        [L, I, crossed])
old_root = root(end=utc("210101000000Z"))
accepts("an expired root beside a good one", [old_root, R], [L, I])
accepts("an expired intermediate beside a good one", [R], [L, ca(R, end=utc("210101000000Z")), I])
rejects("only the expired root", "expired 2021-01-01 00:00:00Z", [old_root], [L, I])
accepts("root crossed by an expired one (as AddTrust's)", [R],
        [L, I, make("CN=Test Root", key("root"), other, CA, end=utc("210101000000Z"))])
accepts("a dead end that is longer", [R, other],
        [L, crossed, make("CN=Other Root", key("other"), root("CN=Gone", "third"), CA), I])
a, b = (make("CN=A", key("third"), None, CA, issuer_name=name("CN=B"), issuer_key=key("other")),
        make("CN=B", key("other"), None, CA, issuer_name=name("CN=A"), issuer_key=key("third")))
rejects("a circle", "its issuer is neither", [R], [leaf(a), a, b])
accepts("a circle with a way out", [R],
        [leaf(a), a, b, make("CN=B", key("other"), R, CA)])
ALWAYS += ["--profile", "basic"]
ids = ca(R, extensions=CA + [subject_key_id(b"one")])
accepts("key identifiers that agree", [R],
        [leaf(ids, extensions=LEAF + [authority_key_id(b"one")]), ids])
rejects("key identifiers that differ", "its issuer is neither", [R],
        [leaf(ids, extensions=LEAF + [authority_key_id(b"two")]), ids])
accepts("a key identifier on one side only", [R],
        [leaf(I, extensions=LEAF + [authority_key_id(b"two")]), I])
ALWAYS.clear()
accepts("names in another string type, case and spacing", [R],
        [leaf(I, issuer_name=seq(rdn("CN", " TEST  intermediate", 0x13))), I])

# ---- signatures ----
broken = bytearray(L.der)
broken[-1] ^= 1
rejects("a leaf's signature", "signature does not verify", [R],
        [Certificate(bytes(broken), L.subject, L.key), I])
broken = bytearray(I.der)
broken[-1] ^= 1
rejects("an intermediate's signature", "signature does not verify", [R],
        [L, Certificate(bytes(broken), I.subject, I.key)])
rejects("signed by another key of that name", "signature does not verify", [R],
        [leaf(I, issuer_key=key("other")), I])
for h in "sha224", "sha256", "sha384", "sha512":
    accepts(h, [R], [leaf(R, hash_=h)])
rejects("SHA-1", "signed with SHA-1", [R], [leaf(R, hash_="sha1")])
accepts("SHA-1 by rule", [R], [leaf(R, hash_="sha1")], "--allow-sha1")
rejects("SHA-1 in an intermediate", "signed with SHA-1", [R], [L, ca(R, hash_="sha1")])
rejects("MD5", "signed with MD5", [R], [leaf(R, hash_="md5")], "--allow-sha1")
accepts("a root's own signature does not matter", [root(hash_="md5")], [direct])
unknown = L.der.replace(oid("1.2.840.113549.1.1.11"), oid("1.2.840.113549.1.1.99"))
rejects("an unknown signature algorithm", "algorithm that is not supported", [R],
        [Certificate(unknown, L.subject, L.key), I])

# ---- keys ----
short = key("short", 1024)
rejects("a short key in the leaf", "short of the strength of an RSA key of 2048 bits",
        [R], [make("CN=x", short, R, LEAF)])
accepts("the same by rule", [R], [make("CN=x", short, R, LEAF)], "--minimum-bits", "1024")
weak = make("CN=Weak", short, None, CA)
rejects("a short key in the root", "short of the strength of an RSA key of 2048 bits",
        [weak], [make("CN=x", key(), weak, LEAF)])
rejects("an even modulus", "RSA key is not usable", [R], [make(
    "CN=x", key(), R, LEAF, spki=seq(key().algorithm,
                                     bits(seq(integer(key().n + 1), integer(65537)))))])
rejects("exponent 1", "RSA key is not usable", [R], [make(
    "CN=x", key(), R, LEAF, spki=seq(key().algorithm, bits(seq(integer(key().n), integer(1)))))])
rejects("an unknown kind of key", "of a kind that is not supported", [R], [make(
    "CN=x", key(), R, LEAF, spki=seq(seq(oid("1.2.3.4")), bits(b"key")))])

# ---- dates ----
rejects("an expired leaf", "expired 2024-12-31 23:59:59Z", [R],
        [leaf(R, end=utc("241231235959Z"))])
for seconds, span in ((1, "1 second"), (119, "119 seconds"), (120, "2 minutes"), (7200, "2 hours"),
                      (172800, "2 days"), (730 * 86400, "2 years")):
    rejects("expired %s ago" % span, "expired 2025-01-01 00:00:00Z, %s ago" % span, [R],
            [leaf(R, end=utc("250101000000Z"))], time=TIME + seconds)
rejects("in three days", "not valid before 2025-01-04 00:00:00Z, in 3 days", [R],
        [leaf(R, start=utc("250104000000Z"))])
accepts("its last second", [R], [leaf(R, end=utc("250101000000Z"))])
accepts("its first second", [R], [leaf(R, start=utc("250101000000Z"))])
rejects("a leaf before its time", "not valid before 2025-01-01 00:00:01Z", [R],
        [leaf(R, start=utc("250101000001Z"))])
rejects("an expired intermediate", "expired 2021", [R], [L, ca(R, end=utc("210101000000Z"))])
rejects("an intermediate before its time", "not valid before 2030", [R],
        [L, ca(R, start=utc("300101000000Z"))])
accepts("dates beyond 2050", [R], [leaf(R, end=generalized("20500101000000Z"))])
accepts("no end (RFC 5280 4.1.2.5)", [R], [leaf(R, end=generalized("99991231235959Z"))])
rejects("GeneralizedTime before 2050", "date before 2050 that is no UTCTime", [R],
        [leaf(R, end=generalized("20491231235959Z"))])
accepts("the same in a root", [root(end=generalized("20491231235959Z"))], [direct])

# ---- CAs ----
SIGN = key_usage("keyCertSign")
rejects("an intermediate without cA", "is no CA", [R],
        [L, ca(R, extensions=[basic_constraints(False)])])
rejects("an intermediate without basicConstraints", "is no CA", [R],
        [L, ca(R, extensions=[key_usage("digitalSignature")])])
rejects("a leaf as the issuer", "is no CA", [R],
        [leaf(direct, text="CN=forged"), direct], *NAME)
rejects("a root without basicConstraints", "is no CA",
        [root(extensions=[subject_key_id(b"x")])], [direct])
accepts("a root of version 1", [root(extensions=(), version=1)], [direct])
rejects("an intermediate of version 1", "is no CA", [R], [L, ca(R, extensions=(), version=1)])
accepts("basicConstraints not critical", [R],
        [L, ca(R, extensions=[basic_constraints(critical=False), SIGN])])
accepts("no keyUsage", [R], [L, ca(R, extensions=[basic_constraints()])])
rejects("keyUsage without keyCertSign", "does not allow signing certificates", [R],
        [L, ca(R, extensions=[basic_constraints(), key_usage("cRLSign")])])
rejects("the same in a root", "does not allow signing certificates",
        [root(extensions=[basic_constraints(), key_usage("cRLSign")])], [direct])
p0 = ca(R, extensions=[basic_constraints(length=0), SIGN])
accepts("path length 0 above a leaf", [R], [leaf(p0), p0])
below = ca(p0, "CN=Below", "below")
rejects("path length 0 above a CA", "path length allows", [R], [leaf(below), below, p0])
p1 = ca(R, extensions=[basic_constraints(length=1), SIGN])
below = ca(p1, "CN=Below", "below")
accepts("path length 1 above a CA", [R], [leaf(below), below, p1])
rollover = make("CN=Test Intermediate", key("rollover"), p0, CA)
accepts("self-issued certificates do not count", [R], [leaf(rollover), rollover, p0])
tight = root(extensions=[basic_constraints(length=0), SIGN])
rejects("a root's own path length", "path length allows", [tight], [L, I])
as_server = ca(R, extensions=[basic_constraints(length=0), alt_names(dns("host.example"))])
rejects("a CA's certificate as a server's", "CA's own certificate", [R], [as_server], *NAME)
accepts("the same without a name", [R], [as_server])
accepts("the same as an anchor", [as_server], [as_server], *NAME)
by_itself = root("CN=host.example", "itself", extensions=[basic_constraints(), alt_names(dns("host.example"))])
rejects("a CA that is its own server", "signed by itself and not among", [R], [by_itself], *NAME)
accepts("the same as an anchor", [R, by_itself], [by_itself], *NAME)

# ---- usage ----
for usage in "digitalSignature", "keyEncipherment":
    accepts("keyUsage " + usage, [R], [leaf(R, extensions=[key_usage(usage)])])
rejects("keyUsage without either", "neither signing nor key exchange", [R],
        [leaf(R, extensions=[key_usage("nonRepudiation")])])
rejects("a client that cannot sign", "neither signing nor key exchange", [R],
        [leaf(R, extensions=[key_usage("keyEncipherment")])], "--purpose", "client")
accepts("no keyUsage, no purposes", [R], [leaf(R, extensions=[])])
accepts("serverAuth", [R], [leaf(R, extensions=[extended_key_usage("server")])])
rejects("clientAuth for a server", "without serverAuth", [R],
        [leaf(R, extensions=[extended_key_usage("client")])])
accepts("clientAuth for a client", [R], [leaf(R, extensions=[extended_key_usage("client")])],
        "--purpose", "client")
rejects("serverAuth for a client", "without clientAuth", [R],
        [leaf(R, extensions=[extended_key_usage("server")])], "--purpose", "client")
rejects("any purpose in a leaf", "without serverAuth", [R],
        [leaf(R, extensions=[extended_key_usage("any")])])
accepts("any purpose in a CA", [R], [L, ca(R, extensions=CA + [extended_key_usage("any")])])
accepts("a CA for servers", [R], [L, ca(R, extensions=CA + [extended_key_usage("server")])])
rejects("a CA for e-mail", "does not allow it to issue", [R],
        [L, ca(R, extensions=CA + [extended_key_usage("email")])])

# ---- extensions ----
UNKNOWN = "1.3.6.1.4.1.99999.1"
accepts("an unknown extension", [R], [leaf(R, extensions=LEAF + [extension(UNKNOWN, b"")])])
for where, chain, trust in (
        ("the leaf", [leaf(R, extensions=LEAF + [extension(UNKNOWN, b"", True)])], [R]),
        ("an intermediate", [L, ca(R, extensions=CA + [extension(UNKNOWN, b"", True)])], [R]),
        ("a root", [direct], [root(extensions=CA + [extension(UNKNOWN, b"", True)])])):
    rejects("an unknown critical extension in " + where, "critical extension", trust, chain)

# ---- names ----
many = leaf(R, names=[dns("host.example"), dns("*.wild.example"), ip(b"\x0a\0\0\1"),
                      ip(bytes(15) + b"\1")])
for good in "host.example", "HOST.example.", "a.wild.example":
    accepts("name " + good, [R], [many], "--name", good)
for bad in "example", "x.host.example", "wild.example", "a.b.wild.example", "leaf":
    rejects("name " + bad, "not for " + bad, [R], [many], "--name", bad)
accepts("IPv4 address", [R], [many], "--ip", "10.0.0.1")
rejects("an address as a DNS name", "not for", [R], [leaf(R, names=[dns("10.0.0.1")])], "--name",
        "10.0.0.1")
accepts("IPv6 address", [R], [many], "--ip", "::1")
rejects("another address", "not for 10.0.0.2", [R], [many], "--ip", "10.0.0.2")
rejects("a common name only", "no subjectAltName", [R],
        [leaf(R, names=(), text="CN=host.example")], *NAME)
accepts("no name asked for", [R], [leaf(R, names=())])
OLD = ("--common-name", "--profile", "basic")
old = leaf(R, names=(), text="CN=first.example,CN=host.example")
accepts("a common name, by rule", [R], [old], *NAME, *OLD)
rejects("the common name that is not the last", "it is for host.example, not for first.example", [R],
        [old], "--name", "first.example", *OLD)
accepts("a common name with a wildcard, by rule", [R],
        [leaf(R, names=(), text="CN=*.wild.example")], "--name", "a.wild.example", *OLD)
accepts("a common name beside an address, by rule", [R],
        [leaf(R, names=(ip(b"\x0a\0\0\1"),), text="CN=host.example")], *NAME, *OLD)
rejects("a common name beside a DNS name", "it is for other.example, not for host.example", [R],
        [leaf(R, names=(dns("other.example"),), text="CN=host.example")], *NAME, *OLD)
rejects("a common name that is no DNS name", "not for host.example", [R],
        [leaf(R, names=(), text="CN=host.example evil")], *NAME, *OLD)
rejects("an address as a common name", "no subjectAltName", [R],
        [leaf(R, names=(), text="CN=10.0.0.1")], "--ip", "10.0.0.1")
bounds = ca(R, extensions=CA + [extension("2.5.29.30", seq(tlv(0xa0, seq(dns("org")))), True)])
rejects("a common name outside of a name constraint", "a name that a CA above it may not give", [R],
        [leaf(bounds, names=(), text="CN=host.example"), bounds], *NAME, *OLD)
accepts("which does not matter where it names nobody", [R],
        [leaf(bounds, names=(dns("host.org"),), text="CN=host.example"), bounds], "--name", "host.org",
        *OLD)
accepts("no subject, critical names", [R],
        [make(seq(), key(), R, LEAF + [alt_names(dns("host.example"), critical=True)])], *NAME)

# ---- name constraints ----


def subtrees(*names):
    return b"".join(seq(n) for n in names)


def constraints(permitted=(), excluded=(), critical=True):
    return extension("2.5.29.30", seq(tlv(0xa0, subtrees(*permitted)) if permitted else b"",
                                      tlv(0xa1, subtrees(*excluded)) if excluded else b""),
                     critical)


def constrained(names, permitted=(), excluded=(), text="CN=leaf", critical=True):
    c = ca(R, extensions=CA + [constraints(permitted, excluded, critical)])
    return [leaf(c, names=names, text=text), c]


V4, V6 = b"\x0a\0\0\0\xff\0\0\0", bytes(15) + b"\1" + b"\xff" * 16
FORBIDDEN = "a name that a CA above it may not give"
for what, names, permitted, excluded, good in (
        ("a DNS name", [dns("host.example")], [dns("example")], [], True),
        ("a DNS name itself", [dns("example")], [dns("EXAMPLE")], [], True),
        ("not a suffix within a label", [dns("anexample")], [dns("example")], [], False),
        ("another domain", [dns("host.example")], [dns("example.org")], [], False),
        ("one of two names", [dns("a.example"), dns("b.org")], [dns("example")], [], False),
        ("two domains", [dns("a.example"), dns("b.org")], [dns("example"), dns("org")], [], True),
        ("an excluded domain", [dns("host.example")], [], [dns("example")], False),
        ("beside an excluded domain", [dns("host.example")], [], [dns("example.org")], True),
        ("permitted and excluded", [dns("host.example")], [dns("example")],
         [dns("host.example")], False),
        ("every name excluded", [dns("host.example")], [], [dns("")], False),
        ("a wildcard within", [dns("*.a.example")], [dns("a.example")], [], True),
        ("a wildcard beyond", [dns("*.example")], [dns("a.example")], [], False),
        ("a wildcard over an excluded host", [dns("*.example")], [], [dns("a.example")], False),
        ("a wildcard beside one", [dns("*.example")], [], [dns("b.a.example")], True),
        ("IPv4", [ip(b"\x0a\1\2\3")], [ip(V4)], [], True),
        ("IPv4 outside", [ip(b"\x0b\1\2\3")], [ip(V4)], [], False),
        ("IPv6 for IPv4", [ip(bytes(15) + b"\1")], [ip(V4)], [], False),
        ("IPv6", [ip(bytes(15) + b"\1")], [ip(V4), ip(V6)], [], True),
        ("an excluded IPv6", [ip(bytes(15) + b"\1")], [], [ip(V6)], False),
        ("another form", [dns("host.example")], [ip(V4)], [ip(V6)], True),
        ("a mailbox", [email("a@example")], [email("a@EXAMPLE")], [], True),
        ("another mailbox", [email("A@example")], [email("a@example")], [], False),
        ("a mailbox at a host", [email("a@b.example")], [email("b.example")], [], True),
        ("a mailbox below a host", [email("a@c.b.example")], [email("b.example")], [], False),
        ("a mailbox in a domain", [email("a@c.b.example")], [email(".b.example")], [], True),
        ("a mailbox at a domain itself", [email("a@b.example")], [email(".b.example")], [], False),
        ("no mailbox", [email("example")], [email("example")], [], False),
        ("a URI", [uri("https://u@host.example:1/p?q")], [uri("host.example")], [], True),
        ("a URI's host in a domain", [uri("ftp://a.host.example")], [uri(".example")], [], True),
        ("a URI elsewhere", [uri("https://host.example")], [uri("example")], [], False),
        ("a URI with an address", [uri("https://10.0.0.1/")], [uri("10.0.0.1")], [], False),
        ("a URI without a host", [uri("urn:x")], [uri("x")], [], False),
        ("an excluded URI", [uri("https://host.example/")], [], [uri("host.example")], False),
        ("a directory name", [directory("O=Org,CN=x")], [directory("O=Org"), directory("CN=leaf")],
         [], True),
        ("another directory name", [directory("O=Other")], [directory("O=Org"),
                                                            directory("CN=leaf")], [], False),
        ("the subject", [dns("a.b")], [directory("CN=LEAF")], [], True),
        ("another subject", [dns("a.b")], [directory("CN=other")], [], False),
        ("an excluded subject", [dns("a.b")], [], [directory("CN=leaf")], False),
        ("a form that is not judged", [tlv(0x88, b"\x2a")], [tlv(0x88, b"\x2a")], [], False),
        ("the same excluded", [tlv(0x88, b"\x2b")], [], [tlv(0x88, b"\x2a")], False)):
    chain = constrained(names, permitted, excluded)
    if good:
        accepts("constraint: " + what, [R], chain)
    else:
        rejects("constraint: " + what, FORBIDDEN, [R], chain)
rejects("constraints that are not critical", FORBIDDEN, [R],
        constrained([dns("a.b")], [dns("c")], critical=False))
rejects("e-mail in the subject", FORBIDDEN, [R],
        constrained([dns("a.b")], [email("example")], text="E=a@b.example,CN=x"))
accepts("e-mail in the subject, permitted", [R],
        constrained([dns("a.b")], [email("b.example")], text="E=a@b.example,CN=x"))
narrow = root(extensions=CA + [constraints([dns("example")])])
accepts("a root's own constraints", [narrow], [leaf(narrow)])
rejects("a root's own constraints on names below", FORBIDDEN, [narrow],
        [leaf(narrow, names=[dns("b.org")])])
sub = ca(narrow, extensions=CA + [alt_names(dns("ca.org"))])
rejects("an intermediate's names", FORBIDDEN, [narrow], [leaf(sub), sub])
own_name = make("CN=Test Root", key("below"), narrow, CA + [alt_names(dns("ca.org"))])
accepts("a self-issued intermediate's names", [narrow], [leaf(own_name), own_name])
wide = ca(narrow, extensions=CA + [constraints([dns("example"), dns("org")])])
rejects("constraints only narrow", FORBIDDEN, [narrow], [leaf(wide, names=[dns("b.org")]), wide])
hostile = constrained([dns("n%d.example" % i) for i in range(400)], [],
                      [dns("x%d.example" % i) for i in range(400)])
rejects("160,000 comparisons", "too many to compare", [R], hostile)

# ---- policies ----


def policies(*numbers, critical=False):
    return extension("2.5.29.32", seq(*[seq(oid(n)) for n in numbers]), critical)


def policy_constraints(explicit=None, mapping=None):
    return extension("2.5.29.36", seq(
        b"" if explicit is None else tlv(0x80, bytes([explicit])),
        b"" if mapping is None else tlv(0x81, bytes([mapping]))), True)


def mappings(*pairs):
    return extension("2.5.29.33", seq(*[seq(oid(a), oid(b)) for a, b in pairs]), True)


ANY, P1, P2 = "2.5.29.32.0", "1.3.6.1.4.1.99999.2.1", "1.3.6.1.4.1.99999.2.2"
for what, above, below, options, good in (
        ("none demanded, none there", [], [], [], True),
        ("none demanded, others there", [policies(P1)], [policies(P2)], [], True),
        ("demanded by a CA", [policies(P1), policy_constraints(0)], [policies(P1)], [], True),
        ("demanded, absent in the leaf", [policies(P1), policy_constraints(0)], [], [], False),
        ("demanded, another in the leaf", [policies(P1), policy_constraints(0)], [policies(P2)],
         [], False),
        ("demanded later than the leaf", [policies(P1), policy_constraints(2)], [], [], True),
        ("any above", [policies(ANY), policy_constraints(0)], [policies(P2)], [], True),
        ("any below", [policies(P1), policy_constraints(0)], [policies(ANY)], [], True),
        ("any below, inhibited", [policies(P1), policy_constraints(0),
                                  extension("2.5.29.54", integer(0), True)], [policies(ANY)], [],
         False),
        ("mapped", [policies(P1), policy_constraints(0), mappings((P1, P2))], [policies(P2)], [],
         True),
        ("mapped away", [policies(P1), policy_constraints(0), mappings((P1, P2))], [policies(P1)],
         [], False),
        ("mapping inhibited by rule", [policies(P1), policy_constraints(0), mappings((P1, P2))],
         [policies(P2)], ["--inhibit-mapping"], False),
        ("demanded by rule", [policies(P1)], [policies(P1)], ["--explicit-policy"], True),
        ("demanded by rule, absent", [], [], ["--explicit-policy"], False),
        ("the rule's policy", [policies(P1)], [policies(P1)],
         ["--explicit-policy", "--policy", P1], True),
        ("not the rule's policy", [policies(P1)], [policies(P1)],
         ["--explicit-policy", "--policy", P2], False),
        ("the rule's policy, mapped", [policies(P1), mappings((P1, P2))], [policies(P2)],
         ["--explicit-policy", "--policy", P1], True),
        ("any inhibited by rule", [policies(ANY)], [policies(P1)],
         ["--explicit-policy", "--inhibit-any-policy"], False)):
    c = ca(R, extensions=CA + above)
    chain = [leaf(c, extensions=LEAF + below), c]
    if good:
        accepts("policy: " + what, [R], chain, *options)
    else:
        rejects("policy: " + what, "a policy is required", [R], chain, *options)
many_policies = ["1.3.6.1.4.1.99999.3.%d" % i for i in range(60)]
spread = [ca(R, extensions=CA + [policies(*many_policies), mappings(
    *[(many_policies[i % 60], "1.3.6.1.4.1.99999.4.%d" % i) for i in range(64)])])]
accepts("60 policies, 64 mappings", [R], [leaf(spread[0])] + spread)

# ---- what a hostile chain costs ----
twins = [ca(R, "CN=Twin", "twin%d" % (i % 3), issuer_name=name("CN=Twin"),
            issuer_key=key("twin%d" % ((i + 1) % 3))) for i in range(9)]
rejects("nine twins that sign each other", "32 signature checks", [R],
        [leaf(twins[0])] + twins)
sender = [make("CN=Twin", key("twin0"), None, CA, serial=integer(i + 1)) for i in range(9)]
rejects("nine copies of one key", "self-signed and not in the trust file", [R],
        [leaf(sender[0])] + sender)
rejects("49 certificates", "more than 48 certificates", [R], [L] + [I] * 48)
same_name = [root(label="twin%d" % (i % 3), serial=integer(i + 1)) for i in range(60)]
rejects("sixty roots of the issuer's name", "32 signature checks", same_name, [direct])


# ---- and in time: the dearest keys of each kind, each of 40 roots tried ----
def cost(what, root_keys, signer, signature):
    roots = [make("CN=Test Root", key("root"), None, CA, spki=spki) for spki in root_keys]
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    rejects("at most 32 signatures of " + what, "32 signature checks", roots,
            [leaf(roots[0], issuer_key=signer, signature=signature)], "--profile", "basic")
    spent = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before
    print("# %.0f ms" % (spent * 1000))
    ok(spent < 1, "which takes less than a second", "%.3f s" % spent)


class DsaAlgorithm:
    @staticmethod
    def signature_algorithm(_):
        return seq(oid("2.16.840.1.101.3.4.3.2"))


some = random.Random(1)


def odd(n):
    return some.getrandbits(n) | 1 | 1 << (n - 1)


cost("RSA, 8192 bits, exponent of 64 bits",
     [seq(seq(oid("1.2.840.113549.1.1.1"), tlv(5)),
          bits(seq(integer(odd(8192)), integer(2**64 - 1)))) for _ in range(40)],
     key("root"), bits(b"\x11" * 1024))
cost("DSA, 4096 bits",
     [seq(seq(oid("1.2.840.10040.4.1"),
              seq(integer(odd(4096)), integer(odd(256)), integer(odd(4095)))),
          bits(integer(odd(4095)))) for _ in range(40)],
     DsaAlgorithm, bits(seq(integer(odd(200)), integer(odd(200)))))
curve = [ec_key("P-521") for _ in range(4)]
cost("P-521", [k.spki for k in curve] * 10, curve[0],
     bits(seq(integer(odd(500)), integer(odd(500)))))
done()
