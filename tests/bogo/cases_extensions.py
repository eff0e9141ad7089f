"""ALPN (RFC 7301), max_fragment_length (RFC 6066 4), and the hello in SSL 2.0's format (RFC 2246
appendix E)."""

import os

import peer as p
from runner import Case, do, echo, then

ALPN = 16


def names(*list_):
    return p.vector(2, b"".join(p.vector(1, name) for name in list_))


def alpn():
    advertise = ["-advertise-alpn", "\x03foo\x03bar\x03baz"]
    yield Case("ALPNClient", "client", advertise + ["-expect-alpn", "bar"],
               {"extensions": [(ALPN, names(b"bar"))]},
               then(do(lambda peer: offers(peer, names(b"foo", b"bar", b"baz"))), echo()))
    yield Case("ALPNClient-None", "client", advertise + ["-expect-alpn", ""])
    yield Case("ALPNClient-RejectUnknown", "client", advertise,
               {"extensions": [(ALPN, names(b"unknown"))]}, fails=":INVALID_ALPN_PROTOCOL:",
               alert="illegal_parameter")
    yield Case("ALPNClient-Unsolicited", "client", [], {"extensions": [(ALPN, names(b"foo"))]},
               fails=":UNEXPECTED_EXTENSION:", alert="unsupported_extension")
    for name, data in (("Empty", b""), ("EmptyList", b"\0\0"), ("EmptyProtocolName", b"\0\1\0"),
                       ("Two", names(b"foo", b"bar")), ("Trailing", names(b"foo") + b"x"),
                       ("Truncated", names(b"foo")[:-1])):
        yield Case("ALPNClient-" + name, "client", advertise, {"extensions": [(ALPN, data)]},
                   fails=":DECODE_ERROR:", alert="decode_error")
    select = ["-select-alpn", "foo"]
    yield Case("ALPNServer", "server", select, {"extensions": [(ALPN, names(b"bar", b"foo"))]},
               then(do(lambda peer: answered(peer, names(b"foo"))), echo()))
    yield Case("ALPNServer-Decline", "server", ["-decline-alpn"],
               {"extensions": [(ALPN, names(b"bar", b"foo"))]},
               then(do(lambda peer: answered(peer, None)), echo()))
    yield Case("ALPNServer-NotOffered", "server", select, {},
               then(do(lambda peer: answered(peer, None)), echo()))
    yield Case("ALPNServer-Reject", "server", select, {"extensions": [(ALPN, names(b"bar"))]},
               fails=":NO_APPLICATION_PROTOCOL:", alert="no_application_protocol")
    for name, data in (("Empty", b""), ("EmptyList", b"\0\0"), ("EmptyProtocolName", b"\0\1\0"),
                       ("EmptyAmongOthers", b"\0\5\3foo\0"), ("Trailing", names(b"foo") + b"x"),
                       ("Truncated", names(b"foo")[:-1])):
        yield Case("ALPNServer-" + name, "server", select, {"extensions": [(ALPN, data)]},
                   fails=":DECODE_ERROR:", alert="decode_error")
    yield Case("ALPNServer-Resume", "server", select, lambda number, session: {
        "resume": session, "extensions": [(ALPN, names(b"foo"))]},
        then(do(lambda peer: answered(peer, names(b"foo"))), echo()), connections=2)


def offers(peer, data):
    if peer.peer_extensions.get(ALPN) != data:
        raise p.Wrong("ALPN: %r" % peer.peer_extensions.get(ALPN))


answered = offers


def fragments():
    for code, size in ((1, 512), (2, 1024), (3, 2048), (4, 4096)):
        for connections in (1, 2):
            yield Case("MaxFragmentLength-%d-Server%s" % (size, "-Resume" * (connections - 1)),
                       "server", ["-read-size", "16384"], lambda number, session, c=code: {
                           "resume": session, "extensions": [(1, bytes([c]))]},
                       then(echo(6000, size=size), do(lambda peer, n=size: small(peer, n))),
                       connections=connections)
    for code in (0, 5, 255):
        yield Case("MaxFragmentLength-Code%d-Server" % code, "server", [],
                   {"extensions": [(1, bytes([code]))]}, fails=":illegal_parameter:",
                   alert="illegal_parameter")
    for name, data in (("Empty", b""), ("Trailing", b"\1\1")):
        yield Case("MaxFragmentLength-%s-Server" % name, "server", [], {"extensions": [(1, data)]},
                   fails=":DECODE_ERROR:", alert="decode_error")
    yield Case("MaxFragmentLength-Exceeded-Server", "server", [], {"extensions": [(1, b"\1")]},
               then(do(lambda peer: peer.write(bytes(513))), do(lambda peer: peer.read(1))),
               fails=":DATA_LENGTH_TOO_LONG:", alert="record_overflow")
    yield Case("MaxFragmentLength-Unsolicited-Client", "client", [], {"extensions": [(1, b"\1")]},
               fails=":UNEXPECTED_EXTENSION:", alert="unsupported_extension")


def small(peer, n):
    if peer.peer_extensions.get(1) is None:
        raise p.Wrong("max_fragment_length was not answered")
    longest = max(length for _, length in peer.record_lengths)
    if longest > n:
        raise p.Wrong("a record of %d bytes" % longest)


def sslv2():
    for mode, flags in (("Sync", []), ("Async", ["-async"])):
        yield Case("SendV2ClientHello-" + mode, "server", flags, {"v2": True})
    for n in (16, 24, 31, 32, 33, 64):
        yield Case("SendV2ClientHello-Challenge%d" % n, "server", [],
                   {"v2": True, "challenge": os.urandom(n)})
    for n in (0, 15):
        yield Case("SendV2ClientHello-Challenge%d" % n, "server", [],
                   {"v2": True, "challenge": os.urandom(n)}, fails=":DECODE_ERROR:",
                   alert="decode_error")
    yield Case("SendV2ClientHello-DHE", "server", [], {"v2": True, "suites": [0x0033]})
    yield Case("SendV2ClientHello-SecureRenegotiation", "server", ["-expect-secure-renegotiation"],
               {"v2": True})
    yield Case("SendV2ClientHello-NoSharedCipher", "server", [], {"v2": True, "suites": [0x1301]},
               fails=":NO_SHARED_CIPHER:", alert="handshake_failure")
    yield Case("SendV2ClientHello-Version0303", "server", [], {"v2": True, "version": 0x0303})
    yield Case("SendV2ClientHello-Version0300", "server", [], {"v2": True, "version": 0x0300},
               fails=":UNSUPPORTED_PROTOCOL:", alert="protocol_version")
    for name, change in (("Trailing", lambda m: m + b"x"), ("Truncated", lambda m: m[:-1]),
                         ("OddSuites", lambda m: m[:3] + p.u16(4) + m[5:])):
        yield Case("SendV2ClientHello-" + name, "server", [], {
            "v2": True, "edit": {"ClientHello": change}}, fails=":DECODE_ERROR:",
            alert="decode_error")
    yield Case("SendV2ClientHello-ToClient", "client", prefix=b"\x80\x2e\1\3\1" + bytes(43),
               fails=":NOT_TLS:", alert="unexpected_message")
    yield Case("SendV2ClientHello-Second", "server", [], {"before": {
        "ClientKeyExchange": lambda peer: peer.raw(b"\x80\x2e\1\3\1" + bytes(43))}},
        fails=":unexpected_message:", alert="unexpected_message")


def cases():
    yield from alpn()
    yield from fragments()
    yield from sslv2()
