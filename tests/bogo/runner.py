"""Plays BoringSSL's test runner for the shim: the same command line, the same exchange, the same
way of judging, with peer.py on the other end. Cases that BoringSSL has too carry its names."""

import itertools
import json
import os
import socket
import struct
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import certs
import agreement
import peer as p

HERE = os.path.dirname(os.path.abspath(__file__))
BUILD = os.path.join(HERE, "..", "..", "build")
SHIM = os.environ.get("BOGO_SHIM") or os.path.join(BUILD, "tests", "bogo_shim")
CONFIG = os.path.join(HERE, "shim_config.json")
TIMEOUT = 30
ids = itertools.count(0x1122334455667788)

with open(CONFIG) as _f:
    ERRORS = json.load(_f)["ErrorMap"]


class Case:
    """shim: "client" or "server". options: of the Peer, or a function of the connection's number
    and the session of the connection before (None for the first). exchange: function(peer, number
    of the connection). fails: BoringSSL's name of the error; alert: the one that the runner must
    get."""

    def __init__(self, name, shim, flags=(), options=None, exchange=None, fails=None, alert=None,
                 connections=1, ipv6=False, prefix=b""):
        self.name, self.is_server, self.flags = name, shim == "server", list(flags)
        self.options, self.exchange = options or {}, exchange or echo()
        self.fails, self.alert, self.connections, self.ipv6 = fails, alert, connections, ipv6
        self.prefix = prefix


class Material:
    """Keys and certificates, made once."""

    def __init__(self):
        root = certs.root()
        self.leaf = certs.leaf(root)
        self.self_signed = certs.make("CN=self", certs.key("leaf"), None, certs.LEAF)
        self.key = self.leaf.key
        self.cert_file = certs.write("bogo-cert.pem", self.leaf.pem() + root.pem())
        self.key_file = certs.write("bogo-key.pem", self.key.pem)
        self.root_file = certs.write("bogo-root.pem", root.pem())
        self.other_root_file = certs.write("bogo-other.pem",
                                           certs.root("CN=Other", "other").pem())
        self.chain = [self.leaf.der, root.der]
        ec = certs.ec_key("P-256")
        ec_leaf = certs.make("CN=ec", ec, root, certs.LEAF)
        self.ec_file = certs.write("bogo-ec.pem", ec_leaf.pem() + root.pem())
        self.ec_key_file = ec._path
        with open(ec._path) as f:
            ec_signer = agreement.EcdsaSigner(f.read())
        # What options of a Peer may name, before there is any material.
        self.named = {
            "signer": {"$EC": ec_signer, "$RSA": agreement.RsaSigner(self.key),
                       "$OTHER": agreement.RsaSigner(certs.key("other"))},
            "chain": {"$EC": [ec_leaf.der, root.der], "$RSA": self.chain}}
        self.files = {"$ROOT": self.root_file, "$OTHER": self.other_root_file,
                      "$CHAIN": self.cert_file, "$KEY": self.key_file, "$ECCHAIN": self.ec_file,
                      "$ECKEY": self.ec_key_file}

    def resolve(self, options):
        """The same options, with what they name."""
        out = dict(options)
        for option, value in options.items():
            if isinstance(value, str):
                out[option] = self.named[option.replace("client_", "")][value]
        return out


# ---- exchanges ----


def echo(length=32, count=1, size=16384, hello=False, empty=0, warnings=0):
    """The runner's usual one: what it writes comes back with every bit turned."""
    def run(peer, number):
        def noise():
            for _ in range(empty):
                peer.send_record(p.DATA, b"")
            for _ in range(warnings):
                peer.send_alert("unexpected_message", 1)
        if hello and peer.read(5) != b"hello":
            raise p.Wrong("no hello")
        noise()
        for i in range(count):
            message = bytes([0x42 ^ i & 0xff]) * length
            peer.write(message, size)
            noise()
            if peer.read(length) != bytes(b ^ 0xff for b in message):
                raise p.Wrong("what came back is not what was sent, turned")
    return run


