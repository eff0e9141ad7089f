#!/usr/bin/python3
"""The command-line peers as people use them: openssl s_client and s_server, gnutls-cli and
gnutls-serv, against an unmodified server and unmodified clients under tlshim."""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import tlstest as t

PRIORITY = "NORMAL:-VERS-ALL:+VERS-TLS1.0:-CIPHER-ALL:+3DES-CBC:-KX-ALL:+RSA"
REQUEST = b"GET /page HTTP/1.0\r\n\r\n"


def s_server(cipher, client):
    port = t.free_port()
    argv = ["openssl", "s_server", "-accept", "127.0.0.1:%d" % port, "-cert", pki.cert, "-key",
            pki.key, "-tls1", "-cipher", cipher + ":@SECLEVEL=0", "-WWW", "-quiet"]
    target = t.tmp("received")
    with t.Server(argv, port, t.tmp("s_server.log"), cwd=t.tmp("www")) as running:
        url = "http://localhost:%d/file" % port
        done = t.run(t.client([url if w == "URL" else target if w == "TO" else w for w in client],
                              pki.ca), env=t.environment())
        if done.status != 0:
            return "%s\npeer: %s" % (done, running.said()[-1000:])
    return None if t.file_digest(target) == t.digest(data) else "what was fetched differs"


def s_client(cipher, running):
    done = t.run(["openssl", "s_client", "-connect", "127.0.0.1:%d" % running.port, "-servername",
                  "localhost", "-verify_hostname", "localhost", "-CAfile", pki.ca,
                  "-verify_return_error", "-tls1", "-cipher", cipher + ":@SECLEVEL=0",
                  "-ign_eof"], stdin=REQUEST)
    for words in (b"Protocol  : TLSv1\n", b"Cipher    : %s\n" % cipher.encode(),
                  b"Verification: OK", b"Secure Renegotiation IS supported", page):
        if words not in done.out:
            return "missing: %.60r\n%s" % (words, done)
    return None if done.status == 0 else str(done)


def gnutls_serv():
    port = t.free_port()
    argv = ["gnutls-serv", "--http", "--port", str(port), "--x509certfile", pki.cert,
            "--x509keyfile", pki.key, "--priority", PRIORITY, "--disable-client-cert"]
    with t.Server(argv, port, t.tmp("gnutls-serv.log")) as running:
        done = t.run(t.client(["curl", "-sS", "http://localhost:%d/" % port], pki.ca),
                     env=t.environment())
        if done.status != 0 or b"3DES-CBC" not in done.out:
            return "%s\npeer: %s" % (done, running.said()[-1000:])
    return None


def gnutls_cli(running):
    done = t.run(["gnutls-cli", "--port", str(running.port), "--x509cafile", pki.ca, "--priority",
                  PRIORITY, "localhost"], stdin=REQUEST)
    for words in (b"(TLS1.0-X.509)-(RSA)-(3DES-CBC)-(SHA1)", b"The certificate is trusted", page):
        if words not in done.out:
            return "missing: %.60r\n%s" % (words, done)
    return None if done.status == 0 else str(done)


t.start()
pki = t.Pki(t.tmp("pki"))
data = t.payload(t.MIB << 20)
page = b"<p>" + t.MARKER + b"</p>\n"
os.makedirs(t.tmp("www"))
with open(t.tmp("www", "file"), "wb") as f:
    f.write(data)
for cipher in ("AES128-SHA", "AES256-SHA"):
    for name, argv in (("curl", ["curl", "-sS", "-o", "TO", "URL"]),
                       ("wget", ["wget", "-q", "-t1", "-O", "TO", "URL"])):
        t.subtest("%s from openssl s_server, %s, %d MiB" % (name, cipher, t.MIB), s_server, cipher,
                  argv)
t.subtest("curl from gnutls-serv, 3DES", gnutls_serv)
name, command = t.HTTP_SERVERS[0]
with t.start_covered(name, command, {"page": page}, pki) as running:
    for cipher in ("AES128-SHA", "AES256-SHA"):
        t.subtest("openssl s_client from %s, %s" % (name, cipher), s_client, cipher, running)
    t.subtest("gnutls-cli from %s, 3DES" % name, gnutls_cli, running)
t.finish(moved=4 * len(data))
