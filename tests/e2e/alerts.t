#!/usr/bin/python3
"""Ordinary web servers under tlshim against a client that does one thing wrong: the fatal alert
that the error has in the RFCs reaches the client before the connection ends, also when the server
had more to read, and an orderly end is answered with one. What the client sends goes out in one
segment a flight, or in one a record with more to come after the server has ended."""

import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "lib"))
sys.path.insert(0, os.path.join(HERE, "..", "bogo"))
import certs
import peer as p
import tlstest as t

GET = b"GET /small HTTP/1.0\r\n\r\n"
SMALL = t.payload(5000)
SERVERS = [s for s in t.HTTP_SERVERS if s[0] in ("python http.server", "busybox httpd", "lighttpd")]


def length_of(message):
    return message[:1] + (len(message) - 4).to_bytes(3, "big") + message[4:]


def established(after):
    """A conversation that goes wrong behind Finished."""
    def run(peer):
        peer.client()
        after(peer)
        peer.receive_record()
    return run


def refused(port, alert, buffered, options, run):
    """run ends by the alert, or the test fails; then the server has closed."""
    wire = t.Wire(port, buffered)
    with wire.sock:
        client = p.Peer(wire, key=key, **options)
        try:
            run(client)
        except p.PeerAlert as came:
            if came.name != alert:
                return "the alert is %s" % came.name
        else:
            return "no alert"
        try:
            more = wire.recv(1)
        except ConnectionResetError:
            more = b""
        return "more came after the alert: %r" % more if more else None


def edit(name, change):
    return {"edit": {name: change}}


def before(name, *records):
    """These records in front of a message."""
    return {"before": {name: lambda peer: [peer.send_record(*r) for r in records]}}


def flipped(at):
    return lambda m: m[:at] + bytes([m[at] ^ 1]) + m[at + 1:]


def raw(*pieces):
    """Bytes in place of a handshake."""
    def run(peer):
        for piece in pieces:
            peer.raw(piece)
        peer.receive_record()
    return run


def tampered(peer):
    """A record whose last byte has changed on the way."""
    sealed = peer.write_half.seal(p.DATA, GET)
    peer.write_half, half = None, peer.write_half
    peer.send_record(p.DATA, sealed[:-1] + bytes([sealed[-1] ^ 1]))
    peer.write_half = half


LONG = b"\x16\3\1\x40\0" + b"\1\xff\xff\xff\3\3" + bytes(16378)
CASES = [
    ("a hello of another type", "unexpected_message", edit("ClientHello", flipped(0)),
     p.Peer.client),
    ("a hello cut short", "decode_error",
     edit("ClientHello", lambda m: length_of(m[:-1])), p.Peer.client),
    ("a hello with bytes behind it", "decode_error",
     edit("ClientHello", lambda m: length_of(m + b"\0\0\0")), p.Peer.client),
    ("a hello with a long session id", "decode_error", {"session_id": bytes(33)}, p.Peer.client),
    ("a hello of 16 MiB, 200 KiB of it sent", "decode_error", {}, raw(*[LONG] * 13)),
    ("a hello of SSL 3.0", "protocol_version", {"version": 0x0300}, p.Peer.client),
    ("a hello in SSL 2.0's format", "unexpected_message", {"v2": True}, p.Peer.client),
    ("no suite in common", "handshake_failure", {"suites": [0x0001, 0x1301]}, p.Peer.client),
    ("compression alone", "illegal_parameter", {"compressions": b"\1"}, p.Peer.client),
    ("an extension twice", "decode_error",
     {"extensions": [(0x1a1a, b""), (0x1a1a, b"")]}, p.Peer.client),
    ("plaintext HTTP", "unexpected_message", {}, raw(GET)),
    ("a record over 16 KiB", "record_overflow", {}, raw(b"\x16\3\1\x40\1", bytes(0x4001))),
    ("an unknown record type", "unexpected_message", {}, raw(b"\x18\3\1\0\1x")),
    ("data before the key exchange", "unexpected_message",
     before("ClientKeyExchange", (p.DATA, b"hello server!\n")), p.Peer.client),
    ("data before Finished", "unexpected_message",
     before("Finished", (p.DATA, b"hello server!\n")), p.Peer.client),
    ("ChangeCipherSpec before the key exchange", "unexpected_message",
     before("ClientKeyExchange", (p.CCS, b"\1")), p.Peer.client),
    ("ChangeCipherSpec of two bytes", "unexpected_message",
     edit("ChangeCipherSpec", lambda m: b"\1\1"), p.Peer.client),
    ("a key exchange cut short", "decode_error",
     edit("ClientKeyExchange", lambda m: length_of(m[:-1])), p.Peer.client),
    ("a key exchange twice", "unexpected_message",
     edit("ClientKeyExchange", lambda m: m + m), p.Peer.client),
    ("a certificate that nobody asked for", "unexpected_message",
     before("ClientKeyExchange", (p.HANDSHAKE, b"\x0b\0\0\3\0\0\0")), p.Peer.client),
    ("a premaster secret of another version", "bad_record_mac",
     {"premaster_version": 0x0302}, p.Peer.client),
    ("a wrong Finished", "decrypt_error", edit("Finished", flipped(9)), p.Peer.client),
    ("a point that is on no curve", "illegal_parameter",
     {"suites": [0xc013], "extensions": [(10, b"\0\2\0\x17"), (11, b"\1\0")],
      **edit("ClientKeyExchange", flipped(30))}, p.Peer.client),
    ("a record with a wrong MAC", "bad_record_mac", {}, established(tampered)),
    ("heartbeat", "unexpected_message", {},
     established(lambda peer: peer.send_record(24, b"\1\0\1x"))),
    ("a HelloRequest to a server", "unexpected_message", {},
     established(lambda peer: peer.send_record(p.HANDSHAKE, bytes(4)))),
    ("an empty handshake record", "unexpected_message", {},
     established(lambda peer: peer.send_record(p.HANDSHAKE, b""))),
    ("an alert of no level", "illegal_parameter", {},
     established(lambda peer: peer.send_record(p.ALERT, b"\x2a\x5a"))),
    ("empty records without end", "unexpected_message", {},
     established(lambda peer: [peer.send_record(p.DATA, b"") for _ in range(40)])),
]


