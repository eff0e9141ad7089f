#!/usr/bin/python3
"""Revocation: CRLs in their scopes, OCSP responses as they are stapled; and key pins."""

import base64
import hashlib
import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from certs import *

R = root()
I = ca(R)
L = leaf(I)
D = leaf(R, text="CN=direct")
REVOKED, UNSAID = "its CA has revoked it", "no current CRL says"
clean = crl(R)

# ---- CRLs ----
accepts("a CRL that does not list the leaf", [R], [D], crls=[clean])
rejects("a CRL that lists it", REVOKED, [R], [D], crls=[crl(R, entry(D))])
rejects("among others", REVOKED, [R], [D], crls=[crl(R, entry(1), entry(D), entry(2))])
rejects("with a reason", REVOKED, [R], [D], crls=[crl(R, entry(D, reason(1)))])
accepts("another serial number", [R], [D], crls=[crl(R, entry(1), entry(2))])
accepts("a CRL each", [R], [L, I], crls=[clean, crl(I)])
rejects("none for the leaf", UNSAID, [R], [L, I], crls=[clean])
rejects("none for the intermediate", UNSAID, [R], [L, I], crls=[crl(I)])
rejects("a revoked intermediate", REVOKED, [R], [L, I], crls=[crl(R, entry(I)), crl(I)])
other = ca(R, serial=integer(1 << 70), label="other")
accepts("a way around a revoked intermediate", [R],
        [leaf(other), ca(R, label="other"), other],
        crls=[crl(R, entry(1 << 70)), crl(other)])
rejects("a CRL of another issuer", UNSAID, [R], [D], crls=[crl(root("CN=Other", "other"))])
rejects("signed with another key", UNSAID, [R], [D], crls=[crl(R, issuer_key=key("other"))])
rejects("past its nextUpdate", "out of date since 2024-12-31 23:59:59Z", [R], [D], crls=[crl(R, end=utc("241231235959Z"))])
rejects("before its thisUpdate", UNSAID, [R], [D], crls=[crl(R, start=utc("250101000001Z"))])
rejects("without nextUpdate", UNSAID, [R], [D], crls=[crl(R, end=b"")])
rejects("a stale CRL beside a new one", REVOKED, [R], [D],
        crls=[crl(R, end=utc("210101000000Z")), crl(R, entry(D))])
rejects("signed with SHA-1", UNSAID, [R], [D], crls=[crl(R, hash_="sha1")])
accepts("signed with SHA-1 by rule", [R], [D], "--allow-sha1", crls=[crl(R, hash_="sha1")])
rejects("signed with MD5", UNSAID, [R], [D], "--allow-sha1", crls=[crl(R, hash_="md5")])
mute = root(extensions=[basic_constraints(), key_usage("keyCertSign")])
rejects("an issuer that may not sign CRLs", UNSAID, [mute], [D], crls=[clean])
rejects("an unknown critical extension", UNSAID, [R], [D],
        crls=[crl(R, extensions=[extension("1.2.3", b"", True)])])
accepts("an unknown extension", [R], [D], crls=[crl(R, extensions=[extension("1.2.3", b"")])])
rejects("an unknown critical extension in another entry", UNSAID, [R], [D],
        crls=[crl(R, entry(1, extension("1.2.3", b"", True)))])
accepts("a self-signed leaf that is an anchor has no CRL", *[[make(
    "CN=own", key("leaf"), None, LEAF)]] * 2, crls=[clean])

got = check([R], [D], crls=[Crl(b"\x30\0")])
ok(got.startswith("reject") and UNSAID in got, "rejected: no CRL that can be read", got)

# scopes
users, cas = scope(users=True), scope(cas=True)
accepts("users and CAs apart", [R], [L, I],
        crls=[crl(R, extensions=[cas]), crl(I, extensions=[users])])
rejects("a list of CAs for a user", UNSAID, [R], [D], crls=[crl(R, extensions=[cas])])
rejects("a list of users for a CA", UNSAID, [R], [L, I],
        crls=[crl(R, extensions=[users]), crl(I)])
rejects("a list of attribute certificates", UNSAID, [R], [D],
        crls=[crl(R, extensions=[scope(attributes=True)])])
here, there = point_name(uri("http://a/1")), point_name(uri("http://a/2"))
pointed = leaf(R, extensions=LEAF + [crl_points(crl_point(here))])
accepts("a distribution point", [R], [pointed], crls=[crl(R, extensions=[scope(here)])])
rejects("another distribution point", UNSAID, [R], [pointed],
        crls=[crl(R, extensions=[scope(there)])])
