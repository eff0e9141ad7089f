"""Ephemeral key exchange (RFC 2246 7.4.3, 7.4.7.2; RFC 4492): agreement with P-256, X25519 and
finite fields; groups, values, points and signatures that must not be taken."""

import agreement as a
import peer as p
from runner import Case, do, echo, then

BOTH = ("client", "server")
ECDHE, DHE, ECDSA = 0xc013, 0x0033, 0xc009
CURVES = {"P256": a.P256, "X25519": a.X25519}


def groups(*ids):
    return 10, p.vector(2, p.u16(*ids))


FORMATS = (11, b"\1\0")


def client(suite, curve=a.P256, **more):
    """Options of a client with this suite alone."""
    return dict(suites=[suite], extensions=[groups(curve), FORMATS], **more)


def server(suite, agreement=None, **more):
    return dict(suites=[suite], **({"agreement": agreement} if agreement else {}), **more)


def ciphers():
    for suite, (_, exchange) in sorted(p.OTHERS.items()):
        if "anon" in exchange:
            continue
        ecdsa = "ECDSA" in exchange
        own = ["-cert-file", "$ECCHAIN", "-key-file", "$ECKEY"] if ecdsa else []
        more = {"signer": "$EC", "chain": "$EC"} if ecdsa else {}
        for curve in CURVES if exchange.startswith("EC") else ("",):
            name, id_ = "%s-%04x%s" % (exchange, suite, curve and "-" + curve), CURVES.get(curve)
            flags = ["-expect-cipher", str(suite)]
            if curve:
                flags += ["-expect-curve-id", str(id_)]
            # An ECDSA key signs on P-256, which the client must therefore be able to use.
            ids = [id_] + ([a.P256] if ecdsa else [])
            extensions = [groups(*ids), FORMATS] if curve else []
            yield Case(name + "-Server", "server", flags + own,
                       {"suites": [suite], "extensions": extensions, **more},
                       then(do(lambda peer, c=id_: used(peer, c)), echo()))
            agreement = curve and (lambda c=id_: a.Elliptic(c))
            yield Case(name + "-Client", "client", flags, server(suite, agreement, **more))
    for shim in BOTH:
        for exchange, suite in (("ECDHE", ECDHE), ("DHE", DHE)):
            for mode, flags in (("Async", ["-async"]), ("Sync", [])):
                for size in (1, 7, 100):
                    yield Case("%s-%s-MaxHandshakeRecordLength-%d-%s" % (
                        exchange, shim.capitalize(), size, mode), shim, flags, dict(
                            client(suite) if shim == "server" else server(suite), split=size))
            yield Case("%s-%s-PackHandshakeFlight" % (exchange, shim.capitalize()), shim, [], dict(
                client(suite) if shim == "server" else server(suite), pack=True))
            yield Case("%s-%s-Resume" % (exchange, shim.capitalize()), shim, [],
                       lambda number, session, shim=shim, suite=suite: dict(
                           client(suite) if shim == "server" else server(suite), resume=session),
                       connections=2)
    yield Case("ECDHE-NoGroups-Server", "server", [], {"suites": [ECDHE]})
    yield Case("ECDHE-UnknownGroups-Server", "server", [],
               {"suites": [ECDHE, 0x002f], "extensions": [groups(0x0a0a, 9999), FORMATS]},
               then(do(lambda peer: with_suite(peer, 0x002f)), echo()))
    yield Case("ECDHE-NoCommonGroup-Server", "server", [],
               {"suites": [ECDHE], "extensions": [groups(9999), FORMATS]},
               fails=":NO_SHARED_CIPHER:", alert="handshake_failure")
    yield Case("DHE-NoCommonGroup-Server", "server", [],
               {"suites": [DHE], "extensions": [groups(511)]},
               fails=":insufficient_security:", alert="insufficient_security")
    yield Case("NoSharedCipher-NoECDSAKey", "server", [], client(ECDSA),
               fails=":NO_SHARED_CIPHER:", alert="handshake_failure")
    for suite in (0x0034, 0xc018):
        yield Case("Anonymous-%04x-Server" % suite, "server", [], client(suite),
                   fails=":NO_SHARED_CIPHER:", alert="handshake_failure")
        yield Case("Anonymous-%04x-Client" % suite, "client", [],
                   {"choose": suite, "suites": [0x002f]}, fails=":WRONG_CIPHER_RETURNED:",
                   alert="illegal_parameter")


def used(peer, curve):
    got = getattr(peer.agreement, "curve", None)
    if got != curve:
        raise p.Wrong("curve %s" % got)
    if curve is None and peer.agreement.p.bit_length() < 2048:
        raise p.Wrong("a group of %d bits" % peer.agreement.p.bit_length())


