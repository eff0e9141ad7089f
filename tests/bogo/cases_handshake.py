"""Handshake messages as they may not be: form, order, content, extensions, renegotiation."""

import os

import peer as p
from runner import Case, do, echo, then

BOTH = ("client", "server")
SENT_TO = {"client": ["ServerHello", "Certificate", "ServerHelloDone", "Finished"],
           "server": ["ClientHello", "ClientKeyExchange", "Finished"]}


def edit(**edits):
    return {"edit": edits}


def resized(message, body):
    return message[:1] + p.vector(3, body)


def form():
    for shim in BOTH:
        for name in SENT_TO[shim]:
            title = "%s-%s" % (name, shim.capitalize())
            # A ClientHello ends with its extensions or before them (RFC 5246 7.4.1.2), so one byte
            # more is a broken list of extensions.
            yield Case("TrailingMessageData-" + title, shim, [],
                       edit(**{name: lambda m: resized(m, m[4:] + b"\0")}),
                       fails=":DECODE_ERROR:", alert="decode_error")
            yield Case("ShortMessage-" + title, shim, [],
                       edit(**{name: lambda m: resized(m, m[4:-1])}) if name != "ServerHelloDone"
                       else edit(ServerHelloDone=lambda m: b"\x0e\0\0\1x"),
                       fails=":DECODE_ERROR:", alert="decode_error")
            yield Case("WrongMessageType-" + title, shim, [],
                       edit(**{name: lambda m: b"\x2a" + m[1:]}),
                       fails=":UNEXPECTED_MESSAGE:", alert="unexpected_message")
            yield Case("OversizedMessage-" + title, shim, [],
                       edit(**{name: lambda m: m[:1] + b"\xff\xff\xff" + m[4:]}),
                       fails=":EXCESSIVE_MESSAGE_SIZE:", alert="decode_error")
            if name != "Finished":
                yield Case("Twice-" + title, shim, [], edit(**{name: lambda m: m + m}),
                           fails=":UNEXPECTED_MESSAGE:", alert="unexpected_message")
            if name not in ("Finished", "ServerHelloDone", "ClientHello"):
                yield Case("Skip-" + title, shim, [], edit(**{name: lambda m: b""}),
                           fails=":UNEXPECTED_RECORD:", alert="unexpected_message")
        for size in (1, 2, 3, 5, 100):
            for mode, flags in (("Sync", []), ("Async", ["-async"])):
                yield Case("MaxHandshakeRecordLength-%d-%s-%s" % (size, shim.capitalize(), mode),
                           shim, flags, {"split": size})
        yield Case("PackHandshakeFlight-" + shim.capitalize(), shim, [], {"pack": True})
        yield Case("BadFinished-" + shim.capitalize(), shim, [],
                   edit(Finished=lambda m: m[:-1] + bytes([m[-1] ^ 1])),
                   fails=":DIGEST_CHECK_FAILED:", alert="decrypt_error")
        yield Case("TrailingDataInFinishedRecord-" + shim.capitalize(), shim, [],
                   edit(Finished=lambda m: m + b"\x0f\0\0\0"),
                   fails=":UNEXPECTED_MESSAGE:", alert="unexpected_message")
    yield Case("PackHelloRequestWithFinished", "client", ["-renegotiate-ignore"],
               edit(Finished=lambda m: m + b"\0\0\0\0"))
    yield Case("SendHelloRequestBeforeEveryAppDataRecord", "client", ["-renegotiate-ignore"],
               exchange=then(*[do(hello_request), echo()] * 6))
    yield Case("HelloRequestInHandshake", "client", [],
               {"before": {"ServerHelloDone": hello_request}})
    yield Case("HelloRequestInHandshake-NotEmpty", "client", [],
               {"before": {"Certificate": lambda peer: peer.send_record(p.HANDSHAKE,
                                                                        b"\0\0\0\1x")}},
               fails=":DECODE_ERROR:", alert="decode_error")
    yield Case("HelloRequestInHandshake-TooMany", "client", [],
               {"before": {"Certificate": lambda peer: [hello_request(peer) for _ in range(5)]}},
               fails=":TOO_MANY_WARNING_ALERTS:", alert="unexpected_message")
    yield Case("HelloRequestToServer", "server",
               exchange=then(echo(), do(hello_request), do(read_on)),
               fails=":UNEXPECTED_MESSAGE:", alert="unexpected_message")


