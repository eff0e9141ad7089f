"""Records, alerts and ChangeCipherSpec as they may not be, or hardly may (RFC 2246 6.2, 7.1,
7.2)."""

import peer as p
from runner import Case, do, echo, then

BOTH = ("client", "server")


def after(step, *more):
    """Something in the established session, after data has gone both ways."""
    return then(echo(), do(step), *more)


def send(kind, content, **how):
    return lambda peer: peer.send_record(kind, content, **how)


def read_on(peer, number):
    """Until the shim's alert, or its end."""
    peer.read(1)


def noise():
    for shim in BOTH:
        title = shim.capitalize()
        yield Case("SendEmptyRecords-Pass-" + title, shim, exchange=echo(empty=32))
        yield Case("SendEmptyRecords-Async-" + title, shim, ["-async"], exchange=echo(empty=32))
        yield Case("SendEmptyRecords-" + title, shim, exchange=echo(empty=33),
                   fails=":TOO_MANY_EMPTY_FRAGMENTS:", alert="unexpected_message")
        yield Case("SendWarningAlerts-Pass-" + title, shim, exchange=echo(warnings=4))
        yield Case("SendWarningAlerts-TooMany-" + title, shim, exchange=echo(warnings=5),
                   fails=":TOO_MANY_WARNING_ALERTS:", alert="unexpected_message")
        yield Case("SendUserCanceled-Pass-" + title, shim, exchange=after(
            lambda peer: peer.send_alert("user_canceled", 1), echo()))


def protection():
    for shim in BOTH:
        for suite, (name, *_) in sorted(p.SUITES.items()):
            for damage in ("mac", "padding", "last byte"):
                yield Case("Bad-%s-%s-%s" % (damage.replace(" ", ""), name.decode(),
                                             shim.capitalize()), shim, [], {"suites": [suite]},
                           after(send(p.DATA, b"x" * 20, damage=damage), read_on),
                           ":DECRYPTION_FAILED_OR_BAD_RECORD_MAC:", "bad_record_mac")
            for extra in (1, 14):
                yield Case("MaxPadding-%d-%s-%s" % (extra, name.decode(), shim.capitalize()), shim,
                           [], {"suites": [suite]}, after(send(p.DATA, b"", extra_padding=extra),
                                                          echo()))


def lengths_and_versions():
    for shim in BOTH:
        title = shim.capitalize()
        yield Case("LargePlaintext-" + title, shim, exchange=after(
            send(p.DATA, b"x" * 16385), read_on), fails=":DATA_LENGTH_TOO_LONG:",
            alert="record_overflow")
        yield Case("LargeCiphertext-" + title, shim, exchange=after(
            lambda peer: peer.raw(b"\x17\3\1" + p.vector(2, bytes(16384 + 2049))), read_on),
            fails=":ENCRYPTED_LENGTH_TOO_LONG:", alert="record_overflow")
        yield Case("LargeCiphertext-Pass-" + title, shim, exchange=after(
            lambda peer: peer.raw(b"\x17\3\1" + p.vector(2, bytes(16384 + 2048))), read_on),
            fails=":DECRYPTION_FAILED_OR_BAD_RECORD_MAC:", alert="bad_record_mac")
        yield Case("UnalignedCiphertext-" + title, shim, exchange=after(
            lambda peer: peer.raw(b"\x17\3\1\0\x41" + bytes(65)), read_on),
            fails=":DECRYPTION_FAILED_OR_BAD_RECORD_MAC:", alert="bad_record_mac")
        for version in (0x0300, 0x0302, 0x0303, 0x0401, 0x0201):
            yield Case("WrongRecordVersion-%04x-%s" % (version, title), shim, exchange=after(
                send(p.DATA, b"x", version=version), read_on), fails=":WRONG_VERSION_NUMBER:",
                alert="protocol_version")
        for kind in (0, 19, 24, 25, 255):
            yield Case("SendInvalidRecordType-%d-%s" % (kind, title), shim, exchange=after(
                send(kind, b"x"), read_on), fails=":UNEXPECTED_RECORD:", alert="unexpected_message")


def alerts():
    for shim in BOTH:
        title = shim.capitalize()
        # RFC 2246 6.2.1 lets a message of any type be fragmented, alerts included.
        yield Case("FragmentAlert-" + title, shim, exchange=after(
            lambda peer: (peer.send_record(p.ALERT, b"\2"), peer.send_record(p.ALERT, b"\x28"))),
            fails=":SSLV3_ALERT_HANDSHAKE_FAILURE:")
        yield Case("DoubleAlert-" + title, shim, exchange=after(
            send(p.ALERT, b"\1\x0a\2\x28"), ended), fails=":SSLV3_ALERT_HANDSHAKE_FAILURE:")
        yield Case("SendEmptyAlert-" + title, shim, exchange=after(send(p.ALERT, b""), read_on),
                   fails=":BAD_ALERT:", alert="unexpected_message")
        yield Case("SendBogusAlertType-" + title, shim, exchange=after(
            send(p.ALERT, b"\x2a\0"), read_on), fails=":UNKNOWN_ALERT_TYPE:",
                   alert="illegal_parameter")
        yield Case("DataAfterCloseNotify-" + title, shim, exchange=after(
            lambda peer: (peer.close(), peer.write(b"late")), ended))