def with_suite(peer, suite):
    if peer.suite != suite:
        raise p.Wrong("suite %04x" % peer.suite)


def extensions():
    for name, list_, fails in (("Empty", b"", ":DECODE_ERROR:"),
                               ("EmptyList", b"\0\0", ":DECODE_ERROR:"),
                               ("Odd", b"\0\3\0\x17\0", ":DECODE_ERROR:"),
                               ("Trailing", b"\0\2\0\x17\0", ":DECODE_ERROR:"),
                               ("Truncated", b"\0\4\0\x17", ":DECODE_ERROR:")):
        yield Case("SupportedGroups-%s-Server" % name, "server", [],
                   {"suites": [ECDHE, 0x002f], "extensions": [(10, list_)]}, fails=fails,
                   alert="decode_error")
    for shim in BOTH:
        for name, list_, fails, alert in (
                ("Empty", b"", ":DECODE_ERROR:", "decode_error"),
                ("EmptyList", b"\0", ":DECODE_ERROR:", "decode_error"),
                ("Trailing", b"\1\0\0", ":DECODE_ERROR:", "decode_error"),
                ("MissingUncompressed", b"\1\1", ":illegal_parameter:", "illegal_parameter"),
                ("Many", b"\3\2\1\0", None, None)):
            yield Case("PointFormat-%s-%s" % (shim.capitalize(), name), shim, [],
                       {"suites": [ECDHE], "extensions": ([groups(a.P256)] if shim == "server"
                                                         else []) + [(11, list_)]},
                       fails=fails, alert=alert)


P256_POINTS = [("OffCurve", b"\4" + b"\1" * 64), ("Infinity", b"\0"), ("Zero", b"\4" + bytes(64)),
               ("Compressed", b"\2" + a.Curve.encode(a.Curve.g)[1:33]),
               ("Hybrid", b"\6" + a.Curve.encode(a.Curve.g)[1:]),
               ("Short", a.Curve.encode(a.Curve.g)[:-1]),
               ("Long", a.Curve.encode(a.Curve.g) + b"\0"),
               ("XTooLarge", b"\4" + a.number(a.Curve.p) + bytes(32))]
X25519_POINTS = [("Zero", bytes(32)), ("One", b"\1" + bytes(31)), ("Short", bytes(31)),
                 ("Long", b"\x09" + bytes(32)),
                 ("Order8", bytes.fromhex("e0eb7a7c3b41b8ae1656e3faf19fc46a"
                                          "da098deb9c32b1fd866205165f49b800"))]


def changed(**values):
    """Of an agreement, after it was made."""
    def change(agreement):
        for name, value in values.items():
            setattr(agreement, name, value)
        return agreement
    return change


def bad_points():
    for curve, points in ((a.P256, P256_POINTS), (a.X25519, X25519_POINTS)):
        for name, point in points:
            title = "BadPoint-%s-%s" % ("P256" if curve == a.P256 else "X25519", name)
            yield Case(title + "-Client", "client", [], server(
                ECDHE, lambda c=curve, q=point: a.Elliptic(c, q)), fails=":BAD_ECPOINT:",
                alert="illegal_parameter")
            yield Case(title + "-Server", "server", [], client(
                ECDHE, curve, agreement=changed(public=point)), fails=":BAD_ECPOINT:",
                alert="illegal_parameter")
    for name, curve, kind in (("Unknown", 9999, 3), ("Unoffered-P224", 21, 3),
                              ("ExplicitPrime", a.P256, 1), ("ExplicitChar2", a.P256, 2)):
        point = a.Curve.encode(a.Curve.g)
        yield Case("BadCurve-%s-Client" % name, "client", [], server(
            ECDHE, lambda c=curve, k=kind: a.Elliptic(c, point, k)), fails=":WRONG_CURVE:",
            alert="illegal_parameter")
    yield Case("EmptyPoint-Client", "client", [], server(ECDHE, lambda: a.Elliptic(a.P256, b"")),
               fails=":DECODE_ERROR:", alert="decode_error")
    yield Case("EmptyPoint-Server", "server", [], client(ECDHE, agreement=changed(public=b"")),
               fails=":DECODE_ERROR:", alert="decode_error")