def hello_request(peer):
    peer.send_record(p.HANDSHAKE, b"\0\0\0\0")


def read_on(peer):
    peer.read(1)


# ---- what is in ServerHello ----


def in_server_hello():
    def case(name, options, fails, alert):
        return Case("ServerHello-" + name, "client", [], options, fails=fails, alert=alert)

    for version in (0x0300, 0x0302, 0x0303, 0x0200):
        yield case("Version-%04x" % version, {"version": version}, ":UNSUPPORTED_PROTOCOL:",
                   "protocol_version")
    yield case("UnofferedCipher", {"choose": 0x0004}, ":WRONG_CIPHER_RETURNED:",
               "illegal_parameter")
    yield case("UnknownCipher", {"choose": 0xfeed}, ":UNKNOWN_CIPHER_RETURNED:",
               "illegal_parameter")
    yield case("NullCipher", {"choose": 0x0000}, ":UNKNOWN_CIPHER_RETURNED:", "illegal_parameter")
    yield case("SCSV", {"choose": 0x00ff}, ":UNKNOWN_CIPHER_RETURNED:", "illegal_parameter")
    yield case("Compression", {"compressions": b"\1"}, ":UNSUPPORTED_COMPRESSION_ALGORITHM:",
               "illegal_parameter")
    yield case("LongSessionID", {"session_id": bytes(33)}, ":DECODE_ERROR:", "decode_error")
    yield case("UnsolicitedExtension", {"extensions": [(0x1234, b"")]}, ":UNEXPECTED_EXTENSION:",
               "unsupported_extension")
    yield case("UnsolicitedServerName", {"extensions": [(0, b"")]}, ":UNEXPECTED_EXTENSION:",
               "unsupported_extension")
    yield case("DuplicateExtension", {"extensions": [(0xff01, b"\0")]}, ":DUPLICATE_EXTENSION:",
               "decode_error")
    yield case("TruncatedExtensions", edit(ServerHello=lambda m: resized(m, m[4:] + b"\0\0")),
               ":DECODE_ERROR:", "decode_error")
    yield Case("ServerHello-NoExtensions", "client", ["-expect-no-secure-renegotiation"],
               {"no_secure_renegotiation": True})
    yield Case("ServerHello-EmptySessionID", "client", ["-expect-no-session"], {"session_id": b""})
    yield case("EmptyExtensionBlock", {"no_secure_renegotiation": True, **edit(
        ServerHello=lambda m: resized(m, m[4:] + b"\0\0"))}, None, None)
    yield case("BadRenegotiationInfo", {"no_secure_renegotiation": True,
                                        "extensions": [(0xff01, b"\1x")]},
               ":RENEGOTIATION_MISMATCH:", "handshake_failure")
    yield case("MalformedRenegotiationInfo", {"no_secure_renegotiation": True,
                                              "extensions": [(0xff01, b"\5x")]},
               ":DECODE_ERROR:", "decode_error")


# ---- what is in ClientHello ----


