"""A TLS 1.0 peer that can do anything wrong (RFC 2246, 4492, 5746, 5077, 7627, 7366).

It shares no code with the engine: everything is written here again from the RFCs (wire.py,
agreement.py). What a test wants wrong, it changes in the bytes of a message (edit), or does in
front of one (before)."""

import hashlib
import os
import struct

from agreement import Elliptic, FiniteField, RsaSigner
from wire import (AES128, AES256, CAMELLIA128, CAMELLIA256, NULL_MD5, NULL_SHA, RC4_MD5, RC4_SHA,
                  TDES, Half, Reader, Wrong, extensions_of, mac_size, prf, u16, vector)

CCS, ALERT, HANDSHAKE, DATA = 20, 21, 22, 23
TYPES = {"HelloRequest": 0, "ClientHello": 1, "ServerHello": 2, "NewSessionTicket": 4,
         "Certificate": 11, "ServerKeyExchange": 12, "CertificateRequest": 13,
         "ServerHelloDone": 14, "CertificateVerify": 15, "ClientKeyExchange": 16, "Finished": 20}
NAMES = {number: name for name, number in TYPES.items()}
ALERTS = {0: "close_notify", 10: "unexpected_message", 20: "bad_record_mac", 22: "record_overflow",
          30: "decompression_failure", 40: "handshake_failure", 42: "bad_certificate",
          43: "unsupported_certificate", 44: "certificate_revoked", 45: "certificate_expired",
          46: "certificate_unknown", 47: "illegal_parameter", 48: "unknown_ca",
          49: "access_denied", 50: "decode_error", 51: "decrypt_error", 70: "protocol_version",
          71: "insufficient_security", 80: "internal_error", 86: "inappropriate_fallback",
          90: "user_canceled", 100: "no_renegotiation", 110: "unsupported_extension",
          120: "no_application_protocol"}
NUMBERS = {name: number for number, name in ALERTS.items()}
SCSV, FALLBACK_SCSV = 0x00ff, 0x5600
SUITES = {0x002f: AES128, 0x0035: AES256, 0x000a: TDES}  # with RSA key exchange
WEAK = {0x0041: (CAMELLIA128, "RSA"), 0x0084: (CAMELLIA256, "RSA"), 0x0005: (RC4_SHA, "RSA"),
        0x0004: (RC4_MD5, "RSA"), 0x0002: (NULL_SHA, "RSA"), 0x0001: (NULL_MD5, "RSA"),
        0xc011: (RC4_SHA, "ECDHE_RSA")}
PSK = {0x008c: (AES128, "PSK"), 0x008d: (AES256, "PSK"), 0x008a: (RC4_SHA, "PSK"),
       0x0090: (AES128, "DHE_PSK"), 0x0094: (AES128, "RSA_PSK"), 0xc035: (AES128, "ECDHE_PSK")}
OTHERS = {0x0033: (AES128, "DHE_RSA"), 0x0039: (AES256, "DHE_RSA"), 0x0016: (TDES, "DHE_RSA"),
          0xc013: (AES128, "ECDHE_RSA"), 0xc014: (AES256, "ECDHE_RSA"), 0xc012: (TDES, "ECDHE_RSA"),
          0xc009: (AES128, "ECDHE_ECDSA"), 0xc00a: (AES256, "ECDHE_ECDSA"),
          0xc008: (TDES, "ECDHE_ECDSA"), 0x0034: (AES128, "DH_anon"), 0xc018: (AES128, "ECDH_anon")}


ALL = {**{suite: (cipher, "RSA") for suite, cipher in SUITES.items()}, **WEAK, **PSK, **OTHERS}


def cipher_of(suite):
    return ALL[suite][0]


def exchange_of(suite):
    return ALL[suite][1]


def is_certified(exchange):
    return "anon" not in exchange and exchange not in ("PSK", "DHE_PSK", "ECDHE_PSK")


def is_signed(exchange):
    return exchange in ("DHE_RSA", "ECDHE_RSA", "ECDHE_ECDSA")


class PeerAlert(Exception):
    """A fatal alert came, or close_notify where more was expected."""

    def __init__(self, alert):
        super().__init__("alert: " + ALERTS.get(alert, str(alert)))
        self.name = ALERTS.get(alert, str(alert))


