"""Resumption by id (RFC 2246 7.3) and by ticket (RFC 5077), extended master secret (RFC 7627) and
encrypt-then-MAC (RFC 7366)."""

import os

import peer as p
from runner import Case, do, echo, then

BOTH = ("client", "server")


def again(**options):
    """The same each time, and the session of the connection before."""
    return lambda number, session: dict(options, resume=session)


def afresh(first, later):
    """Options of the first connection and of those after it, which resume."""
    return lambda number, session: dict(later, resume=session) if number else first


def resumed(peer, number):
    if peer.resumed != (number > 0):
        raise p.Wrong("resumed: %s" % peer.resumed)


def not_resumed(peer):
    if peer.resumed:
        raise p.Wrong("it was resumed")


def ids_and_tickets():
    for shim in BOTH:
        for kind, options in (("SessionID", {}), ("Ticket", {"tickets": True})):
            for mode, flags in (("Sync", []), ("Async", ["-async"])):
                for secrets in ({}, {"ems": True}, {"etm": True}, {"ems": True, "etm": True}):
                    name = "Resume-%s-%s-%s%s" % (shim.capitalize(), kind, mode,
                                                  "".join("-" + s.upper() for s in secrets))
                    yield Case(name, shim, flags + (["-expect-extended-master-secret"]
                                                    if "ems" in secrets else []),
                               again(**options, **secrets), then(resumed, echo()), connections=3)
            title = "%s-%s" % (shim.capitalize(), kind)
            for suite, (name, *_) in sorted(p.SUITES.items()):
                yield Case("Resume-%s-%s" % (title, name.decode()), shim, [],
                           again(suites=[suite], **options), then(resumed, echo()), connections=2)
            yield Case("Resume-TLSUnique-" + title, shim, ["-tls-unique"], again(**options),
                       then(do(unique), resumed, echo()), connections=2)
            yield Case("Resume-Expired-" + title, shim, ["-resumption-delay", "7201",
                                                         "-expect-session-miss"],
                       again(**options), then(do(not_resumed), echo()), connections=2)
            yield Case("Resume-NotExpired-" + title, shim, ["-resumption-delay", "7100"],
                       again(**options), then(resumed, echo()), connections=2)


def unique(peer):
    if peer.read(12) != peer.verify_data["server" if peer.resumed else "client"]:
        raise p.Wrong("tls-unique differs (RFC 5929 section 3)")


def client():
    yield Case("Resume-Client-Declined", "client", ["-expect-session-miss"], {},
               then(do(not_resumed), echo()), connections=2)
    yield Case("Resume-Client-Declined-Ticket", "client", ["-expect-session-miss"],
               {"tickets": True}, then(do(not_resumed), echo()), connections=2)
    yield Case("Resume-Client-NoSessionID", "client",
               ["-expect-session-miss", "-expect-no-session"],
               {"session_id": b""}, then(do(lambda peer: offered(peer, 0)), echo()), connections=2)
    yield Case("Resume-Client-CipherMismatch", "client", [],
               lambda number, session: {"resume": session, "choose": 0x0035} if number
               else {"suites": [0x002f]}, connections=2,
               fails=":OLD_SESSION_CIPHER_NOT_RETURNED:", alert="illegal_parameter")
    yield Case("Resume-Client-TicketFlags-NoTicket", "client", ["-no-ticket"], {"tickets": True},
               then(do(no_ticket_extension), echo()))
    # RFC 5077 3.4: an id of the client's own making, by which ServerHello answers.
    yield Case("Resume-Client-TicketSessionID", "client", [], again(tickets=True),
               then(do(fresh_id), resumed, echo()), connections=2)
    yield Case("Resume-Client-TicketRenewed", "client", ["-on-resume-expect-ticket-renewal"],
               renewed, then(resumed, echo()), connections=2)
    yield Case("ExtendedMasterSecret-NoToYes-Client", "client", [], afresh({}, {"ems": True}),
               connections=2, fails=":RESUMED_NON_EMS_SESSION_WITH_EMS_EXTENSION:",
               alert="handshake_failure")
    yield Case("ExtendedMasterSecret-YesToNo-Client", "client", [], afresh({"ems": True}, {}),
               connections=2, fails=":RESUMED_EMS_SESSION_WITHOUT_EMS_EXTENSION:",
               alert="handshake_failure")
    for name, body, fails in (
            ("Trailing", b"\0\0\0\0\0\1x!", ":DECODE_ERROR:"),
            ("Short", b"\0\0\0\0\0", ":DECODE_ERROR:"),
            ("Truncated", b"\0\0\0\0\0\2x", ":DECODE_ERROR:"), ("Empty", b"\0\0\0\0\0\0", None),
            ("Long", b"\0\0\0\0\x28\0" + bytes(0x2800), None)):
        yield Case("NewSessionTicket-" + name, "client", [] if fails else ["-expect-no-session"],
                   {"tickets": True, "session_id": b"", "edit": {
                       "NewSessionTicket": lambda m, b=body: m[:1] + p.vector(3, b)}},
                   fails=fails, alert=fails and "decode_error")
    yield Case("NewSessionTicket-Missing", "client", [], {"tickets": True, "edit": {
        "NewSessionTicket": lambda m: b""}}, fails=":UNEXPECTED_RECORD:",
        alert="unexpected_message")
    yield Case("NewSessionTicket-NotPromised", "client", [], {"before": {
        "ChangeCipherSpec": lambda peer: peer.send_message("NewSessionTicket", b"\0\0\0\0\0\1x")}},
        fails=":UNEXPECTED_MESSAGE:", alert="unexpected_message")
    for name, kind in (("ExtendedMasterSecret", 23), ("EncryptThenMAC", 22), ("SessionTicket", 35)):
        yield Case("ServerHello-%s-NotEmpty" % name, "client", [], {"extensions": [(kind, b"x")]},
                   fails=":DECODE_ERROR:", alert="decode_error")