def in_client_hello():
    def case(name, options, fails=None, alert=None, flags=()):
        return Case("ClientHello-" + name, "server", flags, options, fails=fails, alert=alert)

    for version in (0x0302, 0x0303, 0x0304, 0x03ff, 0x0400, 0xffff):
        yield case("Version-%04x" % version, {"version": version})
    for version in (0x0300, 0x0200, 0x0002, 0x0000):
        yield case("Version-%04x" % version, {"version": version}, ":UNSUPPORTED_PROTOCOL:",
                   "protocol_version")
    yield case("NoSharedCipher", {"suites": [0x0004]}, ":NO_SHARED_CIPHER:", "handshake_failure")
    yield case("UnknownCiphers", {"suites": [0x1301, 0xfeed, 0x0a0a, 0x002f, 0x5a5a]})
    yield case("OddCiphers", edit(ClientHello=odd_suites), ":DECODE_ERROR:", "decode_error")
    yield case("NoCiphers", edit(ClientHello=no_suites), ":DECODE_ERROR:", "decode_error")
    yield case("NoNullCompression", {"compressions": b"\1"}, ":INVALID_COMPRESSION_LIST:",
               "illegal_parameter")
    yield case("NoCompressions", {"compressions": b""}, ":DECODE_ERROR:", "decode_error")
    yield case("ManyCompressions", {"compressions": bytes(reversed(range(255)))})
    yield case("LongSessionID", {"session_id": bytes(33)}, ":DECODE_ERROR:", "decode_error")
    yield case("FullSessionID", {"session_id": os.urandom(32)})
    yield case("UnknownExtensions", {"extensions": [(0x1234, b"abc"), (0x0a0a, b""),
                                                    (0xeaea, bytes(1000))]})
    yield case("DuplicateExtensions", {"extensions": [(0x1234, b""), (0x1234, b"")]},
               ":DECODE_ERROR:", "decode_error")
    yield case("TruncatedExtensions", edit(ClientHello=lambda m: resized(m, m[4:] + b"\0\5\0")),
               ":DECODE_ERROR:", "decode_error")
    yield case("EmptyExtensionBlock", edit(ClientHello=lambda m: resized(m, m[4:] + b"\0\0")))
    yield case("Large", {"extensions": [(21, bytes(40000))]})
    for version in (0x0300, 0x0302, 0x0303, 0x03ff):
        yield case("RecordVersion-%04x" % version, {"hello_version": version})
    for version in (0x0001, 0x0201, 0x0401, 0xffff):
        yield case("RecordVersion-%04x" % version, {"hello_version": version},
                   ":WRONG_VERSION_NUMBER:", "protocol_version")
    yield case("NoSecureRenegotiation", {"no_secure_renegotiation": True},
               flags=["-expect-no-secure-renegotiation"])
    yield case("SecureRenegotiation-SCSV", {}, flags=["-expect-secure-renegotiation"])
    yield case("SecureRenegotiation-Extension", {"no_secure_renegotiation": True,
                                                 "extensions": [(0xff01, b"\0")]},
               flags=["-expect-secure-renegotiation"])
    yield case("BadRenegotiationInfo", {"extensions": [(0xff01, b"\1x")]},
               ":RENEGOTIATION_MISMATCH:", "handshake_failure")
    yield case("FallbackSCSV", {"suites": [0x002f, 0x5600]})
    yield case("ServerName", {"extensions": [name_extension(b"example.com")]},
               flags=["-expect-server-name", "example.com"])
    yield case("NoServerName", {}, flags=["-expect-no-server-name"])
    yield case("ServerName-Wrong", {"extensions": [name_extension(b"other.com")]}, ":EXPECTATION:",
               None, ["-expect-server-name", "example.com"])
    for name, data in (("Empty", b""), ("EmptyList", b"\0\0"), ("EmptyName", b"\0\3\0\0\0"),
                       ("Trailing", name_extension(b"a.b")[1] + b"\0"),
                       ("Truncated", name_extension(b"a.b")[1][:-1])):
        yield case("ServerName-" + name, {"extensions": [(0, data)]}, ":DECODE_ERROR:",
                   "decode_error")
    yield case("ServerName-NUL", {"extensions": [name_extension(b"a\0b")]}, ":PARAMETER:",
               "illegal_parameter")


def name_extension(name):
    return 0, p.vector(2, b"\0" + p.vector(2, name))


def _parts(message):
    """ClientHello without extensions: up to the suites, the suites, the rest."""
    at = 4 + 2 + 32
    at += 1 + message[at]
    n = int.from_bytes(message[at:at + 2], "big")
    return message[4:at], message[at + 2:at + 2 + n], message[at + 2 + n:]


def odd_suites(message):
    before, suites, rest = _parts(message)
    return resized(message, before + p.vector(2, suites + b"\0") + rest)


def no_suites(message):
    before, _, rest = _parts(message)
    return resized(message, before + p.vector(2, b"") + rest)


# ---- key exchange and certificates ----