def bad_finite_fields():
    prime = a.FFDHE2048
    for name, value in (("Zero", 0), ("One", 1), ("MinusOne", prime - 1), ("P", prime),
                        ("PPlusOne", prime + 1), ("Huge", prime << 64)):
        # An empty vector is no number at all (opaque dh_Ys<1..2^16-1>); from a client it counts as
        # the number 0, which is how some write it.
        fails, alert = (":DECODE_ERROR:", "decode_error") if value == 0 else \
            (":illegal_parameter:", "illegal_parameter")
        yield Case("BadDH-%s-Client" % name, "client", [], server(
            DHE, lambda v=value: a.FiniteField(public=v)), fails=fails, alert=alert)
        yield Case("BadDH-%s-Server" % name, "server", [], dict(
            suites=[DHE], agreement=changed(public=value)), fails=":illegal_parameter:",
            alert="illegal_parameter")
    yield Case("DHE-SmallGroup-Client", "client", [], server(
        DHE, lambda: a.FiniteField(a.OAKLEY2)), fails=":BAD_DH_P_LENGTH:",
        alert="handshake_failure")
    for name, p_, g in (("Even", prime + 1, 2), ("GeneratorZero", prime, 0),
                        ("GeneratorOne", prime, 1), ("GeneratorMinusOne", prime, prime - 1)):
        yield Case("BadDHGroup-%s-Client" % name, "client", [], server(
            DHE, lambda q=p_, h=g: a.FiniteField(q, h, 5)),
            fails=":DECODE_ERROR:" if g == 0 else ":illegal_parameter:",
            alert="decode_error" if g == 0 else "illegal_parameter")
    yield Case("DHE-8192-Client", "client", [], server(
        DHE, lambda: a.FiniteField((1 << 8192) - 1, 2, 5)), fails=":DH_P_TOO_LONG:",
        alert="illegal_parameter")
    yield Case("DHE-LeadingZeros-Client", "client", [], server(DHE, PaddedField))
    yield Case("DHE-LeadingZeros-Server", "server", [], dict(suites=[DHE], agreement=padded))


class PaddedField(a.FiniteField):
    """Numbers with zeros in front, as some write them."""

    def parameters(self):
        return b"".join(p.vector(2, b"\0\0" + a.number(n)) for n in (self.p, self.g, self.public))


def padded(agreement):
    agreement.client_message = lambda: p.vector(2, b"\0" + a.number(agreement.public))
    return agreement


def signatures():
    def flipped(message):
        return message[:-1] + bytes([message[-1] ^ 1])

    for exchange, suite in (("ECDHE", ECDHE), ("DHE", DHE)):
        yield Case("InvalidSignature-%s-Client" % exchange, "client", [], dict(
            server(suite), edit={"ServerKeyExchange": flipped}), fails=":BAD_SIGNATURE:",
            alert="decrypt_error")
        yield Case("WrongKey-%s-Client" % exchange, "client", [], dict(
            server(suite), signer="$OTHER"), fails=":BAD_SIGNATURE:", alert="decrypt_error")
        yield Case("SkipServerKeyExchange-%s" % exchange, "client", [], dict(
            server(suite), edit={"ServerKeyExchange": lambda m: b""}),
            fails=":UNEXPECTED_MESSAGE:", alert="unexpected_message")
        yield Case("TrailingMessageData-ServerKeyExchange-%s" % exchange, "client", [], dict(
            server(suite), edit={"ServerKeyExchange": lambda m: m[:1] + p.vector(
                3, m[4:] + b"\0")}), fails=":DECODE_ERROR:", alert="decode_error")
        yield Case("ShortMessage-ServerKeyExchange-%s" % exchange, "client", [], dict(
            server(suite), edit={"ServerKeyExchange": lambda m: m[:1] + p.vector(
                3, m[4:-1])}), fails=":DECODE_ERROR:", alert="decode_error")
        yield Case("TrailingMessageData-ClientKeyExchange-%s" % exchange, "server", [], dict(
            client(suite), edit={"ClientKeyExchange": lambda m: m[:1] + p.vector(
                3, m[4:] + b"\0")}), fails=":DECODE_ERROR:", alert="decode_error")
    yield Case("InvalidSignature-ECDSA-Client", "client", [], dict(
        server(ECDSA), signer="$EC", chain="$EC", edit={"ServerKeyExchange": flipped}),
        fails=":BAD_SIGNATURE:", alert="decrypt_error")
    yield Case("CertificateCipherMismatch-RSA", "client", [], dict(server(ECDSA), signer="$EC"),
               fails=":WRONG_CERTIFICATE_TYPE:")
    yield Case("CertificateCipherMismatch-ECDSA", "client", [], dict(server(ECDHE), chain="$EC"),
               fails=":WRONG_CERTIFICATE_TYPE:")
    yield Case("UnexpectedServerKeyExchange-RSA", "client", [], {"edit": {
        "Certificate": lambda m: m + b"\x0c" + p.vector(3, a.Elliptic().parameters())}},
        fails=":UNEXPECTED_MESSAGE:", alert="unexpected_message")


def cases():
    yield from ciphers()
    yield from extensions()
    yield from bad_points()
    yield from bad_finite_fields()
    yield from signatures()