def ended(peer, number):
    peer.ended = True


def change_cipher_spec():
    def hello_split(peer):
        """Half of Finished before ChangeCipherSpec, half after."""
        peer.send_record(p.HANDSHAKE, b"\x14\0\0\x0c" + bytes(6))

    for shim in BOTH:
        title = shim.capitalize()
        # SkipChangeCipherSpec is left to test_tls_order: the sealed Finished that follows is read as
        # a clear message, of whose random type and length the error depends.
        for name, content, alert in (("2", b"\2", "illegal_parameter"),
                                     ("Long", b"\1\1", "unexpected_message"),
                                     ("Empty", b"", "unexpected_message")):
            yield Case("BadChangeCipherSpec-%s-%s" % (name, title), shim, [],
                       {"edit": {"ChangeCipherSpec": lambda m, c=content: c}},
                       fails=":%s:" % alert, alert=alert)
        yield Case("FragmentAcrossChangeCipherSpec-" + title, shim, [],
                   {"before": {"ChangeCipherSpec": hello_split}}, fails=":UNEXPECTED_RECORD:",
                   alert="unexpected_message")
        yield Case("ChangeCipherSpecTwice-" + title, shim, [],
                   {"before": {"ChangeCipherSpec": lambda peer: peer.send_record(p.CCS, b"\1")}},
                   fails=":DECRYPTION_FAILED_OR_BAD_RECORD_MAC:", alert="bad_record_mac")
        yield Case("StrayChangeCipherSpec-" + title, shim,
                   exchange=after(send(p.CCS, b"\1"), read_on), fails=":UNEXPECTED_RECORD:",
                   alert="unexpected_message")
        first = "ClientHello" if shim == "server" else "ServerHello"
        yield Case("EarlyChangeCipherSpec-" + title, shim, [],
                   {"before": {first: lambda peer: peer.send_record(p.CCS, b"\1")}},
                   fails=":UNEXPECTED_RECORD:", alert="unexpected_message")
        second = "ClientKeyExchange" if shim == "server" else "ServerHelloDone"
        yield Case("EarlyChangeCipherSpec-2-" + title, shim, [],
                   {"before": {second: lambda peer: peer.send_record(p.CCS, b"\1")}},
                   fails=":UNEXPECTED_RECORD:", alert="unexpected_message")
        yield Case("AppDataBeforeHandshake-" + title, shim, [],
                   {"before": {first: lambda peer: peer.send_record(p.DATA, b"x")}},
                   fails=":UNEXPECTED_RECORD:", alert="unexpected_message")
        yield Case("AppDataBeforeHandshake-Empty-" + title, shim, [],
                   {"before": {first: lambda peer: peer.send_record(p.DATA, b"")}},
                   fails=":UNEXPECTED_RECORD:", alert="unexpected_message")
        yield Case("AppDataBeforeFinished-" + title, shim, [],
                   {"before": {"Finished": lambda peer: peer.send_record(p.DATA, b"x")}},
                   fails=":UNEXPECTED_RECORD:", alert="unexpected_message")
        yield Case("EmptyHandshakeRecord-" + title, shim, [],
                   {"before": {first: lambda peer: peer.send_record(p.HANDSHAKE, b"")}},
                   fails=":UNEXPECTED_RECORD:", alert="unexpected_message")


def in_handshake():
    """Alerts and ends before Finished."""
    for shim in BOTH:
        title = shim.capitalize()
        messages = {"client": ("ServerHello", "Certificate", "ServerHelloDone", "Finished"),
                    "server": ("ClientHello", "ClientKeyExchange", "Finished")}[shim]
        for name in messages:
            where = "%s-%s" % (name, title)
            yield Case("HandshakeAlert-" + where, shim, [], {"before": {
                name: lambda peer: peer.send_alert("access_denied")}},
                fails=":TLSV1_ALERT_ACCESS_DENIED:")
            yield Case("HandshakeCloseNotify-" + where, shim, [], {"before": {
                name: lambda peer: peer.close()}}, fails=":CLOSED_IN_HANDSHAKE:",
                alert="close_notify")
            yield Case("HandshakeWarning-" + where, shim, [], {"before": {
                name: lambda peer: peer.send_alert("unsupported_certificate", 1)}})
            yield Case("HandshakeEnd-" + where, shim, [], {"before": {name: hang_up}},
                       fails=":CLOSED_IN_HANDSHAKE:")
            yield Case("HandshakeHalfRecord-" + where, shim, [], {"before": {
                name: lambda peer: (peer.raw(b"\x16\3\1\0\5\1"), hang_up(peer))}},
                fails=":CLOSED_IN_HANDSHAKE:")
            yield Case("AppDataInHandshake-" + where, shim, [], {"before": {
                name: lambda peer: peer.send_record(p.DATA, b"x")}},
                fails=":APPLICATION_DATA_INSTEAD_OF_HANDSHAKE:", alert="unexpected_message")