accepts("a list for all points", [R], [pointed], crls=[clean])
rejects("a list for a point that the leaf does not name", UNSAID, [R], [D],
        crls=[crl(R, extensions=[scope(here)])])
relative = tlv(0xa0, tlv(0xa1, read(rdn("CN", "one"))[1]))
full = point_name(directory("CN=Test Root,CN=one"))
for what, mine, theirs in (("relative names", relative, relative),
                           ("a relative name in the list", full, relative),
                           ("a relative name in the leaf", relative, full)):
    accepts(what, [R], [leaf(R, extensions=LEAF + [crl_points(crl_point(mine))])],
            crls=[crl(R, extensions=[scope(theirs)])])
half = crl(R, extensions=[scope(reasons=REASONS[1:5])])
rest = crl(R, extensions=[scope(reasons=REASONS[5:])])
rejects("only some reasons", UNSAID, [R], [D], crls=[half])
accepts("all reasons by two lists", [R], [D], crls=[half, rest])
rejects("revoked by the second", REVOKED, [R], [D],
        crls=[half, crl(R, entry(D), extensions=[scope(reasons=REASONS[5:])])])

# deltas
base = crl(R, extensions=[crl_number(5)])
accepts("a delta with nothing in it", [R], [D],
        crls=[base, crl(R, extensions=[crl_number(6), delta_base(5)])])
rejects("a delta that revokes", REVOKED, [R], [D],
        crls=[base, crl(R, entry(D), extensions=[crl_number(6), delta_base(5)])])
held = crl(R, entry(D, reason(6)), extensions=[crl_number(5)])
accepts("a delta that takes it back", [R], [D],
        crls=[held, crl(R, entry(D, reason(8)), extensions=[crl_number(6), delta_base(4)])])
rejects("an older delta", REVOKED, [R], [D],
        crls=[held, crl(R, entry(D, reason(8)), extensions=[crl_number(5), delta_base(4)])])
rejects("a delta on a later base", REVOKED, [R], [D],
        crls=[held, crl(R, entry(D, reason(8)), extensions=[crl_number(7), delta_base(6)])])
rejects("a delta by another key", REVOKED, [R], [D],
        crls=[held, crl(R, entry(D, reason(8)), issuer_key=key("other"),
                        extensions=[crl_number(6), delta_base(5)])])
rejects("a delta alone", UNSAID, [R], [D],
        crls=[crl(R, extensions=[crl_number(6), delta_base(5)])])

# other signers
signer = make("CN=Test Root", key("signer"), R, [key_usage("cRLSign")])
accepts("another certificate of the issuer's name", [R], [D, signer],
        crls=[crl(signer), crl(R, extensions=[scope(point_name(uri("x:y")))]), clean])
alone = crl(signer)
own_list = crl(R, entry(1), extensions=[scope(here)])
crl_signer = make("CN=Test Root", key("signer"), R,
                  [key_usage("cRLSign"), crl_points(crl_point(here))])
accepts("its own status by a list of its own", [R], [D, crl_signer], crls=[alone, own_list])
rejects("a signer that is revoked", UNSAID, [R], [D, crl_signer],
        crls=[alone, crl(R, entry(crl_signer), extensions=[scope(here)])])
rejects("a signer without cRLSign", UNSAID, [R],
        [D, make("CN=Test Root", key("signer"), R,
                 [key_usage("digitalSignature"), crl_points(crl_point(here))])],
        crls=[alone, own_list])
rejects("a signer below another root", UNSAID, [R, root("CN=Other", "other")],
        [D, make("CN=Test Root", key("signer"), root("CN=Other", "other"),
                 [key_usage("cRLSign")])], crls=[alone, crl(root("CN=Other", "other"))])
service = make("CN=Service", key("signer"), R, [key_usage("cRLSign")])
indirect = leaf(R, extensions=LEAF + [crl_points(crl_point(crl_issuer="CN=Service"))])
everyone = scope(indirect=True)
accepts("an indirect list", [R], [indirect, service],
        crls=[crl(service, extensions=[everyone]), clean])
rejects("revoked in an indirect list", REVOKED, [R], [indirect, service],
        crls=[crl(service, entry(indirect, certificate_issuer("CN=Test Root")),
                  extensions=[everyone]), clean])
