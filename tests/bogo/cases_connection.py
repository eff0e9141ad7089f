"""What a connection that works does: both roles, all ways to move bytes, and how it ends."""

import peer as p
from runner import Case, do, echo, then

MODES = [("Sync", []), ("Async", ["-async"]), ("Implicit", ["-implicit-handshake"]),
         ("PartialWrite", ["-partial-write"])]
SIZES = [1, 255, 256, 257, 16383, 16384, 16385, 32767, 32768, 32769]


def basic():
    for shim in ("client", "server"):
        title = shim.capitalize()
        for mode, flags in MODES:
            yield Case("Basic-%s-%s" % (title, mode), shim, flags)
        for suite, (name, *_) in sorted(p.SUITES.items()):
            options = {"suites": [suite]}
            title = "%s-TLS1-%s" % (shim.capitalize(), name.decode())
            yield Case(title, shim, ["-expect-cipher", str(suite)], options)
            yield Case(title + "-LargeRecord", shim, ["-async"], options, echo(16384))
        title = shim.capitalize()
        yield Case("IPv6-" + title, shim, ipv6=True)
        yield Case("ShimWritesFirst-" + title, shim, ["-shim-writes-first"],
                   exchange=echo(hello=True))
        yield Case("ExpectVersion-" + title, shim, ["-expect-version", "769", "-no-tls13",
                                                    "-no-tls12", "-no-tls11"])
        yield Case("ExpectCipher-Wrong-" + title, shim, ["-expect-cipher", "1"],
                   fails=":EXPECTATION:")
        yield Case("ReadSize-" + title, shim, ["-read-size", "7"], exchange=echo(1000))
        yield Case("Reconnect-" + title, shim, ["-expect-session-miss"],
                   connections=3)
        yield Case("TLSUnique-" + title, shim, ["-tls-unique"], exchange=then(do(unique), echo()))
        yield Case("HandshakeNeverDone-" + title, shim, ["-handshake-never-done"],
                   fails=":EXPECTATION:")
        yield Case("ReadWithUnfinishedWrite-" + title, shim,
                   ["-async", "-read-with-unfinished-write"], exchange=unfinished_write)
        yield Case("Messages-" + title, shim,
                   ["-expect-msg-callback", MESSAGES[shim], "-shim-shuts-down",
                    "-check-close-notify"], exchange=do(p.Peer.expect_close))


MESSAGES = {
    "client": "write hs 1\nread hs 2\nread hs 11\nread hs 14\nwrite hs 16\nwrite ccs\nwrite hs 20\n"
              "read ccs\nread hs 20\nwrite alert 1 0\nread alert 1 0\n",
    "server": "read hs 1\nwrite hs 2\nwrite hs 11\nwrite hs 14\nread hs 16\nread ccs\nread hs 20\n"
              "write ccs\nwrite hs 20\nwrite alert 1 0\nread alert 1 0\n"}


def unique(peer):
    if peer.read(12) != peer.verify_data["server" if peer.resumed else "client"]:
        raise p.Wrong("tls-unique differs (RFC 5929 section 3)")


def unfinished_write(peer, number):
    """One byte of hello's record is on its way; it goes on when the shim has read."""
    first = peer._receive(1)
    peer.write(b"x")
    receive = peer._receive
    peer._receive = lambda n: first + receive(n - 1) if n == 5 and restore() else receive(n)

    def restore():
        peer._receive = receive
        return True
    if peer.read(6) != b"hello" + bytes([ord("x") ^ 0xff]):
        raise p.Wrong("hello did not come first")


