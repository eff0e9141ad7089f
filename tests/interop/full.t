#!/usr/bin/python3
"""Full handshakes with OpenSSL 3 and GnuTLS, as client and as server: data both ways at once, and
an orderly end both ways."""

import os
import ssl
import sys
import threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import tlstest as t

PEER = os.path.join(t.BUILD, "tests", "tls_peer")
SUITES = {"AES128-SHA": "TLS_RSA_WITH_AES_128_CBC_SHA", "AES256-SHA": "TLS_RSA_WITH_AES_256_CBC_SHA",
          "3DES-CBC": "TLS_RSA_WITH_3DES_EDE_CBC_SHA"}
SIZE = 4 << 20


def as_client(stack, data, *options):
    """Our client sends, ends its half, and gets all of it back afterwards."""
    def echo(stream):
        stream.sendall(t.receive_all(stream))

    with t.TlsServer(stack, pki, echo) as server:
        done = t.run([PEER, "client", str(server.port), "--trust", pki.ca, *options], stdin=data)
        if done.status != 0:
            return str(done)
        if done.out != data:
            return "%d bytes came back, and they differ" % len(done.out)
        if SUITES[stack.cipher].encode() not in done.err:
            return "suite: " + done.err.decode()
        return "; ".join(server.errors)


def as_server(stack, data, *options):
    """Our server answers while it is still being sent to."""
    port = t.free_port()
    with t.Server([PEER, "server", str(port), "--certificate", pki.cert, "--key", pki.key,
                   *options], port, t.tmp("server.log")) as server:
        stream = t.tls_connect(stack, port, pki.ca)
        got = []
        reader = threading.Thread(target=lambda: got.append(t.receive_all(stream, len(data))))
        reader.start()
        stream.sendall(data)
        reader.join()
        stream.close_write()
        got.append(t.receive_all(stream))
        status = server.process.wait(20)
        stream.close()
        if status != 0:
            return "status %d: %s" % (status, server.said())
        if got != [data, b""]:
            return "what came back differs"


class AskingServer(t.TlsServer):
    """OpenSSL, which asks for a client certificate, or demands one."""

    def __init__(self, handler, demand):
        super().__init__(t.STACKS[0], pki, handler)
        self._context.verify_mode = ssl.CERT_REQUIRED if demand else ssl.CERT_OPTIONAL
        self._context.load_verify_locations(pki.ca)

    @staticmethod
    def client_name(stream):
        subject = (stream._object.getpeercert() or {}).get("subject", ())
        return "".join(value for (name, value), in subject if name == "commonName")


def client_certificate(demand, *options):
    """A server that asks for a certificate gets ours, or an empty list."""
    names = []

    def note(stream):
        names.append(server.client_name(stream))
        stream.sendall(t.receive_all(stream))

    with AskingServer(note, demand) as server:
        done = t.run([PEER, "client", str(server.port), "--trust", pki.ca, *options], stdin=b"x")
        if options or not demand:
            if done.status != 0 or done.out != b"x":
                return str(done)
            if names != ["tlshim server" if options else ""]:
                return str(names)
        elif done.status != 1 or b"alert received: handshake_failure (40)" not in done.err:
            return str(done)


t.start(covered=False)
pki = t.Pki(t.tmp("pki"))
data = t.payload(SIZE)
moved = 0
for stack in t.STACKS:
    for name, options in (("", []), (" without record splitting", ["--no-split"])):
        t.subtest("client, %s%s" % (stack.name, name), as_client, stack, data, *options)
        t.subtest("server, %s%s" % (stack.name, name), as_server, stack, data, *options)
        moved += 4 * SIZE
ours = ("--certificate", pki.cert, "--key", pki.key)
t.subtest("client, asked for a certificate, has one", client_certificate, True, *ours)
t.subtest("client, asked for a certificate, has none", client_certificate, False)
t.subtest("client, must show a certificate, has none", client_certificate, True)
t.finish(moved)