accepts("the same number of another issuer", [R], [indirect, service],
        crls=[crl(service, entry(indirect, certificate_issuer("CN=Somebody")),
                  extensions=[everyone]), clean])
rejects("a list of another issuer that is not indirect", REVOKED, [R], [indirect, service],
        crls=[crl(service), crl(R, entry(indirect))])

# malformed ones are left out
for what, words, bad in (
        ("an empty list written out", "there, but empty", None),
        ("two algorithms", "two signature algorithms differ",
         crl(R, outer=seq(oid("1.2.840.113549.1.1.12"), NULL))),
        ("an empty issuer", "issuer is malformed", crl(R, issuer_name=seq())),
        ("a number twice", "there twice", crl(R, extensions=[crl_number(1), crl_number(2)])),
        ("users and CAs", "extension of the CRL is malformed",
         crl(R, extensions=[scope(users=True, cas=True)])),
        ("reason 11", "an entry of the CRL is malformed", crl(R, entry(1, reason(11)))),
        ("a bad date", "dates are malformed", crl(R, start=utc("2401010000Z")))):
    if bad is None:
        bad = Crl(signed(lambda a: seq(integer(1), a, R.subject, START, END, seq()), R.key,
                         "sha256"))
    got = check([R], [D], crls=[bad, clean])
    ok(got.startswith("accept") and words in got, "left out: a CRL with " + what, got)

# ---- OCSP ----
DEAD = "does not hold"


def stapled(response):
    return "--ocsp", write("response.der", response)


for h in "sha1", "sha256":
    accepts("OCSP: good, by " + h, [R], [D],
            *stapled(ocsp([ocsp_answer(certificate_id(D, R, h))], R)))
good = ocsp_answer(certificate_id(D, R))
accepts("OCSP: the responder by its key", [R], [D], *stapled(ocsp([good], R, by_key=True)))
accepts("OCSP: among others", [R], [D],
        *stapled(ocsp([ocsp_answer(certificate_id(D, R, serial=integer(1)), revoked()), good], R)))
rejects("OCSP: revoked", REVOKED, [R], [D],
        *stapled(ocsp([ocsp_answer(certificate_id(D, R), revoked())], R)))
rejects("OCSP: unknown", "does not know", [R], [D],
        *stapled(ocsp([ocsp_answer(certificate_id(D, R), UNKNOWN)], R)))
for what, words, response in (
        ("another serial number", "another certificate",
         ocsp([ocsp_answer(certificate_id(D, R, serial=integer(1)))], R)),
        ("another issuer", "another certificate",
         ocsp([ocsp_answer(certificate_id(D, root("CN=Other", "other")))], R)),
        ("out of date", "out of date",
         ocsp([ocsp_answer(certificate_id(D, R), end=generalized("20241231235959Z"))], R)),
        ("not yet", "out of date",
         ocsp([ocsp_answer(certificate_id(D, R), start=generalized("20250101000001Z"))], R)),
        ("no nextUpdate", "out of date", ocsp([ocsp_answer(certificate_id(D, R), end=b"")], R)),
        ("another key", "not signed", ocsp([good], R, key_=key("other"))),
        ("another name", "not signed", ocsp([good], R, responder=tlv(0xa1, name("CN=x")))),
        ("SHA-1", "not signed", ocsp([good], R, hash_="sha1")),
        ("an error", "answered with an error", ocsp([good], R, status=3)),
        ("a critical extension", "malformed", ocsp([good], R, extensions=tlv(
            0xa1, seq(extension("1.2.3", b"", True))))),
        ("nothing", "malformed", b""),
        ("bytes after it", "malformed", ocsp([good], R) + b"\0"),
        ("a part of it", "malformed", ocsp([good], R)[:-1])):
    rejects("OCSP: " + what, words, [R], [D], *stapled(response))
    ok(DEAD in check([R], [D], *stapled(response)), "OCSP: %s is named as the peer's" % what)
FOR_OCSP = [key_usage("digitalSignature"), extended_key_usage("ocsp")]
delegate = make("CN=Responder", key("signer"), R, FOR_OCSP)


def by(responder, *certificates):
    return stapled(ocsp([good], responder, certificates=certificates or [responder]))