def then(*steps):
    def run(peer, number):
        for step in steps:
            step(peer, number)
    return run


def do(function):
    return lambda peer, number: function(peer)


# ---- running ----


class Outcome:
    def __init__(self, status, err, local):
        self.status, self.err, self.local = status, err, local

    def __str__(self):
        return "shim: status %s\n%s\nrunner: %s" % (self.status, self.err, self.local or "content")


def _connection(case, listener, shim_id, material, number, session):
    """The session that it leaves."""
    listener.settimeout(TIMEOUT)
    conn, _ = listener.accept()
    with conn:
        conn.settimeout(TIMEOUT)
        conn.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        got = b""
        while len(got) < 8:
            part = conn.recv(8 - len(got))
            if not part:
                raise p.Wrong("no shim id")
            got += part
        if struct.unpack("<Q", got)[0] != shim_id:
            raise p.Wrong("shim id %r" % got)
        options = case.options(number, session) if callable(case.options) else case.options
        options = {"server": not case.is_server, "key": material.key, "chain": material.chain,
                   **material.resolve(options)}
        peer = p.Peer(conn, **options)
        try:
            peer.raw(case.prefix)
            peer.handshake()
            case.exchange(peer, number)
            if not peer.ended:
                peer.close()
        finally:
            _leave(conn)
        return peer.session


def _leave(conn):
    """Half-closes and drains, for a reset would overtake what was sent."""
    try:
        conn.shutdown(socket.SHUT_WR)
        while conn.recv(65536):
            pass
    except OSError:
        pass


def _flags(case, shim_id, port, material):
    flags = ["-port", str(port), "-shim-id", str(shim_id)]
    if case.ipv6:
        flags.append("-ipv6")
    if case.is_server:
        flags += ["-server", "-cert-file", material.cert_file, "-key-file", material.key_file]
    if case.connections > 1:
        flags += ["-resume-count", str(case.connections - 1)]
    return flags + [material.files.get(f, f) for f in case.flags]


def run_case(case, material):
    """An Outcome. local: what the runner's end met with, in words."""
    family, address = (socket.AF_INET6, "::1") if case.ipv6 else (socket.AF_INET, "127.0.0.1")
    shim_id, local, session = next(ids), None, None
    with socket.socket(family) as listener:
        listener.bind((address, 0))
        listener.listen(8)
        flags = _flags(case, shim_id, listener.getsockname()[1], material)
        child = subprocess.Popen([SHIM] + flags, stdout=subprocess.DEVNULL,
                                 stderr=subprocess.PIPE)
        try:
            for number in range(case.connections):
                session = _connection(case, listener, shim_id, material, number, session)
        except (p.PeerAlert, p.Wrong, OSError, EOFError) as error:
            local = "%s: %s" % (type(error).__name__, error)
        try:
            err = child.communicate(timeout=TIMEOUT)[1].decode(errors="replace")
        except subprocess.TimeoutExpired:
            child.kill()
            err = child.communicate()[1].decode(errors="replace") + "\nit had to be ended"
    return Outcome(child.returncode, err, local)


def judge(case, material):
    """None when all is as the case says, else what is not."""
    outcome = run_case(case, material)
    said, done, after = outcome.err.partition("--- DONE ---\n")
    if not done or after:
        return "no orderly end\n%s" % outcome
    if case.fails is None:
        if outcome.status != 0 or said or outcome.local:
            return "it was to succeed\n%s" % outcome
        return None
    if outcome.status != 1 or ERRORS.get(case.fails, case.fails) not in said:
        return "it was to fail with %s, %s here\n%s" % (case.fails, ERRORS.get(case.fails), outcome)
    if case.alert and outcome.local != "PeerAlert: alert: " + case.alert:
        return "the runner was to get the alert %s\n%s" % (case.alert, outcome)
    return None
