"""Draws a captured TLS 1.0 handshake as RFC 2246 draws it (7.3, Figure 1)."""

import os
import re
import subprocess

_TYPES = {0: "HelloRequest", 1: "ClientHello", 2: "ServerHello", 4: "NewSessionTicket",
          11: "Certificate", 12: "ServerKeyExchange", 13: "CertificateRequest",
          14: "ServerHelloDone", 15: "CertificateVerify", 16: "ClientKeyExchange",
          20: "Finished", 22: "CertificateStatus"}
_SIGNALS = (0x00ff, 0x5600)  # RFC 5746, RFC 7507: not suites
_VERSIONS = {(3, 0): "SSL 3.0", (3, 1): "TLS 1.0", (3, 2): "TLS 1.1", (3, 3): "TLS 1.2"}
_ALERT, _HANDSHAKE, _CHANGE_CIPHER_SPEC, _DATA = 21, 22, 20, 23


class Message:
    """from_client; name; encrypted; notes: lines that say what is in it."""

    def __init__(self, from_client, name, encrypted=False, notes=()):
        self.from_client, self.name = from_client, name
        self.encrypted, self.notes = encrypted, list(notes)


class Decoded:
    """messages, in order; version, suite (names); data: {from_client: number of records}."""

    def __init__(self, chunks):
        self.messages, self.version, self.suite = [], None, None
        self.data = {True: 0, False: 0}
        self._bytes = {True: b"", False: b""}
        self._handshake = {True: b"", False: b""}
        self._changed = {True: False, False: False}
        for from_client, data in chunks:
            self._bytes[from_client] += data
            self._records(from_client)

    def _records(self, side):
        data = self._bytes[side]
        while len(data) >= 5:
            size = int.from_bytes(data[3:5], "big")
            if data[0] not in range(20, 24) or data[1] != 3:
                raise ValueError("this is no TLS record: %r" % data[:20])
            if len(data) < 5 + size:
                break
            self._record(side, data[0], data[5:5 + size])
            data = data[5 + size:]
        self._bytes[side] = data

    def _record(self, side, kind, body):
        if kind == _CHANGE_CIPHER_SPEC:
            self._changed[side] = True
            self.messages.append(Message(side, "[ChangeCipherSpec]"))
        elif kind == _DATA:
            self.data[side] += 1
        elif self._changed[side]:
            name = "Finished" if kind == _HANDSHAKE else "Alert"
            self.messages.append(Message(side, name, encrypted=True))
        elif kind == _ALERT:
            self.messages.append(Message(side, "Alert %d" % body[1]))
        else:
            self._handshake[side] += body
            self._messages(side)

    def _messages(self, side):
        data = self._handshake[side]
        while len(data) >= 4 and len(data) >= 4 + int.from_bytes(data[1:4], "big"):
            size = int.from_bytes(data[1:4], "big")
            name = _TYPES.get(data[0], "message %d" % data[0])
            reader = getattr(self, "_" + name, None)
            notes = reader(data[4:4 + size]) if reader else ()
            self.messages.append(Message(side, name, notes=notes))
            data = data[4 + size:]
        self._handshake[side] = data

    def _ClientHello(self, body):
        at = 35 + body[34]
        size = int.from_bytes(body[at:at + 2], "big")
        numbers = [int.from_bytes(body[i:i + 2], "big") for i in range(at + 2, at + 2 + size, 2)]
        suites = [n for n in numbers if n not in _SIGNALS]
        return ["offers %s, %d suites" % (_version(body), len(suites))]

    def _ServerHello(self, body):
        at = 35 + body[34]
        self.version = _version(body)
        self.suite = _suite(int.from_bytes(body[at:at + 2], "big"))
        return ["chooses " + self.version, self.suite]

    def _Certificate(self, body):
        size = int.from_bytes(body[3:6], "big")
        told = subprocess.run(["openssl", "x509", "-inform", "DER", "-noout", "-subject", "-issuer",
                               "-nameopt", "compat"], input=body[6:6 + size],
                              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        return told.stdout.decode().splitlines()


def _suite(number):
    """Its name in the project's own table."""
    table = os.path.join(os.path.dirname(__file__), "..", "..", "..", "tls", "tls_suites.c")
    with open(table) as f:
        found = re.search(r'\{0x%04x, "(\w+)"' % number, f.read())
    return found.group(1) if found else "suite %04x" % number


def _version(body):
    return _VERSIONS.get((body[0], body[1]), "version %d.%d" % (body[0], body[1]))


def draw(decoded):
    """The ladder, as lines of text."""
    lines = ["%-36s %-12s %s" % ("Client", "", "Server"), ""]
    messages = decoded.messages
    data_at = _end_of_handshake(messages)
    for number, message in enumerate(messages):
        if number == data_at:
            lines.append("%-36s %-12s %s" % ("Application Data (%d records)" % decoded.data[True],
                                             "<-------->",
                                             "Application Data (%d records)" % decoded.data[False]))
        last = number + 1 == len(messages) or messages[number + 1].from_client != message.from_client
        lines += _message(message, last or number + 1 == data_at)
    return lines


def _end_of_handshake(messages):
    finished = [i for i, m in enumerate(messages) if m.name == "Finished"]
    return finished[1] + 1 if len(finished) > 1 else None


def _message(message, last):
    name = message.name + (" (encrypted)" if message.encrypted else "")
    if message.from_client:
        lines = ["%-36s %s" % (name, "-------->" if last else "")]
        return [line.rstrip() for line in lines + ["    " + note for note in message.notes]]
    lines = ["%-36s %-12s %s" % ("", "<--------" if last else "", name)]
    return lines + ["%-36s %-12s     %s" % ("", "", note) for note in message.notes]