def sizes():
    def all_sizes(peer, number):
        total = sum(SIZES)
        if peer.read(total) != b"\x42" * total:
            raise p.Wrong("the bytes differ")

    for suite, (name, *_) in sorted(p.SUITES.items()):
        for mode, flags in MODES[:2] + MODES[3:]:
            for split in ([], ["-cbc-record-splitting"]):
                yield Case("CBCRecordSplitting%s-%s-%s" % ("" if split else "-Off", name.decode(),
                                                           mode), "client",
                           ["-write-different-record-sizes"] + flags + split, {"suites": [suite]},
                           exchange=all_sizes)
    for on in (True, False):
        yield Case("CBCRecordSplitting-%s" % ("On" if on else "Off"), "server",
                   ["-cbc-record-splitting"] if on else [], exchange=then(echo(100), do(
                       lambda peer, on=on: lengths(peer, [1, 99] if on else [100]))))
    yield Case("MaxSendFragment", "client", ["-max-send-fragment", "512", "-read-size", "16384"],
               exchange=then(echo(2000), do(lambda peer: lengths(peer, [512, 512, 512, 464]))))
    for size in SIZES:
        yield Case("Echo-%d" % size, "server", exchange=echo(size))
    yield Case("OneByteRecords", "client", exchange=echo(40, size=1))
    yield Case("ManyMessages", "server", exchange=echo(100, count=50))


def lengths(peer, wanted):
    got = [n for kind, n in peer.record_lengths if kind == p.DATA]
    if got != wanted:
        raise p.Wrong("records of %s bytes" % got)


def no_more(peer, number):
    peer.ended = True  # the connection ends without close_notify


def ending():
    check = ["-check-close-notify"]
    for shim in ("client", "server"):
        title = shim.capitalize()
        yield Case("Shutdown-Shim-" + title, shim, ["-shim-shuts-down"] + check,
                   exchange=do(p.Peer.expect_close))
        yield Case("Shutdown-Shim-Quiet-" + title, shim, ["-shim-shuts-down"], exchange=quiet_end)
        yield Case("Shutdown-Runner-" + title, shim, check,
                   exchange=then(echo(), do(p.Peer.close), do(p.Peer.expect_close), no_more))
        yield Case("Shutdown-Shim-ApplicationData-" + title, shim, ["-shim-shuts-down"] + check,
                   exchange=then(do(lambda peer: peer.write(b"late")), do(p.Peer.expect_close)),
                   fails=":APPLICATION_DATA_ON_SHUTDOWN:")
        yield Case("Unclean-Shutdown-" + title, shim, ["-shim-shuts-down"] + check,
                   exchange=then(do(p.Peer.expect_close), no_more),
                   fails="Unexpected SSL_shutdown result: -1 != 1")
        yield Case("Unclean-Shutdown-Ignored-" + title, shim, exchange=then(echo(), no_more))
        yield Case("Unclean-Shutdown-Runner-" + title, shim, check, exchange=then(echo(), no_more),
                   fails="Unexpected SSL_shutdown result: -1 != 1")
        yield Case("Unclean-Shutdown-Alert-" + title, shim, ["-shim-shuts-down"] + check,
                   exchange=then(do(lambda peer: peer.send_alert("decompression_failure")),
                                 do(p.Peer.expect_close), no_more),
                   fails=":SSLV3_ALERT_DECOMPRESSION_FAILURE:")
        yield Case("SendAlert-" + title, shim, ["-send-alert"], exchange=then(
            do(expect_alert), no_more))
        for alert, name in ALERTS_RECEIVED:
            yield Case("Alert-%s-%s" % (alert, title), shim,
                       exchange=then(echo(), do(lambda peer, a=alert: peer.send_alert(a)), no_more),
                       fails=name)


def expect_alert(peer):
    try:
        peer.read(1)
    except p.PeerAlert as alert:
        if alert.name == "decompression_failure":
            return
        raise


def quiet_end(peer, number):
    try:
        peer.read(1)
    except EOFError:
        peer.ended = True
        return
    raise p.Wrong("data came")


ALERTS_RECEIVED = [("handshake_failure", ":SSLV3_ALERT_HANDSHAKE_FAILURE:"),
                   ("decode_error", ":TLSV1_ALERT_DECODE_ERROR:"),
                   ("unknown_ca", ":TLSV1_ALERT_UNKNOWN_CA:"),
                   ("bad_record_mac", ":SSLV3_ALERT_BAD_RECORD_MAC:")]


def cases():
    yield from basic()
    yield from sizes()
    yield from ending()
