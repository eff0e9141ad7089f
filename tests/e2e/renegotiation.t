#!/usr/bin/python3
"""Renegotiation where a rule allows it, begun by peers of other stacks and by one that does it in
every way: ordinary programs under tlshim go on reading and writing through it."""

import os
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "lib"))
sys.path.insert(0, os.path.join(HERE, "..", "bogo"))
import certs
import peer as p
import tlstest as t

TIMEOUT = 4
# Answers each line with the same in capitals, and "flood" with a million bytes.
SERVER = r"""
import socket, sys, threading
listener = socket.create_server(("127.0.0.1", int(sys.argv[1])))
def serve(c):
    f = c.makefile("rb")
    try:
        for line in f:
            if line == b"flood\n":
                c.sendall(b"%07d\n" * 125000 % tuple(range(125000)))
            else:
                c.sendall(line.upper())
    except OSError as e:
        print(e.strerror, flush=True)
    c.close()
while True:
    threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()
"""
FLOOD = b"%07d\n" * 125000 % tuple(range(125000))
CLIENT = r"""
import socket, sys
c = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
c.sendall(b"hello\n")
try:
    for line in c.makefile("rb"):
        c.sendall(line.upper())
except ConnectionResetError:
    pass
"""


class Watched(p.Peer):
    """Keeps data that comes between messages."""

    def receive_record(self):
        while True:
            kind, content = super().receive_record()
            if kind != p.DATA or not self.keeps:
                return kind, content
            self.plain += content

    keeps = False

    def again(self, **options):
        self.options.update(options)
        self.keeps = True
        self.renegotiate()
        self.keeps = False


def connected(port, **options):
    client = Watched(t.Wire(port, True), key=key, **options)
    client.client()
    return client


def line(client, text):
    client.write(text)
    got = client.read(len(text))
    if got != text.upper():
        raise p.Wrong("%r for %r" % (got, text))


def many_times(port):
    client = connected(port)
    for number in range(5):
        line(client, b"line %d\n" % number)
        client.again(suites=[(0x002f, 0x0035, 0x000a, 0x0033, 0xc013)[number]],
                     split=(16384, 1, 7, 50, 100)[number])
    line(client, b"last\n")
    client.close()
    client.expect_close()


def in_a_line(port):
    """Half a line before, half behind; and data in the middle of ClientHello."""
    client = connected(port)
    client.write(b"abc")
    client.again()
    client.write(b"def\n")
    if client.read(7) != b"ABCDEF\n":
        return "another answer"
    message = []
    client.options["edit"] = {"ClientHello": lambda m: message.append(m) or m}
    client.options["before"] = {"ClientKeyExchange": lambda peer: peer.write(b"between\n")}
    client.again()
    return None if client.read(8) == b"BETWEEN\n" else "another answer"


def in_a_flood(port):
    """The server writes and does not read; some of it comes before ServerHello, the rest behind."""
    client = connected(port)
    client.write(b"flood\n")
    got = client.read(100000)
    for _ in range(3):
        client.again()
        got += client.read(100000)
    got += client.read(len(FLOOD) - len(got))
    return None if got == FLOOD else "the flood differs"


def stalls(port, server):
    """A renegotiation that does not go on is ended when the handshake's time is over."""
    client = connected(port)
    line(client, b"before\n")
    began = time.monotonic()
    client._send_client_hello(None)
    try:
        while True:
            client.receive_record()
    except p.PeerAlert as alert:
        if alert.name != "close_notify" or client.warnings != ["user_canceled"]:
            return "%s, warnings %s" % (alert.name, client.warnings)
    took = time.monotonic() - began
    if not TIMEOUT - 0.5 < took < TIMEOUT + 30:
        return "after %.1f s" % took
    told = t.wait_until(lambda: "reset" in server.said())
    return None if told else "the program was not told: " + server.said()


def another_identity(port):
    client = connected(port, client_chain=[])
    try:
        client.again(client_chain=[leaf.der], client_signer=p.RsaSigner(key))
    except p.PeerAlert as alert:
        return None if alert.name == "illegal_parameter" else alert.name
    return "no alert"


def speaks(process, pieces):
    """pieces: (what to write, what must then be seen)."""
    got = b""
    for write, wanted in pieces:
        process.stdin.write(write)
        process.stdin.flush()
        while wanted not in got:
            more = process.stdout.read1(65536)
            if not more:
                return "the end instead of %r, after %r" % (wanted, got[-500:])
            got += more
        got = got.partition(wanted)[2]
    return None


