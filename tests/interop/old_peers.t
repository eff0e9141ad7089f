#!/usr/bin/python3
"""Peers as they were: that close without close_notify, know no RFC 5746, choke on extensions, begin
with a hello in SSL 2.0's format, ask where they may not. Each is refused, with the key to allow it
named, and reached by a rule that has the key. The other side is a stack told to behave so, or the
Python peer of tests/bogo."""

import os
import socket
import sys
import threading

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "bogo"), os.path.join(HERE, "..", "lib")]
import cells as c
import peer as old
import peers as p
import runner
import tlstest as t

ALL = os.environ.get("INTEROP") == "all"
SIZE = 40000


# ---- an ordinary program under tlshim ----

def covered(role, port, *lines):
    """Command line; lines: of its rule."""
    rule = ["[%s peer]" % role, "suites = AES128-SHA",
            "connect = localhost:%d" % port if role == "client" else "listen = *:%d" % port, *lines]
    policy = t.policy_file("%s-%d.conf" % (role, port), "\n".join(rule) + "\n")
    return [os.path.join(t.BUILD, "tlshim"), "-p", policy, "--",
            *plain.command(role, port, suite, files)]


def differs(status, said, words):
    """Does it end well (words is None), or badly with these words?"""
    if words is None:
        return status != 0 and "status %s: %s" % (status, said)
    missing = [w for w in words if w not in said]
    return (status == 0 or missing) and "status %s, not said: %s\n%s" % (status, missing, said)


def patience(words):
    """Seconds. NSS waits for ever for the renegotiation that it was refused."""
    return 60 if words is None else 20


def our_client(peer, lines, words, *flags):
    """At a server of the stack's, which is told `flags`."""
    port = t.free_port()
    argv = peer.command("server", port, suite, files, "rsa", *flags)
    with t.Server(argv, port, t.tmp("%d.log" % port)) as server:
        done = t.run(covered("client", port, "trust = " + files.ca, *lines),
                     timeout=patience(words))
        return differs(done.status, done.err.decode() + server.said(), words)


def our_server(peer, lines, words, *flags):
    port = t.free_port()
    argv = covered("server", port, "certificate = " + pki.cert, "key = " + pki.key, *lines)
    with t.Server(argv, port, t.tmp("%d.log" % port)) as server:
        done = t.run(peer.command("client", port, suite, files, None, *flags),
                     timeout=patience(words))
        t.wait_until(lambda: server.process.poll() is not None, 20)
        return differs(server.process.poll(), server.said() + done.err.decode(), words)


def both_roles(name, peer, key, allowed, refused, flags=(), default=(), servers_default=()):
    """key = allowed lets the peer in; without it the words of `refused`."""
    for role, run, without in (("client", our_client, default), ("server", our_server,
                                                                 servers_default)):
        t.subtest("%s, %s, our %s: refused" % (name, peer.name, role), run, peer, without, refused,
                  *flags)
        t.subtest("%s, %s, our %s: by a rule" % (name, peer.name, role), run, peer,
                  ["%s = %s" % (key, allowed)], None, *flags)


def truncating(peer):
    both_roles("closes without close_notify", peer, "truncation", "allow",
               ["without close_notify", "truncation"], ["truncate"])


def without_rfc5746(peer):
    """Servers are let in by a rule; clients are, unless a rule wants otherwise (RFC 5746 3.6, 4.4:
    what is not renegotiated is safe from a server's view)."""
    both_roles("no RFC 5746", peer, "renegotiation-info", "optional", ["renegotiation-info"],
               ["no-renegotiation-info"], servers_default=["renegotiation-info = require"])
    t.subtest("no RFC 5746, %s, our server: let in" % peer.name, our_server, peer, [], None,
              "no-renegotiation-info")


def renegotiating(peer):
    """The peer begins a second handshake: refused with no_renegotiation, or done, and data after
    it."""
    for role, run in (("client", our_client), ("server", our_server)):
        t.subtest("renegotiates, %s, our %s: refused" % (peer.name, role), run, peer, [], [],
                  "renegotiate")
        t.subtest("renegotiates, %s, our %s: by a rule" % (peer.name, role), run, peer,
                  ["renegotiation = allow"], None, "renegotiate")


# ---- servers that choke ----

class Choked(Exception):
    pass


class Choking(old.Peer):
    """choke(version of hello, its extensions): what it does then: an alert's name, or "closes"."""

    def _read_client_hello(self):
        super()._read_client_hello()
        what = self.option("choke")(int.from_bytes(self.last[4:6], "big"), self.peer_extensions)
        if what and what != "closes":
            self.send_alert(what)
        if what:
            raise Choked()