accepts("OCSP: a delegate", [R], [D], *by(delegate))
accepts("OCSP: a delegate after another certificate", [R], [D], *by(delegate, D, delegate))
for what, responder in (
        ("without the purpose", make("CN=Responder", key("signer"), R, FOR_OCSP[:1])),
        ("with another purpose", leaf(R, label="signer")),
        ("that may not sign", make("CN=Responder", key("signer"), R,
                                   [key_usage("cRLSign"), FOR_OCSP[1]])),
        ("of another CA", make("CN=Responder", key("signer"), root("CN=Other", "other"), FOR_OCSP)),
        ("of another key of that name", make("CN=Responder", key("signer"), R, FOR_OCSP,
                                             issuer_key=key("other"))),
        ("that has expired", make("CN=Responder", key("signer"), R, FOR_OCSP,
                                  end=utc("210101000000Z")))):
    rejects("OCSP: a delegate " + what, "not signed", [R], [D], *by(responder))
rejects("OCSP: a delegate that is not sent", "not signed", [R], [D],
        *stapled(ocsp([good], delegate)))
accepts("OCSP: good for the leaf, CRL for the rest", [R], [L, I],
        *stapled(ocsp([ocsp_answer(certificate_id(L, I))], I)), crls=[clean])
rejects("OCSP: good for the leaf, nothing for the rest", UNSAID, [R], [L, I],
        *stapled(ocsp([ocsp_answer(certificate_id(L, I))], I)), crls=[crl(I)])
must = leaf(R, extensions=LEAF + [extension("1.3.6.1.5.5.7.1.24", seq(integer(5)))])
accepts("must-staple, not asked for", [R], [must])
rejects("must-staple without a response", "demands an OCSP response", [R], [must],
        "--ocsp-requested")
accepts("must-staple with one", [R], [must], "--ocsp-requested",
        *stapled(ocsp([ocsp_answer(certificate_id(must, R))], R)))

# openssl's own responder
NAMES = {"root.pem": R.pem(), "direct.pem": D.pem(),
         "root.key": subprocess.run(["openssl", "rsa"], input=key("root").pem.encode(), check=True,
                                    stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout}
paths = {n: write(n, content) for n, content in NAMES.items()}
number = read(serial_of(D))[1].hex().upper()
for status, words in (("V\t400101000000Z\t", None),
                      ("R\t400101000000Z\t240101000000Z", REVOKED)):
    index = write("index.txt", "%s\t%s\tunknown\t/CN=direct\n" % (status, number))
    request, response = write("request.der", b""), write("response.der", b"")
    for args in (["-issuer", paths["root.pem"], "-cert", paths["direct.pem"], "-reqout", request,
                  "-no_nonce"],
                 ["-index", index, "-rsigner", paths["root.pem"], "-rkey", paths["root.key"],
                  "-CA", paths["root.pem"], "-reqin", request, "-respout", response, "-ndays", "2",
                  "-rmd", "sha256"]):
        subprocess.run(["openssl", "ocsp", *args], check=True, stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL)
    import time
    when = int(time.time())
    if words:
        rejects("OCSP by openssl: revoked", words, [R], [D], "--ocsp", response, time=when)
    else:
        accepts("OCSP by openssl: good", [R], [D], "--ocsp", response, time=when)

# ---- pins ----


def pin(cert):
    return "sha256//" + base64.b64encode(hashlib.sha256(cert.key.spki).digest()).decode()


for what, cert in (("leaf", L), ("intermediate", I), ("root", R)):
    accepts("the %s pinned" % what, [R], [L, I], "--pin", pin(cert))
stranger = leaf(R, label="other")
rejects("another key pinned", "is pinned", [R], [L, I], "--pin", pin(stranger))
accepts("one of two pinned", [R], [L, I], "--pin", pin(stranger), "--pin", pin(L))
rejects("a pinned certificate that is sent, but not on the path", "is pinned", [R],
        [L, I, stranger], "--pin", pin(stranger))
accepts("a pinned anchor that is the leaf", [L], [L], "--pin", pin(L))
rejects("an anchor that is the leaf, another pinned", "is pinned", [L], [L], "--pin", pin(R))
for what, text in (("too short", pin(L)[:-1]), ("another hash", "sha1//" + pin(L)[8:]),
                   ("bits left over", pin(L)[:-2] + "B="), ("no base64", pin(L)[:-2] + "!=")):
    got = check([R], [L, I], "--pin", text)
    ok(got.startswith("exit 2") and "is no pin" in got, "a pin refused: " + what, got)
done()
