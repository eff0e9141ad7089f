#!/usr/bin/python3
"""Settings that OpenSSL can judge: keys of every kind, client certificates, anonymous suites, the
order of suites, the name that a server is asked for."""

import os
import socket
import ssl
import subprocess
import sys
import threading
import warnings

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import tlstest as t

LAUNCHER = os.path.join(t.BUILD, "tlshim")

# Answers each connection's first line.
SERVER = """
import socket, sys
listener = socket.create_server(('127.0.0.1', int(sys.argv[1])), backlog=16)
while True:
    s, _ = listener.accept()
    try:
        s.settimeout(20)
        line = b''
        while not line.endswith(b'\\n'):
            more = s.recv(100)
            if not more:
                break
            line += more
        s.sendall(b'got ' + line)
    except OSError:
        pass
    s.close()
"""

CLIENT = """
import errno, socket, sys
try:
    s = socket.create_connection(('localhost', int(sys.argv[1])), timeout=20)
    s.sendall(b'hello\\n')
    print(s.recv(100).decode())
except OSError as e:
    print(errno.errorcode.get(e.errno, e))
"""


def openssl(*args):
    subprocess.run(("openssl",) + args, check=True, stdin=subprocess.DEVNULL,
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def leaf(name, *key):
    """A certificate by the test's authority with a key of another kind: (certificate, key)."""
    cert, key_file = t.tmp(name + ".pem"), t.tmp(name + ".key")
    openssl("req", "-x509", *key, "-nodes", "-keyout", key_file, "-out", cert, "-days", "30",
            "-subj", "/CN=" + name, "-CA", pki.ca, "-CAkey", os.path.splitext(pki.ca)[0] + ".key",
            "-addext", "subjectAltName=DNS:localhost", "-addext",
            "basicConstraints=critical,CA:FALSE", "-addext", "keyUsage=critical,digitalSignature")
    os.chmod(key_file, 0o600)
    return cert, key_file


def serve(settings, *clients):
    """A server under the settings; each client: (name, arguments of s_client, words that must be in
    its output, or None when it must fail)."""
    port = t.free_port()
    policy = t.policy_file("server.conf", "[server s]\nlisten = *:%d\n%s" % (port, settings))
    with t.Server([LAUNCHER, "-p", policy, "--", t.PYTHON, "-c", SERVER, str(port)], port,
                  t.tmp("server.log"), env=t.environment()) as running:
        for name, arguments, words in clients:
            done = t.run(["openssl", "s_client", "-connect", "127.0.0.1:%d" % port, "-tls1",
                          "-CAfile", pki.ca, "-ign_eof"] + arguments, stdin=b"hello\n")
            out = done.out.decode(errors="replace")
            good = "got hello" not in out if words is None else \
                "got hello" in out and all(w in out for w in words)
            t.ok(good, name, "%s\n%s" % (done, running.said()))


def own(cert, key):
    return "certificate = %s\nkey = %s\n" % (cert, key)


def ciphers(names):
    return ["-cipher", names + ":@SECLEVEL=0"]


def servers():
    ec, dsa = leaf("ec", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"), t.tmp("dsa.param")
    openssl("dsaparam", "-out", dsa, "2048")
    dsa = leaf("dsa", "-newkey", "dsa:" + dsa)
    every = ciphers("ALL")
    serve(own(pki.cert, pki.key),
          ("an RSA certificate: ephemeral elliptic curves first", every,
           ["Cipher is ECDHE-RSA-AES128-SHA", "Server Temp Key: X25519"]),
          ("then ephemeral Diffie-Hellman", ciphers("DHE-RSA-AES128-SHA:AES128-SHA"),
           ["Cipher is DHE-RSA-AES128-SHA", "Server Temp Key: DH, 2048 bits"]),
          ("then RSA", ciphers("AES128-SHA"), ["Cipher is AES128-SHA"]),
          ("no anonymous suite", ciphers("ADH-AES128-SHA"), None),
          ("no cipher below the floor", ciphers("NULL-SHA"), None))
    serve(own(*ec), ("an EC certificate", every, ["Cipher is ECDHE-ECDSA-AES128-SHA"]),
          ("an EC certificate: no suite for RSA", ciphers("AES128-SHA:ECDHE-RSA-AES128-SHA"), None))
    serve(own(*dsa), ("a DSA certificate", ciphers("DHE-DSS-AES128-SHA"),
                      ["Cipher is DHE-DSS-AES128-SHA"]))
    serve(own(pki.cert, pki.key) + "suites = ALL ADH-AES128-SHA\nminimum-certificate = 0\n",
          ("an anonymous suite that is named", ciphers("ADH-AES128-SHA"),
           ["Cipher is ADH-AES128-SHA"]))
    serve("suites = ADH-AES128-SHA\nminimum-certificate = 0\n",
          ("a server of anonymous suites alone, without a certificate", ciphers("ADH-AES128-SHA"),
           ["Cipher is ADH-AES128-SHA"]), ("and nobody else", ciphers("ALL:!aNULL"), None))
    secret = t.tmp("psk")
    with open(os.open(secret, os.O_WRONLY | os.O_CREAT, 0o600), "w") as f:
        f.write("me:00112233445566778899aabbccddeeff\n")
    serve("psk-file = %s\npsk-identity = me\n" % secret,
          ("a server of keys in common alone", ciphers("PSK") + [
              "-psk_identity", "me", "-psk", "00112233445566778899aabbccddeeff"],
           ["Cipher is ECDHE-PSK-AES128-CBC-SHA"]), ("and nobody else", every, None))
    with_ours = every + ["-cert", ec[0], "-key", ec[1]]
    with_other = every + ["-cert", pki.by_other_ca, "-key", pki.key]
    asking = own(pki.cert, pki.key) + "client-trust = %s\nclient-certificate = " % pki.ca
    serve(asking + "require\n",
          ("client-certificate = require: one that is trusted", with_ours, []),
          ("require: none", every, None), ("require: one that is not trusted", with_other, None))
    serve(asking + "request\n",
          ("client-certificate = request: one that is trusted", with_ours, []),
          ("request: none", every, []), ("request: one that is not trusted", with_other, None))
    return ec


def clients(ec):
    """A client rule's own certificate, to a server that demands one."""
    port = t.free_port()
    with t.Server(["openssl", "s_server", "-accept", "127.0.0.1:%d" % port, "-cert", pki.cert,
                   "-key", pki.key, "-tls1", "-cipher", "ALL:@SECLEVEL=0", "-CAfile", pki.ca,
                   "-Verify", "2", "-verify_return_error", "-rev", "-quiet"], port,
                  t.tmp("s_server.log")):
        for name, settings, want in (("an RSA", own(pki.cert, pki.key), "olleh"),
                                     ("an EC", own(*ec), "olleh"), ("no", "", "ECONNRESET")):
            policy = t.policy_file("client.conf", "[client c]\nconnect = *:%d\ntrust = %s\n%s" %
                                   (port, pki.ca, settings))
            done = t.run([LAUNCHER, "-p", policy, "--", t.PYTHON, "-c", CLIENT, str(port)],
                         env=t.environment())
            t.ok(done.out.decode().strip() == want,
                 "%s certificate of our own to a server that demands one: %s" % (name, want), done)


class Names(threading.Thread):
    """A TLS 1.0 server of Python's that keeps the names it is asked for."""

    def __init__(self):
        super().__init__(daemon=True)
        self.asked = []
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.minimum_version = self.context.maximum_version = ssl.TLSVersion.TLSv1
        self.context.set_ciphers("ALL:@SECLEVEL=0")
        self.context.load_cert_chain(pki.cert, pki.key)
        self.context.sni_callback = lambda tls, name, context: self.asked.append(name)
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=16)
        self.port = self.listener.getsockname()[1]
        self.start()

    def run(self):
        while True:
            s, _ = self.listener.accept()
            s.settimeout(20)
            try:
                with self.context.wrap_socket(s, server_side=True) as tls:
                    tls.sendall(tls.recv(100))
            except OSError:
                s.close()


def names():
    """What the program asked the resolver for goes into the hello; an address does not (RFC 6066
    3)."""
    server = Names()
    for name, host, settings, want in (
            ("the name that was resolved", "localhost", "", "localhost"),
            ("as the program wrote it", "LOCALHOST", "", "LOCALHOST"),
            ("none for an address", "127.0.0.1", "", None),
            ("verify-name in the place of the address", "127.0.0.1", "verify-name = server.test\n",
             "server.test"),
            ("none with extensions = omit", "localhost", "extensions = omit\n", None)):
        policy = t.policy_file("names.conf", "[client c]\nconnect = *:%d\ntrust = %s\n%s" %
                               (server.port, pki.ca, settings))
        done = t.run([LAUNCHER, "-p", policy, "--", t.PYTHON, "-c",
                      CLIENT.replace("'localhost'", repr(host)), str(server.port)],
                     env=t.environment())
        t.is_((done.out[:1], server.asked), (b"h", [want]), "server_name: " + name)
        server.asked.clear()


t.start(wire=False)
warnings.simplefilter("ignore", DeprecationWarning)  # TLS 1.0, says Python
pki = t.Pki(t.tmp("pki"))
clients(servers())
names()
t.finish()