class Session:
    """What is left of a handshake for the next."""

    def __init__(self, suite, master, id_, ticket, ems):
        self.suite, self.master, self.id, self.ticket, self.ems = suite, master, id_, ticket, ems


class Peer:
    """Options:
    server: the role. key, chain: a server's, or the shim's key. suites: in order.
    signer: for the key that signs, the peer's own or the shim's. agreement: a server's.
    psk: identity and key, as bytes. v2: ClientHello in SSL 2.0's format.
    request: ask for a client certificate. client_chain, client_signer: a client's, if asked.
    version, compressions, extensions, session_id, random: of the hello that it sends.
    hello_version: of the record in which a ClientHello begins.
    edit: {message: function(bytes) -> bytes}; what comes out is sent and hashed.
    before: {message: function(peer)}, run when the message is about to be sent.
    split: bytes of handshake per record. pack: a flight in one record.
    resume: a Session to offer or to accept; resumes_silently: without a session id to
    tell it by. ems, etm: offer or accept these.
    tickets: give one out (server; renew: after a resumption too), or offer the extension (client).
    no_secure_renegotiation: neither offer nor answer it.

    ended: a test sets it when the connection is to end without close_notify."""

    def __init__(self, sock, **options):
        self.sock, self.options = sock, options
        self.is_server = options.get("server", False)
        self.read_half = self.write_half = None
        self.transcript, self.pending, self.arrived = b"", b"", b""
        self.plain, self.warnings, self.record_lengths = b"", [], []
        self.peer_extensions, self.resumed, self.ems, self.etm = {}, False, False, False
        self.verify_data = {"client": b"", "server": b""}
        self.ticket, self.ended, self.session = b"", False, None

    def option(self, name, default=None):
        return self.options.get(name, default)

    # ---- records ----

    def _receive(self, n):
        out = b""
        while len(out) < n:
            part = self.sock.recv(n - len(out))
            if not part:
                raise EOFError("the shim closed the connection" +
                               (" in the middle of a record" if out else ""))
            out += part
        return out

    def raw(self, data):
        self.sock.sendall(data)

    def send_record(self, kind, content, version=0x0301, **how):
        if self.write_half:
            content = self.write_half.seal(kind, content, **how)
        self.raw(struct.pack(">BHH", kind, version, len(content)) + content)

    def receive_record(self):
        kind, version, n = struct.unpack(">BHH", self._receive(5))
        if version != 0x0301:
            raise Wrong("record version %04x" % version)
        if n > 16384 + 2048 or (not self.read_half and n > 16384):
            raise Wrong("a record of %d bytes" % n)
        content = self._receive(n)
        if self.read_half:
            content = self.read_half.open(kind, content)
        if len(content) > 16384:
            raise Wrong("%d bytes of plaintext in a record" % len(content))
        self.record_lengths.append((kind, len(content)))
        if kind == ALERT:
            self._alert(content)
            return self.receive_record()
        return kind, content

    def _alert(self, content):
        if len(content) != 2 or content[0] not in (1, 2):
            raise Wrong("alert %r" % content)
        if content[0] == 1 and content[1] != 0:
            self.warnings.append(ALERTS.get(content[1]))
            return
        raise PeerAlert(content[1])

    def send_alert(self, alert, level=2):
        self.send_record(ALERT, bytes([level, NUMBERS[alert]]))

    # ---- handshake messages ----

    def send_message(self, name, body):
        message = bytes([TYPES[name]]) + vector(3, body)
        if name in self.option("before", {}):
            self.flush()
            self.option("before")[name](self)
        message = self.option("edit", {}).get(name, lambda m: m)(message)
        self.transcript += message
        self.pending += message
        if not self.option("pack") or name == "Finished":
            self.flush()

    def flush(self):
        size = self.option("split", 16384)
        while self.pending:
            version = self.option("hello_version", 0x0301) if self.pending[:1] == b"\1" else 0x0301
            self.send_record(HANDSHAKE, self.pending[:size], version)
            self.pending = self.pending[size:]

    def _await_message(self):
        while len(self.arrived) < 4 or len(self.arrived) < 4 + int.from_bytes(self.arrived[1:4],
                                                                              "big"):
            kind, content = self.receive_record()
            if kind != HANDSHAKE:
                raise Wrong("record of type %d in the handshake" % kind)
            self.arrived += content

    def next_is(self, name):
        self._await_message()
        return self.arrived[0] == TYPES[name]

    def receive_message(self, wanted):
        """The body. Finished is not hashed here, for its check needs the transcript before it."""
        self._await_message()
        end = 4 + int.from_bytes(self.arrived[1:4], "big")
        message, self.arrived = self.arrived[:end], self.arrived[end:]
        if NAMES.get(message[0]) != wanted:
            raise Wrong("%s instead of %s" % (NAMES.get(message[0], message[0]), wanted))
        self.last = message
        if wanted != "Finished":
            self.transcript += message
        return Reader(message[4:])

    # ---- keys ----

    def _digest(self):
        return hashlib.md5(self.transcript).digest() + hashlib.sha1(self.transcript).digest()

    def _derive_master(self, premaster):
        if self.ems:
            self.master = prf(premaster, b"extended master secret", self._digest(), 48)
        else:
            self.master = prf(premaster, b"master secret",
                              self.client_random + self.server_random, 48)

    def _derive_keys(self):
        _, key, block, hash_ = cipher_of(self.suite)
        mac = mac_size(hash_)
        bytes_ = Reader(prf(self.master, b"key expansion", self.server_random + self.client_random,
                            2 * (mac + key + block)))
        macs, keys, ivs = ([bytes_.take(n), bytes_.take(n)] for n in (mac, key, block))
        mine = 1 if self.is_server else 0
        cipher = cipher_of(self.suite)
        self._new_write = Half(cipher, macs[mine], keys[mine], ivs[mine], True, self.etm)
        self._new_read = Half(cipher, macs[1 - mine], keys[1 - mine], ivs[1 - mine], False,
                              self.etm)

    def _send_finished(self):
        self.flush()
        if "ChangeCipherSpec" in self.option("before", {}):
            self.option("before")["ChangeCipherSpec"](self)
        content = self.option("edit", {}).get("ChangeCipherSpec", lambda m: m)(b"\1")
        if content is not None:
            self.send_record(CCS, content)
        self.write_half = self._new_write
        who = "server" if self.is_server else "client"
        data = prf(self.master, who.encode() + b" finished", self._digest(), 12)
        self.verify_data[who] = data
        self.send_message("Finished", data)

    def _receive_finished(self):
        kind, content = self.receive_record()
        if (kind, content) != (CCS, b"\1") or self.arrived:
            raise Wrong("%r instead of ChangeCipherSpec" % ((kind, content),))
        self.read_half = self._new_read
        who = "client" if self.is_server else "server"
        data = prf(self.master, who.encode() + b" finished", self._digest(), 12)
        got = self.receive_message("Finished").data
        if got != data:
            raise Wrong("Finished does not match")
        self.verify_data[who] = data
        self.transcript += self.last

    # ---- client ----

    def client(self):
        resume = self.option("resume")
        self._send_client_hello(resume)
        self._read_server_hello()
        self.resumed = bool(resume) and (self.session_id == self.offered_id != b"" or
                                         self.option("resumes_silently", False))
        if self.resumed:
            self.master = resume.master
            self._derive_keys()
            self._read_ticket()
            self._receive_finished()
            self._send_finished()
        else:
            self._client_full()
        self._keep()

    def _send_client_hello(self, resume):
        self.client_random = self.option("random") or os.urandom(32)
        suites = list(self.option("suites", SUITES))
        extensions = list(self.option("extensions", []))
        secure = not self.option("no_secure_renegotiation")
        if secure and self.verify_data["client"]:
            extensions.append((0xff01, vector(1, self.verify_data["client"])))
        elif secure:
            suites.append(SCSV)
        ticket = resume.ticket if resume else b""
        extensions += [(kind, b"") for kind, name in ((23, "ems"), (22, "etm"))
                       if self.option(name)]
        if self.option("tickets") or ticket:
            extensions.append((35, ticket))
        self.offered_id = self.option("session_id", os.urandom(32) if ticket else
                                      resume.id if resume else b"")
        self.offered = {kind for kind, _ in extensions} | ({0xff01} if secure else set())
        if self.option("v2"):
            self._send_v2_hello(suites)
            return
        list_ = b"".join(u16(kind) + vector(2, data) for kind, data in extensions)
        self.send_message("ClientHello",
                          u16(self.option("version", 0x0301)) + self.client_random +
                          vector(1, self.offered_id) + vector(2, u16(*suites)) +
                          vector(1, self.option("compressions", b"\0")) +
                          (vector(2, list_) if list_ else b""))
        self.flush()

    def _send_v2_hello(self, suites):
        """RFC 2246 appendix E. What is hashed has no record header."""
        challenge = self.option("challenge", self.client_random)
        self.client_random = (bytes(32) + challenge)[-32:]
        specs = b"".join(b"\0" + u16(s) for s in suites)
        hello = b"\1" + u16(self.option("version", 0x0301), len(specs), 0, len(challenge)) + \
            specs + challenge
        hello = self.option("edit", {}).get("ClientHello", lambda m: m)(hello)
        self.transcript += hello
        self.raw(u16(0x8000 | len(hello)) + hello)

    def _read_server_hello(self):
        r = self.receive_message("ServerHello")
        version, self.server_random = r.number(2), r.take(32)
        self.session_id, self.suite, compression = r.vector(1), r.number(2), r.number(1)
        self.peer_extensions = extensions_of(r.vector(2)) if r.data else {}
        r.end()
        if version != 0x0301 or compression != 0 or self.suite not in ALL:
            raise Wrong("ServerHello: %04x %04x %d" % (version, self.suite, compression))
        if not set(self.peer_extensions) <= self.offered:
            raise Wrong("extensions that were not offered: %s" % self.peer_extensions)
        wanted = vector(1, self.verify_data["client"] + self.verify_data["server"])
        if 0xff01 in self.offered and self.peer_extensions.get(0xff01) != wanted:
            raise Wrong("renegotiation_info: %r" % self.peer_extensions.get(0xff01))
        self.ems, self.etm = 23 in self.peer_extensions, 22 in self.peer_extensions

    def _read_ticket(self):
        if 35 in self.peer_extensions:
            r = self.receive_message("NewSessionTicket")
            r.number(4)
            self.ticket = r.vector(2)
            r.end()

    def _client_full(self):
        exchange = exchange_of(self.suite)
        if is_certified(exchange):
            self.peer_chain = self.receive_message("Certificate").vector(3)
        agreement = None
        if exchange not in ("RSA", "PSK", "RSA_PSK"):
            agreement = self._read_server_key_exchange(exchange)
        self.agreement = agreement
        requested = self._read_certificate_request()
        self.receive_message("ServerHelloDone").end()
        if requested:
            chain = b"".join(vector(3, der) for der in self.option("client_chain", []))
            self.send_message("Certificate", vector(3, chain))
        premaster = self._send_client_key_exchange(agreement)
        self._derive_master(premaster)
        self._derive_keys()
        if requested and chain:
            signature = self.option("client_signer").sign(self.transcript)
            self.send_message("CertificateVerify", vector(2, signature))
        self._send_finished()
        self._read_ticket()
        self._receive_finished()

    def _signed(self, parameters):
        return self.client_random + self.server_random + parameters

    def _signer(self):
        return self.option("signer") or RsaSigner(self.option("key"))

    def _read_server_key_exchange(self, exchange):
        r = self.receive_message("ServerKeyExchange")
        whole = r.data
        if "PSK" in exchange:
            self.hint = r.vector(2)
        agreement = (Elliptic if exchange.startswith("EC") else FiniteField).read(r)
        if is_signed(exchange):
            signed = whole[:len(whole) - len(r.data)]
            self._signer().verify(self._signed(signed), r.vector(2))
        r.end()
        return agreement

    def _read_certificate_request(self):
        if not self.next_is("CertificateRequest"):
            return False
        r = self.receive_message("CertificateRequest")
        self.certificate_types, self.authorities = r.vector(1), r.vector(2)
        r.end()
        if not self.certificate_types:
            raise Wrong("CertificateRequest without types")
        return True

    def _send_client_key_exchange(self, agreement):
        """The premaster secret."""
        exchange, body = exchange_of(self.suite), b""
        if "PSK" in exchange:
            identity, key = self.option("psk")
            body, secret = vector(2, identity), bytes(len(key))
        if agreement:
            agreement = self.option("agreement", lambda a: a)(agreement)
            body, secret = body + agreement.client_message(), agreement.secret()
        elif exchange != "PSK":
            secret = u16(self.option("premaster_version", self.option("version", 0x0301))) + \
                os.urandom(46)
            body += vector(2, self._encrypt(secret))
        self.send_message("ClientKeyExchange", body)
        return self._with_psk(secret)

    def _with_psk(self, secret):
        """RFC 4279 section 2."""
        if "PSK" not in exchange_of(self.suite):
            return secret
        return vector(2, secret) + vector(2, self.option("psk")[1])

    def _encrypt(self, premaster):
        """For the key that the test gave the shim."""
        key = self.option("key")
        size = (key.n.bit_length() + 7) // 8
        filler = bytes(b % 255 + 1 for b in os.urandom(size - 3 - len(premaster)))
        m = b"\0\2" + filler + b"\0" + premaster
        return pow(int.from_bytes(m, "big"), key.e, key.n).to_bytes(size, "big")

    # ---- server ----

    def server(self):
        self._read_client_hello()
        resume = self.option("resume")
        ticket = self.peer_extensions.get(35, b"")
        self.resumed = bool(resume) and (resume.ticket == ticket if ticket else
                                         resume.id == self.session_id != b"")
        self.suite = resume.suite if self.resumed else \
            next(s for s in self.option("suites", SUITES) if s in self.offered_suites)
        self.ems = bool(self.option("ems")) and 23 in self.peer_extensions
        self.etm = bool(self.option("etm")) and 22 in self.peer_extensions
        self.offered_by_client = self.session_id
        if not self.resumed:
            self.session_id = self.option("session_id", os.urandom(32))
        gives = bool(self.option("tickets")) and 35 in self.peer_extensions and \
            (not self.resumed or bool(self.option("renew")))
        self._send_server_hello(gives)
        if self.resumed:
            self.master = resume.master
            self._derive_keys()
            self._send_ticket(gives)
            self._send_finished()
            self._receive_finished()
        else:
            self._server_full(gives)
        self._keep()

    def _read_client_hello(self):
        r = self.receive_message("ClientHello")
        version, self.client_random, self.session_id = r.number(2), r.take(32), r.vector(1)
        suites, compressions = r.vector(2), r.vector(1)
        self.offered_suites = struct.unpack(">%dH" % (len(suites) // 2), suites)
        self.peer_extensions = extensions_of(r.vector(2)) if r.data else {}
        r.end()
        if version != 0x0301 or 0 not in compressions or len(self.session_id) > 32:
            raise Wrong("ClientHello: %04x %r %r" % (version, compressions, self.session_id))
        secure = SCSV in self.offered_suites or 0xff01 in self.peer_extensions
        if not secure:
            raise Wrong("the client does not know secure renegotiation")
        wanted = vector(1, self.verify_data["client"])
        if self.peer_extensions.get(0xff01, b"\0") != wanted:
            raise Wrong("renegotiation_info: %r" % self.peer_extensions.get(0xff01))

    def _send_server_hello(self, gives_ticket):
        self.server_random = self.option("random") or os.urandom(32)
        extensions = list(self.option("extensions", []))
        if not self.option("no_secure_renegotiation"):
            extensions.append((0xff01, vector(1, self.verify_data["client"] +
                                              self.verify_data["server"])))
        extensions += [(kind, b"") for kind, on in ((23, self.ems), (22, self.etm),
                                                   (35, gives_ticket)) if on]
        list_ = b"".join(u16(kind) + vector(2, data) for kind, data in extensions)
        self.send_message("ServerHello",
                          u16(self.option("version", 0x0301)) + self.server_random +
                          vector(1, self.session_id) + u16(self.option("choose", self.suite)) +
                          self.option("compressions", b"\0") +
                          (vector(2, list_) if list_ else b""))

    def _server_full(self, gives_ticket):
        exchange, agreement = exchange_of(self.suite), None
        if is_certified(exchange):
            chain = b"".join(vector(3, der) for der in self.option("chain"))
            self.send_message("Certificate", vector(3, chain))
        if exchange in ("PSK", "RSA_PSK") and self.option("hint") is not None:
            self.send_message("ServerKeyExchange", vector(2, self.option("hint")))
        elif exchange not in ("RSA", "PSK", "RSA_PSK"):
            agreement = self._send_server_key_exchange(exchange)
        if self.option("request") is not None:
            self.send_message("CertificateRequest", self.option("request"))
        self.send_message("ServerHelloDone", b"")
        self.flush()
        shown = self._read_client_certificate() if self.option("request") is not None else b""
        r = self.receive_message("ClientKeyExchange")
        self._derive_master(self._with_psk(self._read_premaster(r, exchange, agreement)))
        self._derive_keys()
        if shown:
            before = self.transcript
            r = self.receive_message("CertificateVerify")
            self.option("client_signer").verify(before, r.vector(2))
            r.end()
        self._receive_finished()
        self._send_ticket(gives_ticket)
        self._send_finished()

    def _send_server_key_exchange(self, exchange):
        agreement = self.option("agreement", Elliptic if exchange.startswith("EC") else
                                FiniteField)()
        parameters = agreement.parameters()
        signature = b""
        if is_signed(exchange):
            signature = vector(2, self._signer().sign(self._signed(parameters)))
        hint = vector(2, self.option("hint", b"")) if "PSK" in exchange else b""
        self.send_message("ServerKeyExchange", hint + parameters + signature)
        return agreement

    def _read_premaster(self, r, exchange, agreement):
        if "PSK" in exchange:
            identity, key = self.option("psk")
            if r.vector(2) != identity:
                raise Wrong("another identity")
        if agreement:
            agreement.take(r)
            r.end()
            return agreement.secret()
        if exchange == "PSK":
            r.end()
            return bytes(len(key))
        return self._decrypt(r)

    def _read_client_certificate(self):
        r = self.receive_message("Certificate")
        self.client_chain = r.vector(3)
        r.end()
        return self.client_chain

    def _send_ticket(self, gives):
        if gives:
            self.ticket = os.urandom(100)
            self.send_message("NewSessionTicket", b"\0\0\x0e\x10" + vector(2, self.ticket))

    def _decrypt(self, r):
        encrypted = r.vector(2)
        r.end()
        key = self.option("key")
        size = (key.n.bit_length() + 7) // 8
        m = pow(int.from_bytes(encrypted, "big"), key.d, key.n).to_bytes(size, "big")
        filler, _, premaster = m[2:].partition(b"\0")
        if m[:2] != b"\0\2" or len(filler) < 8 or len(premaster) != 48 or premaster[:2] != b"\3\1":
            raise Wrong("the premaster secret is not formed as it should be")
        return premaster

    # ---- after the handshake ----

    def handshake(self):
        if self.is_server:
            self.server()
        else:
            self.client()

    def renegotiate(self):
        """Once more, under the keys of the last."""
        self.transcript = b""
        self.handshake()

    def _keep(self):
        ticket = self.ticket or (self.option("resume").ticket if self.resumed else b"")
        self.session = Session(self.suite, self.master, self.session_id, ticket, self.ems)

    def write(self, data, size=16384):
        for at in range(0, len(data), size):
            self.send_record(DATA, data[at:at + size])

    def read(self, n):
        while len(self.plain) < n:
            kind, content = self.receive_record()
            if kind != DATA:
                raise Wrong("record of type %d among data" % kind)
            self.plain += content
        out, self.plain = self.plain[:n], self.plain[n:]
        return out

    def close(self):
        self.send_alert("close_notify", 1)

    def expect_close(self):
        """close_notify, or Wrong."""
        try:
            kind, content = self.receive_record()
        except PeerAlert as alert:
            if alert.name == "close_notify":
                return
            raise
        except EOFError:
            raise Wrong("no close_notify") from None
        raise Wrong("%d bytes of type %d instead of close_notify" % (len(content), kind))
