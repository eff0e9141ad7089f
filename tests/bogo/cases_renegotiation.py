"""Renegotiation: begun by the runner, allowed to the shim or not."""

import peer as p
from runner import Case, do, echo, then

SUITES = [0x002f, 0x0035, 0x000a]


def ask(peer):
    peer.send_record(p.HANDSHAKE, bytes(4))


def again(**options):
    """One more handshake; a server asks for it first."""
    def run(peer, number):
        if peer.is_server:
            ask(peer)
        peer.options.update(options)
        peer.renegotiate()
    return run


def refused(peer, number):
    ask(peer)
    echo()(peer, number)
    if peer.warnings != ["no_renegotiation"]:
        raise p.Wrong("warnings: %s" % peer.warnings)


def changed(peer, number):
    """What the peer remembers of the handshake before is not what it was."""
    peer.verify_data = {who: bytes(12) for who in peer.verify_data}
    again()(peer, number)


def cases():
    once, freely = ["-renegotiate-once"], ["-renegotiate-freely"]
    total = lambda n: ["-expect-total-renegotiations", str(n)]
    for title, shim in (("Client", "client"), ("Server", "server")):
        yield Case("Renegotiate-%s-Freely-1" % title, shim, freely + total(1),
                   exchange=then(echo(), again(), echo()))
        yield Case("Renegotiate-%s-Freely-2" % title, shim, freely + total(2),
                   exchange=then(again(), again(), echo()))
        yield Case("Renegotiate-%s-Explicit" % title, shim, ["-renegotiate-explicit"] + total(1),
                   exchange=then(again(), echo()))
        yield Case("Renegotiate-%s-Async" % title, shim, freely + total(1) + ["-async"],
                   exchange=then(again(), echo()))
        yield Case("Renegotiate-%s-Packed" % title, shim, freely + total(1), {"pack": True},
                   then(again(), echo()))
        yield Case("Renegotiate-%s-MaxHandshakeRecordLength-1" % title, shim, freely + total(1),
                   exchange=then(again(split=1), echo()))
        for suite in SUITES:
            yield Case("Renegotiate-%s-SwitchCiphers-%04x" % (title, suite), shim,
                       freely + total(1), exchange=then(again(suites=[suite]), echo()))
        yield Case("Renegotiate-%s-EMS" % title, shim, freely + total(1), {"ems": True},
                   then(again(), echo()))
        yield Case("Renegotiate-%s-EtM" % title, shim, freely + total(1), {"etm": True},
                   then(again(), echo()))
        yield Case("Renegotiate-%s-UpgradeEtM" % title, shim, freely + total(1),
                   exchange=then(again(etm=True), echo()))
        yield Case("Renegotiate-%s-DowngradeEtM" % title, shim, freely + total(1), {"etm": True},
                   again(etm=False), fails=":ENCRYPT_THEN_MAC:", alert="handshake_failure")
        yield Case("Renegotiate-%s-NoExt" % title, shim, freely, exchange=again(
            no_secure_renegotiation=True), fails=":RENEGOTIATION_INFO:", alert="handshake_failure")
    yield Case("Renegotiate-Server-BadExt", "server", freely, exchange=changed,
               fails=":RENEGOTIATION_INFO:", alert="handshake_failure")
    yield Case("Renegotiate-Client-BadExt", "client", freely, exchange=again(
        edit={"ServerHello": lambda m: m[:-1] + bytes([m[-1] ^ 1])}),
               fails=":RENEGOTIATION_INFO:", alert="handshake_failure")
    for name, before, after in (("Upgrade", False, True), ("Downgrade", True, False)):
        yield Case("Renegotiate-Client-%sEMS" % name, "client", freely, {"ems": before},
                   again(ems=after), fails=":RENEGOTIATION_EMS_MISMATCH:",
                   alert="illegal_parameter")
    yield Case("Renegotiate-Client-Once", "client", once + total(1),
               exchange=then(again(), do(lambda peer: refused(peer, 0))))
    yield Case("Renegotiate-Client-Ignored", "client", ["-renegotiate-ignore"], exchange=refused)
    yield Case("Renegotiate-Client-Refused", "client", exchange=refused)
    for group in (23, 29):
        point = b"\0\2" + group.to_bytes(2, "big")
        yield Case("CurveTest-Server-%d" % group, "server",
                   ["-curves", str(group), "-expect-curve-id", str(group)],
                   {"suites": [0xc013],
                    "extensions": [(10, b"\0\x08\0\x1d\0\x17\0\x18\0\x19"), (11, b"\1\0")]},
                   echo())
        yield Case("CurveTest-Server-NoneInCommon-%d" % group, "server",
                   ["-curves", "23" if group != 23 else "24"],
                   {"suites": [0xc013], "extensions": [(10, point), (11, b"\1\0")]},
                   fails=":NO_SHARED_CIPHER:", alert="handshake_failure")