def choking(choke, lines, words):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        def serve():
            sock, _ = listener.accept()
            with sock:
                peer = Choking(sock, server=True, key=material.key, chain=material.chain,
                               choke=choke)
                try:
                    peer.handshake()
                    peer.write(peer.read(SIZE))
                    peer.close()
                    peer.expect_close()
                except (Choked, old.PeerAlert, OSError, EOFError):
                    pass
        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        done = t.run(covered("client", listener.getsockname()[1], "trust = " + material.root_file,
                             "verify-name = " + NAME, *lines), timeout=60)
        thread.join(20)
    return differs(done.status, done.err.decode(), words)


def intolerant():
    for what in ("closes", "handshake_failure", "decode_error", "illegal_parameter"):
        name = "extension-intolerant server: " + what
        t.subtest(name + ", refused", choking, lambda v, e, w=what: e and w, [], ["extensions"])
        t.subtest(name + ", by a rule", choking, lambda v, e, w=what: e and w,
                  ["extensions = omit"], None)
    # Nothing above TLS 1.0 is ever offered.
    t.subtest("version-intolerant server", choking, lambda v, e: v > 0x0301 and "closes", [], None)


# ---- a hello in SSL 2.0's format ----

def python_sslv2(lines, words):
    port = t.free_port()
    argv = covered("server", port, "certificate = " + material.cert_file,
                   "key = " + material.key_file, *lines)
    with t.Server(argv, port, t.tmp("%d.log" % port)) as server:
        with socket.create_connection(("127.0.0.1", port)) as sock:
            peer = old.Peer(sock, v2=True, key=material.key)
            try:
                peer.handshake()
                peer.write(bytes(SIZE))
                good = peer.read(SIZE) == bytes(SIZE)
                peer.close()
                peer.expect_close()
            except (old.PeerAlert, EOFError, OSError) as e:
                good = str(e)
        t.wait_until(lambda: server.process.poll() is not None, 20)
        if words is None and good is not True:
            return "%s\n%s" % (good, server.said())
        return differs(server.process.poll(), server.said(), words)


def sslv2():
    allow = ["sslv2-hello = allow"]
    refused = ["begins in the format of SSL 2.0", "sslv2-hello"]
    t.subtest("hello of SSL 2.0, Python, refused", python_sslv2, [], refused)
    t.subtest("hello of SSL 2.0, Python, by a rule", python_sslv2, allow, None)
    if not ALL:
        return t.skip("hello of SSL 2.0, Java 17", "its packages are big: make interop")
    java = stack("Java 17")
    t.subtest("hello of SSL 2.0, Java 17, refused", our_server, java, [], refused, "sslv2")
    t.subtest("hello of SSL 2.0, Java 17, by a rule", our_server, java, allow, None, "sslv2")


# ---- an anonymous server that asks who the client is (RFC 2246 7.4.4) ----

def asks_anonymously(alias):
    cell = c.Cell(stack("OpenSSL 3"), "client", suites[alias], c.CERTIFICATE, files)
    wrong = cell.run() or "nothing is wrong"
    if not ("an anonymous server asks for a certificate" in wrong and
            "alert sent: handshake_failure (40)" in wrong):
        return wrong


def stack(name):
    peer, = [peer for peer in p.PEERS if peer.name == name]
    if not hasattr(peer, "known"):
        peer.prepare(files)
    return peer


t.start()
pki = t.Pki(t.tmp("pki"))
files = p.Files(pki, os.urandom(SIZE))
suites = {s.alias: s for s in p.our_suites()}
suite = suites["AES128-SHA"]
material = runner.Material()
os.chmod(material.key_file, 0o600)
NAME = "host.example"
plain = p.Plain()
plain.prepare(files)
for name in ("OpenSSL 3", "GnuTLS 3.7", "Mbed TLS 2.28"):
    truncating(stack(name))
without_rfc5746(stack("GnuTLS 3.7"))
for name in ("OpenSSL 3", "GnuTLS 3.7", "Mbed TLS 2.28", "NSS", "BearSSL"):
    renegotiating(stack(name))
intolerant()
sslv2()
for alias in ("AECDH-AES128-SHA", "ADH-AES128-SHA"):
    t.subtest("OpenSSL 3, %s: asks although it is anonymous" % alias, asks_anonymously, alias)
t.finish()