# ---- what is right ----


def answer_of(peer):
    """All of an answer, and then the server's close_notify."""
    got = b""
    try:
        while True:
            kind, content = peer.receive_record()
            if kind != p.DATA:
                return None, "a record of type %d" % kind
            got += content
    except p.PeerAlert as alert:
        if alert.name != "close_notify":
            return None, "the alert is %s" % alert.name
    return got.partition(b"\r\n\r\n")[2], None


def answered(port, options, ask, check=None):
    wire = t.Wire(port, False)
    with wire.sock:
        client = p.Peer(wire, key=key, **options)
        client.client()
        ask(client)
        got, wrong = answer_of(client)
        if not wrong and got != SMALL:
            wrong = "%d bytes of %d, or others" % (len(got), len(SMALL))
        return wrong or (check(client) if check else None)


def refuses_to_renegotiate(peer):
    """A request with a renegotiation in its middle."""
    peer.write(GET[:5])
    peer._send_client_hello(None)
    peer.write(GET[5:])


def was_warned(peer):
    return None if peer.warnings == ["no_renegotiation"] else "warnings: %s" % peer.warnings


def closed_in_order(port, alert):
    """close_notify is answered with close_notify, without a request too."""
    wire = t.Wire(port, False)
    with wire.sock:
        client = p.Peer(wire, key=key)
        client.client()
        client.send_record(p.ALERT, alert)
        try:
            client.expect_close()
        except p.Wrong as wrong:
            return str(wrong)
        return None if wire.recv(1) == b"" else "more came"


ASK = [
    ("one byte a record", {"split": 1}, lambda peer: peer.write(GET, 1), None),
    ("an empty record first", {},
     lambda peer: (peer.send_record(p.DATA, b""), peer.write(GET)), None),
    ("a hello of TLS 1.3's version", {"version": 0x0304, "hello_version": 0x0303},
     lambda peer: peer.write(GET), None),
    ("GREASE", {"suites": [0x0a0a, 0x002f, 0xfafa], "extensions": [(0x1a1a, b""), (0xdada, b"\0")]},
     lambda peer: peer.write(GET), None),
    ("a renegotiation refused", {}, refuses_to_renegotiate, was_warned),
    ("a renegotiation refused, RFC 5746 unknown", {"no_secure_renegotiation": True},
     refuses_to_renegotiate, was_warned),
]

t.start()
root = certs.root()
leaf = certs.leaf(root)
key = leaf.key


class Files:
    cert = t.tmp("cert.pem")
    key = t.tmp("key.pem")


with open(Files.cert, "w") as f:
    f.write(leaf.pem() + root.pem())
with open(os.open(Files.key, os.O_WRONLY | os.O_CREAT, 0o600), "w") as f:
    f.write(key.pem)
for name, command in SERVERS:
    with t.start_covered(name, command, {"small": SMALL}, Files) as server:
        for title, alert, options, run in CASES:
            for buffered in (True, False):
                how = "at once" if buffered else "piece by piece"
                t.subtest("%s: %s, %s: %s" % (name, title, how, alert),
                          refused, server.port, alert, buffered, options, run)
        for title, options, ask, check in ASK:
            t.subtest("%s: %s" % (name, title), answered, server.port, options, ask, check)
        for alert in (b"\1\0", b"\0\0"):
            t.subtest("%s: close_notify %r is answered" % (name, alert), closed_in_order,
                      server.port, alert)
t.finish()