def s_client(port):
    process = t.start_program(
        ["openssl", "s_client", "-tls1", "-cipher", "ALL:@SECLEVEL=0", "-CAfile", Files.root,
         "-connect", "127.0.0.1:%d" % port], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT)
    return speaks(process, [(b"first\n", b"FIRST\n"), (b"R\n", b"RENEGOTIATING\n"),
                            (b"second\n", b"SECOND\n"), (b"R\n", b"RENEGOTIATING\n"),
                            (b"third\n", b"THIRD\n")])


def gnutls_cli(port):
    process = t.start_program(
        ["gnutls-cli", "--priority", "NORMAL:-VERS-ALL:+VERS-TLS1.0", "--x509cafile", Files.root,
         "--verify-hostname", "host.example", "--rehandshake", "-p", str(port), "127.0.0.1"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    return speaks(process, [(b"", b"ReHandshake was completed"), (b"first\n", b"FIRST\n")])


def s_server(port, letter):
    """letter: r renegotiates, R asks for a certificate besides, which the client has not."""
    server = t.start_program(
        ["openssl", "s_server", "-tls1", "-cipher", "ALL:@SECLEVEL=0", "-cert", Files.cert, "-key",
         Files.key, "-accept", "127.0.0.1:%d" % port],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    t.wait_until(lambda: t.listening(port))
    t.start_program([t.LAUNCHER, "-p", policy, "--", "python3", "-c", CLIENT, str(port)],
                    env=t.environment(log=t.tmp("client.log")))
    again = (letter, b"SSL_do_handshake -> 1")
    return speaks(server, [(b"", b"hello\n"), (b"first\n", b"FIRST\n"), again,
                           (b"second\n", b"SECOND\n"), again, (b"third\n", b"THIRD\n")])


def refused_by_default(port):
    client = connected(port)
    client.write(b"x")
    client._send_client_hello(None)
    client.write(b"y\n")
    if client.read(3) != b"XY\n" or client.warnings != ["no_renegotiation"]:
        return "warnings: %s" % client.warnings
    return None


t.start()
t.LAUNCHER = os.path.join(t.BUILD, "tlshim")
root = certs.root()
leaf = certs.leaf(root)
key = leaf.key


class Files:
    cert, key, root = t.tmp("cert.pem"), t.tmp("key.pem"), t.tmp("root.pem")


for path, text in ((Files.cert, leaf.pem()), (Files.key, key.pem), (Files.root, root.pem())):
    with open(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600), "w") as f:
        f.write(text)
ports = [t.free_port() for _ in range(6)]
common = "certificate = %s\nkey = %s\n" % (Files.cert, Files.key)
policy = t.policy_file("policy.conf", """
[server allowing]
listen = *:%d
renegotiation = allow
%s
[server asking]
listen = *:%d
renegotiation = allow
client-certificate = request
client-trust = %s
%s
[server refusing]
listen = *:%d
%s
[server short]
listen = *:%d
renegotiation = allow
handshake-timeout = %d
%s
[client all]
connect = *:*
trust = %s
verify-name = host.example
renegotiation = allow
""" % (ports[0], common, ports[1], Files.root, common, ports[2], common, ports[5], TIMEOUT, common,
       Files.root))


def serving(port):
    return t.Server([t.LAUNCHER, "-p", policy, "--", "python3", "-c", SERVER, str(port)], port,
                    t.tmp("server-%d.log" % port), env=t.environment())


with serving(ports[0]), serving(ports[1]), serving(ports[2]), serving(ports[5]) as short:
    t.subtest("five times, each with another suite and in other pieces", many_times, ports[0])
    t.subtest("in the middle of a line", in_a_line, ports[0])
    t.subtest("while the server only writes", in_a_flood, ports[0])
    t.subtest("openssl s_client, R", s_client, ports[0])
    t.subtest("gnutls-cli --rehandshake", gnutls_cli, ports[0])
    t.subtest("one that does not go on is timed out", stalls, ports[5], short)
    t.subtest("a client that shows a certificate later on", another_identity, ports[1])
    t.subtest("refused where the rule does not allow it", refused_by_default, ports[2])
t.subtest("openssl s_server, r", s_server, ports[3], b"r\n")
t.subtest("openssl s_server, R", s_server, ports[4], b"R\n")
t.finish()
