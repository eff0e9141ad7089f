#!/usr/bin/python3
"""Client certificates of each kind with OpenSSL 3 and GnuTLS: shown by us, and asked for by us."""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import peers as p
import tlstest as t

PEER = os.path.join(t.BUILD, "tests", "tls_peer")
GET = b"GET / HTTP/1.0\r\n\r\n"
SUITES = [s for s in p.SUITES if s.name in ("AES128-SHA", "ECDHE-RSA-AES256-SHA")]


def shown(command, suite, kind):
    """Our client at a server that demands a certificate."""
    port = t.free_port()
    with t.Server(command(suite, port), port, t.tmp("%d.log" % port)) as server:
        argv = [PEER, "client", str(port), "--trust", files.ca, "--suites", suite.name]
        done = t.run(argv + ["--certificate", files.certificate(kind), "--key", files.key(kind)],
                     stdin=GET)
        if done.status != 0 or not done.out:
            return "%s\n%s" % (done, server.said())
        done = t.run(argv, stdin=GET)
        if done.status != 1 or b"alert received" not in done.err:
            return "without a certificate: %s\n%s" % (done, server.said())


def asked(command, suite, kind):
    """A client at our server, which demands a certificate."""
    port = t.free_port()
    with t.Server([PEER, "server", str(port), "--certificate", files.certificate("rsa"), "--key",
                   files.key("rsa"), "--trust", files.ca, "--require", "--suites", suite.name,
                   "--connections", "2"], port, t.tmp("%d.log" % port)) as server:
        with_it = t.run(command(suite, port, files.certificate(kind), files.key(kind)), stdin=b"x")
        without = t.run(command(suite, port, None, None), stdin=b"x")
        server.process.wait(20)
        said = server.said().splitlines()
        if (len(said) != 2 or not said[0].startswith("suite TLS_") or
                "the peer sent no certificate" not in said[1]):
            return "%s\n%s\n%s" % (said, with_it, without)


def openssl_server(suite, port):
    return p.Openssl().server(suite, port, files) + ["-Verify", "3", "-verify_return_error",
                                                     "-CAfile", files.ca]


def openssl_client(suite, port, certificate, key):
    argv = p.Openssl().client(suite, port, files)
    return argv + ["-cert", certificate, "-key", key] if certificate else argv


def gnutls_server(suite, port):
    argv = p.Gnutls().server(suite, port, files)
    argv.remove("--disable-client-cert")
    return argv + ["--require-client-cert", "--verify-client-cert", "--x509cafile", files.ca]


def gnutls_client(suite, port, certificate, key):
    argv = p.Gnutls().client(suite, port, files)
    return argv + ["--x509certfile", certificate, "--x509keyfile", key] if certificate else argv


t.start(covered=False)
files = p.Files(t.Pki(t.tmp("pki")))
for suite in SUITES:
    for kind in ("rsa", "ec", "dsa"):
        for name, server, client in (("OpenSSL 3", openssl_server, openssl_client),
                                     ("GnuTLS 3.7", gnutls_server, gnutls_client)):
            t.subtest("%s, %s, %s certificate shown" % (name, suite.name, kind), shown, server,
                      suite, kind)
            t.subtest("%s, %s, %s certificate asked for" % (name, suite.name, kind), asked,
                      client, suite, kind)
t.finish(0)
