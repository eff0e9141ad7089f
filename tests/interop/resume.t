#!/usr/bin/python3
"""Resumed sessions with OpenSSL 3 and GnuTLS, as client and as server, by session id and by
ticket."""

import os
import ssl
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import tlstest as t

PEER = os.path.join(t.BUILD, "tests", "tls_peer")
GNUTLS = "NORMAL:-VERS-ALL:+VERS-TLS1.0:-KX-ALL:+RSA:%VERIFY_ALLOW_SIGN_WITH_SHA1"


def sessions(text):
    """Was each session that the peer tells of resumed?"""
    return ["resumed" in line.split() for line in text.splitlines() if line.startswith("suite")]


class OpensslServer(t.TlsServer):
    def __init__(self, tickets):
        super().__init__(t.STACKS[0], pki, lambda stream: stream.sendall(t.receive_all(stream)))
        self._context.set_ciphers("ALL:@SECLEVEL=0")
        if not tickets:
            self._context.options |= ssl.OP_NO_TICKET


def client_openssl(tickets, *options):
    with OpensslServer(tickets) as server:
        done = t.run([PEER, "client", str(server.port), "--trust", pki.ca, "--connections", "4",
                      *options], stdin=b"hello")
        if done.status != 0 or done.out != b"hello" or server.errors:
            return "%s %s" % (done, server.errors)
        if sessions(done.err.decode()) != [False, True, True, True]:
            return done.err.decode()


def client_gnutls(tickets, *options):
    port = t.free_port()
    argv = ["gnutls-serv", "-p", str(port), "--x509certfile", pki.cert, "--x509keyfile", pki.key,
            "--priority", GNUTLS, "--echo", "--disable-client-cert", "-q"]
    if not tickets:
        argv.append("--noticket")
    with t.Server(argv, port, t.tmp("gnutls-serv.log")):
        done = t.run([PEER, "client", str(port), "--trust", pki.ca, "--connections", "4",
                      *options], stdin=b"")
        if done.status != 0 or sessions(done.err.decode()) != [False, True, True, True]:
            return str(done)


def server(client, *options):
    """client(port) connects some times, and tells which of its sessions were resumed."""
    port = t.free_port()
    with t.Server([PEER, "server", str(port), "--certificate", pki.cert, "--key", pki.key,
                   "--connections", "3" if client is openssl_client else "2", *options], port, t.tmp("peer.log")) as peer:
        os.truncate(t.tmp("peer.log"), 0)
        got = client(port)
        status = peer.process.wait(20)
        want = [i > 0 for i in range(len(got))]
        if status != 0 or got != want or sessions(peer.said()) != want:
            return "status %s, the client says %s: %s" % (status, got, peer.said())


def openssl_client(port):
    """s_client keeps sessions in files."""
    resumed = []
    for i in range(3):
        argv = ["openssl", "s_client", "-connect", "127.0.0.1:%d" % port, "-tls1", "-cipher",
                "ALL:@SECLEVEL=0", "-CAfile", pki.ca, "-sess_out", t.tmp("session")]
        if i > 0:
            argv += ["-sess_in", t.tmp("session")]
        done = t.run(argv, stdin=b"")
        resumed.append(b"Reused, " in done.out)
    return resumed


def gnutls_client(port):
    """gnutls-cli connects a second time by itself."""
    done = t.run(["gnutls-cli", "-p", str(port), "localhost", "--priority", GNUTLS, "--x509cafile",
                  pki.ca, "--resume"], stdin=b"")
    return [False, b"This is a resumed session" in done.out]


t.start(covered=False)
pki = t.Pki(t.tmp("pki"))
t.subtest("client by id, OpenSSL", client_openssl, False)
t.subtest("client by ticket, OpenSSL", client_openssl, True)
t.subtest("client by id, for it asks for no tickets, OpenSSL", client_openssl, True,
          "--no-tickets")
t.subtest("client by id, GnuTLS", client_gnutls, False)
t.subtest("client by ticket, GnuTLS", client_gnutls, True)
t.subtest("server by id, OpenSSL", server, openssl_client)
t.subtest("server by ticket, OpenSSL", server, openssl_client, "--tickets")
t.subtest("server by ticket alone, OpenSSL", server, openssl_client, "--tickets", "--no-cache")
t.subtest("server by id, GnuTLS", server, gnutls_client)
t.subtest("server by ticket alone, GnuTLS", server, gnutls_client, "--tickets", "--no-cache")
t.finish(0)