def key_exchange():
    """Whatever is wrong with a premaster secret must look as if it only led to other keys
    (RFC 2246 7.4.7.1; RFC 5246 has the remedy)."""
    def case(name, options, fails, alert):
        return Case("ClientKeyExchange-" + name, "server", [], options, fails=fails, alert=alert)

    for version in (0x0300, 0x0302, 0x0303):
        yield case("WrongPremasterVersion-%04x" % version, {"premaster_version": version},
                   ":DECRYPTION_FAILED_OR_BAD_RECORD_MAC:", "bad_record_mac")
    yield case("OfferedVersion", {"version": 0x0303, "premaster_version": 0x0303}, None, None)
    yield case("NegotiatedVersion", {"version": 0x0303, "premaster_version": 0x0301},
               ":DECRYPTION_FAILED_OR_BAD_RECORD_MAC:", "bad_record_mac")
    yield case("BadPadding", edit(ClientKeyExchange=lambda m: m[:20] + bytes([m[20] ^ 1]) + m[21:]),
               ":DECRYPTION_FAILED_OR_BAD_RECORD_MAC:", "bad_record_mac")
    yield case("Empty", edit(ClientKeyExchange=lambda m: resized(m, b"")), ":DECODE_ERROR:",
               "decode_error")
    yield Case("EmptyCertificate", "client", [], {"chain": []}, fails=":DECODE_ERROR:",
               alert="decode_error")
    yield Case("GarbageCertificate", "client", [], {"chain": [b"GARBAGE"]},
               fails=":CANNOT_PARSE_LEAF_CERT:", alert="bad_certificate")
    yield Case("EmptyCertificateInList", "client", [], edit(
        Certificate=lambda m: b"\x0b\0\0\6\0\0\3\0\0\0"), fails=":DECODE_ERROR:",
        alert="decode_error")
    yield Case("TrustCert", "client", ["-verify-peer", "-trust-cert", "$ROOT",
                                       "-expect-peer-cert-file", "$CHAIN"])
    yield Case("TrustCert-Other", "client", ["-verify-peer", "-trust-cert", "$OTHER"],
               fails=":CERTIFICATE_VERIFY_FAILED:", alert="unknown_ca")
    yield Case("VerifyFail", "client", ["-verify-fail"], fails=":CERTIFICATE_VERIFY_FAILED:",
               alert="unknown_ca")
    yield Case("HostName", "client", ["-host-name", "example.com"],
               exchange=then(do(lambda peer: sent_name(peer, b"example.com")), echo()))
    yield Case("HostName-None", "client", exchange=then(do(lambda peer: sent_name(peer, None)),
                                                        echo()))
    yield Case("ExpectNoPeerCert", "client", ["-expect-no-peer-cert"], fails=":EXPECTATION:")


def sent_name(peer, name):
    data = peer.peer_extensions.get(0)
    if data != (None if name is None else name_extension(name)[1]):
        raise p.Wrong("server_name: %r" % data)


# ---- renegotiation, refused ----


def renegotiation():
    """RFC 2246 7.2.2: no_renegotiation is a warning, and the connection goes on."""
    def refused(start):
        def step(peer, number):
            start(peer)
            peer.write(b"x")
            peer.read(1)
            if peer.warnings != ["no_renegotiation"]:
                raise p.Wrong("warnings: %s" % peer.warnings)
        return step

    def client_hello(peer):
        body = b"\3\1" + bytes(32) + b"\0\0\2\0\x2f\1\0"
        peer.send_record(p.HANDSHAKE, b"\1" + p.vector(3, body))

    for name, flags in (("Refused", []), ("Ignore", ["-renegotiate-ignore"])):
        yield Case("Renegotiate-Client-" + name, "client", flags,
                   exchange=then(echo(), refused(hello_request), echo()))
        yield Case("Renegotiate-Server-" + name, "server", flags,
                   exchange=then(echo(), refused(client_hello), echo()))
    yield Case("Renegotiate-Client-TooMany", "client",
               exchange=then(echo(), *[do(hello_request)] * 5, do(read_on)),
               fails=":NO_RENEGOTIATION:")
    yield Case("Renegotiate-ServerHello", "client",
               exchange=then(echo(), do(lambda peer: peer.send_record(p.HANDSHAKE, b"\2\0\0\0")),
                             do(read_on)), fails=":UNEXPECTED_MESSAGE:", alert="unexpected_message")


def cases():
    yield from form()
    yield from in_server_hello()
    yield from in_client_hello()
    yield from key_exchange()
    yield from renegotiation()