def hang_up(peer):
    raise EOFError("the runner leaves")


def after_handshake():
    def split_hello_request(peer):
        peer.send_record(p.HANDSHAKE, b"\0\0")
        peer.send_record(p.HANDSHAKE, b"\0\0")

    yield Case("SplitHelloRequest", "client", exchange=after(split_hello_request, echo()))
    yield Case("HelloRequest-NotEmpty", "client", exchange=after(
        send(p.HANDSHAKE, b"\0\0\0\1x"), read_on), fails=":DECODE_ERROR:", alert="decode_error")
    for shim in BOTH:
        title = shim.capitalize()
        for kind, name in sorted(p.NAMES.items()) + [(3, "HelloVerify"), (99, "Unknown")]:
            if name == ("HelloRequest" if shim == "client" else "ClientHello"):
                continue
            yield Case("StrayMessage-%s-%s" % (name, title), shim, exchange=after(
                send(p.HANDSHAKE, bytes([kind]) + b"\0\0\0"), read_on),
                fails=":UNEXPECTED_MESSAGE:", alert="unexpected_message")
        yield Case("StrayMessage-Half-" + title, shim, ["-check-close-notify"], exchange=after(
            send(p.HANDSHAKE, b"\0" if shim == "client" else b"\1"), do(p.Peer.close),
            do(p.Peer.expect_close), ended))
        yield Case("DamagedFirstWrite-" + title, shim, exchange=then(
            do(send(p.DATA, b"x", damage="mac")), do(lambda peer: peer.read(1))),
            fails=":DECRYPTION_FAILED_OR_BAD_RECORD_MAC:", alert="bad_record_mac")


def replays():
    """A record once more, left out, or out of order: its number is in the MAC."""
    def twice(peer):
        sealed = peer.write_half.seal(p.DATA, b"x")
        record = b"\x17\3\1" + p.u16(len(sealed)) + sealed
        peer.raw(record + record)
        peer.read(1)
        peer.read(1)

    def left_out(peer):
        peer.write_half.seal(p.DATA, b"x")
        peer.write(b"y")
        peer.read(1)

    def other_type(peer):
        sealed = peer.write_half.seal(p.HANDSHAKE, b"\0\0\0\0")
        peer.raw(b"\x17\3\1" + p.u16(len(sealed)) + sealed)
        peer.read(1)

    for shim in BOTH:
        for name, step in (("Replay", twice), ("LeftOut", left_out), ("OtherType", other_type)):
            for etm in (False, True):
                yield Case("Record-%s-%s%s" % (name, shim.capitalize(), "-ETM" if etm else ""),
                           shim, [], {"etm": etm}, then(echo(), do(step)),
                           fails=":DECRYPTION_FAILED_OR_BAD_RECORD_MAC:", alert="bad_record_mac")


def not_tls():
    for name, text, error in (("GET", b"GET / HTTP/1.0\r\n\r\n", ":HTTP_REQUEST:"),
                              ("POST", b"POST / HTTP/1.0\r\n\r\n", ":HTTP_REQUEST:"),
                              ("HEAD", b"HEAD / HTTP/1.0\r\n\r\n", ":HTTP_REQUEST:"),
                              ("PUT", b"PUT / HTTP/1.0\r\n\r\n", ":HTTP_REQUEST:"),
                              ("CONNECT", b"CONNECT www.google.com:443 HTTP/1.0\r\n",
                               ":HTTPS_PROXY_REQUEST:")):
        yield Case("Http" + name, "server", prefix=text, fails=error, alert="unexpected_message")
    yield Case("Garbage", "server", prefix=b"blah blah blah", fails=":NOT_TLS:",
               alert="unexpected_message")
    yield Case("Garbage-Client", "client", prefix=b"220 ready\r\n", fails=":NOT_TLS:",
               alert="unexpected_message")
    yield Case("TLSFatalBadPackets", "client", prefix=b"\x15\3\1\0\2\2\x28",
               fails=":SSLV3_ALERT_HANDSHAKE_FAILURE:")


def cases():
    yield from noise()
    yield from protection()
    yield from lengths_and_versions()
    yield from alerts()
    yield from change_cipher_spec()
    yield from in_handshake()
    yield from after_handshake()
    yield from replays()
    yield from not_tls()