def offered(peer, n):
    if len(peer.offered_by_client) != n:
        raise p.Wrong("a session id of %d bytes was offered" % len(peer.offered_by_client))


def fresh_id(peer):
    if peer.peer_extensions.get(35) and len(peer.offered_by_client) != 32:
        raise p.Wrong("no session id beside the ticket")


def no_ticket_extension(peer):
    if 35 in peer.peer_extensions:
        raise p.Wrong("session_ticket in the hello or its answer")


def renewed(number, session):
    return {"tickets": True, "resume": session, "renew": True}


def server():
    yield Case("Resume-Server-NoTickets", "server", ["-no-ticket"], again(tickets=True),
               then(do(no_ticket_extension), resumed, echo()), connections=2)
    for name, change in (("Corrupt", lambda t: t[:-1] + bytes([t[-1] ^ 1])),
                         ("CorruptName", lambda t: bytes([t[0] ^ 1]) + t[1:]),
                         ("CorruptIV", lambda t: t[:20] + bytes([t[20] ^ 1]) + t[21:]),
                         ("Short", lambda t: t[:40]), ("OneByte", lambda t: t[:1]),
                         ("Long", lambda t: t + b"x"), ("Garbage", lambda t: os.urandom(len(t))),
                         ("Huge", lambda t: t + bytes(16000))):
        yield Case("Resume-Server-Ticket" + name, "server", ["-expect-session-miss"],
                   changed_ticket(change), then(do(not_resumed), do(has_ticket), echo()),
                   connections=2)
    yield Case("Resume-Server-TicketEmptySessionID", "server", [], lambda number, session:
               {"tickets": True, "resume": session, "session_id": b"", "resumes_silently": True},
               then(echo()), connections=2)
    yield Case("Resume-Server-RenewTicket", "server", ["-renew-ticket"], again(tickets=True),
               then(resumed, do(has_ticket), echo()), connections=3)
    yield Case("Resume-Server-UnknownSessionID", "server", ["-expect-session-miss"],
               {"session_id": os.urandom(32)}, then(do(not_resumed), echo()), connections=2)
    yield Case("Resume-Server-UnofferedCipher", "server", [],
               lambda number, session: {"resume": session,
                                        "suites": [0x0035 if number else 0x002f]},
               connections=2, fails=":illegal_parameter:", alert="illegal_parameter")
    yield Case("ExtendedMasterSecret-NoToYes-Server", "server", ["-expect-session-miss"],
               afresh({}, {"ems": True}), then(do(not_resumed), echo()), connections=2)
    yield Case("ExtendedMasterSecret-YesToNo-Server", "server", [], afresh({"ems": True}, {}),
               connections=2, fails=":RESUMED_EMS_SESSION_WITHOUT_EMS_EXTENSION:",
               alert="handshake_failure")
    yield Case("Resume-Server-OtherName", "server", ["-expect-session-miss"],
               lambda number, session: {"tickets": True, "resume": session, "extensions": [
                   (0, p.vector(2, b"\0" + p.vector(2, b"%d.test" % number)))]},
               then(do(not_resumed), echo()), connections=2)
    for name, kind in (("ExtendedMasterSecret", 23), ("EncryptThenMAC", 22)):
        yield Case("ClientHello-%s-NotEmpty" % name, "server", [], {"extensions": [(kind, b"x")]},
                   fails=":DECODE_ERROR:", alert="decode_error")


def has_ticket(peer):
    if not peer.ticket:
        raise p.Wrong("no new ticket")


def changed_ticket(change):
    def options(number, session):
        if session:
            session.ticket = change(session.ticket)
        return {"tickets": True, "resume": session}
    return options


def encrypt_then_mac():
    both = {"etm": True, "ems": True}
    for shim in BOTH:
        title = shim.capitalize()
        for suite, (name, *_) in sorted(p.SUITES.items()):
            options = dict(both, suites=[suite])
            yield Case("EncryptThenMAC-%s-%s" % (name.decode(), title), shim, [], options,
                       then(do(agreed), echo(1000), echo(16384), echo(1)))
            for damage in ("padding", "last byte"):
                yield Case("EncryptThenMAC-Bad-%s-%s-%s" % (damage.replace(" ", ""), name.decode(),
                                                            title), shim, [], options,
                           then(echo(), do(lambda peer, d=damage: peer.send_record(
                               p.DATA, b"x" * 20, damage=d)), do(lambda peer: peer.read(1))),
                           ":DECRYPTION_FAILED_OR_BAD_RECORD_MAC:", "bad_record_mac")
        yield Case("EncryptThenMAC-RecordSplitting-" + title, shim, ["-cbc-record-splitting"], both,
                   then(echo(100), echo(5000)))
        yield Case("EncryptThenMAC-Empty-" + title, shim, [], both, echo(empty=5))


def agreed(peer):
    if not (peer.etm and peer.ems):
        raise p.Wrong("encrypt_then_mac %s, extended_master_secret %s" % (peer.etm, peer.ems))


def cases():
    yield from ids_and_tickets()
    yield from client()
    yield from server()
    yield from encrypt_then_mac()
